---@meta lwt.text
-- Generated from the sources by `make docs`: change it there.

---@type lwt.text.module
local module
return module

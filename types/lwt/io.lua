---@meta lwt.io
-- Generated from the sources by `make docs`: change it there.

---@type lwt.io.module
local module
return module

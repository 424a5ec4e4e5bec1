---@meta lwt.list
-- Generated from the sources by `make docs`: change it there.

---@type lwt.list.module
local module
return module

---@meta lwt.toplevel
-- Generated from the sources by `make docs`: change it there.

---@type lwt.toplevel.module
local module
return module

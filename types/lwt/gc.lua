---@meta lwt.gc
-- Generated from the sources by `make docs`: change it there.

---@type lwt.gc.module
local module
return module

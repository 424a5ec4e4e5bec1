---@meta lwt.mutex
-- Generated from the sources by `make docs`: change it there.

---@type lwt.mutex.module
local module
return module

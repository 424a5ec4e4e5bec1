---@meta lwt.pool
-- Generated from the sources by `make docs`: change it there.

---@type lwt.pool.module
local module
return module

---@meta lwt.barrier
-- Generated from the sources by `make docs`: change it there.

---@type lwt.barrier.module
local module
return module

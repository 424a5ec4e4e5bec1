---@meta lwt.semaphore
-- Generated from the sources by `make docs`: change it there.

---@type lwt.semaphore.module
local module
return module

---@meta lwt.retry
-- Generated from the sources by `make docs`: change it there.

---@type lwt.retry.module
local module
return module

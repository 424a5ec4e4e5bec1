---@meta lwt.job
-- Generated from the sources by `make docs`: change it there.

---@type lwt.job.module
local module
return module

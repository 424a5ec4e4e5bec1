---@meta lwt.preemptive
-- Generated from the sources by `make docs`: change it there.

---@type lwt.preemptive.module
local module
return module

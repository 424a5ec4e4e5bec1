---@meta lwt.throttle
-- Generated from the sources by `make docs`: change it there.

---@type lwt.throttle.module
local module
return module

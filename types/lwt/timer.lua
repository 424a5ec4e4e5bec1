---@meta lwt.timer
-- Generated from the sources by `make docs`: change it there.

---@type lwt.timer.module
local module
return module

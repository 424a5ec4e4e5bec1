---@meta lwt.clock
-- Generated from the sources by `make docs`: change it there.

---@type lwt.clock.module
local module
return module

---@meta lwt.condition
-- Generated from the sources by `make docs`: change it there.

---@type lwt.condition.module
local module
return module

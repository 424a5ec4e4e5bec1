---@meta lwt.switch
-- Generated from the sources by `make docs`: change it there.

---@type lwt.switch.module
local module
return module

---@meta lwt.log
-- Generated from the sources by `make docs`: change it there.

---@type lwt.log.module
local module
return module

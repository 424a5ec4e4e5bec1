---@meta lwt.engine
-- Generated from the sources by `make docs`: change it there.

---@type lwt.engine.module
local module
return module

---@meta lwt.mvar
-- Generated from the sources by `make docs`: change it there.

---@type lwt.mvar.module
local module
return module

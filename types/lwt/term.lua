---@meta lwt.term
-- Generated from the sources by `make docs`: change it there.

---@type lwt.term.module
local module
return module

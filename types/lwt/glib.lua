---@meta lwt.glib
-- Generated from the sources by `make docs`: change it there.

---@type lwt.glib.module
local module
return module

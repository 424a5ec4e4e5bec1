---@meta lwt.net
-- Generated from the sources by `make docs`: change it there.

---@type lwt.net.module
local module
return module

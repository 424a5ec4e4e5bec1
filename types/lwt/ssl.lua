---@meta lwt.ssl
-- Generated from the sources by `make docs`: change it there.

---@type lwt.ssl.module
local module
return module

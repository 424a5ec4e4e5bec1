---@meta lwt.bytes
-- Generated from the sources by `make docs`: change it there.

---@type lwt.bytes.module
local module
return module

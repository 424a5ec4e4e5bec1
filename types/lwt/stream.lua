---@meta lwt.stream
-- Generated from the sources by `make docs`: change it there.

---@type lwt.stream.module
local module
return module

---@meta lwt.process
-- Generated from the sources by `make docs`: change it there.

---@type lwt.process.module
local module
return module

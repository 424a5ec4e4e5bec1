---@meta lwt.read_line
-- Generated from the sources by `make docs`: change it there.

---@type lwt.read_line.module
local module
return module

---@meta lwt.fs
-- Generated from the sources by `make docs`: change it there.

---@type lwt.fs.module
local module
return module

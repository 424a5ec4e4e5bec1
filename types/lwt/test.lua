---@meta lwt.test
-- Generated from the sources by `make docs`: change it there.

---@type lwt.test.module
local module
return module

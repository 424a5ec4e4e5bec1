---@meta lwt.react
-- Generated from the sources by `make docs`: change it there.

---@type lwt.react.module
local module
return module

---@meta lwt.signal
-- Generated from the sources by `make docs`: change it there.

---@type lwt.signal.module
local module
return module

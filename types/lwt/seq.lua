---@meta lwt.seq
-- Generated from the sources by `make docs`: change it there.

---@type lwt.seq.module
local module
return module

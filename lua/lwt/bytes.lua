--- Byte buffers that can be changed: sliced without copying, moved (not copied) between threads. Offsets
--- count from 0. A buffer made with `sub` shares the memory of the one it was cut from. A buffer that was
--- sent to another thread belongs to that thread: using it here, or any slice of it, raises.
---
--- ```lua
--- local bytes = require "lwt.bytes"
--- local b = bytes.create(8)
--- b:fill(0x2e)
--- bytes.blit("ab", 0, b, 2, 2)
--- print(b:to_string(), #b, b:get(2))        --> ..ab.... 8 97
--- ```

-- The functions are C, in src/uv/bytes.c.

return require "lwt.internal.uvneeded"("lwt.bytes").bytes

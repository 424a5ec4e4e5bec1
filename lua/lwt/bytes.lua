--- Mutable byte buffers: sliced without copying, moved (not copied) between threads.
--
-- The functions are C, in src/uv/bytes.c; offsets count from 0. A buffer made with `sub` shares
-- the memory of the one it was cut from. A buffer that was sent to another thread belongs to that
-- thread: using it here, or any slice that shared its memory, raises.

return require "lwt.internal.uvneeded"("lwt.bytes").bytes

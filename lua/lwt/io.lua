--- lwt.io: buffered channels: files, sockets, pipes and memory, by lines, bytes and numbers.
--- `lio.stdin`, `lio.stdout` and `lio.stderr` are there from the start.
---
--- ```lua
--- local lio = require "lwt.io"
--- await(lio.with_file("notes", "w", function(ch)
---   await(ch:write_line "first")
--- end))
--- for line in lio.lines_of_file "notes" do print(line) end            --> first
---
--- local server <close> = await(lio.establish_server("127.0.0.1:0", function(ch)
---   for line in ch:lines() do await(ch:write_line(line:upper())) end
--- end))
--- local ch <close> = await(lio.open_connection(server:address()))
--- await(ch:write_line "hello")
--- print(await(ch:read_line()))              --> HELLO
--- ```
---
--- Call it `lio`, as these pages do (`local lio = require "lwt.io"`): a local `io` would hide Lua's own.
--- Every function that takes a channel first is a method as well: the same function.

-- What touches bytes is in C (src/uv/channel); what is made of it, and the documentation of that, is
-- in lua/lwt/io/.

local shared = require "lwt.io.shared"

local cio, methods = shared.cio, shared.methods

local M = shared.public

for name, value in pairs(methods) do
  if name:sub(1, 1) ~= "_" then M[name] = value end
end
for _, name in ipairs {
  "of_fd", "of_bytes", "pipe", "default_buffer_size", "set_default_buffer_size", "le", "be",
} do
  M[name] = cio[name]
end

require "lwt.io.channel"
require "lwt.io.files"
require "lwt.io.custom"
require "lwt.io.connection"
require "lwt.io.printing"
require "lwt.io.flush"
require "lwt.internal.later"(M, "lwt.io.server", "establish_server")

return M

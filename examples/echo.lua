-- echo: a server that sends back what it is sent, one task per connection.
--
-- Shows: a server in direct style that ends well: Ctrl-C lets the connections finish.
--
--   lwt examples/echo.lua [ADDRESS]          ADDRESS: 127.0.0.1:7000 unless given; port 0 picks one
--   in another terminal: nc 127.0.0.1 7000

local lwt = require "lwt"
local lio = require "lwt.io"
local await = lwt.await

local server = await(lio.establish_server(arg[1] or "127.0.0.1:7000", function(ch)
  for bytes in function() return await(ch:read(4096)) end do
    await(ch:write(bytes))
    await(ch:flush())
  end
end))
await(lio.printl("listening on " .. server:address()))
await(lio.stdout:flush())

-- Nothing more to do here until Ctrl-C, which is raised at this await.
await(lwt.finalize((lwt.task()), function()
  return server:shutdown(1)
end))

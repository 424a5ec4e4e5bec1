-- A client for the chat: what one types goes to the server, what the server says is shown.
--
--   lwt examples/tutorial/2-client.lua [ADDRESS]

local lwt, lio = require "lwt", require "lwt.io"
local await = lwt.await

local ch <close> = await(lio.open_connection(arg[1] or "127.0.0.1:7000"))

await(lwt.scope(function(s)
  s:spawn(function()
    for line in lio.stdin:lines() do
      await(ch:write_line(line))
      await(ch:flush())
    end
    await(ch:close "write") -- Ctrl-D: the server hears that no more comes, and hangs up
  end)

  -- The question for the name has no end of line: what is there is shown, line or not.
  for text in function() return await(ch:read(4096)) end do
    await(lio.stdout:write(text))
    await(lio.stdout:flush())
  end
  s:cancel() -- the server has hung up: nobody need type any more
end))

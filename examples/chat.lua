-- chat: a line chat. Whatever one types, everybody else reads.
--
-- Shows: two tasks on one connection (one reads, one writes) that end together; a bounded queue
-- for each client, so that one who does not read is put out and holds nobody up; and a turn for
-- everybody after each line, so that one who floods the server does not fill the others' queues
-- before they have had a chance to empty them.
--
--   lwt examples/chat.lua [ADDRESS]         ADDRESS: 127.0.0.1:7000 unless given; port 0 picks one
--   in other terminals: nc 127.0.0.1 7000   Ctrl-C ends it: everybody is told, and has a second

local lwt = require "lwt"
local lio = require "lwt.io"
local stream = require "lwt.stream"
local await = lwt.await

local BACKLOG = 100 -- lines that may wait for a client

local clients = {} -- a list, in the order of coming

local function tell(text, from)
  for _, client in ipairs({ table.unpack(clients) }) do
    if client ~= from then
      if client.queue:count() >= BACKLOG then
        client.task:cancel()
      elseif not client.queue:closed() then -- it has not said its last word
        client.queue:push(text)
      end
    end
  end
end

local function leave(client)
  for i, c in ipairs(clients) do
    if c == client then
      table.remove(clients, i)
      return tell(client.name .. " has left")
    end
  end
end

local function chat(ch)
  await(ch:write("your name? "))
  local name = await(ch:read_line())
  if not name or name == "" then return end

  local lines, queue = stream.create_bounded(BACKLOG)
  local client <close> = setmetatable({ name = name, queue = queue, task = lwt.current() },
    { __close = leave })
  clients[#clients + 1] = client
  tell(name .. " is here, " .. #clients .. " in all")

  -- If one half fails, the other is cancelled. When the client has said its last word, it still
  -- gets what waits for it.
  await(lwt.scope(function(s)
    s:spawn(function()
      for line in lines do await(ch:write_line(line)) end
    end)
    for line in ch:lines() do
      tell(name .. ": " .. line, client)
      lwt.yield()
    end
    queue:close()
  end))
end

-- What a handler fails with is told on stderr; that it was put out, or that its client is gone, is
-- no failure.
local server = await(lio.establish_server(arg[1] or "127.0.0.1:7000", chat))
await(lio.printl("listening on " .. server:address()))
await(lio.stdout:flush())

-- Nothing more to do here until Ctrl-C, which is raised at this await.
await(lwt.finalize((lwt.task()), function()
  tell "the server ends"
  return server:shutdown(1)
end))

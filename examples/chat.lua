-- chat: a line chat. Whatever one types, everybody else reads.
--
-- Shows: two tasks on one connection (one reads, one writes) that end together, and a bounded
-- queue for each client, so that one who does not read is put out and holds nobody up.
--
--   lwt examples/chat.lua [ADDRESS]         ADDRESS: 127.0.0.1:7000 unless given; port 0 picks one
--   in other terminals: nc 127.0.0.1 7000   Ctrl-C ends it: everybody is told, and has a second

local lwt = require "lwt"
local io = require "lwt.io"
local stream = require "lwt.stream"
local await = lwt.await

local BACKLOG = 100 -- lines that may wait for a client

local clients = {} -- a list, in the order of coming

local function tell(text, from)
  for _, client in ipairs({ table.unpack(clients) }) do
    if client ~= from then
      if client.queue:count() < BACKLOG then
        client.queue:push(text)
      else
        client.task:cancel()
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
    for line in ch:lines() do tell(name .. ": " .. line, client) end
    queue:close()
  end))
end

local server = await(io.establish_server(arg[1] or "127.0.0.1:7000", function(ch)
  local ok, err = pcall(chat, ch)
  if not ok and err ~= lwt.Canceled then error(err) end -- nothing to worry about: it was put out
end))
await(io.printl("listening on " .. server:address()))
await(io.stdout:flush())

-- Nothing more to do here until Ctrl-C, which is raised at this await.
await(lwt.finalize((lwt.task()), function()
  tell "the server ends"
  return server:shutdown(1)
end))

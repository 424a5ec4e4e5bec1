-- A chat with rooms. The first line is one's name; "/join ROOM" goes to another room.
--
--   lwt examples/tutorial/1-rooms.lua [ADDRESS]

local lwt, lio, stream = require "lwt", require "lwt.io", require "lwt.stream"
local await = lwt.await

local rooms = {} -- of each room, by its name, the set of its clients

local function tell(room, text, from)
  for client in pairs(rooms[room]) do
    if client ~= from then client.push(text) end
  end
end

local function enter(client, room)
  rooms[room] = rooms[room] or {}
  rooms[room][client] = true
  client.room = room
  tell(room, ("* %s is in %s"):format(client.name, room))
end

local function leave(client)
  rooms[client.room][client] = nil
  tell(client.room, ("* %s has left"):format(client.name))
end

local function said(client, line)
  local room = line:match "^/join (%w+)$"
  if room then
    leave(client)
    enter(client, room)
  else
    tell(client.room, client.name .. ": " .. line, client)
  end
end

local function chat(ch)
  await(ch:write "your name? ")
  local name = await(ch:read_line())
  if not name or name == "" then return end

  local lines, push = stream.create()
  local client <close> = setmetatable({ name = name, push = push }, { __close = leave })
  enter(client, "lobby")

  await(lwt.scope(function(s)
    s:spawn(function() -- what others say goes out …
      for line in lines do await(ch:write_line(line)) end
    end)
    for line in ch:lines() do said(client, line) end -- … while what this one says comes in
    push(nil)
  end))
end

local server = await(lio.establish_server(arg[1] or "127.0.0.1:7000", chat))
await(lio.printl("listening on " .. server:address()))
await((lwt.task())) -- until Ctrl-C

-- A chat with rooms, and what was said in them: a file for each room, whose last lines one sees
-- when one comes.
--
--   lwt examples/tutorial/3-history.lua [ADDRESS [FOLDER]]

local lwt, lio, fs = require "lwt", require "lwt.io", require "lwt.fs"
local stream = require "lwt.stream"
local await = lwt.await

local SHOWN = 10 -- lines that a newcomer sees

local folder = arg[2] or "history"
local rooms = {} -- by name: { clients = a set, last = lines, log = a channel, ready = a promise }

local function tell(room, text, from)
  for client in pairs(room.clients) do
    if client ~= from then client.push(text) end
  end
end

local function remember(room, line)
  table.insert(room.last, line)
  if #room.last > SHOWN then table.remove(room.last, 1) end
end

-- What is said is told and kept. The operations of a channel happen in the order of their calls, so
-- the file has the lines in the order in which they were said.
local function say(room, text, from)
  tell(room, text, from)
  remember(room, text)
  await(room.log:write_line(text))
end

-- The room, once its file is open and what was said before is read. Who comes first begins that, and
-- who comes meanwhile waits for the same: `protected`, so that one who goes away takes it from nobody.
local function room_of(name)
  local room = rooms[name]
  if not room then
    room = { clients = {}, last = {} }
    rooms[name] = room
    room.ready = lwt.spawn(function()
      local path = folder .. "/" .. name
      room.log = await(lio.open_file(path, "a"))
      for line in lio.lines_of_file(path) do remember(room, line) end
    end)
  end
  await(lwt.protected(room.ready))
  return room
end

local function enter(client, name)
  local room = room_of(name)
  for _, line in ipairs(room.last) do client.push(line) end
  client.room = room
  room.clients[client] = true
  tell(room, ("* %s is in %s"):format(client.name, name))
end

local function leave(client)
  if not client.room then return end
  client.room.clients[client] = nil
  tell(client.room, ("* %s has left"):format(client.name))
  client.room = nil
end

local function said(client, line)
  local room = line:match "^/join (%w+)$"
  if room then
    leave(client)
    enter(client, room)
  else
    say(client.room, client.name .. ": " .. line, client)
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
    s:spawn(function()
      for line in lines do await(ch:write_line(line)) end
    end)
    for line in ch:lines() do said(client, line) end
    push(nil)
  end))
end

await(fs.mkdir(folder, { parents = true }))
local server = await(lio.establish_server(arg[1] or "127.0.0.1:7000", chat))
await(lio.printl("listening on " .. server:address()))
await((lwt.task())) -- until Ctrl-C

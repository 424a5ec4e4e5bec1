-- The chat as a module, so that a program serves it and a spec tests it.
--
--   local chat = require "chatroom".create { folder = "history" }
--   lio.establish_server(address, chat.handle, { limit = chat.limits.line })

local lwt, lio, stream = require "lwt", require "lwt.io", require "lwt.stream"
local throttle, timer = require "lwt.throttle", require "lwt.timer"
local await = lwt.await

local M = {}

-- What one client may take, unless `create` is told otherwise.
M.limits = {
  backlog = 100, -- lines that may wait for one who does not read
  clients = 1000, -- at the same time
  idle = 600, -- seconds without a line, after which one is put out
  line = 1000, -- bytes in a line
  rate = 5, -- lines a second; more than that wait
  rooms = 100,
  shown = 10, -- lines that a newcomer sees
}

local Chat = {}
Chat.__index = Chat

-- ---- Rooms -------------------------------------------------------------------------------------

function Chat:tell(room, text, from)
  for client in pairs(room.clients) do
    if client ~= from then
      if client.queue:count() >= self.limits.backlog then
        client.task:cancel() -- one who does not read holds nobody up
      elseif not client.queue:closed() then
        client.queue:push(text)
      end
    end
  end
end

function Chat:remember(room, line)
  table.insert(room.last, line)
  if #room.last > self.limits.shown then table.remove(room.last, 1) end
end

function Chat:say(room, text, from)
  self:tell(room, text, from)
  self:remember(room, text)
  await(room.log:write_line(text))
end

-- The room, once its file is open and read; nil when there are too many.
function Chat:room(name)
  local room = self.rooms[name]
  if not room then
    if self.count == self.limits.rooms then return nil end
    self.count = self.count + 1
    room = { clients = {}, last = {} }
    self.rooms[name] = room
    room.ready = lwt.spawn(function()
      local path = self.folder .. "/" .. name
      room.log = await(lio.open_file(path, "a"))
      for line in lio.lines_of_file(path) do self:remember(room, line) end
    end)
  end
  await(lwt.protected(room.ready))
  return room
end

-- ---- Clients -----------------------------------------------------------------------------------

function Chat:enter(client, name)
  local room = self:room(name)
  if not room then return client.queue:push("* there is no room for one more room") end
  self:leave(client)
  client.room = room
  for _, line in ipairs(room.last) do client.queue:push(line) end
  room.clients[client] = true
  self:tell(room, ("* %s is in %s"):format(client.name, name))
end

function Chat:leave(client)
  local room = client.room
  if not room then return end
  client.room = nil
  room.clients[client] = nil
  self:tell(room, ("* %s has left"):format(client.name))
end

function Chat:said(client, line)
  local name = line:match "^/join (%w+)$"
  if name then
    self:enter(client, name)
  else
    self:say(client.room, client.name .. ": " .. line, client)
  end
end

-- Talks with a client until it has gone. Its line is too long: it is told, and put out.
function Chat:serve(ch)
  local idle <close> = timer.create(self.limits.idle, function() ch:abort() end)
  idle:start()
  await(ch:write "your name? ")
  local name = await(ch:read_line(20))
  if not name or not name:match "^%w+$" then return end

  local lines, queue = stream.create_bounded(self.limits.backlog)
  local client <close> = setmetatable({ name = name, queue = queue, task = lwt.current() },
    { __close = function(client) self:leave(client) end })
  self:enter(client, "lobby")

  await(lwt.scope(function(s)
    s:spawn(function()
      for line in lines do await(ch:write_line(line)) end
    end)
    for line in ch:lines() do
      idle:start()
      await(self.throttle:wait(client))
      self:said(client, line)
    end
    queue:close()
  end))
end

-- ---- What is seen from outside -------------------------------------------------------------------

-- Options: `folder`, where the rooms' files are, and any of the limits.
function M.create(options)
  local limits = setmetatable(options, { __index = M.limits })
  local self = setmetatable({
    limits = limits, folder = options.folder, rooms = {}, count = 0, clients = 0,
    throttle = throttle.create(limits.rate, limits.clients),
  }, Chat)

  function self.handle(ch)
    if self.clients == limits.clients then return await(ch:write_line "full, come back later") end
    self.clients = self.clients + 1
    local _ <close> = setmetatable({}, { __close = function() self.clients = self.clients - 1 end })
    local ok, err = pcall(self.serve, self, ch)
    if ok then return end
    if type(err) == "table" and err.code == "ELIMIT" then
      return await(ch:write_line "* that was too long")
    end
    error(err, 0)
  end

  return self
end

-- Tells everybody in every room.
function Chat:announce(text)
  for _, room in pairs(self.rooms) do self:tell(room, text) end
end

-- Writes out and closes what is kept. When nobody is served any more.
function Chat:close()
  for _, room in pairs(self.rooms) do await(room.log:close()) end
end

return M

-- repl-chat: a chat client. Messages arrive above the line that one is typing.
--
-- Shows: a line editor that shares the screen with the task that reads from the server; a history that several
-- clients share; completion with the names of those who have said something.
--
--   lwt examples/chat.lua 127.0.0.1:7000          the server
--   lwt examples/repl-chat.lua 127.0.0.1:7000     as often as you like; Ctrl-D leaves

local lwt = require "lwt"
local lio = require "lwt.io"
local read_line = require "lwt.read_line"
local await = lwt.await

local address = arg[1] or "127.0.0.1:7000"
local state = os.getenv "XDG_STATE_HOME" or (os.getenv "HOME" or "/tmp") .. "/.local/state"
local history = read_line.history { path = state .. "/lwt/chat" }

local names = {} -- of those who have said something, as a set

local function complete()
  local list = {}
  for name in pairs(names) do list[#list + 1] = { text = name, append = ": " } end
  table.sort(list, function(a, b) return a.text < b.text end)
  return list
end

-- What comes from the server, above the line.
local function listen(server)
  for message in server:lines() do
    local name = message:match "^(%w+): " or message:match "^(%w+) is here"
    if name then names[name] = true end
    print(message)
  end
  print "(the server has gone)"
end

local function chat(server)
  while true do
    local ok, text = pcall(await, read_line.read_line {
      prompt = "> ", history = history, complete = complete,
    })
    if ok and text == nil then return end -- Ctrl-D
    if ok then
      await(server:write_line(text))
      await(server:flush())
    elseif text ~= read_line.Interrupt then -- Ctrl-C drops the line
      error(text, 0)
    end
  end
end

lwt.run(function()
  await(lio.with_connection(address, function(server)
    await(server:read_exactly(#"your name? "))
    local name = await(read_line.read_line "your name? ")
    if not name then return end
    await(server:write_line(name))
    await(server:flush())
    await(lwt.scope(function(s)
      s:spawn(listen, server)
      chat(server)
      s:cancel()
    end))
  end))
end)

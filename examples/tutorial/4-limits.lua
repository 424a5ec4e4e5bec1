-- The chat with limits to what one client may take: see chatroom.lua.
--
--   lwt examples/tutorial/4-limits.lua [ADDRESS [FOLDER]]

package.path = arg[0]:match "^(.*/)" .. "?.lua;" .. package.path

local lwt, lio, fs = require "lwt", require "lwt.io", require "lwt.fs"
local await = lwt.await

local folder = arg[2] or "history"
await(fs.mkdir(folder, { parents = true }))
local chat = require "chatroom".create { folder = folder }
local server = await(lio.establish_server(arg[1] or "127.0.0.1:7000", chat.handle,
  { limit = chat.limits.line }))
await(lio.printl("listening on " .. server:address()))
await((lwt.task())) -- until Ctrl-C

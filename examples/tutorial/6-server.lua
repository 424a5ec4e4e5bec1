-- The chat as a service: it stops when it is told to, and loses nothing.
--
--   lwt examples/tutorial/6-server.lua [ADDRESS [FOLDER]]

package.path = arg[0]:match "^(.*/)" .. "?.lua;" .. package.path

local lwt, lio, fs = require "lwt", require "lwt.io", require "lwt.fs"
local signal = require "lwt.signal"
local await = lwt.await

local folder = arg[2] or "history"
await(fs.mkdir(folder, { parents = true }))
local chat = require "chatroom".create { folder = folder }
local server = await(lio.establish_server(arg[1] or "127.0.0.1:7000", chat.handle,
  { limit = chat.limits.line }))

lwt.interrupts(false) -- Ctrl-C and TERM are for us from here on
local stop = lwt.pick { signal.next "INT", signal.next "TERM" }
await(lio.printl("listening on " .. server:address()))
await(stop)

chat:announce "* the server ends"
await(server:shutdown(2)) -- nobody new; who is here has two seconds, and is put out then
chat:close()
await(lio.printl "bye")

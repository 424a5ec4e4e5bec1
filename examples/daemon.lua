-- daemon: a small key-value server whose log would do for months.
--
-- Shows: sections, fields of a connection that follow its task, a log file that rotates itself and is
-- opened anew at SIGHUP, errors as JSON beside it, syslog; what goes wrong in the background is logged
-- as well; SIGUSR1 turns debugging on and off.
--
--   lwt examples/daemon.lua [-d FOLDER] [-s SOCKET] [ADDRESS]
--     -d FOLDER   app.log and errors.json go there; without it the log goes to stderr
--     -s SOCKET   what is bad goes to the syslog daemon at this socket as well (/dev/log)
--   in another terminal: nc 127.0.0.1 7000, then "color=red", "color", "color=", or nonsense

local lwt = require "lwt"
local lio = require "lwt.io"
local log = require "lwt.log"
local signal = require "lwt.signal"
local await = lwt.await

local folder, socket, address = nil, nil, "127.0.0.1:7000"
do
  local i = 1
  while arg[i] do
    if arg[i] == "-d" then
      folder, i = arg[i + 1], i + 1
    elseif arg[i] == "-s" then
      socket, i = arg[i + 1], i + 1
    else
      address = arg[i]
    end
    i = i + 1
  end
end

-- ---- Where the log goes -----------------------------------------------------------------------

local loggers = {}

local function only_bad(logger)
  return log.dispatch(function(_, level)
    if level == "error" or level == "fatal" then return logger end
  end)
end

if folder then
  loggers[1] = await(log.file {
    path = folder .. "/app.log", reopen = "SIGHUP",
    rotate = { size = 1 << 20, keep = 5, compress = true },
  })
  loggers[2] = await(log.json { path = folder .. "/errors.json", reopen = "SIGHUP" })
else
  loggers[1] = log.default()
end
if socket then
  loggers[#loggers + 1] = log.syslog { paths = { socket }, facility = "daemon", tag = "daemon" }
end

local members = { loggers[1] }
for i = 2, #loggers do members[i] = only_bad(loggers[i]) end
log.set_default(log.broadcast(members))
log.capture()

-- ---- The server -------------------------------------------------------------------------------

local server_log, store_log = log.section "daemon.server", log.section "daemon.store"
local store = {}

local function set(key, value)
  if #value > 1000 then error(("the value of %s is too long"):format(key), 0) end
  store_log:debug("%s is set to %d bytes", key, #value)
  store[key] = value ~= "" and value or nil
  return "ok"
end

local function answer(line)
  local key, value = line:match "^(%w+)=(.*)$"
  if key then return set(key, value) end
  key = line:match "^%w+$"
  if key then return store[key] or "?" end
  server_log:warning("not understood: %s", line) -- whatever it is, it stays one line of the log
  return "what?"
end

local clients = 0
local server = await(lio.establish_server(address, function(ch, peer)
  clients = clients + 1
  log.with_fields({ client = clients, peer = peer }, function()
    server_log:notice "connected"
    for line in ch:lines() do
      local ok, text = pcall(answer, line)
      if not ok then
        server_log:error_of(text, "cannot answer")
        text = "sorry"
      end
      await(ch:write_line(text))
      await(ch:flush())
    end
    server_log:notice "gone"
  end)
end))

local _ <close> = signal.on("USR1", function()
  local daemon = log.section "daemon"
  daemon:set_level(daemon:is "debug" and "notice" or "debug")
  daemon:notice("the level is %s now", daemon:level())
end)

log.notice("listening on %s", server:address())
await(lio.printl("listening on " .. server:address()))

-- Until Ctrl-C or SIGTERM, which is raised at this await.
local function finish()
  await(server:shutdown(1))
  log.notice "the end"
  for _, l in ipairs(loggers) do await(l:close()) end
end
await(lwt.finalize((lwt.task()), function() return lwt.spawn(finish) end))

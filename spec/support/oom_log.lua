-- What oom.c runs for lwt.log: see oom.lua. Where memory runs out, a call raises or its promise is
-- rejected; what was promised is written, whole and in order, nobody waits for ever, and the same logger
-- takes the next record.
local M = { sections = {} }

local standard = io
local lwt, fs, io, net, log
local said, dir

local logger, promises, path -- of the section: what `check` looks at

local function section(name, run) M.sections[#M.sections + 1] = { name = name, run = run } end

local function say(...)
  local values = table.pack(...)
  for i = 1, values.n do said[#said + 1] = tostring(values[i]) end
end

function M.setup()
  said, logger, promises, path = {}, nil, {}, nil
  lwt, fs, io, net = require "lwt", require "lwt.fs", require "lwt.io", require "lwt.net"
  log = require "lwt.log"
  log.set_default(log.null)
  lwt.async_exception_hook(function(err) said[#said + 1] = tostring(err) end)
  require "lwt.io.trouble".write = function(text) said[#said + 1] = text end
  -- Opens the loop, and what the first use of each makes.
  lwt.run(function()
    dir = fs.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/oomXXXXXX"):await()
    local l = log.file({ path = dir .. "/first" }):await()
    log.set_default(l)
    log.with({ a = 1 }):error "x"
    l:close():await()
    fs.unlink(dir .. "/first"):await()
    for _, name in ipairs { "json", "syslog" } do require("lwt.log." .. name) end
  end)
end

-- The records of the file, by their order: record number -> place.
local function places()
  local found, n = {}, 0
  for i = 9, 0, -1 do
    local file = standard.open(i == 0 and path or path .. "." .. i)
    for line in file and file:lines() or function() end do
      local number = line:match "record (%d+)"
      n = n + 1
      if number then
        assert(not found[math.tointeger(number)], "a record twice: " .. line)
        found[math.tointeger(number)] = n
      end
    end
    if file then file:close() end
  end
  return found
end

function M.check()
  lwt.async_exception_hook(function() end)
  if not log then return end
  assert(lwt.run(lwt.with_timeout(15, function()
    for _, p in pairs(promises) do pcall(lwt.await, p) end -- everybody has been told
    if logger and not logger:is_closed() then
      log.set_default(logger)
      log.error("record %d", 99):await() -- it must work on
      promises[99] = lwt.fulfilled()
      logger:close():await()
    end
    return true
  end)))
  if path then
    local found, last = places(), 0
    for i = 1, 99 do
      local state = promises[i] and promises[i]:state()
      if state == "fulfilled" then assert(found[i], "lost: record " .. i) end
      if found[i] then
        assert(found[i] > last, "out of order: record " .. i)
        last = found[i]
      end
    end
  end
  for i = 0, 9 do os.remove(dir .. "/a" .. (i == 0 and "" or "." .. i)) end
  os.remove(dir .. "/socket")
  os.remove(dir)
end

-- Runs f; what hangs is wrong, whatever else was said.
local function limited(f)
  local ok, err = pcall(lwt.run, function() return lwt.with_timeout(15, f) end)
  if err == lwt.Timeout then return "hangs" end
  if not ok then say(err) end
  return table.concat(said, " ")
end

-- Logs records by `call`, some of them awaited, then all.
local function log_some(n, call)
  for i = 1, n do
    local ok, p = pcall(call, i)
    if ok then promises[i] = p else say(p) end
    if i % 4 == 0 and ok then say(pcall(lwt.await, p)) end
    if i % 3 == 0 then lwt.yield() end
  end
  for i = 1, n do
    if promises[i] then
      local ok, err = pcall(lwt.await, promises[i])
      if not ok then say(err) end
    end
  end
end

local function plain(i) return log.error("record %d", i) end

section("a file", function()
  return limited(function()
    path = dir .. "/a"
    logger = log.file({ path = path, template = "$(time) $(message)" }):await()
    log.set_default(logger)
    log_some(10, plain)
    logger:close():await()
  end)
end)

section("a file that rotates", function()
  return limited(function()
    path = dir .. "/a"
    logger = log.file({ path = path, template = "$(message)", rotate = { size = 30, keep = 9 } }):await()
    log.set_default(logger)
    log_some(10, plain)
    logger:close():await()
  end)
end)

section("JSON on a channel, with fields, in a broadcast, behind buffered", function()
  return limited(function()
    local ch = io.open_file(dir .. "/a", "w"):await()
    path = dir .. "/a"
    local json = log.json { channel = ch, close_mode = "close" }
    logger = json
    local other = log.make { output = function() lwt.yield() end }
    log.set_default(log.broadcast { json, log.buffered(other, 3), log.dispatch(function() return other end) })
    local db = log.section "app.db":with { user = "ann" }
    log_some(10, function(i)
      return log.with_fields({ n = i }, db.error, db, "record %d\n\27", i)
    end)
    logger:close():await()
    other:close():await()
  end)
end)

section("a function that waits, followed by bind and callbacks", function()
  return limited(function()
    logger = log.make { output = function() lwt.yield() end }
    log.set_default(logger)
    for i = 1, 6 do
      local ok, p = pcall(plain, i)
      if ok then
        promises[i] = p
        ok, p = pcall(p.try_bind, p, function() return lwt.pause() end, function(err) say(err) end)
        if ok then promises[20 + i] = p else say(p) end
        say(pcall(p.on_any, p, function() end, say))
      else
        say(p)
      end
    end
    logger:close():await()
    say(pcall(lwt.await, log.error "too late"))
  end)
end)

section("rules", function()
  return limited(function()
    log.load_rules "x.* -> debug; warning"
    say(log.section "x.y":level(), log.level())
    log.section "x.y":set_level "error"
    log.add_rule("main", "info")
    say(log.section "x.y":level(), log.level())
    log.section "x.y":reset_level()
    log.reset_rules()
    say(log.section "x.y":level(), log.level())
  end)
end)

section("syslog", function()
  return limited(function()
    local daemon <close> = net.unix_datagram { path = dir .. "/socket" }
    local l = log.syslog { paths = { dir .. "/socket" }, rfc = 5424 }
    log.set_default(l)
    log_some(6, plain)
    l:close():await()
    daemon:close()
  end)
end)

return M

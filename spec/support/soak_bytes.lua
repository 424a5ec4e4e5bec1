-- A round of reading and writing in all styles, over real sockets, pipes, files, programs and threads:
-- several connections at once, each read and written by tasks, direct views, loops of bind and of
-- on_success, streams, and two at once, from moment to moment another; with cancels and time-outs in
-- between, and finalizers that read and write, too.
--
-- soak_bytes.round(seed, counts) raises what it finds: bytes that are not those that were sent, in
-- their order; an error that nobody provoked; or something that is left. What goes through is
-- numbered frames, so that a write that was withdrawn, and only one that was, may be missing.

local lwt = require "lwt"
local core = require "lwt.core"
local bytes = require "lwt.bytes"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local net = require "lwt.net"
local preemptive = require "lwt.preemptive"
local process = require "lwt.process"
local stream = require "lwt.stream"
local test = require "lwt.test"

local await, random, spawn = lwt.await, math.random, lwt.spawn

local M = {}

local world -- of the round that is running

local function count(what, n) world.counts[what] = (world.counts[what] or 0) + (n or 1) end

-- What is wrong is kept until the end of the round: raised here, it would be one more failure of many.
local function finding(...)
  world.findings[#world.findings + 1] = string.format(...)
end

-- Connections -------------------------------------------------------------------------------------
-- Each gives an end to read, an end to write, and a table of what is special:
--   after     what is written can be read only when all of it is there: gives the end to read
--   may_lose  whole frames
--   no_direct it has no direct view; no_direct_write: to write
--   no_cancel a write cannot be withdrawn
--   program   what runs between the two ends

local function connected(listen, connect)
  return function()
    local l <close> = await(listen())
    local accepted = l:accept()
    return await(connect(l:address())), await(accepted)
  end
end

local function tcp_listen() return net.tcp_listen "127.0.0.1:0" end

local named = 0
local function unix_listen()
  named = named + 1
  return net.pipe_listen(("unix:soak_bytes.%d"):format(named))
end

local folder = os.getenv "TMPDIR" or "/tmp"
local function path()
  named = named + 1
  local name = ("%s/lwt-soak.%s.%d"):format(folder, tostring(world):match "0x%x+", named)
  world.files[#world.files + 1] = name
  return name
end

local kinds = {
  tcp = connected(tcp_listen, net.tcp_connect),
  unix = connected(unix_listen, net.pipe_connect),
  socketpair = function() return net.socketpair() end,
  pipe = function() return lio.pipe() end,
  channel_reads_tcp = connected(tcp_listen, lio.open_connection),
  channel_writes_tcp = function()
    local out, input = connected(tcp_listen, lio.open_connection)()
    return input, out
  end,
  channel_of_functions = function()
    local r, w = net.socketpair()
    return lio.make { read = function(n) return r:read(n) end,
      close = function() return r:close() end }, w
  end,
  program = function()
    local cat = process.open({ "cat" }, { stdin = "pipe", stdout = "pipe" })
    return cat.stdout, cat.stdin, { program = cat }
  end,
  file = function()
    local name = path()
    return nil, await(fs.open(name, "w")), { no_cancel = true,
      after = function() return await(fs.open(name)) end }
  end,
  channel_of_a_file = function()
    local name = path()
    return nil, await(lio.open_file(name, "w")), { after = function() return await(lio.open_file(name)) end }
  end,
  memory = function()
    local b = bytes.create(4000000)
    local ch, size = lio.of_bytes(b, "w"), 0
    return nil, {
      write = function(_, s) return ch:write(s) end,
      flush = function() return ch:flush() end,
      close = function()
        return ch:flush():bind(function()
          size = ch:position()
          return ch:close()
        end)
      end,
    }, { no_direct_write = true, after = function() return lio.of_bytes(b:to_string(0, size)) end }
  end,
  udp = function()
    local u, out, ended = net.udp "127.0.0.1:0", net.udp(), false
    local address = u:getsockname()
    return {
      read = function()
        if ended then return lwt.fulfilled(nil) end
        return u:recv():map(function(s)
          if s ~= "" then return s end
          ended = true
          u:close()
          return nil
        end):catch(function(err)
          if not ended then error(err, 0) end
        end)
      end,
      close = function() return u:close() end,
    }, {
      write = function(_, s) return out:send(s, address) end,
      shutdown = function() return out:send("", address) end,
      close = function() return out:close() end,
    }, { may_lose = true, no_direct = true, most = 8000 }
  end,
  thread_channel = function()
    local ch = preemptive.channel(random(4) - 1)
    return { read = function() return ch:recv() end },
      { write = function(_, s) return ch:send(s) end, close = function() ch:close() end },
      { no_direct = true }
  end,
  thread_echo = function() -- through another thread
    local there, back = preemptive.channel(random(4) - 1), preemptive.channel(random(4) - 1)
    world.threads[#world.threads + 1] = preemptive.detach(function(from, to)
      local thread = require "lwt"
      thread.run(function()
        while true do
          local s = thread.await(from:recv())
          if s == nil then break end
          thread.await(to:send(s))
        end
        to:close()
      end)
    end, there, back)
    world.threads[#world.threads]:on_failure(function(err) finding("a thread failed: %s", err) end)
    return { read = function() return back:recv() end },
      { write = function(_, s) return there:send(s) end, close = function() there:close() end },
      { no_direct = true }
  end,
}
local names = {}
for name in pairs(kinds) do names[#names + 1] = name end
table.sort(names)

-- Reading -----------------------------------------------------------------------------------------
-- Reads are numbered in the order of their calls, and what they give is put together in that order.
-- `busy` says that a call is on its way: a finalizer that runs in its middle must not read or write
-- the same thing, or nobody knows which of the two was first.

local function arrived(c, i, s)
  c.got[i] = s or ""
  c.answered = c.answered + 1
  if s == nil then c.ended = true end
end

local function failed(c, i, err)
  c.got[i] = ""
  c.answered = c.answered + 1
  if err ~= lwt.Canceled and not c.abandoned then
    finding("%s: a read failed: %s", c.name, lwt.traceback(err))
  end
  if c.abandoned and err ~= lwt.Canceled then c.ended = true end
end

-- What a task to which a cancel is due begins, begins a turn later, after others that were called
-- later: only `canceled_soon` does that, and awaits it.
local function told() if core.cancel_due() then lwt.yield() end end

local function take(c, n, soon)
  if not soon then told() end
  count "reads"
  c.busy = c.busy + 1
  c.reads = c.reads + 1
  local i = c.reads
  local ok, p = pcall(c.input.read, c.input, n)
  c.busy = c.busy - 1
  if not ok then
    failed(c, i, p)
    return lwt.fulfilled()
  end
  p:on_any(function(s) arrived(c, i, s) end, function(err) failed(c, i, err) end)
  world.promises[random(20)] = p
  return p
end

local function some_turns()
  for _ = 1, random(3) - 1 do lwt.yield() end
end

local function another() return world.open[random(#world.open)] end

local readers = {
  task = function(c, n)
    for _ = 1, random(8) do
      if await(take(c, n)) == nil then return end
    end
  end,
  direct_view = function(c, n)
    if c.no_direct then return end
    local shown = lwt.direct(c.input)
    for _ = 1, random(8) do
      told()
      count "reads"
      c.busy = c.busy + 1
      c.reads = c.reads + 1
      local i = c.reads
      local ok, s = pcall(shown.read, shown, n)
      c.busy = c.busy - 1
      if not ok then
        failed(c, i, s)
        error(s, 0)
      end
      arrived(c, i, s)
      if s == nil then return end
    end
  end,
  loop_of_bind = function(c, n)
    local left = random(8)
    local function go()
      return take(c, n):bind(function(s)
        left = left - 1
        return s and left > 0 and go() or nil
      end)
    end
    await(go())
  end,
  loop_of_on_success = function(c, n)
    local left, done, resolver = random(8), lwt.wait()
    local function go()
      take(c, n):on_any(function(s)
        left = left - 1
        if s and left > 0 then go() else resolver:wakeup() end
      end, function() resolver:wakeup() end)
    end
    go()
    await(done)
  end,
  stream = function(c, n)
    local s = stream.from(function() return take(c, n) end)
    if random(2) == 1 then s = s:map(function(x) return x end) end
    if random(2) == 1 then
      await(s:nget(random(6)))
    else
      local left = random(6)
      for _ in s do
        left = left - 1
        if left == 0 then break end
      end
    end
  end,
  two_at_once = function(c, n)
    for _ = 1, random(4) do
      local p, q = take(c, n), take(c, n)
      if random(4) == 1 then p, q = q, p end
      local a, b = await(p), await(q)
      if a == nil or b == nil then return end
    end
  end,
  two_loops_at_once = function(c, n)
    local left, going, done, resolver = random(12), 2, lwt.wait()
    local function over()
      going = going - 1
      if going == 0 then resolver:wakeup() end
    end
    local function go()
      take(c, n):on_any(function(s)
        left = left - 1
        if s and left > 0 then go() else over() end
      end, over)
    end
    go()
    go()
    await(done)
  end,
  two_tasks = function(c, n)
    local function reader()
      for _ = 1, random(4) do
        if await(take(c, n)) == nil then return end
        if random(2) == 1 then lwt.yield() end
      end
    end
    await(lwt.join { spawn(reader), spawn(reader) })
  end,
  canceled = function(c, n)
    for _ = 1, random(6) do
      local p = take(c, n)
      some_turns()
      p:cancel()
      pcall(await, p)
    end
  end,
  canceled_soon = function(c, n) -- by a task that has yet to be told
    local late = spawn(function()
      lwt.current():cancel()
      await(take(c, n, true))
    end)
    local ok, err = pcall(await, late)
    if ok or err ~= lwt.Canceled then finding("%s: a read of a canceled task: %s", c.name, err) end
  end,
  limited = function(c, n)
    for _ = 1, random(4) do pcall(await, lwt.with_timeout(random() / 500, take(c, n))) end
  end,
  picked = function(c, n)
    local d = another()
    if d then pcall(await, lwt.pick { take(c, n), take(d, n) }) end
  end,
  in_callbacks_of_another = function(c, n)
    local d = another()
    if not d then return end
    local left = random(6)
    local function go()
      return take(c, n):bind(function(s)
        left = left - 1
        return take(d, n):bind(function(t)
          return (s or t) and left > 0 and go() or nil
        end)
      end)
    end
    local ok, err = pcall(await, go())
    if not ok and (err == lwt.Canceled or not d.abandoned) then error(err, 0) end
  end,
  scope = function(c, n)
    await(lwt.scope(function(s)
      for _ = 1, random(3) do s:spawn(function() await(take(c, n)) end) end
      if random(2) == 1 then
        some_turns()
        s:cancel()
      end
    end))
  end,
  shield = function(c, n)
    lwt.shield(function() return await(take(c, n)) end)
  end,
}

-- Writing -----------------------------------------------------------------------------------------

local filling = {}
for i = 1, 12000 do filling[i] = ("%07x."):format(i) end
filling = table.concat(filling)

local HEAD = "%08d.%08d."

-- A frame, and its number.
local function frame(c)
  local n = random(6)
  local size = n == 1 and 0 or n <= 4 and random(100) or n == 5 and random(6000) or random(70000)
  size = math.min(size, c.most or size)
  c.sent = c.sent + 1
  local from = c.sent * 3373 % 20000
  return HEAD:format(c.sent, size) .. filling:sub(from + 1, from + size), c.sent
end

local function not_written(c, id, err)
  c.withdrawn[id] = true
  if err ~= lwt.Canceled and not c.abandoned then
    finding("%s: a write failed: %s", c.name, lwt.traceback(err))
  end
end

local function put(c, soon)
  if not soon then told() end
  count "writes"
  c.busy = c.busy + 1
  local text, id = frame(c)
  local ok, p = pcall(c.output.write, c.output, text)
  c.busy = c.busy - 1
  if not ok then
    not_written(c, id, p)
    return lwt.fulfilled()
  end
  c.writes[#c.writes + 1] = p
  p:on_failure(function(err) not_written(c, id, err) end)
  return p
end

local writers = {
  task = function(c)
    for _ = 1, random(6) do await(put(c)) end
  end,
  direct_view = function(c)
    if c.no_direct or c.no_direct_write then return end
    local shown = lwt.direct(c.output)
    for _ = 1, random(6) do
      told()
      count "writes"
      c.busy = c.busy + 1
      local text, id = frame(c)
      local ok, err = pcall(shown.write, shown, text)
      c.busy = c.busy - 1
      if not ok then
        not_written(c, id, err)
        error(err, 0)
      end
    end
  end,
  loop_of_bind = function(c)
    local left = random(6)
    local function go()
      left = left - 1
      return left > 0 and put(c):bind(go) or nil
    end
    await(put(c):bind(go))
  end,
  loop_of_on_success = function(c)
    local left, done, resolver = random(6), lwt.wait()
    c.writes[#c.writes + 1] = done -- it goes on when we are canceled
    local function go()
      left = left - 1
      if left < 0 then return resolver:wakeup() end
      put(c):on_any(go, function() resolver:wakeup() end)
    end
    go()
    await(done)
  end,
  all_at_once = function(c)
    local all = {}
    for i = 1, random(10) do all[i] = put(c) end
    await(lwt.join(all))
  end,
  canceled = function(c)
    if c.no_cancel then return end
    for _ = 1, random(4) do
      local p = put(c)
      some_turns()
      p:cancel()
      pcall(await, p)
    end
  end,
  canceled_soon = function(c)
    if c.no_cancel then return end
    pcall(await, spawn(function()
      lwt.current():cancel()
      await(put(c, true))
    end))
  end,
  flushed = function(c)
    await(put(c))
    if c.output.flush then await(c.output:flush()) end
  end,
}

local function list_of(styles)
  local list = {}
  for name in pairs(styles) do list[#list + 1] = name end
  table.sort(list)
  return list
end
local reader_names, writer_names = list_of(readers), list_of(writers)

-- One style for a while; often in a task of its own, which may be canceled.
local function one_of(styles, list, c, n)
  local name = list[random(#list)]
  count(name)
  if random(3) > 1 then return styles[name](c, n) end
  local child = spawn(styles[name], c, n)
  if random(2) == 1 and not (styles == writers and c.no_cancel) then
    some_turns()
    child:cancel()
    count "cancels"
  end
  await(child)
end

-- Finalizers --------------------------------------------------------------------------------------

local function finalize()
  if not world or core.cancel_due() then return end
  count "finalizers"
  local n, c = random(6), another()
  if n == 1 or not c then
    local p = world.promises[random(20)]
    if p then p:cancel() end
  elseif c.busy > 0 then
    return
  elseif n <= 3 then
    if not c.ended and c.input then take(c, random(5000)) end
  elseif n == 4 then
    if not c.finished then put(c) end
  elseif n == 5 then
    if c.input then spawn(function() take(c, random(5000)) end) end
  else
    spawn(lwt.yield)
  end
end

local trap = { __gc = function()
  local ok, err = pcall(finalize)
  if not ok then finding("a finalizer failed: %s", err) end
end }

-- Rounds ------------------------------------------------------------------------------------------

local function expect_canceled(c, ok, err)
  if not ok and err ~= lwt.Canceled and not c.abandoned then
    finding("%s: %s", c.name, lwt.traceback(err))
  end
end

local function write_all(c)
  while c.sent < world.frames and not c.abandoned do
    setmetatable({}, trap)
    expect_canceled(c, pcall(one_of, writers, writer_names, c))
  end
  c.finished = true
  local written
  repeat
    written = #c.writes
    await(lwt.settled(c.writes))
  until #c.writes == written
  if c.output.shutdown then pcall(await, c.output:shutdown()) end
  if c.after or not c.output.shutdown then pcall(await, c.output:close()) end
end

local sizes = { 1, 7, 100, 4096, 65536, 100000 }

local function read_all(c)
  while not c.ended do
    setmetatable({}, trap)
    expect_canceled(c, pcall(one_of, readers, reader_names, c, sizes[random(random(#sizes), #sizes)]))
    if c.abandon and random(20) == 1 then
      c.abandoned = true
      await(c.input:close())
      return
    end
  end
end

-- What came out is whole frames, each what was sent as that number, in their order.
local function look_at(c)
  for i = 1, c.reads do
    if not c.got[i] then return finding("%s: read %d of %d never ended", c.name, i, c.reads) end
  end
  local all, at, last, seen = table.concat(c.got), 1, 0, {}
  count("bytes", #all)
  while at <= #all do
    local id, size = all:match("^(%d%d%d%d%d%d%d%d)%.(%d%d%d%d%d%d%d%d)%.", at)
    if not id then
      if c.abandoned then return end
      return finding("%s: no frame at byte %d of %d, after frame %d: %q", c.name, at, #all, last,
        all:sub(at, at + 30))
    end
    id, size = tonumber(id), tonumber(size)
    local from = id * 3373 % 20000
    local body = all:sub(at + 18, at + 17 + size)
    if c.abandoned and #body < size then return end
    if body ~= filling:sub(from + 1, from + size) then
      return finding("%s: frame %d, at byte %d of %d, is not what was sent", c.name, id, at, #all)
    end
    if id <= last then return finding("%s: frame %d came after frame %d", c.name, id, last) end
    at, last, seen[id] = at + 18 + size, id, true
  end
  if c.may_lose or c.abandoned then return end
  for id = 1, c.sent do
    if not seen[id] and not c.withdrawn[id] then finding("%s: frame %d is missing", c.name, id) end
  end
end

local function connection()
  local name = world.only or names[random(#names)]
  count(name)
  local input, output, special = kinds[name]()
  local c = { name = name, input = input, output = output, got = {}, reads = 0, answered = 0, busy = 0, sent = 0,
    writes = {}, withdrawn = {}, ended = false, finished = false }
  for k, v in pairs(special or {}) do c[k] = v end
  c.abandon = random(8) == 1 and input and input.close
  world.all[#world.all + 1] = c
  if input then world.open[#world.open + 1] = c end
  local writing = spawn(write_all, c)
  if c.after then
    await(writing)
    c.input = c.after()
    world.open[#world.open + 1] = c
  end
  read_all(c)
  await(writing)
end

local function body(counts, only)
  world = { counts = counts, only = only, findings = {}, promises = {}, open = {}, all = {}, files = {},
    threads = {}, frames = random(40) }
  local all = {}
  for i = 1, random(4) do all[i] = spawn(connection) end
  for i = 1, #all do
    local ok, err = pcall(await, all[i])
    if not ok then finding("a connection failed: %s", lwt.traceback(err)) end
  end
  for i, c in ipairs(world.all) do
    -- What is still on its way, begun by finalizers and callbacks.
    c.finished = true
    for _ = 1, 100 do
      if c.answered == c.reads then break end
      await(lwt.sleep(0.001))
    end
    world.open[i] = nil
  end
  world.open = {}
  for _, c in ipairs(world.all) do
    if c.input and c.input.close then await(c.input:close()) end
    if c.output.close then
      local p = c.output:close()
      local ok, err = pcall(await, lwt.is_promise(p) and p or lwt.fulfilled())
      if not ok and err ~= lwt.Closed and not c.abandoned then finding("%s: close: %s", c.name, lwt.traceback(err)) end
    end
    look_at(c)
  end
  for _, c in ipairs(world.all) do
    local ok, err = true, nil
    if c.program then ok, err = pcall(await, c.program:close()) end
    -- A program that nobody reads any more dies, perhaps before it has taken everything.
    if not ok and not (c.abandoned and err.code == "EPIPE") then
      finding("%s: the end of the program: %s", c.name, lwt.traceback(err))
    end
  end
  for _, p in ipairs(world.threads) do await(p) end
  for _, name in ipairs(world.files) do os.remove(name) end
  counts.rounds = (counts.rounds or 0) + 1
  local findings = world.findings
  world = nil
  if #findings > 0 then error(table.concat(findings, "\n"), 0) end
  for _ = 1, 10 do await(lwt.pause()) end
  test.assert_clean()
end

-- Runs a round. The counts are added to `counts`, where that is given; `only` is the kind of all the
-- connections.
function M.round(seed, counts, only)
  counts = counts or {}
  math.randomseed(seed)
  -- Now and then the collector is in a hurry, so that finalizers run in the middle of much.
  local n = random(3)
  if n == 1 then collectgarbage("incremental", 100, 1000) end
  if n == 2 then collectgarbage "generational" end
  local ok, err = pcall(test.async(body, { timeout = 300 }), counts, only)
  collectgarbage("incremental", 200, 100)
  world = nil
  if not ok then error(("soak of bytes: %s"):format(tostring(err)), 0) end
  return counts
end

return M

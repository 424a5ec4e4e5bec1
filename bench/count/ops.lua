-- The hot paths whose instructions are counted. Each entry: name, what one operation is, and a function that is run
-- in a task, sets up, and gives `run(n)`, which does n operations. `engine = "uv"` where the system is used; the
-- others run on virtual time, where no clock has a say in what is executed. One list, long as it is: entries share
-- their setups, and a stored count is looked up here by its name.

local lwt = require "lwt"

local await, fulfilled, spawn = lwt.await, lwt.fulfilled, lwt.spawn

local function add_one(v) return v + 1 end
local function add_one_later(v) return fulfilled(v + 1) end
local function nothing() end

-- What the same work costs without a library, or in a floor of a library (bench/c/limit.c): counted for comparison.
-- `op.floor` names one of these.
local floors = {}
local function floor(name, what, setup) floors[#floors + 1] = { name = name, what = what, setup = setup } end

local ops = {}
local function op(name, what, setup, engine)
  ops[#ops + 1] = { name = name, what = what, setup = setup, engine = engine }
end

---------------------------------------------------------------------------------------------------
-- Promises

op("fulfilled", "lwt.fulfilled(v)", function()
  return function(n) for i = 1, n do fulfilled(i) end end
end)

op("wait_wakeup", "lwt.wait(), woken", function()
  return function(n)
    for i = 1, n do
      local _, r = lwt.wait()
      r:wakeup(i)
    end
  end
end)

op("bind_resolved", "p:bind(f), p fulfilled", function()
  return function(n)
    local p = fulfilled(0)
    for _ = 1, n do p = p:bind(add_one_later) end
  end
end)

op("map_resolved", "p:map(f), p fulfilled", function()
  return function(n)
    local p = fulfilled(0)
    for _ = 1, n do p = p:map(add_one) end
  end
end)

op("bind_pending", "p:bind(f), p woken later (chains of 100)", function()
  return function(n)
    for _ = 1, n // 100 do
      local p, r = lwt.wait()
      for _ = 1, 100 do p = p:bind(add_one_later) end
      r:wakeup(0)
    end
  end
end)

op("bind_task", "p:bind(f) where f gives a promise that is woken later", function()
  return function(n)
    for _ = 1, n do
      local inner, wake_inner = lwt.wait()
      local p, r = lwt.wait()
      p:bind(function() return inner end)
      r:wakeup()
      wake_inner:wakeup()
    end
  end
end)

op("catch_resolved", "p:catch(h), p rejected", function()
  local p = lwt.rejected "no"
  return function(n) for _ = 1, n do p:catch(fulfilled) end end
end)

op("on_success", "p:on_success(f), p woken later", function()
  return function(n)
    for i = 1, n do
      local p, r = lwt.wait()
      p:on_success(nothing)
      r:wakeup(i)
    end
  end
end)

op("join_2", "lwt.join of two, woken later", function()
  return function(n)
    for _ = 1, n do
      local p, r = lwt.wait()
      local q, s = lwt.wait()
      lwt.join { p, q }
      r:wakeup()
      s:wakeup()
    end
  end
end)

op("pick_2", "lwt.pick of two tasks' promises, the first wins", function()
  return function(n)
    for _ = 1, n do
      local p, r = lwt.wait()
      local q = lwt.task()
      lwt.pick { p, q }
      r:wakeup()
    end
  end
end)

op("pick_shutdown", "lwt.pick of a promise and one that lasts (its waiter is withdrawn)", function()
  local for_ever = lwt.wait()
  return function(n)
    for _ = 1, n do
      local p, r = lwt.wait()
      lwt.pick { p, lwt.protected(for_ever) }
      r:wakeup()
    end
  end
end)

op("cancel", "lwt.task() with a callback, cancelled", function()
  return function(n)
    for _ = 1, n do
      local p = lwt.task()
      p:on_failure(nothing)
      p:cancel()
    end
  end
end)

---------------------------------------------------------------------------------------------------
-- Tasks

op("await_resolved", "await of a fulfilled promise", function()
  return function(n) for _ = 1, n do await(fulfilled(1)) end end
end)

op("await_pending", "await of a promise that another task wakes", function()
  return function(n)
    local p, r = lwt.wait()
    local other = spawn(function()
      for i = 1, n do
        r:wakeup(i)
        lwt.yield()
      end
    end)
    for _ = 1, n do
      await(p)
      p, r = lwt.wait()
    end
    await(other)
  end
end)

op("yield", "lwt.yield(), ten tasks in turn", function()
  return function(n)
    local tasks = {}
    for i = 1, 10 do
      tasks[i] = spawn(function() for _ = 1, n // 10 do lwt.yield() end end)
    end
    await(lwt.join(tasks))
  end
end)

op("spawn", "lwt.spawn of a function that returns", function()
  return function(n) for i = 1, n do spawn(add_one, i) end end
end)

op("spawn_await", "await(lwt.spawn(f)) where f yields once", function()
  local function f(v)
    lwt.yield()
    return v
  end
  return function(n) for i = 1, n do await(spawn(f, i)) end end
end)

op("scope_spawn", "a child of a scope (ten to a scope)", function()
  return function(n)
    for _ = 1, n // 10 do
      await(lwt.scope(function(s) for i = 1, 10 do s:spawn(add_one, i) end end))
    end
  end
end)

op("sleep", "await(lwt.sleep(s)), alone", function()
  return function(n) for _ = 1, n do await(lwt.sleep(0.001)) end end
end)

op("sleep_many", "lwt.sleep(s) among 1,000 others", function()
  return function(n)
    for _ = 1, n // 1000 do
      local naps = {}
      for i = 1, 1000 do naps[i] = lwt.sleep((i * 7919 % 1000) / 1000) end
      await(lwt.join(naps))
    end
  end
end)

op("with_timeout", "await(lwt.with_timeout(s, p)), p woken in time", function()
  return function(n)
    for _ = 1, n do
      local p, r = lwt.task()
      local waiting = lwt.with_timeout(1, p)
      r:wakeup()
      await(waiting)
    end
  end
end)

op("with_value", "lwt.with_value(key, v, f)", function()
  local key = lwt.new_key()
  return function(n) for i = 1, n do lwt.with_value(key, i, nothing) end end
end)

---------------------------------------------------------------------------------------------------
-- Between tasks

op("mvar", "put and take that never wait", function()
  local m = require "lwt.mvar".create()
  return function(n)
    for i = 1, n do
      await(m:put(i))
      await(m:take())
    end
  end
end)

op("handover", "hand-over between two tasks through an mvar", function()
  local mvar = require "lwt.mvar"
  return function(n)
    local there, back = mvar.create(), mvar.create()
    local echo = spawn(function()
      for _ = 1, n // 2 do await(back:put(await(there:take()))) end
    end)
    for i = 1, n // 2 do
      await(there:put(i))
      await(back:take())
    end
    await(echo)
  end
end)

op("mvar_direct", "put and take that never wait, in the direct view", function()
  local m = lwt.direct(require "lwt.mvar".create())
  return function(n)
    for i = 1, n do
      m:put(i)
      m:take()
    end
  end
end)

op("handover_direct", "hand-over between two tasks through the direct view of an mvar", function()
  local mvar = require "lwt.mvar"
  return function(n)
    local there, back = lwt.direct(mvar.create()), lwt.direct(mvar.create())
    local echo = spawn(function()
      for _ = 1, n // 2 do back:put(there:take()) end
    end)
    for i = 1, n // 2 do
      there:put(i)
      back:take()
    end
    await(echo)
  end
end)

op("mutex", "mutex.with_lock that never waits", function()
  local m = require "lwt.mutex".create()
  return function(n) for _ = 1, n do await(m:with_lock(nothing)) end end
end)

op("condition", "condition wait and signal between two tasks", function()
  local condition = require "lwt.condition"
  return function(n)
    local c = condition.create()
    local waiter = spawn(function() for _ = 1, n do await(c:wait()) end end)
    for i = 1, n do
      c:signal(i)
      lwt.yield()
    end
    await(waiter)
  end
end)

op("semaphore", "await(s:acquire()) and s:release(), a permit is free", function()
  local s = require "lwt.semaphore".create(1)
  return function(n)
    for _ = 1, n do
      await(s:acquire())
      s:release()
    end
  end
end)

op("semaphore_with", "await(s:with(f)), a permit is free", function()
  local s = require "lwt.semaphore".create(1)
  return function(n) for _ = 1, n do await(s:with(nothing)) end end
end)

op("pool_use", "await(p:use(f)), an element is idle", function()
  local p = require "lwt.pool".create(1, function() return "an element" end)
  return function(n) for _ = 1, n do await(p:use(nothing)) end end
end)

op("throttle", "await(t:wait(key)) that goes through at once", function()
  local t = require "lwt.throttle".create(1 << 30, 1)
  return function(n) for _ = 1, n do await(t:wait "key") end end
end)

op("timer_restart", "t:start() of a timer that runs", function()
  local t = require "lwt.timer".create(1, nothing)
  t:start()
  return function(n) for _ = 1, n do t:start() end end
end)

op("timer", "t:start() and t:stop()", function()
  local t = require "lwt.timer".create(1, nothing)
  return function(n)
    for _ = 1, n do
      t:start()
      t:stop()
    end
  end
end)

op("retry", "await(retry.run(f)) where the first attempt succeeds", function()
  local retry = require "lwt.retry"
  return function(n) for _ = 1, n do await(retry.run(add_one)) end end
end)

op("list_map_n", "element of list.map_n, two at a time, each yields once (ten to a list)", function()
  local list = require "lwt.list"
  local values = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }
  local function f(v)
    lwt.yield()
    return v
  end
  return function(n) for _ = 1, n // 10 do await(list.map_n(f, values, 2)) end end
end)

op("scope_one", "await(lwt.scope(f)) with one child", function()
  local function body(s) s:spawn(add_one, 1) end
  return function(n) for _ = 1, n do await(lwt.scope(body)) end end
end)

---------------------------------------------------------------------------------------------------
-- Streams and signals

local function sum(s)
  local total = 0
  for v in s:map(add_one):filter(function(v) return v % 2 == 0 end) do total = total + v end
  return total
end

op("stream", "stream element: pushed, mapped, filtered, iterated", function()
  local stream = require "lwt.stream"
  return function(n)
    local s, push = stream.create()
    for i = 1, n do push(i) end
    push(nil)
    sum(s)
  end
end)

op("stream_direct", "stream element: from_direct, mapped, filtered, iterated", function()
  local stream = require "lwt.stream"
  return function(n)
    local i = 0
    sum(stream.from_direct(function()
      i = i + 1
      if i <= n then return i end
    end))
  end
end)

op("stream_waiting", "stream element: pushed by one task, awaited by another", function()
  local stream = require "lwt.stream"
  return function(n)
    local s, push = stream.create()
    local reader = spawn(function() for _ in s do nothing() end end)
    for i = 1, n do
      push(i)
      lwt.yield()
    end
    push(nil)
    await(reader)
  end
end)

op("stream_bounded", "stream element: through create_bounded(1), map and filter", function()
  local stream = require "lwt.stream"
  return function(n)
    local s, pusher = stream.create_bounded(1)
    local producer = spawn(function()
      for i = 1, n do await(pusher:push(i)) end
      pusher:close()
    end)
    sum(s)
    await(producer)
  end
end)

op("signal_map", "update of a signal with one S.map", function()
  local react = require "lwt.react"
  local s, set = react.S.create(0)
  local mapped = s:map(add_one)
  local v = 0
  return function(n)
    for _ = 1, n do
      v = v + 1
      set(v)
    end
    return mapped
  end
end)

op("event_map", "occurrence of an event with E.map and E.filter", function()
  local react = require "lwt.react"
  local e, send = react.E.create()
  local mapped = e:map(add_one):filter(function(v) return v > 0 end)
  return function(n)
    for i = 1, n do send(i) end
    return mapped
  end
end)

---------------------------------------------------------------------------------------------------
-- Channels and sockets

local text = ("a line of forty bytes, as text often has\n")

op("lines", "line of `for line in ch:lines()`", function()
  local io = require "lwt.io"
  return function(n)
    local ch <close> = io.of_bytes(text:rep(n), "r")
    for _ in ch:lines() do nothing() end
  end
end, "uv")

op("read_line", "await(ch:read_line()), buffered", function()
  local io = require "lwt.io"
  return function(n)
    local ch <close> = io.of_bytes(text:rep(n), "r")
    for _ = 1, n do await(ch:read_line()) end
  end
end, "uv")

op("write_line", "await(ch:write_line(s)), to /dev/null", function()
  local io = require "lwt.io"
  local ch = await(io.open_file("/dev/null", "w"))
  return function(n) for _ = 1, n do await(ch:write_line "a line of forty bytes, as text often has") end end
end, "uv")

local message = ("x"):rep(63) .. "\n"

-- A task at `server` that sends back what it reads; and that there and back, n times.
local function echo(server, client, sent)
  spawn(function()
    while true do
      local data = await(server:read())
      if not data then return end
      await(server:write(data))
    end
  end)
  return function(n)
    for _ = 1, n do
      await(client:write(sent))
      await(client:read())
    end
  end
end

-- The same through direct views.
local function echo_direct(server, client, sent)
  spawn(function()
    while true do
      local data = server:read()
      if not data then return end
      server:write(data)
    end
  end)
  return function(n)
    for _ = 1, n do
      client:write(sent)
      client:read()
    end
  end
end

op("socket_echo", "64 bytes to a task that sends them back, on TCP sockets (both ends counted)", function()
  local net = require "lwt.net"
  local listener = await(net.tcp_listen "127.0.0.1:0")
  local there = net.tcp_connect(listener:address())
  local server, client = await(listener:accept()), await(there)
  return echo(server, client, message)
end, "uv")

op("socket_echo_direct", "the same through the direct views of the sockets", function()
  local net = lwt.direct(require "lwt.net")
  local listener = net.tcp_listen "127.0.0.1:0"
  local there = spawn(function() return net.tcp_connect(listener:address()) end)
  local server = listener:accept()
  local client = await(there)
  return echo_direct(server, client, message)
end, "uv")

op("udp_echo", "64 bytes to a task that sends them back, in datagrams, 32 under way (both ends counted)", function()
  local net = require "lwt.net"
  local server, client = net.udp "127.0.0.1:0", net.udp "127.0.0.1:0"
  client:connect(server:getsockname())
  spawn(function()
    while true do
      local data, from = await(server:recv())
      await(server:send(data, from))
    end
  end)
  return function(n)
    for _ = 1, 32 do await(client:send(message)) end
    for i = 1, n do
      await(client:recv())
      if i <= n - 32 then await(client:send(message)) end
    end
  end
end, "uv")

op("channel_echo", "a line to a task that sends it back, on channels over TCP (both ends counted)", function()
  local io = require "lwt.io"
  local server = await(io.establish_server("127.0.0.1:0", function(ch)
    for line in ch:lines() do await(ch:write_line(line)) end
  end))
  local ch = await(io.open_connection(server:address()))
  return function(n)
    for _ = 1, n do
      await(ch:write_line "a line of forty bytes, as text often has")
      await(ch:read_line())
    end
  end
end, "uv")

local kilobyte = ("x"):rep(1024)

-- A server's context with a certificate made for this, and what gives two streams over TCP that speak TLS.
local function tls()
  local net, ssl = require "lwt.net", require "lwt.ssl"
  local pem, key = os.tmpname(), os.tmpname()
  assert(os.execute(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 "
    .. "-subj /CN=bench -keyout %s -out %s 2>/dev/null"):format(key, pem)))
  local server = ssl.context { role = "server", cert = pem, key = key }
  local client = ssl.context { verify = false }
  os.remove(pem)
  os.remove(key)
  local listener = await(net.tcp_listen "127.0.0.1:0")
  return function()
    local there = net.tcp_connect(listener:address())
    local accepting = ssl.accept(await(listener:accept()), server)
    return await(lwt.both(accepting, ssl.connect(await(there), { context = client })))
  end
end

op("tls_echo", "1 KiB to a task that sends it back, over TLS (both ends counted)", function()
  local server, client = tls()()
  return echo(server, client, kilobyte)
end, "uv")

op("tls_echo_direct", "the same through the direct views of the streams", function()
  local server, client = tls()()
  server, client = lwt.direct(server), lwt.direct(client)
  return echo_direct(server, client, kilobyte)
end, "uv")

op("tls_handshake", "a hundredth of a connection: TLS handshake, a byte, the end (both ends counted)", function()
  local pair = tls()
  return function(n)
    for _ = 1, n // 100 do
      local server, client = pair()
      await(server:write "x")
      await(client:read())
      await(lwt.both(client:close(), server:close()))
    end
  end
end, "uv")

---------------------------------------------------------------------------------------------------
-- Logging

op("log_off", "db:debug(fmt, n), switched off", function()
  local db = require "lwt.log".section "app.db"
  return function(n) for i = 1, n do db:debug("%d rows", i) end end
end)

op("log_on", "db:error(fmt, n), to a file (/dev/null), not awaited", function()
  local log = require "lwt.log"
  local db = log.section "app.db"
  local l = await(log.file { path = "/dev/null" })
  log.set_default(l)
  return function(n)
    local last
    for i = 1, n do last = db:error("%d rows", i) end
    await(last)
  end
end, "uv")

---------------------------------------------------------------------------------------------------
-- Lists, and the threadpool (the instructions of its threads are counted as well)

local function numbers(n)
  local t = {}
  for i = 1, n do t[i] = i end
  return t
end

op("list_iter_n", "element of list.iter_n(f, l, 64), f yields once", function()
  local list = require "lwt.list"
  return function(n) await(list.iter_n(lwt.yield, numbers(n), 64)) end
end)

op("job", "trivial job in C on the threadpool, 64 in flight", function()
  local list, job = require "lwt.list", require "bench.job"
  return function(n) await(list.iter_n(function(i) await(job.add(i)) end, numbers(n), 64)) end
end, "uv")

op("read_file", "fs.read_file of 4 KiB, 64 in flight", function()
  local list, fs = require "lwt.list", require "lwt.fs"
  local path = os.tmpname()
  await(fs.write_file(path, ("x"):rep(4096)))
  return function(n) await(list.iter_n(function() await(fs.read_file(path)) end, numbers(n), 64)) end
end, "uv")

---------------------------------------------------------------------------------------------------
-- The floors

local function limit() return require "bench.limit" end

floor("limit_fulfilled", "limit.fulfilled(v)", function()
  local f = limit().fulfilled
  return function(n) for i = 1, n do f(i) end end
end)

floor("limit_bind_resolved", "the same in limit.c", function()
  local f = limit().fulfilled
  local function step(v) return f(v + 1) end
  return function(n)
    local p = f(0)
    for _ = 1, n do p = p:bind(step) end
  end
end)

floor("limit_bind_pending", "the same in limit.c", function()
  local f, wait = limit().fulfilled, limit().wait
  local function step(v) return f(v + 1) end
  return function(n)
    for _ = 1, n // 100 do
      local first = wait()
      local p = first
      for _ = 1, 100 do p = p:bind(step) end
      first:wakeup(0)
    end
  end
end)

floor("limit_await_resolved", "the same in limit.c", function()
  local f, await_ = limit().fulfilled, limit().await
  return function(n) for _ = 1, n do await_(f(1)) end end
end)

floor("limit_lines", "line of a file, with a read in C", function()
  local lines, path = limit().lines, os.tmpname()
  return function(n)
    local f <close> = assert(io.open(path, "w"))
    f:write(text:rep(n))
    f:flush()
    for _ in lines(path) do nothing() end
  end
end)

floor("resume_yield", "coroutine.resume and yield, from Lua", function()
  local yield, resume = coroutine.yield, coroutine.resume
  local co = coroutine.create(function() while true do yield(1) end end)
  return function(n) for _ = 1, n do resume(co) end end
end)

floor("vararg_call", "a method call, of a function (self, ...) that does nothing", function()
  local object = setmetatable({}, { __index = { call = function(_, ...) end } }) -- luacheck: ignore 212
  return function(n) for i = 1, n do object:call("%d rows", i) end end
end)

floor("coroutine", "coroutine.wrap(f)(v)", function()
  local wrap = coroutine.wrap
  return function(n) for i = 1, n do wrap(add_one)(i) end end
end)

local floor_of = {
  fulfilled = "limit_fulfilled", bind_resolved = "limit_bind_resolved", bind_pending = "limit_bind_pending",
  await_resolved = "limit_await_resolved", handover = "resume_yield",
  lines = "limit_lines",
  handover_direct = "resume_yield", yield = "resume_yield", spawn = "coroutine", log_off = "vararg_call",
}
for _, o in ipairs(ops) do o.floor = floor_of[o.name] end
for _, o in ipairs(floors) do ops[#ops + 1] = o end

return ops

-- What spec/growth_spec.lua and spec/growth_system_spec.lua measure, and the table of it:
-- `lua5.4 spec/support/growth.lua [FIRST]`
-- prints the body of doc/growth.md.
--
-- An operation is { name, prepare(n) -> x, act(x) }: `prepare` makes n live things around it (waiters
-- of the same promise, timers, tasks …), `act` is one use that leaves everything as it was. It runs on
-- virtual time, outside of tasks. Those of the second half (streams, react, the system) are `wide`.
local lwt = require "lwt"
local pty = require "spec.support.pty" -- (built now: in real time)

local M = { operations = {} }

local wide

local function operation(name, prepare, act)
  M.operations[#M.operations + 1] = { name = name, prepare = prepare, act = act, wide = wide }
end

local function turns(n) for _ = 1, n or 3 do lwt.step() end end

local function times(n, f)
  local list = {}
  for i = 1, n do list[i] = f(i) end
  return list
end

local function id(...) return ... end

-- Runs f as a task, to its end.
local function task(f)
  local p = lwt.spawn(f)
  for _ = 1, 100 do
    if not p:is_pending() then break end
    lwt.step()
  end
  local state, err = p:state()
  if state ~= "fulfilled" then error(err or "it waits for ever", 0) end
end

-- ---- Promises --------------------------------------------------------------------------------

-- n waiters of one promise that stays pending.
local function crowd(n)
  local p = lwt.wait()
  return { p = p, waiters = times(n, function() return p:map(id) end) }
end

-- n promises that others wait for.
local function many(n)
  return { list = times(n, function() return (lwt.wait()) end) }
end

for _, name in ipairs { "fulfilled", "rejected" } do
  operation("lwt." .. name, many, function() lwt[name](1):state() end)
end

operation("lwt.wait, wakeup", many, function()
  local p, r = lwt.wait()
  p:on_success(id)
  r:wakeup(1)
end)

operation("lwt.task, cancel", many, function()
  local p = lwt.task()
  p:on_cancel(id)
  p:cancel()
end)

operation("on_cancel, beside n others", function(n)
  local p = lwt.task()
  for _ = 1, n do p:on_cancel(id) end
  return { p = p }
end, function(x) lwt.pick { lwt.protected(x.p), lwt.fulfilled() } end)

for _, name in ipairs { "bind", "map" } do
  operation(name .. " on a promise with n waiters, lost in a pick", crowd, function(x)
    lwt.pick { x.p[name](x.p, id), lwt.fulfilled() }
  end)
end

for _, name in ipairs { "protected", "wrap_in_cancelable" } do
  operation(name .. " on a promise with n waiters, cancelled", crowd, function(x)
    lwt[name](x.p):cancel()
  end)
end

operation("no_cancel on a promise with n waiters, lost in a pick", crowd, function(x)
  lwt.pick { lwt.no_cancel(x.p), lwt.fulfilled() }
end)

for _, name in ipairs { "join", "all", "settled", "any", "choose", "pick", "nchoose", "npick",
  "nchoose_split" } do
  operation("lwt." .. name .. " of a woken and a cancelled one", many, function()
    local a, ra = lwt.task()
    local b = lwt.task()
    local p = lwt[name] { a, b }
    ra:wakeup(1)
    b:cancel()
    p:state()
  end)
end

operation("lwt.both", many, function()
  local a, r = lwt.wait()
  local p = lwt.both(a, lwt.fulfilled())
  r:wakeup()
  p:state()
end)

for _, name in ipairs { "catch", "finalize", "map", "bind" } do
  operation(name, many, function()
    local p, r = lwt.task()
    local q = p[name](p, id)
    r:wakeup(1)
    q:state()
  end)
end

operation("try_bind", many, function()
  local p, r = lwt.task()
  local q = p:try_bind(id, id)
  r:wakeup_exn("no")
  q:state()
end)

operation("lwt.from_callback, lwt.promisify", many, function()
  lwt.from_callback(function(resolve) resolve(1) end)
  lwt.promisify(function(f) f(nil, 1) end)()
end)

-- ---- Tasks -----------------------------------------------------------------------------------

-- n tasks that wait.
local function tasks(n)
  local gate, open = lwt.wait()
  return { gate = gate, open = open, tasks = times(n, function() return lwt.spawn(lwt.await, gate) end) }
end

operation("lwt.spawn, await, yield", tasks, function()
  task(function() lwt.yield() lwt.pause():await() end)
end)

operation("a task cancelled among n at one promise", tasks, function(x)
  local t = lwt.spawn(lwt.await, x.gate)
  t:cancel()
  turns(1)
  t:state()
end)

operation("a task cancelled at a map, among n at one promise", tasks, function(x)
  local t = lwt.spawn(function() x.gate:map(id):await() end)
  t:cancel()
  turns(1)
  t:state()
end)

operation("lwt.scope with two children", tasks, function()
  task(function()
    lwt.scope(function(s)
      s:spawn(lwt.yield)
      s:spawn(lwt.yield)
    end):await()
  end)
end)

operation("scope:spawn in a scope with n children", function(n)
  local x = { gate = lwt.wait() }
  x.p = lwt.scope(function(s)
    x.s = s
    for _ = 1, n do s:spawn(lwt.await, x.gate) end
    x.gate:await()
  end)
  return x
end, function(x)
  x.s:spawn(id)
end)

operation("lwt.shield", tasks, function() task(function() lwt.shield(lwt.yield) end) end)

operation("lwt.coroutine", tasks, function()
  local gen = lwt.coroutine.wrap(function() lwt.coroutine.yield(1) end)
  gen()
  gen()
end)

operation("lwt.with_value, get, set", tasks, function(x)
  x.key = x.key or lwt.new_key()
  lwt.with_value(x.key, 1, function() lwt.set(x.key, lwt.get(x.key)) end)
end)

operation("lwt.async with an error", tasks, function()
  local hook = lwt.async_exception_hook(id)
  lwt.async(error, "x")
  lwt.async_exception_hook(hook)
end)

operation("lwt.name, lwt.current", tasks, function()
  task(function() lwt.name "x" lwt.current() end)
end)

-- ---- Time ------------------------------------------------------------------------------------

local function timers(n)
  return { timers = times(n, function(i) return lwt.sleep(1e6 + i % 97) end) }
end

operation("lwt.sleep, cancelled", timers, function() lwt.sleep(10):cancel() end)
operation("lwt.timeout, cancelled", timers, function() lwt.timeout(10):cancel() end)
operation("lwt.with_timeout of a map, at once", function(n)
  local x = timers(n)
  x.stop = lwt.wait()
  return x
end, function(x)
  local p = lwt.with_timeout(0, x.stop:map(id))
  turns(1)
  p:state()
end)
operation("lwt.pause", timers, function()
  lwt.pause()
  turns(1)
end)
operation("lwt.step", timers, function() lwt.step() end)
operation("lwt.on_iteration, remove", function(n)
  return { hooks = times(n, function()
    local hook = lwt.on_iteration("leave", id)
    return hook
  end) }
end, function() lwt.on_iteration("enter", id):remove() end)

-- ---- The library -----------------------------------------------------------------------------

local function module(name) return require("lwt." .. name) end

operation("mvar put and take, beside n takers of another", function(n)
  local mvar = module "mvar"
  local other = mvar.create()
  return { m = mvar.create(), other = other, waiting = times(n, function() return other:take() end) }
end, function(x)
  x.m:put(1)
  x.m:take()
end)

operation("mvar take among n takers, cancelled", function(n)
  local m = module "mvar".create()
  return { m = m, waiting = times(n, function() return m:take() end) }
end, function(x) x.m:take():cancel() end)

operation("mutex lock and unlock", function(n)
  local mutex = module "mutex"
  return { m = mutex.create(), others = times(n, mutex.create) }
end, function(x)
  x.m:lock()
  x.m:unlock()
end)

operation("mutex lock among n waiters, cancelled", function(n)
  local m = module "mutex".create()
  m:lock()
  return { m = m, waiting = times(n, function() return m:lock() end) }
end, function(x)
  x.m:lock():cancel()
end)

operation("mutex is_empty, with n waiters", function(n)
  local m = module "mutex".create()
  m:lock()
  return { m = m, waiting = times(n, function() return m:lock() end) }
end, function(x) return x.m:is_empty() end)

operation("pool wait_queue_length, with n waiters", function(n)
  local p = module "pool".create(1, function() return {} end)
  local gate = lwt.wait()
  p:use(function() return gate end)
  return { p = p, gate = gate, users = times(n, function() return p:use(id) end) }
end, function(x) return x.p:wait_queue_length() end)

operation("semaphore acquire among n waiters, cancelled", function(n)
  local s = module "semaphore".create(1)
  s:acquire()
  return { s = s, waiting = times(n, function() return s:acquire() end) }
end, function(x) x.s:acquire():cancel() end)

operation("condition wait among n waiters, cancelled", function(n)
  local c = module "condition".create()
  return { c = c, waiting = times(n, function() return c:wait() end) }
end, function(x) x.c:wait():cancel() end)

operation("pool use", function(n)
  local p = module "pool".create(n + 1, function() return {} end)
  local gate = lwt.wait()
  return { p = p, gate = gate, users = times(n, function() return p:use(function() return gate end) end) }
end, function(x)
  x.p:use(id)
  turns(1)
end)

operation("stream push and get", function(n)
  local stream = module "stream"
  local s, push = stream.create()
  return { s = s, push = push, others = times(n, function() return (stream.create()) end) }
end, function(x)
  x.push(1)
  x.s:get()
end)

operation("stream get among n readers, cancelled", function(n)
  local s = module "stream".create()
  return { s = s, readers = times(n, function() return s:get() end) }
end, function(x) x.s:get():cancel() end)

operation("list.map_p of one", tasks, function() module "list".map_p(id, { 1 }) end)
operation("seq", tasks, function()
  module "seq".of_list { 1 }:map(id):to_list()
end)

operation("switch hook added, and the switch turned off", tasks, function()
  local s = module "switch".create()
  s:add_hook(id)
  s:turn_off()
end)

operation("timer started and stopped", timers, function(x)
  x.t = x.t or module "timer".create(5, id)
  x.t:start()
  x.t:stop()
end)

operation("clock sleep, cancelled", function(n)
  local c = module "clock".create()
  return { c = c, sleepers = times(n, function(i) return c:sleep(1000 + i) end) }
end, function(x) x.c:sleep(5):cancel() end)

operation("retry.run of what succeeds", tasks, function()
  local p = module "retry".run(function() return 1 end)
  p:state()
end)

operation("react: an event sent", function(n)
  local E = module "react".E
  local e, send = E.create()
  local x = { e = e, send = send, got = 0 }
  x.m = e:map(function(v) x.got = x.got + v end)
  x.others = times(n, function() return (E.create()):map(id) end)
  return x
end, function(x) x.send(1) end)

operation("react: a signal set", function(n)
  local S = module "react".S
  local s, set = S.create(0)
  return { s = s, set = set, i = 0, m = s:map(id),
    others = times(n, function() return (S.create(0)):map(id) end) }
end, function(x)
  x.i = x.i + 1
  x.set(x.i)
end)

operation("gc.finalise", tasks, function() module "gc".finalise(id, {}) end)

wide = true

-- ---- Streams ---------------------------------------------------------------------------------

-- n streams that somebody waits at.
local function streams(n)
  local stream = module "stream"
  local list, readers = {}, {}
  for i = 1, n do
    list[i] = stream.create()
    readers[i] = list[i]:get()
  end
  return { list = list, readers = readers }
end

-- f(s, stream) is given a stream of three numbers; what it returns is awaited.
local function on_stream(name, f)
  operation("stream " .. name, streams, function()
    task(function()
      local stream = module "stream"
      local p = f(stream.of_list { 1, 2, 3 }, stream)
      if lwt.is_promise(p) then p:await() end
    end)
  end)
end

local function odd(v) return v % 2 == 1 end
local function plus(v, sum) return sum + v end

for _, name in ipairs { "map", "map_s", "filter", "filter_s", "filter_map", "filter_map_s" } do
  on_stream(name, function(s) return s[name](s, odd):to_list() end)
end
for _, name in ipairs { "map_list", "map_list_s" } do
  on_stream(name, function(s) return s[name](s, function(v) return { v, v } end):to_list() end)
end
for _, name in ipairs { "iter", "iter_s", "iter_p", "iter_n", "find", "find_s", "find_map", "find_map_s",
  "get_while", "get_while_s", "junk_while", "junk_while_s" } do
  on_stream(name, function(s) return s[name](s, odd) end)
end
for _, name in ipairs { "fold", "fold_s" } do
  on_stream(name, function(s) return s[name](s, 0, plus) end)
end
for _, name in ipairs { "next", "peek", "junk", "get_available", "junk_available", "is_empty",
  "is_closed", "closed" } do
  on_stream(name, function(s)
    local p = s[name](s)
    return name ~= "closed" and p
  end)
end
for _, name in ipairs { "npeek", "nget", "njunk", "get_available_up_to" } do
  on_stream(name, function(s) return s[name](s, 2) end)
end
on_stream("clone, last_new", function(s)
  local other = s:clone()
  s:get():await()
  s:last_new()
  return other:to_list()
end)
on_stream("append", function(s, stream) return s:append(stream.of_list { 4 }):to_list() end)
on_stream("combine", function(s, stream) return s:combine(stream.of_list { 4 }):to_list() end)
on_stream("concat", function(s, stream) return stream.of_list { s }:concat():to_list() end)
on_stream("flatten", function(_, stream) return stream.of_list { { 1 }, { 2 } }:flatten():to_list() end)
on_stream("choose", function(s, stream) return stream.choose { s, stream.of_list { 4 } }:to_list() end)
on_stream("wrap_exn", function(s) return s:wrap_exn():to_list() end)
on_stream("parse", function(s) return s:parse(function() return s:get() end) end)
on_stream("of_string, to_string", function(_, stream) return stream.of_string "abc":to_string() end)
on_stream("hexdump", function(_, stream) return stream.of_string "abc":hexdump():to_list() end)
on_stream("from", function(_, stream)
  local i = 0
  return stream.from(function()
    i = i + 1
    return i < 3 and i or nil
  end):to_list()
end)
on_stream("from_direct", function(_, stream) return stream.from_direct(function() end):to_list() end)
on_stream("of_iterator", function(_, stream) return stream.of_iterator(ipairs { 1, 2 }):to_list() end)
on_stream("generate", function(_, stream)
  return stream.generate(function(yield) yield(1) end):to_list()
end)
on_stream("for loop", function(s) for v in s do id(v) end end)
on_stream("create_bounded, push, close", function(_, stream)
  local s, pusher = stream.create_bounded(1)
  pusher:push(1)
  local late = pusher:push(2)
  s:nget(2):await()
  late:await()
  pusher:close()
end)

-- ---- React -----------------------------------------------------------------------------------

-- What is made of one event (or signal) that goes on, and dropped, among n others.
local function events(n)
  local E, S = module "react".E, module "react".S
  local x = {}
  x.e, x.send = E.create()
  x.s, x.set = S.create(0)
  x.others = times(n, function() return (E.create()):map(id) end)
  return x
end

local function on_react(name, make)
  operation("react: " .. name .. ", made and dropped", events, function(x)
    local react = module "react"
    local made = make(x, react.E, react.S)
    x.send(1)
    x.set(1 - x.s:value())
    turns(2)
    if made then made:stop() end
  end)
end

for _, name in ipairs { "map", "filter", "fmap", "map_s", "map_p", "filter_s", "filter_p", "fmap_s", "fmap_p" } do
  on_react("E." .. name, function(x, E) return E[name](x.e, id) end)
end
for _, name in ipairs { "once", "drop_once", "changes" } do
  on_react("E." .. name, function(x, E) return E[name](x.e) end)
end
for _, name in ipairs { "diff", "diff_s" } do
  on_react("E." .. name, function(x, E) return E[name](x.e, plus) end)
end
for _, name in ipairs { "fold", "fold_s" } do
  on_react("E." .. name, function(x, E) return E[name](x.e, 0, plus) end)
end
for _, name in ipairs { "merge", "merge_s" } do
  on_react("E." .. name, function(x, E) return E[name]({ x.e, E.never }, 0, plus) end)
end
for _, name in ipairs { "accum", "accum_s" } do
  on_react("E." .. name, function(x, E) return E[name](x.e:map(function() return id end), 0) end)
end
on_react("E.select", function(x, E) return E.select { x.e, E.never } end)
on_react("E.stamp", function(x, E) return E.stamp(x.e, 1) end)
on_react("E.switch", function(x, E) return E.switch(x.e, E.map(x.e, function() return x.e end)) end)
on_react("E.on", function(x, E, S) return E.on(x.e, S.const(true)) end)
on_react("E.l2", function(x, E) return E.l2(x.e, x.e, plus) end)
on_react("E.limit", function(x, E) return E.limit(x.e, lwt.pause) end)
on_react("E.hold", function(x, E) return E.hold(x.e, 0) end)
on_react("E.next", function(x, E) E.next(x.e):state() end)
on_react("E.to_stream", function(x, E) E.to_stream(x.e):get() end)
on_react("E.notify", function(x, E) return E.notify(x.e, id) end)
on_react("S.notify", function(x, _, S) return S.notify(x.s, id) end)
for _, name in ipairs { "map", "map_s" } do
  on_react("S." .. name, function(x, _, S)
    local made = S[name](x.s, id)
    return name == "map" and made
  end)
end
for _, name in ipairs { "filter", "fmap" } do
  on_react("S." .. name, function(x, _, S) return S[name](x.s, 0, id) end)
end
for _, name in ipairs { "changes", "diff", "sample" } do
  on_react("S." .. name, function(x, _, S)
    if name == "sample" then return S.sample(x.s, x.e, plus) end
    return S[name](x.s, plus)
  end)
end
on_react("S.l2", function(x, _, S) return S.l2(x.s, x.s, plus) end)
on_react("S.bind", function(x, _, S) return S.bind(x.s, S.const) end)
on_react("S.switch", function(x, _, S) return S.switch(S.map(x.s, S.const)) end)
on_react("S.on", function(x, _, S) return S.on(x.s, S.const(true), 0) end)
on_react("S.limit", function(x, _, S) return S.limit(x.s, lwt.pause) end)

-- ---- The system ------------------------------------------------------------------------------
-- These wait for what is outside, with `lwt.run`. There are fewer things around them (`most`), and fewer
-- rounds: a fourth, and where a round costs a process or a thread (`slow`) a twentieth.

local function system(name, options, prepare, act)
  operation(name, function(n)
    local x
    lwt.run(function() x = prepare(n) end)
    return x
  end, function(x) lwt.run(act, x) end)
  local op = M.operations[#M.operations]
  op.most, op.share = options.most or 200, options.slow and 20 or 4
end

-- n open files, and one in the middle of them.
local function files(n)
  local fs = module "fs"
  local path = os.tmpname()
  local x = { path = path }
  x.removed = setmetatable({}, { __gc = function() os.remove(path) end })
  fs.write_file(path, ("line\n"):rep(10)):await()
  x.open = times(n, function() return fs.open(path, "r"):await() end)
  x.f = fs.open(path, "r+"):await()
  return x
end

local of_files = {
  ["open, close"] = function(x, fs) fs.open(x.path, "r"):await():close():await() end,
  ["pread, pwrite"] = function(x)
    x.f:pwrite("line", 0):await()
    x.f:pread(4, 0):await()
  end,
  ["readv, writev"] = function(x)
    x.f:seek("set", 0):await()
    x.f:writev({ "li", "ne" }):await()
  end,
  ["stat of a file, truncate"] = function(x)
    x.f:stat():await()
    x.f:truncate(50):await()
  end,
  ["lock, unlock"] = function(x)
    x.f:lock("exclusive"):await()
    x.f:unlock():await()
  end,
  ["stat, exists, access"] = function(x, fs)
    fs.stat(x.path):await()
    fs.exists(x.path):await()
    fs.access(x.path, "r"):await()
  end,
  ["stat that fails"] = function(x, fs) pcall(lwt.await, fs.stat(x.path .. "/none")) end,
  ["read_file, write_file"] = function(x, fs)
    fs.write_file(x.path, fs.read_file(x.path):await()):await()
  end,
  ["stat, cancelled"] = function(x, fs) fs.stat(x.path):cancel() end,
  ["mkdtemp, rename, rmdir"] = function(x, fs)
    local path = fs.mkdtemp(x.path .. "XXXXXX"):await()
    fs.rename(path, path .. "x"):await()
    fs.rmdir(path .. "x"):await()
  end,
  ["symlink, readlink, link, unlink"] = function(x, fs)
    fs.symlink(x.path, x.path .. "s"):await()
    fs.readlink(x.path .. "s"):await()
    fs.unlink(x.path .. "s"):await()
  end,
  ["copyfile"] = function(x, fs)
    fs.copyfile(x.path, x.path .. "c"):await()
    fs.unlink(x.path .. "c"):await()
  end,
  ["readdir, scandir"] = function(_, fs)
    fs.scandir("spec/core"):await()
    fs.readdir("spec/core"):to_list():await()
  end,
}
local names = {}
for name in pairs(of_files) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
  system("fs: " .. name, {}, files, function(x) of_files[name](x, module "fs") end)
end

-- n pairs of sockets, at one end of each of which somebody reads.
local function sockets(n)
  local net = module "net"
  local x = { pairs = {}, reads = {} }
  for i = 1, n do
    x.pairs[i] = table.pack(net.socketpair())
    x.reads[i] = x.pairs[i][1]:read(1)
  end
  x.a, x.b = net.socketpair()
  x.listener = net.tcp_listen("127.0.0.1:0")
  if lwt.is_promise(x.listener) then x.listener = x.listener:await() end
  x.udp = net.udp("127.0.0.1:0")
  return x
end

system("net: write and read", {}, sockets, function(x)
  x.a:write("hello"):await()
  x.b:read(5):await()
end)
system("net: a read, cancelled", {}, sockets, function(x) x.a:read(1):cancel() end)
system("net: socketpair, close", {}, sockets, function()
  local a, b = module "net".socketpair()
  a:close():await()
  b:close():await()
end)
system("net: connect, accept, close", { slow = true }, sockets, function(x)
  local accepted = x.listener:accept()
  local a = module "net".tcp_connect(x.listener:address()):await()
  local b = accepted:await()
  a:reset()
  b:close():await()
end)
system("net: accept, cancelled", {}, sockets, function(x) x.listener:accept():cancel() end)
system("net: tty, size, mode, close", { slow = true }, sockets, function()
  local master, slave = pty.open(80, 24)
  local tty = module "net".tty(slave)
  tty:size()
  tty:mode "raw"
  tty:read(1):cancel()
  tty:mode "normal"
  tty:close():await()
  pty.close(master)
end)
system("net: udp send and recv", {}, sockets, function(x)
  x.udp:send("hello", x.udp:getsockname()):await()
  x.udp:recv():await()
end)
system("net: getaddrinfo of a number", {}, sockets, function()
  module "net".getaddrinfo("127.0.0.1", "80"):await()
end)
system("net: wait_readable, cancelled", {}, sockets, function(x)
  module "net".wait_readable(x.a:fileno()):cancel()
end)

-- n channels that somebody reads.
local function channels(n)
  local io = module "io"
  local x = { pipes = {}, reads = {} }
  for i = 1, n do
    x.pipes[i] = table.pack(io.pipe())
    x.reads[i] = x.pipes[i][1]:read_line()
  end
  x.r, x.w = io.pipe()
  x.path = os.tmpname()
  local path = x.path
  x.removed = setmetatable({}, { __gc = function() os.remove(path) end })
  io.lines_to_file(path, module "stream".of_list { "a", "b" }):await()
  return x
end

system("io: write_line, flush, read_line", {}, channels, function(x)
  x.w:write_line("hello"):await()
  x.w:flush():await()
  x.r:read_line():await()
end)
system("io: read_line, cancelled", {}, channels, function(x) x.r:read_line():cancel() end)
system("io: pack and unpack, atomic", {}, channels, function(x)
  x.w:atomic(function(ch) ch:pack("s2", "hello"):await() end):await()
  x.w:flush():await()
  x.r:unpack("s2"):await()
end)
system("io: write and read of an integer, a character", {}, channels, function(x)
  x.w:write_int16(7):await()
  x.w:write_char("c"):await()
  x.w:flush():await()
  x.r:read_int16():await()
  x.r:read_char():await()
end)
system("io: pipe, close", {}, channels, function()
  local r, w = module "io".pipe()
  w:close():await()
  r:read():await()
  r:close():await()
end)
system("io: open_file, lines, close", {}, channels, function(x)
  local ch = module "io".open_file(x.path, "r"):await()
  for line in ch:lines() do id(line) end
  ch:close():await()
end)
system("io: with_file, read", {}, channels, function(x)
  module "io".with_file(x.path, "r", function(ch) return ch:read() end):await()
end)
system("io: lines_of_file", {}, channels, function(x)
  module "io".lines_of_file(x.path):to_list():await()
end)
system("io: with_temp_file", {}, channels, function()
  module "io".with_temp_file(function(_, ch) if ch then id(ch) end end):await()
end)
system("io: of_bytes, make", {}, channels, function()
  local io = module "io"
  io.of_bytes("hello", "r"):read():await()
  local ch = io.make { read = function() end }
  ch:read():await()
  ch:close():await()
end)

local function processes() return {} end

system("process: exec", { slow = true }, processes, function() module "process".exec({ "true" }):await() end)
system("process: pread", { slow = true }, processes, function() module "process".pread({ "echo", "hello" }):await() end)
system("process: pmap", { slow = true }, processes, function() module "process".pmap({ "cat" }, "hello"):await() end)
system("process: open, kill, close", { slow = true }, processes, function()
  local p = module "process".open({ "sleep", "60" })
  p:kill("KILL")
  p:status():await()
  p:close():await()
end)
system("process: a program that is not there", {}, processes, function()
  pcall(lwt.await, module "process".exec { "/none/such" })
end)

-- n messages that wait, and one worker.
local function threads(n)
  local preemptive = module "preemptive"
  local x = { full = preemptive.channel(n), ch = preemptive.channel(2), empty = preemptive.channel(1) }
  for _ = 1, n do x.full:send(1):await() end
  x.waiting = times(n, function() return x.empty:recv() end)
  preemptive.detach(function() end):await()
  return x
end

system("preemptive: detach", { slow = true }, threads, function()
  module "preemptive".detach(function(a) return a end, 1):await()
end)
system("preemptive: detach of what fails", { slow = true }, threads, function()
  pcall(lwt.await, module "preemptive".detach(function() error "no" end))
end)
system("preemptive: channel send and recv", {}, threads, function(x)
  x.ch:send("hello"):await()
  x.ch:recv():await()
end)
system("preemptive: channel recv, cancelled", {}, threads, function(x) x.ch:recv():cancel() end)
system("preemptive: a channel made and closed", {}, threads, function()
  module "preemptive".channel(1):close()
end)
system("signal: on, stop", {}, processes, function() module "signal".on("USR1", id):stop() end)
system("signal: next, cancelled", {}, processes, function() module "signal".next("USR1"):cancel() end)
system("bytes", {}, processes, function()
  local b = module "bytes".create(100)
  b:set(0, 1)
  b:sub(0, 10):to_string()
end)

-- ---- What came later ---------------------------------------------------------------------------

system("fs: watch, close", {}, files, function(x)
  local s = module "fs".watch(x.path)
  s:close()
end)
system("io: establish_server, shutdown", { slow = true }, channels, function()
  local server = module "io".establish_server("127.0.0.1:0", function() end):await()
  server:shutdown(1):await()
end)
on_react("E.app_s", function(x, E) return E.app_s(E.map(x.e, function() return id end), x.e) end)
on_react("E.run_s", function(x, E) return E.run_s(E.map(x.e, lwt.fulfilled)) end)

local others = require "spec.support.growth_more"
others.declare(operation, module)
M.left = others.left

-- ---- Measuring -------------------------------------------------------------------------------

local function memory()
  for _ = 1, 3 do
    collectgarbage()
    lwt.step()
  end
  return collectgarbage "count" * 1024
end

-- How many bytes the heap has grown by in this many rounds.
function M.growth(op, rounds)
  local x = op.prepare(10)
  local function use(count)
    for i = 1, count do
      op.act(x)
      if i % 500 == 0 then memory() end
    end
    return memory()
  end
  rounds = rounds // (op.share or 1)
  local before = use(math.min(rounds, 1000))
  return use(rounds) - before
end

-- Instructions of Lua's in one round with n live things, and processor time; of several runs the
-- least, which is what others on the machine disturb least.
function M.cost(op, n)
  local x = op.prepare(math.min(n, op.most or n))
  local rounds = op.share == 20 and 5 or 100
  turns(3)
  for _ = 1, rounds // 2 do op.act(x) end
  collectgarbage()
  local instructions, seconds = math.huge, math.huge
  for _ = 1, 4 do
    collectgarbage "stop"
    local began = os.clock()
    for _ = 1, rounds do op.act(x) end
    seconds = math.min(seconds, (os.clock() - began) / rounds)
    local count = 0
    debug.sethook(function() count = count + 1 end, "", 10)
    for _ = 1, rounds // 5 do op.act(x) end
    debug.sethook()
    instructions = math.min(instructions, count * 10 / (rounds // 5))
    collectgarbage "restart"
  end
  return instructions, seconds
end

-- Declares with `it` the specs of the operations for which chosen(op) holds.
function M.declare(it, rounds, many_things, chosen)
  local core = require "spec.support.core"
  for _, op in ipairs(M.operations) do
    if not chosen(op) then goto next end
    it(op.name .. " leaves the heap where it was", core.stepping(function()
      local grown = M.growth(op, rounds)
      -- Some bytes a round would be a leak; what is seen to many at a time may be under way.
      if grown > 96 * 1024 + rounds then
        error(("%d bytes more after %d rounds"):format(grown, rounds), 0)
      end
    end))

    it(op.name .. " costs the same among many live things", core.stepping(function()
      local few, quick = M.cost(op, 100)
      local more, slow = M.cost(op, many_things)
      if more > 2 * few + 20 then
        error(("%d instructions at 100, %d at %d"):format(few, more, many_things), 0)
      end
      -- Time only tells what is not constant at all: caches alone make a factor of some.
      if slow > 10 * quick + 2e-6 then
        _, slow = M.cost(op, many_things)
      end
      if slow > 10 * quick + 2e-6 then
        error(("%.1f µs at 100, %.1f µs at %d"):format(quick * 1e6, slow * 1e6, many_things), 0)
      end
    end))
    ::next::
  end
end

-- The table of doc/growth.md.
if arg and arg[0] and arg[0]:find "growth%.lua$" then
  local engine = require "lwt.engine"
  engine.set "virtual"
  print "| operation | bytes left by 10,000 rounds | instructions at 100 | at 10,000 | time |"
  print "|---|--:|--:|--:|--:|"
  for i, op in ipairs(M.operations) do
    if i < (tonumber(arg[1]) or 1) then goto next end
    local grown = M.growth(op, 10000)
    local few, quick = M.cost(op, 100)
    local more, slow = M.cost(op, 10000)
    print(("| %s | %.0f | %.0f | %.0f | × %.1f |"):format(op.name, grown // 1, few // 1, more // 1, slow / quick))
    io.stdout:flush()
    ::next::
  end
end

return M

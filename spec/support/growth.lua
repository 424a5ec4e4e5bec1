-- What spec/growth_spec.lua measures, and the table of it: `lua5.4 spec/support/growth.lua [FIRST]`
-- prints the body of doc/growth.md.
--
-- An operation is { name, prepare(n) -> x, act(x) }: `prepare` makes n live things around it (waiters
-- of the same promise, timers, tasks …), `act` is one use that leaves everything as it was. It runs on
-- virtual time, outside of tasks.
local lwt = require "lwt"

local M = { operations = {} }

local function operation(name, prepare, act)
  M.operations[#M.operations + 1] = { name = name, prepare = prepare, act = act }
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
  local before = use(1000)
  return use(rounds) - before
end

-- Instructions of Lua's in one round with n live things, and processor time; of several runs the
-- least, which is what others on the machine disturb least.
function M.cost(op, n)
  local x = op.prepare(n)
  turns(3)
  for _ = 1, 50 do op.act(x) end
  collectgarbage()
  local instructions, seconds = math.huge, math.huge
  for _ = 1, 4 do
    collectgarbage "stop"
    local began = os.clock()
    for _ = 1, 100 do op.act(x) end
    seconds = math.min(seconds, (os.clock() - began) / 100)
    local count = 0
    debug.sethook(function() count = count + 1 end, "", 10)
    for _ = 1, 20 do op.act(x) end
    debug.sethook()
    instructions = math.min(instructions, count * 10 / 20)
    collectgarbage "restart"
  end
  return instructions, seconds
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

-- What oom.c runs: sections that between them use every call of the core. Each gives a
-- text that says what came of it; where memory ran out and a promise, the hook or a pcall
-- got that error, the text speaks of memory. With OOM_DEBUG set, lwt.debug is on: everything
-- remembers where it was made, and core.check() sees every promise.
local M = { sections = {} }

local lwt

local function section(name, run) M.sections[#M.sections + 1] = { name = name, run = run } end

local function show(x)
  if type(x) == "table" and x.n then
    local parts = {}
    for i = 1, x.n do parts[i] = show(x[i]) end
    return "{" .. table.concat(parts, " ") .. "}"
  end
  if type(x) == "table" and x.state then return x.state .. show(x.value) .. show(x.error) end
  if lwt and lwt.is_promise(x) then return "promise" end
  return tostring(x)
end

local log, afterwards

local function say(...)
  local values = table.pack(...)
  for i = 1, values.n do log[#log + 1] = show(values[i]) end
end

local function told() return table.concat(log, " ") end

function M.setup()
  log, afterwards = {}, nil
  lwt = require "lwt"
  if os.getenv "OOM_DEBUG" then lwt.debug(true) end
  lwt.async_exception_hook(function(err) log[#log + 1] = show(err) end)
end

-- Afterwards everything still works, on the same state.
function M.check()
  -- The state that the section left (before `setup`, in the section that loads) is new.
  if not lwt then lwt = require "lwt" end
  lwt.async_exception_hook(function() end)
  local core = require "lwt.core"
  if core.check then core.check() end
  for _ = 1, 100 do if not lwt.step() then break end end
  collectgarbage()
  if core.check then core.check() end
  if afterwards then afterwards() end
  local order = {}
  local function note(x) return function() order[#order + 1] = x end end
  local a, ra = lwt.wait()
  local b, rb = lwt.task()
  a:on_success(function()
    rb:wakeup_later()
    note "a1" ()
  end)
  a:on_success(note "a2")
  b:on_success(note "b")
  ra:wakeup()
  assert(table.concat(order, " ") == "a1 a2 b", "callbacks in the wrong order")
  local p = lwt.pick { (lwt.task()), lwt.task():catch(function() end), (lwt.fulfilled(1)) }
  assert(p:state() == "fulfilled", "pick does not work")
  assert(lwt.run(function()
    local t = lwt.spawn(function()
      lwt.yield()
      lwt.sleep(0.001):await()
      return 7
    end)
    return t:await() + 1
  end) == 8, "tasks do not work")
  local react = package.loaded["lwt.react.signal"] and require "lwt.react.graph"
  if react then
    local s, set = react.S.create(1)
    local sum = react.S.l2(s, s:map(function(v) return v * 10 end), function(x, y) return x + y end)
    set(2)
    assert(sum:value() == 22, "react is dead")
  end
  if core.check then core.check() end
end

section("require", function()
  log = {}
  for _, name in ipairs { "lwt", "lwt.core" } do package.loaded[name] = nil end
  lwt = nil
  lwt = require "lwt"
  return lwt.fulfilled(1):state()
end)

section("making", function()
  say(lwt.fulfilled():state())
  say(lwt.fulfilled(1, nil, 3):state())
  say(lwt.rejected("e"):state())
  say(lwt.wrap(function(...) return ... end, 1, 2):state())
  say(lwt.wrap(error, "x", 0):state())
  local p, r = lwt.wait()
  local q, s = lwt.task()
  say(p:state())
  r:wakeup(1, 2, 3)
  s:wakeup_exn "no"
  say(p:state())
  say(q:state())
  say(tostring(p) ~= nil, p:is_pending(), lwt.is_promise(p))
  say(pcall(r.wakeup, r) == false)
  return told()
end)

section("wakeups", function()
  local p, r = {}, {}
  for i = 1, 40 do p[i], r[i] = lwt.wait() end
  for i = 1, 39 do
    p[i]:on_success(function()
      say(i)
      r[i + 1][i % 2 == 0 and "wakeup" or "wakeup_later"](r[i + 1], i)
    end)
    p[i]:on_success(function() say(-i) end)
  end
  r[1]:wakeup(0)
  say(p[40]:state())
  return told()
end)

section("composing, pending", function()
  local p, r = lwt.wait()
  local q, s = lwt.wait()
  local results = {}
  for _, x in ipairs { p, q } do
    results[#results + 1] = x:bind(function(v) return v, nil, 2 end)
    results[#results + 1] = x:bind(function(v) return lwt.fulfilled(v) end)
    results[#results + 1] = x:map(function(v) return v end)
    results[#results + 1] = x:catch(function(e) return e end)
    results[#results + 1] = x:finalize(function() return lwt.pause() end)
    results[#results + 1] = x:finalize(function() error("f", 0) end)
    results[#results + 1] = x:try_bind(function(v) return v end, function(e) return e end)
    results[#results + 1] = x:bind(function() error("b", 0) end)
  end
  r:wakeup(1)
  s:wakeup_exn "e"
  lwt.step()
  lwt.step()
  for _, x in ipairs(results) do say(x:state()) end
  return told()
end)

section("composing, resolved", function()
  for _, x in ipairs { lwt.fulfilled(1), lwt.rejected "e" } do
    say(x:bind(function(v) return v, nil, 2 end):state())
    say(x:map(function(v) return v end):state())
    say(x:catch(function(e) return e end):state())
    say(x:finalize(function() return lwt.fulfilled() end):state())
    say(x:finalize(function() error("f", 0) end):state())
    say(x:try_bind(function(v) return v end, function(e) return e end):state())
  end
  say(lwt.catch(error, function() return "caught" end):state())
  say(lwt.finalize(function() return 1 end, function() end):state())
  say(lwt.try_bind(function() return 1 end, function(v) return v + 1 end, error):state())
  local function loop(i) return i > 0 and lwt.fulfilled(i - 1):bind(loop) or "end" end
  say(lwt.fulfilled(40):bind(loop):state())
  return told()
end)

section("callbacks", function()
  local function attach(x)
    x:on_success(function(v) say("s", v) end)
    x:on_failure(function(e) say("f", e) end)
    x:on_termination(function() say "t" end)
    x:on_any(function(v) say("a", v) end, function(e) say("b", e) end)
    x:on_cancel(function() say "c" end)
    x:on_success(function() error("raised", 0) end)
  end
  local p, r = lwt.wait()
  local q, s = lwt.wait()
  local t = lwt.task()
  attach(p)
  attach(q)
  attach(t)
  attach(lwt.fulfilled(1))
  attach(lwt.rejected "e")
  r:wakeup(1)
  s:wakeup_exn "e"
  t:cancel()
  lwt.async(error, "async", 0)
  lwt.dont_wait(function() error("x", 0) end, function(e) say(e) end)
  lwt.ignore_result(lwt.fulfilled(1))
  local u, v = lwt.wait()
  lwt.ignore_result(u)
  v:wakeup_exn "ignored"
  return told()
end)

section("many waiters", function()
  local p, r = lwt.wait()
  local n = 0
  for _ = 1, 100 do p:on_success(function() n = n + 1 end) end
  for _ = 1, 20 do p:on_cancel(function() n = n + 1000 end) end
  for _ = 1, 30 do lwt.protected(p):cancel() end
  r:wakeup()
  say(n)
  return told()
end)

section("proxies", function()
  local inner, ri = lwt.task()
  local handles = { inner }
  for i = 1, 10 do
    local gate, open = lwt.wait()
    local x = handles[i]
    handles[i + 1] = gate:bind(function() return x end)
    handles[i + 1]:on_success(function(v) say(i, v) end)
    handles[i + 1]:on_cancel(function() say "canceled" end)
    open:wakeup()
  end
  ri:wakeup "x"
  for i = 1, 11 do say(handles[i]:state()) end
  return told()
end)

section("several, pending", function()
  for _, name in ipairs {
    "join", "all", "settled", "any", "choose", "pick", "nchoose", "npick", "nchoose_split",
  } do
    for _, way in ipairs { "wakeup", "wakeup_exn" } do
      local a, ra = lwt.task()
      local b, rb = lwt.task()
      local c, rc = lwt.wait()
      local p = lwt[name] { a, b, c, a }
      rb[way](rb, 1)
      ra:wakeup(2)
      rc:wakeup_exn "late"
      say(name, p:state())
    end
  end
  local a, ra = lwt.task()
  local b, rb = lwt.task()
  local p = lwt.both(a, b)
  ra:wakeup(1)
  rb:wakeup(2)
  say(p:state())
  return told()
end)

section("several, resolved", function()
  for _, name in ipairs {
    "join", "all", "settled", "any", "choose", "pick", "nchoose", "npick", "nchoose_split",
  } do
    say(name, lwt[name]({ lwt.fulfilled(1), lwt.fulfilled(2) }):state())
    say(lwt[name]({ lwt.task(), lwt.rejected "e", (lwt.task()) }):state())
    local ok, x = pcall(lwt[name], {})
    say(ok, ok and x:state() or x:match "%(.*" or x)
  end
  return told()
end)

section("cancelling", function()
  local a = lwt.task()
  local b = lwt.task()
  local x = a:bind(print):map(print):catch(function(e) return tostring(e) end)
  local y = b:finalize(function() say "finalizer" end)
  local all = lwt.all { x, y, (lwt.join { a, b }), lwt.pick { a, (lwt.wait()) } }
  a:on_cancel(function() say "a" end)
  b:on_cancel(function() say "b" end)
  all:cancel()
  say(x:state())
  say(y:state())
  say(all:state())
  local p, r = lwt.task()
  local q1, q2, q3 = lwt.protected(p), lwt.no_cancel(p), lwt.wrap_in_cancelable(p)
  q1:cancel()
  q2:cancel()
  say(q1:state())
  say(q2:state())
  q3:cancel()
  r:wakeup(1)
  for _, q in ipairs { p, q1, q2, q3 } do say(q:state()) end
  return told()
end)

section("storage", function()
  local key, other = lwt.new_key(), lwt.new_key()
  local p, r = lwt.wait()
  lwt.with_value(key, 1, function()
    p:map(function() say(lwt.get(key)) end):on_failure(say)
    p:on_any(function() say(lwt.get(key)) end, print)
    lwt.set(other, 2)
    p:try_bind(function() say(lwt.get(other)) end, print):on_failure(say)
  end)
  say(lwt.get(key))
  r:wakeup()
  say(pcall(lwt.with_value, key, 1, error, "e", 0))
  return told()
end)

section("callback style", function()
  say(lwt.from_callback(function(resolve) resolve(1, 2) end):state())
  say(lwt.from_callback(function(_, reject) reject "e" end):state())
  say(lwt.promisify(function(x, callback) callback(nil, x) end)(5):state())
  return told()
end)

section("tasks", function()
  local gate, r = lwt.wait()
  local tasks = {}
  for i = 1, 5 do
    tasks[i] = lwt.spawn(function()
      say(i, gate:await())
      lwt.yield()
      return i
    end)
  end
  tasks[2]:cancel()
  r:wakeup "x"
  for _ = 1, 5 do lwt.step() end
  for _, t in ipairs(tasks) do say(t:state()) end
  return told()
end)

section("scopes and time", function()
  require "lwt.engine".set "virtual"
  local ok, err = pcall(lwt.run, function()
    local p = lwt.scope(function(s)
      for i = 1, 3 do s:spawn(function() lwt.sleep(i):await() say(i) end) end
      s:spawn(function()
        lwt.sleep(2.5):await()
        error("scope", 0)
      end)
    end)
    say(pcall(lwt.await, p))
    say(pcall(lwt.await, lwt.with_timeout(1, (lwt.task()))))
    say(lwt.with_timeout(1, function()
      return lwt.shield(function()
        lwt.pause():await()
        return 9
      end)
    end):await())
  end)
  say(ok, err)
  return told()
end)

-- Whatever was refused, what was taken has been given back.
section("locks", function()
  local mutex, semaphore = require "lwt.mutex", require "lwt.semaphore"
  local barrier = require "lwt.barrier"
  local m, s, b = mutex.create(), semaphore.create(2), barrier.create(2)
  local function several(n, f)
    local tasks = {}
    for i = 1, n do
      local ok, p = pcall(f, i)
      if ok then tasks[#tasks + 1] = p else say(p) end
    end
    for _ = 1, 6 do lwt.step() end
    for _, p in ipairs(tasks) do
      local state, x = p:state()
      say(state, x)
      if state == "pending" then p:cancel() end
    end
    for _ = 1, 6 do lwt.step() end
  end
  for _ = 1, 2 do
    several(1, function() return m:with_lock(tostring, 5) end)
    several(1, function() return s:with(tostring, 5) end)
  end
  assert(not m:is_locked(), "a lock was lost")
  assert(tostring(s):find("(2 free)", 1, true), "a permit was lost")
  several(2, function(i) return m:with_lock(function() lwt.yield() return i end) end)
  several(3, function(i) return s:with(function() lwt.yield() return i end) end)
  several(3, function() return b:wait() end)
  return told()
end)

-- In tasks of their own, and in callbacks; once there is memory again all of it is free.
section("what is given back", function()
  local mutex, semaphore = require "lwt.mutex", require "lwt.semaphore"
  local pool, barrier = require "lwt.pool", require "lwt.barrier"
  local m, s, b = mutex.create(), semaphore.create(2), barrier.create(2)
  local p = pool.create(2, function() return {} end, { dispose = lwt.yield })
  -- (With room for all, so that none is forgotten where a list cannot grow.)
  local running = { n = 0, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil }
  local met = { n = 0, nil, nil, nil, nil, nil, nil, nil }
  local gate, open = lwt.wait()
  afterwards = function()
    if gate:is_pending() then open:wakeup() end
    for _, t in ipairs(running) do t:cancel() end
    for _ = 1, 10 do lwt.step() end
    assert(not m:is_locked(), "a lock was lost")
    assert(tostring(s):find("(2 free)", 1, true), "a permit was lost")
    local free = {}
    for i = 1, 2 do free[i] = p:use(lwt.yield) end
    assert(p:wait_queue_length() == 0, "a slot was lost")
    for _ = 1, 10 do lwt.step() end
    for i = 1, 2 do assert(free[i]:state() == "fulfilled", "a slot cannot be used") end
    -- Who waited at the barrier was let go two by two.
    local waiting = 0
    for _, q in ipairs(met) do if q:is_pending() then waiting = waiting + 1 end end
    assert(waiting < 2, "a barrier has forgotten somebody")
  end
  local function try(list, f, ...)
    local ok, x = pcall(f, ...)
    if ok then list.n, list[list.n + 1] = list.n + 1, x else say(x) end
  end
  local function use(x)
    lwt.yield()
    return x and type(x)
  end
  for i = 1, 3 do
    try(running, m.with_lock, m, use, i)
    try(running, s.with, s, use, i)
    try(running, p.use, p, use)
    try(met, b.wait, b)
  end
  for _ = 1, 3 do try(running, m.with_lock, m, function() return gate end) end
  try(running, p.clear, p)
  try(met, function() return b:wait():map(say) end)
  gate:on_success(function() try(met, b.wait, b) end)
  for _ = 1, 12 do lwt.step() end
  open:wakeup()
  for _ = 1, 8 do lwt.step() end
  if running[4] then running[4]:cancel() end
  for _ = 1, 4 do lwt.step() end
  for _, list in ipairs { running, met } do
    for _, q in ipairs(list) do say(q:state()) end
  end
  return told()
end)

section("conditions", function()
  local mutex, condition = require "lwt.mutex", require "lwt.condition"
  local m, c = mutex.create(), condition.create()
  local tasks, got = {}, {} -- (who finds no memory to wait for the mutex has it later than others)
  for i = 1, 3 do
    local ok, p = pcall(m.with_lock, m, function()
      got[i] = c:wait(m):await()
      assert(m:is_locked(), "waiting gave no lock back")
      lwt.yield()
    end)
    if ok then tasks[#tasks + 1] = p else say(p) end
  end
  local function turns() for _ = 1, 6 do lwt.step() end end
  turns()
  local done, why = pcall(c.broadcast, c, "all")
  if not done then
    say(why)
    c:broadcast "again"
  end
  turns()
  say(got[1], got[2], got[3])
  for _, p in ipairs(tasks) do say(p:state()) end
  return told()
end)

section("clocks and throttles", function()
  require "lwt.engine".set "virtual"
  local clock, throttle = require "lwt.clock", require "lwt.throttle"
  local c, t = clock.create { rate = 2 }, throttle.create(1, 4)
  local function finish(name, f)
    local promises = {}
    for i = 1, 3 do
      local ok, p = pcall(f, i)
      if ok then promises[#promises + 1] = p else say(p) end
    end
    for _, p in ipairs(promises) do
      for _ = 1, 200 do
        if not p:is_pending() then break end
        lwt.step()
      end
      say(name, p:state())
    end
  end
  for _ = 1, 2 do finish("clock", function(i) return c:sleep(4 - i) end) end
  for _ = 1, 2 do finish("throttle", function() return t:wait "key" end) end
  c:pause()
  local p = c:sleep(1)
  c:advance(1)
  say(p:state())
  return told()
end)

section("pools and crews", function()
  require "lwt.engine".set "virtual"
  local list = require "lwt.list"
  local made = 0
  local pool = require "lwt.pool".create(1, function()
    made = made + 1
    return made
  end)
  local ok, err = pcall(lwt.run, lwt.with_timeout(1000, function()
    local tasks
    local function try(f, ...)
      local done, p = pcall(f, ...)
      if done then tasks[#tasks + 1] = p else say(p) end
    end
    local function finish()
      for _, p in ipairs(tasks) do say(pcall(lwt.await, p)) end
    end
    tasks = {}
    for i = 1, 2 do try(pool.use, pool, function(x) lwt.sleep(i):await() return x end) end
    try(list.map_p, function(i) lwt.sleep(i):await() return i end, { 1, 2 })
    finish()
    tasks = {}
    try(pool.clear, pool)
    for _ = 1, 2 do try(pool.use, pool, function() lwt.sleep(1):await() return "again" end) end
    finish()
  end))
  say(ok, err)
  return told()
end)

section("mvars", function()
  local mvar = require "lwt.mvar"
  local m = mvar.create(0)
  local direct = lwt.direct(m)
  lwt.run(function()
    local tasks = {}
    for i = 1, 4 do
      tasks[#tasks + 1] = lwt.spawn(function()
        direct:put(i)
        return i
      end)
      tasks[#tasks + 1] = lwt.spawn(function() return m:put({ i }):await() end)
    end
    tasks[3]:cancel()
    tasks[6]:cancel()
    for _ = 1, 3 do say(type(direct:take()), type(m:take():await())) end
    for i = 1, 3 do tasks[#tasks + 1] = lwt.spawn(function() say(i, type(direct:take())) end) end
    tasks[#tasks]:cancel()
    lwt.current():cancel()
    say(pcall(lwt.await, m:take()))
    m:put "late"
    lwt.yield()
    for _, t in ipairs(tasks) do say(t:state()) end
    say(m:take_available())
  end)
  return told()
end)

-- A stream whose source waits: elements, an error, the end. `read` reads all of it, in its style.
local function streamed(read)
  local stream = require "lwt.stream"
  local n = 0
  local s = stream.from(function()
    n = n + 1
    lwt.yield()
    if n == 2 then error("two", 0) end
    if n < 4 then return n end
  end)
  s:closed():on_success(function() say "closed" end)
  local over = lwt.with_timeout(5, read(s))
  local ok, err = pcall(lwt.run, over)
  if err == lwt.Timeout then return "hangs" end
  if not ok then say(err) end
  return told()
end

section("a stream that is read in a task", function()
  return streamed(function(s)
    return lwt.spawn(function()
      for _ = 1, 6 do
        local ok, v = pcall(lwt.await, s:get())
        say(ok, v)
        if ok and v == nil then return end
      end
    end)
  end)
end)

section("a stream that is read with bind", function()
  return streamed(function(s)
    local function again(i)
      return s:get():try_bind(function(v)
        say(v)
        return v and again(i + 1)
      end, function(err)
        say(err)
        return i < 6 and again(i + 1)
      end)
    end
    return again(1)
  end)
end)

section("coroutines", function()
  lwt.run(function()
    local g = lwt.coroutine.wrap(function()
      for i = 1, 3 do
        lwt.yield()
        lwt.coroutine.yield(i)
      end
    end)
    say(g(), g(), g())
  end)
  return told()
end)

section("react", function()
  local E, S = require "lwt.react.event", require "lwt.react.signal"
  local s, set = S.create(1)
  local e, send = E.create()
  local branches = {}
  for i = 1, 12 do branches[i] = s:map(function(v) return v + i end) end
  local sum = S.merge(branches, 0, function(acc, v) return acc + v end)
  local seen = {}
  local listener = e:map(function(v)
    seen[#seen + 1] = v
    if v < 3 then send(v + 1) end
  end)
  local inner, set_inner = S.create(sum)
  local switched = inner:switch()
  set(2)
  send(1)
  set_inner(branches[1])
  set(3)
  listener:stop()
  sum:stop(true)
  say(sum:value(), switched:value())
  say(table.unpack(seen))
  return told()
end)

return M

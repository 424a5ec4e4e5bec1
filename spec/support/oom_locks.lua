-- Sections of oom.lua: locks, permits, barriers, conditions, clocks, throttles, pools and mvars.
local oom = ...
local lwt = require "lwt"
local section, say, told = oom.section, oom.say, oom.told

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
  oom.afterwards(function()
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
  end)
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

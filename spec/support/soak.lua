-- A round of everything at once, on the virtual engine: tasks that spawn, wait, fail, are cancelled
-- and time out, in nested scopes, shields and time-outs, over every kind of thing to wait for.
--
-- soak.round(seed) raises what it finds: an error that nobody raised, a rule that does not hold, or
-- something that is left. It returns what it did, as a table of counts.

local lwt = require "lwt"
local test = require "lwt.test"
local barrier = require "lwt.barrier"
local condition = require "lwt.condition"
local mutex = require "lwt.mutex"
local mvar = require "lwt.mvar"
local pool = require "lwt.pool"
local semaphore = require "lwt.semaphore"
local stream = require "lwt.stream"
local switch = require "lwt.switch"
local throttle = require "lwt.throttle"

local await, random = lwt.await, math.random
local unpack = table.unpack

local M = {}

local Failure = setmetatable({}, { __tostring = function() return "a failure that was planned" end })

local world -- of the round that is running

local function count(what) world.counts[what] = (world.counts[what] or 0) + 1 end

-- What is wrong is kept until the end of the round: raised here, it would be one more failure of
-- many.
local function finding(...)
  world.findings[#world.findings + 1] = string.format(...)
end

local expected = {
  [Failure] = true, [lwt.Canceled] = true, [lwt.Timeout] = true, [lwt.Closed] = true,
  [switch.Off] = true, [stream.Empty] = true,
}

-- Errors are of those that the round raises, or a list of them (any).
local function look_at(err)
  if expected[err] then return end
  if type(err) == "table" and getmetatable(err) == nil and #err > 0 then
    for _, e in ipairs(err) do look_at(e) end
    return
  end
  finding("an error that nobody raised: %s", lwt.traceback(err))
end

local function try(f, ...)
  local results = table.pack(pcall(f, ...))
  if not results[1] then look_at(results[2]) end
  return unpack(results, 1, results.n)
end

-- Somebody may cancel it, and the end of the round waits for it.
local function keep(p)
  local all = world.promises
  all[#all + 1] = p
  p:on_failure(look_at)
  return p
end

-- A variable that is closed in the end, whatever happens; closing may take a while.
local guard = { __close = function()
  if random(4) == 1 then lwt.shield(lwt.sleep, random()) end
  world.open = world.open - 1
end }
local function open()
  world.open = world.open + 1
  return setmetatable({}, guard)
end

local work -- depth: one random thing after another

local function child(depth)
  return keep(lwt.spawn(work, depth - 1))
end

-- A promise that ends by itself sooner or later.
local function something(depth)
  local n = random(8)
  if n == 1 then return lwt.fulfilled(n) end
  if n == 2 then return keep(lwt.sleep(random()):bind(function() return lwt.rejected(Failure) end)) end
  if n == 3 then return keep(lwt.pause()) end
  if n == 4 then return keep(lwt.timeout(random() * 3)) end
  if n <= 6 and depth > 0 then return child(depth) end
  return keep(lwt.sleep(random() * 2))
end

local function some(depth)
  local list = {}
  for i = 1, random(4) do list[i] = something(depth) end
  return list
end

-- What may wait for ever gets a limit.
local function limited(x) return await(lwt.with_timeout(random() * 3, x)) end

local steps = {
  function() await(lwt.sleep(random())) end,
  function() await(lwt.sleep(0)) end,
  function() lwt.yield() end,
  function() await(lwt.pause()) end,
  function() error(Failure, 0) end,

  function(depth) -- a task nobody waits for, some of the time
    local p = child(depth)
    if random(2) == 1 then return end
    if random(3) == 1 then
      lwt.yield()
      p:cancel()
    end
    try(await, p)
  end,

  function(depth) -- a scope: when it is over, all that began in it is over
    local going, s = 0, nil
    local p = keep(lwt.scope(function(scope)
      s = scope
      local _ <close> = open()
      for _ = 1, random(5) do
        keep(scope:spawn(function()
          going = going + 1
          local _ <close> = setmetatable({}, { __close = function() going = going - 1 end })
          work(depth - 1)
        end))
      end
      if random(4) == 1 then
        scope:cancel()
        -- Every await says so, again and again.
        for _ = 1, 2 do
          local ok, err = pcall(lwt.yield)
          if ok or err ~= lwt.Canceled then finding("an await in a canceled scope: %s", err) end
        end
      end
      work(depth - 1)
    end))
    if random(5) == 1 then keep(lwt.sleep(random()):map(function() s:cancel() end)) end
    try(await, p)
    -- What interrupted us has cancelled the scope, which may still be cleaning up.
    if not p:is_pending() and going ~= 0 then finding("a scope ended before %d of it", going) end
  end,

  function(depth) -- a shield ends by itself
    local ended = false
    lwt.shield(function()
      try(work, depth - 1)
      ended = true
    end)
    if not ended then finding("a shield was left before its end") end
  end,

  function(depth) limited(function() work(depth - 1) end) end,
  function(depth) limited(something(depth)) end,

  function(depth) await(lwt.pick(some(depth))) end,
  function(depth) await(lwt.choose(some(depth))) end,
  function(depth) await(lwt.join(some(depth))) end,
  function(depth) await(lwt.all(some(depth))) end,
  function(depth) await(lwt.any(some(depth))) end,
  function(depth) await(lwt.settled(some(depth))) end,
  function(depth) await(lwt.both(something(depth), something(depth))) end,
  function(depth) await(lwt.npick(some(depth))) end,
  function(depth) await(lwt.nchoose_split(some(depth))) end,

  function(depth) -- a chain
    local p, ended = something(depth), 0
    for _ = 1, random(6) do
      local n = random(5)
      if n == 1 then
        p = p:bind(function() return lwt.sleep(random()) end)
      elseif n == 2 then
        p = p:map(function(...) return ... end)
      elseif n == 3 then
        p = p:catch(function(err) return random(2) == 1 and lwt.rejected(err) or lwt.pause() end)
      elseif n == 4 then
        world.open = world.open + 1
        p = p:finalize(function()
          world.open = world.open - 1
          ended = ended + 1
          return lwt.sleep(random())
        end)
      else
        p = p:try_bind(function() return lwt.pause() end, lwt.rejected)
      end
    end
    keep(p)
    if random(3) == 1 then p:cancel() end
    await(p)
  end,

  function(depth) -- not to be cancelled, at least not this one
    local p = something(depth)
    local q = keep(random(2) == 1 and lwt.protected(p) or lwt.no_cancel(p))
    if random(2) == 1 then q:cancel() end
    await(q)
  end,

  function(depth) -- a coroutine of its own, which awaits and yields
    local co = lwt.coroutine.wrap(function()
      local _ <close> = open()
      for i = 1, random(4) do
        if random(2) == 1 then lwt.yield() else try(await, something(depth)) end
        lwt.coroutine.yield(i)
      end
      return nil
    end)
    local last = 0
    for i in co do
      if i ~= last + 1 then finding("a coroutine gave %s after %d", i, last) end
      last = i
    end
  end,

  function(depth) -- storage
    local value = {}
    lwt.with_value(world.key, value, function()
      try(work, depth - 1)
      if lwt.get(world.key) ~= value then finding("a task's value is another's") end
      await(keep(lwt.pause():map(function()
        if lwt.get(world.key) ~= value then finding("a callback's value is another's") end
      end)))
    end)
  end,

  function() -- an mvar: what is put is taken, once
    local v = world.mvar
    if random(2) == 1 then
      world.last = world.last + 1
      local n = world.last
      world.put[n] = true -- somebody may take it before put returns
      local p = v:put(n)
      world.put[n] = world.put[n] and p
      limited(p)
    else
      local p = v:take()
      p:on_success(function(n) -- also when we are cancelled before we see it
        if not world.put[n] then finding("an mvar gave %s, which is not in it", n) end
        world.put[n] = false
      end)
      limited(p)
    end
  end,

  function() -- a bounded stream: each element comes out once
    if random(2) == 1 then
      world.pushed = world.pushed + 1
      local n = world.pushed
      world.on_the_way[n] = true
      local p = world.pusher:push(n)
      world.on_the_way[n] = world.on_the_way[n] and p
      limited(p)
    else
      local p = world.stream:get()
      p:on_success(function(n)
        if not world.on_the_way[n] then finding("a stream gave %s, which is not in it", n) end
        world.on_the_way[n] = false
      end)
      limited(p)
    end
  end,

  function(depth) -- one at a time
    limited(world.mutex:with_lock(function()
      if world.inside then finding("two are in a mutex") end
      world.inside = true
      local _ <close> = setmetatable({}, { __close = function() world.inside = false end })
      try(work, depth - 1)
    end))
  end,

  function(depth) -- three at a time
    limited(world.semaphore:with(function()
      world.at_once = world.at_once + 1
      if world.at_once > 3 then finding("%d are past a semaphore of 3", world.at_once) end
      local _ <close> = setmetatable({}, { __close = function()
        world.at_once = world.at_once - 1
      end })
      try(work, depth - 1)
    end))
  end,

  function(depth) -- elements of a pool
    limited(world.pool:use(function(element)
      if element.used then finding("an element of a pool has two users") end
      element.used = true
      local _ <close> = setmetatable({}, { __close = function() element.used = false end })
      work(depth - 1)
    end))
  end,

  function() -- a condition, with and without a mutex
    local n = random(4)
    if n == 1 then
      world.condition:signal(n)
    elseif n == 2 then
      world.condition:broadcast(n)
    elseif n == 3 then
      limited(world.condition:wait())
    else
      limited(world.mutex:with_lock(function()
        -- Not with_timeout, which does not wait until the mutex is held again.
        local p = world.condition:wait(world.mutex)
        local late = keep(lwt.sleep(random()):map(function() p:cancel() end))
        try(await, p)
        late:cancel()
        if not world.mutex:is_locked() then finding("a condition gave no mutex back") end
      end))
    end
  end,

  function() limited(world.barrier:wait()) end,
  function() limited(world.throttle:wait(random(2))) end,

  function(depth) -- what hangs on a switch is released
    local sw <close> = switch.create()
    world.open = world.open + 1
    sw:add_hook(function()
      await(lwt.sleep(random()))
      world.open = world.open - 1
    end)
    work(depth - 1)
  end,

  function(depth) -- an error for the hook
    lwt.async(function()
      work(depth - 1)
    end)
  end,

  function() -- a promise of nobody
    local p = lwt.task()
    limited(p)
  end,
  function()
    local p = lwt.wait()
    limited(p)
  end,

  function() -- cancel anybody
    local p = world.promises[random(#world.promises)]
    if p then
      count "cancels"
      p:cancel()
    end
  end,
}

function work(depth)
  count "works"
  local _ <close> = open()
  for _ = 1, random(4) do
    if world.budget <= 0 then return await(lwt.pause()) end
    world.budget = world.budget - 1
    local step = steps[depth > 0 and random(#steps) or random(5)]
    count "steps"
    if random(3) == 1 then step(depth) else try(step, depth) end
  end
end

local function fresh(counts)
  local s, pusher = stream.create_bounded(random(4) - 1)
  local pool_made = 0
  local w = {
    counts = counts, findings = {}, promises = {}, open = 0, budget = 300,
    key = lwt.new_key(), mvar = mvar.create(), put = {}, last = 0,
    stream = s, pusher = pusher, pushed = 0, on_the_way = {},
    mutex = mutex.create(), semaphore = semaphore.create(3), at_once = 0,
    condition = condition.create(), barrier = barrier.create(2), throttle = throttle.create(3, 4),
  }
  w.pool = pool.create(2, function()
    if random(5) == 1 then error(Failure, 0) end
    await(lwt.sleep(random()))
    pool_made = pool_made + 1
    return {}
  end, {
    validate = function() return random(5) > 1 end,
    check = function() return random(3) > 1 end,
    dispose = function()
      pool_made = pool_made - 1
      await(lwt.sleep(random()))
    end,
  })
  w.pool_made = function() return pool_made end
  return w
end

-- Wait until nothing runs any more, helping with a cancel where it takes long.
local function wind_up()
  local from = 1
  while from <= #world.promises do
    local all = table.move(world.promises, from, #world.promises, 1, {})
    from = #world.promises + 1
    local done = lwt.settled(all)
    if random(2) == 1 then
      for _, p in ipairs(all) do p:cancel() end
    end
    lwt.no_cancel(done):await()
  end
  -- What was begun without a name: async tasks, and finalizers of what has been cancelled.
  for _ = 1, 1000 do
    if #lwt.tasks() <= 1 and world.open == 0 then break end
    await(lwt.sleep(1))
  end
end

-- Runs a round. The counts are added to `counts`, where that is given.
function M.round(seed, counts)
  counts = counts or {}
  local before = lwt.async_exception_hook()
  local function body()
    world = fresh(counts)
    for _ = 1, random(6) do
      keep(lwt.spawn(function()
        while world.budget > 0 do try(work, random(5)) end
      end))
    end
    local ok, err = pcall(wind_up)
    if not ok then finding("the round did not wind up: %s", lwt.traceback(err)) end
    if world.open ~= 0 then finding("%d things were not closed", world.open) end
    if world.inside or world.mutex:is_locked() then finding("the mutex is locked") end
    if world.at_once ~= 0 then finding("%d are inside the semaphore", world.at_once) end
    local acquired = 0
    for _ = 1, 4 do
      local p = world.semaphore:acquire()
      if p:state() == "fulfilled" then acquired = acquired + 1 else p:cancel() end
    end
    if acquired ~= 3 then finding("the semaphore of 3 has %d left", acquired) end
    local ok_pool = pcall(await, lwt.with_timeout(100, world.pool:clear()))
    if not ok_pool or world.pool_made() ~= 0 then
      finding("%d elements of the pool were not disposed of", world.pool_made())
    end
    -- What was put, and not withdrawn, is there.
    local left = 0
    for _, p in pairs(world.put) do left = left + (p and p:state() == "fulfilled" and 1 or 0) end
    if left ~= (world.mvar:is_empty() and 0 or 1) then finding("an mvar lost %d", left) end
    world.pusher:close()
    left = 0
    for n in world.stream do
      if not world.on_the_way[n] then finding("a stream gave %s, which is not in it", n) end
      world.on_the_way[n] = false
    end
    for _, p in pairs(world.on_the_way) do left = left + (p and p:state() == "fulfilled" and 1 or 0) end
    if left > 0 then finding("a stream lost %d", left) end
    world.promises = {}
    await(lwt.sleep(10)) -- throttles forget
    test.assert_clean()
    counts.rounds = (counts.rounds or 0) + 1
    if #world.findings > 0 then error(table.concat(world.findings, "\n"), 0) end
  end
  lwt.async_exception_hook(look_at)
  local ok, err = pcall(test.fuzz(seed, body, { timeout = 600 }))
  lwt.async_exception_hook(before)
  world = nil
  if not ok then error(("soak: %s"):format(tostring(err)), 0) end
  return counts
end

return M

-- Operations that wait for each other, for finalizer.lua: in the middle of asking for something, a
-- finalizer brings it about. Whoever asks has to be told, and nobody twice.
local kit = require "spec.support.finalizer"
local lwt = require "lwt"
local barrier = require "lwt.barrier"
local mutex, semaphore = require "lwt.mutex", require "lwt.semaphore"
local pool, stream, throttle = require "lwt.pool", require "lwt.stream", require "lwt.throttle"
local await, equal = lwt.await, kit.equal

-- An operation that asks by `ask(s)`, a promise, while a finalizer may `give(s)`. If it did, the
-- promise is fulfilled, with what `want` says; else it waits, until it is given that here.
local function asks(name, setup, ask, give, want)
  return {
    name = name,
    setup = setup,
    run = function(s) s.p = ask(s) end,
    disturb = { give = give },
    check = function(s, came)
      if not s.p or came == "cancel" then return end -- (what was asked for is withdrawn)
      if came ~= "give" then give(s) end
      lwt.yield()
      lwt.yield()
      local state, value = s.p:state()
      equal("fulfilled", state)
      if want ~= nil then equal(want, value) end
      if s.other then equal("fulfilled", (s.other:state())) end
    end,
  }
end

local function locked()
  local s = { m = mutex.create() }
  await(s.m:lock())
  return s
end

local function unlock(s) s.m:unlock() end

local function emptied()
  return { sem = semaphore.create(0) }
end

local function release(s) s.sem:release() end

-- A pool whose only element is in use until `give` ends that.
local function in_use()
  local s = { p = false, pool = pool.create(1, function() return "it" end) }
  local gate, open = lwt.wait()
  s.user = s.pool:use(function() return gate end)
  s.open = open
  return s
end

local function pushed()
  local s = {}
  s.stream, s.push = stream.create()
  return s
end

-- A stream that belongs to a section until `s.open` is called.
local function in_section()
  local s = pushed()
  local gate, open = lwt.wait()
  s.open = open
  s.other = s.stream:parse(function() await(gate) end)
  return s
end

local function bounded(n)
  return function()
    local s = {}
    s.stream, s.pusher = stream.create_bounded(n)
    return s
  end
end

local function push(s) s.push(1) end
local function push_bounded(s) s.other = s.pusher:push(1) end
local function next_of(s) return s.stream:next() end

local list = {
  asks("locks: mutex", locked, function(s) return s.m:lock() end, unlock),
  asks("locks: mutex, with_lock", locked, function(s) return s.m:with_lock(function() return 7 end) end,
    unlock, 7),
  asks("locks: semaphore", emptied, function(s) return s.sem:acquire() end, release),
  asks("locks: semaphore, with", emptied, function(s) return s.sem:with(function() return 7 end) end,
    release, 7),
  asks("locks: pool", in_use, function(s) return s.pool:use(function(x) return x end) end,
    function(s) s.open:wakeup() end, "it"),
  asks("locks: barrier", function() return { b = barrier.create(2) } end,
    function(s) return s.b:wait() end, function(s) s.other = s.b:wait() end),
  asks("locks: barrier of three", function()
    local b = barrier.create(3)
    b:wait()
    return { b = b }
  end, function(s) return s.b:wait() end, function(s) s.other = s.b:wait() end),
  asks("elements: of a stream, get", pushed, next_of, push, 1),
  asks("elements: of a stream, peek", pushed, function(s) return s.stream:peek() end, push, 1),
  asks("elements: of a stream, nget", pushed, function(s) return s.stream:nget(1):map(table.unpack) end,
    push, 1),
  asks("elements: of a stream, get, behind another", function()
    local s = pushed()
    s.other = s.stream:get()
    return s
  end, next_of, function(s)
    s.push(0)
    s.push(1)
  end, 1),
  asks("elements: of a clone", function()
    local s = pushed()
    s.stream = s.stream:clone()
    return s
  end, next_of, push, 1),
  asks("elements: of a mapped stream", function()
    local s = pushed()
    s.source = s.stream
    s.stream = s.stream:map(function(v) return v end)
    return s
  end, next_of, push, 1),
  asks("elements: of a chain that is taken apart", function()
    local s = pushed()
    s.stream = s.stream:map(function(v) return v end)
    s.other = s.stream:filter(function() return true end):get()
    return s
  end, next_of, function(s)
    s.push(0)
    s.push(1)
  end, 1),
  asks("elements: at the end of a chunk", function()
    local s = pushed()
    for i = 1, 64 do s.push(i) end
    s.stream:get_available()
    return s
  end, function(s)
    s.push(1)
    s.push(3)
    return s.stream:nget(3):map(function(l) return l[1] + l[2] + l[3] end)
  end, function(s) s.push(2) end, 6),
  asks("elements: behind a section", in_section, next_of, function(s)
    s.open:wakeup()
    s.push(1)
  end, 1),
  asks("elements: behind a section, peek", in_section, function(s) return s.stream:peek() end, function(s)
    s.open:wakeup()
    s.push(1)
  end, 1),
  asks("elements: a section", function()
    local s = pushed()
    s.other = s.stream:nget(2)
    return s
  end, function(s) return s.stream:parse(function(x) return await(x:get()) end) end, function(s)
    for i = 1, 3 do s.push(i) end
    lwt.yield()
  end, 3),
  asks("elements: nget of a clone behind another", function()
    local s = pushed()
    s.clone = s.stream:clone()
    s.other = s.stream:nget(2)
    return s
  end, function(s)
    return s.stream:nget(2):map(function(l) return l[1] * 10 + l[2] end)
  end, function(s)
    for i = 1, 4 do s.push(i) end
  end, 34),
  asks("elements: npeek of a bounded stream", bounded(1), function(s)
    return s.stream:npeek(2):map(function(l) return l[1] * 10 + l[2] end)
  end, function(s)
    s.pusher:push(3)
    s.pusher:push(4)
  end, 34),
  asks("elements: of a generator", function()
    local s = {}
    local gate, open = lwt.wait()
    s.open = open
    s.stream = stream.generate(function(yield) await(gate) yield(1) end)
    return s
  end, next_of, function(s) s.open:wakeup() end, 1),
  asks("elements: of two that are combined", function()
    local s = pushed()
    s.two, s.push_two = stream.create()
    s.stream = stream.combine(s.stream, s.two):map(function(l) return l[1] + l[2] end)
    return s
  end, next_of, function(s) s.push(1) s.push_two(2) end, 3),
  asks("elements: of two that are chosen from", function()
    local s = pushed()
    s.stream = stream.choose { s.stream, (stream.create()) }
    return s
  end, next_of, push, 1),
  asks("elements: of a task", function()
    local s = {}
    local gate, open = lwt.wait()
    s.open = open
    s.stream = stream.from(function() return gate end)
    return s
  end, next_of, function(s) s.open:wakeup(1) end, 1),
  asks("elements: of a bounded stream, get", bounded(1), next_of, push_bounded, 1),
  asks("elements: of a bounded stream without room, get", bounded(0), next_of, push_bounded, 1),
  asks("elements: of a bounded stream without room, push", bounded(0),
    function(s) return s.pusher:push(1) end, function(s) s.other = s.stream:get() end),
  asks("elements: of a full stream, push", function()
    local s = bounded(1)()
    s.pusher:push(0)
    return s
  end, function(s) return s.pusher:push(1) end, function(s) s.other = s.stream:get() end),
  asks("elements: of a stream that ends", pushed, function(s) return s.stream:get() end,
    function(s) s.push(nil) end),
  asks("elements: a stream's end", pushed, function(s) return s.stream:closed() end,
    function(s) s.push(nil) end),
  asks("elements: all up to the end", pushed, function(s) return s.stream:to_list():map(function(l) return l.n end) end,
    function(s)
      s.push(1)
      s.push(nil)
    end, 1),
  asks("elements: by a task's loop", pushed, function(s)
    return lwt.spawn(function()
      for v in s.stream do return v end -- luacheck: ignore 512
    end)
  end, push, 1),
}

-- The push of a task that is to be told of a cancel begins a turn later: a finalizer's is late as well.
list[#list + 1] = {
  name = "elements: pushed by a task that is cancelled",
  setup = bounded(8),
  run = function(s)
    pcall(await, lwt.spawn(function()
      lwt.current():cancel()
      s.p = s.pusher:push(1)
    end))
  end,
  disturb = {
    push = function(s) s.other = s.pusher:push(2) end,
    close = function(s) s.pusher:close() end,
  },
  check = function(s, came)
    if came == "cancel" then return end
    for _ = 1, 3 do lwt.yield() end
    local state = s.p and s.p:state()
    if came == "close" and state == "rejected" then return end
    equal("fulfilled", state)
    if s.other then equal("fulfilled", (s.other:state())) end
  end,
}

-- What comes from a source goes to the reader who is first in line, in its order.
list[#list + 1] = {
  name = "elements: from a source, nget",
  setup = function()
    local s = pushed()
    for i = 1, 5 do s.push(i) end
    s.stream = stream.of_list({}):append(s.stream)
    return s
  end,
  run = function(s) return s.stream:nget(2) end,
  disturb = {
    look = function(s) s.stream:npeek(2) end,
    withdraw = function(s) s.stream:nget(9):cancel() end,
  },
  check = function(s, came, ok, read)
    local got = ok and read or {}
    if came == "cancel" then return end
    for _, v in ipairs(s.stream:get_available()) do got[#got + 1] = v end
    equal("1 2 3 4 5", table.concat(got, " "))
  end,
}

-- It is shown to those who only look, and then has to wait, unless a finalizer has made room.
list[#list + 1] = {
  name = "elements: of a full stream at which others look, push",
  setup = function()
    local s = bounded(1)()
    s.pusher:push(0)
    s.pusher:push(1)
    s.look, s.got = s.stream:npeek(4), {}
    s.take = function()
      for _, v in ipairs(s.stream:get_available()) do s.got[#s.got + 1] = v end
    end
    return s
  end,
  run = function(s) s.p = s.pusher:push(2) end,
  disturb = {
    take = function(s) s.take() end,
    wait = function(s)
      for _ = 1, 3 do s.stream:get():on_success(function(v) s.got[#s.got + 1] = v end) end
    end,
    look = function(s) s.other = s.stream:npeek(3) end,
    close = function(s) s.pusher:close() end,
  },
  check = function(s, came)
    if not s.p or came == "cancel" then return end
    if came == "close" then return equal(false, s.p:is_pending()) end
    if came == "look" then equal("fulfilled", (s.other:state())) end
    s.take()
    equal("0 1 2", table.concat(s.got, " "))
    equal("fulfilled", (s.p:state()))
  end,
}

-- At most so many a second, however they come.
list[#list + 1] = {
  name = "locks: throttle",
  setup = function() return { t = throttle.create(2, 10), p = {} } end,
  run = function(s) s.p[1] = s.t:wait "key" end,
  disturb = {
    ask = function(s) for i = 2, 3 do s.p[i] = s.t:wait "key" end end,
  },
  check = function(s, came)
    if came ~= "ask" then return end
    local n = 0
    for i = 1, 3 do
      if not s.p[i]:is_pending() then n = n + 1 end
    end
    equal(2, n)
    for i = 1, 3 do s.p[i]:cancel() end
  end,
}

-- No more are made than the pool is for.
list[#list + 1] = {
  name = "locks: a pool's places",
  setup = function()
    local s = { now = 0, most = 0 }
    s.pool = pool.create(1, function() return "it" end)
    s.work = function()
      s.now = s.now + 1
      s.most = math.max(s.most, s.now)
      lwt.yield()
      s.now = s.now - 1
    end
    return s
  end,
  run = function(s) await(s.pool:use(s.work)) end,
  disturb = { use = function(s) return s.pool:use(s.work) end },
  check = function(s, _, ok)
    if ok then equal(1, s.most) end
  end,
}

return list

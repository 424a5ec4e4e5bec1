-- A storm of everything that more than one thread takes part in: detached functions that are
-- cancelled, fail and detach themselves, channels, notifications, jobs, states that close in the
-- middle of it all. Meant for the thread sanitizer.
--
--   lua5.4 spec/support/storm.lua SECONDS [SEED [MODULE]]
--
-- MODULE is spec/support/threads.c, built (see the spec); without it there are no jobs and
-- notifications. Ends with "storm: ok" and counts, and a state that closes while things go on.

local lwt = require "lwt"
local preemptive = require "lwt.preemptive"
local bytes = require "lwt.bytes"
local await = lwt.await

local seconds, seed, module = tonumber(arg[1]) or 2, tonumber(arg[2]) or 1, arg[3]
math.randomseed(seed)
local c = module and assert(package.loadlib(module, "luaopen_spec_threads"))()

local done = {}
local function count(what) done[what] = (done[what] or 0) + 1 end

local deadline = lwt.now() + seconds
local function going() return lwt.now() < deadline end

local function swallow(p) lwt.catch(p, function() count "failed" end) end

-- Functions that come back, are cancelled, fail, or carry something.
local function detaching()
  local shared = { 1, 2, { 3 } }
  while going() do
    local list = {}
    for i = 1, math.random(1, 30) do
      local what = math.random(6)
      local p
      if what == 1 then
        p = preemptive.detach(function(x) return x end, i)
      elseif what == 2 then
        p = preemptive.detach(function() error "on purpose" end)
      elseif what == 3 then
        p = preemptive.detach(function(t) return t[3], shared end, shared)
      elseif what == 4 then
        local b = bytes.create(1000)
        b:set(5, 7)
        p = preemptive.detach(function(x)
          assert(x:get(5) == 7)
          return x
        end, b)
      elseif what == 5 then
        p = preemptive.detach(function(n)
          local t = {}
          for k = 1, n do t[k] = { k } end
          return #t
        end, math.random(1, 300))
      else
        p = preemptive.detach(function()
          local l = require "lwt"
          l.run(l.sleep(0.001))
          return require "lwt.preemptive".run_in_main(function(x) return x + 1 end, 1)
        end)
      end
      swallow(p)
      if math.random(4) == 1 then
        p:cancel()
        count "cancelled"
      end
      list[i] = p
    end
    for _, p in ipairs(list) do
      if pcall(await, p) then count "detached" end
    end
  end
end

-- Traffic between states, with receivers and senders that give up.
local function talking()
  while going() do
    local there, back = preemptive.channel(math.random(0, 3)), preemptive.channel(math.random(0, 3))
    local n = math.random(1, 60)
    local echo = preemptive.detach(function()
      local l = require "lwt"
      return l.run(function()
        local seen = 0
        while true do
          local p = there:recv()
          if seen % 7 == 3 and p:is_pending() then
            p:cancel()
            p = there:recv()
          end
          local x = p:await()
          if x == nil then break end
          seen = seen + 1
          back:send(x, { x }):await()
        end
        back:close()
        return seen
      end)
    end)
    lwt.async(function()
      for i = 1, n do
        local lost = math.random(10) == 1 and there:send "lost"
        if lost then lost:cancel() end
        await(there:send(i))
      end
      there:close()
    end)
    local seen = 0
    while true do
      local p = back:recv()
      if math.random(5) == 1 and p:is_pending() then
        p:cancel()
        p = back:recv()
      end
      local x = await(p)
      if x == nil then break end
      seen = seen + 1
    end
    assert(await(echo) == seen)
    assert(seen >= n)
    count "conversations"
  end
end

-- States within states, which close while their own workers are at it.
local function nesting()
  while going() do
    local ok = pcall(await, preemptive.detach(function(n)
      local l, p = require "lwt", require "lwt.preemptive"
      p.set_bounds(0, 1 + n % 2)
      for i = 1, n do
        l.catch(p.detach(function()
          local t = {}
          for k = 1, 1000 do t[k] = k end
          return i, #t
        end), print)
      end
      local ch = p.channel(0)
      l.catch(p.detach(function()
        local inner = require "lwt"
        inner.run(inner.with_timeout(0.02, ch:recv()))
      end), function() end)
      return l.run(p.detach(function() return 1 end))
    end, math.random(0, 8)))
    if ok then count "nested" end
    preemptive.set_bounds(0, math.random(1, 4)) -- states above this close now
  end
end

local function notifying()
  while going() do
    local sum = 0
    local n = c.note(function(k) sum = sum + k end, true)
    local threads = {}
    for i = 1, math.random(1, 3) do threads[i] = c.thread(n, math.random(1, 200)) end
    await(lwt.sleep(0.001))
    if math.random(2) == 1 then n:stop() end
    for _, t in ipairs(threads) do c.join(t) end
    n:stop()
    count "notified"
  end
end

local function working()
  while going() do
    local list = {}
    for i = 1, math.random(1, 40) do
      list[i] = c.job(i, math.random(8) == 1 and "fail" or "", math.random(10) == 1 and 0.001 or 0)
      swallow(list[i])
      if math.random(4) == 1 then list[i]:cancel() end
    end
    for _, p in ipairs(list) do
      if pcall(await, p) then count "jobs" end
    end
  end
end

lwt.run(function()
  local tasks = { lwt.spawn(detaching), lwt.spawn(detaching), lwt.spawn(talking), lwt.spawn(talking),
    lwt.spawn(nesting) }
  if c then
    tasks[#tasks + 1] = lwt.spawn(notifying)
    tasks[#tasks + 1] = lwt.spawn(working)
  end
  await(lwt.join(tasks))
end)

-- What is left is cut off by the end of the state.
local ch = preemptive.channel(1)
for i = 1, 20 do
  swallow(preemptive.detach(function()
    local l = require "lwt"
    l.run(function()
      while true do ch:send(i):await() end
    end)
  end))
  if c then swallow(c.job(i, "", 0.001)) end
end
if c then
  last = c.note(print, true) -- luacheck: ignore
  last:send() -- luacheck: ignore
end

local names, out = {}, {}
for name in pairs(done) do names[#names + 1] = name end
table.sort(names)
for i, name in ipairs(names) do out[i] = name .. " " .. done[name] end
io.write("storm: ok: ", table.concat(out, ", "), "\n")
os.exit(0, true)

-- The styles of reading and writing of soak_bytes.lua: functions of a connection, by name; and what
-- the round itself reads and writes with.
local lwt = require "lwt"
local core = require "lwt.core"
local stream = require "lwt.stream"
local world = require "spec.support.soak_bytes_world"

local await, random, spawn = lwt.await, math.random, lwt.spawn
local count, finding = world.count, world.finding

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
  world.now.promises[random(20)] = p
  return p
end

local function some_turns()
  for _ = 1, random(3) - 1 do lwt.yield() end
end

local function another() return world.now.open[random(#world.now.open)] end

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

return {
  readers = readers, writers = writers, take = take, put = put, another = another,
  some_turns = some_turns, filling = filling,
}

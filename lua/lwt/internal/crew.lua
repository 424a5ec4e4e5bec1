-- A crew: children that run at the same time for one task, at most so many of
-- them, and are over when it is over. What the `_p` and `_n` forms of lists,
-- sequences and streams are made of.
--
-- `crew.run(max, body)` runs `body(c)` as a task and gives its promise, which
-- has what the body returns. The first child that fails is what fails: the others
-- are cancelled, and awaited, before the promise is rejected. Cancelling the
-- promise does the same, and has reached them when `cancel` returns: what the crew's
-- task waits for passes it on.

local lwt = require "lwt"
local guard = require "lwt.core".guard -- pcall, which keeps the trace
local due = require "lwt.internal.due"
local order = require "lwt.internal.order"

local spawn, await, shield = lwt.spawn, lwt.await, lwt.shield
local task, pick, rejected, Canceled = lwt.task, lwt.pick, lwt.rejected, lwt.Canceled

local Crew = {}
Crew.__index = Crew

-- A child has ended: the body may be waiting for that (while children loop, for the last).
local function poke(c)
  local r = c.waiter
  if r and (c.n == 0 or c.failed or not c.looping) then
    c.waiter = nil
    r:wakeup_later()
  end
end

local function wait(c)
  local p, r = task()
  c.waiter = r
  p:on_cancel(c.halt)
  await(p)
end

local function fail(c, child)
  c.failed, c.over = child, true
  if c.alarm_r then c.alarm_r:wakeup_later() end
end

local function ended(c, child)
  c.live[child] = nil
  c.n = c.n - 1
  local state, err = child:state()
  -- A child that ends because it was cancelled has not failed: what made the crew end has.
  if state == "rejected" and not c.failed and not (c.halted and rawequal(err, Canceled)) then
    fail(c, child)
  end
  poke(c)
end

-- Start a child, which runs until its first wait.
function Crew:start(f, ...)
  local child = spawn(f, ...)
  local state = child:state()
  if state ~= "pending" then
    if state == "rejected" and not self.failed then fail(self, child) end
    return
  end
  self.live[child] = self.started + 1
  child:on_termination(function() return ended(self, child) end)
  -- From here on nothing can fail: only children that report their end are counted.
  self.n, self.started = self.n + 1, self.started + 1
end

-- Wait until another child may be started. False: one has failed, do not. A cancel point.
function Crew:room()
  if due.cancel_due() then due.tell() end
  while self.n >= self.max and not self.failed do wait(self) end
  return not self.failed
end

-- Wait until all children are over, or one has failed.
local function settle(c)
  while c.n > 0 and not c.failed do wait(c) end
end
Crew.finish = settle

-- Call `one(i)` for all of 1 … n, at most `max` at a time, for the body: by so many children, each
-- of which takes the next number when it is done with one; that costs a fraction of a child for
-- each. It is known at once that no more may be started: a child that fails notes it, and so does a
-- cancel, before it reaches the crew's own task.
function Crew:loop(one, n)
  local i = 0
  self.looping = true
  local function child()
    while i < n and not self.over do
      i = i + 1
      one(i)
    end
  end
  for _ = 1, self.max < n and self.max or n do
    if i >= n or self.failed then break end
    self:start(child)
  end
  settle(self)
end

-- Await `p` for the body, unless a child fails first: then `p` is cancelled and
-- there is no result.
function Crew:watch(p)
  if self.failed then
    p:cancel()
    return nil
  end
  if self.n == 0 then return await(p) end
  if not self.alarm then self.alarm, self.alarm_r = lwt.wait() end
  p = pick { p, self.alarm }
  p:on_cancel(self.halt)
  return await(p)
end

local function drain(c)
  while c.n > 0 do wait(c) end
end

-- Start no more, and cancel the children, once: they may be cleaning up by the second time.
local function halt(c)
  if c.halted then return end
  c.halted, c.over = true, true
  local list = order.by_value(c.live)
  for i = 1, #list do list[i]:cancel() end
end

local function stop(c)
  halt(c)
  shield(drain, c)
end

local function finish(c, ok, ...)
  if ok and not c.failed then
    local awaited, err = pcall(settle, c)
    if awaited and not c.failed then return ... end
    if not c.failed then
      stop(c)
      return rejected(err)
    end
  end
  stop(c)
  if c.failed then return c.failed end -- the promise itself: it knows where its error comes from
  return rejected((...))
end

local function run(max, body)
  local c = setmetatable({
    max = max, n = 0, started = 0, live = {}, failed = false, halted = false, over = false, -- one of the two
    looping = false,
  }, Crew)
  c.halt = function() halt(c) end
  return finish(c, guard(body, c))
end

local M = {}

function M.run(max, body) return spawn(run, max, body) end

return M

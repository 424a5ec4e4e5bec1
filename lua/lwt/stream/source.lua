-- Streams: where they come from. (Functions of `lwt.stream`.)

local lwt = require "lwt"
local core = require "lwt.core"
local guard, raise = core.guard, core.raise -- pcall and error, which keep the trace
local hear, waiter, wake, wake_exn = core.hear, core.waiter, core.wake, core.wake_exn
local args = require "lwt.internal.args"
local C = require "lwt.stream.core"
local dropped = require "lwt.internal.dropped"
local stored = require "lwt.internal.stored"

local M = C.M
local derive, derive_free, ended = C.derive, C.derive_free, C.ended
local pend, work, run_task = C.pend, C.work, C.run_task
local demand = C.demand
local await, is_pending = lwt.await, lwt.is_pending
local has_storage, bare = stored.stored, stored.bare
local append, push_bounded = C.append, C.push_bounded
local error, remove = error, table.remove

--- A stream of what `f()` gives, call after call, until it gives nil. `f` is called
--- only when an element is wanted and none is there, one call at a time; it runs as a
--- task (it may await, and may return a promise).
---
--- When `f` fails, all readers that wait at that moment get the error, once (when none waits, the
--- next one does); the stream goes on: the next read calls `f` again. Cancelling a reader does not
--- cancel the call: the next reader gets its element.
---@generic T
---@param f async fun(): lwt.Promise<T>|T?, ...?
---@return lwt.Stream<T>
---```lua
---local n = 0
---local s = stream.from(function() n = n + 1; if n <= 3 then return n * n end end)
---print(table.concat(await(s:to_list()), " "))   --> 1 4 9
---```
function M.from(f)
  args.check_callable(1, "from", f)
  local start = stored.task(f)
  return derive(function(x, taker) return run_task(x, taker, nil, start) end)
end

-- A stream of what `read()` gives, promises that lose nothing when they are cancelled (nil: it is
-- over). A reader that goes cancels its read, so that a stream that is dropped then is garbage. At
-- the end, and where a read failed, the task `finish(ok, err)` comes last (if it is given).
function C.of_reads(read, finish)
  local log
  local function use(x, taker, ok, v)
    if ok and v ~= nil then return v end
    if finish then return run_task(x, taker, nil, lwt.spawn, finish, ok, v) end
    if not ok then raise(v) end
    return ended(x)
  end
  local function came(v) return use(log, nil, true, v) end
  local function failed(err) return use(log, nil, false, err) end
  local s = derive(function(x, taker)
    local p = read()
    if not p then return ended(x) end
    local state, v = p:state()
    if state == "pending" then return pend(x, taker, p, came, failed) end
    return use(x, taker, state == "fulfilled", v)
  end)
  log = s.log
  return s
end

--- The same as `from` for an `f` that never waits: it is called directly, inside the
--- read, and costs no task and no promise.
---@generic T
---@param f fun(): T?, ...?
---@return lwt.Stream<T>
---```lua
---local i = 0
---local s = stream.from_direct(function() i = i + 1; return i < 4 and i or nil end)
---print(await(s:fold(0, function(x, sum) return sum + x end)))   --> 6
---```
function M.from_direct(f)
  args.check_callable(1, "from_direct", f)
  f = stored.now(f)
  local function guarded(x)
    local v = bare(f)
    if v == nil then return ended(x) end
    return v
  end
  local function source(x)
    if has_storage[1] then return guarded(x) end
    local v = f()
    if v == nil then return ended(x) end
    return v
  end
  return derive_free(source)
end

--- A stream and the function that pushes to it. `push(v)` appends an element, or hands
--- it to the reader who has waited longest; `push(nil)` closes the stream. It never
--- blocks: what is not read yet is kept. Pushing to a closed stream raises `lwt.Closed`.
---
--- `push` does not keep the stream alive: when it cannot be read any more, what is pushed is thrown
--- away.
---@return lwt.Stream
---@return fun(v: any) push
---```lua
---local s, push = stream.create()
---push("a"); push("b"); push(nil)
---print(await(s:next()), await(s:next()), await(s:get()))   --> a b nil
---```
function M.create()
  return C.pushed()
end

local Pusher = {}
Pusher.__index = Pusher
Pusher.__name = "lwt.stream.pusher"

local function bound_of(p, name)
  if getmetatable(p) ~= Pusher then args.wrong(1, name, "lwt.stream.pusher", p, 1) end
  return p.bound
end

--- Adds an element: a promise, fulfilled when the stream has it, rejected with `lwt.Closed`
--- when the stream is closed. Cancelling it withdraws the element. (In a task that was cancelled
--- and has not been told yet, it begins a turn of the loop later, so that the `await` that raises
--- withdraws it.) See `create_bounded`.
---@param pusher lwt.StreamPusher
---@param v any
---@return lwt.Promise<nil>
---@function stream.pusher.push(pusher, v)
function Pusher.push(p, v)
  local bound = getmetatable(p) == Pusher and p.bound or bound_of(p, "push")
  if v == nil then args.bad(2, "push", "an element cannot be nil; use close") end
  return push_bounded(bound, v)
end

--- Ends the stream after what it holds. Pushes that wait are rejected with `lwt.Closed`.
---@param pusher lwt.StreamPusher
---@function stream.pusher.close(pusher)
function Pusher.close(p) bound_of(p, "close"):close() end

--- How many elements the stream may hold.
---@param pusher lwt.StreamPusher
---@return integer
---@function stream.pusher.size(pusher)
function Pusher.size(p) return bound_of(p, "size").size end

--- Changes how many it may hold. It may hold more already: then pushes wait until it does not.
---@param pusher lwt.StreamPusher
---@param n integer
---@function stream.pusher.resize(pusher, n)
function Pusher.resize(p, n)
  local bound = bound_of(p, "resize")
  bound.size = args.integer(2, "resize", n, 0)
  bound:admit()
end

--- How many elements it holds; those that wait to be pushed do not count.
---@param pusher lwt.StreamPusher
---@return integer
---@function stream.pusher.count(pusher)
function Pusher.count(p) return bound_of(p, "count").n end

--- Whether a push waits.
---@param pusher lwt.StreamPusher
---@return boolean
---@function stream.pusher.blocked(pusher)
function Pusher.blocked(p) return bound_of(p, "blocked"):is_blocked() end

--- Whether the stream is closed.
---@param pusher lwt.StreamPusher
---@return boolean
---@function stream.pusher.closed(pusher)
function Pusher.closed(p) return bound_of(p, "closed").log.closed end

--- A stream that holds at most `n` elements, and its pusher: a producer that is faster
--- than its consumer has to wait.
---
--- `pusher:push(v)` gives a promise, fulfilled when the element is in the stream. Any
--- number of pushes may wait; they enter first come, first served. Cancelling one
--- withdraws its element. With `n = 0` a push waits until a reader takes its element.
--- `pusher:close()` ends the stream after what it holds; pushes that wait, and later
--- ones, are rejected with `lwt.Closed`; closing again does nothing. `size()`,
--- `resize(n)`, `count()` (elements held), `blocked()` (does a push wait?) and `closed()`
--- answer at once. A bounded stream cannot be cloned.
---@param n integer
---@return lwt.Stream
---@return lwt.StreamPusher
---```lua
---local s, pusher = stream.create_bounded(1)
---await(pusher:push("a"))
---local p = pusher:push("b")
---print(p:is_pending(), pusher:blocked(), pusher:count())   --> true true 1
---print(await(s:next()), p:is_pending(), pusher:count())   --> a false 1
---```
function M.create_bounded(n)
  n = args.integer(1, "create_bounded", n, 0)
  local s, bound = C.bounded(n)
  return s, setmetatable({ bound = bound }, Pusher)
end

--- A stream of the elements of a plain list, which is copied. It is closed from the
--- start. Elements cannot be nil.
---@generic T
---@param l T[]
---@return lwt.Stream<T>
---```lua
---print(#await(stream.of_list({ 5, 6, 7 }):to_list()))   --> 3
---```
function M.of_list(l)
  local n = args.list(1, "of_list", l)
  local s, log = C.stored()
  for i = 1, n do
    local v = l[i]
    if v == nil then args.bad(1, "of_list", ("element %d is nil"):format(i)) end
    append(log, v)
  end
  ended(log)
  return s
end

--- A stream of the characters (bytes) of a string. It is closed from the start.
---@param str string
---@return lwt.Stream<string>
---```lua
---print(table.concat(await(stream.of_string("abc"):to_list()), "-"))   --> a-b-c
---```
function M.of_string(str)
  if type(str) ~= "string" then args.wrong(1, "of_string", "string", str) end
  local i, n = 0, #str
  local s = derive_free(function(x)
    if i == n then return ended(x) end
    i = i + 1
    return str:sub(i, i)
  end)
  s.log.closed = true
  return s
end

--- A stream of what a Lua iterator gives: `of_iterator(f, state, control, closing)`, as
--- the generic `for` takes them, so `of_iterator(io.lines(path))` and
--- `of_iterator(("a b"):gmatch("%a+"))` work. An element is the *first* value of a
--- turn (`pairs` gives the keys). The iterator runs as a task: it may await. When it
--- fails its error is reported and the stream ends; at the end its closing value is
--- closed.
---@generic T
---@param f fun(...): T?, ...?
---@param state? any
---@param control? any
---@param closing? any
---@return lwt.Stream<T>
---```lua
---local words = stream.of_iterator(("to be or not"):gmatch("%a+"))
---print(table.concat(await(words:to_list()), "/"))   --> to/be/or/not
---```
function M.of_iterator(f, state, control, closing)
  args.check_callable(1, "of_iterator", f)
  local failed = false
  local function close(err)
    local c = closing
    closing = nil
    local mt = c ~= nil and getmetatable(c)
    if type(mt) == "table" and mt.__close then mt.__close(c, err) end
  end
  local function step()
    local function outcome(ok, v)
      if not ok then
        failed = true
        close(v)
        raise(v)
      end
      control = v
      if v == nil then close(nil) end
      return v
    end
    return outcome(guard(f, state, control))
  end
  local start = stored.task(step)
  return derive(function(x, taker)
    if failed then return ended(x) end
    return run_task(x, taker, nil, start)
  end)
end

--- A stream of a lazy sequence of `lwt.seq`, which is forced as elements are wanted.
---@param q lwt.Seq
---@return lwt.Stream
---```lua
---local seq = require "lwt.seq"
---print(table.concat(await(stream.of_seq(seq.of_list { 1, 2 }):to_list()), " "))   --> 1 2
---```
function M.of_seq(q)
  local seq = require "lwt.seq"
  if not seq.is_seq(q) then args.wrong(1, "of_seq", "lwt.seq", q) end
  local start = stored.task(function()
    local v, rest = await(q:next())
    if rest == nil then return nil end
    q = rest
    if v == nil then error("stream elements cannot be nil", 0) end
    return v
  end)
  return derive(function(x, taker) return run_task(x, taker, nil, start) end)
end

-- The task of `generate` and its stream meet in `gen`; it refers to the stream only through
-- `promise`, that of the element that a reader waits for, while it is `wanted`. When all
-- readers have gone that promise is cancelled, and so refers to nothing: a stream that is then
-- dropped is garbage, whatever its task awaits. To learn of each reader that goes would cost more
-- than all the rest, so it is found out after each cycle of the garbage collector.
--
--   task    once it has begun; `heard`: its end will be noticed; `told`: its error has been told
--   idle    the promises that `yield` awaits while no element is wanted
--   lost    see core.lost
local running, looked_for = setmetatable({}, { __mode = "k" }), false

local function look()
  looked_for = false
  for log, gen in next, running do
    local p = gen.promise
    if not is_pending(gen.task) then
      running[log] = nil
    elseif p and log.fetching == p and not demand(log) and is_pending(p) then
      log.fetching = false
      log.stale = (log.stale or 0) + 1
      p:cancel()
    end
  end
  if next(running) then
    looked_for = true
    dropped.call(look) -- garbage already: called when the collector has come round
  end
end

-- Those that wait in `yield` look again.
local function wake_idle(gen)
  local idle = gen.idle
  for _ = 1, #idle do
    local p = remove(idle, 1)
    if p then wake(p) end
  end
end

local function is_wanted(gen) return gen.wanted and is_pending(gen.promise) end

local function yielder(gen)
  -- Waits until an element is wanted; false: none will be, the function has ended.
  local function want()
    while not is_wanted(gen) do
      if gen.task and not is_pending(gen.task) then return false end
      local p = waiter()
      if not is_wanted(gen) then -- else a finalizer has just read
        gen.idle[#gen.idle + 1] = p
        await(p)
      end
    end
    return true
  end
  return function(v)
    if v == nil then error("stream elements cannot be nil", 2) end
    local told
    repeat
      if not want() then raise(lwt.Closed) end
      local p = gen.promise
      told = wake(p, v)
      if gen.promise == p then gen.wanted = false end
    until told
    want()
  end
end

-- Its end, or its error, goes to who waits for an element.
local function listen(gen)
  hear(gen.task, function()
    if gen.wanted then wake(gen.promise) end
    wake_idle(gen)
  end, function(err)
    if gen.wanted and wake_exn(gen.promise, err) then gen.told = true end
    wake_idle(gen)
  end, gen)
end

-- The task is over.
local function after(gen, x)
  gen.wanted = false
  wake_idle(gen)
  if not gen.told then
    gen.told = true
    local state, err = gen.task:state()
    if state == "rejected" then raise(err) end
  end
  return ended(x)
end

--- A stream written as a loop: `f(yield)` runs as a task from the first read on, and
--- `yield(v)` gives an element and waits (as `await` does) until the next one is wanted.
--- The stream ends when `f` returns; when it fails the error is reported to the reader,
--- and then the stream ends. When the stream is dropped half way, and no reader waits for an
--- element of it, the task is cancelled: `lwt.Canceled` is raised at its `yield`, or at what else
--- it awaits, so that it can clean up. Tasks that `f` has started may call `yield` as well; when
--- `f` has ended it raises `lwt.Closed` there.
---@param f fun(yield: fun(v: any))
---@return lwt.Stream
---```lua
---local s = stream.generate(function(yield)
---  for i = 1, 3 do yield(i * 10) end
---end)
---for v in s do print(v) end   --> 10
--- --> 20
--- --> 30
---```
function M.generate(f)
  args.check_callable(1, "generate", f)
  local gen = {
    wanted = false, promise = false, idle = {}, task = false, heard = false, told = false,
    lost = false,
  }
  local start = stored.task(f)
  local log
  local function begin()
    if not gen.task then gen.task = start(yielder(gen)) end
    if not is_pending(gen.task) then return end
    listen(gen)
    log.guard = dropped.cancel(gen.task)
    running[log] = gen
    if not looked_for then look() end
    gen.heard = true
  end
  local s = derive(function(x, taker)
    if gen.task and not is_pending(gen.task) then return after(gen, x) end
    local p = waiter()
    gen.wanted, gen.promise = true, p
    if gen.heard then
      wake_idle(gen)
    else
      begin()
    end
    local state, v = p:state()
    if state == "rejected" then raise(v) end
    if v ~= nil then return v end
    if not is_pending(gen.task) then return after(gen, x) end
    if state == "pending" then return work(x, taker, p) end
    return ended(x)
  end)
  log = s.log
  return s
end

return M

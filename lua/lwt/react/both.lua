-- Events and signals over promises: what Lwt_react adds to React. (Functions of
-- `lwt.react.E` and `lwt.react.S`.)
--
-- What runs in the background (a limiter, a reading loop, the calls of an `_s` form) refers
-- to the result weakly, so that a result which is dropped ends it.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local dropped = require "lwt.internal.dropped"
local stream = require "lwt.stream"
local core = require "lwt.core"
local unview, guard = core.unview, core.guard
local G = require "lwt.react.graph"
require "lwt.react.event"
require "lwt.react.signal"

local E, S, Emt, Smt = G.E, G.S, G.Emt, G.Smt
local occur, change, now, send, report = G.occur, G.change, G.now, G.send, G.report
local event_from, signal_from = G.event_from, G.signal_from
local check_event, check_events = G.check_event, G.check_events
local check_signal, check_signals, check_eq = G.check_signal, G.check_signals, G.check_eq
local spawn, await, async, is_promise = lwt.spawn, lwt.await, lwt.async, lwt.is_promise
local getmetatable, setmetatable, unpack = getmetatable, setmetatable, table.unpack

local weak = { __mode = "v" }

-- The node is on the stack of these functions only while they run: not on that of a task
-- that goes on to wait.
local function emit(ref, v)
  local e = ref[1]
  if e then send(occur, e, v) end
end

local function set(ref, v)
  local s = ref[1]
  if s then send(change, s, v) end
end

local function alive(ref) return ref[1] ~= nil end

local function value(v)
  if v ~= nil and is_promise(v) then return (await(v)) end
  return v
end

-- Jobs that run as tasks one after another. What fails is reported.
local Worker = {}
Worker.__index = Worker

local function work(w)
  while w.first <= w.last do
    local job = w[w.first]
    w[w.first] = nil
    w.first = w.first + 1
    local ok, err = guard(job)
    if not ok then report(err) end
  end
  w.first, w.last, w.busy = 1, 0, false
end

function Worker:add(job)
  self.last = self.last + 1
  self[self.last] = job
  if not self.busy then
    self.busy = true
    spawn(work, self)
  end
end

local function new_worker(busy)
  return setmetatable({ first = 1, last = 0, busy = busy or false }, Worker)
end

local function at_once(_, job) async(job) end

---- Events ------------------------------------------------------------------------

-- An event of what jobs emit. `job_of(ref)` is called when one of the producers changes,
-- and gives the job, or nil.
local function event_of(producers, serial, job_of)
  local out = G.event()
  local ref = setmetatable({ out }, weak)
  local w = new_worker()
  local add = serial and w.add or at_once
  out.source = event_from(producers, function()
    local job = job_of(ref)
    if job then add(w, job) end
  end)
  return out
end

--- The same event; when the result is garbage `f()` is called, from the loop.
---@param e lwt.Event
---@param f fun()
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local copy = e:with_finaliser(function() print "gone" end)
---copy = nil
---collectgarbage() lwt.yield()
---await(lwt.pause())
---```
---@function react.E.with_finaliser(e, f)
function E.with_finaliser(e, f)
  check_event(e, 1, "with_finaliser")
  args.check_callable(2, "with_finaliser", f)
  local m = event_from({ e }, function(m) occur(m, e.v) end)
  m.guard = dropped.call(f)
  return m
end

--- A promise of the next occurrence. Asked for by a function that runs in an update step in which
--- `e` occurs, that is the occurrence of this step; asked for again in its own callback, it is the
--- one after it. Cancelable.
---@param e lwt.Event
---@return lwt.Promise
---```lua
---local e, send = react.E.create()
---local p = e:next()
---send(1) send(2)
---print(await(p))   --> 1
---```
---@function react.E.next(e)
function E.next(e)
  check_event(e, 1, "next")
  local p, r = lwt.task()
  -- Who waits is held by what it waits for.
  local waiters = e.waiters
  if not waiters then
    waiters = {}
    e.waiters = waiters
  end
  local m = event_from({ e }, function(m)
    waiters[m] = nil
    m.update, m.producers = nil, nil
    G.wake(r, e.v)
  end)
  waiters[m] = true
  p:on_cancel(function()
    waiters[m] = nil
    m.update, m.producers = nil, nil
  end)
  return p
end

-- What limits share. `pass(out, v)` lets a value through now; `send_on(ref, v)` later.
local function limiter(f, send_on)
  local held, any, busy = nil, false, false
  local start
  local function done(ref)
    busy = false
    if any and alive(ref) then
      local v = held
      held, any = nil, false
      busy = true
      send_on(ref, v)
      start(ref)
    end
  end
  function start(ref)
    busy = true
    spawn(f):on_any(function() done(ref) end, function(err)
      report(err)
      done(ref)
    end)
  end
  return start, function(v)
    if not busy then return true end
    held, any = v, true
    return false
  end
end

--- The occurrences of `e`, but no two of them closer than `f()` takes: an occurrence is let
--- through and `f()` is called (as a task); while its promise is pending only the latest
--- occurrence is kept, which is let through when it is done. When `f` fails its error goes
--- to the exception hook, and it counts as done.
---@param e lwt.Event
---@param f fun(): any
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local seen = e:limit(function() return lwt.sleep(0.01) end):map(function(v) print(v) end)   --> 1
--- --> 3
---send(1)
---send(2) send(3)
---await(lwt.sleep(0.05))
---```
---@function react.E.limit(e, f)
function E.limit(e, f)
  check_event(e, 1, "limit")
  args.check_callable(2, "limit", f)
  local start, admit = limiter(f, emit)
  local ref = setmetatable({}, weak)
  local m = event_from({ e }, function(m)
    if admit(e.v) then
      occur(m, e.v)
      start(ref)
    end
  end)
  ref[1] = m
  return m
end

-- `turn(ref)` again and again, until it gives false or the event is gone. Others have their turn
-- even where it never waits.
local function background(e, turn)
  local ref = setmetatable({ e }, weak)
  local t = spawn(function()
    await(lwt.pause())
    local n = 0
    while alive(ref) and turn(ref) do
      n = n + 1
      if n % 64 == 0 then lwt.yield() end
    end
  end)
  t:on_failure(function(err)
    if not rawequal(err, lwt.Canceled) then report(err) end
  end)
  e.guard = dropped.cancel(t)
  return e
end

--- An event that occurs with what `f()` gives, called again and again as a task, beginning
--- after a pause. It stops at its first error, which goes to the exception hook, and when the
--- event is dropped.
---@param f fun(): any
---@return lwt.Event
---```lua
---local n = 0
---local e = react.E.from(function() n = n + 1 await(lwt.sleep(0.001)) return n end)
---print(await(e:next()), await(e:next()))   --> 1 2
---```
---@function react.E.from(f)
function E.from(f)
  args.check_callable(1, "from", f)
  return background(G.event(), function(ref)
    emit(ref, value(f()))
    return true
  end)
end

--- A stream of the occurrences, which keeps the event alive. (Occurrences of nil are
--- reported to the exception hook: they cannot be elements.)
---@param e lwt.Event
---@return lwt.Stream
---```lua
---local e, send = react.E.create()
---local s = e:to_stream()
---send(1) send(2)
---print(await(s:next()), await(s:next()))   --> 1 2
---```
---@function react.E.to_stream(e)
function E.to_stream(e)
  check_event(e, 1, "to_stream")
  local s, push = stream.create()
  s.log.guard = event_from({ e }, function()
    if e.v == nil then error("stream elements cannot be nil", 0) end
    push(e.v)
  end)
  return s
end

--- An event that occurs with the elements of a stream, read from after a pause on. It stops
--- at the stream's first error, which goes to the exception hook, and when the event is
--- dropped.
---@param s lwt.Stream
---@return lwt.Event
---```lua
---local stream = require "lwt.stream"
---local e = react.E.of_stream(stream.of_list { 1, 2 })
---print(await(e:next()))   --> 1
---```
---@function react.E.of_stream(s)
function E.of_stream(s)
  if not stream.is_stream(s) then args.wrong(1, "of_stream", "lwt.stream", s) end
  return background(G.event(), function(ref)
    local v = await(s:get())
    if v == nil then return false end
    emit(ref, v)
    return true
  end)
end

--- The event that a promise stands for: that event itself when the promise is fulfilled, else
--- one that occurs when it does, once it is there. If the promise is rejected, the error goes
--- to the exception hook.
---@param p lwt.Promise
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local p, r = lwt.wait()
---local seen = react.E.delay(p):map(function(v) print(v) end)   --> 2
---send(1)
---r:wakeup(e)
---send(2)
---```
---@function react.E.delay(p)
function E.delay(p)
  if not is_promise(p) then args.wrong(1, "delay", "lwt.promise", p) end
  local state, e = p:state()
  if state == "fulfilled" then
    e = unview(e)
    if getmetatable(e) ~= Emt then
      args.bad(1, "delay", "a promise of an event expected, got one of " .. args.type_name(e))
    end
    return e
  end
  local m = G.event()
  m.update = function() occur(m, m.inner.v) end
  local ref = setmetatable({ m }, weak)
  p:on_any(function(inner)
    local out = ref[1]
    if not out then return end
    inner = unview(inner)
    if getmetatable(inner) ~= Emt then
      return report(("'delay': an event expected, got %s"):format(args.type_name(inner)))
    end
    if not G.follow(out, inner) or now(inner) then G.enqueue(out) end
  end, report)
  return m
end

--- Keeps an event from ever being collected. Gives it.
---@param e lwt.Event
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---e:map(function(v) print(v) end):keep()   --> 1
---send(1)
---```
---@function react.E.keep(e)
function E.keep(e)
  check_event(e, 1, "keep")
  G.keep(e)
  return e
end

local function run(serial, name)
  return function(e)
    check_event(e, 1, name)
    return event_of({ e }, serial, function(ref)
      local p = e.v
      return function() emit(ref, value(p)) end
    end)
  end
end

--- The values of the promises that `e` occurs with, awaited one after another, in order.
---@param e lwt.Event
---@return lwt.Event
---@function react.E.run_s(e)
E.run_s = run(true, "run_s")

--- The values of the promises that `e` occurs with, as they come.
---@param e lwt.Event
---@return lwt.Event
---@function react.E.run_p(e)
E.run_p = run(false, "run_p")

local function map(serial, name)
  return function(e, f)
    check_event(e, 1, name)
    args.check_callable(2, name, f)
    return event_of({ e }, serial, function(ref)
      local v = e.v
      return function() emit(ref, value(f(v))) end
    end)
  end
end

--- `f(v)` as a task at each occurrence, one after another: occurs with the results, in order.
--- If it fails, its error goes to the exception hook and the occurrence is skipped. (So it is
--- for all `_s` and `_p` forms.)
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---@function react.E.map_s(e, f)
---```lua
---local e, send = react.E.create()
---local made = e:map_s(function(v) await(lwt.sleep(v)) return v end)
---local seen = made:map(function(v) print(v) end)   --> 0.02
--- --> 0.01
---send(0.02) send(0.01)
---await(lwt.sleep(0.1))
---```
E.map_s = map(true, "map_s")

--- `f(v)` as a task at each occurrence, at the same time: occurs with the results as they
--- come.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---@function react.E.map_p(e, f)
E.map_p = map(false, "map_p")

local function app(serial, name)
  return function(ef, e)
    check_event(ef, 1, name)
    check_event(e, 2, name)
    return event_of({ ef, e }, serial, function(ref)
      if not (now(ef) and now(e)) then return nil end
      local f, v = ef.v, e.v
      return function() emit(ref, value(f(v))) end
    end)
  end
end

--- When both occur at the same time: the function that `ef` gives, run as a task on what `e`
--- gives, one after another.
---@param ef lwt.Event
---@param e lwt.Event
---@return lwt.Event
---@function react.E.app_s(ef, e)
E.app_s = app(true, "app_s")

--- The same at the same time.
---@param ef lwt.Event
---@param e lwt.Event
---@return lwt.Event
---@function react.E.app_p(ef, e)
E.app_p = app(false, "app_p")

local function filter(serial, name)
  return function(e, f)
    check_event(e, 1, name)
    args.check_callable(2, name, f)
    return event_of({ e }, serial, function(ref)
      local v = e.v
      return function()
        if value(f(v)) then emit(ref, v) end
      end
    end)
  end
end

--- The occurrences for which `f(v)`, a task, gives something true: one after another.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---@function react.E.filter_s(e, f)
E.filter_s = filter(true, "filter_s")

--- The same at the same time, as the answers come.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---@function react.E.filter_p(e, f)
E.filter_p = filter(false, "filter_p")

local function fmap(serial, name)
  return function(e, f)
    check_event(e, 1, name)
    args.check_callable(2, name, f)
    return event_of({ e }, serial, function(ref)
      local v = e.v
      return function()
        local w = value(f(v))
        if w ~= nil then emit(ref, w) end
      end
    end)
  end
end

--- What `f(v)`, a task, gives that is not nil: one after another.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---@function react.E.fmap_s(e, f)
E.fmap_s = fmap(true, "fmap_s")

--- The same at the same time, as it comes.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---@function react.E.fmap_p(e, f)
E.fmap_p = fmap(false, "fmap_p")

--- `f(new, old)` as a task from the second occurrence on, one after another.
---@param e lwt.Event
---@param f fun(new: any, old: any): any
---@return lwt.Event
---@function react.E.diff_s(e, f)
function E.diff_s(e, f)
  check_event(e, 1, "diff_s")
  args.check_callable(2, "diff_s", f)
  local any, last = false, nil
  return event_of({ e }, true, function(ref)
    local had, old, v = any, last, e.v
    any, last = true, v
    if had then
      return function() emit(ref, value(f(v, old))) end
    end
  end)
end

--- A state, changed by the functions that `ef` gives, which run as tasks one after another.
---@param ef lwt.Event
---@param init any
---@return lwt.Event
---@function react.E.accum_s(ef, init)
function E.accum_s(ef, init)
  check_event(ef, 1, "accum_s")
  local acc = init
  return event_of({ ef }, true, function(ref)
    local f = ef.v
    return function()
      acc = value(f(acc))
      emit(ref, acc)
    end
  end)
end

--- `f(acc, v)` as a task at each occurrence, one after another: occurs with each new
--- accumulator.
---@param e lwt.Event
---@param init any
---@param f fun(acc: any, v: any): any
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local made = e:fold_s(0, function(acc, v) await(lwt.pause()) return acc + v end)
---local seen = made:map(function(v) print(v) end)   --> 1
--- --> 3
---send(1) send(2)
---await(lwt.sleep(0.01))
---```
---@function react.E.fold_s(e, init, f)
function E.fold_s(e, init, f)
  check_event(e, 1, "fold_s")
  args.check_callable(3, "fold_s", f)
  local acc = init
  return event_of({ e }, true, function(ref)
    local v = e.v
    return function()
      acc = value(f(acc, v))
      emit(ref, acc)
    end
  end)
end

local function fold_values(values, init, f)
  local acc = init
  for i = 1, values.n do acc = value(f(acc, values[i])) end
  return acc
end

--- Folds what occurs at the same time, in the list's order: `f(acc, v)` as a task.
---@param list lwt.Event[]
---@param init any
---@param f fun(acc: any, v: any): any
---@return lwt.Event
---@function react.E.merge_s(list, init, f)
function E.merge_s(list, init, f)
  local n, from = check_events(list, "merge_s")
  args.check_callable(3, "merge_s", f)
  return event_of(from, true, function(ref)
    local values = { n = 0 }
    for i = 1, n do
      if now(from[i]) then
        values.n = values.n + 1
        values[values.n] = from[i].v
      end
    end
    if values.n > 0 then
      return function() emit(ref, fold_values(values, init, f)) end
    end
  end)
end

---- Signals -----------------------------------------------------------------------

--- The same signal; when the result is garbage `f()` is called, from the loop.
---@param s lwt.Signal
---@param f fun()
---@return lwt.Signal
---@function react.S.with_finaliser(s, f)
function S.with_finaliser(s, f)
  check_signal(s, 1, "with_finaliser")
  args.check_callable(2, "with_finaliser", f)
  local m = signal_from({ s }, s.v, s.eq, function(m) change(m, s.v) end)
  m.guard = dropped.call(f)
  return m
end

--- Follows `s`, but no two updates are closer than `f()` takes. `f()` is called (as a task)
--- when it is made and at each update; while its promise is pending only the newest value is
--- kept, which is taken when it is done. The newest value is never lost. When `f` fails its
--- error goes to the exception hook, and it counts as done.
---@param s lwt.Signal
---@param f fun(): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local load, set_load = react.S.create(0)
---local slow = load:limit(function() return lwt.sleep(0.01) end)
---set_load(1) set_load(2)
---print(slow:value())   --> 0
---await(lwt.sleep(0.05))
---print(slow:value())   --> 2
---```
---@function react.S.limit(s, f, eq)
function S.limit(s, f, eq)
  check_signal(s, 1, "limit")
  args.check_callable(2, "limit", f)
  check_eq(eq, 3, "limit")
  local start, admit = limiter(f, set)
  local ref = setmetatable({}, weak)
  local m = signal_from({ s }, s.v, eq or s.eq, function(m)
    if admit(s.v) then
      change(m, s.v)
      start(ref)
    end
  end)
  ref[1] = m
  start(ref)
  return m
end

--- Keeps a signal from ever being collected. Gives it.
---@param s lwt.Signal
---@return lwt.Signal
---```lua
---local s, set = react.S.create(1)
---s:map(function(v) print(v) end):keep()   --> 1
--- --> 2
---set(2)
---```
---@function react.S.keep(s)
function S.keep(s)
  check_signal(s, 1, "keep")
  G.keep(s)
  return s
end

-- The promise of a signal: its first value is what `first()` gives, which may await; then
-- the jobs that `job_of(ref)` gives at each change set it, one after another. `make(v)`
-- gives the signal and the one that the jobs set, where that is another.
local function signal_of(producers, eq, first, job_of, make)
  local w = new_worker(true) -- busy: nothing before the first value
  local ref = setmetatable({}, weak)
  local source = event_from(producers, function()
    local job = job_of(ref)
    if job then w:add(job) end
  end)
  return spawn(function()
    local v = first()
    local out, target
    if make then out, target = make(v) else out = G.signal(v, eq) end
    out.source = source
    ref[1] = target or out
    w.busy = false
    if w.last > 0 then
      w.busy = true
      spawn(work, w)
    end
    return out
  end)
end

--- A promise of a signal: the value of the function that `sf` holds, run as a task on the
--- value of `s`, once the first one is there; later changes one after another.
---@param sf lwt.Signal
---@param s lwt.Signal
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---@function react.S.app_s(sf, s, eq)
function S.app_s(sf, s, eq)
  check_signal(sf, 1, "app_s")
  check_signal(s, 2, "app_s")
  check_eq(eq, 3, "app_s")
  local f0, v0 = sf.v, s.v
  return signal_of({ sf, s }, eq, function() return value(f0(v0)) end, function(ref)
    local f, v = sf.v, s.v
    return function() set(ref, value(f(v))) end
  end)
end

--- A promise of the signal of `f(v)`, which runs as a task: the promise is fulfilled when the
--- first value is there (and rejected if that fails); later changes are worked on one after
--- another, and one that fails goes to the exception hook and is skipped.
---@param s lwt.Signal
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---```lua
---local s, set = react.S.create(1)
---local twice = await(s:map_s(function(v) await(lwt.pause()) return v * 2 end))
---set(4)
---await(lwt.sleep(0.01))
---print(twice:value())   --> 8
---```
---@function react.S.map_s(s, f, eq)
function S.map_s(s, f, eq)
  check_signal(s, 1, "map_s")
  args.check_callable(2, "map_s", f)
  check_eq(eq, 3, "map_s")
  local v0 = s.v
  return signal_of({ s }, eq, function() return value(f(v0)) end, function(ref)
    local v = s.v
    return function() set(ref, value(f(v))) end
  end)
end

--- A promise of the signal of the last value for which `f(v)`, a task, gives something true;
--- `init` if the first is refused.
---@param s lwt.Signal
---@param init any
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---@function react.S.filter_s(s, init, f, eq)
function S.filter_s(s, init, f, eq)
  check_signal(s, 1, "filter_s")
  args.check_callable(3, "filter_s", f)
  check_eq(eq, 4, "filter_s")
  local v0 = s.v
  return signal_of({ s }, eq, function()
    if value(f(v0)) then return v0 end
    return init
  end, function(ref)
    local v = s.v
    return function()
      if value(f(v)) then set(ref, v) end
    end
  end)
end

--- A promise of the signal of the last thing `f(v)`, a task, gave that is not nil; `init`
--- if the first is nil.
---@param s lwt.Signal
---@param init any
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---@function react.S.fmap_s(s, init, f, eq)
function S.fmap_s(s, init, f, eq)
  check_signal(s, 1, "fmap_s")
  args.check_callable(3, "fmap_s", f)
  check_eq(eq, 4, "fmap_s")
  local v0 = s.v
  return signal_of({ s }, eq, function()
    local v = value(f(v0))
    if v == nil then return init end
    return v
  end, function(ref)
    local v = s.v
    return function()
      local w = value(f(v))
      if w ~= nil then set(ref, w) end
    end
  end)
end

--- `f(new, old)` as a task at each change, one after another: an event of the results.
---@param s lwt.Signal
---@param f fun(new: any, old: any): any
---@return lwt.Event
---@function react.S.diff_s(s, f)
function S.diff_s(s, f)
  check_signal(s, 1, "diff_s")
  args.check_callable(2, "diff_s", f)
  local last = s.v
  return event_of({ s }, true, function(ref)
    local old, v = last, s.v
    last = v
    return function() emit(ref, value(f(v, old))) end
  end)
end

--- `f(occurrence, value)` as a task each time `e` occurs, one after another.
---@param s lwt.Signal
---@param e lwt.Event
---@param f fun(v: any, value: any): any
---@return lwt.Event
---@function react.S.sample_s(s, e, f)
function S.sample_s(s, e, f)
  check_signal(s, 1, "sample_s")
  check_event(e, 2, "sample_s")
  args.check_callable(3, "sample_s", f)
  return event_of({ e, s }, true, function(ref)
    if not now(e) then return nil end
    local v, w = e.v, s.v
    return function() emit(ref, value(f(v, w))) end
  end)
end

-- A signal that is there at once, set by jobs.
local function folding(e, init, eq, step)
  local out = G.signal(init, eq)
  local ref = setmetatable({ out }, weak)
  local w = new_worker()
  local acc = init
  out.source = event_from({ e }, function()
    local v = e.v
    w:add(function()
      acc = value(step(acc, v))
      set(ref, acc)
    end)
  end)
  return out
end

--- A state, changed by the functions that the event `ef` gives, which run as tasks one after
--- another.
---@param ef lwt.Event
---@param init any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---@function react.S.accum_s(ef, init, eq)
function S.accum_s(ef, init, eq)
  check_event(ef, 1, "accum_s")
  check_eq(eq, 3, "accum_s")
  return folding(ef, init, eq, function(acc, f) return f(acc) end)
end

--- `f(acc, v)` as a task at each occurrence of an event, one after another.
---@param e lwt.Event
---@param init any
---@param f fun(acc: any, v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---@function react.S.fold_s(e, init, f, eq)
function S.fold_s(e, init, f, eq)
  check_event(e, 1, "fold_s")
  args.check_callable(3, "fold_s", f)
  check_eq(eq, 4, "fold_s")
  return folding(e, init, eq, f)
end

local function values_of(from, n)
  local values = { n = n }
  for i = 1, n do values[i] = from[i].v end
  return values
end

--- A promise of the signal of a fold over a list of signals: `f(acc, v)` as a task.
---@param list lwt.Signal[]
---@param init any
---@param f fun(acc: any, v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---@function react.S.merge_s(list, init, f, eq)
function S.merge_s(list, init, f, eq)
  local n, from = check_signals(list, "merge_s")
  args.check_callable(3, "merge_s", f)
  check_eq(eq, 4, "merge_s")
  local values0 = values_of(from, n)
  return signal_of(from, eq, function() return fold_values(values0, init, f) end, function(ref)
    local values = values_of(from, n)
    return function() set(ref, fold_values(values, init, f)) end
  end)
end

--- A promise of the signal of the values of the promises that `s` holds, awaited one after
--- another.
---@param s lwt.Signal
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---@function react.S.run_s(s, eq)
function S.run_s(s, eq)
  check_signal(s, 1, "run_s")
  check_eq(eq, 2, "run_s")
  local p0 = s.v
  return signal_of({ s }, eq, function() return value(p0) end, function(ref)
    local p = s.v
    return function() set(ref, value(p)) end
  end)
end

local function signal_in(v)
  v = unview(v)
  if getmetatable(v) == Smt then return v end
  error(("'bind_s': a signal expected, got %s"):format(args.type_name(v)), 0)
end

--- A promise of the signal of what the signal holds that `f(v)`, a task, gives.
---@param s lwt.Signal
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---@function react.S.bind_s(s, f, eq)
function S.bind_s(s, f, eq)
  check_signal(s, 1, "bind_s")
  args.check_callable(2, "bind_s", f)
  check_eq(eq, 3, "bind_s")
  local v0 = s.v
  return signal_of({ s }, nil, function() return signal_in(value(f(v0))) end, function(ref)
    local v = s.v
    return function() set(ref, signal_in(value(f(v)))) end
  end, function(inner)
    local inners = G.signal(inner)
    return S.switch(inners, eq), inners
  end)
end

local function lift(n, name)
  return function(...)
    local from = table.pack(...)
    local f, eq = from[n + 1], from[n + 2]
    for i = 1, n do check_signal(from[i], i, name) end
    args.check_callable(n + 1, name, f)
    check_eq(eq, n + 2, name)
    from = table.move(from, 1, n, 1, {})
    local values0 = values_of(from, n)
    return signal_of(from, eq, function() return value(f(unpack(values0, 1, n))) end,
      function(ref)
        local values = values_of(from, n)
        return function() set(ref, value(f(unpack(values, 1, n)))) end
      end)
  end
end

--- A promise of the signal of `f(a)`, a task: the same as `map_s`.
---@param a lwt.Signal
---@param f fun(a: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---@function react.S.l1_s(a, f, eq)
S.l1_s = lift(1, "l1_s")

--- A promise of the signal of `f(a, b)`, a task.
---@param a lwt.Signal
---@param b lwt.Signal
---@param f fun(a: any, b: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---@function react.S.l2_s(a, b, f, eq)
---```lua
---local a, b = react.S.const(1), react.S.const(2)
---local sum = await(react.S.l2_s(a, b, function(x, y) await(lwt.pause()) return x + y end))
---print(sum:value())   --> 3
---```
S.l2_s = lift(2, "l2_s")

--- The same for three.
---@param a lwt.Signal
---@param b lwt.Signal
---@param c lwt.Signal
---@param f fun(a: any, b: any, c: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---@function react.S.l3_s(a, b, c, f, eq)
S.l3_s = lift(3, "l3_s")

--- The same for four.
---@param a lwt.Signal
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---@function react.S.l4_s(a, b, c, d, f, eq)
S.l4_s = lift(4, "l4_s")

--- The same for five.
---@param a lwt.Signal
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param e lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any, e: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---@function react.S.l5_s(a, b, c, d, e, f, eq)
S.l5_s = lift(5, "l5_s")

--- The same for six.
---@param a lwt.Signal
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param e lwt.Signal
---@param g lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any, e: any, g: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise
---@function react.S.l6_s(a, b, c, d, e, g, f, eq)
S.l6_s = lift(6, "l6_s")

---- Notifiers ---------------------------------------------------------------------

local Notifier = {}
Notifier.__index = Notifier
Notifier.__name = "lwt.react.notifier"

--- Ends it: the function is not called any more.
---@param handle lwt.Notifier
---@function react.notifier.stop(handle)
function Notifier:stop()
  if getmetatable(self) ~= Notifier then args.wrong(1, "stop", "lwt.react.notifier", self) end
  local node = self.node
  if node then
    self.node = nil
    node.update, node.producers = nil, nil
    G.unkeep(node)
  end
end
Notifier.__close = Notifier.stop

local function notifier(x, call)
  local node = event_from({ x }, call)
  G.keep(node)
  return setmetatable({ node = node }, Notifier)
end

local function notify(check, name)
  return function(x, f)
    check(x, 1, name)
    args.check_callable(2, name, f)
    return notifier(x, function() f(x.v) end)
  end
end

local function notify_s(check, name)
  return function(x, f)
    check(x, 1, name)
    args.check_callable(2, name, f)
    local w = new_worker()
    local handle
    handle = notifier(x, function()
      local v = x.v
      w:add(function()
        if handle.node then value(f(v)) end
      end)
    end)
    return handle
  end
end

local function notify_p(check, name)
  return function(x, f)
    check(x, 1, name)
    args.check_callable(2, name, f)
    return notifier(x, function() async(f, x.v) end)
  end
end

--- Calls `f(v)`, a plain callback, at each occurrence, until the handle's `stop()`. The event
--- is kept alive meanwhile. What `f` raises goes to the exception hook.
---@param e lwt.Event
---@param f fun(v: any)
---@return lwt.Notifier
---@function react.E.notify(e, f)
---```lua
---local e, send = react.E.create()
---local handle = e:notify(function(v) print(v) end)   --> 1
---send(1)
---handle:stop()
---send(2)
---```
E.notify = notify(check_event, "notify")

--- The same with an `f` that runs as a task, one call after another.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Notifier
---@function react.E.notify_s(e, f)
E.notify_s = notify_s(check_event, "notify_s")

--- The same with an `f` that runs as a task, without waiting for the calls before.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Notifier
---@function react.E.notify_p(e, f)
E.notify_p = notify_p(check_event, "notify_p")

--- Calls `f(v)`, a plain callback, at each change, until the handle's `stop()`. The signal is
--- kept alive meanwhile. What `f` raises goes to the exception hook.
---@param s lwt.Signal
---@param f fun(v: any)
---@return lwt.Notifier
---@function react.S.notify(s, f)
---```lua
---local s, set = react.S.create(1)
---local handle = s:notify(function(v) print(v) end)   --> 2
---set(2)
---handle:stop()
---set(3)
---```
S.notify = notify(check_signal, "notify")

--- The same with an `f` that runs as a task: the next call waits for the last one.
---@param s lwt.Signal
---@param f fun(v: any): any
---@return lwt.Notifier
---@function react.S.notify_s(s, f)
S.notify_s = notify_s(check_signal, "notify_s")

--- The same with an `f` that runs as a task, without waiting for the calls before.
---@param s lwt.Signal
---@param f fun(v: any): any
---@return lwt.Notifier
---@function react.S.notify_p(s, f)
S.notify_p = notify_p(check_signal, "notify_p")

return G

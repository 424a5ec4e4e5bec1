-- Events whose functions wait: the `_s` and `_p` forms of `lwt.react.E`, limits, and what makes
-- events of promises and streams and streams of events.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local dropped = require "lwt.internal.dropped"
local stream = require "lwt.stream"
local core = require "lwt.core"
local G = require "lwt.react.graph"
local jobs = require "lwt.react.jobs"
require "lwt.react.event"

local E, Emt = G.E, G.Emt
local occur, now, report, event_from = G.occur, G.now, G.report, G.event_from
local check_event, check_events = G.check_event, G.check_events
local weak, emit, alive, value = jobs.weak, jobs.emit, jobs.alive, jobs.value
local event_of, limiter, fold_values = jobs.event_of, jobs.limiter, jobs.fold_values
local spawn, await, is_promise, unview = lwt.spawn, lwt.await, lwt.is_promise, core.unview

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
--- one after it. It can be cancelled.
---@param e lwt.Event
---@return lwt.Promise<any>
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
  -- The promise is kept alive by the event that it waits for.
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
  local start, admit, forget = limiter(f, emit)
  local ref = setmetatable({}, weak)
  local m = event_from({ e }, function(m)
    if admit(e.v) then
      occur(m, e.v)
      start(ref)
    end
  end)
  ref[1] = m
  m.ended = forget
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
  e.ended = function()
    e.guard = nil
    t:cancel()
  end
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

--- Keeps an event from ever being collected. It gives it.
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

-- What the forms do with an occurrence, in a task.
local steps = {
  map = function(ref, f, v) emit(ref, value(f(v))) end,
  filter = function(ref, f, v)
    if value(f(v)) then emit(ref, v) end
  end,
  fmap = function(ref, f, v)
    local w = value(f(v))
    if w ~= nil then emit(ref, w) end
  end,
}

local function form(name, serial)
  local step = steps[name]
  name = name .. (serial and "_s" or "_p")
  return function(e, f)
    check_event(e, 1, name)
    args.check_callable(2, name, f)
    return event_of({ e }, serial, function(ref)
      local v = e.v
      return function() step(ref, f, v) end
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
E.map_s = form("map", true)

--- `f(v)` as a task at each occurrence, at the same time: occurs with the results as they
--- come.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---@function react.E.map_p(e, f)
E.map_p = form("map", false)

local function app(serial, name)
  return function(ef, e)
    check_event(ef, 1, name)
    check_event(e, 2, name)
    return event_of({ ef, e }, serial, function(ref)
      if not (now(ef) and now(e)) then return nil end
      local f, v = ef.v, e.v
      return function() emit(ref, value(args.function_of(name, f)(v))) end
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

--- The occurrences for which `f(v)`, a task, gives something true: one after another.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---@function react.E.filter_s(e, f)
E.filter_s = form("filter", true)

--- The same at the same time, as the answers come.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---@function react.E.filter_p(e, f)
E.filter_p = form("filter", false)

--- What `f(v)`, a task, gives that is not nil: one after another.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---@function react.E.fmap_s(e, f)
E.fmap_s = form("fmap", true)

--- The same at the same time, as it comes.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---@function react.E.fmap_p(e, f)
E.fmap_p = form("fmap", false)

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

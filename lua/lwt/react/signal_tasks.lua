-- Signals whose functions wait: the `_s` forms of `lwt.react.S`, and limits.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local dropped = require "lwt.internal.dropped"
local core = require "lwt.core"
local G = require "lwt.react.graph"
local jobs = require "lwt.react.jobs"
require "lwt.react.signal"

local S, Smt = G.S, G.Smt
local change, now = G.change, G.now
local event_from, signal_from = G.event_from, G.signal_from
local check_event, check_signal, check_signals = G.check_event, G.check_signal, G.check_signals
local check_eq = G.check_eq
local weak, set, emit, value = jobs.weak, jobs.set, jobs.emit, jobs.value
local work, new_worker, event_of, limiter = jobs.work, jobs.new_worker, jobs.event_of, jobs.limiter
local fold_values, values_of = jobs.fold_values, jobs.values_of
local spawn, unview, unpack = lwt.spawn, core.unview, table.unpack

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
  local start, admit, forget = limiter(f, set)
  local ref = setmetatable({}, weak)
  local m = signal_from({ s }, s.v, eq or s.eq, function(m)
    if admit(s.v) then
      change(m, s.v)
      start(ref)
    end
  end)
  ref[1] = m
  m.ended = forget
  start(ref)
  return m
end

--- Keeps a signal from ever being collected. It gives it.
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
    out.source, out.ended = source, function() w:clear() end
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
---@return lwt.Promise<lwt.Signal>
---@function react.S.app_s(sf, s, eq)
function S.app_s(sf, s, eq)
  check_signal(sf, 1, "app_s")
  check_signal(s, 2, "app_s")
  check_eq(eq, 3, "app_s")
  local f0, v0 = sf.v, s.v
  local function result(f, v) return value(args.function_of("app_s", f)(v)) end
  return signal_of({ sf, s }, eq, function() return result(f0, v0) end, function(ref)
    local f, v = sf.v, s.v
    return function() set(ref, result(f, v)) end
  end)
end

--- A promise of the signal of `f(v)`, which runs as a task: the promise is fulfilled when the
--- first value is there (and rejected if that fails); later changes are worked on one after
--- another, and one that fails goes to the exception hook and is skipped.
---@param s lwt.Signal
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
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
---@return lwt.Promise<lwt.Signal>
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
---@return lwt.Promise<lwt.Signal>
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
  out.ended = function() w:clear() end
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

--- A promise of the signal of a fold over a list of signals: `f(acc, v)` as a task.
---@param list lwt.Signal[]
---@param init any
---@param f fun(acc: any, v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
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
---@return lwt.Promise<lwt.Signal>
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
---@return lwt.Promise<lwt.Signal>
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
---@return lwt.Promise<lwt.Signal>
---@function react.S.l1_s(a, f, eq)
S.l1_s = lift(1, "l1_s")

--- A promise of the signal of `f(a, b)`, a task.
---@param a lwt.Signal
---@param b lwt.Signal
---@param f fun(a: any, b: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
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
---@return lwt.Promise<lwt.Signal>
---@function react.S.l3_s(a, b, c, f, eq)
S.l3_s = lift(3, "l3_s")

--- The same for four.
---@param a lwt.Signal
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
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
---@return lwt.Promise<lwt.Signal>
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
---@return lwt.Promise<lwt.Signal>
---@function react.S.l6_s(a, b, c, d, e, g, f, eq)
S.l6_s = lift(6, "l6_s")

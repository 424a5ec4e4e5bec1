-- Signals: the functions of the React library. (Functions of `lwt.react.S`.)
-- (Longer than other files: it has the reference of each function of React, in React's order. The code
-- is less than half of it.)

local args = require "lwt.internal.args"
local G = require "lwt.react.graph"
local unview = require "lwt.core".unview

local S, Emt, Smt = G.S, G.Emt, G.Smt
local occur, change, now, send = G.occur, G.change, G.now, G.send
local event_from, signal_from = G.event_from, G.signal_from
local getmetatable, error, unpack = getmetatable, error, table.unpack

local function check(s, n, name)
  if getmetatable(s) ~= Smt then args.wrong(n, name, "signal", s, 1) end
end

local function check_event(e, n, name)
  if getmetatable(e) ~= Emt then args.wrong(n, name, "event", e, 1) end
end

local function check_list(list, name)
  local n, from = args.objects(1, name, list, Smt, "signal", 1)
  return n, from
end

local function check_eq(eq, n, name)
  if eq ~= nil then args.check_callable(n, name, eq, 1) end
end

G.check_signal, G.check_signals, G.check_eq = check, check_list, check_eq

--- A signal that never changes. (React's `const`, Lwt_react's `return`.)
---@param v any
---@return lwt.Signal
---```lua
---print(react.S.const(5):value())   --> 5
---```
---@function react.S.const(v) return G.silence(G.signal(v))
function S.const(v) return G.silence(G.signal(v)) end

--- A signal and the function that sets it: `set(v)`, or `set(v, step)` for later (see
--- `react.Step`). Setting the value it has is no update: `eq(old, new)`, or `==`. What is set
--- while an update step runs becomes a step of its own, right after that one.
---@param v any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---@return fun(v: any, step?: lwt.Step) set
---```lua
---local s, set = react.S.create(1)
---set(2)
---print(s:value())   --> 2
---```
---@function react.S.create(v, eq)
function S.create(v, eq)
  check_eq(eq, 2, "create")
  local s = G.signal(v, eq)
  return s, G.setter(s)
end

--- The value of a signal, now.
---@param s lwt.Signal
---@return any
---```lua
---local s, set = react.S.create(1)
---print(s:map(function(v) return v + 1 end):value())   --> 2
---```
---@function react.S.value(s)
function S.value(s)
  check(s, 1, "value")
  return s.v
end

--- Makes `s` hold `x`, so that it lives as long as `s`. It gives what it held before.
---@param s lwt.Signal
---@param x any
---@return any
---```lua
---local s = react.S.create(1)
---print(s:retain("a"), s:retain("b"))   --> nil a
---```
---@function react.S.retain(s, x)
function S.retain(s, x)
  check(s, 1, "retain")
  local old = s.held
  s.held = x
  return old
end

--- Freezes a signal: it keeps its value for good, and the functions that it was made with are not called any more (as
--- for `E.stop`). With `strong`, what it alone was made from is ended as well.
---@param s lwt.Signal
---@param strong? boolean
---```lua
---local s, set = react.S.create(1)
---local m = s:map(function(v) return v * 10 end)
---m:stop()
---set(2)
---print(m:value())   --> 10
---```
---@function react.S.stop(s, strong)
function S.stop(s, strong)
  check(s, 1, "stop")
  G.stop(s, strong)
end

--- Whether two signals are the same one.
---@param a lwt.Signal
---@param b lwt.Signal
---@return boolean
---```lua
---print(react.S.const(1):equal(react.S.const(1)))   --> false
---```
---@function react.S.equal(a, b)
function S.equal(a, b)
  check(a, 1, "equal")
  check(b, 2, "equal")
  return a == b
end

--- The same signal, for each new value of which `f(v)` is called first (while the signal
--- `iff` is true, when there is one).
---@param s lwt.Signal
---@param f fun(v: any)
---@param iff? lwt.Signal
---@return lwt.Signal
---```lua
---local s, set = react.S.create(1)
---local t = s:trace(function(v) print(v) end)   --> 2
---set(2)
---```
---@function react.S.trace(s, f, iff)
function S.trace(s, f, iff)
  check(s, 1, "trace")
  args.check_callable(2, "trace", f)
  if iff ~= nil then check(iff, 3, "trace") end
  return signal_from(iff and { s, iff } or { s }, s.v, s.eq, function(m)
    if now(s) then
      if not iff or iff.v then f(s.v) end
      change(m, s.v)
    end
  end)
end

--- The last occurrence of an event, `init` before the first.
---@param e lwt.Event
---@param init any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local e, send = react.E.create()
---local s = react.S.hold(e, 0)
---send(3)
---print(s:value())   --> 3
---```
---@function react.S.hold(e, init, eq)
function S.hold(e, init, eq)
  check_event(e, 1, "hold")
  check_eq(eq, 3, "hold")
  if now(e) then init = e.v end
  return signal_from({ e }, init, eq, function(m) change(m, e.v) end)
end

--- The value of a signal of functions, of the value of `s`.
---@param sf lwt.Signal
---@param s lwt.Signal
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local s = react.S.const(3)
---print(react.S.const(function(v) return v * v end):app(s):value())   --> 9
---```
---@function react.S.app(sf, s, eq)
function S.app(sf, s, eq)
  check(sf, 1, "app")
  check(s, 2, "app")
  check_eq(eq, 3, "app")
  local function result() return (args.function_of("app", sf.v)(s.v)) end
  return signal_from({ sf, s }, result(), eq, function(m) change(m, result()) end)
end

--- `f(v)` of the value. `f` is a plain callback; if it fails in an update, its error goes to
--- the exception hook and the signal stays as it is.
---@param s lwt.Signal
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local s, set = react.S.create(1)
---local twice = s:map(function(v) return v * 2 end)
---set(4)
---print(twice:value())   --> 8
---```
---@function react.S.map(s, f, eq)
function S.map(s, f, eq)
  check(s, 1, "map")
  args.check_callable(2, "map", f)
  check_eq(eq, 3, "map")
  return G.mapped(s, f, eq)
end

--- The last value for which `f(v)` is true; `init` if the first is refused.
---@param s lwt.Signal
---@param init any
---@param f fun(v: any): boolean
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local s, set = react.S.create(1)
---local even = s:filter(0, function(v) return v % 2 == 0 end)
---set(4) set(5)
---print(even:value())   --> 4
---```
---@function react.S.filter(s, init, f, eq)
function S.filter(s, init, f, eq)
  check(s, 1, "filter")
  args.check_callable(3, "filter", f)
  check_eq(eq, 4, "filter")
  local v = s.v
  if not f(v) then v = init end
  return signal_from({ s }, v, eq, function(m)
    local w = s.v
    if f(w) then change(m, w) end
  end)
end

--- The last value of `f(v)` that is not nil; `init` before there is one.
---@param s lwt.Signal
---@param init any
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local s, set = react.S.create("x")
---local n = s:fmap(0, tonumber)
---set("12") set("y")
---print(n:value())   --> 12
---```
---@function react.S.fmap(s, init, f, eq)
function S.fmap(s, init, f, eq)
  check(s, 1, "fmap")
  args.check_callable(3, "fmap", f)
  check_eq(eq, 4, "fmap")
  local v = f(s.v)
  if v == nil then v = init end
  return signal_from({ s }, v, eq, function(m)
    local w = f(s.v)
    if w ~= nil then change(m, w) end
  end)
end

--- An event that occurs at each change with `f(new, old)`.
---@param s lwt.Signal
---@param f fun(new: any, old: any): any
---@return lwt.Event
---```lua
---local s, set = react.S.create(1)
---local made = s:diff(function(new, old) return new - old end)
---local seen = made:map(function(v) print(v) end)   --> 4
---set(5)
---```
---@function react.S.diff(s, f)
function S.diff(s, f)
  check(s, 1, "diff")
  args.check_callable(2, "diff", f)
  local last = s.v
  return event_from({ s }, function(m)
    local old = last
    last = s.v
    occur(m, (f(last, old)))
  end)
end

--- An event that occurs with each new value.
---@param s lwt.Signal
---@return lwt.Event
---```lua
---local s, set = react.S.create(1)
---local seen = s:changes():map(function(v) print(v) end)   --> 2
---set(2)
---```
---@function react.S.changes(s)
function S.changes(s)
  check(s, 1, "changes")
  return event_from({ s }, function(m) occur(m, s.v) end)
end

--- `f(occurrence, value)` each time `e` occurs.
---@param s lwt.Signal
---@param e lwt.Event
---@param f fun(v: any, value: any): any
---@return lwt.Event
---```lua
---local s = react.S.const(10)
---local e, send = react.E.create()
---local made = s:sample(e, function(v, value) return v + value end)
---local seen = made:map(function(v) print(v) end)   --> 11
---send(1)
---```
---@function react.S.sample(s, e, f)
function S.sample(s, e, f)
  check(s, 1, "sample")
  check_event(e, 2, "sample")
  args.check_callable(3, "sample", f)
  return event_from({ e, s }, function(m)
    if now(e) then occur(m, (f(e.v, s.v))) end
  end)
end

--- Follows `s` while the signal `c` is true, and keeps the last value while it is not;
--- `init` until it first is.
---@param s lwt.Signal
---@param c lwt.Signal
---@param init any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local s, set = react.S.create(1)
---local c, open = react.S.create(true)
---local t = s:on(c, 0)
---open(false) set(2)
---print(t:value())   --> 1
---```
---@function react.S.on(s, c, init, eq)
function S.on(s, c, init, eq)
  check(s, 1, "on")
  check(c, 2, "on")
  check_eq(eq, 4, "on")
  local v = init
  if c.v then v = s.v end
  return signal_from({ s, c }, v, eq, function(m)
    if c.v then change(m, s.v) end
  end)
end
S.when = S.on

--- Follows `s`, except for changes at which the event `c` occurs; `init` when it is made at
--- such an instant.
---@param s lwt.Signal
---@param c lwt.Event
---@param init any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local s, set = react.S.create(1)
---local t = s:dismiss(s:changes():filter(function(v) return v > 9 end), 0)
---set(5) set(10)
---print(t:value())   --> 5
---```
---@function react.S.dismiss(s, c, init, eq)
function S.dismiss(s, c, init, eq)
  check(s, 1, "dismiss")
  check_event(c, 2, "dismiss")
  check_eq(eq, 4, "dismiss")
  local v = s.v
  if now(c) then v = init end
  return signal_from({ s, c }, v, eq, function(m)
    if now(s) and not now(c) then change(m, s.v) end
  end)
end

--- A state, changed by the functions that the event `ef` gives, from `init` on.
---@param ef lwt.Event
---@param init any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local e, send = react.E.create()
---local s = react.S.accum(e, 1)
---send(function(n) return n + 1 end)
---print(s:value())   --> 2
---```
---@function react.S.accum(ef, init, eq)
function S.accum(ef, init, eq)
  check_event(ef, 1, "accum")
  check_eq(eq, 3, "accum")
  return signal_from({ ef }, init, eq, function(m) change(m, (ef.v(m.v))) end)
end

--- `f(acc, v)` of the occurrences of an event, from `init` on.
---@param e lwt.Event
---@param init any
---@param f fun(acc: any, v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local e, send = react.E.create()
---local sum = react.S.fold(e, 0, function(acc, v) return acc + v end)
---send(2) send(3)
---print(sum:value())   --> 5
---```
---@function react.S.fold(e, init, f, eq)
function S.fold(e, init, f, eq)
  check_event(e, 1, "fold")
  args.check_callable(3, "fold", f)
  check_eq(eq, 4, "fold")
  return signal_from({ e }, init, eq, function(m) change(m, (f(m.v, e.v))) end)
end

--- Folds the values of a list of signals, in its order: `f(acc, v)` from `init`.
---@param list lwt.Signal[]
---@param init any
---@param f fun(acc: any, v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local a, set = react.S.create(1)
---local sum = react.S.merge({ a, react.S.const(2) }, 0, function(acc, v) return acc + v end)
---set(5)
---print(sum:value())   --> 7
---```
---@function react.S.merge(list, init, f, eq)
function S.merge(list, init, f, eq)
  local n, from = check_list(list, "merge")
  args.check_callable(3, "merge", f)
  check_eq(eq, 4, "merge")
  local function value()
    local acc = init
    for i = 1, n do acc = f(acc, from[i].v) end
    return acc
  end
  return signal_from(from, value(), eq, function(m) change(m, value()) end)
end

--- An event that occurs with true when a signal becomes true (not false, not nil), and with
--- false when it no longer is.
---@param s lwt.Signal
---@return lwt.Event
---```lua
---local s, set = react.S.create(1)
---local seen = s:edge():map(function(v) print(v) end)   --> false true
---set(2) set(nil) set(false) set(3)
---```
---@function react.S.edge(s)
function S.edge(s)
  check(s, 1, "edge")
  local last = s.v and true or false
  return event_from({ s }, function(m)
    local v = s.v and true or false
    if v ~= last then
      last = v
      occur(m, v)
    end
  end)
end

--- Occurs when a signal becomes true.
---@param s lwt.Signal
---@return lwt.Event
---```lua
---local s, set = react.S.create(false)
---local seen = s:rise():map(function() print "on" end)   --> on
---set(true) set(false)
---```
---@function react.S.rise(s)
function S.rise(s)
  check(s, 1, "rise")
  return S.edge(s):filter(function(v) return v end)
end

--- Occurs when a signal is no longer true.
---@param s lwt.Signal
---@return lwt.Event
---```lua
---local s, set = react.S.create(false)
---local seen = s:fall():map(function() print "off" end)   --> off
---set(true) set(false)
---```
---@function react.S.fall(s)
function S.fall(s)
  check(s, 1, "fall")
  return S.edge(s):filter(function(v) return not v end)
end

--- A signal that is `init`, true or false, and turns over each time an event occurs.
---@param e lwt.Event
---@param init boolean
---@return lwt.Signal
---```lua
---local e, send = react.E.create()
---local s = react.S.flip(e, false)
---send() send() send()
---print(s:value())   --> true
---```
---@function react.S.flip(e, init)
function S.flip(e, init)
  check_event(e, 1, "flip")
  return signal_from({ e }, init and true or false, nil, function(m) change(m, not m.v) end)
end

-- What `inner_of()` is, with `outer` to tell when that changes.
local function follow(outer, inner_of, eq)
  local inner = inner_of()
  local m = signal_from({ outer }, inner.v, eq, function(m)
    local i = now(outer) and inner_of() or m.inner
    if G.follow(m, i) then change(m, i.v) end
  end)
  G.follow(m, inner)
  return m
end

local function signal_in(v, name)
  v = unview(v)
  if getmetatable(v) ~= Smt then
    error(("'%s': a signal expected, got %s"):format(name, args.type_name(v)), 0)
  end
  return v
end

--- The value of the signal that is the value of `ss`.
---@param ss lwt.Signal
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local a, b = react.S.const("a"), react.S.const("b")
---local ss, set = react.S.create(a)
---local s = ss:switch()
---set(b)
---print(s:value())   --> b
---```
---@function react.S.switch(ss, eq)
function S.switch(ss, eq)
  check(ss, 1, "switch")
  check_eq(eq, 2, "switch")
  return follow(ss, function() return signal_in(ss.v, "switch") end, eq)
end

--- The value of the signal `f(v)`, for the value of `s`.
---@param s lwt.Signal
---@param f fun(v: any): lwt.Signal
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local s, set = react.S.create(1)
---local t = s:bind(function(v) return react.S.const(v * 10) end)
---set(2)
---print(t:value())   --> 20
---```
---@function react.S.bind(s, f, eq)
function S.bind(s, f, eq)
  check(s, 1, "bind")
  args.check_callable(2, "bind", f)
  check_eq(eq, 3, "bind")
  local ss = S.map(s, f)
  local s_of_all = follow(ss, function() return signal_in(ss.v, "bind") end, eq)
  s_of_all.source = ss -- (nobody else has it: it ends with what is made of it)
  return s_of_all
end

--- Recursion: `f(d)` is given a signal, `init` at first, that is set, in a step of its own
--- right after, to what `s` has become, where `f(d)` returns `s` and the result. It gives the
--- result.
---@param init any
---@param f fun(d: lwt.Signal): lwt.Signal, any
---@param eq? fun(a: any, b: any): boolean
---@return any
---```lua
---local e, send = react.E.create()
---local history = react.S.fix("", function(d)
---  local s = react.S.hold(react.S.sample(d, e, function(v, old) return old .. v end), "")
---  return s, s
---end)
---send("a") send("b")
---print(history:value())   --> ab
---```
---@function react.S.fix(init, f, eq)
function S.fix(init, f, eq)
  args.check_callable(2, "fix", f)
  check_eq(eq, 3, "fix")
  local d = G.signal(init, eq)
  local s, result = f(d)
  if getmetatable(s) ~= Smt then
    error(("'fix': a signal expected, got %s"):format(args.type_name(s)), 2)
  end
  d.held = event_from({ s }, function() send(change, d, s.v) end)
  send(change, d, s.v)
  return result
end

local function lift(n, name)
  return function(...)
    local from = table.pack(...)
    local f, eq = from[n + 1], from[n + 2]
    for i = 1, n do check(from[i], i, name) end
    args.check_callable(n + 1, name, f)
    check_eq(eq, n + 2, name)
    from = table.move(from, 1, n, 1, {})
    local function value()
      local values = {}
      for i = 1, n do values[i] = from[i].v end
      return (f(unpack(values, 1, n)))
    end
    return signal_from(from, value(), eq, function(m) change(m, value()) end)
  end
end

--- `f(a)` of the value: the same as `map`.
---@param a lwt.Signal
---@param f fun(a: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---@function react.S.l1(a, f, eq)
S.l1 = S.map

--- `f(a, b)` of the values of two signals.
---@param a lwt.Signal
---@param b lwt.Signal
---@param f fun(a: any, b: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local a, set = react.S.create(1)
---local s = react.S.l2(a, react.S.const(10), function(x, y) return x + y end)
---set(2)
---print(s:value())   --> 12
---```
---@function react.S.l2(a, b, f, eq)
function S.l2(a, b, f, eq)
  check(a, 1, "l2")
  check(b, 2, "l2")
  args.check_callable(3, "l2", f)
  check_eq(eq, 4, "l2")
  return signal_from({ a, b }, (f(a.v, b.v)), eq, function(m) change(m, (f(a.v, b.v))) end)
end

--- `f(a, b, c)` of the values of three signals.
---@param a lwt.Signal
---@param b lwt.Signal
---@param c lwt.Signal
---@param f fun(a: any, b: any, c: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---@function react.S.l3(a, b, c, f, eq)
S.l3 = lift(3, "l3")

--- The same for four.
---@param a lwt.Signal
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---@function react.S.l4(a, b, c, d, f, eq)
S.l4 = lift(4, "l4")

--- The same for five.
---@param a lwt.Signal
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param e lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any, e: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---@function react.S.l5(a, b, c, d, e, f, eq)
S.l5 = lift(5, "l5")

--- The same for six.
---@param a lwt.Signal
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param e lwt.Signal
---@param g lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any, e: any, g: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---@function react.S.l6(a, b, c, d, e, g, f, eq)
S.l6 = lift(6, "l6")

return S

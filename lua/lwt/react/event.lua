-- Events: the functions of the React library. (Functions of `lwt.react.E`.)
-- (Longer than other files: it has the reference of each function of React, in React's order. The code
-- is less than half of it.)

local args = require "lwt.internal.args"
local G = require "lwt.react.graph"
local unview = require "lwt.core".unview

local E, Emt, Smt = G.E, G.Emt, G.Smt
local occur, now, send = G.occur, G.now, G.send
local event_from = G.event_from
local getmetatable, error = getmetatable, error

local function check(e, n, name)
  if getmetatable(e) ~= Emt then args.wrong(n, name, "event", e, 1) end
end

local function check_list(list, name)
  local n, from = args.objects(1, name, list, Emt, "event", 1)
  return n, from
end

G.check_event, G.check_events = check, check_list

--- The event that never occurs.
---@value react.E.never lwt.Event

---```lua
---print(react.E.never:map(tostring) ~= react.E.never)   --> true
---```
E.never = G.silence(G.event())

--- An event and the function that makes it occur: `send(v)`, or `send(v, step)` for later
--- (see `react.Step`). A send while an update step runs becomes a step of its own, right
--- after that one.
---@return lwt.Event
---@return fun(v: any, step?: lwt.Step) send
---```lua
---local e, send = react.E.create()
---local seen = e:map(function(v) print(v) end)   --> hello
---send("hello")
---```
---@function react.E.create()
function E.create()
  local e = G.event()
  return e, function(v, step)
    if step ~= nil then return G.add(step, occur, e, v) end
    send(occur, e, v)
  end
end

--- Makes `e` hold `x`, so that it lives as long as `e`. It gives what it held before.
---@param e lwt.Event
---@param x any
---@return any
---```lua
---local e = react.E.create()
---print(e:retain("a"), e:retain("b"))   --> nil a
---```
---@function react.E.retain(e, x)
function E.retain(e, x)
  check(e, 1, "retain")
  local old = e.held
  e.held = x
  return old
end

--- Ends an event: it never occurs again, and the functions that it was made with are not called any more. A task of
--- an `_s` or `_p` form that has begun goes on; what waits for its turn there is not begun. With `strong`, events and
--- signals that it alone was made from are ended as well.
---@param e lwt.Event
---@param strong? boolean
---```lua
---local e, send = react.E.create()
---local seen = e:map(function(v) print(v) end)
---seen:stop()
---send(1)
---```
---@function react.E.stop(e, strong)
function E.stop(e, strong)
  check(e, 1, "stop")
  G.stop(e, strong)
end

--- Whether two events are the same one.
---@param a lwt.Event
---@param b lwt.Event
---@return boolean
---```lua
---local e = react.E.create()
---print(e:equal(e))   --> true
---```
---@function react.E.equal(a, b)
function E.equal(a, b)
  check(a, 1, "equal")
  check(b, 2, "equal")
  return a == b
end

--- `f(v)` at each occurrence. `f` is a plain callback; if it fails, its error goes to the
--- exception hook and the occurrence is skipped.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local seen = e:map(function(v) return v * 2 end):map(function(v) print(v) end)   --> 8
---send(4)
---```
---@function react.E.map(e, f)
function E.map(e, f)
  check(e, 1, "map")
  args.check_callable(2, "map", f)
  return event_from({ e }, function(m) occur(m, (f(e.v))) end)
end

--- The occurrences of `e`, for each of which `f(v)` is called first (while the signal `iff`
--- is true, when there is one).
---@param e lwt.Event
---@param f fun(v: any)
---@param iff? lwt.Signal
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local t = e:trace(function(v) print(v) end)   --> x
---send("x")
---```
---@function react.E.trace(e, f, iff)
function E.trace(e, f, iff)
  check(e, 1, "trace")
  args.check_callable(2, "trace", f)
  if iff ~= nil and getmetatable(iff) ~= Smt then args.wrong(3, "trace", "signal", iff) end
  return event_from(iff and { e, iff } or { e }, function(m)
    if now(e) then
      if not iff or iff.v then f(e.v) end
      occur(m, e.v)
    end
  end)
end

--- The first occurrence only.
---@param e lwt.Event
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local seen = e:once():map(function(v) print(v) end)   --> 1
---send(1)
---send(2)
---```
---@function react.E.once(e)
function E.once(e)
  check(e, 1, "once")
  return event_from({ e }, function(m)
    occur(m, e.v)
    m.update = nil
    m.producers = nil
  end)
end

--- All occurrences but the first.
---@param e lwt.Event
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local seen = e:drop_once():map(function(v) print(v) end)   --> 2
---send(1)
---send(2)
---```
---@function react.E.drop_once(e)
function E.drop_once(e)
  check(e, 1, "drop_once")
  local first = true
  return event_from({ e }, function(m)
    if first then first = false else occur(m, e.v) end
  end)
end

--- When both occur at the same time: the function that `ef` gives, of what `e` gives.
---@param ef lwt.Event
---@param e lwt.Event
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local plus = e:map(function(v) return function(w) return v + w end end)
---local seen = plus:app(e):map(function(v) print(v) end)   --> 8
---send(4)
---```
---@function react.E.app(ef, e)
function E.app(ef, e)
  check(ef, 1, "app")
  check(e, 2, "app")
  return event_from({ ef, e }, function(m)
    if now(ef) and now(e) then occur(m, (args.function_of("app", ef.v)(e.v))) end
  end)
end

--- Occurs with `v` each time `e` occurs.
---@param e lwt.Event
---@param v any
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local seen = e:stamp("tick"):map(function(v) print(v) end)   --> tick
---send(1)
---```
---@function react.E.stamp(e, v)
function E.stamp(e, v)
  check(e, 1, "stamp")
  return event_from({ e }, function(m) occur(m, v) end)
end

--- The occurrences for which `f(v)` is true.
---@param e lwt.Event
---@param f fun(v: any): boolean
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local seen = e:filter(function(v) return v > 1 end):map(function(v) print(v) end)   --> 2
---send(1)
---send(2)
---```
---@function react.E.filter(e, f)
function E.filter(e, f)
  check(e, 1, "filter")
  args.check_callable(2, "filter", f)
  return event_from({ e }, function(m)
    local v = e.v
    if f(v) then occur(m, v) end
  end)
end

--- The values of `f(v)` that are not nil.
---@param e lwt.Event
---@param f fun(v: any): any
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local seen = e:fmap(tonumber):map(function(v) print(v) end)   --> 7
---send("x")
---send("7")
---```
---@function react.E.fmap(e, f)
function E.fmap(e, f)
  check(e, 1, "fmap")
  args.check_callable(2, "fmap", f)
  return event_from({ e }, function(m)
    local v = f(e.v)
    if v ~= nil then occur(m, v) end
  end)
end

--- `f(new, old)` from the second occurrence on.
---@param e lwt.Event
---@param f fun(new: any, old: any): any
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local made = e:diff(function(new, old) return new - old end)
---local seen = made:map(function(v) print(v) end)   --> 4
---send(1)
---send(5)
---```
---@function react.E.diff(e, f)
function E.diff(e, f)
  check(e, 1, "diff")
  args.check_callable(2, "diff", f)
  local any, last = false, nil
  return event_from({ e }, function(m)
    local had, old, v = any, last, e.v
    any, last = true, v
    if had then occur(m, (f(v, old))) end
  end)
end

--- The occurrences that differ from the one before: `eq(old, new)`, or `==`.
---@param e lwt.Event
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local seen = e:changes():map(function(v) print(v) end)   --> 1
---send(1)
---send(1)
---```
---@function react.E.changes(e, eq)
function E.changes(e, eq)
  check(e, 1, "changes")
  if eq ~= nil then args.check_callable(2, "changes", eq) end
  local any, last = false, nil
  return event_from({ e }, function(m)
    local v = e.v
    if any then
      if eq then
        if eq(last, v) then return end
      elseif last == v then
        return
      end
    end
    any, last = true, v
    occur(m, v)
  end)
end

--- The occurrences of `e` while the signal `c` is true. (React's `on`, once `when`.)
---@param e lwt.Event
---@param c lwt.Signal
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local c, set = react.S.create(false)
---local seen = e:on(c):map(function(v) print(v) end)   --> 2
---send(1)
---set(true)
---send(2)
---```
---@function react.E.on(e, c)
function E.on(e, c)
  check(e, 1, "on")
  if getmetatable(c) ~= Smt then args.wrong(2, "on", "signal", c) end
  return event_from({ e, c }, function(m)
    if now(e) and c.v then occur(m, e.v) end
  end)
end
E.when = E.on

--- The occurrences of `e` at which `c` does not occur.
---@param e lwt.Event
---@param c lwt.Event
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local big = e:filter(function(v) return v > 9 end)
---local seen = e:dismiss(big):map(function(v) print(v) end)   --> 5
---send(10)
---send(5)
---```
---@function react.E.dismiss(e, c)
function E.dismiss(e, c)
  check(e, 1, "dismiss")
  check(c, 2, "dismiss")
  return event_from({ e, c }, function(m)
    if now(e) and not now(c) then occur(m, e.v) end
  end)
end

--- The occurrences of `e` until `c` occurs (that instant excluded). (React's `until`: a
--- keyword in Lua.)
---@param e lwt.Event
---@param c lwt.Event
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local made = e:until_(e:filter(function(v) return v == 2 end))
---local seen = made:map(function(v) print(v) end)   --> 1
---send(1)
---send(2) send(3)
---```
---@function react.E.until_(e, c)
function E.until_(e, c)
  check(e, 1, "until_")
  check(c, 2, "until_")
  return event_from({ e, c }, function(m)
    if now(c) then
      m.update = nil
      m.producers = nil
    elseif now(e) then
      occur(m, e.v)
    end
  end)
end

--- A state, changed by the functions that `ef` gives, from `init` on: occurs with each new
--- state.
---@param ef lwt.Event
---@param init any
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local seen = e:accum(1):map(function(v) print(v) end)   --> 2
---send(function(n) return n + 1 end)
---```
---@function react.E.accum(ef, init)
function E.accum(ef, init)
  check(ef, 1, "accum")
  local acc = init
  return event_from({ ef }, function(m)
    acc = ef.v(acc)
    occur(m, acc)
  end)
end

--- `f(acc, v)` at each occurrence, from `acc = init` on: occurs with each new accumulator.
---@param e lwt.Event
---@param init any
---@param f fun(acc: any, v: any): any
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local seen = e:fold(0, function(acc, v) return acc + v end):map(function(v) print(v) end)   --> 2
--- --> 5
---send(2)
---send(3)
---```
---@function react.E.fold(e, init, f)
function E.fold(e, init, f)
  check(e, 1, "fold")
  args.check_callable(3, "fold", f)
  local acc = init
  return event_from({ e }, function(m)
    acc = f(acc, e.v)
    occur(m, acc)
  end)
end

--- Occurs with the first event of a list that occurs.
---@param list lwt.Event[]
---@return lwt.Event
---```lua
---local a, send_a = react.E.create()
---local b, send_b = react.E.create()
---local seen = react.E.select({ a, b }):map(function(v) print(v) end)   --> 2
---send_b(2)
---```
---@function react.E.select(list)
function E.select(list)
  local n, from = check_list(list, "select")
  return event_from(from, function(m)
    for i = 1, n do
      local e = from[i]
      if now(e) then return occur(m, e.v) end
    end
  end)
end

--- Folds what occurs at the same time, in the list's order: `f(acc, v)` from `acc = init`.
---@param list lwt.Event[]
---@param init any
---@param f fun(acc: any, v: any): any
---@return lwt.Event
---```lua
---local e, send = react.E.create()
---local twice = e:map(function(v) return 2 * v end)
---local made = react.E.merge({ e, twice }, 0, function(acc, v) return acc + v end)
---local seen = made:map(function(v) print(v) end)   --> 9
---send(3)
---```
---@function react.E.merge(list, init, f)
function E.merge(list, init, f)
  local n, from = check_list(list, "merge")
  args.check_callable(3, "merge", f)
  return event_from(from, function(m)
    local acc, any = init, false
    for i = 1, n do
      local e = from[i]
      if now(e) then
        acc = f(acc, e.v)
        any = true
      end
    end
    if any then occur(m, acc) end
  end)
end

--- The occurrences of `e` until `ee` occurs, then those of the event that `ee` gave last.
---@param e lwt.Event
---@param ee lwt.Event
---@return lwt.Event
---```lua
---local a, send_a = react.E.create()
---local b, send_b = react.E.create()
---local ee, turn = react.E.create()
---local seen = a:switch(ee):map(function(v) print(v) end)   --> 1
--- --> 3
---send_a(1)
---turn(b)
---send_a(2)
---send_b(3)
---```
---@function react.E.switch(e, ee)
function E.switch(e, ee)
  check(e, 1, "switch")
  check(ee, 2, "switch")
  local m = event_from({ ee }, function(m)
    local inner = m.inner
    if now(ee) then
      inner = unview(ee.v)
      if getmetatable(inner) ~= Emt then
        error(("'switch': an event expected, got %s"):format(args.type_name(inner)), 0)
      end
    end
    if G.follow(m, inner) and now(inner) then occur(m, inner.v) end
  end)
  G.follow(m, e)
  if now(e) then G.enqueue(m) end
  return m
end

--- Recursion: `f(d)` is given the event that occurs, in a step of its own right after, with
--- what `e` occurred with, where `f(d)` returns `e` and the result. It gives the result.
---@param f fun(d: lwt.Event): lwt.Event, any
---@return any
---```lua
---local e, send = react.E.create()
---local seen = react.E.fix(function(d)
---  local all = react.E.select { e, d }
---  return all:fmap(function(v) if v > 1 then return v // 2 end end), all
---end):map(function(v) print(v) end)   --> 4
--- --> 2
--- --> 1
---send(4)
---```
---@function react.E.fix(f)
function E.fix(f)
  args.check_callable(1, "fix", f)
  local d = G.event()
  local e, result = f(d)
  if getmetatable(e) ~= Emt then
    error(("'fix': an event expected, got %s"):format(args.type_name(e)), 2)
  end
  d.held = event_from({ e }, function() send(occur, d, e.v) end)
  return result
end

local function lift(n, name)
  return function(...)
    local from = table.pack(...)
    local f = from[n + 1]
    for i = 1, n do check(from[i], i, name) end
    args.check_callable(n + 1, name, f)
    from = table.move(from, 1, n, 1, {})
    return event_from(from, function(m)
      local values = {}
      for i = 1, n do
        if not now(from[i]) then return end
        values[i] = from[i].v
      end
      occur(m, (f(table.unpack(values, 1, n))))
    end)
  end
end

--- `f(a)` when it occurs: the same as `map`.
---@param a lwt.Event
---@param f fun(a: any): any
---@return lwt.Event
---@function react.E.l1(a, f)
E.l1 = lift(1, "l1")

--- `f(a, b)` when both occur at the same time.
---@param a lwt.Event
---@param b lwt.Event
---@param f fun(a: any, b: any): any
---@return lwt.Event
---@function react.E.l2(a, b, f)
---```lua
---local e, send = react.E.create()
---local half = e:filter(function(v) return v % 2 == 0 end):map(function(v) return v // 2 end)
---local made = react.E.l2(e, half, function(v, h) return v .. "/" .. h end)
---local seen = made:map(function(v) print(v) end)   --> 4/2
---send(3)
---send(4)
---```
E.l2 = lift(2, "l2")

--- `f(a, b, c)` when all three occur at the same time.
---@param a lwt.Event
---@param b lwt.Event
---@param c lwt.Event
---@param f fun(a: any, b: any, c: any): any
---@return lwt.Event
---@function react.E.l3(a, b, c, f)
E.l3 = lift(3, "l3")

--- The same for four.
---@param a lwt.Event
---@param b lwt.Event
---@param c lwt.Event
---@param d lwt.Event
---@param f fun(a: any, b: any, c: any, d: any): any
---@return lwt.Event
---@function react.E.l4(a, b, c, d, f)
E.l4 = lift(4, "l4")

--- The same for five.
---@param a lwt.Event
---@param b lwt.Event
---@param c lwt.Event
---@param d lwt.Event
---@param e lwt.Event
---@param f fun(a: any, b: any, c: any, d: any, e: any): any
---@return lwt.Event
---@function react.E.l5(a, b, c, d, e, f)
E.l5 = lift(5, "l5")

--- The same for six.
---@param a lwt.Event
---@param b lwt.Event
---@param c lwt.Event
---@param d lwt.Event
---@param e lwt.Event
---@param g lwt.Event
---@param f fun(a: any, b: any, c: any, d: any, e: any, g: any): any
---@return lwt.Event
---@function react.E.l6(a, b, c, d, e, g, f)
E.l6 = lift(6, "l6")

--- The signal of the last occurrence, `init` before the first: `S.hold`.
---@param e lwt.Event
---@param init any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---```lua
---local e, send = react.E.create()
---local s = e:hold(0)
---send(3)
---print(s:value())   --> 3
---```
---@function react.E.hold(e, init, eq)
function E.hold(e, init, eq)
  check(e, 1, "hold")
  return G.S.hold(e, init, eq)
end

return E

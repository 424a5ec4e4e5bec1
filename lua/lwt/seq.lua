--- Lazy sequences: a list whose next element is worked out when somebody asks for it, and
--- may have to be waited for.
---
--- ```lua
--- local seq = require "lwt.seq"
--- local numbers = seq.unfold(1, function(n) return n, n + 1 end)      -- without end
--- for v in numbers:map(function(n) return n * n end):each() do
---   if v > 9 then break end
---   print(v)                                --> 1
---                                           --> 4
---                                           --> 9
--- end
--- ```
---
--- Nothing is remembered: going through a sequence twice works everything out twice. What
--- makes a sequence of a sequence is lazy; what consumes one starts at once. Functions of
--- the `_s`, `_p` and `_n` kind run as tasks; the others are plain callbacks. Elements may
--- be nil.
---
--- `for v in q:each() do` awaits each element. (Lwt's `return` is `single` here: a keyword
--- in Lua.)
---@class lwt.Seq

-- (Longer than other files: it has the reference of each function of Lwt_seq. The code is half of it.)

local lwt = require "lwt"
local raise = require "lwt.core".raise -- again, with the trace that it has
local args = require "lwt.internal.args"
local crew = require "lwt.internal.crew"
local due = require "lwt.internal.due"
local stored = require "lwt.internal.stored"
local unview = require "lwt.core".unview

local await, spawn, is_promise = lwt.await, lwt.spawn, lwt.is_promise
local wrap, fulfilled = lwt.wrap, lwt.fulfilled
local getmetatable, setmetatable = getmetatable, setmetatable

local M = {}
local mt = { __index = M, __name = "lwt.seq" }

-- A sequence is { force = function }, where `force()` gives
--   rest, v           an element, and the sequence of those that follow
--   nil               the end
--   nil, promise      of one of the two: what is there needs no promise
-- `pull(q)` calls it, with the storage that was there when the sequence was made.
local function new(force) return setmetatable({ force = stored.now(force) }, mt) end

local has_storage, bare = stored.stored, stored.bare
local function pull(q)
  if has_storage[1] then return bare(q.force) end
  return q.force()
end

local function check(q, name)
  if getmetatable(q) ~= mt then args.wrong(1, name, "lwt.seq", q, 1) end
end

-- What force gives, as the callback of a bind gives it: a promise is followed.
local function followed(rest, v)
  if rest == nil and v ~= nil then return v end
  return rest, v
end

-- A sequence of what `f` makes of a node of `q`; `f(rest, v)` gives what force gives.
local function derive(q, f)
  return new(function()
    local rest, v = pull(q)
    if rest ~= nil then return f(rest, v) end
    if v == nil then return f(nil) end
    return nil, v:bind(function(r, w) return followed(f(r, w)) end)
  end)
end

-- A task or promise gives the node.
local function later(p)
  local state, rest, v = p:state()
  if state == "fulfilled" then return rest, v end
  if state == "rejected" then raise(rest) end
  return nil, p
end

-- Run `f(...)` as a task; `use(value)` gives what force gives.
local function work(use, f, ...)
  local t = spawn(f, ...)
  local state, v = t:state()
  if state == "fulfilled" then return use(v) end
  if state == "rejected" then raise(v) end
  return nil, t:bind(function(value) return followed(use(value)) end)
end

-- For a task: the node of `q`.
local function force(q)
  local rest, v = pull(q)
  if rest == nil and v ~= nil then return await(v) end
  return rest, v
end

local function nothing() return nil end

--- The sequence of no element.
---@value seq.empty lwt.Seq
---```lua
---print(#await(seq.empty:to_list()))   --> 0
---```
M.empty = new(nothing)

--- Whether `x` is a sequence.
---@param x any
---@return boolean
---```lua
---print(seq.is_seq(seq.empty), seq.is_seq {})   --> true false
---```
function M.is_seq(x) return getmetatable(x) == mt end

--- The sequence of one element. (Lwt's `return`.)
---@param v any
---@return lwt.Seq
---```lua
---print(await(seq.single(1):to_list())[1])   --> 1
---```
function M.single(v)
  return new(function() return M.empty, v end)
end

--- The sequence of the one element that a promise stands for; a rejected one makes reading
--- it fail.
---@param p lwt.Promise
---@return lwt.Seq
---```lua
---print(await(seq.return_lwt(lwt.fulfilled(1)):to_list())[1])   --> 1
---```
function M.return_lwt(p)
  if not is_promise(p) then args.wrong(1, "return_lwt", "lwt.promise", p) end
  return M.cons_lwt(M.empty, p)
end

--- The sequence of `v` and then the elements of `q`.
---@param q lwt.Seq
---@param v any
---@return lwt.Seq
---```lua
---print(table.concat(await(seq.of_list({ 2, 3 }):cons(1):to_list()), " "))   --> 1 2 3
---```
function M.cons(q, v)
  check(q, "cons")
  return new(function() return q, v end)
end

--- The same for a promised element.
---@param q lwt.Seq
---@param p lwt.Promise
---@return lwt.Seq
---```lua
---local q = seq.of_list({ 2 }):cons_lwt(lwt.fulfilled(1))
---print(table.concat(await(q:to_list()), " "))   --> 1 2
---```
function M.cons_lwt(q, p)
  check(q, "cons_lwt")
  if not is_promise(p) then args.wrong(2, "cons_lwt", "lwt.promise", p) end
  return new(function()
    local state, v = p:state()
    if state == "fulfilled" then return q, v end
    if state == "rejected" then raise(v) end
    return nil, p:map(function(w) return q, w end)
  end)
end

--- The elements of `a`, then those of `b`.
---@param a lwt.Seq
---@param b lwt.Seq
---@return lwt.Seq
---```lua
---print(table.concat(await(seq.of_list({ 1 }):append(seq.of_list { 2 }):to_list()), " "))   --> 1 2
---```
function M.append(a, b)
  check(a, "append")
  if getmetatable(b) ~= mt then args.wrong(2, "append", "lwt.seq", b) end
  return derive(a, function(rest, v)
    if rest ~= nil then return M.append(rest, b), v end
    return pull(b)
  end)
end

--- The sequence of `f(v)`. `f` is a plain callback.
---@param q lwt.Seq
---@param f fun(v: any): any
---@return lwt.Seq
---```lua
---local q = seq.of_list({ 1, 2 }):map(function(v) return v * 2 end)
---print(table.concat(await(q:to_list()), " "))   --> 2 4
---```
function M.map(q, f)
  check(q, "map")
  args.check_callable(2, "map", f)
  return derive(q, function(rest, v)
    if rest == nil then return nil end
    return M.map(rest, f), (f(v))
  end)
end

--- The same for an `f` that runs as a task.
---@param q lwt.Seq
---@param f fun(v: any): any
---@return lwt.Seq
---```lua
---local q = seq.of_list({ 1, 2 }):map_s(function(v) await(lwt.pause()) return v * 2 end)
---print(table.concat(await(q:to_list()), " "))   --> 2 4
---```
function M.map_s(q, f)
  check(q, "map_s")
  args.check_callable(2, "map_s", f)
  return derive(q, function(rest, v)
    if rest == nil then return nil end
    return work(function(w) return M.map_s(rest, f), w end, f, v)
  end)
end

-- The next node of `q` that `pick(rest, v)` likes: a loop, so that long runs of others
-- cost nothing.
local function seek(q, pick)
  while true do
    local rest, v = pull(q)
    if rest == nil then
      if v == nil then return nil end
      return nil, v:bind(function(r, w)
        if r == nil then return nil end
        local node, x = pick(r, w)
        if node == nil then return followed(seek(r, pick)) end
        return node, x
      end)
    end
    local node, x = pick(rest, v)
    if node ~= nil then return node, x end
    q = rest
  end
end

--- The elements for which `f(v)` is true. `f` is a plain callback.
---@param q lwt.Seq
---@param f fun(v: any): boolean
---@return lwt.Seq
---```lua
---local q = seq.of_list({ 1, 2, 3 }):filter(function(v) return v > 1 end)
---print(table.concat(await(q:to_list()), " "))   --> 2 3
---```
function M.filter(q, f)
  check(q, "filter")
  args.check_callable(2, "filter", f)
  return new(function()
    return seek(q, function(rest, v)
      if f(v) then return M.filter(rest, f), v end
    end)
  end)
end

-- The same as a task.
local function seek_s(q, pick)
  return later(spawn(function()
    while true do
      local rest, v = force(q)
      if rest == nil then return nil end
      local node, x = pick(rest, v)
      if node ~= nil then return node, x end
      q = rest
    end
  end))
end

local function value(v)
  if v ~= nil and is_promise(v) then return (await(v)) end
  return v
end

--- The same for an `f` that runs as a task.
---@param q lwt.Seq
---@param f fun(v: any): any
---@return lwt.Seq
---```lua
---local q = seq.of_list({ 1, 2, 3 }):filter_s(function(v) return lwt.fulfilled(v > 1) end)
---print(table.concat(await(q:to_list()), " "))   --> 2 3
---```
function M.filter_s(q, f)
  check(q, "filter_s")
  args.check_callable(2, "filter_s", f)
  return new(function()
    return seek_s(q, function(rest, v)
      if value(f(v)) then return M.filter_s(rest, f), v end
    end)
  end)
end

--- The values of `f(v)` that are not nil. `f` is a plain callback.
---@param q lwt.Seq
---@param f fun(v: any): any
---@return lwt.Seq
---```lua
---local q = seq.of_list({ "1", "x", "2" }):filter_map(tonumber)
---print(table.concat(await(q:to_list()), " "))   --> 1 2
---```
function M.filter_map(q, f)
  check(q, "filter_map")
  args.check_callable(2, "filter_map", f)
  return new(function()
    return seek(q, function(rest, v)
      local w = f(v)
      if w ~= nil then return M.filter_map(rest, f), w end
    end)
  end)
end

--- The same for an `f` that runs as a task.
---@param q lwt.Seq
---@param f fun(v: any): any
---@return lwt.Seq
---```lua
---local function number(v) await(lwt.pause()) return tonumber(v) end
---local q = seq.of_list({ "1", "x" }):filter_map_s(number)
---print(table.concat(await(q:to_list()), " "))   --> 1
---```
function M.filter_map_s(q, f)
  check(q, "filter_map_s")
  args.check_callable(2, "filter_map_s", f)
  return new(function()
    return seek_s(q, function(rest, v)
      local w = value(f(v))
      if w ~= nil then return M.filter_map_s(rest, f), w end
    end)
  end)
end

local function sequence(q)
  q = unview(q)
  if getmetatable(q) == mt then return q end
  error(("'flat_map': a sequence expected, got %s"):format(args.type_name(q)), 0)
end

--- The elements of the sequences that `f(v)` gives, one after another. `f` is a plain
--- callback.
---@param q lwt.Seq
---@param f fun(v: any): lwt.Seq
---@return lwt.Seq
---```lua
---local q = seq.of_list({ 1, 2 }):flat_map(function(v) return seq.of_list { v, -v } end)
---print(table.concat(await(q:to_list()), " "))   --> 1 -1 2 -2
---```
function M.flat_map(q, f)
  check(q, "flat_map")
  args.check_callable(2, "flat_map", f)
  -- What is left of `inner`, when there is one, then what `outer` leads to.
  local flat
  local function force_flat(inner, outer)
    while true do
      if inner then
        local rest, v = pull(inner)
        if rest ~= nil then return flat(rest, outer), v end
        if v ~= nil then
          local o = outer
          return nil, v:bind(function(r, w)
            if r ~= nil then return flat(r, o), w end
            return followed(force_flat(nil, o))
          end)
        end
      end
      local rest, v = pull(outer)
      if rest == nil then
        if v == nil then return nil end
        return nil, v:bind(function(r, w)
          if r == nil then return nil end
          return followed(force_flat(sequence(f(w)), r))
        end)
      end
      inner, outer = sequence(f(v)), rest
    end
  end
  function flat(inner, outer)
    return new(function() return force_flat(inner, outer) end)
  end
  return flat(nil, q)
end

--- The elements that are worked out one from another: `f(state)` gives an element and the
--- next state, or nothing at the end. `f` is a plain callback.
---@param init any
---@param f fun(state: any): any, any
---@return lwt.Seq
---```lua
---local q = seq.unfold(1, function(n) if n < 40 then return n, n * 3 end end)
---print(table.concat(await(q:to_list()), " "))   --> 1 3 9 27
---```
function M.unfold(init, f)
  args.check_callable(2, "unfold", f)
  return new(function()
    local function node(...)
      if select("#", ...) == 0 or select("#", ...) == 1 and (...) == nil then return nil end
      local v, state = ...
      return M.unfold(state, f), v
    end
    return node(f(init))
  end)
end

--- The same for an `f` that runs as a task.
---@param init any
---@param f fun(state: any): any, any
---@return lwt.Seq
---```lua
---local q = seq.unfold_lwt(3, function(n) await(lwt.pause()) if n > 0 then return n, n - 1 end end)
---print(table.concat(await(q:to_list()), " "))   --> 3 2 1
---```
function M.unfold_lwt(init, f)
  args.check_callable(2, "unfold_lwt", f)
  return new(function()
    local function node(...)
      if select("#", ...) == 0 or select("#", ...) == 1 and (...) == nil then return nil end
      local v, state = ...
      return M.unfold_lwt(state, f), v
    end
    return later(spawn(function() return node(await(spawn(f, init))) end))
  end)
end

--- The sequence of the elements of a plain list (with `n`, or up to the first nil).
---@param l table
---@return lwt.Seq
---```lua
---print(#await(seq.of_list({ 1, 2, 3 }):to_list()))   --> 3
---```
function M.of_list(l)
  local n = args.list(1, "of_list", l)
  local function from(i)
    return new(function()
      if i > n then return nil end
      return from(i + 1), l[i]
    end)
  end
  return from(1)
end

--- The sequence of what a Lua iterator gives: `of_seq(f, state, control)`, as the generic
--- `for` takes them. An element is the first value of a turn. The iterator is advanced
--- when it must be, and what it gave is kept for as long as the place is.
---@param f function
---@param state? any
---@param control? any
---@return lwt.Seq
---```lua
---print(table.concat(await(seq.of_seq(("a b"):gmatch("%a")):to_list()), " "))   --> a b
---```
function M.of_seq(f, state, control)
  args.check_callable(1, "of_seq", f)
  -- An iterator cannot be advanced twice from the same place, so here a node is kept.
  local function from(last)
    local known, rest, v = false, nil, nil
    return new(function()
      if not known then
        local w = f(state, last)
        known = true
        if w ~= nil then rest, v = from(w), w end
      end
      return rest, v
    end)
  end
  return from(control)
end

--- The same for an iterator of promises: each is awaited when its turn comes.
---@param f function
---@param state? any
---@param control? any
---@return lwt.Seq
---```lua
---local i = 0
---local q = seq.of_seq_lwt(function() i = i + 1; if i < 3 then return lwt.fulfilled(i) end end)
---print(table.concat(await(q:to_list()), " "))   --> 1 2
---```
function M.of_seq_lwt(f, state, control)
  args.check_callable(1, "of_seq_lwt", f)
  return M.of_seq(f, state, control):map_s(function(p) return p end)
end

--- Force the first element: a promise of it and of the sequence of the others; of nothing
--- at the end.
---@param q lwt.Seq
---@return lwt.Promise<any, lwt.Seq>
---```lua
---local v, rest = await(seq.of_list({ "a", "b" }):next())
---local w = await(rest:next())
---print(v, w)   --> a b
---```
function M.next(q)
  check(q, "next")
  return wrap(function()
    local rest, v = pull(q)
    if rest ~= nil then return v, rest end
    if v == nil then return end
    return v:map(function(r, w)
      if r ~= nil then return w, r end
    end)
  end)
end

--- An iterator for `for`, which awaits each element (up to the first that is nil). Each turn is a
--- cancel point.
---@param q lwt.Seq
---@return fun(): any
---```lua
---for v in seq.of_list({ 1, 2 }):each() do print(v) end   --> 1
--- --> 2
---```
function M.each(q)
  check(q, "each")
  return function()
    if due.cancel_due() then due.tell() end
    local rest, v = force(q)
    if rest == nil then return nil end
    q = rest
    return v
  end
end

--- All elements as a list (with `n`).
---@param q lwt.Seq
---@return lwt.Promise<lwt.Values<any>>
---```lua
---print(await(seq.of_list({ 1, nil, 3, n = 3 }):to_list()).n)   --> 3
---```
function M.to_list(q)
  check(q, "to_list")
  return M.fold_left(q, { n = 0 }, function(l, v)
    l.n = l.n + 1
    l[l.n] = v
    return l
  end)
end

--- `f(acc, v)` for each element, from `acc = init` on: the last accumulator. `f` is a plain
--- callback.
---@param q lwt.Seq
---@param init any
---@param f fun(acc: any, v: any): any
---@return lwt.Promise<any>
---```lua
---local q = seq.of_list { "a", "b" }
---print(await(q:fold_left("", function(acc, v) return acc .. v end)))   --> ab
---```
function M.fold_left(q, init, f)
  check(q, "fold_left")
  args.check_callable(3, "fold_left", f)
  local acc = init
  local go
  local function came(rest, v)
    if rest == nil then return fulfilled(acc) end
    acc = f(acc, v)
    q = rest
    return go()
  end
  function go()
    while true do
      local rest, v = pull(q)
      if rest == nil then
        if v ~= nil then return v:bind(came) end
        return fulfilled(acc)
      end
      acc = f(acc, v)
      q = rest
    end
  end
  return wrap(go)
end

--- The same for an `f` that runs as a task, one element after another.
---@param q lwt.Seq
---@param init any
---@param f fun(acc: any, v: any): any
---@return lwt.Promise<any>
---```lua
---local q = seq.of_list { 1, 2 }
---print(await(q:fold_left_s(0, function(acc, v) await(lwt.pause()) return acc + v end)))   --> 3
---```
function M.fold_left_s(q, init, f)
  check(q, "fold_left_s")
  args.check_callable(3, "fold_left_s", f)
  return spawn(function()
    local acc = init
    local rest, v = force(q)
    while rest ~= nil do
      acc = value(f(acc, v))
      rest, v = force(rest)
    end
    return fulfilled(acc)
  end)
end

--- `f(v)` for each element. `f` is a plain callback.
---@param q lwt.Seq
---@param f fun(v: any)
---@return lwt.Promise<nil>
---```lua
---await(seq.of_list({ 1, 2 }):iter(print))   --> 1
--- --> 2
---```
function M.iter(q, f)
  check(q, "iter")
  args.check_callable(2, "iter", f)
  return M.fold_left(q, nil, function(_, v) f(v) end):map(function() end)
end

--- The same for an `f` that runs as a task, one element after another.
---@param q lwt.Seq
---@param f fun(v: any): any
---@return lwt.Promise<nil>
---```lua
---await(seq.of_list({ 1, 2 }):iter_s(function(v) await(lwt.pause()) print(v) end))   --> 1
--- --> 2
---```
function M.iter_s(q, f)
  check(q, "iter_s")
  args.check_callable(2, "iter_s", f)
  return spawn(function()
    local rest, v = force(q)
    while rest ~= nil do
      value(f(v))
      rest, v = force(rest)
    end
  end)
end

local function at_once(q, f, max)
  return crew.run(max, function(c)
    while c:room() do
      local rest, v = pull(q)
      if rest == nil and v ~= nil then rest, v = c:watch(v) end
      if rest == nil then return end
      c:start(f, v)
      q = rest
    end
  end)
end

--- `f(v)` as a task for each element as soon as it is there. At the first failure no more
--- elements are forced, the others are cancelled and awaited, and the promise is rejected.
---@param q lwt.Seq
---@param f fun(v: any): any
---@return lwt.Promise<nil>
---```lua
---local q = seq.of_list { 0.2, 0.01 }
---await(q:iter_p(function(v) await(lwt.sleep(v)) print(v) end))   --> 0.01
--- --> 0.2
---```
function M.iter_p(q, f)
  check(q, "iter_p")
  args.check_callable(2, "iter_p", f)
  return at_once(q, f, math.huge)
end

--- The same with at most `max` (default 1) at a time; elements are forced when there is
--- room.
---@param q lwt.Seq
---@param f fun(v: any): any
---@param max? integer
---@return lwt.Promise<nil>
---```lua
---await(seq.of_list({ 1, 2, 3 }):iter_n(function(v) await(lwt.pause()) print(v) end, 2))   --> 1
--- --> 2
--- --> 3
---```
function M.iter_n(q, f, max)
  check(q, "iter_n")
  args.check_callable(2, "iter_n", f)
  max = max == nil and 1 or args.integer(3, "iter_n", max, 1)
  return at_once(q, f, max)
end

return M

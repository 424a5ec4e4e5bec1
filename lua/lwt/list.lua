--- Functions over plain lists whose function may wait: `_s` forms call it for one element
--- after another, `_p` forms for all at the same time, `_n` forms for a few at a time.
---
--- ```lua
--- local list = require "lwt.list"
--- local sizes = await(list.map_n(function(word)
---   await(lwt.sleep(0.001))
---   return #word
--- end, { "one", "three", "thirteen" }, 2))  -- two at a time
--- print(table.unpack(sizes))                --> 3 5 8
--- ```
---
--- The function comes first, as in Lwt: `list.map_p(f, l)`. It runs as a task: it may await,
--- and may return a promise. Results are in the list's order whatever finishes first.
--- Lists may hold nil when they have `n`; lists that are results always have `n`.
---
--- The calls of an `_n` form share that many tasks: `lwt.current()` has made the calls before,
--- and goes on with the next.
---
--- `_s` stops at the first failure. `_p` starts everything; at the first failure the others
--- are cancelled and awaited, and then that failure is the result (in Lwt they run on). The
--- same when the result is cancelled.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local crew = require "lwt.internal.crew"

--- A list that knows its length, since it may hold nil.
---@class lwt.Values<T>
---@field [integer] T
---@field n integer

local spawn, await, is_promise, fulfilled = lwt.spawn, lwt.await, lwt.is_promise, lwt.fulfilled
local math_huge = math.huge

local M = {}

local function check(f, l, name)
  args.check_callable(1, name, f, 1)
  local n = args.list(2, name, l, 1) -- no tail call: it looks for its caller
  return n
end

-- The value that a call gives, awaited when it is a promise.
local function value(v)
  if v ~= nil and is_promise(v) then return (await(v)) end
  return v
end

-- Call `f` for all of 1 … n at the same time: the promise of what `finish` makes of the
-- list of results.
local function together(f, n, finish)
  local out = { n = n }
  local function one(i) out[i] = value(f(i)) end
  return crew.run(math_huge, function(c)
    for i = 1, n do c:start(one, i) end
    c:finish()
    return finish(out)
  end)
end

local function done() end
local function same(v) return fulfilled(v) end

--- `f(v)` for one element after another.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<nil>
---```lua
---await(list.iter_s(function(v) await(lwt.pause()) print(v) end, { 1, 2 }))   --> 1
--- --> 2
---```
function M.iter_s(f, l)
  local n = check(f, l, "iter_s")
  return spawn(function()
    for i = 1, n do value(f(l[i])) end
  end)
end

--- `f(v)` for all elements at the same time.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<nil>
---```lua
---await(list.iter_p(function(v) await(lwt.sleep(v)) print(v) end, { 0.02, 0.01 }))   --> 0.01
--- --> 0.02
---```
function M.iter_p(f, l)
  local n = check(f, l, "iter_p")
  return together(function(i) return f(l[i]) end, n, done)
end

--- `f(v)` for all elements, at most `max` (default 1) at a time. After a failure no more
--- are started.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@param max? integer
---@return lwt.Promise<nil>
---```lua
---local now, most = 0, 0
---await(list.iter_n(function()
---  now = now + 1
---  most = math.max(most, now)
---  await(lwt.pause())
---  now = now - 1
---end, { 1, 2, 3, 4, 5 }, 2))
---print(most)   --> 2
---```
function M.iter_n(f, l, max)
  local n = check(f, l, "iter_n")
  max = max == nil and 1 or args.integer(3, "iter_n", max, 1)
  return crew.run(max, function(c)
    c:loop(function(i)
      local v = f(l[i])
      if v ~= nil and is_promise(v) then await(v) end
    end, n)
  end)
end

--- `f(i, v)` for one element after another; `i` counts from 1.
---@generic T
---@param f async fun(i: integer, v: T): any
---@param l T[]
---@return lwt.Promise<nil>
---```lua
---await(list.iteri_s(function(i, v) print(i, v) end, { "a", "b" }))   --> 1 a
--- --> 2 b
---```
function M.iteri_s(f, l)
  local n = check(f, l, "iteri_s")
  return spawn(function()
    for i = 1, n do value(f(i, l[i])) end
  end)
end

--- `f(i, v)` for all elements at the same time.
---@generic T
---@param f async fun(i: integer, v: T): any
---@param l T[]
---@return lwt.Promise<nil>
---```lua
---await(list.iteri_p(function(i, v) print(i, v) end, { "a", "b" }))   --> 1 a
--- --> 2 b
---```
function M.iteri_p(f, l)
  local n = check(f, l, "iteri_p")
  return together(function(i) return f(i, l[i]) end, n, done)
end

--- The list of `f(v)`, called for one element after another.
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R
---@param l T[]
---@return lwt.Promise<lwt.Values<R>>
---```lua
---local l = await(list.map_s(function(v) return lwt.fulfilled(v * 2) end, { 1, 2 }))
---print(table.concat(l, " "))   --> 2 4
---```
function M.map_s(f, l)
  local n = check(f, l, "map_s")
  return spawn(function()
    local out = { n = n }
    for i = 1, n do out[i] = value(f(l[i])) end
    return out
  end)
end

--- The list of `f(v)`, called for all elements at the same time.
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R
---@param l T[]
---@return lwt.Promise<lwt.Values<R>>
---```lua
---local l = await(list.map_p(function(v) await(lwt.sleep(v)) return v end, { 0.02, 0.01 }))
---print(l[1], l[2])   --> 0.02 0.01
---```
function M.map_p(f, l)
  local n = check(f, l, "map_p")
  return together(function(i) return f(l[i]) end, n, same)
end

--- The list of `f(v)`, with at most `max` (default 1) calls at a time.
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R
---@param l T[]
---@param max? integer
---@return lwt.Promise<lwt.Values<R>>
---```lua
---local l = await(list.map_n(function(v) await(lwt.pause()) return v * v end, { 1, 2, 3 }, 2))
---print(l[1], l[2], l[3], l.n)   --> 1 4 9 3
---```
function M.map_n(f, l, max)
  local n = check(f, l, "map_n")
  max = max == nil and 1 or args.integer(3, "map_n", max, 1)
  return crew.run(max, function(c)
    local out = { n = n }
    c:loop(function(i)
      local v = f(l[i])
      if v ~= nil and is_promise(v) then v = await(v) end
      out[i] = v
    end, n)
    return out
  end)
end

--- The list of `f(i, v)`, called for one element after another; `i` counts from 1.
---@generic T, R
---@param f async fun(i: integer, v: T): lwt.Promise<R>|R
---@param l T[]
---@return lwt.Promise<lwt.Values<R>>
---```lua
---local l = await(list.mapi_s(function(i, v) return i .. v end, { "a", "b" }))
---print(table.concat(l, " "))   --> 1a 2b
---```
function M.mapi_s(f, l)
  local n = check(f, l, "mapi_s")
  return spawn(function()
    local out = { n = n }
    for i = 1, n do out[i] = value(f(i, l[i])) end
    return out
  end)
end

--- The list of `f(i, v)`, called for all elements at the same time.
---@generic T, R
---@param f async fun(i: integer, v: T): lwt.Promise<R>|R
---@param l T[]
---@return lwt.Promise<lwt.Values<R>>
---```lua
---local l = await(list.mapi_p(function(i, v) return i .. v end, { "a", "b" }))
---print(table.concat(l, " "))   --> 1a 2b
---```
function M.mapi_p(f, l)
  local n = check(f, l, "mapi_p")
  return together(function(i) return f(i, l[i]) end, n, same)
end

-- The elements of `l` at the places where `marks` holds what is wanted.
local function chosen(l, marks, wanted)
  local out, k = {}, 0
  for i = 1, marks.n do
    if (marks[i] and true or false) == wanted then
      k = k + 1
      out[k] = l[i]
    end
  end
  out.n = k
  return out
end

-- The marks of a list: `f(v)` for each, one after another.
local function marks_s(f, l, n)
  local marks = { n = n }
  for i = 1, n do marks[i] = value(f(l[i])) and true or false end
  return marks
end

--- The elements for which `f(v)` is true, asked one after another.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<lwt.Values<T>>
---```lua
---local l = await(list.filter_s(function(v) return v > 1 end, { 1, 2, 3 }))
---print(table.concat(l, " "))   --> 2 3
---```
function M.filter_s(f, l)
  local n = check(f, l, "filter_s")
  return spawn(function() return chosen(l, marks_s(f, l, n), true) end)
end

--- The elements for which `f(v)` is true, asked at the same time.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<lwt.Values<T>>
---```lua
---local big = list.filter_p(function(v) await(lwt.pause()) return v > 1 end, { 1, 2, 3 })
---print(table.concat(await(big), " "))   --> 2 3
---```
function M.filter_p(f, l)
  local n = check(f, l, "filter_p")
  return together(function(i) return f(l[i]) end, n,
    function(marks) return chosen(l, marks, true) end)
end

local function compact(values)
  local out, k = {}, 0
  for i = 1, values.n do
    if values[i] ~= nil then
      k = k + 1
      out[k] = values[i]
    end
  end
  out.n = k
  return out
end

--- The values of `f(v)` that are not nil, called one after another.
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@param l T[]
---@return lwt.Promise<lwt.Values<R>>
---```lua
---print(table.concat(await(list.filter_map_s(tonumber, { "1", "x", "3" })), " "))   --> 1 3
---```
function M.filter_map_s(f, l)
  local n = check(f, l, "filter_map_s")
  return spawn(function()
    local out, k = {}, 0
    for i = 1, n do
      local v = value(f(l[i]))
      if v ~= nil then
        k = k + 1
        out[k] = v
      end
    end
    out.n = k
    return out
  end)
end

--- The values of `f(v)` that are not nil, called at the same time.
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@param l T[]
---@return lwt.Promise<lwt.Values<R>>
---```lua
---print(table.concat(await(list.filter_map_p(tonumber, { "1", "x", "3" })), " "))   --> 1 3
---```
function M.filter_map_p(f, l)
  local n = check(f, l, "filter_map_p")
  return together(function(i) return f(l[i]) end, n, compact)
end

--- Whether `f(v)` is true for every element, asked one after another until it is not.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<boolean>
---```lua
---print(await(list.for_all_s(function(v) return v > 0 end, { 1, 2 })))   --> true
---```
function M.for_all_s(f, l)
  local n = check(f, l, "for_all_s")
  return spawn(function()
    for i = 1, n do
      if not value(f(l[i])) then return false end
    end
    return true
  end)
end

--- Whether `f(v)` is true for every element: all are asked at the same time, and waited
--- for.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<boolean>
---```lua
---print(await(list.for_all_p(function(v) return lwt.fulfilled(v > 1) end, { 1, 2 })))   --> false
---```
function M.for_all_p(f, l)
  local n = check(f, l, "for_all_p")
  return together(function(i) return f(l[i]) end, n, function(marks)
    for i = 1, n do
      if not marks[i] then return false end
    end
    return true
  end)
end

--- Whether `f(v)` is true for some element, asked one after another until it is.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<boolean>
---```lua
---print(await(list.exists_s(function(v) return v == 2 end, { 1, 2, 3 })))   --> true
---```
function M.exists_s(f, l)
  local n = check(f, l, "exists_s")
  return spawn(function()
    for i = 1, n do
      if value(f(l[i])) then return true end
    end
    return false
  end)
end

--- Whether `f(v)` is true for some element: all are asked at the same time, and waited for.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<boolean>
---```lua
---local function is_4(v) return lwt.fulfilled(v == 4) end
---print(await(list.exists_p(is_4, { 1, 2, 3 })))   --> false
---```
function M.exists_p(f, l)
  local n = check(f, l, "exists_p")
  return together(function(i) return f(l[i]) end, n, function(marks)
    for i = 1, n do
      if marks[i] then return true end
    end
    return false
  end)
end

--- The first element for which `f(v)` is true, asked one after another until it is; nil if
--- there is none.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<T>
---```lua
---print(await(list.find_s(function(v) return v > 1 end, { 1, 2, 3 })))   --> 2
---```
function M.find_s(f, l)
  local n = check(f, l, "find_s")
  return spawn(function()
    for i = 1, n do
      local v = l[i]
      if value(f(v)) then return fulfilled(v) end
    end
    return nil
  end)
end

--- The first element, in the list's order, for which `f(v)` is true: all are asked at the
--- same time, and waited for; nil if there is none.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<T>
---```lua
---print(await(list.find_p(function(v) await(lwt.pause()) return v > 1 end, { 1, 2, 3 })))   --> 2
---```
function M.find_p(f, l)
  local n = check(f, l, "find_p")
  return together(function(i) return f(l[i]) end, n, function(marks)
    for i = 1, n do
      if marks[i] then return fulfilled(l[i]) end
    end
    return nil
  end)
end

--- The first value of `f(v)` that is not nil, called one after another until there is one;
--- nil if there is none.
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@param l T[]
---@return lwt.Promise<R>
---```lua
---print(await(list.find_map_s(tonumber, { "x", "12" })))   --> 12
---```
function M.find_map_s(f, l)
  local n = check(f, l, "find_map_s")
  return spawn(function()
    for i = 1, n do
      local v = value(f(l[i]))
      if v ~= nil then return fulfilled(v) end
    end
    return nil
  end)
end

--- The first value, in the list's order, of `f(v)` that is not nil: called for all at the
--- same time, and waited for; nil if there is none.
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@param l T[]
---@return lwt.Promise<R>
---```lua
---print(await(list.find_map_p(tonumber, { "x", "12" })))   --> 12
---```
function M.find_map_p(f, l)
  local n = check(f, l, "find_map_p")
  return together(function(i) return f(l[i]) end, n, function(values)
    for i = 1, n do
      if values[i] ~= nil then return fulfilled(values[i]) end
    end
    return nil
  end)
end

--- Two lists: the elements for which `f(v)` is true, and the others; asked one after
--- another.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<lwt.Values<T>, lwt.Values<T>>
---```lua
---local big, small = await(list.partition_s(function(v) return v > 2 end, { 1, 2, 3, 4 }))
---print(#big, #small, big[1], small[1])   --> 2 2 3 1
---```
function M.partition_s(f, l)
  local n = check(f, l, "partition_s")
  return spawn(function()
    local marks = marks_s(f, l, n)
    return chosen(l, marks, true), chosen(l, marks, false)
  end)
end

--- Two lists: the elements for which `f(v)` is true, and the others; asked at the same time.
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<lwt.Values<T>, lwt.Values<T>>
---```lua
---local big, small = await(list.partition_p(function(v) return v > 2 end, { 1, 2, 3, 4 }))
---print(#big, #small)   --> 2 2
---```
function M.partition_p(f, l)
  local n = check(f, l, "partition_p")
  return together(function(i) return f(l[i]) end, n,
    function(marks) return chosen(l, marks, true), chosen(l, marks, false) end)
end

--- `f(acc, v)` from the first element to the last: the last accumulator.
---@generic T, A
---@param f async fun(acc: A, v: T): lwt.Promise<A>|A
---@param acc A
---@param l T[]
---@return lwt.Promise<A>
---```lua
---print(await(list.fold_left_s(function(acc, v) return acc .. v end, "", { "a", "b" })))   --> ab
---```
function M.fold_left_s(f, acc, l)
  args.check_callable(1, "fold_left_s", f)
  local n = args.list(3, "fold_left_s", l)
  return spawn(function()
    for i = 1, n do acc = value(f(acc, l[i])) end
    return fulfilled(acc)
  end)
end

--- `f(v, acc)` from the last element to the first: the last accumulator.
---@generic T, A
---@param f async fun(v: T, acc: A): lwt.Promise<A>|A
---@param l T[]
---@param acc A
---@return lwt.Promise<A>
---```lua
---print(await(list.fold_right_s(function(v, acc) return acc .. v end, { "a", "b" }, "")))   --> ba
---```
function M.fold_right_s(f, l, acc)
  local n = check(f, l, "fold_right_s")
  return spawn(function()
    for i = n, 1, -1 do acc = value(f(l[i], acc)) end
    return fulfilled(acc)
  end)
end

return M

-- Streams: functions that read a stream to its end, or until they have found what they
-- look for. (Functions of `lwt.stream`.)
--
-- The plain forms run their function as a callback, over everything that is ready in
-- one go; the `_s` forms are one task that reads and calls; the `_p` and `_n` forms are
-- a crew. None takes an element before it can use it, so that several may read the same
-- stream, and one that is cancelled loses nothing.

local lwt = require "lwt"
local raise = require "lwt.core".raise -- again, with the trace that it has
local args = require "lwt.internal.args"
local C = require "lwt.stream.core"
local crew = require "lwt.internal.crew"
local due = require "lwt.internal.due"

local M = C.M
local check, take = C.check, C.take
local cancel_due, later = due.cancel_due, due.later
local await, is_promise, fulfilled = lwt.await, lwt.is_promise, lwt.fulfilled

-- These begin a turn later in a task to which a cancel is due.
local function wrap(f)
  if cancel_due() then return later(f) end
  return lwt.wrap(f)
end

local function spawn(f)
  if cancel_due() then return later(lwt.spawn, f) end
  return lwt.spawn(f)
end

local function gather(s, result)
  local items, n = {}, 0
  local go
  local function came(v)
    if v == nil then return fulfilled(result(items, n)) end
    n = n + 1
    items[n] = v
    return go()
  end
  function go()
    while true do
      local v, p = s.pull(s)
      if v == nil then
        if p then return p:bind(came) end
        return fulfilled(result(items, n))
      end
      n = n + 1
      items[n] = v
    end
  end
  return wrap(go):catch(function(err)
    C.unread(s, items, n)
    raise(err)
  end)
end

--- All elements that are left, as a list (with `n`). When the source fails, or when it is
--- cancelled, those that were read are put back.
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<lwt.Values<T>>
---```lua
---print(table.concat(await(stream.of_string("xyz"):to_list()), "."))   --> x.y.z
---```
function M.to_list(s)
  check(s, "to_list")
  return gather(s, function(items, n)
    items.n = n
    return items
  end)
end

--- All elements that are left, which must be strings, as one string.
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<string>
---```lua
---print(await(stream.of_list({ "ab", "c" }):to_string()))   --> abc
---```
function M.to_string(s)
  check(s, "to_string")
  return gather(s, function(items, n) return table.concat(items, "", 1, n) end)
end

--- `f(v, acc)` for each element, from `acc = init` on: the last accumulator. (As in Lwt
--- the element comes first.)
---@generic T, A
---@param s lwt.Stream<T>
---@param init A
---@param f fun(v: T, acc: A): A
---@return lwt.Promise<A>
---```lua
---local s = stream.of_list { "a", "b" }
---print(await(s:fold("", function(v, acc) return acc .. v end)))   --> ab
---```
function M.fold(s, init, f)
  check(s, "fold")
  args.check_callable(3, "fold", f)
  local acc = init
  local go
  local function came(v)
    if v == nil then return fulfilled(acc) end
    acc = f(v, acc)
    return go()
  end
  function go()
    while true do
      local v, p = s.pull(s)
      if v == nil then
        if p then return p:bind(came) end
        return fulfilled(acc)
      end
      acc = f(v, acc)
    end
  end
  return wrap(go)
end

--- The same for an `f` that runs as a task, one element after another.
---@generic T, A
---@param s lwt.Stream<T>
---@param init A
---@param f async fun(v: T, acc: A): lwt.Promise<A>|A
---@return lwt.Promise<A>
---```lua
---local s = stream.of_list { 1, 2, 3 }
---print(await(s:fold_s(0, function(v, acc) await(lwt.pause()) return acc + v end)))   --> 6
---```
function M.fold_s(s, init, f)
  check(s, "fold_s")
  args.check_callable(3, "fold_s", f)
  return spawn(function()
    local acc = init
    while true do
      local v = take(s)
      if v == nil then return fulfilled(acc) end
      acc = f(v, acc)
      if is_promise(acc) then acc = await(acc) end
    end
  end)
end

--- `f(v)` for each element. The promise (of nothing) is fulfilled at the end, and
--- rejected with the first error of the stream or of `f`. `f` is a plain callback.
---@generic T
---@param s lwt.Stream<T>
---@param f fun(v: T)
---@return lwt.Promise<nil>
---```lua
---await(stream.of_list({ 1, 2 }):iter(print))   --> 1
--- --> 2
---```
function M.iter(s, f)
  check(s, "iter")
  args.check_callable(2, "iter", f)
  local go
  local function came(v)
    if v == nil then return end
    f(v)
    return go()
  end
  function go()
    while true do
      local v, p = s.pull(s)
      if v == nil then
        if p then return p:bind(came) end
        return
      end
      f(v)
    end
  end
  return wrap(go)
end

--- The same for an `f` that runs as a task (it may await, and may return a promise), one
--- element after another.
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<nil>
---```lua
---await(stream.of_list({ 1, 2 }):iter_s(function(v) await(lwt.pause()) print(v) end))   --> 1
--- --> 2
---```
function M.iter_s(s, f)
  check(s, "iter_s")
  args.check_callable(2, "iter_s", f)
  return spawn(function()
    while true do
      local v = take(s)
      if v == nil then return end
      local r = f(v)
      if r ~= nil and is_promise(r) then await(r) end
    end
  end)
end

local function at_once(s, f, max)
  if cancel_due() then return later(at_once, s, f, max) end
  return crew.run(max, function(c)
    while c:room() do
      local v, p = s.pull(s)
      if p then v = c:watch(p) end
      if v == nil then return end
      c:start(f, v)
    end
  end)
end

--- `f(v)` as a task for each element as it comes, without waiting for the earlier ones.
--- The promise is fulfilled when the stream has ended and all are done. The first failure stops it: it
--- reads no more, cancels the others, awaits them, and is rejected.
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<nil>
---```lua
---local s = stream.of_list { 0.2, 0.01 }
---await(s:iter_p(function(v) await(lwt.sleep(v)) print(v) end))   --> 0.01
--- --> 0.2
---```
function M.iter_p(s, f)
  check(s, "iter_p")
  args.check_callable(2, "iter_p", f)
  return at_once(s, f, math.huge)
end

--- The same with at most `max` (default 1) of them at a time: an element is only read when
--- there is room for it.
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@param max? integer
---@return lwt.Promise<nil>
---```lua
---local now, most = 0, 0
---await(stream.of_string("abcdef"):iter_n(function()
---  now = now + 1
---  most = math.max(most, now)
---  await(lwt.pause())
---  now = now - 1
---end, 2))
---print(most)   --> 2
---```
function M.iter_n(s, f, max)
  check(s, "iter_n")
  args.check_callable(2, "iter_n", f)
  max = max == nil and 1 or args.integer(3, "iter_n", max, 1)
  return at_once(s, f, max)
end

-- The first result of `f` that is wanted: `choose(v, r)` gives what is to be given.
local function search(s, f, pick)
  local go
  local function came(v)
    if v == nil then return fulfilled(nil) end
    local r = f(v)
    if pick then
      if r ~= nil then return fulfilled(r) end
    elseif r then
      return fulfilled(v)
    end
    return go()
  end
  function go()
    while true do
      local v, p = s.pull(s)
      if v == nil then
        if p then return p:bind(came) end
        return fulfilled(nil)
      end
      local r = f(v)
      if pick then
        if r ~= nil then return fulfilled(r) end
      elseif r then
        return fulfilled(v)
      end
    end
  end
  return wrap(go)
end

local function search_s(s, f, pick)
  return spawn(function()
    while true do
      local v = take(s)
      if v == nil then return nil end
      local r = f(v)
      if is_promise(r) then r = await(r) end
      if pick then
        if r ~= nil then return fulfilled(r) end
      elseif r then
        return fulfilled(v)
      end
    end
  end)
end

--- The first element for which `f(v)` is true; nil if there is none. Everything up to it
--- is taken, itself included.
---@generic T
---@param s lwt.Stream<T>
---@param f fun(v: T): any
---@return lwt.Promise<T?>
---```lua
---local s = stream.of_list { 1, 5, 7 }
---print(await(s:find(function(v) return v > 3 end)), await(s:next()))   --> 5 7
---```
function M.find(s, f)
  check(s, "find")
  args.check_callable(2, "find", f)
  return search(s, f, false)
end

--- The same for an `f` that runs as a task.
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<T?>
---```lua
---local s = stream.of_list { 1, 5 }
---print(await(s:find_s(function(v) return lwt.fulfilled(v > 3) end)))   --> 5
---```
function M.find_s(s, f)
  check(s, "find_s")
  args.check_callable(2, "find_s", f)
  return search_s(s, f, false)
end

--- The first value of `f(v)` that is not nil; nil if there is none.
---@generic T, R
---@param s lwt.Stream<T>
---@param f fun(v: T): R?, ...?
---@return lwt.Promise<R?>
---```lua
---print(await(stream.of_list({ "x", "12" }):find_map(tonumber)))   --> 12
---```
function M.find_map(s, f)
  check(s, "find_map")
  args.check_callable(2, "find_map", f)
  return search(s, f, true)
end

--- The same for an `f` that runs as a task.
---@generic T, R
---@param s lwt.Stream<T>
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@return lwt.Promise<R?>
---```lua
---local s = stream.of_list { "x", "12" }
---print(await(s:find_map_s(function(v) await(lwt.pause()) return tonumber(v) end)))   --> 12
---```
function M.find_map_s(s, f)
  check(s, "find_map_s")
  args.check_callable(2, "find_map_s", f)
  return search_s(s, f, true)
end

return M

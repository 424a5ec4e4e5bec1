-- Streams: reading. (Functions of `lwt.stream`.)

local lwt = require "lwt"
local raise = require "lwt.core".raise -- again, with the trace that it has
local args = require "lwt.internal.args"
local due = require "lwt.internal.due"
local C = require "lwt.stream.core"

local M, mt = C.M, C.mt
local ask, unread, unfold = C.ask, C.unread, C.unfold
local any_due, cancel_due, later = due.any, due.cancel_due, due.later
local keep = require "lwt.internal.stored".keep
local try = require "lwt.core".try
local fulfilled, rejected = lwt.fulfilled, lwt.rejected
local await, is_promise = lwt.await, lwt.is_promise
local await_read = require "lwt.core".await_read
local getmetatable, pcall = getmetatable, pcall
local Empty = M.Empty

local function check(s, name)
  if getmetatable(s) ~= mt then args.wrong(1, name, "lwt.stream", s, 1) end
end
C.check = check

-- A read that is given as a promise. What it calls on the way (the functions of map,
-- filter …) are plain callbacks, where awaiting raises: hence try.
local function through(pull)
  local function read(s)
    if any_due[1] and cancel_due() then return later(read, s) end
    local ok, p = try(pull, s)
    if ok then return p end
    return rejected(p)
  end
  return read
end

local get = through(function(s)
  local v, p = s.pull(s)
  if p then return p end
  return fulfilled(v)
end)

local function no_more(req) req.failed, req.value = true, Empty end

-- `p`, which a pull of `s` gave, but rejected at the end. (Its request is not there any more where a
-- finalizer has just seen to it that it was served.)
local function or_empty(s, p, req)
  req = req or unfold(s)
  if req then
    req.finish = no_more
    return p
  end
  return p:bind(function(v)
    if v == nil then return rejected(Empty) end
    return p
  end)
end

local next_one = through(function(s)
  local v, p, req = s.pull(s)
  if v ~= nil then return fulfilled(v) end
  if not p then return rejected(Empty) end
  return or_empty(s, p, req)
end)

--- The next element; nil at the end. Several readers may wait at the same time: each
--- element goes to exactly one of them, in the order in which they asked. A reader that
--- is cancelled leaves the line, and no element is lost with it. (In a task that was cancelled
--- and has not been told yet, a read begins a turn of the loop later, so that no element is lost
--- at the `await` that raises. So it is for all that takes elements.)
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<T?>
---```lua
---local s = stream.of_list { "x" }
---print(await(s:get()), await(s:get()))   --> x nil
---```
function M.get(s)
  check(s, "get")
  return get(s)
end

--- The next element; at the end it is rejected with `stream.Empty`.
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<T>
---```lua
---local s = stream.of_list { "x" }
---print(await(s:next()))   --> x
---print(select(2, s:next():state()) == stream.Empty)   --> true
---```
function M.next(s)
  check(s, "next")
  return next_one(s)
end

local function look(req, v)
  req.value = v
  return false, true
end

local function peek(s) return ask(s, { looks = true, feed = look }) end

--- The element that the next read will give, without taking it; nil at the end. It does
--- not reserve the element: two tasks may see the same one.
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<T?>
---```lua
---local s = stream.of_list { 1, 2 }
---print(await(s:peek()), await(s:peek()), await(s:next()))   --> 1 1 1
---```
function M.peek(s)
  check(s, "peek")
  return peek(s)
end

local function give_items(req) req.value = req.items end

local function look_n(req, v)
  local items = req.items
  local n = items.n + 1
  items[n], items.n = v, n
  if n < req.want then return false, false end
  req.value = items
  return false, true
end

local function look_n_again(req)
  local items = req.items
  for k = items.n, 1, -1 do items[k] = nil end
  items.n = 0
end

--- The next `n` elements as a list, without taking them: fewer at the end. It waits
--- until `n` have been produced (others may take them meanwhile).
---@generic T
---@param s lwt.Stream<T>
---@param n integer
---@return lwt.Promise<lwt.Values<T>>
---```lua
---local s = stream.of_list { 1, 2, 3 }
---print(table.concat(await(s:npeek(2)), " "), await(s:next()))   --> 1 2 1
---```
function M.npeek(s, n)
  check(s, "npeek")
  n = args.integer(2, "npeek", n, 0)
  local items = { n = 0 }
  if n == 0 then return fulfilled(items) end
  return ask(s, {
    looks = true, feed = look_n, again = look_n_again, finish = give_items, items = items, want = n,
  })
end

local function put(items, n, v) items[n] = v end

-- Puts an element into a list whose part of an array grows by powers of two: there may be no memory
-- then, and what was taken has to go back. Gives whether there was, and the error.
local function add(items, n, v)
  if (n - 1) & (n - 2) ~= 0 then
    items[n] = v
    return true
  end
  return pcall(put, items, n, v)
end

-- The request fails; what it has taken is put back.
local function fail(req, err)
  req.failed, req.value = true, err
  return false, true
end

-- Any call in these two may run a finalizer that withdraws the request: then it has no items any more,
-- and does not take the element.
local function take_n(req, v)
  local items = req.items
  if not items then return false, true end
  local n = items.n + 1
  local ok, err = add(items, n, v)
  if req.items ~= items then return false, true end
  if not ok then return fail(req, err) end
  items.n = n
  if n < req.want then return true, false end
  req.value = items
  return true, true
end

local function collecting(s, req)
  local items = { n = 0 }
  req.items = items
  req.finish = give_items
  req.put_back = function()
    local taken = req.items
    req.items = nil
    if taken then unread(s, taken, taken.n) end
  end
  return req
end

--- The next `n` elements as a list (with `n`): fewer only at the end. Readers that come
--- later wait until it has them all. When it is cancelled, or the source fails, what it
--- had taken is put back.
---@generic T
---@param s lwt.Stream<T>
---@param n integer
---@return lwt.Promise<lwt.Values<T>>
---```lua
---local s = stream.of_list { 1, 2, 3 }
---print(#await(s:nget(2)), #await(s:nget(2)), #await(s:nget(2)))   --> 2 1 0
---```
function M.nget(s, n)
  check(s, "nget")
  n = args.integer(2, "nget", n, 0)
  if n == 0 then return fulfilled { n = 0 } end
  return ask(s, collecting(s, { feed = take_n, want = n }))
end

-- Ask a predicate about an element, as a plain callback. It stays in line while it
-- runs, so it must not wait.
local function holds(req, v, name)
  local ok, yes = try(req.f, v)
  if ok and yes and is_promise(yes) then
    return false, ("the function given to '%s' returned a promise (use %s_s)"):format(name, name)
  end
  return ok, yes
end

local function take_while(req, v)
  local ok, yes = holds(req, v, "get_while")
  if not ok then return fail(req, yes) end
  local items = req.items
  if not (yes and items) then
    req.value = items
    return false, true
  end
  local n = items.n + 1
  local err
  ok, err = add(items, n, v)
  if req.items ~= items then return false, true end
  if not ok then return fail(req, err) end
  items.n = n
  return true, false
end

--- The longest run of elements for which `f(v)` is true, as a list; the first one for
--- which it is not stays in the stream. When it is cancelled or fails, what it had taken
--- is put back.
---@generic T
---@param s lwt.Stream<T>
---@param f fun(v: T): any
---@return lwt.Promise<lwt.Values<T>>
---```lua
---local s = stream.of_list { 1, 2, 10, 3 }
---print(#await(s:get_while(function(v) return v < 5 end)), await(s:next()))   --> 2 10
---```
function M.get_while(s, f)
  check(s, "get_while")
  args.check_callable(2, "get_while", f)
  return ask(s, collecting(s, { feed = take_while, f = keep(f) }))
end

--- The same for an `f` that runs as a task (it may await, and may return a promise).
--- Other readers wait until it is over.
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<lwt.Values<T>>
---```lua
---local s = stream.of_list { 1, 2, 10, 3 }
---local small = s:get_while_s(function(v) await(lwt.pause()) return v < 5 end)
---print(#await(small), await(s:next()))   --> 2 10
---```
function M.get_while_s(s, f)
  check(s, "get_while_s")
  args.check_callable(2, "get_while_s", f)
  return C.section(s, true, function()
    local items = { n = 0 }
    while true do
      local v = await(peek(s))
      if v == nil then return items end
      local yes = f(v)
      if is_promise(yes) then yes = await(yes) end
      if not yes then return items end
      s.pull(s)
      items.n = items.n + 1
      items[items.n] = v
    end
  end)
end

local function throw_n(req)
  req.want = req.want - 1
  return true, req.want == 0
end

--- Take one element and throw it away. At the end it does nothing.
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<nil>
---```lua
---local s = stream.of_list { 1, 2 }
---await(s:junk())
---print(await(s:next()))   --> 2
---```
function M.junk(s)
  check(s, "junk")
  return ask(s, { feed = throw_n, want = 1, mute = true })
end

--- Take `n` elements and throw them away: fewer at the end.
---@generic T
---@param s lwt.Stream<T>
---@param n integer
---@return lwt.Promise<nil>
---```lua
---local s = stream.of_list { 1, 2, 3 }
---await(s:njunk(2))
---print(await(s:next()))   --> 3
---```
function M.njunk(s, n)
  check(s, "njunk")
  n = args.integer(2, "njunk", n, 0)
  if n == 0 then return fulfilled() end
  return ask(s, { feed = throw_n, want = n, mute = true })
end

local function throw_while(req, v)
  local ok, yes = holds(req, v, "junk_while")
  if not ok then
    req.failed, req.value = true, yes
    return false, true
  end
  if yes then return true, false end
  return false, true
end

--- Throw elements away for as long as `f(v)` is true. The first one for which it is
--- not stays in the stream.
---@generic T
---@param s lwt.Stream<T>
---@param f fun(v: T): any
---@return lwt.Promise<nil>
---```lua
---local s = stream.of_list { 1, 2, 10, 3 }
---await(s:junk_while(function(v) return v < 5 end))
---print(await(s:next()))   --> 10
---```
function M.junk_while(s, f)
  check(s, "junk_while")
  args.check_callable(2, "junk_while", f)
  return ask(s, { feed = throw_while, f = keep(f), mute = true })
end

--- The same for an `f` that runs as a task. Other readers wait until it is over.
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<nil>
---```lua
---local s = stream.of_list { 1, 2, 10, 3 }
---await(s:junk_while_s(function(v) return lwt.fulfilled(v < 5) end))
---print(await(s:next()))   --> 10
---```
function M.junk_while_s(s, f)
  check(s, "junk_while_s")
  args.check_callable(2, "junk_while_s", f)
  return C.section(s, false, function()
    while true do
      local v = await(peek(s))
      if v == nil then return end
      local yes = f(v)
      if is_promise(yes) then yes = await(yes) end
      if not yes then return end
      s.pull(s)
    end
  end)
end

-- The read `p` does not wait. Gives its element, if it has got one just now, from a finalizer.
local function not_now(p)
  if not pcall(p.cancel, p) then p:cancel() end -- once more, where there was no memory
  local state, v = p:state()
  if state == "fulfilled" then return v end
  return nil
end

-- Everything that is there, at most `max`: the list, what followed ("end", "wait" or
-- "error") and the error, and the element that there was no memory for.
local function available(s, max)
  local items, n = { n = 0 }, 0 -- (its place is there)
  local pull = s.pull
  while n < max do
    local ok, v, p = pcall(pull, s)
    pull = s.pull
    if not ok then
      items.n = n
      return items, "error", v
    elseif v == nil then
      items.n = n
      if not p then return items, "end" end
      v = not_now(p)
      if v == nil then return items, "wait" end
    end
    local added, err = add(items, n + 1, v)
    if not added then
      items.n = n
      return items, "error", err, v
    end
    n = n + 1
  end
  items.n = n
  return items, "more"
end

-- What was taken goes back, and the error is raised.
local function give_back(s, items, err, v)
  if v ~= nil then unread(s, { v }, 1) end
  unread(s, items, items.n)
  raise(err)
end

--- The elements that are there now, as a list: an immediate call, no promise. It asks
--- the source for more until that has to wait. If the source fails, the error is raised,
--- and what was taken is put back.
---@generic T
---@param s lwt.Stream<T>
---@return T[]
---```lua
---local s, push = stream.create()
---push(1); push(2)
---print(#s:get_available(), #s:get_available())   --> 2 0
---```
function M.get_available(s)
  check(s, "get_available")
  local items, why, err, v = available(s, math.huge)
  if why == "error" then give_back(s, items, err, v) end
  return items
end

--- The same, at most `n` of them.
---@generic T
---@param s lwt.Stream<T>
---@param n integer
---@return T[]
---```lua
---local s = stream.of_list { 1, 2, 3 }
---print(#s:get_available_up_to(2), #s:get_available_up_to(2))   --> 2 1
---```
function M.get_available_up_to(s, n)
  check(s, "get_available_up_to")
  n = args.integer(2, "get_available_up_to", n, 0)
  local items, why, err, v = available(s, n)
  if why == "error" then give_back(s, items, err, v) end
  return items
end

--- Throw away the elements that are there now: an immediate call. If the source fails
--- the error is raised.
---@generic T
---@param s lwt.Stream<T>
---```lua
---local s, push = stream.create()
---push(1); push(2)
---s:junk_available()
---push(3)
---print(await(s:next()))   --> 3
---```
function M.junk_available(s)
  check(s, "junk_available")
  while true do
    local v, p = s.pull(s)
    if v == nil and not p then return end
    if p and not_now(p) == nil then return end
  end
end

--- The newest of the elements that are there now: all are taken, the last is given. When
--- there is none it waits for one and gives that. Its promise is rejected with `stream.Empty` at the end.
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<T?>
---```lua
---local s, push = stream.create()
---push(1); push(2); push(3)
---print(await(s:last_new()))   --> 3
---```
function M.last_new(s)
  check(s, "last_new")
  if cancel_due() then return later(M.last_new, s) end
  local last
  while true do
    local ok, v, p, req = pcall(s.pull, s)
    if not ok then
      if last ~= nil then unread(s, { last }, 1) end
      return rejected(v)
    elseif v ~= nil then
      last = v
    elseif last ~= nil then
      v = p and not_now(p)
      if v ~= nil then last = v end
      return fulfilled(last)
    elseif p then
      return or_empty(s, p, req)
    else
      return rejected(Empty)
    end
  end
end

local function not_empty(req)
  req.value = false
  return false, true
end

local function is_empty(req) req.value = true end

--- Whether there is no element any more. It waits until that is known; takes nothing.
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<boolean>
---```lua
---print(await(stream.of_list({}):is_empty()))   --> true
---print(await(stream.of_list({ 1 }):is_empty()))   --> false
---```
function M.is_empty(s)
  check(s, "is_empty")
  return ask(s, { looks = true, feed = not_empty, finish = is_empty })
end

--- Whether the end has been pushed or produced, even if elements are left to read: an
--- immediate answer.
---@generic T
---@param s lwt.Stream<T>
---@return boolean
---```lua
---local s, push = stream.create()
---push(1)
---print(s:is_closed())   --> false
---push(nil)
---print(s:is_closed())   --> true
---```
function M.is_closed(s)
  check(s, "is_closed")
  return s.log.closed
end

--- A promise fulfilled when the end has been pushed or produced (for a stream that reads
--- from a source: when a read met the end). It cannot be cancelled.
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<nil>
---```lua
---local s, push = stream.create()
---local p = s:closed()
---push(nil)
---print(p:is_pending())   --> false
---```
function M.closed(s)
  check(s, "closed")
  local log = s.log
  if log.closed then return fulfilled() end
  local p = log.closed_promise
  if p then return p end
  C.desk_of(log)
  p = lwt.wait()
  if log.closed or log.closed_promise then return M.closed(s) end -- by a finalizer, meanwhile
  log.closed_promise = p
  return p
end

--- Another stream of the same elements, from this place on: both see each of them, each
--- at its own pace. Elements are kept until both have read them. A bounded stream cannot
--- be cloned.
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Stream<T>
---```lua
---local a, push = stream.create()
---local b = a:clone()
---push(1)
---print(await(a:next()), await(b:next()))   --> 1 1
---```
function M.clone(s)
  check(s, "clone")
  if s.log.bound then args.bad(1, "clone", "a bounded stream cannot be cloned") end
  return C.clone(s)
end

--- Run `f(s)` as a task; if it fails in any way (being cancelled included) everything it
--- took from the stream is put back, and the promise is rejected with its error. Other
--- readers wait until it is over.
---@generic T, R
---@param s lwt.Stream<T>
---@param f async fun(s: lwt.Stream<T>): R?, ...?
---@return lwt.Promise<R>
---```lua
---local s = stream.of_list { 1, 2, 3 }
---local p = s:parse(function() print(await(s:next()), await(s:next())) error("no") end)   --> 1 2
---print(pcall(await, p), await(s:next()))
---```
function M.parse(s, f)
  check(s, "parse")
  args.check_callable(2, "parse", f)
  return C.section(s, true, f)
end

-- For a task: the next element, nil at the end. A cancel point, also when the element is there.
local function take(s)
  if any_due[1] and cancel_due() then due.tell() end
  local v, p = s:pull()
  if p then return await_read(p) end
  return v
end
C.take = take

mt.__call = take -- `for v in s do`

return M

-- Streams: streams made from streams. (Functions of `lwt.stream`.)
--
-- All are lazy: they read when they are read. What they were reading when their last
-- reader went away is given back, so a derived stream that is dropped takes nothing
-- with it.

local lwt = require "lwt"
local core = require "lwt.core"
local guard, raise = core.guard, core.raise -- pcall and error, which keep the trace
local hear, wake, is_pending = core.hear, core.wake, lwt.is_pending
local args = require "lwt.internal.args"
local C = require "lwt.stream.fuse" -- which adds to lwt.stream.core
local stored = require "lwt.internal.stored"
local unview = require "lwt.core".unview

local M = C.M
local check = C.check
local ended, pend, run_task = C.ended, C.pend, C.run_task
local error, getmetatable = error, getmetatable

local derive, stage, none, take_back = C.derive, C.stage, C.none, C.take_back

--- A stream of `f(v)` for each element. `f` is a plain callback and must not await (see
--- `map_s`). If it fails the reader gets the error, the element is lost and the stream
--- goes on. It must not return nil (see `filter_map`).
---@generic T, R
---@param s lwt.Stream<T>
---@param f fun(v: T): R
---@return lwt.Stream<R>
---```lua
---local s = stream.of_list({ 1, 2 }):map(function(v) return v * 10 end)
---print(table.concat(await(s:to_list()), " "))   --> 10 20
---```
function M.map(s, f)
  check(s, "map")
  args.check_callable(2, "map", f)
  return stage("map", s, f)
end

-- What the `_s` forms share: `work(x, taker, v)` makes an element of `v`, or gives nothing
-- and has begun to wait; `again` asks for the next one.
local function sequential(s, work)
  local log
  local function resume(v)
    if v == nil then return ended(log) end
    return work(log, nil, v)
  end
  local read, depth = C.reader { s }
  local d = derive(function(x, taker)
    local v, p = read(s, log)
    if v == nil then
      if p then return pend(x, taker, p, resume) end
      return ended(x)
    end
    return work(x, taker, v)
  end)
  log, d.depth = d.log, depth
  return d
end

--- The same for an `f` that runs as a task (it may await, and may return a promise), one
--- element after another.
---@generic T, R
---@param s lwt.Stream<T>
---@param f async fun(v: T): lwt.Promise<R>|R
---@return lwt.Stream<R>
---```lua
---local s = stream.of_list({ 1, 2 }):map_s(function(v) await(lwt.pause()) return -v end)
---print(table.concat(await(s:to_list()), " "))   --> -1 -2
---```
function M.map_s(s, f)
  check(s, "map_s")
  args.check_callable(2, "map_s", f)
  local start = stored.task(f)
  local function result(v)
    if v == nil then none("map_s") end
    return v
  end
  return sequential(s, function(x, taker, v) return run_task(x, taker, result, start, v) end)
end

--- The elements for which `f(v)` is true. `f` is a plain callback.
---@generic T
---@param s lwt.Stream<T>
---@param f fun(v: T): any
---@return lwt.Stream<T>
---```lua
---local s = stream.of_list({ 1, 2, 3, 4 }):filter(function(v) return v % 2 == 0 end)
---print(table.concat(await(s:to_list()), " "))   --> 2 4
---```
function M.filter(s, f)
  check(s, "filter")
  args.check_callable(2, "filter", f)
  return stage("filter", s, f)
end

--- The same for an `f` that runs as a task, one element after another.
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Stream<T>
---```lua
---local s = stream.of_list({ 1, 2, 3 }):filter_s(function(v) return lwt.fulfilled(v > 1) end)
---print(table.concat(await(s:to_list()), " "))   --> 2 3
---```
function M.filter_s(s, f)
  check(s, "filter_s")
  args.check_callable(2, "filter_s", f)
  local start = stored.task(f)
  return sequential(s, function(x, taker, v)
    return run_task(x, taker, function(yes)
      if yes then return v end
      return C.again(x, taker)
    end, start, v)
  end)
end

--- The values of `f(v)` that are not nil. `f` is a plain callback.
---@generic T, R
---@param s lwt.Stream<T>
---@param f fun(v: T): R?, ...?
---@return lwt.Stream<R>
---```lua
---local s = stream.of_list({ "1", "x", "3" }):filter_map(tonumber)
---print(table.concat(await(s:to_list()), " "))   --> 1 3
---```
function M.filter_map(s, f)
  check(s, "filter_map")
  args.check_callable(2, "filter_map", f)
  return stage("filter_map", s, f)
end

--- The same for an `f` that runs as a task, one element after another.
---@generic T, R
---@param s lwt.Stream<T>
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@return lwt.Stream<R>
---```lua
---local s = stream.of_list({ "1", "x", "3" })
---local numbers = s:filter_map_s(function(v) await(lwt.pause()) return tonumber(v) end)
---print(table.concat(await(numbers:to_list()), " "))   --> 1 3
---```
function M.filter_map_s(s, f)
  check(s, "filter_map_s")
  args.check_callable(2, "filter_map_s", f)
  local start = stored.task(f)
  return sequential(s, function(x, taker, v)
    return run_task(x, taker, function(y)
      if y ~= nil then return y end
      return C.again(x, taker)
    end, start, v)
  end)
end

-- Streams whose elements come in lists. `list_of(x, taker, use, v)` gives `use(list)` for an
-- element of `s`, now or, as a source does, later.
local function unpacking(name, s, list_of)
  local list, i, n
  local log, take
  local read, depth = C.reader { s }
  local function open(x, taker, l)
    if type(l) ~= "table" then
      error(("'%s': a list expected, got %s"):format(name, args.type_name(l)), 0)
    end
    local length, wrong = args.length_of(l)
    if not length then error(("'%s': of the list, %s"):format(name, wrong), 0) end
    list, i, n = l, 0, length
    return take(x, taker)
  end
  local function use_of(x, taker)
    return function(l) return open(x, taker, l) end
  end
  local function resume(v)
    if v == nil then return ended(log) end
    return list_of(log, nil, use_of(log), v)
  end
  function take(x, taker)
    if list then
      if i < n then
        i = i + 1
        local v = list[i]
        if v == nil then error(("'%s': element %d of a list is nil"):format(name, i), 0) end
        return v
      end
      list = nil
    end
    local v, p = read(s, log)
    if v ~= nil then return list_of(x, taker, use_of(x, taker), v) end
    if p then return pend(x, taker, p, resume) end
    return ended(x)
  end
  local d = derive(take)
  log, d.depth = d.log, depth
  return d
end

--- The elements of the lists that `f(v)` gives, one after another. `f` is a plain
--- callback.
---@generic T, R
---@param s lwt.Stream<T>
---@param f fun(v: T): R[]
---@return lwt.Stream<R>
---```lua
---local s = stream.of_list({ 1, 2 }):map_list(function(v) return { v, v * 10 } end)
---print(table.concat(await(s:to_list()), " "))   --> 1 10 2 20
---```
function M.map_list(s, f)
  check(s, "map_list")
  args.check_callable(2, "map_list", f)
  f = stored.keep(f)
  return unpacking("map_list", s, function(_, _, use, v) return use(f(v)) end)
end

--- The same for an `f` that runs as a task, one element after another.
---@generic T, R
---@param s lwt.Stream<T>
---@param f async fun(v: T): lwt.Promise<R[]>|R[]
---@return lwt.Stream<R>
---```lua
---local s = stream.of_list({ 1, 2 }):map_list_s(function(v) return lwt.fulfilled { v, v } end)
---print(table.concat(await(s:to_list()), " "))   --> 1 1 2 2
---```
function M.map_list_s(s, f)
  check(s, "map_list_s")
  args.check_callable(2, "map_list_s", f)
  local start = stored.task(f)
  return unpacking("map_list_s", s, function(x, taker, use, v)
    return run_task(x, taker, use, start, v)
  end)
end

--- The elements of a stream of lists.
---@generic T
---@param s lwt.Stream<T[]>
---@return lwt.Stream<T>
---```lua
---local q = stream.of_list({ { 1, 2 }, {}, { 3 } }):flatten()
---print(table.concat(await(q:to_list()), " "))   --> 1 2 3
---```
function M.flatten(s)
  check(s, "flatten")
  return unpacking("flatten", s, function(_, _, use, v) return use(v) end)
end

--- The elements of `a`, then those of `b`, which is not touched before. An element costs a step for each `append`
--- that it passes, so of `n` streams that are appended to one another each costs up to `n`: `concat` takes many at one step.
---@generic T
---@param a lwt.Stream<T>
---@param b lwt.Stream<T>
---@return lwt.Stream<T>
---```lua
---local s = stream.of_list({ 1 }):append(stream.of_list { 2, 3 })
---print(table.concat(await(s:to_list()), " "))   --> 1 2 3
---```
function M.append(a, b)
  check(a, "append")
  if getmetatable(b) ~= C.mt then args.wrong(2, "append", "lwt.stream", b) end
  local log, resume
  local read, depth = C.reader { a, b }
  local function source(x, taker)
    local v, p = read(a, log)
    if v ~= nil then return v end
    if p then return pend(x, taker, p, resume) end
    if not b then return ended(x) end
    a, b = b, nil
    return source(x, taker)
  end
  function resume(v)
    if v ~= nil then return v end
    if not b then return ended(log) end
    a, b = b, nil
    return source(log)
  end
  local d = derive(source)
  log, d.depth = d.log, depth
  return d
end

--- The elements of a stream of streams, one stream after another.
---@generic T
---@param s lwt.Stream<lwt.Stream<T>>
---@return lwt.Stream<T>
---```lua
---local s = stream.of_list { stream.of_list { 1 }, stream.of_list { 2, 3 } }
---print(table.concat(await(s:concat():to_list()), " "))   --> 1 2 3
---```
function M.concat(s)
  check(s, "concat")
  local log, inner
  local read, depth = C.reader { s }
  local source
  local function open(v)
    v = unview(v)
    if getmetatable(v) ~= C.mt then
      error(("'concat': a stream expected, got %s"):format(args.type_name(v)), 0)
    end
    inner = v
  end
  local function outer_came(v)
    if v == nil then return ended(log) end
    open(v)
    return source(log)
  end
  local function inner_came(v)
    if v ~= nil then return v end
    inner = nil
    return source(log)
  end
  function source(x, taker)
    while true do
      local v, p
      if not inner then
        v, p = read(s, log)
        if v == nil then
          if p then return pend(x, taker, p, outer_came) end
          return ended(x)
        end
        open(v)
      end
      v, p = inner.pull(inner, log)
      if v ~= nil then return v end
      if p then return pend(x, taker, p, inner_came) end
      inner = nil
    end
  end
  local d = derive(source)
  log, d.depth = d.log, depth
  return d
end

-- Waits for the first of several reads. `p` is cancellable: then all of them are
-- cancelled, and what had come already is put back.
local function first_of(waits, ready)
  local p = core.waiter()
  local mine = { promise = p, lost = false } -- see core.lost
  local over = false
  local function stop()
    over = true
    for _, w in ipairs(waits) do w.p:cancel() end
  end
  local function put_back(w)
    local v = w.value
    w.value = nil
    if v ~= nil then C.unread(w.s, { v }, 1) end
  end
  local function call_off()
    stop()
    for _, w in ipairs(waits) do put_back(w) end
  end
  local function came(w)
    if over or not is_pending(p) then -- it came while we were stopping
      put_back(w)
    elseif ready(w) then
      stop()
      if not wake(p, w) then -- it has been cancelled just now
        for _, other in ipairs(waits) do put_back(other) end
      end
    end
  end
  local function attach()
    p:on_cancel(function() if not over then call_off() end end)
    for _, w in ipairs(waits) do
      if not w.come then
        hear(w.p, function(v)
          w.come, w.value = true, v
          came(w)
        end, function(err)
          w.come, w.failed, w.err = true, true, err
          came(w)
        end, mine)
      end
    end
  end
  local ok, err = guard(attach)
  if ok then return p end
  call_off()
  raise(err)
end

--- Pairs `{a, b}` of the elements of two streams, which are read at the same time. It
--- ends with the shorter one; an element of the other that was already read is put back,
--- and so it is when the reader is cancelled or the other stream fails.
---@generic T, B
---@param a lwt.Stream<T>
---@param b lwt.Stream<B>
---@return lwt.Stream<any>
---```lua
---local rest = stream.of_list { "x", "y", "z" }
---for v in stream.of_list({ 1, 2 }):combine(rest) do print(v[1], v[2]) end   --> 1 x
--- --> 2 y
---print(await(rest:next()))   --> z
---```
function M.combine(a, b)
  check(a, "combine")
  if getmetatable(b) ~= C.mt then args.wrong(2, "combine", "lwt.stream", b) end
  local log
  local read, depth = C.reader { a, b }
  local function source(x, taker)
    local va, pa = read(a)
    if va == nil and not pa then return ended(x) end
    local ok, vb, pb = guard(read, b)
    if not ok or vb == nil and not pb then
      if va ~= nil then C.unread(a, { va }, 1) else take_back(a, pa) end
      if not ok then raise(vb) end
      return ended(x)
    end
    if va ~= nil and vb ~= nil then return { va, vb } end
    local wa = { s = a, p = pa or lwt.fulfilled(va), value = va, come = va ~= nil }
    local wb = { s = b, p = pb or lwt.fulfilled(vb), value = vb, come = vb ~= nil }
    local first = first_of({ wa, wb }, function(w)
      return w.failed or w.value == nil or wa.come and wb.come
    end)
    return pend(x, taker, first, function(w)
      if not w.failed and wa.value ~= nil and wb.value ~= nil then
        return { wa.value, wb.value }
      end
      local other = w == wa and wb or wa
      if other.value ~= nil then C.unread(other.s, { other.value }, 1) end
      if w.failed then raise(w.err) end
      return ended(log)
    end)
  end
  local d = derive(source)
  log, d.depth = d.log, depth
  return d
end

--- The elements of all streams of a list, as they come. Among streams that have one
--- ready it takes turns. A stream that fails is dropped after its error has been
--- reported; the end comes when all have ended.
---@generic T
---@param streams lwt.Stream<T>[]
---@return lwt.Stream<T>
---```lua
---local s = stream.choose { stream.of_list { 1, 2, 3 }, stream.of_list { 10 } }
---print(table.concat(await(s:to_list()), " "))   --> 1 10 2 3
---```
function M.choose(streams)
  local _, list = args.objects(1, "choose", streams, C.mt, "lwt.stream")
  local log, source
  local read, depth = C.reader(list)
  local turn = 0 -- the one that delivered last
  local function drop(s)
    for i = 1, #list do
      if list[i] == s then
        table.remove(list, i)
        if i <= turn then turn = turn - 1 end
        return
      end
    end
  end
  local function came(w)
    if w.failed then
      drop(w.s)
      raise(w.err)
    elseif w.value == nil then
      drop(w.s)
      return source(log)
    end
    for i = 1, #list do
      if list[i] == w.s then turn = i end
    end
    return w.value
  end
  function source(x, taker)
    local waits = {}
    local i = turn
    for _ = 1, #list do
      i = i % #list + 1
      local s = list[i]
      local ok, v, p = guard(read, s)
      if ok and p then
        waits[#waits + 1] = { s = s, p = p }
      else
        if ok and v == nil then
          waits.ended = waits.ended or {}
          table.insert(waits.ended, s)
        else
          for _, w in ipairs(waits) do take_back(w.s, w.p) end
          for _, e in ipairs(waits.ended or {}) do drop(e) end
          if not ok then
            drop(s)
            raise(v)
          end
          for k = 1, #list do
            if list[k] == s then turn = k end
          end
          return v
        end
      end
    end
    for _, e in ipairs(waits.ended or {}) do drop(e) end
    if not waits[1] then return ended(x) end
    return pend(x, taker, first_of(waits, function() return true end), came)
  end
  local d = derive(source)
  log, d.depth = d.log, depth
  return d
end

--- The same elements as `{ok = true, value = v}`, and each error of the stream as
--- `{ok = false, error = err}`: reading it never fails.
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Stream<table>
---```lua
---local s = stream.of_list({ 1, 2 }):map(function(v) return v == 2 and error("two", 0) or v end)
---for r in s:wrap_exn() do print(r.ok, r.value or r.error) end   --> true 1
--- --> false two
---```
function M.wrap_exn(s)
  check(s, "wrap_exn")
  local log
  local read, depth = C.reader { s }
  local function resume(v)
    if v == nil then return ended(log) end
    return { ok = true, value = v }
  end
  local function rescue(err) return { ok = false, error = err } end
  local d = derive(function(x, taker)
    local ok, v, p = guard(read, s, log)
    if not ok then return rescue(v) end
    if v ~= nil then return { ok = true, value = v } end
    if p then return pend(x, taker, p, resume, rescue) end
    return ended(x)
  end)
  log, d.depth = d.log, depth
  return d
end

local function hex_line(offset, bytes)
  local hex, text = {}, {}
  for i = 1, 16 do
    local b = bytes:byte(i)
    hex[i] = b and ("%02x"):format(b) or "  "
    if b then text[i] = b >= 32 and b < 127 and string.char(b) or "." end
  end
  return ("%08x  %s  %s  |%s|"):format(offset, table.concat(hex, " ", 1, 8),
    table.concat(hex, " ", 9, 16), table.concat(text))
end

--- A stream of strings shown as `hexdump -C` shows them, a line for each 16 bytes. (No
--- last line with the length.)
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Stream
---```lua
---print(await(stream.of_string("Hello, lwt!\n"):hexdump():next()))
---```
function M.hexdump(s)
  check(s, "hexdump")
  local log, source
  local read, depth = C.reader { s }
  local held, pos, offset = "", 1, 0 -- what is still to be shown starts at `pos`
  local function line()
    local bytes = held:sub(pos, pos + 15)
    local text = hex_line(offset, bytes)
    pos, offset = pos + #bytes, offset + #bytes
    return text
  end
  local function add(v)
    if type(v) ~= "string" then
      error(("'hexdump': a string expected, got %s"):format(args.type_name(v)), 0)
    end
    held, pos = held:sub(pos) .. v, 1
  end
  local function resume(v)
    if v == nil then
      if pos <= #held then return line() end
      return ended(log)
    end
    add(v)
    return source(log)
  end
  function source(x, taker)
    while #held - pos < 15 do
      local v, p = read(s, log)
      if v == nil then
        if p then return pend(x, taker, p, resume) end
        if pos <= #held then return line() end
        return ended(x)
      end
      add(v)
    end
    return line()
  end
  local d = derive(source)
  log, d.depth = d.log, depth
  return d
end

return M

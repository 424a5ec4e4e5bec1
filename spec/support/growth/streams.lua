-- Growth of streams (see growth.lua).

local lwt = require "lwt"

local function odd(v) return v % 2 == 1 end
local function plus(v, sum) return sum + v end

return function(g)
  local operation, times, task, id, module = g.operation, g.times, g.task, g.id, g.module

  -- n streams that somebody waits at.
  local function streams(n)
    local stream = module "stream"
    local list, readers = {}, {}
    for i = 1, n do
      list[i] = stream.create()
      readers[i] = list[i]:get()
    end
    return { list = list, readers = readers }
  end

  -- f(s, stream, name) is given a stream of three numbers; what it returns is awaited.
  local function on_stream(name, f)
    operation("stream " .. name, streams, function()
      task(function()
        local stream = module "stream"
        local p = f(stream.of_list { 1, 2, 3 }, stream, name)
        if lwt.is_promise(p) then p:await() end
      end)
    end)
  end
  local function on_each(names, f) for _, name in ipairs(names) do on_stream(name, f) end end

  on_each({ "map", "map_s", "filter", "filter_s", "filter_map", "filter_map_s" }, function(s, _, name)
    return s[name](s, odd):to_list()
  end)
  on_each({ "map_list", "map_list_s" }, function(s, _, name)
    return s[name](s, function(v) return { v, v } end):to_list()
  end)
  on_each({ "iter", "iter_s", "iter_p", "iter_n", "find", "find_s", "find_map", "find_map_s", "get_while",
    "get_while_s", "junk_while", "junk_while_s" }, function(s, _, name) return s[name](s, odd) end)
  on_each({ "fold", "fold_s" }, function(s, _, name) return s[name](s, 0, plus) end)
  on_each({ "next", "peek", "junk", "get_available", "junk_available", "is_empty", "is_closed", "closed" },
    function(s, _, name)
      local p = s[name](s)
      return name ~= "closed" and p
    end)
  on_each({ "npeek", "nget", "njunk", "get_available_up_to" }, function(s, _, name) return s[name](s, 2) end)
  on_stream("clone, last_new", function(s)
    local other = s:clone()
    s:get():await()
    s:last_new()
    return other:to_list()
  end)
  on_stream("append", function(s, stream) return s:append(stream.of_list { 4 }):to_list() end)
  on_stream("combine", function(s, stream) return s:combine(stream.of_list { 4 }):to_list() end)
  on_stream("concat", function(s, stream) return stream.of_list { s }:concat():to_list() end)
  on_stream("flatten", function(_, stream) return stream.of_list { { 1 }, { 2 } }:flatten():to_list() end)
  on_stream("choose", function(s, stream) return stream.choose { s, stream.of_list { 4 } }:to_list() end)
  on_stream("wrap_exn", function(s) return s:wrap_exn():to_list() end)
  on_stream("parse", function(s) return s:parse(function() return s:get() end) end)
  on_stream("of_string, to_string", function(_, stream) return stream.of_string "abc":to_string() end)
  on_stream("hexdump", function(_, stream) return stream.of_string "abc":hexdump():to_list() end)
  on_stream("from", function(_, stream)
    local i = 0
    return stream.from(function()
      i = i + 1
      return i < 3 and i or nil
    end):to_list()
  end)
  on_stream("from_direct", function(_, stream) return stream.from_direct(function() end):to_list() end)
  on_stream("of_iterator", function(_, stream) return stream.of_iterator(ipairs { 1, 2 }):to_list() end)
  on_stream("of_seq", function(_, stream) return stream.of_seq(module "seq".of_list { 1 }):to_list() end)
  on_stream("generate", function(_, stream) return stream.generate(function(yield) yield(1) end):to_list() end)
  on_stream("is_stream", function(s, stream) stream.is_stream(s) end)
  on_stream("for loop", function(s) for v in s do id(v) end end)
  on_stream("create_bounded; pusher: push, size, resize, count, blocked, closed, close", function(_, stream)
    local s, pusher = stream.create_bounded(1)
    pusher:push(1)
    local late = pusher:push(2)
    pusher:blocked()
    pusher:count()
    pusher:resize(pusher:size() + 1)
    s:nget(2):await()
    late:await()
    pusher:closed()
    pusher:close()
  end)

  operation("stream create, push, get, among n others", streams, function(x)
    if not x.push then x.s, x.push = module "stream".create() end
    x.push(1)
    x.s:get()
    module "stream".create()
  end)
  operation("stream get among n readers, cancelled", function(n)
    local s = module "stream".create()
    return { s = s, readers = times(n, function() return s:get() end) }
  end, function(x) x.s:get():cancel() end)
  operation("stream nget of n readers, the one that was there first cancelled", function(n)
    local s, push = module "stream".create()
    local x = { s = s, next = 0, readers = times(n, function() return s:nget(3) end) }
    push(1)
    return x
  end, function(x)
    x.next = x.next % #x.readers + 1
    x.readers[x.next]:cancel()
    x.readers[x.next] = x.s:nget(3)
  end)
  operation("stream get_available, is_empty, peek, of one with n elements", function(n)
    local s, push = module "stream".create()
    for i = 1, n do push(i) end
    return { s = s, push = push }
  end, function(x)
    x.s:get_available_up_to(1)
    x.push(1)
    x.s:peek()
    x.s:last_new()
    x.s:is_empty()
  end)
  operation("pusher push, cancelled, among n that wait", function(n)
    local s, pusher = module "stream".create_bounded(0)
    -- (One push at a time may wait: the others are other streams'.)
    return { s = s, pusher = pusher, others = times(n, function()
      local other, p = module "stream".create_bounded(0)
      return { other, p, p:push(1) }
    end) }
  end, function(x) x.pusher:push(1):cancel() end)
  operation("clone of a stream with n elements, read by one", function(n)
    local s, push = module "stream".create()
    for i = 1, n do push(i) end
    return { s = s }
  end, function(x) x.s:clone():get() end)
end

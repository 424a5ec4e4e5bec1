-- Internal: the conformance kits of lwt.test: what must hold of anything that calls itself a
-- stream, or a channel. Each is a list of { name, function(make) }, run as the body of a task.

local lwt = require "lwt"

local await = lwt.await

local function show(v)
  return type(v) == "string" and ("%q"):format(#v > 60 and v:sub(1, 60) .. "…" or v)
    or tostring(v)
end

local function same(what, expected, got)
  if expected == got then return end
  error(("%s: expected %s, got %s"):format(what, show(expected), show(got)), 0)
end

local function same_list(what, expected, got, n)
  for i = 1, math.max(#expected, n or #got) do
    same(("%s, element %d"):format(what, i), expected[i], got[i])
  end
end

local function fails(what, expected, p)
  local ok, err = pcall(await, p)
  if ok then error(("%s: expected %s, but it succeeded"):format(what, tostring(expected)), 0) end
  same(what, expected, err)
end

local function range(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end

-- Streams: `make(values)` gives one of these elements. ------------------------------------------

local function drain(s)
  local got = {}
  while true do
    local v = await(s:get())
    if v == nil then return got end
    got[#got + 1] = v
  end
end

local stream = {
  { "gives every element once, in order, then nil", function(make)
    for _, n in ipairs { 0, 1, 2, 100 } do
      same_list(n .. " elements", range(n), drain(make(range(n))))
    end
  end },
  { "goes on giving nil after its end", function(make)
    local s = make { "only" }
    drain(s)
    for _ = 1, 3 do same("get after the end", nil, await(s:get())) end
  end },
  { "can be walked by a generic for", function(make)
    local got = {}
    for v in make(range(5)) do got[#got + 1] = v end
    same_list("for", range(5), got)
  end },
  { "can be left by break, and read on", function(make)
    local s = make(range(4))
    for v in s do
      if v == 2 then break end
    end
    local following = await(s:get())
    -- A stream that closes with its loop may be at its end.
    if following ~= nil then same("after the break", 3, following) end
  end },
  { "gives each of several waiting readers an element, in the order of their calls",
    function(make)
      local s, reads, got = make(range(5)), {}, {}
      for i = 1, 7 do reads[i] = s:get() end
      for i = 1, 7 do got[i] = await(reads[i]) end
      same_list("concurrent reads", range(5), got, 7)
    end },
  { "gives each element to one of several tasks", function(make)
    local s, seen, tasks = make(range(50)), {}, {}
    for i = 1, 4 do
      tasks[i] = lwt.spawn(function()
        local last = 0
        while true do
          local v = await(s:get())
          if v == nil then return end
          if seen[v] then error(("element %d was given twice"):format(v), 0) end
          if v < last then error(("element %d came after %d"):format(v, last), 0) end
          seen[v], last = true, v
          lwt.yield()
        end
      end)
    end
    await(lwt.join(tasks))
    same("elements given to four tasks", 50, #seen)
  end },
  { "loses nothing when a read is cancelled", function(make)
    local s, got = make(range(5)), {}
    local p = s:get()
    p:cancel()
    local ok, v = pcall(await, p)
    if ok then got[1] = v end
    for _, rest in ipairs(drain(s)) do got[#got + 1] = rest end
    same_list("after a cancelled read", range(5), got)
  end },
  { "loses nothing when a task that reads is cancelled", function(make)
    local s, got = make(range(5)), {}
    -- Cancelled while it waits, if it has to.
    local reader = lwt.spawn(function()
      while true do
        local v = await(s:get())
        if v == nil then return end
        got[#got + 1] = v
      end
    end)
    reader:cancel()
    pcall(await, reader)
    for _, rest in ipairs(drain(s)) do got[#got + 1] = rest end
    same_list("after a cancelled reader", range(5), got)
  end },
  { "does not take what peek shows (where it has peek)", function(make)
    local s = make(range(2))
    if not s.peek then return end
    same("peek", 1, await(s:peek()))
    same("peek again", 1, await(s:peek()))
    same_list("after peek", range(2), drain(s))
    same("peek at the end", nil, await(s:peek()))
  end },
  { "says Empty to next at its end (where it has next)", function(make)
    local s = make { "only" }
    if not s.next then return end
    same("next", "only", await(s:next()))
    fails("next at the end", require "lwt.stream".Empty, s:next())
  end },
}

-- Channels: `make()` gives an output channel, and the input channel where it comes out. -----------

local function both(reader, writer)
  local got = lwt.spawn(reader)
  await(lwt.join { got:map(function() end), lwt.spawn(writer) })
  return await(got)
end

local function put(out, s)
  await(out:write(s))
  await(out:flush())
end

local function end_of(out)
  await(out:close())
end

local channel = {
  { "brings every byte through, in order", function(make)
    local out, inp = make()
    local bytes = {}
    for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
    local all = table.concat(bytes)
    local got = both(function() return await(inp:read()) end, function()
      put(out, all)
      end_of(out)
    end)
    same("bytes", all, got)
  end },
  { "brings through more than fits into any buffer", function(make)
    local out, inp = make()
    local piece = ("0123456789abcdef"):rep(1024)
    local got = both(function() return await(inp:read()) end, function()
      for _ = 1, 128 do await(out:write(piece)) end
      end_of(out)
    end)
    same("length", #piece * 128, #got)
    if got ~= piece:rep(128) then error("2 MiB came through changed", 0) end
  end },
  { "reads lines, without their ends", function(make)
    local out, inp = make()
    put(out, "one\ntwo\r\n\nlast\r")
    end_of(out)
    local got = {}
    for line in inp:lines() do got[#got + 1] = line end
    same_list("lines", { "one", "two", "", "last\r" }, got)
    same("read_line at the end", nil, await(inp:read_line()))
  end },
  { "tells the end of input", function(make)
    local out, inp = make()
    put(out, "ab")
    end_of(out)
    same("read(n) cut short", "ab", await(inp:read(5)))
    same("read(n) at the end", nil, await(inp:read(5)))
    same("read() at the end", "", await(inp:read()))
    same("read_char at the end", nil, await(inp:read_char()))
    same("read(0) at the end", "", await(inp:read(0)))
    fails("read_exactly at the end", lwt.EOF, inp:read_exactly(1))
  end },
  { "rejects read_exactly with EOF where the input is too short", function(make)
    local out, inp = make()
    put(out, "abc")
    end_of(out)
    fails("read_exactly(4) of 3 bytes", lwt.EOF, inp:read_exactly(4))
  end },
  { "reads exactly what was asked for", function(make)
    local out, inp = make()
    put(out, "abcdefgh")
    same("read(0)", "", await(inp:read(0)))
    same("read_exactly", "abc", await(inp:read_exactly(3)))
    same("read_char", "d", await(inp:read_char()))
    same("read_exactly", "efgh", await(inp:read_exactly(4)))
    end_of(out)
  end },
  { "waits for what has not been written yet", function(make)
    local out, inp = make()
    local p = inp:read_line()
    lwt.yield()
    same("a read of nothing", "pending", (p:state()))
    put(out, "now\n")
    same("the line", "now", await(p))
    end_of(out)
  end },
  { "keeps the writes of several tasks whole, in the order of their calls", function(make)
    local out, inp = make()
    local expected, writes = {}, {}
    for i = 1, 50 do
      expected[i] = ("line %d %s"):format(i, ("x"):rep(i * 40))
      writes[i] = out:write(expected[i] .. "\n")
    end
    local got = both(function()
      local lines = {}
      for line in inp:lines() do lines[#lines + 1] = line end
      return lines
    end, function()
      await(lwt.join(writes))
      end_of(out)
    end)
    same_list("lines", expected, got)
  end },
  { "serves several waiting reads in the order of their calls", function(make)
    local out, inp = make()
    local a, b, c = inp:read_line(), inp:read_line(), inp:read_line()
    put(out, "1\n2\n3\n")
    same("first", "1", await(a))
    same("second", "2", await(b))
    same("third", "3", await(c))
    end_of(out)
  end },
  { "loses nothing when a read is cancelled", function(make)
    local out, inp = make()
    local p = inp:read_line()
    p:cancel()
    fails("the cancelled read", lwt.Canceled, p)
    put(out, "kept\n")
    same("the next read", "kept", await(inp:read_line()))
    end_of(out)
  end },
  { "can be closed twice, and then refuses", function(make)
    local out, inp = make()
    await(out:close())
    await(out:close())
    fails("a write after close", lwt.Closed, out:write("x"))
    await(inp:close())
    await(inp:close())
    fails("a read after close", lwt.Closed, inp:read())
  end },
  { "passes numbers and formats (where it has them)", function(make)
    local out, inp = make()
    if not (out.pack and inp.unpack and out.le and inp.le) then return end
    await(out:pack("<i4", -7))
    await(out.le:write_int16(513))
    await(out:flush())
    same("unpack", -7, (await(inp:unpack("<i4"))))
    same("le.read_int16", 513, await(inp.le:read_int16()))
    end_of(out)
  end },
}

-- Sources and sinks of bytes ---------------------------------------------------------------------
-- `make.source(data)` gives a source that brings exactly these bytes, `make.sink()` a sink and a
-- function that ends it and gives what has come out of it.

-- So many bytes, no two places of which look alike.
local function numbered(count)
  local parts = {}
  for i = 0, count // 8 do parts[#parts + 1] = ("%07x."):format(i) end
  return table.concat(parts):sub(1, count)
end

-- From single bytes to more than any buffer holds.
local chunks = { { 1, 300 }, { 7, 3000 }, { 4096, 150000 }, { 65536, 150000 }, { 100000, 150000 } }

local function done_with(thing)
  if thing.close then await(thing:close()) end
end

local function compare(what, expected, got)
  if got == expected then return end
  same(what .. ", length", #expected, #got)
  local i = 1
  while got:byte(i) == expected:byte(i) do i = i + 1 end
  error(("%s: wrong from byte %d on: expected %s, got %s"):format(what, i,
    show(expected:sub(i, i + 15)), show(got:sub(i, i + 15))), 0)
end

-- Each reads a source to its end, in its own style, and gives what it got.
local readers = {
  { "by a task", function(source, n)
    local got = {}
    while true do
      local s = await(source:read(n))
      if s == nil then return table.concat(got) end
      got[#got + 1] = s
    end
  end },
  { "by a direct view", function(source, n)
    local shown, got = lwt.direct(source), {}
    while true do
      local s = shown:read(n)
      if s == nil then return table.concat(got) end
      got[#got + 1] = s
    end
  end },
  { "by a loop of bind", function(source, n)
    local got = {}
    local function go()
      return source:read(n):bind(function(s)
        if s == nil then return table.concat(got) end
        got[#got + 1] = s
        return go()
      end)
    end
    return await(go())
  end },
  { "by a loop of on_success", function(source, n)
    local got, done, resolver = {}, lwt.wait()
    local function go()
      source:read(n):on_any(function(s)
        if s == nil then return resolver:wakeup() end
        got[#got + 1] = s
        go()
      end, function(err) resolver:wakeup_exn(err) end)
    end
    go()
    await(done)
    return table.concat(got)
  end },
  { "by a stream", function(source, n)
    local s = require "lwt.stream".from(function() return source:read(n) end)
    return table.concat(await(s:to_list()))
  end },
  { "by two reads at once", function(source, n)
    local got = {}
    while true do
      local p, q = source:read(n), source:read(n)
      local a, b = await(p), await(q)
      got[#got + 1], got[#got + 2] = a, a and b
      if a == nil or b == nil then
        if a == nil and b ~= nil then error("a read at the end was overtaken", 0) end
        return table.concat(got)
      end
    end
  end },
  { "by callbacks, with two reads in flight", function(source, n)
    local got, ended, resolver = {}, lwt.wait()
    local function go()
      source:read(n):on_any(function(s)
        if s == nil then
          if ended:is_pending() then resolver:wakeup() end
          return
        end
        got[#got + 1] = s
        go()
      end, function(err)
        if ended:is_pending() then resolver:wakeup_exn(err) end
      end)
    end
    go()
    go()
    await(ended)
    return table.concat(got)
  end },
  { "while every second read is cancelled", function(source, n)
    local got = {}
    while true do
      local p = source:read(n)
      p:cancel()
      local ok, s = pcall(await, p)
      if not ok then
        same("a cancelled read", lwt.Canceled, s)
        s = await(source:read(n))
      end
      if s == nil then return table.concat(got) end
      got[#got + 1] = s
    end
  end },
  { "while tasks that have yet to be told of a cancel read, too", function(source, n)
    local got, rounds = {}, 0
    while true do
      rounds = rounds + 1
      if rounds % 16 == 1 then
        local late = lwt.spawn(function()
          lwt.current():cancel()
          await(source:read(n))
        end)
        fails("a read of such a task", lwt.Canceled, late)
      end
      local s = await(source:read(n))
      if s == nil then return table.concat(got) end
      got[#got + 1] = s
    end
  end },
}

local bytes = {}

for _, reader in ipairs(readers) do
  local name, read = reader[1], reader[2]
  bytes[#bytes + 1] = { "gives every byte once, in order, when it is read " .. name,
    function(make)
      for _, c in ipairs(chunks) do
        local data = numbered(c[2])
        local source = make.source(data)
        compare(("read(%d)"):format(c[1]), data, read(source, c[1]))
        done_with(source)
      end
    end }
end

bytes[#bytes + 1] = { "gives its own bytes when another one is read in its callbacks",
  function(make)
    for _, c in ipairs(chunks) do
      local data = numbered(c[2])
      local other = data:reverse()
      local a, b = make.source(data), make.source(other)
      local got_a, got_b = {}, {}
      local function go()
        return a:read(c[1]):bind(function(s)
          if s then got_a[#got_a + 1] = s end
          return b:read(c[1]):bind(function(t)
            if t then got_b[#got_b + 1] = t end
            return (s or t) and go()
          end)
        end)
      end
      await(go())
      compare(("the first, read(%d)"):format(c[1]), data, table.concat(got_a))
      compare(("the second, read(%d)"):format(c[1]), other, table.concat(got_b))
      done_with(a)
      done_with(b)
    end
  end }

bytes[#bytes + 1] = { "goes on saying that it is at its end", function(make)
  local source = make.source "last"
  same("before the end", "last", await(source:read(100)))
  for _ = 1, 3 do same("at the end", nil, await(source:read(100))) end
  done_with(source)
end }

-- Each writes all the parts, in its own style.
local writers = {
  { "by a task", function(sink, parts)
    for _, s in ipairs(parts) do await(sink:write(s)) end
  end },
  { "by a direct view", function(sink, parts)
    local shown = lwt.direct(sink)
    for _, s in ipairs(parts) do shown:write(s) end
  end },
  { "all at once", function(sink, parts)
    local all = {}
    for i, s in ipairs(parts) do all[i] = sink:write(s) end
    await(lwt.join(all))
  end },
  { "by a loop of bind", function(sink, parts)
    local i = 0
    local function go()
      i = i + 1
      return parts[i] and sink:write(parts[i]):bind(go)
    end
    await(go() or lwt.fulfilled())
  end },
  { "while others are withdrawn", function(sink, parts)
    for _, s in ipairs(parts) do
      local late = lwt.spawn(function()
        lwt.current():cancel()
        await(sink:write "never")
      end)
      fails("a write of a task that has yet to be told of a cancel", lwt.Canceled, late)
      await(sink:write(s))
    end
  end },
}

local sinks = {}

for _, writer in ipairs(writers) do
  local name, write = writer[1], writer[2]
  sinks[#sinks + 1] = { "brings every byte through, in order, when it is written " .. name,
    function(make)
      for _, c in ipairs(chunks) do
        local data, parts = numbered(c[2]), {}
        for i = 1, #data, c[1] do parts[#parts + 1] = data:sub(i, i + c[1] - 1) end
        local sink, finish = make.sink()
        write(sink, parts)
        compare(("writes of %d"):format(c[1]), data, finish())
        done_with(sink)
      end
    end }
end

return { stream = stream, channel = channel, bytes = bytes, sinks = sinks }

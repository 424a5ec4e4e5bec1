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

return { stream = stream, channel = channel }

-- Operations for finalizer.lua on bytes, channels, files, names, folders, processes and signals.
local kit = require "spec.support.finalizer"
local lwt = require "lwt"
local bytes = require "lwt.bytes"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local preemptive = require "lwt.preemptive"
local process = require "lwt.process"
local signal = require "lwt.signal"
local stream = require "lwt.stream"
local await, equal = lwt.await, kit.equal

local whole = kit.text(12000)

local function in_a_folder()
  return { dir = await(fs.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/lwt-finalizer-XXXXXX")), got = {} }
end

local function remove(s)
  for _, name in ipairs { "ch", "file", "a", "b", "w" } do
    if s[name] then pcall(await, lwt.is_promise(s[name]) and s[name] or s[name]:close()) end
  end
  if s.dir then await(lio.delete_recursively(s.dir)) end
end

-- Everything that was read is of the text, once.
local function once(s, how, ok)
  local pieces = {}
  for _, list in ipairs { s.got, s.more } do
    for _, piece in ipairs(list) do pieces[#pieces + 1] = piece end
  end
  kit.tile(whole, pieces, not ok or how == "cancel" or how == "close" or how == "read" or how == "seek")
end

local function channel_reading(name, open)
  return {
    name = name,
    setup = open,
    run = function(s)
      s.got[1] = await(s.ch:read(16))
      s.got[2] = await(s.ch:read_exactly(3000))
      s.got[3] = await(s.ch:read_until " ")
      if s.got[3] then s.got[3] = s.got[3] .. " " end
      local into = bytes.create(64)
      local n = await(s.ch:read_into(into))
      s.got[4] = n and into:to_string(0, n)
      while true do
        local data = await(s.ch:read(1000))
        if data == nil then return end
        s.got[#s.got + 1] = data
      end
    end,
    disturb = {
      read = function(s) return s.ch:read(24) end,
      read_line = function(s) s.ch:read_line() end,
      close = function(s) s.ch:close() end,
      abort = function(s) s.ch:abort() end,
      resize = function(s) pcall(s.ch.resize_buffer, s.ch, 4096) end,
      seek = function(s) if s.dir then s.ch:set_position(8) end end,
    },
    breaks = { "close", "abort", "read", "read_line", "seek", "resize" },
    check = function(s, how, ok) if how ~= "seek" then once(s, how, ok and how ~= "read_line") end end,
    teardown = remove,
  }
end

local function channel_writing(name, open)
  return {
    name = name,
    setup = open,
    run = function(s)
      local list = {}
      for i = 1, 11000, 1000 do
        local p = s.ch:write(whole:sub(i, i + 999))
        list[#list + 1] = p
        if i % 3000 == 1 then await(s.ch:flush()) end
      end
      await(lwt.join(list))
      await(s.ch:write(whole:sub(11001, 11990), bytes.of_string(whole:sub(11991, 12000))))
      await(s.ch:atomic(function(inner) return inner:write_line("end") end))
      await(s.ch:close())
      return await(s.result())
    end,
    disturb = {
      write = function(s) s.ch:write("ABCDEFGH") end,
      flush = function(s) s.ch:flush() end,
      close = function(s) s.ch:close() end,
      abort = function(s) s.ch:abort() end,
      atomic = function(s) s.ch:atomic(function(inner) return inner:write("ABCDEFGH") end) end,
      flush_all = function() lio.flush_all() end,
    },
    breaks = { "write", "close", "abort", "atomic" },
    check = function(_, how, ok, text)
      local all = whole .. "end\n"
      local got = ok and text:gsub("ABCDEFGH", "") or all
      -- What is buffered when it is aborted is thrown away; `close` then says nothing of it.
      if got ~= all and not (how == "abort" and got == all:sub(1, #got)) then
        kit.fail("%d bytes were written, or others", #text)
      end
    end,
    teardown = remove,
  }
end

local function with_a_file()
  local s = in_a_folder()
  s.path = s.dir .. "/file"
  await(fs.write_file(s.path, whole))
  return s
end

-- What comes of the whole, or of what a finalizer has put in its place: never some of each.
local function alike(s, expected, got)
  if not (s.filled and got == expected:gsub("[%d ]", "\0")) then equal(expected, got) end
end

local function pipe_reader()
  local r, w = lio.pipe()
  local s = { ch = r, w = nil, got = {} }
  s.writing = lwt.spawn(function()
    await(w:write(whole))
    await(w:close())
  end)
  lwt.ignore_result(lwt.catch(s.writing, function() end))
  return s
end

return {
  {
    name = "bytes: all of it",
    setup = function() return { b = bytes.of_string(whole), ch = preemptive.channel(2) } end,
    run = function(s)
      local b = s.b
      alike(s, whole, b:to_string())
      alike(s, whole:sub(9, 16), b:sub(8, 8):to_string())
      local copy = b:copy()
      alike(s, whole, copy:to_string())
      bytes.blit(b, 0, copy, 8, 8)
      copy:fill(65, 0, 8)
      alike(s, "AAAAAAAA" .. whole:sub(1, 8), copy:to_string(0, 16))
      equal(#whole, #bytes.create(#whole))
    end,
    disturb = {
      send = function(s) s.ch:send(s.b) end,
      fill = function(s)
        s.filled = true
        s.b:fill(0)
      end,
    },
    breaks = { "send" },
    teardown = function(s) s.ch:close() s.ch:recv() end,
  },
  channel_reading("channels: read a file", function()
    local s = with_a_file()
    s.ch = await(lio.open_file(s.path, "r", { buffer_size = 2048 }))
    return s
  end),
  channel_reading("channels: read a pipe", pipe_reader),
  channel_reading("channels: read bytes", function()
    return { ch = lio.of_bytes(bytes.of_string(whole), "r"), got = {} }
  end),
  channel_reading("channels: read by a function of ours", function()
    local at = 1
    return { got = {}, ch = lio.make({ read = function()
      local piece = whole:sub(at, at + 999)
      at = at + 1000
      return lwt.pause():map(function() return piece ~= "" and piece or nil end)
    end }) }
  end),
  channel_writing("channels: write a file", function()
    local s = in_a_folder()
    s.ch = await(lio.open_file(s.dir .. "/out", "w", { buffer_size = 2048 }))
    s.result = function() return fs.read_file(s.dir .. "/out") end
    return s
  end),
  channel_writing("channels: write a pipe", function()
    local r, w = lio.pipe()
    local s = { ch = w, got = {} }
    local reading = lwt.spawn(function() return r:read() end)
    lwt.ignore_result(lwt.catch(reading, function() end))
    s.a = r
    s.result = function() return reading end
    return s
  end),
  {
    name = "channels: numbers that are written",
    setup = function()
      local s = {}
      s.r, s.w = lio.pipe()
      return s
    end,
    run = function(s)
      for i = 1, 3 do
        await(s.w:write(1000 + i))
        await(s.w:write_line(i + 0.5))
      end
      await(s.w:flush())
    end,
    disturb = { abort = function(s) s.w:abort() end },
    breaks = { "abort" },
    teardown = function(s)
      s.w:abort()
      lwt.yield() -- what is buffered would be written now
      s.r:abort()
    end,
  },
  {
    name = "channels: numbers and lines",
    setup = function()
      local r, w = lio.pipe()
      return { ch = w, a = r }
    end,
    run = function(s)
      await(s.ch:write_int16(77))
      await(s.ch:pack("<i4z", 5, "text"))
      await(s.ch:write_line "one")
      await(s.ch:write_lines(stream.of_list { "two", "three" }))
      await(s.ch:close())
      equal(77, await(s.a:read_int16()))
      local n, text = await(s.a:unpack "<i4z")
      equal(5, n)
      equal("text", text)
      local lines = {}
      for line in s.a:lines() do lines[#lines + 1] = line end
      equal("one two three", table.concat(lines, " "))
    end,
    disturb = {
      close = function(s) s.a:close() end,
      write = function(s) s.ch:write "" end,
    },
    breaks = { "close", "write" },
    teardown = remove,
  },
  {
    name = "files: read and write",
    setup = with_a_file,
    run = function(s)
      s.file = await(fs.open(s.path, "r+"))
      s.got[1] = await(s.file:read(800))
      s.got[2] = await(s.file:pread(160, 800))
      equal(#whole, await(s.file:stat()).size)
      local list = await(s.file:readv { bytes.create(8), bytes.create(8) })
      if list == nil then kit.fail "nothing was read" end
      await(s.file:pwrite(whole:sub(1, 100), 0))
      await(s.file:writev { whole:sub(1, 10), bytes.of_string "abc" })
      await(s.file:sync())
      await(s.file:truncate(100))
      await(s.file:close())
    end,
    disturb = {
      read = function(s) return s.file and s.file:read(80) end,
      close = function(s) if s.file then s.file:close() end end,
      write = function(s) if s.file then s.file:pwrite(whole:sub(1, 8), 0) end end,
    },
    breaks = { "close", "read" },
    check = function(s, how)
      if how == "read" then return end
      for i = 1, 2 do
        if s.got[i] and not whole:find(s.got[i], 1, true) then kit.fail "other bytes were read" end
      end
    end,
    teardown = remove,
  },
  {
    name = "files: names and whole files",
    setup = with_a_file,
    run = function(s)
      equal(whole, await(fs.read_file(s.path)))
      await(fs.copyfile(s.path, s.path .. "2"))
      await(fs.rename(s.path .. "2", s.path .. "3"))
      await(fs.symlink(s.path, s.path .. "4"))
      equal(s.path, await(fs.readlink(s.path .. "4")))
      local names = {}
      for _, entry in ipairs(await(fs.scandir(s.dir))) do
        names[#names + 1] = type(entry) == "table" and entry.name or entry
      end
      equal(3, #names)
      local ok, err = pcall(await, fs.stat(s.dir .. "/none"))
      equal(false, ok)
      if err.code ~= "ENOENT" then error(err, 0) end
      equal(#whole, await(fs.stat(s.path)).size)
      await(fs.mkdir(s.dir .. "/sub"))
    end,
    disturb = {
      stat = function(s) return fs.stat(s.dir) end,
      read = function(s) return fs.read_file(s.path) end,
      give_up = function(s) fs.stat(s.dir):cancel() end,
    },
    teardown = remove,
  },
  {
    name = "files: from file to file, folders, and bytes that move away",
    setup = function()
      local s = with_a_file()
      s.ch = preemptive.channel(2)
      return s
    end,
    run = function(s)
      s.a = await(fs.open(s.path))
      s.b = await(fs.open(s.path .. "2", "w"))
      equal(#whole, await(fs.sendfile(s.b, s.a, 0, #whole)))
      equal(100, await(fs.sendfile(s.b:fileno(), s.a:fileno(), 100, 100)))
      await(s.b:close())
      equal(whole .. whole:sub(101, 200), await(fs.read_file(s.path .. "2")))
      s.bytes = bytes.of_string(whole:sub(1, 800))
      await(fs.write_file(s.path .. "3", s.bytes))
      s.w = await(fs.open(s.path .. "4", "w"))
      await(s.w:write(s.bytes))
      await(s.w:writev { s.bytes, "text", s.bytes })
      equal(1604 + 800, await(s.w:tell()))
      await(s.w:close())
      s.entries = fs.readdir(s.dir)
      local n = 0
      for _ in s.entries do n = n + 1 end
      return n
    end,
    disturb = {
      close = function(s)
        for _, name in ipairs { "a", "b", "w", "entries" } do
          if s[name] then s[name]:close() end
        end
      end,
      move = function(s) if s.bytes then pcall(s.ch.send, s.ch, s.bytes) end end,
    },
    breaks = { "close", "move" },
    check = function(_, how, ok, n) if ok and how ~= "close" then equal(4, n) end end,
    teardown = function(s)
      if s.entries then s.entries:close() end
      s.ch:close()
      s.ch = nil
      remove(s)
    end,
  },
  {
    name = "watch: a folder",
    setup = in_a_folder,
    run = function(s)
      s.watch = fs.watch(s.dir)
      await(fs.write_file(s.dir .. "/new", "x"))
      local event = await(s.watch:next())
      if not event or event.type ~= "overflow" then equal("new", event and event.name) end -- no memory
      s.watch:close()
    end,
    disturb = {
      close = function(s) if s.watch then s.watch:close() end end,
      ask = function(s) if s.watch then s.watch:next() end end,
    },
    breaks = { "close", "ask" },
    teardown = function(s)
      if s.watch then s.watch:close() end
      remove(s)
    end,
  },
  {
    name = "watch: a tree, many events",
    setup = in_a_folder,
    run = function(s)
      s.watch = fs.watch(s.dir, { recursive = true })
      for i = 1, 3 do await(fs.write_file(s.dir .. "/f" .. i, "x")) end
      await(fs.mkdir(s.dir .. "/d"))
      await(fs.write_file(s.dir .. "/d/last", "x"))
      while true do
        local event = await(s.watch:next())
        -- What could not be watched is told too.
        if event.name == "d/last" or event.type == "overflow" then break end
      end
      s.watch:close()
    end,
    disturb = {
      close = function(s) if s.watch then s.watch:close() end end,
      ask = function(s) if s.watch then s.watch:next():catch(function() end) end end,
    },
    breaks = { "close", "ask" },
    teardown = function(s)
      if s.watch then s.watch:close() end
      remove(s)
    end,
  },
  {
    name = "process: run and read",
    run = function(s)
      equal("text", await(process.pread { "printf", "text" }))
      s.p = process.open({ "cat" }, { stdin = "pipe", stdout = "pipe" })
      await(s.p.stdin:write "through")
      await(s.p.stdin:close())
      return await(s.p.stdout:read()), await(s.p:status())
    end,
    disturb = {
      kill = function(s) if s.p then s.killed = s.p:kill "KILL" end end,
      close = function(s)
        if not s.p then return end
        s.closed = true
        s.p:close()
      end,
      status = function(s) if s.p then return s.p:status():map(function() return 1 end) end end,
      another = function() return process.exec { "true" } end,
    },
    breaks = { "kill", "close" },
    check = function(s, _, ok, text, status)
      if not ok or (s.killed or s.closed) and text == "" then return end -- it may have written nothing
      equal("through", text)
      if not (s.killed and status.signal == "KILL") then equal(0, status.code) end
    end,
    teardown = function(s) if s.p then await(s.p:close()) end end,
  },
  {
    name = "signal: on and next",
    run = function(s)
      local told = 0
      s.h = signal.on("USR1", function() told = told + 1 end)
      local arrived = signal.next "USR1"
      process.kill(process.getpid(), "USR1")
      await(arrived)
      for _ = 1, 100 do
        if told > 0 or s.stopped then break end
        await(lwt.sleep(0.001))
      end
      s.h:stop()
      if not s.stopped then equal(1, told) end
    end,
    disturb = {
      stop = function(s)
        s.stopped = true
        if s.h then s.h:stop() end
      end,
      on = function(s)
        s.other = signal.on("USR1", function() end)
      end,
      next = function() signal.next("USR1"):cancel() end,
    },
    breaks = { "stop" },
    teardown = function(s)
      if s.h then s.h:stop() end
      if s.other then s.other:stop() end
    end,
  },
}

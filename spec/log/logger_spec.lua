-- What all loggers have in common, those made of functions, and those made of others.

local lwt = require "lwt"
local io = require "lwt.io"
local fs = require "lwt.fs"
local log = require "lwt.log"
local support = require "spec.support.log"
local eventually = require "spec.support.eventually"

local await, spec = lwt.await, support.spec

local function error_of(p) return select(2, pcall(await, p)) end

describe("lwt.log: a logger", function()
  it("that is closed rejects with lwt.Closed, and no hook is told; below the level all is as ever", spec(function()
    local told = support.hook()
    local closed = 0
    local l = log.make { output = function() end, close = function() closed = closed + 1 end }
    log.set_default(l)
    local p = l:close()
    assert.equal(p, l:close())
    await(p)
    assert.equal(1, closed)
    assert.is_true(l:is_closed())
    assert.equal(lwt.Closed, error_of(log.error "x"))
    await(log.debug "x")
    local _ = log.error "nobody looks"
    collectgarbage()
    assert.same({}, told)
  end))

  it("that fails is told once, until it has written again; each promise is rejected", spec(function()
    local told = support.hook()
    local fails = true
    local l = log.make { output = function() if fails then error("full", 0) end end }
    log.set_default(l)
    for _ = 1, 3 do assert.equal("full", error_of(log.error "x")) end
    local _ = log.error "nobody awaits it"
    lwt.yield()
    assert.same({ "full" }, told)
    fails = false
    await(log.error "x")
    fails = true
    assert.equal("full", error_of(log.error "x"))
    lwt.yield()
    assert.same({ "full", "full" }, told)
  end))

  it("writes what its caller was cancelled in the middle of", spec(function()
    local list = {}
    local go, wake = lwt.wait()
    log.set_default(log.make { output = function(_, _, lines) await(go); list[#list + 1] = lines[1] end })
    local task = lwt.spawn(function() await(log.error "one") end)
    local second = log.error "two"
    second:cancel()
    task:cancel()
    assert.equal(lwt.Canceled, error_of(task))
    wake:wakeup()
    await(log.error "three")
    assert.same({ "one", "two", "three" }, list)
  end))

  it("made of a function sees one record after another, in order, from any number of tasks", spec(function()
    local list, inside = {}, 0
    log.set_default(log.make {
      output = function(_, _, lines)
        inside = inside + 1
        assert.equal(1, inside)
        if #list % 3 == 0 then lwt.yield() end
        list[#list + 1] = lines[1]
        inside = inside - 1
      end,
    })
    local expected, tasks = {}, {}
    for t = 1, 20 do
      tasks[t] = lwt.spawn(function()
        for i = 1, 20 do
          expected[#expected + 1] = t .. "." .. i
          local p = log.error(t .. "." .. i)
          if i % 4 == 0 then await(p) elseif i % 5 == 0 then lwt.yield() end
        end
      end)
    end
    await(lwt.join(tasks))
    await(log.default():close())
    assert.same(expected, list)
  end))

  it("that logs to itself is not given that again, however it does", spec(function()
    local other, others = support.collect()
    local list = {}
    local l = log.make {
      output = function(_, _, lines)
        list[#list + 1] = lines[1]
        log.error "from inside"
        lwt.spawn(function() lwt.yield(); await(log.error "from a task of it") end):await()
      end,
    }
    local warned = {}
    local globals = debug.getregistry()[2] -- (busted gives specs an environment of their own)
    local old = globals.warn
    globals.warn = function(text) warned[#warned + 1] = text end
    log.set_default(log.broadcast { l, other })
    local ok, err = pcall(function()
      await(log.error "one")
      await(log.error "two")
    end)
    globals.warn = old
    assert(ok, err)
    assert.same({ "one", "two" }, list)
    assert.equal(6, #others)
    assert.same({ "lwt.log: what a logger logs to itself is left out" }, warned)
  end))

  it("closes when it is left, after what was logged before", spec(function()
    local list = {}
    do
      local l <close> = log.make {
        output = function(_, _, lines)
          lwt.yield()
          list[#list + 1] = lines[1]
        end,
      }
      log.set_default(l)
      log.error "one"
      log.error "two"
    end
    assert.same({ "one", "two" }, list)
  end))

  it("refuses what is none", spec(function()
    for _, f in ipairs {
      function() log.make {} end, function() log.make { output = 3 } end,
      function() log.make { output = print, x = 1 } end,
      function() log.set_default(nil) end, function() log.set_default {} end, function() log.broadcast { 3 } end,
      function() log.broadcast() end, function() log.dispatch(3) end, function() log.buffered(log.null, 0) end,
      function() log.buffered(nil, 1) end, function() log.close {} end, function() log.channel { channel = 3 } end,
      function() log.with_fields(nil, print) end, function() log.with_fields({}, nil) end, function() log.file {} end,
      function() log.channel { channel = io.stderr, close_mode = "x" } end, function() log.file { path = 3 } end,
      function() log.lualogging(3) end, function() log.from_lualogging(3) end,
      function() log.syslog { facility = "x" } end, function() log.syslog { rfc = 1 } end,
      function() log.syslog { proto = "tcp" } end, function() log.syslog { port = 1 } end,
      function() log.syslog { paths = {} } end,
    } do
      local ok, err = pcall(f)
      assert.is_false(ok)
      assert.matches("logger_spec.lua:%d+: bad argument", err)
    end
  end))
end)

describe("lwt.log.null", function()
  it("takes everything", spec(function()
    log.set_default(log.null)
    await(log.error "x")
  end))
end)

describe("lwt.log.broadcast", function()
  it("gives all the record though one fails, waits for all, and is rejected with the first failure", spec(function()
    local told = support.hook()
    local good, list = support.collect()
    local slow_done = false
    local slow = log.make { output = function() await(lwt.sleep(0.01)); slow_done = true end }
    local bad = log.make { output = function() error("bad", 0) end }
    local closed = log.make { output = print }
    await(closed:close())
    log.set_default(log.broadcast { bad, closed, slow, good })
    assert.equal("bad", error_of(log.error "x"))
    assert.is_true(slow_done)
    assert.equal("main error x", list[1])
    log.set_default(log.broadcast { closed, good })
    assert.equal(lwt.Closed, error_of(log.error "y"))
    assert.equal("main error y", list[2])
    lwt.yield()
    assert.same({ "bad" }, told)
    await(log.default():close())
    assert.is_false(good:is_closed())
  end))

  it("keeps the order of many records, and every promise is of its own record", spec(function(dir)
    local file = await(log.file { path = dir .. "/a", template = "$(message)" })
    local made = log.make { output = function() lwt.yield() end }
    log.set_default(log.broadcast { file, made })
    local tasks = {}
    for t = 1, 10 do
      tasks[t] = lwt.spawn(function()
        for i = 1, 50 do
          await(log.error("%d.%d", t, i))
          local found = support.read(dir .. "/a"):find(("%d.%d\n"):format(t, i), 1, true)
          assert.is_truthy(found)
        end
      end)
    end
    await(lwt.join(tasks))
    assert.equal(500, #support.lines(dir .. "/a"))
    await(file:close())
  end))
end)

describe("lwt.log.dispatch", function()
  it("asks for each record, and what it raises or gives by mistake rejects", spec(function()
    local told = support.hook()
    local a, list_a = support.collect()
    local b, list_b = support.collect()
    local answer
    log.set_default(log.dispatch(function(section, level)
      if answer then return answer() end
      return level == "fatal" and a or section.name == "b" and b or nil
    end))
    log.fatal "1"
    log.section "b":error "2"
    await(log.error "3")
    assert.same({ { "main fatal 1" }, { "b error 2" } }, { { list_a[1] }, { list_b[1] } })
    answer = function() error("no", 0) end
    assert.equal("no", error_of(log.error "4"))
    answer = function() return 3 end
    assert.matches("gave a number", error_of(log.error "5"))
    lwt.yield()
    assert.equal(1, #told)
  end))
end)

describe("lwt.log.buffered", function()
  it("never waits, drops beyond its size, and says how many", spec(function()
    local go, wake = lwt.wait()
    local list = {}
    local slow = log.make {
      output = function(_, level, lines)
        await(go)
        list[#list + 1] = level .. " " .. lines[1]
      end,
    }
    local l = log.buffered(slow, 3)
    log.set_default(l)
    for i = 1, 10 do
      local p = log.error("%d", i)
      assert.equal("fulfilled", (p:state()))
    end
    wake:wakeup()
    eventually(function() return #list == 4 end) -- without another record
    log.error "11"
    await(l:close())
    assert.same({ "error 1", "error 2", "error 3", "warning 7 records were left out: the log does not keep up",
      "error 11" }, list)
    assert.is_true(slow:is_closed())
  end))

  it("tells who logs that it is closed, or what is behind it", spec(function()
    local behind = log.make { output = function() end }
    local l = log.buffered(behind, 3)
    log.set_default(l)
    await(behind:close())
    assert.equal(lwt.Closed, select(2, pcall(await, log.error "x")))
    await(l:close())
    assert.equal(lwt.Closed, select(2, pcall(await, log.error "x")))
  end))

  it("lets a pipe that nobody reads hold up nobody, and loses nothing that it took", spec(function()
    local r, w = io.pipe { buffer_size = 4096 }
    local l = log.buffered(log.channel { channel = w, close_mode = "close", template = "$(message)" }, 5000)
    log.set_default(l)
    for i = 1, 20000 do
      log.error("%d %s", i, ("x"):rep(100))
      if i % 100 == 0 then lwt.yield() end
    end
    local reader = lwt.spawn(function()
      local seen, dropped, last = 0, 0, 0
      for line in r:lines() do
        local n = line:match "^(%d+) x+$"
        if n then
          assert.is_true(tonumber(n) > last)
          last, seen = tonumber(n), seen + 1
        else
          dropped = dropped + assert(line:match "^(%d+) records were left out")
        end
      end
      return seen, dropped
    end)
    await(l:close())
    local seen, dropped = await(reader)
    assert.equal(20000, seen + math.tointeger(dropped))
    assert.is_true(dropped > 0 and seen >= 5000)
  end))
end)

describe("lwt.log.channel", function()
  it("makes who awaits wait for a slow reader, and nobody else", spec(function()
    local r, w = io.pipe()
    local l = log.channel { channel = w, close_mode = "close", template = "$(message)" }
    log.set_default(l)
    local turns, finished = 0, false
    local other = lwt.spawn(function() while not finished do turns = turns + 1; lwt.yield() end end)
    local writer = lwt.spawn(function()
      for i = 1, 300 do await(log.error("%d %s", i, ("x"):rep(1000))) end
    end)
    eventually(function() return turns > 1000 end)
    assert.equal("pending", (writer:state()))
    local n = 0
    for line in r:lines() do
      n = n + 1
      assert.equal(n .. " " .. ("x"):rep(1000), line)
      if n == 300 then break end
    end
    await(writer)
    finished = true
    await(other)
    await(l:close())
  end))

  it("writes whole records between what others write", spec(function(dir)
    local ch = await(io.open_file(dir .. "/f", "w"))
    local l = log.channel { channel = ch, template = "[$(message)]" }
    log.set_default(l)
    local tasks = {}
    for t = 1, 5 do
      tasks[t] = lwt.spawn(function()
        for _ = 1, 50 do
          ch:write "<other>\n"
          log.error "a\nb"
          lwt.yield()
        end
      end)
    end
    await(lwt.join(tasks))
    await(l:close())
    assert.is_false(ch:is_closed())
    await(ch:close())
    local rest = support.read(dir .. "/f")
    assert.equal(250, select(2, rest:gsub("%[a%]\n%[b%]\n", "")))
    assert.equal("", (rest:gsub("%[a%]\n%[b%]\n", ""):gsub("<other>\n", "")))
  end))

  it("whose reader has gone is rejected with EPIPE, and told once; one that is closed, with Closed", spec(function()
    local told = support.hook()
    local r, w = io.pipe()
    log.set_default(log.channel { channel = w })
    await(r:close())
    for _ = 1, 3 do assert.equal("EPIPE", error_of(log.error "x").code) end
    lwt.yield()
    assert.equal(1, #told)
    assert.equal("EPIPE", told[1].code)
    pcall(await, w:close())
    assert.equal(lwt.Closed, error_of(log.error "x"))
    local _, other = io.pipe()
    log.set_default(log.channel { channel = other })
    await(other:abort())
    assert.equal(lwt.Closed, error_of(log.error "x"))
    lwt.yield()
    assert.equal(1, #told)
  end))

  it("on a channel of functions that log does not run away", spec(function()
    local n = 0
    local ch = io.make {
      write = function()
        n = n + 1
        if n < 5 then log.error "from the channel" end
      end,
    }
    local l = log.channel { channel = ch }
    log.set_default(l)
    await(log.error "x")
    await(l:close())
    assert.is_true(n >= 1)
  end))
end)

describe("lwt.log: bridges", function()
  it("have LuaLogging's methods on a section", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    local logger = log.lualogging "lualogging.a"
    logger:info "not at notice"
    logger:setLevel "DEBUG"
    assert.equal("DEBUG", logger.level)
    logger:debug("%d", 1)
    logger:info(function(x) return "called with " .. x end, "x")
    logger:log(logger.WARN, "%s", "two")
    logger:getPrint "ERROR" ("a", 1, nil)
    logger:fatal "100%"
    assert.same({ "lualogging.a debug 1", "lualogging.a info called with x", "lualogging.a warning two",
      "lualogging.a error a 1 nil", "lualogging.a fatal 100%" }, { table.unpack(list) })
    assert.matches("logger_spec.lua:%d+: undefined level", select(2, pcall(function() logger:setLevel "LOUD" end)))
    assert.matches("logger_spec.lua:%d+: undefined level", select(2, pcall(function() logger:log("x", "y") end)))
    logger.section:reset_level()
  end))

  it("write to a logger of LuaLogging, percent signs and all", spec(function()
    local told = support.hook()
    local seen, answer = {}, { true }
    local theirs = { log = function(_, level, fmt, ...) seen[#seen + 1] = level .. " " .. fmt:format(...)
      return table.unpack(answer, 1, 2) end }
    log.set_default(log.from_lualogging(theirs))
    log.set_level "debug"
    for _, level in ipairs { "debug", "info", "notice", "warning", "error", "fatal" } do log.log(level, "5%") end
    assert.same({ "DEBUG 5%", "INFO 5%", "INFO 5%", "WARN 5%", "ERROR 5%", "FATAL 5%" }, seen)
    answer = { nil, "cannot write" }
    assert.equal("cannot write", error_of(log.error "x"))
    lwt.yield()
    assert.same({ "cannot write" }, told)
  end))

  it("work with Debian's LuaLogging, both ways", spec(function(dir)
    local path = package.searchpath("logging", "/usr/share/lua/5.2/?.lua")
    if not path then require "spec.support.skip".missing "LuaLogging (Debian: lua-logging)" end
    local logging = dofile(path)
    local theirs = logging.new(function(_, level, message)
      local f = assert(_G.io.open(dir .. "/theirs", "a"))
      f:write(logging.prepareLogMsg("%level %message\n", "", level, message))
      f:close()
      return true
    end)
    log.set_default(log.from_lualogging(theirs))
    log.lualogging "lib":warn("%d%% done", 5)
    assert.equal("WARN 5% done\n", await(fs.read_file(dir .. "/theirs")))
  end))
end)

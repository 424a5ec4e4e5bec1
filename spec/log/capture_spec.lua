-- What goes wrong in lwt goes to the log, when asked to; the command's option.

local lwt = require "lwt"
local fs = require "lwt.fs"
local io = require "lwt.io"
local log = require "lwt.log"
local process = require "lwt.process"
local support = require "spec.support.log"
local eventually = require "spec.support.eventually"

local await, spec = lwt.await, support.spec
local lua = os.getenv "LUA" or "lua5.4"

-- What a script says, with stderr.
local function run(dir, code, ...)
  await(fs.write_file(dir .. "/s.lua", code))
  local here = os.getenv "PWD" or "."
  return await(process.pread({ lua, here .. "/bin/lwt", ..., }, { cwd = dir, stderr = "stdout" }))
end

describe("lwt.log.capture", function()
  it("logs errors in the background with their tracebacks, warnings, and failures of servers' handlers", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    local undo = log.capture()
    lwt.async(function() lwt.yield(); error "in the background" end)
    eventually(function() return #list > 1 end)
    assert.matches("^lwt error .*capture_spec.lua:%d+: in the background$", list[1])
    local before = #list
    debug.getregistry()[2].warn("be ", "careful")
    assert.equal("lwt warning be careful", list[before + 1])
    local server = await(io.establish_server("127.0.0.1:0", function() error "in a handler" end))
    local ch = await(io.open_connection(server:address()))
    eventually(function() return table.concat(list, "\n"):find("in a handler", 1, true) end)
    await(ch:close())
    await(server:shutdown())
    undo()
    before = #list
    local told = support.hook()
    lwt.async(error, "not logged")
    lwt.yield()
    assert.same({ "not logged" }, told)
    assert.equal(before, #list)
  end))

  it("takes no argument", function()
    local ok, err = pcall(function() local _ = log.capture(5) end)
    assert.is_false(ok)
    assert.matches("capture_spec.lua:%d+: bad argument #1 to 'capture' %(no argument expected%)$", err)
  end)

  it("does not swallow what a log that fails was told", spec(function(dir)
    local out, status = run(dir, [[
      local log = require "lwt.log"
      log.set_default(log.make { output = function() error("the log is full", 0) end })
      log.capture()
      lwt.async(function() error "in the background" end)
      lwt.sleep(0.01):await()
      print "goes on"
    ]], "-l", "lwt", "s.lua")
    assert.matches("lwt.log: the log is full; not logged: .*in the background", out)
    assert.matches("goes on\n$", out)
    assert.equal(0, status.code)
  end))
end)

describe("lwt --log", function()
  it("sets the rules", spec(function(dir)
    local code = "local log = require 'lwt.log' print(log.section 'a.b':level(), log.level())"
    assert.equal("debug\twarning\n", run(dir, code, "--log", "a.* -> debug; warning", "s.lua"))
    assert.equal("debug\twarning\n", run(dir, code, "--log=a.* -> debug; warning", "s.lua"))
    assert.equal("info\tnotice\n", run(dir, code, "--log=a -> info", "s.lua"))
  end))

  it("says what is wrong with them, and runs nothing", spec(function(dir)
    local out, status = run(dir, "print 'ran'", "--log", "a -> loud", "s.lua")
    assert.matches("^lwt: %-%-log: line 1, column 1: 'a %-> loud': no level 'loud' %(debug, .*%)\n$", out)
    assert.equal(1, status.code)
    out, status = run(dir, "print 'ran'", "--log")
    assert.matches("^lwt: '%-%-log' needs an argument\n", out)
    assert.equal(1, status.code)
  end))
end)

-- lwt.signal: signals that this process sends itself.

local lwt = require "lwt"
local process = require "lwt.process"
local signal = require "lwt.signal"
local expect = require "spec.support.expect"
local shell = require "spec.support.shell"
local task, failure, refused = expect.task, expect.failure, expect.refused

local await = lwt.await

local function send(name) assert.is_true(process.kill(process.getpid(), name)) end

-- Sends a signal and waits until it has been handled by who asked before.
local function deliver(name)
  local p = signal.next(name)
  send(name)
  await(p)
end

-- Has the system's default action been (or not been) given back? Valgrind has handlers of its own.
local under = os.getenv("LWT_UNDER")
local function is_default(name)
  local number = ({ USR1 = 10, USR2 = 12 })[name]
  local text = assert(io.open("/proc/self/status")):read("a")
  return tonumber(text:match("SigCgt:%s*(%x+)"), 16) & (1 << (number - 1)) == 0
end

local function expect_default(expected, name)
  if not under then assert.equal(expected, is_default(name)) end
end

describe("lwt.signal", function()
  it("calls handlers in the order of their registration, with the name", task(function()
    local seen = {}
    local function handler(n)
      return function(name) seen[#seen + 1] = n .. name end
    end
    local a, b, c = signal.on("USR1", handler(1)), signal.on("SIGUSR1", handler(2)),
      signal.on("USR1", handler(3))
    deliver("USR1")
    assert.same({ "1USR1", "2USR1", "3USR1" }, seen)
    b:stop()
    b:stop()
    deliver("USR1")
    assert.same({ "1USR1", "2USR1", "3USR1", "1USR1", "3USR1" }, seen)
    a:stop()
    c:stop()
    assert.matches("^lwt.signal.handler %(USR1, stopped%)$", tostring(a))
  end))

  it("hears those that have no name, by their number", task(function()
    local names = {}
    local h = signal.on(40, function(name) names[#names + 1] = name end)
    local p = signal.next(40)
    process.kill(process.getpid(), 40)
    assert.equal(40, await(p))
    lwt.yield()
    assert.equal("lwt.signal.handler (40)", tostring(h))
    h:stop()
    assert.same({ 40 }, names)
    assert.has_error(function() signal.on(0, print) end, "bad argument #1 to 'on' (signal out of range)")
  end))

  it("keeps signals apart", task(function()
    local seen = {}
    local a <close> = signal.on("USR1", function(name) seen[#seen + 1] = name end)
    local b <close> = signal.on("USR2", function(name) seen[#seen + 1] = name end)
    deliver("USR2")
    deliver("USR1")
    assert.same({ "USR2", "USR1" }, seen)
    assert.not_equal(a, b)
  end))

  it("gives the default back when the last one is gone", task(function()
    expect_default(true, "USR2")
    local a, b = signal.on("USR2", print), signal.on("USR2", print)
    expect_default(false, "USR2")
    a:stop()
    expect_default(false, "USR2")
    b:stop()
    expect_default(true, "USR2")
    local p = signal.next("USR2")
    expect_default(false, "USR2")
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    expect_default(true, "USR2")
    deliver("USR2")
    expect_default(true, "USR2")
    do
      local h <close> = signal.on("USR2", print)
      expect_default(false, "USR2")
      assert.not_nil(h)
    end
    expect_default(true, "USR2")
  end))

  it("lets a handler await, and one that fails hinders no other", task(function()
    local hook = lwt.async_exception_hook()
    local reported, done, r = {}, lwt.wait()
    lwt.async_exception_hook(function(err) reported[#reported + 1] = err end)
    local a <close> = signal.on("USR1", function() error("broken", 0) end)
    local b <close> = signal.on("USR1", function(name)
      await(lwt.sleep(0.001))
      r:wakeup(name)
    end)
    send("USR1")
    assert.equal("USR1", await(done))
    lwt.async_exception_hook(hook)
    assert.same({ "broken" }, reported)
    assert.not_equal(a, b)
  end))

  it("lets handlers come and go while a signal is told", task(function()
    local seen, late = {}, nil
    local second
    local first = signal.on("USR1", function()
      seen[#seen + 1] = "first"
      second:stop()
      late = late or signal.on("USR1", function() seen[#seen + 1] = "late" end)
    end)
    second = signal.on("USR1", function() seen[#seen + 1] = "second" end)
    deliver("USR1")
    assert.same({ "first" }, seen)
    deliver("USR1")
    assert.same({ "first", "first", "late" }, seen)
    first:stop()
    late:stop()
    expect_default(true, "USR1")
  end))

  it("does not tell who was stopped by the handler of another that came in the same turn", task(function()
    local told, third = {}, nil
    local first = signal.on("USR1", function() third:stop() told[#told + 1] = "USR1" end)
    local second = signal.on("USR2", function() told[#told + 1] = "USR2" end)
    third = signal.on("WINCH", function() told[#told + 1] = "WINCH" end)
    for _, name in ipairs { "USR1", "USR2", "WINCH" } do process.kill(process.getpid(), name) end
    while #told < 2 do lwt.yield() end
    for _ = 1, 5 do lwt.yield() end
    assert.same({ "USR1", "USR2" }, told)
    first:stop()
    second:stop()
  end))

  it("wakes everybody who waits for the next one", task(function()
    local a, b, c = signal.next("USR1"), signal.next("USR1"), signal.next("USR1")
    b:cancel()
    send("USR1")
    assert.equal("USR1", await(a))
    assert.equal(lwt.Canceled, failure(b))
    assert.equal("USR1", await(c))
    local d = signal.next("USR1")
    assert.is_true(d:is_pending())
    send("USR1")
    assert.equal("USR1", await(d))
  end))

  it("gives a stream an element for each delivery", task(function()
    local s = signal.stream("USR1")
    for _ = 1, 3 do deliver("USR1") end
    for _ = 1, 3 do assert.equal("USR1", await(s:next())) end
    local waiting = s:next()
    assert.is_true(waiting:is_pending())
    send("USR1")
    assert.equal("USR1", await(waiting))
    waiting = s:get()
    s:close()
    assert.is_nil(await(waiting))
    assert.is_nil(await(s:get()))
    expect_default(true, "USR1")
    s:stop()
  end))

  it("gives every stream its own", task(function()
    local a, b = signal.stream("USR1"), signal.stream("USR1")
    deliver("USR1")
    assert.equal("USR1", await(a:next()))
    assert.equal("USR1", await(b:next()))
    a:close()
    b:close()
  end))

  it("stops listening when a stream is dropped", task(function()
    local function drop() assert(signal.stream("USR1")) end
    drop()
    expect_default(false, "USR1")
    collectgarbage()
    collectgarbage()
    await(lwt.sleep(0.001))
    expect_default(true, "USR1")
  end))

  it("refuses what is no signal, and those that cannot be handled", function()
    for _, name in ipairs { "on", "next", "stream" } do
      local function call(arg)
        local p = signal[name](arg, print)
        return p
      end
      for _, case in ipairs { { "FOO", "unknown signal 'FOO'" }, { "term", "unknown signal 'term'" },
        { 0, "signal out of range" }, { {}, "string expected, got table" } } do
        refused(("bad argument #1 to '%s' (%s)"):format(name, case[2]), function() call(case[1]) end)
      end
      for _, it_cannot in ipairs { "KILL", "SIGSTOP" } do
        refused(("bad argument #1 to '%s' (signal '%s' cannot be handled)"):format(
          name, it_cannot:gsub("SIG", "")), function() call(it_cannot) end)
      end
    end
    refused("bad argument #2 to 'on' (function expected, got nil)", function() signal.on("USR1") end)
    refused("bad argument #1 to 'stop' (lwt.signal.handler expected, got nil)", function()
      local h <close> = signal.on("USR1", print)
      h.stop()
    end)
    expect_default(true, "USR1")
  end)

  it("hears a child's signal while the loop waits for something else", task(function()
    local h <close> = signal.on("USR1", function() end)
    local heard = signal.next("USR1")
    local child = process.exec(process.shell(("sleep 0.02; kill -USR1 %d"):format(process.getpid())))
    assert.equal("USR1", await(heard))
    assert.equal(0, await(child).code)
    assert.not_nil(h)
  end))

  it("leaves URG to the threads, which are stopped by it", function()
    local expected = "bad argument #1 to '%s' " ..
      "(signal 'URG' cannot be handled: it is how worker threads are stopped)"
    refused(expected:format "on", function() signal.on("URG", print) end)
    refused(expected:format "next", function() signal.next("SIGURG") end)
    refused(expected:format "stream", function() signal.stream(23) end)
  end)

  it("does not let a broken pipe end the program after a handler of PIPE", task(function()
    local h = signal.on("PIPE", function() end)
    deliver("PIPE")
    h:stop()
    local text = assert(io.open("/proc/self/status")):read("a")
    local ignored = tonumber(text:match("SigIgn:%s*(%x+)"), 16) & (1 << 12) ~= 0
    assert.is_true(ignored)
    local a, b = require "lwt.net".socketpair()
    await(b:close())
    assert.equal("EPIPE", failure(a:write("x")).code)
  end))

  -- Runs the body of a task in a process that was started to ignore HUP and TERM.
  local function ignoring(body, command)
    local dir = shell.temp_dir()
    local path = shell.write(dir .. "/program.lua", [[
      local lwt, process, signal = require "lwt", require "lwt.process", require "lwt.signal"
      local await = lwt.await
      local function send(name) process.kill(process.getpid(), name) end
    ]] .. body)
    local r = shell.run(("trap '' HUP TERM; exec %s %s '%s'"):format(shell.lua, command or "", path))
    shell.remove_dir(dir)
    assert.same({ code = 0, err = "" }, { code = r.code, err = r.err })
    return r.out
  end

  it("has what was ignored before be ignored after", function()
    local out = ignoring [[
      lwt.run(function()
        local h = signal.on("HUP", function(name) print(name) end)
        for _ = 1, 2 do
          local next_one = signal.next "HUP"
          send "HUP"
          await(next_one)
        end
        lwt.yield()
        h:stop()
        send "HUP"
        print(await(process.pread { "sh", "-c", "kill -HUP $$; echo so do children" }))
      end)
    ]]
    assert.matches("^HUP\nHUP\nso do children\n", out)
  end)

  it("does not interrupt a script by what it was started to ignore", function()
    assert.equal("lives\n", ignoring([[
      send "TERM"
      await(lwt.sleep(0.01))
      print "lives"
    ]], "bin/lwt"))
  end)
end)

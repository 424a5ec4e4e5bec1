-- What the system tells once, while there is no memory to tell it on: it is told at a later turn, or whoever
-- waits is told that there was none. In a process of its own: see support/poor.c.

local lwt = require "lwt"
local build = require "spec.support.build"
local script = require "spec.support.script"
local skip = require "spec.support.skip"

-- Each gives a promise of what is to be told, and what makes it happen, if it does not by itself.
local cases = {
  ["a child's end"] = [[
    local p = process.open({ "cat" }, { stdin = "pipe" })
    return p:status(), function()
      process.kill(p.pid, "KILL")
      repeat local state = stat(p.pid) until state == "Z"
    end]],
  ["a watch's news"] = [[
    local w = require "lwt.uv".fs.watcher(dir, false)
    return w:next(), function() assert(io.open(dir .. "/" .. os.tmpname():match "[^/]*$", "w")):close() end]],
  ["a signal, by its promise"] = [[
    return signal.next "USR1", function() process.kill(process.getpid(), "USR1") end, "USR1"]],
  ["a signal, by its handlers"] = [[
    local p, r = lwt.wait()
    local told = 0
    for _ = 1, 3 do
      local h
      h = signal.on("USR1", function()
        h:stop() -- or the second delivery, if there were one, would be told
        told = told + 1
        if told == 3 then r:wakeup(told) end
      end)
    end
    return p, function() process.kill(process.getpid(), "USR1") end, 3]],
  ["a signal, by its stream"] = [[
    local s = signal.stream "USR1"
    return lwt.finalize(function() return s:next() end, function() s:close() end),
      function() process.kill(process.getpid(), "USR1") end, "USR1"]],
  ["a channel's line"] = [[
    local r, w = lio.pipe()
    return r:read_line(), function() w:write "a line\n" w:flush() end]],
  ["a channel's end"] = [[
    local r, w = lio.pipe()
    return r:read(), function() w:close() end]],
  ["a channel's close"] = [[
    local r, w = lio.pipe()
    w:write "x"
    return w:close(), function() r:close() end]],
  ["a channel that is closed on its way"] = [[
    local r, w = lio.pipe()
    local lines = lwt.spawn(function() for _ in r:lines() do end end)
    w:write "a\nb\n"
    return lwt.both(lines, w:close())]],
  ["a program's whole life"] = [[return process.pmap({ "cat" }, "text")]],
  ["a socket's bytes"] = [[
    local a, b = net.socketpair()
    return b:read(), function() a:write "x" end]],
  ["a socket's end"] = [[
    local a, b = net.socketpair()
    return b:read(), function() a:close() end]],
  ["a socket's readiness"] = [[
    local a, b = net.socketpair()
    return net.wait_readable(b:fileno()), function() a:close() end]],
  ["a datagram"] = [[
    local a, b = net.udp "127.0.0.1:0", net.udp "127.0.0.1:0"
    return b:recv(), function() a:send("x", b:getsockname()) end]],
  ["a file's result"] = [[return fs.read_file "/proc/self/status"]],
}

describe("while there is no memory at all", function()
  local under = os.getenv "LWT_UNDER"
  if under and under ~= "valgrind" and under ~= "coverage" then
    it("is tried with a plain build", function() skip.under "a module of its own" end)
    return
  end

  local dir, head
  setup(function()
    dir = build.temp_dir()
    head = ([[
      local poor = assert(package.loadlib(%q, "luaopen_poor"))()
      local refuse = package.loadlib(%q, "luaopen_refuse")
      local dir = %q
    ]]):format(build.library(dir, "spec/support/poor.c", "poor"),
      build.library(dir, "spec/support/refuse.c", "refuse"), dir) .. [[
      local lwt, fs, lio, net = require "lwt", require "lwt.fs", require "lwt.io", require "lwt.net"
      local process, signal = require "lwt.process", require "lwt.signal"
      lwt.async_exception_hook(function() end)
      warn = function() end
      local function stat(pid)
        local f = assert(io.open("/proc/" .. pid .. "/stat"))
        local state = f:read "a":match "%) (%S)"
        f:close()
        return state
      end
      local collect = collectgarbage
      -- With room for so many calls one in another.
      local function try(begin, calls)
        local p, act, expected
        lwt.run(function()
          p, act, expected = begin()
          p:on_failure(function() end)
        end)
        if act then act() end
        for _ = 1, 10 do collect() end
        poor(3, calls)
        local over, told, err = pcall(lwt.run, lwt.pick { lwt.protected(p),
          lwt.sleep(20):bind(function() return lwt.rejected "it is never told" end) })
        if not over then err = tostring(told) end
        if not over and not err:find "memory" then error(err .. ", with " .. calls, 0) end
        if over and expected then assert(told == expected, tostring(told)) end
      end
      lwt.run(function() process.exec { "true" }:await() end)
    ]]
  end)
  teardown(function() lwt.run(build.remove_dir(dir)) end)

  local function runs(before, case)
    local r = script.run(head .. before .. "\nfor calls = 2, 9 do try(function() " .. case
      .. "\nend, calls) end print 'told'", 300)
    assert.same({ 0, "told\n" }, { r.code or r.signal, r.out }, r.err)
  end

  for name, case in pairs(cases) do
    it("is told, of " .. name, function() runs("", case) end)
  end

  it("is told, of a child's end where there are no pidfds", function()
    runs("refuse()('pidfd_open')", cases["a child's end"])
  end)
end)

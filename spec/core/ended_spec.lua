-- Finalizers of what is older than lwt run after lwt has ended (as luv's loop still runs callbacks
-- when the state closes). Whatever they call raises a clear error or does nothing.
local core = require "spec.support.core"
local build = require "spec.support.build"
local skip = require "spec.support.skip"

-- Calls everything that can be reached from the modules and from one object of each kind, when
-- `%s` says so, and says how many calls there were.
local everything = [[
local calls = 0
local function print() end
local objects, modules, functions = {}, {}, {}
local function call_all()
  local some = { objects, print, "text", 1, 0.5 }
  for _, f in ipairs(functions) do
    calls = calls + 1
    pcall(f)
    for _, x in ipairs(some) do pcall(f, x) end
    for _, x in ipairs(objects) do
      calls = calls + 1
      pcall(f, x)
      pcall(f, x, x)
      pcall(f, x, print)
      pcall(f, 1, x)
    end
  end
  for _, x in ipairs(objects) do
    local mt = getmetatable(x)
    for _, event in ipairs { "__tostring", "__close", "__call", "__len", "__eq", "__lt", "__index" } do
      local f = type(mt) == "table" and mt[event]
      if type(f) == "function" then pcall(f, x, x) end
    end
  end
  io.stdout:write("called ", calls > 1000 and "everything" or calls, "\n")
end
local before = setmetatable({}, { __gc = function() if %q == "before" then call_all() end end })
require "lwt.core"
local between = setmetatable({}, { __gc = function() if %q == "between" then call_all() end end })
local lwt = require "lwt"
local uv = pcall(require, "lwt.uv")
local after = setmetatable({}, { __gc = function() if %q == "after" then call_all() end end })
local seen = {}
local function add(t, depth)
  if type(t) == "function" and not seen[t] then
    seen[t] = true
    functions[#functions + 1] = t
  elseif (type(t) == "table" or type(t) == "userdata") and not seen[t] and depth < 5 then
    seen[t] = true
    local fields = type(t) == "table" and t or {}
    for _, v in pairs(fields) do add(v, depth + 1) end
    local mt = getmetatable(t)
    if type(mt) == "table" then add(mt.__index, depth + 1) end
  end
end
local function object(x, ...)
  objects[#objects + 1] = x
  add(x, 1)
  if select("#", ...) > 0 then object(...) end
end
local mod = setmetatable({}, { __index = function(_, name) return require("lwt." .. name) end })
for _, name in ipairs { "core", "stream", "mvar", "mutex", "condition", "semaphore", "barrier", "list",
    "seq", "pool", "switch", "throttle", "timer", "retry", "gc", "clock", "react", "engine", "bytes",
    "net", "io", "fs", "process", "signal", "job", "preemptive" } do
  local ok, m = pcall(require, "lwt." .. name)
  if ok then add(m, 1) end
end
add(lwt, 1)
object(lwt.wait())
object(lwt.task())
object(lwt.fulfilled(1), lwt.rejected(1), lwt.sleep(60), lwt.pause())
lwt.state(objects[6])
object(lwt.spawn(function() (lwt.wait()):await() end))
local p = lwt.wait()
object(lwt.spawn(p.await, p), p, lwt.spawn(p.await, p), p:bind(print), lwt.pick { p, (lwt.task()) })
local kept
object(lwt.scope(function(s) kept = s s:spawn(p.await, p) p:await() end))
object(kept, lwt.new_key(), lwt.on_iteration("enter", print))
object(mod.mvar.create(), mod.mvar.create(1), lwt.direct(mod.mvar.create()))
object(mod.stream.create())
object(mod.stream.of_list { 1, 2 })
object(mod.mutex.create(), mod.condition.create(), mod.semaphore.create(1), mod.barrier.create(2))
object(mod.seq.of_list { 1 }, mod.pool.create(1, print), mod.switch.create(), mod.throttle.create(1, 1))
object(lwt.coroutine.create(print), lwt.coroutine.wrap(print), lwt.direct(lwt))
local co
object(lwt.spawn(function() co = coroutine.running() p:await() end))
object(co)
if uv then
  local a, b = mod.net.socketpair()
  object(a, b, lwt.direct(a), mod.net.udp())
  local r, w = mod.io.pipe()
  object(r, w, mod.bytes.create(4), mod.preemptive.channel(1))
  lwt.run(function()
    object(mod.net.tcp_listen("127.0.0.1:0"):await())
    object(mod.io.establish_server("127.0.0.1:0", print):await())
    object(mod.io.open_file("/dev/null"):await(), mod.fs.open("/dev/null"):await())
  end)
  object(a:read(1), r:read_line())
  lwt.spawn(function() lwt.direct(a):read(1) end)
end
lwt.step()
]]

local made = {
  before = "before lwt", between = "between its core and libuv's part", after = "after lwt",
}

describe("when the state is closed", function()
  for _, when in ipairs { "before", "between", "after" } do
    it(("whatever a finalizer of what was made %s does no harm"):format(made[when]), function()
      local out, status = core.child(everything:format(when, when, when))
      assert.truthy(out:find("called everything\n", 1, true), out)
      assert.equal(0, status)
    end)
  end

  it("a call says so", function()
    local out, status = core.child [[
      local R, calls
      local guard = setmetatable({}, { __gc = function()
        for i, f in ipairs(calls) do
          local ok, err = pcall(f)
          if ok or not err:find "this Lua state is being closed" then print(i, ok, err) end
        end
        print "over"
      end })
      local lwt = require "lwt"
      local mvar = require "lwt.mvar"
      local p, m = nil, mvar.create()
      p, R = lwt.wait()
      lwt.spawn(lwt.await, p)
      calls = {
        function() R:wakeup() end, function() lwt.spawn(print) end, function() lwt.async(print) end,
        function() lwt.scope(print) end, function() lwt.sleep(1) end, function() lwt.step() end,
        function() p:cancel() end, function() m:put(1) end, function() lwt.run(print) end,
        function() p:bind(print) end, function() lwt.wait() end, function() lwt.tasks() end,
        function() lwt.coroutine.resume(lwt.coroutine.create(print)) end,
      }
    ]]
    assert.equal("over\n", out)
    assert.equal(0, status)
  end)

  it("a callback of luv's loop, which runs then, is told so", function()
    skip.under "luv's memory is not ours to look after"
    if not pcall(require, "luv") then skip.missing "luv (Debian: lua-luv)" end
    local out, status = core.child [[
      local uv, lwt = require "luv", require "lwt"
      local p, R = lwt.wait()
      local m = require "lwt.mvar".create()
      lwt.spawn(lwt.await, p)
      local calls = {
        function() R:wakeup() end, function() lwt.spawn(print) end, function() lwt.sleep(1) end,
        function() p:cancel() end, function() m:put(1) end, function() lwt.run(print) end,
        function() lwt.scope(print) end, function() lwt.step() end,
      }
      for _ = 1, 2 do
        uv.fs_stat(".", function()             -- under way when the state is closed
          for i, f in ipairs(calls) do
            local ok, err = pcall(f)
            if ok or not err:find "this Lua state is being closed" then print(i, ok, err) end
          end
          print "over"
        end)
      end
    ]]
    assert.equal("over\nover\n", out)
    assert.equal(0, status)
  end)

  it("and what a module in C calls through lwt.h raises or does nothing", function()
    local dir = build.temp_dir()
    local path = build.library(dir, "spec/support/ended.c", "spec_ended")
    local out, status = core.child(([[
      local remember = assert(package.loadlib(%q, "luaopen_spec_ended"))()
      local lwt = require "lwt"
      remember((lwt.wait()))
    ]]):format(path))
    require "lwt".run(build.remove_dir(dir))
    assert.equal("all of lwt.h was called after the end\n", out)
    assert.equal(0, status)
  end)
end)

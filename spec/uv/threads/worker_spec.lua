-- The Lua state of a worker: what it begins with, whatever the state that has started it did to its
-- package library, and what becomes of errors in it. Each case is a program of its own.
local script = require "spec.support.script".run

local HEAD = [[
  local lwt, preemptive = require "lwt", require "lwt.preemptive"
  local function detached(...) return lwt.run(preemptive.detach(...)) end
  local function said(...) print(select("#", ...) > 1 and ..., (tostring(select(-1, ...)):gsub("^[^ ]-:%d+: ", ""))) end
]]

local function prints(expected, text, err)
  local r = script(HEAD .. text, 60)
  assert.same({ expected, 0 }, { r.out, r.code }, r.err)
  if err then
    assert.truthy(r.err:find(err, 1, true), r.err)
  else
    assert.equal("", r.err)
  end
end

describe("a worker's state", function()
  it("has its own paths where the state that starts it has none", function()
    prints("string string true\n", [[
      package.path, package.cpath = nil, 5
      print(detached(function()
        return type(package.path) .. " " .. type(package.cpath) .. " " .. tostring(package.cpath ~= "5")
      end))]])
  end)

  it("is made where there is no package library any more", function()
    prints("1\n", [[
      package.loaded.package = nil
      debug.getregistry()._PRELOAD = nil
      print(detached(function() return 1 end))]])
  end)

  it("has of package.preload what can be sent", function()
    prints("function table nil nil\n", [[
      local co = coroutine.create(print)
      package.preload.c_function = print
      package.preload.lua_function = function() return { x = 1 } end
      package.preload.c_closure = string.gmatch("a", "a")
      package.preload.unsendable = function() return co end
      print(detached(function()
        local p = package.preload
        return ("%s %s %s %s"):format(type(p.c_function), type(require "lua_function"), type(p.c_closure),
          type(p.unsendable))
      end))]])
  end)

  it("sends back what is Lua's by name, and refuses files, also without lwt", function()
    prints("true\nfalse\tcannot send a userdata (FILE*) (result 1)\n", [[
      print(detached(function() return string.rep end) == string.rep)
      said(pcall(detached, function() return (assert(io.open "/dev/null")) end))]])
  end)

  it("says so when what was sent needs lwt, and lwt is something else there", function()
    prints("false\tlwt.uv cannot be used in this Lua state\n", [[
      package.preload.lwt = function() return {} end
      package.preload["lwt.uv"] = package.preload.lwt
      said(pcall(detached, function() end, require "lwt.bytes".create(1)))]])
  end)

  it("finds a C function in a module that was loaded after the last message", function()
    prints("function\n", [[
      detached(function() end)
      package.loaded.late = { f = string.gmatch("a", "a") }
      local f = package.loaded.late.f
      preemptive.set_bounds(0, 1)
      print(detached(function(g)
        package.loaded.late = { f = print }
        return function(h) return type(h) end
      end)(f))
      local p = preemptive.detach(type, f)
      local ok, what = pcall(lwt.run, p)
      if ok then assert(what == "function") else assert(what:find "late", what) end]])
  end)

  it("takes only names of modules and fields that are strings", function()
    prints("function nil\n", [[
      package.loaded[1] = { f = function() end }
      package.loaded.numbers = { [1] = string.gmatch("a", "a"), [2.5] = {}, f = function() return "f" end }
      detached(function() package.preload.numbers = function() return { f = print } end end)
      print(detached(function(f) return type(f) .. " " .. type(package.loaded[1]) end, package.loaded.numbers.f))]])
  end)

  it("says so when a module is no table there", function()
    prints("false\tmodule 'odd' is not a table here\n", [[
      package.loaded.odd = { f = function() end }
      preemptive.set_bounds(1, 1)
      detached(function() package.loaded.odd = true end)
      said(pcall(detached, package.loaded.odd.f))]])
  end)

  it("says so when a metatable is registered nowhere", function()
    local text = "false\tmetatable '%s' is not registered in this Lua state: register it in a module of that name\n"
    prints(text:format "plain" .. text:format "some.thing", [[
      for _, name in ipairs { "plain", "some.thing" } do
        local mt = preemptive.register_metatable(name, {})
        said(pcall(detached, function() end, setmetatable({}, mt)))
      end]])
  end)

  it("goes on when what is to be called before each function fails", function()
    prints("1\n2\n", [[
      preemptive.set_bounds(1, 1)
      detached(function() require "lwt.uv".thread.before_each(function() error "no" end) end)
      print(detached(function() return 1 end))
      print(detached(function() return 2 end))]])
  end)
end)

describe("a worker, between two functions", function()
  it("sees to the programs that the first has left behind, beside whatever else it has left", function()
    prints("pending\nfulfilled\n", [[
      preemptive.set_bounds(1, 1)
      detached(function()
        local process, net = require "lwt.process", require "lwt.net"
        LEFT = { net.udp "127.0.0.1:0", process.open { "sleep", "30" }, process.open { "true" } }
      end)
      local function state(i)
        return (detached(function(n) return (LEFT[n]:status():state()) end, i))
      end
      while state(3) == "pending" do lwt.run(lwt.sleep(0.01)) end
      print(state(2))
      detached(function() LEFT[2]:kill "KILL" end)
      while state(2) == "pending" do lwt.run(lwt.sleep(0.01)) end
      print(state(2))]])
  end)
end)

describe("an error in a worker", function()
  it("has a traceback whatever has become of lwt.traceback there", function()
    prints("e\ttrue\ne\ttrue\nno text\ttrue\n", [[
      local function fails(what, traceback, err)
        local p = preemptive.detach(function(f, x)
          package.loaded.lwt = { traceback = f }
          error(x or setmetatable({}, { __tostring = function() error "no text" end }), 0)
        end, traceback, err)
        pcall(lwt.run, p)
        print(what, lwt.traceback(p):find("in a detached function", 1, true) ~= nil)
      end
      preemptive.set_bounds(1, 1)
      fails("e", 5, "e")
      fails("e", function() error "in traceback" end, "e")
      fails("no text", print)]])
  end)

  it("of the background is told as a warning beside the function's own, with a text or not", function()
    prints("false\tits own\n", [[
      said(pcall(detached, function()
        warn "@on"
        local l = require "lwt"
        l.async(error, {})
        l.async(error, "lost", 0)
        error("its own", 0)
      end))]], "lwt: error in the background of a detached function: (not a string)")
  end)
end)

describe("what a worker asks of the main state", function()
  it("fails when nobody there can answer any more", function()
    for _, way in ipairs { "f(...)", "require 'lwt'.run(f, ...)" } do
      prints("false\tthere will be no answer: the main Lua state has closed, or can no longer give one\n", ([[
        local p = preemptive.detach(function()
          local function f(...) return require "lwt.preemptive".run_in_main(...) end
          local function call(...) return %s end
          return pcall(call, function() return (require "lwt".wait()) end)
        end)
        while p:is_pending() do
          lwt.run(lwt.sleep(0.005))
          collectgarbage()
        end
        said(lwt.run(p))]]):format(way))
    end
  end)

  it("is answered once, and by nobody else", function()
    prints("0\t0\n", [[
      local reply = require "lwt.uv".thread.reply
      print(select("#", reply()), select("#", reply(nil, true, 1)))]])
  end)
end)

describe("SIGURG, which stops workers", function()
  it("is heard by who listened to it before", function()
    prints("1\n", [[
      local uv = require "lwt.uv"
      local heard = 0
      local listener = uv.signal.listen("URG", function() heard = heard + 1 end)
      detached(function() end)
      uv.process.kill(uv.process.getpid(), "URG")
      while heard == 0 do lwt.run(lwt.sleep(0.001)) end
      print(heard)
      listener:close()]])
  end)
end)

-- Several Lua states, in one thread and in several.
local build = require "spec.support.build"
local lwt = require "lwt"
local glib = require "lwt.glib"
local preemptive = require "lwt.preemptive"
local g = require "spec.glib.source"()
local await = lwt.await

describe("another Lua state", function()
  after_each(glib.remove)

  it("in a thread of its own is refused the context that this one serves", function()
    glib.install()
    local message = lwt.run(preemptive.detach(function()
      local ok, err = pcall(function() require "lwt.glib".install() end)
      return not ok and err
    end))
    assert.matches("the main context is .* by another thread", message)
    glib.remove()
  end)

  it("in a thread of its own serves a context of its own", function()
    glib.install()
    local context = g.context()
    local library, dir = require "spec.glib.source".library()
    local served = lwt.run(preemptive.detach(function(address, path)
      local lwt_, glib_ = require "lwt", require "lwt.glib"
      local source = assert(package.loadlib(path, "luaopen_source"))()
      local pointer = source.pointer(address)
      glib_.install { context = pointer }
      local p, r = lwt_.wait()
      source.timeout(5, function() r:wakeup "served" end, 0, pointer)
      local got = lwt_.run(p)
      glib_.remove()
      return got
    end, g.address(context), library))
    lwt.run(build.remove_dir(dir))
    assert.equal("served", served)
    g.drop(context)
  end)

  it("in a thread of its own may not turn the context that this one serves", function()
    glib.install()
    local called = 0
    local timeout = g.timeout(1, function() called = called + 1 return true end)
    local turned = lwt.run(function()
      local worker = preemptive.detach(function()
        local turned = 0
        for _ = 1, 2000 do
          if pcall(require "lwt.glib".iter) then turned = turned + 1 end
        end
        return turned
      end)
      -- While Lua is busy here nobody has acquired the context: it is ours none the less.
      while worker:state() == "pending" do
        local x = 0
        for i = 1, 100000 do x = x + i end
        await(lwt.pause())
      end
      return await(worker)
    end)
    g.cancel(timeout)
    assert.equal(0, turned)
  end)

  it("in the same thread is served by the same loop", function()
    -- (spec/glib/two.c makes two states and turns GLib's loop.)
    local dir = build.temp_dir()
    local two = build.program(dir, build.root .. "/spec/glib/two.c", "two", require "spec.glib.source".flags())
    local result = build.run { two }
    lwt.run(build.remove_dir(dir))
    assert.equal("one\ntwo\nended\n", result.out, result.err)
    assert.equal(0, result.code)
  end)
end)

describe("another loop of libuv's", function()
  it("may be adopted while GLib is there, and both go on", function()
    local source, dir = require "spec.glib.source".library()
    local loop = build.library(dir, build.root .. "/spec/support/loop.c", "loop", { "-luv" })
    local result = require "spec.support.script".run(([[
      local lwt, glib, engine = require "lwt", require "lwt.glib", require "lwt.engine"
      local g = assert(package.loadlib(%q, "luaopen_source"))()
      local loop = assert(package.loadlib(%q, "luaopen_loop"))()
      local process = require "lwt.process"
      local function body()
        local nested = g.loop()
        lwt.async(function()
          print(lwt.await(process.exec { "sh", "-c", "exit 5" }).code)
          g.quit(nested)
        end)
        g.run(nested)
      end
      glib.install()
      engine.adopt(loop.new())
      lwt.run(body)
      glib.remove()
      glib.install { mode = "lwt_into_glib" }
      loop.timer(20)
      body()
      local told
      lwt.async(function()
        while loop.fired() == 0 do lwt.await(lwt.sleep(0.005)) end
        print "fired"
        told = true
      end)
      while not told do glib.iter(true) end
      lwt.run(lwt.sleep(0.02))
    ]]):format(source, loop))
    lwt.run(build.remove_dir(dir))
    assert.equal("5\n5\nfired\n", result.out, result.err)
  end)
end)

-- lwt.glib: joining the loops and parting them again, and what is refused.
local build = require "spec.support.build"
local lwt = require "lwt"
local engine = require "lwt.engine"
local glib = require "lwt.glib"
local g = require "spec.glib.source"()
local script = require "spec.support.script"
local await = lwt.await

local function message(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  return err
end

describe("lwt.glib.install", function()
  after_each(glib.remove)

  it("has lwt.run serve GLib when nothing is said", function()
    glib.install()
    local fired
    g.idle(function() fired = lwt.now() end)
    lwt.run(function() while not fired do await(lwt.sleep(0.001)) end end)
    assert.equal("glib", engine.name())
  end)

  it("does nothing the second time, and refuses to do otherwise", function()
    glib.install { mode = "glib_into_lwt" }
    glib.install()
    assert.matches("already installed, otherwise: call remove first",
      message(glib.install, { mode = "lwt_into_glib" }))
    local context = g.context()
    assert.matches("already installed, otherwise", message(glib.install, { context = context }))
    g.drop(context)
  end)

  it("can be removed and installed again, in either mode, as often as one likes", function()
    for i = 1, 20 do
      glib.install { mode = i % 2 == 0 and "glib_into_lwt" or "lwt_into_glib" }
      glib.remove()
      glib.remove()
      assert.equal("uv", engine.name())
    end
    local served = false
    g.idle(function() served = true end)
    lwt.run(function() await(lwt.sleep(0.02)) end)
    assert.is_false(served) -- nobody serves GLib now
    glib.install()
    lwt.run(function() while not served do await(lwt.sleep(0.001)) end end)
  end)

  it("joins them again after libuv's engine has been set", function()
    glib.install()
    engine.set "uv"
    assert.equal("uv", engine.name())
    glib.install()
    assert.equal("glib", engine.name())
    local fired
    g.idle(function() fired = true end)
    lwt.run(function() while not fired do await(lwt.sleep(0.001)) end end)
  end)

  it("can be removed, and installed again, inside an engine that somebody has put around it", function()
    local dir = build.temp_dir()
    local nested = build.module(dir, build.root .. "/spec/support/nested.c", "nested")
    glib.install()
    nested.wrap()
    for _ = 1, 3 do
      glib.remove()
      lwt.run(function() await(lwt.sleep(0.002)) end)
      glib.install()
      local fired
      g.idle(function() fired = true end)
      lwt.run(function() while not fired do await(lwt.sleep(0.001)) end end)
      assert.equal("around", engine.name())
    end
    local kept, waits = nested.unwrap()
    assert.is_true(kept)
    assert.is_true(waits > 0)
    assert.equal("glib", engine.name())
    lwt.run(build.remove_dir(dir))
  end)

  it("can be removed, and installed again, where a source is prepared or checked", function()
    for after = 0, 1 do
      glib.install()
      local names, removes = {}, true
      local source = g.asked(after == 1, function()
        glib.remove()
        if not removes then glib.install() end
        names[#names + 1] = engine.name()
      end)
      lwt.run(lwt.sleep(0.01))
      assert.equal("uv", names[1])
      assert.equal("uv", engine.name())
      removes = false
      glib.install()
      lwt.run(lwt.sleep(0.01))
      assert.equal("glib", names[#names])
      g.cancel(source)
      local fired
      g.idle(function() fired = true end)
      lwt.run(function() while not fired do await(lwt.sleep(0.001)) end end)
      glib.remove()
    end
  end)

  it("can be removed, and installed again, inside a callback of GLib's", function()
    glib.install()
    local steps = {}
    g.idle(function()
      glib.remove()
      steps[#steps + 1] = engine.name()
      glib.install()
      steps[#steps + 1] = engine.name()
    end)
    g.timeout(5, function() glib.remove() steps[#steps + 1] = engine.name() end)
    lwt.run(function() while #steps < 3 do await(lwt.sleep(0.001)) end end)
    assert.same({ "uv", "glib", "uv" }, steps)
  end)

  it("can be removed, and installed again, in a promise's callback, in a hook and in a finalizer", function()
    local net = require "lwt.net"
    for _, again in ipairs { false, true } do
      glib.install()
      local function change()
        glib.remove()
        if again then glib.install() end
      end
      lwt.run(function()
        local a, b = net.socketpair()
        for _ = 1, 5 do
          local read = b:read():map(change) -- called by an event of libuv's
          await(a:write "x")
          await(read)
          await(lwt.sleep(0.001):map(change))
          setmetatable({}, { __gc = change })
          collectgarbage()
          local p, r = lwt.wait()
          g.timeout(1, function() r:wakeup() end)
          if not again then glib.install() end
          await(p:map(change))
        end
        a:close() b:close()
      end)
      glib.remove()
    end
  end)

  it("can be installed in a task of a run that is under way", function()
    local fired
    lwt.run(function()
      g.idle(function() fired = true end)
      await(lwt.sleep(0.01))
      assert.is_nil(fired)
      glib.install()
      while not fired do await(lwt.sleep(0.001)) end
      glib.remove()
    end)
  end)

  it("refuses what is no mode, no context, no option", function()
    assert.matches("install_spec.lua:%d+: bad argument #1 to 'install' %(option 'mode': \"glib_into_lwt\" or "
      .. "\"lwt_into_glib\" expected, got \"both\"%)", message(function() glib.install { mode = "both" } end))
    assert.matches("install_spec.lua:%d+: .*option 'mode': string expected, got number",
      message(function() glib.install { mode = 1 } end))
    assert.matches("install_spec.lua:%d+: .*unknown option 'modus'",
      message(function() glib.install { modus = "x" } end))
    assert.matches("install_spec.lua:%d+: bad argument #1 to 'install' %(table expected, got string%)",
      message(function() glib.install "glib_into_lwt" end))
    for _, wrong in ipairs { 1, "x", {}, io.stdout, print } do
      assert.matches("install_spec.lua:%d+: bad argument #1 to 'install' %(option 'context': GLib.MainContext expected",
        message(function() glib.install { context = wrong } end))
    end
    assert.equal("uv", engine.name())
  end)

  it("refuses an engine that cannot be polled", function()
    engine.set { now = os.clock, wait = function() end }
    local err = message(function() glib.install() end)
    engine.set "uv"
    assert.matches("install_spec.lua:%d+: GLib needs libuv's engine", err)
  end)

  it("leaves an engine alone that somebody has set since", function()
    glib.install()
    engine.set "uv"
    glib.remove()
    assert.equal("uv", engine.name())
    lwt.run(lwt.sleep(0.001))
  end)

  it("goes on below virtual time", function()
    glib.install()
    engine.set "virtual"
    local t = lwt.now()
    lwt.run(lwt.sleep(3600))
    assert.equal(3600, lwt.now() - t)
    glib.remove()
    assert.equal("virtual", engine.name())
    engine.set "uv"
  end)

  it("refuses a context that another thread turns", function()
    local context = g.context()
    local thread = g.elsewhere(context)
    local err = message(function() glib.install { context = context } end)
    g.end_elsewhere(thread)
    assert.matches("install_spec.lua:%d+: the main context is being run by another thread", err)
    glib.install { context = context }
    glib.remove()
    g.drop(context)
  end)
end)

describe("lwt.glib.iter", function()
  it("turns GLib once, and says whether anything was run", function()
    while glib.iter() do end
    local ran = 0
    g.idle(function() ran = ran + 1 end)
    assert.is_true(glib.iter())
    assert.is_false(glib.iter(false))
    assert.equal(1, ran)
  end)

  it("waits when it may, until something is ready", function()
    local ran
    g.timeout(20, function() ran = true end)
    while not ran do glib.iter(true) end
  end)

  it("is woken by wakeup, from this thread and from others", function()
    while glib.iter() do end
    glib.wakeup()
    assert.is_false(glib.iter(true))
    g.wake_later(20)
    assert.is_false(glib.iter(true))
  end)

  it("keeps lwt going while it waits, when installed", function()
    glib.install()
    local slept
    lwt.run(function()
      lwt.async(function() await(lwt.sleep(0.02)) slept = true end)
      while not slept do glib.iter(true) end
    end)
    glib.remove()
  end)

  it("reports what a callback raises through GLib", function()
    g.through(function() error("through GLib", 0) end)
    local told = {}
    lwt.async_exception_hook(function(e) told[#told + 1] = e end)
    glib.iter()
    lwt.async_exception_hook(nil)
    assert.same({ "through GLib" }, told)
  end)

  it("is of the context that was installed", function()
    local context = g.context()
    local ran
    g.idle(function() ran = true end, 0, context)
    while glib.iter() do end
    assert.is_nil(ran)
    glib.install { context = context }
    assert.is_true(glib.iter())
    assert.is_true(ran)
    glib.remove()
    g.drop(context)
  end)
end)

describe("the lock of lgi's", function()
  it("is given back as often as it was taken, also when lgi is loaded in the middle", function()
    local result = script.run [[
      local lwt, glib = require "lwt", require "lwt.glib"
      local g = require "spec.glib.source"()
      local function load()
        local core = {}
        g.locks(core)
        package.loaded["lgi.core"] = core
      end
      glib.install { mode = "lwt_into_glib" }
      local loop = g.loop()
      lwt.async(function() -- in a turn of lwt's in GLib's loop
        lwt.await(lwt.sleep(0.005))
        load()
        glib.iter()
        print(g.held())
        g.quit(loop)
      end)
      g.run(loop)
      print(g.held())
    ]]
    assert.equal("1\n1\n", result.out, result.err)
    result = script.run [[
      local glib = require "lwt.glib"
      local g = require "spec.glib.source"()
      g.idle(function() -- in glib.iter
        local core = {}
        g.locks(core)
        package.loaded["lgi.core"] = core
        glib.install()
      end)
      while glib.iter() do end
      print(g.held())
      g.through(function() error "through GLib" end)
      require "lwt".async_exception_hook(function() end)
      glib.iter()
      print(g.held())
    ]]
    assert.equal("1\n1\n", result.out, result.err)
  end)
end)

describe("the end of a Lua state", function()
  it("refuses what finalizers ask for that run later", function()
    local result = script.run [[
      local o = setmetatable({}, { __gc = function()
        local glib = package.loaded["lwt.glib"]
        print(pcall(glib.install))
        print(pcall(glib.iter))
        glib.remove()
      end })
      local lwt, glib = require "lwt", require "lwt.glib"
      local lgi = require "spec.glib.lgi"() -- (its lock is gone as well then)
      glib.install()
      lwt.run(lwt.sleep(0.001))
      os.exit(o ~= nil and lgi ~= 0, true)
    ]]
    local refused = "false\tthe Lua state is being closed\n"
    assert.equal(refused .. refused, result.out, result.err)
    assert.equal(0, result.code)
  end)

  it("comes while it is installed, with sources alive, in either mode", function()
    for _, mode in ipairs { "glib_into_lwt", "lwt_into_glib" } do
      local result = script.run(([[
        local lwt, glib = require "lwt", require "lwt.glib"
        local g = require "spec.glib.source"()
        glib.install { mode = %q }
        g.timeout(1, function() return true end)
        g.idle(function() return true end)
        lwt.async(function() lwt.await(lwt.sleep(1000)) end)
        lwt.run(function() lwt.await(lwt.sleep(0.02)) end)
        print "ended"
      ]]):format(mode))
      assert.equal("ended\n", result.out, result.err)
      assert.equal(0, result.code)
    end
  end)

  it("may come inside a callback of GLib's", function()
    local result = script.run [[
      local lwt, glib = require "lwt", require "lwt.glib"
      local g = require "spec.glib.source"()
      glib.install()
      g.timeout(5, function() print "exit" os.exit(true, true) end)
      lwt.run(lwt.sleep(1000))
    ]]
    assert.equal("exit\n", result.out, result.err)
    assert.equal(0, result.code)
  end)
end)

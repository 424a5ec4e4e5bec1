-- One rule for arguments everywhere: a float that is an integer is one, a string is no number, NaN
-- is no time, and whatever can be called is taken where a function is wanted.
local lwt = require "lwt"
local test = require "lwt.test"
local core = require "spec.support.core"

local function callable(f) return setmetatable({}, { __call = function(_, ...) return f(...) end }) end

local function module(name) return require("lwt." .. name) end

describe("an integer may be written as a float", function()
  local calls = {
    ["semaphore.create"] = function(n)
      local made = module "semaphore".create(n)
      return made
    end,
    ["barrier.create"] = function(n)
      local made = module "barrier".create(n)
      return made
    end,
    ["pool.create"] = function(n)
      local made = module "pool".create(n, function() return {} end)
      return made
    end,
    ["throttle.create"] = function(n)
      local made = module "throttle".create(n, n)
      return made
    end,
    ["retry.run"] = function(n)
      local p = module "retry".run(function() return 1 end, { times = n })
      return p
    end,
    ["stream.create_bounded"] = function(n)
      local made = module "stream".create_bounded(n)
      return made
    end,
    ["list.map_n"] = function(n)
      local made = module "list".map_n(function(x) return x end, { 1 }, n)
      return made
    end,
  }
  for name, call in pairs(calls) do
    it("in " .. name .. "; 2.5 and \"2\" are refused", core.async(function()
      call(2)
      call(2.0)
      for _, wrong in ipairs { 2.5, "2" } do
        local ok, err = pcall(call, wrong)
        assert.is_false(ok)
        assert.truthy(tostring(err):find("args_spec.lua:%d+: bad argument"), err)
      end
    end))
  end
end)

describe("a time in seconds", function()
  local calls = {
    ["sleep"] = lwt.sleep, ["timeout"] = lwt.timeout, ["auto_pause"] = lwt.auto_pause,
    ["with_timeout"] = function(s) return lwt.with_timeout(s, lwt.fulfilled()) end,
    ["clock's sleep"] = function(s) return module "clock".create():sleep(s) end,
    ["step"] = function(s) if s ~= s then error "bad argument (nan)" end lwt.step(s) end,
  }
  for name, call in pairs(calls) do
    it("is a number: " .. name, function()
      local ok, err = pcall(call, "1")
      assert.is_false(ok)
      assert.truthy(tostring(err):find("number expected, got string", 1, true), err)
      ok, err = pcall(call, 0 / 0)
      assert.is_false(ok)
      assert.truthy(tostring(err):find("nan", 1, true), err)
    end)
  end
end)

describe("what can be called is taken for a function by", function()
  local function gives(x) return callable(function() return x end) end
  local calls = {
    spawn = function() return lwt.spawn(gives(7)) end,
    bind = function() return lwt.fulfilled():bind(gives(7)) end,
    with_timeout = function() return lwt.with_timeout(1, gives(7)) end,
    with_value = function() return lwt.fulfilled(lwt.with_value(lwt.new_key(), 1, gives(7))) end,
    ["mutex.with_lock"] = function()
      local m = module "mutex"
      return m.with_lock(m.create(), gives(7))
    end,
    ["semaphore.with"] = function()
      local s = module "semaphore"
      return s.create(1):with(gives(7))
    end,
    ["pool.use"] = function() return module "pool".create(1, gives(1)):use(gives(7)) end,
    ["retry.run"] = function()
      return module "retry".run(gives(7), { delay = gives(0), retry_if = gives(true) })
    end,
    ["switch.with_switch"] = function() return module "switch".with_switch(gives(7)) end,
    ["clock.with_timeout"] = function()
      return module "clock".create():with_timeout(1, gives(7))
    end,
    ["test.virtual"] = function()
      return lwt.fulfilled(test.virtual(gives(1)) and 7)
    end,
  }
  for name, call in pairs(calls) do
    it(name, core.async(function() assert.equal(7, (call():await())) end))
  end

  it("at_exit, async_exception_hook, gc.finalise, timer.create, signal.on", function()
    local ran = {}
    lwt.at_exit(callable(function() ran.exit = true end))
    local before = lwt.async_exception_hook(callable(function() ran.hook = true end))
    lwt.run(function()
      lwt.async(error, "x")
      module "timer".create(0.001, callable(function() ran.timer = true end)):start()
      module "gc".finalise(callable(function() ran.gc = true end), {})
      module "signal".on("USR2", callable(function() end)):stop()
      collectgarbage()
      lwt.sleep(0.01):await()
    end)
    lwt.async_exception_hook(before)
    assert.same({ exit = true, hook = true, timer = true, gc = true }, ran)
  end)

  it("async_exception_hook names what it was given otherwise", function()
    core.raises_here("bad argument #1 to 'async_exception_hook' (function expected, got table)",
      function() lwt.async_exception_hook {} end)
  end)
end)

describe("a wrong argument", function()
  local direct = lwt.direct(lwt)

  it("is told at the caller's line through lwt.direct, under the right name", core.async(function()
    core.raises_here("bad argument #1 to 'timeout' (number expected, got string)",
      function() direct.timeout "1" end)
    core.raises_here("bad argument #2 to 'with_timeout' (promise or function expected, got nil)",
      function() direct.with_timeout(1) end)
    core.raises_here("bad argument #1 to 'spawn' (function expected, got nil)",
      function() direct.spawn(nil) end)
    local m = lwt.direct(require "lwt.mutex".create())
    core.raises_here("bad argument #1 to 'with_lock' (function expected, got number)",
      function() m:with_lock(5) end)
    core.raises_here("bad argument #2 to 'with_lock' (function expected, got number)",
      function() m.with_lock(m, 5) end)
  end))

  it("of run and of a hook's remove is told at the caller's line", function()
    core.raises_here("bad argument #1 to 'run' (promise or function expected, got number)",
      function() lwt.run(5) end)
    local hook = lwt.on_iteration("enter", function() end)
    core.raises_here("calling 'remove' on bad self (lwt.hook expected, got nil)",
      function() hook.remove() end)
    hook:remove()
  end)
end)

describe("a direct view", function()
  it("may be an element of a list", core.async(function()
    local direct = lwt.direct(lwt)
    local stream = require "lwt.stream"
    local a, b = lwt.direct(stream).of_list { 1 }, lwt.direct(stream).of_list { 2 }
    assert.equal("lwt.direct", getmetatable(a).__name)
    assert.same({ 1, 2, n = 2 }, lwt.direct(stream).concat(lwt.direct(stream).of_list { a, b }):to_list())
    assert.is_true(#lwt.direct(stream).choose({ a, b }):to_list() == 0)
    assert.equal(3, direct.choose { lwt.fulfilled(3) })
  end))

  it("shows with pairs what the object has", function()
    local seen = {}
    for name, f in pairs(lwt.direct(lwt)) do
      seen[name] = true
      if name == "sleep" then assert.equal(lwt.direct(lwt).sleep, f) end
    end
    for name in pairs(lwt) do assert.is_true(seen[name], name) end
  end)
end)

if pcall(require, "lwt.uv") then
  describe("a metamethod that is called by hand", function()
    local await = lwt.await

    local function objects()
      local net, lio, fs = require "lwt.net", require "lwt.io", require "lwt.fs"
      local mvar, bytes, preemptive = require "lwt.mvar", require "lwt.bytes", require "lwt.preemptive"
      local pair, other = net.socketpair()
      other:close()
      local name = os.tmpname()
      local list = {
        pair, net.udp(), await(net.tcp_listen "127.0.0.1:0"), lio.of_bytes "x", lio.of_bytes("x").le,
        await(fs.open(name)), bytes.create(4), preemptive.channel(1), mvar.create(), lwt.direct(pair),
        lwt.direct(mvar.create()), (lwt.wait()), select(2, lwt.wait()), lio.make { read = function() end },
      }
      os.remove(name)
      return list
    end

    -- (of finalizers that do their work the object is done for, which is what was asked for)
    it("looks at what it is given", core.async(function()
      local given = { 1, "x", {}, io.stdout, function() end, coroutine.create(print) }
      local list = objects()
      for _, o in ipairs(list) do
        for key, f in pairs(getmetatable(o)) do
          if type(key) == "string" and key:find "^__" and type(f) == "function" then
            pcall(f)
            for _, x in ipairs(given) do pcall(f, x, x) end
            for _, x in ipairs(list) do
              if getmetatable(x) ~= getmetatable(o) then pcall(f, x, x) end
            end
          end
        end
      end
      assert.equal(4, #list[7])
    end))
  end)
end

describe("a string is no number for", function()
  local bytes, fs, lio, net = module "bytes", module "fs", module "io", module "net"
  local job, preemptive, process, signal = module "job", module "preemptive", module "process", module "signal"
  local calls = {
    ["bytes.create"] = function(n) return bytes.create(n) end,
    ["bytes.get"] = function(n) return bytes.create(9):get(n) end,
    ["fs.mkdir"] = function(n) return fs.mkdir("/nonexistent/there", n) end,
    ["io.read"] = function(n) return lio.read(lio.of_bytes "abcdefgh", n) end,
    ["io.write_char"] = function(n) return lio.write_char(lio.of_bytes(bytes.create(9), "w"), n .. "0") end,
    ["io.set_position"] = function(n) return lio.of_bytes("abcdefgh"):set_position(n) end,
    ["le.write_int16"] = function(n) return lio.le.write_int16(lio.of_bytes(bytes.create(9), "w"), n) end,
    ["io.of_fd"] = function(n) return lio.of_fd(n) end,
    ["io.pipe, buffer_size"] = function(n) return lio.pipe { buffer_size = n .. "0000" } end,
    ["net.wait_readable"] = function(n) return net.wait_readable(n) end,
    ["net.tty"] = function(n) return net.tty(n) end,
    ["net.dns_limit"] = function(n) return net.dns_limit(n) end,
    ["socket:read"] = function(n)
      local a = net.socketpair()
      return a:read(n)
    end,
    ["job.set_pool_size"] = function(n) return job.set_pool_size(n) end,
    ["preemptive.channel"] = function(n) return preemptive.channel(n) end,
    ["process.kill"] = function(n) return process.open({ "true" }):kill(n) end,
    ["process.open, uid"] = function(n) return process.open({ "true" }, { uid = n, gid = n }) end,
    ["signal.on"] = function(n) return signal.on(n) end,
  }
  for name, f in pairs(calls) do
    it(name, function()
      local ok, err = pcall(f, "5")
      assert.is_false(ok)
      assert.equal("string", type(err))
    end)
  end
end)

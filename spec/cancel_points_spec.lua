-- doc/cancel-points.md: what is rejected at once when it is cancelled, what after its cleanup, what
-- not at all; of each group of its tables, in the order in which they stand there.

local lwt = require "lwt"
local bytes = require "lwt.bytes"
local fs = require "lwt.fs"
local io = require "lwt.io"
local list = require "lwt.list"
local net = require "lwt.net"
local process = require "lwt.process"
local stream = require "lwt.stream"
local await = lwt.await

local function never() return await((lwt.task())) end

-- Each gives a promise that has to wait. Run in a task, with an empty folder.
local at_once = {
  sleep = function() return lwt.sleep(60) end,
  timeout = function() return lwt.timeout(60) end,
  pause = lwt.pause,
  task = function() return (lwt.task()) end,
  from_callback = function() return lwt.from_callback(function() end) end,
  ["with_timeout of a promise"] = function() return lwt.with_timeout(60, lwt.wait()) end,
  ["with_timeout of a function"] = function() return lwt.with_timeout(60, never) end,
  protected = function() return lwt.protected((lwt.wait())) end,
  wrap_in_cancelable = function() return lwt.wrap_in_cancelable((lwt.wait())) end,
  bind = function() return lwt.sleep(60):bind(print) end,
  map = function() return lwt.sleep(60):map(print) end,
  join = function() return lwt.join { lwt.sleep(60), lwt.fulfilled() } end,
  all = function() return lwt.all { lwt.sleep(60), lwt.sleep(60) } end,
  both = function() return lwt.both(lwt.sleep(60), lwt.sleep(60)) end,
  choose = function() return lwt.choose { lwt.sleep(60) } end,
  pick = function() return lwt.pick { lwt.sleep(60), lwt.sleep(60) } end,
  ["mvar.take"] = function() return require "lwt.mvar".create():take() end,
  ["mvar.put"] = function() return require "lwt.mvar".create(1):put(2) end,
  ["mutex.lock"] = function()
    local m = require "lwt.mutex".create()
    await(m:lock())
    return m:lock()
  end,
  ["semaphore.acquire"] = function()
    local s = require "lwt.semaphore".create(1)
    await(s:acquire())
    return s:acquire()
  end,
  ["condition.wait"] = function() return require "lwt.condition".create():wait() end,
  ["barrier.wait"] = function() return require "lwt.barrier".create(2):wait() end,
  ["stream.get"] = function() return (stream.create()):get() end,
  ["stream.nget"] = function() return (stream.create()):nget(2) end,
  ["a bounded push"] = function()
    local _, pusher = stream.create_bounded(1)
    pusher:push(1)
    return pusher:push(2)
  end,
  ["throttle.wait"] = function()
    local t = require "lwt.throttle".create(1, 10)
    await(t:wait("key"))
    return t:wait("key")
  end,
  ["fs.stat"] = function() return fs.stat "." end,
  ["fs.open"] = function(dir) return fs.open(dir .. "/file", "w") end,
  ["fs.read_file"] = function(dir) return fs.read_file(dir .. "/none") end,
  ["fs.write_file"] = function(dir) return fs.write_file(dir .. "/file", "x") end,
  ["fs.copyfile"] = function(dir) return fs.copyfile(dir .. "/none", dir .. "/file") end,
  ["ch:read_line"] = function() return (io.pipe()):read_line() end,
  ["ch:read_into"] = function() return (io.pipe()):read_into(bytes.create(4)) end,
  ["sock:read"] = function() return (net.socketpair()):read() end,
  ["udp:recv"] = function() return net.udp("127.0.0.1:0"):recv() end,
  ["listener:accept"] = function() return await(net.tcp_listen "127.0.0.1:0"):accept() end,
  tcp_connect = function() return net.tcp_connect "127.0.0.1:1" end,
  open_connection = function() return io.open_connection "127.0.0.1:1" end,
  getaddrinfo = function() return net.getaddrinfo("localhost", 80) end,
  ["process:status"] = function()
    local p = process.open({ "cat" }, { stdin = "pipe" })
    lwt.async(function()
      lwt.yield()
      await(p:close())
    end)
    return p:status()
  end,
  ["signal.next"] = function() return require "lwt.signal".next "USR2" end,
  ["recv of a thread channel"] = function() return require "lwt.preemptive".channel(1):recv() end,
  ["send to a thread channel"] = function() return require "lwt.preemptive".channel(0):send(1) end,
}

local after_cleanup = {
  spawn = function(f) return lwt.spawn(f) end,
  scope = function(f) return lwt.scope(f) end,
  ["a scope's child"] = function(f) return lwt.scope(function(s) s:spawn(f) end) end,
  catch = function(f) return lwt.catch(f, function(err) error(err, 0) end) end,
  finalize = function(f) return lwt.finalize(f, function() end) end,
  try_bind = function(f) return lwt.try_bind(f, print, function(err) error(err, 0) end) end,
  ["list.map_p"] = function(f) return list.map_p(f, { 1, 2 }) end,
  ["list.iter_s"] = function(f) return list.iter_s(f, { 1, 2 }) end,
  ["stream.iter_s"] = function(f) return stream.of_list({ 1 }):iter_s(f) end,
  ["mutex.with_lock"] = function(f) return require "lwt.mutex".create():with_lock(f) end,
  ["semaphore.with"] = function(f) return require "lwt.semaphore".create(1):with(f) end,
  ["pool.use"] = function(f)
    return require "lwt.pool".create(1, function() return {} end):use(f)
  end,
  ["retry.run"] = function(f) return require "lwt.retry".run(f) end,
  ["io.with_temp_dir"] = function(f) return io.with_temp_dir(f) end,
  ["ch:atomic"] = function(f) return select(2, io.pipe()):atomic(f) end,
}

local function each_sorted(t, f)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do f(name, t[name]) end
end

local function in_task(f)
  return function()
    lwt.run(lwt.with_timeout(30, function()
      await(io.with_temp_dir(f))
    end))
    collectgarbage()
  end
end

describe("a cancel", function()
  each_sorted(at_once, function(name, make)
    it("rejects at once: " .. name, in_task(function(dir)
      local p = make(dir)
      assert.is_true(p:is_pending())
      p:cancel()
      local state, err = p:state()
      assert.equal("rejected", state)
      assert.equal(lwt.Canceled, err)
    end))
  end)

  each_sorted(after_cleanup, function(name, make)
    it("waits for the cleanup: " .. name, in_task(function()
      local begun, cleaned = false, false
      local p = make(function()
        begun = true
        local ok, err = pcall(never)
        assert(not ok)
        lwt.shield(function() await(lwt.sleep(0.01)) end)
        cleaned = true
        error(err, 0)
      end)
      for _ = 1, 200 do
        if begun then break end
        await(lwt.sleep(0.005))
      end
      p:cancel()
      assert.is_true(p:is_pending())
      assert.is_false(cleaned)
      local ok, err = pcall(await, p)
      assert.is_false(ok)
      assert.equal(lwt.Canceled, err)
      assert.is_true(cleaned)
    end))
  end)

  it("does nothing to a wait, to no_cancel, to a pool's clear", in_task(function()
    local p, r = lwt.wait()
    p:cancel()
    local q = lwt.no_cancel(p)
    q:cancel()
    assert.equal("pending", (p:state()))
    assert.equal("pending", (q:state()))
    r:wakeup(1)
    assert.equal(1, await(q))
    local closed = (stream.create()):closed()
    closed:cancel()
    assert.equal("pending", (closed:state()))
  end))

  it("stops the program of a pread, and is over when it has ended", in_task(function(dir)
    local p = process.pread(process.shell(("trap 'sleep 0.05; echo x > %s/ended; exit' TERM; "
      .. "echo x > %s/up; while :; do sleep 0.01; done"):format(dir, dir)))
    while not await(fs.exists(dir .. "/up")) do await(lwt.sleep(0.005)) end
    p:cancel()
    assert.is_true(p:is_pending())
    assert.is_false((pcall(await, p)))
    assert.is_true(await(fs.exists(dir .. "/ended")))
  end))
end)

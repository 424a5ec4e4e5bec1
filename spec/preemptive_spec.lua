-- lwt.preemptive: functions in other threads, and what they ask of the main one.

local lwt = require "lwt"
local preemptive = require "lwt.preemptive"
local await = lwt.await

-- Runs f as the main task.
local function task(f) return function() lwt.run(f) end end

-- A function that blocks its worker until something is sent, and tells when it has begun.
local function hold(begun, go)
  return preemptive.detach(function()
    local l = require "lwt"
    return l.run(function()
      l.await(begun:send(true))
      return l.await(go:recv())
    end)
  end)
end

local script = require "spec.support.script".run

describe("preemptive.detach", function()
  it("gives what the function returns", task(function()
    assert.same({ 3, nil, "x", n = 3 }, table.pack(await(preemptive.detach(function(a, b)
      return a + b, nil, "x"
    end, 1, 2))))
    assert.equal(0, select("#", await(preemptive.detach(function() end))))
  end))

  it("runs in another Lua state", task(function()
    package.loaded._G.leaked = "here"
    local there, worker = await(preemptive.detach(function()
      return leaked, require "lwt.preemptive".is_worker() -- luacheck: ignore
    end))
    package.loaded._G.leaked = nil
    assert.is_nil(there)
    assert.is_true(worker)
    assert.is_false(preemptive.is_worker())
  end))

  it("keeps the worker's state for the next call", task(function()
    preemptive.set_bounds(0, 1)
    await(preemptive.detach(function() kept = (kept or 0) + 1 end)) -- luacheck: ignore
    local n = await(preemptive.detach(function()
      kept = kept + 1 -- luacheck: ignore
      return kept -- luacheck: ignore
    end))
    await(preemptive.detach(function() kept = nil end)) -- luacheck: ignore
    preemptive.set_bounds(0, 4)
    assert.equal(2, n)
  end))

  it("rejects with what the function raises", task(function()
    local function f() error("boom", 0) end
    local ok, err = pcall(await, preemptive.detach(f))
    assert.same({ false, "boom" }, { ok, err })
    ok, err = pcall(await, preemptive.detach(function() error({ code = 5, { "deep" } }) end))
    assert.is_false(ok)
    assert.same({ code = 5, { "deep" } }, err)
    ok, err = pcall(await, preemptive.detach(function() error() end))
    assert.same({ false, nil }, { ok, err })
    ok, err = pcall(await, preemptive.detach(function() local x = nil; return x.y end)) -- luacheck: ignore
    assert.is_false(ok)
    assert.truthy(err:find "preemptive_spec.lua:%d+: attempt to index a nil value")
  end))

  it("keeps the worker's traceback", task(function()
    local function inner() error("boom", 0) end
    local function outer()
      inner()
      return 1
    end
    local p = preemptive.detach(outer)
    assert.is_false(pcall(await, p))
    local text = lwt.traceback(p)
    assert.truthy(text:find("^boom\nin a detached function:"), text)
    assert.truthy(text:find("preemptive_spec.lua:%d+: in upvalue 'inner'"), text)
    -- and through the task that awaits it
    local q = lwt.spawn(function() return await(preemptive.detach(outer)) end)
    assert.is_false(pcall(await, q))
    text = lwt.traceback(q)
    assert.truthy(text:find("in a detached function:.*in upvalue 'inner'.*awaited in a task"), text)
  end))

  it("keeps the traceback of a task that the worker ran", task(function()
    local p = preemptive.detach(function()
      local l = require "lwt"
      local function failing_task()
        l.sleep(0.001):await()
        error("late", 0)
      end
      l.run(function() failing_task() end)
    end)
    assert.is_false(pcall(await, p))
    local text = lwt.traceback(p)
    assert.truthy(text:find "failing_task.*in a detached function", text)
  end))

  it("keeps the worker's traceback when two fail alike in a list's tasks", task(function()
    local list = require "lwt.list"
    local function failing() error("alike", 0) end
    for _, name in ipairs { "map_p", "map_n", "iter_p" } do
      local p = list[name](function() return preemptive.detach(failing) end, { 1, 2 }, 2)
      local ok, err = pcall(await, p)
      assert.same({ false, "alike" }, { ok, err })
      assert.truthy(lwt.traceback(err):find("in a detached function", 1, true), lwt.traceback(err))
    end
  end))

  it("lets a worker run a loop of its own", task(function()
    assert.equal("slept", await(preemptive.detach(function()
      local l = require "lwt"
      return l.run(function()
        l.await(l.sleep(0.01))
        return "slept"
      end)
    end)))
  end))

  it("never runs what it says was cancelled, however close the two are", task(function()
    local ran, calls = preemptive.channel(20000), {}
    local function run(i, to) require "lwt".run(to:send(i)) end
    for i = 1, 20000 do
      calls[i] = preemptive.detach(run, i, ran)
      if i % 3 == 0 then for k = i - 2, i do calls[k]:cancel() end end
      if i % 10 == 0 then lwt.yield() end
    end
    local ends, told = await(lwt.settled(calls)), {}
    ran:close()
    for i in function() return await(ran:recv()) end do told[i] = true end
    for i, e in ipairs(ends) do assert.equal(e.state == "fulfilled", told[i] == true) end
  end))

  it("lets a worker detach", task(function()
    assert.equal(6, await(preemptive.detach(function()
      local l, p = require "lwt", require "lwt.preemptive"
      return l.run(p.detach(function(x) return 2 * x end, 3))
    end)))
  end))

  it("does not let the main state wait meanwhile", task(function()
    local begun, go = preemptive.channel(1), preemptive.channel(1)
    local p = hold(begun, go)
    await(begun:recv())
    local n = 0
    for _ = 1, 10 do
      await(lwt.sleep(0.001))
      n = n + 1
    end
    assert.is_true(p:is_pending())
    await(go:send("done"))
    assert.equal("done", await(p))
    assert.equal(10, n)
  end))

  it("comes back to a loop that is never idle", task(function()
    local p = preemptive.detach(function() return 1 end)
    local deadline = lwt.now() + 20
    while p:is_pending() and lwt.now() < deadline do lwt.yield() end
    assert.same({ "fulfilled", 1 }, { p:state() })
  end))

  it("runs as many at a time as there are threads at most", task(function()
    preemptive.set_bounds(0, 2)
    local begun, go = preemptive.channel(9), preemptive.channel(9)
    local p = { hold(begun, go), hold(begun, go), hold(begun, go) }
    await(begun:recv())
    await(begun:recv())
    assert.equal(2, preemptive.nthreads())
    assert.equal(2, preemptive.nbusy())
    assert.equal(1, preemptive.nqueued())
    assert.is_true((begun:recv():is_pending()))
    for i = 1, 3 do await(go:send(i)) end
    await(lwt.join(p))
    assert.equal(0, preemptive.nqueued())
    preemptive.set_bounds(0, 4)
  end))

  it("starts threads up to the minimum, and ends those beyond the maximum", task(function()
    preemptive.set_bounds(3, 3)
    assert.equal(3, preemptive.nthreads())
    assert.same({ 3, 3 }, { preemptive.get_bounds() })
    preemptive.set_bounds(0, 1)
    for _ = 1, 1000 do
      if preemptive.nthreads() == 1 then break end
      await(lwt.sleep(0.005))
    end
    assert.equal(1, preemptive.nthreads())
    preemptive.init()
    assert.same({ 0, 4 }, { preemptive.get_bounds() })
    preemptive.init(1)
    assert.same({ 1, 4 }, { preemptive.get_bounds() })
    preemptive.init(0, 4)
  end))

  it("says what is wrong with bounds, at the caller's line", function()
    local range = "bad argument #2 to '%s' (a number of threads from 1 to 10000 expected)"
    for _, max in ipairs { 0, 20000 } do
      local ok, err = pcall(function() preemptive.set_bounds(0, max) end)
      assert.is_false(ok)
      assert.matches(range:format "set_bounds", err, 1, true)
      ok, err = pcall(function() preemptive.init(0, max) end)
      assert.is_false(ok)
      assert.matches(range:format "init", err, 1, true)
      assert.matches("preemptive_spec.lua:", err, 1, true)
    end
    for _, min in ipairs { -1, 20000 } do
      local ok, err = pcall(preemptive.init, min)
      assert.is_false(ok)
      assert.matches("bad argument #1 to 'init' (a number of threads from 0 to 10000 expected)", err, 1, true)
    end
  end)

  it("refuses bounds that make no sense", function()
    for _, bounds in ipairs { { -1, 1 }, { 0, 0 }, { 3, 2 }, { 0, 100000 } } do
      assert.is_false(pcall(preemptive.set_bounds, table.unpack(bounds)))
    end
    assert.is_false(pcall(preemptive.set_max_queued, -1))
    local ok, err = pcall(function() preemptive.detach() end)
    assert.is_false(ok)
    assert.truthy(err:find("bad argument #1 to 'detach' (function expected, got no value)", 1, true), err)
  end)

  it("never runs what is cancelled while it waits", task(function()
    preemptive.set_bounds(0, 1)
    local begun, go, told = preemptive.channel(9), preemptive.channel(9), preemptive.channel(9)
    local first = hold(begun, go)
    await(begun:recv())
    local function tell(x)
      local l = require "lwt"
      l.run(told:send(x))
    end
    local b = require "lwt.bytes".of_string "mine again"
    local second = preemptive.detach(tell, "second")
    local third = preemptive.detach(tell, "third", b)
    local fourth = preemptive.detach(tell, "fourth")
    assert.equal(3, preemptive.nqueued())
    assert.has_error(function() b:get(0) end)
    third:cancel()
    assert.same({ "rejected", lwt.Canceled }, { third:state() })
    assert.equal("mine again", b:to_string())
    assert.equal(2, preemptive.nqueued())
    await(go:send(1))
    await(lwt.join { first, second, fourth })
    assert.equal("second", await(told:recv()))
    assert.equal("fourth", await(told:recv()))
    assert.equal(0, #told)
    preemptive.set_bounds(0, 4)
  end))

  it("cannot be cancelled while it runs", task(function()
    local begun, go = preemptive.channel(1), preemptive.channel(1)
    local p = hold(begun, go)
    await(begun:recv())
    p:cancel()
    assert.is_true(p:is_pending())
    -- a task that awaits it is let go all the same
    local t = lwt.spawn(await, p)
    t:cancel()
    assert.same({ false, lwt.Canceled }, { pcall(await, t) })
    await(go:send "result")
    assert.equal("result", await(p))
  end))

  it("cannot be cancelled once it runs, though it waited before", task(function()
    preemptive.set_bounds(0, 1)
    local begun, go = preemptive.channel(9), preemptive.channel(9)
    local first, second = hold(begun, go), hold(begun, go)
    await(begun:recv())
    local q = lwt.protected(second)
    await(go:send "first")
    assert.equal("first", await(first))
    await(begun:recv())
    second:cancel()
    q:bind(function() end):cancel()
    assert.is_true(second:is_pending())
    await(go:send "second")
    assert.equal("second", await(second))
    preemptive.set_bounds(0, 4)
  end))

  it("keeps the bound of the queue by waiting, in order", task(function()
    preemptive.set_bounds(0, 1)
    preemptive.set_max_queued(1)
    assert.equal(1, preemptive.get_max_queued())
    local begun, go, order = preemptive.channel(9), preemptive.channel(9), preemptive.channel(99)
    local p = { hold(begun, go) }
    await(begun:recv())
    for i = 1, 6 do
      p[#p + 1] = preemptive.detach(function()
        local l = require "lwt"
        l.run(order:send(i))
      end)
      assert.is_true(preemptive.nqueued() <= 1)
    end
    p[4]:cancel() -- the third, beyond the bound
    table.remove(p, 4)
    preemptive.set_max_queued(0)
    await(go:send(1))
    await(lwt.join(p))
    for _, i in ipairs { 1, 2, 4, 5, 6 } do assert.equal(i, await(order:recv())) end
    assert.equal(0, #order)
    preemptive.set_max_queued(1000)
    preemptive.set_bounds(0, 4)
  end))

  it("limits a worker's memory", function()
    local result = script [[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      preemptive.set_memory_limit(4 << 20)
      lwt.run(function()
        local p = preemptive.detach(function() return #("x"):rep(64 << 20) end)
        print(pcall(lwt.await, p))
        print(pcall(lwt.await, preemptive.detach(function()
          local t = {}
          while true do t[#t + 1] = {} end
        end)))
        print(lwt.await(preemptive.detach(function() return "alive" end)))
      end)]]
    assert.equal("false\tnot enough memory\nfalse\tnot enough memory\nalive\n", result.out)
  end)

  it("starts a worker once there is memory for it", function()
    local result = script [[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      preemptive.set_bounds(0, 1)
      preemptive.set_memory_limit(10000)
      print(pcall(lwt.run, preemptive.detach(function() return 1 end)))
      preemptive.set_memory_limit(0)
      print(lwt.run(preemptive.detach(function() return 2 end)), preemptive.nthreads())]]
    assert.equal("false\tnot enough memory\n2\t1\n", result.out)
  end)

  it("tells why a worker could not be started", function()
    local result = script [[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      local module = { f = function() end }
      package.loaded.spec_vanishing = module
      package.preload.spec_loader = function() return module.f end
      local p = preemptive.detach(function() return 1 end)
      print((tostring(select(2, pcall(lwt.run, p))):match "^[^\n]*"))]]
    assert.truthy(result.out:find "spec_vanishing", result.out .. result.err)
  end)

  it("can be cancelled while it waits for room in the queue, though a thread is idle", function()
    local result = script [[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      preemptive.set_bounds(0, 1)
      preemptive.set_max_queued(2)
      lwt.run(function()
        local list = {}
        for i = 1, 300 do
          list[i] = preemptive.detach(function() ran = (ran or 0) + 1 end)
          if i == 100 then require "lwt.uv" for _ = 1, 3000000 do end end -- the worker runs dry
        end
        for i = 1, 300 do list[i]:cancel() end
        for i = 1, 300 do pcall(lwt.await, list[i]) end
        local ran = lwt.await(preemptive.detach(function() return ran end))
        print(ran <= 3 or ran)
      end)]]
    assert.equal("true\n", result.out)
  end)

  it("has a failure in the background told when the call ends that it belongs to", task(function()
    preemptive.set_bounds(0, 1)
    local ok, err = pcall(await, preemptive.detach(function()
      require "lwt".async(error, "left behind", 0)
      return 1
    end))
    assert.same({ false, "left behind" }, { ok, err })
    assert.same({ false, "its own" }, { pcall(await, preemptive.detach(function()
      require "lwt".async(error, "left behind", 0)
      require "lwt".async(error, "left behind too", 0)
      error("its own", 0)
    end)) })
    assert.equal(2, await(preemptive.detach(function()
      local l = require "lwt"
      return l.run(function() return l.yield() or 2 end)
    end)))
    preemptive.set_bounds(0, 4)
  end))

  it("tells an error whose __tostring fails", task(function()
    local function odd(wrap)
      return preemptive.detach(function()
        local function f()
          error(setmetatable({ coroutine.create(print) }, { __tostring = function() error "no" end }))
        end
        if wrap then require "lwt".run(f) else f() end
      end)
    end
    for _, wrap in ipairs { false, true } do
      local ok, err = pcall(await, odd(wrap))
      assert.is_false(ok)
      assert.truthy(tostring(err):find "^an error without a text %(table: 0x", tostring(err))
    end
  end))

  it("starts programs that can be told to end", task(function()
    assert.equal("", await(preemptive.detach(function()
      local file = io.popen "kill -TERM $$; echo deaf"
      local text = file:read "a"
      file:close()
      return text
    end)))
    assert.equal("", await(preemptive.detach(function()
      local l, process = require "lwt", require "lwt.process"
      return l.run(process.pread { "sh", "-c", "kill -INT $$; echo deaf" })
    end)))
  end))

  it("inherits package.path, package.cpath and package.preload", function()
    local result = script [[
      package.preload.spec_preloaded = function(name) return { name = name, n = 42 } end
      package.path = "./?.mine;" .. package.path
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      local path, cpath = package.path, package.cpath
      print(lwt.run(preemptive.detach(function()
        local m = require "spec_preloaded"
        return m.name, m.n, package.path == path, package.cpath == cpath
      end)))]]
    assert.equal("spec_preloaded\t42\ttrue\ttrue\n", result.out)
  end)
end)

describe("preemptive.run_in_main", function()
  it("runs in the main state and gives its results", task(function()
    package.loaded._G.from_main = "yes"
    assert.same({ "yes", 8, false, true }, { await(preemptive.detach(function()
      local p = require "lwt.preemptive"
      local a, b, c = p.run_in_main(function(x)
        return from_main, 2 * x, p.is_worker() -- luacheck: ignore
      end, 4)
      return a, b, c, p.is_worker()
    end)) })
    package.loaded._G.from_main = nil
  end))

  it("waits for the promise that the function gives, and may await", task(function()
    assert.same({ 1, 2 }, { await(preemptive.detach(function()
      local p = require "lwt.preemptive"
      return p.run_in_main(function()
        local l = require "lwt"
        return l.sleep(0.005):map(function() return 1 end)
      end), p.run_in_main(function()
        local l = require "lwt"
        l.sleep(0.005):await()
        return 2
      end)
    end)) })
  end))

  it("raises what the function raises", task(function()
    assert.same({ false, "no", false, { code = 1 } }, { await(preemptive.detach(function()
      local p = require "lwt.preemptive"
      local ok, err = pcall(p.run_in_main, error, "no", 0)
      local ok2, err2 = pcall(p.run_in_main, function() error { code = 1 } end)
      return ok, err, ok2, err2
    end)) })
  end))

  it("makes just the task wait when the worker runs a loop", task(function()
    assert.same({ 3, true }, { await(preemptive.detach(function()
      local l, p = require "lwt", require "lwt.preemptive"
      return l.run(function()
        local ticks = 0
        local ticker = l.spawn(function()
          while true do
            l.sleep(0.001):await()
            ticks = ticks + 1
          end
        end)
        local x = p.run_in_main(function()
          require "lwt".sleep(0.05):await()
          return 3
        end)
        ticker:cancel()
        local ok, err = pcall(p.run_in_main, error, "no", 0)
        return x, ticks > 1 and not ok and err == "no"
      end)
    end)) })
  end))

  it("is refused elsewhere, and with what cannot be sent", task(function()
    local ok, err = pcall(preemptive.run_in_main, print)
    assert.is_false(ok)
    assert.truthy(tostring(err):find("'run_in_main' outside a detached function", 1, true), err)
    assert.equal("cannot send a coroutine (argument 1)", (await(preemptive.detach(function()
      local p = require "lwt.preemptive"
      local _, e = pcall(p.run_in_main, print, coroutine.create(print))
      return e
    end)):gsub("^[^ ]-:%d+: ", "")))
    assert.truthy(await(preemptive.detach(function()
      local p = require "lwt.preemptive"
      local _, e = pcall(p.run_in_main, function() return coroutine.create(print) end)
      return e
    end)):find("cannot send a coroutine (result 1)", 1, true))
  end))

  it("need not be waited for", task(function()
    local ch = preemptive.channel(1)
    await(preemptive.detach(function()
      require "lwt.preemptive".run_in_main_dont_wait(function(x)
        require "lwt".sleep(0.001):await()
        ch:send(x)
      end, "posted")
    end))
    assert.equal("posted", await(ch:recv()))
  end))

  it("is answered once when what runs it in the main state fails", function()
    local result = script [[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      local kept
      require "lwt.uv".thread.set_runner(function(ticket)
        kept = ticket
        error("the runner", 0)
      end)
      lwt.run(function()
        print(pcall(lwt.await, preemptive.detach(function()
          return require "lwt.preemptive".run_in_main(print)
        end)))
        print(pcall(lwt.await, preemptive.detach(function()
          local l = require "lwt"
          return l.run(function()
            local p = l.spawn(require "lwt.preemptive".run_in_main, print)
            local ok, err = pcall(l.await, p)
            l.sleep(0.05):await()
            return ok, err
          end)
        end)))
        kept = nil
        collectgarbage()
        print(lwt.await(preemptive.detach(function()
          require "lwt".run(require "lwt".sleep(0.02))
          return "works"
        end)))
      end)]]
    assert.equal(0, result.code)
    assert.equal("false\tthe runner\ntrue\tfalse\tthe runner\nworks\n", result.out)
  end)

  it("hands failures to the exception hook when nobody waits", task(function()
    local p, r = lwt.wait()
    local hook = lwt.async_exception_hook()
    lwt.async_exception_hook(function(err) r:wakeup(err) end)
    await(preemptive.detach(function()
      require "lwt.preemptive".run_in_main_dont_wait(error, "unheard", 0)
    end))
    local err = await(p)
    lwt.async_exception_hook(hook)
    assert.equal("unheard", err)
  end))
end)

-- Growth of tasks: their scopes, storage, coroutines, names; and of time (see growth.lua).

local lwt = require "lwt"

local function declare_time(g)
  local operation, each, times, turns, id = g.operation, g.each, g.times, g.turns, g.id

  local function timers(n)
    return { timers = times(n, function(i) return lwt.sleep(1e6 + i % 97) end), stop = lwt.wait() }
  end

  each("cancelled: lwt.", { "sleep", "timeout" }, timers, function(_, name) lwt[name](10):cancel() end)
  operation("lwt.with_timeout of a map, at once", timers, function(x)
    local p = lwt.with_timeout(0, x.stop:map(id))
    turns(1)
    p:state()
  end)
  operation("lwt.with_timeout, in time", timers, function() lwt.with_timeout(10, lwt.pause) turns(2) end)
  operation("lwt.pause, now, step", timers, function()
    lwt.pause()
    lwt.now()
    turns(1)
  end)
  operation("lwt.on_iteration, remove", function(n)
    return { hooks = times(n, function()
      local hook = lwt.on_iteration("leave", id)
      return hook
    end) }
  end, function() lwt.on_iteration("enter", id):remove() end, {
    after = function(x) for _, hook in ipairs(x.hooks) do hook:remove() end end,
  })
  operation("timer: create, start, change, set_exn_handler, stop", timers, function()
    local t = g.module "timer".create(5, id)
    g.module "timer".set_exn_handler(nil)
    t:start()
    t:change(6)
    t:stop()
  end)

  local function sleepers(n)
    local c = g.module "clock".create()
    return { c = c, sleepers = times(n, function(i) return c:sleep(1e9 + i) end) }
  end
  each("cancelled, of a clock with n sleepers: ", { "sleep", "timeout" }, sleepers, function(x, name)
    x.c[name](x.c, 5):cancel()
  end)
  operation("clock: with_timeout", sleepers, function(x)
    x.c:with_timeout(5, lwt.pause)
    turns(2)
  end)
  operation("clock: now, rate, set_rate, pause, is_paused, resume, advance", sleepers, function(x)
    x.c:now()
    x.c:set_rate(x.c:rate())
    x.c:pause()
    x.c:is_paused()
    x.c:advance(0.001)
    x.c:resume()
  end)
  operation("clock: create", timers, function() g.module "clock".create():now() end)
end

return function(g)
  local operation, times, id, turns, task = g.operation, g.times, g.id, g.turns, g.task

  -- n tasks that wait.
  local function tasks(n)
    local gate, open = lwt.wait()
    return { gate = gate, open = open, key = lwt.new_key(),
      tasks = times(n, function() return lwt.spawn(lwt.await, gate) end) }
  end

  operation("lwt.spawn, await, yield", tasks, function()
    task(function()
      lwt.yield()
      lwt.pause():await()
    end)
  end)

  operation("a task cancelled among n at one promise", tasks, function(x)
    local t = lwt.spawn(lwt.await, x.gate)
    t:cancel()
    turns(1)
    t:state()
  end)

  operation("the task of n at one promise that was there first, cancelled, awaits it again", function(n)
    local x = tasks(0)
    x.next = 0
    x.tasks = times(n, function()
      return lwt.spawn(function()
        repeat local ok, err = pcall(lwt.await, x.gate) until ok or err ~= lwt.Canceled or x.over
      end)
    end)
    return x
  end, function(x)
    x.next = x.next % #x.tasks + 1
    x.tasks[x.next]:cancel()
    turns(1)
  end, { after = function(x)
    x.over = true
    x.open:wakeup()
  end })

  operation("a task cancelled at a map, among n at one promise", tasks, function(x)
    local t = lwt.spawn(function() x.gate:map(id):await() end)
    t:cancel()
    turns(1)
    t:state()
  end)

  operation("lwt.scope, scope:spawn, scope:cancel", tasks, function()
    task(function()
      lwt.scope(function(s)
        s:spawn(lwt.yield)
        s:spawn(lwt.yield)
      end):await()
      pcall(lwt.await, lwt.scope(g.within(function(s)
        s:spawn(lwt.wait)
        s:cancel()
      end)))
    end)
  end)

  operation("scope:spawn in a scope with n children", function(n)
    local x = { gate = lwt.wait() }
    x.p = lwt.scope(function(s)
      x.s = s
      for _ = 1, n do s:spawn(lwt.await, x.gate) end
      x.gate:await()
    end)
    return x
  end, function(x) x.s:spawn(id) end)

  operation("lwt.shield", tasks, function() task(function() lwt.shield(lwt.yield) end) end)

  operation("lwt.coroutine: wrap, yield", tasks, function()
    local gen = lwt.coroutine.wrap(g.within(function() lwt.coroutine.yield(1) end))
    gen()
    gen()
  end)

  operation("lwt.coroutine: create, resume, status, running, isyieldable, close", tasks, function()
    local co = lwt.coroutine.create(function() lwt.coroutine.yield(lwt.coroutine.running()) end)
    lwt.coroutine.resume(co)
    lwt.coroutine.status(co)
    lwt.coroutine.close(co)
    lwt.coroutine.running()
    lwt.coroutine.isyieldable()
  end)

  operation("lwt.with_value, get, set", tasks, function(x)
    lwt.with_value(x.key, 1, function() lwt.set(x.key, lwt.get(x.key)) end)
  end)

  operation("lwt.new_key, with n keys in use", function(n)
    local x = { keys = times(n, lwt.new_key) }
    x.task = lwt.spawn(function()
      for _, key in ipairs(x.keys) do lwt.set(key, 1) end
      lwt.wait():await()
    end)
    return x
  end, function()
    lwt.with_value(lwt.new_key(), 1, id)
  end)

  operation("lwt.async with an error, async_exception_hook", tasks, function()
    local hook = lwt.async_exception_hook(id)
    lwt.async(error, "x")
    lwt.async_exception_hook(hook)
  end)

  operation("lwt.name, current", tasks, function()
    task(function()
      lwt.name "x"
      lwt.current()
    end)
  end)

  operation("lwt.auto_pause, debug, interrupts", tasks, function()
    task(function()
      local pause = lwt.auto_pause(0.5)
      pause()
      lwt.debug(lwt.debug())
      lwt.interrupts(lwt.interrupts())
    end)
  end)

  operation("lwt.stall", tasks, function()
    lwt.stall(10, id)
    lwt.stall(nil)
  end)

  operation("lwt.tasks", tasks, function() lwt.tasks() end, { linear = "it lists every task" })

  g.system("lwt.at_exit, gc.finalise_or_exit", tasks, function()
    lwt.at_exit(id)
    g.module "gc".finalise_or_exit(id, {})
  end)

  operation("gc.finalise", tasks, function() g.module "gc".finalise(id, {}) end)

  declare_time(g)
end

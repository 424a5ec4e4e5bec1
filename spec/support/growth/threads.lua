-- Growth of worker threads and of the channels between them (see growth.lua).

local lwt = require "lwt"
local preemptive = require "lwt.preemptive"

local Point = { __name = "growth.point" }

return function(g)
  -- n messages that wait, n that wait for one, and a worker.
  local function threads(n)
    local x = { full = preemptive.channel(n), ch = preemptive.channel(2), empty = preemptive.channel(1) }
    for _ = 1, n do x.full:send(1):await() end
    x.waiting = g.times(n, function() return x.empty:recv() end)
    preemptive.detach(function() end):await()
    return x
  end

  g.system("preemptive: detach", threads, function()
    preemptive.detach(function(a) return a end, 1):await()
  end)
  g.system("preemptive: detach of what fails", threads, function()
    pcall(lwt.await, preemptive.detach(function() error "no" end))
  end)
  g.system("preemptive: detach, cancelled", threads, function()
    local p = preemptive.detach(function(a) return a end, 1)
    p:cancel()
    pcall(lwt.await, p)
    preemptive.detach(function() end):await()
  end)
  g.system("preemptive: run_in_main, run_in_main_dont_wait", threads, function()
    preemptive.detach(function()
      local p = require "lwt.preemptive"
      p.run_in_main(function() return 1 end)
      p.run_in_main_dont_wait(function() return 1 end, function() end)
    end):await()
    pcall(preemptive.run_in_main, g.id) -- (here it is refused: it is for a worker)
    pcall(preemptive.run_in_main_dont_wait, g.id)
  end)
  g.system("preemptive: channel send, recv", threads, function(x)
    x.ch:send("hello"):await()
    x.ch:recv():await()
    preemptive.send(x.ch, "hello"):await()
    preemptive.recv(x.ch):await()
  end)
  g.system("preemptive: channel recv and send, cancelled", threads, function(x)
    x.empty:recv():cancel()
    x.full:send(1):cancel()
  end)
  g.system("preemptive: a channel made and closed, is_closed", threads, function(x)
    local ch = preemptive.channel(1)
    ch:close()
    ch:is_closed()
    ch = preemptive.channel(1)
    preemptive.close(ch)
    preemptive.is_closed(x.ch)
  end)
  g.system("preemptive: what sets and asks", threads, function()
    preemptive.set_bounds(preemptive.get_bounds())
    preemptive.set_max_queued(preemptive.get_max_queued())
    preemptive.init(preemptive.get_bounds())
    preemptive.nthreads()
    preemptive.nbusy()
    preemptive.nqueued()
    preemptive.is_worker()
    preemptive.register_metatable("growth.point", Point)
    preemptive.set_memory_limit(0)
  end)
end

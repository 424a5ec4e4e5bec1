-- Operations of the core for finalizer.lua: promises, tasks, scopes, mvars, timers, storage.
local kit = require "spec.support.finalizer"
local lwt = require "lwt"
local mvar = require "lwt.mvar"
local pool = require "lwt.pool"
local S = require "lwt.react".S
local stream = require "lwt.stream"
local await, equal = lwt.await, kit.equal

local function pending(n)
  local s = { p = {}, r = {}, told = {} }
  for i = 1, n do s.p[i], s.r[i] = lwt.task() end
  return s
end

local function tell(s, name)
  return function() s.told[name] = (s.told[name] or 0) + 1 end
end

local key = lwt.new_key()

-- With so many values below it: where the stack grows is another place for each number.
local function cancel_above(p, ...) p:cancel() end -- luacheck: no unused args
local function wake_above(r, ...) r:wakeup() end -- luacheck: no unused args

return {
  {
    name = "promises: callbacks",
    setup = function() return pending(2) end,
    run = function(s)
      for i = 1, 12 do
        s.p[1]:on_success(tell(s, i))
        s.p[1]:on_any(tell(s, 100 + i), tell(s, 200 + i))
      end
      s.p[1]:on_cancel(tell(s, "canceled"))
      if s.p[1]:is_pending() then s.r[1]:wakeup(1) end
      if s.p[2]:is_pending() then s.r[2]:wakeup_later(2) end
      return s.p[1]:state()
    end,
    disturb = {
      wakeup = function(s)
        s.woken = true
        s.r[1]:wakeup(3)
      end,
      attach = function(s)
        for i = 1, 12 do s.p[1]:on_success(tell(s, "late" .. i)) end
      end,
      give_up = function(s) s.p[1]:cancel() end,
    },
    breaks = { "wakeup" },
    check = function(s, name, ok, state)
      if not ok then return end
      if name == "give_up" then return end
      equal("fulfilled", state)
      for i = 1, 12 do
        equal(1, s.told[i])
        equal(1, s.told[100 + i])
        equal(nil, s.told[200 + i])
        if name == "attach" then equal(1, s.told["late" .. i]) end
      end
    end,
  },
  {
    name = "promises: telling one at any height of the stack",
    setup = function() return pending(0) end,
    run = function(s)
      for i = 0, 24 do
        local p, q, r = lwt.task(), lwt.wait()
        p:on_cancel(tell(s, i))
        q:on_success(tell(s, 100 + i))
        coroutine.wrap(cancel_above)(p, string.byte(("x"):rep(i), 1, -1))
        coroutine.wrap(wake_above)(r, string.byte(("x"):rep(i), 1, -1))
      end
    end,
    disturb = {
      cancel_another = function(s)
        local p = lwt.task()
        p:on_cancel(tell(s, "another"))
        p:cancel()
      end,
      wake_another = function(s)
        local p, r = lwt.wait()
        p:on_success(tell(s, "another"))
        r:wakeup()
      end,
    },
    check = function(s, name, ok)
      if not ok then return end
      for i = 0, 24 do
        equal(1, s.told[i])
        equal(1, s.told[100 + i])
      end
      if name:find "another" then equal(1, s.told.another) end
    end,
  },
  {
    name = "promises: composing",
    setup = function() return pending(3) end,
    run = function(s)
      local p, q, gate = s.p[1], s.p[2], s.p[3]
      local list = {
        p:bind(function(v) return gate:map(function(w) return v + w end) end),
        p:map(function(v) return v + 10 end),
        p:catch(function() return 11 end):map(function(v) return v + 10 end),
        q:catch(function(e) return e + 9 end),
        q:try_bind(error, function(e) return lwt.fulfilled(e + 9) end),
        p:finalize(function() return gate end):map(function(v) return v + 10 end),
      }
      local all = lwt.all(list)
      s.r[1]:wakeup(1)
      s.r[2]:wakeup_exn(2)
      s.r[3]:wakeup(10)
      return await(all)
    end,
    disturb = {
      give_up = function(s) s.p[3]:cancel() end,
      bind = function(s)
        return s.p[1]:bind(function(v) return s.p[3]:map(function(w) return v + w end) end)
      end,
    },
    breaks = { "give_up" },
    check = function(_, _, ok, values)
      if ok then for i = 1, 6 do equal(11, values[i]) end end
    end,
  },
  {
    name = "promises: several",
    setup = function() return pending(6) end,
    run = function(s)
      local list = {}
      for _, name in ipairs { "join", "all", "settled", "any", "choose", "nchoose" } do
        list[#list + 1] = lwt[name](s.p)
      end
      list[#list + 1] = lwt.both(s.p[1], s.p[2])
      list[#list + 1] = lwt.pick { lwt.protected(s.p[3]), (lwt.task()) }
      for i = 1, 6 do if s.p[i]:is_pending() then s.r[i]:wakeup(i) end end
      local n = 0
      for _, p in ipairs(list) do
        await(p)
        n = n + 1
      end
      return n
    end,
    disturb = {
      wakeup = function(s) s.r[6]:wakeup(6) end,
      give_up = function(s) s.p[2]:cancel() end,
      join = function(s) return lwt.join(s.p) end,
    },
    breaks = { "give_up", "wakeup" },
    check = function(_, _, ok, n) if ok then equal(8, n) end end,
  },
  {
    name = "tasks: many at once",
    run = function(s)
      s.ran = 0
      local list = {}
      for i = 1, 30 do
        list[i] = lwt.spawn(function()
          lwt.yield()
          s.ran = s.ran + 1
          return i
        end)
      end
      local sum = 0
      for i = 1, 30 do sum = sum + await(list[i]) end
      return sum
    end,
    disturb = {
      more = function()
        local list = {}
        for i = 1, 40 do list[i] = lwt.spawn(function() await(lwt.pause()) return i end) end
        return lwt.join(list)
      end,
    },
    check = function(s, _, ok, sum)
      if ok then equal(465, sum) end
      if ok then equal(30, s.ran) end
    end,
  },
  {
    name = "tasks: more than there are slots",
    -- There are 256 at first; who needs another one makes the next block.
    fresh = true,
    setup = function()
      local s = { ran = 0, list = {} }
      s.gate, s.open = lwt.wait()
      for i = 1, 245 do s.list[i] = lwt.spawn(await, s.gate) end
      return s
    end,
    run = function(s)
      for _ = 1, 12 do
        s.list[#s.list + 1] = lwt.spawn(function()
          await(s.gate)
          s.ran = s.ran + 1
        end)
      end
      s.open:wakeup()
      await(lwt.join(s.list))
    end,
    disturb = {
      a_block = function(s)
        for _ = 1, 300 do s.list[#s.list + 1] = lwt.spawn(await, s.gate) end
      end,
    },
    check = function(s, _, ok) if ok then equal(12, s.ran) end end,
    teardown = function(s) if s.gate:is_pending() then s.open:wakeup() end end,
  },
  {
    name = "tasks: waiting, and what they leave",
    setup = function() return pending(4) end,
    run = function(s)
      local list = {}
      for i = 1, 4 do
        list[i] = lwt.spawn(function()
          local _ <close> = setmetatable({}, { __close = tell(s, i) })
          return lwt.shield(function() return s.p[i] end)
        end)
      end
      for i = 1, 4 do
        lwt.yield()
        if s.p[i]:is_pending() then s.r[i]:wakeup(i) end
      end
      local sum = 0
      for i = 1, 4 do sum = sum + await(list[i]) end
      return sum
    end,
    disturb = {
      wakeup = function(s) s.r[3]:wakeup(3) end,
      give_up = function(s) s.p[2]:cancel() end,
      tasks = function() return lwt.tasks() and nil end,
    },
    breaks = { "give_up" },
    check = function(s, _, ok, sum)
      if ok then
        equal(10, sum)
        for i = 1, 4 do equal(1, s.told[i]) end
      end
    end,
  },
  {
    name = "scopes: children",
    run = function(s)
      return lwt.scope(function(scope)
        s.scope = scope
        local list = {}
        for i = 1, 8 do
          list[i] = scope:spawn(function()
            lwt.yield()
            return i
          end)
        end
        local sum = 0
        for i = 1, 8 do sum = sum + await(list[i]) end
        return sum
      end)
    end,
    disturb = {
      spawn_in_it = function(s)
        if s.scope then s.scope:spawn(lwt.yield) end
      end,
      cancel_it = function(s)
        if s.scope then s.scope:cancel() end
      end,
    },
    breaks = { "cancel_it" },
    check = function(_, name, ok, sum)
      if ok and name ~= "cancel_it" then equal(36, sum) end
    end,
  },
  {
    name = "scopes: a child more",
    setup = function()
      local s = {}
      s.gate, s.r = lwt.wait()
      s.promise = lwt.scope(function(scope)
        s.scope = scope
        scope:spawn(function() return s.gate end)
      end)
      return s
    end,
    run = function(s)
      for i = 1, 20 do
        s.scope:spawn(function()
          lwt.yield()
          s.ran = i
        end)
      end
    end,
    disturb = { finish = function(s) s.r:wakeup(1) end },
    breaks = { "finish" },
    check = function(s, _, ok)
      if s.gate:is_pending() then s.r:wakeup(2) end
      await(s.promise)
      if ok then equal(20, s.ran) end
    end,
  },
  {
    name = "pool: slots",
    setup = function()
      local s = { made = 0, used = {} }
      s.pool = pool.create(1, function()
        s.made = s.made + 1
        return s.made
      end)
      s.gate, s.r = lwt.wait()
      return s
    end,
    run = function(s)
      local first = s.pool:use(function() return s.gate end)
      s.others = {}
      for i = 1, 4 do
        s.others[i] = s.pool:use(function() s.used[i] = true end)
        s.others[i]:map(function() end)
      end
      s.r:wakeup()
      await(first)
    end,
    disturb = {
      withdraw = function(s) for _, p in ipairs(s.others or {}) do p:cancel() end end,
      withdraw_one = function(s) if s.others and s.others[1] then s.others[1]:cancel() end end,
    },
    check = function(s)
      if s.gate:is_pending() then s.r:wakeup() end
      equal(1, await(s.pool:use(function(v) return v end)))
    end,
  },
  {
    name = "mvar: put and take",
    setup = function() return { m = mvar.create(), got = {} } end,
    run = function(s)
      local takers = {}
      for i = 1, 6 do takers[i] = s.m:take() end
      for i = 1, 6 do s.m:put(i) end
      for i = 1, 6 do s.got[#s.got + 1] = await(takers[i]) end
      local putters = {}
      for i = 7, 9 do putters[#putters + 1] = s.m:put(i) end
      for _ = 7, 9 do s.got[#s.got + 1] = await(s.m:take()) end
    end,
    disturb = {
      take = function(s)
        s.m:put(100)
        return s.m:take()
      end,
      put_and_take = function(s)
        s.m:put(100)
        local v, found = s.m:take_available()
        if found then s.more[1] = v end
      end,
      put = function(s) s.m:put(100) end,
    },
    check = function(s, _, ok)
      if not ok then return end
      local seen = {}
      for _, list in ipairs { s.got, s.more } do
        for _, v in ipairs(list) do
          if seen[v] then kit.fail("%d was taken twice", v) end
          seen[v] = true
        end
      end
      local rest = s.m:take_available()
      if rest then seen[rest] = true end
      for i = 1, 9 do if not seen[i] then kit.fail("%d was taken by nobody", i) end end
    end,
  },
  {
    name = "mvar: takers that wait for a turn",
    setup = function() return { m = mvar.create(1), got = {} } end,
    run = function(s)
      local function note(v) s.got[#s.got + 1] = v end
      local t = lwt.spawn(function()
        lwt.current():cancel() -- told at the next await: until then nothing is taken at once
        for i = 2, 4 do s.m:put(i):map(function() end) end
        s.taker = s.m:take()
        s.taker:map(note)
        lwt.shield(lwt.yield)
      end)
      pcall(await, t)
      lwt.yield()
      lwt.yield()
    end,
    disturb = {
      withdraw = function(s) if s.taker then s.taker:cancel() end end,
      put = function(s) s.m:put(5) end,
    },
    check = function(s, name, ok)
      if not ok then return end
      local v, found = s.m:take_available()
      while found do
        s.got[#s.got + 1] = v
        v, found = s.m:take_available()
      end
      table.sort(s.got)
      local all = table.concat(s.got, " ")
      if name ~= "cancel" then equal(name == "put" and "1 2 3 4 5" or "1 2 3 4", all) end
    end,
  },
  {
    name = "mvar: callbacks that put",
    setup = function()
      local s = { m = mvar.create(), got = {}, takers = {} }
      s.begin, s.r = lwt.wait()
      return s
    end,
    run = function(s)
      for i = 1, 4 do
        s.takers[i] = s.m:take()
        s.takers[i]:map(function(v) s.got[#s.got + 1] = v end)
      end
      s.begin:on_success(function() for i = 1, 6 do s.m:put(i):map(function() end) end end)
      s.r:wakeup()
    end,
    disturb = {
      withdraw = function(s) for _, p in ipairs(s.takers) do p:cancel() end end,
      put = function(s) s.m:put(7) end,
    },
    check = function(s, name, ok)
      if not ok then return end
      local v, found = s.m:take_available()
      while found do
        s.got[#s.got + 1] = v
        v, found = s.m:take_available()
      end
      table.sort(s.got)
      equal(name == "put" and "1 2 3 4 5 6 7" or "1 2 3 4 5 6", table.concat(s.got, " "))
    end,
  },
  {
    name = "mvar: direct",
    setup = function() return { m = mvar.create() } end,
    run = function(s)
      local m = lwt.direct(s.m)
      local t = lwt.spawn(function() for i = 1, 5 do m:put(i) end end)
      local sum = 0
      for _ = 1, 5 do sum = sum + m:take() end
      await(t)
      return sum
    end,
    disturb = {
      put_and_take = function(s)
        s.m:put(0)
      end,
    },
    breaks = { "put_and_take" },
    check = function(_, name, ok, sum)
      if ok and name ~= "put_and_take" then equal(15, sum) end
    end,
  },
  {
    name = "streams: elements that are pushed",
    setup = function()
      local s = { got = {}, readers = {} }
      s.stream, s.push = stream.create()
      s.begin, s.r = lwt.wait()
      return s
    end,
    run = function(s)
      for i = 1, 5 do
        s.readers[i] = s.stream:get()
        s.readers[i]:map(function(v) s.got[#s.got + 1] = v end)
      end
      s.begin:on_success(function() for i = 1, 7 do s.push(i) end end)
      s.r:wakeup()
    end,
    disturb = {
      withdraw = function(s) for _, p in ipairs(s.readers) do p:cancel() end end,
      withdraw_one = function(s) if s.readers[3] then s.readers[3]:cancel() end end,
    },
    check = function(s, _, ok)
      if not ok then return end
      lwt.yield()
      local v = s.stream:get_available()
      for _, left in ipairs(v) do s.got[#s.got + 1] = left end
      equal("1 2 3 4 5 6 7", table.concat(s.got, " "))
    end,
  },
  {
    name = "react: a signal with many dependents",
    setup = function()
      local s = { nodes = {}, seen = {}, more = {}, calls = {} }
      local signal, set = S.create(0)
      s.signal, s.set = signal, set
      local other = S.create(0)
      for i = 1, 25 do
        local f = function(v)
          s.calls[i] = (s.calls[i] or 0) + 1
          return v
        end
        if i % 2 == 0 then -- each of another rank
          other = S.map(other, function(v) return v end)
          s.nodes[#s.nodes + 1] = S.l2(signal, other, f)
        else
          S.map(signal, f)
        end
      end
      collectgarbage()
      s.calls = {}
      return s
    end,
    run = function(s) for v = 1, 3 do s.set(v) end end,
    disturb = {
      attach = function(s)
        for i = 1, 60 do s.more[i] = S.map(s.signal, function(v) return v end) end
      end,
      send = function(s)
        s.set(9)
        s.set(3)
      end,
    },
    check = function(s, name)
      for _, node in ipairs(s.nodes) do equal(3, S.value(node)) end
      for _, node in ipairs(s.more) do equal(3, S.value(node)) end
      if name ~= "send" then for _, n in pairs(s.calls) do equal(3, n) end end
    end,
  },
  {
    name = "timers: sleep and timeout",
    run = function(s)
      s.list = {}
      for i = 1, 20 do s.list[i] = lwt.sleep((i * 7 % 5) / 5000) end
      local ok, err = pcall(await, lwt.with_timeout(0.0005, (lwt.wait())))
      equal(false, ok)
      if not rawequal(err, lwt.Timeout) then error(err, 0) end
      await(lwt.join(s.list))
      lwt.sleep(0):await()
    end,
    disturb = {
      give_up = function(s) for i = 1, #(s.list or {}), 3 do s.list[i]:cancel() end end,
      timeouts = function() return lwt.with_timeout(1, lwt.sleep, 0) end,
    },
    breaks = { "give_up" },
  },
  {
    name = "storage: values of tasks",
    run = function()
      return lwt.with_value(key, 1, function()
        local t = lwt.spawn(function()
          lwt.yield()
          lwt.set(key, lwt.get(key) + 1)
          return lwt.get(key)
        end)
        lwt.yield()
        local inner = lwt.with_value(key, 5, function() return lwt.get(key) end)
        return await(t) * 100 + (lwt.is_promise(inner) and await(inner) or inner) * 10 + lwt.get(key)
      end)
    end,
    disturb = {
      set = function()
        lwt.with_value(key, 7, function()
          lwt.set(key, 8)
          lwt.spawn(lwt.get, key)
        end)
      end,
    },
    check = function(_, _, ok, v) if ok then equal(251, v) end end,
  },
  {
    name = "loop: hooks and pauses",
    setup = function() return { turns = 0 } end,
    run = function(s)
      s.hook = lwt.on_iteration("enter", function() s.turns = s.turns + 1 end)
      for _ = 1, 5 do
        lwt.yield()
        await(lwt.pause())
      end
      s.hook:remove()
      lwt.coroutine.wrap(function() lwt.yield() end)()
    end,
    disturb = {
      hook = function(s)
        local h = lwt.on_iteration("leave", function() end)
        h:remove()
        if s.hook then s.hook:remove() end
      end,
    },
  },
}

-- Signals and events with promises: what waits for them, and what they wait for; notify.

local lwt = require "lwt"
local react = require "lwt.react"
local stream = require "lwt.stream"
local test = require "lwt.test"
local expect = require "spec.support.expect"
local support = require "spec.support.react"
local script = require "spec.support.script"

local E, S = react.E, react.S
local await, spec = lwt.await, test.virtual
local fails, settle = expect.fails, expect.settle
local collect, forget, keep = support.collect, support.forget, support.keep
local reported, seen = support.reported, support.seen

describe("lwt.react", function()
  after_each(forget)

  describe("with promises", function()
    it("E.next waits for the next occurrence", spec(function()
      local e, send = E.create()
      local p, q = e:next(), e:next()
      send(1) send(2)
      assert.same({ 1, 1 }, { await(p), await(q) })
      local r = e:next()
      r:cancel()
      send(3)
      fails(lwt.Canceled, r)
      collect()
      local t = e:next()
      collect()
      send(4)
      assert.equal(4, await(t))
    end))

    it("E.next inside a step gives the occurrence of that step", spec(function()
      local e, send = E.create()
      local p
      local m = e:map(function() p = p or e:next() end)
      send(1)
      send(2)
      assert.equal(1, await(p))
      assert.is_not_nil(m)
    end))

    it("E.limit lets one through and then the latest, as often as its promise allows",
      spec(function()
        local e, send = E.create()
        local got, n = {}, 0
        local limited = e:limit(function()
          n = n + 1
          return lwt.sleep(10)
        end)
        local began = lwt.now()
        keep(limited:notify(function(v) got[#got + 1] = v .. "@" .. lwt.now() - began end))
        send("a") send("b") send("c")
        await(lwt.sleep(15))
        send("d") send("e")
        await(lwt.sleep(50))
        send("f")
        assert.same({ "a@0.0", "c@10.0", "e@20.0", "f@65.0" }, got)
        assert.equal(4, n)
        await(lwt.sleep(10))
      end))

    it("S.limit starts limited, and never loses the newest value", spec(function()
      local s, set = S.create(0)
      local limited = s:limit(function() return lwt.sleep(10) end)
      local got = seen(limited)
      set(1) set(2)
      assert.equal(0, limited:value())
      await(lwt.sleep(11))
      assert.equal(2, limited:value())
      set(3) set(4)
      await(lwt.sleep(20))
      assert.same({ 2, 4 }, got)
      await(lwt.sleep(50))
      set(5)
      assert.equal(5, limited:value())
      await(lwt.sleep(10))
    end))

    it("the limiters survive a function that fails", spec(function()
      local s, set = S.create(0)
      local e, send = E.create()
      local limited, events
      local errors = reported(function()
        local function bad() await(lwt.sleep(1)) error("bad", 0) end
        limited = s:limit(bad)
        events = seen(e:limit(bad))
        set(1) set(2)
        send(1) send(2)
        await(lwt.sleep(5))
      end)
      assert.equal(2, limited:value())
      assert.same({ 1, 2 }, events)
      assert.same({ "bad", "bad", "bad", "bad" }, errors)
    end))

    it("a limiter whose promise never comes does not keep its result", spec(function()
      local s = S.create(0)
      local weak = setmetatable({}, { __mode = "k" })
      local never = lwt.wait()
      local function use()
        weak[s:limit(function() return never end)] = true
      end
      use()
      collect()
      assert.is_nil(next(weak))
    end))

    it("E.from occurs with what its function gives, until it fails", spec(function()
      local n = 0
      local errors = reported(function()
        local e = E.from(function()
          await(lwt.sleep(1))
          n = n + 1
          if n == 3 then error("three", 0) end
          return n
        end)
        local got = seen(e)
        await(lwt.sleep(10))
        assert.same({ 1, 2 }, got)
      end)
      assert.same({ "three" }, errors)
      assert.equal(3, n)
    end))

    it("E.from ends when it is dropped", spec(function()
      local n = 0
      local function use()
        local e = E.from(function()
          await(lwt.sleep(1))
          n = n + 1
          return n
        end)
        assert.equal(1, await(e:next()))
      end
      use()
      collect()
      await(lwt.sleep(3))
      local now = n
      await(lwt.sleep(10))
      assert.equal(now, n)
    end))

    it("E.to_stream and E.of_stream go there and back", spec(function()
      local e, send = E.create()
      local s = e:to_stream()
      collect()
      send(1) send(2)
      assert.same({ 1, 2, n = 2 }, await(s:nget(2)))
      local p = s:next()
      send(3)
      assert.equal(3, await(p))
      local t, push = stream.create()
      local back = E.of_stream(t)
      local got = seen(back)
      push(4) push(5)
      await(lwt.sleep(1))
      push(6)
      push(nil)
      await(lwt.sleep(1))
      assert.same({ 4, 5, 6 }, got)
      local errors = reported(function()
        local bad = E.of_stream(stream.from(function() error("bad", 0) end))
        await(lwt.sleep(1))
        assert.is_not_nil(bad)
      end)
      assert.same({ "bad" }, errors)
      errors = reported(function() send(nil) end)
      assert.same({ "stream elements cannot be nil" }, errors)
    end))

    it("E.delay is the event that comes", spec(function()
      local e, send = E.create()
      assert.equal(e, E.delay(lwt.fulfilled(e)))
      local p, r = lwt.wait()
      local got = seen(E.delay(p))
      send(1)
      r:wakeup(e)
      send(2)
      assert.same({ 2 }, got)
      local q, rq = lwt.wait()
      local none = E.delay(q)
      assert.same({ "no" }, reported(function() rq:wakeup_exn("no") end))
      assert.is_not_nil(none)
    end))

    it("_s forms go one after another, in order; _p forms as they come", spec(function()
      local e, send = E.create()
      local function slow(v)
        await(lwt.sleep(v))
        return v
      end
      local running, most = 0, 0
      local function counted(v)
        running = running + 1
        most = math.max(most, running)
        slow(v)
        running = running - 1
        return v
      end
      local map_s = seen(e:map_s(counted))
      local map_p = seen(e:map_p(slow))
      local filter_s = seen(e:filter_s(function(v) return slow(v) > 1 end))
      local filter_p = seen(e:filter_p(function(v) return slow(v) > 1 end))
      local fmap_s = seen(e:fmap_s(function(v) if slow(v) > 1 then return "v" .. v end end))
      local fmap_p = seen(e:fmap_p(function(v) if slow(v) > 1 then return "v" .. v end end))
      local run_s = seen(e:map(function(v) return lwt.spawn(slow, v) end):run_s())
      local run_p = seen(e:map(function(v) return lwt.spawn(slow, v) end):run_p())
      local ef = e:map(function(v) return function(w) return slow(v) * 10 + w end end)
      local app_s, app_p = seen(ef:app_s(e)), seen(ef:app_p(e))
      send(3) send(1) send(2)
      await(lwt.sleep(20))
      assert.same({ { 3, 1, 2 }, { 1, 2, 3 } }, { map_s, map_p })
      assert.same({ { 3, 2 }, { 2, 3 } }, { filter_s, filter_p })
      assert.same({ { "v3", "v2" }, { "v2", "v3" } }, { fmap_s, fmap_p })
      assert.same({ { 3, 1, 2 }, { 1, 2, 3 } }, { run_s, run_p })
      assert.same({ { 33, 11, 22 }, { 11, 22, 33 } }, { app_s, app_p })
      assert.equal(1, most)
    end))

    it("diff_s, accum_s, fold_s and merge_s of events", spec(function()
      local e, send = E.create()
      local f, change = E.create()
      local function later(v)
        await(lwt.sleep(1))
        return v
      end
      local got = {
        seen(e:diff_s(function(new, old) return later(new - old) end)),
        seen(f:accum_s(1)),
        seen(e:fold_s(0, function(acc, v) return later(acc + v) end)),
        seen(E.merge_s({ e, e:map(function(v) return v * 10 end) }, 0,
          function(acc, v) return later(acc + v) end)),
      }
      send(1) send(5)
      change(function(v) return later(v + 1) end)
      change(function(v) return later(v * 10) end)
      await(lwt.sleep(20))
      assert.same({ { 4 }, { 2, 20 }, { 1, 6 }, { 11, 55 } }, got)
    end))

    it("report a function that fails, and skip that occurrence", spec(function()
      local e, send = E.create()
      local function bad(v)
        await(lwt.sleep(1))
        if v == 2 then error("bad", 0) end
        return v
      end
      for _, name in ipairs { "map_s", "map_p", "filter_s", "filter_p", "fmap_s", "fmap_p" } do
        local got = seen(e[name](e, bad))
        local errors = reported(function()
          send(1) send(2) send(3)
          await(lwt.sleep(10))
        end)
        assert.same({ "bad" }, errors)
        assert.same({ 1, 3 }, got)
        forget()
        collect()
      end
      local s, set = S.create(1)
      local m = await(s:map_s(bad))
      local errors = reported(function()
        set(2) set(3)
        await(lwt.sleep(10))
      end)
      assert.same({ "bad" }, errors)
      assert.equal(3, m:value())
    end))

    it("promises of signals are there with the first value, and miss no change", spec(function()
      local s, set = S.create(1)
      local function later(v)
        await(lwt.sleep(1))
        return v
      end
      local promises = {
        s:map_s(function(v) return later(v * 2) end),
        s:filter_s(0, function(v) return later(v > 2) end),
        s:fmap_s("none", function(v) return later(v > 2 and "v" .. v or nil) end),
        S.const(later):app_s(s),
        S.merge_s({ s, s }, 0, function(acc, v) return later(acc + v) end),
        s:map(function(v) return lwt.spawn(later, v) end):run_s(),
        s:bind_s(function(v) return later(S.const("to " .. v)) end),
        S.l2_s(s, s, function(a, b) return later(a + b) end),
        S.l6_s(s, s, s, s, s, s, function(...) return later(select("#", ...)) end),
      }
      set(2)
      set(3)
      local signals = {}
      for _, p in ipairs(promises) do assert.equal("pending", (p:state())) end
      for i, p in ipairs(promises) do signals[i] = await(p) end
      await(lwt.sleep(20))
      local values = {}
      for i, x in ipairs(signals) do values[i] = x:value() end
      assert.same({ 6, 3, "v3", 3, 6, 3, "to 3", 6, 6 }, values)
      set(1)
      await(lwt.sleep(20))
      for i, x in ipairs(signals) do values[i] = x:value() end
      assert.same({ 2, 3, "v3", 1, 2, 1, "to 1", 2, 6 }, values)
    end))

    it("are rejected when the first value fails, and can be cancelled", spec(function()
      local s = S.create(1)
      fails("first", s:map_s(function() error("first", 0) end))
      local cancelled
      local p = s:map_s(function()
        local ok, err = pcall(await, lwt.sleep(10))
        cancelled = not ok and err == lwt.Canceled
        error(err, 0)
      end)
      p:cancel()
      fails(lwt.Canceled, p)
      assert.is_true(cancelled)
    end))

    it("diff_s, sample_s, accum_s and fold_s of signals", spec(function()
      local s, set = S.create(1)
      local e, send = E.create()
      local f, change = E.create()
      local function later(v)
        await(lwt.sleep(1))
        return v
      end
      local diff = seen(s:diff_s(function(new, old) return later(new - old) end))
      local sample = seen(s:sample_s(e, function(v, w) return later(v .. w) end))
      local accum = S.accum_s(f, 1)
      local fold = S.fold_s(e, "", function(acc, v) return later(acc .. v) end)
      set(5)
      send("a") send("b")
      change(function(v) return later(v + 1) end)
      change(function(v) return later(v * 10) end)
      await(lwt.sleep(20))
      assert.same({ { 4 }, { "a5", "b5" } }, { diff, sample })
      assert.same({ 20, "ab" }, { accum:value(), fold:value() })
    end))

    it("end with their result: nothing is worked on for one that is dropped", spec(function()
      local e, send = E.create()
      local calls = 0
      local function use()
        local m = e:map_s(function() calls = calls + 1 end)
        send(1)
        assert.is_not_nil(m)
      end
      use()
      collect()
      send(2)
      await(lwt.sleep(1))
      assert.equal(1, calls)
    end))
  end)

  describe("notify", function()
    it("calls at each change until it is stopped", spec(function()
      local s, set = S.create(1)
      local got = {}
      local handle = s:map(function(v) return v * 10 end):notify(function(v) got[#got + 1] = v end)
      collect()
      set(2) set(2) set(3)
      handle:stop()
      set(4)
      assert.same({ 20, 30 }, got)
      do
        local closing <close> = s:notify(function(v) got[#got + 1] = v end) -- luacheck: ignore
        set(5)
      end
      set(6)
      assert.same({ 20, 30, 5 }, got)
    end))

    it("notify_s waits for the last call, notify_p does not", spec(function()
      local e, send = E.create()
      local function slow(list)
        return function(v)
          list[#list + 1] = "+" .. v
          await(lwt.sleep(v))
          list[#list + 1] = "-" .. v
        end
      end
      local one, other = {}, {}
      local hs, hp = e:notify_s(slow(one)), e:notify_p(slow(other))
      send(3) send(1)
      await(lwt.sleep(10))
      assert.same({ "+3", "-3", "+1", "-1" }, one)
      assert.same({ "+3", "+1", "-1", "-3" }, other)
      send(2) send(1)
      hs:stop()
      hp:stop()
      await(lwt.sleep(10))
      assert.same({ "+2", "-2" }, { one[5], one[6] })
      assert.is_nil(one[7])
    end))

    it("reports what its function raises", spec(function()
      local s, set = S.create(1)
      for _, name in ipairs { "notify", "notify_s", "notify_p" } do
        local handle = s[name](s, function() error(name, 0) end)
        local errors = reported(function()
          set(s:value() + 1)
          settle()
        end)
        handle:stop()
        assert.same({ name }, errors)
      end
    end))
  end)
end)

describe("E.next", function()
  it("asked for again in its own callback, waits for the next occurrence", function()
    local result = script.run([[
      local react = require "lwt.react"
      local e, send = react.E.create()
      local got = {}
      local function again()
        e:next():on_success(function(v)
          got[#got + 1] = v
          if #got < 100 then again() end
        end)
      end
      again()
      send(1)
      send(2)
      send(3)
      print(table.concat(got, " "))
    ]], 20)
    assert.equal("1 2 3\n", result.out)
    assert.equal("", result.err)
  end)

  it("in a loop of binds sees each occurrence once", spec(function()
    local e, send = E.create()
    local got = {}
    local function loop()
      return e:next():bind(function(v)
        got[#got + 1] = v
        return v < 3 and loop() or "end"
      end)
    end
    local p = loop()
    for i = 1, 5 do send(i) end
    assert.equal("end", await(p))
    assert.same({ 1, 2, 3 }, got)
  end))
end)

describe("an event made of what never waits", function()
  it("lets others have their turn", function()
    local result = script.run([[
      local lwt, react, stream = require "lwt", require "lwt.react", require "lwt.stream"
      lwt.run(function()
        local a = react.E.from(function() return 1 end)
        local b = react.E.of_stream(stream.from_direct(function() return 2 end))
        print(lwt.await(a:next()), lwt.await(b:next()))
        lwt.await(lwt.sleep(0.001))
        a, b = nil, nil
        collectgarbage()
        for _ = 1, 3 do lwt.yield() end
      end)
    ]], 20)
    assert.equal("1 2\n", (result.out:gsub("\t", " ")))
    assert.equal(0, result.code)
  end)

  it("checks what it is given in the place of a step, and of a notifier", function()
    local e, send = E.create()
    local s, set = S.create(1)
    for _, f in ipairs { send, set } do
      local ok, err = pcall(function() f(1, 5) end)
      assert.is_false(ok)
      assert.matches("step expected, got number", err)
      assert.matches("promise_spec", err)
    end
    local ok, err = pcall(e:notify(print).stop, 5)
    assert.is_false(ok)
    assert.matches("notifier expected", err)
    assert.is_not_nil(s)
  end)
end)

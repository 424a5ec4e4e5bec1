-- What lwt's own modules use of the core, and what its users never see otherwise.
local lwt = require "lwt"
local inner = require "lwt.core"
local engine = require "lwt.engine"
local core = require "spec.support.core"
local is, with_hook, child = core.is, core.with_hook, core.child

describe("core.wake", function()
  it("wakes a waiter once, and says whether it did", function()
    local p = inner.waiter()
    assert.is_true(inner.wake(p, 1, nil, 3))
    is(p, "fulfilled", 1, nil, 3)
    assert.is_false(inner.wake(p, 2))
    local q = inner.waiter()
    q:cancel()
    assert.is_false(inner.wake_exn(q, "late"))
    is(q, "rejected", lwt.Canceled)
  end)

  it("wakes through a proxy, and with an error", function()
    local p = inner.waiter()
    local gate, r = lwt.wait()
    local q = gate:bind(function() return p end)
    r:wakeup()
    assert.is_true(inner.wake_exn(p, "e"))
    is(q, "rejected", "e")
    local a, b = inner.waiter(), inner.waiter()
    local open, s = lwt.wait()
    local proxy = open:bind(function() return a end)
    b:on_success(print)
    s:wakeup()
    assert.is_true(inner.wake(proxy, 5))
    is(a, "fulfilled", 5)
    assert.is_true(b:is_pending())
  end)
end)

describe("core.callback and core.try", function()
  it("give whether the function ended well; callback reports what it raises", function()
    with_hook(function(errors)
      assert.is_true(inner.callback(function() end))
      assert.is_false(inner.callback(error, "e", 0))
      assert.equal("e", errors[1])
      assert.is_true(inner.callback(function()
        assert.is_true(inner.callback(function() end))
        assert.is_true((inner.try(function() end)))
      end))
    end)
    assert.same({ true, 1, 2 }, { inner.try(function(...) return ... end, 1, 2) })
    assert.same({ false, "x" }, { inner.try(error, "x", 0) })
  end)
end)

describe("core.reject_traced", function()
  it("rejects a pending promise with an error and its trace, and no other", function()
    local p = inner.waiter()
    local seen
    p:on_failure(function(e) seen = e end)
    inner.reject_traced(p, "e", "raised elsewhere")
    is(p, "rejected", "e")
    assert.equal("e", seen)
    inner.reject_traced(p, "again", "trace")
    is(p, "rejected", "e")
    local q = inner.waiter()
    inner.reject_traced(q, "lonely", "raised elsewhere")
    assert.truthy(tostring(lwt.traceback(q)):find("raised elsewhere", 1, true))
  end)

  it("works in callbacks nested as deep as they may be", function()
    local last = inner.waiter()
    local told = 0
    last:on_failure(function() told = told + 1 end)
    local function nest(n)
      local p, r = lwt.wait()
      p:on_success(function()
        if n == 0 then
          inner.reject_traced(last, "deep", "trace")
        else
          nest(n - 1)
        end
      end)
      r:wakeup()
    end
    nest(150)
    is(last, "rejected", "deep")
    assert.equal(1, told)
  end)
end)

describe("core.interrupt", function()
  it("does nothing where no run is under way", function()
    assert.is_false(inner.interrupt())
  end)

  it("cancels the main task, which raises lwt.Interrupted out of run", function()
    local cleaned
    local ok, err = pcall(lwt.run, function()
      lwt.pause():on_success(inner.interrupt)
      local fine, e = pcall(lwt.await, (lwt.task()))
      cleaned = not fine and e
      error(e, 0)
    end)
    assert.is_false(ok)
    assert.is_true(rawequal(err, lwt.Interrupted) or rawequal(err, lwt.Canceled))
    assert.truthy(cleaned)
  end)

  it("a second time gives no other answer", function()
    local ok = pcall(lwt.run, function()
      lwt.pause():on_success(function()
        assert.is_true(inner.interrupt())
        assert.is_true(inner.interrupt())
      end)
      lwt.task():await()
    end)
    assert.is_false(ok)
  end)

  it("while the main task runs reaches it at its next await", function()
    local ok, err = pcall(lwt.run, function()
      lwt.yield()
      inner.interrupt()
      lwt.task():await()
    end)
    assert.is_false(ok)
    assert.equal(lwt.Interrupted, err)
    ok = pcall(lwt.run, function()
      lwt.yield()
      inner.interrupt()
      lwt.yield()
    end)
    assert.is_false(ok)
  end)

  it("has run give up a promise that cannot be cancelled", function()
    local p = lwt.wait()
    lwt.pause():on_success(inner.interrupt)
    local ok, err = pcall(lwt.run, p)
    assert.is_false(ok)
    assert.equal(lwt.Interrupted, err)
    assert.is_true(p:is_pending())
  end)

  it("of a promise that is rejected otherwise gives that error", function()
    local p, r = lwt.wait()
    lwt.pause():on_success(function()
      inner.interrupt()
      r:wakeup_exn "own"
    end)
    local ok, err = pcall(lwt.run, p)
    assert.is_false(ok)
    assert.equal("own", err)
  end)
end)

describe("core.shuffle", function()
  it("runs what is ready in another order, the same for one seed", function()
    local function order(seed)
      inner.shuffle(seed)
      local log = core.log()
      lwt.run(function()
        local tasks = {}
        for i = 1, 10 do tasks[i] = lwt.spawn(function() lwt.yield() log(i) end) end
        lwt.join(tasks):await()
      end)
      inner.shuffle(nil)
      return table.concat(log, " ")
    end
    assert.equal(order(7), order(7))
    assert.not_equal(order(7), order(8))
    assert.equal("string", type(order(-1)))
  end)
end)

describe("core.background", function()
  it("timers that are watchdogs do not hide a deadlock", function()
    local before = engine.name()
    engine.set "virtual"
    local watchdog
    local ok, err = pcall(lwt.run, function()
      watchdog = lwt.sleep(60)
      inner.background(1)
      lwt.task():await()
    end)
    inner.background(0)
    watchdog:cancel()
    engine.set(before)
    assert.is_false(ok)
    assert.truthy(tostring(err):find "^deadlock")
  end)
end)

describe("the ends of run", function()
  it("at_exit may add more, and what fails goes to the hook but for a cancel", function()
    with_hook(function(errors)
      local log = core.log()
      lwt.at_exit(function()
        log "first"
        lwt.at_exit(function() log "added" end)
        lwt.at_exit(function() error("at exit", 0) end)
        lwt.at_exit(function() error(lwt.Canceled, 0) end)
      end)
      lwt.run(function() end)
      log.says "first added"
      assert.equal(1, errors.n)
      assert.equal("at exit", errors[1])
    end)
  end)

  it("run and step are refused inside of a run, a task and a callback", function()
    local texts = {}
    local function try()
      for _, f in ipairs { lwt.run, lwt.step } do
        local _, err = pcall(f, f == lwt.run and function() end or nil)
        texts[#texts + 1] = tostring(err)
      end
    end
    lwt.run(try)
    local p, r = lwt.wait()
    p:on_success(try)
    p:on_success(try)
    r:wakeup()
    for _, text in ipairs(texts) do
      assert.truthy(text:find "the loop from inside it", text)
    end
  end)

  it("run and the hook take what can be called, and nothing else", function()
    local callable = setmetatable({}, { __call = function() return 5 end })
    assert.equal(5, lwt.run(callable))
    assert.is_false((pcall(lwt.run, {})))
    assert.is_false((pcall(lwt.run, setmetatable({}, {}))))
    assert.is_false((pcall(lwt.async_exception_hook, 12)))
    local ok, err = pcall(lwt.step, -1)
    assert.is_false(ok)
    assert.truthy(err:find "negative budget")
  end)

  it("iteration hooks that raise are reported", function()
    with_hook(function(errors)
      inner.set_iteration_hooks(function() error("enter", 0) end, function() error("leave", 0) end)
      lwt.step()
      inner.set_iteration_hooks()
      assert.same({ "enter", "leave", n = 2 }, errors)
    end)
  end)

  it("an error that is nil is raised as nil by default", function()
    local before = lwt.async_exception_hook()
    lwt.async_exception_hook(nil)
    lwt.fulfilled():on_success(function() error(nil) end)
    local ok, err = pcall(lwt.run, function() lwt.yield() end)
    lwt.async_exception_hook(before)
    assert.is_false(ok)
    assert.is_nil(err)
  end)
end)

describe("error objects", function()
  it("say in one line what is known", function()
    local function text(t) return tostring(inner.error(t)) end
    assert.equal("open /x: no such file (ENOENT)",
      text { op = "open", path = "/x", message = "no such file", code = "ENOENT" })
    assert.equal("connect 1.2.3.4: refused", text { op = "connect", address = "1.2.3.4", message = "refused" })
    assert.equal("spawn ls: no (ENOENT)", text { op = "spawn", program = "ls", message = "no", code = "ENOENT" })
    assert.equal("bind x: no", text { op = "bind", name = "x", message = "no" })
    assert.equal("read: bad", text { op = "read", message = "bad" })
    assert.equal("bad", text { message = "bad", code = "X" })
    assert.equal("read: ", text { op = "read" })
    assert.equal("", text {})
    assert.equal("lwt.error", getmetatable(lwt.Canceled).__tostring(12))
    assert.is_false((pcall(inner.error, 12)))
  end)

  it("of any length", function()
    -- Either side of the sizes at which Lua's buffer grows, whichever they are here.
    for n = 1, 2200 do
      local op = ("o"):rep(n)
      assert.equal(op .. " p: m (C)", tostring(inner.error { op = op, path = "p", message = "m", code = "C" }))
    end
  end)
end)

describe("an await in the wrong place", function()
  it("says in which function of C, or metamethod, it is", function()
    lwt.run(function()
      local function wait() lwt.pause():await() end
      local _, err = pcall(function()
        table.sort({ 3, 2, 1 }, function(a, b) wait() return a < b end)
      end)
      assert.truthy(err:find("inside 'sort'", 1, true), err)
      _, err = pcall(function() string.gsub("x", "x", wait) end)
      assert.truthy(err:find("inside 'gsub'", 1, true), err)
      local got
      do
        setmetatable({}, { __gc = function() got = select(2, pcall(wait)) end })
      end
      collectgarbage()
      assert.truthy(got and got:find("inside '__gc'", 1, true), got)
    end)
  end)
end)

describe("lwt.coroutine", function()
  it("refuses what is no coroutine, and what cannot be resumed", function()
    local resume, create = lwt.coroutine.resume, lwt.coroutine.create
    assert.is_false((pcall(resume, 12)))
    local co = create(function() end)
    assert.is_true(resume(co))
    assert.same({ false, "cannot resume dead coroutine" }, { resume(co) })
    local failed = create(function() error("e", 0) end)
    assert.same({ false, "e" }, { resume(failed) })
    assert.same({ false, "cannot resume dead coroutine" }, { resume(failed) })
    lwt.run(function()
      local me = create(function()
        return resume((coroutine.running()))
      end)
      local _, ok, err = resume(me)
      assert.is_false(ok)
      assert.equal("cannot resume non-suspended coroutine", err)
    end)
    assert.is_false((pcall(lwt.coroutine.wrap(function() error {} end))))
    local dead = lwt.coroutine.wrap(function() end)
    dead()
    assert.is_false((pcall(dead)))
  end)

  it("says so when more is given than a stack holds", function()
    local resume, create = lwt.coroutine.resume, lwt.coroutine.create
    -- Each coroutine keeps what it was given and asks for more.
    local co = create(function(...)
      lwt.coroutine.yield()
      return ...
    end)
    assert.is_true((resume(co, table.unpack({}, 1, 150000))))
    local function call(n, ...)
      local ok, err
      if n > 0 then ok, err = call(n - 1, ...) else ok, err = resume(co) end
      return ok, err
    end
    local ok, err = call(5, table.unpack({}, 1, 150000))
    assert.is_false(ok)
    assert.equal("too many results to resume", err)
    co = create(function(...)
      local function keep(n, ...)
        if n > 0 then keep(n - 1, ...) else lwt.coroutine.yield() end
        return n
      end
      return keep(5, ...)
    end)
    assert.is_true((resume(co, table.unpack({}, 1, 110000))))
    ok, err = resume(co, table.unpack({}, 1, 400000))
    assert.is_false(ok)
    assert.equal("too many arguments to resume", err)
  end)

  it("goes on through two levels of await, and pauses several times", function()
    lwt.run(function()
      local log = core.log()
      local outer = lwt.coroutine.wrap(function()
        lwt.coroutine.resume(lwt.coroutine.create(function()
          for i = 1, 3 do
            lwt.yield()
            log(i)
          end
        end))
        lwt.yield()
        log "outer"
      end)
      outer()
      log.says "1 2 3 outer"
    end)
  end)

  it("has no await below a call that cannot yield, and none in a callback", function()
    lwt.run(function()
      local err
      table.sort({ 2, 1 }, function(a, b)
        err = select(2, lwt.coroutine.resume(lwt.coroutine.create(function() lwt.yield() end)))
        return a < b
      end)
      assert.truthy(tostring(err):find "await")
      lwt.fulfilled():on_success(function()
        err = select(2, lwt.coroutine.resume(lwt.coroutine.create(function() lwt.yield() end)))
      end)
      assert.truthy(tostring(err):find "await")
    end)
  end)
end)

describe("the core alone", function()
  it("names its engine, and takes time and nothing else", function()
    local text, status = child [[
      package.preload["lwt.uv"] = function() error "module 'lwt.uv' not found" end
      local lwt, core, engine = require "lwt", require "lwt.core", require "lwt.engine"
      print(engine.name())
      engine.set "none"
      core.set_engine(nil)
      core.set_engine "virtual"
      core.set_engine "virtual"
      lwt.run(lwt.sleep(1e9))
      core.set_engine "real"
      print(core.engine_name(), (lwt.step()), select(2, lwt.step()))
      print(pcall(lwt.run, lwt.task()))
      lwt.run(lwt.sleep(0.01))
      local far = lwt.sleep(1e7)
      print((select(2, lwt.step())) > 1e6)
      far:cancel()
      print(#core.handles(), core.cancel_due())
    ]]
    assert.equal(0, status)
    assert.equal("none\nnone\tfalse\tnil\nfalse\tdeadlock: nothing is left that could wake what run "
      .. "waits for\ntrue\n0\tfalse\n", text)
  end)

  it("waits in pieces for a timer that is years away", function()
    local before, waits = engine.name(), {}
    local now = 0
    for _, alive in ipairs { true, false } do
      engine.set {
        now = function() return now end,
        wait = function(s)
          waits[#waits + 1] = s or "for ever"
          now = now + 3e6
        end,
        alive = function() return alive end,
      }
      lwt.run(lwt.sleep(5e6))
    end
    engine.set(before)
    local pieces = 0
    for _, s in ipairs(waits) do if s == 1e6 then pieces = pieces + 1 end end
    assert.is_true(pieces > 0)
  end)

  it("takes a clock that fails for one that stands at 0", function()
    with_hook(function(errors)
      local before = engine.name()
      engine.set { now = function() error("no clock", 0) end, wait = function() error("no wait", 0) end }
      lwt.step()
      engine.set(before)
      assert.equal("no clock", errors[1])
    end)
  end)
end)

describe("where the stack of C is used up", function()
  -- Calls f at every depth of nested calls through C, from the deepest on.
  local function at_every_depth(f)
    local function nest(n)
      pcall(string.gsub, "x", "x", function()
        if n < 250 then nest(n + 1) end
        pcall(f)
      end)
    end
    nest(1)
  end

  it("nobody who waits is forgotten: each is told, or gets the error", function()
    local made, tasks, calls = {}, {}, 0
    local function count() calls = calls + 1 end
    local ways = {
      function(p) return { p:map(count) } end,
      function(p) return { p:map(count), p:map(count), p:bind(count) } end,
      function(p) return { lwt.pick { p, (lwt.task()) } } end,
      function(p) return { p:map(count), lwt.pick { p, (lwt.task()) }, lwt.all { p, p } } end,
      function(p) return { p:finalize(count), p:catch(count), lwt.protected(p) } end,
      function(p)
        p:on_success(count)
        p:on_any(count, count)
        return { p:map(count) }
      end,
    }
    for _ = 1, 260 do
      for i, way in ipairs(ways) do
        local p, r = lwt.wait()
        tasks[#tasks + 1] = i % 2 == 0 and lwt.spawn(function() p:await() end) or nil
        made[#made + 1] = { p = p, r = r, way = i, results = way(p) }
      end
    end
    local next_one = 0
    with_hook(function()
      at_every_depth(function()
        for _ = 1, #ways do
          next_one = next_one + 1
          local m = made[next_one]
          if m then pcall(m.r.wakeup, m.r, 1) end
        end
      end)
    end)
    for _ = 1, 5 do lwt.step() end
    local failed = 0
    for i = 1, math.min(next_one, #made) do
      local m = made[i]
      if not m.p:is_pending() then
        for k, p in ipairs(m.results) do
          local state, err = p:state()
          if state == "pending" then error(("way %d, result %d is pending"):format(m.way, k)) end
          if state == "rejected" then
            failed = failed + 1
            assert.truthy(tostring(err):find "overflow", err)
          end
        end
      end
    end
    assert.is_true(calls > 0)
    assert.equal("integer", math.type(failed))
    is(lwt.fulfilled(1):map(function(x) return x + 1 end), "fulfilled", 2)
    for i = next_one + 1, #made do made[i].r:wakeup() end
    for _ = 1, 5 do lwt.step() end
    for _, t in ipairs(tasks) do assert.is_false(t:is_pending()) end
  end)
end)

describe("a value of the wrong kind", function()
  it("is told from a promise, a resolver, a scope and a key, without a metatable too", function()
    local light = debug.upvalueid(function() return lwt end, 1)
    for _, x in ipairs { light, io.stdout, 12, {} } do
      assert.is_false(lwt.is_promise(x))
      assert.is_false((pcall(lwt.wakeup, x)))
      assert.is_false((pcall(lwt.await, x)))
      assert.is_false((pcall(inner.wake, x)))
      lwt.run(lwt.scope(function(s) assert.is_false((pcall(s.spawn, x, print))) end))
    end
    assert.is_false((pcall(lwt.get, io.stdout)))
    assert.is_false((pcall(lwt.get, 12)))
    assert.is_false((pcall(inner.set_engine, "foo")))
  end)

  it("scopes take what can be called", function()
    local callable = setmetatable({}, { __call = function(_, s)
      if s then s:spawn(setmetatable({}, { __call = function() end })) end
      return 3
    end })
    assert.equal(3, lwt.run(lwt.scope(callable)))
    assert.is_false((pcall(lwt.scope, {})))
    lwt.run(lwt.scope(function(s) assert.is_false((pcall(s.spawn, s, {}))) end))
  end)

  it("with_value gives what can be called its own arguments only", function()
    local key = lwt.new_key()
    local callable = setmetatable({}, { __call = function(_, ...) return lwt.get(key), ... end })
    assert.same({ 1, "a", n = 2 }, table.pack(lwt.with_value(key, 1, callable, "a")))
    assert.is_false((pcall(lwt.with_value, key, 1, {})))
  end)

  it("errors of every type keep their trace", function()
    local co = coroutine.create(print)
    for _, e in ipairs { {}, io.stdout, print, co, "text", 12, true } do
      local p = lwt.spawn(function() error(e, 0) end)
      local q = lwt.spawn(function() p:await() end)
      is(q, "rejected", e)
      assert.truthy(lwt.traceback(q):find "within_spec.lua")
    end
  end)
end)

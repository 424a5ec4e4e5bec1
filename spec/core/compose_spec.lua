local lwt = require "lwt"
local core = require "spec.support.core"
local is, new_log = core.is, core.log

-- Each of the sequential operations behaves alike on a promise that is resolved and on
-- one that is resolved later: `given(later, "fulfilled", ...)` makes either.
local function given(later, state, ...)
  if not later then return lwt[state](...), function() end end
  local values = table.pack(...)
  local p, r = lwt.wait()
  return p, function()
    if state == "fulfilled" then r:wakeup(table.unpack(values, 1, values.n))
    else r:wakeup_exn(values[1]) end
  end
end

for _, later in ipairs { false, true } do
  describe("of a promise that is resolved " .. (later and "later" or "already"), function()
    local values_given = {
      { n = 0 }, { n = 1, 7 }, { n = 1, nil }, { n = 1, false }, { n = 3, 1, nil, 3 },
      { n = 2, nil, nil },
    }
    local errors_given = { "oops", { "a table" }, false, 12 }
    errors_given.n = 5 -- and nil

    local function each_error(f)
      for i = 1, errors_given.n do f(errors_given[i]) end
    end

    describe("bind", function()
      it("calls the function with all the values and becomes what it returns", function()
        for _, values in ipairs(values_given) do
          local p, go = given(later, "fulfilled", table.unpack(values, 1, values.n))
          local got
          local q = p:bind(function(...)
            got = table.pack(...)
            return "x", nil, "z"
          end)
          go()
          assert.same(values, got)
          is(q, "fulfilled", "x", nil, "z")
        end
      end)

      it("is fulfilled with nothing when the function returns nothing", function()
        local p, go = given(later, "fulfilled", 1)
        local q = p:bind(function() end)
        go()
        is(q, "fulfilled")
      end)

      it("follows the one promise that the function returns, resolved or pending", function()
        local inner, r = lwt.wait()
        for _, follow in ipairs {
          { lwt.fulfilled(1, nil), "fulfilled", 1, nil, n = 4 },
          { lwt.rejected "bad", "rejected", "bad", n = 3 },
        } do
          local p, go = given(later, "fulfilled")
          local q = p:bind(function() return follow[1] end)
          go()
          is(q, table.unpack(follow, 2, follow.n))
        end
        local p, go = given(later, "fulfilled")
        local q = p:bind(function() return inner end)
        go()
        is(q, "pending")
        r:wakeup(1, 2)
        is(q, "fulfilled", 1, 2)
      end)

      it("keeps a promise that is not the only value", function()
        local inner = lwt.wait()
        local p, go = given(later, "fulfilled")
        local q = p:bind(function() return inner, 1 end)
        go()
        is(q, "fulfilled", inner, 1)
      end)

      it("is rejected with what the function raises, and never raises itself", function()
        each_error(function(err)
          local p, go = given(later, "fulfilled")
          local q = p:bind(function() error(err, 0) end)
          go()
          is(q, "rejected", err)
        end)
      end)

      it("passes a rejection on without calling the function", function()
        each_error(function(err)
          local p, go = given(later, "rejected", err)
          local called = false
          local q = p:bind(function() called = true end)
          go()
          assert.is_false(called)
          is(q, "rejected", err)
        end)
      end)
    end)

    describe("map", function()
      it("is fulfilled with all that the function returns", function()
        for _, values in ipairs(values_given) do
          local p, go = given(later, "fulfilled", table.unpack(values, 1, values.n))
          local q = p:map(function(...) return ... end)
          go()
          is(q, "fulfilled", table.unpack(values, 1, values.n))
        end
      end)

      it("never follows a promise that the function returns", function()
        local inner = lwt.wait()
        local p, go = given(later, "fulfilled")
        local q = p:map(function() return inner end)
        go()
        is(q, "fulfilled", inner)
      end)

      it("is rejected with what the function raises", function()
        each_error(function(err)
          local p, go = given(later, "fulfilled")
          local q = p:map(function() error(err, 0) end)
          go()
          is(q, "rejected", err)
        end)
      end)

      it("passes a rejection on without calling the function", function()
        local p, go = given(later, "rejected", "oops")
        local called = false
        local q = p:map(function() called = true end)
        go()
        assert.is_false(called)
        is(q, "rejected", "oops")
      end)
    end)

    describe("catch", function()
      it("gives the error to the handler and becomes what it returns", function()
        each_error(function(err)
          local p, go = given(later, "rejected", err)
          local got = table.pack "never called"
          local q = p:catch(function(...)
            got = table.pack(...)
            return "x", nil
          end)
          go()
          assert.equal(1, got.n)
          assert.equal(err, got[1])
          is(q, "fulfilled", "x", nil)
        end)
      end)

      it("follows the promise that the handler returns", function()
        local inner, r = lwt.wait()
        local p, go = given(later, "rejected", 1)
        local q = p:catch(function() return inner end)
        go()
        is(q, "pending")
        r:wakeup_exn "bad"
        is(q, "rejected", "bad")
      end)

      it("is rejected with what the handler raises", function()
        each_error(function(err)
          local p, go = given(later, "rejected", "first")
          local q = p:catch(function() error(err, 0) end)
          go()
          is(q, "rejected", err)
        end)
      end)

      it("passes the values on without calling the handler", function()
        for _, values in ipairs(values_given) do
          local p, go = given(later, "fulfilled", table.unpack(values, 1, values.n))
          local called = false
          local q = p:catch(function() called = true end)
          go()
          assert.is_false(called)
          is(q, "fulfilled", table.unpack(values, 1, values.n))
        end
      end)
    end)

    describe("finalize", function()
      it("calls the finalizer without arguments and passes the values on", function()
        for _, values in ipairs(values_given) do
          local p, go = given(later, "fulfilled", table.unpack(values, 1, values.n))
          local got
          local q = p:finalize(function(...)
            got = select("#", ...)
            return "ignored"
          end)
          go()
          assert.equal(0, got)
          is(q, "fulfilled", table.unpack(values, 1, values.n))
        end
      end)

      it("calls the finalizer and passes the error on", function()
        each_error(function(err)
          local p, go = given(later, "rejected", err)
          local calls = 0
          local q = p:finalize(function() calls = calls + 1 end)
          go()
          assert.equal(1, calls)
          is(q, "rejected", err)
        end)
      end)

      it("waits for the promise that the finalizer returns", function()
        for _, state in ipairs { "fulfilled", "rejected" } do
          local cleanup, r = lwt.wait()
          local p, go = given(later, state, 1)
          local q = p:finalize(function() return cleanup end)
          go()
          is(q, "pending")
          r:wakeup "ignored"
          is(q, state, 1)
        end
      end)

      it("is rejected with the finalizer's failure, which wins over a value and over an "
        .. "error", function()
        for _, state in ipairs { "fulfilled", "rejected" } do
          each_error(function(err)
            local p, go = given(later, state, "first")
            local q = p:finalize(function() error(err, 0) end)
            local s = p:finalize(function() return lwt.rejected(err) end)
            local cleanup, r = lwt.wait()
            local t = p:finalize(function() return cleanup end)
            go()
            r:wakeup_exn(err)
            is(q, "rejected", err)
            is(s, "rejected", err)
            is(t, "rejected", err)
          end)
        end
      end)

      it("runs the finalizer when the promise is rejected with Canceled", function()
        local p, go = given(later, "rejected", lwt.Canceled)
        local calls = 0
        local q = p:finalize(function() calls = calls + 1 end)
        go()
        assert.equal(1, calls)
        is(q, "rejected", lwt.Canceled)
      end)
    end)

    describe("try_bind", function()
      it("calls the first function with the values", function()
        for _, values in ipairs(values_given) do
          local p, go = given(later, "fulfilled", table.unpack(values, 1, values.n))
          local q = p:try_bind(function(...) return ... end, error)
          go()
          is(q, "fulfilled", table.unpack(values, 1, values.n))
        end
      end)

      it("calls the second function with the error", function()
        each_error(function(err)
          local p, go = given(later, "rejected", err)
          local q = p:try_bind(error, function(...) return select("#", ...), ... end)
          go()
          is(q, "fulfilled", 1, err)
        end)
      end)

      it("does not give the first function's error to the second", function()
        local p, go = given(later, "fulfilled", 1)
        local handled = false
        local q = p:try_bind(function() error("oops", 0) end, function() handled = true end)
        go()
        assert.is_false(handled)
        is(q, "rejected", "oops")
      end)

      it("is rejected with what either function raises, and follows what either returns", function()
        for _, state in ipairs { "fulfilled", "rejected" } do
          local p, go = given(later, state, 1)
          local function raise() error("oops", 0) end
          local inner, r = lwt.wait()
          local function follow() return inner end
          local q, s = p:try_bind(raise, raise), p:try_bind(follow, follow)
          go()
          is(q, "rejected", "oops")
          is(s, "pending")
          r:wakeup(3)
          is(s, "fulfilled", 3)
        end
      end)
    end)

    it("any callback runs exactly once", function()
      local p, go = given(later, "fulfilled", 1)
      local calls = 0
      local function count() calls = calls + 1 end
      p:bind(count)
      p:map(count)
      p:finalize(count)
      p:try_bind(count, count)
      p:catch(count)
      go()
      assert.equal(4, calls)
    end)

    it("the same function attached several times runs as often", function()
      local p, go = given(later, "fulfilled", 1)
      local calls = 0
      local function count() calls = calls + 1 end
      p:bind(count)
      p:bind(count)
      p:on_success(count)
      p:on_success(count)
      go()
      assert.equal(4, calls)
    end)
  end)
end

describe("bind", function()
  it("on a fulfilled promise returns the very promise that the function returned", function()
    local inner = lwt.wait()
    assert.is_true(rawequal(inner, lwt.fulfilled():bind(function() return inner end)))
    local resolved = lwt.fulfilled()
    assert.is_true(rawequal(resolved, lwt.fulfilled():bind(function() return resolved end)))
  end)

  it("does not run its function before the promise is resolved", function()
    local p = lwt.wait()
    local ran = false
    p:bind(function() ran = true end)
    assert.is_false(ran)
  end)

  it("composes: left identity, right identity and associativity", function()
    local function f(x) return lwt.fulfilled(x + 1) end
    local function g(x) return lwt.fulfilled(x * 2) end
    is(lwt.fulfilled(3):bind(f), f(3):state())
    is(f(3):bind(lwt.fulfilled), f(3):state())
    is(f(3):bind(f):bind(g), f(3):bind(function(x) return f(x):bind(g) end):state())
  end)
end)

describe("catch", function()
  it("of a fulfilled promise returns that same promise", function()
    local p = lwt.fulfilled(1)
    assert.is_true(rawequal(p, p:catch(error)))
  end)
end)

it("a callable object will do wherever a function does", function()
  local calls = 0
  local callable = setmetatable({}, { __call = function(_, x)
    calls = calls + 1
    return x
  end })
  local p, r = lwt.wait()
  local failed = lwt.rejected "e"
  is(lwt.fulfilled(1):bind(callable), "fulfilled", 1)
  is(lwt.fulfilled(1):map(callable), "fulfilled", 1)
  is(failed:catch(callable), "fulfilled", "e")
  is(lwt.fulfilled(1):finalize(callable), "fulfilled", 1)
  is(failed:try_bind(callable, callable), "fulfilled", "e")
  is(lwt.catch(callable, callable), "fulfilled", nil)
  is(lwt.wrap(callable, 7), "fulfilled", 7)
  is(lwt.spawn(callable, 8), "fulfilled", 8)
  p:on_success(callable)
  p:on_any(callable, callable)
  p:on_termination(callable)
  r:wakeup(3)
  lwt.with_value(lwt.new_key(), 1, callable)
  lwt.async(callable)
  lwt.dont_wait(callable, callable)
  assert.equal(14, calls)
end)

describe("callbacks on resolved promises, too deep inside one another,", function()
  -- More than sixteen of them nest no further: the rest are called when the outermost is.
  local key = lwt.new_key()

  for name, operate in pairs {
    bind = function(f) return lwt.fulfilled():bind(f) end,
    map = function(f) return lwt.fulfilled():map(f) end,
    catch = function(f) return lwt.rejected():catch(f) end,
    finalize = function(f) return lwt.fulfilled():finalize(f) end,
    ["try_bind, the first"] = function(f) return lwt.fulfilled():try_bind(f, error) end,
    ["try_bind, the second"] = function(f) return lwt.rejected():try_bind(error, f) end,
    on_success = function(f) return lwt.fulfilled():on_success(f) end,
    on_failure = function(f) return lwt.rejected():on_failure(f) end,
    on_termination = function(f) return lwt.fulfilled():on_termination(f) end,
    on_any = function(f) return lwt.fulfilled():on_any(f, error) end,
    on_cancel = function(f) return lwt.rejected(lwt.Canceled):on_cancel(f) end,
  } do
    it("are deferred and lose neither result nor storage: " .. name, function()
      local left, depth, deepest, seen = 100, 0, 0, 0
      local function down()
        left = left - 1
        depth = depth + 1
        deepest = math.max(deepest, depth)
        if lwt.get(key) == name then seen = seen + 1 end
        local p = left > 0 and operate(down) or nil
        depth = depth - 1
        return p
      end
      local p = lwt.with_value(key, name, operate, down)
      assert.equal(0, left)
      assert.is_true(deepest <= 17, deepest) -- sixteen, inside a deferred one
      assert.equal(100, seen)
      if p and name ~= "map" then assert.equal("fulfilled", (p:state())) end
    end)
  end
end)

describe("catch, finalize and try_bind of a function", function()
  it("call it at once and take what it returns", function()
    local log = new_log()
    local function body()
      log "body"
      return 1, nil, 3
    end
    is(lwt.catch(body, error), "fulfilled", 1, nil, 3)
    is(lwt.finalize(body, log.word "finalizer"), "fulfilled", 1, nil, 3)
    is(lwt.try_bind(body, function(...) return select("#", ...) end, error), "fulfilled", 3)
    log.says "body body finalizer body"
  end)

  it("take what it raises for a rejection", function()
    local function body() error("oops", 0) end
    is(lwt.catch(body, function(e) return "caught", e end), "fulfilled", "caught", "oops")
    local calls = 0
    is(lwt.finalize(body, function() calls = calls + 1 end), "rejected", "oops")
    assert.equal(1, calls)
    is(lwt.try_bind(body, error, function(e) return e end), "fulfilled", "oops")
  end)

  it("follow the promise that it returns", function()
    local p, r = lwt.wait()
    local function body() return p end
    local caught = lwt.catch(body, function(e) return "caught", e end)
    local finalized = lwt.finalize(body, function() end)
    local tried = lwt.try_bind(body, error, function(e) return e end)
    is(caught, "pending")
    is(finalized, "pending")
    is(tried, "pending")
    r:wakeup_exn "late"
    is(caught, "fulfilled", "caught", "late")
    is(finalized, "rejected", "late")
    is(tried, "fulfilled", "late")
  end)

  it("run it as a task, which may await", core.async(function()
    local p, r = lwt.wait()
    local caught = lwt.catch(function() return p:await() end, function(e) return "caught", e end)
    local finalized = lwt.finalize(function() return p:await() end, function() end)
    local tried = lwt.try_bind(function() return p:await() end, error, function(e) return e end)
    is(caught, "pending")
    r:wakeup_exn "late"
    local kind, err = caught:await()
    assert.equal("caught", kind)
    assert.equal("late", err)
    assert.same({ false, "late" }, { pcall(lwt.await, finalized) })
    assert.equal("late", tried:await())
  end))

  it("run a continuation as a plain callback, in which awaiting raises", core.async(function()
    local ready = lwt.fulfilled(1)
    local function awaits() return ready:await() end
    for _, p in ipairs {
      ready:bind(awaits), ready:map(awaits), lwt.rejected(1):catch(awaits),
      ready:finalize(awaits), ready:try_bind(awaits, error), lwt.wrap(awaits),
    } do
      local state, err = p:state()
      assert.equal("rejected", state)
      assert.truthy(tostring(err):find("await outside a task", 1, true))
    end
  end))
end)

describe("composition", function()
  it("passes a value through a long mixture of operations", function()
    local p, r = lwt.wait()
    local log = new_log()
    local q = p:map(function(x) return x + 1 end)
      :bind(function(x) return lwt.rejected(x) end)
      :bind(log.word "skipped")
      :map(log.word "skipped")
      :catch(function(e) return e * 2 end)
      :finalize(log.word "finalizer")
      :try_bind(function(x) error(x + 1, 0) end, log.word "skipped")
      :catch(function(e) return "end", e end)
    r:wakeup(1)
    is(q, "fulfilled", "end", 5)
    log.says "finalizer"
  end)

  it("keeps error values that are tables untouched, and adds no position to strings", function()
    local err = setmetatable({}, { __tostring = function() return "mine" end })
    is(lwt.fulfilled():bind(function() error(err) end), "rejected", err)
    local p = lwt.fulfilled():map(function() error "text" end)
    assert.truthy(select(2, p:state()):find "compose_spec.lua:%d+: text$")
  end)
end)

describe("from_callback", function()
  it("is fulfilled with what resolve is called with, now or later", function()
    is(lwt.from_callback(function(resolve) resolve(1, nil, 3) end), "fulfilled", 1, nil, 3)
    local resolve
    local p = lwt.from_callback(function(f) resolve = f end)
    is(p, "pending")
    resolve "late"
    is(p, "fulfilled", "late")
  end)

  it("is rejected with what reject is called with", function()
    is(lwt.from_callback(function(_, reject) reject "oops" end), "rejected", "oops")
    is(lwt.from_callback(function(_, reject) reject(nil) end), "rejected", nil)
  end)

  it("is rejected with what the function raises", function()
    is(lwt.from_callback(function() error("oops", 0) end), "rejected", "oops")
  end)
end)

describe("promisify", function()
  it("turns a final callback(err, ...) into a promise", function()
    local kept
    local start = lwt.promisify(function(a, b, callback)
      kept = callback
      return a, b
    end)
    local p = start(1, 2)
    is(p, "pending")
    kept(nil, "x", nil, "z")
    is(p, "fulfilled", "x", nil, "z")
  end)

  it("is rejected when the callback is given an error", function()
    is(lwt.promisify(function(callback) callback "oops" end)(), "rejected", "oops")
  end)

  it("is rejected with what the function raises", function()
    is(lwt.promisify(function() error("oops", 0) end)(), "rejected", "oops")
  end)

  it("passes nil arguments in their places", function()
    local p = lwt.promisify(function(a, b, c, callback)
      assert(a == nil and b == 2 and c == nil)
      callback(nil, "fine")
    end)(nil, 2, nil)
    is(p, "fulfilled", "fine")
  end)
end)

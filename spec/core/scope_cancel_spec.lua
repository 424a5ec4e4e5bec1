-- How scopes end that are cancelled: from inside and outside, in circles, with what cannot be
-- cancelled, with scopes inside.
local lwt = require "lwt"
local core = require "spec.support.core"
local async, Canceled = core.async, lwt.Canceled

local function turns(n)
  for _ = 1, n or 4 do lwt.yield() end
end

local function forever() (lwt.task()):await() end

-- The outcome of a promise that must not be pending.
local function outcome(p)
  turns()
  return { lwt.state(p) }
end

describe("s:cancel(), from inside,", function()
  it("ends the children, and the scope is fulfilled with what its body returns", async(function()
    local told
    local p = lwt.scope(function(s)
      s:spawn(function()
        local _, err = pcall(forever)
        told = err
        error(err, 0)
      end)
      lwt.yield()
      s:cancel()
      return "result", nil, 3
    end)
    assert.same({ "fulfilled", "result", nil, 3 }, outcome(p))
    assert.equal(Canceled, told)
    assert.equal(0, lwt.errors(p).n)
  end))

  it("gives nothing when the body was itself cut off", async(function()
    local p = lwt.scope(function(s)
      s:cancel()
      lwt.yield()
      return "never"
    end)
    assert.same({ "fulfilled" }, outcome(p))
    local kept
    p = lwt.scope(function(s)
      kept = s
      forever()
    end)
    kept:cancel()
    assert.same({ "fulfilled" }, outcome(p))
  end))

  it("leaves failures what they are", async(function()
    local p = lwt.scope(function(s)
      s:spawn(function()
        pcall(forever)
        error("in cleanup", 0)
      end)
      s:cancel()
      return 1
    end)
    assert.same({ "rejected", "in cleanup" }, outcome(p))
    p = lwt.scope(function(s)
      s:cancel()
      error("of the body", 0)
    end)
    assert.same({ "rejected", "of the body" }, outcome(p))
  end))

  it("does not hide a cancel from outside that comes while children clean up", async(function()
    local gate, open = lwt.wait()
    local p = lwt.scope(function(s)
      s:spawn(function()
        pcall(forever)
        lwt.shield(gate.await, gate)
        lwt.yield()
      end)
      s:cancel()
      lwt.yield()
    end)
    p:cancel()
    open:wakeup()
    assert.same({ "rejected", Canceled }, outcome(p))
  end))

  it("rejects the scopes inside, which are cancelled from outside", async(function()
    local inner
    local p = lwt.scope(function(s)
      s:spawn(function()
        inner = lwt.scope(forever)
        inner:await()
      end)
      s:cancel()
      return "outer"
    end)
    assert.same({ "fulfilled", "outer" }, outcome(p))
    assert.same({ "rejected", Canceled }, outcome(inner))
  end))
end)

describe("tasks that wait for one another", function()
  it("are cancelled with their scope, which one of them waits for", async(function()
    local p
    p = lwt.scope(function(s)
      s:spawn(function()
        lwt.yield()
        p:await()
      end)
      forever()
    end)
    turns()
    p:cancel()
    assert.same({ "rejected", Canceled }, outcome(p))
  end))

  for _, how in ipairs { "cancelled", "failing" } do
    it("two by two end with a scope that is " .. how, async(function()
      local fail, failing = lwt.wait()
      local p = lwt.scope(function(s)
        local a, b
        a = s:spawn(function() lwt.yield() b:await() end)
        b = s:spawn(function() lwt.yield() a:await() end)
        s:spawn(function() fail:await() end)
      end)
      turns()
      if how == "cancelled" then p:cancel() else failing:wakeup_exn "third" end
      assert.same({ "rejected", how == "cancelled" and Canceled or "third" }, outcome(p))
    end))
  end

  it("outside a scope, through binds, and one for itself, too", async(function()
    local a, b, c
    a = lwt.spawn(function() lwt.yield() b:map(print):await() end)
    b = lwt.spawn(function() lwt.yield() a:await() end)
    c = lwt.spawn(function() lwt.yield() c:await() end)
    turns()
    a:cancel()
    c:cancel()
    for _, p in ipairs { a, b, c } do assert.same({ "rejected", Canceled }, outcome(p)) end
  end))
end)

describe("a scope", function()
  local ends = {
    ["its body"] = function(_, gate) return gate end,
    ["a child"] = function(s, gate)
      s:spawn(function() return gate end)
      forever()
    end,
    ["a child, in a bind,"] = function(s, gate)
      s:spawn(function() return gate:bind(print) end)
      forever()
    end,
  }
  for who, body in pairs(ends) do
    it(("ends when %s has returned what cannot be cancelled"):format(who), async(function()
      local gate = lwt.wait()
      local p = lwt.scope(function(s) return body(s, gate) end)
      turns()
      p:cancel()
      assert.same({ "rejected", Canceled }, outcome(p))
      assert.is_true(gate:is_pending())
      p = lwt.scope(function(s)
        s:spawn(body, s, gate)
        lwt.yield()
        error("failed", 0)
      end)
      assert.same({ "rejected", "failed" }, outcome(p))
      p = lwt.scope(function(s)
        s:spawn(body, s, gate)
        lwt.yield()
        s:cancel()
        return "stopped"
      end)
      assert.same({ "fulfilled", "stopped" }, outcome(p))
      p = lwt.scope(function(s) -- canceled before it has returned that
        s:cancel()
        return body(s, gate)
      end)
      assert.same({ "fulfilled" }, outcome(p))
      assert.is_true(gate:is_pending())
    end))
  end

  it("has the values of the promise that its body or a child returns", async(function()
    local gate, open = lwt.wait()
    local child
    local p = lwt.scope(function(s)
      child = s:spawn(function() return gate end)
      return gate
    end)
    turns()
    assert.is_true(p:is_pending())
    open:wakeup(1, 2)
    assert.same({ "fulfilled", 1, 2 }, outcome(p))
    assert.same({ "fulfilled", 1, 2 }, outcome(child))
  end))

  it("waits for the cleanup of a task that a child has returned", async(function()
    local gate, open = lwt.wait()
    local log = {}
    local p = lwt.scope(function(s)
      s:spawn(function()
        return lwt.spawn(function()
          pcall(forever)
          lwt.shield(gate.await, gate)
          log[#log + 1] = "clean"
        end)
      end)
      forever()
    end)
    turns()
    p:cancel()
    turns()
    assert.is_true(p:is_pending())
    open:wakeup()
    assert.same({ "rejected", Canceled }, outcome(p))
    assert.same({ "clean" }, log)
  end))

  it("whose body returns what no_cancel gave waits for it", async(function()
    local gate, open = lwt.wait()
    local p = lwt.scope(function() return lwt.no_cancel(gate) end)
    p:cancel()
    turns()
    assert.is_true(p:is_pending())
    open:wakeup "kept"
    assert.same({ "fulfilled", "kept" }, outcome(p))
  end))
end)

describe("in a canceled scope", function()
  local inners = {
    ["a scope"] = function(work) return lwt.scope(work) end,
    ["a task"] = function(work) return lwt.spawn(work) end,
    ["a bind of a task"] = function(work) return lwt.spawn(work):bind(function() end) end,
    ["finalize"] = function(work) return lwt.finalize(work, function() end) end,
    ["catch"] = function(work) return lwt.catch(work, error) end,
  }
  for name, make in pairs(inners) do
    it(("an await of %s cancels it and waits for its end, then raises"):format(name),
      async(function()
        local log = {}
        local p = lwt.scope(function(s)
          s:cancel()
          local ok, err = pcall(function()
            make(function()
              local _, e = pcall(forever)
              lwt.shield(turns)
              log[#log + 1] = "inner cleanup done"
              error(e, 0)
            end):await()
          end)
          assert(not ok and err == Canceled)
          log[#log + 1] = "outer over"
          return "over"
        end)
        turns(8)
        assert.same({ "fulfilled", "over" }, outcome(p))
        assert.same({ "inner cleanup done", "outer over" }, log)
      end))
  end

  it("an await of what waits for the scope itself raises at once", async(function()
    local p, inside
    p = lwt.scope(function(s)
      s:spawn(function()
        lwt.yield()
        s:cancel()
        inside = { pcall(p.await, p) }
      end)
      forever()
    end)
    assert.same({ "rejected", Canceled }, outcome(p))
    assert.same({ false, Canceled }, inside)
  end))

  it("two children that await one another while they clean up end", async(function()
    local a, b
    local p = lwt.scope(function(s)
      a = s:spawn(function() pcall(forever) b:await() end)
      b = s:spawn(function() pcall(forever) a:await() end)
      lwt.yield()
      s:cancel()
    end)
    assert.same({ "fulfilled" }, outcome(p))
  end))

  it("a cancelled task that awaits a task outside of scopes waits for its end, too",
    async(function()
      local log = {}
      local t = lwt.spawn(function()
        lwt.current():cancel()
        pcall(function()
          lwt.spawn(function()
            pcall(forever)
            lwt.yield()
            log[#log + 1] = "inner"
          end):await()
        end)
        log[#log + 1] = "outer"
      end)
      turns()
      assert.same({ "fulfilled" }, outcome(t))
      assert.same({ "inner", "outer" }, log)
    end))
end)

describe("A child that returns a pending promise", function()
  it("can be cancelled also when another promise has become it", async(function()
    local scope, child
    local p = lwt.scope(function(s)
      scope = s
      child = s:spawn(function()
        turns(2)
        return (lwt.wait())
      end)
      forever()
    end)
    local other = lwt.pause():bind(function() return child end)
    turns()
    scope:cancel()
    assert.same({ "fulfilled" }, outcome(p))
    assert.same({ "rejected", Canceled }, outcome(child))
    assert.same({ "rejected", Canceled }, outcome(other))
  end))

  it("is sheltered by no_cancel, which two may return", async(function()
    local gate, open = lwt.task()
    local sheltered = lwt.no_cancel(gate)
    local second
    local p = lwt.scope(function(s)
      s:spawn(function() return sheltered end)
      second = s:spawn(function() return sheltered end)
      lwt.yield()
      s:cancel()
      return "result"
    end)
    assert.same({ "pending" }, outcome(p))
    assert.same({ "pending" }, outcome(second))
    open:wakeup("open")
    assert.same({ "fulfilled", "result" }, outcome(p))
    assert.same({ "fulfilled", "open" }, outcome(second))
  end))

  for _, own in ipairs { true, false } do
    it("is not resolved by what it had awaited before it was interrupted"
      .. (own and ", and stands behind the others where it returns that" or ""), async(function()
      local gate, open = lwt.wait()
      local other, finish = lwt.wait()
      local log, child = {}, nil
      gate:on_success(function() log[#log + 1] = "first" end)
      local p = lwt.scope(function(s)
        child = s:spawn(function()
          pcall(lwt.await, gate)
          gate:on_success(function() log[#log + 1] = "second" end)
          return own and gate or other
        end)
      end)
      child:cancel()
      turns(1)
      child:on_success(function(v) log[#log + 1] = v end)
      open:wakeup "gate"
      if not own then
        assert.same({ "pending" }, outcome(child))
        finish:wakeup "other"
      end
      assert.same({ "first", "second", own and "gate" or "other" }, log)
      assert.same({ "fulfilled" }, outcome(p))
    end))
  end

  it("ends, canceled, when it returns its own scope's promise, or what waits for that", async(function()
    for _, wrap in ipairs {
      function(p) return p end,
      function(p) return p:map(function() end) end,
      function(p) return lwt.spawn(function() return p end) end,
      function(p) return lwt.scope(function() return p end) end,
    } do
      local p, child
      p = lwt.scope(function(s)
        child = s:spawn(function()
          pcall(forever)
          return wrap(p)
        end)
        forever()
      end)
      p:cancel()
      turns()
      assert.same({ "rejected", Canceled }, outcome(child))
      assert.same({ "rejected", Canceled }, outcome(p))
    end
  end))

  it("ends its scope, which it returned, when it is cancelled alone", async(function()
    local p, child
    p = lwt.scope(function(s)
      child = s:spawn(function()
        lwt.yield()
        return p
      end)
    end)
    turns()
    assert.same({ "pending" }, outcome(child))
    child:cancel()
    assert.same({ "rejected", Canceled }, outcome(child))
    assert.same({ "rejected", Canceled }, outcome(p))
  end))
end)

describe("a scope that a task has returned", function()
  -- Two names of one, and a walk may come to either first.
  it("is found by either name, whatever was looked at before", async(function()
    for _, choose in ipairs {
      function(p, task) return lwt.any { p, task } end,
      function(p, task) return lwt.any { task, p } end,
      function(p, task) return lwt.join { p, task } end,
    } do
      local scope
      local p = lwt.scope(function(s)
        scope = s
        return (lwt.task())
      end)
      local named = lwt.spawn(function() return p end)
      local told
      local task = lwt.spawn(function()
        local _, err = pcall(named.await, named)
        told = { err, (named:state()) }
      end)
      scope:spawn(function()
        pcall(forever)
        pcall(lwt.shield, function() turns() end)
      end)
      scope:spawn(function() p:await() end)
      choose(p, task):cancel()
      turns(1)
      assert.is_nil(told) -- nothing has interrupted it: it waits for the scope's end
      turns(8)
      assert.same({ Canceled, "rejected" }, told)
      assert.same({ "rejected", Canceled }, outcome(p))
    end
  end))
end)

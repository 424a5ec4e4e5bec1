local lwt = require "lwt"
local core = require "spec.support.core"
local is, new_log, with_hook = core.is, core.log, core.with_hook

local Canceled = lwt.Canceled

describe("a pick that was cancelled in vain", function()
  it("cancels its losers when it is made later, also when nothing ran in between", function()
    local p, r = lwt.wait()
    local q = lwt.task()
    local loser = lwt.spawn(function()
      pcall(lwt.await, p)
      lwt.await(q)
    end)
    local pick = lwt.pick { p, loser }
    pick:cancel() -- interrupts the loser's first await
    r:wakeup()
    assert.equal("fulfilled", (pick:state()))
    for _ = 1, 3 do lwt.step() end
    assert.equal("rejected", (q:state()))
    assert.equal(lwt.Canceled, select(2, loser:state()))
  end)
end)

describe("cancel", function()
  it("of a task rejects it with Canceled, before it returns", function()
    local p = lwt.task()
    local log = new_log()
    p:on_failure(log.word "failure")
    p:cancel()
    log "after"
    is(p, "rejected", Canceled)
    log.says "failure after"
  end)

  it("of a resolved promise does nothing", function()
    local p, q = lwt.fulfilled(1), lwt.rejected "oops"
    p:cancel()
    q:cancel()
    is(p, "fulfilled", 1)
    is(q, "rejected", "oops")
  end)

  it("of a canceled promise does nothing the second time", function()
    local p = lwt.task()
    local calls = 0
    p:on_cancel(function() calls = calls + 1 end)
    p:cancel()
    p:cancel()
    assert.equal(1, calls)
  end)

  it("returns nothing", function()
    assert.equal(0, select("#", lwt.task():cancel()))
    assert.equal(0, select("#", lwt.wait():cancel()))
    assert.equal(0, select("#", lwt.fulfilled():cancel()))
  end)

  for _, name in ipairs { "bind", "map", "catch", "finalize", "try_bind" } do
    it("walks back through " .. name .. " to what it waits for", function()
      local p = lwt.task()
      local function f() error(Canceled) end
      local q = p[name](p, f, f)
      q:cancel()
      is(p, "rejected", Canceled)
      is(q, "rejected", Canceled)
    end)

    it("does nothing through " .. name .. " to what cannot be cancelled", function()
      local p = lwt.wait()
      local q = p[name](p, print, print)
      q:cancel()
      is(p, "pending")
      is(q, "pending")
    end)
  end

  for _, name in ipairs { "bind", "catch", "finalize", "try_bind" } do
    it("goes to the promise that the function of " .. name .. " returned, once it has", function()
      local p, r = lwt.task()
      local inner = lwt.task()
      local function f() return inner end
      local q = p[name](p, f, f)
      if name == "catch" then r:wakeup_exn "oops" else r:wakeup() end
      is(q, "pending")
      q:cancel()
      is(inner, "rejected", Canceled)
      is(q, "rejected", Canceled)
    end)
  end

  it("reaches every pending child of join, all, both and settled", function()
    for _, name in ipairs { "join", "all", "settled" } do
      local a, b = lwt.task(), lwt.task()
      local p = lwt[name] { a, lwt.fulfilled(1), b }
      p:cancel()
      is(a, "rejected", Canceled)
      is(b, "rejected", Canceled)
      if name ~= "settled" then is(p, "rejected", Canceled) end
    end
    local a, b = lwt.task(), lwt.task()
    local p = lwt.both(a, b)
    p:cancel()
    is(a, "rejected", Canceled)
    is(b, "rejected", Canceled)
    is(p, "rejected", Canceled)
  end)

  it("leaves join, all and both waiting for a child that cannot be cancelled", function()
    for _, make in ipairs { lwt.join, lwt.all, function(l) return lwt.both(l[1], l[2]) end } do
      local a = lwt.task()
      local b, rb = lwt.wait()
      local p = make { a, b }
      p:cancel()
      is(a, "rejected", Canceled)
      is(p, "pending")
      rb:wakeup()
      is(p, "rejected", Canceled)
    end
  end)

  it("reaches every child of choose, pick, nchoose, npick, nchoose_split and any", function()
    for _, name in ipairs { "choose", "pick", "nchoose", "npick", "nchoose_split" } do
      local a, b = lwt.task(), lwt.task()
      local p = lwt[name] { a, b }
      p:cancel()
      is(a, "rejected", Canceled)
      is(b, "rejected", Canceled)
      is(p, "rejected", Canceled)
    end
    local a, b = lwt.task(), lwt.task()
    local p = lwt.any { a, b }
    p:cancel()
    is(a, "rejected", Canceled)
    is(b, "rejected", Canceled)
    assert.equal("rejected", (p:state()))
  end)

  it("marks all that it reaches before any callback runs, and runs the last found first", function()
    local children, log = {}, new_log()
    for i = 1, 3 do
      children[i] = lwt.task()
      children[i]:on_cancel(function()
        log(i, (children[1]:state()), (children[2]:state()), (children[3]:state()))
      end)
    end
    lwt.join(children):cancel()
    log.says("3:rejected:rejected:rejected 2:rejected:rejected:rejected "
      .. "1:rejected:rejected:rejected")
  end)

  it("finds a promise that is reachable by two paths once", function()
    local p = lwt.task()
    local calls = 0
    p:on_cancel(function() calls = calls + 1 end)
    local left, right = p:bind(print), p:map(print)
    local both = lwt.both(left, right)
    both:cancel()
    assert.equal(1, calls)
    is(both, "rejected", Canceled)
  end)

  it("of one consumer cancels the shared promise, and so every other consumer", function()
    local p = lwt.task()
    local a, b = p:map(print), p:map(print)
    a:cancel()
    is(p, "rejected", Canceled)
    is(b, "rejected", Canceled)
  end)

  it("may leave the promise fulfilled, rejected otherwise, canceled or pending", function()
    local swallowed = lwt.task():catch(function(e)
      assert.equal(Canceled, e)
      return "fine"
    end)
    swallowed:cancel()
    is(swallowed, "fulfilled", "fine")
    local failed = lwt.task():finalize(function() error("cleanup", 0) end)
    failed:cancel()
    is(failed, "rejected", "cleanup")
    local cleanup, r = lwt.wait()
    local pending = lwt.task():finalize(function() return cleanup end)
    pending:cancel()
    is(pending, "pending")
    r:wakeup()
    is(pending, "rejected", Canceled)
  end)

  it("runs finalizers, and while they wait goes to what they wait for", function()
    local log = new_log()
    local cleanup = lwt.task()
    local p = lwt.task():finalize(function()
      log "cleanup"
      return cleanup
    end)
    p:cancel()
    log.says "cleanup"
    is(p, "pending")
    p:cancel()
    is(cleanup, "rejected", Canceled)
    is(p, "rejected", Canceled)
  end)

  it("runs the callbacks at once, also inside other callbacks", function()
    local a, ra = lwt.wait()
    local b = lwt.task()
    local log = new_log()
    b:on_cancel(log.word "b canceled")
    a:on_success(function()
      log "a1"
      b:cancel()
      log "a1 end"
    end)
    a:on_success(log.word "a2")
    ra:wakeup()
    log.says "a1 b canceled a1 end a2"
  end)

  it("may be called while the callbacks of a cancel run", function()
    local a, b, c = lwt.task(), lwt.task(), lwt.task()
    local log = new_log()
    a:on_cancel(function()
      log "a"
      b:cancel()
      log "a end"
    end)
    b:on_cancel(function()
      log "b"
      c:cancel()
      a:cancel()
    end)
    c:on_cancel(log.word "c")
    a:cancel()
    log.says "a b c a end"
  end)

  it("in vain loses no finalizer and no callback, even when the promise is dropped", function()
    local p, r = lwt.wait()
    local log = new_log()
    do
      p:finalize(log.word "cleanup"):cancel()
      local q = p:bind(function() return 1 end)
      q:on_success(log.word "told")
      q:cancel()
      p:catch(log.word "caught"):cancel()
      p:finalize(log.word "inner"):bind(function() end):cancel()
    end
    collectgarbage()
    collectgarbage()
    r:wakeup_exn "oops"
    log.says "cleanup caught inner"
    local p2, r2 = lwt.wait()
    do
      local q = p2:bind(function() return 1 end)
      q:on_success(log.word "told")
      q:cancel()
    end
    collectgarbage()
    collectgarbage()
    r2:wakeup()
    log.says "cleanup caught inner told"
  end)

  it("does nothing through a bind whose function is running", function()
    local p, r = lwt.task()
    local q
    q = p:bind(function()
      q:cancel()
      return "value"
    end)
    r:wakeup()
    is(q, "fulfilled", "value")
  end)

  it("is not linked through on_success and a resolver", function()
    local p = lwt.task()
    local q, r = lwt.task()
    p:on_success(function(x) r:wakeup(x) end)
    q:cancel()
    is(p, "pending")
    is(q, "rejected", Canceled)
  end)

  it("runs callbacks that raise without skipping the others", function()
    with_hook(function(errors)
      local a, b = lwt.task(), lwt.task()
      local log = new_log()
      a:on_cancel(function() error("a", 0) end)
      a:on_failure(log.word "a failure")
      b:on_cancel(function() error("b", 0) end)
      b:on_failure(log.word "b failure")
      lwt.join({ a, b }):cancel()
      log.says "b failure a failure"
      assert.same({ "b", "a", n = 2 }, errors)
    end)
  end)

  it("cancels a diamond of joins and picks once", function()
    local leaf = lwt.task()
    local calls = 0
    leaf:on_cancel(function() calls = calls + 1 end)
    local layer = { leaf }
    for _ = 1, 20 do
      local below = layer[1]
      layer = { lwt.join { below, below:map(print) } }
    end
    layer[1]:cancel()
    assert.equal(1, calls)
    is(layer[1], "rejected", Canceled)
  end)
end)

describe("protected", function()
  it("follows the promise", function()
    local p, r = lwt.task()
    local q = lwt.protected(p)
    r:wakeup(1, nil)
    is(q, "fulfilled", 1, nil)
    local e, re = lwt.wait()
    local f = lwt.protected(e)
    re:wakeup_exn(false)
    is(f, "rejected", false)
  end)

  it("can be cancelled without touching the promise", function()
    local p, r = lwt.task()
    local q = lwt.protected(p)
    q:cancel()
    is(q, "rejected", Canceled)
    is(p, "pending")
    r:wakeup(1)
    is(p, "fulfilled", 1)
    is(q, "rejected", Canceled)
  end)

  it("can be cancelled also when the promise cannot", function()
    local q = lwt.protected((lwt.wait()))
    q:cancel()
    is(q, "rejected", Canceled)
  end)

  it("is canceled when the promise is", function()
    local p = lwt.task()
    local q = lwt.protected(p)
    p:cancel()
    is(q, "rejected", Canceled)
  end)

  it("protects one consumer from another", function()
    local p, r = lwt.task()
    local a = lwt.protected(p):map(function(x) return x + 1 end)
    local b = p:map(function(x) return x + 2 end)
    a:cancel()
    is(a, "rejected", Canceled)
    r:wakeup(1)
    is(b, "fulfilled", 3)
  end)
end)

describe("no_cancel", function()
  it("follows the promise", function()
    local p, r = lwt.task()
    local q = lwt.no_cancel(p)
    r:wakeup(1, nil)
    is(q, "fulfilled", 1, nil)
  end)

  it("cannot be cancelled, nor the promise through it", function()
    local p = lwt.task()
    local q = lwt.no_cancel(p)
    local above = q:bind(print):finalize(print)
    q:cancel()
    above:cancel()
    lwt.pick({ lwt.fulfilled(), q })
    is(p, "pending")
    is(q, "pending")
    is(above, "pending")
  end)

  it("is canceled when the promise is, by another path", function()
    local p = lwt.task()
    local q = lwt.no_cancel(p)
    p:cancel()
    is(q, "rejected", Canceled)
  end)
end)

describe("wrap_in_cancelable", function()
  it("follows the promise", function()
    local p, r = lwt.wait()
    local q = lwt.wrap_in_cancelable(p)
    r:wakeup(1, nil)
    is(q, "fulfilled", 1, nil)
  end)

  it("is Canceled first, and then the promise is", function()
    local p = lwt.task()
    local q = lwt.wrap_in_cancelable(p)
    local log = new_log()
    p:on_cancel(function() log((q:state())) end)
    q:cancel()
    is(q, "rejected", Canceled)
    is(p, "rejected", Canceled)
    log.says "rejected"
  end)

  it("stays Canceled when the promise swallows the cancel", function()
    local p = lwt.task():catch(function() return "swallowed" end)
    local q = lwt.wrap_in_cancelable(p)
    q:cancel()
    is(q, "rejected", Canceled)
    is(p, "fulfilled", "swallowed")
  end)

  it("is Canceled when the promise cannot be, whose later result it ignores", function()
    local p, r = lwt.wait()
    local q = lwt.wrap_in_cancelable(p)
    q:cancel()
    is(q, "rejected", Canceled)
    is(p, "pending")
    r:wakeup(1)
    is(p, "fulfilled", 1)
    is(q, "rejected", Canceled)
  end)

  it("is canceled when the promise is", function()
    local p = lwt.task()
    local q = lwt.wrap_in_cancelable(p)
    p:cancel()
    is(q, "rejected", Canceled)
  end)
end)

it("protected, no_cancel and wrap_in_cancelable return a resolved promise itself", function()
  for _, name in ipairs { "protected", "no_cancel", "wrap_in_cancelable" } do
    local p, q = lwt.fulfilled(1), lwt.rejected "oops"
    assert.is_true(rawequal(p, lwt[name](p)))
    assert.is_true(rawequal(q, lwt[name](q)))
    q:state()
  end
end)

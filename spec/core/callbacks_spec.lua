local lwt = require "lwt"
local core = require "spec.support.core"
local is, new_log, with_hook = core.is, core.log, core.with_hook

describe("the callbacks without a result", function()
  it("each run for the outcome in their name, with its values", function()
    local log = new_log()
    local function attach(p)
      p:on_success(log.word("success", true))
      p:on_failure(log.word("failure", true))
      p:on_termination(log.word("termination", true))
      p:on_any(log.word("any ok", true), log.word("any failed", true))
    end
    local p, r = lwt.wait()
    local q, s = lwt.wait()
    attach(p)
    attach(q)
    log.says ""
    r:wakeup(1, nil, 3)
    log.says "success:1:nil:3 termination any ok:1:nil:3"
    s:wakeup_exn(nil)
    log.says "success:1:nil:3 termination any ok:1:nil:3 failure:nil termination any failed:nil"
  end)

  it("run at once when the promise is already resolved", function()
    local log = new_log()
    local p, q = lwt.fulfilled(1), lwt.rejected "oops"
    for _, x in ipairs { p, q } do
      x:on_success(log.word("success", true))
      x:on_failure(log.word("failure", true))
      x:on_termination(log.word "termination")
      x:on_any(log.word "any ok", log.word "any failed")
    end
    log.says "success:1 termination any ok failure:oops termination any failed"
  end)

  it("return nothing", function()
    for _, p in ipairs { lwt.fulfilled(1), (lwt.wait()) } do
      local function f() return 1 end
      assert.equal(0, select("#", p:on_success(f)))
      assert.equal(0, select("#", p:on_failure(f)))
      assert.equal(0, select("#", p:on_termination(f)))
      assert.equal(0, select("#", p:on_any(f, f)))
      assert.equal(0, select("#", p:on_cancel(f)))
    end
  end)

  it("that raise are told to the exception hook, run the others, and never raise from "
    .. "wakeup", function()
    with_hook(function(errors)
      local log = new_log()
      local err = {}
      local p, r = lwt.wait()
      p:on_success(function() error(err) end)
      p:on_success(log.word "second")
      p:on_termination(function() error("three", 0) end)
      p:on_any(function() error(nil) end, print)
      p:on_success(log.word "last")
      r:wakeup()
      log.says "second last"
      assert.equal(3, errors.n)
      assert.equal(err, errors[1])
      assert.equal("three", errors[2])
      assert.is_nil(errors[3])
    end)
  end)

  it("that raise when the promise is already resolved are told to the hook too, not to the "
    .. "caller", function()
    with_hook(function(errors)
      local function raise() error("oops", 0) end
      lwt.fulfilled():on_success(raise)
      lwt.fulfilled():on_termination(raise)
      lwt.fulfilled():on_any(raise, print)
      local p = lwt.rejected()
      p:on_failure(raise)
      p:on_any(print, raise)
      local c = lwt.task()
      c:cancel()
      c:on_cancel(raise)
      assert.equal(6, errors.n)
    end)
  end)

  it("may return a promise, which is not followed", function()
    local p = lwt.fulfilled(1)
    assert.equal(0, select("#", p:on_success(function() return (lwt.wait()) end)))
    is(p, "fulfilled", 1)
  end)
end)

describe("on_cancel", function()
  it("runs when the promise is cancelled, before the other callbacks, in the order of "
    .. "attaching", function()
    local log = new_log()
    local p = lwt.task()
    p:on_failure(log.word "failure")
    p:on_cancel(log.word("cancel 1", true))
    p:on_termination(log.word "termination")
    p:on_cancel(log.word("cancel 2", true))
    p:cancel()
    log.says "cancel 1 cancel 2 failure termination"
  end)

  it("runs when the promise is rejected with Canceled by hand", function()
    local log = new_log()
    local p, r = lwt.wait()
    p:on_failure(log.word "failure")
    p:on_cancel(log.word "cancel")
    r:wakeup_exn(lwt.Canceled)
    log.says "cancel failure"
  end)

  it("runs when Canceled comes through a bind", function()
    local log = new_log()
    local p = lwt.task()
    local q = p:bind(error)
    q:on_failure(log.word "failure")
    q:on_cancel(log.word "cancel")
    q:cancel()
    log.says "cancel failure"
  end)

  it("runs when a callback raises Canceled", function()
    local log = new_log()
    local p, r = lwt.wait()
    p:map(function() error(lwt.Canceled) end):on_cancel(log.word "cancel")
    r:wakeup()
    log.says "cancel"
  end)

  it("runs at once when the promise is already canceled", function()
    local log = new_log()
    lwt.rejected(lwt.Canceled):on_cancel(log.word "cancel")
    log.says "cancel"
  end)

  it("does not run for a value, another error, or a Canceled that a handler swallowed", function()
    local log = new_log()
    local p, r = lwt.task()
    p:on_cancel(log.word "never")
    r:wakeup()
    local q, s = lwt.task()
    q:on_cancel(log.word "never")
    s:wakeup_exn "oops"
    lwt.fulfilled():on_cancel(log.word "never")
    local e = lwt.rejected "oops"
    e:on_cancel(log.word "never")
    e:on_failure(function() end)
    local t = lwt.task()
    local u = t:catch(function() return 1 end)
    u:on_cancel(log.word "never")
    u:cancel()
    is(u, "fulfilled", 1)
    log.says ""
  end)

  it("sees the promise already canceled", function()
    local p = lwt.task()
    local state, err
    p:on_cancel(function() state, err = p:state() end)
    p:cancel()
    assert.equal("rejected", state)
    assert.equal(lwt.Canceled, err)
  end)

  it("that raises is told to the hook, and the others run", function()
    with_hook(function(errors)
      local log = new_log()
      local p = lwt.task()
      p:on_cancel(function() error("oops", 0) end)
      p:on_cancel(log.word "second")
      p:on_failure(log.word "failure")
      p:cancel()
      log.says "second failure"
      assert.same({ "oops", n = 1 }, errors)
    end)
  end)
end)

describe("async", function()
  it("runs the function at once with its arguments, and returns nothing", function()
    local got
    assert.equal(0, select("#", lwt.async(function(...) got = table.pack(...) end, 1, nil, 3)))
    assert.same({ 1, nil, 3, n = 3 }, got)
  end)

  it("tells the hook what the function raises, now or later", function()
    with_hook(function(errors)
      lwt.async(error, "now", 0)
      assert.same({ "now", n = 1 }, errors)
      local p, r = lwt.wait()
      lwt.async(function() return p end)
      r:wakeup_exn "later"
      assert.same({ "now", "later", n = 2 }, errors)
    end)
  end)

  it("runs it as a task, which may await", core.async(function()
    local p, r = lwt.wait()
    local got
    lwt.async(function() got = p:await() end)
    r:wakeup(7)
    lwt.yield()
    assert.equal(7, got)
  end))
end)

describe("dont_wait", function()
  it("calls the handler with what the function raises or its promise fails with", function()
    local log = new_log()
    lwt.dont_wait(function() error("now", 0) end, log.word("handler", true))
    log.says "handler:now"
    local p, r = lwt.wait()
    lwt.dont_wait(function() return p end, log.word("handler", true))
    log.says "handler:now"
    r:wakeup_exn "later"
    log.says "handler:now handler:later"
  end)

  it("does not call the handler when all is well, and returns nothing", function()
    assert.equal(0, select("#", lwt.dont_wait(function() return lwt.fulfilled() end, error)))
  end)

  it("tells the hook what the handler raises, and the other callbacks run", function()
    with_hook(function(errors)
      local log = new_log()
      lwt.dont_wait(function() error "x" end, function() error("from handler", 0) end)
      assert.same({ "from handler", n = 1 }, errors)
      local p, r = lwt.wait()
      lwt.dont_wait(function() return p end, function() error("late", 0) end)
      p:on_failure(log.word "other")
      r:wakeup_exn(1)
      log.says "other"
      assert.same({ "from handler", "late", n = 2 }, errors)
    end)
  end)

  it("runs its function as a task, which may await", core.async(function()
    local p, r = lwt.wait()
    local log = new_log()
    lwt.dont_wait(function() p:await() end, log.word("handler", true))
    r:wakeup_exn "bad"
    lwt.yield()
    log.says "handler:bad"
  end))
end)

describe("ignore_result", function()
  it("does nothing for a fulfilled promise, and returns nothing", function()
    assert.equal(0, select("#", lwt.ignore_result(lwt.fulfilled(1))))
  end)

  it("tells the hook a later failure", function()
    with_hook(function(errors)
      local p, r = lwt.wait()
      lwt.ignore_result(p)
      r:wakeup_exn "late"
      assert.same({ "late", n = 1 }, errors)
    end)
  end)

  it("raises the error of a promise that has already failed, as Lwt does", function()
    local ok, err = pcall(lwt.ignore_result, lwt.rejected "oops")
    assert.is_false(ok)
    assert.equal("oops", err)
  end)
end)

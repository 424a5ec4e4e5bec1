local lwt = require "lwt"
local core = require "spec.support.core"
local is, new_log, async, virtual = core.is, core.log, core.async, core.virtual

local Canceled = lwt.Canceled

describe("scope", function()
  it("gives the body's values when the body and every child are done", virtual(function()
    local log = new_log()
    local p = lwt.scope(function(s)
      s:spawn(function()
        lwt.sleep(2):await()
        log "child"
      end)
      s:spawn(function() log "quick child" end)
      log "body"
      return 1, nil, 3
    end)
    is(p, "pending")
    assert.same({ 1, nil, 3, n = 3 }, table.pack(p:await()))
    log.says "quick child body child"
  end))

  it("without children is over when the body is", async(function()
    is(lwt.scope(function() return 1 end), "fulfilled", 1)
    local p = lwt.scope(function() lwt.yield() return 2 end)
    assert.equal(2, p:await())
  end))

  it("passes arguments to its children, and gives a promise for each", async(function()
    lwt.scope(function(s)
      local child = s:spawn(function(...)
        lwt.yield()
        return ...
      end, 1, nil, 3)
      assert.same({ 1, nil, 3, n = 3 }, table.pack(child:await()))
    end):await()
  end))

  it("lets a child spawn into the scope, also after the body is over", async(function()
    local log = new_log()
    lwt.scope(function(s)
      s:spawn(function()
        lwt.yield()
        s:spawn(function()
          lwt.yield()
          log "grandchild"
        end)
      end)
    end):await()
    log.says "grandchild"
  end))

  it("is rejected with the first failure, after the rest were cancelled and are "
    .. "over", virtual(function()
    local log = new_log()
    local err = { "the first" }
    local p = lwt.scope(function(s)
      s:spawn(function()
        local ok, e = pcall(lwt.await, lwt.sleep(100))
        log("sibling", ok, e == Canceled)
        lwt.shield(function() lwt.sleep(1):await() end)
        log "sibling over"
        error(e, 0)
      end)
      s:spawn(function()
        lwt.sleep(1):await()
        error(err)
      end)
      local ok, e = pcall(lwt.await, lwt.sleep(100))
      log("body", ok, e == Canceled)
      error(e, 0)
    end)
    local ok, got = pcall(lwt.await, p)
    assert.is_false(ok)
    assert.equal(err, got)
    assert.equal(3, #log)
    assert.equal("sibling over", log[3])
  end))

  it("counts the body like a child: its failure cancels the children and is the "
    .. "scope's", virtual(function()
    local log = new_log()
    local p = lwt.scope(function(s)
      s:spawn(function()
        local ok, e = pcall(lwt.await, lwt.sleep(100))
        log(ok, e == Canceled)
      end)
      error("body", 0)
    end)
    assert.same({ false, "body" }, { pcall(lwt.await, p) })
    log.says "false:true"
  end))

  it("keeps the first failure when siblings fail while they are cancelled", async(function()
    local p = lwt.scope(function(s)
      s:spawn(function()
        pcall(lwt.await, (lwt.task()))
        error("second", 0)
      end)
      s:spawn(function()
        lwt.yield()
        error("first", 0)
      end)
    end)
    assert.same({ false, "first" }, { pcall(lwt.await, p) })
  end))

  it("is not failed by a child that somebody cancels alone", async(function()
    local p = lwt.scope(function(s)
      local child = s:spawn(function() lwt.task():await() end)
      child:cancel()
      return pcall(lwt.await, child)
    end)
    assert.same({ false, Canceled }, { p:await() })
    assert.same({ n = 0 }, lwt.errors(p))
  end))

  it("keeps the errors of all that failed reachable through errors, cancelled ones not counted",
    async(function()
    local p = lwt.scope(function(s)
      s:spawn(function() lwt.task():await() end)
      s:spawn(function()
        pcall(lwt.await, (lwt.task()))
        error("second", 0)
      end)
      s:spawn(function()
        lwt.yield()
        error("first", 0)
      end)
      lwt.task():await()
    end)
    assert.same({ false, "first" }, { pcall(lwt.await, p) })
    assert.same({ "first", "second", n = 2 }, lwt.errors(p))
    assert.same({ n = 0 }, lwt.errors(lwt.fulfilled()))
  end))

  it("cancelled from outside cancels all, and is Canceled when all are over", async(function()
    local log = new_log()
    local p = lwt.scope(function(s)
      for i = 1, 2 do
        s:spawn(function()
          local ok, e = pcall(lwt.await, (lwt.task()))
          log("child" .. i, ok, e == Canceled)
          error(e, 0)
        end)
      end
      local ok, e = pcall(lwt.await, (lwt.wait()))
      log("body", ok, e == Canceled)
      error(e, 0)
    end)
    p:cancel()
    is(p, "pending")
    assert.same({ false, Canceled }, { pcall(lwt.await, p) })
    assert.equal(3, #log)
    for _, line in ipairs(log) do assert.truthy(line:find "false:true$") end
  end))

  it("cancelled from inside by s:cancel() cancels all", async(function()
    local seen = 0
    local p = lwt.scope(function(s)
      for _ = 1, 2 do
        s:spawn(function()
          local _, e = pcall(lwt.await, (lwt.task()))
          if e == Canceled then seen = seen + 1 end
          error(e, 0)
        end)
      end
      lwt.yield()
      s:cancel()
      lwt.yield()
    end)
    assert.same({ true }, { pcall(lwt.await, p) })
    assert.equal(2, seen)
  end))

  it("once canceled raises Canceled at every await inside, so that a stray pcall cannot "
    .. "swallow it", async(function()
    local seen, given = {}, {}
    local p = lwt.scope(function(s)
      s:spawn(function()
        for i = 1, 3 do
          given[i] = lwt.task()
          seen[i] = table.pack(pcall(lwt.await, given[i]))
        end
        seen[4] = table.pack(pcall(lwt.yield))
        seen[5] = table.pack(pcall(lwt.await, lwt.fulfilled(1)))
      end)
      lwt.task():await()
    end)
    p:cancel()
    pcall(lwt.await, p)
    for i = 1, 5 do assert.same({ false, Canceled, n = 2 }, seen[i]) end
    for i = 1, 3 do is(given[i], "rejected", Canceled) end
  end))

  it("is not joined by a plain spawn inside", async(function()
    local gate, r = lwt.wait()
    local outside
    local p = lwt.scope(function()
      outside = lwt.spawn(function() return gate:await() end)
    end)
    is(p, "fulfilled")
    is(outside, "pending")
    r:wakeup(1)
    assert.equal(1, outside:await())
  end))

  it("nests: cancelling the outer cancels the inner, and an inner failure is the outer's "
    .. "when it is let out", async(function()
    local log = new_log()
    local outer = lwt.scope(function()
      local ok, e = pcall(lwt.await, lwt.scope(function(s)
        s:spawn(function()
          local _, err = pcall(lwt.await, (lwt.task()))
          log("inner child", err == Canceled)
          error(err, 0)
        end)
        lwt.task():await()
      end))
      log("inner", ok, e == Canceled)
      error(e, 0)
    end)
    outer:cancel()
    assert.same({ false, Canceled }, { pcall(lwt.await, outer) })
    log.says "inner child:true inner:false:true"
    local failing = lwt.scope(function()
      lwt.scope(function(s) s:spawn(error, "deep", 0) end):await()
    end)
    assert.same({ false, "deep" }, { pcall(lwt.await, failing) })
  end))

  it("lets an inner scope fail without touching the outer when its error is "
    .. "caught", async(function()
    local p = lwt.scope(function(outer)
      local sibling = outer:spawn(function() lwt.yield() return "sibling" end)
      local ok = pcall(lwt.await, lwt.scope(function(s) s:spawn(error, "inner") end))
      return ok, sibling:await()
    end)
    local ok, value = p:await()
    assert.is_false(ok)
    assert.equal("sibling", value)
  end))

  it("refuses to spawn once it is over", async(function()
    local kept
    lwt.scope(function(s) kept = s end):await()
    local ok, err = pcall(kept.spawn, kept, function() end)
    assert.is_false(ok)
    assert.truthy(err:find("the scope is over", 1, true))
  end))

  it("lets shield run to its end in a canceled scope", async(function()
    local log = new_log()
    local p = lwt.scope(function()
      pcall(lwt.await, (lwt.task()))
      log(lwt.shield(function()
        lwt.yield()
        lwt.spawn(function() lwt.yield() end):await()
        return "shielded"
      end))
      log(pcall(lwt.yield))
    end)
    p:cancel()
    pcall(lwt.await, p)
    log.says("shielded false:" .. tostring(Canceled))
  end))

  it("does not interrupt an await of no_cancel, even when it is canceled", async(function()
    local inner, r = lwt.task()
    local got
    local p = lwt.scope(function()
      got = lwt.no_cancel(inner):await()
    end)
    p:cancel()
    lwt.yield()
    is(p, "pending")
    r:wakeup "kept"
    pcall(lwt.await, p)
    assert.equal("kept", got)
  end))

  it("runs the <close> handlers of its tasks with the error", async(function()
    local log = new_log()
    local p = lwt.scope(function(s)
      s:spawn(function()
        local _ <close> = setmetatable({}, { __close = function(_, e)
          log("closed", e == Canceled)
        end })
        lwt.task():await()
      end)
      error("oops", 0)
    end)
    assert.same({ false, "oops" }, { pcall(lwt.await, p) })
    log.says "closed:true"
  end))

  it("cancelled before its children have begun still ends", async(function()
    local p = lwt.scope(function(s)
      s:cancel()
      s:spawn(function() lwt.task():await() end)
      lwt.task():await()
    end)
    assert.same({ true }, { pcall(lwt.await, p) })
  end))

  it("cancelled when the body and children are over does nothing", async(function()
    local kept
    local p = lwt.scope(function(s)
      kept = s
      return 1
    end)
    p:cancel()
    kept:cancel()
    is(p, "fulfilled", 1)
  end))

  it("forgets children that are done, while it goes on", async(function()
    local grown
    lwt.scope(function(s)
      local before
      for i = 1, core.count(5000, 100000) do
        s:spawn(lwt.yield)
        if i % 10 == 0 then lwt.yield() lwt.yield() end
        if i == 1000 then before = core.memory() end
      end
      grown = core.memory() - before
    end):await()
    assert.is_true(grown < 16 * 1024, grown)
  end))

  it("has an object with a readable tostring, which refuses what is no function", async(function()
    lwt.scope(function(s)
      assert(tostring(s):find "^lwt.scope: ")
      core.raises_here("bad argument #1 to 'spawn' (function expected, got nil)",
        function() s:spawn(nil) end)
      assert(not pcall(s.spawn, {}, print))
    end):await()
  end))

  it("may be large: ten thousand children, of which one fails", virtual(function()
    local over = 0
    local p = lwt.scope(function(s)
      for i = 1, 10000 do
        s:spawn(function()
          local _ <close> = setmetatable({}, { __close = function() over = over + 1 end })
          lwt.sleep(i == 5000 and 1 or 2):await()
          if i == 5000 then error("oops", 0) end
        end)
      end
    end)
    assert.same({ false, "oops" }, { pcall(lwt.await, p) })
    assert.equal(10000, over)
  end))
end)

describe("lwt.errors", function()
  local function errors_of(f)
    local p = lwt.scope(f)
    pcall(lwt.await, p)
    return lwt.errors(p)
  end

  it("has a child that failed with nil", core.async(function()
    local errors = errors_of(function(s)
      s:spawn(error, nil)
      s:spawn(error, "second", 0)
    end)
    assert.equal(2, errors.n)
    assert.is_nil(errors[1])
    assert.equal("second", errors[2])
  end))

  for _, err in ipairs { "text", { "a table" }, lwt.Timeout } do
    it("counts a failure once that the body awaits and passes on: "
      .. tostring(err):match "%a+", core.async(function()
      local errors = errors_of(function(s)
        s:spawn(function() lwt.yield() error(err, 0) end):await()
      end)
      assert.equal(1, errors.n)
      assert.equal(err, errors[1])
    end))

    it("counts it once, through a map and through other children: "
      .. tostring(err):match "%a+", core.async(function()
      local errors = errors_of(function(s)
        local a = s:spawn(function() lwt.yield() error(err, 0) end)
        local b = s:spawn(function() lwt.shield(function() a:await() end) end)
        b:await()
      end)
      assert.equal(1, errors.n)
    end))
  end

  it("counts failures that are alike, but two, twice", core.async(function()
    assert.equal(2, errors_of(function(s)
      s:spawn(error, "same", 0)
      s:spawn(error, "same", 0)
    end).n)
  end))
end)

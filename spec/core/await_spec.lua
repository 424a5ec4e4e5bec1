-- await: what it gives and raises, who goes on when, and where it may be.
local lwt = require "lwt"
local core = require "spec.support.core"
local new_log, async = core.log, core.async

describe("await", function()
  it("gives all the values, nils included", async(function()
    local n = select("#", lwt.await(lwt.fulfilled(1, nil, 3, nil)))
    assert.equal(4, n)
    assert.equal(0, select("#", lwt.fulfilled():await()))
    local p, r = lwt.wait()
    lwt.spawn(function() r:wakeup(nil, nil) end)
    assert.equal(2, select("#", p:await()))
    local q, s = lwt.wait()
    lwt.spawn(function()
      lwt.yield()
      s:wakeup(nil, 2, nil)
    end)
    assert.same({ nil, 2, nil, n = 3 }, table.pack(q:await()))
  end))

  it("waits behind those who came while it was interrupted, in the line of the same promise", async(function()
    for _, between in ipairs { "nothing", "a turn", "another promise" } do
      local log = new_log()
      local p, r = lwt.wait()
      local other = lwt.task()
      local again = lwt.spawn(function()
        pcall(lwt.await, p)
        if between == "a turn" then lwt.yield() end
        if between == "another promise" then lwt.await(lwt.pause()) end
        p:await()
        log "again"
      end)
      lwt.spawn(function()
        pcall(lwt.await, other)
        log "other"
      end)
      p:on_success(function() other:cancel() end)
      again:cancel()
      for _ = 1, 4 do lwt.yield() end
      r:wakeup()
      for _ = 1, 3 do lwt.yield() end
      log.says "other again"
    end
  end))

  it("raises the promise's error itself, whatever it is", async(function()
    for _, err in ipairs { "text", { "table" }, 12, false, lwt.Canceled, lwt.Timeout } do
      local ok, got = pcall(lwt.await, lwt.rejected(err))
      assert.is_false(ok)
      assert.is_true(rawequal(err, got))
      local p, r = lwt.wait()
      lwt.spawn(function()
        lwt.yield()
        r:wakeup_exn(err)
      end)
      ok, got = pcall(lwt.await, p)
      assert.is_false(ok)
      assert.is_true(rawequal(err, got))
    end
    assert.same({ false, nil }, { pcall(lwt.await, lwt.rejected(nil)) })
  end))

  it("of a resolved promise does not let other tasks run", async(function()
    local log = new_log()
    local other = lwt.spawn(function()
      lwt.yield()
      log "other"
    end)
    lwt.fulfilled():await()
    log "main"
    other:await()
    log.says "main other"
  end))

  it("is never resumed inside somebody else's wakeup", async(function()
    local log = new_log()
    local p, r = lwt.wait()
    local task = lwt.spawn(function()
      p:await()
      log "task"
    end)
    r:wakeup()
    log "woken"
    task:await()
    log.says "woken task"
  end))

  it("resumes tasks in the order in which they became ready", async(function()
    local log, promises, resolvers, tasks = new_log(), {}, {}, {}
    for i = 1, 5 do
      promises[i], resolvers[i] = lwt.wait()
      tasks[i] = lwt.spawn(function()
        promises[i]:await()
        log(i)
      end)
    end
    for _, i in ipairs { 3, 1, 5, 2, 4 } do resolvers[i]:wakeup() end
    for i = 1, 5 do tasks[i]:await() end
    log.says "3 1 5 2 4"
  end))

  it("resumes several waiters of one promise in the order in which they came", async(function()
    local log, tasks = new_log(), {}
    local p, r = lwt.wait()
    for i = 1, 5 do
      tasks[i] = lwt.spawn(function()
        log(i, p:await())
      end)
    end
    r:wakeup "x"
    lwt.join(tasks):await()
    log.says "1:x 2:x 3:x 4:x 5:x"
  end))

  it("raises outside a task, even for a resolved promise", function()
    for _, p in ipairs { lwt.fulfilled(1), (lwt.wait()) } do
      local ok, err = pcall(lwt.await, p)
      assert.is_false(ok)
      assert.truthy(tostring(err):find("attempt to await outside a task", 1, true))
      ok, err = pcall(p.await, p)
      assert.is_false(ok)
      assert.truthy(tostring(err):find("attempt to await outside a task", 1, true))
    end
  end)

  it("raises in a plain callback, also when a task did the wakeup", async(function()
    local p, r = lwt.wait()
    local errors = {}
    for _, name in ipairs { "on_success", "on_termination", "bind", "map" } do
      p[name](p, function()
        local _, err = pcall(lwt.await, lwt.fulfilled())
        errors[#errors + 1] = tostring(err)
      end)
    end
    r:wakeup()
    assert.equal(4, #errors)
    for _, err in ipairs(errors) do
      assert.truthy(err:find("attempt to await outside a task", 1, true), err)
    end
    -- And the task itself can still await.
    lwt.yield()
    assert.equal(1, lwt.fulfilled(1):await())
  end))

  it("works through pcall, xpcall, metamethods and iterators", async(function()
    local function later(...)
      local values = table.pack(...)
      return lwt.spawn(function()
        lwt.yield()
        return table.unpack(values, 1, values.n)
      end)
    end
    assert.same({ true, 1, nil, 3 }, { pcall(lwt.await, later(1, nil, 3)) })
    local ok, msg = xpcall(function()
      later():await()
      error("oops", 0)
    end, function(e) return e .. " handled" end)
    assert.is_false(ok)
    assert.equal("oops handled", msg)
    local object = setmetatable({}, {
      __index = function(_, k) return later(k .. "!"):await() end,
      __call = function(_, x) return later(x + 1):await() end,
      __add = function() return later("sum"):await() end,
      __concat = function() return later("cat"):await() end,
      __eq = function() return later(true):await() end,
      __lt = function() return later(true):await() end,
      __le = function() return later(false):await() end,
      __len = function() return later(42):await() end,
      __unm = function() return later("minus"):await() end,
      __newindex = function(t, k, v) rawset(t, k, later(v):await()) end,
      __close = function(t) later():await() rawset(t, "closed", true) end,
    })
    assert.equal("x!", object.x)
    assert.equal(3, object(2))
    assert.equal("sum", object + 1)
    assert.equal("cat", object .. "")
    assert.is_true(object == setmetatable({}, getmetatable(object)))
    assert.is_true(object < 1)
    assert.is_false(object <= object)
    assert.equal(42, #object)
    assert.equal("minus", -object)
    object.y = "stored"
    assert.equal("stored", rawget(object, "y"))
    do local _ <close> = object end
    assert.is_true(rawget(object, "closed"))
    local sum = 0
    for i in function(_, i)
      i = (i or 0) + 1
      return later(i <= 5 and i or nil):await()
    end do sum = sum + i end
    assert.equal(15, sum)
  end))

  it("works in <close> handlers when an error leaves the task", async(function()
    local log = new_log()
    local p = lwt.spawn(function()
      local _ <close> = setmetatable({}, { __close = function(_, e)
        lwt.yield()
        log("closed", e)
      end })
      lwt.yield()
      error("oops", 0)
    end)
    assert.same({ false, "oops" }, { pcall(lwt.await, p) })
    log.says "closed:oops"
  end))

  it("works deep in Lua calls", async(function()
    local function down(n)
      if n == 0 then
        lwt.yield()
        return 0
      end
      return 1 + down(n - 1)
    end
    assert.equal(10000, down(10000))
  end))

  describe("where Lua cannot yield", function()
    local function reason(f)
      local ok, err = pcall(f)
      assert.is_false(ok)
      err = tostring(err)
      assert.falsy(err:find "^attempt to yield across")
      assert.truthy(err:find "await")
      return err
    end
    local function pending() return (lwt.wait()) end

    it("says so in words: a table.sort comparator", async(function()
      reason(function() table.sort({ 3, 2, 1 }, function() pending():await() end) end)
    end))

    it("says so in words: a string.gsub callback", async(function()
      reason(function() string.gsub("x", "x", function() pending():await() end) end)
    end))

    it("says so in words: __tostring", async(function()
      reason(function()
        tostring(setmetatable({}, { __tostring = function() pending():await() end }))
      end)
    end))

    it("says so in words: require", async(function()
      package.preload["lwt spec module"] = function() pending():await() end
      reason(function() require "lwt spec module" end)
      package.preload["lwt spec module"] = nil
    end))

    it("says so in words: a message handler of xpcall", async(function()
      local _, err = xpcall(error, function()
        local ok, e = pcall(lwt.await, pending())
        return { ok, tostring(e) }
      end, "x")
      assert.is_false(err[1])
      assert.truthy(err[2]:find "await")
    end))

    it("says so in words: __gc", async(function()
      local told
      setmetatable({}, { __gc = function()
        local ok, e = pcall(lwt.await, pending())
        told = not ok and tostring(e)
      end })
      collectgarbage()
      collectgarbage()
      assert.truthy(told and told:find "await", told)
    end))

    it("leaves the task able to await afterwards", async(function()
      pcall(table.sort, { 3, 2, 1 }, function() pending():await() end)
      lwt.yield()
      assert.equal(1, lwt.spawn(function() lwt.yield() return 1 end):await())
    end))
  end)

  it("inside a plain coroutine of the user's own raises, and names the fix", async(function()
    local p = lwt.wait()
    local ok, err = coroutine.resume(coroutine.create(function() p:await() end))
    assert.is_false(ok)
    assert.truthy(tostring(err):find("attempt to await outside a task", 1, true))
    assert.truthy(tostring(err):find("lwt.coroutine", 1, true))
  end))
end)

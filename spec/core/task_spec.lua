-- Tasks: how they begin and end, which one runs, what they keep.
local lwt = require "lwt"
local core = require "spec.support.core"
local is, new_log, async = core.is, core.log, core.async

describe("spawn", function()
  it("runs the function at once until its first wait", async(function()
    local log = new_log()
    local gate, r = lwt.wait()
    local p = lwt.spawn(function(...)
      log("start", ...)
      gate:await()
      log "end"
      return "x", nil, "z"
    end, 1, nil, 3)
    log "spawned"
    is(p, "pending")
    r:wakeup()
    local a, b, c = p:await()
    log(a, b, c)
    log.says "start:1:nil:3 spawned end x:nil:z"
  end))

  it("works outside run as well: the task starts, and goes on in run or step", function()
    local gate, r = lwt.wait()
    local p = lwt.spawn(function() return gate:await() end)
    is(p, "pending")
    r:wakeup(1)
    is(p, "pending")
    assert.equal(1, lwt.run(p))
    is(lwt.spawn(function() return 1, 2 end), "fulfilled", 1, 2)
  end)

  it("is rejected with what the function raises, before or after a wait", async(function()
    local err = {}
    is(lwt.spawn(error, err), "rejected", err)
    is(lwt.spawn(error, nil), "rejected", nil)
    local p = lwt.spawn(function()
      lwt.yield()
      error(false)
    end)
    assert.same({ false, false }, { pcall(lwt.await, p) })
  end))

  it("follows the one promise that the function returns, and keeps it among "
    .. "several", async(function()
    local inner, r = lwt.wait()
    local p = lwt.spawn(function() return inner end)
    is(p, "pending")
    r:wakeup(1, 2)
    is(p, "fulfilled", 1, 2)
    is(lwt.spawn(function() return inner, 1 end), "fulfilled", inner, 1)
  end))

  it("starts tasks within tasks at once", async(function()
    local log = new_log()
    lwt.spawn(function()
      log "a"
      lwt.spawn(function() log "b" end)
      log "a end"
    end)
    log.says "a b a end"
  end))

  it("starts a task that is nested too deep from the ready queue instead", async(function()
    local started, promises = 0, {}
    local function nest(n)
      started = started + 1
      if n > 1 then promises[#promises + 1] = lwt.spawn(nest, n - 1) end
    end
    lwt.spawn(nest, 500):await()
    while started < 500 do lwt.yield() end
    for _, p in ipairs(promises) do p:await() end
    assert.equal(500, started)
  end))

  it("lets a task that is nested too deep inherit the storage of who spawned it", async(function()
    local key, seen, done = lwt.new_key(), 0, 0
    local function nest(n)
      if lwt.get(key) == n then seen = seen + 1 end
      done = done + 1
      if n > 1 then lwt.with_value(key, n - 1, lwt.spawn, nest, n - 1) end
    end
    lwt.with_value(key, 100, lwt.spawn, nest, 100)
    while done < 100 do lwt.yield() end
    assert.equal(100, seen)
  end))

  it("passes a great many arguments and results", async(function()
    local values = {}
    for i = 1, 5000 do values[i] = i end
    local results = table.pack(lwt.spawn(function(...)
      lwt.yield()
      return ...
    end, table.unpack(values)):await())
    assert.equal(5000, results.n)
    assert.equal(5000, results[5000])
  end))

  it("rejects a task that yields with coroutine.yield, and says what to use", async(function()
    local p = lwt.spawn(function() coroutine.yield "whom to?" end)
    local state, err = p:state()
    assert.equal("rejected", state)
    assert.truthy(tostring(err):find("lwt.yield", 1, true))
    lwt.yield()
  end))

  it("runs a function that is written in C", async(function()
    is(lwt.spawn(math.max, 1, 3, 2), "fulfilled", 3)
    is(lwt.spawn(lwt.yield), "pending")
  end))
end)

describe("current", function()
  it("is the running task's promise, in each task", async(function()
    local seen
    local p = lwt.spawn(function()
      seen = lwt.current()
      lwt.yield()
      assert.is_true(rawequal(seen, lwt.current()))
    end)
    assert.is_true(rawequal(p, seen))
    assert.is_false(rawequal(p, lwt.current()))
    p:await()
  end))

  it("is nil outside a task and in a plain callback", function()
    assert.is_nil(lwt.current())
    lwt.run(function()
      local p, r = lwt.wait()
      local inside = "not called"
      p:on_success(function() inside = lwt.current() end)
      r:wakeup()
      assert.is_nil(inside)
      assert.is_not_nil(lwt.current())
    end)
  end)
end)

describe("a task", function()
  it("that is dropped while it waits for ever is collected, and its <close> variables are "
    .. "not", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local p = lwt.wait()
      weak[p] = true
      lwt.spawn(function() p:await() end)
      p = nil -- luacheck: ignore
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  it("may be spawned, awaited and finished a great many times one after another", async(function()
    local turns = core.count(20000, 1000000)
    local before
    for i = 1, turns do
      assert(i == lwt.spawn(function(x)
        lwt.yield()
        return x
      end, i):await())
      if i == turns // 2 then before = core.memory() end
    end
    assert.is_true(core.memory() - before < 16 * 1024)
  end))

  it("keeps nothing from the task whose coroutine it reuses", async(function()
    local first = lwt.spawn(function()
      local key = lwt.new_key()
      lwt.set(key, 1)
      lwt.name "first"
      lwt.yield()
      return key
    end)
    local key = first:await()
    lwt.spawn(function()
      assert.is_nil(lwt.get(key))
      lwt.yield()
      assert.is_nil(lwt.get(key))
    end):await()
  end))
end)


-- Internal: what a server's clients are served with.
describe("a task that goes on when its function is done", function()
  local spawn_after = require "lwt.core".spawn_after

  it("is what the second function gives, which is told of the first as pcall would tell", async(function()
    is(spawn_after(function(...) return ... end, function(...) return ... end, 1, nil, 3), "fulfilled", true, 1, nil, 3)
    is(spawn_after(function(...) return ... end, error, "no", 0), "fulfilled", false, "no")
    is(spawn_after(function(_, v) error(v, 0) end, function() return "no" end), "rejected", "no")
    local gate, r = lwt.wait()
    local p = spawn_after(function(ok, v)
      lwt.yield()
      return ok, v, lwt.current()
    end, function()
      return gate:await()
    end)
    is(p, "pending")
    r:wakeup "late"
    local ok, v, current = p:await()
    assert.same({ true, "late", true }, { ok, v, current == p })
  end))

  it("keeps where an error was raised", async(function()
    local text
    spawn_after(function(_, err) text = lwt.traceback(err) end, function()
      lwt.yield()
      error { code = "MINE" }
    end):await()
    assert.matches("task_spec.lua:%d+", text)
  end))

  it("tells the second function of a cancel, which may wait and be cancelled itself", async(function()
    local log = new_log()
    local p = spawn_after(function(ok, err)
      log(ok, rawequal(err, lwt.Canceled))
      lwt.sleep(60):await()
    end, function() lwt.sleep(60):await() end)
    p:cancel()
    is(p, "pending")
    lwt.yield()
    p:cancel()
    assert.is_true(rawequal(select(2, pcall(lwt.await, p)), lwt.Canceled))
    log.says "false:true"
  end))

  it("may be started deep inside others, and with many arguments", async(function()
    local function deep(n)
      if n == 0 then return "bottom" end
      return spawn_after(function(_, p) return p end, deep, n - 1)
    end
    assert.equal("bottom", deep(40):await())
    local list = {}
    for i = 1, 300 do list[i] = i end
    local got = table.pack(spawn_after(function(...) return ... end, function(...) return ... end,
      table.unpack(list)):await())
    assert.equal(301, got.n)
  end))

  it("ends without the second function when somebody closes its coroutine", async(function()
    local log, gate, co = new_log(), lwt.wait(), nil
    local p = spawn_after(function() log "after" end, function()
      co = coroutine.running()
      gate:await()
    end)
    assert.matches("attempt to resume", (select(2, coroutine.resume(co))))
    is(p, "pending")
    coroutine.close(co)
    p:cancel()
    assert.is_false((pcall(lwt.await, p)))
    log.says ""
  end))
end)

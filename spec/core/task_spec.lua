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

describe("yield", function()
  it("lets every other ready task have a turn, in order", async(function()
    local log, tasks = new_log(), {}
    for i = 1, 3 do
      tasks[i] = lwt.spawn(function()
        for turn = 1, 3 do
          log(i .. turn)
          lwt.yield()
        end
      end)
    end
    lwt.join(tasks):await()
    log.says "11 21 31 12 22 32 13 23 33"
  end))

  it("returns nothing, and raises outside a task", async(function()
    assert.equal(0, select("#", lwt.yield()))
    lwt.fulfilled():on_success(function()
      local ok, err = pcall(lwt.yield)
      assert(not ok and tostring(err):find "outside a task")
    end)
  end))
end)

describe("pause", function()
  it("is a promise that is fulfilled at the next turn, first come, first served", async(function()
    local log = new_log()
    for i = 1, 3 do lwt.pause():on_success(log.word(i)) end
    log "paused"
    lwt.yield()
    lwt.yield()
    log.says "paused 1 2 3"
  end))

  it("made while the pauses are served waits for the turn after", function()
    local log = new_log()
    lwt.pause():on_success(function()
      log "1"
      lwt.pause():on_success(log.word "3")
    end)
    lwt.pause():on_success(log.word "2")
    lwt.step()
    log.says "1 2"
    lwt.step()
    log.says "1 2 3"
  end)

  it("can be cancelled", function()
    local p = lwt.pause()
    p:cancel()
    is(p, "rejected", lwt.Canceled)
    lwt.step()
    is(p, "rejected", lwt.Canceled)
  end)

  it("loops over a bind in constant memory", function()
    local turns = core.count(20000, 1000000)
    local left = turns
    local function loop()
      left = left - 1
      if left > 0 then return lwt.pause():bind(loop) end
    end
    local p = loop()
    local before
    while left > 0 do
      lwt.step()
      if left == turns // 2 then before = core.memory() end
    end
    is(p, "fulfilled")
    assert.is_true(core.memory() - before < 16 * 1024)
  end)
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

describe("direct", function()
  it("is a view in which every call awaits what it returns, and returned objects are views "
    .. "too", async(function()
    local Object = { __name = "object" }
    Object.__index = Object
    function Object.double(self) return lwt.spawn(function() lwt.yield() return self.n * 2 end) end
    function Object.plain(self) return self.n end
    local module = {
      constant = 5,
      make = function(n) return lwt.fulfilled(setmetatable({ n = n }, Object)) end,
      fail = function() return lwt.rejected "oops" end,
      values = function() return lwt.fulfilled(1, nil, 3) end,
    }
    local view = lwt.direct(module)
    assert.equal(5, view.constant)
    local object = view.make(4)
    assert.equal(8, object:double())
    assert.equal(4, object:plain())
    assert.same({ 1, nil, 3, n = 3 }, table.pack(view.values()))
    assert.same({ false, "oops" }, { pcall(view.fail) })
  end))

  it("leaves alone what an iterator works on: `for` gives it back as it is", async(function()
    local List = { __name = "list" }
    List.__index = List
    local function following(list, i)
      assert.equal(List, getmetatable(list))
      lwt.yield()
      i = i + 1
      if list[i] then return i, list[i] end
    end
    function List.each(list) return following, list, 0 end
    function List.later(list) return lwt.pause():map(function() return following, list, 0 end) end
    local list = lwt.direct(setmetatable({ "a", "b" }, List))
    local seen = {}
    for _, v in list:each() do seen[#seen + 1] = v end
    for _, v in list:later() do seen[#seen + 1] = v end
    assert.same({ "a", "b", "a", "b" }, seen)
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

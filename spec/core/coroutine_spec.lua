local lwt = require "lwt"
local core = require "spec.support.core"
local async = core.async

local co = lwt.coroutine

local function later(x)
  return lwt.spawn(function()
    lwt.yield()
    return x
  end)
end

describe("lwt.coroutine", function()
  it("is like the standard one where nothing awaits, also outside a task", function()
    local c = co.create(function(a, b)
      assert(a == 1 and b == nil)
      local x, y = co.yield("first", nil)
      assert(x == 2 and y == 3)
      return "done", nil
    end)
    assert.equal("suspended", co.status(c))
    assert.same({ true, "first", nil, n = 3 }, table.pack(co.resume(c, 1, nil)))
    assert.same({ true, "done", nil, n = 3 }, table.pack(co.resume(c, 2, 3)))
    assert.equal("dead", co.status(c))
    assert.is_false((co.resume(c)))
  end)

  it("gives errors from resume, and raises them from wrap", function()
    local err = {}
    assert.same({ false, err }, { co.resume(co.create(error), err) })
    local ok, got = pcall(co.wrap(error), err)
    assert.is_false(ok)
    assert.equal(err, got)
  end)

  it("lets a generator await in its body", async(function()
    local function generator(n)
      return co.wrap(function()
        for i = 1, n do co.yield(later(i):await()) end
      end)
    end
    local got = {}
    for x in generator(5) do got[#got + 1] = x end
    assert.same({ 1, 2, 3, 4, 5 }, got)
  end))

  it("lets other tasks run while its body awaits", async(function()
    local log = core.log()
    local other = lwt.spawn(function()
      for i = 1, 3 do
        log("other" .. i)
        lwt.yield()
      end
    end)
    local g = co.wrap(function()
      for i = 1, 2 do
        lwt.yield()
        co.yield("g" .. i)
      end
    end)
    log(g())
    log(g())
    other:await()
    log.says "other1 other2 g1 other3 g2"
  end))

  it("nests to any depth, awaiting and yielding at each level", async(function()
    local function nest(n)
      return co.wrap(function()
        if n == 0 then
          co.yield(later("bottom"):await())
        else
          for x in nest(n - 1) do co.yield(later(x .. n):await()) end
        end
      end)
    end
    local got = {}
    for x in nest(5) do got[#got + 1] = x end
    assert.same({ "bottom12345" }, got)
  end))

  it("knows its status, running and isyieldable", async(function()
    local c
    c = co.create(function()
      assert(co.status(c) == "running")
      assert(co.running() == c)
      assert(co.isyieldable())
      lwt.yield()
      assert(co.running() == c)
    end)
    assert.is_true((assert(co.resume(c))))
    assert.equal("dead", co.status(c))
  end))

  it("can be closed while suspended, which runs its <close> variables", function()
    local closed = false
    local c = co.create(function()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      co.yield()
    end)
    co.resume(c)
    assert.is_true((co.close(c)))
    assert.is_true(closed)
    assert.equal("dead", co.status(c))
  end)

  it("raises what it awaits inside its body, where a pcall catches it", async(function()
    local g = co.wrap(function()
      local ok, err = pcall(lwt.await, lwt.rejected "oops")
      co.yield(ok, err)
      later(1):await()
      error("second", 0)
    end)
    assert.same({ false, "oops" }, { g() })
    assert.same({ false, "second" }, { pcall(g) })
  end))

  it("waits in the <close> variables of a wrapped one that fails or is cancelled", async(function()
    local log = core.log()
    local function guard(name)
      return setmetatable({}, { __close = function(_, err)
        lwt.yield()
        log(name, err == lwt.Canceled and "canceled" or err)
      end })
    end
    local failing = co.wrap(function()
      local _ <close> = guard "a"
      co.yield()
      local _ <close> = guard "b"
      error("oops", 0)
    end)
    failing()
    assert.same({ false, "oops" }, { pcall(failing) })
    log.says "b:oops a:oops"
    local task = lwt.spawn(function()
      co.wrap(function()
        local _ <close> = guard "c"
        lwt.await((lwt.task()))
      end)()
    end)
    task:cancel()
    assert.is_true(task:is_pending())
    assert.same({ false, lwt.Canceled }, { pcall(lwt.await, task) })
    log.says "b:oops a:oops c:canceled"
  end))

  it("sees the cancel of its task at the await in its body", async(function()
    local log = core.log()
    local task = lwt.spawn(function()
      local g = co.wrap(function()
        local ok, err = pcall(lwt.await, (lwt.task()))
        log(ok, err == lwt.Canceled)
        co.yield "after"
      end)
      return g()
    end)
    task:cancel()
    assert.equal("after", task:await())
    log.says "false:true"
  end))

  it("raises outside a task when its body awaits", function()
    local ok, err = co.resume(co.create(function() lwt.await((lwt.wait())) end))
    assert.is_false(ok)
    assert.truthy(tostring(err):find("attempt to await outside a task", 1, true))
  end)
end)

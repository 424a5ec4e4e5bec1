-- Clones of a stream, and many that read or look at one.

local lwt = require "lwt"
local stream = require "lwt.stream"
local test = require "lwt.test"
local cost = require "spec.support.cost"
local expect = require "spec.support.expect"
local streams = require "spec.support.stream"

local await, spec = lwt.await, test.virtual
local fails = expect.fails
local by_hand, list = streams.by_hand, streams.list

describe("lwt.stream", function()
  describe("clone", function()
    it("sees the same elements at its own pace", spec(function()
      local a, push = stream.create()
      push(1)
      local b = a:clone()
      push(2)
      assert.same({ 1, 2 }, { await(a:next()), await(a:next()) })
      local c = b:clone()
      push(3)
      push(nil)
      assert.same({ 1, 2, 3 }, list(b))
      assert.same({ 3 }, list(a))
      assert.same({ 1, 2, 3 }, list(c))
    end))

    it("shares one call of the source among clones", spec(function()
      local s, answer, _, calls = by_hand()
      local c = s:clone()
      local p, q = s:get(), c:get()
      assert.equal(1, calls())
      answer("x")
      assert.equal("x", await(p))
      assert.equal("x", await(q))
      assert.equal(1, calls())
    end))

    it("meets an error once in each clone", spec(function()
      local n = 0
      local s = stream.from_direct(function()
        n = n + 1
        if n == 2 then error("two", 0) end
        if n < 4 then return n end
      end)
      local c = s:clone()
      for _, each in ipairs { s, c } do
        assert.equal(1, await(each:get()))
        fails("two", each:get())
        assert.same({ 3 }, list(each))
      end
      assert.equal(4, n)
    end))

    it("does not keep what a dropped clone has not read", spec(function()
      local s, push = stream.create()
      local c = s:clone()
      local seen = setmetatable({}, { __mode = "k" })
      for _ = 1, 500 do
        local v = {}
        seen[v] = true
        push(v)
        s:junk_available()
      end
      local function count()
        collectgarbage()
        collectgarbage()
        local n = 0
        for _ in pairs(seen) do n = n + 1 end
        return n
      end
      assert.equal(500, count())
      assert.equal("table", type(await(c:next())))
      c = nil -- luacheck: ignore
      assert.is_true(count() <= 130)
    end))
  end)
end)

describe("with many at a stream", function()
  -- What `work(n)` costs for each, for many beside for few.
  local function linear(work)
    local few, many = work(500) / 500, work(8000) / 8000
    assert.is_true(many < 2 * few, ("%.2f for each of 500, %.2f of 8000"):format(few, many))
  end

  it("an element costs the same for each clone that waits", spec(function()
    linear(function(n)
      local s, push = stream.create()
      local clones, got = {}, 0
      local function read(c)
        c:get():on_success(function()
          got = got + 1
          read(c)
        end)
      end
      for i = 1, n do
        clones[i] = s:clone()
        read(clones[i])
      end
      local spent = cost(function()
        push(1)
        push(2)
      end)
      assert.equal(2 * n, got)
      return spent
    end)
  end))

  it("a read of a clone costs the same while the source is at work", spec(function()
    linear(function(n)
      local s = stream.from(function() return (lwt.task()) end)
      local clones = {}
      for i = 1, n do clones[i] = s:clone() end
      return cost(function()
        for i = 1, n do clones[i]:get() end
      end)
    end)
  end))

  it("a read costs the same behind any number that only look", spec(function()
    linear(function(n)
      local s, push = stream.create()
      local peeks, reads = {}, {}
      local spent = cost(function()
        for i = 1, n do peeks[i] = s:peek() end
        for i = 1, n do
          reads[i] = s:get()
          s:peek()
        end
      end)
      for i = 1, n do push(i) end
      assert.equal(1, await(peeks[n]))
      assert.equal(n, await(reads[n]))
      return spent
    end)
  end))

  it("a peek costs the same whatever waits to be pushed", spec(function()
    linear(function(n)
      local s, pusher = stream.create_bounded(0)
      for i = 1, n do pusher:push(i) end
      return cost(function()
        for _ = 1, n do s:peek() end
      end)
    end)
  end))

  it("dropped clones whose readers were cancelled do not pile up", spec(function()
    local s, push = stream.create()
    local waiting = s:get()
    for _ = 1, 2000 do s:clone():get():cancel() end
    assert.is_true(#s.log.waiting < 100)
    push(1)
    assert.equal(1, await(waiting))
  end))

  it("a clone that nobody reads meets an error later", spec(function()
    local fail
    local s = stream.from(function()
      local p, r = lwt.task()
      fail = r
      return p
    end)
    local a, b = s:clone(), s:clone()
    local early = a:get()
    local p, q = b:get(), s:get()
    early:cancel()
    fail:wakeup_exn "broken"
    assert.same({ false, "broken" }, { pcall(await, p) })
    assert.same({ false, "broken" }, { pcall(await, q) })
    assert.same({ false, "broken" }, { pcall(await, a:get()) })
  end))
end)

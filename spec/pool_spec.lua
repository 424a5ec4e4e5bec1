local lwt = require "lwt"
local pool = require "lwt.pool"
local test = require "lwt.test"
local generated = require "spec.support.generated"
local expect = require "spec.support.expect"
local raises = expect.raises

local await, spec = lwt.await, test.virtual

-- A pool whose elements are numbered; `log` tells what happens to them.
local function numbered(n, opts)
  local made, log = 0, {}
  opts = opts or {}
  if opts.dispose == nil then
    opts.dispose = function(e) log[#log + 1] = "-" .. e end
  elseif opts.dispose == false then
    opts.dispose = nil
  end
  local p = pool.create(n, function()
    made = made + 1
    log[#log + 1] = "+" .. made
    return made
  end, opts)
  return p, log
end

local function identity(e) return e end

local function hold(seconds)
  return function(e)
    await(lwt.sleep(seconds or 1))
    return e
  end
end

describe("lwt.pool", function()
  it("makes elements when they are needed, and uses them again, oldest first", spec(function()
    local p, log = numbered(3)
    assert.same({}, log)
    assert.equal(1, await(p:use(identity)))
    assert.equal(1, await(p:use(identity)))
    local a, b = p:use(hold()), p:use(hold())
    assert.same({ "+1", "+2" }, log)
    assert.equal(1, await(a))
    assert.equal(2, await(b))
    assert.equal(1, await(p:use(identity)))
    assert.equal(2, await(p:use(identity)))
  end))

  it("passes what the function returns, and more arguments", spec(function()
    local p = numbered(1)
    assert.same({ 1, nil, "x" }, { await(p:use(function(e, ...) return e, ... end, nil, "x")) })
    local q, r = lwt.wait()
    local u = p:use(function() return q end)
    r:wakeup(1, 2)
    assert.same({ 1, 2 }, { await(u) })
  end))

  it("never has more than n, and serves who waits strictly in order", spec(function()
    local p, log = numbered(2)
    local order, jobs = {}, {}
    for i = 1, 6 do
      jobs[i] = p:use(function()
        order[#order + 1] = i
        await(lwt.sleep(i % 3 + 1))
      end)
    end
    assert.equal(4, p:wait_queue_length())
    await(lwt.join(jobs))
    assert.same({ 1, 2, 3, 4, 5, 6 }, order)
    assert.same({ "+1", "+2" }, log)
    assert.equal(0, p:wait_queue_length())
  end))

  it("passes by who was cancelled while waiting", spec(function()
    local p, ran = numbered(1), {}
    local first = p:use(hold())
    local second = p:use(function() ran[#ran + 1] = 2 end)
    local third = p:use(function() ran[#ran + 1] = 3 end)
    second:cancel()
    assert.equal(1, p:wait_queue_length())
    await(first)
    await(third)
    assert.same({ 3 }, ran)
    assert.equal(lwt.Canceled, select(2, pcall(await, second)))
  end))

  it("loses no place when a waiter is cancelled that was just given it", spec(function()
    local p, ran = numbered(1), {}
    local release, r = lwt.wait()
    local first = p:use(function() await(release) end)
    local second = p:use(function(e)
      ran[#ran + 1] = "second"
      await(lwt.sleep(1))
      return e
    end)
    local third = p:use(function() ran[#ran + 1] = "third" end)
    first:on_success(function() second:cancel() end)
    r:wakeup()
    await(third)
    assert.equal("third", ran[#ran])
    pcall(await, second)
    assert.equal(1, await(p:use(identity)))
  end))

  -- Tasks that start one another many deep begin from the ready queue; shuffled, one may be given
  -- its place, and be cancelled, before it has begun to wait for it.
  it("loses no place when a waiter is cancelled that has not even started", function()
    for seed = 1, 30 do
      test.fuzz(seed, function()
        local pools, jobs = {}, {}
        local function deeper(n)
          local p = numbered(1)
          local first = p:use(hold())
          local second = p:use(identity)
          first:cancel()
          second:cancel()
          pools[#pools + 1] = p
          jobs[#jobs + 1], jobs[#jobs + 2] = first, second
          if n > 0 then lwt.spawn(deeper, n - 1) end
        end
        deeper(12)
        while #pools < 13 do lwt.yield() end
        await(lwt.settled(jobs))
        for _, p in ipairs(pools) do assert.equal(1, await(p:use(identity))) end
      end)()
    end
  end)

  it("keeps an element whose user failed, without a check", spec(function()
    local p, log = numbered(1)
    assert.same({ false, "x" }, { pcall(await, p:use(function() error("x", 0) end)) })
    assert.equal(1, await(p:use(identity)))
    assert.same({ "+1" }, log)
  end))

  it("asks check about an element whose user failed", spec(function()
    local answer
    local p, log = numbered(1, {
      check = function(e)
        assert.equal("number", type(e))
        await(lwt.sleep(1))
        return answer
      end,
    })
    local function fail() error("x", 0) end
    answer = true
    pcall(await, p:use(fail))
    assert.equal(1, await(p:use(identity)))
    answer = false
    assert.same({ false, "x" }, { pcall(await, p:use(fail)) })
    assert.equal(2, await(p:use(identity)))
    assert.same({ "+1", "-1", "+2" }, log)
  end))

  it("lets check answer through is_ok, as in Lwt", spec(function()
    local p = numbered(1, { check = function(_, is_ok) is_ok(true) end })
    pcall(await, p:use(function() error("x") end))
    assert.equal(1, await(p:use(identity)))
    local q = numbered(1, { check = function() end })
    pcall(await, q:use(function() error("x") end))
    assert.equal(2, await(q:use(identity)))
  end))

  it("disposes of an element whose check raises, and goes on", spec(function()
    local p, log = numbered(1, { check = function() error("check", 0) end })
    assert.same({ false, "check" }, { pcall(await, p:use(function() error("x", 0) end)) })
    assert.equal(2, await(p:use(identity)))
    assert.same({ "+1", "-1", "+2" }, log)
  end))

  it("checks and disposes to the end when the user is cancelled", spec(function()
    local disposed
    local p = numbered(1, {
      check = function()
        await(lwt.sleep(1))
        return false
      end,
      dispose = function(e)
        await(lwt.sleep(1))
        disposed = e
      end,
    })
    local u = p:use(hold(100))
    local waiting = p:use(identity)
    lwt.yield()
    u:cancel()
    assert.equal(lwt.Canceled, select(2, pcall(await, u)))
    assert.equal(1, disposed)
    assert.equal(2, await(waiting))
  end))

  it("replaces an element that is not valid any more", spec(function()
    local p, log = numbered(1, { validate = function(e) return e ~= 1 end })
    assert.equal(1, await(p:use(identity)))
    assert.equal(2, await(p:use(identity)))
    assert.equal(2, await(p:use(identity)))
    assert.same({ "+1", "-1", "+2" }, log)
  end))

  it("does not validate an element that is new", spec(function()
    local p = numbered(1, { validate = function() error("asked") end })
    assert.equal(1, await(p:use(identity)))
  end))

  it("validates for who waited, too", spec(function()
    local valid = true
    local p = numbered(1, { validate = function() return valid end })
    local a, b = p:use(hold()), p:use(identity)
    valid = false
    assert.equal(1, await(a))
    assert.equal(2, await(b))
  end))

  it("disposes of an element whose validate raises; its user gets the error, the next a new one",
    spec(function()
      local bad = true
      local p, log = numbered(1, {
        validate = function()
          await(lwt.sleep(1))
          if bad then
            bad = false
            error("invalid", 0)
          end
          return true
        end,
      })
      await(p:use(identity))
      local a, b = p:use(identity), p:use(identity)
      assert.same({ false, "invalid" }, { pcall(await, a) })
      assert.equal(2, await(b))
      assert.same({ "+1", "-1", "+2" }, log)
    end))

  it("lets the next waiter try when making an element fails", spec(function()
    local tries = 0
    local p = pool.create(1, function()
      tries = tries + 1
      local n = tries
      await(lwt.sleep(1))
      if n < 3 then error("failed " .. n, 0) end
      return n
    end)
    local a, b, c, d = p:use(identity), p:use(identity), p:use(identity), p:use(identity)
    assert.same({ false, "failed 1" }, { pcall(await, a) })
    assert.same({ false, "failed 2" }, { pcall(await, b) })
    assert.equal(3, await(c))
    assert.equal(3, await(d))
    assert.equal(3, tries)
  end))

  it("lets the next waiter try when who was making one is cancelled", spec(function()
    local tries = 0
    local p = pool.create(1, function()
      tries = tries + 1
      local n = tries
      await(lwt.sleep(1))
      return n
    end)
    local a, b = p:use(identity), p:use(identity)
    lwt.yield()
    a:cancel()
    assert.equal(lwt.Canceled, select(2, pcall(await, a)))
    assert.equal(2, await(b))
  end))

  it("frees the place of an element whose dispose fails", spec(function()
    local p, log = numbered(1, {
      check = function() return false end,
      dispose = function(e) error("dispose " .. e, 0) end,
    })
    local a, b = p:use(function() error("x", 0) end), p:use(identity)
    assert.same({ false, "dispose 1" }, { pcall(await, a) })
    assert.equal(2, await(b))
    assert.same({ "+1", "+2" }, log)
  end))

  it("wakes the next waiter when an element was disposed of, before later users", spec(function()
    local p = numbered(1, { check = function() return false end })
    local order = {}
    local a = p:use(function()
      await(lwt.sleep(1))
      error("x")
    end)
    local b = p:use(function(e) order[#order + 1] = "b" .. e end)
    a:on_termination(function()
      p:use(function(e) order[#order + 1] = "c" .. e end)
    end)
    pcall(await, a)
    await(b)
    await(lwt.sleep(1))
    assert.same({ "b2", "c2" }, order)
  end))

  it("has nil for an element where create gives that", spec(function()
    local made = 0
    local p = pool.create(1, function() made = made + 1 end)
    await(p:use(function(e) assert.is_nil(e) end))
    await(p:use(function(e) assert.is_nil(e) end))
    assert.equal(1, made)
  end))

  describe("clear", function()
    it("disposes of the idle ones, one after another, oldest first", spec(function()
      local running = 0
      local gone = {}
      local p = numbered(3, {
        dispose = function(e)
          assert.equal(0, running)
          running = 1
          await(lwt.sleep(1))
          running = 0
          gone[#gone + 1] = e
        end,
      })
      await(lwt.join { p:use(hold(1)), p:use(hold(2)), p:use(hold(3)) })
      await(p:clear())
      assert.same({ 1, 2, 3 }, gone)
      assert.equal(4, await(p:use(identity)))
    end))

    it("disposes of those in use when they are given back", spec(function()
      local p, log = numbered(1)
      local a = p:use(hold())
      local b = p:use(identity)
      await(p:clear())
      assert.same({ "+1" }, log)
      assert.equal(1, await(a))
      assert.equal(2, await(b))
      assert.same({ "+1", "-1", "+2" }, log)
    end))

    it("disposes of all even when one fails, and tells the first failure", spec(function()
      local gone = {}
      local p = numbered(3, {
        dispose = function(e)
          gone[#gone + 1] = e
          if e < 3 then error("dispose " .. e, 0) end
        end,
      })
      await(lwt.join { p:use(hold()), p:use(hold()), p:use(hold()) })
      assert.same({ false, "dispose 1" }, { pcall(await, p:clear()) })
      assert.same({ 1, 2, 3 }, gone)
      assert.equal(4, await(p:use(identity)))
    end))

    it("goes on when its promise is cancelled", spec(function()
      local gone = {}
      local p = numbered(2, {
        dispose = function(e)
          await(lwt.sleep(1))
          gone[#gone + 1] = e
        end,
      })
      await(lwt.join { p:use(hold()), p:use(hold()) })
      local c = p:clear()
      c:cancel()
      await(lwt.sleep(3))
      assert.same({ 1, 2 }, gone)
    end))

    it("of an empty pool is done at once", spec(function()
      await(numbered(1):clear())
    end))
  end)

  it("refuses wrong arguments at the caller's line", function()
    raises(function() pool.create(0, print) end,
      "pool_spec.lua:%d+: bad argument #1 to 'create' %(must be at least 1%)")
    raises(function() pool.create(1) end,
      "bad argument #2 to 'create' %(function expected, got nil%)")
    raises(function() pool.create(1, print, { valdate = print }) end,
      "bad argument #3 to 'create' %(unknown option 'valdate'%)")
    raises(function() pool.create(1, print, { check = 1 }) end,
      "option 'check': function expected, got number")
    local p = pool.create(1, print)
    raises(function() p:use() end,
      "bad argument #1 to 'use' %(function expected, got nil%)")
    assert.has_error(function() pool.use({}) end)
    assert.has_error(function() pool.clear() end)
    assert.has_error(function() pool.wait_queue_length(1) end)
  end)

  -- Generated: users that come, work, fail and are cancelled at random, with a create, validate,
  -- check and dispose that fail at random, in a shuffled order of tasks, against what must hold:
  -- an element is used by one at a time, not before it was made and not after it was
  -- disposed of, disposed of once, never more than n of them; places are given strictly in the order of
  -- the calls; at the end nobody waits and no place is lost.
  it("agrees with a model of elements in use", function()
    generated.cases(2000, function(random, seed)
      test.fuzz(seed, function()
        local n = random(3)
        local elements, alive, making = {}, 0, 0
        local bad = random(2) == 1 and 4 or 1000 -- one in so many goes wrong
        local function maybe_wait()
          for _ = 1, random(3) - 1 do lwt.yield() end
        end
        local function go_wrong() return random(bad) == 1 end
        local p = pool.create(n, function()
          making = making + 1
          assert(alive + making <= n, "more than n")
          local _ <close> = setmetatable({}, { __close = function() making = making - 1 end })
          maybe_wait()
          if go_wrong() then error("create", 0) end
          local e = { id = #elements + 1, users = 0 }
          elements[e.id] = e
          alive = alive + 1
          return e
        end, {
          validate = function(e)
            assert(e.users == 0 and not e.gone, "validated in use")
            maybe_wait()
            if go_wrong() then error("validate", 0) end
            return not go_wrong()
          end,
          check = function(e)
            assert(e.users == 0 and not e.gone)
            maybe_wait()
            if go_wrong() then error("check", 0) end
            return not go_wrong()
          end,
          dispose = function(e)
            assert(e.users == 0, "disposed of in use")
            assert(not e.gone, "disposed of twice")
            e.gone = true
            alive = alive - 1
            maybe_wait()
            if go_wrong() then error("dispose", 0) end
          end,
        })
        local uses = {}
        for i = 1, random(15) do
          uses[i] = p:use(function(e)
            assert(not e.gone, "used after it was disposed of")
            e.users = e.users + 1
            local _ <close> = setmetatable({}, { __close = function() e.users = e.users - 1 end })
            assert(e.users == 1, "used by two")
            maybe_wait()
            if go_wrong() then error("user", 0) end
            return i
          end)
          if random(4) == 1 then lwt.yield() end
          if random(5) == 1 then uses[random(#uses)]:cancel() end
          if random(8) == 1 then lwt.ignore_result(p:clear():catch(function() end)) end
        end
        local expected = { create = 1, validate = 1, check = 1, dispose = 1, user = 1 }
        for i, use in ipairs(uses) do
          local ok, v = pcall(await, use)
          if ok then
            assert(i == v)
          elseif v ~= lwt.Canceled and not expected[v] then
            error(v, 0)
          end
        end
        assert(p:wait_queue_length() == 0)
        bad = 1000000
        -- No place is lost: n can still be in use at once.
        local inside, more = 0, {}
        for i = 1, n do
          more[i] = p:use(function()
            inside = inside + 1
            while inside < n do lwt.yield() end
          end)
        end
        await(lwt.join(more))
        repeat -- it may hear of one that was being disposed of, for a use that was cancelled
          local ok, err = pcall(await, p:clear())
          assert(ok or err == "dispose", err)
        until ok
        assert(alive == 0)
      end)()
    end)
  end)

  it("gives places strictly in the order of the calls, whatever happens", function()
    generated.cases(1000, function(random, seed)
      test.fuzz(seed, function()
        local n, served, uses = random(2), {}, {}
        -- Nothing here waits before the user's function, so places are seen where they are given.
        local p = pool.create(n, function()
          if random(5) == 1 then error("create", 0) end
          return true
        end, { check = function() return random(2) == 1 end })
        for i = 1, random(20) do
          uses[i] = p:use(function()
            served[#served + 1] = i
            for _ = 1, random(3) do lwt.yield() end
            if random(3) == 1 then error("user", 0) end
          end)
          if random(3) == 1 then lwt.yield() end
          if random(6) == 1 then
            uses[random(i)]:cancel()
          end
        end
        await(lwt.settled(uses))
        if n == 1 then
          for k = 2, #served do assert(served[k - 1] < served[k], "overtaken") end
        end
        assert.equal(0, p:wait_queue_length())
      end)()
    end)
  end)
end)

describe("pool:wait_queue_length", function()
  it("costs the same however many wait", spec(function()
    local cost = require "spec.support.cost"
    local function each(n)
      local p = pool.create(1, function() return 1 end)
      local gate, open = lwt.wait()
      local jobs = {}
      for i = 1, n do jobs[i] = p:use(function() if i == 1 then await(gate) end end) end
      local spent = cost(function()
        for _ = 1, n do p:wait_queue_length() end
      end)
      assert.equal(n - 1, p:wait_queue_length())
      for i = 2, n, 2 do jobs[i]:cancel() end
      assert.equal(n - 1 - n // 2, p:wait_queue_length())
      open:wakeup()
      for i = 1, n, 2 do await(jobs[i]) end
      assert.equal(0, p:wait_queue_length())
      return spent / n
    end
    local few, many = each(100), each(2000)
    assert.is_true(many < 2 * few + 1, ("%.2f beside %.2f"):format(many, few))
  end))

  it("is not told of a cancel by the promise of clear, which goes on", spec(function()
    local gone = false
    local p = pool.create(1, function() return 1 end, {
      dispose = function()
        lwt.yield()
        gone = true
      end,
    })
    await(p:use(function() end))
    local clearing = p:clear()
    clearing:cancel()
    assert.equal("pending", (clearing:state()))
    await(clearing)
    assert.is_true(gone)
  end))
end)

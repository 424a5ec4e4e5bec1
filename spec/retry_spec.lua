local lwt = require "lwt"
local retry = require "lwt.retry"
local test = require "lwt.test"
local expect = require "spec.support.expect"
local raises = expect.raises

local await, spec = lwt.await, test.virtual

-- Fails with "no <n>" before attempt `n`.
local function works_at(n)
  return function(i)
    if i < n then error("no " .. i, 0) end
    return "yes", i
  end
end

describe("lwt.retry", function()
  describe("run", function()
    it("gives the first success", spec(function()
      local start = lwt.now()
      assert.same({ "yes", 1 }, { await(retry.run(works_at(1))) })
      assert.equal(start, lwt.now())
      assert.same({ "yes", 3 }, { await(retry.run(works_at(3))) })
    end))

    it("gives up after three attempts, with the last failure", spec(function()
      assert.same({ false, "no 3" }, { pcall(await, retry.run(works_at(4))) })
      assert.same({ "yes", 5 }, { await(retry.run(works_at(5), { times = 5 })) })
      assert.same({ false, "no 1" }, { pcall(await, retry.run(works_at(2), { times = 1 })) })
    end))

    it("waits between attempts as it is told, and not after the last", spec(function()
      local start = lwt.now()
      pcall(await, retry.run(works_at(9), { delay = 2, times = 4 }))
      assert.equal(6, math.floor(lwt.now() - start + 0.5))
      local seen = {}
      start = lwt.now()
      await(retry.run(works_at(4), { times = 4, delay = function(n)
        seen[#seen + 1] = n
        await(lwt.sleep(1))
        return n
      end }))
      assert.same({ 1, 2, 3 }, seen)
      assert.equal(9, math.floor(lwt.now() - start + 0.5))
    end))

    it("has a default delay that grows from 0.1 to 30 seconds, with jitter", function()
      local lower, upper = 0.1, 0.2
      for n = 1, 20 do
        local least, most = math.huge, 0
        for _ = 1, 200 do
          local d = retry.default_delay(n)
          least, most = math.min(least, d), math.max(most, d)
        end
        assert.is_true(least >= lower and most <= upper)
        assert.is_true(most > least)
        upper = math.min(30, upper * 2)
        lower = upper / 2
      end
    end)

    it("tries again only what retry_if wants", spec(function()
      local asked = {}
      local p = retry.run(works_at(9), { times = 9, delay = 0, retry_if = function(err, n)
        await(lwt.sleep(1))
        asked[#asked + 1] = err .. n
        return n < 2
      end })
      assert.same({ false, "no 2" }, { pcall(await, p) })
      assert.same({ "no 11", "no 22" }, asked)
    end))

    it("ends at once with a fatal error", spec(function()
      local n = 0
      local p = retry.run(function()
        n = n + 1
        retry.fatal("wrong password")
      end)
      assert.same({ false, "wrong password" }, { pcall(await, p) })
      assert.equal(1, n)
    end))

    it("does not try again after a cancel, in an attempt or between two", spec(function()
      local n = 0
      local function attempt()
        n = n + 1
        await(lwt.sleep(10))
        error("no")
      end
      local p = retry.run(attempt, { delay = 10 })
      await(lwt.sleep(5))
      p:cancel()
      assert.equal(lwt.Canceled, select(2, pcall(await, p)))
      p = retry.run(attempt, { delay = 10 })
      await(lwt.sleep(15))
      p:cancel()
      assert.equal(lwt.Canceled, select(2, pcall(await, p)))
      assert.equal(2, n)
      test.assert_clean()
    end))

    it("follows promises", spec(function()
      assert.equal("v", await(retry.run(function() return lwt.sleep(1):map(function()
        return "v"
      end) end)))
    end))
  end)

  describe("attempts", function()
    it("gives each attempt as it is made", spec(function()
      local got = {}
      for a in retry.attempts(works_at(3), { delay = 1 }) do
        got[#got + 1] = ("%d %s"):format(a.n, a.value or a.error)
      end
      assert.same({ "1 no 1", "2 no 2", "3 yes" }, got)
    end))

    it("makes none that nobody asks for", spec(function()
      local n = 0
      local s = retry.attempts(function()
        n = n + 1
        error("no", 0)
      end, { delay = 0 })
      lwt.yield()
      assert.equal(0, n)
      assert.equal("no", await(s:get()).error)
      await(lwt.sleep(10))
      assert.equal(1, n)
      await(s:get())
      await(s:get())
      assert.is_nil(await(s:get()))
      assert.equal(3, n)
    end))

    it("ends after a fatal attempt", spec(function()
      local s = retry.attempts(function() retry.fatal("over") end)
      assert.same({ n = 1, error = "over", fatal = true }, await(s:get()))
      assert.is_nil(await(s:get()))
    end))
  end)

  it("refuses wrong arguments at the caller's line", function()
    raises(function() retry.run() end,
      "retry_spec.lua:%d+: bad argument #1 to 'run' %(function expected, got nil%)")
    raises(function() retry.run(print, { tries = 1 }) end,
      "retry_spec.lua:%d+: bad argument #2 to 'run' %(unknown option 'tries'%)")
    raises(function() retry.run(print, { times = 0 }) end,
      "retry_spec.lua:%d+: bad argument #2 to 'run'")
    assert.has_error(function() retry.run(print, { delay = -1 }) end)
    assert.has_error(function() retry.run(print, { delay = {} }) end)
    assert.has_error(function() retry.attempts(1) end)
  end)
end)

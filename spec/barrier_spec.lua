local lwt = require "lwt"
local barrier = require "lwt.barrier"
local test = require "lwt.test"

local await, spec = lwt.await, test.virtual

describe("lwt.barrier", function()
  it("lets all go when the last has come, in the order of their coming", spec(function()
    local b, log = barrier.create(3), {}
    for i = 1, 3 do
      lwt.spawn(function()
        log[#log + 1] = i .. " came"
        local place = await(b:wait())
        log[#log + 1] = i .. " left as " .. place
      end)
    end
    lwt.yield()
    assert.same({ "1 came", "2 came", "3 came", "3 left as 3", "1 left as 1", "2 left as 2" }, log)
  end))

  it("can be used round after round", spec(function()
    local b, rounds = barrier.create(2), 0
    local function walker()
      for _ = 1, 10 do await(b:wait()) end
      rounds = rounds + 1
    end
    await(lwt.join { lwt.spawn(walker), lwt.spawn(walker) })
    assert.equal(2, rounds)
  end))

  it("does not count who was cancelled", spec(function()
    local b = barrier.create(3)
    local gone, first = b:wait(), b:wait()
    gone:cancel()
    local second = b:wait()
    assert.equal("pending", (second:state()))
    assert.equal(3, await(b:wait()))
    assert.equal(1, await(first))
    assert.equal(2, await(second))
  end))

  it("does not count a task whose next await raises", spec(function()
    local b = barrier.create(2)
    local p = b:wait()
    pcall(await, lwt.scope(function(s)
      s:cancel()
      pcall(await, b:wait())
    end))
    lwt.yield()
    assert.equal("pending", (p:state()))
    assert.equal(2, await(b:wait()))
    assert.equal(1, await(p))
  end))

  it("counts who comes while others are let go to the next round", spec(function()
    local b, next_round = barrier.create(2), nil
    b:wait():on_success(function() next_round = b:wait() end)
    b:wait()
    lwt.yield()
    assert.equal("pending", (next_round:state()))
    b:wait()
    assert.same({ "fulfilled", 1 }, { next_round:state() })
  end))

  it("for one never waits", spec(function()
    local b = barrier.create(1)
    assert.equal(1, await(b:wait()))
    assert.equal(1, await(b:wait()))
  end))

  it("refuses wrong arguments", function()
    assert.has_error(function() barrier.create(0) end)
    assert.has_error(function() barrier.create("2") end)
    assert.has_error(function() barrier.wait({}) end)
  end)
end)

describe("a barrier that is nearly full", function()
  it("costs the same for each that comes and goes", function()
    local cost = require "spec.support.cost"
    local function each(n)
      local b = barrier.create(n)
      for _ = 1, n - 2 do b:wait() end
      return cost(function()
        for _ = 1, n do b:wait():cancel() end
      end) / n
    end
    local few, many = each(500), each(8000)
    assert.is_true(many < 2 * few, ("%.2f beside %.2f"):format(many, few))
  end)
end)

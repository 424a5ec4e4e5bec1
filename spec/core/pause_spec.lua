-- yield and pause: a turn for the others.
local lwt = require "lwt"
local core = require "spec.support.core"
local is, new_log, async = core.is, core.log, core.async

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

-- Threads that run Lua when the state that has started them is closed.

local script = require "spec.support.script".run

describe("a Lua state that closes", function()
  local function closes_within(seconds, text)
    local result = script(text, 30)
    assert.equal("", result.err)
    assert.equal("closing\n", result.out)
    assert.equal(0, result.code)
    assert.is_true(result.seconds < seconds, ("took %.1f s"):format(result.seconds))
  end

  local HEAD = [[
    local lwt, preemptive = require "lwt", require "lwt.preemptive"
    local begun = preemptive.channel(9)
    local function start(f)
      preemptive.detach(function()
        local l = require "lwt"
        l.run(begun:send(true))
        f()
      end)
      lwt.run(begun:recv())
    end
  ]]
  local TAIL = [[
    io.write "closing\n"
    os.exit(0, true)]]

  it("stops an endless loop", function()
    closes_within(20, HEAD .. "start(function() while true do end end)" .. TAIL)
  end)

  it("stops an endless loop that catches errors", function()
    closes_within(20, HEAD .. [[
      start(function() while true do pcall(function() while true do end end) end end)]] .. TAIL)
  end)

  it("stops an endless loop in a message handler", function()
    closes_within(20, HEAD .. [[
      start(function()
        local function loop() while true do end end
        while true do xpcall(loop, loop) end
      end)]] .. TAIL)
  end)

  it("stops an endless loop in a coroutine", function()
    closes_within(20, HEAD .. [[
      start(function()
        local co = coroutine.wrap(function() while true do end end)
        for _ = 1, 100 do coroutine.create(print) end
        co()
      end)]] .. TAIL)
  end)

  it("stops an endless loop in a task", function()
    closes_within(20, HEAD .. [[
      start(function()
        local l = require "lwt"
        l.run(function()
          l.yield()
          while true do end
        end)
      end)]] .. TAIL)
  end)

  it("ends a worker's loop that waits for ever", function()
    closes_within(20, HEAD .. [[
      start(function()
        local l = require "lwt"
        l.run(function() require "lwt.net".tcp_listen("127.0.0.1:0"):await():accept():await() end)
      end)]] .. TAIL)
  end)

  it("ends a worker that asks the main state", function()
    closes_within(20, HEAD .. [[
      start(function() require "lwt.preemptive".run_in_main(function() return require "lwt".wait() end) end)
    ]] .. TAIL)
  end)

  it("leaves a worker behind that sits in C", function()
    closes_within(20, HEAD .. "start(function() os.execute 'exec sleep 25 >/dev/null 2>&1' end)" .. TAIL)
  end)

  it("survives finalizers that cancel", function()
    closes_within(20, [[
      local early = setmetatable({}, { __gc = function(t) for _, p in ipairs(t) do p:cancel() end end })
    ]] .. HEAD .. [[
      preemptive.set_bounds(0, 1)
      local ch = preemptive.channel(0)
      local late = setmetatable({}, getmetatable(early))
      for _, list in ipairs { early, late } do
        for i = 1, 20 do
          list[#list + 1] = preemptive.detach(function() return i end)
          list[#list + 1] = ch:recv()
        end
      end]] .. TAIL)
  end)

  it("stops the one that runs among others that have nothing to do", function()
    closes_within(20, HEAD .. [[
      preemptive.set_bounds(3, 3)
      start(function() while true do end end)]] .. TAIL)
  end)

  it("throws away calls that wait for room in the queue", function()
    closes_within(20, HEAD .. [[
      preemptive.set_bounds(0, 1)
      preemptive.set_max_queued(1)
      start(function() while true do end end)
      for i = 1, 9 do preemptive.detach(function() return i end) end]] .. TAIL)
  end)

  it("throws away calls that have not started, and results nobody waits for", function()
    closes_within(20, HEAD .. [[
      for i = 1, 1000 do preemptive.detach(function() return { i } end) end]] .. TAIL)
  end)
end)

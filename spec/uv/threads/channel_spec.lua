-- Channels between Lua states: in one state, between two, and between many.
local lwt = require "lwt"
local preemptive = require "lwt.preemptive"
local await = lwt.await

local function task(f) return function() lwt.run(f) end end

describe("a thread channel", function()
  it("takes as many messages as its size, then senders wait", task(function()
    local ch = preemptive.channel(2)
    assert.same({ "fulfilled" }, { ch:send(1):state() })
    assert.same({ "fulfilled" }, { ch:send(2):state() })
    local third, fourth = ch:send(3), ch:send(4)
    assert.is_true(third:is_pending())
    assert.equal(2, #ch)
    assert.same({ "fulfilled", 1 }, { ch:recv():state() })
    await(third)
    assert.is_true(fourth:is_pending())
    assert.equal(2, await(ch:recv()))
    await(fourth)
    assert.equal(3, await(ch:recv()))
    assert.equal(4, await(ch:recv()))
    assert.equal(0, #ch)
  end))

  it("hands over directly when its size is 0", task(function()
    local ch = preemptive.channel()
    local sent = ch:send("a", nil, "c")
    assert.is_true(sent:is_pending())
    assert.same({ "fulfilled", "a", nil, "c" }, { ch:recv():state() })
    await(sent)
    local received = ch:recv()
    assert.is_true(received:is_pending())
    assert.same({ "fulfilled" }, { ch:send(5):state() })
    assert.equal(5, await(received))
  end))

  it("keeps the order when a receiver that has been given a message is canceled", task(function()
    local ch = preemptive.channel(2)
    local a, b = ch:recv(), ch:recv()
    ch:send(1)
    ch:send(2)
    a:cancel()
    assert.equal(1, await(b))
    assert.equal(2, await(ch:recv()))
    -- the second of three, and one of another channel in between
    local other = preemptive.channel(2)
    local r = { ch:recv(), ch:recv(), other:recv(), ch:recv() }
    for i = 1, 3 do ch:send(i) end
    other:send("another")
    r[2]:cancel()
    assert.same({ 1, "another", 2, 3 }, { await(r[1]), await(r[3]), await(r[4]), await(ch:recv()) })
  end))

  it("lets nobody have a message before those who have asked earlier have theirs", task(function()
    local ch = preemptive.channel(2)
    local got = {}
    local function note() return ch:recv():on_success(function(v) got[#got + 1] = tostring(v) end) end
    note()
    note()
    for i = 1, 4 do ch:send(i) end
    for _ = 1, 4 do note() end
    ch:close()
    for _ = 1, 5 do await(lwt.pause()) end
    assert.equal("1 2 3 4 nil nil", table.concat(got, " "))
  end))

  it("gives the messages in order to a loop of callbacks that has two on their way", task(function()
    local ch = preemptive.channel(3)
    local got, ended, resolver = {}, lwt.wait()
    local function go()
      ch:recv():on_success(function(v)
        if v == nil then return ended:is_pending() and resolver:wakeup() end
        got[#got + 1] = v
        go()
      end)
    end
    go()
    go()
    for i = 1, 100 do await(ch:send(i)) end
    ch:close()
    await(ended)
    for i = 1, 100 do assert.equal(i, got[i]) end
  end))

  it("serves receivers in the order in which they came", task(function()
    local ch = preemptive.channel(0)
    local r = { ch:recv(), ch:recv(), ch:recv() }
    for i = 1, 3 do ch:send(i) end
    for i = 1, 3 do assert.equal(i, await(r[i])) end
  end))

  it("gives what is in it, then nil, when it is closed", task(function()
    local ch = preemptive.channel(2)
    ch:send(1)
    ch:send(2)
    local waiting = ch:send(3)
    assert.is_false(ch:is_closed())
    ch:close()
    ch:close()
    assert.is_true(ch:is_closed())
    assert.same({ false, lwt.Closed }, { pcall(await, waiting) })
    assert.same({ "rejected", lwt.Closed }, { ch:send(4):state() })
    assert.equal(1, await(ch:recv()))
    assert.equal(2, await(ch:recv()))
    assert.equal(1, select("#", await(ch:recv())))
    assert.is_nil(await(ch:recv()))
  end))

  it("wakes receivers with nil when it is closed", task(function()
    local ch = preemptive.channel(1)
    local a, b = ch:recv(), ch:recv()
    ch:close()
    assert.is_nil(await(a))
    assert.is_nil(await(b))
  end))

  it("tells nobody of its end while a message may come back", task(function()
    for _, cancelled in ipairs { true, false } do
      local ch, asked = preemptive.channel(1), preemptive.channel(1)
      local first = ch:recv()
      ch:send "late" -- on its way to `first`, which has it when the loop turns
      ch:close()
      local other = preemptive.detach(function()
        local p = ch:recv()
        asked:send(true)
        return require "lwt".run(p)
      end)
      while #asked == 0 do end
      if cancelled then first:cancel() else assert.equal("late", await(first)) end
      assert.equal(cancelled and "late" or nil, await(other))
    end
  end))

  it("loses nothing when a receiver is cancelled", task(function()
    local ch = preemptive.channel(1)
    local a, b = ch:recv(), ch:recv()
    a:cancel()
    assert.same({ "rejected", lwt.Canceled }, { a:state() })
    ch:send "x"
    assert.equal("x", await(b))
    -- already on its way to the receiver that is cancelled
    local c, d = ch:recv(), ch:recv()
    ch:send "y"
    c:cancel()
    assert.equal("y", await(d))
    local e = ch:recv()
    ch:send "z"
    e:cancel()
    ch:send "after"
    assert.equal("z", await(ch:recv()))
    assert.equal("after", await(ch:recv()))
  end))

  it("withdraws the message of a sender that is cancelled", task(function()
    local ch = preemptive.channel(0)
    local b = require "lwt.bytes".of_string "bytes"
    local first, second, third = ch:send "first", ch:send(b), ch:send "third"
    assert.has_error(function() b:get(0) end)
    second:cancel()
    assert.equal("bytes", b:to_string())
    assert.equal("first", await(ch:recv()))
    assert.equal("third", await(ch:recv()))
    await(lwt.both(first, third))
    b:set(0, 66)
    local last = ch:send(b)
    ch:close()
    assert.is_false(pcall(await, last))
    assert.equal("Bytes", b:to_string())
  end))

  it("does not say of a message that has been received that it was withdrawn", task(function()
    local ch = preemptive.channel(0)
    local sent = ch:send "first"
    assert.equal("first", await(ch:recv()))
    assert.equal("pending", (sent:state())) -- the news is on its way
    sent:cancel()
    assert.is_true(pcall(await, sent))
    local b = require "lwt.bytes".of_string "bytes"
    local shut = ch:send(b)
    ch:close()
    shut:cancel() -- not sent
    assert.equal(lwt.Canceled, select(2, pcall(await, shut)))
    lwt.yield()
    assert.equal("bytes", b:to_string())
  end))

  it("says of each message truly whether it was sent, however close receiver and cancel are", task(function()
    local ch, sent = preemptive.channel(0), {}
    local receiver = preemptive.detach(function()
      local l = require "lwt"
      return l.run(function()
        local got = {}
        for i in function() return l.await(ch:recv()) end do got[i] = true end
        return got
      end)
    end)
    for i = 1, 4000 do
      local p = ch:send(i)
      if i % 10 == 0 then
        lwt.yield()
        p:cancel()
      end
      sent[i] = (pcall(await, p))
    end
    ch:close()
    local got = await(receiver)
    for i, was_sent in ipairs(sent) do assert.equal(was_sent, got[i] == true) end
  end))

  it("does not take a message twice when its receiver is cancelled after it", task(function()
    local ch = preemptive.channel(0)
    local a = ch:recv()
    ch:send(1)
    await(a)
    a:cancel()
    assert.equal(1, await(a))
    assert.equal(0, #ch)
  end))

  it("is one and the same wherever it arrives", task(function()
    local ch = preemptive.channel(2)
    await(ch:send(ch))
    assert.equal(ch, await(ch:recv()))
    assert.equal(ch, await(preemptive.detach(function(a, b)
      assert(a == b)
      return a
    end, ch, ch)))
  end))

  it("is let go of with the messages that it has itself in", task(function()
    if os.getenv "LWT_UNDER" then return end -- (a sanitizer's and valgrind's own memory is counted too)
    local function kilobytes()
      for line in io.lines "/proc/self/status" do
        local n = line:match "^VmRSS:%s*(%d+)"
        if n then return tonumber(n) end
      end
    end
    local text = ("x"):rep(1 << 20)
    local function round()
      local ch = preemptive.channel(2)
      await(ch:send(ch, text))
      await(ch:send { ch, text })
    end
    for _ = 1, 5 do round() end
    collectgarbage()
    collectgarbage()
    local before = kilobytes()
    for i = 1, 100 do
      round()
      if i % 5 == 0 then collectgarbage() end
    end
    assert.is_true(kilobytes() - before < 100 * 1024, kilobytes() - before) -- of 200 MiB
  end))

  it("carries messages to a worker and back", task(function()
    local there, back = preemptive.channel(10), preemptive.channel(0)
    local p = preemptive.detach(function()
      local l = require "lwt"
      return l.run(function()
        local n = 0
        while true do
          local x = there:recv():await()
          if x == nil then break end
          back:send(x * 2):await()
          n = n + 1
        end
        back:close()
        return n
      end)
    end)
    lwt.async(function()
      for i = 1, 1000 do await(there:send(i)) end
      there:close()
    end)
    for i = 1, 1000 do assert(await(back:recv()) == 2 * i) end
    assert.is_nil(await(back:recv()))
    assert.equal(1000, await(p))
  end))

  it("gives each message to one receiver, among many states", task(function()
    local work, done = preemptive.channel(5), preemptive.channel(5)
    local workers = {}
    for i = 1, 4 do
      workers[i] = preemptive.detach(function()
        local l = require "lwt"
        return l.run(function()
          local tasks, n = {}, 0
          for t = 1, 3 do
            tasks[t] = l.spawn(function()
              while true do
                local x = work:recv():await()
                if x == nil then return end
                n = n + 1
                done:send(x):await()
              end
            end)
          end
          l.join(tasks):await()
          return n
        end)
      end)
    end
    local sum = 0
    local collector = lwt.spawn(function()
      for _ = 1, 2000 do sum = sum + await(done:recv()) end
    end)
    for i = 1, 2000 do await(work:send(i)) end
    work:close()
    await(collector)
    local total = 0
    for i = 1, 4 do total = total + await(workers[i]) end
    assert.equal(2000, total)
    assert.equal(2000 * 2001 // 2, sum)
  end))

  it("outlives the state that made it", task(function()
    local ch = await(preemptive.detach(function()
      local l, p = require "lwt", require "lwt.preemptive"
      -- made in the worker of a worker, whose state ends with the bounds
      return l.run(p.detach(function()
        local q = require "lwt.preemptive"
        local c = q.channel(1)
        require "lwt".run(c:send "from afar")
        return c
      end))
    end))
    assert.equal("from afar", await(ch:recv()))
  end))

  it("does not keep a loop waiting for what nobody can send", function()
    local main = lwt.spawn(function()
      local ch = preemptive.channel(0)
      await(ch:recv())
    end)
    local ok, err = pcall(lwt.run, main)
    assert.is_false(ok)
    assert.truthy(tostring(err):find "deadlock")
    main:cancel()
    -- and neither when the last other state forgets the channel
    main = lwt.spawn(function()
      local ch = preemptive.channel(0)
      local p = preemptive.detach(function(c)
        assert(c)
        c = nil -- luacheck: ignore
        require "lwt".run(require "lwt".sleep(0.02))
        collectgarbage()
      end, ch)
      assert(p)
      await(ch:recv())
    end)
    ok, err = pcall(lwt.run, main)
    assert.is_false(ok)
    assert.truthy(tostring(err):find "deadlock")
    main:cancel()
  end)

  it("rejects the receiver of what cannot be unpacked, and goes on", task(function()
    package.loaded["spec.vanishing"] = { f = function() end }
    local ch = preemptive.channel(2)
    ch:send(package.loaded["spec.vanishing"])
    ch:send "next"
    package.loaded["spec.vanishing"] = nil
    local ok, err = pcall(await, ch:recv())
    assert.is_false(ok)
    assert.truthy(tostring(err):find "spec.vanishing")
    assert.equal("next", await(ch:recv()))
  end))

  -- A task that was cancelled and has yet to be told.
  local function due(f)
    return lwt.spawn(function()
      lwt.current():cancel()
      return f()
    end)
  end

  it("gives nothing to a task that has yet to be told of a cancel", task(function()
    local ch = preemptive.channel(2)
    await(ch:send "job")
    local t = due(function() return await(ch:recv()) end)
    assert.same({ false, lwt.Canceled }, { pcall(await, t) })
    await(lwt.sleep(0.002))
    assert.equal(1, #ch)
    assert.equal("job", await(ch:recv()))
    -- one that does not await it has it all the same, in its turn
    local p
    await(ch:send "later")
    await(due(function() p = ch:recv() end))
    assert.equal("later", await(p))
    -- and so with nothing to give
    await(due(function() p = ch:recv() end))
    ch:close()
    assert.is_nil(await(p))
    await(due(function() p = ch:recv() end))
    assert.is_nil(await(p))
  end))

  it("takes nothing from a task that has yet to be told of a cancel", task(function()
    local ch = preemptive.channel(1)
    local b = require "lwt.bytes".of_string "bytes"
    local t = due(function() await(ch:send(b)) end)
    assert.same({ false, lwt.Canceled }, { pcall(await, t) })
    await(lwt.sleep(0.002))
    assert.equal(0, #ch)
    assert.equal("bytes", b:to_string())
    local p, q
    await(due(function() p, q = ch:send "one", ch:send "two" end))
    await(p)
    assert.is_true(q:is_pending())
    assert.equal("one", await(ch:recv()))
    assert.equal("two", await(ch:recv()))
    await(q)
    await(due(function() p = ch:send "late" end))
    ch:close()
    assert.same({ false, lwt.Closed }, { pcall(await, p) })
  end))

  it("gives and takes nothing in a canceled scope", task(function()
    local ch = preemptive.channel(2)
    await(ch:send "job")
    local told = {}
    pcall(await, lwt.scope(function(s)
      s:spawn(function()
        pcall(lwt.yield)
        told[1] = select(2, pcall(function() return await(ch:recv()) end))
        told[2] = select(2, pcall(function() return await(ch:send "x") end))
      end)
      s:cancel()
    end))
    assert.same({ lwt.Canceled, lwt.Canceled }, told)
    await(lwt.sleep(0.002))
    assert.equal(1, #ch)
    assert.equal("job", await(ch:recv()))
  end))

  it("keeps a message for which its receiver has no memory", function()
    local result = require "spec.support.script".run [[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      local ch = preemptive.channel(2)
      preemptive.set_memory_limit(2 << 20)
      lwt.run(function()
        lwt.await(ch:send(("x"):rep(8 << 20)))
        print(lwt.await(preemptive.detach(function()
          local l = require "lwt"
          return l.run(function() return tostring(select(2, pcall(l.await, ch:recv()))) end)
        end)))
        print(#ch, #lwt.await(ch:recv()))
      end)]]
    assert.equal("", result.err)
    assert.equal("not enough memory\n1\t8388608\n", result.out)
  end)

  it("carries whole messages when finalizers send meanwhile", function()
    local result = require "spec.support.script".run([[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      local ch, other = preemptive.channel(10), preemptive.channel(100000)
      collectgarbage("incremental", 1, 1000, 8)
      local inside
      local function trap()
        setmetatable({}, { __gc = function()
          if inside then other:send({ "finalizer", { 1, 2, 3 } }, "more") end
          inside = false
        end })
      end
      lwt.run(function()
        for i = 1, 300 do
          local t = { i, { "deep", i } }
          for k = 3, 20 do t[k] = { k } end
          trap()
          inside = true
          ch:send("first", t, function() return i end)
          inside = false
          local first, copy, f = lwt.await(ch:recv())
          assert(first == "first" and copy[1] == i and copy[2][2] == i and #copy == 20 and f() == i)
        end
        print(#other > 0, (lwt.await(other:recv()))[1])
      end)]])
    assert.equal("true\tfinalizer\n", result.out)
    assert.equal(0, result.code)
  end)

  it("gives what comes back after its end to who was waiting then", task(function()
    local ch = preemptive.channel(0)
    local first, second, third = ch:recv(), ch:recv(), ch:recv()
    ch:send "kept"
    ch:close()
    first:cancel()
    assert.equal("kept", await(second))
    assert.is_nil(await(third))
    assert.equal(0, #ch)
  end))

  it("gives it to a receiver that a finalizer begins while it is on its way", function()
    local result = require "spec.support.script".run([[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      collectgarbage("incremental", 1, 1000, 8)
      local called, ch, p, q
      local function trap()
        setmetatable({}, { __gc = function()
          if not ch then return end
          called, q = called + 1, ch:recv()
          p:cancel()
          ch = nil
        end })
      end
      local big = {}
      for k = 1, 100 do big[k] = { k } end
      lwt.run(function()
        for _, close in ipairs { true, false } do
          called = 0
          for i = 1, 30 do
            local c = preemptive.channel(2)
            p, q = c:recv(), nil
            c:send(i, big)
            if close then c:close() else c:send(-i) end
            trap()
            ch = c
            local ok, first = pcall(lwt.await, p)
            ch = nil
            local second = q and lwt.await(q)
            if not ok then first = second end
            if first ~= i then print(close, i, ok, first, second) end
          end
          print(called > 0)
        end
      end)]])
    assert.equal("true\ntrue\n", result.out)
    assert.equal(0, result.code)
  end)

  it("says so when a finalizer uses one that was collected with it", function()
    local result = require "spec.support.script".run [[
      local preemptive = require "lwt.preemptive"
      local holder = setmetatable({}, { __gc = function(h)
        print(pcall(h.ch.send, h.ch, 1))
        print(pcall(preemptive.channel(1).send, preemptive.channel(1), h.ch))
      end })
      holder.ch = preemptive.channel(1)
      holder = nil
      collectgarbage()]]
    assert.equal("false\tattempt to use a closed thread channel\n"
      .. "false\tcannot send a thread channel that was collected (value 1)\n", result.out)
  end)

  it("checks its arguments", function()
    assert.is_false(pcall(preemptive.channel, -1))
    assert.is_false(pcall(preemptive.send, {}, 1))
    assert.is_false(pcall(preemptive.recv))
    assert.truthy(tostring(preemptive.channel(1)):find "^lwt.thread_channel")
  end)
end)

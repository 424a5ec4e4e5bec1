-- What an event wakes runs at the end of that event, in `lwt.run`: in the queue's order, and within
-- what the turn allows.

local io_ = require "lwt.io"
local lwt = require "lwt"
local net = require "lwt.net"

local await, spawn = lwt.await, lwt.spawn

local function task(f) return function() lwt.run(f) end end

local function pairs_of_sockets(n)
  local all = {}
  for i = 1, n do
    local a, b = net.socketpair()
    all[i] = { a = a, b = b }
  end
  return all
end

local function close(all)
  for _, one in ipairs(all) do
    one.a:close()
    one.b:close()
  end
end

describe("an event", function()
  it("runs what it has woken in the order in which that became ready", task(function()
    local a <close>, b = net.socketpair()
    local order, tasks = {}, {}
    local p, r = lwt.wait()
    local function note(what) order[#order + 1] = what end
    tasks[1] = spawn(function() note(await(b:read(1))) r:wakeup() note "woke another" end)
    tasks[2] = spawn(function() note(await(b:read(1))) end)
    tasks[3] = spawn(function() await(p) note "the other" end)
    b:read(1):on_success(function() note "a callback" end)
    await(a:write("123"))
    await(lwt.join(tasks))
    assert.same({ "a callback", "1", "woke another", "2", "the other" }, order)
    b:close()
  end))

  it("may close its own connection and those whose events are still to come", task(function()
    local all, tasks, got, closed = pairs_of_sockets(20), {}, 0, 0
    for i, one in ipairs(all) do
      tasks[i] = spawn(function()
        local data = await(one.b:read())
        close(all)
        return data
      end)
    end
    for _, one in ipairs(all) do await(one.a:write("x")) end
    for _, t in ipairs(tasks) do
      local ok, err = pcall(await, t)
      if ok then got = got + 1 elseif err == lwt.Closed then closed = closed + 1 end
    end
    assert.is_true(got >= 1)
    assert.equal(20, got + closed)
  end))

  it("may close the channel that it came for", task(function()
    local closed = 0
    local server = await(io_.establish_server("127.0.0.1:0", function(ch)
      local line = await(ch:read_line())
      await(ch:write_line(line))
      await(ch:close())
      closed = closed + 1
    end))
    local clients = {}
    for i = 1, 10 do
      clients[i] = spawn(function()
        local ch <close> = await(io_.open_connection(server:address()))
        await(ch:write_line("hello " .. i))
        return (await(ch:read_line()))
      end)
    end
    for i, c in ipairs(clients) do assert.equal("hello " .. i, await(c)) end
    await(server:shutdown())
    assert.equal(10, closed)
  end))

  it("keeps what was not asked for before its task asks again", task(function()
    local a <close>, b = net.socketpair()
    local parts = {}
    local reader = spawn(function()
      for i = 1, 5 do parts[i] = await(b:read(2)) end
    end)
    await(a:write("aabbccddee"))
    await(reader)
    assert.same({ "aa", "bb", "cc", "dd", "ee" }, parts)
    b:close()
  end))

  it("runs no more in a step than its budget allows", function()
    local all, ran, most = pairs_of_sockets(8), 0, 0
    lwt.run(function()
      for _, one in ipairs(all) do
        spawn(function()
          await(one.b:read())
          ran = ran + 1
          local till = os.clock() + 0.005
          while os.clock() < till do end
        end)
        await(one.a:write("x"))
      end
    end)
    local before = ran
    while ran < 8 do
      lwt.step(0.001)
      most = math.max(most, ran - before)
      before = ran
    end
    assert.is_true(most <= 1)
    lwt.run(function() close(all) end)
  end)

  it("does not keep timers waiting for tasks that go on and on", task(function()
    local a <close>, b = net.socketpair()
    local over = false
    local echo = spawn(function()
      while true do
        local data = await(b:read())
        if not data then return end
        await(b:write(data))
      end
    end)
    local asking = spawn(function()
      while not over do
        await(a:write("x"))
        await(a:read())
      end
    end)
    await(lwt.sleep(0.02))
    over = true
    await(asking)
    await(a:shutdown())
    await(echo)
    b:close()
  end))

  it("reports an error of the task that it ran, and delivers the next", function()
    local all, errors = pairs_of_sockets(3), {}
    local hook = lwt.async_exception_hook(function(e) errors[#errors + 1] = e end)
    lwt.run(function()
      local got
      lwt.async(function()
        await(all[1].b:read())
        error("of the first", 0)
      end)
      local second = spawn(function() got = await(all[2].b:read()) end)
      await(all[1].a:write("x"))
      await(all[2].a:write("y"))
      await(second)
      assert.equal("y", got)
      close(all)
    end)
    lwt.async_exception_hook(hook)
    assert.same({ "of the first" }, errors)
  end)
end)

-- What lwt.direct shows of a socket: read and write wait by themselves and make no promise.

local lwt = require "lwt"
local bytes = require "lwt.bytes"
local net = require "lwt.net"
local test = require "lwt.test"

local await, spawn = lwt.await, lwt.spawn

-- In real time, in steps of a host's own loop, in virtual time, in a shuffled order, watched for stalls: the task that
-- reads is resumed at the end of the event only in the first of them.
local ways = {
  { "in run", function(f) return function() lwt.run(f) end end },
  { "in step", function(f)
    return function()
      local p = spawn(f)
      while p:is_pending() do lwt.step(0.001) end
      lwt.run(p)
    end
  end },
  { "in virtual time", test.virtual },
  { "in a shuffled order", function(f) return test.fuzz(7, f) end },
  { "watched for stalls", function(f)
    return function()
      lwt.stall(5)
      local ok, err = pcall(lwt.run, f)
      lwt.stall(nil)
      if not ok then error(err, 0) end
    end
  end },
}

local closes = { __close = function(both)
  both[1]:close()
  both[2]:close()
end }

local function shown(a, b)
  return a, b, lwt.direct(a), lwt.direct(b), setmetatable({ a, b }, closes)
end

local function pair() return shown(net.socketpair()) end

-- TCP sockets: what is read of those is asked for in another way.
local function tcp_pair()
  local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
  local accepted = listener:accept()
  local a = await(net.tcp_connect(listener:address()))
  return shown(a, (await(accepted)))
end

local function failure(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  return err
end

for _, way in ipairs(ways) do
  local name, task = table.unpack(way)
  for kind, make in pairs { pipe = pair, tcp = tcp_pair } do
    describe("the direct view of a " .. kind .. " " .. name, function()
      it("reads what there is, and waits when there is nothing", task(function()
        local a, b, da, db, both = make()
        local _ <close> = both
        local got = {}
        local reader = spawn(function()
          for data in function() return db:read() end do got[#got + 1] = data end
        end)
        for i = 1, 5 do
          assert.equal(0, select("#", da:write("message " .. i)))
          while #got < i do lwt.yield() end
        end
        await(a:shutdown())
        await(reader)
        assert.same({ "message 1", "message 2", "message 3", "message 4", "message 5" }, got)
        assert.is_nil(db:read())
        b:close()
      end))

      it("echoes", task(function()
        local _, b, da, db, both = make()
        local _ <close> = both
        spawn(function()
          for data in function() return db:read() end do db:write(data) end
          b:close()
        end)
        for i = 1, 50 do
          da:write("ping " .. i)
          assert.equal("ping " .. i, da:read())
        end
      end))

      it("gives at most as many bytes as are wanted, and keeps the rest", task(function()
        local _, _, da, db, both = make()
        local _ <close> = both
        local reader = spawn(function() return db:read(2), db:read(3), db:read(0), db:read(100) end)
        da:write("abcdefghij")
        assert.same({ "ab", "cde", "", "fghij" }, { await(reader) })
      end))

      it("serves a task and promises in the order in which they came", task(function()
        local _, b, da, db, both = make()
        local _ <close> = both
        local first = spawn(db.read, db, 1)
        local second, third = b:read(1), spawn(db.read, db, 1)
        local fourth = b:read(1)
        da:write("1234")
        assert.same({ "1", "2", "3", "4" }, { await(first), await(second), await(third), (await(fourth)) })
        local promise, task_ = b:read(1), spawn(db.read, db, 1)
        da:write("56")
        assert.same({ "5", "6" }, { await(promise), (await(task_)) })
      end))

      it("loses nothing when the task is cancelled", task(function()
        local _, b, da, db, both = make()
        local _ <close> = both
        local reader = spawn(db.read, db)
        reader:cancel()
        assert.equal(lwt.Canceled, failure(await, reader))
        da:write("kept")
        assert.equal("kept", db:read())
        local canceled, other = spawn(db.read, db), b:read()
        canceled:cancel()
        da:write("for the other")
        assert.equal("for the other", await(other))
        assert.equal(lwt.Canceled, failure(await, canceled))
        assert.equal(lwt.Timeout, failure(await, lwt.with_timeout(0.01, function() return db:read() end)))
        da:write("again")
        assert.equal("again", db:read())
      end))

      it("raises lwt.Closed when the socket is closed meanwhile, by whomever", task(function()
        local _, b, da, db, both = make()
        local _ <close> = both
        local reader, waiting = spawn(db.read, db), b:read()
        b:close()
        assert.equal(lwt.Closed, failure(await, reader))
        assert.equal(lwt.Closed, failure(await, waiting))
        assert.equal(lwt.Closed, failure(db.read, db))
        assert.equal(lwt.Closed, failure(db.write, db, "x"))
        local ok = pcall(function()
          while true do da:write("x") lwt.yield() end
        end)
        assert.is_false(ok)
      end))

      it("may be closed by the task that it has just woken, and others with it", task(function()
        local all, tasks = {}, {}
        for i = 1, 8 do
          local a, b, da, db = make()
          all[i] = { a = a, b = b, da = da }
          tasks[i] = spawn(function()
            local data = db:read()
            for _, other in ipairs(all) do
              other.b:close()
              other.a:close()
            end
            return data
          end)
        end
        for _, one in ipairs(all) do one.da:write("go") end
        local got, closed = 0, 0
        for _, t in ipairs(tasks) do
          local ok, err = pcall(await, t)
          if ok then
            assert.equal("go", err)
            got = got + 1
          else
            assert.equal(lwt.Closed, err)
            closed = closed + 1
          end
        end
        assert.is_true(got >= 1)
        assert.equal(8, got + closed)
      end))

      it("waits in write for as long as the system takes nothing more", task(function()
        local a, b, da, _, both = make()
        local _ <close> = both
        local data = ("0123456789"):rep(500000)
        local writer = spawn(function()
          da:write(data)
          da:write(" and more")
          await(a:shutdown())
        end)
        local got = {}
        for part in function() return (await(b:read())) end do got[#got + 1] = part end
        await(writer)
        assert.is_true(table.concat(got) == data .. " and more")
      end))

      it("writes whatever a socket writes", task(function()
        local _, b, da, _, both = make()
        local _ <close> = both
        da:write({ "a", "b" })
        da:write(12)
        da:write("")
        da:write(lwt.direct(bytes.of_string("xyz")))
        da:writev({ "c", "d" })
        local got = ""
        while #got < 9 do got = got .. await(b:read()) end
        assert.equal("ab12xyzcd", got)
        assert.matches("bad argument", failure(da.write, da, {{}}))
        assert.matches("bad argument", failure(da.write, da))
      end))

      it("keeps the task's own storage", task(function()
        local _, _, da, db, both = make()
        local _ <close> = both
        local key = lwt.new_key()
        local reader = spawn(function()
          lwt.set(key, "mine")
          local data = db:read()
          return data .. " " .. lwt.get(key)
        end)
        lwt.set(key, "another's")
        da:write("data")
        assert.equal("data mine", await(reader))
        assert.equal("another's", lwt.get(key))
      end))

      it("is told of the end and of errors", task(function()
        local a, _, _, db, both = make()
        local _ <close> = both
        local reader = spawn(db.read, db)
        a:close()
        assert.is_nil(await(reader))
        assert.is_nil(db:read())
      end))
    end)
  end
end

describe("the direct view of a socket", function()
  local function task(f) return function() lwt.run(f) end end

  it("raises the error of a connection that is reset", task(function()
    local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
    local accepted = listener:accept()
    local a = await(net.tcp_connect(listener:address()))
    local b <close> = await(accepted)
    local db = lwt.direct(b)
    local reader = spawn(db.read, db)
    a:reset()
    local err = failure(await, reader)
    assert.equal("ECONNRESET", err.code)
    assert.equal("read", err.op)
    assert.equal("ECONNRESET", failure(db.read, db).code)
    assert.equal("EPIPE", failure(db.write, db, "x").code)
  end))

  it("runs tasks in the order of what happened, each once", task(function()
    local order, made, tasks = {}, {}, {}
    for i = 1, 20 do
      local a, b, da, db = pair()
      made[i] = { a, b, da }
      tasks[i] = spawn(function()
        for _ = 1, 3 do
          local data = db:read()
          order[#order + 1] = data
          lwt.yield()
        end
      end)
    end
    for round = 1, 3 do
      for i = 1, 20 do made[i][3]:write(round .. "." .. i) end
      while #order < 20 * round do lwt.yield() end
    end
    await(lwt.join(tasks))
    local seen = {}
    for _, data in ipairs(order) do
      assert.is_nil(seen[data])
      seen[data] = true
    end
    for _, m in ipairs(made) do m[1]:close() m[2]:close() end
  end))

  it("does not run more than the budget of a step allows", function()
    local made, ran = {}, 0
    lwt.run(function()
      for i = 1, 10 do
        local a, b, da, db = pair()
        made[i] = { a, b }
        spawn(function()
          db:read()
          ran = ran + 1
          local till = os.clock() + 0.01
          while os.clock() < till do end
        end)
        da:write("x")
      end
    end)
    local before = ran
    local steps = 0
    while ran < 10 do
      lwt.step(0.001)
      steps = steps + 1
      assert.is_true(ran - before <= 1)
      before = ran
    end
    assert.is_true(steps >= 9)
    for _, m in ipairs(made) do m[1]:close() m[2]:close() end
    lwt.run(lwt.fulfilled())
  end)

  it("raises outside tasks, and where the task is cancelled already", task(function()
    local _, _, da, db, both = pair()
    local _ <close> = both
    local ok, err
    local p, r = lwt.wait()
    p:on_success(function() ok, err = pcall(db.read, db) end)
    r:wakeup()
    assert.is_false(ok)
    assert.is_truthy(tostring(err):find("await"))
    local late = spawn(function()
      lwt.current():cancel()
      local one = pcall(db.read, db)
      lwt.current():cancel()
      local two, why = pcall(da.write, da, "not sent")
      return one, two, why
    end)
    assert.same({ false, false, lwt.Canceled }, { await(late) })
    da:write("sent")
    assert.equal("sent", db:read())
  end))

  it("waits in a coroutine inside a task", task(function()
    local _, _, da, db, both = pair()
    local _ <close> = both
    local reader = spawn(function()
      local parts = {}
      for part in lwt.coroutine.wrap(function()
        for _ = 1, 3 do coroutine.yield(db:read(2)) end
      end) do
        parts[#parts + 1] = part
      end
      return table.concat(parts, ",")
    end)
    da:write("ab")
    lwt.yield()
    da:write("cdef")
    assert.equal("ab,cd,ef", await(reader))
  end))

  it("is listed among what waits", task(function()
    local _, _, da, db, both = pair()
    local _ <close> = both
    local reader = spawn(function()
      lwt.name "reader"
      return db:read()
    end)
    local found
    for _, t in ipairs(lwt.tasks()) do
      if t.name == "reader" then found = t end
    end
    assert.equal("waiting", found.state)
    assert.equal("an operation", found.waiting_on)
    da:write("x")
    assert.equal("x", await(reader))
  end))

  it("keeps who waits, and is collected when nobody does", task(function()
    local weak = setmetatable({}, { __mode = "k" })
    local got
    local function start()
      local a, b, da, db = pair()
      weak[b], weak[db] = true, true
      spawn(function() got = db:read() end)
      return a, da
    end
    local a, da = start()
    for _ = 1, 3 do
      collectgarbage()
      lwt.yield()
    end
    assert.is_not_nil(next(weak))
    da:write("still there")
    while not got do lwt.yield() end
    assert.equal("still there", got)
    lwt.yield()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
    a:close()
  end))

  it("may be read beside its channel, whose close closes it", task(function()
    local _, b, da, db, both = pair()
    local _ <close> = both
    local ch = require "lwt.uv".io.of_port(b, 3, 1024)
    local direct = spawn(db.read, db)
    assert.equal("EBUSY", failure(await, ch:read_line()).code)
    da:write("for the task")
    assert.equal("for the task", await(direct))
    local line = ch:read_line()
    da:write("for the channel\n")
    assert.equal("for the channel", await(line))
    direct = spawn(db.read, db)
    await(ch:close())
    assert.equal(lwt.Closed, failure(await, direct))
    assert.equal(lwt.Closed, failure(db.read, db))
  end))

  it("may be closed under its channel, whose operations then fail, also the collector's", task(function()
    for _, how in ipairs { "read", "write", "close", "collect" } do
      local _, b, _, _, both = pair()
      local _ <close> = both
      local ch = require "lwt.uv".io.of_port(b, 3, 1024)
      b:close()
      for _ = 1, 5 do await(lwt.sleep(0)) end -- libuv is done with it
      if how == "read" then
        assert.equal("EBADF", failure(await, ch:read_line()).code)
      elseif how == "write" then
        await(ch:write("nobody gets this"))
        assert.equal("EBADF", failure(await, ch:flush()).code)
      elseif how == "close" then
        await(ch:close())
      end
      ch, b = nil, nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
    end
  end))

  it("has the other methods, and closes at the end of its block", task(function()
    local listener <close> = lwt.direct(net).tcp_listen("127.0.0.1:0")
    local client = spawn(function() return lwt.direct(net).tcp_connect(listener:address()) end)
    local socket, other
    do
      local server <close> = listener:accept()
      local c <close> = lwt.direct((await(client)))
      socket, other = server, c
      assert.equal(server, server)
      assert.is_true(lwt.direct(server) == server)
      assert.equal(c:getsockname(), server:getpeername())
      assert.equal("integer", math.type(server:fileno()))
      assert.is_truthy(tostring(server):find("^lwt.tcp: "))
      assert.is_nil(server.no_such_method)
      c:shutdown()
      assert.is_nil(server:read())
      for _, bad in ipairs { { 1 }, { "x", {} }, true } do
        assert.matches("^spec/uv/net/socket_direct_spec.lua:%d+: bad argument #1 to 'write' ",
          failure(function() server:write(bad) end))
      end
      assert.matches("count is negative", failure(server.read, server, -1))
      assert.matches("socket's direct view expected", failure(server.read, {}))
      assert.matches("socket's direct view expected", failure(server.write, io.stdout))
    end
    assert.equal("lwt.tcp (closed)", tostring(socket))
    assert.equal("lwt.tcp (closed)", tostring(other))
    socket:close()
  end))

  it("leaves nothing behind when the state is closed", function()
    local program = os.tmpname()
    local f = assert(io.open(program, "w"))
    f:write([[
      local lwt, net = require "lwt", require "lwt.net"
      local a, b = net.socketpair()
      local d, p = lwt.direct(b)
      lwt.run(function()
        p = lwt.spawn(function() return d:read() end)
        lwt.yield()
      end)
      setmetatable({}, { __gc = function() p:cancel() print(p:state()) end })
      print(p:state())
    ]])
    f:close()
    local out = assert(io.popen((os.getenv "LUA" or "lua5.4") .. " " .. program .. " 2>&1; echo status $?"))
    local text = out:read "a"
    out:close()
    os.remove(program)
    assert.matches("^pending\n", text)
    assert.matches("status 0\n$", text)
  end)
end)

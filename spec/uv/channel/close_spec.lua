local lwt = require "lwt"
local io = require "lwt.io"
local expect = require "spec.support.expect"
local script = require "spec.support.script"
local task, failure = expect.task, expect.failure
local await = lwt.await

describe("closing", function()
  it("ends reads that wait at once", task(function()
    local r, w = io.pipe()
    local a, b = r:read_line(), r:read()
    local closed = r:close()
    assert.equal(lwt.Closed, failure(a))
    assert.equal(lwt.Closed, failure(b))
    await(closed)
    assert.is_true(r:is_closed())
    assert.matches("closed", tostring(r))
    assert.equal(lwt.Closed, failure(r:read_line()))
    await(w:close())
  end))

  it("carries out writes that wait, and flushes", task(function()
    local r, w = io.pipe { buffer_size = 16 }
    local a, b = w:write(("a"):rep(100000)), w:write("b")
    local closed = w:close()
    assert.is_true(w:is_closed())
    assert.equal(lwt.Closed, failure(w:write("c")))
    assert.equal(("a"):rep(100000) .. "b", await(r:read()))
    await(a)
    await(b)
    await(closed)
  end))

  it("twice gives the same promise", task(function()
    local r, w = io.pipe()
    assert.equal(w:close(), w:close())
    await(w:close())
    await(w:close())
    await(r:close())
  end))

  it("of one side, called again, waits for the end of it as well", task(function()
    local a, b = require "lwt.net".socketpair()
    local ch = io.of_fd(a:fileno(), "r+", { close = false })
    ch:write(("x"):rep(3000000))
    local first, second = ch:close "write", ch:close "write"
    assert.is_true(first:is_pending() and second:is_pending())
    local length = 0
    for piece in function() return await(b:read()) end do length = length + #piece end
    assert.equal(3000000, length)
    await(first)
    await(second)
    await(ch:close "write")
    await(ch:close())
    a:close()
    b:close()
  end))

  it("turns into an abort when it is cancelled", task(function()
    local r, w = io.pipe { buffer_size = 16 }
    local a = w:write(("a"):rep(1000000))
    local closed = w:close()
    await(lwt.sleep(0.001))
    closed:cancel()
    assert.equal(lwt.Canceled, failure(closed))
    assert.equal(lwt.Closed, failure(a))
    assert.is_true(#await(r:read()) < 1000000)
    await(w:close())
  end))

  it("abort throws away what is buffered", task(function()
    local r, w = io.pipe()
    await(w:write("x"))
    await(w:abort())
    assert.equal("", await(r:read()))
    assert.equal(lwt.Closed, failure(w:write("y")))
    await(w:abort())
    await(r:abort())
  end))

  it("abort fails what waits, inside atomic too", task(function()
    local r, w = io.pipe()
    local inner
    local p = r:atomic(function(ch)
      inner = ch:read_line()
      return inner
    end)
    local outer = r:read_line()
    await(r:abort())
    assert.equal(lwt.Closed, failure(inner))
    assert.equal(lwt.Closed, failure(p))
    assert.equal(lwt.Closed, failure(outer))
    await(w:close())
  end))

  it("<close> flushes and waits", task(function()
    local r, w = io.pipe()
    do
      local ch <close> = w
      await(ch:write("bye"))
    end
    assert.is_true(w:is_closed())
    assert.equal("bye", await(r:read()))
  end))

  it("<close> tells what it could not write", task(function()
    local r, w = io.pipe()
    await(r:close())
    local ok, err = pcall(function()
      local ch <close> = w
      await(ch:write("x"))
    end)
    assert.is_false(ok)
    assert.equal("EPIPE", err.code)
  end))

  it("<close> does not hang on an end that does not read, when something has failed", task(function()
    local _, w = io.pipe { buffer_size = 16 }
    local p = lwt.spawn(function()
      local ch <close> = w
      await(ch:write(("x"):rep(1000000)))
    end)
    await(lwt.sleep(0.001))
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    assert.is_true(w:is_closed())
  end))

  it("calls the close function of a made channel, and tells its error", task(function()
    local closed = 0
    local ch = io.make {
      read = function() return nil end,
      close = function()
        lwt.yield()
        closed = closed + 1
      end,
    }
    await(ch:close())
    await(ch:close())
    assert.equal(1, closed)
    ch = io.make { read = function() return nil end, close = function() error("stuck", 0) end }
    assert.equal("stuck", failure(ch:close()))
    assert.is_true(ch:is_closed())
  end))

  it("gives up where writing fails for good", task(function()
    local ch = io.make { write = function() error("never", 0) end }
    await(ch:write("x"))
    assert.equal("never", failure(ch:close()))
    assert.is_true(ch:is_closed())
  end))

  it("happens when a channel is dropped", task(function()
    local r = io.pipe()
    collectgarbage()
    collectgarbage()
    assert.equal("", await(r:read()))
  end))

  it("leaves no descriptor behind", task(function()
    local function count() -- (a program in a pipe may begin to count before our end of it is the only one)
      return #await(require "lwt.fs".scandir "/proc/self/fd")
    end
    local function use(n)
      for _ = 1, n do
        local r, w = io.pipe()
        await(w:write("x"))
        await(w:close())
        await(r:read())
        await(r:close())
      end
      collectgarbage()
      collectgarbage()
      for _ = 1, 5 do lwt.yield() end -- what was dropped has closed
    end
    for _ = 1, 3 do use(1) end
    local before = count()
    use(200)
    local after = count() -- (a few come and go meanwhile, of others)
    assert.is_true(after < before + 10, ("%d, then %d"):format(before, after))
  end))
end)

describe("at the end of run", function()
  it("what is buffered is flushed", function()
    local r, w = io.pipe()
    lwt.run(function() await(w:write("tail")) end)
    lwt.run(function()
      await(w:close())
      assert.equal("tail", await(r:read()))
    end)
  end)

  it("is so at the end of every run", function()
    local r, w = io.pipe()
    for i = 1, 3 do
      lwt.run(function() await(w:write(tostring(i))) end)
      assert.equal(0, w:buffered())
    end
    lwt.run(function()
      await(w:close())
      assert.equal("123", await(r:read()))
    end)
  end)

  it("writes that wait are carried out, of what is being closed as well", function()
    local a, b, c = os.tmpname(), os.tmpname(), os.tmpname()
    lwt.run(function()
      local one, other = await(io.open_file(a, "w")), await(io.open_file(b, "w"))
      local both = await(io.open_file(c, "w+")) -- (which has one queue for reading and writing)
      both:write(("x"):rep(1000000))
      both:atomic(function(ch) ch:write(("y"):rep(1000000)) return ch:flush() end)
      one:write(("x"):rep(1000000))
      one:write "tail"
      other:write(("x"):rep(1000000))
      other:close()
    end)
    for path, length in pairs { [a] = 1000004, [b] = 1000000, [c] = 2000000 } do
      local file <close> = _G.io.open(path)
      assert.equal(length, file:seek "end")
      os.remove(path)
    end
  end)

  it("so is what was written before one side was closed", function()
    local length, told = 0, nil
    lwt.async_exception_hook(function(err) told = err end)
    local reader
    lwt.run(function()
      local a, b = require "lwt.net".socketpair()
      local ch = io.of_fd(a:fileno(), "r+", { close = false })
      ch:write(("x"):rep(3000000))
      ch:close "write"
      reader = lwt.spawn(function()
        await(lwt.sleep(0.01))
        for piece in function() return await(b:read()) end do length = length + #piece end
        b:close()
        await(ch:close())
        a:close()
      end)
    end)
    lwt.async_exception_hook(nil)
    lwt.run(reader)
    assert.equal(3000000, length)
    assert.is_nil(told)
  end)

  it("is not waited for longer than set_exit_timeout says, and then told", function()
    local r = script.run [[
      local lwt, lio = require "lwt", require "lwt.io"
      local process = require "lwt.process"
      lio.set_exit_timeout(0.2)
      local start, name = lwt.now(), os.tmpname()
      local p, f
      lwt.run(function()
        p = process.open({ "sleep", "60" }, { stdin = "pipe" })
        p.stdin:write(("x"):rep(1000000))
        f = lwt.await(lio.open_file(name, "w"))
        f:write(("x"):rep(1000000))
      end)
      print(lwt.now() - start < 30, p.pid)
      p:kill "KILL"
      print(#io.open(name):read "a")
      os.remove(name)
    ]]
    assert.equal(0, r.code, r.err)
    local pid, length = r.out:match "^true\t(%d+)\n(%d+)\n$"
    assert.equal("1000000", length, r.out)
    assert.equal(("lwt.io: what was written to stdin of process %s was not taken within 0.2 seconds\n")
      :format(pid), r.err)
    assert.is_nil(io.exit_timeout())
    expect.refused("bad argument #1 to 'set_exit_timeout' (negative time)",
      function() io.set_exit_timeout(-1) end)
  end)
end)

local lwt = require "lwt"
local io = require "lwt.io"
local net = require "lwt.net"
local await = lwt.await

local function task(f)
  return function() lwt.run(f) end
end

local function failure(p)
  local ok, err = pcall(await, p)
  assert.is_false(ok)
  return err
end

-- A server that is shut down at the end of the block.
local function serve(f, opts)
  return await(io.establish_server("127.0.0.1:0", f, opts))
end

local function echo(ch)
  for line in ch:lines() do await(ch:write_line(line:upper())) end
end

-- Runs f with an exception hook that collects.
local function with_hook(f)
  local errors, old = {}, lwt.async_exception_hook()
  lwt.async_exception_hook(function(err) errors[#errors + 1] = err end)
  local ok, err = pcall(f, errors)
  lwt.async_exception_hook(old)
  if not ok then error(err, 0) end
end

describe("connections", function()
  it("are one channel that reads and writes", task(function()
    local server <close> = serve(echo)
    local ch <close> = await(io.open_connection(server:address()))
    assert.equal("both", ch:mode())
    local reply = ch:read_line()
    assert.is_true(ch:is_busy())
    await(ch:write_line("while a read waits"))
    assert.equal("WHILE A READ WAITS", await(reply))
  end))

  it("go over Unix sockets", task(function()
    await(io.with_temp_dir(function(dir)
      local server <close> = await(io.establish_server("unix:" .. dir .. "/s", echo))
      assert.equal("unix:" .. dir .. "/s", server:address())
      assert.equal("HI", await(io.with_connection({ path = dir .. "/s" }, function(ch)
        await(ch:write_line("hi"))
        return ch:read_line()
      end)))
    end))
  end))

  it("say what is wrong", task(function()
    local listener = await(net.tcp_listen("127.0.0.1:0"))
    local address = listener:address()
    await(listener:close())
    local err = failure(io.open_connection(address))
    assert.equal("ECONNREFUSED", err.code)
    assert.equal(address, err.address)
    assert.equal("ECONNREFUSED", failure(io.with_connection(address, print)).code)
    assert.error_matches(function() io.open_connection("127.0.0.1:70000") end, "bad argument #1 to 'open_connection'")
    assert.error_matches(function() io.open_connection() end, "bad argument #1 to 'open_connection'")
    assert.error_matches(function() io.open_connection(address, { speed = 1 }) end, "unknown option 'speed'")
    assert.error_matches(function() io.open_connection(address, 1) end,
      "bad argument #2 to 'open_connection' %(table expected")
    assert.error_matches(function() io.with_connection(address) end,
      "bad argument #2 to 'with_connection' %(function expected")
    assert.error_matches(function() io.establish_server(address) end,
      "bad argument #2 to 'establish_server' %(function expected")
    assert.error_matches(function() io.establish_server("nonsense", print) end, "bad argument #1 to 'establish_server'")
  end))

  it("are closed by with_connection, whatever happens", task(function()
    local server <close> = serve(echo)
    local kept
    assert.equal("oops", failure(io.with_connection(server:address(), function(ch)
      kept = ch
      error("oops", 0)
    end)))
    assert.is_true(kept:is_closed())
    local p = io.with_connection(server:address(), function(ch)
      kept = ch
      await(ch:read_line())
    end)
    await(lwt.sleep(0.01))
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    assert.is_true(kept:is_closed())
  end))

  it("may be closed one way: the other end sees the end, and still answers", task(function()
    local server <close> = serve(function(ch) await(ch:write((await(ch:read())):upper())) end)
    local ch <close> = await(io.open_connection(server:address()))
    await(ch:write("all of it"))
    await(ch:close("write"))
    await(ch:close("write"))
    assert.is_false(ch:is_closed())
    assert.equal(lwt.Closed, failure(ch:write("more")))
    assert.equal("ALL OF IT", await(ch:read()))
    await(ch:close("read"))
    assert.equal(lwt.Closed, failure(ch:read()))
    await(ch:close())
    assert.is_true(ch:is_closed())
    local r = io.pipe()
    assert.error_matches(function() r:close("write") end, "does not have that side")
    assert.error_matches(function() r:close("x") end, "invalid option 'x'")
  end))

  it("leave nothing behind: a channel that was served is collected", task(function()
    local served = setmetatable({}, { __mode = "k" })
    local server <close> = serve(function(ch)
      served[ch] = true
      await(ch:read(1))
    end)
    for _ = 1, 20 do
      local ch <close> = await(io.open_connection(server:address()))
      served[ch] = true
      await(ch:write("x"))
      await(ch:flush())
      assert.is_nil(await(ch:read(1)))
    end
    for _ = 1, 4 do
      lwt.yield()
      collectgarbage()
    end
    local left = 0
    for _ in pairs(served) do left = left + 1 end
    assert.is_true(left <= 2, left .. " channels are left")
  end))

  it("carry a lot in both directions at once", task(function()
    local server <close> = serve(function(ch)
      for s in function() return await(ch:read(65536)) end do await(ch:write(s)) end
    end)
    local text = ("0123456789abcdef"):rep(1 << 16)
    local ch <close> = await(io.open_connection(server:address()))
    local got = ch:read_exactly(#text)
    await(ch:write(text))
    assert.is_true(text == await(got))
  end))

  it("end with an error where the other side resets them", task(function()
    with_hook(function()
      local server <close> = serve(function(ch, address)
        assert.matches("^127.0.0.1:%d+$", address)
        await(ch:read_line())
        await(lwt.sleep(0.01))
        assert.equal(lwt.EOF, failure(ch:read_exactly(10)))
      end)
      local sock = await(net.tcp_connect(server:address()))
      await(sock:write("half a li"))
      await(sock:close())
      await(lwt.sleep(0.03))
    end)
  end))
end)

describe("a server", function()
  it("serves many at once, each in its own task", task(function()
    local server <close> = serve(echo)
    local list = {}
    for i = 1, 100 do
      list[i] = io.with_connection(server:address(), function(ch)
        for j = 1, 10 do
          await(ch:write_line(("c%d-%d"):format(i, j)))
          assert.equal(("C%d-%d"):format(i, j), await(ch:read_line()))
        end
        return i
      end)
    end
    local got = await(lwt.all(list))
    assert.equal(100, #got)
  end))

  it("closes the channel when the handler is done, and flushes it", task(function()
    local server <close> = serve(function(ch) await(ch:write("bye")) end)
    assert.equal("bye", await(io.with_connection(server:address(), io.read)))
    await(lwt.sleep(0.005))
    assert.equal(0, server:connections())
  end))

  it("reports what a handler fails with, and goes on", task(function()
    with_hook(function(errors)
      local server <close> = serve(function(ch)
        local line = await(ch:read_line())
        if line == "fail" then error("oops", 0) end
        await(ch:write_line(line))
      end)
      assert.equal("", await(io.with_connection(server:address(), function(ch)
        await(ch:write_line("fail"))
        return ch:read()
      end)))
      assert.equal("ok\n", await(io.with_connection(server:address(), function(ch)
        await(ch:write_line("ok"))
        return ch:read()
      end)))
      await(lwt.sleep(0.005))
      assert.same({ "oops" }, errors)
    end)
  end))

  it("follows the promise that a handler gives", task(function()
    local server <close> = serve(function(ch)
      return lwt.sleep(0.005):bind(function() return ch:write("late") end)
    end)
    assert.equal("late", await(io.with_connection(server:address(), io.read)))
  end))

  it("shutdown lets the handlers finish", task(function()
    local server = serve(function(ch)
      local line = await(ch:read_line())
      await(lwt.sleep(0.02))
      await(ch:write(line))
    end)
    local p = io.with_connection(server:address(), function(ch)
      await(ch:write_line("slow"))
      return ch:read()
    end)
    await(lwt.sleep(0.01))
    assert.equal(1, server:connections())
    assert.matches("^lwt.server: 127", tostring(server))
    await(server:shutdown())
    assert.equal(0, server:connections())
    assert.equal("slow", await(p))
    assert.equal("ECONNREFUSED", failure(io.open_connection(server:address())).code)
    await(server:shutdown())
    assert.matches("closed", tostring(server))
  end))

  it("shutdown cancels those who take too long, and waits for them", task(function()
    local cleaned = false
    local server = serve(function(ch)
      local _ <close> = setmetatable({}, { __close = function()
        lwt.shield(function() await(lwt.sleep(0.005)) end)
        cleaned = true
      end })
      await(ch:read_line())
    end)
    local ch = await(io.open_connection(server:address()))
    await(lwt.sleep(0.01))
    local start = lwt.now()
    await(server:shutdown(0.02))
    assert.is_true(lwt.now() - start < 1)
    assert.is_true(cleaned)
    assert.equal(0, server:connections())
    assert.is_nil(await(ch:read_line()))
    await(ch:close())
    assert.error_matches(function() server:shutdown(-1) end, "number of seconds expected")
    assert.error_matches(function() server.shutdown() end, "lwt.server expected")
  end))

  it("refuses an address that is taken", task(function()
    local server <close> = serve(echo)
    assert.equal("EADDRINUSE", failure(io.establish_server(server:address(), echo)).code)
  end))

  it("keeps its memory flat with a client that does not read", task(function()
    with_hook(function(errors)
      local written = 0
      local server = serve(function(ch)
        while true do
          await(ch:write(("x"):rep(10000)))
          written = written + 10000
        end
      end, { buffer_size = 4096 })
      local ch = await(io.open_connection(server:address()))
      await(lwt.sleep(0.05))
      local before = written
      await(lwt.sleep(0.05))
      assert.equal(before, written)
      await(ch:abort())
      await(lwt.sleep(0.005))
      assert.equal("ECONNRESET", errors[1].code)
      await(server:shutdown(0))
    end)
  end))

  it("survives clients that come and go", task(function()
    with_hook(function()
      local server = serve(echo)
      collectgarbage()
      for _ = 1, 20 do
        local list = {}
        for i = 1, 20 do
          list[i] = io.with_connection(server:address(), function(ch)
            await(ch:write_line("x"))
            assert.equal("X", await(ch:read_line()))
          end)
        end
        await(lwt.join(list))
      end
      await(lwt.sleep(0.01))
      assert.equal(0, server:connections())
      await(server:shutdown())
    end)
  end))
end)

local lwt = require "lwt"
local io = require "lwt.io"
local net = require "lwt.net"
local preemptive = require "lwt.preemptive"
local expect = require "spec.support.expect"
local skip = require "spec.support.skip"
local task, failure = expect.task, expect.failure
local await = lwt.await

-- A server that is shut down at the end of the block.
local function serve(f, opts)
  return await(io.establish_server("127.0.0.1:0", f, opts))
end

-- Runs f with an exception hook that collects.
local function with_hook(f)
  local errors, old = {}, lwt.async_exception_hook()
  lwt.async_exception_hook(function(err) errors[#errors + 1] = err end)
  local ok, err = pcall(f, errors)
  lwt.async_exception_hook(old)
  if not ok then error(err, 0) end
end

-- Runs f with what is reported, and an exception hook that collects.
local function with_reports(f)
  local found, trouble = pcall(require, "lwt.io.trouble")
  if not found then trouble = {} end
  local write, reports = trouble.write, {}
  trouble.write = function(text) reports[#reports + 1] = text end
  local ok, err = pcall(with_hook, function(errors) f(reports, errors) end)
  trouble.write = write
  if not ok then error(err, 0) end
end

local function echo(ch)
  for line in ch:lines() do await(ch:write_line(line:upper())) end
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
    assert.error_matches(function() io.establish_server("127.0.0.1:0", print, { speed = 1 }) end,
      "bad argument #3 to 'establish_server' %(unknown option 'speed'")
    assert.error_matches(function() io.with_connection(address, print, { speed = 1 }) end,
      "bad argument #3 to 'with_connection' %(unknown option 'speed'")
    assert.error_matches(function() io.open_connection("unix:nothing", { speed = 1 }) end,
      "bad argument #2 to 'open_connection' %(unknown option 'speed'")
    assert.error_matches(function() io.open_connection(address, 1) end,
      "bad argument #2 to 'open_connection' %(table expected")
    assert.error_matches(function() io.with_connection(address) end,
      "bad argument #2 to 'with_connection' %(function expected")
    assert.error_matches(function() io.establish_server(address) end,
      "bad argument #2 to 'establish_server' %(function expected")
    for name, f in pairs {
      establish_server = function() local _ = io.establish_server("nonsense", print) end,
      open_connection = function() local _ = io.open_connection("nonsense") end,
      with_connection = function() local _ = io.with_connection({ port = {} }, print) end,
    } do
      local line = debug.getinfo(f, "S").linedefined
      assert.matches(("io_network_spec.lua:%d: bad argument #1 to '%s'"):format(line, name),
        select(2, pcall(f)))
    end
    for key, bad in pairs { buffer_size = 0, limit = 0, on_error = 1 } do
      assert.error_matches(function() io.establish_server("127.0.0.1:0", print, { [key] = bad }) end,
        "bad argument #3 to 'establish_server' %(option '" .. key .. "'")
    end
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

  it("end with an error where they end in the middle, and where they are reset", task(function()
    local seen = {}
    local server <close> = serve(function(ch, address)
      assert.matches("^127.0.0.1:%d+$", address)
      assert.equal("a line", await(ch:read_line()))
      seen[#seen + 1] = failure(ch:read_exactly(10))
    end)
    for i, how in ipairs { "close", "reset" } do
      local sock = await(net.tcp_connect(server:address()))
      await(sock:write("a line\nhalf a li"))
      if how == "reset" then
        while server:connections() == 0 do lwt.yield() end
      end
      sock[how](sock)
      while #seen < i do lwt.yield() end
    end
    assert.equal(lwt.EOF, seen[1])
    assert.equal("ECONNRESET", seen[2].code)
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
    while server:connections() > 0 do lwt.yield() end
  end))

  it("reports what a handler fails with, and goes on", task(function()
    with_reports(function(reports, errors)
      local function parse(line)
        if line == "fail" then error("no such word") end
        return line
      end
      local server <close> = serve(function(ch) await(ch:write_line((parse(await(ch:read_line()))))) end)
      local peer
      assert.equal("", await(io.with_connection(server:address(), function(ch)
        await(ch:write_line("fail"))
        return ch:read()
      end)))
      assert.equal("ok\n", await(io.with_connection(server:address(), function(ch)
        await(ch:write_line("ok"))
        return ch:read()
      end)))
      while server:connections() > 0 do lwt.yield() end
      assert.equal(1, #reports)
      peer = reports[1]:match("the handler of (127%.0%.0%.1:%d+)")
      assert.is_truthy(peer and peer ~= server:address(), reports[1])
      assert.matches("no such word", reports[1])
      assert.matches("spec.io_network_spec.lua:%d+: in upvalue 'parse'", reports[1])
      assert.same({}, errors)
    end)
  end))

  it("reports to stderr, with the traceback of what a handler's promise failed with", function()
    local result = require "spec.support.script".run([[
      local lwt, lio = require "lwt", require "lwt.io"
      local function deep() lwt.yield() error("deep down") end
      lwt.run(function()
        local server <close> = lio.establish_server("127.0.0.1:0", function()
          return lwt.spawn(deep)
        end):await()
        lio.with_connection(server:address(), lio.read):await()
        print "goes on"
      end)
    ]], 20)
    assert.equal("goes on\n", result.out, result.err)
    assert.equal(0, result.code)
    assert.matches("the handler of 127%.0%.0%.1:%d+.*deep down", result.err)
    assert.matches("in function <[^>]*:2>", result.err)
  end)

  it("does not take a handler that is cancelled for a failure", task(function()
    with_reports(function(reports, errors)
      local told = {}
      for _, on_error in ipairs { false, function(err) told[#told + 1] = err end, error } do
        local server <close> = serve(function()
          lwt.current():cancel()
          lwt.yield()
        end, { on_error = on_error or nil })
        assert.equal("", await(io.with_connection(server:address(), io.read)))
        while server:connections() > 0 do lwt.yield() end
      end
      lwt.yield()
      assert.same({ {}, {}, {} }, { reports, errors, told })
    end)
  end))

  it("ends the program with on_error = error, but not for a client that is gone", task(function()
    with_reports(function(reports, errors)
      local server <close> = serve(function(ch)
        if await(ch:read_line()) == "fail" then error("oops", 0) end
        while true do await(ch:write(("x"):rep(100000))) end
      end, { on_error = error })
      for _, word in ipairs { "go on", "fail" } do
        local sock = await(net.tcp_connect(server:address()))
        await(sock:write(word .. "\n"))
        await(sock:read(1))
        sock:reset()
        while server:connections() > 0 do lwt.yield() end
      end
      lwt.yield()
      assert.same({ "oops" }, errors)
      assert.same({}, reports)
    end)
  end))

  it("does not mind a client that is gone before it is served", task(function()
    -- A listener that gives its clients when they have been reset.
    local listen = net.tcp_listen
    net.tcp_listen = function(...)
      return listen(...):map(function(listener)
        return {
          accept = function()
            return listener:accept():bind(function(sock)
              return lwt.catch(sock:read(1), function() return sock end)
            end)
          end,
          address = function() return listener:address() end,
          close = function() return listener:close() end,
        }
      end)
    end
    local served = 0
    local ok, server = pcall(serve, function(ch) served = served + 1 await(ch:read()) end)
    net.tcp_listen = listen
    assert.is_true(ok, server)
    with_reports(function(reports, errors)
      for _ = 1, 3 do
        local sock = await(net.tcp_connect(server:address()))
        sock:reset()
        await(lwt.sleep(0.01))
      end
      assert.same({ {}, {} }, { reports, errors })
      assert.equal(0, served)
      assert.is_true(server.accepting:is_pending())
      await(server:shutdown(0))
    end)
  end))

  it("does not wait long for what a failed handler's client does not read", task(function()
    with_reports(function(reports)
      local server <close> = serve(function(ch)
        ch:write(("x"):rep(10000000))
        error("oops", 0)
      end)
      local sock <close> = await(net.tcp_connect(server:address()))
      while #reports == 0 do await(lwt.sleep(0.001)) end
      while server:connections() > 0 do await(lwt.sleep(0.01)) end
      assert.equal(1, #reports)
      assert.is_truthy(sock)
    end)
  end))

  it("does not mind a client that is gone", task(function()
    -- No hook here: what reached it would end this run.
    local seen = {}
    local server <close> = serve(function(ch)
      local how = await(ch:read_line())
      local ok, err = pcall(function()
        if how == "closed" then ch:close() end
        while true do await(ch:write(("x"):rep(100000))) end
      end)
      assert(not ok)
      seen[how] = err
      error(err, 0)
    end)
    for _, how in ipairs { "reset", "close", "closed" } do
      local sock = await(net.tcp_connect(server:address()))
      await(sock:write(how .. "\n"))
      await(sock:read(1))
      if how == "reset" then sock:reset() else await(sock:close()) end
      while server:connections() > 0 do lwt.yield() end
    end
    assert.is_truthy(seen.reset.code == "ECONNRESET" or seen.reset.code == "EPIPE", seen.reset)
    assert.is_truthy(seen.close.code == "ECONNRESET" or seen.close.code == "EPIPE", seen.close)
    assert.equal(lwt.Closed, seen.closed)
  end))

  it("reports the same error of another connection than the client's", task(function()
    with_reports(function(reports)
      local a, b = net.socketpair()
      b:close()
      local server <close> = serve(function()
        while true do await(a:write(("x"):rep(100000))) end
      end)
      await(io.with_connection(server:address(), io.read))
      while server:connections() > 0 do lwt.yield() end
      assert.matches("EPIPE", reports[1])
      assert.equal(1, #reports)
    end)
  end))

  it("does not mind a client that cannot be reached any more, however that is told", task(function()
    with_reports(function(reports)
      local codes = { "ECONNRESET", "EPIPE", "ECONNABORTED", "ETIMEDOUT", "ENOTCONN", "EHOSTUNREACH", "ENETUNREACH",
        "EIO" }
      local n = 0
      local server <close> = serve(function(_, address)
        n = n + 1
        error({ code = codes[n], address = address, message = codes[n] }, 0)
      end)
      for _ = 1, #codes do await(io.with_connection(server:address(), io.read)) end
      while n < #codes or server:connections() > 0 do lwt.yield() end
      assert.equal(1, #reports) -- of EIO alone
    end)
  end))

  it("gives all errors to on_error, with the client's address", task(function()
    with_hook(function(errors)
      local seen, clients = {}, {}
      local server <close> = serve(function(ch, address)
        clients[#clients + 1] = address
        if await(ch:read_line()) == "fail" then error("oops", 0) end
        while true do await(ch:write(("x"):rep(100000))) end
      end, { on_error = function(err, address)
        lwt.yield()
        seen[#seen + 1] = { err, address }
        if err == "oops" then error("raised by on_error", 0) end
      end })
      for i, word in ipairs { "fail\n", "go on\n" } do
        local sock = await(net.tcp_connect(server:address()))
        await(sock:write(word))
        await(sock:read(1))
        sock:reset()
        while #seen < i do lwt.yield() end
      end
      lwt.yield()
      assert.same({ "oops", clients[1] }, seen[1])
      assert.is_truthy(seen[2][1].code == "ECONNRESET" or seen[2][1].code == "EPIPE", seen[2][1])
      assert.equal(clients[2], seen[2][2])
      assert.same({ "raised by on_error" }, errors)
      assert.error_matches(function() io.establish_server("127.0.0.1:0", print, { on_error = 1 }) end,
        "option 'on_error': function expected, got number")
      assert.error_matches(function() io.open_connection(server:address(), { on_error = print }) end,
        "unknown option 'on_error'")
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
    while server:connections() == 0 do lwt.yield() end
    assert.matches("^lwt.server: 127", tostring(server))
    await(server:shutdown())
    assert.equal(0, server:connections())
    assert.equal("slow", await(p))
    assert.equal("ECONNREFUSED", failure(io.open_connection(server:address())).code)
    await(server:shutdown())
    assert.matches("closed", tostring(server))
  end))

  it("shutdown serves a client that was accepted just before", task(function()
    local begun, over, late = 0, false, false
    local server = serve(function(ch)
      begun, late = begun + 1, over
      await(ch:write(await(ch:read(1))))
    end)
    local stop = preemptive.channel(1)
    local down = lwt.spawn(function()
      await(stop:recv())
      await(server:shutdown(1))
      over = true
    end)
    local client = preemptive.detach(function(address, channel)
      local l, n = require "lwt", require "lwt.net"
      l.run(function()
        channel:send(true):await()
        local c <close> = n.tcp_connect(address):await()
        c:write("x"):await()
        c:read():await()
      end)
    end, server:address(), stop)
    local later = os.clock() + 0.02 -- both have come by then: first the message, then the client
    while os.clock() < later do end
    await(down)
    pcall(await, client) -- on a slow machine it came too late, and was refused
    assert.is_false(late)
    assert.is_true(begun <= 1)
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
    while server:connections() == 0 do lwt.yield() end
    await(server:shutdown(0.02)) -- would not end otherwise
    assert.is_true(cleaned)
    assert.equal(0, server:connections())
    assert.is_nil(await(ch:read_line()))
    await(ch:close())
    assert.error_matches(function() server:shutdown(-1) end, "number of seconds expected")
    assert.error_matches(function() server.shutdown() end, "lwt.server expected")
  end))

  it("has a number of seconds for its shutdown", task(function()
    local server <close> = serve(function() end)
    for _, seconds in ipairs { 0 / 0, -1, "1", true } do
      local ok, err = pcall(server.shutdown, server, seconds)
      assert.is_false(ok)
      assert.matches("bad argument #%d to 'shutdown' %(a number of seconds expected%)", err)
    end
  end))

  it("refuses an address that is taken", task(function()
    local server <close> = serve(echo)
    assert.equal("EADDRINUSE", failure(io.establish_server(server:address(), echo)).code)
  end))

  it("keeps its memory flat with a client that does not read", task(function()
    local written, channel, failed = 0, nil, nil
    local server = serve(function(ch)
      channel = ch
      while true do
        await(ch:write(("x"):rep(10000)))
        written = written + 10000
      end
    end, { buffer_size = 4096, on_error = function(err) failed = err end })
    local ch = await(io.open_connection(server:address()))
    -- Until the system takes no more, which is soon: nothing is written for twenty turns.
    local before, turns = -1, 0
    while turns < 20 do
      await(lwt.sleep(0.005))
      turns = written == before and turns + 1 or 0
      before = written
    end
    assert.is_true(written > 0 and written < 1 << 26, written)
    assert.is_true(channel:buffered() <= 10000, channel:buffered())
    await(ch:abort())
    while not failed do lwt.yield() end
    assert.equal("ECONNRESET", failed.code)
    await(server:shutdown(0))
  end))

  it("keeps no buffer for an idle connection", function()
    skip.under "memory is counted"
    if not _G.io.open "/proc/self/statm" then skip.here "there is no /proc" end
    task(function()
      local function resident()
        local f = assert(_G.io.open "/proc/self/statm")
        local pages = f:read("a"):match "^%d+ (%d+)"
        f:close()
        collectgarbage()
        return tonumber(pages) * 4096
      end
      local server <close> = serve(echo)
      local address, clients = server:address(), {}
      local function come(n)
        for _ = 1, n do
          local sock = await(net.tcp_connect(address))
          await(sock:write "x\n")
          assert.equal("X\n", await(sock:read()))
          clients[#clients + 1] = sock
        end
      end
      come(100)
      local before = resident()
      come(400)
      -- Both ends, and what the collector has not freed yet. Two buffers alone would be 8192 bytes.
      local each = (resident() - before) / 400
      assert.is_true(each < 10000, each)
      for _, sock in ipairs(clients) do sock:close() end
    end)()
  end)

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
      while server:connections() > 0 do lwt.yield() end
      await(server:shutdown())
    end)
  end))
end)

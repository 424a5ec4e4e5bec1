local lwt = require "lwt"
local net = require "lwt.net"
local engine = require "lwt.engine"
local expect = require "spec.support.expect"
local task, failure = expect.task, expect.failure
local await = lwt.await

describe("net.getaddrinfo", function()
  it("gives addresses that every function takes", task(function()
    local list = await(net.getaddrinfo("localhost", 80))
    assert.is_true(#list >= 1)
    for _, a in ipairs(list) do
      assert.equal(80, a.port)
      assert.equal("stream", a.socktype)
      assert.is_truthy(a.family == "inet" or a.family == "inet6")
      assert.same({ host = a.host, port = 80 }, net.parse_address({ host = a.host, port = a.port }))
    end
  end))

  it("takes options", task(function()
    local list = await(net.getaddrinfo("127.0.0.1", 53, { socktype = "datagram", family = "inet" }))
    assert.equal(1, #list)
    assert.same({ "127.0.0.1", 53, "inet", "datagram" },
      { list[1].host, list[1].port, list[1].family, list[1].socktype })
    local any = await(net.getaddrinfo(nil, 80, { passive = true, family = "inet" }))
    assert.equal("0.0.0.0", any[1].host)
  end))

  it("rejects with the resolver's error and the name", task(function()
    local err = failure(net.getaddrinfo("no.such.host.invalid"))
    assert.is_truthy(err.code:find("^EAI_"), err.code)
    assert.equal("getaddrinfo", err.op)
    assert.equal("no.such.host.invalid", err.address)
    assert.equal(0, err.errno)
  end))

  it("is given up when it is cancelled, waiting or not", task(function()
    local limit = net.dns_limit()
    net.dns_limit(1)
    local all = {}
    for i = 1, 20 do all[i] = net.getaddrinfo("localhost", i) end
    for i = 1, 20, 2 do all[i]:cancel() end
    for i = 1, 20 do
      if i % 2 == 1 then
        assert.equal(lwt.Canceled, failure(all[i]))
      else
        assert.equal(i, await(all[i])[1].port)
      end
    end
    net.dns_limit(limit)
  end))

  it("refuses bad input", function()
    local function refused(message, ...)
      local args = table.pack(...)
      assert.has_error(function() net.getaddrinfo(table.unpack(args, 1, args.n)) end, message)
    end
    refused("bad argument #1 to 'getaddrinfo' (host or service expected)")
    refused("bad argument #1 to 'getaddrinfo' (name contains a zero byte)", "a\0b")
    refused("bad argument #1 to 'getaddrinfo' (name is too long)", ("x"):rep(300))
    refused("bad argument #3 to 'getaddrinfo' (option 'family' is none of its values)", "h", 1,
      { family = "ipx" })
    refused("bad argument #3 to 'getaddrinfo' (unknown option 'fam')", "h", 1, { fam = 1 })
    assert.has_error(function() net.dns_limit(0) end,
      "bad argument #1 to 'dns_limit' (limit is out of range (1 to 1024))")
  end)
end)

describe("net.getnameinfo", function()
  it("gives host and service, numbers where there is no name", task(function()
    local host, service = await(net.getnameinfo("127.0.0.1:4"))
    assert.equal("string", type(host))
    assert.equal("4", service)
  end))

  it("refuses a name", function()
    assert.has_error(function() net.getnameinfo("localhost:80") end,
      "bad argument #1 to 'getnameinfo' (numeric address expected)")
  end)
end)

describe("net.getservbyname", function()
  it("gives the port, or the resolver's error", task(function()
    if io.open("/etc/services") then
      assert.equal(80, await(net.getservbyname("http")))
      assert.equal(53, await(net.getservbyname("domain", "udp")))
    end
    local err = failure(net.getservbyname("no-such-service"))
    assert.is_truthy(err.code:find("^EAI_"), err.code)
    assert.equal("no-such-service", err.service)
  end))
end)

describe("this machine", function()
  it("has a name and interfaces", function()
    assert.is_true(#net.gethostname() > 0)
    local loopback
    for _, i in ipairs(net.interfaces()) do
      if i.host == "127.0.0.1" then loopback = i end
    end
    assert.same({ "lo", "inet", "255.0.0.0", true, "00:00:00:00:00:00" },
      { loopback.name, loopback.family, loopback.netmask, loopback.internal, loopback.mac })
  end)
end)

describe("connecting to a name", function()
  before_each(function() engine.set("virtual") end)
  after_each(function() engine.set("uv") end)

  -- Attempts that the test decides on: started[i] = {address, promise, resolver, time}.
  local function attempts()
    local started = {}
    local zero = lwt.now()
    return started, function(address)
      local p, r = lwt.task()
      started[#started + 1] = {
        address = address, p = p, r = r,
        time = math.floor((lwt.now() - zero) * 1000 + 0.5),
      }
      return p
    end
  end

  local function socket()
    local s = { closed = false }
    function s:close() self.closed = true end
    return s
  end

  it("takes the families in turn", function()
    local function a(name, family) return { host = name, family = family } end
    local function names(list)
      local t = {}
      for i, x in ipairs(net._interleave(list)) do t[i] = x.host end
      return table.concat(t, " ")
    end
    assert.equal("6a 4a 6b 4b 6c", names { a("6a", "inet6"), a("6b", "inet6"), a("6c", "inet6"),
      a("4a", "inet"), a("4b", "inet") })
    assert.equal("4a 6a", names { a("4a", "inet"), a("6a", "inet6") })
    assert.equal("4a 4b", names { a("4a", "inet"), a("4b", "inet") })
  end)

  it("tries another address every 250 ms, and cancels the losers", task(function()
    local started, connect = attempts()
    local p = net._race({ "a", "b", "c", "d" }, connect, 0.25)
    assert.equal(1, #started)
    await(lwt.sleep(0.6))
    assert.equal(3, #started)
    assert.same({ 0, 250, 500 }, { started[1].time, started[2].time, started[3].time })
    local s = socket()
    started[2].r:wakeup(s)
    assert.equal(s, await(p))
    assert.equal(lwt.Canceled, failure(started[1].p))
    assert.equal(lwt.Canceled, failure(started[3].p))
    await(lwt.sleep(1))
    assert.equal(3, #started)
    assert.is_false(s.closed)
  end))

  it("tries the next at once when one fails", task(function()
    local started, connect = attempts()
    local p = net._race({ "a", "b" }, connect, 0.25)
    await(lwt.sleep(0.1))
    started[1].r:wakeup_exn("no")
    assert.equal(2, #started)
    assert.equal(100, started[2].time)
    local s = socket()
    started[2].r:wakeup(s)
    assert.equal(s, await(p))
  end))

  it("counts the delay anew from each attempt", task(function()
    local started, connect = attempts()
    net._race({ "a", "b", "c" }, connect, 0.25)
    await(lwt.sleep(0.1))
    started[1].r:wakeup_exn("no")
    await(lwt.sleep(0.2))
    assert.equal(2, #started)
    await(lwt.sleep(0.1))
    assert.equal(3, #started)
    assert.equal(350, started[3].time)
    started[2].p:cancel()
    started[3].p:cancel()
  end))

  it("rejects with the first error when all have failed", task(function()
    local started, connect = attempts()
    local p = net._race({ "a", "b" }, connect, 0.25)
    await(lwt.sleep(0.3))
    started[2].r:wakeup_exn("second")
    assert.is_true(p:is_pending())
    started[1].r:wakeup_exn("first")
    assert.equal("second", failure(p)) -- the first in time
  end))

  it("stops everything when it is cancelled", task(function()
    local started, connect = attempts()
    local p = net._race({ "a", "b", "c" }, connect, 0.25)
    await(lwt.sleep(0.3))
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    assert.equal(2, #started)
    for _, a in ipairs(started) do assert.equal(lwt.Canceled, failure(a.p)) end
    await(lwt.sleep(1))
    assert.equal(2, #started)
  end))

  it("closes a socket that comes too late", task(function()
    -- An attempt that cannot be cancelled.
    local p1, r1 = lwt.wait()
    local p2, r2 = lwt.wait()
    local list = { p1, p2 }
    local p = net._race({ 1, 2 }, function(i) return list[i] end, 0.25)
    await(lwt.sleep(0.3))
    local winner, loser = socket(), socket()
    r1:wakeup(winner)
    r2:wakeup(loser)
    assert.equal(winner, await(p))
    assert.is_false(winner.closed)
    assert.is_true(loser.closed)
  end))
end)

describe("what is no socket", function()
  local function blamed(code, message)
    local f = assert(load("local net = require 'lwt.net'\n\n" .. code .. "\nreturn", "=chunk"))
    local ok, err = pcall(f)
    assert.is_false(ok)
    assert.is_truthy(tostring(err):find("chunk:3: " .. message, 1, true), tostring(err))
  end

  it("is blamed on the line of the call", function()
    blamed("net.close 'x'", "bad argument #1 to 'close' (socket expected, got string)")
    blamed("net.getsockname(nil)", "bad argument #1 to 'getsockname' (socket expected, got nil)")
    blamed("net.getpeername {}", "bad argument #1 to 'getpeername' (socket expected, got table)")
    blamed("net.fileno(io.stdout)", "bad argument #1 to 'fileno' (socket expected, got FILE*)")
    blamed("net.connect 'h:1'", "bad argument #1 to 'connect' (lwt.udp expected; to connect ")
    blamed("net.connect({ host = 'h', port = 1 })", "bad argument #1 to 'connect' (lwt.udp expected; to connect ")
    blamed("net.tcp_connect 'h'", "bad argument #1 to 'tcp_connect' (no port in address 'h')")
    blamed("net.tcp_listen 'h'", "bad argument #1 to 'tcp_listen' (no port in address 'h')")
    blamed("net.udp():send('x', 'h')", "bad argument #2 to 'send' (no port in address 'h')")
  end)

  it("says where an address is connected to", function()
    local _, err = pcall(net.connect, "h:1")
    assert.is_truthy(err:find("(lwt.udp expected; to connect to an address: net.tcp_connect, "
      .. "net.pipe_connect, lio.open_connection)", 1, true), err)
  end)

  it("is a delay that is no number of seconds", function()
    for _, delay in ipairs { -1, 0 / 0, "1", true } do
      local ok, err = pcall(net.tcp_connect, "localhost:1", { delay = delay })
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find("option 'delay'", 1, true))
    end
  end)
end)

describe("a name server that does not answer", function()
  local build = require "spec.support.build"
  local shell = require "spec.support.shell"

  -- Runs code with a resolver that is silent about one name; how long it took, in seconds.
  local function run(code)
    local dir = build.temp_dir()
    -- A shell may be loaded with it, which has no sanitizer.
    local library = build.library(dir, "spec/support/silent.c", "silent", { "-fno-sanitize=all" })
    local script = shell.write(dir .. "/script.lua", "local lwt, net = require 'lwt', require 'lwt.net'\n"
      .. "local fs = require 'lwt.fs'\nlocal await = lwt.await\n" .. code)
    local before = os.time()
    local r = shell.run(("LD_PRELOAD='%s' timeout 100 %s %s"):format(library,
      shell.lua, script))
    shell.remove_dir(dir)
    return r, os.time() - before
  end

  it("does not keep the program from ending", function()
    for _, ending in ipairs { "", "os.exit(0)", "os.exit(0, true)" } do
      local r, seconds = run([[
        lwt.run(function()
          local ok, err = pcall(await, lwt.with_timeout(0.1, net.getaddrinfo("silent.test", 80)))
          assert(not ok and err == lwt.Timeout)
          net.getaddrinfo("silent.test", 80) -- still wanted at the end
          assert(not pcall(await, lwt.with_timeout(0.1, net.tcp_connect "silent.test:80")))
        end)
        print "over"
      ]] .. ending)
      assert.same({ "over\n", "", 0 }, { r.out, r.err, r.code })
      assert.is_true(seconds < 40)
    end
  end)

  it("keeps neither files nor other names waiting", function()
    local r, seconds = run [[
      lwt.run(function()
        local silent = {}
        for i = 1, 8 do silent[i] = net.getaddrinfo("silent.test", 80) end
        assert(await(fs.stat ".").type == "directory")
        assert(await(net.getaddrinfo("127.0.0.1", 80))[1].port == 80)
        for _, p in ipairs(silent) do p:cancel() end
      end)
      print "over"
    ]]
    assert.same({ "over\n", "", 0 }, { r.out, r.err, r.code })
    assert.is_true(seconds < 40)
  end)
end)

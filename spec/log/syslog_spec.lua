-- Syslog: daemons written here, on datagrams and streams, and a real rsyslogd; forms, restarts, losses.

local lwt = require "lwt"
local fs = require "lwt.fs"
local log = require "lwt.log"
local net = require "lwt.net"
local process = require "lwt.process"
local support = require "spec.support.log"
local eventually = require "spec.support.eventually"

local await, spec = lwt.await, support.spec

local function error_of(p) return select(2, pcall(await, p)) end

local function recv(daemon) return (await(daemon:recv())) end

-- A daemon on a stream: takes every client, and keeps all that comes.
local function stream_daemon(listener)
  local d = { text = "", clients = {} }
  lwt.async(function()
    while true do
      local ok, client = pcall(await, listener:accept())
      if not ok then return end
      d.clients[#d.clients + 1] = client
      lwt.async(function()
        while true do
          local fine, data = pcall(await, client:read())
          if not fine or not data then return end
          d.text = d.text .. data
        end
      end)
    end
  end)
  function d.close()
    listener:close()
    for _, client in ipairs(d.clients) do client:close() end
  end
  return d
end

-- The records of a text with octet counting.
local function counted(text)
  local list, at = {}, 1
  while at <= #text do
    local n, after = text:match("^(%d+) ()", at)
    list[#list + 1] = text:sub(after, after + math.tointeger(n) - 1)
    at = after + math.tointeger(n)
  end
  return list
end

describe("lwt.log.syslog", function()
  it("sends datagrams to the daemon of this machine, in the form of RFC 3164", spec(function(dir)
    local daemon <close> = net.unix_datagram { path = dir .. "/log" }
    local l <close> = log.syslog {
      paths = { dir .. "/missing", dir .. "/log" }, facility = "local3", tag = "my app:[x]",
    }
    log.set_default(l)
    log.set_level "debug"
    local severities = { debug = 7, info = 6, notice = 5, warning = 4, error = 3, fatal = 0 }
    for level, severity in pairs(severities) do
      await(log.with { user = "ann" }:log(level, "it is %s", level))
      local packet = recv(daemon)
      local pri, date, tag, pid, text = packet:match "^<(%d+)>(%u%l%l [ %d]%d %d%d:%d%d:%d%d) (%S+)%[(%d+)%]: (.*)$"
      assert.equal(19 * 8 + severity, math.tointeger(pri))
      assert.equal(15, #date)
      assert.equal("my_app__x_", tag)
      assert.equal(tostring(process.getpid()), pid)
      assert.equal("main: it is " .. level .. " user=ann", text)
    end
  end))

  it("makes a record of each line, and cuts what is too long where a character ends", spec(function(dir)
    local daemon <close> = net.unix_datagram { path = dir .. "/log" }
    local l <close> = log.syslog { paths = { dir .. "/log" }, template = "$(message)", tag = "t" }
    log.set_default(l)
    log.error "one\n<0>two\r\27[m\nthree"
    assert.matches(": one$", recv(daemon))
    assert.matches("^<11>.*: <0>two\\r\\x1b%[m$", recv(daemon))
    assert.matches(": three$", recv(daemon))
    for extra = 0, 3 do
      log.error(("x"):rep(extra) .. ("é"):rep(2000))
      local packet = recv(daemon)
      assert.is_true(#packet <= 1024 and #packet >= 1022)
      assert.matches("<truncated>$", packet)
      assert.is_truthy(utf8.len(packet))
    end
    log.error "next"
    assert.matches(": next$", recv(daemon))
  end))

  it("has the form of RFC 5424, with fields as structured data", spec(function(dir)
    local daemon <close> = net.unix_datagram { path = dir .. "/log" }
    local l <close> = log.syslog { paths = { dir .. "/log" }, rfc = 5424, tag = "demo" }
    log.set_default(l)
    log.section "a.b":with { ["k ="] = 'v "]\\', n = 1, nl = "a\nb" }:warning "hello"
    local packet = recv(daemon)
    local time, host, rest = packet:match "^<12>1 (%S+) (%S+) demo (.*)$"
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d[+-]%d%d:%d%d$", time)
    assert.is_true(#host > 0)
    assert.equal(process.getpid() .. ' - [fields@32473 k__="v \\"\\]\\\\" n="1" nl="a\\nb"] a.b: hello', rest)
    log.error "no fields"
    assert.matches(" %- %- main: no fields$", recv(daemon))
    log.with { big = ("x"):rep(3000) }:error "too many fields"
    assert.matches(" %- %- main: too many fields$", recv(daemon))
  end))

  it("uses a stream where the daemon wants one, and ends records with a zero byte", spec(function(dir)
    local daemon = stream_daemon(await(net.pipe_listen { path = dir .. "/log" }))
    local l = log.syslog { paths = { dir .. "/log" }, template = "$(message)", tag = "t" }
    log.set_default(l)
    await(log.error "one\ntwo")
    await(log.error(("x"):rep(2000)))
    await(l:close())
    eventually(function() return select(2, daemon.text:gsub("%z", "")) == 3 end)
    local records = {}
    for record in daemon.text:gmatch "([^%z]*)%z" do records[#records + 1] = record:match "%]: (.*)$" end
    assert.same({ "one", "two" }, { records[1], records[2] })
    assert.matches("^x+<truncated>$", records[3])
    daemon.close()
  end))

  it("sends over UDP, with the host's name", spec(function()
    for _, where in ipairs { "127.0.0.1:0", "[::1]:0" } do
      local ok, daemon = pcall(net.udp, where)
      if ok then -- (not every machine has IPv6)
        local a = net.parse_address(daemon:getsockname())
        local l <close> = log.syslog { host = a.host, port = a.port, tag = "t" }
        log.set_default(l)
        await(log.error "over the net")
        local host = net.gethostname()
        local packet = recv(daemon)
        assert.equal(host, packet:match "^<11>%u%l%l [ %d]%d %d%d:%d%d:%d%d (%S+) t%[%d+%]: main: over the net$")
        daemon:close()
      end
    end
  end))

  it("sends over TCP, with octet counting, whatever is in a record", spec(function()
    local listener = await(net.tcp_listen "127.0.0.1:0")
    local daemon = stream_daemon(listener)
    local port = net.parse_address(listener:address()).port
    local l = log.syslog { host = "127.0.0.1", port = port, proto = "tcp", rfc = 5424 }
    log.set_default(l)
    local tasks = {}
    for t = 1, 10 do
      tasks[t] = lwt.spawn(function()
        for i = 1, 100 do
          local p = log.error("%d %d\n12 é", t, i)
          if i % 9 == 0 then await(p) end
        end
      end)
    end
    await(lwt.join(tasks))
    await(l:close())
    eventually(function()
      local ok, list = pcall(counted, daemon.text)
      return ok and #list == 2000
    end)
    local last = {}
    for i, record in ipairs(counted(daemon.text)) do
      local text = record:match "main: (.*)$"
      if i % 2 == 0 then
        assert.equal("12 é", text)
      else
        local t, n = text:match "^(%d+) (%d+)$"
        assert.equal((last[t] or 0) + 1, math.tointeger(n))
        last[t] = math.tointeger(n)
      end
    end
    daemon.close()
  end))

  it("finds a daemon that was restarted, and loses nothing when nothing was logged meanwhile", spec(function(dir)
    local path = dir .. "/log"
    local daemon = net.unix_datagram { path = path }
    local l <close> = log.syslog { paths = { path }, template = "$(message)" }
    log.set_default(l)
    for i = 1, 3 do
      await(log.error("%d", i))
      assert.matches(": " .. i .. "$", recv(daemon))
      daemon:close()
      await(fs.unlink(path))
      daemon = net.unix_datagram { path = path }
    end
    await(log.error "last")
    assert.matches(": last$", recv(daemon))
    daemon:close()
  end))

  it("rejects what is logged while there is no daemon, tells so once, and the daemon how many", spec(function(dir)
    local told = support.hook()
    local path = dir .. "/log"
    local l <close> = log.syslog { paths = { path }, template = "$(section) $(message)" }
    log.set_default(l)
    for _ = 1, 3 do assert.equal("ENOENT", error_of(log.error "lost").code) end
    lwt.yield()
    assert.equal(1, #told)
    local daemon = net.unix_datagram { path = path }
    await(log.error "back")
    assert.matches("^<12>.*: lwt%.log 3 records were lost: .*ENOENT", recv(daemon))
    assert.matches(": main back$", recv(daemon))
    daemon:close()
    assert.equal("ECONNREFUSED", error_of(log.error "gone").code)
    lwt.yield()
    assert.equal(2, #told)
    await(fs.unlink(path))
    daemon = net.unix_datagram { path = path }
    await(log.error "again")
    assert.matches("1 records were lost", recv(daemon))
    assert.matches(": main again$", recv(daemon))
    daemon:close()
  end))

  it("notices that a stream's daemon has gone before it sends to it", spec(function()
    support.hook()
    local listener = await(net.tcp_listen "127.0.0.1:0")
    local port = net.parse_address(listener:address()).port
    local daemon = stream_daemon(listener)
    local l = log.syslog { host = "127.0.0.1", port = port, proto = "tcp", template = "$(message)" }
    log.set_default(l)
    await(log.error "one")
    eventually(function() return daemon.text:find("one", 1, true) end)
    daemon.close()
    await(lwt.sleep(0.01))
    local err = error_of(log.error "lost")
    assert.equal("ECONNREFUSED", err.code)
    local again = stream_daemon(await(net.tcp_listen("127.0.0.1:" .. port)))
    await(log.error "two")
    eventually(function() return again.text:find(": two", 1, true) end)
    assert.matches("1 records were lost", again.text)
    await(l:close())
    again.close()
  end))

  it("counts what it has sent over UDP to nobody, tells once, and the daemon how many, when it is back", spec(function()
    local told = support.hook()
    local daemon = net.udp "127.0.0.1:0"
    local port = net.parse_address(daemon:getsockname()).port
    local l <close> = log.syslog { host = "127.0.0.1", port = port, template = "$(message)", tag = "t" }
    log.set_default(l)
    await(log.error "1")
    assert.matches(": 1$", recv(daemon))
    daemon:close()
    for i = 2, 6 do await(log.error("%d", i)) end
    assert.equal(1, #told)
    assert.equal("ECONNREFUSED", told[1].code)
    daemon = net.udp { host = "127.0.0.1", port = port }
    local texts = {}
    for i = 7, 9 do await(log.error("%d", i)) end
    for i = 1, 4 do texts[i] = recv(daemon):match ": (.*)$" end
    assert.same({ "7", "5 records were lost: send: connection refused (ECONNREFUSED)", "8", "9" }, texts)
    daemon:close()
  end))

  it("sends again over TCP what the other end's system had not taken when the connection broke", spec(function()
    local listener = await(net.tcp_listen "127.0.0.1:0")
    local l = log.syslog {
      host = "127.0.0.1", port = net.parse_address(listener:address()).port, proto = "tcp",
      template = "$(message)", tag = "t",
    }
    log.set_default(l)
    local accepted = listener:accept()
    local n = 0
    local function more(count)
      local p
      for _ = 1, count do
        n = n + 1
        p = log.error("%d %s", n, ("x"):rep(900))
      end
      return p
    end
    await(more(1))
    local first = await(accepted)
    -- Nobody reads: what the other system has room for is acknowledged, then more is only taken here.
    while lwt.choose { more(20):bind(function() return true end), lwt.sleep(0.5):bind(function() return false end) }
      :await() do end
    local next_one = listener:accept()
    first:reset()
    local second = await(next_one)
    more(1)
    local text, last = "", n .. " " .. ("x"):rep(900)
    while not text:find(last, 1, true) do text = text .. assert(await(second:read())) end
    local numbers = {}
    for _, record in ipairs(counted(text)) do
      numbers[#numbers + 1] = math.tointeger(record:match ": (%d+) x+$")
    end
    for i = 2, #numbers do assert.equal(numbers[i - 1] + 1, numbers[i]) end
    assert.equal(n, numbers[#numbers])
    assert.is_true(#numbers > 21, #numbers) -- more than what was still to be written
    second:close()
    listener:close()
    await(l:close())
  end))

  it("makes who awaits wait for a daemon that does not keep up, and loses nothing", spec(function(dir)
    local daemon <close> = net.unix_datagram { path = dir .. "/log" }
    local l <close> = log.syslog { paths = { dir .. "/log" }, template = "$(message)" }
    log.set_default(l)
    local last
    for i = 1, 3000 do last = log.error("%d", i) end
    lwt.yield()
    assert.equal("pending", (last:state()))
    for i = 1, 3000 do assert.matches(": " .. i .. "$", recv(daemon)) end
    await(last)
  end))

  it("survives a cancel at any time: the record is sent", spec(function(dir)
    local daemon <close> = net.unix_datagram { path = dir .. "/log" }
    local l <close> = log.syslog { paths = { dir .. "/log" }, template = "$(message)" }
    log.set_default(l)
    for i = 1, 20 do
      local task = lwt.spawn(function() await(log.error("%d", i)) end)
      task:cancel()
      assert.matches(": " .. i .. "$", recv(daemon))
    end
  end))

  it("works with a real rsyslogd, over its socket, UDP and TCP, through a restart", spec(function(dir)
    support.hook()
    if not await(fs.exists "/usr/sbin/rsyslogd") then return pending "rsyslogd is not installed" end
    local probe_udp, probe = net.udp "127.0.0.1:0", await(net.tcp_listen "127.0.0.1:0")
    local udp_port = net.parse_address(probe_udp:getsockname()).port
    local tcp_port = net.parse_address(probe:address()).port
    probe_udp:close()
    probe:close()
    await(fs.write_file(dir .. "/conf", ([[
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="%s/log")
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="%d")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="%d")
template(name="t" type="string"
  string="%%syslogfacility-text%%.%%syslogseverity-text%% %%programname%% %%msg%% %%structured-data%%\n")
*.* action(type="omfile" file="%s/out" template="t")
]]):format(dir, udp_port, tcp_port, dir)))
    local function start()
      local d = process.open({ "/usr/sbin/rsyslogd", "-n", "-f", dir .. "/conf", "-i", dir .. "/pid" },
        { stdin = "null", stdout = "null", stderr = "null" })
      eventually(function()
        local ok, sock = pcall(net.unix_datagram, { peer = dir .. "/log" })
        if ok then sock:close() end
        local there = ok and select(2, pcall(await, net.tcp_connect { host = "127.0.0.1", port = tcp_port }))
        if type(there) == "userdata" then there:close() end
        return type(there) == "userdata"
      end)
      return d
    end
    local function has(text)
      eventually(function()
        return await(fs.exists(dir .. "/out")) and support.read(dir .. "/out"):find(text, 1, true)
      end)
    end
    local daemon = start()
    local unix = log.syslog { paths = { dir .. "/log" }, facility = "daemon", tag = "unix" }
    local udp = log.syslog { host = "127.0.0.1", port = udp_port, facility = "local1", tag = "udp", rfc = 5424 }
    local tcp = log.syslog {
      host = "127.0.0.1", port = tcp_port, proto = "tcp", facility = "local2", tag = "tcp", rfc = 5424,
    }
    log.set_default(log.broadcast { unix, udp, tcp })
    await(log.with { user = "ann" }:warning "first\nsecond \27[m")
    has 'daemon.warning unix  main: first user=ann'
    has 'daemon.warning unix  main: second \\x1b[m user=ann'
    has 'local1.warning udp main: first [fields@32473 user="ann"]'
    has 'local2.warning tcp main: second \\x1b[m [fields@32473 user="ann"]'
    daemon:kill "TERM"
    await(daemon:status())
    pcall(await, log.error "lost")
    daemon = start()
    local ok = pcall(await, log.fatal "third")
    if not ok then await(log.fatal "third") end -- (UDP is told of what it lost by the next)
    has 'daemon.emerg unix  main: third'
    has 'local1.emerg udp main: third'
    has 'local2.emerg tcp main: third'
    has 'records were lost'
    for _, l in ipairs { unix, udp, tcp } do await(l:close()) end
    daemon:kill "TERM"
    await(daemon:status())
  end))
end)

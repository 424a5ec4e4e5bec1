-- Every kind of logger, closed, full, gone and raising: its promises are rejected with what the system
-- says, the hook is told once and not once a record, and the other member of a broadcast has them all.

local lwt = require "lwt"
local io = require "lwt.io"
local fs = require "lwt.fs"
local log = require "lwt.log"
local net = require "lwt.net"
local preemptive = require "lwt.preemptive"
local process = require "lwt.process"
local support = require "spec.support.log"

local await, spec = lwt.await, support.spec

local RECORDS = 20

local function code_of(err) return type(err) == "table" and err ~= lwt.Closed and err.code or err end

-- Logs in a broadcast of `l` and another logger, awaiting every third record. Each that is awaited is
-- rejected with one of `codes`, the hook is told `times` times, the other logger has all.
local function fails(l, codes, times)
  local told = support.hook()
  local other, list = support.collect()
  log.set_default(log.broadcast { l, other })
  for i = 1, RECORDS do
    local p = log.error("%d", i)
    if i % 3 == 0 then
      local ok, err = pcall(await, p)
      assert.is_false(ok)
      assert.is_true(codes[code_of(err)], "not expected: " .. tostring(err))
    end
  end
  pcall(await, log.error "the last")
  collectgarbage()
  lwt.yield()
  assert.equal(RECORDS + 1, #list)
  for i = 1, RECORDS do assert.equal("main error " .. i, list[i]) end
  assert.equal(times, #told, table.concat((function()
    local words = {}
    for i, err in ipairs(told) do words[i] = tostring(err) end
    return words
  end)(), "\n"))
  if times == 1 then assert.is_true(codes[code_of(told[1])]) end
end

-- A logger that works, of every kind: name -> function(dir) that gives it. The daemons are there as
-- long as the spec.
local kinds = {}
function kinds.make() return log.make { output = function() end } end
function kinds.null() return log.null end
function kinds.channel(dir)
  return log.channel { channel = await(io.open_file(dir .. "/channel", "w")), close_mode = "close" }
end
function kinds.file(dir) return await(log.file { path = dir .. "/file" }) end
function kinds.json_file(dir) return await(log.json { path = dir .. "/json" }) end
function kinds.json_channel(dir)
  return log.json { channel = await(io.open_file(dir .. "/json2", "w")), close_mode = "close" }
end
function kinds.syslog(dir)
  local daemon = net.unix_datagram { path = dir .. "/dgram" }
  return log.syslog { paths = { dir .. "/dgram" } }, daemon
end
function kinds.syslog_stream(dir)
  local daemon = await(net.pipe_listen(dir .. "/stream"))
  return log.syslog { paths = { dir .. "/stream" } }, daemon
end
function kinds.syslog_udp()
  local daemon = net.udp "127.0.0.1:0"
  local port = net.parse_address(daemon:getsockname()).port
  return log.syslog { host = "127.0.0.1", port = port }, daemon
end
function kinds.syslog_tcp()
  local daemon = await(net.tcp_listen "127.0.0.1:0")
  local port = net.parse_address(daemon:address()).port
  return log.syslog { host = "127.0.0.1", port = port, proto = "tcp" }, daemon
end
function kinds.broadcast() return log.broadcast { log.null } end
function kinds.dispatch() return log.dispatch(function() end) end
function kinds.buffered() return log.buffered(log.make { output = function() end }, 100) end
function kinds.from_lualogging()
  return log.from_lualogging { log = function() return true end }
end

describe("lwt.log: a logger that is closed", function()
  for name, make in pairs(kinds) do
    if name ~= "null" then -- (it is everybody's)
      it("rejects with lwt.Closed, and nobody is told: " .. name, spec(function(dir)
        local l, daemon = make(dir)
        local told = support.hook()
        log.set_default(l)
        await(log.error "before")
        assert.equal(0, #told)
        await(l:close())
        assert.is_true(l:is_closed())
        fails(l, { [lwt.Closed] = true }, 0)
        if daemon then daemon:close() end
      end))
    end
  end

  it("is as good where its channel is given by its direct view", spec(function()
    local r, w = io.pipe()
    local l = log.channel { channel = lwt.direct(w), template = "$(message)" }
    log.set_default(l)
    await(log.warning "seen")
    assert.equal("seen", await(r:read_line()))
    await(w:close())
    fails(l, { [lwt.Closed] = true }, 0)
  end))

  it("what is behind it is closed: the channel, the member, the one that was chosen", spec(function(dir)
    local ch = await(io.open_file(dir .. "/f", "w"))
    local l = log.channel { channel = ch }
    await(ch:close())
    fails(l, { [lwt.Closed] = true }, 0)
    local closed = log.make { output = function() end }
    await(closed:close())
    fails(log.broadcast { closed, log.null }, { [lwt.Closed] = true }, 0)
    fails(log.dispatch(function() return closed end), { [lwt.Closed] = true }, 0)
    fails(log.buffered(closed, 10), { [lwt.Closed] = true }, 0)
  end))
end)

describe("lwt.log: a logger whose place is full", function()
  local full = {}
  function full.file() return await(log.file { path = "/dev/full" }) end
  function full.json_file() return await(log.json { path = "/dev/full" }) end
  function full.channel() return log.channel { channel = await(io.open_file("/dev/full", "w")) } end
  function full.json_channel() return log.json { channel = await(io.open_file("/dev/full", "w")) } end
  function full.dispatch()
    local l = full.file()
    return log.dispatch(function() return l end)
  end

  for name, make in pairs(full) do
    it("rejects with ENOSPC: " .. name, spec(function() fails(make(), { ENOSPC = true }, 1) end))
  end
end)

describe("lwt.log: a logger whose other end has gone", function()
  local gone = {}
  function gone.channel()
    local r, w = io.pipe()
    await(r:close())
    return log.channel { channel = w }
  end
  function gone.json_channel()
    local r, w = io.pipe()
    await(r:close())
    return log.json { channel = w }
  end
  function gone.socket(dir)
    local listener <close> = await(net.pipe_listen(dir .. "/s"))
    local accepted = listener:accept()
    local ch = await(io.open_connection("unix:" .. dir .. "/s"))
    await(accepted):close()
    lwt.yield()
    return log.channel { channel = ch }
  end
  for name, make in pairs(gone) do
    it("rejects with EPIPE: " .. name, spec(function(dir)
      fails(make(dir), { EPIPE = true, ECONNRESET = true }, 1)
    end))
  end

  for _, name in ipairs { "syslog", "syslog_stream", "syslog_tcp" } do
    it("rejects with what the system says: " .. name, spec(function(dir)
      local l, daemon = kinds[name](dir)
      daemon:close()
      os.remove(dir .. "/dgram")
      os.remove(dir .. "/stream")
      fails(l, { ENOENT = true, ECONNREFUSED = true }, 1)
    end))
  end

  it("and is a file whose folder has gone, goes on in what is open, and tells once", spec(function(dir)
    await(fs.mkdir(dir .. "/sub"))
    local l = await(log.file {
      path = dir .. "/sub/a", template = "$(message)", reopen = "USR2", rotate = { size = 30, keep = 2 },
    })
    await(fs.rename(dir .. "/sub", dir .. "/moved"))
    local told = support.hook()
    log.set_default(l)
    for i = 1, RECORDS do await(log.error("record %2d", i)) end
    await(process.exec { "kill", "-USR2", tostring(process.getpid()) })
    await(log.error "after")
    await(l:close())
    local text = support.read(dir .. "/moved/a")
    assert.equal(RECORDS + 1, select(2, text:gsub("\n", "")))
    for _, err in ipairs(told) do assert.equal("ENOENT", err.code) end
    assert.is_true(#told == 1 or #told == 2) -- the rotation, the reopening (if the signal was there by then)
  end))
end)

describe("lwt.log: a logger that raises", function()
  local raising = {}
  function raising.make() return log.make { output = function() error("no", 0) end } end
  function raising.make_later()
    return log.make { output = function()
      lwt.yield()
      error("no", 0)
    end }
  end
  function raising.make_rejected() return log.make { output = function() return lwt.rejected "no" end } end
  function raising.channel()
    return log.channel { channel = io.make { write = function() error("no", 0) end } }
  end
  function raising.dispatch() return log.dispatch(function() error("no", 0) end) end
  function raising.from_lualogging()
    return log.from_lualogging { log = function() error("no", 0) end }
  end
  function raising.from_lualogging_that_says_so()
    return log.from_lualogging { log = function() return nil, "no" end }
  end
  function raising.broadcast() return log.broadcast { log.null, raising.make() } end

  for name, make in pairs(raising) do
    it("rejects with what was raised: " .. name, spec(function() fails(make(), { no = true }, 1) end))
  end

  it("is no matter to who logs through buffered, and told once", spec(function()
    local told = support.hook()
    local l = log.buffered(raising.make_later(), 100)
    log.set_default(l)
    for i = 1, RECORDS do assert.equal("fulfilled", (log.error("%d", i):state())) end
    await(l:close())
    assert.same({ "no" }, told)
  end))

  it("is told of by a worker's records as by others, once", spec(function()
    local told = support.hook()
    local other, list = support.collect()
    log.set_default(log.broadcast { raising.make(), other })
    await(preemptive.detach(function(n)
      for i = 1, n do require "lwt.log".error("%d", i) end
    end, RECORDS))
    await(other:close())
    assert.equal(RECORDS, #list)
    assert.same({ "no" }, told)
  end))

  it("when it is closed, closing is rejected with that", spec(function()
    local l = log.make { output = function() end, close = function() error("not now", 0) end }
    assert.equal("not now", select(2, pcall(await, l:close())))
    assert.equal("not now", select(2, pcall(await, l:close())))
    assert.is_true(l:is_closed())
  end))
end)

describe("lwt.log: stderr", function()
  local lua = os.getenv "LUA" or "lua5.4"
  local code = [[
    local lwt, log = require "lwt", require "lwt.log"
    lwt.async_exception_hook(function(err) print("told", err.code) end)
    log.error "before the run"
    lwt.run(function()
      for i = 1, 10 do log.error("%d", i) end
      print(pcall(lwt.await, log.error "last"))
    end)
    print "ended"
  ]]

  it("that is full is told of once; that is closed is nowhere; neither ends anything", spec(function(dir)
    await(fs.write_file(dir .. "/script.lua", code))
    for where, told in pairs { ["2>/dev/full"] = 1, ["2>&-"] = 0 } do
      local status = await(process.exec({ "sh", "-c", "exec " .. lua .. " script.lua >out " .. where }, { cwd = dir }))
      local text = support.read(dir .. "/out")
      assert.equal(0, status.code)
      assert.matches("\nended\n$", text, where)
      assert.equal(told, select(2, text:gsub("told\tENOSPC", "")), where)
    end
  end))
end)

-- Where no task may wait, a read that would have to is refused, and is no read any more: what comes goes to the
-- next reader. The loops and direct views that await by themselves, one by one.

local lwt = require "lwt"
local lio = require "lwt.io"
local mvar = require "lwt.mvar"
local net = require "lwt.net"
local preemptive = require "lwt.preemptive"
local ssl = require "lwt.ssl"
local stream = require "lwt.stream"
local text = require "lwt.text"
local await = lwt.await

local function same(v) return v end

-- Each gives, in a task: what is called where it may not wait; what makes something come, "x"; a read by the
-- ordinary way, a promise; and what is to be closed.
local kinds = {}

-- A stream that `make` makes of one that is pushed to, read by `read`.
local function stream_kind(make, read)
  return function()
    local source, push = stream.create()
    local s = make(source)
    return function() return read(s) end, function() push "x" end, function() return s:get() end, {}
  end
end

local function loop(...) for v in ... do return v end end -- luacheck: ignore 512
kinds["a loop over a stream"] = stream_kind(same, loop)
for name, make in pairs {
  map = function(s) return s:map(same) end,
  chain = function(s) return s:map(same):filter(same) end,
  map_s = function(s) return s:map_s(same) end,
  clone = function(s) return s:clone() end,
  combine = function(s)
    return s:combine(stream.from_direct(function() return 1 end)):map(function(pair) return pair[1] end)
  end,
  choose = function(s) return stream.choose { s, (stream.create()) } end,
  generate = function(s)
    return stream.generate(function(yield) for v in s do yield(v) end end)
  end,
} do
  kinds["a loop over a stream made by " .. name] = stream_kind(make, loop)
end
kinds["a loop over a bounded stream"] = function()
  local s, pusher = stream.create_bounded(0)
  return function() return loop(s) end, function() pusher:push "x" end, function() return s:get() end, {}
end
for _, name in ipairs { "get", "next", "nget" } do
  kinds["the direct view of a stream, " .. name] = stream_kind(same, function(s)
    local d = lwt.direct(s)
    return d[name](d, 1)
  end)
end
kinds["the direct view of a stream, a loop"] = stream_kind(same, function(s) return loop(lwt.direct(s)) end)
kinds["the direct view of an mvar"] = function()
  local m = mvar.create()
  return function() return lwt.direct(m):take() end, function() m:put "x" end, function() return m:take() end, {}
end

-- A channel, read by `read`.
local function channel_kind(read, ordinary)
  return function()
    local r, w = lio.pipe()
    return function() return read(r) end, function()
      w:write "x\n"
      w:flush()
    end, function() return (ordinary or r.read_line)(r) end, { r, w }
  end
end

kinds["a loop over the lines of a channel"] = channel_kind(function(ch) return loop(ch:lines()) end)
kinds["the direct view of a channel"] = channel_kind(function(ch) return lwt.direct(ch):read_line() end)
for _, encoding in ipairs { "UTF-8", "UTF-16LE" } do
  for name, read in pairs {
    lines = function(t) return loop(t:lines()) end,
    chars = function(t) return loop(t:chars()) end,
  } do
    kinds[("a loop over the %s of a channel in %s"):format(name, encoding)] = function()
      local r, w = lio.pipe()
      local t = text.make(r, { encoding = encoding })
      return function() return read(t) end, function()
        w:write(text.encode("x\n", encoding))
        w:flush()
      end, function() return t:read_line() end, { t, w }
    end
  end
end

-- A socket, or what `wrap` makes of one, where another read waits already, or not.
local function socket_kind(pair, another)
  return function()
    local a, b, all = pair()
    local first = another and a:read(1)
    return function() return lwt.direct(a):read(1) end, function() b:write(first and "-x" or "x") end, function()
      if first then assert(await(first) == "-") end
      return a:read(1)
    end, all
  end
end

local function sockets()
  local a, b = net.socketpair()
  return a, b, { a, b }
end

local ca = require "spec.support.ca".make()
local id = ca:issue { name = "server", san = "DNS:localhost" }
local function tls()
  local a, b = net.socketpair()
  local server = ssl.context { role = "server", cert = id.cert, key = id.key }
  local s, c = await(lwt.both(ssl.accept(a, server), ssl.connect(b, { ca = ca.pem, name = "localhost" })))
  return s, c, { s, c, a, b }
end

for _, another in ipairs { false, true } do
  local how = another and ", behind another read" or ""
  kinds["the direct view of a socket" .. how] = socket_kind(sockets, another)
  kinds["the direct view of a TLS stream" .. how] = socket_kind(tls, another)
end
kinds["the direct view of a channel between threads"] = function()
  local ch = preemptive.channel(1)
  return function() return lwt.direct(ch):recv() end, function() ch:send "x" end, function() return ch:recv() end, {}
end

-- Where no task may wait: each calls f, and gives what pcall gives.
local places = {
  ["in a callback"] = function(f)
    local ok, err
    lwt.fulfilled():on_success(function() ok, err = pcall(f) end)
    return ok, err
  end,
  ["in a coroutine of its own"] = function(f) return coroutine.wrap(pcall)(f) end,
  ["where Lua cannot yield"] = function(f)
    local ok, err
    table.sort({ 1, 2 }, function()
      ok, err = pcall(f)
      return false
    end)
    return ok, err
  end,
}

describe("a read where no task may wait", function()
  teardown(function() ca:remove() end)

  local function check(refused, give, read, ok, err)
    assert.is_false(ok)
    assert.matches("attempt to await", tostring(err))
    give()
    local got = await(lwt.with_timeout(60, read()))
    if type(got) == "table" then got = got[1] end
    assert.equal("x", got, refused)
  end

  local function close(all)
    for _, x in ipairs(all) do await(x:close():catch(same)) end
  end

  for name, make in pairs(kinds) do
    for place, call in pairs(places) do
      it("takes nothing, " .. name .. ", " .. place, function()
        lwt.run(function()
          local read_here, give, read, all = make()
          check(name, give, read, call(read_here))
          close(all)
        end)
      end)
    end
    it("takes nothing, " .. name .. ", outside lwt.run", function()
      local read_here, give, read, all
      lwt.run(function() read_here, give, read, all = make() end)
      local ok, err = pcall(read_here)
      lwt.run(function()
        check(name, give, read, ok, err)
        close(all)
      end)
    end)
  end
end)

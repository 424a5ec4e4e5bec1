-- Growth of TLS (see growth.lua): contexts, handshakes, streams. Without lwt.ssl there is nothing here.

local net = require "lwt.net"
local ok, ssl = pcall(require, "lwt.ssl")

local authority -- of a certificate for localhost; removed at the end
local function paths()
  if not authority then
    authority = setmetatable({ ca = require "spec.support.ca".make() }, { __gc = function(a) a.ca:remove() end })
    authority.id = authority.ca:issue { name = "server", san = "DNS:localhost" }
  end
  return authority
end

return function(g)
  if not ok then return end

  -- Both ends of a stream over a pair of sockets.
  local function handshake(x)
    local a, b = net.socketpair()
    local serving = ssl.accept(a, { context = x.server, timeout = 120 })
    local mine = ssl.connect(b, { context = x.client, name = "localhost", timeout = 120 }):await()
    return mine, serving:await()
  end

  -- n contexts, and a stream.
  local function streams(n)
    local at = paths()
    local x = { list = g.times(n, function() return ssl.context { ca = at.ca.pem } end) }
    x.server = ssl.context { role = "server", cert = at.id.cert, key = at.id.key }
    x.client = ssl.context { ca = at.ca.pem }
    x.at = at
    x.c, x.s = handshake(x)
    return x
  end
  local function operation(name, act, slow) g.system("ssl: " .. name, streams, act, { most = 100, slow = slow }) end

  operation("context", function(x) ssl.context { ca = x.at.ca.pem } end)
  operation("connect, accept, session, shutdown, close", function(x)
    local c, s = handshake(x)
    c:session()
    c:shutdown():await()
    s:read():await()
    s:close():await()
    c:close():await()
  end, true)
  operation("connect that fails", function(x)
    local a, b = net.socketpair()
    local p = ssl.connect(b, { context = x.client, name = "localhost" })
    a:close():await()
    pcall(p.await, p)
  end)
  operation("write, writev, read; read, cancelled", function(x)
    x.c:write("hello"):await()
    x.c:writev({ "a", "b" }):await()
    x.s:read(7):await()
    x.s:read(1):cancel()
  end)
  operation("what a stream tells", function(x)
    for _, name in ipairs { "alpn", "cipher", "fileno", "is_closed", "is_reused", "is_stapled", "sni", "version",
      "peer_certificate", "verify_result", "getsockname", "getpeername" } do
      pcall(x.c[name], x.c)
    end
    x.c:export_keying_material("EXPERIMENTAL-growth", 16)
    pcall(x.c.nodelay, x.c, true)
    pcall(x.c.keepalive, x.c, 10)
  end)
end

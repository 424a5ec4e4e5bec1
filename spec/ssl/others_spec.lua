-- With other libraries at the other end, both ways: curl, node, Python, GnuTLS, LuaSec. What is not
-- installed here is skipped, and said to be.

local lwt = require "lwt"
local lio = require "lwt.io"
local net = require "lwt.net"
local process = require "lwt.process"
local shell = require "spec.support.shell"
local skip = require "spec.support.skip"
local ssl = require "lwt.ssl"
local test = require "lwt.test"
local await = lwt.await

-- A server that answers one line in capitals, and a client that sends one and prints the answer; the
-- port is the first argument, the folder of the certificates the second.
local NODE_SERVER = [[
const tls = require('tls'), fs = require('fs'), dir = process.argv[3];
const options = { key: fs.readFileSync(dir + '/server.key'), cert: fs.readFileSync(dir + '/server.pem'),
  ALPNProtocols: ['shout'] };
tls.createServer(options, c => {
  c.on('data', d => c.end(d.toString().toUpperCase()));
  c.on('error', () => {});
}).listen(+process.argv[2], '127.0.0.1', () => console.log('listens'));]]
local NODE_CLIENT = [[
const tls = require('tls'), fs = require('fs'), dir = process.argv[3];
const c = tls.connect({ port: +process.argv[2], host: '127.0.0.1', servername: 'localhost',
  ca: fs.readFileSync(dir + '/ca.pem'), ALPNProtocols: ['shout'] }, () => c.write('hello\n'));
let text = '';
c.on('data', d => { text += d; if (text.endsWith('\n')) c.end(); });
c.on('error', e => { console.log(e.code); process.exit(1); });
c.on('close', () => process.stdout.write(c.alpnProtocol + ' ' + text));]]
local PYTHON_SERVER = [[
import socket, ssl, sys
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[2] + "/server.pem", sys.argv[2] + "/server.key")
context.set_alpn_protocols(["shout"])
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listens", flush=True)
while True:
    try:
        with context.wrap_socket(listener.accept()[0], server_side=True) as c:
            c.sendall(c.recv(100).upper())
            c.unwrap()
    except OSError:
        pass]]
local PYTHON_CLIENT = [[
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2] + "/ca.pem")
context.set_alpn_protocols(["shout"])
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
    with context.wrap_socket(s, server_hostname="localhost") as c:
        c.sendall(b"hello\n")
        print(c.selected_alpn_protocol(), c.recv(100).decode(), end="")
        c.unwrap()]]
local LUASEC_SERVER = [[
package.path = package.path .. ";/usr/share/lua/5.3/?.lua;/usr/share/lua/5.1/?.lua"
local socket, ssl = require "socket", require "ssl"
local dir = arg[2]
local listener = assert(socket.bind("127.0.0.1", tonumber(arg[1])))
io.stdout:write("listens\n"):flush()
while true do
  local c = assert(ssl.wrap(listener:accept(), { mode = "server", protocol = "any",
    key = dir .. "/server.key", certificate = dir .. "/server.pem", alpn = { "shout" } }))
  if c:dohandshake() then
    c:send(c:receive():upper() .. "\n")
  end
  c:close()
end]]
local LUASEC_CLIENT = [[
package.path = package.path .. ";/usr/share/lua/5.3/?.lua;/usr/share/lua/5.1/?.lua"
local socket, ssl = require "socket", require "ssl"
local sock = assert(socket.connect("127.0.0.1", tonumber(arg[1])))
local c = assert(ssl.wrap(sock, { mode = "client", protocol = "any", verify = "peer",
  cafile = arg[2] .. "/ca.pem", alpn = "shout" }))
c:sni "localhost"
assert(c:dohandshake())
c:send "hello\n"
io.write(c:getalpn(), " ", c:receive(), "\n")
c:close()]]

local function there(command) return shell.run(command .. " >/dev/null 2>&1").code == 0 end

local python = there "/usr/bin/python3 -c 'import ssl'" and "/usr/bin/python3" or "python3"
local PEERS = {
  { "node", "node --version", NODE_SERVER, NODE_CLIENT, "node", "js" },
  { "Python's ssl", python .. " -c 'import ssl'", PYTHON_SERVER, PYTHON_CLIENT, python, "py" },
  { "LuaSec", shell.lua .. " -e 'package.path = package.path .. \";/usr/share/lua/5.3/?.lua\" require \"ssl\"'",
    LUASEC_SERVER, LUASEC_CLIENT, shell.lua, "lua" },
}

describe("lwt.ssl and other libraries:", function()
  local ca, id

  setup(function()
    ca = require "spec.support.ca".make()
    id = ca:issue { name = "server", san = "DNS:localhost,IP:127.0.0.1" }
  end)
  teardown(function() ca:remove() end)

  local function open(...)
    local env = {}
    for _, name in ipairs { "PATH", "HOME", "LUA_PATH", "LUA_CPATH" } do env[name] = os.getenv(name) end
    return process.open({ ... }, { stdin = "pipe", stdout = "pipe", stderr = "pipe", env = env })
  end

  local function finish(p)
    p:kill "SIGKILL"
    pcall(await, p:status())
    pcall(await, p:close())
  end

  local function free_port()
    local listener = await(net.tcp_listen "127.0.0.1:0")
    local port = listener:address():match ":(%d+)$"
    await(listener:close())
    return port
  end

  -- A server of ours that answers each line in capitals, while `f` runs with its port.
  local function serving(f, opts)
    opts = opts or {}
    opts.cert, opts.key, opts.alpn = id.cert, id.key, opts.alpn or { "shout" }
    local server = await(lio.establish_server("127.0.0.1:0", function(ch)
      for line in ch:lines() do await(ch:write_line(line:upper())) end
    end, { tls = opts }))
    f(server:address():match ":(%d+)$")
    await(server:shutdown())
  end

  -- What a program prints, which has to end well.
  local function said(...)
    local p = open(...)
    await(p.stdin:close())
    local out, err = await(lwt.both(p.stdout:read(), p.stderr:read()))
    local status = await(p:status())
    await(p:close())
    assert.equal(0, status.code, err)
    return out
  end

  -- One of ours asks a server.
  local function ask(port, opts)
    opts = opts or {}
    opts.ca, opts.name = ca.pem, "localhost"
    local ch = await(lio.open_connection("127.0.0.1:" .. port, { tls = opts }))
    await(ch:write_line "hello")
    local line, rest = await(ch:read_line()), await(ch:read())
    local alpn = ch:tls():alpn()
    await(ch:close())
    return line, rest, alpn
  end

  for _, peer in ipairs(PEERS) do
    local name, command, server, client, program, ending = table.unpack(peer)

    it(name .. ", both ways, in each version", test.async(function()
      if not there(command) then
        if name == "node" then skip.here "node is not installed" end
        skip.missing(name)
      end
      local as_server = shell.write(ca:path("server." .. ending), server)
      local as_client = shell.write(ca:path("client." .. ending), client)
      for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
        serving(function(port)
          assert.equal("shout HELLO\n", said(program, as_client, port, ca.dir))
        end, { max_version = version })
      end
      local port = free_port()
      local p = open(program, as_server, port, ca.dir)
      assert.equal("listens", await(p.stdout:read_line()))
      for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
        local line, rest, alpn = ask(port, { alpn = { "x", "shout" }, max_version = version })
        assert.same({ "HELLO", "", "shout" }, { line, rest, alpn })
      end
      -- Nobody believes a server whose issuer nobody knows.
      local ok, err = pcall(await, ssl.connect("127.0.0.1:" .. port, { ca = id.cert, name = "localhost" }))
      assert.is_false(ok)
      assert.equal("SSL_CERT_UNKNOWN_ISSUER", err.code)
      finish(p)
      test.assert_clean()
    end))
  end

  it("curl, which also refuses whom it does not know", test.async(function()
    skip.needs "curl"
    local server = await(lio.establish_server("127.0.0.1:0", function(ch)
      repeat local line = await(ch:read_line()) until not line or line == "" or line == "\r"
      await(ch:write "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
    end, { tls = { cert = id.cert, key = id.key, alpn = { "http/1.1" } } }))
    local url = "https://localhost:" .. server:address():match ":(%d+)$"
    for _, flag in ipairs { "--tlsv1.2", "--tlsv1.3" } do
      assert.equal("hello\n", said("curl", "-sS", "-4", flag, "--noproxy", "*", "--cacert", ca.pem, url))
    end
    assert.equal("hello\n", said("curl", "-sS", "-4", "--noproxy", "*", "--tls-max", "1.2", "--cacert", ca.pem, url))
    local p = open("curl", "-sS", "-4", "--noproxy", "*", "--cacert", ca:self_signed("other", "DNS:other").cert, url)
    await(p.stdout:read())
    assert.equal(60, await(p:status()).code)
    await(p:close())
    await(server:shutdown())
    test.assert_clean()
  end))

  it("GnuTLS, both ways, in each version", test.async(function()
    skip.needs "gnutls-cli"
    for _, version in ipairs { "1.2", "1.3" } do
      serving(function(port)
        local p = open("gnutls-cli", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS" .. version, "--x509cafile", ca.pem,
          "--sni-hostname", "localhost", "--verify-hostname", "localhost", "--alpn", "shout", "-p", port, "127.0.0.1")
        await(p.stdin:write "hello\n")
        await(p.stdin:flush())
        local heard
        for line in p.stdout:lines() do
          heard = line == "HELLO"
          if heard then break end
        end
        assert.is_true(heard or false)
        await(p.stdin:close())
        await(p.stdout:read())
        assert.equal(0, await(p:status()).code)
        await(p:close())
      end)
      local port = free_port()
      local p = open("gnutls-serv", "--echo", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS" .. version,
        "--x509certfile", id.cert, "--x509keyfile", id.key, "-p", port)
      local ch
      repeat -- it says that it listens before it does
        local ok, result = pcall(await, lio.open_connection("127.0.0.1:" .. port,
          { tls = { ca = ca.pem, name = "localhost" } }))
        ch = ok and result
        if not ok then
          assert.equal("ECONNREFUSED", result.code, tostring(result))
          lwt.sleep(0.05):await()
        end
      until ch
      assert.equal("TLSv" .. version, ch:tls():version())
      await(ch:write_line "hello")
      assert.equal("hello", await(ch:read_line()))
      await(ch:close())
      finish(p)
    end
    test.assert_clean()
  end))
end)

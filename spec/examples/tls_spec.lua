-- The examples over TLS, with each other and with certificates of the spec's own.

local lwt = require "lwt"
local lio = require "lwt.io"
local process = require "lwt.process"
local shell = require "spec.support.shell"
local await = lwt.await

describe("the examples over TLS", function()
  local ca, id

  setup(function()
    ca = require "spec.support.ca".make()
    id = ca:issue { name = "server", san = "DNS:localhost,IP:127.0.0.1" }
  end)
  teardown(function() ca:remove() end)

  local function start(name, ...)
    return process.open({ shell.lua, "bin/lwt", "examples/" .. name, ... },
      { stdin = "null", stdout = "pipe", stderr = "pipe" })
  end

  it("https.lua fetches a page, and says what is wrong with a certificate", function()
    lwt.run(lwt.with_timeout(120, function()
      local server = await(lio.establish_server("127.0.0.1:0", function(ch)
        for line in ch:lines() do
          if line == "" then break end
        end
        await(ch:write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nthe page\n"))
      end, { tls = { cert = id.cert, key = id.key } }))
      local url = "https://" .. server:address() .. "/x"
      local p = start("https.lua", url, ca.pem)
      assert.equal("the page\n", await(p.stdout:read()))
      local said = await(p.stderr:read())
      assert.truthy(said:find("TLSv1.3", 1, true) and said:find("HTTP/1.1 200 OK", 1, true), said)
      assert.equal(0, await(p:status()).code)
      await(p:close())
      p = start("https.lua", url)
      assert.truthy(await(p.stderr:read()):find("SSL_CERT_UNKNOWN_ISSUER", 1, true))
      assert.equal(1, await(p:status()).code)
      await(p:close())
      await(server:shutdown())
    end))
  end)

  it("tls_echo.lua reads its certificates again at SIGHUP", function()
    lwt.run(lwt.with_timeout(120, function()
      local cert = shell.write(ca:path "live.pem", ca:read "server.pem")
      local key = shell.write(ca:path "live.key", ca:read "server.key")
      local p = start("tls_echo.lua", cert, key, "127.0.0.1:0")
      local address = await(p.stdout:read_line()):match "listening on (%S+)"
      local function who()
        local ch <close> = await(lio.open_connection(address, { tls = { ca = ca.pem } }))
        await(ch:write_line("hello"))
        assert.equal("hello", await(ch:read_line()))
        return ch:tls():peer_certificate().cn
      end
      assert.equal("server", who())
      ca:issue { name = "next", san = "IP:127.0.0.1" }
      shell.write(cert, ca:read "next.pem")
      p:kill("SIGHUP")
      assert.truthy(await(p.stdout:read_line()):find("kept the old certificates", 1, true))
      assert.equal("server", who())
      shell.write(key, ca:read "next.key")
      p:kill("SIGHUP")
      assert.equal("certificates read again", await(p.stdout:read_line()))
      assert.equal("next", who())
      p:kill("SIGINT")
      await(p:status())
      await(p:close())
    end))
  end)
end)

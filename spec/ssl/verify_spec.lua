-- What a client takes for a good certificate, and what it says of the others: by real certificates.

local lwt = require "lwt"
local net = require "lwt.net"
local ssl = require "lwt.ssl"
local await = lwt.await

describe("a client of lwt.ssl", function()
  local ca, other, inter

  setup(function()
    ca = require "spec.support.ca".make()
    other = require "spec.support.ca".make()
    inter = ca:issue { name = "inter", ca = true, ext = "keyUsage = keyCertSign" }
  end)
  teardown(function()
    ca:remove()
    other:remove()
  end)

  -- A handshake: what the client and what the server got, each { true, stream } or { false, error }.
  local function shake(server_opts, client_opts)
    return lwt.run(function()
      local a, b = net.socketpair()
      server_opts.role = "server"
      local serving = ssl.accept(a, ssl.context(server_opts))
      local client = table.pack(pcall(await, ssl.connect(b, client_opts)))
      local server = table.pack(pcall(await, serving))
      local result = { client = client, server = server }
      if client[1] then
        result.certificate = client[2]:peer_certificate()
        result.verified = table.pack(client[2]:verify_result())
        await(client[2]:close())
      end
      if server[1] then await(server[2]:close()) end
      a:close()
      b:close()
      return result
    end)
  end

  local function accepts(identity, name, opts)
    opts = opts or {}
    opts.ca, opts.name = opts.ca or ca.pem, name
    local r = shake(identity, opts)
    assert.is_true(r.client[1], tostring(r.client[2]))
    assert.is_true(r.server[1], tostring(r.server[2]))
    assert.is_true(r.verified[1])
  end

  local function refuses(code, words, identity, name, opts)
    opts = opts or {}
    opts.ca, opts.name = opts.ca or ca.pem, name
    local r = shake(identity, opts)
    assert.is_false(r.client[1])
    local err = r.client[2]
    assert.equal(code, type(err) == "table" and err.code or tostring(err), tostring(err))
    assert.equal("handshake", err.op)
    assert.truthy(tostring(err):find(words, 1, true), tostring(err))
    assert.is_string(err.reason)
    -- The server is told, with an alert.
    assert.is_false(r.server[1])
    assert.equal("SSL_ALERT", r.server[2].code, tostring(r.server[2]))
    -- Who does not want to know gets the stream, and may ask.
    local open = { verify = false, name = name, ca = opts.ca }
    local unverified = shake(identity, open)
    assert.is_true(unverified.client[1], tostring(unverified.client[2]))
    if code ~= "SSL_CERT_NAME" and not opts.crl then
      assert.is_false(unverified.verified[1])
      assert.equal(code, unverified.verified[2].code)
    end
  end

  it("accepts the right one, by name, by any of its names, and by address", function()
    local id = ca:issue { name = "good", san = "DNS:localhost,DNS:www.example.org,IP:127.0.0.1,IP:::1" }
    accepts(id, "localhost")
    accepts(id, "LOCALHOST.")
    accepts(id, "www.example.org")
    accepts(id, "127.0.0.1")
    accepts(id, "::1")
    accepts(id, "[::1]")
    refuses("SSL_CERT_NAME", "is for localhost, www.example.org, 127.0.0.1", id, "example.org")
    refuses("SSL_CERT_NAME", "not for 127.0.0.2", id, "127.0.0.2")
    refuses("SSL_CERT_NAME", "not for ::2", id, "::2")
  end)

  it("never takes the subject's CN for a name", function()
    refuses("SSL_CERT_NAME", "no name", ca:issue { name = "onlycn", cn = "localhost" }, "localhost")
  end)

  it("shows no control characters of a certificate: messages go to terminals", function()
    refuses("SSL_CERT_NAME", "(CN=red\\x1b[31m)", ca:issue { name = "red", cn = "red\27[31m", san = "DNS:a.test" },
      "localhost")
  end)

  it("takes a * for one label, and for a whole one", function()
    local id = ca:issue { name = "wild", san = "DNS:*.example.org,DNS:x*.example.net" }
    accepts(id, "a.example.org")
    refuses("SSL_CERT_NAME", "not for a.b.example.org", id, "a.b.example.org")
    refuses("SSL_CERT_NAME", "not for example.org", id, "example.org")
    refuses("SSL_CERT_NAME", "not for xy.example.net", id, "xy.example.net")
  end)

  it("says since when one has expired, and whose it is", function()
    local id = ca:issue { name = "late", cn = "late one", san = "DNS:localhost", from = -20, to = -10 }
    local date = os.date("!%Y-%m-%d", os.time() - 10 * 86400)
    refuses("SSL_CERT_EXPIRED", ("certificate has expired on %s (CN=late one)"):format(date), id,
      "localhost")
  end)

  it("says from when one is valid", function()
    local id = ca:issue { name = "early", san = "DNS:localhost", from = 10, to = 20 }
    local date = os.date("!%Y-%m-%d", os.time() + 10 * 86400)
    refuses("SSL_CERT_NOT_YET_VALID", ("not valid before %s (CN=early)"):format(date), id, "localhost")
  end)

  it("refuses one that has signed itself, unless it is the one that is trusted", function()
    local id = ca:self_signed("selfish", "DNS:localhost")
    refuses("SSL_CERT_SELF_SIGNED", "self-signed", id, "localhost")
    accepts(id, "localhost", { ca = id.cert })
  end)

  it("refuses an issuer whom nobody trusts", function()
    local id = other:issue { name = "foreign", san = "DNS:localhost" }
    refuses("SSL_CERT_UNKNOWN_ISSUER", "/CN=Root of the spec", id, "localhost")
    -- Also when the root comes along.
    local chain = other:read "foreign.pem" .. other:read "ca.pem"
    refuses("SSL_CERT_UNKNOWN_ISSUER", "not trusted", { cert = chain, key = id.key }, "localhost")
  end)

  it("needs the certificates between, from the file, from a list, or trusted themselves", function()
    local id = ca:issue { name = "leaf", san = "DNS:localhost", by = "inter" }
    refuses("SSL_CERT_UNKNOWN_ISSUER", "/CN=inter", id, "localhost")
    accepts({ cert = ca:read "leaf.pem" .. ca:read "inter.pem", key = id.key }, "localhost")
    accepts({ cert = { id.cert, inter.cert }, key = id.key }, "localhost")
    refuses("SSL_CERT_UNKNOWN_ISSUER", "not trusted", id, "localhost", { ca = inter.cert })
    accepts(id, "localhost", { ca = inter.cert, partial_chain = true })
  end)

  it("refuses a revoked one, and one of whose issuer there is no list", function()
    local good = ca:issue { name = "kept", san = "DNS:localhost" }
    local bad = ca:issue { name = "taken", san = "DNS:localhost" }
    local crl = ca:crl "taken"
    accepts(good, "localhost", { crl = crl })
    accepts(good, "localhost", { crl = ca:read "crl.pem" })
    refuses("SSL_CERT_REVOKED", "revoked (CN=taken)", bad, "localhost", { crl = crl })
    refuses("SSL_CERT_INVALID", "CRL", good, "localhost", { crl = other:crl() })
  end)

  it("looks for every certificate of the chain in its issuer's list", function()
    local between = ca:issue { name = "between", ca = true }
    local id = ca:issue { name = "below", san = "DNS:localhost", by = "between" }
    local chain = { cert = { id.cert, between.cert }, key = id.key }
    local roots, theirs = ca:read(ca:crl():match "[^/]*$"), ca:crl(nil, "between")
    accepts(chain, "localhost", { crl = { roots, theirs } })
    refuses("SSL_CERT_INVALID", "CRL", chain, "localhost", { crl = theirs })
    refuses("SSL_CERT_INVALID", "CRL", chain, "localhost", { crl = roots })
    local without = ca:crl "between"
    refuses("SSL_CERT_REVOKED", "revoked (CN=between)", chain, "localhost",
      { crl = { without, theirs } })
    theirs = ca:crl("below", "between")
    refuses("SSL_CERT_REVOKED", "revoked (CN=below)", chain, "localhost", { crl = { roots, theirs } })
  end)

  it("refuses keys and hashes that are too weak", function()
    local id = ca:issue { name = "short", san = "DNS:localhost", kind = "rsa1024" }
    local r = shake({ cert = id.cert, key = id.key, ciphers = "DEFAULT@SECLEVEL=0" },
      { ca = ca.pem, name = "localhost", ciphers = "DEFAULT@SECLEVEL=2" })
    assert.is_false(r.client[1])
    assert.equal("SSL_CERT_WEAK", r.client[2].code, tostring(r.client[2]))
    local ok, err = pcall(ssl.context, { role = "server", cert = id.cert, key = id.key,
      ciphers = "DEFAULT@SECLEVEL=2" })
    assert.is_false(ok)
    assert.equal("SSL_CERT_WEAK", err.code, tostring(err))
  end)

  it("refuses a certificate that is for something else", function()
    local id = ca:issue { name = "clientish", san = "DNS:localhost", ext = "extendedKeyUsage = clientAuth" }
    refuses("SSL_CERT_PURPOSE", "(CN=clientish)", id, "localhost")
  end)

  it("refuses what an issuer was not allowed to issue", function()
    ca:issue { name = "narrow", ca = true,
      ext = "keyUsage = keyCertSign\nnameConstraints = critical, permitted;DNS:example.org" }
    local id = ca:issue { name = "wide", san = "DNS:localhost", by = "narrow" }
    refuses("SSL_CERT_CONSTRAINT", "(CN=wide)", { cert = { id.cert, ca:path "narrow.pem" }, key = id.key },
      "localhost")
    local inside = ca:issue { name = "inside", san = "DNS:a.example.org", by = "narrow" }
    accepts({ cert = { inside.cert, ca:path "narrow.pem" }, key = inside.key }, "a.example.org")
    -- Issued by one who may not issue at all.
    ca:issue { name = "nobody", san = "DNS:localhost" }
    local forged = ca:issue { name = "forged", san = "DNS:localhost", by = "nobody" }
    refuses("SSL_CERT_CONSTRAINT", "invalid CA", { cert = { forged.cert, ca:path "nobody.pem" },
      key = forged.key }, "localhost")
  end)

  it("has to know whom it calls", function()
    lwt.run(function()
      local a = net.socketpair()
      local ok, err = pcall(function() return (ssl.connect(a, { ca = ca.pem })) end)
      assert.is_false(ok)
      assert.truthy(err:find("option 'name' is missing", 1, true), err)
      assert.truthy(err:find("verify_spec.lua", 1, true), err)
      for _, name in ipairs { "", "a b", "größe.de", ("x"):rep(300) } do
        ok, err = pcall(ssl.connect, a, { ca = ca.pem, name = name })
        assert.is_false(ok)
        assert.truthy(err:find("no name of a host", 1, true), err)
      end
      a:close()
    end)
  end)
end)

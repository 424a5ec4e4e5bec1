-- Contexts: their options, and what is wrong with them; SNI, ALPN, client certificates, resumption,
-- stapling, key logs.

local lwt = require "lwt"
local net = require "lwt.net"
local ssl = require "lwt.ssl"
local shell = require "spec.support.shell"
local await = lwt.await

describe("ssl.context", function()
  local ca, id, other

  setup(function()
    ca = require "spec.support.ca".make()
    id = ca:issue { name = "server", san = "DNS:localhost", known = true }
    other = ca:issue { name = "other", san = "DNS:other.example.org,DNS:*.wild.example.org", known = true }
  end)
  teardown(function() ca:remove() end)

  -- Runs f(served, client) after a handshake; or gives what both failed with.
  local function shake(server_opts, client_opts, f)
    return lwt.run(function()
      local a, b = net.socketpair()
      local serving = ssl.accept(a, server_opts)
      local client = table.pack(pcall(await, ssl.connect(b, client_opts)))
      local server = table.pack(pcall(await, serving))
      local result = { client = client[2], server = server[2], ok = client[1] and server[1] }
      if result.ok and f then
        result.value = f(server[2], client[2])
      elseif client[1] and not server[1] then
        result.read = select(2, pcall(await, client[2]:read()))
      end
      a:close()
      b:close()
      return result
    end)
  end

  local function server_of(opts)
    opts.role = "server"
    opts.cert, opts.key = opts.cert or id.cert, opts.key or id.key
    return ssl.context(opts)
  end

  local function client_of(opts)
    opts.ca = opts.ca or ca.pem
    return { context = ssl.context(opts), name = "localhost" }
  end

  it("leaves to connect what is wrong with an address", function()
    for address, words in pairs { ["no port"] = "no port in address 'no port'", [{}] = "no host in address" } do
      local ok, err = pcall(function() return (ssl.connect(address)) end)
      assert.is_false(ok)
      assert.matches("^spec/ssl/context_spec.lua:%d+: bad argument #1 to 'connect' %(" .. words .. "%)$", err)
    end
  end)

  local function complains(words, opts)
    local ok, err = pcall(function() return (ssl.context(opts)) end)
    assert.is_false(ok)
    assert.is_string(err)
    assert.truthy(err:find("^spec/ssl/context_spec.lua:%d+: bad argument #1 to 'context' "), err)
    assert.truthy(err:find(words, 1, true), err)
  end

  local function fails(code, words, opts)
    local ok, err = pcall(ssl.context, opts)
    assert.is_false(ok)
    assert.equal(code, err.code, tostring(err))
    assert.equal("context", err.op)
    assert.truthy(tostring(err):find(words, 1, true), tostring(err))
    return err
  end

  it("says which option is wrong, at the caller's line", function()
    complains("table expected, got nil", nil)
    complains("unknown option 'certificate'", { certificate = "x" })
    complains("option 'cert': string or table expected, got number", { cert = 1 })
    complains("option 'min_version': no version of TLS: 'SSLv3'", { min_version = "SSLv3" })
    for _, versions in ipairs { { "TLSv1.3", "TLSv1.2" }, { nil, "TLSv1.1" } } do
      complains("(options 'min_version' and 'max_version': no version of TLS is between them)",
        { min_version = versions[1], max_version = versions[2] })
    end
    for _, none in ipairs { "", ":" } do complains("option 'ciphers': there is none in it", { ciphers = none }) end
    -- What is behind a zero byte would be left out silently: another file, fewer ciphers.
    for _, key in ipairs { "cert", "key", "ca", "crl", "ciphers", "curves", "keylog" } do
      complains("option '" .. key .. "': there is a zero byte in it", { [key] = ca.pem .. "\0x" })
    end
    complains("option 'ca': there is a zero byte in it", { ca = { ca.pem, ca.pem .. "\0x" } })
    complains("option 'ciphers': OpenSSL takes none of 'nonsense'", { ciphers = "nonsense" })
    complains("option 'ciphers': OpenSSL takes none of 'TLS_NONSENSE'", { ciphers = "TLS_NONSENSE" })
    complains("option 'curves'", { curves = "nonsense" })
    complains("option 'alpn': a name of 1 to 255", { alpn = { "" } })
    complains("option 'alpn': string expected in the list", { alpn = { 1 } })
    complains("option 'ca': the list is empty", { ca = {} })
    complains("option 'role'", { role = "peer" })
    complains("a server needs a certificate", { role = "server" })
    complains("whose certificates? give 'ca'", { role = "server", cert = id.cert, key = id.key,
      verify = "require" })
    complains("\"optional\" or \"require\" expected", { role = "server", cert = id.cert, key = id.key,
      ca = ca.pem, verify = "maybe" })
    complains("a key without 'cert'", { key = id.key })
    complains("option 'key': 2 keys for 1 certificates", { cert = id.cert, key = { id.key, id.key } })
    complains("of servers; a client says 'name'", { sni = {} })
    complains("true or \"require\" expected of a client", { ocsp = "x" })
    complains("option 'sni': a server's context expected for 'x'",
      { role = "server", cert = id.cert, key = id.key, sni = { x = 1 } })
    complains("option 'sni': a server's context expected for 'x'",
      { role = "server", cert = id.cert, key = id.key, sni = { x = ssl.context { ca = ca.pem } } })
  end)

  it("says what is wrong with a file, and shows nothing of a key", function()
    assert.equal("/nowhere", fails("ENOENT", "/nowhere", { cert = "/nowhere" }).path)
    fails("ENOENT", "context /nowhere: no such file or directory (ENOENT)", { ca = "/nowhere" })
    fails("ENOENT", "", { cert = id.cert, key = "/nowhere" })
    fails("SSL_KEY", "no private key in " .. id.cert, { cert = id.cert, key = id.cert })
    fails("SSL_CERT_INVALID", "no certificate in " .. id.key, { cert = id.key, key = id.key })
    fails("SSL_CERT_INVALID", "no certificate in", { ca = id.key })
    fails("SSL_CERT_INVALID", "no list of revocations", { ca = ca.pem, crl = ca.pem })
    -- What is behind a part that cannot be read must not be left out silently.
    local good, bad = ca:read "server.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    fails("SSL_CERT_INVALID", "certificate 2 in the text given cannot be read", { ca = good .. bad .. good })
    fails("SSL_CERT_INVALID", "certificate 2 in the text given cannot be read",
      { cert = good .. good:sub(1, 300), key = id.key })
    local crl = ca:read(ca:crl():match "[^/]*$")
    fails("SSL_CERT_INVALID", "list of revocations (CRL) 2 in the text given cannot be read",
      { ca = ca.pem, crl = crl .. crl:sub(1, 200) })
    local err = fails("SSL_KEY_MISMATCH", "(CN=server)", { cert = id.cert, key = other.key })
    assert.falsy(tostring(err):find("PRIVATE"))
    local broken = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
    err = fails("SSL_KEY", "no private key in the text given", { cert = id.cert, key = broken })
    assert.falsy(tostring(err):find("c2VjcmV0"))
  end)

  it("takes PEM text, a file, both in one, and a key with a password", function()
    ca:openssl("pkey -in server.key -aes256 -passout pass:sesame -out locked.key")
    local locked, both = ca:path "locked.key", ca:read "server.key" .. ca:read "server.pem"
    for _, opts in ipairs {
      { cert = ca:read "server.pem", key = ca:read "server.key" }, { cert = both },
      { cert = id.cert, key = locked, password = "sesame" },
      { cert = id.cert, key = locked, password = function() return "sesame" end },
    } do
      opts.role = "server"
      assert.is_true(shake(ssl.context(opts), client_of {}).ok)
    end
    fails("SSL_KEY", "encrypted: give its password", { cert = id.cert, key = locked })
    fails("SSL_KEY", "the password does not fit", { cert = id.cert, key = locked, password = "x" })
    local ok, err = pcall(ssl.context, { cert = id.cert, key = locked,
      password = function() error("nobody knows", 0) end })
    assert.is_false(ok)
    assert.truthy(err:find("nobody knows", 1, true))
  end)

  it("serves an RSA and an EC certificate, to each client his", function()
    local rsa = ca:issue { name = "rsa", san = "DNS:localhost", kind = "rsa" }
    local both = server_of { cert = { id.cert, rsa.cert }, key = { id.key, rsa.key } }
    for algorithm, ciphers in pairs { RSA = "ECDHE-RSA-AES128-GCM-SHA256", EC = "ECDHE-ECDSA-AES128-GCM-SHA256" } do
      local r = shake(both, client_of { ciphers = ciphers, max_version = "TLSv1.2" }, function(_, c)
        assert.equal(ciphers, c:cipher())
        return c:peer_certificate().key_type
      end)
      assert.equal(algorithm, r.value)
    end
  end)

  it("does the work of a long RSA key on the pool", function()
    local long = ca:issue { name = "long", san = "DNS:localhost", kind = "long" }
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local r = shake(server_of { cert = long.cert, key = long.key },
        client_of { max_version = version }, function(s, c)
          await(c:write("x"))
          return await(s:read())
        end)
      assert.equal("x", r.value, tostring(r.client))
    end
    -- Whose key is long: the step that signs is a promise, and nothing else may touch the connection.
    local core = require "lwt.ssl.core"
    local function signing(identity)
      return lwt.run(function()
        local c = core.connection(client_of { }.context.raw)
        local s = core.connection(server_of { cert = identity.cert, key = identity.key }.raw)
        assert.equal("send", (c:handshake()))
        s:feed(c:output())
        local step = s:handshake()
        if not lwt.is_promise(step) then return step end
        assert.is_true(s:is_busy())
        assert.has_error(function() s:read(1) end, "the handshake is under way")
        assert.equal("send", (await(step)))
        assert.is_false(s:is_busy())
        return "on the pool"
      end)
    end
    assert.equal("on the pool", signing(long))
    assert.equal("send", signing(id))
    -- Given up while the pool works on it: nothing is touched that is gone.
    lwt.run(function()
      local server = server_of { cert = long.cert, key = long.key }
      for i = 1, 10 do
        local a, b = net.socketpair()
        local serving = ssl.accept(a, server)
        local connecting = ssl.connect(b, client_of {})
        for _ = 1, i do lwt.yield() end
        serving:cancel()
        a:close()
        pcall(await, connecting)
        b:close()
        collectgarbage()
      end
    end)
  end)

  it("trusts what SSL_CERT_FILE and SSL_CERT_DIR say, and the system otherwise", function()
    shell.run(("mkdir -p '%s/hashed' && cp '%s' '%s/hashed' && openssl rehash '%s/hashed'"):format(
      ca.dir, ca.pem, ca.dir, ca.dir))
    local program = shell.write(ca:path "trust.lua", ([[
      local lwt, net, ssl = require "lwt", require "lwt.net", require "lwt.ssl"
      lwt.run(function()
        local a, b = net.socketpair()
        local serving = ssl.accept(a, { cert = %q, key = %q })
        local ok, err = pcall(lwt.await, ssl.connect(b, { name = "localhost" }))
        print(ok or err.code)
        pcall(lwt.await, serving)
      end)]]):format(id.cert, id.key))
    local function says(env)
      local r = shell.run(("%s %s '%s'"):format(env, shell.lua, program))
      return (r.out .. r.err):gsub("\n.*", "")
    end
    assert.equal("true", says("SSL_CERT_FILE='" .. ca.pem .. "'"))
    assert.equal("true", says(("SSL_CERT_DIR='%s/hashed'"):format(ca.dir)))
    assert.equal("SSL_CERT_UNKNOWN_ISSUER", says(("SSL_CERT_FILE='%s'"):format(other.cert)))
    assert.truthy(says("SSL_CERT_FILE=/nowhere"):find("/nowhere", 1, true))
  end)

  it("chooses by the name that the client wants: from a table, or by a function that waits", function()
    local second = server_of { cert = other.cert, key = other.key }
    local asked
    local by_function = function(name)
      asked = name
      lwt.await(lwt.sleep(0.001))
      if name == "other.example.org" then return second end
    end
    local by_promise = function(name) return lwt.spawn(by_function, name) end
    for _, sni in ipairs {
      { ["Other.example.org"] = second, ["*.wild.example.org"] = second }, by_function, by_promise,
    } do
      for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
        local server = server_of { sni = sni }
        local function who(name)
          local opts = { ca = ca.pem, max_version = version, name = name }
          local r = shake(server, opts, function(s, c)
            assert.equal(name, s:sni())
            return c:peer_certificate().cn
          end)
          return r.value or r.client.code
        end
        assert.equal("other", who "other.example.org")
        assert.equal("server", who "localhost")
        assert.equal("SSL_CERT_NAME", who "unknown.example.org") -- the default context
        if type(sni) == "table" then
          assert.equal("other", who "a.wild.example.org")
        else
          assert.equal("unknown.example.org", asked)
        end
      end
    end
    -- A client that calls an address says no name.
    shake(server_of { sni = by_function }, { ca = ca.pem, name = "127.0.0.1" })
    assert.is_nil(asked)
  end)

  it("fails a handshake whose function fails, or gives something else", function()
    local r = shake(server_of { sni = function() error("no idea", 0) end }, client_of {})
    assert.equal("no idea", r.server)
    assert.equal(80, r.client.alert, tostring(r.client)) -- he is told at once: internal error
    r = shake(server_of { sni = function() return 42 end }, client_of {})
    assert.truthy(tostring(r.server):find("gave no server's context", 1, true))
    assert.equal(80, r.client.alert)
    r = shake(server_of { sni = function() return lwt.rejected "later" end }, client_of {})
    assert.equal("later", r.server)
    assert.equal(80, r.client.alert)
  end)

  it("agrees on a protocol, or tells both that there is none", function()
    local function agree(server, client)
      return shake(server_of { alpn = server }, client_of { alpn = client }, function(s, c)
        assert.equal(s:alpn(), c:alpn())
        return c:alpn() or "none"
      end)
    end
    assert.equal("h2", agree({ "h2", "http/1.1" }, { "http/1.1", "h2" }).value)
    assert.equal("http/1.1", agree({ "http/1.1" }, { "h2", "http/1.1" }).value)
    assert.equal("none", agree(nil, { "h2" }).value)
    assert.equal("none", agree({ "h2" }, nil).value)
    local r = agree({ "h2" }, { "irc" })
    assert.equal("SSL_ALPN", r.server.code)
    assert.equal("SSL_ALPN", r.client.code)
  end)

  it("asks clients for certificates", function()
    local mine = ca:issue { name = "client", ext = "extendedKeyUsage = clientAuth" }
    local foreign = ca:self_signed("stranger", "DNS:stranger")
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local function with(verify, cert)
        local opts = { max_version = version }
        if cert then opts.cert, opts.key = cert.cert, cert.key end
        return shake(server_of { verify = verify, ca = ca.pem }, client_of(opts), function(s)
          local certificate = s:peer_certificate()
          return certificate and certificate.cn or s:verify_result() and "verified" or "nobody"
        end)
      end
      assert.equal("client", with("require", mine).value)
      assert.equal("client", with("optional", mine).value)
      assert.equal("nobody", with("optional", nil).value)
      assert.equal("SSL_CERT_MISSING", with("require", nil).server.code)
      local r = with("require", foreign)
      assert.equal("SSL_CERT_SELF_SIGNED", r.server.code)
      -- In TLS 1.3 the client has finished by then: its first read tells.
      assert.equal("SSL_ALERT", (r.read or r.client).code)
      assert.equal("SSL_CERT_SELF_SIGNED", with("optional", foreign).server.code)
    end
  end)

  it("resumes sessions, in both versions, unless it is told not to", function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local server, client = server_of {}, client_of { max_version = version }
      local function connect(session, with)
        client.session = session
        local r = shake(with or server, client, function(s, c)
          assert.equal(s:is_reused(), c:is_reused())
          await(s:write("x"))
          await(c:read())
          return { reused = c:is_reused(), session = c:session(),
            verified = c:verify_result(), cn = c:peer_certificate().cn }
        end)
        assert.is_true(r.ok, tostring(r.client))
        return r.value
      end
      local first = connect(nil)
      assert.is_false(first.reused)
      assert.is_userdata(first.session)
      local second = connect(first.session)
      assert.is_true(second.reused)
      assert.is_true(second.verified)
      assert.equal("server", second.cn)
      assert.is_true(connect(second.session).reused)
      -- Another server knows nothing of it.
      assert.is_false(connect(first.session, server_of {}).reused)
      local without = server_of { session_tickets = false }
      assert.is_false(connect(connect(nil, without).session, without).reused)
    end
  end)

  it("takes nothing else for a session", function()
    local a, b = net.socketpair()
    for _, value in ipairs { a, io.stdout } do
      local ok, err = pcall(function() return (ssl.connect(a, { verify = false, session = value })) end)
      assert.is_false(ok)
      assert.matches("^spec/ssl/context_spec.lua:%d+: bad argument #2 to 'connect' %(option 'session': ", err)
    end
    a:close()
    b:close()
    lwt.run(lwt.yield)
  end)

  -- A resumed session shows no certificates: it must not stand for ones that nobody has looked at.
  it("resumes a session only under the name of the server that it was made under", function()
    local mine = ca:issue { name = "member", ext = "extendedKeyUsage = clientAuth" }
    local inner = server_of { cert = other.cert, key = other.key, ca = ca.pem, verify = "require" }
    local server = server_of { sni = { ["other.example.org"] = inner } }
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local function connect(name, session, cert)
        local opts = { ca = ca.pem, name = name, session = session, max_version = version }
        if cert then opts.cert, opts.key = cert.cert, cert.key end
        return shake(server, opts, function(s, c)
          await(s:write("x"))
          await(c:read())
          local certificate = s:peer_certificate()
          return { session = c:session(), reused = c:is_reused(), cn = certificate and certificate.cn }
        end)
      end
      local outside = connect("localhost").value
      assert.equal("SSL_CERT_MISSING", connect("other.example.org", outside.session).server.code)
      -- Sessions of their own they have.
      local inside = connect("other.example.org", nil, mine).value
      local again = connect("other.example.org", inside.session, mine).value
      assert.same({ true, "member" }, { again.reused, again.cn })
    end
  end)

  it("offers a session only where the server would be verified as it was", function()
    local foreign = require "spec.support.ca".make()
    local theirs = foreign:issue { name = "theirs", san = "DNS:localhost" }
    local revoked = foreign:crl "theirs"
    local server = server_of { cert = theirs.cert, key = theirs.key }
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local function connect(opts, session)
        opts.session, opts.max_version, opts.name = session, version, opts.name or "localhost"
        local r = shake(server, opts, function(s, c)
          await(s:write("x"))
          await(c:read())
          return { session = c:session(), reused = c:is_reused() }
        end)
        return r.value or r.client.code
      end
      local unverified = connect { verify = false }
      assert.is_true(connect({ verify = false }, unverified.session).reused)
      assert.equal("SSL_CERT_UNKNOWN_ISSUER", connect({ ca = ca.pem }, unverified.session))
      local function verified() return connect({ ca = foreign.pem }).session end
      assert.is_true(connect({ ca = foreign.pem }, verified()).reused)
      assert.equal("SSL_CERT_UNKNOWN_ISSUER", connect({ ca = ca.pem }, verified()))
      assert.equal("SSL_CERT_NAME", connect({ ca = foreign.pem, name = "b.example.org" }, verified()))
      assert.equal("SSL_OCSP", connect({ ca = foreign.pem, ocsp = "require" }, verified()))
      assert.equal("SSL_CERT_REVOKED", connect({ ca = foreign.pem, crl = revoked }, verified()))
      local mine = { ca = foreign.pem, cert = id.cert, key = id.key }
      assert.is_false(connect(mine, verified()).reused)
    end
    foreign:remove()
  end)

  -- The name of a file does not tell what is in it.
  it("offers no session where a file that it verifies by has another content", function()
    local foreign = require "spec.support.ca".make()
    local theirs = foreign:issue { name = "theirs", san = "DNS:localhost", known = true }
    local server = server_of { cert = theirs.cert, key = theirs.key }
    local trusted, before = shell.read(foreign.pem), shell.read(foreign:crl())
    local after = shell.read(foreign:crl "theirs")
    local list, roots, mine = ca:path "list.pem", ca:path "roots.pem", ca:path "mine.pem"
    local function connect(opts, session, version)
      opts.session, opts.max_version, opts.name = session, version, "localhost"
      local r = shake(server, opts, function(s, c)
        await(s:write("x"))
        await(c:read())
        return { session = c:session(), reused = c:is_reused() }
      end)
      return r.value or r.client.code
    end
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      shell.write(roots, trusted)
      shell.write(list, before)
      local session = connect({ ca = roots, crl = list }, nil, version).session
      -- Elsewhere, and as text, it is the same.
      session = connect({ ca = trusted, crl = ca.dir .. "/./list.pem" }, session, version)
      assert.is_true(session.reused)
      shell.write(list, after)
      assert.equal("SSL_CERT_REVOKED", connect({ ca = roots, crl = list }, session.session, version))
      session = connect({ ca = roots }, nil, version).session
      shell.write(roots, shell.read(ca.pem))
      assert.equal("SSL_CERT_UNKNOWN_ISSUER", connect({ ca = roots }, session, version))
      shell.write(mine, shell.read(id.cert))
      local as = { ca = trusted, cert = mine, key = id.key }
      session = connect(as, nil, version).session
      shell.write(mine, shell.read(other.cert))
      as.key = other.key
      assert.is_false(connect(as, session, version).reused)
    end
    foreign:remove()
  end)

  it("takes all of a context that the name has chosen: tickets or none, curves", function()
    local function inner(opts)
      opts.cert, opts.key = other.cert, other.key
      return server_of(opts)
    end
    local function connect(server, version, session, curves)
      local opts = { ca = ca.pem, name = "other.example.org", session = session, max_version = version }
      opts.curves = curves
      local r = shake(server, opts, function(s, c)
        await(s:write("x"))
        await(c:read())
        return { session = c:session(), reused = c:is_reused() }
      end)
      return r.value or r.client.code
    end
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local without = server_of { sni = { ["other.example.org"] = inner { session_tickets = false } } }
      assert.is_false(connect(without, version, connect(without, version).session).reused)
      local with = server_of { session_tickets = false, sni = { ["other.example.org"] = inner {} } }
      assert.is_true(connect(with, version, connect(with, version).session).reused)
      -- (The certificates are of P-256, which in TLS 1.2 has to be among the client's.)
      local offered = version == "TLSv1.2" and "P-384:P-256" or "P-384"
      local p384 = server_of { curves = "X25519", sni = { ["other.example.org"] = inner { curves = "P-384" } } }
      assert.is_table(connect(p384, version, nil, offered))
      assert.equal("SSL_ALERT", connect(p384, version, nil, "X25519:P-256"))
      local any = server_of { curves = "X25519", sni = { ["other.example.org"] = inner {} } }
      assert.is_table(connect(any, version, nil, offered))
    end
  end)

  it("staples what the issuer says, and looks at it", function()
    local good = ca:ocsp "server"
    local asking, insisting = client_of { ocsp = true }, client_of { ocsp = "require" }
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local server = server_of { ocsp = good, max_version = version }
      local function stapled(s, c) return s and c:is_stapled() end
      assert.is_true(shake(server, asking, stapled).value)
      assert.is_true(shake(server, insisting, stapled).value)
      assert.is_false(shake(server, client_of {}, stapled).value)
      local without = server_of { max_version = version }
      assert.is_false(shake(without, asking, stapled).value)
      local r = shake(without, insisting)
      assert.equal("SSL_OCSP", r.client.code, tostring(r.client))
      assert.truthy(tostring(r.client):find("has stapled no", 1, true))
      -- Somebody else's.
      ca:ocsp "other"
      local wrong = shake(server_of { ocsp = ca:path "other.ocsp", max_version = version }, asking)
      assert.equal("SSL_OCSP", wrong.client.code)
    end
    local revoked = ca:issue { name = "revoked", san = "DNS:localhost", known = true }
    ca:crl "revoked"
    local r = shake(server_of { cert = revoked.cert, key = revoked.key, ocsp = ca:ocsp "revoked" }, asking)
    assert.equal("SSL_CERT_REVOKED", r.client.code, tostring(r.client))
    assert.truthy(tostring(r.client):find("its issuer says", 1, true), tostring(r.client))
  end)

  it("staples nothing that is no response", function()
    local function with(ocsp) return { role = "server", cert = id.cert, key = id.key, ocsp = ocsp } end
    assert.equal("/nowhere", fails("ENOENT", "no such file or directory", with "/nowhere").path)
    for _, none in ipairs { ca.pem, "/tmp", "/dev/null" } do
      fails("SSL_OCSP", "there is no OCSP response in " .. none .. " (DER expected)", with(none))
    end
    for _, none in ipairs { "0" .. ("x"):rep(100), ca:ocsp "server" .. "\0x" } do
      fails("SSL_OCSP", "no OCSP response in the text given", with(none))
    end
    local good = ca:read(ca:ocsp "server":match "[^/]*$")
    assert.equal("server", ssl.context(with(good)).role)
  end)

  it("logs keys for Wireshark, to a file or to a function", function()
    local lines = {}
    local path = ca:path "keys.log"
    shake(server_of { keylog = path }, client_of { keylog = function(line) lines[#lines + 1] = line end })
    assert.is_true(#lines >= 4)
    local file = ca:read "keys.log"
    for _, line in ipairs(lines) do
      assert.truthy(line:match "^[A-Z0-9_]+ %x+ %x+$")
      assert.truthy(file:find(line .. "\n", 1, true))
    end
    assert.truthy(shell.run("stat -c %a '" .. path .. "'").out:match "^600")
    fails("ENOENT", "", { keylog = ca:path "no/folder/keys" })
  end)

  it("logs keys as the context says that the client's name has chosen", function()
    local first, second, client = {}, {}, {}
    local function into(list) return function(line) list[#list + 1] = line end end
    local function run(keylog)
      shake(server_of { keylog = keylog, sni = { localhost = server_of { keylog = into(second) } } },
        client_of { keylog = into(client) })
    end
    run(into(first))
    assert.is_true(#client >= 4)
    table.sort(client)
    table.sort(second)
    assert.same({}, first)
    assert.same(client, second)
    run(nil)
    assert.equal(#client, #second)
  end)

  it("agrees on no version with a peer that has none in common", function()
    local r = shake(server_of { min_version = "TLSv1.3" }, client_of { max_version = "TLSv1.2" })
    assert.equal("SSL_PROTOCOL", r.server.code)
    assert.equal("SSL_ALERT", r.client.code)
    assert.equal(70, r.client.alert)
  end)

  it("is not sent to another thread", function()
    local worker = require "lwt.preemptive"
    lwt.run(function()
      local context = client_of {}.context
      assert.has_error(function()
        await(worker.detach(function(x) return x end, context))
      end)
    end)
  end)
end)

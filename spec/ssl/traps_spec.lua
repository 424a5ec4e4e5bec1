-- What has brought down other programs that use OpenSSL: errors that somebody has left in its queue, a signal for who
-- writes to one who has gone, and chains that lead to two roots, of which one has expired.

local lwt = require "lwt"
local net = require "lwt.net"
local ssl = require "lwt.ssl"
local build = require "spec.support.build"
local shell = require "spec.support.shell"
local await = lwt.await

describe("lwt.ssl", function()
  local ca, id, server, client, dir, library, traps

  setup(function()
    ca = require "spec.support.ca".make()
    id = ca:issue { name = "server", san = "DNS:localhost" }
    server = ssl.context { role = "server", cert = id.cert, key = id.key }
    client = ssl.context { ca = ca.pem }
    dir = build.temp_dir()
    library = build.library(dir, "spec/support/traps.c", "spec_traps", { "-lcrypto" })
    traps = assert(package.loadlib(library, "luaopen_spec_traps"))()
  end)
  teardown(function()
    ca:remove()
    lwt.run(build.remove_dir(dir))
  end)

  -- Two ends of TLS, and a socket for the bytes of each: the spec is the wire between them.
  local function wired(version)
    local a, from_a = net.socketpair()
    local b, from_b = net.socketpair()
    local opts = { ca = ca.pem, name = "localhost", max_version = version }
    return ssl.accept(a, server), ssl.connect(b, opts), from_a, from_b
  end

  -- Gives each byte of what comes from one end to the other by itself, and calls `before` before each.
  local function wire(from, to, before)
    return lwt.spawn(function()
      while true do
        local data = await(from:read())
        if not data then return await(to:shutdown()) end
        for i = 1, #data do
          before()
          await(to:write(data:sub(i, i)))
          lwt.pause():await()
        end
      end
    end)
  end

  describe("is not concerned by errors that others have left in OpenSSL's queue", function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      it("at any byte of a connection, in " .. version, function()
        lwt.run(function()
          local accepting, connecting, from_a, from_b = wired(version)
          local left = 0
          local function leave()
            traps.leave_errors()
            left = left + 1
          end
          local there, back = wire(from_a, from_b, leave), wire(from_b, from_a, leave)
          local s, c = await(lwt.both(accepting, connecting))
          assert.equal(version, c:version())
          traps.leave_errors()
          await(c:write "a question")
          assert.equal("a question", await(s:read()))
          traps.leave_errors()
          await(s:write(("an answer "):rep(20)))
          local got = ""
          while #got < 200 do
            got = got .. await(c:read(7))
            traps.leave_errors()
          end
          assert.equal(("an answer "):rep(20), got)
          assert.is_table(c:peer_certificate())
          assert.is_true((c:verify_result()))
          await(c:shutdown())
          traps.leave_errors()
          assert.is_nil(await(s:read()))
          await(lwt.both(s:close(), c:close()))
          for _, sock in ipairs { from_a, from_b } do sock:close() end
          pcall(await, lwt.join { there, back })
          assert.is_true(left > 1000)
        end)
      end)
    end

    it("when a context is made, and when a connection has failed for another reason", function()
      lwt.run(function()
        traps.leave_errors()
        assert.equal("server", ssl.context({ role = "server", cert = id.cert, key = id.key }).role)
        traps.leave_errors()
        local ok, err = pcall(ssl.context, { role = "server", cert = id.key, key = id.key })
        assert.is_false(ok)
        assert.not_equal("ENOMEM", err.code)
        local accepting, connecting, from_a, from_b = wired()
        connecting:cancel()
        traps.leave_errors()
        await(from_a:write "HELO example.org\r\n\r\n")
        ok, err = pcall(await, accepting)
        assert.is_false(ok)
        assert.equal("SSL_PROTOCOL", err.code)
        assert.truthy(err.message:find("does not speak TLS", 1, true), err.message)
        from_a:close()
        from_b:close()
      end)
    end)

    it("when they are from connections of its own that have failed", function()
      lwt.run(function()
        local accepting, connecting, from_a, from_b = wired()
        -- Between any two bytes another connection fails: of garbage, or of a certificate that nobody trusts.
        local failed = 0
        local function fail()
          if failed >= 60 then return end
          failed = failed + 1
          local x, y = net.socketpair()
          local trying = failed % 2 == 0 and ssl.connect(x, { context = client, name = "localhost" })
            or ssl.accept(x, server)
          await(y:write(("\22\3\1\0\5"):rep(20)))
          assert.is_false((pcall(await, trying)))
          assert.is_false(traps.errors())
          x:close()
          y:close()
        end
        local there, back = wire(from_a, from_b, fail), wire(from_b, from_a, fail)
        local s, c = await(lwt.both(accepting, connecting))
        await(c:write "a question")
        assert.equal("a question", await(s:read()))
        assert.equal(60, failed)
        await(lwt.both(s:close(), c:close()))
        for _, sock in ipairs { from_a, from_b } do sock:close() end
        pcall(await, lwt.join { there, back })
      end)
    end)
  end)

  it("rejects a write to one who has gone, where SIGPIPE would kill", function()
    local program = shell.write(ca:path "pipe.lua", [[
      local cert, key, ca, library = table.unpack(arg)
      local traps = assert(package.loadlib(library, "luaopen_spec_traps"))()
      traps.default_sigpipe()
      local lwt = require "lwt"
      local net, ssl, lio = require "lwt.net", require "lwt.ssl", require "lwt.io"
      local await = lwt.await
      local server = ssl.context { role = "server", cert = cert, key = key }
      local opts = { ca = ca, name = "localhost" }

      -- One end that speaks TLS, and the bare socket of the other.
      local function pair()
        local listener <close> = await(net.tcp_listen "127.0.0.1:0")
        local there = net.tcp_connect(listener:address())
        local a, b = await(listener:accept()), await(there)
        local accepting = ssl.accept(a, server)
        return await(ssl.connect(b, opts)), a, await(accepting)
      end

      local function failure_of(write)
        traps.default_sigpipe()
        for _ = 1, 10000 do
          local ok, err = pcall(await, write(("x"):rep(1000)))
          assert(traps.has_default_sigpipe())
          if not ok then return err.code end
          lwt.sleep(0.001):await()
        end
        return "none"
      end

      lwt.run(function()
        local s, below = pair()
        below:close()
        print("write", failure_of(function(data) return s:write(data) end))
        await(s:close())

        local listener <close> = await(net.tcp_listen "127.0.0.1:0")
        local there = lio.open_connection(listener:address(), { tls = opts })
        below = await(listener:accept())
        await(ssl.accept(below, server))
        local ch = await(there)
        below:close()
        print("channel", failure_of(function(data)
          ch:write(data)
          return ch:flush()
        end))
        pcall(await, ch:close())

        -- The goodbye of one who is the second to go, twice over.
        local other
        s, below, other = pair()
        await(s:write "never read")
        below:close()
        lwt.sleep(0.05):await()
        traps.default_sigpipe()
        pcall(await, s:shutdown())
        await(s:close())
        await(other:close())

        -- A handshake with nobody.
        local x, y = net.socketpair()
        y:close()
        local ok, err = pcall(await, ssl.connect(x, opts))
        print("handshake", err.code)
        assert(traps.has_default_sigpipe())
      end)
      print "alive"]])
    local r = shell.run(("%s '%s' '%s' '%s' '%s' '%s'"):format(shell.lua, program, id.cert, id.key, ca.pem, library))
    assert.equal(0, r.code, r.out .. r.err)
    local gone = { EPIPE = true, ECONNRESET = true }
    for _, what in ipairs { "write", "channel", "handshake" } do
      local code = r.out:match(what .. "%s+(%S+)")
      assert.is_true(gone[code] or what == "handshake" and code == "SSL_EOF", r.out)
    end
    assert.truthy(r.out:find "alive\n$")
  end)

  describe("of two ways to a root, of which one has expired,", function()
    local old, old_expired, cross, leaf

    -- A certificate for the key and name of another, issued by the old root.
    local function cross_sign(name, key, subject, by, from, to)
      local day = function(offset) return os.date("!%Y%m%d%H%M%SZ", os.time() + offset * 86400) end
      ca:openssl(("req -new -config ca.cnf -key %s.key -subj '/CN=%s' -out %s.csr"):format(key, subject, name),
        ("ca -batch -config ca.cnf -cert %s.pem -keyfile old.key -in %s.csr -out %s.pem -notext -extfile ca.cnf "
        .. "-extensions root -startdate %s -enddate %s"):format(by, name, name, day(from), day(to)))
      return ca:path(name .. ".pem")
    end

    setup(function()
      ca:openssl("req -x509 -config ca.cnf -extensions root -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        .. "-keyout old.key -subj '/CN=Old root of the spec' -days 300 -out old.pem")
      old = ca:path "old.pem"
      old_expired = cross_sign("old_expired", "old", "Old root of the spec", "old", -20, -1)
      -- The root of today, as the old one has signed it; and one between root and server, from both.
      cross = cross_sign("cross", "ca", "Root of the spec", "old", -20, -1)
      ca:issue { name = "between", ca = true, ext = "keyUsage = keyCertSign" }
      cross_sign("between_old", "between", "between", "old", -20, -1)
      leaf = ca:issue { name = "leaf", san = "DNS:localhost", by = "between" }
    end)

    -- What a client that trusts `roots` gets of a server that shows its certificate and these.
    local function try(roots, ...)
      local chain = { leaf.cert }
      for _, name in ipairs { ... } do chain[#chain + 1] = ca:path(name .. ".pem") end
      return lwt.run(function()
        local a, b = net.socketpair()
        local serving = ssl.accept(a, { cert = chain, key = leaf.key })
        local ok, got = pcall(await, ssl.connect(b, { ca = roots, name = "localhost" }))
        local _, served = pcall(await, serving)
        if ok then await(lwt.both(got:close(), served:close())) end
        a:close()
        b:close()
        return ok, ok or got
      end)
    end

    local function accepts(...)
      local ok, err = try(...)
      assert.is_true(ok, tostring(err))
    end

    it("a client takes the other, wherever the expired one comes from", function()
      accepts({ ca.pem }, "between", "cross")
      accepts({ ca.pem, old }, "between", "cross")
      accepts({ old, ca.pem }, "between", "cross")
      accepts({ old_expired, ca.pem }, "between", "cross")
      accepts({ old_expired, cross, ca.pem }, "between")
    end)

    it("also where the certificate in the middle has both", function()
      accepts({ ca.pem, old }, "between", "between_old")
      accepts({ ca.pem, old }, "between_old", "between")
      accepts({ old, ca.pem }, "between_old", "between")
    end)

    it("and where there is only that one, says which has expired", function()
      local ok, err = try({ old }, "between", "cross")
      assert.is_false(ok)
      assert.equal("SSL_CERT_EXPIRED", err.code, tostring(err))
      assert.truthy(err.message:find("(CN=Root of the spec)", 1, true), err.message)
      ok, err = try({ old }, "between_old")
      assert.is_false(ok)
      assert.equal("SSL_CERT_EXPIRED", err.code, tostring(err))
      assert.truthy(err.message:find("(CN=between)", 1, true), err.message)
    end)
  end)
end)

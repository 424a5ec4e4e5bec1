-- What `peer_certificate` says, of certificates whose names are odd.

local lwt = require "lwt"
local net = require "lwt.net"
local ssl = require "lwt.ssl"

local shell = require "spec.support.shell"
local await = lwt.await

describe("the certificate of a peer", function()
  local ca

  setup(function() ca = require "spec.support.ca".make() end)
  teardown(function() ca:remove() end)

  -- Gives what f(client) gives. The client verifies nothing; the server has this certificate.
  local function with_client(id, f)
    return lwt.run(function()
      local a, b = net.socketpair()
      local serving = ssl.accept(a, id)
      local client = await(ssl.connect(b, { verify = false }))
      await(serving)
      local result = f(client)
      a:close()
      b:close()
      return result
    end)
  end

  local function told(id)
    return with_client(id, function(client) return client:peer_certificate() end)
  end

  -- One that has signed itself, with this common name (UTF-8), kept as the kinds of `mask`.
  local function named(name, cn, mask)
    shell.write(ca:path "odd.cnf", ([[
[req]
distinguished_name = dn
prompt = no
utf8 = yes
string_mask = %s
[dn]
CN = "%s"
]]):format(mask, cn))
    ca:openssl(("req -x509 -config odd.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -days 30 "
      .. "-out %s.pem"):format(name, name))
    return { cert = ca:path(name .. ".pem"), key = ca:path(name .. ".key") }
  end

  it("has the common name as UTF-8, however it is kept there", function()
    assert.equal("Grüße", told(named("latin", "Grüße", "MASK:0x4")).cn)   -- T61String
    assert.equal("Grüße", told(named("wide", "Grüße", "MASK:0x800")).cn)  -- BMPString
    assert.equal("Grüße", told(named("utf8", "Grüße", "utf8only")).cn)
  end)

  -- Otherwise the holder of "admin\0.example.org" would be taken for "admin".
  it("has the common name to its end, not to a zero byte", function()
    local id = named("zero", "admin+.example.org", "utf8only")
    -- Signed before the byte was changed: a client that verifies nothing does not look at that.
    local der = ca:path "zero.der"
    ca:openssl("x509 -in zero.pem -outform DER -out zero.der")
    local bytes, changed = shell.read(der):gsub("admin%+%.", "admin\0.")
    assert.equal(2, changed) -- issuer and subject
    shell.write(der, bytes)
    ca:openssl("x509 -inform DER -in zero.der -out zero.pem")
    assert.equal("admin\0.example.org", told(id).cn)
  end)

  -- C1 as UTF-8, two of the characters that turn the writing round, one that is not seen, and a byte that is no UTF-8.
  it("is named in messages without anything that a terminal obeys", function()
    local odd = "a\xC2\x9Bb\xE2\x80\xAEc\xD8\x9Cd\xE2\x80\x8Be"
    local id = named("control", odd .. "+", "utf8only")
    ca:openssl("x509 -in control.pem -outform DER -out control.der")
    local bytes, changed = shell.read(ca:path "control.der"):gsub("e%+", "e\0")
    assert.equal(2, changed)
    shell.write(ca:path "control.der", bytes)
    ca:openssl("x509 -inform DER -in control.der -out control.pem")
    assert.equal(odd .. "\0", told(id).cn)
    local shown = "a\\xc2\\x9bb\\xe2\\x80\\xaec\\xd8\\x9cd\\xe2\\x80\\x8be\\x00"
    local err = with_client(id, function(client) return select(2, client:verify_result()) end)
    assert.truthy(err.message:find("(CN=" .. shown .. ")", 1, true), err.message)
    assert.truthy(err.message:find("^[ -~]+$"), err.message)
    assert.truthy(told(id).subject:find("^[ -~]+$"))
    assert.truthy(with_client(named("umlaut", "Grüße", "MASK:0x4"), function(client)
      return select(2, client:verify_result())
    end).message:find("(CN=Grüße)", 1, true))
  end)

  it("has a long subject whole", function()
    local units = {}
    for i = 1, 12 do units[i] = "/OU=" .. ("u"):rep(60) end
    ca:openssl("req -x509 -config ca.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout long.key -days 30 "
      .. "-out long.pem -subj '/CN=last" .. table.concat(units) .. "'")
    local certificate = told { cert = ca:path "long.pem", key = ca:path "long.key" }
    local subject = certificate.subject
    assert.equal(12, select(2, subject:gsub("OU=u+", "")))
    assert.matches("CN=last$", subject)
    assert.equal(subject, certificate.issuer)
    assert.equal("last", certificate.cn)
  end)

  -- It grew with their square: a peer could hold up the loop for minutes. Only the times of the processor are
  -- compared, which both have on the same machine.
  it("takes ten times as long for ten times as many names, and not a hundred times", function()
    local function time(n, calls)
      local names = {}
      for i = 1, n do names[i] = "DNS:h" .. i end
      local id = ca:self_signed("many" .. n, table.concat(names, ","))
      return with_client(id, function(client)
        local best = math.huge
        for _ = 1, 3 do
          local began = os.clock()
          for _ = 1, calls do
            local found = client:peer_certificate().names
            assert.equal(n, #found)
            assert.equal("h" .. n, found[n])
          end
          best = math.min(best, os.clock() - began)
        end
        return best
      end)
    end
    local few, many = time(200, 50), time(2000, 1)
    assert.is_true(many < few, ("%g s for 2000, %g s for 50 times 200"):format(many, few))
  end)
end)

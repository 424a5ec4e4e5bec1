local net = require "lwt.net"

local function refused(address, message)
  local ok, err = pcall(net.parse_address, address)
  assert.is_false(ok)
  assert.is_truthy(tostring(err):find(message, 1, true), tostring(err))
end

describe("an address", function()
  it("is a host and a port", function()
    assert.same({ host = "127.0.0.1", port = 8080 }, net.parse_address("127.0.0.1:8080"))
    assert.same({ host = "example.org", port = 0 }, net.parse_address("example.org:0"))
    assert.same({ host = "*", port = 65535 }, net.parse_address("*:65535"))
  end)

  it("has brackets around an IPv6 host", function()
    assert.same({ host = "::1", port = 80 }, net.parse_address("[::1]:80"))
    refused("::1:80", "too many colons (IPv6 is written [::1]:80)")
    refused("[::1]", "no port in address '[::1]'")
    refused("[::1:80", "has no ']'")
  end)

  it("may name its service", function()
    assert.same({ host = "localhost", port = "http" }, net.parse_address("localhost:http"))
  end)

  it("may be a path", function()
    assert.same({ path = "/tmp/x" }, net.parse_address("unix:/tmp/x"))
    assert.same({ path = "x" }, net.parse_address({ path = "x" }))
  end)

  it("may be a table", function()
    assert.same({ host = "::1", port = 80 }, net.parse_address({ host = "::1", port = 80 }))
    assert.same({ host = "h", port = "http" }, net.parse_address({ host = "h", port = "http" }))
    assert.same({ host = "h", port = 7 }, net.parse_address({ host = "h", port = "7" }))
    assert.same({ host = "h", port = 7 }, net.parse_address({ host = "h", port = 7.0 }))
  end)

  it("is refused with a reason when its port is out of range", function()
    refused("h:70000", "port 70000 is out of range (0 to 65535)")
    refused("h:99999999999999999999", "out of range")
    refused("h:-1", "port -1 is out of range (0 to 65535)")
    refused({ host = "h", port = 65536 }, "port 65536 is out of range (0 to 65535)")
    refused({ host = "h", port = -1 }, "port -1 is out of range (0 to 65535)")
    refused({ host = "h", port = 1.5 }, "port of address is no integer")
    refused({ host = "h", port = 1e300 }, "port of address is no integer")
  end)

  it("is refused with a reason when something is missing", function()
    refused("127.0.0.1", "no port in address '127.0.0.1'")
    refused("127.0.0.1:", "no port in address")
    refused(":80", "no host in address")
    refused("", "no port in address ''")
    refused("unix:", "no path in address")
    refused({}, "no host in address")
    refused({ host = "h" }, "no port in address")
    refused({ host = true, port = 1 }, "no host in address")
    refused({ host = "h", port = {} }, "no port in address")
    refused({ path = 1 }, "path of address is no string")
  end)

  it("is refused when it contains a zero byte", function()
    refused("unix:/tmp\0/x", "path of address contains a zero byte")
    refused("h\0:1", "host of address contains a zero byte")
    refused({ host = "h\0", port = 1 }, "host of address contains a zero byte")
    refused({ host = "h", port = "http\0" }, "port of address contains a zero byte")
  end)

  it("is refused when it is too long", function()
    refused(("h"):rep(300) .. ":1", "host of address is too long")
    refused("h:" .. ("s"):rep(300), "port of address is too long")
  end)

  it("is refused when a key is unknown, by its name", function()
    refused({ host = "h", prot = 1 }, "unknown option 'prot'")
    refused({ "h", 1 }, "unknown option '1'")
  end)

  it("is refused when it is something else", function()
    refused(nil, "address expected, got nil")
    refused(80, "address expected, got number")
  end)
end)

describe("an address of getaddrinfo", function()
  local lwt = require "lwt"
  local await = lwt.await

  it("is taken by everything that takes addresses", function()
    lwt.run(function()
      local found = await(net.getaddrinfo("127.0.0.1", 0, { canonname = true }))[1]
      assert.is_string(found.canonname)
      local l <close> = await(net.tcp_listen(found))
      found.port = tonumber(l:address():match ":(%d+)$")
      local sock <close> = await(net.tcp_connect(found))
      assert.equal(l:address(), sock:getpeername())
      assert.equal(tostring(found.port), tostring(net.parse_address(found).port))
      local _, service = await(net.getnameinfo(found))
      assert.is_string(service)
      local a <close> = net.udp()
      local b <close> = net.udp "127.0.0.1:0"
      local data = await(net.getaddrinfo("127.0.0.1", b:getsockname():match ":(%d+)$",
        { socktype = "datagram" }))[1]
      await(a:send("x", data))
      assert.equal("x", (await(b:recv())))
    end)
  end)

  it("has the interface of a local one", function()
    lwt.run(function()
      local found = await(net.getaddrinfo("fe80::1%lo", 80))[1]
      assert.equal("fe80::1%lo", found.host)
      assert.equal("fe80::1%lo", net.parse_address(found).host)
    end)
  end)

  it("has the port that was asked for, or there is none", function()
    for _, port in ipairs { 70000, -1, "70000", "65536", "4294967296", "1.5" } do
      local ok, err = pcall(net.getaddrinfo, "127.0.0.1", port)
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find "out of range")
    end
    lwt.run(function()
      assert.equal(65535, await(net.getaddrinfo("127.0.0.1", 65535))[1].port)
    end)
  end)
end)

local lwt = require "lwt"
local net = require "lwt.net"
local expect = require "spec.support.expect"
local task, failure = expect.task, expect.failure
local await = lwt.await

describe("a Unix-domain socket", function()
  local path

  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)
  after_each(function() os.remove(path) end)

  it("may have a path that nothing else keeps", task(function()
    local made = setmetatable({}, {
      __index = function(_, key) return key == "path" and ("%s%s"):format(path, ("x"):rep(40)) or nil end,
    })
    local options = setmetatable({}, {
      __index = function()
        collectgarbage()
        for i = 1, 100 do local _ = ("z"):rep(#path + 40 + i % 3) .. i end
      end,
    })
    local listener <close> = await(net.pipe_listen(made, options))
    assert.equal("unix:" .. path .. ("x"):rep(40), listener:address())
  end))

  it("connects, and its file is removed when the listener closes", task(function()
    local listener = await(net.pipe_listen("unix:" .. path))
    assert.equal("unix:" .. path, listener:address())
    local a <close> = await(net.pipe_connect(listener:address()))
    local b <close> = await(listener:accept())
    assert.equal("unix:" .. path, a:getpeername())
    assert.equal("unix:", a:getsockname())
    await(a:write("hello"))
    assert.equal("hello", await(b:read()))
    assert.is_not_nil(io.open("/dev/null")) -- (the process still opens files)
    listener:close()
    assert.equal("ENOENT", failure(net.pipe_connect(path)).code)
  end))

  it("takes a plain path and a table", task(function()
    local _ <close> = await(net.pipe_listen(path))
    local a <close> = await(net.pipe_connect({ path = path }))
    assert.is_truthy(tostring(a):find("^lwt.pipe: "))
  end))

  it("rejects a path that is too long, with ENAMETOOLONG", task(function()
    local long = "unix:/tmp/" .. ("x"):rep(200)
    assert.equal("ENAMETOOLONG", failure(net.pipe_listen(long)).code)
    local err = failure(net.pipe_connect(long))
    assert.equal("ENAMETOOLONG", err.code)
    assert.equal(long, err.address)
  end))

  it("rejects a path that exists, or nobody listens at", task(function()
    local _ <close> = await(net.pipe_listen(path))
    assert.equal("EADDRINUSE", failure(net.pipe_listen(path)).code)
    assert.equal("ENOENT", failure(net.pipe_connect(path .. ".none")).code)
    assert.equal("ECONNREFUSED", failure(net.pipe_connect("/dev/null")).code)
  end))

  it("refuses a path with a zero byte, and an address that is no path", function()
    assert.has_error(function() net.pipe_connect("/tmp\0x") end,
      "bad argument #1 to 'pipe_connect' (path of address contains a zero byte)")
    assert.has_error(function() net.pipe_connect({ host = "h", port = 1 }) end,
      "bad argument #1 to 'pipe_connect' (path expected)")
  end)
end)

describe("a listener at a path", function()
  it("removes nothing that is not its own when it closes", task(function()
    local first = await(net.pipe_listen "unix:taken.sock")
    os.remove "taken.sock"
    local second = await(net.pipe_listen "unix:taken.sock")
    await(first:close())
    local sock <close> = await(net.pipe_connect "unix:taken.sock")
    assert.is_truthy(sock)
    os.remove "taken.sock"
    local file = assert(io.open("taken.sock", "w"))
    file:close()
    await(second:close())
    file = assert(io.open "taken.sock")
    file:close()
    os.remove "taken.sock"
  end))

  it("neither does it when it is collected", task(function()
    local function drop() await(net.pipe_listen "unix:dropped.sock") end
    drop()
    os.remove "dropped.sock"
    local second <close> = await(net.pipe_listen "unix:dropped.sock")
    collectgarbage()
    collectgarbage()
    local sock <close> = await(net.pipe_connect "unix:dropped.sock")
    assert.is_truthy(sock)
    assert.is_truthy(second)
  end))
end)

describe("socketpair", function()
  it("gives two connected sockets at once", task(function()
    local a, b <close> = net.socketpair()
    local _ <close> = a
    local p = b:read()
    await(a:write("x"))
    assert.equal("x", await(p))
    await(a:shutdown())
    assert.is_nil(await(b:read()))
    await(b:write("y"))
    assert.equal("y", await(a:read()))
  end))

  it("waits with a reader that is slow", task(function()
    local a, b <close> = net.socketpair()
    local _ <close> = a
    local sent, got = 0, 0
    local writer = lwt.spawn(function()
      for _ = 1, 300 do
        await(a:write(("x"):rep(10000)))
        sent = sent + 10000
      end
      a:close()
    end)
    await(lwt.sleep(0.02))
    assert.is_true(sent < 1000000)
    while true do
      local piece = await(b:read())
      if piece == nil then break end
      got = got + #piece
    end
    assert.equal(3000000, got)
    await(writer)
  end))
end)

describe("a descriptor of somebody else", function()
  it("becomes a socket", task(function()
    local a, b = net.socketpair()
    assert.has_error(function() net.of_fd(-1) end,
      "bad argument #1 to 'of_fd' (descriptor is out of range)")
    local ok, err = pcall(net.of_fd, b:fileno()) -- it is ours already
    assert.is_false(ok)
    assert.equal("EEXIST", err.code)
    b:close()
    assert.is_nil(await(a:read()))
  end))

  it("is refused when it is a file", function()
    local _ <close> = assert(io.open("/etc/passwd"))
    local ok, err
    for fd = 3, 40 do -- Lua does not tell a file's number
      ok, err = pcall(net.of_fd, fd)
      if not ok and err.code == "EINVAL" then break end
    end
    assert.equal("EINVAL", err.code)
  end)

  it("is refused when its number has no room in an int", function()
    local fs, lio, process = require "lwt.fs", require "lwt.io", require "lwt.process"
    for _, fd in ipairs { (1 << 32) + 1, 2.0 ^ 32 + 1, 1 - (1 << 32) } do
      for _, f in ipairs { net.of_fd, net.tty, net.wait_readable, net.wait_writable, fs.of_fd } do
        local ok, err = pcall(f, fd)
        assert.is_false(ok)
        assert.matches("out of range", err)
      end
      assert.matches("not a descriptor", select(2, pcall(lio.of_fd, fd, "w")))
      assert.matches("no open descriptor", select(2, pcall(process.open, { "true" }, { stdout = fd })))
    end
  end)
end)

local lwt = require "lwt"
local net = require "lwt.net"
local uv = require "lwt.uv"
local expect = require "spec.support.expect"
local task = expect.task
local await = lwt.await

-- The descriptors of this process.
local function descriptors()
  local stat <close> = assert(io.open("/proc/self/stat"))
  local list <close> = assert(io.popen("ls /proc/" .. stat:read("n") .. "/fd"))
  local n = 0
  for _ in list:lines() do n = n + 1 end
  return n
end

describe("a handle", function()
  it("closes once, however often and in whichever way", task(function()
    local a, b = net.socketpair()
    do
      local _ <close> = a
      await(a:close())
      await(a:close())
    end
    getmetatable(a).__gc(a)
    getmetatable(a).__gc(a)
    await(a:close())
    assert.equal("lwt.pipe (closed)", tostring(a))
    getmetatable(b).__close(b)
    getmetatable(b).__gc(b)
    assert.equal("lwt.pipe (closed)", tostring(b))
  end))

  it("is not fooled by metamethods called on something else", task(function()
    local a <close>, b = net.socketpair()
    local meta = getmetatable(a)
    meta.__gc(io.stdout)
    meta.__gc(nil)
    assert.has_error(function() meta.__close(io.stdout) end)
    assert.has_error(function() meta.__tostring({}) end)
    assert.has_error(function() meta.__index.read({}) end)
    local light = require "lwt.engine".loop() -- a userdata that has no metatable
    meta.__gc(light)
    assert.has_error(function() meta.__index.read(light) end)
    local of_port = require "lwt.uv".io.of_port
    for _, none in ipairs { light, io.stdout, {}, "x", lwt.fulfilled(), require "lwt.bytes".create(1) } do
      assert.has_error(function() of_port(none, 3) end,
        "bad argument #1 to 'of_port' (not open, or nothing to read from and write to)")
    end
    b:close()
  end))

  it("is collected when nobody holds it and nothing is pending", task(function()
    local kept = setmetatable({}, { __mode = "k" })
    for _ = 1, 50 do
      local a, b = net.socketpair()
      kept[a], kept[b] = true, true
      await(lwt.both(a:write("x"), b:read()))
    end
    collectgarbage()
    collectgarbage()
    await(lwt.pause())
    assert.is_nil(next(kept))
  end))

  it("is anchored by what is pending, and by nothing else after", task(function()
    local kept = setmetatable({}, { __mode = "k" })
    local function start()
      local a, b = net.socketpair()
      kept[b] = true
      return a, b:read()
    end
    local a, p = start()
    collectgarbage()
    collectgarbage()
    assert.is_not_nil(next(kept))
    a:write("x")
    assert.equal("x", await(p))
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(kept))
    a:close()
  end))

  it("leaves no descriptor and no memory behind", task(function()
    local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
    local function batch()
      for _ = 1, 300 do
        local p = listener:accept()
        local a = await(net.tcp_connect(listener:address()))
        local b = await(p)
        await(a:write("ping"))
        await(b:read())
        a:close()
        b:close()
      end
      await(lwt.pause())
      collectgarbage()
      collectgarbage()
    end
    batch()
    local fds, memory = descriptors(), collectgarbage("count")
    for _ = 1, 5 do batch() end
    local after = descriptors()
    assert.is_true(after <= fds + 3, after .. " descriptors, " .. fds .. " before")
    assert.is_true(collectgarbage("count") - memory < 50, collectgarbage("count") - memory)
  end))

  it("leaves nothing pending behind when everything is cancelled", task(function()
    local a, b = net.socketpair()
    local u = net.udp("127.0.0.1:0")
    local listener = await(net.tcp_listen("127.0.0.1:0"))
    local before = uv.engine.pending()
    local all = {
      a:read(), a:read(), a:read(), u:recv(), u:recv(), listener:accept(), listener:accept(),
      net.wait_readable(b:fileno()), net.wait_readable(b:fileno()),
      net.tcp_connect(listener:address()), net.getaddrinfo("localhost"),
    }
    assert.is_true(uv.engine.pending() > before)
    for _, p in ipairs(all) do p:cancel() end
    local n = 0
    while uv.engine.pending() > before and n < 1000 do
      await(lwt.sleep(0.001)) -- a lookup that a thread has runs on
      n = n + 1
    end
    assert.equal(before, uv.engine.pending())
    for _, h in ipairs { a, b, u, listener } do h:close() end
  end))

  it("may be closed in the callback of its own read", task(function()
    local a, b = net.socketpair()
    local p, q = b:read(1), b:read(1)
    p:on_success(function() b:close() end)
    a:write("xyz")
    assert.equal("x", await(p))
    assert.equal(lwt.Closed, select(2, pcall(await, q)))
    a:close()
  end))

  it("may be read again in the callback of its own read", task(function()
    local a <close>, b = net.socketpair()
    local got = {}
    local function again(s)
      got[#got + 1] = s
      if #got < 5 then b:read(1):on_success(again) end
    end
    b:read(1):on_success(again)
    a:write("12345")
    while #got < 5 do await(lwt.pause()) end
    assert.equal("12345", table.concat(got))
    b:close()
  end))
end)

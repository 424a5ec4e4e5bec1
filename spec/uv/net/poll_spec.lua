local lwt = require "lwt"
local net = require "lwt.net"
local expect = require "spec.support.expect"
local shell = require "spec.support.shell"
local task, failure = expect.task, expect.failure
local await = lwt.await

describe("waiting for a descriptor", function()
  it("tells when it can be read", task(function()
    local a, b <close> = net.socketpair()
    local p, q = net.wait_readable(b:fileno()), net.wait_readable(b:fileno())
    await(lwt.sleep(0.005))
    assert.is_true(p:is_pending())
    await(a:write("x"))
    await(p)
    await(q)
    assert.equal("x", await(b:read()))
    a:close()
    await(net.wait_readable(b:fileno())) -- the end, too
  end))

  it("tells when it can be written", task(function()
    local a, b <close> = net.socketpair()
    await(net.wait_writable(a:fileno()))
    local big = ("x"):rep(1 << 22)
    local w = a:write(big)
    local p = net.wait_writable(a:fileno())
    await(lwt.sleep(0.005))
    assert.is_true(p:is_pending())
    local n = 0
    while n < #big do n = n + #await(b:read()) end
    await(p)
    await(w)
    a:close()
  end))

  it("ends when an error is pending, which the next operation tells", task(function()
    for _ = 1, 20 do
      local a, b = net.socketpair()
      local w = a:write(("x"):rep(1 << 22)) -- more than goes through
      local p = net.wait_writable(a:fileno())
      await(lwt.pause())
      assert.is_true(p:is_pending())
      b:close() -- with bytes that nobody has read
      await(p)
      assert.is_false((pcall(await, w)))
      a:close()
    end
  end))

  it("may be for both at once, each in its time", task(function()
    local a <close>, b = net.socketpair()
    local r, w = net.wait_readable(b:fileno()), net.wait_writable(b:fileno())
    await(w)
    assert.is_true(r:is_pending())
    a:write("x")
    await(r)
    b:close()
  end))

  it("may be cancelled, one of several", task(function()
    local a <close>, b = net.socketpair()
    local p, q = net.wait_readable(b:fileno()), net.wait_readable(b:fileno())
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    a:write("x")
    await(q)
    local r = net.wait_readable(b:fileno())
    r:cancel()
    await(net.wait_readable(b:fileno()))
    b:close()
  end))

  it("does not disturb who begins to wait in a callback", task(function()
    local a <close>, b = net.socketpair()
    local n = 0
    local function again()
      n = n + 1
      if n < 3 then net.wait_readable(b:fileno()):on_success(again) end
    end
    net.wait_readable(b:fileno()):on_success(again)
    a:write("x")
    while n < 3 do await(lwt.pause()) end
    b:close()
  end))

  it("follows a number that means another descriptor later", task(function()
    for _ = 1, 20 do
      local _ <close>, b = net.socketpair()
      local p = net.wait_readable(b:fileno())
      p:cancel()
      b:close()
      local c, d <close> = net.socketpair() -- the numbers come again
      local q = net.wait_readable(d:fileno())
      c:write("x")
      await(q)
      c:close()
    end
  end))

  it("tells also a callback that waits again while an error is pending", function()
    local name = os.tmpname() -- a pipe whose reader has gone: its writer's end has one
    shell.write(name, [[
      local lwt, net = require "lwt", require "lwt.net"
      lwt.run(function()
        local n = 0
        local function again()
          n = n + 1
          if n < 5 then return net.wait_writable(1):bind(again) end
        end
        lwt.await(again())
        io.stderr:write("told ", n)
      end)
    ]])
    local command = ("{ sleep 0.1; timeout 60 %s '%s'; } | true"):format(shell.lua, name)
    assert.equal("told 5", shell.run(command).err)
    os.remove(name)
  end)

  it("rejects a regular file and a closed number", task(function()
    local _ <close> = assert(io.open("/etc/passwd"))
    local err
    for fd = 3, 60 do
      local p = net.wait_readable(fd)
      if p:state() == "rejected" then
        err = failure(p)
        if err.code == "EPERM" then break end
      else
        p:cancel()
      end
    end
    assert.equal("EPERM", err.code)
    assert.equal("wait_readable", err.op)
    assert.equal("EBADF", failure(net.wait_writable(100000)).code)
    assert.has_error(function() net.wait_readable(-1) end,
      "bad argument #1 to 'wait_readable' (descriptor is out of range)")
  end))
end)

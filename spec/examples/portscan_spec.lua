-- The port scanner against listeners of this process.

local lwt = require "lwt"
local net = require "lwt.net"
local process = require "lwt.process"
local await = lwt.await

local lua = os.getenv "LUA" or "lua5.4"

local function scan(...)
  return await(process.pread({ lua, "bin/lwt", "examples/portscan.lua", ... },
    { stdin = "null", stderr = "stdout", timeout = 60 }))
end

describe("examples/portscan.lua", function()
  it("finds the open port among its neighbours", function()
    lwt.run(function()
      local listener <close> = await(net.tcp_listen("127.0.0.1:0"))
      local port = math.tointeger(listener:address():match(":(%d+)$"))
      local from, to = math.max(1, port - 30), math.min(65535, port + 30)
      local out = scan("-n", "8", "127.0.0.1", from, to)
      assert.matches("%f[%d]" .. port .. " open\n", out)
      local open, closed, silent = out:match("127.0.0.1: (%d+) open, (%d+) closed, (%d+) silent, in ")
      assert.is_true(tonumber(open) >= 1, out)
      assert.equal(to - from + 1, open + closed + silent)
    end)
  end)

  it("gives a port that does not answer its time, and no more", function()
    lwt.run(function()
      -- Nobody accepts, and the queue is full: the system drops what comes.
      local listener <close> = await(net.tcp_listen("127.0.0.1:0", { backlog = 1 }))
      local port = listener:address():match(":(%d+)$")
      local waiting = {}
      for i = 1, 4 do waiting[i] = net.tcp_connect("127.0.0.1:" .. port) end
      await(lwt.choose(waiting))
      local out = scan("-t", "0.2", "127.0.0.1", port)
      for _, p in ipairs(waiting) do
        p:cancel()
        if p:state() == "fulfilled" then await(p):close() end
      end
      assert.matches("0 open, 0 closed, 1 silent", out)
    end)
  end)

  it("does not fall over when there are fewer descriptors than connections", function()
    lwt.run(function()
      local out = await(process.pread(process.shell(("ulimit -n 40; exec %s bin/lwt "
        .. "examples/portscan.lua -n 200 127.0.0.1 1 500"):format(lua)),
        { stdin = "null", stderr = "stdout", timeout = 60 }))
      local open, closed, silent = out:match(": (%d+) open, (%d+) closed, (%d+) silent, in ")
      assert(open, out)
      assert.equal(500, open + closed + silent)
    end)
  end)
end)

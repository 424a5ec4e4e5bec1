-- Many connections: more than there are descriptors for, one after the other without anything left.

local lwt = require "lwt"
local lio = require "lwt.io"
local net = require "lwt.net"
local semaphore = require "lwt.semaphore"
local shell = require "spec.support.shell"
local ssl = require "lwt.ssl"
local test = require "lwt.test"
local await = lwt.await

local full = os.getenv "LWT_SPEC_FULL"

local function descriptors()
  local n = 0
  for _ in shell.run("ls /proc/" .. io.open("/proc/self/stat"):read("n") .. "/fd").out:gmatch "%d+" do n = n + 1 end
  return n
end

-- KiB; nothing under a sanitizer or valgrind, whose own memory this would measure.
local function resident()
  if os.getenv "LWT_UNDER" then return 0 end
  local f <close> = assert(io.open "/proc/self/status")
  return tonumber(f:read("a"):match "VmRSS:%s*(%d+)")
end

describe("a server that speaks TLS", function()
  local ca, id

  setup(function()
    ca = require "spec.support.ca".make()
    id = ca:issue { name = "server", san = "DNS:localhost" }
  end)
  teardown(function() ca:remove() end)

  -- LWT_SPEC_FULL=1: 1,000.
  it("with 64 descriptors serves many more clients, the others waiting meanwhile", function()
    local n = full and 1000 or os.getenv "LWT_UNDER" and 60 or 100
    local program = shell.write(ca:path "few.lua", ([[
      local lwt, lio = require "lwt", require "lwt.io"
      local await = lwt.await
      lwt.run(function()
        local served = 0
        local done, resolver = lwt.wait()
        local server = await(lio.establish_server("127.0.0.1:0", function(ch)
          await(ch:write_line((await(ch:read_line())):upper()))
          await(ch:read_line()) -- the client goes first
          served = served + 1
          if served == %d then resolver:wakeup() end
        end, { backlog = 1024, tls = { cert = %q, key = %q, timeout = 120 } }))
        io.write(server:address(), "\n")
        io.flush()
        await(done)
        await(server:shutdown())
        io.write("served ", served, "\n")
      end)]]):format(n, id.cert, id.key))
    local p = assert(io.popen(("ulimit -n 64; exec %s '%s' 2>&1"):format(shell.lua, program)))
    local address = p:read "l"
    local client = ssl.context { ca = ca.pem }
    lwt.run(function()
      local places, right, tasks = semaphore.create(100), 0, {}
      for i = 1, n do
        tasks[i] = lwt.spawn(function()
          await(places:acquire())
          local ch = await(lio.open_connection(address,
            { tls = { context = client, name = "localhost", timeout = 120 } }))
          await(ch:write_line("client " .. i))
          if await(ch:read_line()) == "CLIENT " .. i then right = right + 1 end
          await(ch:close())
          places:release()
        end)
      end
      for i = 1, n do await(tasks[i]) end
      assert.equal(n, right)
    end)
    assert.equal(("served %d"):format(n), p:read "l")
    p:close()
  end)

  -- LWT_SPEC_FULL=1: 10,000.
  it("and its clients leave memory and descriptors where they were", function()
    local server = ssl.context { role = "server", cert = id.cert, key = id.key }
    local client = ssl.context { ca = ca.pem }
    local sessions = {}
    local function converse(i)
      local a, b = net.socketpair()
      local serving = ssl.accept(a, server)
      local c = await(ssl.connect(b, { context = client, name = "localhost", session = sessions[i % 3] }))
      local s = await(serving)
      await(c:write "question")
      assert.equal("question", await(s:read()))
      await(s:write "answer")
      assert.equal("answer", await(c:read()))
      sessions[i % 3] = c:session()
      if i % 5 == 0 then -- some end badly
        a:close()
        b:close()
      end
      await(lwt.both(s:close(), c:close()))
    end
    local function rounds(n)
      lwt.run(function()
        for i = 1, n do converse(i) end
      end)
      collectgarbage()
      collectgarbage()
    end
    rounds(full and 500 or os.getenv "LWT_UNDER" and 15 or 60)
    local memory, open, lua = resident(), descriptors(), collectgarbage "count"
    rounds(full and 10000 or os.getenv "LWT_UNDER" and 20 or 200)
    assert.equal(open, descriptors())
    assert.is_true(collectgarbage "count" - lua < 100, "the Lua heap has grown")
    assert.is_true(resident() - memory < 2048, ("%d KiB more"):format(resident() - memory))
    test.assert_clean()
  end)
end)

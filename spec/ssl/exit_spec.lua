-- A process that ends by a bare os.exit() while others of its threads are in the middle of handshakes.

local build = require "spec.support.build"
local lwt = require "lwt"
local script = require "spec.support.script"

describe("os.exit in the middle of handshakes", function()
  local ca, dir, head

  setup(function()
    ca = require "spec.support.ca".make()
    ca:issue { name = "short", san = "DNS:localhost" }
    ca:issue { name = "long", kind = "long", san = "DNS:localhost" }
    dir = build.temp_dir()
    -- What ends OpenSSL, if anything does, is over some time before the process is.
    head = ([[
      assert(package.loadlib(%q, "luaopen_slow_exit"))()
      local function pairs_of(key, dir)
        local lwt, net, ssl = require "lwt", require "lwt.net", require "lwt.ssl"
        local server = ssl.context { role = "server", cert = dir .. key .. ".pem", key = dir .. key .. ".key" }
        local client = ssl.context { ca = dir .. "ca.pem" }
        return function()
          local a, b = net.socketpair()
          local serving = ssl.accept(a, server)
          return serving, ssl.connect(b, { context = client, name = "localhost" })
        end
      end
      local dir = %q
    ]]):format(build.library(dir, "spec/support/slow_exit.c", "slow_exit"), ca.dir .. "/")
  end)
  teardown(function()
    ca:remove()
    lwt.run(build.remove_dir(dir))
  end)

  local function ends(text)
    local r = script.run(head .. text, 20)
    assert.is_nil(r.signal, r.err)
    assert.same({ 3, "" }, { r.code, r.err })
  end

  it("of workers ends the process", function()
    ends [[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      local code = string.dump(pairs_of)
      local function work(code, dir)
        local lwt = require "lwt"
        local begin = load(code, "pairs_of", "b")("short", dir)
        lwt.run(function()
          while true do
            local serving, connecting = begin()
            local ok, s, c = pcall(lwt.await, lwt.both(serving, connecting))
            if ok then lwt.both(s:close(), c:close()):await() end
          end
        end)
      end
      lwt.run(function()
        for _ = 1, 2 do preemptive.detach(work, code, dir) end
        lwt.sleep(0.3):await()
        os.exit(3)
      end)]]
  end)

  it("with a private key in use on the pool ends the process", function()
    ends [[
      local lwt = require "lwt"
      lwt.run(function()
        local begin = pairs_of("long", dir)
        local first
        for _ = 1, 40 do
          local serving, connecting = begin()
          first = first or connecting
          serving:catch(function() end)
          connecting:catch(function() end)
        end
        first:await()
        os.exit(3)
      end)]]
  end)
end)

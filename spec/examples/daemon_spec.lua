-- The daemon with a client that means harm, and what its logs say.

local lwt = require "lwt"
local fs = require "lwt.fs"
local io = require "lwt.io"
local net = require "lwt.net"
local process = require "lwt.process"
local support = require "spec.support.log"
local eventually = require "spec.support.eventually"
local await = lwt.await

local lua = os.getenv "LUA" or "lua5.4"

describe("examples/daemon.lua", function()
  it("has everything in its file, errors as JSON and in syslog, and debugging when it is told", function()
    lwt.run(lwt.with_timeout(60, function()
      await(io.with_temp_dir(function(dir)
        local syslog <close> = net.unix_datagram { path = dir .. "/syslog" }
        local p <close> = process.open({ lua, "bin/lwt", "examples/daemon.lua", "-d", dir, "-s", dir .. "/syslog",
          "127.0.0.1:0" }, { stdin = "null", stdout = "pipe", stderr = "pipe" })
        local first = await(p.stdout:read_line()) or await(p.stderr:read())
        local address = assert(first:match "^listening on (%S+)$", first)
        local ch = await(io.open_connection(address))
        local function ask(line)
          await(ch:write_line(line))
          await(ch:flush())
          return await(ch:read_line())
        end
        assert.equal("ok", ask "color=red")
        assert.equal("red", ask "color")
        assert.equal("what?", ask "\27[2J\rnotice main: forged")
        assert.equal("sorry", ask("color=" .. ("x"):rep(2000)))
        p:kill "USR1"
        eventually(function() return support.read(dir .. "/app.log"):find("the level is debug now", 1, true) end)
        assert.equal("ok", ask "color=blue")
        await(fs.rename(dir .. "/app.log", dir .. "/moved"))
        p:kill "HUP"
        eventually(function() return await(fs.exists(dir .. "/app.log")) end)
        await(ch:close())
        eventually(function() return support.read(dir .. "/app.log"):find(": gone client=1 ", 1, true) end)
        assert.matches("^<27>.-daemon%[%d+%]: daemon.server: cannot answer: the value of color is too long client=1",
          (await(syslog:recv())))
        p:kill "TERM"
        assert.equal(143, await(p:status()).code)

        local text = support.read(dir .. "/moved") .. support.read(dir .. "/app.log")
        for _, line in ipairs { "notice main: listening on ", "notice daemon.server: connected client=1 peer=",
          "warning daemon.server: not understood: \\x1b[2J\\rnotice main: forged client=1",
          "error daemon.server: cannot answer",
          "debug daemon.store: color is set to 4 bytes client=1", "notice main: the end" } do
          assert.is_truthy(text:find(line, 1, true), line .. " is not in " .. text)
        end
        assert.is_nil(text:find("set to 3 bytes", 1, true))
        local errors = support.lines(dir .. "/errors.json")
        local first_error = support.json(errors[1])
        assert.equal("daemon.server", first_error.section)
        assert.matches("^cannot answer: the value of color is too long", first_error.message)
        assert.equal(1, first_error.client)
      end))
    end))
  end)
end)

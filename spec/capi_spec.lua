-- The examples in C, built outside the tree against an installed header, as a stranger would;
-- and the example that serves one port from several worker states.
local lwt = require "lwt"
local build = require "spec.support.build"
local process = require "lwt.process"
local await = lwt.await

local lua = os.getenv "LUA" or "lua5.4"

describe("the examples in C", function()
  local dir, prefix, env

  setup(function()
    dir = build.temp_dir()
    prefix = dir .. "/installed"
    local installed = build.run { "make", "-s", "BUILD=build", "install", "PREFIX=" .. prefix }
    assert.equal(0, installed.code, installed.err)
    env = {
      LUA_PATH = prefix .. "/share/lua/5.4/?.lua;" .. prefix .. "/share/lua/5.4/?/init.lua;;",
      LUA_CPATH = prefix .. "/lib/lua/5.4/?.so;;",
    }
  end)

  teardown(function() lwt.run(build.remove_dir(dir)) end)

  local function run(cwd, ...)
    local e = {}
    for name, value in pairs(env) do e[name] = value end
    return build.run({ ... }, { cwd = cwd, env = e })
  end

  -- A copy of the example, in which `make test` is run with warnings as errors.
  local function tested(name, ...)
    local there = dir .. "/" .. name
    assert.equal(0, run(nil, "cp", "-r", build.root .. "/examples/" .. name, there).code)
    local result = run(there, "timeout", "60", "make", "-s", "test", "LUA=" .. lua,
      "LWT_INCDIR=" .. prefix .. "/include",
      "CFLAGS=-std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Wpedantic -Wshadow -Werror", ...)
    assert.equal("", result.err)
    assert.equal(0, result.code)
    return result.out
  end

  it("mkdir_job makes a function of its own from a job", function()
    assert.equal("mkdir_job: ok\n", tested "mkdir_job")
  end)

  it("notify posts to Lua from a thread", function()
    assert.equal("notify: ok\n", tested "notify")
  end)

  it("embed lets a host with a loop of its own step lwt", function()
    local lines = {}
    for line in tested("embed"):gmatch "[^\n]+" do lines[#lines + 1] = line end
    table.sort(lines)
    assert.same({ "2 + 3 in a thread: 5", "a directory: true", "line 1: one", "line 2: two",
      "line 3: three", "slept" }, lines)
  end)

  it("need nothing but lua.h and lwt.h of lwt", function()
    for _, name in ipairs { "mkdir_job/mkdir_job.c", "notify/notify.c", "embed/embed.c" } do
      for line in io.lines("examples/" .. name) do
        local header = line:match '^#include%s+[<"](.-)[>"]'
        if header and header:find "uv" or header and header:find "lwt" then
          assert.equal("lwt.h", header)
        end
      end
    end
  end)
end)

describe("examples/prefork.lua", function()
  it("serves one port from several states, restarts them gracefully, and ends", function()
    lwt.run(function()
      local p <close> = process.open({ lua, "bin/lwt", "examples/prefork.lua", "127.0.0.1:0", "2" },
        { stdin = "null", stdout = "pipe", timeout = 60 })
      local address, pid = await(p.stdout:read_line()):match "2 workers on (%S+), pid (%d+)"
      assert.equal(p.pid, tonumber(pid))
      local io = require "lwt.io"
      local function ask(text)
        local ch <close> = await(io.open_connection(address))
        await(ch:write_line(text))
        await(ch:flush())
        return await(ch:read_line())
      end
      for i = 1, 20 do assert.truthy(ask("hello " .. i):find("^1%.[12]: hello " .. i .. "$")) end
      -- a connection that is open while the workers change
      local old <close> = await(io.open_connection(address))
      await(old:write_line "before")
      await(old:flush())
      assert.truthy(await(old:read_line()):find "^1%.")
      p:kill "HUP"
      assert.equal("generation 2", await(p.stdout:read_line()))
      local ok, new
      for _ = 1, 100 do -- the old ones stop listening very soon
        ok, new = pcall(ask, "after")
        if ok and new:find "^2%." then break end
        assert(ok or new.code == "ECONNRESET", tostring(new))
        await(lwt.sleep(0.01))
      end
      assert.truthy(new:find "^2%.[12]: after$", new)
      await(old:write_line "still there")
      await(old:flush())
      assert.truthy(await(old:read_line()):find "^1%.[12]: still there$")
      await(old:close())
      p:kill "INT"
      local status = await(p:status())
      assert.same({ code = 0 }, { code = status.code, signal = status.signal })
    end)
  end)
end)

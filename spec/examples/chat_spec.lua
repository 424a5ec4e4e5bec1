-- The chat with clients of this process and with nc.

local lwt = require "lwt"
local io = require "lwt.io"
local process = require "lwt.process"
local await = lwt.await

local lua = os.getenv "LUA" or "lua5.4"

-- Starts the server and calls f with its address and its process.
local function with_chat(f)
  lwt.run(lwt.with_timeout(60, function()
    local p <close> = process.open({ lua, "bin/lwt", "examples/chat.lua", "127.0.0.1:0" },
      { stdin = "null", stdout = "pipe", stderr = "pipe" })
    local line = await(p.stdout:read_line()) or await(p.stderr:read())
    f(assert(line:match("^listening on (%S+)$"), line), p)
  end))
end

local function join(address, name)
  local ch = await(io.open_connection(address))
  assert.equal("your name? ", await(ch:read_exactly(11)))
  await(ch:write_line(name))
  assert.matches("^" .. name .. " is here", await(ch:read_line()))
  return ch
end

describe("examples/chat.lua", function()
  it("shows everybody what the others say, who comes and who leaves", function()
    with_chat(function(address)
      local ann <close> = join(address, "ann")
      local bob = join(address, "bob")
      assert.equal("bob is here, 2 in all", await(ann:read_line()))
      await(bob:write_line("hello"))
      assert.equal("bob: hello", await(ann:read_line()))
      await(ann:write_line("hello yourself"))
      assert.equal("ann: hello yourself", await(bob:read_line()))
      await(bob:close())
      assert.equal("bob has left", await(ann:read_line()))
    end)
  end)

  it("talks with nc", function()
    with_chat(function(address)
      local ann <close> = join(address, "ann")
      local host, port = address:match("^(.*):(%d+)$")
      local nc <close> = process.open({ "nc", host, port },
        { stdin = "pipe", stdout = "pipe" })
      await(nc.stdin:write("carl\nthis is nc\n"))
      await(nc.stdin:flush())
      assert.equal("carl is here, 2 in all", await(ann:read_line()))
      assert.equal("carl: this is nc", await(ann:read_line()))
      await(ann:write_line("hello, nc"))
      assert.equal("your name? carl is here, 2 in all", await(nc.stdout:read_line()))
      assert.equal("ann: hello, nc", await(nc.stdout:read_line()))
    end)
  end)

  it("lets the others read what one who floods it writes", function()
    with_chat(function(address)
      local ann <close> = join(address, "ann")
      local bob <close> = join(address, "bob")
      assert.equal("bob is here, 2 in all", await(ann:read_line()))
      await(bob:write(("x\n"):rep(2000)))
      await(bob:flush())
      for _ = 1, 2000 do assert.equal("bob: x", await(ann:read_line())) end
    end)
  end)

  it("puts out one who does not read, and the others do not wait", function()
    with_chat(function(address)
      local ann <close> = join(address, "ann")
      local _ <close> = join(address, "deaf")
      assert.equal("deaf is here, 2 in all", await(ann:read_line()))
      local bob <close> = join(address, "bob")
      assert.equal("bob is here, 3 in all", await(ann:read_line()))
      local line = ("x"):rep(60000)
      -- One line at a time, so that ann is in time on any machine.
      local got
      repeat
        await(bob:write_line(line))
        got = await(ann:read_line())
        assert.is_truthy(got == "bob: " .. line or got == "deaf has left", got)
      until got == "deaf has left"
    end)
  end)

  it("tells everybody when it ends, and ends on Ctrl-C with 130", function()
    with_chat(function(address, p)
      local ann <close> = join(address, "ann")
      p:kill("INT")
      assert.equal("the server ends", await(ann:read_line()))
      await(ann:close())
      assert.equal(130, await(p:status()).code)
    end)
  end)
end)

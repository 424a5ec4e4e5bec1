-- Each step of the tutorial runs, and does what the tutorial says; what the page shows is in the files.

local lwt, lio, process = require "lwt", require "lwt.io", require "lwt.process"
local fs = require "lwt.fs"
local shell = require "spec.support.shell"
local await = lwt.await

local FOLDER = "examples/tutorial/"

-- Starts a step's server with a folder for its files, and calls f with its address, its process and
-- that folder.
local function with_server(step, f)
  lwt.run(lwt.with_timeout(120, function()
    await(lio.with_temp_dir(function(dir)
      local p <close> = process.open({ shell.lua, "bin/lwt", FOLDER .. step, "127.0.0.1:0", dir .. "/rooms" },
        { stdin = "null", stdout = "pipe", stderr = "pipe" })
      local line = await(p.stdout:read_line()) or await(p.stderr:read())
      f(assert(line:match("^listening on (%S+)$"), line), p, dir .. "/rooms")
    end))
  end))
end

local function join(address, name)
  local ch = await(lio.open_connection(address))
  assert.equal("your name? ", await(ch:read_exactly(11)))
  await(ch:write_line(name))
  return ch
end

-- Reads until the line comes.
local function hears(ch, wanted)
  for line in ch:lines() do if line == wanted then return end end
  error("never heard: " .. wanted)
end

local function talk(address)
  local ann <close> = join(address, "ann")
  hears(ann, "* ann is in lobby")
  local bob = join(address, "bob")
  assert.equal("* bob is in lobby", await(ann:read_line()))
  await(bob:write_line "hello")
  assert.equal("bob: hello", await(ann:read_line()))
  await(bob:write_line "/join kitchen")
  assert.equal("* bob has left", await(ann:read_line()))
  await(ann:write_line "/join kitchen")
  hears(bob, "* ann is in kitchen")
  await(bob:close())
  hears(ann, "* bob has left")
end

describe("the tutorial", function()
  it("step 1: tells the others of a room", function()
    with_server("1-rooms.lua", talk)
  end)

  it("step 2: has a client, which ends when either side does", function()
    with_server("1-rooms.lua", function(address, server)
      local function client()
        return process.open({ shell.lua, "bin/lwt", FOLDER .. "2-client.lua", address },
          { stdin = "pipe", stdout = "pipe", stderr = "pipe" })
      end
      local ann <close> = client()
      await(ann.stdin:write_line "ann")
      await(ann.stdin:flush())
      assert.equal("your name? * ann is in lobby", await(ann.stdout:read_line()))
      local bob = client()
      await(bob.stdin:write "bob\nhello\n")
      await(bob.stdin:close()) -- Ctrl-D
      hears(ann.stdout, "bob: hello")
      assert.same({ code = 0 }, { code = await(bob:status()).code })
      server:kill "KILL"
      await(ann.stdout:read())
      assert.equal(0, await(ann:status()).code, await(ann.stderr:read()))
    end)
  end)

  for _, step in ipairs { "3-history.lua", "4-limits.lua", "6-server.lua" } do
    it(step .. ": shows who comes what was said before", function()
      with_server(step, function(address)
        talk(address)
        local carl <close> = join(address, "carl")
        assert.equal("bob: hello", await(carl:read_line()))
        assert.equal("* carl is in lobby", await(carl:read_line()))
      end)
    end)
  end

  it("step 4: puts out who does not read, and those who say too much wait", function()
    with_server("4-limits.lua", function(address)
      local ann <close> = join(address, "ann")
      hears(ann, "* ann is in lobby")
      await(ann:write(("x"):rep(2000)))
      await(ann:flush())
      hears(ann, "* that was too long")
    end)
  end)

  it("step 5: has specs that pass", function()
    local busted = shell.run("command -v busted").out:gsub("\n", "")
    if busted == "" then return pending("no busted on the path") end
    local lua = shell.read(busted):match "^#![^\n]*lua" and shell.lua .. " " or ""
    local result = shell.run(("cd %s && %s%s -p '_spec$' 5-chatroom_spec.lua"):format(FOLDER, lua, busted))
    assert.equal(0, result.code, result.out .. result.err)
    assert.truthy(result.out:find("5 successes", 1, true), result.out)
  end)

  it("step 6: ends when it is told to, tells everybody, and keeps what was said", function()
    with_server("6-server.lua", function(address, server, folder)
      local ann <close> = join(address, "ann")
      hears(ann, "* ann is in lobby")
      await(ann:write_line "remember this")
      local bob = join(address, "bob")
      hears(bob, "ann: remember this")
      await(bob:close())
      server:kill "TERM"
      hears(ann, "* the server ends")
      await(ann:close())
      assert.equal("bye", await(server.stdout:read_line()))
      assert.equal(0, await(server:status()).code, await(server.stderr:read()))
      assert.equal("ann: remember this\n", await(fs.read_file(folder .. "/lobby")))
    end)
  end)

  it("shows nothing that is not in the files", function()
    local files = {}
    for path in shell.run("ls " .. FOLDER .. "*.lua").out:gmatch("[^\n]+") do
      files[#files + 1] = shell.read(path)
    end
    local shown = 0
    for block in shell.read("doc/tutorial.md"):gmatch("```lua norun\n(.-)\n```") do
      local found = false
      for _, text in ipairs(files) do found = found or text:find(block, 1, true) ~= nil end
      assert(found, "in none of the files:\n" .. block)
      shown = shown + 1
    end
    assert.is_true(shown >= 9)
  end)
end)

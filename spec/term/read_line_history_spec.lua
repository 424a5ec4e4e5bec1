-- The file of a history: several sessions, crashes, locks, garbage.

local fs = require "lwt.fs"
local lwt = require "lwt"
local process = require "lwt.process"
local read_line = require "lwt.read_line"
local history = require "lwt.read_line.history"
local shell = require "spec.support.shell"
local test = require "lwt.test"

local await = lwt.await
local LUA = os.getenv "LUA" or "lua5.4"

local function entries(h)
  local all = {}
  for s in h:entries() do all[#all + 1] = s end
  return all
end

local function warnings(f)
  local said, before = {}, warn
  _G.warn = function(...) said[#said + 1] = table.concat { ... } end
  local ok, err = pcall(f)
  _G.warn = before
  if not ok then error(err, 0) end
  return said
end

describe("the file of a history", function()
  local dir, path
  before_each(function()
    dir = shell.temp_dir()
    path = dir .. "/state/lwt/history"
  end)
  after_each(function() shell.remove_dir(dir) end)

  local function make(opts)
    opts = opts or {}
    opts.path = path
    return read_line.history(opts)
  end

  it("is made with its directory when the first line is added, for nobody else to read", test.async(function()
    local h = make()
    assert.same({}, entries(h))
    assert.is_false(await(fs.exists(path)))
    assert.is_true(await(h:add "one\ntwo \\n three\\"))
    assert.equal("one\\ntwo \\\\n three\\\\\n", await(fs.read_file(path)))
    assert.equal(tonumber("600", 8), await(fs.stat(path)).mode)
    assert.equal(tonumber("700", 8), await(fs.stat(dir .. "/state/lwt")).mode)
    assert.same({ "one\ntwo \\n three\\" }, entries(make()))
  end))

  it("is shared by sessions that run at once", test.async(function()
    local a, b = make(), make()
    await(a:add "from a")
    await(b:add "from b")
    await(a:add "a again")
    assert.same({ "from a", "from b", "a again" }, entries(b))
    assert.same({ "from a", "from b", "a again" }, entries(a))
    assert.is_false(await(b:add "a again"))
    local third = make()
    history.tolerate(third, history.begin(third))
    assert.equal(3, third.list.size)
  end))

  it("loses nothing when several processes add at once", test.async(function()
    local script = dir .. "/add.lua"
    shell.write(script, ([[
      local lwt, read_line = require "lwt", require "lwt.read_line"
      lwt.run(function()
        local h = read_line.history { path = %q, max = 100000 }
        for i = 1, 50 do lwt.await(h:add(arg[1] .. " " .. i)) end
      end)]]):format(path))
    local list = {}
    for i = 1, 3 do list[i] = process.exec { LUA, script, "p" .. i } end
    for _, status in ipairs(await(lwt.all(list))) do assert.equal(0, status.code) end
    local all, seen = entries(make { max = 100000 }), {}
    assert.equal(150, #all)
    for _, s in ipairs(all) do seen[s] = true end
    for i = 1, 3 do for k = 1, 50 do assert.is_true(seen["p" .. i .. " " .. k]) end end
  end))

  it("survives a program that is killed while it adds", test.async(function()
    local script = dir .. "/kill.lua"
    shell.write(script, ([[
      local lwt, read_line = require "lwt", require "lwt.read_line"
      lwt.run(function()
        local h = read_line.history { path = %q, max = 20 }
        for i = 1, 1000000 do lwt.await(h:add("line number " .. i)) end
      end)]]):format(path))
    for _ = 1, 5 do
      local p = process.open { LUA, script }
      repeat await(lwt.sleep(0.01)) until await(fs.exists(path)) and await(fs.stat(path)).size > 300
      p:kill "KILL"
      await(p:status())
      for _, s in ipairs(entries(make { max = 1000 })) do assert.is_truthy(s:find "^line number %d+$") end
    end
    assert.is_true(await(make():add "after"))
    local all = entries(make { max = 1000 })
    assert.equal("after", all[#all])
    assert.is_true(#all >= 20)
  end))

  it("ends a line that was cut before it adds another", test.async(function()
    await(fs.mkdir(dir .. "/state/lwt", { parents = true }))
    await(fs.write_file(path, "one\ncut"))
    local h = make()
    await(h:add "two")
    assert.equal("one\ncut\ntwo\n", await(fs.read_file(path)))
  end))

  it("is written anew when it has twice as many lines as wanted", test.async(function()
    local a, b = make { max = 5 }, make { max = 5 }
    for i = 1, 12 do await((i % 2 == 0 and a or b):add("line " .. i)) end
    assert.same({ "line 8", "line 9", "line 10", "line 11", "line 12" }, entries(a))
    assert.same(entries(a), entries(b))
    assert.is_true(select(2, await(fs.read_file(path)):gsub("\n", "")) <= 10)
    assert.equal(tonumber("600", 8), await(fs.stat(path)).mode)
    assert.same({ "history" }, { await(fs.scandir(dir .. "/state/lwt"))[1].name,
      await(fs.scandir(dir .. "/state/lwt"))[2] })
  end))

  it("is not waited for for ever when somebody keeps its lock", test.async(function()
    local h = make()
    await(h:add "one")
    local f <close> = await(fs.open(path, "r"))
    await(f:lock())
    assert.is_true(await(h:add "two"))
    assert.equal("one\ntwo\n", await(fs.read_file(path)))
  end))

  it("may have garbage in it, which is passed over", test.async(function()
    await(fs.mkdir(dir .. "/state/lwt", { parents = true }))
    await(fs.write_file(path, "good\n\xFF\xFE broken\n\n\nnul\0l\n" .. ("x"):rep(2000000) .. "\nback\\slash\\n\n"))
    local h = make()
    assert.same({ "good", "nul\0l", "back\\slash\n" }, entries(h))
    await(h:add "more")
    assert.same({ "good", "nul\0l", "back\\slash\n", "more" }, entries(make()))
  end))

  it("may be no file at all: that is told once, and the lines are kept in memory", test.async(function()
    await(fs.mkdir(path, { parents = true }))
    local h = make()
    local said = warnings(function()
      history.tolerate(h, history.begin(h))
      history.tolerate(h, history.begin(h))
    end)
    assert.equal(1, #said)
    assert.is_truthy(said[1]:find "no regular file")
    local ok, err = pcall(await, h:add "one")
    assert.is_false(ok)
    assert.equal("EINVAL", err.code)
    assert.equal("one", h.list:get(1))
  end))

  it("may be a fifo, which nobody waits for", test.async(function()
    await(fs.mkdir(dir .. "/state/lwt", { parents = true }))
    assert.equal(0, await(process.exec { "mkfifo", path }).code)
    assert.is_false((pcall(await, make():add "one")))
  end))

  it("is read from its end when it is huge", test.async(function()
    await(fs.mkdir(dir .. "/state/lwt", { parents = true }))
    local f = await(fs.open(path, "w"))
    local block = ("some line of the history\nanother one\n"):rep(30000)
    for _ = 1, os.getenv "LWT_SPEC_FULL" and 34 or 8 do await(f:write(block)) end
    await(f:write "the last\n")
    await(f:close())
    local h = make { max = 3 }
    assert.same({ "some line of the history", "another one", "the last" }, entries(h))
  end))

  it("is found again when somebody has replaced it", test.async(function()
    local h = make()
    await(h:add "one")
    await(fs.write_file(path .. ".x", "other\n"))
    await(fs.rename(path .. ".x", path))
    assert.same({ "other" }, entries(h))
    await(h:add "two")
    await(fs.unlink(path))
    await(h:add "three")
    assert.equal("three\n", await(fs.read_file(path)))
  end))

  it("is left whole when an addition is cancelled", test.async(function()
    local h = make()
    for i = 1, 20 do
      local p = h:add("line " .. i)
      if i % 2 == 0 then
        p:cancel()
        pcall(await, p)
      else
        await(p)
      end
    end
    for _, s in ipairs(entries(make())) do assert.is_truthy(s:find "^line %d+$") end
    await(h:add "end")
    test.assert_clean()
  end))
end)

-- Which thread closes a file: on a disk that does not answer, closing waits, and the loop may not.

local lwt = require "lwt"
local build = require "spec.support.build"
local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

describe("a file on a slow disk", function()
  if os.getenv "LWT_UNDER" then
    it("is tried without a sanitizer", function() skip.under "it has its own close" end)
    return
  end

  local dir, library
  setup(function()
    dir = build.temp_dir()
    library = build.library(dir, "spec/support/closes.c", "closes")
    shell.write(dir .. "/slow", ("line\n"):rep(100000))
  end)
  teardown(function() lwt.run(build.remove_dir(dir)) end)

  -- Runs code in a process that tells who closes; what it told.
  local function closed(body)
    local path = shell.write(dir .. "/script.lua", ([[
      local lwt, fs, lio = require "lwt", require "lwt.fs", require "lwt.io"
      local await, dir = lwt.await, %q
      collectgarbage "stop" -- what is collected is closed on the loop's thread
      lwt.run(function()
        %s
      end)]]):format(dir, body))
    local r = build.run({ shell.lua, path }, { env = { LD_PRELOAD = library } })
    assert.same({ 0, "" }, { r.code, r.out }, r.err)
    return r.err
  end

  it("is closed on the pool, when it is closed while others use it too", function()
    assert.equal("pool\npool\n", closed [[
      local f, g = await(fs.open(dir .. "/slow")), await(fs.open(dir .. "/slow"))
      await(f:close())
      local reading = g:read(100000)
      await(g:close())
      pcall(await, reading)]])
  end)

  it("is closed on the pool by what reads, writes and copies it whole", function()
    local told = closed [[
      local text = await(fs.read_file(dir .. "/slow"))
      await(fs.write_file(dir .. "/slow2", text))
      await(fs.copyfile(dir .. "/slow2", dir .. "/slow3"))]]
    assert.equal("", (told:gsub("pool\n", "")))
    assert.truthy(#told > 15)
  end)

  it("is closed on the pool, when it is opened for nobody any more", function()
    assert.equal("", (closed [[
      for _ = 1, 50 do
        local opening = fs.open(dir .. "/slow")
        lwt.yield()
        opening:cancel()
        local channel = lio.open_file(dir .. "/slow")
        lwt.yield()
        channel:cancel()
      end
      await(lwt.sleep(0.1))]]:gsub("pool\n", "")))
  end)

  it("is closed on the pool by its channel, however that ends", function()
    assert.equal("pool\npool\npool\npool\n", closed [[
      local r = await(lio.open_file(dir .. "/slow"))
      await(r:read_line())
      await(r:close())
      local w = await(lio.open_file(dir .. "/slow4", "w"))
      w:write("text")
      await(w:close())
      local a = await(lio.open_file(dir .. "/slow4", "w"))
      local writing = a:write(("x"):rep(1000000))
      a:abort()
      pcall(await, writing)
      await(lio.with_file(dir .. "/slow", "r", function(ch) await(ch:read(10)) end))
      await(lwt.sleep(0.05))]])
  end)
end)

-- A disk that does not answer holds up what needs it, and nothing else: not the loop, and not the
-- removal of what is elsewhere. The disk is spec/support/disk.c, preloaded.

local lwt = require "lwt"
local build = require "spec.support.build"
local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

describe("a disk that does not answer", function()
  if os.getenv "LWT_UNDER" and os.getenv "LWT_UNDER" ~= "coverage" then
    it("is tried without a sanitizer", function() skip.under "it has functions of its own" end)
    return
  end

  local built, dir, library
  setup(function()
    built = build.temp_dir()
    library = build.library(built, "spec/support/disk.c", "disk")
  end)
  teardown(function() lwt.run(build.remove_dir(built)) end)
  before_each(function()
    dir = build.temp_dir()
    shell.write(dir .. "/slow", ("line\n"):rep(100000))
    shell.write(dir .. "/dead", "text")
  end)
  after_each(function() lwt.run(build.remove_dir(dir)) end)

  -- Runs code in a process that has such a disk: what it printed, and what was told of closes.
  local function run(body)
    local path = shell.write(dir .. "/script.lua", ([[
      local lwt, fs, lio = require "lwt", require "lwt.fs", require "lwt.io"
      local await, dir = lwt.await, %q
      collectgarbage "stop" -- what is collected is closed on the loop's thread
      local function cancel_begun(p)
        while not await(fs.exists(dir .. "/begun")) do await(lwt.sleep(0.005)) end
        p:cancel()
      end
      local function answer() io.open(dir .. "/alive", "w"):close() end
      lwt.run(function()
        %s
      end)]]):format(dir, body))
    local r = build.run({ shell.lua, path }, { cwd = dir, env = {
      LD_PRELOAD = library, LWT_BEGUN = dir .. "/begun", LWT_ALIVE = dir .. "/alive" } })
    assert.equal(0, r.code, r.err)
    return r.out, r.err
  end

  local function closed(body)
    local _, told = run(body)
    return told
  end

  it("has a file closed on the pool, when others use it too", function()
    assert.equal("pool\npool\n", closed [[
      local f, g = await(fs.open(dir .. "/slow")), await(fs.open(dir .. "/slow"))
      await(f:close())
      local reading = g:read(100000)
      await(g:close())
      pcall(await, reading)]])
  end)

  it("has a file closed on the pool by what reads, writes and copies it whole", function()
    assert.equal(("pool\n"):rep(3), closed [[
      local text = await(fs.read_file(dir .. "/slow"))
      await(fs.write_file(dir .. "/slow2", text))
      await(fs.copyfile(dir .. "/slow2", dir .. "/slow3"))]])
  end)

  it("has a file closed on the pool, when it is opened for nobody any more", function()
    assert.equal("", (closed [[
      local function give_up(opening) -- unless it is open already
        lwt.yield()
        opening:cancel()
        if opening:state() == "fulfilled" then
          local first, second = await(opening) -- (a temporary one comes with its path)
          await((type(first) == "string" and second or first):close())
        end
      end
      for _ = 1, 50 do
        give_up(fs.open(dir .. "/slow"))
        give_up(lio.open_file(dir .. "/slow"))
        give_up(lio.open_temp_file { dir = dir, prefix = "slow" })
      end
      -- At the end of the state, what is still open is closed on its thread: so that is waited for.
      local function is_open()
        for _, entry in ipairs(await(fs.scandir "/proc/self/fd")) do
          local ok, path = pcall(await, fs.readlink("/proc/self/fd/" .. entry.name))
          if ok and path:find("slow", 1, true) then return true end
        end
        return false
      end
      for _ = 1, 5 do
        await(lwt.sleep(0.02))
        while is_open() do await(lwt.sleep(0.01)) end
      end]]:gsub("pool\n", "")))
  end)

  it("has a file closed on the pool by its channel, however that ends", function()
    assert.equal(("pool\n"):rep(4), closed [[
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
      await(lio.with_file(dir .. "/slow", "r", function(ch) await(ch:read(10)) end))]])
  end)

  -- (In these the loop itself lets the disk go on, which it could not while it waits for it.)
  local function content()
    local file <close> = assert(io.open(dir .. "/dead"))
    return file:read "a"
  end

  it("holds up no position of a channel whose read was cancelled", function()
    assert.equal("0\n3\n4\n2\ntext\txt\n", (run [[
      local ch = await(lio.open_file(dir .. "/dead"))
      cancel_begun(ch:read(2))
      print(ch:position())
      local moving = ch:set_position(3)
      print(ch:position())
      await(moving)
      await(ch:set_position(4))
      print(ch:position())
      await(ch:set_position(2))
      print(ch:position())
      local reading = ch:read(9)
      answer()
      local got = await(reading)
      await(ch:set_position(0))
      print(await(ch:read()), got)]]))
  end)

  it("has a write wait for a cancelled read, and go where that would have begun", function()
    assert.equal("true\n2\tWRxt\n", (run [[
      local ch = await(lio.open_file(dir .. "/dead", "r+"))
      cancel_begun(ch:read(2))
      await(ch:write "WR")
      local flushing = ch:flush()
      print(flushing:is_pending())
      answer()
      await(flushing)
      io.write(ch:position(), "\t")
      await(ch:set_position(0))
      print(await(ch:read()))
      await(ch:close())]]))
    assert.equal("WRxt", content())
  end)

  it("has a write go where a cancelled read would have begun that is over by then", function()
    assert.equal("0\nxt\n", (run [[
      local ch = await(lio.open_file(dir .. "/dead", "r+"))
      cancel_begun(ch:read(2))
      answer()
      for _ = 1, 100 do await(lwt.sleep(0.001)) end
      print(ch:position())
      await(ch:write "WR")
      await(ch:flush())
      print(await(ch:read()))
      await(ch:close())]]))
    assert.equal("WRxt", content())
  end)

  it("does not hold up the loop when a channel is aborted that writes", function()
    assert.equal("false\tclosed\n", (run [[
      local ch = await(lio.open_file(dir .. "/dead", "w"))
      local writing = ch:write(("x"):rep(1000000) .. "end")
      while not await(fs.exists(dir .. "/begun")) do await(lwt.sleep(0.005)) end
      local aborting = ch:abort()
      print(pcall(await, writing))
      writing = nil
      for _ = 1, 2 do collectgarbage() end
      local other = ("y"):rep(1000000)
      answer()
      await(aborting)
      return other]]))
    assert.equal(("x"):rep(1000000) .. "end", content())
  end)

  local removals = [[
    await(fs.write_file(dir .. "/file", ""))
    await(fs.mkdir(dir .. "/empty"))
    await(fs.mkdir(dir .. "/tree/below", { parents = true }))
    local ok, err = pcall(await, lwt.with_timeout(30, lwt.all {
      fs.unlink(dir .. "/file"), fs.rmdir(dir .. "/empty"), lio.delete_recursively(dir .. "/tree"),
      lio.with_temp_dir(function(d) return fs.write_file(d .. "/f", "") end) }))
    print(ok, ok or err)
    answer()]]

  it("does not hold up what removes things when a read was cancelled", function()
    assert.equal("true\ttrue\n", (run([[
      cancel_begun(fs.readlink(dir .. "/dead"))]] .. removals)))
  end)

  it("holds it up for a moment when something was to be made elsewhere", function()
    assert.equal("true\ttrue\n", (run([[
      cancel_begun(fs.rename(dir .. "/dead", dir .. "/new"))]] .. removals)))
  end)

  -- What is made where, and what is removed.
  local cases = {
    { "DIR/folder/new", "DIR/folder/" }, { "DIR/folder/new", "folder" }, { ".//folder/./new", "folder" },
    { "DIR/new", "DIR/new" }, { "DIR/x/../folder/new", "DIR/folder" },
  }
  local function place(path) return (path:gsub("DIR", dir)) end
  for _, case in ipairs(cases) do
    it(("has the removal of %s wait for a cancelled call that makes %s"):format(case[2], case[1]), function()
      assert.equal("false\ttimeout\ntrue\tfalse\n", (run(([[
        await(lwt.all { fs.mkdir(dir .. "/folder"), fs.mkdir(dir .. "/x") })
        cancel_begun(fs.rename(dir .. "/dead", %q))
        local removing = lio.delete_recursively(%q)
        print(pcall(await, lwt.with_timeout(1.3, lwt.no_cancel(removing))))
        answer()
        print(pcall(await, removing), (await(fs.exists(%q))))]]):format(
        place(case[1]), place(case[2]), place(case[1])))))
    end)
  end
end)

-- lwt.fs where the system refuses: full disks, signals.

-- Open files: positions and their order, cancelling, closing, faults.
local lwt = require "lwt"
local fs = require "lwt.fs"
local shell = require "spec.support.shell"
local expect = require "spec.support.expect"
local skip = require "spec.support.skip"
local task, failure = expect.task, expect.failure

local await = lwt.await

local dir

local function path(name) return dir .. "/" .. name end

local function fails(code, op, where, p)
  local err = failure(p)
  assert.same({ code, op, where }, { err.code, err.op, err.path })
end

describe("lwt.fs: faults", function()
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)

  it("reports a full file system, and leaves no part of a copy", function()
    local mount = shell.run(("mount -t tmpfs -o size=1m none '%s'"):format(dir))
    if mount.code ~= 0 then skip.here("no tmpfs may be mounted: " .. mount.err) end
    local ok, err = pcall(lwt.run, function()
      local f = await(fs.open(path("f"), "w"))
      local text = ("x"):rep(300000)
      await(f:write(text))
      fails("ENOSPC", "write", path("f"), f:write(text:rep(10)))
      fails("ENOSPC", "writev", path("f"), f:writev { text, text, text })
      fails("ENOSPC", "pwrite", path("f"), f:pwrite(text:rep(10), 0))
      await(f:close())
      fails("ENOSPC", "write_file", path("g"), fs.write_file(path("g"), text:rep(10)))
      await(fs.unlink(path("g")))
      fails("ENOSPC", "copyfile", path("f"), fs.copyfile(path("f"), path("h")))
      assert.is_false(await(fs.exists(path("h"))))
      await(fs.unlink(path("f")))
      await(fs.write_file(path("f"), text))
      assert.equal(text, await(fs.read_file(path("f"))))
      local r <close> = await(fs.open(path("f")))
      assert.equal(text, await(r:read(1000000))) -- tmpfs knows no reads that do not wait
      assert.is_nil(await(r:read(1000)))
    end)
    shell.run(("umount '%s'"):format(dir))
    assert(ok, err)
  end)

  it("is not confused by a storm of signals", task(function()
    local signal, process = require "lwt.signal", require "lwt.process"
    local seen = 0
    local h <close> = signal.on("USR1", function() seen = seen + 1 end)
    local storm <close> = process.open(process.shell(
      ("while kill -USR1 %d; do sleep 0.001; done"):format(process.getpid())))
    local text = ("0123456789abcdef"):rep(1 << 16)
    for i = 1, 20 do
      await(fs.write_file(path("f"), text))
      assert.is_true(text == await(fs.read_file(path("f"))), i)
      await(fs.copyfile(path("f"), path("g")))
      local f <close> = await(fs.open(path("g"), "r+"))
      assert.equal(#text, await(f:write(text)))
      await(f:seek("set", 0))
      assert.is_true(text == await(f:read()))
      assert.equal(1 << 20, await(f:stat()).size)
      assert.equal(0, await(process.exec { "true" }).code)
    end
    while seen < 10 do await(lwt.sleep(0.001)) end
    assert.is_true(storm:kill("KILL"))
    await(storm:status())
    h:stop()
  end))
end)

-- Offsets beyond 4 GiB, in files that are all hole: nothing cuts them to 32 bits.

local lwt = require "lwt"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local shell = require "spec.support.shell"
local async = require "lwt.test".async

local await = lwt.await
local FAR = (1 << 32) + 5

describe("beyond 4 GiB", function()
  local dir, path

  before_each(function()
    dir = shell.temp_dir()
    path = dir .. "/sparse"
  end)
  after_each(function() shell.remove_dir(dir) end)

  it("a file is truncated, written, read, sought and locked", async(function()
    local f <close> = await(fs.open(path, "w+"))
    await(f:truncate(FAR + 10))
    assert.equal(FAR + 10, await(f:stat()).size)
    assert.equal(3, await(f:pwrite("far", FAR)))
    assert.equal("\0far\0", await(f:pread(5, FAR - 1)))
    assert.equal("\0\0\0", await(f:pread(3, 5))) -- where it would be, cut to 32 bits
    assert.equal(FAR, await(f:seek("set", FAR)))
    assert.equal("far", await(f:read(3)))
    assert.equal(FAR + 3, await(f:tell()))
    assert.equal(FAR + 1, await(f:seek("cur", -2)))
    assert.equal(FAR + 10, await(f:seek("end", 0)))
    await(f:write "more")
    assert.equal(FAR + 14, await(fs.stat(path)).size)
    assert.equal(2 * FAR, await(f:seek("set", 2 * FAR)))
    assert.is_nil(await(f:read(1)))
    assert.equal(4, await(f:writev { "fa", "r2" }))
    assert.equal("far2", await(f:pread(10, 2 * FAR)))
  end))

  it("a channel knows length and position, and goes there", async(function()
    do
      local f <close> = await(fs.open(path, "w"))
      await(f:pwrite("far\nend\n", FAR))
    end
    assert.equal(FAR + 8, await(lio.file_length(path)))
    local ch = await(lio.open_file(path, "r"))
    assert.equal(FAR + 8, ch:length())
    await(ch:set_position(FAR))
    assert.equal(FAR, ch:position())
    assert.equal("far", await(ch:read_line()))
    assert.equal(FAR + 4, ch:position())
    await(ch:set_position(FAR + 4))
    assert.equal("end", await(ch:read_line()))
    await(ch:close())
    ch = await(lio.open_file(path, "r+"))
    await(ch:set_position(FAR + 4))
    await(ch:write "END")
    await(ch:flush())
    assert.equal(FAR + 7, ch:position())
    await(ch:close())
    local f <close> = await(fs.open(path, "r"))
    assert.equal("far\nEND\n", await(f:pread(20, FAR)))
    assert.equal(FAR + 8, await(f:stat()).size)
  end))
end)

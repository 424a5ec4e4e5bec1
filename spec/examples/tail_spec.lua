-- tail against files that grow, are cut short, and are replaced.

local lwt = require "lwt"
local fs = require "lwt.fs"
local io = require "lwt.io"
local process = require "lwt.process"
local await = lwt.await

local lua = os.getenv "LUA" or "lua5.4"

-- Calls f with a folder and a function that starts tail there.
local function in_folder(f)
  lwt.run(lwt.with_timeout(60, function()
    await(io.with_temp_dir(function(dir)
      f(dir, function(...)
        return process.open({ lua, "bin/lwt", "examples/tail.lua", ... },
          { stdin = "null", stdout = "pipe", stderr = "null" })
      end)
    end))
  end))
end

local function append(path, text)
  local file <close> = await(fs.open(path, "a"))
  await(file:write(text))
end

describe("examples/tail.lua", function()
  it("shows the last lines, and then what is added", function()
    in_folder(function(dir, tail)
      local path = dir .. "/log"
      await(fs.write_file(path, "1\n2\n3\n4\n"))
      local p <close> = tail("-n", "2", path)
      assert.equal("3", await(p.stdout:read_line()))
      assert.equal("4", await(p.stdout:read_line()))
      append(path, "5\n")
      assert.equal("5", await(p.stdout:read_line()))
      append(path, "6\n7\n")
      assert.equal("6", await(p.stdout:read_line()))
      assert.equal("7", await(p.stdout:read_line()))
    end)
  end)

  it("finds the last lines of a file that is longer than its buffer", function()
    in_folder(function(dir, tail)
      local path, lines = dir .. "/log", {}
      for i = 1, 200 do lines[i] = i .. (" x"):rep(500) end
      await(fs.write_file(path, table.concat(lines, "\n") .. "\n"))
      local p <close> = tail("-n", "150", path)
      assert.equal(lines[51], await(p.stdout:read_line()))
      local q <close> = tail("-n", "1000", path)
      assert.equal(lines[1], await(q.stdout:read_line()))
    end)
  end)

  it("goes on with a file that is cut short, and with one that takes its place", function()
    in_folder(function(dir, tail)
      local path = dir .. "/log"
      await(fs.write_file(path, "old and long\n"))
      local p <close> = tail(path)
      assert.equal("old and long", await(p.stdout:read_line()))
      await(fs.write_file(path, "new\n"))
      assert.equal("new", await(p.stdout:read_line()))
      await(fs.rename(path, path .. ".1"))
      await(fs.write_file(path, "next\n"))
      assert.equal("next", await(p.stdout:read_line()))
      append(path, "more\n")
      assert.equal("more", await(p.stdout:read_line()))
    end)
  end)

  it("follows several, and says which file is not there", function()
    in_folder(function(dir, tail)
      await(fs.write_file(dir .. "/a", "a\n"))
      await(fs.write_file(dir .. "/b", ""))
      local p <close> = tail(dir .. "/a", dir .. "/b")
      assert.equal("a", await(p.stdout:read_line()))
      append(dir .. "/b", "b\n")
      assert.equal("b", await(p.stdout:read_line()))
      local out, status = await(process.pread({ lua, "bin/lwt", "examples/tail.lua", dir .. "/c" },
        { stderr = "stdout" }))
      assert.equal(1, status.code)
      assert.matches("no such file", out)
    end)
  end)
end)

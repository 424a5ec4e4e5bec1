-- lwt.fs: whole files, read and written.
local lwt = require "lwt"
local fs = require "lwt.fs"
local bytes = require "lwt.bytes"
local shell = require "spec.support.shell"
local expect = require "spec.support.expect"
local task, failure, refused = expect.task, expect.failure, expect.refused

local await = lwt.await
local octal = function(s) return tonumber(s, 8) end

local dir

local function path(name) return dir .. "/" .. name end

local function fails(code, op, where, p)
  local err = failure(p)
  assert.same({ code, op, where }, { err.code, err.op, err.path })
  assert.is_true(err.errno > 0)
  assert.matches(where, tostring(err), 1, true)
end

describe("lwt.fs: whole files", function()
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)

  it("reads and writes them, zeros and nothing included", task(function()
    for _, text in ipairs { "", "a", "a\0b\n", ("0123456789"):rep(100000) } do
      await(fs.write_file(path("f"), text))
      assert.equal(text, shell.read(path("f")))
      assert.equal(text, await(fs.read_file(path("f"))))
    end
  end))

  it("writes buffers", task(function()
    await(fs.write_file(path("f"), bytes.of_string("hello"):sub(1, 3)))
    assert.equal("ell", shell.read(path("f")))
  end))

  it("keeps a buffer's memory while it is written, whoever drops it", task(function()
    local all = {}
    for i = 1, 30 do
      local b = bytes.create(200000)
      b:fill(64 + i)
      all[i] = fs.write_file(path("f" .. i), b)
    end
    collectgarbage()
    collectgarbage()
    await(lwt.join(all))
    for i = 1, 30 do assert.equal(string.char(64 + i):rep(200000), shell.read(path("f" .. i))) end
  end))

  it("reads files that have no size of their own", task(function()
    local text = await(fs.read_file("/proc/self/status"))
    assert.matches("^Name:", text)
    assert.equal(shell.read("/proc/cpuinfo"):match("^[^\n]*"),
      await(fs.read_file("/proc/cpuinfo")):match("^[^\n]*"))
    assert.equal("", await(fs.read_file("/dev/null")))
  end))

  it("appends, refuses what is there, and takes a mode", task(function()
    await(fs.write_file(path("f"), "a", "w", octal("600")))
    await(fs.write_file(path("f"), "b", "a"))
    assert.equal("ab", shell.read(path("f")))
    assert.equal(octal("600"), await(fs.stat(path("f"))).mode)
    fails("EEXIST", "write_file", path("f"), fs.write_file(path("f"), "c", "wx"))
    await(fs.write_file(path("f"), "c"))
    assert.equal("c", shell.read(path("f")))
  end))

  it("says what is wrong with them", task(function()
    fails("ENOENT", "read_file", path("x"), fs.read_file(path("x")))
    fails("EISDIR", "read_file", dir, fs.read_file(dir))
    fails("ENOENT", "write_file", path("x/y"), fs.write_file(path("x/y"), ""))
    fails("EISDIR", "write_file", dir, fs.write_file(dir, ""))
    refused("bad argument #2 to 'write_file' (string or lwt.bytes expected, got table)", function()
      fs.write_file(path("f"), {})
    end)
    refused("bad argument #3 to 'write_file' (invalid mode 'q')", function()
      fs.write_file(path("f"), "", "q")
    end)
  end))
end)

-- The runner with small jobs: order, limit, live output, failure.

local lwt = require "lwt"
local fs = require "lwt.fs"
local io = require "lwt.io"
local process = require "lwt.process"
local await = lwt.await

local lua = os.getenv "LUA" or "lua5.4"

-- Calls f with a function that runs the runner on these jobs, and their folder.
local function with_jobs(text, f)
  lwt.run(lwt.with_timeout(60, function()
    await(io.with_temp_dir(function(dir)
      await(fs.write_file(dir .. "/jobs", (text:gsub("DIR", dir))))
      f(function(...)
        local out, status = await(process.pread({ lua, "bin/lwt", "examples/runner.lua", ... },
          { stdin = "null", stderr = "stdout" }))
        return out, status.code
      end, dir)
    end))
  end))
end

describe("examples/runner.lua", function()
  it("runs what is needed first, once, and shows each line with its job", function()
    with_jobs([[
all: one two
one: base
  echo "first of one"; echo second >&2
two: base
  echo two
base:
  echo base
other:
  echo never
]], function(run, dir)
      local out, code = run(dir .. "/jobs", "all")
      assert.equal(0, code)
      assert.equal("base | base\n", out:sub(1, 12))
      assert.matches("one | first of one\n.*one | second\n", out)
      assert.matches("two | two\n", out)
      assert.equal(1, select(2, out:gsub("base | base", "")))
      assert.is_nil(out:find("never"))
    end)
  end)

  it("runs what can run at the same time: two jobs that wait for each other end", function()
    with_jobs([[
left:
  mkfifo DIR/l; mkfifo DIR/r; touch DIR/made; echo x > DIR/l; cat DIR/r
right:
  while test ! -e DIR/made; do sleep 0.01; done; cat DIR/l; echo y > DIR/r
]], function(run, dir)
      local out, code = run("-j", "2", dir .. "/jobs")
      assert.equal(0, code)
      assert.matches("left | y\n", out)
      assert.matches("right | x\n", out)
    end)
  end)

  it("keeps to its limit", function()
    local text = {}
    for i = 1, 6 do
      text[i] = ("job%d:\n  mkdir DIR/busy && sleep 0.02 && rmdir DIR/busy\n"):format(i)
    end
    with_jobs(table.concat(text), function(run, dir)
      local out, code = run("-j", "1", dir .. "/jobs")
      assert.equal(0, code, out)
    end)
  end)

  it("stops the rest at the first failure, and says which it was", function()
    with_jobs("bad:\n  echo $$ > DIR/pid; while test ! -e DIR/up; do sleep 0.01; done; exit 3\n"
      .. "long:\n  touch DIR/up; exec sleep 60\n", function(run, dir)
      local start = lwt.now()
      local out, code = run(dir .. "/jobs")
      assert.equal(1, code)
      assert.matches("bad failed %(3%): echo", out)
      assert.is_true(lwt.now() - start < 30)
    end)
  end)

  it("refuses a job that is not there, and a circle", function()
    with_jobs("a: b\nb: a\nc: d\n", function(run, dir)
      assert.matches("a needs itself", (run(dir .. "/jobs", "a")))
      assert.matches("there is no job d", (run(dir .. "/jobs", "c")))
    end)
  end)
end)

-- Where the system has no threads or no descriptors for what libuv begins with: libuv would abort the
-- process, and lwt says what is missing.

local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

-- Runs a program in a shell that has been limited before.
local function run(limits, program)
  local dir = shell.temp_dir()
  local path = shell.write(dir .. "/program.lua", program)
  local r = shell.run(("cd %s; %s; exec %s %s"):format(dir, limits, shell.lua, path))
  shell.remove_dir(dir)
  return r
end

describe("a process that may have no more threads", function()
  it("is told so by its first file operation, and goes on when there are some", function()
    skip.under "it needs more memory than the limit"
    skip.needs "prlimit"
    -- (Each thread has a stack of 8 MiB, and root may have as many threads as it likes.)
    local r = run("export UV_THREADPOOL_SIZE=32; ulimit -S -v 100000", [[
      local lwt, fs, lio = require "lwt", require "lwt.fs", require "lwt.io"
      local process = require "lwt.process"
      local await = lwt.await
      lwt.run(function()
        local ch = lio.of_fd(1, "w", { close = false }) -- of a file: it needs a thread as well
        for _, p in ipairs { fs.stat "missing", fs.write_file("f", "x"), fs.scandir ".", lio.file_length "f" } do
          local ok, err = pcall(await, p)
          print(ok, err.code)
        end
        await(ch:write "channel\n")
        print(select(2, pcall(await, ch:flush())).code)
        os.execute("prlimit --as=unlimited --pid " .. process.getpid())
        await(fs.write_file("f", "text"))
        print(await(fs.read_file "f"))
      end)
    ]])
    assert.equal("", r.err)
    assert.equal(("false\tEAGAIN\n"):rep(4) .. "ENOMEM\ntext\n", r.out)
    assert.equal(0, r.code)
  end)
end)

describe("a process that may have few descriptors", function()
  it("removes an empty folder without one", function()
    local r = run("ulimit -n 40", [[
      local lwt, fs, lio = require "lwt", require "lwt.fs", require "lwt.io"
      local await = lwt.await
      lwt.run(function()
        local hogs, path = {}, nil
        await(fs.mkdir("full/sub", { parents = true }))
        await(lio.with_temp_dir(function(p)
          path = p
          local hog = io.open "/dev/null"
          while hog do
            hogs[#hogs + 1] = hog
            hog = io.open "/dev/null"
          end
        end, { dir = "." }))
        local _, err = pcall(await, lio.delete_recursively "full")
        for _, hog in ipairs(hogs) do hog:close() end
        print(await(fs.exists(path)), await(fs.exists "full"), err.code)
      end)
    ]])
    assert.same({ code = 0, out = "false\ttrue\tEMFILE\n", err = "" }, r)
  end)

  it("is told so when lwt is loaded", function()
    skip.under "its tool needs descriptors of its own"
    local ended = {}
    for n = 4, 12 do
      local r = run("ulimit -n " .. n, [[
        local lwt = require "lwt"
        print(lwt.run(function() return "ran" end))
      ]])
      if r.code ~= 0 then
        assert.equal(1, r.code, r.err)
        assert.matches("too many open files", r.err)
      else
        assert.equal("ran\n", r.out)
      end
      ended[#ended + 1] = r.code
    end
    assert.same({ 1, 0 }, { ended[1], ended[#ended] })
  end)
end)

-- A process that was started with little: without standard descriptors, without an environment, with SIGCHLD
-- ignored, with a threadpool of no or too many threads. Each case is a program of its own.
local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

describe("in a process that was started", function()
  local dir
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)

  -- What the program writes to the file `out`; `how` is a shell's command around it.
  local function told(how, text)
    local program = shell.write(dir .. "/program.lua", ([[
      package.path, package.cpath = %q, %q
      local lwt = require "lwt"
      local await = lwt.await
      local out = assert(io.open(%q, "w"))
      lwt.run(function() %s end)
      out:close()
    ]]):format(package.path, package.cpath, dir .. "/out", text))
    local r = shell.run(how:gsub("LUA", function() return "timeout 60 " .. shell.lua .. " " .. program end))
    local f = assert(io.open(dir .. "/out"), r.err)
    local got = f:read "a"
    f:close()
    return got
  end

  local PROGRAMS = [[
    local process, net = require "lwt.process", require "lwt.net"
    out:write(await(process.pread { "printf", "text" }), " ")
    out:write(await(process.pmap({ "cat" }, "through")), " ")
    out:write(await(process.exec({ "sh", "-c", "exit 3" })).code, " ")
    out:write(tostring((pcall(await, process.exec { "/no/program" }))), " ")
    local l <close> = await(net.tcp_listen "127.0.0.1:0")
    local a <close> = await(net.tcp_connect(l:address()))
    out:write(tostring(a:fileno() > 2))
  ]]

  it("without standard descriptors, programs and sockets keep out of their way", function()
    for _, closed in ipairs { "<&- >&- 2>&-", "<&-", ">&-", "2>&-" } do
      assert.equal("text through 3 false true", told("LUA " .. closed, PROGRAMS))
    end
  end)

  it("and has closed its own standard descriptors, programs are started, or it is told why not", function()
    for _, numbers in ipairs { "0, 1", "0, 1, 2", "2" } do
      assert.equal("3 ENOENT", told("LUA", ([[
        local process = require "lwt.process"
        for _, fd in ipairs { %s } do require "lwt.uv".process.close(fd) end
        out:write(await(process.exec { "sh", "-c", "exit 3" }).code, " ")
        out:write(select(2, pcall(await, process.exec { "/no/program" })).code)
      ]]):format(numbers)))
    end
  end)

  it("without an environment, programs are found", function()
    local text = [[
      local process = require "lwt.process"
      out:write(await(process.exec { "true" }).code, await(process.exec({ "true" }, { env = {} })).code)
    ]]
    local bare = "env -i PATH=$PATH env -u PATH "
    assert.equal("00", told(("%s $(command -v timeout) 60 $(command -v %s) %s/program.lua"):format(bare,
      shell.lua, dir), text))
  end)

  it("with SIGCHLD ignored, ends are known", function()
    assert.equal("3", told([[sh -c "trap '' CHLD; LUA"]], [[
      out:write(await(require "lwt.process".exec { "sh", "-c", "exit 3" }).code)
    ]]))
  end)

  it("on one processor, threads do not look for work where they would be in the way", function()
    skip.needs "taskset"
    assert.equal("55", told("taskset -c 0 LUA", [[
      local preemptive, sum = require "lwt.preemptive", 0
      for i = 1, 10 do sum = sum + await(preemptive.detach(function(n) return n end, i)) end
      out:write(sum)
    ]]))
  end)

  it("with a threadpool of no or of too many threads, it has one, or as many as there can be", function()
    for size, expected in pairs { ["0"] = "1", ["nonsense"] = "1", ["99999"] = "1024", ["3"] = "3",
      ["-1"] = "1024", [("0"):rep(40) .. "3"] = "3" } do
      assert.equal(expected .. " 2", told("UV_THREADPOOL_SIZE=" .. size .. " LUA", [[
        out:write(require "lwt.job".pool_size(), " ", #await(require "lwt.fs".read_file "/dev/null") + 2)
      ]]))
    end
  end)
end)

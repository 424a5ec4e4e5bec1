-- bin/lwt as a user meets it: a process of its own for each case.

local shell = require "spec.support.shell"

local LWT = shell.lua .. " '" .. shell.here .. "/bin/lwt'"

describe("bin/lwt", function()
  local dir
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)

  local function script(text) return shell.write(dir .. "/script.lua", text) end
  local function lwt(args) return shell.run("cd '" .. dir .. "' && timeout 60 " .. LWT .. " " .. args) end

  it("runs a script as a task: it may await at its top level", function()
    script [[
      local lwt = require "lwt"
      print(lwt.current() ~= nil, lwt.await(lwt.fulfilled(7)))
      lwt.await(lwt.sleep(0.001))
      print "done"
    ]]
    local r = lwt "script.lua"
    assert.equal("", r.err)
    assert.equal("true\t7\ndone\n", r.out)
    assert.equal(0, r.code)
  end)

  it("hands the arguments over as `lua` does", function()
    script [[print(arg[0], #arg, arg[1], arg[2], ...) print(arg[-1] ~= nil)]]
    local r = lwt "-W script.lua one 'two three'"
    assert.equal("script.lua\t2\tone\ttwo three\tone\ttwo three\ntrue\n", r.out)
  end)

  it("takes a script whose first line is #!", function()
    script "#!/usr/bin/env lwt\nprint 'ran'\n"
    assert.equal("ran\n", lwt("script.lua").out)
  end)

  it("runs code given by -e, several in order, with await", function()
    local r = lwt [[-l lwt -e 'x = lwt.await(lwt.fulfilled(1))' -e 'print(x, ...)']]
    assert.equal("1\n", r.out)
    assert.equal(0, r.code)
  end)

  it("runs -e before the script", function()
    script "print('second', x, ...)"
    assert.equal("second\t5\ta\n", lwt("-e 'x = 5' script.lua a").out)
  end)

  it("runs standard input for -", function()
    local r = shell.run("printf 'print(require(\"lwt\").await(require(\"lwt\").fulfilled(3)), ...)' | "
      .. LWT .. " - a b")
    assert.equal("3\ta\tb\n", r.out)
    assert.equal(0, r.code)
  end)

  it("tells its version, Lua's and libuv's", function()
    local r = lwt "-v"
    assert.equal(0, r.code)
    assert.truthy(r.out:match("^lwt %d+%.%d+%.%d+%S*  Lua 5%.4"), r.out)
  end)

  it("ends with 1 and a traceback that names the script's own lines", function()
    script [[
local lwt = require "lwt"
local function inner()
  lwt.await(lwt.sleep(0.001))
  error("boom")
end
local function outer()
  local p = lwt.spawn(inner)
  lwt.await(p)
end
outer()
print "not reached"
]]
    local r = lwt "script.lua"
    assert.equal(1, r.code)
    assert.equal("", r.out)
    assert.truthy(r.err:find("lwt: script.lua:4: boom", 1, true), r.err)
    assert.truthy(r.err:find("script.lua:8", 1, true), r.err)
    assert.truthy(r.err:find("script.lua:10", 1, true), r.err)
  end)

  it("tells an error object that is a table", function()
    script "error({})"
    local r = lwt "script.lua"
    assert.equal(1, r.code)
    assert.truthy(r.err:find("error object is a table value", 1, true), r.err)
  end)

  it("tells a syntax error, a missing file and a wrong option, and ends with 1", function()
    script "x ="
    for args, text in pairs {
      ["script.lua"] = "lwt: script.lua:1: unexpected symbol",
      ["-e 'x ='"] = "lwt: (command line):1: unexpected symbol",
      ["nowhere.lua"] = "lwt: cannot open nowhere.lua",
      ["-x"] = "unrecognized option '-x'",
      ["-e"] = "'-e' needs an argument",
      [""] = "usage: lwt",
    } do
      local r = lwt(args)
      assert.equal(1, r.code, args)
      assert.truthy(r.err:find(text, 1, true), r.err)
      assert.equal("", r.out)
    end
  end)

  it("ends with the status given to os.exit, output included", function()
    script [[
      require("lwt.io").stdout:write("buffered\n")
      os.exit(3)
    ]]
    local r = lwt "script.lua"
    assert.equal(3, r.code)
    assert.equal("buffered\n", r.out)
  end)

  it("tells of a rejection that nobody looked at", function()
    script [[require("lwt").rejected("unseen")]]
    local r = lwt "script.lua"
    assert.equal(0, r.code)
    assert.truthy(r.err:find("unseen", 1, true), r.err)
    assert.equal("", lwt("-W script.lua").err)
  end)

  -- The script sends the signal to itself, so there is nothing to wait for.
  local function signalled(name)
    script(([[
      local lwt = require "lwt"
      local pid = io.open("/proc/self/stat"):read("n")
      local ok, err = pcall(function()
        io.popen("kill -%s " .. pid):close() -- (os.execute ignores SIGINT while it waits)
        lwt.await(lwt.sleep(30))
      end)
      print(ok, err == lwt.Interrupted)
      lwt.await(lwt.sleep(0.001))
      print "cleaned up"
      error(err)
    ]]):format(name))
    return lwt "script.lua"
  end

  it("ends with 130 after Ctrl-C, once the script has cleaned up", function()
    local r = signalled "INT"
    assert.equal("false\ttrue\ncleaned up\n", r.out)
    assert.equal("lwt: interrupted\n", r.err)
    assert.equal(130, r.code)
  end)

  it("is killed by a second Ctrl-C, even where it never comes back to the loop", function()
    script [[
      local lwt = require "lwt"
      local pid = io.open("/proc/self/stat"):read("n")
      pcall(function()
        io.popen("kill -INT " .. pid):close()
        lwt.await(lwt.sleep(30))
      end)
      io.popen("kill -INT " .. pid):close()
      while true do end
    ]]
    assert.equal(128 + 2, lwt("script.lua").code)
  end)

  it("takes SIGTERM like Ctrl-C, and ends with 143", function()
    local r = signalled "TERM"
    assert.equal("false\ttrue\ncleaned up\n", r.out)
    assert.equal(143, r.code)
  end)

  it("finds its modules through a symbolic link to it", function()
    shell.run(("ln -s '%s/bin/lwt' '%s/lwt'"):format(shell.here, dir))
    local r = shell.run(("cd '%s' && env -u LUA_PATH %s ./lwt -e 'print(require \"lwt\" ~= nil)'")
      :format(dir, shell.lua))
    assert.equal("true\n", r.out, r.err)
  end)

  it("finds its modules with nothing in the environment, from any folder", function()
    local r = shell.run(("cd '%s' && env -u LUA_PATH -u LUA_CPATH %s -e 'print(require \"lwt\" ~= nil)'")
      :format(dir, LWT))
    assert.equal("true\n", r.out, r.err)
  end)
end)

-- bin/lwt as a user meets it: a process of its own for each case.

local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

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

  it("tells where an error object was raised, whatever it is", function()
    for text, expected in pairs {
      ["error({})"] = "lwt: (error object is a table value)",
      ["error(setmetatable({}, { __metatable = 5 }))"] = "lwt: (error object is a table value)",
      ["error(setmetatable({}, { __metatable = 5, __tostring = function() return 'mine' end }))"] =
        "lwt: mine",
      ["error(setmetatable({}, { __index = error }))"] = "lwt: (error object is a table value)",
      ["error(setmetatable({}, { __tostring = function() error 'no' end }))"] =
        "lwt: (error object is a table value)",
      ["error(print)"] = "lwt: (error object is a function value)",
      ["error(nil)"] = "lwt: (error object is a nil value)",
    } do
      script("local x\n" .. text)
      local r = lwt "script.lua"
      assert.equal(1, r.code, text)
      assert.equal(expected, r.err:match("^[^\n]*"), text)
      if text:find "error%({}%)" then assert.truthy(r.err:find("script.lua:2", 1, true), r.err) end
    end
  end)

  it("runs any program: lwt.run in its main script runs a task and waits for it", function()
    script [[
      local lwt = require "lwt"
      print(lwt.run(function(...) lwt.await(lwt.sleep(0.001)) return ... end, 1, nil, 3))
      print(lwt.run(lwt.fulfilled(7)))
      print(pcall(lwt.run, function() error("mine", 0) end))
      print(pcall(lwt.run, setmetatable({}, { __call = function() return 5 end })))
      print(select(2, pcall(function() lwt.run(5) end)))
      -- In other tasks it is the mistake that it is elsewhere.
      print(lwt.await(lwt.spawn(function() return pcall(lwt.run, print) end)))
    ]]
    local r = lwt "script.lua"
    assert.equal("1\tnil\t3\n7\nfalse\tmine\ntrue\t5\n" ..
      "script.lua:6: bad argument #1 to 'run' (promise or function expected, got number)\n" ..
      "false\tattempt to run the loop from inside it\n", r.out, r.err)
    assert.equal(0, r.code)
  end)

  it("raises Ctrl-C from lwt.run in its main script, as without the command", function()
    script [[
      local lwt = require "lwt"
      local pid = io.open("/proc/self/stat"):read("n")
      local ok, err = pcall(lwt.run, function()
        io.popen("kill -INT " .. pid):close()
        local ok, err = pcall(lwt.await, lwt.sleep(30))
        lwt.await(lwt.sleep(0.001))
        print("cleaned up", ok)
        error(err, 0)
      end)
      print(ok, err == lwt.Interrupted)
    ]]
    assert.equal("cleaned up\tfalse\nfalse\ttrue\n", lwt("script.lua").out)
  end)

  it("has lwt and await as globals in -e and -i, and not in scripts", function()
    assert.equal("3\n", lwt("-e 'print(await(lwt.fulfilled(3)))'").out)
    script "print(lwt, await)"
    assert.equal("nil\tnil\n", lwt("script.lua").out)
  end)

  it("runs a script on standard input", function()
    local r = shell.run("printf 'print(1, ...)\nerror {}' | " .. LWT)
    assert.equal("1\n", r.out)
    assert.truthy(r.err:find("stdin:2", 1, true), r.err)
    assert.equal(1, r.code)
    assert.same({ "", "", 0 }, { lwt("").out, lwt("").err, lwt("").code })
  end)

  it("runs what is typed with -i, line by line", function()
    script "x = 41"
    shell.write(dir .. "/typed", [[
x + 1
function f()
  return await(lwt.sleep(0.001):map(function() return 9 end)), nil
end
f()
error "bad"
)
lwt.async(function() error("in the background", 0) end)
await(lwt.sleep(0.01))
os.exit(4)
]])
    local r = lwt "-i script.lua < typed"
    local banner, rest = r.out:gsub(">+ ", ""):match "^([^\n]*)\n(.*)$"
    assert.matches("^lwt .*await works at the prompt", banner)
    assert.equal("42\n9\tnil\n", rest)
    for _, text in ipairs { "lwt: stdin:1: bad", "lwt: stdin:1: unexpected symbol near ')'",
      "lwt: in the background" } do
      assert.truthy(r.err:find(text, 1, true), r.err)
    end
    assert.equal(4, r.code)
    assert.equal(0, lwt("-i < /dev/null").code)
  end)

  it("tells a failure of what the last line has begun", function()
    script [[require("lwt.fs").write_file("/nonexistent/x", "d")]]
    local r = lwt "script.lua"
    assert.equal(0, r.code)
    assert.truthy(r.err:find("write_file /nonexistent/x", 1, true), r.err)
  end)

  it("tells a syntax error, a missing file and a wrong option, and ends with 1", function()
    script "x ="
    for args, text in pairs {
      ["script.lua"] = "lwt: script.lua:1: unexpected symbol",
      ["-e 'x ='"] = "lwt: (command line):1: unexpected symbol",
      ["nowhere.lua"] = "lwt: cannot open nowhere.lua",
      ["-x"] = "unrecognized option '-x'",
      ["-e"] = "'-e' needs an argument",
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

  it("is started without the command as `make env` tells", function()
    local hello = shell.write(dir .. "/hello.lua", "require('lwt').run(function() print 'hello' end)")
    local r = shell.run(("env -u LUA_PATH -u LUA_CPATH sh -c 'eval \"$(make -s env)\"; cd /; exec %s %s'")
      :format(shell.lua, hello))
    assert.equal("hello\n", r.out, r.err)
    r = shell.run("make -s env PREFIX=/opt/it")
    assert.truthy(r.out:find("LUA_PATH='/opt/it/share/lua/5.4/?.lua;", 1, true), r.out)
    assert.truthy(r.out:find("LUA_CPATH='/opt/it/lib/lua/5.4/?.so;", 1, true), r.out)
  end)

  it("says in words that an older Lua will not do", function()
    skip.needs "lua5.1"
    local r = shell.run("LUA_PATH='lua/?.lua;lua/?/init.lua' lua5.1 -e 'require \"lwt\"'")
    assert.truthy(r.err:find("lwt needs Lua 5.4, and this is Lua 5.1", 1, true), r.err)
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

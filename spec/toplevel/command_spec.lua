-- The command `lwt` and its prompt: what comes by a pipe, options, files, terminals of other kinds.

local core = require "spec.support.core"
local prompt = require "spec.support.prompt"
local pty = require "spec.support.pty"
local shell = require "spec.support.shell"

local LWT = shell.lua .. " '" .. shell.here .. "/bin/lwt'"

local function ends(on, how, number)
  local is, n = on:finish()
  assert.same({ how, number }, { is, n })
  assert.equal(on.before, on:state())
end

describe("lwt with its input from a pipe", function()
  local dir
  before_each(function() dir = shell.temp_dir() end)
  after_each(function() shell.remove_dir(dir) end)

  local function piped(text, args)
    shell.write(dir .. "/input", text)
    local env = ("XDG_CONFIG_HOME='%s/config' XDG_STATE_HOME='%s/state' HOME='%s'"):format(dir, dir, dir)
    return shell.run(("cd '%s' && %s timeout 100 %s %s < input"):format(dir, env, LWT, args or ""))
  end

  it("shows results and nothing else", function()
    local r = piped "1+1\nlocal x = 20\n\n-- a comment\nx * 2\n'text', nil\nprint 'printed'\nx;\nx = 7\n"
    assert.same({ '2\n40\n"text"\tnil\nprinted\n', "", 0 }, { r.out, r.err, r.code })
  end)

  it("runs it chunk by chunk, as at the prompt: awaits, keeps locals, takes several lines", function()
    local r = piped("local function f(x)\n  return x + 1\nend\nlwt.sleep(0.01):map(function() return f(1) end)\n" ..
      "for i = 1, 2 do\n  print(i)\nend\n[[a\nb]]\nlocal p = lwt.sleep(0.01); :nowait p\n:type p\nawait(p)\n")
    assert.same({ '2\n1\n2\n"a\\nb"\nuserdata (lwt.promise)\np is fulfilled\n', "", 0 }, { r.out, r.err, r.code })
  end)

  it("stops at the first error, with 1, and tells the line of the whole input", function()
    local r = piped "1\nlocal function f()\n  error 'bad'\nend\nf()\nprint 'not reached'\n"
    assert.same({ "1\n", "lwt: stdin:3: bad\n  stdin:3: in function 'f'\n  stdin:5: in main chunk\n", 1 },
      { r.out, r.err, r.code })
    r = piped "1\n)\n2\n"
    assert.same({ "1\n", "lwt: stdin:2: unexpected symbol near ')'\n", 1 }, { r.out, r.err, r.code })
    r = piped "1\nfunction f(\n"
    assert.equal("1\n", r.out)
    assert.matches("near <eof>", r.err, 1, true)
    assert.equal(1, r.code)
    assert.equal(1, piped("lwt.rejected 'no'\n").code)
    assert.equal(1, piped(":nothing\n").code)
  end)

  it("says what is missing in an expression that is unfinished", function()
    assert.equal("lwt: stdin:1: unexpected symbol near <eof>\n", piped("1 +\n").err)
    assert.equal("lwt: stdin:1: unexpected symbol near <eof>\n", piped("print(1,\n").err)
  end)

  it("takes a script, with its first line and the mark of UTF-8", function()
    assert.same({ "3\n", "", 0 }, { piped("#!/usr/bin/lwt\n1 + 2\n").out, piped("#!x\n").err, piped("#!x").code })
    assert.equal("1\n", piped("\xEF\xBB\xBFprint(1)\n").out)
    assert.equal("lwt: stdin:2: oops\n", piped("#!x\nerror 'oops'\n").err)
    assert.equal("3\n", piped("#'abc'\n").out)
  end)

  it("reads a long text once, not once for each line of it", function()
    local lines = core.count(5000, 20000)
    local text = "t = {\n[=[ }\n}} ]=], --[[ }\n}}} ]]\n" .. ("{ '}' }, -- }\n"):rep(lines) .. "}\n#t\n"
    local r = piped(text)
    assert.same({ ("%d\n"):format(lines + 1), "", 0 }, { r.out, r.err, r.code })
    r = piped("t = {\n" .. ("1,\n"):rep(200) .. "= 2,\n" .. ("1,\n"):rep(500) .. "}\nprint 'not reached'\n")
    assert.same({ "", "lwt: stdin:202: unexpected symbol near '='\n", 1 }, { r.out, r.err, r.code })
  end)

  for name, status in pairs { INT = 130, TERM = 143 } do
    for what, text in pairs {
      ["waits for its input"] = "1\nio.stdout:flush()\n",
      ["waits for more of a text"] = "1\nf(\n",
      ["runs"] = "1\nlwt.sleep(1000)\n",
    } do
      it(("ends with %d after SIG%s while it %s"):format(status, name, what), function()
        shell.write(dir .. "/input", text)
        local r = shell.run(([[cd '%s' && mkfifo pipe && { %s < pipe > out 2> err & } && lwt=$! && exec 9> pipe &&
          cat input >&9 && until grep -q 1 out; do sleep 0.02; done; sleep 0.1
          kill -%s $lwt; wait $lwt]]):format(dir, LWT, name))
        assert.equal(status, r.code)
      end)
    end
  end

  it("ends with the status of os.exit and :quit, and with 0 for nothing", function()
    assert.equal(3, piped("os.exit(3)\n").code)
    assert.equal(4, piped(":quit 2 + 2\n").code)
    assert.same({ "", "", 0 }, { piped("").out, piped("").err, piped("").code })
    assert.equal(0, piped(":quit\nerror 'not reached'\n").code)
  end)

  it("reads no start-up file and keeps no history", function()
    shell.run(("mkdir -p '%s/config/lwt'"):format(dir))
    shell.write(dir .. "/config/lwt/init.lua", "print 'started'")
    assert.equal("1\n", piped("1\n").out)
    assert.equal("", shell.run(("ls '%s/state' 2>/dev/null"):format(dir)).out)
  end)

  it("hands the arguments over", function()
    local r = shell.run(("printf '...\\narg[0], arg[1]\\n' | %s -- a b"):format(LWT))
    assert.truthy(r.code == 1 or r.out ~= "", r.err) -- (a is a script then)
    r = shell.run(("printf 'print(...)' | %s - a b"):format(LWT))
    assert.equal("a\tb\n", r.out)
  end)

  it("is the prompt with -i: banner, prompts, goes on after errors, 0", function()
    shell.write(dir .. "/script.lua", "x = 41 function f() return x + 1 end local hidden = 1")
    local r = piped("f()\nerror 'bad'\nhidden\n", "-i script.lua a")
    assert.matches("^lwt .*:help\n> 42\n> > nil\n> \n$", r.out)
    assert.equal("lwt: stdin:1: bad\n", r.err)
    assert.equal(0, r.code)
    r = piped("m.sleep ~= nil, lwt == m\n", "-l m=lwt -i")
    assert.matches("\n> true\ttrue\n", r.out)
    shell.write(dir .. "/script.lua", "error 'at once'")
    r = piped("1\n", "-i script.lua")
    assert.equal(1, r.code)
    assert.equal("", r.out)
  end)

  it("is no prompt with -e alone", function()
    local r = piped("error 'not read'\n", "-e 'print(1)'")
    assert.same({ "1\n", "", 0 }, { r.out, r.err, r.code })
  end)
end)

describe("lwt on a terminal", function()
  local function startup(text)
    local dir = shell.temp_dir()
    shell.run(("mkdir -p '%s/config/lwt'"):format(dir))
    shell.write(dir .. "/config/lwt/init.lua", text)
    return dir
  end

  it("runs the start-up file, which may await; -E skips it", function()
    local dir = startup "await(lwt.sleep(0.001)) greeting = 'hello' print 'started'"
    do
      local on <close> = prompt.start { dir = dir }
      assert.equal("started", on:rows()[2])
      assert.equal('"hello"', on:run "greeting")
    end
    local on <close> = prompt.start { dir = dir, args = { "-E" } }
    assert.equal("nil", on:run "greeting")
    shell.remove_dir(dir)
  end)

  for what, text in pairs { ["does not compile"] = "x = = 5", ["fails"] = "local t = nil\nt.x = 1" } do
    it("tells of a start-up file that " .. what .. ", and goes on", function()
      local dir = startup(text)
      local on <close> = prompt.start { dir = dir, columns = 200 }
      assert.matches(text:find "= =" and "init.lua:1: unexpected symbol" or "init.lua:2: attempt to index", on:text())
      assert.equal("2", on:run "1 + 1")
      on:type "\4"
      ends(on, "exited", 0)
      shell.remove_dir(dir)
    end)
  end

  it("has the globals of a script with -i, and of modules with -l", function()
    local dir = shell.temp_dir()
    shell.write(dir .. "/script.lua", "x = 41 function f() return x + 1 end")
    local on <close> = prompt.start { dir = dir, args = { "-l", "m=lwt", "-i", dir .. "/script.lua", "one" } }
    assert.equal('42      "one"   true', on:run "f(), arg[1], m == lwt")
    shell.remove_dir(dir)
  end)

  it("writes no colours with --no-color and NO_COLOR, and no escape at all where TERM is dumb", function()
    for _, opts in ipairs { { args = { "--no-color" } }, { env = { NO_COLOR = "1" } } } do
      local on <close> = prompt.start(opts)
      assert.equal('"text"  5', on:run "'text', 5")
      on:run "error 'x'"
      assert.is_nil(on.program.output:find "\27%[[%d;]*3[1-7]m")
    end
    local on <close> = prompt.start { env = { TERM = "dumb" } }
    assert.equal('"text"  5', on:run "'text', 5")
    on:type "function f()\r"
    on:last ">>"
    on:type "return 1 end\r"
    on:ready()
    assert.equal("1", on:run "f()")
    assert.is_nil(on.program.output:find "\27")
    on:type "\4"
    ends(on, "exited", 0)
  end)

  it("keeps its history in the state folder, mode 0600, each line before it is run", function()
    local on <close> = prompt.start()
    on:run "x = 1"
    on:run "function f()\n  return 1\nend"
    on:run " secret = 1"
    on:type "os.exit(0)\r"
    ends(on, "exited", 0)
    local path = on.dir .. "/state/lwt/history"
    assert.equal("x = 1\nfunction f()\\n    return 1\\nend\nos.exit(0)\n",
      (shell.read(path):gsub("\\n  end", "\\nend")))
    assert.equal("600\n", shell.run(("stat -c %%a '%s'"):format(path)).out)
    local again <close> = prompt.start { dir = on.dir }
    again:type "\16\16\16"
    again:last "> x = 1"
  end)

  it("shares the history with another session that runs", function()
    local dir = shell.temp_dir()
    local one <close> = prompt.start { dir = dir }
    local two <close> = prompt.start { dir = dir }
    one:run "'from one'"
    two:run "'from two'"
    one:run "1"
    one:type "\27[A\27[A"
    one:last "> 'from two'"
    shell.remove_dir(dir)
  end)

  it("keeps the history where LWT_HISTORY says, or nowhere, or in the project", function()
    local on <close> = prompt.start { env = { LWT_HISTORY = "" } }
    on:run "1"
    assert.equal("", shell.run(("find '%s' -type f"):format(on.dir)).out)
    local dir = shell.temp_dir()
    local there <close> = prompt.start { dir = dir, env = { LWT_HISTORY = dir .. "/mine" } }
    there:run "2"
    assert.equal("2\n", shell.read(dir .. "/mine"))
    shell.write(dir .. "/.lwt_history", "")
    local here <close> = prompt.start { dir = dir, cd = true }
    here:run "3"
    assert.equal("3\n", shell.read(dir .. "/.lwt_history"))
    shell.remove_dir(dir)
  end)

  it("can be had by a program, on its terminal, and leaves its tasks alone", function()
    local dir = shell.temp_dir()
    shell.write(dir .. "/program.lua", [[
      local lwt, toplevel = require "lwt", require "lwt.toplevel"
      shared = 41
      local other = lwt.spawn(function() lwt.await(lwt.sleep(0.01)) return "other" end)
      print("values", lwt.await(toplevel.run()))
      print(lwt.await(other))
      local ok, err = pcall(lwt.await, lwt.with_timeout(0.01, lwt.wait()))
      print(err)]])
    local on <close> = prompt.start { args = { dir .. "/program.lua" }, dir = dir }
    assert.equal("42", on:run "shared + 1")
    on:type ":quit 1, 'two'\r"
    ends(on, "exited", 0)
    assert.matches("values +1 +two\nother\ntimeout$", on:text())
    shell.remove_dir(dir)
  end)

  -- 30 ms are some 120 million instructions. A clock would tell how busy the machine is.
  it("needs few instructions until its first prompt, and for its end", function()
    if os.getenv "LWT_UNDER" then return pending "it is counted by valgrind" end
    if shell.run("command -v valgrind").out == "" then return pending "there is no valgrind" end
    local dir = shell.temp_dir()
    local on <close> = pty.program({ "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
      "--log-file=" .. dir .. "/log", shell.lua, shell.here .. "/bin/lwt" },
      { env = { HOME = dir, XDG_STATE_HOME = dir, XDG_CONFIG_HOME = dir } })
    on:expect "> "
    on:type "\4"
    assert.same({ "exited", 0 }, { on:finish() })
    local count = tonumber(shell.read(dir .. "/log"):match "Collected : (%d+)")
    assert.is_true(count < 120e6, count .. " instructions")
    shell.remove_dir(dir)
  end)

  it("goes on whatever is done to the global variables", function()
    local on <close> = prompt.start()
    on:run "io = require 'lwt.io'"
    on:run "table, string, os, math, debug, coroutine = {}, 'text', nil, 1, nil, nil"
    on:run "type, next, pairs, ipairs, pcall, error, select = nil"
    on:run "setmetatable, getmetatable, rawget, tostring, require, await, lwt, _ENV._G = nil"
    assert.equal("{ 1, 2 }", on:run "{ 1, 2 }")
    assert.equal("stdin:1: attempt to call a nil value (global 'error')", on:run "error 'x'")
    assert.matches("^lwt.channel", on:run "io.of_bytes 'x'")
    assert.matches("^io.of_bytes is", (on:run ":help io.of_bytes":gsub("^lwt.io.of_bytes%(", "io.of_bytes is")))
    on:run ":tasks"
    on:type "io.of_b\t"
    on:shows "> io.of_bytes"
    on:type "\21"
    on:settle()
    on:type "print 'begun' while true do end\r"
    on:shows "\nbegun"
    on:type "\3"
    on:shows "interrupted"
    on:settle()
    on:type "\4"
    ends(on, "exited", 0)
  end)

  it("keeps what is typed ahead", function()
    local on <close> = prompt.start()
    on:type "await(lwt.sleep(0.3))\r'one'\r'two'\r"
    on:shows '"two"'
    on:settle()
    assert.truthy(on:text():find("> 'one'\n\"one\"\n> 'two'\n\"two\"\n>", 1, true), on:text())
  end)

  it("stops at Ctrl-Z and goes on", function()
    local on <close> = prompt.start { wait = false, args = {}, env = {} }
    on:ready()
    on:type "half"
    on:last "> half"
    -- (The process leads its own session here; nobody is there to continue it, and the system ignores the stop.)
    on:type "\26"
    on:type " line"
    on:last "> half line"
    on:type "\21"
    on:settle()
    assert.equal("2", on:run "1 + 1")
  end)

  it("works without libuv: it reads lines, and awaits what needs none", function()
    local build = shell.temp_dir()
    local from = os.getenv "LWT_BUILD" or shell.here .. "/build"
    shell.run(("mkdir '%s/lwt' && cp '%s/lwt/core.so' '%s/lwt'"):format(build, from, build))
    do
      local on <close> = prompt.start { env = { LWT_BUILD = build, LUA_CPATH = build .. "/?.so" } }
      assert.equal("2", on:run "1 + 1")
      assert.equal("7", on:run "lwt.sleep(0.01):map(function() return 7 end)")
      assert.equal("stdin:1: bad", on:run "error 'bad'")
      on:type "\4"
      ends(on, "exited", 0)
    end
    shell.remove_dir(build)
  end)

  describe("without the rock lwt-term", function()
    local build
    setup(function()
      build = shell.temp_dir()
      local from = os.getenv "LWT_BUILD" or shell.here .. "/build"
      shell.run(("mkdir '%s/lwt' && cp '%s/lwt/core.so' '%s/lwt/uv.so' '%s/lwt'"):format(build, from, from, build))
    end)
    teardown(function() shell.remove_dir(build) end)

    local function start(opts)
      opts = opts or {}
      opts.env = { LWT_BUILD = build, LUA_CPATH = build .. "/?.so" }
      return prompt.start(opts)
    end

    it("reads plain lines, several for one input", function()
      local on <close> = start()
      assert.equal("2", on:run "1 + 1")
      on:type "function f()\r"
      on:last ">>"
      on:type "return 5 end\r"
      on:ready()
      assert.equal("5", on:run "f()")
      assert.equal("", on:run "lwt.sleep(0.01)")
      assert.equal("stdin:1: bad", on:run "error 'bad'")
      on:run ":nowait lwt.sleep(0.1)"
      on:shows "is fulfilled"
      on:type "\4"
      ends(on, "exited", 0)
    end)

    it("ends on Ctrl-C what runs", function()
      local on <close> = start()
      on:type "abc"
      on:shows "> abc"
      on:type "\3"
      on:settle()
      on:type "print 'begun' await(lwt.sleep(60))\r"
      on:shows "\nbegun"
      on:type "\3"
      on:shows "interrupted"
      on:settle()
      on:type "print 'again' while true do end\r"
      on:shows "\nagain"
      on:type "\3"
      on:wait(function() return select(2, on:text():gsub("interrupted", "")) == 2 end, "the end of the loop")
      on:settle()
      assert.equal("2", on:run "1 + 1")
    end)
  end)
end)

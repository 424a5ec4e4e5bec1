-- Programs that read lines, on real pseudo-terminals: output of all kinds above the line, signals, ways out.

local pty = require "spec.support.pty"
local shell = require "spec.support.shell"

local HEAD = [[
  local lwt, lio = require "lwt", require "lwt.io"
  local read_line, term = require "lwt.read_line", require "lwt.term"
  local await = lwt.await
]]

local function program(code, opts)
  opts = opts or {}
  opts.columns, opts.rows = opts.columns or 40, opts.rows or 10
  return pty.program(HEAD .. code, opts)
end

local function rows(on) return table.concat(on.screen:rows(), "|") end

local function shows(on, expected)
  on:wait(function() return rows(on) == expected end, ("the screen %q, it is %q"):format(expected, rows(on)))
end

local function ends(on, how, number)
  local is, n = on:finish()
  assert.same({ how, number }, { is, n })
  assert.equal(on.before, on:state())
end

describe("a program that reads lines", function()
  it("has everything that is written meanwhile above the line", function()
    local on <close> = program([[
      lwt.run(function()
        local line = read_line.start "> "
        line:insert "abc"
        await(lwt.sleep(0.01))
        print("print", 1)
        io.write("io.", "write\n")
        io.stdout:write("stdout:write\n")
        io.stderr:write("stderr\n")
        await(lio.printl "lio.printl")
        await(lio.stdout:write "lio.stdout\n")
        await(lio.stdout:flush())
        await(lio.eprintl "lio.eprintl")
        await(term.print("term.print\n"))
        io.write "part"
        await(lwt.sleep(0.05))
        lio.print " and more\n"
        line:print "line:print"
        await(line:result())
        print "done"
      end)]], { rows = 20 })
    shows(on, "print   1|io.write|stdout:write|stderr|lio.printl|lio.stdout|lio.eprintl|term.print|"
      .. "part and more|line:print|> abc")
    on:type "d\r"
    ends(on, "exited", 0)
    assert.is_truthy(rows(on):find("line:print|> abcd|done", 1, true))
  end)

  it("gives Ctrl-C, Ctrl-D and Ctrl-\\ to the line", function()
    local on <close> = program [[
      lwt.run(function()
        print(pcall(await, read_line.read_line "> "))
        print(await(read_line.read_line "> "))
      end)]]
    shows(on, ">")
    on:type "abc\28"
    shows(on, "> abc")
    on:type "\3"
    shows(on, "> abc|false   lwt.read_line.Interrupt|>")
    on:type "\4"
    ends(on, "exited", 0)
  end)

  it("has a loop ended by Ctrl-C which began below the line", function()
    local on <close> = program [[
      lwt.run(function()
        local line = read_line.start "> "
        line:insert "abc"
        await(lwt.sleep(0.01))
        print("over", pcall(await, lwt.spawn(function()
          await(lwt.sleep(0.1))
          io.stderr:write "looping\n"
          while true do end
        end)))
        print(await(line:result()))
      end)]]
    on:expect "looping"
    on:type "\3"
    on:expect "over\tfalse\tinterrupted"
    shows(on, "looping|over    false   interrupted|> abc")
    on:type "d\r"
    ends(on, "exited", 0)
    assert.is_truthy(rows(on):find("> abcd|abcd", 1, true))
  end)

  it("is ended by the third Ctrl-C when nothing else can be", function()
    local on <close> = program [[
      lwt.run(function()
        local line = read_line.start "> "
        await(lwt.sleep(0.1))
        io.stderr:write "looping\n"
        while true do end
      end)]]
    on:expect "looping"
    local how
    on:wait(function()
      on:type "\3"
      on:pump(300)
      how = how or pty.wait(on.pid)
      return how
    end, "its end")
    assert.equal("signaled", how)
    assert.equal(on.before, on:state())
    on.over = true
  end)

  it("keeps what is typed ahead, and leaves the terminal cooked between lines", function()
    local on <close> = program [[
      lwt.run(function()
        print(await(read_line.read_line "one> "))
        print "between"
        await(lwt.sleep(0.2))
        print(await(read_line.read_line "two> "))
      end)]]
    on:expect "one> "
    on:type "first\rsecond\r"
    on:expect "between"
    on:expect "two> "
    ends(on, "exited", 0)
    assert.is_truthy(rows(on):find("first|between", 1, true))
    assert.is_truthy(rows(on):find("two> second|second", 1, true))
  end)

  for name, way in pairs {
    ["an error"] = { 'error("oops", 0)', "exited", 1 },
    ["os.exit"] = { "os.exit(3)", "exited", 3 },
    ["SIGTERM"] = { 'require("lwt.process").kill(require("lwt.process").getpid(), "TERM")', "signaled", 15 },
    ["SIGHUP"] = { 'require("lwt.process").kill(require("lwt.process").getpid(), "HUP")', "signaled", 1 },
    ["the end of the main task"] = { "return", "exited", 0 },
    ["a cancel"] = { "line:result():cancel() pcall(await, line:result())", "exited", 0 },
  } do
    it("gives the terminal back on " .. name, function()
      local on <close> = program([[
        lwt.run(function()
          local line = read_line.start "> "
          line:insert "text"
          await(lwt.sleep(0.05))
          ]] .. way[1] .. [[

          await(lwt.sleep(0.05))
        end)]])
      ends(on, way[2], way[3])
      assert.is_nil(on.screen.modes[2004])
      assert.is_true(on.screen.visible)
      assert.is_truthy(table.concat(on.screen:everything(), "|"):find("> text", 1, true))
      assert.equal(1, on.screen.x)
    end)
  end

  it("is given back its line when it goes on after Ctrl-Z", function()
    local on <close> = pty.program({ "sh", "-c", [[
      set -m; "$0" "$1"; echo stopped; fg %1 >/dev/null; stty -a | grep -o " -icanon\| icanon"; echo end]],
      os.getenv "LUA" or "lua5.4", shell.write(shell.temp_dir() .. "/z.lua", HEAD .. [[
        lwt.run(function() print(await(read_line.read_line "> ")) end)]]) }, { columns = 40, rows = 10 })
    on:expect "> "
    on:type "abc"
    shows(on, "> abc")
    on:type "\26"
    on:expect "stopped"
    on:expect "> abc"
    on:type "d\r"
    on:expect "abcd\r\n"
    on:expect " icanon"
    on:expect "end"
  end)

  it("draws the line anew for another size", function()
    local on <close> = program [[lwt.run(function() print(await(read_line.read_line "> ")) end)]]
    shows(on, ">")
    on:type(("word "):rep(5))
    shows(on, "> word word word word word")
    on:resize(60, 12)
    on:pump(50)
    on:type "x"
    on:wait(function() return on.screen:row(1) == "> word word word word word x" end)
    on:type "\r"
    ends(on, "exited", 0)
  end)

  it("edits the line with another program", function()
    local on <close> = program([[
      lwt.run(function() print((await(read_line.read_line { prompt = "> ", multiline = true }))) end)]],
      { env = { VISUAL = [[sh -c 'stty -a | grep -q " icanon" && printf "edited\nby it" > "$0"']] } })
    shows(on, ">")
    on:type "abc\24\5"
    shows(on, "> edited|  by it")
    on:type "!\r"
    on:expect "by it!"
    ends(on, "exited", 0)
  end)

  it("accepts what another program made of the line, where edit-and-execute-command asks it to", function()
    local on <close> = program([[
      lwt.run(function()
        print("got", (await(read_line.read_line { prompt = "> ", keys = { f5 = "edit-and-execute-command" } })))
      end)]], { env = { VISUAL = [[sh -c 'printf edited > "$0"']] } })
    shows(on, ">")
    on:type "abc\27[15~"
    on:expect "got\tedited"
    ends(on, "exited", 0)
    assert.equal("> edited|got     edited", rows(on))
  end)

  it("writes not one escape where TERM is dumb", function()
    local on <close> = program([[
      lwt.run(function()
        print(await(read_line.read_line { prompt = { term.fg.red, "> " }, complete = function() return {} end }))
        print(#await(read_line.read_password "? "))
        print(await(read_line.read_yes_no "sure? "))
      end)]], { env = { TERM = "dumb" } })
    on:expect "> "
    on:type "hello\n"
    on:expect "? "
    on:type "secret\r"
    on:expect "sure? "
    on:type "y\n"
    ends(on, "exited", 0)
    assert.is_nil(on.output:find("\27", 1, true))
    assert.is_nil(on.output:find("secret", 1, true))
    assert.equal("> hello|hello|?|6|sure? y|true", rows(on))
  end)

  it("ends when the terminal goes away", function()
    local dir = shell.temp_dir()
    local on = program(([[
      require("lwt.signal").on("HUP", function() end)
      lwt.run(function()
        local ok, line = pcall(await, read_line.read_line "> ")
        local f = io.open(%q, "w")
        f:write(tostring(line))
        f:close()
      end)]]):format(dir .. "/out"))
    shows(on, ">")
    on:type "abc"
    shows(on, "> abc")
    pty.close(on.master)
    pty.close(on.slave)
    local how, number
    for _ = 1, 600 do
      how, number = pty.wait(on.pid)
      if how then break end
      os.execute "sleep 0.05"
    end
    os.remove(on.path)
    assert.same({ "exited", 0 }, { how, number })
    assert.equal("nil", shell.read(dir .. "/out"))
    shell.remove_dir(dir)
  end)

  it("prints ten thousand lines above the line without a drawing for each", function()
    local on <close> = program [[
      lwt.run(function()
        local line = read_line.start "> "
        line:insert "abc"
        await(lwt.sleep(0.01))
        for i = 1, 10000 do
          print("line", i)
          if i % 100 == 0 then lwt.yield() end
        end
        print(await(line:result()))
      end)]]
    on:expect "line\t10000"
    on:type "\r"
    on:expect "abc\r"
    ends(on, "exited", 0)
    assert.is_true(#on.output < 10000 * 12 * 1.5)
  end)
end)

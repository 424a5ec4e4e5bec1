-- A program on a terminal of its own: raw mode on every way in and out, keys in time, the size.
local pty = require "spec.support.pty"

local HEAD = [[
  local lwt, term, lio = require "lwt", require "lwt.term", require "lwt.io"
  local await = lwt.await
  local function ready() print("ready") io.flush() end
]]

-- A program whose text is the body of a task.
local function run(body, opts)
  return pty.program(HEAD .. "lwt.run(function()\n" .. body .. "\nend)", opts)
end

local function chunk(text, opts) return pty.program(HEAD .. text, opts) end

local function is_raw(on)
  local flags = on:flags()
  return not flags.canonical and not flags.echo and flags.output
end

-- The terminal is as it was, and everything that was switched on is off again.
local function given_back(on)
  assert.equal(on.before, on:state())
  assert.is_true(on.screen.visible)
  for _, mode in ipairs { 1000, 1002, 1003, 1004, 1006, 1049, 2004, 2026 } do
    assert.is_nil(on.screen.modes[mode], mode)
  end
  assert.same({}, on.screen.unknown)
end

describe("raw mode", function()
  it("is there while its function runs, and counted", function()
    local on <close> = run [[
      await(term.with_raw_mode(function(t)
        await(t:with_raw_mode(function() end))
        ready()
        t:printlc("got ", tostring(await(t:read_key())))
        t:printlc("got ", tostring(await(t:read_key())))
      end))
      print "cooked"
      io.read()
    ]]
    on:expect "ready"
    assert.is_true(is_raw(on))
    assert.is_false(on:flags().signals)
    on:type "\3\26"
    on:expect "ctrl-c"
    on:expect "ctrl-z"
    on:expect "cooked"
    on:wait(function() return on:flags().canonical end, "cooked mode")
    assert.equal(on.before, on:state())
    on:type "\r"
    assert.same({ "exited", 0 }, { on:finish() })
    given_back(on)
  end)

  it("leaves signals alone where that is wanted", function()
    local on <close> = run [[
      await(term.with_raw_mode(function(t)
        ready()
        await(t:read_key())
      end, { signals = true }))
    ]]
    on:expect "ready"
    assert.is_true(is_raw(on))
    assert.is_true(on:flags().signals)
    on:type "\3"
    assert.equal("exited", (on:finish()))
    assert.is_truthy(on.output:find "nterrupt", on.output)
    given_back(on)
  end)

  local body = [[
    term.with_raw_mode(function(t)
      await(t:with_alternate_screen(function()
        await(t:with_mouse(function()
          t:hide_cursor()
          ready()
          await(t:with_focus(function() %s end))
        end))
      end))
    end)
  ]]
  local wait = "await((lwt.task()))"

  local function leaves(name, code, act, how, number)
    it("is left " .. name, function()
      local on <close> = chunk(code)
      on:expect "ready"
      on:wait(function() return is_raw(on) end, "raw mode")
      on:wait(function() return on.screen.modes[1004] and on.screen.modes[1049] end, "the modes")
      assert.is_false(on.screen.visible)
      act(on)
      assert.same({ how, number }, { on:finish() })
      given_back(on)
    end)
  end

  local function go(on) on:type "x" end
  local function main(inner) return "lwt.run(function() await(" .. body:format(inner) .. ") end)" end

  leaves("with the end of the function", main "await(term.read_key()) term.show_cursor()", go, "exited", 0)
  leaves("by an error", main "await(term.read_key()) error 'broken'", go, "exited", 1)
  leaves("by os.exit", main "await(term.read_key()) os.exit(7)", go, "exited", 7)
  leaves("by os.exit that closes the state", main "await(term.read_key()) os.exit(7, true)", go, "exited", 7)
  leaves("when the task is cancelled", [[
    lwt.run(function()
      local p = ]] .. body:format(wait) .. [[
      term.open(lio.stdin, lio.stdout)
      await(term.read_key())
      p:cancel()
      pcall(await, p)
      term.show_cursor()
    end)]], go, "exited", 0)
  leaves("when the program ends under it", [[
    lwt.run(function()
      local p = ]] .. body:format(wait) .. [[
      await(term.read_key())
    end)]], go, "exited", 0)
  leaves("by the error of another task", [[
    lwt.run(function()
      local p = ]] .. body:format(wait) .. [[
      lwt.async(function() await(term.read_key()) error "elsewhere" end)
      await(p)
    end)]], go, "exited", 1)
  -- (The address sanitizer has handlers of its own for some.)
  local sanitized = os.getenv "LWT_UNDER" == "asan"
  if not sanitized then leaves("by a fault", main [[
    await(term.read_key())
    os.execute("kill -SEGV $PPID")
    await(lwt.sleep(60))]], go, "signaled", 11) end

  for name, number in pairs { TERM = 15, HUP = 1, QUIT = 3, ABRT = 6, BUS = not sanitized and 7 or nil } do
    leaves("by SIG" .. name, main(wait), function(on) on:kill(name) end, "signaled", number)
  end
  leaves("by SIGTERM in a loop that never ends", main "await(term.read_key()) while true do end",
    function(on)
      on:type "x"
      on:pump(100)
      on:kill "TERM"
    end, "signaled", 15)
  leaves("by SIGINT", main(wait), function(on) on:kill "INT" end, "exited", 1)

  for name, code in pairs { TERM = 143, INT = 130 } do
    it("is left by SIG" .. name .. " under the lwt command, with its exit status", function()
      local path = os.tmpname()
      local f = assert(io.open(path, "w"))
      f:write(HEAD, "await(", body:format(wait), ")")
      f:close()
      local on <close> = pty.program { os.getenv "LUA" or "lua5.4", "bin/lwt", path }
      on.path = path
      on:expect "ready"
      on:wait(function() return on.screen.modes[1004] end, "the modes")
      on:kill(name)
      assert.same({ "exited", code }, { on:finish() })
      given_back(on)
    end)
  end

  it("shows the text of an error on the screen that stays", function()
    local on <close> = chunk(main "await(term.read_key()) error 'broken in two'")
    on:expect "ready"
    on:type "x"
    on:finish()
    assert.is_truthy(table.concat(on.screen:rows(), "\n"):find("broken in two", 1, true))
  end)

  it("is taken for a mistake where a killed program has left it", function()
    local path = os.tmpname()
    local f = assert(io.open(path, "w"))
    f:write(HEAD, "lwt.run(function() local g = term.raw_mode() ready() await((lwt.task())) end)")
    f:close()
    local lua = os.getenv "LUA" or "lua5.4"
    local on <close> = pty.program { "sh", "-c", ([[
      %s %s & pid=$!
      sleep 0.5; kill -KILL $pid; wait $pid
      %s -e 'local lwt, term = require "lwt", require "lwt.term"
        lwt.run(function() local g = term.raw_mode() g:close() end)'
      echo over]]):format(lua, path, lua) }
    on:expect "over"
    os.remove(path)
    local flags = on:flags()
    assert.is_true(flags.canonical and flags.echo and flags.signals)
  end)

  it("loses nothing that was typed before", function()
    local on <close> = run [[
      ready()
      os.execute "sleep 0.3"
      await(term.with_raw_mode(function(t)
        for _ = 1, 3 do t:printlc("<", tostring(await(t:read_key())), ">") end
      end))
      await(term.with_raw_mode(function(t)
        for _ = 1, 3 do t:printlc("<", tostring(await(t:read_key())), ">") end
      end))
    ]]
    on:expect "ready"
    on:type "abcdef"
    on:expect "<a>"
    on:expect "<f>"
    assert.equal("exited", (on:finish()))
    assert.is_truthy(on.output:find "<a>.*<b>.*<c>.*<d>.*<e>")
  end)
end)

describe("a program that is stopped", function()
  local function under_shell(code)
    local path = os.tmpname()
    local f = assert(io.open(path, "w"))
    f:write(HEAD, "lwt.run(function()\n", code, "\nend)")
    f:close()
    local script = ([[set -m
      %s %s
      echo "stopped $?"
      stty -a | grep -q -- ' icanon' && echo "is cooked"
      sleep 0.2
      fg >/dev/null
      echo "ended $?"
    ]]):format(os.getenv "LUA" or "lua5.4", path)
    local on = pty.program { "bash", "-c", script }
    on.path = path
    return on
  end

  it("gives the terminal back, and draws again when it goes on", function()
    local on <close> = under_shell [[
      term.on_redraw(function() term.print("again\n") end)
      await(term.with_raw_mode(function(t)
        t:draw { "one", "two" }
        ready()
        while true do
          local key = await(t:read_key())
          if key == term.key "ctrl-z" then await(t:suspend()) end
          if key == term.key "q" then break end
          t:print("<", tostring(key), ">\n")
        end
        t:draw {}
      end))
    ]]
    on:expect "ready"
    on:wait(function() return is_raw(on) end, "raw mode")
    on:type "\26"
    on:expect "stopped 148"
    on:expect "is cooked"
    on:expect "again"
    on:wait(function() return is_raw(on) end, "raw mode")
    on:expect "<resize>"
    on:wait(function() return on.screen:row(on.screen.y) == "two" end, "the lines")
    on:type "q"
    on:expect "ended 0"
    on:finish()
    given_back(on)
  end)

  it("does so for a SIGTSTP from outside", function()
    local on <close> = under_shell [[
      await(term.with_raw_mode(function(t)
        ready()
        lwt.async(function() os.execute "kill -TSTP $PPID" end)
        while true do
          local key = await(t:read_key())
          t:print("<", tostring(key), ">\n")
          if key == term.key "q" then break end
        end
      end))
    ]]
    on:expect "stopped 148"
    on:expect "is cooked"
    on:expect "<resize>"
    on:wait(function() return is_raw(on) end, "raw mode")
    on:type "q"
    on:expect "ended 0"
    on:finish()
    given_back(on)
  end)

  it("is raw again after a stop that it could not see", function()
    local on <close> = under_shell [[
      await(term.with_raw_mode(function(t)
        ready()
        lwt.async(function() os.execute "kill -STOP $PPID" end)
        while true do
          local key = await(t:read_key())
          t:print("<", tostring(key), ">\n")
          if key == term.key "q" then break end
        end
      end))
    ]]
    on:expect "stopped 147"
    on:expect "<resize>"
    on:wait(function() return is_raw(on) end, "raw mode")
    on:type "q"
    on:expect "ended 0" -- (the shell then sets the terminal as it found it at the stop)
    on:finish()
  end)

  it("is not stopped where it was started to ignore that", function()
    local path = os.tmpname()
    local on <close> = pty.program { "bash", "-c", ([[
      set -m
      (trap '' TSTP; exec %s %s)
      echo "ended $?"
    ]]):format(os.getenv "LUA" or "lua5.4", path) }
    on.path = path
    local file = assert(io.open(path, "w"))
    file:write(HEAD, [[
      lwt.run(function()
        await(term.with_raw_mode(function(t)
          require("lwt.process").kill(require("lwt.process").getpid(), "TSTP")
          await(t:suspend())
          ready()
          await(t:read_key())
        end))
      end)
    ]])
    file:close()
    on:expect "ready"
    on:type "q"
    on:expect "ended 0"
    on:finish()
    given_back(on)
  end)

  it("is not stopped where nobody could have it go on", function()
    local on <close> = run [[
      await(term.with_raw_mode(function(t)
        await(t:suspend())
        ready()
        await(t:read_key())
      end))
    ]]
    on:expect "ready"
    assert.is_true(is_raw(on))
    on:type "q"
    on:finish()
    given_back(on)
  end)
end)

describe("a terminal that goes away", function()
  it("ends the input, and the program by SIGHUP if it does not mind", function()
    local path = os.tmpname()
    local on = chunk(([[
      lwt.run(function()
        require("lwt.signal").on("HUP", function() end)
        await(term.with_raw_mode(function(t)
          ready()
          local key = await(t:read_key())
          local file = io.open(%q, "w")
          file:write(tostring(key))
          pcall(await, t:print "x")
          file:close()
        end))
      end)]]):format(path))
    on:expect "ready"
    pty.close(on.slave)
    pty.close(on.master)
    local how
    local began = os.time()
    repeat how = pty.wait(on.pid) until how or os.time() - began > 30
    os.remove(on.path)
    local f = assert(io.open(path))
    local text = f:read "a"
    f:close()
    os.remove(path)
    assert.equal("nil", text)
    assert.equal("exited", how)
  end)

  it("takes a program that waits with it", function()
    local on = run [[ await(term.with_raw_mode(function(t) ready() await((lwt.task())) end)) ]]
    on:expect "ready"
    pty.close(on.slave)
    pty.close(on.master)
    local how, number
    local began = os.time()
    repeat how, number = pty.wait(on.pid) until how or os.time() - began > 30
    os.remove(on.path)
    assert.same({ "signaled", 1 }, { how, number })
  end)
end)

describe("a program without a terminal", function()
  local shell = require "spec.support.shell"
  local lua = os.getenv "LUA" or "lua5.4"

  it("reads keys from a pipe, and writes no escape sequence", function()
    local path = shell.write(os.tmpname(), HEAD .. [[
      lwt.run(function()
        for key in term.keys() do term.print("<", term.bold, tostring(key), ">") end
        await(term.with_alternate_screen(function(t) t:clear() end))
        print(term.read_key():await())
      end)]])
    local result = shell.run(("printf 'a\\033[Aé' | %s %s | cat"):format(lua, path))
    assert.equal("<a><up><é>nil\n", result.out)
    assert.equal("", result.err)
    os.remove(path)
  end)

  it("works with its descriptors closed, as far as it can", function()
    local path = shell.write(os.tmpname(), HEAD .. [[
      lwt.run(function()
        await(term.printlc { term.bold, "x" })
        print(term.size())
        print(pcall(await, term.read_key()))
      end)]])
    local result = shell.run(("%s %s <&-"):format(lua, path))
    assert.equal("x\n80\t24\n", result.out:sub(1, 8), result.err)
    result = shell.run(("%s %s >&-"):format(lua, path))
    assert.is_truthy(result.code ~= nil)
    os.remove(path)
  end)
end)

describe("reading keys", function()
  local function keys(opts)
    return run([[
      for key in term.keys() do
        term.print("<", key.paste and #key.paste or tostring(key), ">\n")
        if key == term.key "q" then break end
      end
    ]] , opts)
  end

  it("tells Escape from a sequence by time", function()
    local on <close> = run [[
      term.stdout.escape_time = 0.3
      ready()
      for key in term.keys() do
        term.print("<", tostring(key), ">\n")
        if key == term.key "q" then break end
      end
    ]]
    on:expect "ready"
    on:type "\27"
    on:expect "<escape>"
    for c in ("\27[1;5A"):gmatch "." do on:type(c) end
    on:expect "<ctrl-up>"
    on:type "\27x"
    on:expect "<alt-x>"
    on:type "q"
    on:finish()
    given_back(on)
  end)

  it("takes Backspace from the terminal", function()
    local on <close> = keys { erase = 8 }
    on:wait(function() return is_raw(on) end, "raw mode")
    on:type "\8q"
    on:expect "<backspace>"
    on:finish()
  end)

  it("takes a paste of a megabyte as one key", function()
    local on <close> = keys()
    on:expect "\27[?2004h"
    on:type("\27[200~" .. ("0123456789abcde\r"):rep(65536) .. "\27[201~q")
    on:expect "<1048576>"
    on:expect "<q>"
    on:finish()
    given_back(on)
  end)

  it("tells of a new size, and so does the signal", function()
    local on <close> = run [[
      local sizes = {}
      local watch = require("lwt.react").S.map(term.size_signal, function(size)
        sizes[#sizes + 1] = size.columns .. "x" .. size.rows
      end)
      for key in term.keys() do
        term.print("<", key.resize and key.columns .. "x" .. key.rows or tostring(key), ">\n")
        if key == term.key "q" then break end
        if #sizes == 1 then ready() end
      end
      print(table.concat(sizes, " "), watch ~= nil)
    ]]
    on:type "a"
    on:expect "ready"
    on:resize(100, 30)
    on:expect "<100x30>"
    on:type "q"
    on:expect "80x24 100x30"
    on:finish()
    given_back(on)
  end)

  it("gives what is typed to those who wait, in turn, and takes none for one that is cancelled", function()
    local on <close> = run [[
      local g <close> = term.raw_mode()
      local a, b, c = term.read_key(), term.read_key(), term.read_key()
      b:cancel()
      ready()
      print(tostring(await(a)), tostring(await(c)), a:state(), b:state())
      local p = term.read_key()
      p:cancel()
      print(pcall(await, lwt.with_timeout(0.01, term.read_key())))
      print(tostring(await(term.read_key())))
    ]]
    on:expect "ready"
    on:type "xy"
    on:expect "x	y"
    on:expect "false"
    on:type "z"
    on:expect "z"
    on:finish()
  end)

  it("has the methods that are in other files, and names all of them", function()
    local terminal = require "lwt.term.terminal"
    local before = {}
    for name in pairs(terminal.methods) do before[name] = true end
    for name in pairs(terminal.file_of) do
      assert.equal("function", type(terminal.method(name)), name)
    end
    for name in pairs(terminal.methods) do
      if name:sub(1, 1) ~= "_" and not before[name] then assert.truthy(terminal.file_of[name], name) end
    end
  end)
end)

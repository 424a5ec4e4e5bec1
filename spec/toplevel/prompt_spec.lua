-- The prompt on a real pseudo-terminal: each line of what it promises.

local prompt = require "spec.support.prompt"
local shell = require "spec.support.shell"

local function ends(on, how, number)
  local is, n = on:finish()
  assert.same({ how, number }, { is, n })
  assert.equal(on.before, on:state())
end

describe("the prompt", function()
  it("says who it is, and that await works", function()
    local on <close> = prompt.start()
    assert.matches("^lwt %d+%.%d+%.%d+ %(Lua 5%.4%.%d+, libuv %d+%.%d+%.%d+%) · await works at the prompt · :help$",
      on:rows()[1])
  end)

  it("shows the values of expressions, and nothing of statements", function()
    local on <close> = prompt.start()
    assert.equal("2", on:run "1 + 1")
    assert.equal("", on:run "x = 5")
    assert.equal("5", on:run "x")
    assert.equal("5", on:run "=x")
    assert.equal("5", on:run "return x")
    assert.equal("nil", on:run "y")
    assert.equal('"text"', on:run "'text'")
    assert.equal('1       "a"     nil', on:run "1, 'a', nil")
    assert.equal("printed", on:run "print 'printed'")
    assert.equal("", on:run "x;")
    assert.equal("", on:run "-- a comment")
    assert.equal("", on:run "   ")
    assert.equal("", on:run "return")
  end)

  it("awaits a promise that is the only value, and shows what it gives", function()
    local on <close> = prompt.start()
    assert.equal('1       "a"', on:run "lwt.sleep(0.01):map(function() return 1, 'a' end)")
    assert.equal("", on:run "lwt.sleep(0.01)")
    assert.equal("", on:run "p = lwt.sleep(0.01)")
    assert.equal("lwt.promise <pending>   1", on:run "lwt.sleep(9), 1")
    assert.equal("3", on:run "await(lwt.fulfilled(3))")
    assert.equal("4", on:run "lwt.run(function() lwt.await(lwt.sleep(0.01)) return 4 end)")
  end)

  it("has the last values in _ and _1 to _9, unless they are the user's", function()
    local on <close> = prompt.start()
    on:run "5, 6, nil, 8"
    assert.equal("5       6       nil     8", on:run "_1, _2, _3, _4")
    assert.equal("10", on:run "_1 * 2")
    assert.equal("10", on:run "_")
    assert.equal("nil", on:run "_2")
    on:run "_ = 'mine'"
    on:run "1"
    assert.equal('"mine"', on:run "_")
  end)

  it("keeps local variables from line to line", function()
    local on <close> = prompt.start()
    on:run "local n = 1"
    on:run "local function next_n() n = n + 1 return n end"
    assert.equal("2", on:run "next_n()")
    assert.equal("2", on:run "n")
    on:run "n = 10"
    assert.equal("11", on:run "next_n()")
    on:run "local n = 'another'"
    on:run "function see() return n end"
    assert.equal('"another"       12', on:run "see(), next_n()")
    assert.equal("nil", on:run "_G.n")
  end)

  it("keeps constants constant, and closes at the end what is to be closed", function()
    local on <close> = prompt.start()
    on:run "local limit <const> = 3"
    assert.equal("3", on:run "limit")
    assert.equal("stdin:1: attempt to assign to const variable 'limit'", on:run "limit = 4")
    on:run("local function closer(name) return setmetatable({}, " ..
      "{ __close = function() print('closed ' .. name) end }) end")
    on:run "local first <close> = closer 'first'"
    on:run "local second <close> = closer 'second'"
    assert.equal('"table"', on:run "type(first)")
    assert.equal("variable 'bad' got a non-closable value", on:run "local bad <close> = 5")
    on:type "\4"
    ends(on, "exited", 0)
    assert.truthy(on:text():find "closed second\nclosed first$", on:text())
  end)

  it("keeps what a line had declared before it failed", function()
    local on <close> = prompt.start()
    assert.equal("stdin:1: oops", on:run "local a = 7 local function f() a = a + 1 return a end error 'oops'")
    assert.equal("8       8", on:run "f(), a")
  end)

  it("goes on on the next line while the input is unfinished, indented", function()
    local on <close> = prompt.start()
    on:type "function f(x)\rif x then\rreturn {\r1,\r}\relse\rreturn 2\rend\rend\r"
    on:ready()
    assert.equal(table.concat({ "> function f(x)", "    if x then", "      return {", "        1,", "      }",
      "    else", "      return 2", "    end", "  end" }, "\n"), table.concat(on:rows(), "\n", 2, 10))
    assert.equal("{ 1 }   2", on:run "f(true), f()")
    assert.equal('"a\\nb"', on:run "[[a\nb]]")
    assert.equal("3", on:run "1 +\n2")
    assert.equal("7", on:run "--[[ a\ncomment ]] 7")
    assert.equal("stdin:1: unfinished string near '\"abc'", on:run '"abc')
    assert.equal("stdin:1: '=' or 'in' expected near 'x'", on:run "for i x")
  end)

  it("shows an error with the user's lines alone, and :bt the whole", function()
    local on <close> = prompt.start()
    assert.equal("stdin:1: oops", on:run "error 'oops'")
    assert.equal('"stdin:1: oops"', on:run "_err")
    on:run "function f()\n  error 'deep'\nend"
    on:run "function g()\n  f()\nend"
    assert.equal("stdin:2: deep\n  stdin:2: in function 'f'\n  stdin:2: in function 'g'\n  stdin:1: in main chunk",
      on:run "g()")
    on:run "function slow()\n  await(lwt.sleep(0.01))\n  error { code = 7 }\nend"
    local shown = on:run "await(lwt.spawn(slow))"
    assert.matches("^{ code = 7 }\n  stdin:3: in function <stdin:1>\nawaited at\n  stdin:1: in main chunk$", shown)
    local whole = on:run ":bt"
    assert.matches("in a task:\n +%[C%]: in [^\n]*'error'\n", whole)
    assert.matches("session.lua", whole, 1, true)
    assert.matches("^connect 127.0.0.1:1: connection refused %(ECONNREFUSED%)",
      on:run "require 'lwt.io'.open_connection '127.0.0.1:1'")
  end)

  it("runs tasks while a line is edited: what they print appears above it", function()
    local on <close> = prompt.start()
    on:run "lwt.async(function() for i = 1, 3 do await(lwt.sleep(0.1)) print('tick ' .. i) end end)"
    on:type "half a li"
    on:shows "tick 3"
    on:last "> half a li"
    assert.truthy(on:text():find("tick 1\ntick 2\ntick 3\n> half a li", 1, true), on:text())
  end)

  it("says above the line what becomes of a promise left alone", function()
    local on <close> = prompt.start()
    on:run "p = lwt.sleep(0.2):map(function() return 'woken' end); :nowait p"
    on:type "typing"
    on:shows 'p is fulfilled: "woken"\n> typing'
    on:type "\21"
    on:settle()
    assert.equal('"woken"', on:run "_")
    on:run ":nowait lwt.sleep(0.1):bind(function() error('no', 0) end)"
    on:shows "is rejected: no"
    on:settle()
    on:run "q = lwt.sleep(9); :nowait q"
    on:run "q:cancel()"
    on:shows "q is canceled"
    on:settle()
    assert.equal("1 + 1 is no promise", on:run ":nowait 1 + 1")
  end)

  it("tells errors of the background and rejections that nobody looked at above the line, once", function()
    local on <close> = prompt.start()
    on:run "lwt.async(function() lwt.name 'worker' await(lwt.sleep(0.1)) error 'lost' end)"
    on:type "typing"
    on:shows "in the background: stdin:1: lost"
    on:last "> typing"
    on:type "\21"
    on:settle()
    on:run("do local p = lwt.spawn(function() lwt.name 'unseen' await(lwt.sleep(0.1)) " ..
      "error('nobody', 0) end) end")
    on:shows "a rejected promise was never looked at: nobody"
    on:shows "in task 'unseen'"
    on:run "warn('careful')"
    on:shows "warning: careful"
    local _, times = on:text():gsub("never looked at", "")
    assert.equal(1, times)
  end)

  describe("at Ctrl-C", function()
    it("drops the line that is typed", function()
      local on <close> = prompt.start()
      on:type "abc(\r  def"
      on:shows "def"
      on:type "\3"
      on:ready()
      assert.equal("2", on:run "1 + 1")
    end)

    it("cancels what is awaited, whose cleanup runs, and _ is the promise", function()
      local on <close> = prompt.start()
      on:type("lwt.spawn(function() print 'begun' local ok, err = pcall(await, lwt.sleep(60)) print('cleanup', err) " ..
        "await(lwt.sleep(0.01)) print 'done' error(err) end)\r")
      on:shows "\nbegun"
      on:type "\3"
      on:ready()
      assert.matches("cleanup +canceled\ndone\ninterrupted", on:text())
      assert.equal('"rejected"      canceled', (on:run "_:state()":gsub("lwt.error: canceled.*", "canceled")))
      on:type "print 'again' await(lwt.sleep(60))\r"
      on:shows "\nagain"
      on:type "\3"
      on:ready()
      assert.equal("2", on:run "1 + 1")
    end)

    for what, code in pairs {
      ["a loop that never ends"] = "while true do end",
      ["a loop that catches errors"] = "while true do pcall(function() while true do end end) end",
      ["a loop in a coroutine"] = "coroutine.wrap(function() while true do end end)()",
      ["a loop in a callback"] = "return lwt.sleep(0.01):map(function() while true do end end)",
      ["message handlers that never end"] =
        "local function loop() while true do end end while true do xpcall(loop, loop) end",
      ["a message handler that never ends"] =
        "assert(xpcall(error, function() while true do end end))",
      ["a message handler that fails, and fails again"] =
        "while true do xpcall(error, function() while true do error() end end) end",
      ["a __tostring that never ends"] = "return setmetatable({}, { __tostring = function() while true do end end })",
    } do
      it("interrupts " .. what, function()
        local on <close> = prompt.start()
        on:type("print 'begun' " .. code .. "\r")
        on:shows "\nbegun"
        on:type "\3"
        on:ready()
        assert.truthy(on:text():find "interrupted\n>$", on:text())
        assert.equal("2", on:run "1 + 1")
      end)
    end

    it("ends the text of an error that never ends, which in the background ends by itself", function()
      local on <close> = prompt.start()
      on:run "loops = setmetatable({}, { __tostring = function() io.write 'begun\\n' while true do end end })"
      on:type "error(loops)\r"
      on:shows "\nbegun"
      on:type "\3"
      on:ready()
      assert.truthy(on:text():find("an error (table) whose __tostring does not end\n>", 1, true), on:text())
      on:run "loops = setmetatable({}, { __tostring = function() while true do pcall(error) end end })"
      on:type ":nowait lwt.fulfilled(loops)\r"
      on:shows "is fulfilled: {}"
      on:settle()
      on:type ":nowait lwt.rejected(loops)\r"
      on:shows "is rejected: {}"
      on:settle()
      on:type "loops\27OP"
      on:shows "loops is {}"
      on:type "\21"
      on:settle()
      assert.equal("2", on:run "1 + 1")
    end)

    it("lets a loop that is interrupted clean up", function()
      local on <close> = prompt.start()
      on:run("c = setmetatable({}, { __close = function() for i = 1, 1000 do end " ..
        "await(lwt.sleep(0.01)) print 'cleaned' end })")
      on:type "do local x <close> = c print 'begun' while true do end end\r"
      on:shows "\nbegun"
      on:type "\3"
      on:ready()
      assert.truthy(on:text():find("cleaned\ninterrupted\n>", 1, true), on:text())
    end)

    it("ends at the second one what catches the first and goes on waiting", function()
      local on <close> = prompt.start()
      on:type "print 'begun' while true do pcall(await, lwt.sleep(0.01)) end\r"
      on:shows "\nbegun"
      on:type "\3"
      on:shows "it cleans up (Ctrl-C again ends it at once)"
      on:type "\3"
      on:ready()
      assert.equal("2", on:run "1 + 1")
    end)

    it("spares the background, but for a loop that holds everything up; the line stays", function()
      local on <close> = prompt.start()
      on:run "n = 0 lwt.async(function() while true do await(lwt.sleep(0.001)) n = n + 1 end end)"
      on:type "print 'waits' return lwt.sleep(60)\r"
      on:shows "\nwaits"
      on:type "\3"
      on:ready()
      assert.equal("true", on:run "before = n await(lwt.sleep(0.05)) return n > before")
      on:run(("lwt.async(function() await(lwt.sleep(0.3)) io.open('%s/begun', 'w'):close() while true do end end)")
        :format(on.dir))
      on:type "a line"
      on:wait(function() return shell.run(("test -e '%s/begun'"):format(on.dir)).code == 0 end, "the loop")
      on:type "\3"
      on:shows "in the background: interrupted"
      on:last "> a line"
    end)

    it("does not end the session, however often", function()
      local on <close> = prompt.start()
      for _ = 1, 5 do
        on:type "\3"
        on:ready()
      end
      assert.equal("2", on:run "1 + 1")
    end)
  end)

  it("leaves a call in C that never ends at the third Ctrl-C, the terminal as it was", function()
    local on <close> = prompt.start()
    on:type "print 'begun' local s = ('a'):rep(40) .. 'b' return s:rep(50):find(('a*'):rep(40) .. 'c')\r"
    on:shows "\nbegun"
    local how, number
    on:wait(function()
      on:type "\3"
      on:pump(200)
      how, number = pcall(require "spec.support.pty".wait, on.pid)
      return how and number
    end, "its end")
    on.program.over = true
    assert.equal(on.before, on:state())
  end)

  describe("at Ctrl-D", function()
    it("ends with 0", function()
      local on <close> = prompt.start()
      on:type "\4"
      ends(on, "exited", 0)
    end)

    it("names the tasks that are at work, and cancels them at the second one, with their cleanup", function()
      local on <close> = prompt.start()
      on:run("lwt.async(function() lwt.name 'poller' local ok = pcall(await, lwt.sleep(60)) " ..
        "await(lwt.sleep(0.01)) print('poller ended', ok) end)")
      on:type "\4"
      on:shows "a task is still at work:\n  1  poller: waits for a timer at stdin:1"
      on:ready()
      assert.equal("2", on:run "1 + 1")
      on:type "\4"
      on:shows "Ctrl-D or y ends"
      on:ready()
      on:type "\4"
      ends(on, "exited", 0)
      assert.matches("poller ended%s+false", on:text())
    end)

    it("takes y for an answer", function()
      local on <close> = prompt.start()
      on:run "lwt.async(function() await(lwt.sleep(60)) end)"
      on:type "\4"
      on:shows "Ctrl-D or y"
      on:ready()
      on:type "y\r"
      ends(on, "exited", 0)
    end)
  end)

  local ENDS = { ["os.exit(3)"] = 3, [":quit 4"] = 4, [":quit"] = 0, ["os.exit(true)"] = 0, [":exit 5"] = 5 }
  for code, status in pairs(ENDS) do
    it(("ends with %d after %s"):format(status, code), function()
      local on <close> = prompt.start()
      on:run "error 'before'"
      on:type(code .. "\r")
      ends(on, "exited", status)
    end)
  end

  for name, number in pairs { TERM = 143, HUP = 129 } do
    it(("ends with %d after SIG%s while a loop runs that catches errors"):format(number, name), function()
      local on <close> = prompt.start()
      on:type "print 'begun' while true do pcall(function() while true do end end) end\r"
      on:shows "\nbegun"
      on:kill(name)
      ends(on, "exited", number)
    end)
  end

  for name, number in pairs { TERM = 143, HUP = 129 } do
    it(("ends with %d after SIG%s, with the cleanup of what was at work"):format(number, name), function()
      local on <close> = prompt.start()
      on:run(("lwt.async(function() pcall(await, lwt.sleep(60)) io.open('%s/ended', 'w'):close() end)"):format(on.dir))
      on:type "a line"
      on:last "> a line"
      on:kill(name)
      ends(on, "exited", number)
      assert.equal(0, shell.run(("test -e '%s/ended'"):format(on.dir)).code)
    end)
  end
end)

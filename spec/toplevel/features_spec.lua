-- What the prompt offers besides running lines, on a real pseudo-terminal; and prompts on other channels.

local lwt = require "lwt"
local lio = require "lwt.io"
local prompt = require "spec.support.prompt"
local shell = require "spec.support.shell"
local test = require "lwt.test"
local toplevel = require "lwt.toplevel"

local await = lwt.await

local function last_rows(on, n)
  local rows = on:rows()
  return table.concat(rows, "\n", math.max(1, #rows - n + 1))
end

describe("at the prompt", function()
  it("Tab completes, shows what there is, and goes through it", function()
    local on <close> = prompt.start()
    on:run "person = { name = 'Ann', nation = 'fi', age = 3 }"
    on:type "print(person.n\t"
    on:shows "> print(person.na\nprint(...)"
    on:type "\t"
    on:shows "name    nation"
    on:type "\t\r"
    on:shows "> print(person.name"
    on:type ")\r"
    on:ready()
    assert.equal("Ann", last_rows(on, 2):match "^[^\n]*")
  end)

  it("the signature of the call that is typed stands below the line", function()
    local on <close> = prompt.start { columns = 100 }
    on:type "lwt.sleep("
    local expected = "^> lwt.sleep%(\nlwt.sleep%(s%) → lwt.Promise<nil>  Fulfilled after"
    on:wait(function() return last_rows(on, 2):find(expected) end, "the signature")
    on:type "0)"
    on:last "> lwt.sleep(0)"
    on:type "\r"
    on:ready()
    assert.falsy(on:text():find("Fulfilled", 1, true))
  end)

  it("the text is coloured, and the other bracket marked", function()
    local on <close> = prompt.start()
    on:type "f('x')"
    on:wait(function() return on.screen:cell(5, 2).style == "fg2" end, "a green string")
    on:wait(function() return on.screen:cell(4, 2).style == "bold underline" end, "a marked bracket")
    on:type "\3"
    on:ready()
  end)

  it("F1 and ? explain", function()
    local on <close> = prompt.start { rows = 40, columns = 100 }
    on:type "string.rep\27OP"
    on:shows "string.rep(s, n, [sep])\n  `n` copies, with `sep` between.\n> string.rep"
    on:type "\21"
    on:settle()
    assert.equal("string.rep(s, n, [sep])\n  `n` copies, with `sep` between.", on:run "?string.rep")
    assert.matches(":tasks ", on:run ":help")
    assert.equal(":nothing is no command (:help lists them)", on:run ":nothing")
    assert.equal("1 + 1 is no name", on:run ":help 1 + 1")
  end)

  it("never shows more than a screenful unasked; :more pages through all", function()
    local on <close> = prompt.start { rows = 10 }
    on:type "t = {} for i = 1, 50 do t[i] = { i } end return t\r"
    on:shows "… 45 more lines (:more shows them)"
    on:settle()
    assert.falsy(on:text():find("{ 8 }", 1, true))
    on:type ":more\r"
    on:shows "-- more: Space, Enter, q --"
    assert.falsy(on:text():find("{ 30 }", 1, true))
    on:type " "
    on:shows "{ 12 }"
    on:type "\r"
    on:type " "
    on:shows "{ 22 }"
    on:type "q"
    on:settle()
    assert.falsy(on:text():find("{ 50 }", 1, true))
    on:type ":more\r"
    on:last "-- more: Space, Enter, q --" -- (not the question of before)
    on:type "\3"
    on:last ">"
    on:type "1 + 1\r"
    on:shows "> 1 + 1\n2\n>"
  end)

  it("a screenful is counted in rows of the screen", function()
    local on <close> = prompt.start { rows = 10, columns = 40 }
    local shown = on:run "t = {} for i = 1, 10 do t[i] = ('x'):rep(100) end return t"
    local rows = select(2, shown:gsub("[^\n]+", ""))
    assert.is_true(rows <= 9, shown)
    assert.matches("… 9 more lines %(:more shows them%)$", shown)
    shown = on:run "('y'):rep(900)"
    assert.is_true(select(2, shown:gsub("[^\n]+", "")) <= 9, shown)
    assert.matches("… %(:more shows the rest%)$", shown)
  end)

  it(":tasks lists the user's, :cancel ends one", function()
    local on <close> = prompt.start()
    assert.equal("no tasks", on:run ":tasks")
    on:run "for i = 1, 2 do lwt.async(function() lwt.name('w' .. i) await(lwt.sleep(60)) end) end"
    local listed = on:run ":tasks"
    assert.matches("^  1  w1: waits for a timer at stdin:1, since [%d.]+ s\n  2  w2: waits for a timer at stdin:1",
      listed)
    on:run ":cancel 1"
    on:shows "in the background: canceled"
    on:settle()
    assert.matches("^  1  w2: [^\n]*$", on:run ":tasks")
    assert.equal("which one? A number that :tasks has shown", on:run ":cancel 7")
  end)

  it(":time, :type tell of an expression", function()
    local on <close> = prompt.start()
    assert.matches("^\"x\"\n0%.0%d%d s, 0%.%d%d%d s of them computing$",
      (on:run ":time lwt.sleep(0.01):map(function() return 'x' end)":gsub("^(\"x\"\n0)%.%d(%d%d)", "%1.0%2")))
    assert.equal("integer, float, string, nil", on:run ":type 1, 1.5, 'x', nil")
    assert.equal("userdata (lwt.promise)", on:run ":type lwt.sleep(0)")
    assert.equal("table (my.type)", on:run ":type setmetatable({}, { __name = 'my.type' })")
    assert.equal("stdin:1: oops", on:run ":type error 'oops'")
  end)

  it(":load runs a file, whose locals stay; :reload a module, for those who hold it", function()
    local on <close> = prompt.start { cd = true }
    shell.write(on.dir .. "/code.lua", "local hidden = 5\nfunction f() return hidden end\n")
    assert.equal("", on:run ":load code.lua")
    assert.equal("5       5", on:run "f(), hidden")
    shell.write(on.dir .. "/bad.lua", "local x = nil\nx.y = 1\n")
    assert.equal("bad.lua:2: attempt to index a nil value (local 'x')", on:run ":load bad.lua")
    assert.equal("nowhere.lua: No such file or directory", on:run ":load nowhere.lua")
    shell.write(on.dir .. "/mod.lua", "return { version = 1 }")
    on:run "local mod = require 'mod'"
    on:run "global = mod"
    shell.write(on.dir .. "/mod.lua", "return { version = 2 }")
    assert.equal("reloaded mod", on:run ":reload mod")
    assert.equal("2       2", on:run "mod.version, global.version")
    shell.write(on.dir .. "/mod.lua", "return {")
    assert.matches("mod.lua:1: unexpected symbol near <eof>", (on:run ":reload mod"))
    assert.equal("2", on:run "mod.version")
    assert.equal("module 'other' has not been required", on:run ":reload other")
  end)

  it(":edit has the last line edited, and runs it", function()
    local on <close> = prompt.start { env = { EDITOR = "sed -i s/one/two/" } }
    on:run "x = 'one'"
    assert.equal("x = 'two'", on:run ":edit")
    assert.equal('"two"', on:run "x")
  end)

  it(":history lists what was typed", function()
    local on <close> = prompt.start()
    on:run "x = 1"
    on:run "y = 2"
    assert.equal("x = 1\ny = 2\n:history", on:run ":history")
    assert.equal("x = 1\n:history x", on:run ":history x")
  end)

  it("there are commands of one's own", function()
    local on <close> = prompt.start()
    on:run "require 'lwt.toplevel'.commands.greet = function(rest) print('hello ' .. rest) end"
    assert.equal("hello you", on:run ":greet you")
    on:run "require 'lwt.toplevel'.commands.bad = function() error('no', 0) end"
    assert.equal("no", on:run ":bad")
  end)

  it("Up brings what was typed back, Ctrl-R searches", function()
    local on <close> = prompt.start()
    on:run "first = 1"
    on:run "second = 2"
    on:type "\27[A\27[A"
    on:last "> first = 1"
    on:type "\3"
    on:ready()
    on:type "\18fir"
    on:shows "first = 1"
    on:type "\r"
    on:ready()
  end)

  it("what is pasted runs when Enter is pressed, as one text", function()
    local on <close> = prompt.start()
    on:type "\27[200~local a = 1\nlocal b = 2\n\27[201~"
    on:shows "local b = 2"
    on:type "\r"
    on:ready()
    assert.equal("1       2", on:run "a, b")
  end)
end)

describe("lwt.toplevel.run", function()
  it("is a prompt on any channel", test.async(function()
    local server = await(lio.establish_server("127.0.0.1:0", function(ch)
      await(toplevel.run { input = ch, output = ch })
    end))
    local ch <close> = await(lio.open_connection(server:address()))
    local function ask(text)
      await(ch:write_line(text))
      return await(ch:read_until "> ") .. "> "
    end
    await(ch:read_until "> ")
    assert.equal("2\n> ", ask "1 + 1")
    assert.equal("hello\t5\n> ", ask "print('hello', 5)")
    assert.equal("> ", ask "local x = 7")
    assert.equal("7\n> ", ask "x")
    assert.equal("stdin:1: bad\n> ", ask "error 'bad'")
    assert.matches("^{ 1 }\n> $", ask "lwt.sleep(0.01):map(function() return { 1 } end)")
    await(ch:write_line ":quit")
    assert.is_nil(await(ch:read_line()))
    await(server:shutdown(0))
  end))

  it("gives the values of :quit, and ends with its input", test.async(function()
    local function run(text, opts)
      local out = {}
      opts = opts or {}
      opts.input, opts.prompt = lio.of_bytes(text), false
      opts.output = lio.make { write = function(s) out[#out + 1] = s return #s end }
      local values = table.pack(await(toplevel.run(opts)))
      return table.concat(out), values
    end
    local out, values = run("local t = { 1 }\nt\n:quit t, nil, 'x'\nnot reached\n")
    assert.equal("{ 1 }\n", out)
    assert.same({ { 1 }, nil, "x", n = 3 }, values)
    out, values = run("1\nerror 'x'\n2\n")
    assert.equal("1\nstdin:2: x\n2\n", out)
    assert.equal(0, values.n)
    local env = { y = 5 }
    assert.equal("5\nnil\n", (run("y\nprint\nz = 1\n", { env = env })))
    assert.equal(1, env.z)
    assert.is_nil(env.lwt)
  end))

  it("edits lines on a terminal object", test.async(function()
    local term = require "lwt.term"
    local keyboard, keys = lio.pipe()
    local shown = {}
    local screen = lio.make { write = function(s) shown[#shown + 1] = s return #s end }
    local t = term.open(keyboard, screen, { tty = true, columns = 60, env = { TERM = "xterm" } })
    local p = toplevel.run { term = t, env = { x = 41 } }
    await(keys:write("x + 2\127" .. "1\r"))
    await(keys:write ":quit x\r")
    assert.equal(41, await(p))
    assert.matches("42", table.concat(shown))
    await(keys:close())
  end))

  it("runs on channels that are given by their direct views", test.async(function()
    local r, w = lio.pipe()
    local answers, output = lio.pipe()
    await(w:write "40 + 2\n:quit 7\n")
    local p = toplevel.run { input = lwt.direct(r), output = lwt.direct(output), prompt = false }
    assert.equal(7, await(p))
    await(output:close())
    assert.matches("42", await(answers:read()))
    await(w:close())
    await(r:close())
    await(answers:close())
  end))

  it("cancels cleanly", test.async(function()
    local r, w = lio.pipe()
    local ran = false
    local p = toplevel.run { input = r, output = lio.make { write = function(s) return #s end },
      env = { sleep = function()
        local ok = pcall(await, lwt.sleep(60))
        ran = not ok
      end } }
    await(w:write_line "sleep()")
    await(lwt.sleep(0.02))
    p:cancel()
    assert.same({ "rejected", lwt.Canceled }, { (function()
      pcall(await, p)
      return p:state()
    end)() })
    assert.is_true(ran)
    local q = toplevel.run { input = r, output = w }
    q:cancel()
    pcall(await, q)
    await(w:close())
    await(r:close())
  end))

  it("tells wrong arguments", function()
    for text, opts in pairs {
      ["table expected, got number"] = 5, ["unknown option 'x'"] = { x = 1 },
      ["option 'input': channel expected, got number"] = { input = 5 },
      ["option 'output': channel expected, got table"] = { output = {} },
      ["option 'env': table expected, got string"] = { env = "x" },
      ["option 'term': lwt.terminal expected, got table"] = { term = {} },
    } do
      local ok, err = pcall(function() toplevel.run(opts) end)
      assert.is_false(ok)
      assert.matches("features_spec.lua:%d+: bad argument #1 to 'run' %(" .. text:gsub("%p", "%%%0") .. "%)", err)
    end
  end)
end)

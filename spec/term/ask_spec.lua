-- Questions, tables, bars and spinners: on a terminal, and where there is none.
local lwt = require "lwt"
local lio = require "lwt.io"
local term = require "lwt.term"
local pty = require "spec.support.pty"

local HEAD = [[
  local lwt, term, lio = require "lwt", require "lwt.term", require "lwt.io"
  local await = lwt.await
  lwt.run(function()
]]

local function run(body, opts) return pty.program(HEAD .. body .. "\nend)", opts) end

local function rows_of(on) return table.concat(on.screen:everything(), "|") end

-- With `input` at the other end of a pipe: what f gives, and what was written.
local function piped(input, f, opts)
  return lwt.run(function()
    local r, w = lio.pipe()
    local out_r, out_w = lio.pipe()
    w:write(input):await()
    w:close():await()
    local results = table.pack(f(term.open(r, out_w, opts)))
    out_w:close():await()
    return table.concat { out_r:read():await() or "" }, table.unpack(results, 1, results.n)
  end)
end

describe("confirm", function()
  local code = [[
    local answer = await(term.confirm("Really?", %s))
    print("answer", answer)
  ]]

  for typed, expected in pairs {
    ["y"] = "true", ["N"] = "false", ["xy"] = "true", ["\27"] = "false", ["\4"] = "false",
    ["\27[A\rn"] = "false",
  } do
    it(("is answered by %q"):format(typed), function()
      local on <close> = run(code:format "nil")
      on:expect "[y/n] "
      on:type(typed)
      on:expect("answer\t" .. expected)
      on:finish()
      assert.equal(on.before, on:state())
      local word = expected == "true" and "yes" or "no"
      assert.equal(("Really? [y/n] %s|answer  %s"):format(word, expected), rows_of(on):gsub(" +", " ")
        :gsub("answer ", "answer  ") .. "")
    end)
  end

  it("has a default", function()
    local on <close> = run(code:format "{ default = true }")
    on:expect "[Y/n] "
    on:type "\r"
    on:expect "answer\ttrue"
    on:finish()
  end)

  it("stays below what other tasks print, however long it is", function()
    local on <close> = run([[
      lwt.async(function()
        lwt.await(lwt.sleep(0.05))
        print "meanwhile"
        term.printlc "and more"
      end)
      local question = { "Two lines,\n", term.bold, ("or many "):rep(20), term.reset, "?" }
      print("answer", await(term.confirm(question)))
    ]])
    on:expect "and more"
    on:wait(function() return (on.screen:everything()[4] or ""):find "^or many" end, "the question below")
    on:type "n"
    on:expect "answer\tfalse"
    on:finish()
    assert.equal(on.before, on:state())
    local rows = on.screen:everything()
    assert.same({ "meanwhile", "and more", "Two lines," }, { table.unpack(rows, 1, 3) })
    assert.equal(("or many "):rep(20) .. "? [y/n] no", (table.concat(rows, " ", 4, #rows - 1)
      :gsub(" +", " ")))
  end)

  it("fits on any terminal", function()
    for _, columns in ipairs { 1, 2, 17, 18 } do
      local answer = lwt.run(function()
        local r, w = lio.pipe()
        local screen = lio.make { write = function(text) return #text end }
        local t = term.open(r, screen, { tty = true, columns = columns, env = { TERM = "xterm" } })
        local p = t:confirm "Really?\nThis one?"
        w:write("y"):await()
        return p:await()
      end)
      assert.is_true(answer)
    end
  end)

  it("is interrupted by Ctrl-C, which gives the terminal back", function()
    local on <close> = run(code:format "nil")
    on:expect "[y/n] "
    on:wait(function() return not on:flags().canonical end, "raw mode")
    on:type "\3"
    on:finish()
    assert.is_truthy(on.output:find "nterrupted")
    assert.equal(on.before, on:state())
  end)

  it("reads a line where there is no terminal", function()
    local out, answer = piped("what\n yes \n", function(t) return t:confirm("Sure?"):await() end)
    assert.equal("Sure? [y/n] Sure? [y/n] ", out)
    assert.is_true(answer)
    out, answer = piped("\n", function(t) return t:confirm("Sure?", { default = true }):await() end)
    assert.is_true(answer)
    assert.equal("Sure? [Y/n] ", out)
    out, answer = piped("", function(t) return t:confirm("Sure?"):await() end)
    assert.is_false(answer)
    assert.equal("Sure? [y/n] ", out)
  end)

  it("takes turns with others, and one that is cancelled is not asked", function()
    lwt.run(function()
      local r, w = lio.pipe()
      local out_r, out_w = lio.pipe()
      local t = term.open(r, out_w)
      local first, second, third = t:confirm "one", t:confirm "two", t:confirm "three"
      second:cancel()
      w:write("y\nn\n"):await()
      assert.same({ true, false }, { first:await(), third:await() })
      out_w:close():await()
      assert.equal("one [y/n] three [y/n] ", out_r:read():await())
      w:close():await()
    end)
  end)
end)

describe("choose", function()
  local code = [[
    local list = {}
    for i = 1, %d do list[i] = "item " .. i end
    print("took", await(term.choose(list, { question = "Which?" })))
  ]]

  local function takes(typed, expected, n)
    it(("takes %q"):format(typed), function()
      local on <close> = run(code:format(n or 4), { rows = 10 })
      on:expect "Which?"
      on:wait(function() return on.screen:row(on.screen.y):find "item" end, "the list")
      on:type(typed)
      on:expect "took\t"
      on:finish()
      assert.is_truthy(on.output:find("took\t" .. expected, 1, true), on.output)
      assert.equal(on.before, on:state())
      assert.is_true(on.screen.visible)
    end)
  end

  takes("\r", "item 1\t1")
  takes("\27[B\27[B\r", "item 3\t3")
  takes("jjk\r", "item 2\t2")
  takes("\27[A\r", "item 4\t4")
  takes("\27[F\r", "item 4\t4")
  takes("3\r", "item 3\t3")
  takes("\27", "nil")
  takes("\27[6~\27[6~\r", "item 15\t15", 30)

  it("leaves a line, and nothing else", function()
    local on <close> = run(code:format(3))
    on:expect "Which?"
    on:type "\27[B\r"
    on:finish()
    assert.equal("Which? item 2|took    item 2  2", rows_of(on))
  end)

  it("scrolls in a small screen", function()
    local on <close> = run(code:format(30), { rows = 5 })
    on:expect "Which?"
    on:type "\27[F"
    on:wait(function() return table.concat(on.screen:rows(), "|"):find "> item 30" end, "the last")
    assert.equal("Which?", on.screen:rows()[1])
    on:type "\r"
    on:finish()
  end)

  it("works in one column and row", function()
    for _, size in ipairs { { 1, 1 }, { 1, 24 }, { 80, 1 } } do
      local on <close> = run(code:format(3), { columns = size[1], rows = size[2] })
      on:wait(function() return not on:flags().canonical end, "raw mode")
      on:type "\27[B\r"
      on:expect "took\titem 2"
      on:finish()
      assert.equal(on.before, on:state())
    end
  end)

  it("reads a number or a text where there is no terminal", function()
    local out, item, i = piped("x\n2\n", function(t) return t:choose({ "a", "b" }):await() end)
    assert.equal("1) a\n2) b\n1-2: 1-2: ", out)
    assert.same({ "b", 2 }, { item, i })
    out, item = piped("a\n", function(t) return t:choose({ "a", "b" }, { question = "Q" }):await() end)
    assert.equal("a", item)
    assert.equal("Q\n1) a\n2) b\n1-2: ", out)
    item = select(2, piped("", function(t) return t:choose({ "a" }):await() end))
    assert.is_nil(item)
    item = select(2, piped("\n", function(t) return t:choose({ "a", "b" }, { default = 2 }):await() end))
    assert.equal("b", item)
  end)

  it("checks its arguments", function()
    for _, f in ipairs {
      function() term.choose {} end, function() term.choose "x" end, function() term.choose({ 1 }, { default = 2 }) end,
      function() term.choose({ 1 }, { question = print }) end, function() term.confirm() end,
      function() term.confirm("x", { default = "y" }) end, function() term.table "x" end,
      function() term.table { 1 } end, function() term.table({}, { align = { "middle" } }) end,
      function() term.progress { total = -1 } end, function() term.progress { total = "x" } end,
      function() term.spinner { text = "x" } end,
    } do
      local ok, err = pcall(f)
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find "^spec/term/ask_spec.lua:%d+: bad argument #%d to", tostring(err))
    end
  end)
end)

describe("a table", function()
  it("has columns as wide as what is in them", function()
    local out = piped("", function(t)
      local rows = { { "ann", 5, "x" }, { "日本", 12 }, { { term.bold, "c" }, 1.5, nil } }
      t:table(rows, { header = { "name", "n" } }):await()
    end)
    assert.equal("name  n\nann     5  x\n日本   12\nc     1.5\n", out)
    assert.equal("", (piped("", function(t) t:table({}):await() end)))
    assert.equal(" a  b\nbb  c\n", (piped("", function(t)
      t:table({ { "a", "b" }, { "bb", "c" } }, { align = { "right" } }):await()
    end)))
  end)

  it("is cut to a terminal, the widest column first", function()
    local out = piped("", function(t)
      t:table({ { "short", ("long "):rep(10), 7 } }):await()
    end, { tty = true, columns = 20, env = { TERM = "xterm" } })
    assert.equal("short  long long…  7\r\n", out)
  end)
end)

describe("a progress bar", function()
  it("is drawn, with others, under what is printed, and stays", function()
    local on <close> = run([[
      local a = term.progress { total = 4, label = "a" }
      local b = term.progress { label = "b" }
      for i = 1, 4 do
        a:add() b:add(10)
        term.print("did ", i, "\n")
        await(lwt.sleep(0.05))
      end
      await(a:done())
      await(b:done())
      print "after"
    ]], { columns = 60 })
    on:expect "after"
    on:finish()
    local text = rows_of(on)
    assert.is_truthy(text:find "^did 1|did 2|did 3|did 4|a  100%% [^|]+  4/4 0:00|b  40 0:00|after$", text)
    assert.is_true(on.screen.visible)
    assert.same({}, on.screen.unknown)
  end)

  it("is drawn at most ten times a second", function()
    local on <close> = run [[
      local bar = term.progress { total = 100000 }
      local began = lwt.now()
      for i = 1, 100000 do bar:add() if i % 1000 == 0 then await(lwt.pause()) end end
      await(bar:done())
      print(("took %d tenths"):format((lwt.now() - began) * 10 // 1 | 0))
    ]]
    on:expect "took "
    on:finish()
    local tenths = tonumber(on.output:match "took (%d+) tenths")
    local _, drawn = on.output:gsub("%%", "")
    assert.is_true(drawn <= tenths + 4, drawn)
  end)

  it("fits into any width", function()
    for _, columns in ipairs { 1, 2, 5, 12, 30, 31, 200 } do
      local on <close> = run([[
        local bar = term.progress { total = 10, label = "a label 日本語 that is long", value = 3 }
        await(lwt.sleep(0.02))
        await(bar:done())
      ]], { columns = columns, rows = 3 })
      on:finish()
      local text = rows_of(on)
      assert.is_true(#on.screen:everything() <= 2, text)
    end
  end)

  it("writes ASCII where the locale knows no other", function()
    local on <close> = run([[
      local bar = term.progress { total = 2, value = 1 }
      await(bar:done())
    ]], { env = { LC_ALL = "C" } })
    on:finish()
    assert.is_truthy(rows_of(on):find "^ 50%% #+%-+  1/2 0:00$", rows_of(on))
  end)

  it("writes plain lines where there is no terminal", function()
    local out = piped("", function(t)
      local bar <close> = t:progress { total = 40, label = "files" }
      for _ = 1, 40 do bar:add() end
      bar:done():await()
      bar:done():await()
      bar:add()
    end)
    local lines = {}
    for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line:match "%d+%%" end
    assert.same({ "10%", "20%", "30%", "40%", "50%", "60%", "70%", "80%", "90%", "100%" }, lines)
    assert.is_truthy(out:find "files  100%%  40/40 0:00\n$", out)
    assert.is_nil(out:find("\27", 1, true))
  end)

  it("may have nothing to do, or more than was said", function()
    local out = piped("", function(t)
      t:progress({ total = 0 }):done():await()
      local bar = t:progress { total = 2 }
      bar:add(5)
      bar:done("it is over"):await()
    end)
    assert.is_truthy(out:find "^100%%  0/0 0:00\nit is over\n$", out)
  end)
end)

describe("a spinner", function()
  it("turns, and is gone in the end", function()
    local on <close> = run [[
      local spinner = term.spinner { label = "working" }
      await(lwt.sleep(0.35))
      spinner:set "still"
      await(lwt.sleep(0.15))
      await(spinner:done())
      print "after"
    ]]
    on:expect "working"
    on:expect "still"
    on:finish()
    assert.equal("after", rows_of(on))
    assert.is_true(on.screen.visible)
  end)

  it("says what came of it where there is no terminal", function()
    assert.equal("found 3\n", (piped("", function(t)
      local spinner <close> = t:spinner { label = "looking" }
      spinner:done("found 3"):await()
    end)))
  end)

  it("leaves nothing behind when its task is cancelled", function()
    local on <close> = run [[
      local p = lwt.spawn(function()
        local spinner <close> = term.spinner { label = "working" }
        await((lwt.task()))
      end)
      await(lwt.sleep(0.05))
      p:cancel()
      pcall(await, p)
      print "after"
    ]]
    on:finish()
    assert.equal("after", rows_of(on))
    assert.is_true(on.screen.visible)
  end)
end)

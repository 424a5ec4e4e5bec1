-- Reading a line from its beginning to its end, in this process: what is given, what comes back, control
-- from outside, cancelling, several readers.

local lwt = require "lwt"
local lio = require "lwt.io"
local core = require "spec.support.core"
local line = require "spec.support.line"
local read_line = require "lwt.read_line"
local react = require "lwt.react"
local term = require "lwt.term"
local test = require "lwt.test"

local await = lwt.await

local function start(opts, size) return line.start(size or { columns = 40, rows = 10 }, opts) end
local function result(on) return on.line:result():await() end
local function rows(on) return table.concat(on.screen:rows(), "|") end

-- What is said by `warn` meanwhile.
local function warnings(f)
  local said, before = {}, warn
  _G.warn = function(...) said[#said + 1] = table.concat { ... } end
  local ok, err = pcall(f)
  _G.warn = before
  if not ok then error(err, 0) end
  return table.concat(said, "\n")
end

describe("reading a line", function()
  it("gives the line, nil at the end, Interrupt after Ctrl-C", test.async(function()
    local on <close> = start { prompt = "> " }
    on:type "hello"
    on:keys "enter"
    assert.equal("hello", result(on))
    local ended <close> = start { prompt = "> " }
    ended:keys "ctrl-d"
    assert.is_nil(result(ended))
    local dropped <close> = start { prompt = "> " }
    dropped:type "x"
    dropped:keys "ctrl-c"
    local ok, err = pcall(result, dropped)
    assert.is_false(ok)
    assert.equal(read_line.Interrupt, err)
    assert.equal("lwt.read_line.Interrupt", tostring(err))
  end))

  it("leaves the line on the screen, and goes on below", test.async(function()
    local on <close> = start { prompt = "> ", hint = function() return "hint" end }
    on:type "abc"
    on:keys "left enter"
    assert.equal("> abc", rows(on))
    assert.same({ 1, 2 }, { on.screen.x, on.screen.y })
  end))

  it("is nil when the terminal goes away", test.async(function()
    local on <close> = start { prompt = "> " }
    on:type "rm -rf"
    on.typed:close():await()
    assert.is_nil(result(on))
  end))

  it("decodes keys however they are cut", test.async(function()
    local on <close> = start { prompt = "> " }
    for c in ("ab\27[Dc\27[200~p\rq\27[201~\r"):gmatch "." do
      on.typed:write(c):await()
      on.typed:flush():await()
      lwt.pause():await()
    end
    assert.equal("acp\nqb", result(on))
  end))

  it("draws a burst of keys once", test.async(function()
    local on <close> = start { prompt = "> " }
    on:written()
    on.typed:write(("x"):rep(30)):await()
    on.typed:flush():await()
    on:wait(function() return #on.editor:text() == 30 end)
    on:settle()
    assert.equal(("x"):rep(30), on:written())
  end))

  it("takes a large paste", test.async(function()
    local on <close> = start { prompt = "> ", multiline = true }
    local text = ("line of text\n"):rep(core.count(20000, 80000))
    on.typed:write("\27[200~" .. text .. "\27[201~\n"):await()
    assert.equal(text, result(on))
  end))

  it("takes turns with other readers of the terminal", test.async(function()
    local on <close> = start { prompt = "one> " }
    local second = read_line.start { prompt = "two> ", term = on.term }
    on:type "a"
    assert.equal("one> a", rows(on))
    on:keys "enter"
    on:wait(function() return rows(on):find "two>" end)
    assert.equal("a", result(on))
    second:send "b"
    second:accept()
    assert.equal("b", second:result():await())
    on:wait(function() return rows(on) == "one> a|two> b" end)
  end))

  it("does not accept what is not valid", test.async(function()
    local on <close> = start {
      prompt = "> ", validate = function(text) return tonumber(text) ~= nil, "a number!" end,
    }
    on:type "x"
    on:keys "enter"
    assert.equal("> x|a number!", rows(on))
    on:keys "backspace"
    assert.equal(">", rows(on))
    on:type "7"
    on:keys "enter"
    assert.equal("7", result(on))
  end))

  it("waits for a validation that takes its time, and Ctrl-C ends it", test.async(function()
    local p, r = lwt.task()
    local on <close> = start { validate = function() return p end }
    on.line:send "a"
    on.line:send "enter"
    for _ = 1, 10 do lwt.pause():await() end
    r:wakeup(true)
    assert.equal("a", result(on))
    local never = lwt.task()
    local other <close> = start { validate = function() return never end }
    other.line:send "enter"
    for _ = 1, 10 do lwt.pause():await() end
    other.line:abort()
    assert.is_false((pcall(result, other)))
    assert.equal("rejected", (never:state()))
  end))

  it("adds what is accepted to the history before it is there", test.async(function()
    local h = read_line.history()
    for _, text in ipairs { "one", " secret", "two", "two" } do
      local on <close> = start { history = h }
      on:paste(text)
      on:keys "enter"
      result(on)
    end
    local all = {}
    for entry in h:entries() do all[#all + 1] = entry end
    assert.same({ "one", "two" }, all)
    local on <close> = start { history = h }
    on:keys "up up enter"
    assert.equal("one", result(on))
    local hidden <close> = start { history = h, mask = "*" }
    hidden:type "password"
    hidden:keys "enter"
    result(hidden)
    assert.equal("one", h.list:get(h.list.last))
  end))

  it("goes on with the next entry after Ctrl-O", test.async(function()
    local h = read_line.history()
    for _, text in ipairs { "one", "two", "three" } do h:add(text):await() end
    local on <close> = start { history = h }
    on:keys "up up up ctrl-o"
    assert.equal("one", result(on))
    local second <close> = start { history = h }
    assert.equal("two", second.editor:text())
  end))

  it("withdraws when it is cancelled, and leaves the next reader all keys", test.async(function()
    local on <close> = start { prompt = "> " }
    on:type "abc"
    on.line:result():cancel()
    assert.is_false((pcall(result, on)))
    local second = read_line.start { prompt = "next> ", term = on.term }
    on.typed:write "xyz\r":await()
    on.typed:flush():await()
    assert.equal("xyz", second:result():await())
    on:wait(function() return rows(on) == "> abc|next> xyz" end)
  end))

  it("is cancelled while it waits for its turn", test.async(function()
    local on <close> = start { prompt = "> " }
    local second = read_line.start { prompt = "two> ", term = on.term }
    second:result():cancel()
    assert.is_false((pcall(await, second:result())))
    on:keys "a enter"
    assert.equal("a", result(on))
  end))
end)

describe("completion", function()
  local function words(...)
    local list = { ... }
    return function() return list end
  end

  it("inserts what is certain, then shows, then goes through", test.async(function()
    local on <close> = start { prompt = "> ", complete = words("alpha", "alphabet", "beta") }
    on:type "run al"
    on:keys "tab"
    assert.equal("run alpha", on.editor:text())
    on:keys "tab"
    assert.equal("> run alpha|alpha     alphabet", rows(on))
    on:keys "tab tab"
    assert.equal("run alphabet", on.editor:text())
    assert.equal("inverse", on.screen:cell(11, 2).style)
    on:keys "shift-tab"
    assert.equal("run alpha", on.editor:text())
    on:keys "down enter"
    assert.equal("run alphabet", on.editor:text())
    assert.equal("> run alphabet", rows(on))
    on:keys "enter"
    assert.equal("run alphabet", result(on))
  end))

  it("puts the only one in, with what goes behind it", test.async(function()
    local on <close> = start { complete = words({ text = "file", append = " " }) }
    on:type "fi"
    on:keys "tab"
    assert.equal("file ", on.editor:text())
  end))

  it("gives back what was typed", test.async(function()
    local on <close> = start { complete = words("alpha", "alphabet") }
    on:type "al"
    on:keys "shift-tab"
    assert.equal("alphabet", on.editor:text())
    on:keys "escape"
    assert.equal("al", on.editor:text())
    assert.equal("al", rows(on))
  end))

  it("describes, and asks before it shows very many", test.async(function()
    local many = {}
    for i = 1, 150 do many[i] = { text = "w" .. i, description = "word " .. i } end
    local on <close> = start { prompt = "> ", complete = function() return many end }
    on:keys "alt-?"
    assert.equal(">|Display all 150 possibilities? (y or n)", rows(on))
    on:keys "n"
    assert.equal(">", rows(on))
    on:keys "alt-? y"
    assert.is_truthy(rows(on):find("w1    word 1|w2    word 2", 1, true))
    assert.is_nil(on:same())
    on:keys "shift-tab"
    assert.equal("w150", on.editor:text())
    assert.is_truthy(rows(on):find "w150  word 150$")
  end))

  it("may take its time, and is dropped when the line has moved on", test.async(function()
    local p = lwt.task()
    local r, asked
    local on <close> = start { complete = function(text, cursor)
      asked = { text, cursor }
      return p
    end }
    on:type "al"
    on:keys "tab"
    assert.same({ "al", 2 }, asked)
    on:type "x"
    assert.equal("rejected", (p:state()))
    assert.equal("alx", on.editor:text())
    p, r = lwt.task()
    on:keys "backspace tab"
    r:wakeup { "alpha" }
    on:settle()
    lwt.pause():await()
    assert.equal("alpha", on.editor:text())
  end))

  it("that fails is told, and spoils nothing", test.async(function()
    local on <close> = start { prompt = "> ", complete = function() error("no words", 0) end }
    local said = warnings(function()
      on:type "a"
      on:keys "tab"
      on:settle()
    end)
    assert.equal("lwt.read_line: complete failed: no words", said)
    local wrong <close> = start { complete = function() return { 1, {} } end }
    assert.is_truthy(warnings(function() wrong:keys "tab" end):find "complete gave table as word 2")
    on:type "b"
    on:keys "enter"
    assert.equal("ab", result(on))
  end))
end)

describe("hints and highlighting", function()
  it("that fail are told once", test.async(function()
    local on
    local said = warnings(function()
      on = start { hint = function() error("h", 0) end, highlight = function() error("s", 0) end }
      on:type "ab"
    end)
    assert.equal("lwt.read_line: hint failed: h\nlwt.read_line: highlight failed: s", said)
    on:keys "enter"
    assert.equal("ab", result(on))
    on:close()
  end))

  it("wait for a promise, which is dropped when the text is another one", test.async(function()
    local promises = {}
    local on <close> = start { prompt = "> ", hint = function(text)
      local p, r = lwt.task()
      promises[text] = { p, r }
      return p
    end }
    on:type "a"
    on:type "b"
    assert.equal("rejected", (promises.a[1]:state()))
    promises.ab[2]:wakeup "cd"
    on:settle()
    on:wait(function() return rows(on) == "> abcd" end)
    on:keys "ctrl-e enter"
    assert.equal("abcd", result(on))
  end))

  it("which show another text are not used", test.async(function()
    local on <close> = start { prompt = "> ", highlight = function() return "other" end }
    on:type "ab"
    assert.equal("> ab", rows(on))
  end))
end)

describe("a line that is controlled from outside", function()
  it("is edited, asked, accepted", test.async(function()
    local on <close> = start { prompt = "> " }
    on.line:insert "hello world"
    on.line:send "backward-kill-word"
    on.line:send "ctrl-a"
    on.line:send(term.key "x")
    on:settle()
    assert.same({ "xhello ", 1 }, { on.line:text() })
    assert.equal("> xhello", rows(on))
    assert.is_true(on.line:set_prompt { term.fg.green, "new> " })
    on:settle()
    assert.equal("new> xhello", rows(on))
    assert.is_true(on.line:accept())
    assert.equal("xhello ", result(on))
    assert.is_false(on.line:insert "more")
    assert.is_false(on.line:abort())
    assert.equal("lwt.read_line.line (over)", tostring(on.line))
    assert.has_error(function() on.line:send "no-such" end,
      "bad argument #1 to 'send' (no command and no key is called 'no-such')")
  end))

  it("is hidden and shown, as often as it was hidden", test.async(function()
    local on <close> = start { prompt = "> " }
    on:type "abc"
    on.line:hide():await()
    on.line:hide():await()
    assert.equal("", rows(on))
    on.line:insert "d"
    on.line:show():await()
    assert.equal("", rows(on))
    on.line:show():await()
    on.line:show():await()
    on:settle()
    assert.equal("> abcd", rows(on))
    on.line:hide():await()
    on.line:accept()
    assert.equal("abcd", result(on))
    on.line:show():await()
    on.line:hide():await()
  end))

  it("has what others write above it", test.async(function()
    local on <close> = start { prompt = "> " }
    on:type "abc"
    on.line:print("one", 2, { term.bold, "three" }):await()
    on.term:print("four\n"):await()
    on.term:print("part"):await()
    on.term:print(" of a line\n"):await()
    on:settle()
    assert.equal("one     2       three|four|part of a line|> abc", rows(on))
    assert.is_nil(on:same())
  end))

  it("follows a prompt that is a signal", test.async(function()
    local prompt, set = react.S.create "a> "
    local on <close> = start { prompt = prompt }
    on:type "x"
    set "longer> "
    on:settle()
    assert.equal("longer> x", rows(on))
    on:keys "enter"
    assert.equal("x", result(on))
    set "again> "
  end))
end)

describe("reading something simpler", function()
  it("reads words, yes or no, numbers", test.async(function()
    local function ask(f, keys)
      local input, typed = lio.pipe()
      local out = lio.make { write = function(s) return #s end }
      local t = term.open(input, out, { tty = true, columns = 40, env = { TERM = "xterm" } })
      typed:write(keys):await()
      typed:flush():await()
      local value = f(t):await()
      typed:close():await()
      input:close():await()
      return value
    end
    local function keyword(t) return read_line.read_keyword({ "red", "green", "grey" }, { term = t }) end
    assert.equal("red", ask(keyword, "RE\r"))
    assert.equal("green", ask(keyword, "gr\rEEN\r"))
    assert.equal("grey", ask(keyword, "gre\ty\r"))
    assert.is_nil(ask(keyword, "\4"))
    assert.is_true(ask(function(t) return read_line.read_yes_no { term = t } end, "\ry\r"))
    assert.is_false(ask(function(t) return read_line.read_yes_no { term = t, default = false } end, "\r"))
    local function number(t) return read_line.read_number { term = t, min = 3, integer = true } end
    assert.equal(12, ask(number, "1\r2\r"))
    assert.equal(5, ask(number, "5.5\r\b\b\r"))
    assert.equal("é", ask(function(t) return read_line.read_char { term = t } end, "é"))
    assert.equal("x", ask(function(t) return read_line.read_char { term = t } end, "\27[Ax"))
    assert.is_false((pcall(ask, function(t) return read_line.read_char { term = t } end, "\3")))
    assert.equal("geheim", ask(function(t) return read_line.read_password { term = t } end, "geheim\r"))
  end))

  it("reads plain lines where there is no terminal", test.async(function()
    local r, w = lio.pipe()
    local out = lio.make { write = function(s) return #s end }
    local t = term.open(r, out)
    w:write("one\r\nno\nyes\nmaybe\n7\nlast"):await()
    w:close():await()
    assert.equal("one", read_line.read_line({ prompt = "> ", term = t }):await())
    assert.is_false(read_line.read_yes_no({ term = t }):await())
    assert.equal("yes", read_line.read_password({ term = t }):await())
    assert.equal(7, read_line.read_number({ term = t }):await())
    assert.equal("l", read_line.read_char({ term = t }):await())
    assert.equal("ast", read_line.read_line({ term = t }):await())
    assert.is_nil(read_line.read_line({ term = t }):await())
    r:close():await()
  end))
end)

describe("wrong arguments", function()
  local function says(message, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    assert.equal(message, (tostring(err):gsub("^[^:]*:%d+: ", "")))
    assert.is_truthy(tostring(err):find "^spec/term/read_line_session_spec")
  end
  it("are told at the caller's line", function()
    says("bad argument #1 to 'read_line' (unknown option 'promt')",
      function() read_line.read_line { promt = "x" } end)
    says("bad argument #1 to 'read_line' (string or table expected, got number)",
      function() read_line.read_line(5) end)
    says("bad argument #1 to 'start' (option 'initial': string expected, got number)",
      function() read_line.start { initial = 5 } end)
    says("bad argument #1 to 'read_line' (option 'keys': no key is called 'ctrl-foo')",
      function() read_line.read_line { keys = { ["ctrl-foo"] = "undo" } } end)
    says("bad argument #1 to 'read_line' (option 'keys': there is no command 'foo')",
      function() read_line.read_line { keys = { f1 = "foo" } } end)
    says("bad argument #1 to 'read_line' (option 'history': lwt.read_line.history expected, got table)",
      function() read_line.read_line { history = {} } end)
    says("bad argument #1 to 'read_line' (option 'mode': \"emacs\" or \"vi\" expected)", -- a view is as good
      function() read_line.read_line { history = lwt.direct(read_line.history {}), mode = "x" } end)
    says("bad argument #1 to 'history' (option 'max': must be an integer of at least 1)",
      function() read_line.history { max = 0 } end)
    says("bad argument #1 to 'history' (unknown option 'file')",
      function() read_line.history { file = "x" } end)
    says("bad argument #1 to 'read_keyword' (element 2 is no word)",
      function() read_line.read_keyword { "a", 1 } end)
    says("bad argument #1 to 'read_number' (option 'min': number expected, got string)",
      function() read_line.read_number { min = "1" } end)
    says("bad argument #1 to 'add' (string expected, got nil)",
      function() read_line.history():add() end)
  end)
end)

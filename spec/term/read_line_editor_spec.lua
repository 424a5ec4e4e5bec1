-- The editor without a terminal: each command, by keys.

local bindings = require "lwt.read_line.bindings"
local editor = require "lwt.read_line.editor"
local kills = require "lwt.read_line.kills"
local List = require "lwt.read_line.list"
local key = require "lwt.term.key"

local function make(opts)
  opts = opts or {}
  opts.kills = opts.kills or kills.new()
  opts.maps = bindings.maps(opts.mode, opts.keys)
  return editor.new(opts)
end

local function shown(ed) return ed:text():sub(1, ed:cursor()) .. "|" .. ed:text():sub(ed:cursor() + 1) end

-- The text with "|" for the cursor, before and after.
local function with(text, opts)
  opts = opts or {}
  local before, after = text:match "^([^|]*)|?(.*)$"
  opts.text, opts.cursor = before .. after, #before
  return make(opts)
end

local function press(ed, keys)
  for name in keys:gmatch "%S+" do ed:press(name) end
  return shown(ed)
end

local function type_text(ed, text)
  for _, c in utf8.codes(text) do ed:press(key.char(utf8.char(c))) end
  return ed
end

local function wanted(ed)
  local list = {}
  for i, what in ipairs(ed:_take() or {}) do list[i] = what[1] end
  return table.concat(list, " ")
end

-- before, keys, after
local CASES = {
  moving = {
    { "abc|", "left", "ab|c" }, { "ab|c", "ctrl-b", "a|bc" }, { "|abc", "ctrl-f", "a|bc" },
    { "|abc", "right right", "ab|c" }, { "abc|", "ctrl-a", "|abc" }, { "|abc", "ctrl-e", "abc|" },
    { "abc|", "home", "|abc" }, { "|abc", "end", "abc|" }, { "|one, two", "alt-f", "one|, two" },
    { "one|, two", "alt-f", "one, two|" }, { "one, two|", "alt-b", "one, |two" },
    { "one, |two", "ctrl-left", "|one, two" }, { "|one two", "ctrl-right", "one| two" },
    { "e\u{301}x|", "left left", "|e\u{301}x" }, { "日本|", "left", "日|本" },
    { "👩‍👩‍👧‍👦|", "left", "|👩‍👩‍👧‍👦" }, { "|🇩🇪🇫🇷", "right", "🇩🇪|🇫🇷" },
    { "|naïve café", "alt-f", "naïve| café" }, { "|abcdef", "alt-3 right", "abc|def" },
    { "abcdef|", "alt-2 alt-- ctrl-f", "abcde|f" }, { "abcdef|", "alt-- alt-2 ctrl-f", "abcd|ef" },
    { "|", "left", "|" }, { "|", "ctrl-e alt-f alt-b", "|" },
    { "one\ntw|o", "ctrl-a", "one\n|two" }, { "o|ne\ntwo", "ctrl-e", "one|\ntwo" },
    { "one\ntwo|", "up", "one|\ntwo" }, { "o|ne\ntwo", "down", "one\nt|wo" },
    { "long line|\na\nlonger", "down down", "long line\na\nlonger|" },
    { "one\ntwo|", "ctrl-home", "|one\ntwo" }, { "|one\ntwo", "ctrl-end", "one\ntwo|" },
    { "a|bcabc", "ctrl-] c", "ab|cabc" }, { "abcab|c", "ctrl-alt-] a", "abc|abc" },
    { "a|bcabc", "alt-2 ctrl-] c", "abcab|c" },
  },
  deleting = {
    { "abc|", "backspace", "ab|" }, { "ab|c", "ctrl-h", "a|c" }, { "a|bc", "delete", "a|c" },
    { "a|bc", "ctrl-d", "a|c" }, { "e\u{301}|", "backspace", "|" }, { "abcd|", "alt-2 backspace", "ab|" },
    { "a  |  b", "alt-\\", "a|b" }, { "one two|", "alt-backspace", "one |" },
    { "one |two three", "alt-d", "one | three" }, { "one a.b/c|", "ctrl-w", "one |" },
    { "one two|", "ctrl-u", "|" }, { "one| two", "ctrl-k", "one|" }, { "one| two", "ctrl-u", "| two" },
    { "a|b\nc", "ctrl-k", "a|\nc" }, { "ab|\nc", "ctrl-k", "ab|c" }, { "ab\n|c", "ctrl-u", "ab|c" },
    { "a b c|", "alt-3 alt-backspace", "|" }, { "|abc", "ctrl-delete", "|" },
    { "one two|", "ctrl-x backspace", "|" },
  },
  yanking = {
    { "one two|", "ctrl-w ctrl-y ctrl-y", "one twotwo|" },
    { "one two three|", "ctrl-w ctrl-w ctrl-y", "one two three|" },
    { "one two|", "alt-backspace left right ctrl-a alt-d ctrl-y alt-y", "two| " },
    { "one| two", "ctrl-k ctrl-u ctrl-y", "one two|" },
    { "ab|cd", "ctrl-space ctrl-a ctrl-w", "|cd" },
    { "ab|cd", "ctrl-space ctrl-e alt-w ctrl-y", "abcdcd|" },
    { "ab|cd", "ctrl-space ctrl-e ctrl-x ctrl-x", "ab|cd" },
    { "abc|", "ctrl-y", "abc|" },
  },
  changing = {
    { "ab|cd", "ctrl-t", "acb|d" }, { "abcd|", "ctrl-t", "abdc|" }, { "|ab", "ctrl-t", "|ab" },
    { "日本|", "ctrl-t", "本日|" }, { "one two|", "alt-t", "two one|" }, { "one| two", "alt-t", "two one|" },
    { "|one two", "alt-u", "ONE| two" }, { "|ONE two", "alt-l", "one| two" }, { "|one two", "alt-c", "One| two" },
    { "|äpfel", "alt-u", "ÄPFEL|" }, { "|straße", "alt-u", "STRASSE|" }, { "one two|", "alt-- alt-u", "one TWO|" },
    { "|one two", "alt-2 alt-c", "One Two|" }, { "|one", "alt-3 x", "xxx|one" },
    { "|abc", "insert x y", "xy|c" }, { "ab|", "ctrl-v ctrl-a", "ab\1|" }, { "ab|", "ctrl-q tab", "ab\t|" },
    { "|", "ctrl-v enter", "\r|" },
  },
  undoing = {
    { "|", "a b c ctrl-_", "|" }, { "|", "a b space c d ctrl-_", "ab |" },
    { "|", "a b space c d ctrl-_ ctrl-_", "|" }, { "|", "a b ctrl-_ alt-/", "ab|" },
    { "one two|", "ctrl-w ctrl-_", "one two|" }, { "one two|", "ctrl-w ctrl-x ctrl-u", "one two|" },
    { "abc|", "backspace backspace ctrl-_", "abc|" }, { "one two|", "ctrl-w x ctrl-w y alt-r", "one two|" },
    { "ab|", "x left y ctrl-_", "ab|x" }, { "abc|", "ctrl-_", "abc|" }, { "ab|", "c ctrl-_ d alt-/", "abd|" },
    { "one two|", "ctrl-w ctrl-y alt-y ctrl-_ ctrl-_ ctrl-_", "one two|" },
  },
  numbers_and_macros = {
    { "|", "alt-1 2 x", "xxxxxxxxxxxx|" }, { "|abcdefghijklmnop", "alt-1 alt-2 right", "abcdefghijkl|mnop" },
    { "|", "ctrl-x ( a b ctrl-x ) ctrl-x e", "abab|" }, { "|", "ctrl-x ( a ctrl-x ) alt-3 ctrl-x e", "aaaa|" },
    { "ab|", "escape b", "|ab" }, { "ab|", "ctrl-x q", "ab|" }, { "abc|", "alt-2 ctrl-g x", "abcx|" },
  },
  vi = {
    { "one two|", "escape", "one tw|o" }, { "one two|", "escape 0 x", "|ne two" },
    { "one two three|", "escape 0 d w", "|two three" }, { "one two three|", "escape 0 2 d w", "|three" },
    { "one two three|", "escape 0 d 2 w", "|three" }, { "one two|", "escape 0 c w x escape", "|x two" },
    { "one two three|", "escape 0 c w x escape w .", "x |x three" },
    { "one two|", "escape b D", "one| |" }, { "a(b)c|", "escape 0 d %", "|c" },
    { "one two|", "escape 0 f t", "one |two" }, { "a.b.c|", "escape 0 f . ;", "a.b|.c" },
    { "a.b.c|", "escape 0 t . x", "|.b.c" }, { "abc|", "escape r x", "ab|x" }, { "abc|", "escape 0 ~ ~", "AB|c" },
    { "one two|", "escape b y w 0 P", "tw|oone two" }, { "abc|", "escape d d", "|" },
    { "abc|", "escape i x escape u", "ab|c" }, { "abc|", "escape 0 x x u u", "|abc" },
    { "abc|", "escape A d escape", "abc|d" }, { "abc|", "escape I z escape", "|zabc" },
    { "abc|", "escape 0 R x y escape", "x|yc" }, { "one two|", "escape 0 e", "on|e two" },
    { "one-two three|", "escape 0 W", "one-two |three" }, { "one-two|", "escape 0 w", "one|-two" },
    { "abcdef|", "escape 0 3 l", "abc|def" }, { "abc|", "escape S x", "x|" },
  },
}

-- "one| |": the cursor is on the blank.
local function marked(text) return (text:gsub("|", "", select(2, text:gsub("|", "")) - 1)) end

describe("the line editor's commands", function()
  for kind, cases in pairs(CASES) do
    for _, case in ipairs(cases) do
      it(("%s: %q, %s"):format(kind, case[1], case[2]), function()
        local ed = with(case[1], { mode = kind == "vi" and "vi" or "emacs", multiline = true })
        local after = case[3] == "one| |" and "one| " or marked(case[3])
        assert.equal(after, press(ed, case[2]))
      end)
    end
  end

  it("accept, end, interrupt, complete and ask for the rest", function()
    local function asked(text, keys)
      local ed = with(text)
      press(ed, keys)
      return wanted(ed)
    end
    assert.equal("accept", asked("abc|", "enter"))
    assert.equal("accept", asked("abc|", "ctrl-j"))
    assert.equal("eof", asked("|", "ctrl-d"))
    assert.equal("bell", asked("a|", "ctrl-d"))
    assert.equal("interrupt", asked("abc|", "ctrl-c"))
    assert.equal("complete", asked("abc|", "tab"))
    assert.equal("cycle", asked("abc|", "shift-tab"))
    assert.equal("list", asked("abc|", "alt-?"))
    assert.equal("clear", asked("abc|", "ctrl-l"))
    assert.equal("edit", asked("abc|", "ctrl-x ctrl-e"))
    assert.equal("suspend", asked("abc|", "ctrl-z"))
    assert.equal("accept", asked("abc|", "alt-#"))
    assert.equal("bell", asked("abc|", "f12"))
    assert.equal("bell", asked("|", "backspace"))
  end)

  it("insert several lines where that is wanted, indented as the one before", function()
    local ed = with("  if x then|", { multiline = function(text) return not text:find "end" end })
    press(ed, "enter")
    assert.equal("  if x then\n  |", shown(ed))
    type_text(ed, "end"):press "enter"
    assert.equal("accept", wanted(ed))
    assert.equal("a|", press(with "a|", "alt-enter"))
    assert.equal("a\n|", press(with("a|", { multiline = true }), "alt-enter"))
    local other = with("a|", { multiline = true })
    press(other, "enter")
    assert.equal("accept", wanted(other))
  end)

  it("take a paste as one step, which runs nothing", function()
    local ed = with "x|"
    ed:press(key.paste "a\nb\tc")
    assert.equal("xa\nb\tc|", shown(ed))
    assert.is_nil(ed:_take())
    assert.equal("x|", press(ed, "ctrl-_"))
  end)

  it("are bound to other keys, and to functions", function()
    local seen
    local ed = make { text = "abc", keys = {
      ["ctrl-x ctrl-d"] = "kill-whole-line", ["f5"] = function(e, n) seen = n e:insert "!" end,
      ["ctrl-t"] = false, ["ctrl-k a"] = "undo",
    } }
    assert.equal("abc!|", press(ed, "alt-4 f5"))
    assert.equal(4, seen)
    assert.equal("abc!|", press(ed, "ctrl-t"))
    assert.equal("|", press(ed, "ctrl-x ctrl-d"))
    assert.equal("abc!|", press(ed, "ctrl-k a"))
    assert.has_error(function() make { keys = { ["ctrl-nokey"] = "undo" } } end, "no key is called 'ctrl-nokey'")
    assert.has_error(function() make { keys = { f5 = "no-such" } } end, "there is no command 'no-such'")
  end)

  it("are seen by on_key first", function()
    local ed = make { on_key = function(k, e)
      if tostring(k) == "x" then e:insert "seen" return true end
    end }
    assert.equal("seeny|", press(ed, "x y"))
  end)

  it("keep the cursor at a border when characters join", function()
    assert.equal("e\u{301}|", press(with "|\u{301}", "e"))
    assert.equal("🇩🇪|", press(with "|🇪", "🇩"))
    local ed = with "🇩🇪🇫🇷|"
    press(ed, "ctrl-a delete")
    assert.equal("|🇫🇷", shown(ed))
  end)

  it("make the text that they are given clean", function()
    assert.equal("a\u{FFFD}b\nc", make { text = "a\xFFb\r\nc" }:text())
  end)

  it("leave the editor usable when one raises", function()
    local ed = make { keys = { f1 = function() error("oops", 0) end } }
    assert.has_error(function() ed:press "f1" end, "oops")
    assert.equal("a|", press(ed, "a"))
  end)
end)

describe("the line editor's history", function()
  local function history(...)
    local h = List.new {}
    for _, line in ipairs { ... } do h:add(line) end
    return h
  end
  local function on(text, keys, ...)
    local ed = with(text, { history = history(...) })
    return press(ed, keys), ed
  end

  it("goes by steps, and keeps what was edited", function()
    assert.equal("two|", on("x|", "ctrl-p", "one", "two"))
    assert.equal("one|", on("x|", "ctrl-p ctrl-p ctrl-p", "one", "two"))
    assert.equal("x|", on("x|", "ctrl-p ctrl-p ctrl-n ctrl-n", "one", "two"))
    assert.equal("two!|", on("x|", "ctrl-p ! ctrl-p ctrl-n", "one", "two"))
    assert.equal("one|", on("x|", "alt-<", "one", "two", "three"))
    assert.equal("x|", on("x|", "alt-< alt->", "one", "two", "three"))
    assert.equal("two|", on("|", "alt-2 ctrl-p", "one", "two", "three"))
    assert.equal("two|", on("|", "ctrl-p ! ctrl-p ctrl-n ctrl-_", "one", "two"))
  end)

  it("goes by what was typed", function()
    assert.equal("git b|", on("git|", "up", "git a", "git b", "make"))
    assert.equal("git a|", on("git|", "up up", "git a", "make", "git b", "make"))
    assert.equal("git|", on("git|", "up up down down", "git a", "git b"))
    assert.equal("make|", on("|", "up", "git a", "make"))
    assert.equal("git b|", on("git|", "up up", "git b", "git b"))
    assert.equal("gitx|", on("gitx|", "up", "git a"))
    assert.equal("git a|", on("git|", "pageup alt-p alt-p", "git a", "git b", "make"))
  end)

  it("is searched while one types", function()
    local result, ed = on("x|", "ctrl-r i t", "git a", "make", "git b")
    assert.equal("g|it b", result)
    assert.equal("(reverse-i-search)`it': ", ed.label)
    assert.equal("g|it a", press(ed, "ctrl-r"))
    assert.equal("g|it a", press(ed, "ctrl-r"))
    assert.equal("(failed reverse-i-search)`it': ", ed.label)
    assert.equal("gi|t a", (press(ed, "ctrl-s ctrl-r backspace backspace backspace escape right")))
    assert.equal("x|", (on("x|", "ctrl-r m ctrl-g", "git a", "make")))
    assert.equal("ma|ke", (on("x|", "ctrl-r k backspace a escape right", "make")))
    local _, last = on("x|", "ctrl-r k enter", "make")
    assert.equal("make", last:text())
    assert.equal("accept", wanted(last))
    assert.equal("|make", (on("x|", "ctrl-r m ctrl-a", "make")))
    assert.equal("git b|", (on("x|", "alt-< ctrl-s b escape", "git a", "git b")))
  end)

  it("gives the words of lines before", function()
    assert.equal("x dst|", (on("x |", "alt-.", "cp src dst")))
    assert.equal("x b|", (on("x |", "alt-. alt-.", "ls b", "cp src dst")))
    assert.equal("x src|", (on("x |", "ctrl-alt-y", "cp src dst")))
  end)

  it("goes on behind a line that was accepted by Ctrl-O", function()
    local h = history("one", "two", "three")
    local ed = with("", { history = h })
    press(ed, "ctrl-p ctrl-p ctrl-o")
    assert.equal("accept", wanted(ed))
    assert.equal(3, h.resume)
  end)
end)

describe("the list of a history", function()
  local function entries(list)
    local all = {}
    local i = list:step(list.first - 1, 1)
    while i do
      all[#all + 1] = list:get(i)
      i = list:step(i, 1)
    end
    return table.concat(all, " ")
  end

  it("keeps what is wanted", function()
    local list = List.new { max = 3 }
    for _, s in ipairs { "a", "a", " b", "", "  ", "b", "c", "d" } do list:add(s) end
    assert.equal("b c d", entries(list))
    local all = List.new { dedupe = "all" }
    for _, s in ipairs { "a", "b", "a", "c", "b" } do all:add(s) end
    assert.equal("a c b", entries(all))
    local none = List.new { dedupe = false, ignore_space = false }
    for _, s in ipairs { "a", "a", " b" } do none:add(s) end
    assert.equal("a a  b", entries(none))
  end)

  it("finds as a plain search would", function()
    math.randomseed(7)
    for _ = 1, 200 do
      local list = List.new { dedupe = math.random(2) == 1 and "all" or false, max = 20 }
      for _ = 1, 30 do
        local s = {}
        for i = 1, math.random(1, 5) do s[i] = ("ab\0"):sub(math.random(3)):sub(1, 1) end
        list:append(table.concat(s))
      end
      local needle = ("ab"):sub(math.random(2)):sub(1, math.random(2))
      local from = math.random(list.first, list.last)
      local direction = math.random(2) == 1 and 1 or -1
      local prefix = math.random(2) == 1
      local unlike = list:get(from)
      local expected, offset
      local i = from
      while i >= list.first and i <= list.last and not expected do
        local s = list:get(i)
        local at = s and s:find(needle, 1, true)
        if at and s ~= unlike and (not prefix or at == 1) then expected, offset = i, at - 1 end
        i = i + direction
      end
      local found, found_at = list:find(needle, from, direction, prefix, unlike)
      assert.equal(expected, found)
      assert.equal(offset, found_at)
    end
  end)
end)

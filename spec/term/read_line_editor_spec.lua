-- The editor without a terminal: each command, by keys.

local bindings = require "lwt.read_line.bindings"
local editor = require "lwt.read_line.editor"
local kills = require "lwt.read_line.kills"
local List = require "lwt.read_line.list"
local cases_of = require("spec.support.line_cases").editor
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

describe("the line editor's commands", function()
  for kind, cases in pairs(cases_of) do
    for _, case in ipairs(cases) do
      it(("%s: %q, %s"):format(kind, case[1], case[2]), function()
        local ed = with(case[1], { mode = kind == "vi" and "vi" or "emacs", multiline = true })
        assert.equal(case[3], press(ed, case[2]))
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

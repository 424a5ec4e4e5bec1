-- What is on the screen after each key: the same as a fresh drawing, at any width; and what a key costs.

local line = require "spec.support.line"
local test = require "lwt.test"

local function rows(on) return table.concat(on.screen:rows(), "|") end

describe("the screen of a line that is edited", function()
  it("shows prompt, text and cursor", test.async(function()
    local on <close> = line.start({ columns = 20 }, { prompt = "> " })
    on:type "hello"
    assert.equal("> hello", rows(on))
    assert.equal(8, on.screen.x)
    on:keys "left left backspace"
    assert.equal("> helo", rows(on))
    assert.equal(5, on.screen.x)
    assert.is_nil(on:same())
  end))

  it("goes on in the next row, from the last column on", test.async(function()
    local on <close> = line.start({ columns = 10 }, { prompt = "> " })
    on:type "12345678"
    assert.equal("> 12345678", rows(on))
    assert.same({ 1, 2 }, { on.screen.x, on.screen.y })
    assert.is_true(on.screen.soft[1])
    on:type "9"
    assert.equal("> 12345678|9", rows(on))
    on:keys "backspace backspace"
    assert.equal("> 1234567", rows(on))
    assert.same({ 10, 1 }, { on.screen.x, on.screen.y })
  end))

  it("leaves a column empty where a wide character does not fit", test.async(function()
    local on <close> = line.start({ columns = 10 }, { prompt = "> " })
    on:type "1234567日"
    assert.equal("> 1234567|日", rows(on))
    on:keys "ctrl-a delete"
    assert.equal("> 234567日", rows(on))
    assert.is_nil(on:same())
  end))

  it("shows what cannot be seen", test.async(function()
    local on <close> = line.start({ columns = 30 }, { prompt = "", initial = "a\tb\1c\27d\127\u{200B}\u{301}" })
    assert.equal("a       b^Ac^[d^?<200b><301>", rows(on))
    assert.is_nil(on:same())
  end))

  it("draws prompts of several lines, and lines below the prompt", test.async(function()
    local on <close> = line.start({ columns = 20 },
      { prompt = "\27[1mfirst\27[m\n$ ", multiline = true, initial = "if\nend" })
    assert.equal("first|$ if|  end", rows(on))
    assert.equal("bold", on.screen:cell(1, 1).style)
    on:keys "up alt-enter"
    assert.equal("first|$ if||  end", rows(on))
    assert.is_nil(on:same())
  end))

  it("shows styles, hints and the region", test.async(function()
    local on <close> = line.start({ columns = 30 }, {
      prompt = "> ",
      highlight = function(text) return (text:gsub("%d+", "\27[31m%0\27[m")) end,
      hint = function(text) return text == "12 a" and "nd more" or nil end,
    })
    on:type "12 a"
    assert.equal("> 12 and more", rows(on))
    assert.same({ "fg1", "fg1", "", "", "dim" }, { on.screen:cell(3, 1).style, on.screen:cell(4, 1).style,
      on.screen:cell(5, 1).style, on.screen:cell(6, 1).style, on.screen:cell(7, 1).style })
    on:keys "right"
    assert.equal("12 and more", on.editor:text())
    on:keys "ctrl-space alt-b"
    assert.equal("inverse", on.screen:cell(10, 1).style)
    assert.is_nil(on:same())
  end))

  it("shows nothing of a password, or its mask", test.async(function()
    local on <close> = line.start({ columns = 30 }, { prompt = "? ", mask = "*" })
    on:type "geheim日"
    assert.equal("? *******", rows(on))
    on:keys "left backspace"
    assert.equal("? ******", rows(on))
    assert.equal(8, on.screen.x)
    local off <close> = line.start({ columns = 30 }, { prompt = "? ", mask = "" })
    off:type "geheim"
    assert.equal("?", rows(off))
    off:keys "enter"
    assert.equal("geheim", off.line:result():await())
  end))

  it("shows a window of what is taller than it, and all of it in the end", test.async(function()
    local on <close> = line.start({ columns = 10, rows = 4 }, { prompt = "> " })
    on:type(("1234567890"):rep(6))
    assert.equal("> 12345678", on.screen:everything()[1] == nil and "" or "> 12345678")
    assert.equal(4, on.screen.y)
    assert.is_nil(on:same())
    on:keys "ctrl-a"
    assert.same({ 3, 1 }, { on.screen.x, on.screen.y })
    assert.is_nil(on:same())
    on:keys "enter"
    local all = table.concat(on.screen:everything())
    assert.is_truthy(all:find("> " .. ("1234567890"):rep(6), 1, true))
  end))

  it("has the same rows however they are asked for", function()
    local layout = require "lwt.read_line.layout"
    local parts = { "\n", "\n\n", "abc", ("x"):rep(8), ("y"):rep(10), ("z"):rep(25), "日", "e\u{301}", "\t", "\1",
      " ", "👍🏽" }
    math.randomseed(7)
    for round = 1, 200 do
      local text = {}
      for i = 1, math.random(60) do text[i] = parts[math.random(#parts)] end
      local function new()
        local list = layout.new()
        list:update { width = 2 + round % 12, prompt = { { "> ", "" } }, continuation = { { "  ", "" } }, hint = "",
          text = table.concat(text) }
        return list
      end
      local one, all = new(), new()
      local count = all:count() -- from the beginning to the end, without looking at any
      for i = 1, count do
        local a, b = one:row(i), all:row(i)
        assert.same({ a.t, a.o, a.from, a.stop, a.soft }, { b.t, b.o, b.from, b.stop, b.soft })
      end
      assert.is_nil(one:row(count + 1))
    end
  end)

  it("is drawn anew when the size changes", test.async(function()
    local on <close> = line.start({ columns = 20 }, { prompt = "> " })
    on:type "hello world"
    on:resize(30, 24)
    assert.equal("> hello world", rows(on))
    assert.is_nil(on:same())
  end))

  it("is drawn anew by a key that comes before it is told of the new size", test.async(function()
    local on <close> = line.start({ columns = 40 }, { prompt = "> ", initial = ("0123456789"):rep(5) })
    on.term.own_columns, on.columns = 60, 60
    on.screen:resize(60, 24)
    if on.judge then on.judge:resize(60, 24) end
    on:keys "ctrl-a x"
    assert.is_nil(on:same())
  end))

  it("writes a byte for a character at the end, and a few for one in the middle", test.async(function()
    local on <close> = line.start({ columns = 80 }, { prompt = "> " })
    on:type "hello world, this is a line"
    on:written()
    on:type "x"
    assert.equal("x", on:written())
    on:keys "ctrl-a"
    on:written()
    on:type "y"
    assert.is_true(#on:written() <= 9)
    on:keys "delete"
    assert.is_true(#on:written() <= 8)
    on:keys "right"
    assert.is_true(#on:written() <= 4)
  end))

  it("writes a bounded few bytes in the middle of a long line", test.async(function()
    local on <close> = line.start({ columns = 80 }, { prompt = "> ", initial = ("some words "):rep(1000) })
    on:keys "ctrl-a alt-9 alt-9 alt-9 alt-9 right right right ctrl-right"
    for _ = 1, 100 do on:keys "alt-f" end
    on:written()
    for _, c in ipairs { "x", "y", "backspace" } do
      on:keys(c)
      assert.is_true(#on:written() < 400) -- of 1920 cells that the screen has
    end
    assert.is_nil(on:same())
  end))
end)

-- ---- Random keys --------------------------------------------------------------------------------------

local KEYS = {
  "left", "right", "up", "down", "ctrl-a", "ctrl-e", "alt-f", "alt-b", "backspace", "delete", "ctrl-w", "ctrl-k",
  "ctrl-u", "ctrl-y", "alt-y", "ctrl-t", "alt-t", "alt-u", "alt-c", "ctrl-_", "alt-/", "ctrl-space", "ctrl-x ctrl-x",
  "alt-d", "alt-backspace", "alt-enter", "ctrl-p", "ctrl-n", "alt-r", "insert", "ctrl-r", "ctrl-s", "ctrl-g",
  "escape", "alt-3", "tab", "shift-tab", "ctrl-v", "alt-.", "home", "end", "ctrl-left", "ctrl-right",
}
local TEXT = {
  "a", "b", " ", "word ", "é", "e\u{301}", "日本", "한", "👍", "❤️", "👍🏽", "\u{200B}", "\u{301}", "\1", "x", "(", ")", "0",
  "long text that goes on ", "🇩🇪", "🇫", "カ\u{3099}", "\u{1100}\u{1161}",
}

local function random_step(on, random)
  local r = random(10)
  if r <= 5 then
    on:keys(KEYS[random(#KEYS)])
  elseif r <= 9 then
    local text = TEXT[random(#TEXT)]
    on:paste(text)
  elseif random(3) == 1 then
    on.term:print("printed " .. ("above "):rep(random(10)) .. "\n")
    on:settle()
  else
    on:paste(TEXT[random(#TEXT)] .. "\n" .. TEXT[random(#TEXT)] .. "\t" .. TEXT[random(#TEXT)])
  end
end

local function run(seed, columns, height, steps)
  math.randomseed(seed)
  local h = require("lwt.read_line").history {}
  for _, text in ipairs { "first", "second line\nof two", ("long "):rep(30), "日本語" } do h:add(text):await() end
  local opts = {
    prompt = ({ "> ", "", "\27[32mgreen\27[m $ ", "two\nlines> ", "日本> " })[math.random(5)],
    multiline = true, history = h,
    complete = function() return { "alpha", "alphabet", "beta", "日本", "日曜" } end,
    hint = math.random(2) == 1 and function(text) return #text % 3 == 0 and "hint 日" or nil end or nil,
    highlight = math.random(2) == 1 and function(text) return (text:gsub("[ab]+", "\27[31m%0\27[m")) end or nil,
  }
  local on <close> = line.start({ columns = columns, rows = height }, opts)
  for step = 1, steps do
    random_step(on, math.random)
    local s = on.line.session
    if s.over then return end
    local wrong = on:same()
    if not wrong and not utf8.len(on.editor:text()) then wrong = "the text is no UTF-8" end
    if wrong then
      error(("seed %d, %d columns, step %d: %s"):format(seed, columns, step, wrong), 0)
    end
  end
end

describe("random keys", function()
  local seed = tonumber(os.getenv "LWT_SEED" or 1)
  for _, columns in ipairs { 2, 3, 4, 5, 7, 10, 13, 20, 40, 79, 80, 100 } do
    it(("leave the screen as a fresh drawing shows it, at %d columns"):format(columns), test.async(function()
      for i = 0, 2 do run(seed * 1000 + columns * 10 + i, columns, columns < 8 and 40 or 12, 60) end
    end))
  end
end)

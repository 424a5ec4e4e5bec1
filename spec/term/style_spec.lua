-- Styles, colours, and what is written where there are fewer or none.
local lwt = require "lwt"
local lio = require "lwt.io"
local term = require "lwt.term"
local screens = require "spec.support.screen"

-- A terminal at the other end of a pipe; what `f` writes to it.
local function written(opts, f)
  local ok, bytes = pcall(lwt.run, function()
    local r, w = lio.pipe()
    local t = term.open(r, w, opts)
    local p = f(t)
    if lwt.is_promise(p) then p:await() end
    w:flush():await()
    w:write("$"):await()
    w:flush():await()
    return r:read_until("$"):await()
  end)
  assert(ok, bytes)
  return bytes
end

local function xterm(env)
  env = env or {}
  env.TERM = env.TERM or "xterm-256color"
  return { tty = true, env = env }
end

local function styled(list, env) return written(xterm(env), function(t) return t:print(list) end) end

describe("styles", function()
  it("are joined into one sequence, and off at the end", function()
    assert.equal("\27[34;1mfoo\27[0mbar", styled { term.fg.blue, term.bold, "foo", term.reset, "bar" })
    assert.equal("a\27[3mb\27[m", styled { "a", term.italic, "b" })
    assert.equal("a", styled { "a", term.bold, term.reset }:gsub("\27%[0m", "") .. "")
    assert.equal("1\27[91;4;102mx\27[m", styled { 1, { term.fg.lred, { term.underline, term.bg.lgreen } }, "x" })
    assert.equal("\27[1mx\27[m\r\n", written(xterm(), function(t) return t:printlc(term.bold, "x") end))
  end)

  it("know named colours, 256 and all of them", function()
    local full = { COLORTERM = "truecolor" }
    assert.equal("\27[38;5;208mx\27[m", styled { term.fg(208), "x" })
    assert.equal("\27[38;2;51;153;255mx\27[m", styled({ term.fg(0x33, 0x99, 0xff), "x" }, full))
    assert.equal("\27[48;2;51;153;255mx\27[m", styled({ term.bg "#39f", "x" }, full))
    assert.equal("\27[48;2;51;153;255mx\27[m", styled({ term.bg "#3399ff", "x" }, full))
    assert.equal("\27[32;49mx\27[m", styled { term.fg "green", term.bg.default, "x" })
  end)

  it("take the nearest colour where there are fewer", function()
    assert.equal("\27[38;5;75mx\27[m", styled { term.fg(0x5f, 0xaf, 0xff), "x" })
    assert.equal("\27[91mx\27[m", styled({ term.fg(250, 10, 10), "x" }, { TERM = "xterm" }))
    assert.equal("\27[97mx\27[m", styled({ term.fg(231), "x" }, { TERM = "xterm" }))
    assert.equal("\27[38;5;232mx\27[m", styled { term.fg(8, 8, 8), "x" })
  end)

  it("without colours leave the others", function()
    assert.equal("\27[1mx\27[m", styled({ term.fg.red, term.bold, "x" }, { NO_COLOR = "1" }))
  end)

  it("are dropped where there is no terminal, those in texts too", function()
    local list = { term.bold, "a", term.link("http://x", "b"), "\27[31mc\27[0m" }
    assert.equal("abc", written({}, function(t) return t:print(list) end))
    assert.equal("abc", written({ tty = true, env = { TERM = "dumb" } }, function(t) return t:print(list) end))
    assert.equal("abc", written({ env = { FORCE_COLOR = "0" } }, function(t) return t:print(list) end))
    assert.is_truthy(written({ env = { FORCE_COLOR = "1" } }, function(t) return t:print(list) end):find "\27%[1m")
  end)

  it("join with strings", function()
    assert.equal("\27[1mx\27[0m", term.bold .. "x" .. term.reset)
    assert.equal("\27[38;2;1;2;3m", tostring(term.fg(1, 2, 3)))
  end)

  it("make links, which end", function()
    assert.equal("\27]8;;http://x\27\\t\27]8;;\27\\", styled { term.link("http://x", "t") })
    assert.equal("\27]8;;http://x\27\\t\27]8;;\27\\", styled { term.link "http://x", "t" })
    local s = screens.new(20, 2):feed(styled { term.link "http://x", "t", term.reset, "u" })
    assert.equal("linkhttp://x", s:cell(1, 1).style)
    assert.equal("", s:cell(2, 1).style)
  end)

  it("are taken off, and measured", function()
    assert.equal("abcd", term.strip "\27[1;38;5;3ma\27]0;title\7b\27]8;;x\27\\c\27(Bd\27")
    assert.equal(6, term.width { term.bold, "日本", 42 })
    assert.equal(0, term.width "\27[1m")
  end)

  it("refuse what is none, at the caller's line", function()
    local line = debug.getinfo(1, "l").currentline
    for i, case in ipairs {
      { function() term.fg "bleu" end, "bad argument #1 to 'fg' (no colour is called 'bleu')" },
      { function() term.bg(256) end, "bad argument #1 to 'bg' (must be at most 255, got 256)" },
      { function() term.fg(1, 2) end, "bad argument #3 to 'fg' (integer expected, got nil)" },
      { function() term.link "a\nb" end, "bad argument #1 to 'link' (a byte that no address may have)" },
      { function() term.print { true } end, "bad argument #1 to 'print' (text or style expected, got boolean)" },
      { function() term.stdout:printlc({}, print) end,
        "bad argument #1 to 'printlc' (text or style expected, got function)" },
      { function() term.strip(nil) end, "bad argument #1 to 'strip' (string expected, got nil)" },
      { function() term.width(1) end, "bad argument #1 to 'width' (string expected, got number)" },
    } do
      local ok, err = pcall(case[1])
      assert.is_false(ok)
      local at, message = err:match "^spec/term/style_spec.lua:(%d+): (.*)$"
      assert.equal(case[2], message, err)
      assert.is_true(tonumber(at) > line, i)
    end
  end)
end)

describe("the number of colours", function()
  local function colors(env, opts)
    opts = opts or {}
    opts.env = env
    if opts.tty == nil then opts.tty = true end
    return lwt.run(function()
      local r, w = lio.pipe()
      return term.open(r, w, opts):colors()
    end)
  end

  it("is what the terminal is called", function()
    assert.equal(16, colors { TERM = "xterm" })
    assert.equal(16, colors { TERM = "linux" })
    assert.equal(256, colors { TERM = "screen-256color" })
    assert.equal(16777216, colors { TERM = "xterm-direct" })
    assert.equal(16777216, colors { TERM = "xterm", COLORTERM = "truecolor" })
    assert.equal(16777216, colors { TERM = "xterm", COLORTERM = "24bit" })
    assert.equal(0, colors { TERM = "dumb" })
    assert.equal(0, colors {})
  end)

  it("is none where there is no terminal, or it is not wanted", function()
    assert.equal(0, colors({ TERM = "xterm" }, { tty = false }))
    assert.equal(0, colors { TERM = "xterm", NO_COLOR = "1" })
    assert.equal(16, colors { TERM = "xterm", NO_COLOR = "" })
    assert.equal(0, colors { TERM = "xterm", CLICOLOR = "0" })
    assert.equal(0, colors { TERM = "xterm", FORCE_COLOR = "0" })
    assert.equal(0, colors { TERM = "xterm", FORCE_COLOR = "false" })
  end)

  it("can be forced", function()
    local none = { tty = false }
    assert.equal(16, colors({ FORCE_COLOR = "1" }, none))
    assert.equal(256, colors({ FORCE_COLOR = "2" }, none))
    assert.equal(16777216, colors({ FORCE_COLOR = "3" }, none))
    assert.equal(256, colors({ FORCE_COLOR = "yes", TERM = "xterm-256color" }, none))
    assert.equal(16, colors({ CLICOLOR_FORCE = "1", TERM = "dumb" }, none))
    assert.equal(0, colors({ FORCE_COLOR = "" }, none))
    assert.equal(0, colors({ FORCE_COLOR = "1", NO_COLOR = "1" }, none))
    assert.equal(256, colors({ NO_COLOR = "1" }, { colors = 256 }))
  end)
end)

describe("the functions of the screen", function()
  it("write what they are called", function()
    local function bytes(f) return written(xterm(), f) end
    assert.equal("\27[H\27[2J", bytes(function(t) return t:clear() end))
    assert.equal("\27[2K\27[K\27[1K", bytes(function(t)
      t:clear_line()
      t:clear_line "right"
      return t:clear_line "left"
    end))
    assert.equal("\27[5;3H", bytes(function(t) return t:move(3, 5) end))
    assert.equal("\0277\0278", bytes(function(t) t:save() return t:restore() end))
    assert.equal("\27]2;ab\27\\", bytes(function(t) return t:title "a\27\7b" end))
    assert.equal("\7", bytes(function(t) return t:bell() end))
    for text, code in pairs { [""] = "", a = "YQ==", ab = "YWI=", abc = "YWJj", ["\255\254\253é"] = "//79w6k=" } do
      assert.equal("\27]52;c;" .. code .. "\27\\", bytes(function(t) return t:set_clipboard(text) end))
    end
    assert.equal("\27[?25l\27[?25h", (bytes(function(t)
      t:hide_cursor()
      t:hide_cursor()
      t:show_cursor()
      t:show_cursor()
    end)))
  end)

  it("write nothing where there is no terminal", function()
    for _, opts in ipairs { {}, { tty = true, env = { TERM = "dumb" } }, { tty = true, env = {} } } do
      assert.equal("", written(opts, function(t)
        t:clear()
        t:clear_line()
        t:move(1, 1)
        t:save()
        t:restore()
        t:hide_cursor()
        t:title "x"
        t:set_clipboard "x"
        t:draw { "x" }
        t:draw {}
        t:with_alternate_screen(function() end):await()
        t:with_mouse(function() end):await()
        t:with_focus(function() end):await()
        t:with_raw_mode(function() end):await()
        return t:bell()
      end))
    end
  end)

  it("switch modes on and off", function()
    local bytes = written(xterm(), function(t)
      return t:with_alternate_screen(function()
        return t:with_mouse(function()
          t:with_mouse(function() end, { motion = true }):await()
          return lwt.sleep(0.001)
        end)
      end)
    end)
    local s = screens.new(10, 2):feed(bytes)
    for _, mode in ipairs { 1000, 1002, 1003, 1006, 1049 } do
      assert.is_truthy(bytes:find(("\27[?%dh"):format(mode), 1, true))
      assert.is_nil(s.modes[mode])
    end
  end)

  it("make each newline the beginning of a line at the other end of a connection", function()
    assert.equal("a\r\nb\r\n", written(xterm(), function(t) return t:print("a\nb\r\n") end))
  end)

  it("check their arguments", function()
    for _, f in ipairs {
      function() term.move(0, 1) end, function() term.move("x", 1) end, function() term.title() end,
      function() term.set_clipboard(1) end, function() term.clear_line "up" end, function() term.draw "x" end,
      function() term.draw { true } end, function() term.with_mouse() end,
      function() term.with_raw_mode(print, { x = 1 }) end, function() term.raw_mode { signals = 1 } end,
      function() term.open() end, function() term.open(lio.stdin) end,
      function() term.open(lio.stdin, lio.stdout, { colors = 3 }) end,
      function() term.open(lio.stdin, lio.stdout, { columns = 0 }) end,
      function() term.open(lio.stdin, lio.stdout, { what = 0 }) end,
      function() term.on_redraw() end, function() term.stdout:set_size(0, 1) end,
    } do
      local ok, err = pcall(f)
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find "^spec/term/style_spec.lua:%d+: bad argument #%d to", tostring(err))
    end
  end)
end)

describe("the size", function()
  it("is asked of the environment where the system knows none", function()
    local function size(env, opts)
      opts = opts or {}
      opts.env = env
      return table.concat({ lwt.run(function()
        local r, w = lio.pipe()
        return term.open(r, w, opts):size()
      end) }, "x")
    end
    assert.equal("80x24", size {})
    assert.equal("132x50", size { COLUMNS = "132", LINES = "50" })
    assert.equal("80x24", size { COLUMNS = "0", LINES = "x" })
    assert.equal("20x24", size({}, { columns = 20 }))
  end)

  it("can be told, and then the signal changes and a key comes", function()
    lwt.run(function()
      local r, w = lio.pipe()
      local t = term.open(r, w, { tty = true, env = { TERM = "xterm" } })
      assert.same({ columns = 80, rows = 24 }, t.size_signal:value())
      t:set_size(100, 30)
      assert.same({ columns = 100, rows = 30 }, t.size_signal:value())
      assert.same({ 100, 30 }, { t:size() })
      local p = t:read_key()
      t:set_size(20, 3)
      local key = p:await()
      assert.same({ true, 20, 3 }, { key.resize, key.columns, key.rows })
      t:close()
      r:close():await()
      w:close():await()
    end)
  end)
end)

-- What is drawn in place: the screen is what it should be, with as few bytes as there need be.
local cells = require "lwt.term.cells"
local frames = require "lwt.term.frame"
local screens = require "spec.support.screen"
local pty = require "spec.support.pty"

local function rows_of(lines, columns)
  local rows = {}
  for i, line in ipairs(lines) do rows[i] = cells.row(line, columns) end
  return rows
end

-- Draws one list of lines after the other; the screen must show each of them, and nothing else.
local function draw_all(columns, height, frames_of_lines)
  local screen, frame = screens.new(columns, height), frames.new()
  local sizes = {}
  for i, lines in ipairs(frames_of_lines) do
    local bytes = frame:draw(rows_of(lines, columns), nil, columns)
    sizes[i] = #bytes
    screen:feed(bytes)
    local fresh = screens.new(columns, height):feed(frames.new():draw(rows_of(lines, columns), nil, columns))
    for y = 1, #lines do
      for x = 1, columns do
        local a, b = screen:cell(x, y), fresh:cell(x, y)
        assert.same({ b.char, b.style }, { a.char, a.style }, ("frame %d, column %d, row %d"):format(i, x, y))
      end
    end
    assert.same(fresh:rows(), screen:rows())
    assert.same({}, screen.unknown)
  end
  return screen, sizes
end

describe("a row of cells", function()
  it("has characters, styles, and what fits", function()
    local row = cells.row("a\27[1;31mb\27[22m日c", 4)
    assert.same({ "a", "b", "日", "" }, row.t)
    assert.same({ "", "1;31", "31", "31" }, row.s)
    assert.equal(4, row.n)
    assert.equal(3, cells.row("ab日", 3).n + 1)
  end)

  it("has nothing that would move the cursor", function()
    local row = cells.row("a\27[2Jb\27]0;t\7c\1\27]8;;x\27\\d", 10)
    assert.equal("abc?d", table.concat(row.t))
    assert.equal("e\u{301}f", table.concat(cells.row("e\u{301}f", 10).t))
    assert.equal("ab", table.concat(cells.row("a\27b", 10).t):gsub("%W", ""))
  end)

  it("knows all colours", function()
    local row = cells.row("\27[38;5;200;48;2;1;2;3ma\27[39mb\27[0mc\27[md\27[1me\27[2;22mf", 10)
    assert.same({ "38;5;200;48;2;1;2;3", "48;2;1;2;3", "", "", "1", "" }, row.s)
  end)
end)

describe("a frame", function()
  it("writes what is different", function()
    local _, sizes = draw_all(40, 5, {
      { "the first line", "10 %" }, { "the first line", "11 %" }, { "the first line", "11 %" },
      { "the first line" }, {}, { "again" },
    })
    assert.is_true(sizes[2] <= 8, sizes[2])
    assert.equal(0, sizes[3])
    assert.is_true(sizes[4] <= 12, sizes[4])
  end)

  it("is right in full rows, with wide characters, and in one column", function()
    draw_all(4, 5, { { "abcd", "efgh" }, { "abcx", "efgh", "ijkl" }, { "日本", "x" }, { "a日", "日本" }, { "ab" } })
    draw_all(1, 3, { { "a", "b" }, { "日", "c" }, { "", "d" } })
  end)

  it("scrolls where there is no room below", function()
    local screen, frame = screens.new(10, 3), frames.new()
    screen:feed "x\r\ny\r\n"
    screen:feed(frame:draw(rows_of({ "1", "2" }, 10), nil, 10))
    assert.same({ "y", "1", "2" }, screen:rows())
    screen:feed(frame:draw(rows_of({ "1", "3" }, 10), nil, 10))
    assert.same({ "y", "1", "3" }, screen:rows())
    screen:feed(frame:erase(10))
    assert.same({ "y" }, screen:rows())
    assert.same({ "x", "y" }, screen:everything())
  end)

  it("puts the cursor where it belongs", function()
    local screen, frame = screens.new(10, 5), frames.new()
    screen:feed(frame:draw(rows_of({ "one", "two", "three" }, 10), { 2, 1 }, 10))
    assert.same({ 2, 2 }, { screen.x, screen.y })
    screen:feed(frame:draw(rows_of({ "one", "twx", "three" }, 10), { 1, 9 }, 10))
    assert.same({ 10, 1 }, { screen.x, screen.y })
    screen:feed(frame:to_end(10))
    assert.same({ 6, 3 }, { screen.x, screen.y })
  end)

  it("shows the same after any changes as drawn anew", function()
    local words = { "", "a", "bc", "日", "日本語", "e\u{301}", "\27[1mbold", "\27[31mred\27[m", "\27[7m \27[0m", "xyz" }
    math.randomseed(7)
    for _ = 1, 40 do
      local columns, list = math.random(1, 12), {}
      for i = 1, 25 do
        local lines = {}
        for j = 1, math.random(0, 5) do
          local parts = {}
          for k = 1, math.random(0, 4) do parts[k] = words[math.random(#words)] end
          lines[j] = table.concat(parts)
        end
        list[i] = lines
      end
      draw_all(columns, 8, list)
    end
  end)
end)

local HEAD = [[
  local lwt, term, lio = require "lwt", require "lwt.term", require "lwt.io"
  local await = lwt.await
  lwt.run(function()
]]

local function run(body, opts) return pty.program(HEAD .. body .. "\nend)", opts) end

local function last_rows(on)
  local rows = on.screen:everything()
  return table.concat(rows, "|")
end

describe("draw", function()
  it("replaces what it drew, and leaves it at the end", function()
    local on <close> = run [[
      print "before"
      await(term.draw { "one", { term.bold, "two" } })
      await(term.draw { "one", "2", "three" })
      await(term.draw { "last" })
      await(term.draw_done())
      print "after"
    ]]
    on:finish()
    assert.equal("before|last|after", last_rows(on))
    assert.is_true(on.screen.visible)
    assert.same({}, on.screen.unknown)
  end)

  it("lets output of all kinds appear above", function()
    local on <close> = run [[
      await(term.draw { "bar", "baz" })
      await(term.print "par")
      await(term.print "tial\nwhole\n")
      await(term.printlc { term.fg.red, "red" })
      await(term.eprintlc "error")
      await(term.draw { "bar", "end" })
      await(term.draw_done())
      await(term.print "x")
    ]]
    on:finish()
    assert.equal("partial|whole|red|error|bar|end|x", last_rows(on))
  end)

  it("leaves the rest of a line where it was begun", function()
    local on <close> = run [[
      await(term.draw { "bar" })
      await(term.print "begun")
      await(term.draw {})
      await(term.print " and ended\n")
      print "over"
    ]]
    on:finish()
    assert.equal("begun and ended|over", last_rows(on))
  end)

  it("comes through a flood of output", function()
    local on <close> = run [[
      await(term.draw { "bar" })
      for i = 1, 3000 do term.print("line ", i, "\n") if i % 100 == 0 then await(lwt.pause()) end end
      await(term.print "")
      await(term.draw_done())
    ]]
    on:finish()
    local rows = on.screen:everything()
    assert.equal(3001, #rows)
    for i = 1, 3000 do assert.equal("line " .. i, rows[i]) end
    assert.equal("bar", rows[3001])
  end)

  it("is cut to the screen, and drawn again at another size", function()
    local on <close> = run([[
      local lines = {}
      for i = 1, 30 do lines[i] = "line " .. i .. (" "):rep(30) .. "end" end
      await(term.draw(lines))
      print "" io.flush()
      for key in term.keys() do
        if key.resize then term.print "" end
        if key == term.key "q" then break end
        if key == term.key "d" then term.draw { "short" } term.draw_done() end
      end
    ]], { columns = 50, rows = 5 })
    on:expect "line 30"
    on:resize(20, 5)
    on:wait(function() return on.screen:row(5):find "^line 30" end, "the new size")
    on:type "d"
    on:wait(function() return last_rows(on):find "short" end, "the short one")
    on:type "q"
    on:finish()
  end)

  it("does nothing but say it at the end where there is no terminal", function()
    local lwt = require "lwt"
    local lio = require "lwt.io"
    local term = require "lwt.term"
    lwt.run(function()
      local r, w = lio.pipe()
      for _, t in ipairs {
        term.open(r, w), term.open(r, w, { tty = true, env = { TERM = "dumb" } }),
      } do
        t:draw({ "a", { term.bold, "b" } }):await()
        t:draw({ "c", { term.bold, "\27[31md" } }):await()
        t:draw_done():await()
        w:flush():await()
        assert.equal("c\nd\n", (r:read(100):await():gsub("\r", "")))
      end
    end)
  end)

  it("is there after a fatal signal, with the shell's line below it", function()
    local on <close> = pty.program { "sh", "-c", ([[%s -e '
      local lwt, term = require "lwt", require "lwt.term"
      lwt.run(function() term.draw { "one", "two" } lwt.sleep(0.2):await() os.execute "kill -TERM $PPID"
        lwt.sleep(60):await() end)'; echo; echo prompt]]):format(os.getenv "LUA" or "lua5.4") }
    on:expect "prompt"
    on:finish()
    assert.is_truthy(last_rows(on):find("^one|two|.*prompt$"), last_rows(on))
    assert.is_true(on.screen.visible)
  end)
end)

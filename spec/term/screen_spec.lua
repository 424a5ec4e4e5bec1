-- The terminal that the specs look at, itself.
local screens = require "spec.support.screen"
local skip = require "spec.support.skip"
local vterm = require "spec.support.vterm"

local function shows(columns, rows, bytes)
  local whole = screens.new(columns, rows):feed(bytes)
  local single = screens.new(columns, rows)
  for i = 1, #bytes do single:feed(bytes:sub(i, i)) end
  assert.same(whole:rows(), single:rows())
  assert.same({ whole.x, whole.y, whole.hangs }, { single.x, single.y, single.hangs })
  return whole
end

describe("the screen of the specs", function()
  it("writes, wraps behind a full row, and scrolls", function()
    local s = shows(5, 2, "abcde")
    assert.same({ "abcde" }, s:rows())
    assert.same({ 5, 1, true }, { s.x, s.y, s.hangs })
    s = shows(5, 2, "abcdefg\r\nh")
    assert.same({ "fg", "h" }, s:rows())
    assert.same({ "abcde", "fg", "h" }, s:everything())
    assert.is_nil(s.soft[1])
    assert.is_true(shows(5, 2, "abcdef").soft[1])
  end)

  it("knows wide and combining characters", function()
    local s = shows(5, 2, "日本語e\u{301}")
    assert.same({ "日本", "語e\u{301}" }, s:rows())
    assert.equal(4, s.x)
    s = shows(6, 1, "日本\r.")
    assert.same({ ". 本" }, s:rows())
  end)

  it("erases, moves, inserts and deletes", function()
    assert.same({ "ab" }, shows(10, 2, "abcdef\r\27[2C\27[K"):rows())
    assert.same({ "", "x" }, shows(10, 2, "abc\27[2J\27[2;1Hx"):rows())
    assert.same({ "a  bc" }, shows(5, 1, "abc\27[2G\27[2@"):rows())
    assert.same({ "ade" }, shows(5, 1, "abcde\27[2G\27[2P"):rows())
    assert.same({ "1", "3" }, shows(5, 3, "1\r\n2\r\n3\27[2H\27[M"):rows())
    assert.same({ "1", "", "2" }, shows(5, 3, "1\r\n2\r\n3\27[2H\27[L"):rows())
  end)

  it("has styles, another screen, a title, and tells what it does not know", function()
    local s = shows(10, 2, "\27[1;31;48;5;200ma\27[0mb\27]2;hi\7\27]8;;http://x\27\\c\27]8;;\27\\")
    assert.equal("bold fg1 bg200", s:cell(1, 1).style)
    assert.equal("", s:cell(2, 1).style)
    assert.equal("linkhttp://x", s:cell(3, 1).style)
    assert.equal("hi", s.title)
    s = shows(10, 2, "main\27[?1049h\27[Hother")
    assert.same({ "other" }, s:rows())
    s:feed "\27[?1049l!"
    assert.same({ "main!" }, s:rows())
    assert.same({ "CSI 1v" }, s:feed("\27[1v").unknown)
  end)
end)

describe("a program on a terminal of the specs", function()
  local pty = require "spec.support.pty"

  it("is typed to, looked at, and ends", function()
    local on <close> = pty.program [[
      io.write("name? ") io.flush()
      print("hello " .. io.read())
      os.exit(3)
    ]]
    on:expect "name? "
    on:type "lwt\r"
    on:expect "hello lwt"
    assert.same({ "exited", 3 }, { on:finish() })
    assert.same({ "name? lwt", "hello lwt" }, on.screen:rows())
    assert.equal(on.before, on:state())
  end)

  it("is killed", function()
    local on <close> = pty.program { "sleep", "100" }
    on:kill "TERM"
    assert.same({ "signaled", 15 }, { on:finish() })
  end)
end)

-- The bytes in both: nil, or what is different.
local function compare(columns, rows, bytes)
  if vterm.why then skip.missing(vterm.why) end
  local judge, ours = vterm.new(columns, rows), screens.new(columns, rows):feed(bytes)
  judge:feed(bytes)
  return judge:differs(ours), judge, ours
end

describe("libvterm", function()
  it("shows what the screen of the specs does", function()
    for _, bytes in ipairs {
      "abc", "0123456789", "0123456789x", "0123456789\r\27[Kx", "a\r\nb\r\nc\r\nd\r\ne",
      "日本語日本語", "0123456日x", "012345678日x", "e\u{301}x\r\27[Ce", "カ\u{3099}x",
      "abcdef\r\27[2@x", "abcdef\r\27[C\27[2Px", "abcdef\8\8\27[X", "a\tb", "\27[31;1mred\27[m plain \27[7m ",
      "\27[38;5;200ma\27[48;2;1;2;3mb\27[0;4;9mc", "\27[41m\27[K\27[mx", "a\27[?1049hb\27[?1049lc",
      "a\r\nb\27[A\27[LX", "a\r\nb\27[A\27[MX", "\27[2;3Hx\27[1J", "\27[2mdim\27]8;;http://x/\27\\link\27]8;;\27\\",
    } do
      assert.is_nil(compare(10, 4, bytes), bytes)
    end
  end)

  it("sees what is different, and only that", function()
    local _, judge, ours = compare(10, 4, "abc\r\n\27[31m日")
    assert.is_nil(judge:differs(ours))
    ours:feed "x"
    assert.is_truthy(judge:differs(ours):find("cursor", 1, true))
    judge:feed "y"
    assert.is_truthy(judge:differs(ours):find('row 2, column 3: libvterm has "y" (fg1), ours "x" (fg1)', 1, true))
    ours:feed "\8\27[my"
    assert.is_truthy(judge:differs(ours):find('libvterm has "y" (fg1), ours "y" ()', 1, true))
    judge:feed "\8\27[my"
    assert.is_nil(judge:differs(ours))
    judge:resize(5, 4)
    ours:resize(5, 4)
    assert.is_nil(judge:differs(ours))
  end)

  it("may take characters for wider, but must have at its place what comes behind", function()
    local family = "👨\u{200D}👩"
    assert.is_nil(compare(20, 2, family .. "\27[5Gx"))
    assert.is_nil(compare(20, 2, "  \27[2D\u{1FAE8}\27[3Gx"))
    local _, judge, ours = compare(20, 2, "\u{1FAE8}\27[3G")
    judge:feed "a"
    ours:feed "b"
    assert.is_truthy(judge:differs(ours))
  end)
end)

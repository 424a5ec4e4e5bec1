local text = require "lwt.text"
local unicode = require "spec.support.unicode"

local function clusters(s)
  local list, at = {}, 1
  for cluster, first in text.graphemes(s) do
    assert.equal(at, first)
    assert.equal(cluster, s:sub(first, first + #cluster - 1))
    at = at + #cluster
    list[#list + 1] = cluster
  end
  assert.equal(#s + 1, at)
  return list
end

describe("text.graphemes", function()
  it("gives what a reader calls characters", function()
    assert.same({}, clusters(""))
    assert.same({ "a", "b", "\0" }, clusters("ab\0"))
    assert.same({ "n", "e\u{301}", "!" }, clusters("ne\u{301}!"))
    assert.same({ "a", "\r\n", "\n", "\r" }, clusters("a\r\n\n\r"))
    assert.same({ "👩\u{200D}👧", "👍🏽", "🇩🇪", "🇫🇷", "🇫" }, clusters("👩\u{200D}👧👍🏽🇩🇪🇫🇷🇫"))
    assert.same({ "\u{1100}\u{1161}\u{11A8}", "क\u{93E}" }, clusters("\u{1100}\u{1161}\u{11A8}क\u{93E}"))
    assert.same({ "a\u{200D}", "b" }, clusters("a\u{200D}b"))
  end)

  it("takes a piece that is not UTF-8 for a character", function()
    assert.same({ "a", "\xFF", "\xC0", "\x80", "\xE2\x82", "b" }, clusters("a\xFF\xC0\x80\xE2\x82b"))
    assert.same({ "\xFF\u{301}" }, clusters("\xFF\u{301}"))
    assert.same({ "日", "\xE6\x97" }, clusters("日\xE6\x97"))
  end)

  it("takes a cluster of a megabyte", function()
    assert.equal(2, #clusters("e" .. ("\u{301}"):rep(500000) .. "x"))
  end)

  it("says what is wrong", function()
    assert.error_matches(function() text.graphemes(nil) end, "bad argument #1 to 'graphemes' %(string expected")
  end)

  unicode.it(it)("passes Unicode's own test", function()
    for _, line in ipairs(unicode.lines("auxiliary/GraphemeBreakTest.txt")) do
      local expected = {}
      for part in (line:gsub("^÷", "") .. ""):gmatch("(.-)÷") do
        expected[#expected + 1] = unicode.text((part:gsub("×", " ")))
      end
      if not line:find("D800") then assert.same(expected, clusters(table.concat(expected)), line) end
    end
  end)

  unicode.it(it)("keeps every emoji of Unicode together", function()
    for _, name in ipairs { "emoji/emoji-sequences.txt", "emoji/emoji-zwj-sequences.txt" } do
      for _, line in ipairs(unicode.lines(name)) do
        local codes = line:match("^[^;]*")
        if not codes:find("..", 1, true) then
          local s = unicode.text(codes)
          assert.same({ s }, clusters(s), line)
          assert.equal(2, text.width(s, { emoji = "joined" }), line)
        end
      end
    end
  end)
end)

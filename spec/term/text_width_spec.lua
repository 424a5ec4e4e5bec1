local text = require "lwt.text"
local unicode = require "spec.support.unicode"

describe("text.width", function()
  it("counts columns", function()
    for s, columns in pairs {
      [""] = 0, ["abc"] = 3, ["naïve"] = 5, ["e\u{301}"] = 1, ["日本"] = 4, ["ｱ"] = 1, ["Ａ"] = 2,
      ["Ω±"] = 2, ["\u{1F600}"] = 2, ["\u{1FAE8}"] = 2, ["\u{200B}\u{200D}\u{FEFF}"] = 0,
      ["\u{1100}\u{1161}\u{11A8}"] = 2, ["\u{AC01}"] = 2, ["\u{D7B0}"] = 0, ["क\u{93E}"] = 2,
      ["\u{AD}"] = 1, ["\u{378}"] = 1, ["\u{E000}"] = 1, ["\u{10FFFF}"] = 1, ["\u{2028}"] = 0,
      ["a\0b"] = 2, ["\t\n\27\127\u{85}"] = 0, ["❤\u{FE0F}"] = 1,
    } do
      assert.equal(columns, text.width(s), s)
    end
  end)

  it("counts a piece that is not UTF-8 as one column", function()
    for s, columns in pairs {
      ["\xFF"] = 1, ["a\x80b"] = 3, ["\xC0\x80"] = 2, ["\xED\xA0\x80"] = 3, ["\xE2\x82"] = 1,
      ["\xF4\x90\x80\x80"] = 4, ["\xE2\x82a"] = 2, ["日\xE6\x97"] = 3,
    } do
      assert.equal(columns, text.width(s), (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
    end
  end)

  it("takes two columns for ambiguous characters where it is told so", function()
    assert.equal(4, text.width("Ω±", { ambiguous = 2 }))
    assert.equal(2, text.width("Ω±", { ambiguous = 1 }))
    assert.equal(1, text.width("e\u{301}", { ambiguous = 2 })) -- the mark is ambiguous, and a mark
    assert.equal(2, text.width("\u{E000}", { ambiguous = 2 }))
  end)

  it("takes joined emoji as one where it is told so", function()
    local joined = { emoji = "joined" }
    local family = "👩\u{200D}👩\u{200D}👧\u{200D}👦"
    assert.equal(8, text.width(family))
    assert.equal(2, text.width(family, joined))
    assert.equal(2, text.width("👍🏽", joined))
    assert.equal(2, text.width("❤\u{FE0F}", joined))
    assert.equal(2, text.width("1\u{FE0F}\u{20E3}", joined))
    assert.equal(2, text.width("🇩🇪", joined))
    assert.equal(7, text.width("ab👍🏽日c", joined))
    assert.equal(2, text.width("🏽", joined)) -- alone it is an emoji of its own
    assert.equal(2, text.width("क\u{93E}", joined))
  end)

  it("is the sum of what its parts take, wherever they are cut", function()
    local s = ("plain ascii "):rep(3) .. "日本e\u{301}" .. ("x"):rep(17) .. "é"
    local total = text.width(s)
    for at in utf8.codes(s) do
      assert.equal(total, text.width(s:sub(1, at - 1)) + text.width(s:sub(at)), at)
    end
  end)

  it("says what is wrong with its arguments", function()
    assert.error_matches(function() text.width() end, "bad argument #1 to 'width' %(string expected, got no value%)")
    for opts, message in pairs {
      [{ x = 1 }] = "unknown option 'x'", [{ [{}] = 1 }] = "unknown option 'table",
      [{ ambiguous = 3 }] = "option 'ambiguous': must be 1 or 2",
      [{ ambiguous = "2" }] = "option 'ambiguous': must be 1 or 2",
      [{ emoji = true }] = "option 'emoji': must be 'joined' or 'apart'",
    } do
      local ok, err = pcall(function() text.width("x", opts) end)
      assert.is_false(ok)
      assert.truthy(err:find("text_width_spec.lua:%d+: bad argument #2 to 'width'"), err)
      assert.truthy(err:find(message, 1, true), err)
    end
  end)

  unicode.it(it)("is what Unicode says of wide and ambiguous characters", function()
    local none = { Mn = true, Me = true, Cf = true, Mc = true, Cn = true, Cs = true }
    local category = {}
    for _, line in ipairs(unicode.lines("UnicodeData.txt")) do
      local code, name, c = line:match("^(%x+);([^;]*);(%a+)")
      code = tonumber(code, 16)
      category[code] = c
      if name:find(", Last>", 1, true) then
        for other = code - 1, 0, -1 do
          if category[other] then break end
          category[other] = c
        end
      end
    end
    local seen = 0
    for _, line in ipairs(unicode.lines("EastAsianWidth.txt")) do
      local class = line:match(";(%a+)")
      local first, last = unicode.range(line)
      for code = first, last do
        local c = category[code] or "Cn"
        if not none[c] and code > 0xA0 and not (code >= 0x1160 and code <= 0x11FF)
          and not (code >= 0xD7B0 and code <= 0xD7FF) and c ~= "Zl" and c ~= "Zp" then
          local wide = (class == "W" or class == "F") and 2 or 1
          local ambiguous = (wide == 2 or class == "A") and 2 or 1
          local s = utf8.char(code)
          if text.width(s) ~= wide or text.width(s, { ambiguous = 2 }) ~= ambiguous then
            error(("%04X %s %s: %d %d"):format(code, class, c, text.width(s), text.width(s, { ambiguous = 2 })))
          end
          seen = seen + 1
        end
      end
    end
    assert(seen > 200000, seen)
  end)
end)

describe("text.length", function()
  it("counts characters", function()
    assert.equal(0, text.length(""))
    assert.equal(5, text.length("naïve"))
    assert.equal(2, text.length("e\u{301}"))
    assert.equal(4, text.length("a\xFF\xE2\x82b"))
    assert.equal(3, text.length("a\0日"))
    assert.equal(40 * 3, text.length(("plain"):rep(7):sub(1, 30) .. ("日本語"):rep(30)))
  end)
end)

describe("text.truncate", function()
  it("keeps what fits, and whole clusters", function()
    assert.equal("short", text.truncate("short", 7))
    assert.equal("a long…", text.truncate("a long title", 7))
    assert.equal("exactly", text.truncate("exactly", 7))
    assert.equal("日本", text.truncate("日本語", 5, ""))
    assert.equal("日…", text.truncate("日本語", 4))
    assert.equal("…", text.truncate("日本語", 1))
    assert.equal("", text.truncate("日本語", 0))
    assert.equal("日", text.truncate("日本語", 2, "..."))
    assert.equal("ne\u{301}", text.truncate("ne\u{301}zz", 2, ""))
    assert.equal("a\xFF…", text.truncate("a\xFFbc", 3))
    assert.equal("👍🏽…", text.truncate("👍🏽👍🏽", 3, nil, { emoji = "joined" }))
    assert.equal("…", text.truncate("👍🏽👍🏽", 3))
    assert.equal("", text.truncate("Ωx", 1, nil, { ambiguous = 2 }))
  end)

  it("says what is wrong", function()
    assert.error_matches(function() text.truncate("x", -1) end, "bad argument #2 to 'truncate' %(must not be negative")
    assert.error_matches(function() text.truncate("x", 1.5) end, "no integer representation")
    assert.error_matches(function() text.truncate("x", 1, {}) end, "bad argument #3 .*string expected")
    assert.error_matches(function() text.truncate("x", 1, "", 1) end, "bad argument #4 .*table expected")
  end)
end)

describe("text.pad", function()
  it("fills up to so many columns", function()
    assert.equal("ab  ", text.pad("ab", 4))
    assert.equal("日本 ", text.pad("日本", 5))
    assert.equal("  ab", text.pad("ab", 4, { align = "right" }))
    assert.equal(" ab  ", text.pad("ab", 5, { align = "center" }))
    assert.equal("ab··", text.pad("ab", 4, { fill = "·" }))
    assert.equal("abc", text.pad("abc", 2))
    assert.equal("", text.pad("", 0))
    assert.equal(1000000, #text.pad("x", 1000000))
    for _, columns in ipairs { math.maxinteger, 1 << 60 } do
      local ok, err = pcall(text.pad, "x", columns)
      assert(not ok and (err:find("too large") or err:find("memory")), err)
    end
  end)

  it("says what is wrong", function()
    for opts, message in pairs {
      [{ align = "middle" }] = "option 'align': must be 'left', 'right' or 'center'",
      [{ align = 1 }] = "option 'align': must be", [{ fill = "" }] = "option 'fill': must be",
      [{ fill = "日" }] = "one column wide", [{ fill = 1 }] = "option 'fill'", [{ what = 1 }] = "unknown option 'what'",
    } do
      assert.error_matches(function() text.pad("x", 3, opts) end, "bad argument #3 to 'pad' .*" .. message)
    end
  end)
end)

describe("text.wrap", function()
  local function wrapped(s, columns, opts) return table.concat(text.wrap(s, columns, opts), "|") end

  it("breaks at blanks, which vanish", function()
    assert.equal("the quick|brown fox", wrapped("the quick brown fox", 10))
    assert.equal("foo|bar", wrapped("foo    bar", 5))
    assert.equal("foo|bar", wrapped("foo    bar", 3))
    assert.equal("x|y", wrapped("x" .. (" "):rep(20) .. "y", 5))
    assert.equal("foo  bar", wrapped("foo  bar", 8))
    assert.equal("foo   ", wrapped("foo   ", 6))
    assert.equal("foo", wrapped("foo   ", 5))
    assert.equal("no\u{A0}break|here", wrapped("no\u{A0}break here", 9))
  end)

  it("keeps the ends of lines, and blanks in front", function()
    assert.same({ "" }, text.wrap("", 5))
    assert.same({ "a" }, text.wrap("a\n", 5))
    assert.same({ "a", "", "b", "c" }, text.wrap("a\n\nb\r\nc", 5))
    assert.same({ "", "" }, text.wrap("\n\n", 5))
    assert.equal("  indented|text", wrapped("  indented text", 10))
    assert.equal("|wor|d", wrapped("      word", 3))
    assert.same({ "a\rb" }, text.wrap("a\rb", 5))
  end)

  it("breaks words that are too long between clusters, and others behind a hyphen", function()
    assert.equal("abcde|fghij|kl", wrapped("abcdefghijkl", 5))
    assert.equal("well-|known", wrapped("well-known", 6))
    assert.equal("a -1|b", wrapped("a -1 b", 4))
    assert.equal("ab\u{301}|c", wrapped("ab\u{301}c", 2))
    assert.equal("日|本", wrapped("日本", 1)) -- wider than a line
  end)

  it("breaks beside wide characters", function()
    assert.equal("日本語|のテキ|スト", wrapped("日本語のテキスト", 6))
    assert.equal("日本|語の|テキ|スト", wrapped("日本語のテキスト", 5))
    assert.equal("see 日|本", wrapped("see 日本", 6))
    assert.equal("日|word", wrapped("日word", 5))
  end)

  it("gives lines that are no wider, and loses nothing but blanks", function()
    local s = "Der Dampf-schiff\tfahrts 日本語 e\u{301}e\u{301} \xFF\xE2\x82 👍🏽 naïve  ende "
    for columns = 2, 40 do
      local lines = text.wrap(s, columns)
      for _, line in ipairs(lines) do assert(text.width(line) <= math.max(columns, 4), line) end
      assert.equal((s:gsub("[ \t]", "")), (table.concat(lines):gsub("[ \t]", "")))
    end
  end)

  it("takes a text of a megabyte", function()
    assert.equal(1000000 // 50, #text.wrap(("word "):rep(200000), 50))
    assert.equal(10000, #text.wrap(("x"):rep(1000000), 100))
  end)

  it("says what is wrong", function()
    assert.error_matches(function() text.wrap("x", 0) end, "bad argument #2 to 'wrap' %(must be at least 1%)")
    assert.error_matches(function() text.wrap("x") end, "bad argument #2 to 'wrap' %(number expected")
  end)
end)

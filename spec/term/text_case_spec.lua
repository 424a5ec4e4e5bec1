local text = require "lwt.text"
local unicode = require "spec.support.unicode"

describe("text.upper, text.lower, text.fold", function()
  it("know all scripts", function()
    assert.equal("STRASSE ÀÉ ДА ԱԲ", text.upper("straße àé да աբ"))
    assert.equal("straße àé да աբ", text.lower("STRAßE ÀÉ ДА ԱԲ"))
    assert.equal("\u{10400}", text.upper("\u{10428}"))
    assert.equal("FFI ʼN J\u{30C} ΑΙ", text.upper("ﬃ ŉ ǰ ᾳ"))
    assert.equal("ẞ İ", text.upper("ẞ İ"))
    assert.equal("i\u{307}", text.lower("İ"))
    assert.equal(text.fold("Straße ΣΊΣΥΦΟΣ"), text.fold("STRASSE Σίσυφος"))
    assert.equal("123 日本", text.upper("123 日本"))
  end)

  it("write the sigma at the end of a word as it is written there", function()
    assert.equal("οδος", text.lower("ΟΔΟΣ"))
    assert.equal("οδος. σοφος", text.lower("ΟΔΟΣ. ΣΟΦΟΣ"))
    assert.equal("σ", text.lower("Σ"))
    assert.equal("ασα ας\u{301} α.σα 1σ", text.lower("ΑΣΑ ΑΣ\u{301} Α.ΣΑ 1Σ"))
  end)

  it("leave what is not UTF-8 as it is", function()
    assert.equal("A\xFFÉ\xE2\x82B\0", text.upper("a\xFFé\xE2\x82b\0"))
    assert.equal("a\xC0\x80b", text.lower("A\xC0\x80B"))
  end)

  it("take plain text of any length", function()
    local long = ("The quick brown fox, 1234. "):rep(40000)
    assert.equal(long:upper(), text.upper(long))
    assert.equal(long:lower(), text.lower(long))
    assert.equal(long:lower() .. "é", text.fold(long .. "É"))
    assert.equal("", text.upper(""))
  end)

  it("say what is wrong", function()
    for name, f in pairs { upper = text.upper, lower = text.lower, fold = text.fold } do
      assert.error_matches(function() f {} end, "bad argument #1 to '%a+' %(string expected, got table", name)
    end
  end)

  unicode.it(it)("are what Unicode's tables say", function()
    local upper, lower, fold = {}, {}, {}
    for _, line in ipairs(unicode.lines("UnicodeData.txt")) do
      local field = {}
      for value in (line .. ";"):gmatch("([^;]*);") do field[#field + 1] = value end
      local s = not field[2]:find("Surrogate") and utf8.char(tonumber(field[1], 16))
      if s then
        upper[s] = field[13] ~= "" and unicode.text(field[13]) or s
        lower[s] = field[14] ~= "" and unicode.text(field[14]) or s
      end
    end
    for _, line in ipairs(unicode.lines("SpecialCasing.txt")) do
      local code, low, up, rest = line:match("^(%x+);([^;]*);[^;]*;([^;]*);%s*(.-)$")
      if rest == "" then
        upper[unicode.text(code)], lower[unicode.text(code)] = unicode.text(up), unicode.text(low)
      end
    end
    for _, line in ipairs(unicode.lines("CaseFolding.txt")) do
      local code, status, to = line:match("^(%x+); (%a); ([%x ]+);")
      if status == "C" or status == "F" then fold[unicode.text(code)] = unicode.text(to) end
    end
    for s, expected in pairs(upper) do
      if text.upper(s) ~= expected or text.lower(s) ~= lower[s] or text.fold(s) ~= (fold[s] or s) then
        error(("%04X"):format(utf8.codepoint(s)))
      end
    end
  end)
end)

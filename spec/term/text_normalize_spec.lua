local text = require "lwt.text"
local unicode = require "spec.support.unicode"

describe("text.normalize", function()
  it("knows the four forms", function()
    local s = "e\u{301} ﬁ ２ \u{212B} 한"
    assert.equal("é ﬁ ２ Å 한", text.normalize(s))
    assert.equal("é ﬁ ２ Å 한", text.normalize(s, "NFC"))
    assert.equal("e\u{301} ﬁ ２ A\u{30A} \u{1112}\u{1161}\u{11AB}", text.normalize(s, "NFD"))
    assert.equal("é fi 2 Å 한", text.normalize(s, "NFKC"))
    assert.equal("e\u{301} fi 2 A\u{30A} \u{1112}\u{1161}\u{11AB}", text.normalize(s, "NFKD"))
  end)

  it("puts marks in their order, and joins them with the letter before, ASCII as well", function()
    assert.equal("ự", text.normalize("u\u{323}\u{31B}"))
    assert.equal("xa\u{323}\u{302}", text.normalize("xa\u{302}\u{323}", "NFD"))
    assert.equal("plain é plain", text.normalize("plain e\u{301} plain"))
    assert.equal("\u{301}a", text.normalize("\u{301}a"))
  end)

  it("leaves what is not UTF-8 as it is", function()
    assert.equal("é\xFFé\xE2\x82", text.normalize("e\u{301}\xFFe\u{301}\xE2\x82"))
    assert.equal("e\xFF\u{301}", text.normalize("e\xFF\u{301}"))
    assert.equal("a\0é", text.normalize("a\0e\u{301}"))
  end)

  it("gives plain text back as it is", function()
    local s = ("plain "):rep(1000)
    for _, form in ipairs { "NFC", "NFD", "NFKC", "NFKD" } do assert.equal(s, text.normalize(s, form)) end
    assert.equal("", text.normalize(""))
  end)

  it("takes any number of marks, in the worst order, without growing slow", function()
    -- An order by insertion would need 10^10 steps.
    local marks = ("\u{301}\u{323}"):rep(100000)
    assert.equal("a" .. ("\u{323}"):rep(100000) .. ("\u{301}"):rep(100000), text.normalize("a" .. marks, "NFD"))
    assert.equal("ạ" .. ("\u{323}"):rep(99999) .. ("\u{301}"):rep(100000), text.normalize("a" .. marks))
  end)

  it("takes a character that becomes eighteen, again and again", function()
    assert.equal(1000 * text.length(text.normalize("\u{FDFA}", "NFKD")),
      text.length(text.normalize(("\u{FDFA}"):rep(1000), "NFKD")))
  end)

  it("says what is wrong", function()
    assert.error_matches(function() text.normalize("x", "NFX") end,
      "bad argument #2 to 'normalize' %(invalid option 'NFX'")
  end)

  unicode.it(it)("passes Unicode's own test", function()
    for _, line in ipairs(unicode.lines("NormalizationTest.txt")) do
      local c = {}
      for codes in line:gmatch("([%x ]+);") do c[#c + 1] = unicode.text(codes) end
      for i = 1, 5 do
        -- (luassert would take longer than all the rest.)
        if text.normalize(c[i], "NFC") ~= (i < 4 and c[2] or c[4])
          or text.normalize(c[i], "NFD") ~= (i < 4 and c[3] or c[5])
          or text.normalize(c[i], "NFKC") ~= c[4] or text.normalize(c[i], "NFKD") ~= c[5] then
          error(line)
        end
      end
    end
  end)
end)

local lwt = require "lwt"
local lio = require "lwt.io"
local test = require "lwt.test"
local text = require "lwt.text"
local shell = require "spec.support.shell"
local skip = require "spec.support.skip"
local await = lwt.await

-- For each encoding a text that it has.
local samples = {
  ["UTF-8"] = "naïve €5 日本語 👍🏽 \u{10FFFF}\n\0end\r\n",
  ["UTF-16LE"] = "naïve €5 日本語 👍🏽 \u{10FFFF}\n\0\u{A0D}\u{D0A}\u{A00}\nend\r\n",
  ["UTF-16BE"] = "naïve €5 日本語 👍🏽 \u{10FFFF}\n\0\u{A0D}\u{D0A}\u{A00}\nend\r\n",
  ["UTF-32LE"] = "naïve €5 日本語 👍🏽 \u{10FFFF}\nend\r\n",
  ["UTF-32BE"] = "naïve €5 日本語 👍🏽 \u{10FFFF}\nend\r\n",
  ["ASCII"] = "plain\n\0 \127 ~ end\r\n",
  ["ISO-8859-1"] = "naïve ÀÿßÆ \u{80}\u{9F}\u{A0}¤\nend\r\n",
  ["CP1252"] = "naïve €5 “quoted” – Žž Œœ Ÿ™…\nend\r\n",
  ["ISO-8859-15"] = "naïve €5 Šš\nend\r\n",
  ["KOI8-R"] = "Привет, мир ═║\nконец\r\n",
  ["CP1251"] = "Привет, мир €\nконец\r\n",
  ["EUC-JP"] = "日本語 カタカナ ｶﾀ\nおわり\r\n",
  ["SHIFT_JIS"] = "日本語 カタカナ ｶﾀ 表ソ\nおわり\r\n",
  ["ISO-2022-JP"] = "日本語 abc カタカナ\nおわりend\r\n終",
  ["GB18030"] = "简体中文 naïve €5 👍 \u{10FFFF}\n终\r\n",
  ["BIG5"] = "繁體中文 abc\n終\r\n",
  ["EUC-KR"] = "한국어 abc\n끝\r\n",
}

local function hex(s) return (s:gsub(".", function(c) return ("%02x "):format(c:byte()) end)) end

local function iconv(from, to, s)
  local dir = shell.temp_dir()
  shell.write(dir .. "/in", s)
  local result = shell.run(("iconv -f %s -t %s %s/in"):format(from, to, dir))
  shell.remove_dir(dir)
  return result.code == 0 and result.out or nil
end

-- A byte channel that gives these parts, one a read.
local function parts_of(parts)
  local i = 0
  return lio.make { read = function()
    i = i + 1
    return parts[i]
  end }
end

-- Reads the text of `bytes`, cut at `at`, by `how`.
local function read_cut(bytes, at, encoding, how)
  local parts = {}
  if at > 0 then parts[1] = bytes:sub(1, at) end
  if at < #bytes then parts[#parts + 1] = bytes:sub(at + 1) end
  return how(text.make(parts_of(parts), { encoding = encoding, strict = true }))
end

local function all(t) return await(t:read()) end
local function by_line(t)
  local list = {}
  for line in t:lines() do list[#list + 1] = line end
  return table.concat(list, "\n")
end
local function by_char(t) return table.concat(await(t:read_chars():to_list())) end
local function by_some(t)
  local list = {}
  for piece in function() return await(t:read(3)) end do
    assert(utf8.len(piece) <= 3)
    list[#list + 1] = piece
  end
  return table.concat(list)
end

describe("encodings", function()
  for encoding, sample in pairs(samples) do
    if not pcall(text.encode, "", encoding) then
      it(encoding .. " is tried where iconv has it", function()
        skip.here("this system's iconv has no " .. encoding)
      end)
    else
      it(("of which %s is one agree with the program iconv"):format(encoding), function()
        local bytes = iconv("UTF-8", encoding, sample)
        assert(bytes, "iconv has it not")
        assert.equal(hex(bytes), hex(text.encode(sample, encoding, { strict = true })))
        assert.equal(hex(bytes), hex(text.encode(sample, encoding)))
        assert.equal(sample, text.decode(bytes, encoding, { strict = true }))
        assert.equal(sample, text.decode(bytes, encoding))
      end)

      it(("of which %s is one are read wherever the bytes are cut"):format(encoding), test.async(function()
        local bytes = text.encode(sample, encoding)
        local lines = sample:gsub("\r?\n", "\n"):gsub("\n$", "")
        for at = 0, #bytes do
          assert.equal(sample, read_cut(bytes, at, encoding, all))
          assert.equal(lines, read_cut(bytes, at, encoding, by_line))
          assert.equal(sample, read_cut(bytes, at, encoding, by_char))
          assert.equal(sample, read_cut(bytes, at, encoding, by_some))
        end
        local single = {}
        for i = 1, #bytes do single[i] = bytes:sub(i, i) end
        for _, how in ipairs { all, by_char, by_some } do
          assert.equal(sample, how(text.make(parts_of(single), { encoding = encoding })))
        end
        assert.equal(lines, by_line(text.make(parts_of(single), { encoding = encoding })))
      end))
    end
  end

  it("have names that people write", function()
    for _, name in ipairs { "utf8", "UTF-8", "Utf_8", "cp65001" } do
      assert.equal("é", text.decode("\xC3\xA9", name))
    end
    for _, name in ipairs { "latin1", "ISO-8859-1", "iso8859-1", "ISO_8859-1", "L1" } do
      assert.equal("é", text.decode("\xE9", name))
    end
    for _, name in ipairs { "ascii", "US-ASCII", "ANSI_X3.4-1968" } do
      assert.equal("e", text.encode("é", name))
    end
    for _, name in ipairs { "cp1252", "windows-1252", "CP1252" } do
      assert.equal("\x80", text.encode("€", name))
    end
  end)

  it("that there are not, or that are instructions for iconv, are refused", function()
    for _, name in ipairs {
      "nope", "", "UTF-8//TRANSLIT", "UTF-8//IGNORE", "../../tmp/x", "utf8\0", "a b", ("x"):rep(100), "-", "KOI8-R/",
    } do
      assert.error_matches(function() text.decode("x", name) end, "bad argument #2 to 'decode' %(unknown encoding")
      assert.error_matches(function() text.make(lio.of_bytes(""), { encoding = name }) end, "unknown encoding")
    end
  end)

  it("take wrong arguments for what they are", function()
    assert.error_matches(function() text.decode(nil, "UTF-8") end,
      "bad argument #1 to 'decode' %(string expected, got nil")
    assert.error_matches(function() text.encode("x", {}) end,
      "bad argument #2 to 'encode' %(string expected, got table")
    assert.error_matches(function() text.encode("x", "ASCII", 1) end, "bad argument #3 to 'encode' %(table expected")
    assert.error_matches(function() text.encode("x", "ASCII", { strct = true }) end, "unknown option 'strct'")
    assert.error_matches(function() text.encode("x", "ASCII", { strict = 1 }) end, "option 'strict': boolean expected")
  end)
end)

describe("byte order marks", function()
  it("are no part of the text, whatever the encoding", function()
    assert.equal("é", text.decode("\xEF\xBB\xBFé", "UTF-8"))
    assert.equal("é", text.decode("\xFE\xFF\0\xE9", "UTF-16"))
    assert.equal("é", text.decode("\xFF\xFE\xE9\0", "UTF-16"))
    assert.equal("é", text.decode("\xFF\xFE\xE9\0", "UTF-16LE"))
    assert.equal("é", text.decode("\0\0\xFE\xFF\0\0\0\xE9", "UTF-32"))
    assert.equal("é", text.decode("\xFF\xFE\0\0\xE9\0\0\0", "UTF-32"))
    assert.equal("", text.decode("\xEF\xBB\xBF", "UTF-8"))
    assert.equal("", text.decode("\xFE\xFF", "UTF-16"))
  end)

  it("are kept where they are not at the beginning", function()
    assert.equal("\u{FEFF}a", text.decode("\xEF\xBB\xBF\xEF\xBB\xBFa", "UTF-8"))
    assert.equal("a\u{FEFF}", text.decode("a\xEF\xBB\xBF", "UTF-8"))
    assert.equal("\n\u{FEFF}", text.decode("\n\xEF\xBB\xBF", "UTF-8"))
    lwt.run(function()
      local t = text.make(lio.of_bytes("\n\xEF\xBB\xBFx\n"), { encoding = "UTF-8" })
      assert.equal("", await(t:read_line()))
      assert.equal("\u{FEFF}x", await(t:read_line()))
    end)
  end)

  it("are big-endian where there is none", function()
    assert.equal("é", text.decode("\0\xE9", "UTF-16"))
    assert.equal("é", text.decode("\0\0\0\xE9", "UTF-32"))
  end)

  it("are written by UTF-16 and UTF-32, once", test.async(function()
    assert.equal("\xFE\xFF\0a", text.encode("a", "UTF-16"))
    assert.equal("\0\0\xFE\xFF\0\0\0a", text.encode("a", "UTF-32"))
    assert.equal("\0a", text.encode("a", "UTF-16BE"))
    assert.equal("", text.encode("", "UTF-16"))
    local r, w = lio.pipe()
    local t = text.make(w, { encoding = "UTF-16" })
    await(t:write("a"))
    await(t:write("b"))
    await(t:close())
    assert.equal("\xFE\xFF\0a\0b", await(r:read()))
  end))

  it("say the order of the bytes wherever these are cut", test.async(function()
    for _, bytes in ipairs { "\xFF\xFE\xE9\0\xE8\0", "\xFE\xFF\0\xE9\0\xE8", "\0\xE9\0\xE8" } do
      for at = 0, #bytes do assert.equal("éè", read_cut(bytes, at, "UTF-16", all)) end
    end
    for at = 0, 8 do assert.equal("é", read_cut("\xFF\xFE\0\0\xE9\0\0\0", at, "UTF-32", by_char)) end
    for at = 0, 5 do assert.equal("é", read_cut("\xEF\xBB\xBFé", at, "UTF-8", by_char)) end
  end))
end)

-- encoding, bytes, what they become, where the first piece begins that is none
local malformed = {
  { "UTF-8", "a\xFFb", "a�b", 1 }, { "UTF-8", "\x80", "�", 0 },
  { "UTF-8", "\xC0\x80", "��", 0 }, { "UTF-8", "ab\xC1\xBF", "ab��", 2 }, -- overlong
  { "UTF-8", "\xE0\x80\x80", "���", 0 }, { "UTF-8", "\xF0\x80\x80\x80", "����", 0 },
  { "UTF-8", "é\xED\xA0\x80", "é���", 2 }, { "UTF-8", "\xED\xBF\xBF", "���", 0 }, -- surrogates
  { "UTF-8", "\xF4\x90\x80\x80", "����", 0 }, { "UTF-8", "\xF5\x80", "��", 0 }, -- above 10FFFF
  { "UTF-8", "\xE2\x82", "�", 0 }, { "UTF-8", "x\xE2\x82y", "x�y", 1 }, -- cut off
  { "UTF-8", "\xF0\x9F\x91", "�", 0 }, { "UTF-8", "\xF0\x9F\n", "�\n", 0 }, { "UTF-8", "\xC3\xC3\xA9", "�é", 0 },
  { "UTF-8", "\xF8\x88\x80\x80\x80", "�����", 0 },
  { "UTF-16BE", "\0a\xDC\0\0b", "a�b", 2 }, { "UTF-16BE", "\xD8\0\0b", "�b", 0 },
  { "UTF-16LE", "a\0\0\xD8", "a�", 2 },
  { "UTF-16BE", "\0a\0", "a�", 2 }, { "UTF-16LE", "\0\xD8\0\xD8\0\xDC", "�\u{10000}", 0 },
  { "UTF-16", "\xFF\xFEa\0\0\xDC", "a�", 4 },
  { "UTF-32BE", "\0\0\xD8\0\0\0\0a", "�a", 0 }, { "UTF-32BE", "\0\x11\0\0", "�", 0 },
  { "UTF-32LE", "a\0\0\0\1\0", "a�", 4 },
  { "UTF-32LE", "\0\0\0\x80", "�", 0 },
  { "ASCII", "a\x80\xFFb", "a��b", 1 }, { "CP1252", "\x81\x8D\x8F\x90\x9D€", "�����â‚¬", 0 },
  { "EUC-JP", "a\xFFb", "a�b", 1 }, { "GB18030", "ab\x81", "ab�", 2 }, { "EUC-KR", "\xFFa", "�a", 0 },
}

describe("malformed input", function()
  for i, case in ipairs(malformed) do
    local encoding, bytes, expected, at = table.unpack(case)
    if not pcall(text.encode, "", encoding) then
      it(encoding .. " is tried where iconv has it", function()
        skip.here("this system's iconv has no " .. encoding)
      end)
    else
      it(("becomes U+FFFD, or an error that says where, wherever it is cut (%d: %s %s)"):format(i, encoding,
        hex(bytes)), test.async(function()
          assert.equal(expected, text.decode(bytes, encoding))
          local ok, err = pcall(text.decode, bytes, encoding, { strict = true })
          assert.is_false(ok)
          assert.equal("EILSEQ", err.code)
          assert.equal(at, err.at)
          assert.equal("decode", err.op)
          for cut = 0, #bytes do
            local parts = {}
            if cut > 0 then parts[1] = bytes:sub(1, cut) end
            if cut < #bytes then parts[#parts + 1] = bytes:sub(cut + 1) end
            for _, how in ipairs { all, by_char, by_some, by_line } do
              local t = text.make(parts_of(parts), { encoding = encoding })
              assert.equal((expected:gsub("\n$", how == by_line and "" or "\n")), how(t))
            end
            local t = text.make(parts_of(parts), { encoding = encoding, strict = true })
            local first, why = pcall(await, t:read())
            assert.is_false(first)
            assert.equal(at, why.at)
            -- What comes behind can be read, with what stood before.
            local rest
            repeat
              local done, value = pcall(await, t:read())
              if not done then assert(value.at > at) end
              rest = done and value
            until rest
            assert.equal((expected:gsub("�", "")), rest)
          end
        end))
    end
  end

  it("of any bytes at all becomes text that is UTF-8", function()
    local seed = 12345
    local function byte()
      seed = (seed * 1103515245 + 12345) % 2147483648
      return string.char(seed // 65536 % 256)
    end
    for _, encoding in ipairs { "UTF-8", "UTF-16", "UTF-32", "CP1252", "EUC-JP", "ISO-2022-JP", "GB18030" } do
      if pcall(text.encode, "", encoding) then
        for length = 0, 200 do
          local bytes = ("."):rep(length):gsub(".", byte)
          assert(utf8.len(text.decode(bytes, encoding)), encoding)
        end
      end
    end
  end)
end)

describe("transliteration", function()
  it("writes what people would, where the encoding has not the character", function()
    for s, expected in pairs {
      ["é"] = "e", ["Ĳ"] = "IJ", ["Straße"] = "Strasse", ["Ærøskøbing"] = "AEroskobing", ["Łódź"] = "Lodz",
      ["“so” ‘so’ „so“"] = "\"so\" 'so' \"so\"", ["a–b—c…"] = "a-b-c...", ["5 €"] = "5 EUR",
      ["½ ﬁ Ⅳ ２"] = "1/2 fi IV 2",
      ["日本"] = "??", ["한"] = "?", ["Ж"] = "?", ["👍🏽"] = "??", ["e\u{301}"] = "e", ["a\u{200B}\u{FE0F}\u{200D}b"] = "ab",
      ["─│┌┼"] = "-|++", ["█"] = "#", ["→ ≤ ≠"] = "-> <= !=", ["a\u{A0}b"] = "a b", ["ǽ Ǿ"] = "ae O", ["İı"] = "Ii",
      ["Việt Nam"] = "Viet Nam", ["© ® ™"] = "(c) (R) TM", ["a\xFFb"] = "a?b", ["\u{2028}"] = "\n",
    } do
      assert.equal(expected, text.encode(s, "ASCII"), s)
    end
    assert.equal("Z\xFCrich, Lodz, 5 EUR", text.encode("Zürich, Łodź, 5 €", "ISO-8859-1"))
    if pcall(text.encode, "", "KOI8-R") then
      assert.equal(text.encode("е", "KOI8-R") .. "e", text.encode("е\u{301}é", "KOI8-R"))
    end
  end)

  it("gives ASCII for every character of Latin scripts, and never fails", function()
    for code = 0xA0, 0x24F do
      local s = text.encode(utf8.char(code), "ASCII")
      assert(s:find("^[\0-\127]*$"), ("%04X"):format(code))
    end
    for code = 0, 0x10FFFF, os.getenv "LWT_UNDER" and 1009 or 7 do
      if code < 0xD800 or code > 0xDFFF then
        assert(text.encode(utf8.char(code), "ASCII"):find("^[\0-\127]*$"), ("%04X"):format(code))
      end
    end
  end)

  it("is an error instead where it is strict, which says where", function()
    for _, case in ipairs {
      { "5 €", "ASCII", 2 }, { "日é", "ISO-8859-1", 0 }, { "ab\xFF", "UTF-8", 2 },
    } do
      local ok, err = pcall(text.encode, case[1], case[2], { strict = true })
      assert.is_false(ok)
      assert.equal("EILSEQ", err.code)
      assert.equal(case[3], err.at)
      assert.equal("encode", err.op)
    end
  end)

  it("is the same in every locale", function()
    for _, locale in ipairs { "C", "C.UTF-8", "POSIX", "tr_TR.UTF-8" } do
      local result = shell.run(("LC_ALL=%s %s -e 'io.write(require \"lwt.text\".encode(\"é ß Ж İi\", \"ASCII\"))'")
        :format(locale, shell.lua))
      assert.equal("e ss ? Ii", result.out, result.err)
    end
  end)
end)

describe("text.encoding", function()
  local function of(environment)
    local result = shell.run(("env -u LC_ALL -u LC_CTYPE -u LANG %s %s -e 'io.write(require \"lwt.text\".encoding())'")
      :format(environment, shell.lua))
    assert(result.code == 0, result.err)
    return result.out
  end

  it("is that of the locale which the environment asks for", function()
    assert.equal("ASCII", of "")
    assert.equal("ASCII", of "LC_ALL=C")
    assert.equal("ASCII", of "LANG=C.UTF-8 LC_ALL=C")
    assert.equal("UTF-8", of "LANG=C.UTF-8")
    assert.equal("UTF-8", of "LC_CTYPE=C.UTF-8 LANG=C")
    assert.equal("UTF-8", of "LC_ALL= LANG=C.UTF-8")
  end)

  it("is what its name says where the locale is not installed", function()
    assert.equal("UTF-8", of "LANG=xx_YY.UTF-8")
    assert.equal("ISO-8859-1", of "LANG=xx_YY.ISO-8859-1@euro")
    assert.equal("ASCII", of "LANG=xx_YY")
  end)

  it("changes nothing of the process's locale", function()
    local before = os.setlocale(nil)
    text.encoding()
    assert.equal(before, os.setlocale(nil))
  end)
end)

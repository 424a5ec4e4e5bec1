-- The decoder of keys: what every terminal sends, cut at every byte.
local keys = require "lwt.term.keys"
local term = require "lwt.term"

-- The names of what the pieces give, and what is still held back.
local function decode(pieces, opts)
  local decoder, names = keys.decoder(opts), {}
  for _, piece in ipairs(pieces) do
    for _, key in ipairs(decoder:feed(piece)) do names[#names + 1] = key end
  end
  return names, decoder
end

local function named(list)
  local names = {}
  for i, key in ipairs(list) do names[i] = key.paste and "<" .. key.paste .. ">" or tostring(key) end
  return table.concat(names, " ")
end

-- The same whole, cut in two at every place, and byte by byte.
local function gives(bytes, expected)
  local single = {}
  for i = 1, #bytes do single[i] = bytes:sub(i, i) end
  local ways = { { bytes }, single }
  for i = 1, #bytes - 1 do ways[#ways + 1] = { bytes:sub(1, i), bytes:sub(i + 1) } end
  for _, pieces in ipairs(ways) do
    local list, decoder = decode(pieces)
    local what = ("%q cut into %d"):format(bytes, #pieces)
    assert.equal(expected, named(list), what)
    assert.is_nil(decoder:waiting(), what)
  end
end

-- Then nothing came.
local function gives_in_the_end(bytes, expected, waiting)
  local list, decoder = decode { bytes }
  assert.equal(waiting, decoder:waiting(), ("%q"):format(bytes))
  for _, key in ipairs(decoder:expire()) do list[#list + 1] = key end
  assert.equal(expected, named(list), ("%q"):format(bytes))
  assert.is_nil(decoder:waiting())
  assert.equal("x", named(decoder:feed "x"))
end

local E = "\27"
local MODIFIERS = {
  [2] = "shift-", [3] = "alt-", [4] = "alt-shift-", [5] = "ctrl-", [6] = "ctrl-shift-",
  [7] = "ctrl-alt-", [8] = "ctrl-alt-shift-", [9] = "super-",
}

describe("the decoder of keys", function()
  it("knows the characters and the control characters", function()
    gives("aZ0~", "a Z 0 ~")
    gives(" ", "space")
    gives("\0\1\2\26", "ctrl-space ctrl-a ctrl-b ctrl-z")
    gives("\9\13\10\127\8", "tab enter ctrl-j backspace ctrl-h")
    gives("\28\29\30\31", "ctrl-\\ ctrl-] ctrl-^ ctrl-_")
  end)

  it("takes byte 08 for backspace where the terminal does", function()
    local list = decode({ "\8\127\27\8" }, { erase = 8 })
    assert.equal("backspace backspace alt-backspace", named(list))
  end)

  it("knows the arrows, Home and End of xterm, rxvt and the consoles, with modifiers", function()
    for letter, name in pairs { A = "up", B = "down", C = "right", D = "left", H = "home", F = "end" } do
      gives(E .. "[" .. letter, name)
      gives(E .. "O" .. letter, name)
      gives(E .. E .. "[" .. letter, "alt-" .. name)
      gives(E .. E .. "O" .. letter, "alt-" .. name)
      for number, prefix in pairs(MODIFIERS) do
        gives(("%s[1;%d%s"):format(E, number, letter), prefix .. name)
        gives(("%s[1;%d%s"):format(E, number + 64, letter), prefix .. name) -- with CapsLock
        gives(("%s[1;%d%s"):format(E, number + 128, letter), prefix .. name) -- with NumLock
      end
      gives(E .. "[5" .. letter, "ctrl-" .. name)
    end
    gives(E .. "[a" .. E .. "[b" .. E .. "[c" .. E .. "[d", "shift-up shift-down shift-right shift-left")
    gives(E .. "Oa" .. E .. "Ob" .. E .. "Oc" .. E .. "Od", "ctrl-up ctrl-down ctrl-right ctrl-left")
    gives(E .. E .. "[a", "alt-shift-up")
  end)

  it("knows the keys of a number, with xterm's and rxvt's modifiers", function()
    for number, name in pairs {
      "home", "insert", "delete", "end", "pageup", "pagedown", "home", "end",
      [11] = "f1", [12] = "f2", [13] = "f3", [14] = "f4", [15] = "f5", [17] = "f6", [18] = "f7",
      [19] = "f8", [20] = "f9", [21] = "f10", [23] = "f11", [24] = "f12", [25] = "f13", [26] = "f14",
      [28] = "f15", [29] = "f16", [31] = "f17", [32] = "f18", [33] = "f19", [34] = "f20",
    } do
      gives(("%s[%d~"):format(E, number), name)
      gives(("%s%s[%d~"):format(E, E, number), "alt-" .. name)
      for modifier, prefix in pairs(MODIFIERS) do
        gives(("%s[%d;%d~"):format(E, number, modifier), prefix .. name)
      end
      gives(("%s[%d^"):format(E, number), "ctrl-" .. name)
      gives(("%s[%d$"):format(E, number), "shift-" .. name)
      gives(("%s[%d@"):format(E, number), "ctrl-shift-" .. name)
    end
  end)

  it("knows F1 to F5 of xterm, kitty and the Linux console", function()
    for i, letter in ipairs { "P", "Q", "R", "S" } do
      gives(E .. "O" .. letter, "f" .. i)
      gives(E .. "[" .. letter, "f" .. i)
      gives(E .. "[1;5" .. letter, "ctrl-f" .. i)
      gives(E .. "O5" .. letter, "ctrl-f" .. i)
      gives(E .. "O1;2" .. letter, "shift-f" .. i)
    end
    for i, letter in ipairs { "A", "B", "C", "D", "E" } do
      gives(E .. "[[" .. letter, "f" .. i)
      gives(E .. E .. "[[" .. letter, "alt-f" .. i)
    end
  end)

  it("knows shift-tab and the keypad", function()
    gives(E .. "[Z", "shift-tab")
    gives(E .. "OM" .. E .. "Oj" .. E .. "Ok" .. E .. "Ol" .. E .. "Om" .. E .. "On" .. E .. "Oo",
      "enter * + , - . /")
    for digit = 0, 9 do gives(E .. "O" .. string.char(("p"):byte() + digit), tostring(digit)) end
  end)

  it("takes an escape before a key for alt", function()
    gives(E .. "f", "alt-f")
    gives(E .. "F", "alt-F")
    gives(E .. " ", "alt-space")
    gives(E .. "é", "alt-é")
    gives(E .. "\r", "alt-enter")
    gives(E .. "\127", "alt-backspace")
    gives(E .. "\1", "ctrl-alt-a")
    gives(E .. E .. "f", "escape alt-f")
    gives(E .. E .. E .. "f", "escape escape alt-f")
  end)

  it("knows kitty's protocol and xterm's modifyOtherKeys", function()
    gives(E .. "[97;5u", "ctrl-a")
    gives(E .. "[97;6u", "ctrl-shift-a")
    gives(E .. "[97:65;6u", "ctrl-shift-a")
    gives(E .. "[97;3u", "alt-a")
    gives(E .. "[97;4u", "alt-A")
    gives(E .. "[233:201;4u", "alt-É")
    gives(E .. "[45:95;6u", "ctrl-_")
    gives(E .. "[1089::99;5u", "ctrl-с")
    gives(E .. "[27u" .. E .. "[13u" .. E .. "[9u" .. E .. "[127u", "escape enter tab backspace")
    gives(E .. "[27;3u" .. E .. "[13;129u" .. E .. "[9;2u" .. E .. "[32;2u",
      "alt-escape enter shift-tab shift-space")
    gives(E .. "[57399u" .. E .. "[57408u" .. E .. "[57414u" .. E .. "[57417u" .. E .. "[57426u",
      "0 9 enter left delete")
    gives(E .. "[57376u" .. E .. "[57383u", "f13 f20")
    gives(E .. "[0;;229u", "å")
    gives(E .. "[97;2;65u", "A")
    gives(E .. "[27;5;9~" .. E .. "[27;6;65~" .. E .. "[27;5;46~" .. E .. "[27;2;13~",
      "ctrl-tab ctrl-shift-a ctrl-. shift-enter")
  end)

  it("swallows the keys that are let go, and tells those that are held", function()
    gives(E .. "[97;1:3u" .. E .. "[1;1:3A" .. E .. "[3;1:3~" .. E .. "[13;1:3u", "")
    gives(E .. "[97;5:1u" .. E .. "[97;5:2u" .. E .. "[97;5:3u", "ctrl-a ctrl-a")
    gives(E .. "[57441;2u" .. E .. "[57358u" .. E .. "[57428u", "") -- shift alone, CapsLock, media
  end)

  it("reports the mouse", function()
    gives(E .. "[<0;3;4M" .. E .. "[<0;3;4m", "mouse-press-left mouse-release-left")
    gives(E .. "[<1;1;1M" .. E .. "[<2;1;1M", "mouse-press-middle mouse-press-right")
    gives(E .. "[<64;1;1M" .. E .. "[<65;1;1M" .. E .. "[<66;1;1M" .. E .. "[<67;1;1M",
      "mouse-wheel-up mouse-wheel-down mouse-wheel-left mouse-wheel-right")
    gives(E .. "[<35;1;1M" .. E .. "[<32;1;1M", "mouse-move mouse-move-left")
    gives(E .. "[<28;1;1M", "ctrl-alt-shift-mouse-press-left")
    gives(E .. "[<128;1;1M", "mouse-press-back")
    gives(E .. "[M !!" .. E .. "[M#!!" .. E .. "[M`!!",
      "mouse-press-left mouse-release mouse-wheel-up")
    gives(E .. "[32;7;9M" .. E .. "[35;7;9M", "mouse-press-left mouse-release")
    local report = decode({ E .. "[<16;300;20M" })[1]
    assert.same({ "mouse", "press", "left", 300, 20, true },
      { report.name, report.action, report.button, report.x, report.y, report.ctrl })
    report = decode({ E .. "[M \xFF\x80" })[1]
    assert.same({ 223, 96 }, { report.x, report.y })
  end)

  it("reports the focus", function()
    gives(E .. "[I" .. E .. "[O", "focus-in focus-out")
    assert.is_true(decode({ E .. "[I" })[1].focus)
    assert.is_false(decode({ E .. "[O" })[1].focus)
  end)

  it("puts a character together, and replaces each broken byte", function()
    gives("é€😀", "é € 😀")
    gives("\xE2\x82a", "\u{FFFD} \u{FFFD} a")
    gives("\xC3\27[A", "\u{FFFD} up")
    gives("\xFFx\x80y\xC0\xAF", "\u{FFFD} x \u{FFFD} y \u{FFFD} \u{FFFD}")
    gives("\xED\xA0\x80", "\u{FFFD} \u{FFFD} \u{FFFD}") -- a surrogate
    gives("\xF4\x90\x80\x80", ("\u{FFFD} "):rep(4):sub(1, -2)) -- beyond Unicode
    gives("\xE0\x80\xAF", "\u{FFFD} \u{FFFD} \u{FFFD}") -- overlong
    gives_in_the_end("a\xF0\x9F", "a \u{FFFD} \u{FFFD}", "sequence")
  end)

  it("swallows what it does not know, whole", function()
    for _, sequence in ipairs {
      "[?1;2c", "[>1;95;0c", "[5;7R", "[1;80R", "[?2026;2$y", "[12;2$y", "[0n", "[?997;1n", "[8;24;80t",
      "[>4;2m", "[99~", "[999;9999x", "[1;2;3;4;5 q", "[!p", "[E", "[?25h", "[=1;2u", "[?1u",
      "Oz", "O!", "]52;c;YWJj\27\\", "]11;rgb:00/00/00\7", "P1$r0m\27\\", "P>|XTerm(370)\27\\", "Pq#0\27\\",
      "_Gi=1;OK\27\\", "^private\27\\", "Xsos\27\\", "[[Z", "[<0;1M", "[0;1;1;1M",
      "[99999999999999999999~", "[57358;99999999999999999999u", "[1114112u", "[55296u",
    } do
      gives(E .. sequence, "")
      gives("a" .. E .. sequence .. "b", "a b")
    end
    gives("\u{9B}A\u{8F}P\u{9D}0;t\7\u{85}x", "up f1 x") -- 8-bit controls
  end)

  it("gives up a sequence at a control character, which counts", function()
    gives(E .. "[1;\3", "ctrl-c")
    gives(E .. "[1;5" .. E .. "[A", "up")
    gives(E .. "[12\24x", "x")
    gives(E .. "O\r", "enter")
    gives(E .. "]0;title" .. E .. "[A", "up")
    gives(E .. "[1é", "é")
  end)

  it("holds no more than it must of a sequence without an end", function()
    local decoder = keys.decoder()
    for _, start in ipairs { "[", "]", "P", "O" } do
      assert.same({}, decoder:feed(E .. start))
      for _ = 1, 100 do assert.same({}, decoder:feed(("1"):rep(1000))) end
      assert.is_true(#decoder.bytes <= 4096)
      assert.same({}, decoder:feed(start == "[" and "~" or start == "O" and "P" or "\7"))
      assert.equal("x", named(decoder:feed "x"))
    end
  end)

  it("tells what is pending, for the caller's clock", function()
    gives_in_the_end(E, "escape", "escape")
    gives_in_the_end(E .. E, "escape escape", "escape")
    gives_in_the_end("a" .. E .. "[", "a alt-[", "sequence")
    gives_in_the_end(E .. "O", "alt-O", "sequence")
    gives_in_the_end(E .. "]", "alt-]", "sequence")
    gives_in_the_end(E .. E .. "[", "escape alt-[", "sequence")
    gives_in_the_end(E .. "[1;", "", "sequence")
    gives_in_the_end(E .. "]0;title", "", "sequence")
    gives_in_the_end(E .. "[[", "", "sequence")
    gives_in_the_end(E .. "[M!", "", "sequence")
    gives_in_the_end(E .. "[200~abc", "<abc>", "paste")
  end)
end)

describe("random bytes", function()
  local parts = {
    "\27", "[", "O", "1", ";", "5", "A", "~", "u", "M", "<0;1;1M", "\27[200~", "\27[201~", "]", "\7", "\\", "P",
    "a", "é", "\xE2\x82", "\xFF", "\3", "\r", "\24", "\u{9B}", "$", "R", "?", ":", "3", " ", "\127", "日",
  }

  it("give the same keys however they are cut, and are UTF-8", function()
    math.randomseed(11)
    for _ = 1, 400 do
      local pieces = {}
      for i = 1, math.random(1, 30) do pieces[i] = parts[math.random(#parts)] end
      local bytes = table.concat(pieces)
      local whole, decoder = decode { bytes }
      for _, key in ipairs(decoder:expire()) do whole[#whole + 1] = key end
      for _, key in ipairs(whole) do
        assert.is_truthy(utf8.len(key.paste or tostring(key)), ("%q"):format(bytes))
      end
      for _ = 1, 3 do
        local cut, i = {}, 1
        while i <= #bytes do
          local n = math.random(1, 4)
          cut[#cut + 1] = bytes:sub(i, i + n - 1)
          i = i + n
        end
        local list, other = decode(cut)
        for _, key in ipairs(other:expire()) do list[#list + 1] = key end
        assert.equal(named(whole), named(list), ("%q"):format(bytes))
        assert.is_nil(other:waiting())
      end
    end
  end)
end)

describe("a paste", function()
  local function pasted(text) return E .. "[200~" .. text .. E .. "[201~" end

  it("is one key, wherever it is cut", function()
    gives(pasted "abc", "<abc>")
    gives("x" .. pasted "é😀" .. "y", "x <é😀> y")
    gives(pasted "" .. pasted "b", "<> <b>")
    gives(E .. "[201~x", "x")
  end)

  it("has ends of lines and tabs, and no controls", function()
    gives(pasted "a\r\nb\rc\n\td", "<a\nb\nc\n\td>")
    gives(pasted "a\27[31mb\3c\8d\127e\0f\u{85}g\u{9B}h", "<a[31mbcdefgh>")
    gives(pasted "a\27[20\27[201", "<a[20[201>")
    gives(pasted "\27[200~a", "<[200~a>")
  end)

  it("replaces broken bytes", function()
    gives(pasted "a\xFFb\xE2\x82c", "<a\u{FFFD}b\u{FFFD}\u{FFFD}c>")
  end)

  it("may be a megabyte, in any pieces", function()
    local text = ("0123456789abcdé\n"):rep(65536)
    local bytes = pasted(text)
    for _, size in ipairs(os.getenv "LWT_SPEC_FULL" and { #bytes, 65536, 1021, 7 } or { #bytes, 1021, 13 }) do
      local decoder, list = keys.decoder(), {}
      for i = 1, #bytes, size do
        for _, key in ipairs(decoder:feed(bytes:sub(i, i + size - 1))) do list[#list + 1] = key end
      end
      assert.equal(1, #list)
      assert.is_true(list[1].paste == text)
    end
  end)

  it("that is too long comes in pieces, between characters", function()
    local text = ("é\r\n"):rep(45000)
    local decoder, parts = keys.decoder { paste_limit = 163840 }, {}
    decoder:feed(E .. "[200~")
    for i = 1, #text, 651 do
      for _, key in ipairs(decoder:feed(text:sub(i, i + 650))) do parts[#parts + 1] = key.paste end
    end
    for _, key in ipairs(decoder:feed(E .. "[201~")) do parts[#parts + 1] = key.paste end
    assert.equal(2, #parts)
    assert.is_true(table.concat(parts) == ("é\n"):rep(45000))
  end)
end)

describe("term.key", function()
  it("gives the key of a name, and tostring the name", function()
    for name, spelled in pairs {
      ["ctrl-a"] = "ctrl-a", ["Ctrl-A"] = "ctrl-a", ["alt-ctrl-f"] = "ctrl-alt-f", ["é"] = "é",
      ["shift-up"] = "shift-up", ["F5"] = "f5", ["shift-a"] = "A", ["alt-shift-a"] = "alt-A",
      ["ctrl-shift-a"] = "ctrl-shift-a", space = "space", [" "] = "space", ["ctrl-space"] = "ctrl-space",
      ["ctrl-@"] = "ctrl-space", ["-"] = "-", ["ctrl--"] = "ctrl--", esc = "escape", ["return"] = "enter",
      ["alt-del"] = "alt-delete", ["alt--"] = "alt--", ["super-x"] = "super-x", ["f20"] = "f20",
    } do
      assert.equal(spelled, tostring(term.key(name)), name)
      assert.equal(term.key(spelled), term.key(name))
    end
  end)

  it("gives what the decoder gives", function()
    local list = decode { "\1\27f\27[1;5A é\9" }
    local names = { "ctrl-a", "alt-f", "ctrl-up", "space", "é", "tab" }
    for i, name in ipairs(names) do
      assert.is_true(list[i] == term.key(name))
      assert.is_true(rawequal(list[i], term.key(name)))
    end
    assert.is_true(term.key "a" ~= term.key "b")
  end)

  it("has fields", function()
    local key = term.key "ctrl-alt-up"
    assert.same({ "up", true, true }, { key.name, key.ctrl, key.alt })
    assert.is_nil(key.shift)
    key = term.key "é"
    assert.equal("é", key.char)
    assert.is_nil(key.name)
  end)

  it("compares reports by what they say", function()
    local a, b, c = table.unpack((decode { E .. "[<0;3;4M" .. E .. "[<0;3;4M" .. E .. "[<0;3;5M" }))
    assert.is_true(a == b)
    assert.is_false(a == c)
    assert.is_false(a == term.key "a")
  end)

  it("raises for what is none", function()
    for _, name in ipairs { "", "ctrl-", "foo", "ctrl-ctrl-a", "f21", "ab", "\1", "\xFF", "shift-", "alt-foo" } do
      local ok, err = pcall(function() term.key(name) end)
      assert.is_false(ok)
      assert.equal(("%s: bad argument #1 to 'key' (no key is called '%s')"):format(
        "spec/term/keys_spec.lua:" .. tostring(err):match ":(%d+):", name), err)
    end
    assert.has_error(function() term.key(1) end)
  end)
end)

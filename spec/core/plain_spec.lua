-- What may stand in a line as it is: src/core/plain.c beside the same in Lua's patterns.

local is_plain = require "lwt.core".is_plain

local ODD = { "\xC2[\x80-\x9F]", "\xE2\x80[\xA8-\xAE]", "\xE2\x81[\xA6-\xA9]" }

local function expected(s, quoted)
  if s:find "[\0-\8\10-\31\127]" or quoted and s:find '["\\\t]' or not utf8.len(s) then return false end
  for _, odd in ipairs(ODD) do
    if s:find(odd) then return false end
  end
  return true
end

local function compare(s)
  for _, quoted in ipairs { false, true } do
    local got = is_plain(s, quoted)
    if got ~= expected(s, quoted) then
      error(("is_plain(%q, %s) is %s"):format(s, quoted, got), 2)
    end
  end
end

describe("is_plain", function()
  it("is right about every byte, and every two of them", function()
    assert.is_true(is_plain "" and is_plain("", true))
    for a = 0, 255 do
      compare(string.char(a))
      for b = 0, 255 do compare(string.char(a, b)) end
    end
  end)

  it("is right about characters of every length, whole and cut, and what comes after them", function()
    local function around(code)
      for at = math.max(code - 3, 0), code + 3 do
        local s = utf8.char(at)
        compare(s)
        compare("a" .. s .. "z")
        compare(s .. "\n")
        for stop = 1, #s - 1 do
          compare(s:sub(1, stop))
          compare(s:sub(1, stop) .. "z")
        end
      end
    end
    for _, code in ipairs { 0x7F, 0x80, 0xA0, 0x7FF, 0x800, 0x2028, 0x202E, 0x2066, 0x2069, 0xD800, 0xDFFF,
      0xFFFF, 0x10000, 0x10FFFF, 0x1FFFFF, 0x3FFFFFF, 0x7FFFFFFC } do
      around(code)
    end
    for code = 0, 0x10FFFF, 997 do around(code) end
  end)

  it("is right about any bytes", function()
    math.randomseed(11)
    local edges = {
      0x20, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xA8, 0xAF, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE2, 0xED, 0xEF,
      0xF0, 0xF4, 0xF5, 0xF8, 0xFF, 0x41,
    }
    for _ = 1, 20000 do
      local bytes = {}
      for i = 1, math.random(1, 6) do bytes[i] = string.char(edges[math.random(#edges)]) end
      compare(table.concat(bytes))
    end
  end)

  it("takes nothing but text", function()
    assert.error_matches(function() is_plain() end, "string expected, got no value")
    assert.error_matches(function() is_plain {} end, "string expected, got table")
  end)
end)

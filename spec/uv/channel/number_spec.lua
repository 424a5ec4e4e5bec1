local lwt = require "lwt"
local io = require "lwt.io"
local expect = require "spec.support.expect"
local task, failure = expect.task, expect.failure
local await = lwt.await

-- What `f` writes to a channel.
local function written(f)
  local r, w = io.pipe()
  f(w)
  await(w:close())
  local s = await(r:read())
  await(r:close())
  return s
end

local kinds = {
  { "int", "i4", { 0, 1, -1, 0x7fffffff, -0x80000000 } },
  { "int16", "i2", { 0, 258, -2, 0x7fff, -0x8000 } },
  { "int32", "i4", { 0, 16909060, -5 } },
  { "int64", "i8", { 0, math.maxinteger, math.mininteger, -3 } },
  { "float32", "f", { 0.0, 1.5, -0.25, math.huge } },
  { "float64", "d", { 0.0, 0.1, -1e300, -math.huge } },
}

describe("numbers", function()
  for _, kind in ipairs(kinds) do
    local name, format, values = kind[1], kind[2], kind[3]
    it(("%s are what string.pack makes, both ways"):format(name), task(function()
      for _, order in ipairs { "le", "be" } do
        local sign = order == "le" and "<" or ">"
        local all = {}
        for _, v in ipairs(values) do all[#all + 1] = (sign .. format):pack(v) end
        assert.equal(table.concat(all), written(function(w)
          for _, v in ipairs(values) do await(w[order]["write_" .. name](w[order], v)) end
        end))
        local ch = io.of_bytes(table.concat(all))
        for _, v in ipairs(values) do
          assert.equal(v, await(ch[order]["read_" .. name](ch[order])))
        end
        assert.is_nil(await(ch[order]["read_" .. name](ch[order])))
      end
      local native = io.of_bytes(("=" .. format):pack(values[2]))
      assert.equal(values[2], await(native["read_" .. name](native)))
    end))
  end

  it("reject with EOF when cut short", task(function()
    local ch = io.of_bytes("\1\2\3")
    assert.equal(lwt.EOF, failure(ch.le:read_int32()))
    assert.equal(0x0201, await(ch.le:read_int16()))
  end))

  it("wait for all their bytes", task(function()
    local r, w = io.pipe()
    local p = r.be:read_int32()
    await(w:write("\1\2"))
    await(w:flush())
    await(lwt.sleep(0.002))
    await(w:write("\3\4"))
    assert.equal(0x01020304, await(p))
  end))

  it("refuse what does not fit", function()
    local _, w = io.pipe()
    assert.error_matches(function() w.le:write_int16(0x8000) end, "integer overflow")
    assert.error_matches(function() w:write_int(1 << 31) end, "integer overflow")
    assert.error_matches(function() w.le:write_int16(1.5) end, "number has no integer representation")
    assert.error_matches(function() w.le:write_float64("x") end, "number expected, got string")
    assert.error_matches(function() w.le:read_int16() end, "not an input channel")
  end)

  it("are functions of the module as well", task(function()
    local ch = io.of_bytes("\1\2\1\2")
    assert.equal(0x0102, await(io.be.read_int16(ch)))
    assert.equal(0x0201, await(io.le.read_int16(ch)))
  end))

  it("come through a view that keeps its channel, and is always the same", task(function()
    local le = io.of_bytes("\1\0").le
    collectgarbage()
    assert.equal(1, await(le:read_int16()))
    local ch = io.of_bytes("")
    assert.equal(ch.le, ch.le)
    assert.not_equal(ch.le, ch.be)
    assert.is_nil(ch.nothing)
  end))
end)

describe("pack and unpack", function()
  it("take the formats of string.pack", task(function()
    local s = written(function(w)
      await(w:pack("<i2 >i2", 1, 2))
      await(w.be:pack("I4s2", 3, "four"))
      await(w.le:pack("z", "five"))
      await(w:pack(""))
    end)
    assert.equal(("<i2 >i2"):pack(1, 2) .. (">I4s2"):pack(3, "four") .. "five\0", s)
    local ch = io.of_bytes(s)
    assert.same({ 1, 2 }, { await(ch:unpack("<i2 >i2")) })
    assert.same({ 3, "four" }, { await(ch.be:unpack("I4s2")) })
    assert.same({ "five" }, { await(ch.le:unpack("z")) })
    assert.is_nil(await(ch:unpack("b")))
  end))

  local formats = {
    { "<!4 b i4 Xi8 i2 x b", 1, 2, 3, 4 },
    { ">s1 s4 z c3 d", "one", "two", "three", "fou", 5.0 },
    { "=j n T l h B", -1, 2.0, 3, 4, 5, 6 },
    { "<!8 b d !2 b d i3", 1, 2.0, 3, 4.0, 5 },
    { "<i16 I3", -7, 8 },
  }
  for _, case in ipairs(formats) do
    it(("know how much %q needs, wherever the input is cut"):format(case[1]), task(function()
      local values = table.pack(table.unpack(case, 2))
      local packed = case[1]:pack(table.unpack(values, 1, values.n))
      for cut = 1, #packed do
        local pieces = { packed:sub(1, cut), packed:sub(cut + 1), "rest" }
        if pieces[2] == "" then table.remove(pieces, 2) end
        local ch = io.make { read = function() return table.remove(pieces, 1) end }
        assert.same(values, table.pack(await(ch:unpack(case[1]))))
        assert.equal("rest", await(ch:read()))
      end
      assert.equal(lwt.EOF, failure(io.of_bytes(packed:sub(1, -2)):unpack(case[1])))
    end))
  end

  it("refuse a wrong format", function()
    local ch = io.of_bytes("xxxx")
    for _, format in ipairs { "y", "i17", "c", "i0", "X", "Xz", "s17" } do
      assert.error_matches(function() ch:unpack(format) end, "not a format of string.unpack", nil, format)
    end
    local _, w = io.pipe()
    assert.error_matches(function() w:pack("y", 1) end, "invalid format option 'y'")
    assert.error_matches(function() w:pack("i4", "x") end, "number expected")
  end)

  it("read a long string without looking at it twice", task(function()
    local long = ("x"):rep(1 << 20)
    local packed = ("<s8"):pack(long)
    local at = 1
    local ch = io.make {
      read = function()
        at = at + 100
        return packed:sub(at - 100, at - 1)
      end,
    }
    assert.equal(long, (await(ch:unpack("<s8"))))
  end))
end)

describe("positions", function()
  it("count what is buffered, in reading", task(function()
    local ch = io.of_bytes("0123456789")
    assert.equal(0, ch:position())
    await(ch:read(3))
    assert.equal(3, ch:position())
    assert.equal(10, ch:length())
    await(ch:set_position(8))
    assert.equal("8", await(ch:read_char()))
    await(ch:set_position(1))
    assert.equal("1", await(ch:read_char()))
    assert.equal(2, ch:position())
    assert.equal("EINVAL", failure(ch:set_position(11)).code)
    assert.error_matches(function() ch:set_position(-1) end, "negative position")
  end))

  it("count what is buffered, in writing", task(function()
    local b = require "lwt.bytes".create(8)
    local ch = io.of_bytes(b, "w")
    await(ch:write("abc"))
    assert.equal(3, ch:position())
    await(ch:set_position(6))
    await(ch:write("xy"))
    await(ch:flush())
    assert.equal("abc\0\0\0xy", b:to_string())
    await(ch:write("!"))
    assert.equal("ENOSPC", failure(ch:flush()).code)
  end))

  it("are no thing of a pipe", task(function()
    local r, w = io.pipe()
    local ok, err = pcall(r.position, r)
    assert.is_false(ok)
    assert.equal("ESPIPE", err.code)
    assert.equal("ESPIPE", select(2, pcall(w.length, w)).code)
    assert.equal("ESPIPE", failure(w:set_position(0)).code)
  end))

  it("belong to both directions together, where there is one", task(function()
    local b = require "lwt.bytes".of_string("0123456789")
    local ch = io.of_bytes(b, "r+")
    assert.equal("both", ch:mode())
    assert.equal("01", await(ch:read(2)))
    await(ch:write("AB"))
    assert.equal("45", await(ch:read(2)))
    assert.equal(6, ch:position())
    await(ch:write("C"))
    await(ch:set_position(0))
    assert.equal("01AB45C789", await(ch:read()))
  end))

  it("go to the seek function of a made channel", task(function()
    local text, at = "0123456789", 0
    local ch = io.make {
      read = function(n)
        local s = text:sub(at + 1, at + math.min(n, 4))
        at = at + #s
        return s ~= "" and s or nil
      end,
      seek = function(to, whence)
        lwt.pause()
        at = whence == "end" and #text + to or to
        return at
      end,
    }
    assert.equal("01", await(ch:read(2)))
    assert.equal(2, ch:position())
    await(ch:set_position(7))
    assert.equal("78", await(ch:read_exactly(2)))
    assert.equal(9, ch:position())
    assert.equal(10, ch:length())
    assert.equal(9, ch:position())
  end))

  it("takes as many bytes as string.unpack, whatever the format", task(function()
    -- Random formats, from a seed of their own; what follows must be there untouched.
    local state = 20261129
    local function below(n)
      state = (state * 1103515245 + 12345) % 2147483648
      return (state >> 8) % n
    end
    local options = {
      "b", "B", "h", "H", "i", "I", "l", "L", "j", "J", "T", "f", "n", "d", "i1", "i2", "i4", "i8",
      "i16", "I3", "x", "c3", "z", "s1", "s2", "s4", "<", ">", "=", "!", "!1", "!2", "!4", "!8", "!16",
      "Xb", "Xh", "Xi4", "Xi16", "Xd", "Xx", "Xs4", "Xj", " ",
    }
    local tried = 0
    for _ = 1, 3000 do
      local parts, values = {}, {}
      for i = 1, 1 + below(7) do
        local option = options[1 + below(#options)]
        parts[i] = option
        if option:find("^[bBhHiIlLjJT]") then
          values[#values + 1] = 1
        elseif option:find("^[fnd]") then
          values[#values + 1] = 0.5
        elseif option:find("^[zs]") then
          values[#values + 1] = ("v"):rep(below(40))
        elseif option == "c3" then
          values[#values + 1] = "abc"
        end
      end
      local format = table.concat(parts)
      local packs, data = pcall(string.pack, format, table.unpack(values))
      if packs then
        tried = tried + 1
        local ch = io.of_bytes(data .. "next")
        local wanted = table.pack(format:unpack(data))
        local got = table.pack(await(ch:unpack(format)))
        wanted.n = wanted.n - 1
        wanted[wanted.n + 1] = nil
        assert.same(wanted, got, format)
        assert.equal("next", await(ch:read()), format)
      else
        assert.is_false((pcall(function() io.of_bytes(""):unpack(format) end)), format)
      end
    end
    assert.is_true(tried > 1000)
  end))

  it("refuses a format that is wrong behind a string as well", task(function()
    for _, format in ipairs { "zq", "s1X", "zXz", "s1i17", "!3i3i4", "zXc1" } do
      assert.error_matches(function() io.of_bytes("\0"):unpack(format) end,
        "bad argument #%d to 'unpack' %(not a format of string.unpack%)")
    end
  end))

  it("looks at each byte of a long string once", task(function()
    -- The same bytes come in the same pieces; only how they are read differs.
    local n, pieces = 1 << 22, 1 << 14
    local function seconds(read)
      local r, w = io.pipe()
      local p = read(r)
      local start = os.clock()
      await(w:write(("x"):rep(n), "\0"))
      for _ = 1, pieces do
        await(w:write(("y"):rep(256)))
        await(w:flush())
        lwt.yield()
      end
      await(w:write("\0"))
      await(w:close())
      await(p)
      return os.clock() - start
    end
    local plain = seconds(function(r) return r:read_exactly(n + 256 * pieces + 2) end)
    assert.is_true(seconds(function(r) return r:unpack("zz") end) < 3 * math.max(plain, 0.02))
  end))

  it("rejects what a value of the format cannot be, and loses nothing", task(function()
    local data = ("\255"):rep(15) .. "\1"
    local ch = io.of_bytes(data)
    local p = ch:unpack("<i16")
    assert.equal("rejected", (p:state()))
    p:catch(function() end)
    assert.equal(data, await(ch:read()))
  end))
end)

describe("numbers and formats", function()
  it("are refused by a channel that is closed", task(function()
    local r, w = io.pipe()
    await(w:close())
    for _, p in ipairs { w:write_int16(1), w:write_float64(0.5), w:pack("<i4", 1) } do
      assert.equal(lwt.Closed, select(2, pcall(await, p)))
    end
    await(r:close())
  end))

  it("are none of string.unpack's when they count too far, or align nothing", task(function()
    for _, format in ipairs { "c99999999999999999999", "c", "X", "X<", "Xc4", "XX", "Xz", "!3i3", "i17", "!0" } do
      local ch = io.of_bytes(("x"):rep(100))
      local ok, err = pcall(function() return await(ch:unpack(format)) end)
      assert.is_false(ok, format)
      local told = tostring(err):find("not a format", 1, true)
      assert.is_true(told ~= nil or not pcall(string.unpack, format, ("x"):rep(100)), tostring(err))
    end
  end))

  it("fail where what is read says that more bytes follow than there can be", task(function()
    for _, format in ipairs { "<s8", ">s8", "<s16", ">s16" } do
      local ch = io.of_bytes(("\xff"):rep(40))
      assert.is_false((pcall(await, ch:unpack(format))), format)
      await(ch:close())
    end
    local ch = io.of_bytes(("x"):rep(40))
    assert.is_false((pcall(await, ch:unpack "c4611686018427387905")))
    await(ch:close())
  end))
end)

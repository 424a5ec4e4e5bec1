local lwt = require "lwt"
local lio = require "lwt.io"
local process = require "lwt.process"
local test = require "lwt.test"
local text = require "lwt.text"
local eventually = require "spec.support.eventually"
local shell = require "spec.support.shell"
local await = lwt.await

local utf8_only = { encoding = "UTF-8" }
local strict = { encoding = "UTF-8", strict = true }
local latin = { encoding = "ISO-8859-1" }

local function on(bytes, opts) return text.make(lio.of_bytes(bytes), opts or utf8_only) end

local function failure(p)
  local ok, err = pcall(await, p)
  assert.is_false(ok)
  return err
end

local function in_dir(f)
  return test.async(function()
    await(lio.with_temp_dir(f))
    test.assert_clean()
  end)
end

describe("a text channel", function()
  it("is read by characters, lines, counts and to the end", test.async(function()
    local t = on("né\nzwei\r\n日本 rest\rend")
    assert.equal("n", await(t:read_char()))
    assert.equal("é", await(t:read_char()))
    assert.equal("", await(t:read_line()))
    assert.equal("zwei", await(t:read_line()))
    assert.equal("日本 ", await(t:read(3)))
    assert.equal("", await(t:read(0)))
    assert.equal("rest\rend", await(t:read()))
    assert.is_nil(await(t:read_char()))
    assert.is_nil(await(t:read_line()))
    assert.is_nil(await(t:read(5)))
    assert.equal("", await(t:read()))
  end))

  it("is read by loops and streams", test.async(function()
    local lines = {}
    for line in on("é\n\nlast"):lines() do lines[#lines + 1] = line end
    assert.same({ "é", "", "last" }, lines)
    local chars = {}
    for c in on("né\xFF"):chars() do chars[#chars + 1] = c end
    assert.same({ "n", "é", "\u{FFFD}" }, chars)
    assert.equal("a b", table.concat(await(on("a\nb\n"):read_lines():to_list()), " "))
    assert.equal(3, #await(on("日本!"):read_chars():to_list()))
  end))

  it("left in the middle of a loop goes on there", test.async(function()
    local t = on("日本語\nnext\n")
    for c in t:chars() do
      if c == "本" then break end
    end
    assert.equal("語", await(t:read_line()))
    assert.equal("next", t:lines()())
    assert.is_nil(await(t:read_char()))
  end))

  it("takes no more than it needs: text and bytes may be read in turns", test.async(function()
    local t = on("längere Zeile\r\nx日\1\2\3")
    assert.equal("längere Zeile", await(t:read_line()))
    assert.equal("x", await(t:byte_channel():read_char()))
    assert.equal("日", await(t:read_char()))
    assert.equal("\1\2\3", await(t:byte_channel():read()))
  end))

  it("writes what the encoding has", test.async(function()
    local r, w = lio.pipe()
    local t = text.make(w, latin)
    await(t:write("caf", "é", 1))
    await(t:write_line("ß €"))
    await(t:write_char("ü"))
    await(t:writef("%s-%d", "ö", 7))
    await(t:write_lines { "1", "é" })
    await(t:write_chars { "a", "ñ" })
    local n = 0
    await(t:write_lines(function()
      n = n + 1
      return n < 3 and "l" .. n or nil
    end))
    await(t:flush())
    assert.is_false(t:is_closed())
    await(t:close())
    assert.is_true(t:is_closed())
    assert.equal("caf\xE91\xDF EUR\n\xFC\xF6-71\n\xE9\na\xF1l1\nl2\n", await(r:read()))
    assert.equal(lwt.Closed, failure(t:write("x")))
  end))

  it("that is strict rejects what cannot be written, and writes nothing of it", test.async(function()
    local r, w = lio.pipe()
    local t = text.make(w, { encoding = "ISO-8859-1", strict = true })
    await(t:write("é"))
    local err = failure(t:write("a", "5 €"))
    assert.equal("EILSEQ", err.code)
    assert.equal("write", err.op)
    assert.equal(3, err.at)
    assert.matches("ISO%-8859%-1 at byte 3", tostring(err))
    assert.equal("write_line", failure(t:write_line("日")).op)
    assert.equal("writef", failure(t:writef("%s", "日")).op)
    assert.equal("EILSEQ", failure(t:write_lines { "x", "日", "y" }).code)
    await(t:close())
    assert.equal("\xE9x\n", await(r:read()))
  end))

  it("that is strict rejects what is malformed once, and loses nothing else", test.async(function()
    local t = on("ab\xFFcd\nef\xE2\x82\n\xC3", strict)
    local err = failure(t:read_line())
    assert.equal("EILSEQ", err.code)
    assert.equal("read_line", err.op)
    assert.equal(2, err.at)
    assert.equal("abcd", await(t:read_line()))
    assert.equal("e", await(t:read_char()))
    assert.equal(8, failure(t:read_line()).at)
    assert.equal("f", await(t:read_line()))
    assert.equal(11, failure(t:read()).at)
    assert.equal("", await(t:read()))
  end))

  it("is in the locale's encoding, where none is said", test.async(function()
    assert.equal(text.encoding(), text.make(lio.of_bytes("")):encoding())
    assert.equal("UTF-16LE", on("", { encoding = "utf16le" }):encoding())
    assert.matches("lwt.text.channel %(UTF%-8%): lwt.channel", tostring(on("")))
  end))

  it("keeps to the limit of its byte channel", test.async(function()
    for _, encoding in ipairs { "UTF-8", "UTF-16BE" } do
      local ch = lio.of_bytes(text.encode(("x"):rep(50) .. "\nshort\n", encoding))
      ch:set_limit(20)
      local t = text.make(ch, { encoding = encoding })
      assert.equal("ELIMIT", failure(t:read_line()).code, encoding)
      assert.equal("ELIMIT", failure(t:read_line()).code, encoding)
      ch:set_limit(nil)
      assert.equal(("x"):rep(50), await(t:read_line()))
      assert.equal("short", await(t:read_line()))
    end
  end))

  it("takes a line of any length, in little time", test.async(function()
    for _, encoding in ipairs { "UTF-8", "UTF-16LE", "ISO-2022-JP" } do
      if pcall(text.encode, "", encoding) then
        local long = ("x"):rep(2000000)
        local t = on(text.encode(long .. "\nend", encoding), { encoding = encoding })
        assert.is_true(long == await(t:read_line()))
        assert.equal("end", await(t:read_line()))
      end
    end
  end))

  it("says what is wrong with arguments, at the caller's line", function()
    local t = on("")
    local function says(message, f)
      local ok, err = pcall(f)
      assert.is_false(ok)
      assert.truthy(err:find("text_channel_spec.lua:", 1, true), err)
      assert.truthy(err:find(message, 1, true), err)
    end
    says("bad argument #1 to 'make' (lwt.channel expected, got string)", function() text.make("x") end)
    says("bad argument #2 to 'make' (unknown option 'what')", function() text.make(lio.of_bytes(""), { what = 1 }) end)
    says("option 'strict': boolean expected, got number", function() text.make(lio.of_bytes(""), { strict = 1 }) end)
    says("'write': this text channel does not write", function() t:write("x") end)
    says("'read_line': this text channel does not read", function() text.stdout:read_line() end)
    says("bad argument #1 to 'read' (negative count)", function() t:read(-1) end)
    says("bad argument #1 to 'read' (integer expected, got string)", function() t:read("x") end)
    says("bad argument #1 to 'read_line' (lwt.text.channel expected, got nil)", function() text.read_line(nil) end)
    says("bad argument #1 to 'write' (string expected, got table)", function() text.stdout:write({}) end)
    says("bad argument #3 to 'write' (string expected, got nil)", function() text.write(text.stdout, "", nil) end)
    says("(one character expected)", function() text.stdout:write_char("ab") end)
    says("(one character expected)", function() text.stdout:write_char("") end)
    says("bad argument #1 to 'write_lines' (list, stream or iterator expected",
      function() text.stdout:write_lines(1) end)
    says("bad argument #1 to 'atomic' (function expected", function() t:atomic() end)
    says("bad argument #1 to 'close' ('read' or 'write' expected)", function() t:close("both") end)
    says("bad argument #3 to 'with_file' (function expected", function() text.with_file("x", "r") end)
    says("bad argument #2 to 'with_file' (invalid mode)", function() text.with_file("x", "q", print) end)
    says("bad argument #4 to 'with_file'", function() text.with_file("x", "r", print, { buffer_size = 1 }) end)
    says("bad argument #4 to 'with_file' (option 'encoding': unknown encoding 'x')", function()
      text.with_file("x", "r", print, { encoding = "x" })
    end)
    says("bad argument #1 to 'open_file'", function() text.open_file({}, "r") end)
    says("bad argument #1 to 'open_connection'", function() text.open_connection({}) end)
    says("bad argument #2 to 'print' (string expected, got table)", function() text.print("", {}) end)
    says("bad argument #1 to 'eprintf' (string expected, got nil)", function() text.eprintf() end)
    lwt.run(function()
      says("bad argument #2 to 'encode'", function() text.encode("", "nope") end)
      local kept
      await(t:atomic(function(inner) kept = inner end))
      says("the atomic of this text channel is over", function() kept:read_line() end)
    end)
  end)
end)

describe("reads that wait", function()
  it("get their lines in the order in which they asked", test.async(function()
    local r, w = lio.pipe()
    for _, opts in ipairs { utf8_only, strict, { encoding = "UTF-16BE" } } do
      local t = text.make(r, opts)
      local first, second, third = t:read_line(), t:read_line(), t:read_char()
      for byte in text.encode("één\ntwee\n!", opts.encoding):gmatch(".") do
        await(w:write(byte))
        await(w:flush())
        lwt.yield()
      end
      assert.equal("één", await(first))
      assert.equal("twee", await(second))
      assert.equal("!", await(third))
    end
    await(w:close())
  end))

  it("that are cancelled lose nothing, whatever has come of the character or line", test.async(function()
    for _, opts in ipairs { utf8_only, strict, { encoding = "UTF-16BE" }, { encoding = "GB18030" } } do
      if pcall(text.encode, "", opts.encoding) then
        local bytes = text.encode("日本\nend\n", opts.encoding)
        for cut = 1, #bytes do
          for _, name in ipairs { "read_line", "read_char", "read" } do
            local r, w = lio.pipe()
            local t = text.make(r, opts)
            await(w:write(bytes:sub(1, cut)))
            await(w:flush())
            local waiting = {}
            for i = 1, 8 do
              local p = t[name](t, nil)
              if p:is_pending() then lwt.pause():await() end
              if p:is_pending() then
                p:cancel()
                assert.equal(lwt.Canceled, failure(p))
                break
              end
              waiting[i] = await(p) .. (name == "read_line" and "\n" or "")
            end
            await(w:write(bytes:sub(cut + 1)))
            await(w:close())
            assert.equal("日本\nend\n", table.concat(waiting) .. await(t:read()), name .. cut .. opts.encoding)
            await(t:close())
          end
        end
      end
    end
    test.assert_clean()
  end))

  it("in a task that was cancelled take nothing", test.async(function()
    local t = on("one\ntwo\n", strict)
    assert.equal("o", await(t:read_char()))
    for _, op in ipairs { t.read_line, t.read_char } do
      local done
      local p = lwt.spawn(function()
        pcall(await, lwt.sleep(60))
        lwt.current():cancel()
        local ok, err = pcall(await, op(t))
        done = not ok and err
        error(err, 0)
      end)
      p:cancel()
      pcall(await, p)
      eventually(function() return done ~= nil end)
    end
    assert.equal("ne\ntwo\n", await(t:read()))
  end))

  it("do not hold up writes on the same connection", test.async(function()
    local server = await(lio.establish_server("127.0.0.1:0", function(ch)
      local t = text.make(ch, latin)
      for line in t:lines() do await(t:write_line(line:gsub("\u{E9}", "É"))) end
    end))
    local t <close> = await(text.open_connection(server:address(), latin))
    local answer = t:read_line()
    assert.is_true(answer:is_pending())
    await(t:write_line("caf\u{E9}"))
    await(t:flush())
    assert.equal("cafÉ", await(answer))
    await(t:close("write"))
    assert.is_nil(await(t:read_line()))
    await(server:shutdown())
  end))

  it("fail when the channel is closed", test.async(function()
    local r, w = lio.pipe()
    for _, opts in ipairs { utf8_only, strict } do
      local t = text.make(r, opts)
      local _ = opts
      local p = t:read_line()
      if opts == strict then
        await(t:close())
        assert.equal(lwt.Closed, failure(p))
        assert.equal(lwt.Closed, failure(t:read_line()))
      else
        p:cancel()
      end
    end
    await(w:close())
    test.assert_clean()
  end))
end)

describe("finalizers", function()
  -- At most `most` of them call f, one after another, while `during` runs.
  local function with_finalizers(most, f, during)
    local armed, n = true, 0
    local function arm()
      setmetatable({}, { __gc = function()
        if not armed then return end
        n = n + 1
        if n <= most then f(n) end
        arm()
      end })
    end
    collectgarbage("incremental", 1, 1000)
    arm()
    local ok, err = pcall(during)
    armed = false
    collectgarbage("incremental", 200, 100)
    if not ok then error(err, 0) end
    return math.min(n, most)
  end

  it("that read from the same channel take lines of their own", test.async(function()
    for _, opts in ipairs { utf8_only, strict, { encoding = "UTF-16" } } do
      local lines, seen, promises = {}, {}, {}
      for i = 1, 200 do lines[i] = ("%d € 日本 %s"):format(i, ("x"):rep(i)) end
      local t = on(text.encode(table.concat(lines, "\n"), opts.encoding), opts)
      local function note(line)
        assert.is_nil(seen[line])
        seen[line] = true
      end
      with_finalizers(50, function() promises[#promises + 1] = t:read_line() end, function()
        for line in function() return await(t:read_line()) end do note(line) end
      end)
      for _, p in ipairs(promises) do
        local line = await(p)
        if line then note(line) end
      end
      for i, line in ipairs(lines) do assert(seen[line], i) end
    end
  end))

  it("that write to the same channel write lines of their own", test.async(function()
    for _, encoding in ipairs { "UTF-8", "UTF-16", "ISO-2022-JP" } do
      if pcall(text.encode, "", encoding) then
        local parts, seen = {}, {}
        local t = text.make(lio.make { write = function(s) parts[#parts + 1] = s end }, { encoding = encoding })
        local long = ("日本 abc 語 "):rep(40)
        local n = with_finalizers(200, function(i) t:write_line("終 fin 了" .. i) end, function()
          for i = 1, 40 do await(t:write_line(long .. i)) end
        end)
        await(t:close())
        local all_of_it = text.decode(table.concat(parts), encoding, { strict = true })
        for line in all_of_it:gmatch("([^\n]*)\n") do seen[line] = true end
        for i = 1, 40 do assert(seen[long .. i], i) end
        for i = 1, n do assert(seen["終 fin 了" .. i], i) end
      end
    end
  end))
end)

describe("atomic", function()
  it("keeps others away until it is done", test.async(function()
    local r, w = lio.pipe()
    local out, input = text.make(w, utf8_only), text.make(r, strict)
    local first = out:atomic(function(inner)
      await(inner:write("é"))
      await(lwt.sleep(0.001))
      await(inner:write("è"))
      return "a", "b"
    end)
    local second = out:write("!\n")
    local a, b = await(first)
    assert.equal("ab", a .. b)
    await(second)
    local whole = input:atomic(function(inner)
      local c = await(inner:read_char())
      lwt.yield()
      return c .. await(inner:read_line())
    end)
    local rest = input:read()
    await(out:close())
    assert.equal("éè!", await(whole))
    assert.equal("", await(rest))
  end))
end)

describe("files", function()
  it("are written and read in any encoding", in_dir(function(dir)
    local path = dir .. "/f"
    for _, encoding in ipairs { "UTF-8", "UTF-16", "ISO-8859-1", "ISO-2022-JP" } do
      if pcall(text.encode, "", encoding) then
        local line = encoding == "ISO-8859-1" and "naïve" or "日本 naive"
        await(text.with_file(path, "w", function(t) return t:write_lines { line, "x" } end, { encoding = encoding }))
        await(text.with_file(path, "r", function(t)
          assert.equal(line, await(t:read_line()))
          assert.equal("x\n", await(t:read()))
        end, { encoding = encoding, buffer_size = 16 }))
        assert.equal(line .. "\nx\n", text.decode(await(lio.with_file(path, "r", lio.read)), encoding))
      end
    end
    assert.equal("ENOENT", failure(text.open_file(dir .. "/none", "r")).code)
    assert.equal("ENOENT", failure(text.with_file(dir .. "/none", "r", text.read)).code)
  end))

  it("that are appended to get no second byte order mark", in_dir(function(dir)
    local path = dir .. "/f"
    for _, mode in ipairs { "w", "a", "a" } do
      await(text.with_file(path, mode, function(t) return t:write("é") end, { encoding = "UTF-16" }))
    end
    assert.equal("\xFE\xFF\0\xE9\0\xE9\0\xE9", await(lio.with_file(path, "r", lio.read)))
  end))

  it("are closed however the function ends", in_dir(function(dir)
    local path = dir .. "/f"
    local kept
    local p = text.with_file(path, "w", function(t)
      kept = t
      await(t:write("é"))
      error("no")
    end, utf8_only)
    assert.matches("no", failure(p))
    assert.is_true(kept:is_closed())
    p = text.with_file(path, "w", function(t)
      kept = t
      await(lwt.sleep(60))
    end, utf8_only)
    lwt.pause():await()
    eventually(function() return not kept:is_closed() end)
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    assert.is_true(kept:is_closed())
    do
      local t <close> = await(text.open_file(path, "w", utf8_only))
      await(t:write("日"))
      kept = t
    end
    assert.is_true(kept:is_closed())
    assert.equal(3, await(lio.file_length(path)))
    assert.same({ "a", "b" }, { await(text.with_file(path, "r", function() return "a", "b" end)) })
  end))
end)

describe("a child's output", function()
  it("is text, in its encoding", test.async(function()
    local child = [[printf 'caf\351\n\344\n'; cat]]
    await(process.with_process({ "sh", "-c", child }, { stdin = "pipe", stdout = "pipe" }, function(p)
      local out, input = text.make(p.stdout, latin), text.make(p.stdin, latin)
      assert.equal("café", await(out:read_line()))
      assert.equal("ä", await(out:read_line()))
      await(input:write("ö €"))
      await(input:close())
      assert.equal("ö EUR", await(out:read()))
    end))
  end))
end)

describe("the standard channels", function()
  local function run(environment, script, input)
    local dir = shell.temp_dir()
    shell.write(dir .. "/s.lua", script)
    shell.write(dir .. "/in", input or "")
    local result = shell.run(("env -u LC_ALL -u LC_CTYPE -u LANG %s %s %s/s.lua <%s/in"):format(
      environment, shell.lua, dir, dir))
    shell.remove_dir(dir)
    assert(result.code == 0, result.err)
    return result
  end

  it("transliterate in the locale C, and never fail", function()
    local result = run("LC_ALL=C", [[
      local lwt, text = require "lwt", require "lwt.text"
      lwt.run(function()
        text.printl("café ", 5, " € 日\xFF")
        text.stdout:write_line("é")
        text.eprintlf("%s!", "ü")
        text.printf("%s\n", "ß")
        text.eprint("ç"); text.eprintl("ñ"); text.eprintf("%d", 3); text.printlf("%s", "…"); text.print("–")
      end)]])
    assert.equal("cafe 5 EUR ??\ne\nss\n...\n-", result.out)
    assert.equal("u!\ncn\n3", result.err)
  end)

  it("are in UTF-8 where the locale is, in order with Lua's own print", function()
    local result = run("LC_ALL=C.UTF-8", [[
      local lwt, text = require "lwt", require "lwt.text"
      lwt.run(function()
        print("1")
        text.printl("zwé")
        print("3")
        io.stdout:write(#text.stdin:read_line():await(), "\n")
        for c in text.stdin:chars() do text.print("<", c, ">") end
      end)]], "日本\né\xFF")
    assert.equal("1\nzwé\n3\n6\n<é><\u{FFFD}>", result.out)
  end)

  it("read U+FFFD in the locale C for what is no ASCII", function()
    local result = run("LC_ALL=C", [[
      local lwt, text = require "lwt", require "lwt.text"
      lwt.run(function()
        local line = text.stdin:read_line():await()
        io.stdout:write(line, " ", text.length(line))
      end)]], "caf\xC3\xA9\n")
    assert.equal("caf\u{FFFD}\u{FFFD} 5", result.out)
  end)
end)

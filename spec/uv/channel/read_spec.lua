local lwt = require "lwt"
local io = require "lwt.io"
local bytes = require "lwt.bytes"
local expect = require "spec.support.expect"
local task, failure = expect.task, expect.failure
local await = lwt.await

-- A channel whose source gives these pieces, one for each read.
local function of_pieces(pieces, opts)
  local i = 0
  return io.make({
    read = function()
      i = i + 1
      return pieces[i]
    end,
  }, opts)
end

local function all_lines(ch)
  local lines = {}
  for line in ch:lines() do lines[#lines + 1] = line end
  return lines
end

describe("reading", function()
  describe("lines", function()
    local text = "a\r\nb\nc\rd\r\r\n\n\r\nlast"
    local lines = { "a", "b", "c\rd\r", "", "", "last" }

    it("are walked through in the direct view of a channel, too", task(function()
      assert.same({ "a", "b" }, all_lines(lwt.direct(io.of_bytes("a\nb\n"))))
      local view = lwt.direct(io)
      assert.same({ "a", "b" }, all_lines(view.of_bytes("a\nb\n")))
      local seen = {}
      for line in view.lines(io.of_bytes("a\nb\n")) do seen[#seen + 1] = line end
      assert.same({ "a", "b" }, seen)
    end))

    it("takes off one line end, and no more", task(function()
      assert.same(lines, all_lines(io.of_bytes(text)))
    end))

    it("gives the same however the input is cut", task(function()
      for size = 1, #text do
        local pieces = {}
        for at = 1, #text, size do pieces[#pieces + 1] = text:sub(at, at + size - 1) end
        assert.same(lines, all_lines(of_pieces(pieces)))
      end
    end))

    it("keeps a lone carriage return at the end", task(function()
      local ch = io.of_bytes("a\r")
      assert.equal("a\r", await(ch:read_line()))
      assert.is_nil(await(ch:read_line()))
    end))

    it("gives an empty line, then nil", task(function()
      local ch = io.of_bytes("\n")
      assert.equal("", await(ch:read_line()))
      assert.is_nil(await(ch:read_line()))
      assert.is_nil(await(ch:read_line()))
    end))

    it("may be longer than the buffer", task(function()
      local long = ("0123456789"):rep(100000)
      local ch = io.of_bytes(long .. "\nshort\n" .. long, "r", { buffer_size = 16 })
      assert.equal(long, await(ch:read_line()))
      assert.equal("short", await(ch:read_line()))
      assert.equal(long, await(ch:read_line()))
      assert.is_nil(await(ch:read_line()))
    end))

    it("waits inside a loop, and resolves at once what is buffered", task(function()
      local r, w = io.pipe()
      local got = lwt.spawn(all_lines, r)
      await(w:write("one\ntw"))
      lwt.yield()
      await(lwt.sleep(0.001))
      await(w:write("o\nthree"))
      await(w:close())
      assert.same({ "one", "two", "three" }, await(got))
    end))

    it("raises in a loop what reading fails with", task(function()
      local ch = io.make { read = function() error("broken", 0) end }
      local ok, err = pcall(function()
        for _ in ch:lines() do error("a line?") end
      end)
      assert.is_false(ok)
      assert.equal("broken", err)
    end))

    it("raises in a loop over a closed channel", task(function()
      local ch = io.of_bytes("a\n")
      await(ch:close())
      local ok, err = pcall(function()
        for _ in ch:lines() do error("a line?") end
      end)
      assert.is_false(ok)
      assert.equal(lwt.Closed, err)
    end))

    it("can be left and taken up again", task(function()
      local ch = io.of_bytes("a\nb\nc")
      for line in ch:lines() do
        if line == "a" then break end
      end
      assert.equal("b", await(ch:read_line()))
      assert.same({ "c" }, all_lines(ch))
    end))

    it("come as a stream", task(function()
      assert.same({ "a", "b" }, { table.unpack(await(io.of_bytes("a\nb"):read_lines():to_list())) })
      assert.same({ "a", "b" }, { table.unpack(await(io.of_bytes("ab"):read_chars():to_list())) })
    end))
  end)

  describe("bytes", function()
    it("read_char gives one, and nil at the end", task(function()
      local ch = io.of_bytes("\0x")
      assert.equal("\0", await(ch:read_char()))
      assert.equal("x", await(ch:read_char()))
      assert.is_nil(await(ch:read_char()))
    end))

    it("read() gives all, and an empty string where there is nothing", task(function()
      local ch = of_pieces { "a", "b", "c" }
      assert.equal("abc", await(ch:read()))
      assert.equal("", await(ch:read()))
    end))

    it("read(n) gives what is buffered, else one read, and nil at the end", task(function()
      local ch = of_pieces { "hello", " world" }
      assert.equal("he", await(ch:read(2)))
      assert.equal("llo", await(ch:read(100)))
      assert.equal(" world", await(ch:read(100)))
      assert.is_nil(await(ch:read(100)))
    end))

    it("read(0) is empty at once, also when nothing is there", task(function()
      local r = io.pipe()
      assert.equal("fulfilled", (r:read(0):state()))
      assert.equal("", await(r:read(0)))
    end))

    it("refuses a negative count", function()
      local ch = io.of_bytes("")
      assert.error_matches(function() ch:read(-1) end, "bad argument #%d to 'read' %(negative count%)")
      assert.error_matches(function() ch:read_exactly(-1) end, "negative count")
    end)

    it("read_exactly waits for all of it", task(function()
      local ch = of_pieces { "ab", "cd", "ef" }
      assert.equal("abc", await(ch:read_exactly(3)))
      assert.equal("", await(ch:read_exactly(0)))
      assert.equal("def", await(ch:read_exactly(3)))
    end))

    it("read_exactly rejects with EOF when cut short, and what there was can be read", task(function()
      local ch = of_pieces { "ab", "c" }
      assert.equal(lwt.EOF, failure(ch:read_exactly(4)))
      assert.equal("abc", await(ch:read()))
    end))

    it("read_exactly of very much takes no memory in advance", task(function()
      local ch = io.of_bytes("abc")
      assert.equal(lwt.EOF, failure(ch:read_exactly(1 << 50)))
    end))

    it("read_until takes the delimiter off, wherever the input is cut", task(function()
      local text = "one--two---three"
      for size = 1, #text do
        local pieces = {}
        for at = 1, #text, size do pieces[#pieces + 1] = text:sub(at, at + size - 1) end
        local ch = of_pieces(pieces)
        assert.equal("one", await(ch:read_until("--")))
        assert.equal("two", await(ch:read_until("--")))
        assert.equal("-three", await(ch:read_until("--")))
        assert.is_nil(await(ch:read_until("--")))
      end
      assert.error_matches(function() io.of_bytes(""):read_until("") end, "empty delimiter")
    end))

    it("read_into fills a part of an lwt.bytes", task(function()
      local b = bytes.create(6)
      local ch = io.of_bytes("abcdefgh")
      assert.equal(4, await(ch:read_into(b, 2)))
      assert.equal("\0\0abcd", b:to_string())
      assert.equal(1, await(ch:read_into(b, 0, 1)))
      assert.equal("e\0abcd", b:to_string())
      assert.equal(0, await(ch:read_into(b, 6)))
      assert.equal(3, await(ch:read_into(b)))
      assert.is_nil(await(ch:read_into(b)))
      assert.error_matches(function() ch:read_into(b, 7) end, "bad argument #%d to 'read_into' %(out of range%)")
      assert.error_matches(function() ch:read_into(b, 3, 4) end, "out of range")
      assert.error_matches(function() ch:read_into("x") end, "lwt.bytes expected")
    end))

    it("read_into waits with the memory in its place", task(function()
      local r, w = io.pipe()
      local b = bytes.create(4)
      local p = r:read_into(b:sub(1, 3))
      collectgarbage()
      await(w:write("xyz!"))
      assert.equal(3, await(p))
      assert.equal("\0xyz", b:to_string())
    end))
  end)

  describe("in a queue", function()
    it("serves each operation whole, in the order they came", task(function()
      local r, w = io.pipe()
      local a, b, c, d = r:read_line(), r:read_exactly(3), r:read_char(), r:read_line()
      assert.is_true(r:is_busy())
      await(w:write("l"))
      await(w:write("ine\nabcXlast\nrest"))
      assert.equal("line", await(a))
      assert.equal("abc", await(b))
      assert.equal("X", await(c))
      assert.equal("last", await(d))
      assert.is_false(r:is_busy())
      assert.equal("rest", await(r:read(10)))
    end))

    it("loses no bytes with a read that is cancelled", task(function()
      local r, w = io.pipe()
      local p = r:read_exactly(10)
      await(w:write("abc"))
      await(w:flush())
      lwt.yield()
      await(lwt.sleep(0.005))
      p:cancel()
      assert.equal(lwt.Canceled, failure(p))
      assert.equal("abc", await(r:read(10)))
    end))

    it("goes on with the next when the first is cancelled", task(function()
      local r, w = io.pipe()
      local a, b, c = r:read_exactly(10), r:read_exactly(3), r:read_line()
      await(w:write("abcd"))
      await(w:flush())
      await(lwt.sleep(0.005))
      a:cancel()
      assert.equal(lwt.Canceled, failure(a))
      assert.equal("abc", await(b))
      c:cancel()
      assert.equal(lwt.Canceled, failure(c))
      assert.equal("d", await(r:read(1)))
    end))

    it("takes a cancelled one out of the middle", task(function()
      local r, w = io.pipe()
      local a, b, c = r:read_char(), r:read_char(), r:read_char()
      b:cancel()
      await(w:write("xy"))
      assert.equal("x", await(a))
      assert.equal("y", await(c))
      assert.equal(lwt.Canceled, failure(b))
    end))

    it("fails every operation that waits with the error of the source", task(function()
      local ch = io.make {
        read = function()
          await(lwt.sleep(0.001))
          error("gone", 0)
        end,
      }
      local a, b = ch:read_line(), ch:read_exactly(2)
      assert.equal("gone", failure(a))
      assert.equal("gone", failure(b))
    end))

    it("ends every operation that waits at the end of the input", task(function()
      local r, w = io.pipe()
      local a, b, c, d = r:read_line(), r:read(), r:read_exactly(1), r:read(5)
      await(w:write("x"))
      await(w:close())
      assert.equal("x", await(a))
      assert.equal("", await(b))
      assert.equal(lwt.EOF, failure(c))
      assert.is_nil(await(d))
    end))

    it("lets a callback read on", task(function()
      local r, w = io.pipe()
      local p = r:read_line():bind(function(one)
        return r:read_line():map(function(two) return one .. two end)
      end)
      await(w:write("a\nb\n"))
      assert.equal("ab", await(p))
    end))
  end)

  it("is refused on an output channel, on a closed channel and on what is no channel", task(function()
    local r, w = io.pipe()
    assert.error_matches(function() w:read_line() end, "calling 'read_line' on bad self %(not an input channel%)")
    assert.error_matches(function() io.read_line(1) end, "lwt.channel expected, got number")
    await(r:close())
    assert.equal(lwt.Closed, failure(r:read_line()))
    await(w:close())
  end))

  it("tells how much is buffered, and looks at it", task(function()
    local ch = io.of_bytes("abc")
    assert.equal(0, ch:buffered())
    await(ch:read_char())
    assert.equal(2, ch:buffered())
    assert.equal("input", ch:mode())
    assert.equal(65536, ch:buffer_size())
  end))

  it("resizes its buffer when the unread bytes fit", task(function()
    local ch = io.of_bytes(("x"):rep(100))
    await(ch:read_char())
    assert.matches("does not fit", failure(ch:resize_buffer(50)))
    await(ch:resize_buffer(200))
    assert.equal(200, ch:buffer_size())
    assert.error_matches(function() ch:resize_buffer(15) end, "size out of range")
    assert.equal(99, #await(ch:read()))
  end))

  -- A part of a line is left each time, so that the buffer is never empty.
  it("asks for more at a time of a source that gives all that is asked for, line by line", task(function()
    local text = (("x"):rep(49) .. "\n"):rep(20000)
    for size, least in pairs { [65536] = 60000, [10000] = 9900, [1000] = 900 } do
      local asked, at = {}, 0
      local ch = io.make({
        read = function(n)
          asked[#asked + 1] = n
          at = at + n
          return at - n < #text and text:sub(at - n + 1, at) or nil
        end,
      }, { buffer_size = size })
      assert.equal(text, table.concat(all_lines(ch), "\n") .. "\n")
      for i, n in ipairs(asked) do
        assert.is_true(n <= size and (i < 4 or n >= least), ("read %d of %d asks for %d"):format(i, size, n))
      end
    end
  end))

  -- Looking through the whole line again at each refill would take minutes.
  it("takes lines of any length, in time that grows with it alone", task(function()
    local size = (os.getenv("LWT_UNDER") and 4 or 32) << 20
    local text = ("x"):rep(size)
    local began = os.clock()
    for _, how in ipairs { "read_line", "read_until", "read_exactly", "lines", "read" } do
      local r, w = io.pipe()
      lwt.spawn(function()
        await(w:write(text))
        await(w:write("\nlast"))
        await(w:close())
      end)
      local got
      if how == "lines" then
        for line in r:lines() do got = got or line end
      elseif how == "read" then
        got = await(r:read()):sub(1, -6)
      else
        got = await(r[how](r, how == "read_until" and "\nl" or how == "read_exactly" and size or nil))
      end
      assert.is_true(got == text, how)
      await(r:close())
    end
    if not os.getenv("LWT_UNDER") then assert.is_true(os.clock() - began < 20, os.clock() - began) end
  end))

  describe("direct access", function()
    it("looks, skips and reads on", task(function()
      local ch = of_pieces { "head", "er;body" }
      local head = await(ch:direct_access(function(d)
        assert.equal(0, d:available())
        while not d:peek():find(";", 1, true) do assert(await(d:perform()) > 0) end
        local at = d:peek():find(";", 1, true)
        local text = d:peek(at - 1)
        d:skip(at)
        assert.error_matches(function() d:skip(100) end, "more than is buffered")
        return text
      end))
      assert.equal("header", head)
      assert.equal("body", await(ch:read()))
    end))

    it("gives 0 at the end, and is over when the function is", task(function()
      local ch, kept = io.of_bytes("")
      assert.equal(0, await(ch:direct_access(function(d)
        kept = d
        return d:perform()
      end)))
      assert.error_matches(function() kept:peek() end, "direct access is over")
    end))

    it("writes into the buffer", task(function()
      local r, w = io.pipe()
      await(w:resize_buffer(16))
      local n = await(w:direct_access(function(d)
        assert.equal(16, d:available())
        assert.equal(16, d:put(("x"):rep(20)))
        assert.equal(0, d:available())
        return d:perform()
      end))
      assert.equal(16, n)
      assert.equal(16, #await(r:read(100)))
      await(w:close())
      await(r:close())
    end))
  end)
end)

describe("a limit", function()
  local function refused(p)
    local ok, err = pcall(await, p)
    assert.is_false(ok)
    assert.equal("ELIMIT", type(err) == "table" and err.code or err)
    return err
  end

  it("is told to read_line, read_until, unpack and lines", function()
    lwt.run(function()
      for _, data in ipairs { "0123456789\nrest", "0123456789\r\nrest", "0123456789" } do
        for _, by in ipairs { "argument", "channel" } do
          local ch = io.of_bytes(data)
          if by == "channel" then ch:set_limit(9) end
          local max = by == "argument" and 9 or nil
          assert.equal("read_line", refused(ch:read_line(max)).op)
          assert.equal("read_until", refused(ch:read_until("\n", max)).op)
          if by == "channel" then
            assert.equal("ELIMIT", select(2, pcall(ch:lines(), ch)).code)
            ch:set_limit(nil)
            assert.is_nil(ch:limit())
          end
          assert.equal("0123456789", await(ch:read_line(10)))
        end
      end
      local ch = io.of_bytes(("s1"):pack("0123456789") .. "z\0")
      assert.equal("unpack", refused(ch:unpack("s1", 10)).op)
      assert.equal("0123456789", await(ch:unpack("s1", 11)))
      refused(ch:unpack("z", 1))
      assert.equal("z", await(ch:unpack("z", 2)))
      refused(io.of_bytes(("\255"):rep(8)):unpack("s8"))
      refused(io.of_bytes(("\127"):rep(8)):unpack("s8", 1000))
      assert.error_matches(function() ch:read_line(0) end, "bad argument #%d to 'read_line'")
      assert.error_matches(function() ch:set_limit(-1) end, "bad argument #%d to 'set_limit'")
    end)
  end)

  it("keeps a server's client from filling its memory", function()
    lwt.run(function()
      local limits = {}
      local told, tell = lwt.task()
      local server <close> = await(io.establish_server("127.0.0.1:0", function(ch)
        limits[#limits + 1] = ch:limit() or "none"
        await(ch:read_line())
      end, { on_error = function(err) tell:wakeup(err) end }))
      local ch = await(io.open_connection(server:address()))
      lwt.async(function()
        pcall(function() while true do await(ch:write(("x"):rep(65536))) end end)
      end)
      assert.equal("ELIMIT", await(lwt.with_timeout(20, told)).code)
      ch:abort()
      local free <close> = await(io.establish_server("127.0.0.1:0", function(c)
        limits[#limits + 1] = c:limit() or "none"
      end, { limit = false }))
      await(io.with_connection(free:address(), io.read))
      assert.same({ 1 << 20, "none" }, limits)
    end)
  end)
end)

describe("a channel of functions", function()
  it("gives up when they bring nothing for ever", function()
    lwt.run(lwt.with_timeout(20, function()
      local ch = io.make { write = function() return 0 end, read = function() return "" end }
      ch:write("x")
      local ok, err = pcall(await, ch:flush())
      assert.is_false(ok)
      assert.matches("the write function of a channel took no byte", err)
      ok, err = pcall(await, ch:read(1))
      assert.is_false(ok)
      assert.matches("the read function of a channel gave no byte", err)
      pcall(await, ch:close())
    end))
  end)

  it("does not keep the program from its end", function()
    local result = require "spec.support.script".run([[
      local lwt, lio = require "lwt", require "lwt.io"
      local ch = lio.make { write = function() return 0 end }
      lwt.run(function() ch:write("x") end)
    ]], 20)
    assert.is_nil(result.signal)
    assert.matches("took no byte", result.err)
  end)

  it("is asked in the same time, however many there are", function()
    local function seconds(n)
      local start
      lwt.run(function()
        local list = {}
        for i = 1, n do list[i] = io.make { write = function(s) return #s end } end
        start = os.clock()
        for i = 1, n do list[i]:write("x") end
        await(io.flush_all())
      end)
      return os.clock() - start
    end
    seconds(500)
    assert.is_true(seconds(8000) < 12 * math.max(seconds(2000), 0.005))
  end)
end)

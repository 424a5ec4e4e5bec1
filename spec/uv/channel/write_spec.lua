local lwt = require "lwt"
local io = require "lwt.io"
local bytes = require "lwt.bytes"
local expect = require "spec.support.expect"
local task, failure = expect.task, expect.failure
local await = lwt.await

-- The loop turns: what flushes by itself has done so.
local function turns()
  for _ = 1, 20 do lwt.yield() end
end

-- A channel that collects what is written to it in `list`, one element for each write.
local function collector(opts)
  local list = {}
  return io.make({
    write = function(s)
      list[#list + 1] = s
      return #s
    end,
  }, opts), list
end

describe("writing", function()
  it("flushes by itself when nothing else is to be done, all writes of one turn together", task(function()
    local ch, list = collector()
    await(ch:write("foo"))
    await(ch:write("bar"))
    assert.same({}, list)
    assert.equal(6, ch:buffered())
    turns()
    assert.same({ "foobar" }, list)
    assert.equal(0, ch:buffered())
  end))

  it("gives fulfilled promises while there is room", task(function()
    local r, w = io.pipe()
    assert.equal("fulfilled", (w:write("x"):state()))
    assert.equal("fulfilled", (w:write_line("x"):state()))
    assert.equal("fulfilled", (w:write_char("x"):state()))
    await(w:close())
    assert.equal("xx\nx", await(r:read()))
  end))

  it("takes several strings, numbers and lwt.bytes", task(function()
    local r, w = io.pipe()
    await(w:write("a", 1, 2.5, bytes.of_string("b")))
    await(w:write(bytes.of_string("whole")))
    await(w:write(""))
    await(w:write_char(0))
    await(w:write_char("z"))
    await(w:write_line(7))
    await(w:writef("%03d|", 5))
    await(w:write_lines { "p", "q" })
    await(w:write_lines(("r s"):gmatch("%a")))
    await(w:write_chars { "x", "y" })
    await(w:close())
    assert.equal("a12.5bwhole\0z7\n005|p\nq\nr\ns\nxy", await(r:read()))
  end))

  it("refuses what is no data", function()
    local _, w = io.pipe()
    assert.error_matches(function() w:write() end, "bad argument #1 to 'write'")
    assert.error_matches(function() w:write("a", {}) end, "bad argument #2 to 'write'")
    assert.error_matches(function() w:write_char(256) end, "not a byte")
    assert.error_matches(function() w:write_char("ab") end, "one byte expected")
    assert.error_matches(function() w:write_lines(5) end, "list, stream or iterator expected")
    assert.error_matches(function() w:writef(5) end, "string expected, got number")
    assert.error_matches(function() io.of_bytes(""):write("x") end, "not an output channel")
  end)

  it("filling the buffer exactly writes nothing", task(function()
    local ch, list = collector { buffer_size = 16 }
    await(ch:write(("x"):rep(16)))
    assert.same({}, list)
    await(ch:write("y"))
    assert.equal(("x"):rep(16), list[1]:sub(1, 16))
    await(ch:flush())
    assert.equal(("x"):rep(16) .. "y", table.concat(list))
  end))

  it("writes strings that are larger than the buffer", task(function()
    local long = ("0123456789"):rep(100000)
    local r, w = io.pipe { buffer_size = 32 }
    local got = lwt.spawn(function() return await(r:read()) end)
    await(w:write("<"))
    await(w:write(long))
    await(w:write(">"))
    await(w:close())
    assert.equal("<" .. long .. ">", await(got))
  end))

  it("makes a writer wait that is faster than its reader, in bounded memory", task(function()
    local r, w = io.pipe { buffer_size = 4096 }
    local written = 0
    local writer = lwt.spawn(function()
      for _ = 1, 1000 do
        await(w:write(("x"):rep(1000)))
        written = written + 1000
      end
      await(w:close())
    end)
    await(lwt.sleep(0.01))
    assert.is_true(writer:is_pending())
    assert.is_true(written < 100000) -- the pipe and the buffer
    assert.is_true(w:buffered() <= 8192)
    local n = 0
    for s in function() return await(r:read(4096)) end do n = n + #s end
    assert.equal(1000000, n)
    await(writer)
  end))

  it("keeps operations whole and in order when they have to wait", task(function()
    local r, w = io.pipe { buffer_size = 16 }
    local list, all = {}, {}
    for i = 1, 50 do
      local s = ("%02d"):format(i):rep(5000)
      list[i] = w:write(s)
      all[i] = s
    end
    local got = lwt.spawn(function() return await(r:read()) end)
    await(lwt.join(list))
    await(w:close())
    assert.equal(table.concat(all), await(got))
  end))

  it("tries again what a write function took in part", task(function()
    local got = {}
    local ch = io.make {
      write = function(s)
        lwt.yield()
        got[#got + 1] = s:sub(1, 3)
        return math.min(3, #s)
      end,
    }
    await(ch:write("0123456789"))
    await(ch:flush())
    assert.equal("0123456789", table.concat(got))
    assert.equal(4, #got)
  end))

  it("withdraws a cancelled write that has not begun", task(function()
    local r, w = io.pipe { buffer_size = 16 }
    local big = w:write(("a"):rep(200000))
    local queued = w:write(("b"):rep(100))
    local last = w:write("c")
    queued:cancel()
    assert.equal(lwt.Canceled, failure(queued))
    local got = lwt.spawn(function() return await(r:read()) end)
    await(big)
    await(last)
    await(w:close())
    assert.equal(("a"):rep(200000) .. "c", await(got))
  end))

  it("does not tear a cancelled write that has begun", task(function()
    local r, w = io.pipe { buffer_size = 16 }
    local big = w:write(("a"):rep(200000))
    turns()
    big:cancel()
    assert.equal(lwt.Canceled, failure(big))
    local next_one = w:write("b")
    collectgarbage()
    local got = lwt.spawn(function() return await(r:read()) end)
    await(next_one)
    await(w:close())
    assert.equal(("a"):rep(200000) .. "b", await(got))
  end))

  it("reports EPIPE to the operation, and to those after it", task(function()
    local r, w = io.pipe()
    await(r:close())
    await(w:write("x"))
    assert.equal("EPIPE", failure(w:flush()).code)
    assert.equal("EPIPE", failure(w:write("y")).code)
    assert.equal("EPIPE", failure(w:close()).code)
    assert.is_true(w:is_closed())
  end))

  it("tells with the next operation what a flush by itself could not write", task(function()
    local r, w = io.pipe()
    await(r:close())
    await(w:write("x"))
    turns()
    local err = failure(w:write("y"))
    assert.equal("EPIPE", err.code)
    assert.equal("write", err.op)
    await(w:abort())
  end))

  it("fails every operation that waits when the pipe breaks", task(function()
    local r, w = io.pipe { buffer_size = 16 }
    local a, b, c = w:write(("a"):rep(200000)), w:write(("b"):rep(20)), w:flush()
    turns()
    await(r:close())
    assert.equal("EPIPE", failure(a).code)
    assert.equal("EPIPE", failure(b).code)
    assert.equal("EPIPE", failure(c).code)
  end))

  it("tries again where the failure may be over", task(function()
    local broken, got = true, {}
    local ch = io.make {
      write = function(s)
        if broken then error("full", 0) end
        got[#got + 1] = s
        return #s
      end,
    }
    await(ch:write("a"))
    turns()
    assert.equal("full", failure(ch:flush()))
    broken = false
    await(ch:write("b"))
    await(ch:close())
    assert.equal("ab", table.concat(got))
  end))

  it("says what a device without room says", task(function()
    local ch = await(io.open_file("/dev/full", "w"))
    await(ch:write("x"))
    local err = failure(ch:flush())
    assert.equal("ENOSPC", err.code)
    assert.equal("/dev/full", err.path)
    assert.equal("ENOSPC", failure(ch:close()).code)
    assert.is_true(ch:is_closed())
  end))

  it("resizes its buffer, flushing first what does not fit", task(function()
    local ch, list = collector()
    await(ch:write(("x"):rep(100)))
    await(ch:resize_buffer(50))
    assert.equal(100, #table.concat(list))
    await(ch:write(("x"):rep(40)))
    await(ch:resize_buffer(64))
    assert.equal(64, ch:buffer_size())
    assert.equal(40, ch:buffered())
  end))

  it("flush_all flushes every channel", task(function()
    local r1, w1 = io.pipe()
    local r2, w2 = io.pipe()
    await(w1:write("1"))
    await(w2:write("2"))
    await(io.flush_all())
    assert.equal(0, w1:buffered() + w2:buffered())
    assert.equal("12", await(r1:read(1)) .. await(r2:read(1)))
  end))

  it("writes what an unreachable channel has in its buffer", task(function()
    local r, w = io.pipe()
    await(w:write("kept"))
    w = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.equal("kept", await(r:read(10)))
    collectgarbage()
    collectgarbage()
    assert.equal("", await(r:read()))
  end))

  it("dumps bytes in hexadecimal", task(function()
    local r, w = io.pipe()
    await(w:hexdump("0123456789abcdef\0\255"))
    await(w:close())
    assert.equal([[
00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|
00000010  00 ff                                             |..|
]], await(r:read()))
  end))
end)

describe("atomic", function()
  it("keeps everybody else out until the function is done", task(function()
    local r, w = io.pipe()
    local a = w:atomic(function(ch)
      await(ch:write("a"))
      await(lwt.sleep(0.002))
      await(ch:write("b"))
      return 1, 2
    end)
    local b = w:write("c")
    assert.is_true(w:is_busy())
    local c = w:write("d")
    local one, two = await(a)
    assert.equal(3, one + two)
    await(b)
    await(c)
    assert.is_false(w:is_busy())
    await(w:close())
    assert.equal("abcd", await(r:read()))
  end))

  it("waits for what was there before", task(function()
    local r, w = io.pipe()
    local line = r:read_line()
    local rest = r:atomic(function(ch) return await(ch:read_char()) .. await(ch:read_char()) end)
    local last = r:read_char()
    await(w:write("x\nabc"))
    assert.equal("x", await(line))
    assert.equal("ab", await(rest))
    assert.equal("c", await(last))
  end))

  it("may be nested, on the temporary channel", task(function()
    local r, w = io.pipe()
    await(w:atomic(function(one)
      await(one:write("1"))
      local inner = one:atomic(function(two)
        lwt.yield()
        await(two:write("2"))
      end)
      local after = one:write("3")
      await(inner)
      await(after)
    end))
    await(w:close())
    assert.equal("123", await(r:read()))
  end))

  it("flushes by itself inside", task(function()
    local r, w = io.pipe()
    await(w:atomic(function(ch)
      await(ch:write("now"))
      assert.equal("now", await(r:read(10)))
    end))
  end))

  it("ends the temporary channel, and carries out what was left there", task(function()
    local r, w = io.pipe { buffer_size = 16 }
    local kept, left
    await(w:atomic(function(ch)
      kept = ch
      left = ch:write(("x"):rep(100000))
      assert.error_matches(function() ch:close() end, "temporary channel")
    end))
    local after = w:write("y")
    local got = lwt.spawn(function() return await(r:read()) end)
    await(left)
    await(after)
    await(w:close())
    assert.equal(("x"):rep(100000) .. "y", await(got))
    assert.error_matches(function() kept:write("z") end, "atomic is over")
  end))

  it("goes on when the function fails or is cancelled", task(function()
    local r, w = io.pipe()
    assert.equal("oops", failure(w:atomic(function() error("oops", 0) end)))
    local p = w:atomic(function() await(lwt.sleep(100)) end)
    local q = w:atomic(function() error("never run") end)
    q:cancel()
    assert.equal(lwt.Canceled, failure(q))
    p:cancel()
    assert.equal(lwt.Canceled, failure(p))
    await(w:write("x"))
    await(w:close())
    assert.equal("x", await(r:read()))
  end))

  it("locks both directions of a channel that has both", task(function()
    local r1, w1 = io.pipe()
    local got = {}
    local ch = io.make {
      read = function() return await(r1:read(100)) end,
      write = function(s) got[#got + 1] = s end,
    }
    local p = ch:atomic(function(c)
      await(c:write("?"))
      await(c:flush())
      return await(c:read_line())
    end)
    local line, done = ch:read_line(), ch:write("!")
    await(w1:write("one\ntwo\n"))
    assert.equal("one", await(p))
    assert.equal("two", await(line))
    await(done)
    await(ch:flush())
    assert.equal("?!", table.concat(got))
  end))
end)

local bytes = require "lwt.bytes"
local skip = require "spec.support.skip"

describe("lwt.bytes", function()
  -- Lua finds the name of a function that pcall calls among the loaded modules.
  local function refused(message, name, ...)
    local ok, err = pcall(bytes[name], ...)
    assert.is_false(ok)
    assert.equal(message, (err:gsub("'lwt%.bytes%.", "'")))
  end

  it("makes a buffer of zeros", function()
    local b = bytes.create(4)
    assert.equal(4, #b)
    assert.equal(4, b:length())
    assert.equal("\0\0\0\0", b:to_string())
    assert.equal(0, #bytes.create(0))
    assert.equal("", bytes.create(0):to_string())
  end)

  it("copies a string in and out, zeros included", function()
    local b = bytes.of_string("a\0b")
    assert.equal("a\0b", b:to_string())
    assert.equal("\0", b:to_string(1, 1))
    assert.equal("b", b:to_string(2))
    assert.equal("", b:to_string(3))
  end)

  it("gets and sets bytes by their offset", function()
    local b = bytes.create(2)
    b:set(0, 255)
    b:set(1, 0x41)
    assert.equal(255, b:get(0))
    assert.equal("\255A", b:to_string())
  end)

  it("shares memory between a buffer and its slices, at any depth", function()
    local b = bytes.of_string("0123456789")
    local middle = b:sub(2, 6)
    local inner = middle:sub(1, 2)
    assert.equal("34", inner:to_string())
    inner:set(0, ("x"):byte())
    assert.equal("012x456789", b:to_string())
    b:set(4, ("y"):byte())
    assert.equal("xy", inner:to_string())
    assert.equal("2xy567", middle:to_string())
  end)

  it("keeps the memory of a slice when the whole buffer is gone", function()
    local slice = bytes.of_string(("abc"):rep(100000)):sub(3, 3)
    collectgarbage()
    collectgarbage()
    assert.equal("abc", slice:to_string())
  end)

  it("copies into memory of its own", function()
    local b = bytes.of_string("hello")
    local c = b:copy()
    local d = b:copy(1, 3)
    b:fill(0)
    assert.equal("hello", c:to_string())
    assert.equal("ell", d:to_string())
  end)

  it("fills the whole or a part", function()
    local b = bytes.create(5)
    b:fill(46)
    b:fill(33, 3)
    b:fill(63, 1, 1)
    assert.equal(".?.!!", b:to_string())
  end)

  it("copies between buffers, from strings, and over itself in both directions", function()
    local b = bytes.create(6)
    bytes.blit("xabcx", 1, b, 1, 3)
    assert.equal("\0abc\0\0", b:to_string())
    b:blit(1, b, 2, 3)
    assert.equal("\0aabc\0", b:to_string())
    b:blit(2, b, 0, 3)
    assert.equal("abcbc\0", b:to_string())
    b:blit(0, b, 6, 0)
  end)

  it("refuses what lies outside, and says which argument", function()
    local b = bytes.of_string("abc")
    refused("bad argument #2 to 'get' (offset out of range)", "get", b, 3)
    refused("bad argument #2 to 'get' (offset out of range)", "get", b, -1)
    refused("bad argument #2 to 'set' (offset out of range)", "set", b, 3, 0)
    refused("bad argument #3 to 'set' (byte out of range)", "set", b, 0, 256)
    refused("bad argument #2 to 'sub' (offset out of range)", "sub", b, 4, 0)
    refused("bad argument #3 to 'sub' (length out of range)", "sub", b, 1, 3)
    refused("bad argument #3 to 'sub' (length out of range)", "sub", b, 1, -1)
    refused("bad argument #3 to 'sub' (length out of range)", "sub", b, 1, math.maxinteger)
    refused("bad argument #2 to 'to_string' (offset out of range)", "to_string", b, 4)
    refused("bad argument #3 to 'to_string' (length out of range)", "to_string", b, 2, 2)
    refused("bad argument #4 to 'fill' (length out of range)", "fill", b, 0, 1, 3)
    refused("bad argument #2 to 'copy' (offset out of range)", "copy", b, math.mininteger)
    refused("bad argument #5 to 'blit' (length out of range)", "blit", b, 0, b, 1, 3)
    refused("bad argument #2 to 'blit' (offset out of range)", "blit", b, 4, b, 1, 0)
    refused("bad argument #4 to 'blit' (offset out of range)", "blit", b, 0, b, -1, 0)
    assert.equal("abc", b:to_string())
  end)

  it("numbers arguments as methods do", function()
    local b = bytes.of_string("abc")
    local ok, err = pcall(function() setmetatable({}, { __index = bytes }):get(0) end)
    assert.is_false(ok)
    assert.matches("calling 'get' on bad self %(lwt%.bytes expected, got table%)$", err)
    ok, err = pcall(function() b:get(7) end)
    assert.is_false(ok)
    assert.matches("bad argument #1 to 'get' %(offset out of range%)$", err)
  end)

  it("refuses other things than buffers", function()
    refused("bad argument #1 to 'create' (negative size)", "create", -1)
    refused("bad argument #1 to 'create' (number expected, got string)", "create", "x")
    refused("bad argument #1 to 'length' (lwt.bytes expected, got string)", "length", "x")
    refused("bad argument #1 to 'length' (lwt.bytes expected, got FILE*)", "length", io.stdout)
    refused("bad argument #3 to 'blit' (lwt.bytes expected, got string)", "blit", "a", 0, "b", 0, 1)
  end)

  it("reports memory that the system does not have", function()
    local ok, err = pcall(bytes.create, math.maxinteger // 2)
    assert.is_false(ok)
    assert.equal("ENOMEM", err.code)
  end)

  it("lets the collector see how much it holds", function()
    skip.under "plans of its own for memory"
    -- 4 GiB in all: it would not fit, or show, if dropped buffers waited for the Lua heap to grow
    collectgarbage()
    local peak = 0
    for i = 1, 1024 do
      bytes.create(4 * 1024 * 1024):set(0, 1)
      if i % 64 == 0 then
        local file = io.open("/proc/self/statm")
        if not file then return end
        local virtual = file:read("n")
        file:close()
        peak = math.max(peak, virtual * 4096)
      end
    end
    assert.is_true(peak < 2 ^ 31, "virtual memory grew to " .. peak)
  end)

  it("prints its size", function()
    assert.matches("^lwt%.bytes %(3 bytes%): ", tostring(bytes.of_string("abc")))
  end)
end)

describe("bytes that a finalizer sends away", function()
  it("are refused to the copy that was being made", function()
    local script = require "spec.support.script"
    local r = script.run([[
      local lwt, pre, bytes = require "lwt", require "lwt.preemptive", require "lwt.bytes"
      lwt.run(function()
        collectgarbage("incremental", 1, 1000, 8)
        local ch, moved, refused = pre.channel(100000), 0, 0
        for _ = 1, 1000 do
          local b = bytes.create(100000)
          local inside = false
          setmetatable({}, { __gc = function()
            if inside then
              inside = false
              moved = moved + 1
              ch:send(b)
            end
          end })
          inside = true
          local ok, err = pcall(b.copy, b)
          inside = false
          if not ok then
            assert(err:find "moved to another thread")
            refused = refused + 1
          end
        end
        assert(moved > 0 and refused <= moved)
        os.exit(0)
      end)
    ]], 60)
    assert.equal(0, r.code, r.err)
  end)
end)

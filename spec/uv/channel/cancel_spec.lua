-- A task that has yet to be told of a cancel takes nothing from a channel and writes nothing to it:
-- its next await raises, whatever it is given.

local lwt = require "lwt"
local lio = require "lwt.io"
local await = lwt.await

local function task(f) return function() lwt.run(f) end end

-- Runs f in a task that has been cancelled and does not know it: by itself, or by its scope.
local ways = {
  ["by itself"] = function(f)
    local p = lwt.spawn(function()
      lwt.current():cancel()
      f()
    end)
    pcall(await, p)
  end,
  ["by its scope"] = function(f)
    pcall(await, lwt.scope(function(s)
      s:spawn(function()
        s:cancel()
        f()
      end)
      await(lwt.sleep(10))
    end))
  end,
}

local readers = {
  read = function(ch) return ch:read(100) end,
  read_all = function(ch) return ch:read() end,
  read_line = lio.read_line,
  read_char = lio.read_char,
  read_exactly = function(ch) return ch:read_exactly(3) end,
  read_until = function(ch) return ch:read_until("\n") end,
  read_into = function(ch) return ch:read_into(require "lwt.bytes".create(3)) end,
  read_int = function(ch) return ch:read_int16() end,
  le_read_int = function(ch) return ch.le:read_int16() end,
  unpack = function(ch) return ch:unpack("c3") end,
  read_lines = function(ch) return ch:read_lines():next() end,
  atomic = function(ch) return ch:atomic(function(c) return c:read(3) end) end,
  direct_access = function(ch)
    return ch:direct_access(function(d)
      await(d:perform())
      d:skip(d:available())
    end)
  end,
}

for way, due in pairs(ways) do
  describe("in a task that is cancelled " .. way, function()
    -- What an await of f() does there: it raises lwt.Canceled.
    local function refused(f)
      local how = "not reached"
      due(function()
        local ok, err = pcall(function() await(f()) end)
        how = not ok and rawequal(err, lwt.Canceled)
      end)
      assert.is_true(how)
      for _ = 1, 3 do lwt.yield() end
    end

    for name, read in pairs(readers) do
      it(name .. " takes nothing, whether it is there or not", task(function()
        local ch = lio.of_bytes("abcdef\nrest\n")
        refused(function() return read(ch) end)
        assert.is_false(ch:is_busy())
        assert.equal("a", await(ch:read_char()))
        refused(function() return read(ch) end)
        assert.equal("bcdef\nrest\n", await(ch:read()))
      end))
    end

    it("lines takes nothing, and is a cancel point at each turn", task(function()
      local ch = lio.of_bytes("one\ntwo\nthree\n")
      assert.equal("one", await(ch:read_line()))
      local seen = {}
      due(function()
        for line in ch:lines() do seen[#seen + 1] = line end
      end)
      assert.same({}, seen)
      assert.equal("two", await(ch:read_line()))
      due(function()
        pcall(await, lwt.fulfilled()) -- told: by itself, once; in a canceled scope, each time
        for line in ch:lines() do seen[#seen + 1] = line end
      end)
      assert.same(way == "by itself" and { "three" } or {}, seen)
    end))

    it("what writes has no effect", task(function()
      local r, w = lio.pipe()
      for _, write in ipairs {
        function() return w:write("x") end,
        function() return w:write("x", 1) end,
        function() return w:write_line("x") end,
        function() return w:write_char("x") end,
        function() return w:write_int32(1) end,
        function() return w.le:write_float64(1) end,
        function() return w:pack("s1", "x") end,
        function() return w:write(("x"):rep(100000)) end,
        function() return w:write_lines { "x" } end,
        function() return w:atomic(function(c) return c:write("x") end) end,
      } do refused(write) end
      await(w:write("kept"))
      await(w:close())
      assert.equal("kept", await(r:read()))
    end))

    it("what is not awaited takes effect later, in order", task(function()
      local r, w = lio.pipe()
      due(function()
        w:write("a")
        w:write(("b"):rep(100000))
        w:close()
      end)
      assert.equal("a" .. ("b"):rep(100000), await(r:read()))
    end))
  end)
end

-- How long it takes to cancel so many; of three tries, the quickest.
local function cancelling(n)
  local best = math.huge
  for _ = 1, 3 do
    lwt.run(function()
      local r, w = lio.pipe()
      local list = {}
      for i = 1, n do list[i] = r:read_line() end
      local start = os.clock()
      for i = n, 1, -1 do list[i]:cancel() end
      best = math.min(best, os.clock() - start)
      await(w:write_line("there"))
      assert.equal("there", await(r:read_line()))
    end)
  end
  return best
end

describe("operations that wait", function()
  it("are cancelled, the newest first, in the same time each, however many there are", function()
    assert.is_true(cancelling(16000) < 8 * math.max(cancelling(4000), 1e-4))
  end)
end)

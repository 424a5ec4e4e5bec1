-- Streams read to their end.

local lwt = require "lwt"
local stream = require "lwt.stream"
local test = require "lwt.test"
local expect = require "spec.support.expect"
local streams = require "spec.support.stream"

local await, spec = lwt.await, test.virtual
local fails, settle = expect.fails, expect.settle
local range = streams.range

describe("lwt.stream", function()
  describe("whole streams", function()
    it("fold, find and find_map, with their _s forms", spec(function()
      local function numbers() return stream.of_list(range(6)) end
      assert.equal("123456", await(numbers():fold("", function(v, acc) return acc .. v end)))
      assert.equal(21, await(numbers():fold_s(0, function(v, acc)
        await(lwt.pause())
        return lwt.fulfilled(v + acc)
      end)))
      local s = numbers()
      assert.equal(3, await(s:find(function(v) return v > 2 end)))
      assert.equal(5, await(s:find_s(function(v) return lwt.fulfilled(v > 4) end)))
      assert.equal("six", await(s:find_map(function(v) return v == 6 and "six" or nil end)))
      assert.is_nil(await(s:find(function() return true end)))
      assert.is_nil(await(s:find_map_s(function() return 1 end)))
      assert.equal(false, await(stream.of_list({ 1, false }):find(function(v) return not v end)))
    end))

    it("stop at the first error of the function or the source", spec(function()
      for _, name in ipairs { "iter", "iter_s", "iter_p", "iter_n", "find", "find_s", "find_map" } do
        local s = stream.of_list { 1, 2, 3 }
        fails("two", s[name](s, function(v) if v == 2 then error("two", 0) end end))
        local bad = stream.from(function() error("source", 0) end)
        fails("source", bad[name](bad, function() end))
      end
      local s = stream.of_list { 1, 2 }
      fails("no", s:fold(0, function() error("no", 0) end))
      fails("no", s:fold_s(0, function() error("no", 0) end))
    end))

    it("take an element only when they can use it", spec(function()
      local s, push = stream.create()
      local got = { {}, {} }
      local p = {
        s:iter_s(function(v)
          table.insert(got[1], v)
          await(lwt.sleep(1))
        end),
        s:iter_s(function(v)
          table.insert(got[2], v)
          await(lwt.sleep(3))
        end),
      }
      for i = 1, 6 do push(i) end
      push(nil)
      await(lwt.join(p))
      assert.same({ 1, 3, 4 }, { table.unpack(got[1], 1, 3) })
      assert.equal(2, got[2][1])
      assert.equal(6, #got[1] + #got[2])
    end))

    it("leave the line when they are cancelled", spec(function()
      for _, name in ipairs { "iter", "iter_s", "iter_p", "iter_n", "find", "to_list", "to_string" } do
        local s, push = stream.create()
        local p = s[name](s, function() end)
        push("1")
        settle()
        p:cancel()
        settle()
        fails(lwt.Canceled, p)
        push("2")
        local rest = s:get_available()
        assert.equal("2", rest[#rest])
        -- What a list had collected is back.
        assert.equal((name == "to_list" or name == "to_string") and 2 or 1, rest.n)
      end
    end))

    it("cancel the function that runs", spec(function()
      local how
      local p = stream.of_list({ 1, 2 }):iter_s(function()
        local ok, err = pcall(await, lwt.sleep(10))
        how = ok or err
        error(err, 0)
      end)
      p:cancel()
      settle()
      assert.equal(lwt.Canceled, how)
      fails(lwt.Canceled, p)
    end))

    it("iter_p does not wait for earlier ones, but for all at the end", spec(function()
      local log = {}
      local began = lwt.now()
      await(stream.of_list({ 3, 1, 2 }):iter_p(function(v)
        await(lwt.sleep(v))
        log[#log + 1] = v
      end))
      assert.same({ 1, 2, 3 }, log)
      assert.equal(3, lwt.now() - began)
    end))

    it("iter_p stops at the first failure: no more is read, the rest is cancelled", spec(function()
      local s, push = stream.create()
      local cancelled, cleaned = 0, 0
      local p = s:iter_p(function(v)
        if v == "bad" then
          await(lwt.sleep(1))
          error("bad", 0)
        end
        local ok, err = pcall(await, lwt.sleep(100))
        if not ok and err == lwt.Canceled then
          cancelled = cancelled + 1
          lwt.shield(function() await(lwt.sleep(5)) end)
          cleaned = cleaned + 1
        end
        error(err, 0)
      end)
      push("a") push("bad") push("b")
      local began = lwt.now()
      fails("bad", p)
      assert.same({ 2, 2 }, { cancelled, cleaned })
      assert.equal(6, lwt.now() - began)
      push("rest")
      assert.equal("rest", await(s:next()))
    end))

    it("iter_n runs at most so many, and reads only what it can run", spec(function()
      local s, push = stream.create()
      local running, most, done = 0, 0, 0
      local p = s:iter_n(function(v)
        running = running + 1
        most = math.max(most, running)
        await(lwt.sleep(v))
        running = running - 1
        done = done + 1
      end, 3)
      for i = 1, 10 do push(i % 3 + 1) end
      settle()
      assert.equal(7, #s:get_available())
      push(nil)
      await(p)
      assert.same({ 3, 3 }, { most, done })
      assert.has_error(function() s:iter_n(function() end, 0) end,
        "bad argument #2 to 'iter_n' (must be at least 1, got 0)")
    end))

    it("of a million elements need no memory", function()
      local n = 0
      local s = stream.from_direct(function()
        n = n + 1
        if n <= 1000000 then return n end
      end)
      local most = 0
      collectgarbage()
      local before = collectgarbage("count")
      local got = lwt.run(s:map(function(v) return v * 2 end)
        :filter(function(v) return v % 4 == 0 end)
        :fold(0, function(v, acc)
          if v % 100000 == 0 then most = math.max(most, collectgarbage("count") - before) end
          return acc + 1
        end))
      assert.equal(500000, got)
      assert.is_true(most < 200)
    end)
  end)
end)

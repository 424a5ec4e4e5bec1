-- Streams that are pushed to, bounded or not.

local lwt = require "lwt"
local stream = require "lwt.stream"
local test = require "lwt.test"
local expect = require "spec.support.expect"
local streams = require "spec.support.stream"

local await, spec = lwt.await, test.virtual
local fails = expect.fails
local list, state, told = streams.list, streams.state, streams.told

describe("lwt.stream", function()
  describe("create", function()
    it("keeps what is pushed, in order, until it is read", spec(function()
      local s, push = stream.create()
      for i = 1, 300 do push(i) end
      for i = 1, 300 do assert.equal(i, await(s:next())) end
      assert.equal("pending", state(s:get()))
    end))

    it("hands an element to the reader who has waited longest", spec(function()
      local s, push = stream.create()
      local a, b = s:get(), s:get()
      push(1)
      assert.equal("fulfilled 1", told(a))
      assert.equal("pending", told(b))
      push(2)
      assert.equal("fulfilled 2", told(b))
    end))

    it("has what follows one that is put back wait for those who fail over it", spec(function()
      local s, push = stream.create()
      local first = s:get_while(function(v) return v < 3 or error("three", 0) end)
      local second = s:get_while(function() error("none", 0) end)
      local third, fourth = s:nget(2), s:get()
      for i = 1, 3 do push(i) end
      assert.equal("rejected three", told(first))
      assert.equal("rejected none", told(second))
      assert.same({ 1, 2, n = 2 }, await(third))
      assert.equal(3, await(fourth))
    end))

    it("wakes everybody when it is closed", spec(function()
      local s, push = stream.create()
      local a, b, c, d = s:get(), s:next(), s:nget(3), s:is_empty()
      push(nil)
      assert.equal("fulfilled nil", told(a))
      assert.equal("rejected stream is empty", told(b))
      assert.equal(0, await(c).n)
      assert.is_true(await(d))
    end))

    it("raises lwt.Closed for a push after that", spec(function()
      local s, push = stream.create()
      push(1)
      push(nil)
      for _, v in ipairs { 2, false } do
        local ok, err = pcall(push, v or nil)
        assert.is_false(ok)
        assert.equal(lwt.Closed, err)
      end
      assert.same({ 1 }, list(s))
    end))

    it("skips readers that were cancelled, and they do not pile up", spec(function()
      local s, push = stream.create()
      local alive = s:get()
      for _ = 1, 10000 do s:get():cancel() end
      collectgarbage()
      assert.is_true(s.lined < 100)
      local last = s:get()
      push(1)
      push(2)
      assert.equal(1, await(alive))
      assert.equal(2, await(last))
    end))

    it("may be pushed to and read from inside a reader's callback", spec(function()
      local s, push = stream.create()
      local got = {}
      s:get():on_success(function(v)
        got[#got + 1] = v
        push(v + 1)
        s:get():on_success(function(w) got[#got + 1] = w end)
      end)
      local b = s:get()
      push(1)
      assert.equal(2, await(b))
      push(3)
      assert.same({ 1, 3 }, got)
    end))

    it("does not lose the element of a reader whom another one cancels", spec(function()
      local s, push = stream.create()
      local c = s:clone()
      local a, b = s:get(), c:get()
      a:on_success(function() b:cancel() end)
      b:on_success(function() a:cancel() end)
      push(1)
      assert.equal("fulfilled 1", told(a))
      assert.equal("fulfilled 1", told(b))
    end))
  end)

  describe("create_bounded", function()
    it("makes a push wait when it is full", spec(function()
      local s, pusher = stream.create_bounded(2)
      assert.equal("fulfilled", state(pusher:push(1)))
      assert.equal("fulfilled", state(pusher:push(2)))
      local p, q = pusher:push(3), pusher:push(4)
      assert.equal("pending", state(p))
      assert.is_true(pusher:blocked())
      assert.equal(2, pusher:count())
      assert.equal(1, await(s:next()))
      assert.equal("fulfilled", state(p))
      assert.equal("pending", state(q))
      assert.equal(2, pusher:count())
      pusher:close()
      fails(lwt.Closed, q)
      assert.same({ 2, 3 }, list(s))
    end))

    it("withdraws exactly the element of a cancelled push", spec(function()
      local s, pusher = stream.create_bounded(1)
      await(pusher:push(1))
      local a, b, c = pusher:push(2), pusher:push(3), pusher:push(4)
      b:cancel()
      fails(lwt.Canceled, b)
      assert.equal(1, await(s:next()))
      assert.equal("fulfilled", state(a))
      assert.equal(2, await(s:next()))
      assert.equal("fulfilled", state(c))
      assert.equal(4, await(s:next()))
      assert.is_false(pusher:blocked())
    end))

    it("does not keep cancelled pushes", spec(function()
      local _, pusher = stream.create_bounded(0)
      for _ = 1, 10000 do pusher:push({}):cancel() end
      assert.is_false(pusher:blocked())
      assert.is_true(pusher.bound.behind.size < 100)
    end))

    it("of size 0 hands over from push to reader", spec(function()
      local s, pusher = stream.create_bounded(0)
      local p = pusher:push("a")
      assert.equal("pending", state(p))
      assert.equal("a", await(s:peek()))
      assert.equal("pending", state(p))
      assert.equal("a", await(s:next()))
      assert.equal("fulfilled", state(p))
      local r = s:next()
      assert.equal("fulfilled", state(pusher:push("b")))
      assert.equal("b", await(r))
    end))

    it("lets in who waits when it is made larger", spec(function()
      local s, pusher = stream.create_bounded(1)
      local p = {}
      for i = 1, 4 do p[i] = pusher:push(i) end
      pusher:resize(3)
      assert.equal(3, pusher:size())
      assert.equal(3, pusher:count())
      assert.equal("fulfilled", state(p[3]))
      assert.equal("pending", state(p[4]))
      pusher:resize(0)
      assert.equal(1, await(s:next()))
      assert.equal("pending", state(p[4]))
      pusher:resize(4)
      assert.equal("fulfilled", state(p[4]))
      assert.same({ 2, 3, 4 }, s:get_available_up_to(9).n == 3 and { 2, 3, 4 })
    end))

    it("rejects pushes when it is closed, and may be closed twice", spec(function()
      local s, pusher = stream.create_bounded(1)
      local reader = s:nget(2)
      await(pusher:push(1))
      pusher:close()
      pusher:close()
      assert.is_true(pusher:closed())
      fails(lwt.Closed, pusher:push(2))
      assert.equal(1, await(reader).n)
      assert.is_nil(await(s:get()))
    end))

    it("refuses nil, a negative size and to be cloned", spec(function()
      local s, pusher = stream.create_bounded(1)
      assert.has_error(function() pusher:push(nil) end,
        "bad argument #1 to 'push' (an element cannot be nil; use close)")
      assert.has_error(function() stream.create_bounded(-1) end,
        "bad argument #1 to 'create_bounded' (must be at least 0, got -1)")
      assert.has_error(function() s:clone() end)
    end))

    it("keeps a producer and a consumer in step", spec(function()
      for size = 0, 3 do
        local s, pusher = stream.create_bounded(size)
        local ahead, most = 0, 0
        lwt.async(function()
          for i = 1, 50 do
            await(pusher:push(i))
            ahead = ahead + 1
            most = math.max(most, ahead)
          end
          pusher:close()
        end)
        local sum = 0
        for v in s do
          sum = sum + v
          ahead = ahead - 1
        end
        assert.equal(1275, sum)
        assert.is_true(most <= size + 1)
      end
    end))
  end)

  -- Readers in line, whose predicates push, fail and stop at random: together they get what was pushed, in that order.
  local kinds = {
    create = function() return stream.create() end,
    clone = function()
      local s, push = stream.create()
      return s, push, s:clone()
    end,
    create_bounded = function(random)
      local s, pusher = stream.create_bounded(random(0, 3))
      return s, function(v) return pusher:push(v) end
    end,
  }
  local function reader(random, s, push)
    local left, fails_at_last = random(0, 4), random(3) == 1
    if left == 4 then return s:nget(random(4)) end
    return s:get_while(function()
      for _ = 1, random(0, 2) do push() end
      left = left - 1
      return left >= 0 or fails_at_last and error("no", 0)
    end)
  end
  for name, make in pairs(kinds) do
    it(name .. " keeps the order of what is pushed while somebody is asked", spec(function()
      for seed = 1, 100 do
        local random = math.random
        math.randomseed(seed)
        local s, raw, twin = make(random)
        local n, readers, got = 0, {}, {}
        local function push()
          if n >= 40 then return end
          n = n + 1
          raw(n)
        end
        for i = 1, random(6) do readers[i] = reader(random, s, push) end
        for _ = 1, random(12) do push() end
        for i = #readers, 1, -1 do readers[i]:cancel() end
        for _, p in ipairs(readers) do
          local ok, values = pcall(await, p)
          if ok then table.move(values, 1, #values, #got + 1, got) end
        end
        local rest = s:get_available()
        table.move(rest, 1, #rest, #got + 1, got)
        local pushed = {}
        for i = 1, n do pushed[i] = i end
        assert.same(pushed, got, seed)
        if twin then assert.equal(n, #twin:get_available()) end
      end
    end))
  end
end)

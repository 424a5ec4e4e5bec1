-- Where streams come from: functions, lists, iterators, generators.

local lwt = require "lwt"
local stream = require "lwt.stream"
local test = require "lwt.test"
local expect = require "spec.support.expect"
local streams = require "spec.support.stream"

local await, spec = lwt.await, test.virtual
local fails, settle = expect.fails, expect.settle
local by_hand, list, told = streams.by_hand, streams.list, streams.told

describe("lwt.stream", function()
  for name, check in test.stream_kit(stream.of_list) do it(name, check) end

  describe("from", function()
    it("calls its function only when an element is wanted, until it gives nil", spec(function()
      local calls = 0
      local s = stream.from(function()
        calls = calls + 1
        if calls <= 3 then return calls end
      end)
      assert.equal(0, calls)
      assert.equal(1, await(s:next()))
      assert.equal(1, calls)
      assert.same({ 2, 3 }, list(s))
      assert.equal(4, calls)
      assert.is_nil(await(s:get()))
      assert.equal(4, calls)
    end))

    it("runs it as a task, one call at a time", spec(function()
      local running, most, n = 0, 0, 0
      local s = stream.from(function()
        running = running + 1
        most = math.max(most, running)
        await(lwt.sleep(1))
        running = running - 1
        n = n + 1
        return n
      end)
      local began = lwt.now()
      local a, b, c = s:get(), s:get(), s:get()
      assert.same({ 1, 2, 3 }, { await(a), await(b), await(c) })
      assert.equal(1, most)
      assert.equal(3, lwt.now() - began)
    end))

    it("follows a promise that it returns, and takes false for an element", spec(function()
      local i = 0
      local s = stream.from(function()
        i = i + 1
        if i < 3 then return lwt.fulfilled(i == 1) end
        return lwt.fulfilled(nil)
      end)
      assert.same({ true, false }, list(s))
    end))

    it("gives an error to all who wait, once, and goes on", spec(function()
      local s, answer, fail, calls = by_hand()
      local a, b = s:get(), s:get()
      fail("no")
      assert.equal("rejected no", told(a))
      assert.equal("rejected no", told(b))
      local c = s:get()
      assert.equal(2, calls())
      answer(5)
      assert.equal(5, await(c))
    end))

    it("keeps an error for the next reader when nobody waits", spec(function()
      local s, answer, fail = by_hand()
      local a = s:get()
      a:cancel()
      fail("no")
      fails("no", s:get())
      local b = s:get()
      answer(1)
      assert.equal(1, await(b))
    end))

    it("does not cancel the call with the reader: the next reader gets its element", spec(function()
      local s, answer, _, calls = by_hand()
      local a = s:get()
      a:cancel()
      local b = s:get()
      answer("x")
      assert.equal("x", await(b))
      assert.equal(1, calls())
    end))

    it("tells a raise like a rejection", spec(function()
      local n = 0
      local s = stream.from(function()
        n = n + 1
        if n == 2 then error("two", 0) end
        if n < 4 then return n end
      end)
      assert.equal(1, await(s:get()))
      fails("two", s:get())
      assert.same({ 3 }, list(s))
    end))
  end)

  describe("from_direct", function()
    it("calls its function directly", spec(function()
      local n = 0
      local s = stream.from_direct(function()
        n = n + 1
        if n <= 3 then return n end
      end)
      local p = s:get()
      assert.equal("fulfilled 1", told(p))
      assert.same({ 2, 3 }, list(s))
    end))

    it("may fail, and goes on", spec(function()
      local n = 0
      local s = stream.from_direct(function()
        n = n + 1
        if n == 1 then error("first", 0) end
        return n
      end)
      fails("first", s:get())
      assert.equal(2, await(s:get()))
    end))

    it("may not await", spec(function()
      local waited = lwt.wait()
      local s = stream.from_direct(function() return await(waited) end)
      local ok, err = pcall(await, s:get())
      assert.is_false(ok)
      assert.truthy(tostring(err):find("await", 1, true))
    end))
  end)

  describe("of_list, of_string and of_iterator", function()
    it("give what is in them, and are closed", spec(function()
      assert.same({ 1, 2, 3 }, list(stream.of_list { 1, 2, 3 }))
      assert.same({}, list(stream.of_list {}))
      assert.is_true(stream.of_list({ 1 }):is_closed())
      assert.same({ "a", "b" }, list(stream.of_string("ab")))
      assert.is_true(stream.of_string("ab"):is_closed())
      assert.equal("ab", await(stream.of_string("ab"):to_string()))
    end))

    it("copy the list, and refuse holes", spec(function()
      local l = { 1, 2 }
      local s = stream.of_list(l)
      l[1] = 9
      assert.same({ 1, 2 }, list(s))
      assert.has_error(function() stream.of_list { 1, nil, 3, n = 3 } end,
        "bad argument #1 to 'of_list' (element 2 is nil)")
    end))

    it("take the first value of each turn of an iterator", spec(function()
      assert.same({ 1, 2 }, list(stream.of_iterator(ipairs { "a", "b" })))
      local words = stream.of_iterator(("a b c"):gmatch("%a"))
      assert.same({ "a", "b", "c" }, list(words))
    end))

    it("let an iterator wait, close it, and end when it fails", spec(function()
      local closed = 0
      local closing = setmetatable({}, { __close = function() closed = closed + 1 end })
      local function counting(n, k)
        await(lwt.sleep(1))
        if k < n then return k + 1 end
        if n == 5 then error("broken", 0) end
      end
      assert.same({ 1, 2 }, list(stream.of_iterator(counting, 2, 0, closing)))
      assert.equal(1, closed)
      local s = stream.of_iterator(counting, 5, 4, closing)
      assert.equal(5, await(s:get()))
      fails("broken", s:get())
      assert.equal(2, closed)
      assert.is_nil(await(s:get()))
    end))
  end)

  describe("generate", function()
    it("runs its function as far as elements are wanted", spec(function()
      local trace = {}
      local s = stream.generate(function(yield)
        for i = 1, 3 do
          trace[#trace + 1] = i
          yield(i)
        end
        trace[#trace + 1] = "end"
      end)
      assert.same({}, trace)
      assert.equal(1, await(s:get()))
      settle()
      assert.same({ 1 }, trace)
      assert.same({ 2, 3 }, list(s))
      assert.same({ 1, 2, 3, "end" }, trace)
      assert.is_nil(await(s:get()))
    end))

    it("reports a failure, and ends", spec(function()
      local s = stream.generate(function(yield)
        yield(1)
        error("broken", 0)
      end)
      assert.equal(1, await(s:get()))
      fails("broken", s:get())
      assert.is_nil(await(s:get()))
    end))

    it("keeps the element of a reader that was cancelled", spec(function()
      local s = stream.generate(function(yield)
        await(lwt.sleep(1))
        yield(1)
        yield(2)
      end)
      local p = s:get()
      p:cancel()
      assert.same({ 1, 2 }, list(s))
    end))

    it("lets several tasks yield", spec(function()
      local s = stream.generate(function(yield)
        local a = lwt.spawn(function() yield("a") yield("b") end)
        local b = lwt.spawn(function() yield("c") end)
        await(lwt.join { a, b })
      end)
      local l = list(s)
      table.sort(l)
      assert.same({ "a", "b", "c" }, l)
    end))

    it("is cancelled wherever it waits when its reader went and the stream is dropped", spec(function()
      local how
      local function begin()
        local s = stream.generate(function(yield)
          yield(1)
          local _, err = pcall(await, lwt.sleep(1e6))
          how = err
          error(err, 0)
        end)
        assert.equal(1, await(s:get()))
        local p = s:get()
        lwt.yield()
        p:cancel()
      end
      begin()
      for _ = 1, 4 do
        collectgarbage()
        lwt.yield()
      end
      assert.equal(lwt.Canceled, how)
    end))

    it("goes on when a reader went and others come, whatever the collector did", spec(function()
      local gates = {}
      local s = stream.generate(function(yield)
        for i = 1, 4 do
          local p, r = lwt.wait()
          gates[i] = r
          await(p)
          yield(i)
        end
        error("broken", 0)
      end)
      local function collect()
        collectgarbage()
        lwt.yield()
        collectgarbage()
        lwt.yield()
      end
      for i = 1, 4 do
        s:get():cancel()
        if i % 2 == 0 then collect() end
        local p = i > 2 and s:get()
        collect()
        gates[i]:wakeup()
        if i % 2 == 1 then collect() end
        assert.equal(i, await(p or s:get()))
      end
      s:get():cancel()
      collect()
      fails("broken", s:get())
      assert.is_nil(await(s:get()))
    end))

    it("does not lose a reader whose stream nobody else knows", spec(function()
      assert.equal("it", await(stream.generate(function(yield)
        for _ = 1, 4 do
          await(lwt.sleep(1))
          collectgarbage()
        end
        yield("it")
      end):next()))
    end))

    it("lets the tasks of its function yield, until that has ended", spec(function()
      local late, waits
      local s = stream.generate(function(yield)
        late = yield
        waits = lwt.spawn(function()
          yield(1) -- the next element is never wanted
          return "over"
        end)
        yield(2)
      end)
      assert.same({ 1, 2 }, list(s))
      assert.equal("over", await(lwt.with_timeout(5, waits)))
      fails(lwt.Closed, lwt.with_timeout(5, function() late(3) end))
      assert.is_nil(await(s:get()))
    end))

    it("does not leave its tasks in a yield when it fails", spec(function()
      local first, second
      local s = stream.generate(function(yield)
        first = lwt.spawn(yield, 1)
        second = lwt.spawn(yield, 2)
        lwt.yield()
        error("broken", 0)
      end)
      assert.equal(1, await(s:get()))
      settle()
      fails("broken", s:get())
      await(lwt.with_timeout(5, first))
      fails(lwt.Closed, lwt.with_timeout(5, second))
    end))

    it("is cancelled at its yield when the stream is dropped", spec(function()
      local how
      local s = stream.generate(function(yield)
        local ok, err = pcall(function()
          yield(1)
          yield(2)
        end)
        how = ok and "ended" or err
        error(err, 0)
      end)
      assert.equal(1, await(s:get()))
      s = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      await(lwt.sleep(1))
      assert.equal(lwt.Canceled, how)
    end))
  end)
end)

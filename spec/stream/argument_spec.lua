local cost = require "spec.support.cost"
local lwt = require "lwt"
local stream = require "lwt.stream"
local test = require "lwt.test"

local await, spec = lwt.await, test.virtual

local function state(p) return (p:state()) end

-- The state of a promise and its value, as one text.
local function told(p)
  local s, v = p:state()
  if s == "pending" then return s end
  return s .. " " .. tostring(v)
end

local function fails(expected, p)
  local ok, err = pcall(await, p)
  assert.is_false(ok)
  assert.equal(expected, err)
end

local function list(s)
  local l = await(s:to_list())
  assert.equal(#l, l.n)
  l.n = nil
  return l
end

local function range(n)
  local l = {}
  for i = 1, n do l[i] = i end
  return l
end

local function settle() for _ = 1, 5 do lwt.yield() end end

-- A source whose calls are answered by hand: s, answer(v), fail(err), calls().
local function by_hand()
  local waiting, calls = {}, 0
  local s = stream.from(function()
    calls = calls + 1
    local p, r = lwt.task()
    waiting[#waiting + 1] = r
    return p
  end)
  return s, function(v) table.remove(waiting, 1):wakeup(v) end,
    function(err) table.remove(waiting, 1):wakeup_exn(err) end, function() return calls end
end

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

  describe("clone", function()
    it("sees the same elements at its own pace", spec(function()
      local a, push = stream.create()
      push(1)
      local b = a:clone()
      push(2)
      assert.same({ 1, 2 }, { await(a:next()), await(a:next()) })
      local c = b:clone()
      push(3)
      push(nil)
      assert.same({ 1, 2, 3 }, list(b))
      assert.same({ 3 }, list(a))
      assert.same({ 1, 2, 3 }, list(c))
    end))

    it("shares one call of the source among clones", spec(function()
      local s, answer, _, calls = by_hand()
      local c = s:clone()
      local p, q = s:get(), c:get()
      assert.equal(1, calls())
      answer("x")
      assert.equal("x", await(p))
      assert.equal("x", await(q))
      assert.equal(1, calls())
    end))

    it("meets an error once in each clone", spec(function()
      local n = 0
      local s = stream.from_direct(function()
        n = n + 1
        if n == 2 then error("two", 0) end
        if n < 4 then return n end
      end)
      local c = s:clone()
      for _, each in ipairs { s, c } do
        assert.equal(1, await(each:get()))
        fails("two", each:get())
        assert.same({ 3 }, list(each))
      end
      assert.equal(4, n)
    end))

    it("does not keep what a dropped clone has not read", spec(function()
      local s, push = stream.create()
      local c = s:clone()
      local seen = setmetatable({}, { __mode = "k" })
      for _ = 1, 500 do
        local v = {}
        seen[v] = true
        push(v)
        s:junk_available()
      end
      local function count()
        collectgarbage()
        collectgarbage()
        local n = 0
        for _ in pairs(seen) do n = n + 1 end
        return n
      end
      assert.equal(500, count())
      assert.equal("table", type(await(c:next())))
      c = nil -- luacheck: ignore
      assert.is_true(count() <= 130)
    end))
  end)

  describe("reading", function()
    it("nget gives what was asked for, or the rest at the end", spec(function()
      local s, push = stream.create()
      local a, b = s:nget(2), s:nget(2)
      push(1) push(2) push(3)
      assert.same({ 1, 2, n = 2 }, await(a))
      assert.equal("pending", state(b))
      push(nil)
      assert.same({ 3, n = 1 }, await(b))
      assert.same({ n = 0 }, await(s:nget(0)))
    end))

    it("a cancelled nget puts back what it had, for those behind it first", spec(function()
      local s, push = stream.create()
      local a, b = s:nget(3), s:get()
      push(1)
      push(2)
      a:cancel()
      assert.equal("fulfilled 1", told(b))
      assert.equal(2, await(s:next()))
    end))

    it("an nget whose source fails puts back what it had", spec(function()
      local n = 0
      local s = stream.from_direct(function()
        n = n + 1
        if n == 3 then error("three", 0) end
        return n
      end)
      fails("three", s:nget(5))
      assert.same({ 1, 2, 4, n = 3 }, await(s:nget(3)))
    end))

    it("peek takes nothing, npeek neither", spec(function()
      local s, push = stream.create()
      local p, q = s:peek(), s:npeek(2)
      push(1)
      assert.equal(1, await(p))
      assert.equal("pending", state(q))
      push(2)
      assert.same({ 1, 2, n = 2 }, await(q))
      assert.same({ 1, 2, n = 2 }, await(s:npeek(2)))
      assert.equal(1, await(s:next()))
      push(nil)
      assert.same({ 2, n = 1 }, await(s:npeek(5)))
      assert.equal(2, await(s:next()))
      assert.is_nil(await(s:peek()))
    end))

    it("an npeek that waits does not keep others from reading", spec(function()
      local s, push = stream.create()
      local p = s:npeek(2)
      push(1)
      assert.equal(1, await(s:next()))
      push(2)
      assert.same({ 1, 2, n = 2 }, await(p))
      assert.equal(2, await(s:next()))
    end))

    it("get_while takes the longest run and leaves the rest", spec(function()
      local s, push = stream.create()
      local function small(v) return v < 5 end
      local p = s:get_while(small)
      local q = s:get()
      push(1) push(2)
      assert.equal("pending", state(p))
      push(7)
      assert.same({ 1, 2, n = 2 }, await(p))
      assert.equal(7, await(q))
      push(3)
      push(nil)
      assert.same({ 3, n = 1 }, await(s:get_while(small)))
    end))

    it("a get_while that fails or is cancelled puts back what it had", spec(function()
      local s = stream.of_list { 1, 2, 3 }
      fails("three", s:get_while(function(v) if v == 3 then error("three", 0) end return true end))
      assert.same({ 1, 2, 3 }, list(s))
      local t, push = stream.create()
      local p = t:get_while(function() return true end)
      push(1)
      p:cancel()
      assert.equal(1, await(t:next()))
      local u, push_u = stream.create()
      local a = u:get_while(function(v) if v == 2 then error("two", 0) end return true end)
      local b, c = u:get(), u:get()
      push_u(1) push_u(2)
      fails("two", a)
      assert.same({ 1, 2 }, { await(b), await(c) })
    end))

    it("get_while_s waits for its function, and others wait for it", spec(function()
      local s = stream.of_list { 1, 2, 8, 9 }
      local p = s:get_while_s(function(v) await(lwt.sleep(1)) return v < 5 end)
      local q = s:get()
      assert.equal("pending", state(q))
      assert.same({ 1, 2, n = 2 }, await(p))
      assert.equal(8, await(q))
    end))

    it("a get_while_s that is cancelled puts back what it had", spec(function()
      local s = stream.of_list { 1, 2, 3 }
      local p = s:get_while_s(function() await(lwt.sleep(1)) return true end)
      await(lwt.sleep(1.5))
      p:cancel()
      settle()
      assert.equal("rejected", state(p))
      assert.same({ 1, 2, 3 }, list(s))
    end))

    it("junk, njunk, junk_while and junk_while_s throw elements away", spec(function()
      local s = stream.of_list(range(20))
      await(s:junk())
      await(s:njunk(2))
      assert.equal(4, await(s:next()))
      await(s:junk_while(function(v) return v < 8 end))
      assert.equal(8, await(s:next()))
      await(s:junk_while_s(function(v) await(lwt.pause()) return v < 12 end))
      assert.equal(12, await(s:next()))
      await(s:njunk(100))
      await(s:junk())
      assert.is_nil(await(s:get()))
      local t = stream.of_list { 1, 2 }
      fails("no", t:junk_while(function() error("no", 0) end))
      fails("no", t:junk_while_s(function() error("no", 0) end))
      assert.equal(1, await(t:next()))
    end))

    it("get_available takes what is there and no more", spec(function()
      local s, push = stream.create()
      assert.same({ n = 0 }, s:get_available())
      push(1) push(2) push(3)
      assert.same({ 1, 2, n = 2 }, s:get_available_up_to(2))
      assert.same({ 3, n = 1 }, s:get_available())
      push(4)
      push(nil)
      assert.same({ 4, n = 1 }, s:get_available())
      assert.same({ n = 0 }, s:get_available())
    end))

    it("get_available does not take the place of who waits", spec(function()
      local s, push = stream.create()
      local p = s:nget(2)
      push(1)
      assert.same({ n = 0 }, s:get_available())
      push(2)
      assert.same({ 1, 2, n = 2 }, await(p))
    end))

    it("get_available raises the source's error and keeps what it had", spec(function()
      local n = 0
      local s = stream.from(function()
        n = n + 1
        if n == 3 then error("three", 0) end
        if n < 5 then return n end
      end)
      assert.has_error(function() s:get_available() end, "three")
      assert.same({ 1, 2, 4, n = 3 }, s:get_available())
    end))

    it("junk_available empties it", spec(function()
      local s, push = stream.create()
      push(1) push(2)
      s:junk_available()
      push(3)
      assert.equal(3, await(s:next()))
    end))

    it("last_new gives the newest there is, or the next", spec(function()
      local s, push = stream.create()
      push(1) push(2)
      assert.equal(2, await(s:last_new()))
      local p = s:last_new()
      assert.equal("pending", state(p))
      push(3) push(4)
      assert.equal(3, await(p))
      push(nil)
      assert.equal(4, await(s:last_new()))
      fails(stream.Empty, s:last_new())
    end))

    it("is_empty waits until it is known", spec(function()
      local s, push = stream.create()
      local p = s:is_empty()
      assert.equal("pending", state(p))
      push(1)
      assert.is_false(await(p))
      push(nil)
      assert.is_false(await(s:is_empty()))
      assert.equal(1, await(s:next()))
      assert.is_true(await(s:is_empty()))
    end))

    it("closed and is_closed tell that the end was pushed or met", spec(function()
      local s, push = stream.create()
      local p = s:closed()
      push(1)
      assert.is_false(s:is_closed())
      p:cancel()
      assert.equal("pending", state(p))
      push(nil)
      assert.is_true(s:is_closed())
      assert.equal("fulfilled", state(p))
      assert.equal("fulfilled", state(s:closed()))
      local i = 0
      local f = stream.from_direct(function()
        i = i + 1
        if i == 1 then return i end
      end)
      assert.equal(1, await(f:next()))
      assert.is_false(f:is_closed())
      assert.is_nil(await(f:get()))
      assert.is_true(f:is_closed())
    end))

    it("next is rejected with stream.Empty, which can be told", spec(function()
      fails(stream.Empty, stream.of_list({}):next())
      assert.equal("stream is empty", tostring(stream.Empty))
    end))

    it("`for` awaits each element, and goes on where it was left", spec(function()
      local s, push = stream.create()
      lwt.async(function()
        for i = 1, 4 do
          await(lwt.sleep(1))
          push(i)
        end
        push(nil)
      end)
      local got = {}
      for v in s do
        got[#got + 1] = v
        if v == 2 then break end
      end
      for v in s do got[#got + 1] = v * 10 end
      assert.same({ 1, 2, 30, 40 }, got)
    end))

    it("`for` raises the error of the source", spec(function()
      local s = stream.from(function() error("no", 0) end)
      local ok, err = pcall(function()
        for _ in s do error("not reached") end -- luacheck: ignore 512
      end)
      assert.is_false(ok)
      assert.equal("no", err)
    end))
  end)

  describe("parse", function()
    it("gives what its function gives, and takes what it took", spec(function()
      local s = stream.of_list { 1, 2, 3 }
      local a, b = await(s:parse(function(t)
        assert.equal(s, t)
        return await(t:next()) + await(t:next()), "sum"
      end))
      assert.same({ 3, "sum" }, { a, b })
      assert.equal(3, await(s:next()))
    end))

    it("puts everything back when it fails", spec(function()
      local s = stream.of_list { 1, 2, 3 }
      fails("no", s:parse(function()
        await(s:next())
        await(s:nget(2))
        await(s:peek())
        error("no", 0)
      end))
      assert.same({ 1, 2, 3 }, list(s))
    end))

    it("puts everything back when it is cancelled", spec(function()
      local s, push = stream.create()
      local p = s:parse(function() return await(s:next()), await(s:next()) end)
      push(1)
      settle()
      p:cancel()
      settle()
      fails(lwt.Canceled, p)
      push(2)
      assert.same({ 1, 2, n = 2 }, await(s:nget(2)))
    end))

    it("keeps other readers waiting until it is over", spec(function()
      local s, push = stream.create()
      local p = s:parse(function() return await(s:next()) + await(s:next()) end)
      local q, l = s:get(), s:peek()
      push(1)
      settle()
      assert.equal("pending", state(q))
      push(2) push(3)
      settle()
      assert.equal(3, await(p))
      assert.equal(3, await(q))
      push(4)
      assert.equal(4, await(l))
    end))

    it("waits for its turn behind other readers", spec(function()
      local s, push = stream.create()
      local q = s:nget(2)
      local began = false
      local p = s:parse(function()
        began = true
        return await(s:next())
      end)
      push(1)
      settle()
      assert.is_false(began)
      push(2) push(3)
      assert.same({ 1, 2, n = 2 }, await(q))
      assert.equal(3, await(p))
    end))

    it("nests, and belongs to what its function starts", spec(function()
      local s = stream.of_list { 1, 2, 3, 4 }
      assert.equal(6, await(s:parse(function()
        local first = await(s:next())
        pcall(await, s:parse(function()
          await(s:next())
          error("back", 0)
        end))
        local p = lwt.spawn(function() return await(s:next()) end)
        return first + await(p) + await(s:next())
      end)))
      assert.equal(4, await(s:next()))
    end))

    it("reads to the end, of a bounded stream too", spec(function()
      local s, pusher = stream.create_bounded(1)
      local more = pusher:push(1)
      await(more)
      local two = pusher:push(2)
      fails("no", s:parse(function()
        assert.equal(1, await(s:next()))
        assert.equal(2, await(s:next()))
        pusher:close()
        assert.is_nil(await(s:get()))
        error("no", 0)
      end))
      await(two)
      assert.same({ 1, 2 }, list(s))
    end))
  end)

  describe("map, filter and the like", function()
    it("make their elements one by one, when they are wanted", spec(function()
      local calls = 0
      local s = stream.of_list(range(10)):map(function(v)
        calls = calls + 1
        return v * 2
      end):filter(function(v) return v % 4 == 0 end):filter_map(function(v)
        if v ~= 8 then return tostring(v) end
      end)
      assert.equal(0, calls)
      assert.equal("4", await(s:next()))
      assert.equal(2, calls)
      assert.same({ "12", "16", "20" }, list(s))
    end))

    it("give the reader the error of their function, lose that element, and go on", spec(function()
      for _, name in ipairs { "map", "map_s", "filter", "filter_s", "filter_map", "filter_map_s" } do
        local s = stream.of_list { 1, 2, 3 }
        local m = s[name](s, function(v)
          if v == 2 then error("two", 0) end
          return v
        end)
        assert.equal(1, await(m:get()))
        fails("two", m:get())
        assert.same({ 3 }, list(m))
      end
    end))

    it("pass the errors of their source", spec(function()
      for _, name in ipairs { "map", "map_s", "filter", "filter_s", "filter_map", "map_list" } do
        local s, answer, fail = by_hand()
        local m = s[name](s, function(v) return name == "map_list" and { v } or v end)
        local p = m:get()
        fail("no")
        fails("no", p)
        local q = m:get()
        answer(1)
        assert.equal(1, await(q))
      end
    end))

    it("refuse a nil that would be an element", spec(function()
      for _, name in ipairs { "map", "map_s" } do
        local s = stream.of_list { 1 }
        local ok, err = pcall(await, s[name](s, function() end):get())
        assert.is_false(ok)
        assert.truthy(err:find("returned nil", 1, true))
      end
    end))

    it("must not await in the plain forms", spec(function()
      local waited = lwt.wait()
      local function waits(v)
        await(waited)
        return v
      end
      for _, name in ipairs { "map", "filter", "filter_map" } do
        local s = stream.of_list { 1 }
        local ok, err = pcall(await, s[name](s, waits):get())
        assert.is_false(ok)
        assert.truthy(tostring(err):find("await", 1, true))
        local t, push = stream.create()
        local p = t[name](t, waits):to_list()
        push(1)
        ok, err = pcall(await, p)
        assert.is_false(ok)
        assert.truthy(tostring(err):find("await", 1, true))
      end
    end))

    it("call their function one element after another in the _s forms", spec(function()
      local running, most = 0, 0
      local s = stream.of_list(range(5)):map_s(function(v)
        running = running + 1
        most = math.max(most, running)
        await(lwt.sleep(1))
        running = running - 1
        return v
      end)
      local a, b = s:nget(2), s:nget(3)
      assert.same({ 1, 2, n = 2 }, await(a))
      assert.same({ 3, 4, 5, n = 3 }, await(b))
      assert.equal(1, most)
    end))

    it("serve several readers in order", spec(function()
      local s, push = stream.create()
      local odd = s:filter(function(v) return v % 2 == 1 end)
      local p = {}
      for i = 1, 4 do p[i] = odd:get() end
      for i = 1, 8 do push(i) end
      for i = 1, 4 do assert.equal(2 * i - 1, await(p[i])) end
    end))

    it("take nothing with them when their reader goes away", spec(function()
      local s, push = stream.create()
      local derived = {
        s:map(function(v) return v end),
        s:filter_s(function() return true end),
        s:map_list(function(v) return { v } end),
        s:append(stream.of_list {}),
        stream.choose { s, (stream.create()) },
        s:combine((stream.create())),
        s:wrap_exn(),
        stream.of_list({ s }):concat(),
        s:hexdump(),
      }
      for i, d in ipairs(derived) do
        local p = d:get()
        assert.equal("pending", state(p))
        p:cancel()
        push(tostring(i))
        assert.equal(tostring(i), await(s:get()))
      end
    end))

    it("keep the element that a cancelled reader of an _s form had worked on", spec(function()
      local m = stream.of_list({ 1, 2 }):map_s(function(v) await(lwt.sleep(1)) return v * 10 end)
      local p = m:get()
      p:cancel()
      assert.same({ 10, 20 }, list(m))
    end))

    it("map_list and flatten unpack lists", spec(function()
      local s = stream.of_list { 1, 2, 3 }
      assert.same({ 1, 3, 3, 3 }, list(s:map_list(function(v)
        local l = {}
        for _ = 1, v % 2 == 1 and v or 0 do l[#l + 1] = v end
        return l
      end)))
      local t = stream.of_list { 1, 2 }
      assert.same({ 1, 2, 2 }, list(t:map_list_s(function(v)
        await(lwt.pause())
        return v == 1 and { 1 } or { 2, 2 }
      end)))
      assert.same({ 1, 2 }, list(stream.of_list({ { 1 }, {}, { 2 } }):flatten()))
      local ok, err = pcall(await, stream.of_list({ 5 }):flatten():get())
      assert.is_false(ok)
      assert.equal("'flatten': a list expected, got number", err)
    end))
  end)

  describe("append, concat, choose and combine", function()
    it("append does not touch the second before the first has ended", spec(function()
      local calls = 0
      local b = stream.from_direct(function()
        calls = calls + 1
        if calls < 3 then return calls * 10 end
      end)
      local a, push = stream.create()
      local s = a:append(b)
      push(1)
      assert.equal(1, await(s:get()))
      local p = s:get()
      assert.equal(0, calls)
      push(nil)
      assert.equal(10, await(p))
      assert.same({ 20 }, list(s))
    end))

    it("concat goes through a stream of streams", spec(function()
      local outer, push = stream.create()
      local s = outer:concat()
      local p = s:to_list()
      push(stream.of_list { 1 })
      push(stream.of_list {})
      local inner, push_inner = stream.create()
      push(inner)
      push(nil)
      push_inner(2)
      push_inner(nil)
      assert.same({ 1, 2, n = 2 }, await(p))
      fails("'concat': a stream expected, got number", stream.of_list({ 1 }):concat():get())
    end))

    it("choose gives elements as they come, and loses none", spec(function()
      local a, push_a = stream.create()
      local b, push_b = stream.create()
      local s = stream.choose { a, b }
      local p = s:get()
      push_b("b1")
      assert.equal("b1", await(p))
      push_b("b2")
      assert.equal("b2", await(b:get()))
      push_a("a1") push_a("a2") push_b("b3")
      assert.same({ "a1", "b3", "a2" }, { await(s:get()), await(s:get()), await(s:get()) })
      push_a(nil)
      local q = s:get()
      push_b(nil)
      assert.is_nil(await(q))
    end))

    it("choose puts back what came to a second one in the same instant", spec(function()
      local a, push_a = stream.create()
      local b, push_b = stream.create()
      local s = stream.choose { a, b }
      local p = s:get()
      local first, r = lwt.wait()
      first:on_success(function()
        push_a(1)
        push_b(2)
      end)
      r:wakeup()
      assert.equal(1, await(p))
      assert.equal(2, await(b:get()))
    end))

    it("choose drops a stream that failed, after reporting it", spec(function()
      local bad = stream.from(function() error("bad", 0) end)
      local s = stream.choose { bad, stream.of_list { 1, 2 } }
      fails("bad", s:get())
      assert.same({ 1, 2 }, list(s))
      local slow = stream.from(function() await(lwt.sleep(1)) error("late", 0) end)
      local t, push = stream.create()
      local c = stream.choose { t, slow }
      fails("late", c:get())
      push(1)
      push(nil)
      assert.same({ 1 }, list(c))
    end))

    it("combine pairs them, and ends with the shorter", spec(function()
      local b = stream.of_list { "x", "y", "z" }
      local s = stream.of_list({ 1, 2 }):combine(b)
      local got = {}
      for v in s do got[#got + 1] = v[1] .. v[2] end
      assert.same({ "1x", "2y" }, got)
      assert.equal("z", await(b:next()))
    end))

    it("combine puts back what it had when it is cancelled, or one fails", spec(function()
      local a, push_a = stream.create()
      local b, answer, fail = by_hand()
      local s = a:combine(b)
      local p = s:get()
      push_a(1)
      assert.equal("pending", state(p))
      p:cancel()
      assert.equal(1, await(a:peek()))
      local q = s:get()
      fail("no")
      fails("no", q)
      local r = s:get()
      answer("b")
      local pair = await(r)
      assert.same({ 1, "b" }, pair)
      local t = s:get()
      push_a(2)
      answer(nil)
      assert.is_nil(await(t))
      assert.equal(2, await(a:next()))
    end))
  end)

  describe("wrap_exn and hexdump", function()
    it("wrap_exn never fails", spec(function()
      local s, answer, fail = by_hand()
      local w = s:wrap_exn()
      local p = w:get()
      answer(1)
      assert.same({ ok = true, value = 1 }, await(p))
      p = w:get()
      fail("no")
      assert.same({ ok = false, error = "no" }, await(p))
      p = w:get()
      answer(nil)
      assert.is_nil(await(p))
    end))

    it("hexdump shows lines as hexdump -C does", spec(function()
      local s = stream.of_string("0123456789abcdef\1\2xyz\255"):hexdump()
      assert.same({
        "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|",
        "00000010  01 02 78 79 7a ff                                 |..xyz.|",
      }, list(s))
      assert.same({}, list(stream.of_string(""):hexdump()))
      assert.equal(3, #list(stream.of_list({ ("a"):rep(30), ("b"):rep(10) }):hexdump()))
    end))
  end)

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

  describe("a dropped stream", function()
    local function gone(weak)
      collectgarbage()
      collectgarbage()
      return next(weak) == nil
    end

    it("releases its source", spec(function()
      local weak = setmetatable({}, { __mode = "k" })
      do
        local resource = {}
        weak[resource] = true
        local s = stream.from(function() return resource end)
        local m = s:map(function(v) return v end):filter(function() return true end)
        assert.equal(resource, await(m:next()))
      end
      assert.is_true(gone(weak))
    end))

    it("releases its source at its end", spec(function()
      local weak = setmetatable({}, { __mode = "k" })
      local s
      do
        local resource = {}
        weak[resource] = true
        s = stream.from_direct(function() return resource == nil and 1 or nil end)
        assert.is_nil(await(s:get()))
      end
      assert.is_true(gone(weak))
      assert.is_nil(await(s:get()))
    end))

    it("is not kept by the function that pushes", spec(function()
      local weak = setmetatable({}, { __mode = "k" })
      local s, push = stream.create()
      weak[s] = true
      for _ = 1, 1000 do
        local v = {}
        weak[v] = true
        push(v)
      end
      s = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      local left = 0
      for _ in pairs(weak) do left = left + 1 end
      assert.is_true(left <= 64)
      push(1)
    end))

    it("is kept while somebody waits", spec(function()
      local push
      local p
      do
        local s
        s, push = stream.create()
        p = s:map(function(v) return v + 1 end):get()
      end
      collectgarbage()
      collectgarbage()
      push(1)
      assert.equal(2, await(p))
    end))

    it("does not keep elements that were read", spec(function()
      local weak = setmetatable({}, { __mode = "k" })
      local s, push = stream.create()
      local function use()
        for _ = 1, 40 do
          local v = {}
          weak[v] = true
          push(v)
        end
        s:junk_available()
        for _ = 1, 3 do
          local v = {}
          weak[v] = true
          local p = s:get()
          push(v)
          assert.equal("fulfilled", state(p))
        end
      end
      use()
      assert.is_true(gone(weak))
      assert.is_false(s:is_closed())
    end))
  end)

  it("says what is wrong with an argument, at the caller's line", function()
    local s = stream.of_list {}
    local cases = {
      { "bad argument #1 to 'map' (function expected, got nil)", function() s:map() end },
      { "bad argument #2 to 'map' (function expected, got number)",
        function() stream.map(s, 1) end },
      { "bad argument #1 to 'get' (lwt.stream expected, got nil)", function() stream.get() end },
      { "bad argument #1 to 'get' (lwt.stream expected, got table)",
        function() stream.get({}) end },
      { "calling 'get' on bad self (lwt.stream expected, got table)",
        function() local t = { get = stream.get } t:get() end },
      { "bad argument #1 to 'nget' (integer expected, got string)", function() s:nget("x") end },
      { "bad argument #1 to 'nget' (number has no integer representation)",
        function() s:nget(1.5) end },
      { "bad argument #1 to 'from' (function expected, got nil)", function() stream.from() end },
      { "bad argument #1 to 'of_list' (table expected, got nil)", function() stream.of_list() end },
      { "bad argument #1 to 'append' (lwt.stream expected, got nil)", function() s:append() end },
      { "bad argument #2 to 'fold' (function expected, got nil)", function() s:fold(1) end },
      { "bad argument #1 to 'choose' (element 2: lwt.stream expected, got number)",
        function() stream.choose { s, 3 } end },
    }
    for _, case in ipairs(cases) do
      local ok, err = pcall(case[2])
      assert.is_false(ok)
      assert.truthy(err:find(case[1], 1, true), err)
      assert.truthy(err:find("stream_spec.lua", 1, true), err)
    end
  end)
end)

describe("with many at a stream", function()
  -- What `work(n)` costs for each, for many beside for few.
  local function linear(work)
    local few, many = work(500) / 500, work(8000) / 8000
    assert.is_true(many < 2 * few, ("%.2f for each of 500, %.2f of 8000"):format(few, many))
  end

  it("an element costs the same for each clone that waits", spec(function()
    linear(function(n)
      local s, push = stream.create()
      local clones, got = {}, 0
      local function read(c)
        c:get():on_success(function()
          got = got + 1
          read(c)
        end)
      end
      for i = 1, n do
        clones[i] = s:clone()
        read(clones[i])
      end
      local spent = cost(function()
        push(1)
        push(2)
      end)
      assert.equal(2 * n, got)
      return spent
    end)
  end))

  it("a read of a clone costs the same while the source is at work", spec(function()
    linear(function(n)
      local s = stream.from(function() return (lwt.task()) end)
      local clones = {}
      for i = 1, n do clones[i] = s:clone() end
      return cost(function()
        for i = 1, n do clones[i]:get() end
      end)
    end)
  end))

  it("a read costs the same behind any number that only look", spec(function()
    linear(function(n)
      local s, push = stream.create()
      local peeks, reads = {}, {}
      local spent = cost(function()
        for i = 1, n do peeks[i] = s:peek() end
        for i = 1, n do
          reads[i] = s:get()
          s:peek()
        end
      end)
      for i = 1, n do push(i) end
      assert.equal(1, await(peeks[n]))
      assert.equal(n, await(reads[n]))
      return spent
    end)
  end))

  it("a peek costs the same whatever waits to be pushed", spec(function()
    linear(function(n)
      local s, pusher = stream.create_bounded(0)
      for i = 1, n do pusher:push(i) end
      return cost(function()
        for _ = 1, n do s:peek() end
      end)
    end)
  end))

  it("dropped clones whose readers were cancelled do not pile up", spec(function()
    local s, push = stream.create()
    local waiting = s:get()
    for _ = 1, 2000 do s:clone():get():cancel() end
    assert.is_true(#s.log.waiting < 100)
    push(1)
    assert.equal(1, await(waiting))
  end))

  it("a clone that nobody reads meets an error later", spec(function()
    local fail
    local s = stream.from(function()
      local p, r = lwt.task()
      fail = r
      return p
    end)
    local a, b = s:clone(), s:clone()
    local early = a:get()
    local p, q = b:get(), s:get()
    early:cancel()
    fail:wakeup_exn "broken"
    assert.same({ false, "broken" }, { pcall(await, p) })
    assert.same({ false, "broken" }, { pcall(await, q) })
    assert.same({ false, "broken" }, { pcall(await, a:get()) })
  end))
end)

describe("what gives nothing", function()
  -- How many values a promise has: `await` and `bind` show the difference to one nil.
  local function values(p) return select("#", p:state()) - 1 end

  local f = function() end
  local reads = {
    junk = function(s) return s:junk() end,
    njunk = function(s) return s:njunk(2) end,
    ["njunk of none"] = function(s) return s:njunk(0) end,
    ["njunk to the end"] = function(s) return s:njunk(9) end,
    junk_while = function(s) return s:junk_while(function(v) return v < 3 end) end,
    junk_while_s = function(s) return s:junk_while_s(function(v) return v < 3 end) end,
    iter = function(s) return s:iter(f) end,
    iter_s = function(s) return s:iter_s(f) end,
    iter_p = function(s) return s:iter_p(f) end,
    iter_n = function(s) return s:iter_n(f) end,
  }
  for name, read in pairs(reads) do
    it("has no value: " .. name, spec(function()
      assert.equal(0, values(read(stream.of_list { 1, 2, 3 })))
      local s, push = stream.create()
      local p = read(s)
      for i = 1, 3 do push(i) end
      push(nil)
      await(p)
      assert.equal(0, values(p))
    end))
  end

  it("has no value: a sequence's iter, and what is pushed", spec(function()
    local q = require "lwt.seq".of_list { 1, 2 }
    for _, name in ipairs { "iter", "iter_s", "iter_p", "iter_n" } do
      assert.equal(0, values(q[name](q, f)), name)
    end
    local s, pusher = stream.create_bounded(1)
    local pushes = {}
    for i = 1, 6 do pushes[i] = pusher:push(i) end
    pusher:resize(3)
    await(s:nget(6))
    for i = 1, 6 do assert.equal(0, values(pushes[i]), i) end
  end))
end)

describe("a chain of streams of any length", function()
  local full = os.getenv "LWT_SPEC_FULL"
  local function same(v) return v end
  local links = {
    map_s = function(s) return s:map_s(same) end,
    filter_s = function(s) return s:filter_s(function() return true end) end,
    map_list = function(s) return s:map_list(function(v) return { v } end) end,
    append = function(s) return s:append(stream.of_list {}) end,
    wrap_exn = function(s)
      return s:wrap_exn():map(function(r) return r.value end)
    end,
    ["append in front"] = function(s) return stream.of_list({}):append(s) end,
    choose = function(s) return stream.choose { s } end,
    combine = function(s)
      return s:combine(stream.of_list { 1, 2, 3 }):map(function(pair) return pair[1] end)
    end,
  }
  for name, link in pairs(links) do
    it("is read, waiting or not: " .. name, spec(function()
      local s, push = stream.create()
      local ready = stream.of_list { 1, 2 }
      for _ = 1, full and 20000 or 600 do s, ready = link(s), link(ready) end
      assert.same({ 1, 2, n = 2 }, await(ready:to_list()))
      local early, cancelled, late = s:get(), s:get(), s:get()
      cancelled:cancel()
      push(1)
      assert.equal(1, await(early))
      push(2)
      assert.equal(2, await(late))
      push(nil)
      assert.is_nil(await(s:get()))
    end))
  end

  for _, name in ipairs { "map_s", "append" } do
    it("does not fill the stack: " .. name, spec(function()
      local s = stream.of_list { 1, 2 }
      for _ = 1, full and 100000 or 36000 do s = links[name](s) end
      assert.equal(1, await(s:get()))
    end))
  end
end)

describe("direct views inside lists, and as elements", function()
  it("stand for the streams that they show", spec(function()
    local S = lwt.direct(stream)
    local function two() return S.of_list { 1 }, S.of_list { 2 } end
    local a, b = two()
    local merged = S.choose { a, b }:to_list()
    assert.equal(2, #merged)
    a, b = two()
    assert.equal(2, #S.of_list({ a, b }):concat():to_list())
    a, b = two()
    assert.same({ 1, 2, n = 2 }, await(stream.of_list({ a, b }):concat():to_list()))
    a, b = two()
    assert.equal(2, #await(stream.choose({ a, b }):to_list()))
  end))

  it("stand for sequences, events and signals", spec(function()
    local seq, react = require "lwt.seq", require "lwt.react"
    local Q, E, Sg = lwt.direct(seq), lwt.direct(react.E), lwt.direct(react.S)
    local q = Q.of_list({ 1, 2 }):flat_map(function(v) return Q.of_list { v, v } end)
    assert.equal(4, #q:to_list())
    local a, send = E.create()
    local b = E.create()
    local got = {}
    local seen = E.select({ a, b }):map(function(v) got[#got + 1] = v end)
    local sum = E.merge({ a, b }, 0, function(x, y) return x + y end):map(function(v)
      got[#got + 1] = v
    end)
    send(5)
    assert.same({ 5, 5 }, got)
    local s, set = Sg.create(1)
    local merged = Sg.merge({ s, Sg.const(2) }, 0, function(x, y) return x + y end)
    local outer, switch = Sg.create(s)
    local inner = outer:switch()
    local bound = s:bind(function(v) return Sg.const(v * 10) end)
    set(4)
    assert.same({ 6, 4, 40 }, { merged:value(), inner:value(), bound:value() })
    switch(Sg.const(9))
    assert.equal(9, inner:value())
    assert.is_not_nil(seen and sum)
  end))
end)

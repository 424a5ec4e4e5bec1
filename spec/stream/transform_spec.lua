-- Streams made of streams.

local lwt = require "lwt"
local stream = require "lwt.stream"
local test = require "lwt.test"
local expect = require "spec.support.expect"
local streams = require "spec.support.stream"

local await, spec = lwt.await, test.virtual
local fails = expect.fails
local by_hand, list, range, state = streams.by_hand, streams.list, streams.range, streams.state

describe("lwt.stream", function()
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
      for _ = 1, full and 20000 or 400 do s, ready = link(s), link(ready) end
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
      for _ = 1, full and 100000 or 20000 do s = links[name](s) end
      assert.equal(1, await(s:get()))
    end))
  end
end)

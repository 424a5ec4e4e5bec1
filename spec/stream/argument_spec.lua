-- What the functions of lwt.stream are given: wrong arguments, nothing, direct views.

local lwt = require "lwt"
local stream = require "lwt.stream"
local test = require "lwt.test"

local await, spec = lwt.await, test.virtual

describe("lwt.stream", function()
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
      assert.truthy(err:find("argument_spec.lua", 1, true), err)
    end
  end)
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

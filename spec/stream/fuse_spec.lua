-- Chains of map, filter and filter_map go through one function (lua/lwt/stream/fuse.lua), which
-- must not be seen: random programs of reads, anywhere in a chain, are run once as they are and
-- once with every stage by itself, and must tell the same.

_G.LEAVES = "a random program may well end with a reader that waits for ever"

local lwt = require "lwt"
local stream = require "lwt.stream"
local test = require "lwt.test"
local C = require "lwt.stream.fuse"
local generated = require "spec.support.generated"

local function show(v)
  if type(v) ~= "table" then return tostring(v) end
  local words = {}
  for i = 1, v.n or #v do words[i] = show(v[i]) end
  return "{" .. table.concat(words, " ") .. "}"
end

-- One program; gives what happened, line by line. `evil`: the functions of the chains sometimes
-- read and push themselves.
local function program(random, evil)
  local lines, streams, pushes, reads, seen = {}, {}, {}, {}, {}
  local value = 0
  local function note(...) lines[#lines + 1] = table.concat({ ... }, " ") end
  local act
  local busy = false
  local function maybe()
    if not evil or busy or random(20) > 1 then return end
    busy = true
    act()
    busy = false
  end
  local function may_fail(v)
    maybe()
    if random(30) == 1 then error("no " .. show(v), 0) end
  end
  local stages = {
    map = function(v)
      may_fail(v)
      return v and v + 100
    end,
    filter = function(v)
      may_fail(v)
      return not v or v % 3 ~= 0
    end,
    filter_map = function(v)
      maybe()
      if v and v % 4 == 0 then return nil end
      return v
    end,
  }
  local kinds = { "map", "filter", "filter_map" }
  local function source()
    local what = random(4)
    note("source", what)
    if what == 4 then
      local s, pusher = stream.create_bounded(random(3) - 1)
      pushes[#pushes + 1] = function(v)
        if v == nil then return pusher:close() end
        local p = pusher:push(v)
        if p:is_pending() then reads[#reads + 1] = p end
      end
      return s
    elseif what == 1 then
      local i = 0
      return stream.from_direct(function()
        i = i + 1
        if i == 5 then error("five", 0) end
        return i < 12 and i * 1000 or nil
      end)
    end
    local s, push = stream.create()
    pushes[#pushes + 1] = push
    return s
  end
  local reading = {
    function(s) return s:get() end,
    function(s) return s:get() end,
    function(s) return s:next() end,
    function(s) return s:peek() end,
    function(s) return s:nget(random(3)) end,
    function(s) return s:npeek(random(3)) end,
    function(s) return s:is_empty() end,
    function(s) return s:get_while(function(v) return not v or v % 5 > 0 end) end,
    function(s) return s:find(function(v) return v and v % 5 == 0 end) end,
    function(s) return s:to_list() end,
    function(s)
      local most = random(6)
      return lwt.spawn(function()
        local l = {}
        for v in s do
          l[#l + 1] = v
          if #l >= most then break end
        end
        return l
      end)
    end,
    function(s)
      return s:parse(function()
        local l = { s:get():await(), s:peek():await() }
        if random(2) == 1 then error("parse " .. show(l), 0) end
        return l
      end)
    end,
  }
  function act()
    local what = random(20)
    if what <= 7 and pushes[1] then
      local push = pushes[random(#pushes)]
      for _ = 1, random(4) == 1 and random(70) or random(3) do
        value = value + 1
        local v = random(20) > 1 and value
        if not pcall(push, v) then note "closed" end
      end
      note("push", value)
    elseif what <= 13 then
      local k, how = random(#streams), random(#reading)
      note("read", k, how)
      reads[#reads + 1] = reading[how](streams[k])
    elseif what <= 15 and reads[1] then
      local k = random(#reads)
      note("cancel", k)
      reads[k]:cancel()
    elseif what <= 17 then
      local from = streams[random(#streams)]
      local kind = kinds[random(3)]
      note(kind)
      streams[#streams + 1] = from[kind](from, stages[kind])
    elseif what == 18 then
      local ok, twin = pcall(stream.clone, streams[random(#streams)])
      note("clone", tostring(ok))
      if ok then streams[#streams + 1] = twin end
    elseif what == 19 then
      note("available", show { pcall(stream.get_available_up_to, streams[random(#streams)], 3) })
    elseif pushes[1] and random(4) == 1 then
      note "end"
      pcall(pushes[random(#pushes)], nil)
    end
  end
  streams[1] = source()
  for _ = 1, 5 + random(35) do
    act()
    for k, p in ipairs(reads) do
      local state, v = p:state()
      if state ~= seen[k] then
        seen[k] = state
        note("  read", k, state, show(v))
      end
    end
  end
  for _, s in ipairs(streams) do note("left", show { pcall(stream.get_available, s) }) end
  for _, p in ipairs(reads) do p:cancel() end
  return lines
end

local function with_most(most, f)
  local before = C.most
  C.most = most
  local ok, result = pcall(f)
  C.most = before
  assert(ok, result)
  return result
end

-- A generator that gives the same again.
local function repeatable(seed)
  return function()
    local s = seed * 2 + 1
    return function(n)
      s = (s * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
      return (s >> 33) % n + 1
    end
  end
end

describe("a chain of map, filter and filter_map", function()
  local function spec(f) return test.async(f) end

  it("gives what its stages give one by one, whoever reads where", function()
    generated.cases(400, function(_, seed)
      local again = repeatable(seed)
      local one = with_most(1, function() return program(again()) end)
      local all = with_most(6, function() return program(again()) end)
      for k = 1, math.max(#one, #all) do
        if one[k] ~= all[k] then
          error(("line %d: %s, not %s\n%s"):format(k, tostring(all[k]), tostring(one[k]),
            table.concat(one, "\n", 1, k)), 0)
        end
      end
    end)
  end)

  it("goes through any program when its functions read and push as well", function()
    generated.cases(400, function(_, seed)
      local lines = program(repeatable(seed)(), true)
      for _, line in ipairs(lines) do assert.is_nil(line:find("attempt to", 1, true), line) end
    end)
  end)

  it("leaves what it has not given to whoever reads the stream before it", spec(function()
    local s, push = stream.create()
    local m = s:map(function(v) return v * 10 end)
    local f = m:filter(function(v) return v % 20 == 0 end)
    for i = 1, 10 do push(i) end
    assert.equal(20, f:get():await())
    assert.equal(40, f:get():await())
    assert.equal(5, s:get():await())
    assert.equal(60, m:get():await())
    assert.equal(80, f:get():await())
    assert.same({ 9, 10, n = 2 }, s:npeek(2):await())
    assert.equal(100, f:get():await())
    push(11)
    push(nil)
    assert.is_nil(f:get():await())
    assert.is_true(s:is_empty():await())
  end))

  it("sees that a stream in the middle has got a clone, a reader or something put back", spec(function()
    local s, push = stream.create()
    local m = s:map(function(v) return v end)
    local f = m:map(function(v) return -v end)
    for i = 1, 9 do push(i) end
    assert.equal(-1, f:get():await())
    local twin = m:clone()
    assert.equal(-2, f:get():await())
    assert.equal(2, twin:get():await())
    local p = m:parse(function()
      assert.equal(3, m:get():await())
      error("no", 0)
    end)
    assert.is_false(pcall(lwt.await, p))
    assert.equal(-3, f:get():await())
    assert.same({ 3, 4, n = 2 }, twin:nget(2):await())
    assert.equal(-4, f:get():await())
  end))

  it("longer than one function takes is still one chain", spec(function()
    local s, push = stream.create()
    local t = s
    for _ = 1, 20 do t = t:map(function(v) return v + 1 end) end
    for i = 1, 3 do push(i) end
    push(nil)
    assert.same({ 21, 22, 23, n = 3 }, t:to_list():await())
  end))

  it("that is dropped half way is collected, and takes nothing with it", spec(function()
    local s, push = stream.create()
    for i = 1, 9 do push(i) end
    local seen = setmetatable({}, { __mode = "k" })
    do
      local m = s:map(function(v) return v end)
      local f = m:filter(function() return true end)
      seen[m], seen[f] = true, true
      assert.equal(1, f:get():await())
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(seen))
    assert.equal(2, s:get():await())
  end))
end)

describe("an idle stream", function()
  it("is small", function()
    local kept = table.move({}, 1, 1000, 1, {})
    for i = 1, 1000 do kept[i] = false end
    stream.create()
    collectgarbage()
    collectgarbage()
    local before = collectgarbage "count"
    for i = 1, 1000 do kept[i] = stream.create() end
    collectgarbage()
    collectgarbage()
    assert.is_true(collectgarbage "count" - before < 1000)
  end)
end)

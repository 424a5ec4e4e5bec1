-- What a stopped event or signal leaves: nothing is called any more, and nothing that a function had captured (its
-- upvalues, the task-local storage, the last value) is kept by what is stopped, though somebody still holds that.
-- And what goes on keeps no value that it does not need.

local core = require "spec.support.core"
local lwt = require "lwt"
local react = require "lwt.react"
local stream = require "lwt.stream"
local E, S = react.E, react.S

local function turns(n) for _ = 1, n or 4 do lwt.step() end end
local function collect()
  for _ = 1, 3 do
    collectgarbage()
    turns(2)
  end
  collectgarbage()
end

-- Forms of an event, and of a signal: what is made of it with the function f.
local of_events, of_signals = {}, {}
for _, name in ipairs { "map", "filter", "fmap", "trace", "diff", "map_s", "map_p", "filter_s", "filter_p", "fmap_s",
  "fmap_p", "diff_s", "notify", "notify_s", "notify_p" } do
  of_events[name] = function(e, f) return e[name](e, f) end
end
for _, name in ipairs { "fold", "fold_s" } do
  of_events[name] = function(e, f) return e[name](e, 0, function(_, v) return f(v) end) end
end
for _, name in ipairs { "merge", "merge_s" } do
  of_events[name] = function(e, f) return E[name]({ e }, 0, function(_, v) return f(v) end) end
end
for _, name in ipairs { "app", "app_s", "app_p" } do
  of_events[name] = function(e, f) return E[name](e:map(function() return f end), e) end
end
for _, name in ipairs { "run_s", "run_p" } do
  of_events[name] = function(e, f) return E[name](e:map(function(v) f(v) return lwt.fulfilled(v) end)) end
end
for _, name in ipairs { "accum", "accum_s" } do
  of_events[name] = function(e, f) return E[name](e:map(function() return function() return f() end end), 0) end
end
function of_events.limit(e, f) return e:limit(function() f() return lwt.pause() end) end
function of_events.limit_for_ever(e, f) return e:limit(function() f() return (lwt.wait()) end) end
function of_events.l2(e, f) return e:l2(e, function(a) return f(a) end) end
function of_events.delay(e, f) return E.delay(lwt.pause():map(function() return e:map(f) end)) end
function of_events.from(_, f) return E.from(function() f() return lwt.pause() end) end
function of_events.hold(e, f) return e:map(function() return {} end):hold(0, function() return f() and false end) end
function of_events.of_stream(_, _) return E.of_stream((stream.create())) end
function of_events.switch(e, f) return E.switch(e, e:map(function(v) f(v) return e end)) end

for _, name in ipairs { "map", "map_s", "l1_s", "trace", "diff", "diff_s", "notify", "notify_s", "notify_p" } do
  of_signals[name] = function(s, f) return s[name](s, function(v) return f(v) end) end
end
for _, name in ipairs { "filter", "fmap", "filter_s", "fmap_s" } do
  of_signals[name] = function(s, f) return s[name](s, 0, f) end
end
for _, name in ipairs { "bind", "bind_s" } do
  of_signals[name] = function(s, f) return s[name](s, function(v) f(v) return S.const(1) end) end
end
for _, name in ipairs { "l2", "l2_s" } do
  of_signals[name] = function(s, f) return s[name](s, s, function(v) return f(v) end) end
end
for _, name in ipairs { "merge", "merge_s" } do
  of_signals[name] = function(s, f) return S[name]({ s, s }, 0, function(_, v) return f(v) end) end
end
function of_signals.limit(s, f) return s:limit(function() f() return lwt.pause() end) end
function of_signals.app_s(s, f) return S.app_s(s:map(function() return f end), s) end

local function sorted(t)
  local list = {}
  for name in pairs(t) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- Makes it, with storage, and has something occur; gives what was made, and what is to be garbage then.
local function make(source, send, form)
  local seen = setmetatable({}, { __mode = "v" })
  local calls = { n = 0 }
  local made
  local function build()
    local captured, storage, value = {}, {}, {}
    seen.captured, seen.storage, seen.value = captured, storage, value
    local function f()
      calls.n = calls.n + 1
      return captured and 1
    end
    lwt.with_value(lwt.new_key(), storage, function() made = form(source, f) end)
    turns()
    if lwt.is_promise(made) then
      local _, s = made:state()
      made = s
    end
    send(value)
    turns()
  end
  build()
  return made, seen, calls
end

-- Forms that the trial gives a map of its own, which goes on until it is collected; and signals whose value, which
-- can still be read, is the one that was sent.
local has_own_map, has_value = {}, { filter = true, filter_s = true, limit = true, trace = true }
for name in ("app app_s app_p run_s run_p accum accum_s delay switch hold"):gmatch "%S+" do has_own_map[name] = true end

local function trial(kind, name, form)
  it(("%s.%s calls nothing and keeps nothing"):format(kind, name), core.stepping(function()
    local source, send
    if kind == "E" then source, send = E.create() else source, send = S.create(0) end
    local made, seen, calls = make(source, send, form)
    assert.is_true(calls.n > 0 or name == "of_stream" or name == "diff" or name == "diff_s", "f was called")
    made:stop()
    if has_own_map[name] then collect() end
    local before = calls.n
    send {}
    turns()
    assert.equal(before, calls.n)
    if kind == "S" then send(0) end
    collect()
    assert.is_nil(seen.captured)
    assert.is_nil(seen.storage)
    if kind == "E" or not has_value[name] then assert.is_nil(seen.value) end
    assert.is_not_nil(made)
  end))
end

describe("when it is stopped, and still held,", function()
  for _, name in ipairs(sorted(of_events)) do trial("E", name, of_events[name]) end
  for _, name in ipairs(sorted(of_signals)) do trial("S", name, of_signals[name]) end

  it("what waits for its turn in an _s form is not begun", core.stepping(function()
    local e, send = E.create()
    local gate, open = lwt.wait()
    local got = {}
    local m = e:map_s(function(v)
      got[#got + 1] = v
      return gate
    end)
    send(1)
    send(2)
    turns()
    m:stop()
    open:wakeup()
    turns()
    assert.same({ 1 }, got)
  end))

  it("what waits for its turn in a notify_s is let go", core.stepping(function()
    local e, send = E.create()
    local gate = lwt.wait()
    local seen = setmetatable({}, { __mode = "v" })
    local handle = e:notify_s(function() return gate end)
    send(1)
    local function queue()
      seen.v = {}
      send(seen.v)
    end
    queue()
    turns()
    collect()
    assert.is_not_nil(seen.v)
    handle:stop()
    collect()
    assert.is_nil(seen.v)
  end))

  it("a value that a limit holds is let go, and the limit is not begun again", core.stepping(function()
    local e, send = E.create()
    local gate, open = lwt.wait()
    local begun = 0
    local m = e:limit(function()
      begun = begun + 1
      return gate
    end)
    local seen = setmetatable({}, { __mode = "v" })
    send(1)
    local function hold()
      seen.v = {}
      send(seen.v)
    end
    hold()
    collect()
    assert.is_not_nil(seen.v)
    m:stop()
    collect()
    assert.is_nil(seen.v)
    open:wakeup()
    turns()
    assert.equal(1, begun)
  end))

  it("E.of_stream reads no more, and E.from is called no more, from inside too", core.stepping(function()
    local s, push = stream.create()
    local e = E.of_stream(s)
    turns()
    e:stop()
    turns()
    push(1)
    turns()
    assert.equal(1, s:get_available()[1])
    local calls, m = 0, nil
    m = E.from(function()
      calls = calls + 1
      if calls == 3 then m:stop() end
      return lwt.pause()
    end)
    turns(20)
    assert.equal(3, calls)
  end))

  it("a strong stop ends what an _s form was made from, unless that is used elsewhere", core.stepping(function()
    local e, send = E.create()
    local n = 0
    local a = e:map(function(v)
      n = n + 1
      return v
    end)
    local m = a:map_s(function(v) return v end)
    m:stop(true)
    send(1)
    assert.equal(0, n)
    a = e:map(function(v)
      n = n + 1
      return v
    end)
    local other = a:map(function(v) return v end)
    m = a:map_s(function(v) return v end)
    m:stop(true)
    send(1)
    assert.equal(1, n)
    assert.is_not_nil(other)
  end))

  it("what was kept with E.keep or S.keep is kept no more", core.stepping(function()
    local seen = setmetatable({}, { __mode = "k" })
    local function build()
      local e, s = E.create():map(print), S.create(1):map(function(v) return v end)
      seen[E.keep(e)], seen[S.keep(s)] = true, true
      e:stop()
      s:stop()
    end
    build()
    collect()
    assert.is_nil((next(seen)))
  end))
end)

describe("the last value", function()
  -- Of what goes on, apart from what is there to remember one.
  local remembers = { diff = true, diff_s = true, hold = true, switch = true }
  for _, name in ipairs(sorted(of_events)) do
    if not remembers[name] then
      it("is not kept by E." .. name, core.stepping(function()
        local e, send = E.create()
        local made, seen = make(e, send, of_events[name])
        collect()
        assert.is_nil(seen.value)
        assert.is_not_nil(made)
      end))
    end
  end

  it("is not kept by E.next, when its promise is gone, nor by E.to_stream, when it was read", core.stepping(function()
    local e, send = E.create()
    local seen = setmetatable({}, { __mode = "v" })
    local s = e:to_stream()
    local function build()
      local p = e:next()
      seen.v = {}
      send(seen.v)
      p:map(function() end)
      s:get()
    end
    build()
    collect()
    assert.is_nil(seen.v)
  end))
end)

-- Operations of threads for finalizer.lua: thread channels, detached functions, notifications.
local kit = require "spec.support.finalizer"
local lwt = require "lwt"
local bytes = require "lwt.bytes"
local preemptive = require "lwt.preemptive"
local await, equal = lwt.await, kit.equal

-- Everything that a message can carry.
local function baggage(i)
  local shared = { i }
  return { i, { "deep", shared }, shared, far = { [shared] = true }, text = ("x"):rep(300) },
    function() return shared[1] + i end, bytes.of_string("bytes" .. i)
end

local function look(i, t, f, b)
  equal(i, t[1])
  equal("deep", t[2][1])
  equal(t[3], t[2][2])
  equal(true, t.far[t[3]])
  equal(300, #t.text)
  equal(2 * i, f())
  equal("bytes" .. i, b:to_string())
end

-- What is at hand in the channel.
local function drained(ch)
  local list = {}
  while true do
    local p = ch:recv()
    if p:is_pending() then
      p:cancel()
      return list
    end
    local v = await(p)
    if v == nil then return list end
    list[#list + 1] = v
  end
end

-- Each of first … last is there once; with gaps, some may be missing.
local function once(first, last, gaps, ...)
  local seen = {}
  for _, list in ipairs { ... } do
    for _, v in ipairs(list) do
      if math.type(v) == "integer" and v >= first and v <= last then
        if seen[v] then kit.fail("%d came twice", v) end
        seen[v] = true
      end
    end
  end
  for i = first, last do
    if not seen[i] and not gaps then kit.fail("%d is lost", i) end
  end
end

local function exchange(room)
  return {
    setup = function() return { ch = preemptive.channel(room), got = {} } end,
    run = function(s)
      for i = 1, 4 do s.ch:send(i, baggage(i)) end
      for _ = 1, 4 do
        local got = table.pack(await(s.ch:recv()))
        if got[1] == nil then return end
        if got[1] < 100 then look(table.unpack(got)) end
        s.got[#s.got + 1] = got[1]
      end
    end,
    disturb = {
      send = function(s) s.ch:send(101, baggage(101)) end,
      recv = function(s)
        s.ch:send(101, baggage(101))
        return s.ch:recv()
      end,
      close = function(s) s.ch:close() end,
      withdraw = function(s) s.ch:send(102):cancel() end,
      elsewhere = function() preemptive.channel(9):send(baggage(7)) end,
    },
    breaks = { "close" },
    check = function(s, name)
      once(1, 4, name == "close" or name == "cancel", s.got, s.more, drained(s.ch))
    end,
    teardown = function(s)
      s.ch:close()
      drained(s.ch)
    end,
  }
end

local function named(name, op)
  op.name = name
  return op
end

return {
  named("messages: four messages in a channel with room", exchange(8)),
  named("messages: four messages in a channel with less room", exchange(2)),
  named("messages: four messages in a channel without room", exchange(0)),
  {
    name = "messages: receivers that wait",
    setup = function() return { ch = preemptive.channel(1), got = {} } end,
    run = function(s)
      s.list = {}
      for i = 1, 3 do s.list[i] = s.ch:recv() end
      for i = 1, 3 do s.ch:send(i, baggage(i)) end
      for i = 1, 3 do
        local got = table.pack(await(s.list[i]))
        if got[1] == nil then return end
        look(table.unpack(got))
        s.got[#s.got + 1] = got[1]
      end
    end,
    disturb = {
      give_up = function(s) if s.list and s.list[2] then s.list[2]:cancel() end end,
      give_all_up = function(s) for _, p in ipairs(s.list or {}) do p:cancel() end end,
      close = function(s) s.ch:close() end,
      recv = function(s)
        s.ch:send(4, baggage(4))
        return s.ch:recv()
      end,
      send = function(s) s.ch:send(4, baggage(4)) end,
    },
    breaks = { "give_up", "give_all_up", "close", "recv", "send" },
    check = function(s, name)
      local rest = {}
      for i, p in ipairs(s.list or {}) do
        p:cancel() -- what has not arrived goes back
        local state, v = p:state()
        if state == "fulfilled" and i > #s.got then rest[#rest + 1] = v end
      end
      once(1, 3, name ~= "collect" and name ~= "give_up" and name ~= "give_all_up", s.got,
        s.more, rest, drained(s.ch))
    end,
    teardown = function(s)
      s.ch:close()
      drained(s.ch)
    end,
  },
  {
    name = "messages: bytes that somebody wants too",
    setup = function()
      local data = kit.text(4096)
      return { ch = preemptive.channel(4), other = preemptive.channel(4), data = data,
        b = bytes.of_string(data) }
    end,
    run = function(s)
      local whole = s.b or bytes.of_string(s.data)
      s.t = { whole, whole:sub(8, 8), {} }
      await(s.ch:send(s.t, whole))
      local t, b = await(s.ch:recv())
      if t[1] then equal(s.data, t[1]:to_string()) end
      if b then equal(s.data, b:to_string()) end
      if t[2] then equal(s.data:sub(9, 16), t[2]:to_string()) end
    end,
    disturb = {
      send = function(s) s.other:send(s.b) end,
      copy = function(s) s.kept = s.b:copy() end,
      read = function(s) s.kept = s.b:to_string() end,
      drop = function(s)
        if s.t then s.t[1], s.t[2] = nil, nil end
        s.b = nil
      end,
    },
    breaks = { "send", "drop" },
  },
  {
    name = "messages: a table that changes",
    setup = function()
      local t = {}
      for i = 1, 20 do t[i], t["k" .. i] = { i }, { i } end
      return { ch = preemptive.channel(4), t = t }
    end,
    run = function(s)
      await(s.ch:send(s.t, { s.t }))
      local t, u = await(s.ch:recv())
      equal(t, u[1])
      for i = 1, 20 do
        if t[i] then equal(i, t[i][1]) end
        if t["k" .. i] then equal(i, t["k" .. i][1]) end
      end
    end,
    disturb = {
      grow = function(s) for i = 21, 60 do s.t[i], s.t["k" .. i] = { i }, { i } end end,
      shrink = function(s) for i = 20, 1, -1 do s.t[i], s.t["k" .. i] = nil, nil end end,
    },
  },
  {
    name = "messages: a channel through itself",
    run = function()
      local ch = preemptive.channel(2)
      ch:send(ch, { ch })
      ch:send("stays", ch)
      local same, t = await(ch:recv())
      equal(ch, same)
      equal(ch, t[1])
    end,
    disturb = {},
  },
  {
    name = "messages: what is refused",
    setup = function() return { ch = preemptive.channel(4), b = bytes.of_string "12345678" } end,
    run = function(s)
      local key = setmetatable({}, { __tostring = function()
        s.ch:send("from a __tostring")
        return "key"
      end })
      local ok, err = pcall(s.ch.send, s.ch, s.b, s.ch, { [key] = { coroutine.create(print) } })
      equal(false, ok)
      if not tostring(err):find "cannot send" then error(err, 0) end
      equal("12345678", s.b:to_string())
    end,
    disturb = { send = function(s) s.ch:send(1, baggage(1)) end },
  },
  {
    name = "detach: four calls",
    setup = function()
      preemptive.set_bounds(0, 2)
      return { got = {} }
    end,
    run = function(s)
      s.list = {}
      for i = 1, 4 do
        s.list[i] = preemptive.detach(function(n, ...) return n, ... end, i, baggage(i))
      end
      for i = 1, 4 do
        local got = table.pack(await(s.list[i]))
        equal(i, got[1])
        look(table.unpack(got))
      end
    end,
    disturb = {
      detach = function() return preemptive.detach(function(...) return ... end, 5, baggage(5)) end,
      give_up = function(s) for _, p in ipairs(s.list or {}) do p:cancel() end end,
      bounds = function()
        preemptive.set_bounds(0, 1)
        preemptive.set_max_queued(0)
        preemptive.set_bounds(0, 3)
      end,
    },
    breaks = { "give_up" },
    check = function(s) for _, p in ipairs(s.list or {}) do pcall(await, p) end end,
    teardown = function() preemptive.set_max_queued(1000) end,
  },
  {
    name = "detach: errors and their traces",
    run = function()
      local ok, err = pcall(await, preemptive.detach(function() error({ code = 7 }, 0) end))
      equal(false, ok)
      if rawequal(err, lwt.Canceled) or type(err) == "table" and err.code == "ENOMEM" then error(err, 0) end
      equal(7, type(err) == "table" and err.code or err)
    end,
    disturb = {
      detach = function() return preemptive.detach(function() return 1 end) end,
    },
  },
  {
    name = "detach: asking the main state",
    run = function()
      return await(preemptive.detach(function()
        return require "lwt.preemptive".run_in_main(function(n, t)
          require "lwt".yield()
          return n + t[1]
        end, 3, { 4 })
      end))
    end,
    disturb = {
      detach = function() return preemptive.detach(function() return 1 end) end,
    },
    check = function(_, _, ok, n) if ok then equal(7, n) end end,
  },
}

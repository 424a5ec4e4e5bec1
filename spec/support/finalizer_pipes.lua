-- Streams made from streams, for finalizer.lua: in the middle of reading one, of pushing to what it
-- is made from, and of withdrawing a read, a finalizer pushes, reads or withdraws. Each element
-- is given to one reader, what each is given comes in its order, and none is left waiting while there is
-- an element.
local kit = require "spec.support.finalizer"
local lwt = require "lwt"
local stream = require "lwt.stream"
local await = lwt.await

local function same(v) return v end
local function yes() return true end

-- How a stream is made from another one.
local pipes = {
  nothing = same,
  map = function(s) return s:map(same) end,
  chain = function(s) return s:map(same):filter(yes):filter_map(same) end,
  map_s = function(s) return s:map_s(same) end,
  filter_s = function(s) return s:filter_s(function() return lwt.pause():map(yes) end) end,
  filter_map_s = function(s) return s:filter_map_s(function(v) lwt.yield() return v end) end,
  map_list = function(s) return s:map_list(function(v) return { v } end) end,
  map_list_s = function(s) return s:map_list_s(function(v) return { v } end) end,
  flatten = function(s) return s:map(function(v) return { v } end):flatten() end,
  append = function(s) return stream.of_list({}):append(s) end,
  concat = function(s) return s:map(function(v) return stream.of_list { v } end):concat() end,
  combine = function(s)
    return s:combine(stream.from_direct(yes)):map(function(pair) return pair[1] end)
  end,
  choose = function(s) return stream.choose { s, (stream.of_list {}) } end,
  wrap_exn = function(s) return s:wrap_exn():map(function(r) return r.value end) end,
  from = function(s) return stream.from(function() return s:get() end) end,
  generate = function(s)
    return stream.generate(function(yield) for v in s do yield(v) end end)
  end,
  map_s_of_map = function(s) return s:map(same):map_s(function(v) lwt.yield() return v end) end,
  filter_s_of_map_s = function(s)
    return s:map_s(same):filter_s(function() return lwt.pause():map(yes) end)
  end,
  clone = function(s) return s:clone() end,
  clone_of_map = function(s) return s:map(same):clone() end,
}

local function give(s, v, who)
  if v == nil then return end
  if s.given[v] then kit.fail("%s was given to %s and to %s", v, s.given[v], who) end
  s.given[v] = who
  if v < 100 and who ~= "finalizer" then
    local last = s.last[who] or 0
    if v < last and not s.withdrawn then kit.fail("%s was given %d after %d", who, v, last) end
    s.last[who] = v
  end
end

local function give_all(s, list, who)
  for i = 1, #list do give(s, list[i], who) end
end

local function note(s, p, who)
  p:on_any(function(v)
    if type(v) == "table" then give_all(s, v, who) else give(s, v, who) end
  end, function() end)
  s.readers[#s.readers + 1] = p
  return p
end

local function push(s, n)
  for _ = 1, n do
    s.pushed = s.pushed + 1
    s.push(s.pushed)
  end
end

local function turns(n) for _ = 1, n do lwt.yield() end end

-- What the operation does. It waits for nobody.
local scripts = {
  ["what is there"] = function(s)
    push(s, 3)
    note(s, s.stream:get(), "get")
    note(s, s.stream:next(), "next")
    turns(2)
    give_all(s, s.stream:get_available(), "get_available")
    push(s, 1)
    note(s, s.stream:get(), "get")
    give_all(s, s.stream:get_available(), "get_available")
    turns(2)
  end,
  ["what comes"] = function(s)
    note(s, s.stream:get(), "get")
    push(s, 1)
    turns(2)
    note(s, s.stream:next(), "next")
    note(s, s.stream:get(), "get")
    push(s, 2)
    turns(2)
    note(s, s.stream:get(), "get")
    push(s, 1)
    turns(2)
  end,
  ["lists"] = function(s)
    push(s, 1)
    note(s, s.stream:nget(2), "nget")
    turns(1)
    s.stream:peek()
    push(s, 3)
    local n = 2
    note(s, s.stream:get_while(function() n = n - 1 return n >= 0 end), "get_while")
    turns(2)
    give_all(s, s.stream:get_available(), "get_available")
  end,
  ["withdrawn"] = function(s)
    note(s, s.stream:get(), "get"):cancel()
    push(s, 1)
    note(s, s.stream:nget(3), "nget")
    turns(2)
    s.readers[#s.readers]:cancel()
    note(s, s.stream:get(), "get")
    note(s, s.stream:get(), "get"):cancel()
    push(s, 2)
    turns(3)
  end,
  ["tasks"] = function(s)
    for i = 1, 2 do
      s.readers[#s.readers + 1] = lwt.spawn(function()
        for _ = 1, 3 do give(s, await(s.stream:get()), "task " .. i) end
      end)
    end
    push(s, 2)
    turns(2)
    s.readers[#s.readers + 1] = lwt.spawn(function()
      local n = 0
      for v in s.stream do
        give(s, v, "a loop")
        n = n + 1
        if n == 2 then break end
      end
    end)
    push(s, 4)
    turns(4)
  end,
}

-- What it does where there is another clone, `s.twin`.
function scripts.clones(s)
  local twin = s.twin
  note(s, s.stream:get(), "get")
  push(s, 1)
  note(twin, twin.stream:nget(2), "nget")
  note(s, s.stream:get(), "get")
  note(s, s.stream:get(), "get")
  push(s, 2)
  turns(2)
  note(twin, twin.stream:get(), "get")
  note(s, s.stream:nget(2), "nget")
  push(s, 2)
  turns(2)
  note(twin, twin.stream:get(), "get")
  give_all(s, s.stream:get_available(), "get_available")
  give_all(twin, twin.stream:get_available(), "get_available")
  push(s, 1)
  turns(2)
end

local function close(s)
  if s.pusher then s.pusher:close() else s.push(nil) end
end

local disturb = {
  push = function(s) s.more_pushed = s.more_pushed + 1 s.push(100 + s.more_pushed) end,
  push_several = function(s)
    for _ = 1, 3 do s.more_pushed = s.more_pushed + 1 s.push(100 + s.more_pushed) end
  end,
  get = function(s) note(s, s.stream:get(), "finalizer") end,
  get_two = function(s)
    note(s, s.stream:get(), "finalizer")
    note(s, s.stream:next(), "finalizer")
  end,
  nget = function(s) note(s, s.stream:nget(2), "finalizer") end,
  get_available = function(s) give_all(s, s.stream:get_available(), "finalizer") end,
  get_twin = function(s) if s.twin then note(s.twin, s.twin.stream:get(), "finalizer") end end,
  peek = function(s) s.stream:peek() s.stream:npeek(2) end,
  get_and_withdraw = function(s) note(s, s.stream:get(), "finalizer"):cancel() end,
  nget_and_withdraw = function(s) note(s, s.stream:nget(4), "finalizer"):cancel() end,
  withdraw = function(s)
    s.withdrawn = true
    for _, p in ipairs(s.readers) do p:cancel() end
    if s.twin then
      s.twin.withdrawn = true
      for _, p in ipairs(s.twin.readers) do p:cancel() end
    end
  end,
  push_and_get = function(s)
    s.more_pushed = s.more_pushed + 1
    s.push(100 + s.more_pushed)
    note(s, s.stream:get(), "finalizer")
  end,
  get_and_push = function(s)
    note(s, s.stream:get(), "finalizer")
    s.more_pushed = s.more_pushed + 1
    s.push(100 + s.more_pushed)
  end,
}

-- What a task takes at the moment when it is withdrawn is its own.
local only_others = {}
for name, f in pairs(disturb) do only_others[name] = f end
only_others.withdraw = nil

local function given_once(s, sent)
  for v in pairs(sent) do
    if not s.given[v] then kit.fail("%d was given to nobody", v) end
  end
end

local function rest(s)
  while true do
    local v = await(s.stream:get())
    if v == nil then break end
    give(s, v, "the rest")
  end
end

local function check(s, _, ok, err)
  if not ok then error(err, 0) end
  turns(3)
  close(s)
  for _, one in ipairs { s, s.twin } do
    local read, why = pcall(await, lwt.with_timeout(1, lwt.spawn(rest, one)))
    if not read then kit.fail("the rest: %s", tostring(why)) end
    turns(3)
    for i, p in ipairs(one.readers) do
      if p:is_pending() then kit.fail("reader %d still waits", i) end
    end
    given_once(one, s.sent)
  end
end

local function setup_of(make, bound, twin)
  return function()
    local s = {
      given = {}, last = {}, readers = {}, sent = {}, pushed = 0, more_pushed = 0,
    }
    if bound then
      s.source, s.pusher = stream.create_bounded(bound)
      s.push = function(v)
        s.pusher:push(v):on_any(function() s.sent[v] = true end, function() end)
      end
    else
      local source, plain = stream.create()
      s.source = source
      s.push = function(v)
        if v then s.sent[v] = true end
        plain(v)
      end
    end
    s.stream = make(s.source)
    if twin then s.twin = { given = {}, last = {}, readers = {}, stream = s.stream:clone() } end
    return s
  end
end

local list = {}
local function add(name, make, bound, script)
  list[#list + 1] = {
    name = ("pipes: %s%s, %s"):format(name, bound and " of a bounded stream" or "", script),
    setup = setup_of(make, bound, script == "clones"),
    run = scripts[script],
    disturb = script == "tasks" and only_others or disturb,
    check = check,
    alone = true,
    alike = 4,
  }
end

local function sorted(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  return names
end

for _, name in ipairs(sorted(pipes)) do
  for _, script in ipairs(sorted(scripts)) do
    add(name, pipes[name], nil, script)
    if not name:find "clone" and script ~= "clones" then add(name, pipes[name], 1, script) end
  end
end

return list

-- What oom.c runs: streams whose readers wait at the moment when memory is refused. Nobody may wait
-- for ever: who waits gets his element, the end, or an error. Time is virtual, so that a hang is
-- found at once. See spec/support/oom.lua.
local base = require "spec.support.oom"

local M = { sections = {}, check = base.check }

local lwt, stream, log

local function section(name, run) M.sections[#M.sections + 1] = { name = name, run = run } end

local function show(x)
  if type(x) ~= "table" then return tostring(x) end
  if x.ok ~= nil or x.state then return show(x.value or x.error) end
  return tostring(#x)
end

local function say(...)
  local values = table.pack(...)
  for i = 1, values.n do log[#log + 1] = show(values[i]) end
end

function M.setup()
  base.setup()
  log = {}
  lwt, stream = require "lwt", require "lwt.stream"
  lwt.async_exception_hook(function(err) log[#log + 1] = show(err) end)
  require "lwt.engine".set "virtual"
end

---- Readers ---------------------------------------------------------------------

-- All of `s`, in a task. `read(s)` gives a promise.
local function in_task(s, read)
  read = read or s.get
  return lwt.spawn(function()
    for _ = 1, 12 do
      local ok, v = pcall(function() return lwt.await(read(s)) end)
      say(ok, v)
      if ok and (v == nil or type(v) == "table" and v.n == 0) then return end
    end
  end)
end

-- The same with callbacks.
local function with_bind(s, read)
  read = read or s.get
  local function again(i)
    return read(s):try_bind(function(v)
      say(v)
      return i < 12 and v ~= nil and not (type(v) == "table" and v.n == 0) and again(i + 1)
    end, function(err)
      say(err)
      return i < 12 and again(i + 1)
    end)
  end
  return again(1)
end

-- Elements, an error and the end, each after a while.
local function source()
  local n = 0
  return stream.from(function()
    n = n + 1
    lwt.yield()
    if n == 2 then error("two", 0) end
    if n < 5 then return n end
  end)
end

-- Runs what `begin()` gives, a list of promises, to its end. Whoever could not begin has been told.
local function finish(begin)
  local ok, err = pcall(lwt.run, function()
    local list = {}
    begin(function(f, ...)
      local began, p = pcall(f, ...)
      if began then list[#list + 1] = p else say(p) end
    end)
    local ends = lwt.with_timeout(1000, lwt.settled(list)):await()
    for _, e in ipairs(ends) do
      if e.state == "rejected" then say(e.error) end
    end
  end)
  if err == lwt.Timeout then return "hangs" end
  if not ok then say(err) end
  return table.concat(log, " ")
end

---- Several readers of a source -------------------------------------------------

for _, style in ipairs { { "task", in_task }, { "bind", with_bind } } do
  local name, read = table.unpack(style)
  section("two readers of one stream: " .. name, function()
    return finish(function(try)
      local s = source()
      for _ = 1, 2 do try(read, s) end
    end)
  end)

  section("clones: " .. name, function()
    return finish(function(try)
      local s = source()
      local t = s:clone()
      local u = t:clone()
      s:closed():on_success(function() say "closed" end)
      for _, x in ipairs { s, t, u } do try(read, x) end
    end)
  end)

  section("a chain, and a reader in the middle of it: " .. name, function()
    return finish(function(try)
      local s = source()
      local m = s:map(function(v) return v * 10 end)
      local f = m:filter(function(v) return v ~= 30 end)
      try(read, f)
      try(read, m)
      try(read, s)
    end)
  end)

  section("derived from clones: " .. name, function()
    return finish(function(try)
      local s = source()
      local t = s:clone()
      try(read, t:map(function(v) return -v end))
      try(read, s:append(stream.of_list { "x" }))
      try(read, t)
    end)
  end)
end

-- One stream made of others, for each of the ways.
local made = {
  append = function(s) return s:append(source()) end,
  concat = function(s) return stream.of_list({ s, source() }):concat() end,
  choose = function(s) return stream.choose { s, source() } end,
  combine = function(s) return s:combine(source()) end,
  flatten = function(s) return s:map(function(v) return { v, v } end):flatten() end,
  wrap_exn = function(s) return s:wrap_exn() end,
  map_s = function(s) return s:map_s(function(v) lwt.yield() return -v end) end,
  filter_s = function(s) return s:filter_s(function(v) lwt.yield() return v < 4 end) end,
  map_list_s = function(s) return s:map_list_s(function(v) lwt.yield() return { v, v } end) end,
  hexdump = function(s) return s:map(tostring):hexdump() end,
}
local ways = {}
for way in pairs(made) do ways[#ways + 1] = way end
table.sort(ways)
for _, way in ipairs(ways) do
  section("made of others: " .. way, function()
    return finish(function(try)
      local s = made[way](source())
      try(in_task, s)
      try(with_bind, s)
    end)
  end)
end

section("generate", function()
  return finish(function(try)
    local s = stream.generate(function(yield)
      for i = 1, 3 do
        lwt.yield()
        yield(i)
      end
    end)
    try(in_task, s)
    try(with_bind, s)
  end)
end)

section("readers of several elements", function()
  return finish(function(try)
    local s = source()
    try(in_task, s, s.peek)
    try(with_bind, s, function() return s:nget(2) end)
    try(in_task, s, function() return s:get_while(function(v) return v < 4 end) end)
    try(with_bind, s, s.is_empty)
    try(in_task, s)
  end)
end)

section("sections", function()
  return finish(function(try)
    local s = source()
    try(s.parse, s, function()
      lwt.await(s:get())
      lwt.yield()
      error("back", 0)
    end)
    try(s.get_while_s, s, function(v) lwt.yield() return v < 3 end)
    try(in_task, s)
  end)
end)

section("consumers", function()
  return finish(function(try)
    local s = source():wrap_exn()
    local t, u = s:clone(), s:clone()
    try(s.iter_p, s, function(v) lwt.yield() say(v) end)
    try(t.fold_s, t, 0, function(_, n) lwt.yield() return n + 1 end)
    try(u.to_list, u)
  end)
end)

---- Streams that are pushed to --------------------------------------------------

-- Pushes, again where there was no memory for it.
-- A close for which there was no memory is tried again.
local function close(pusher)
  for _ = 1, 8 do
    if pcall(pusher.close, pusher) and pusher:closed() then return end
  end
end

local function push_all(push, ...)
  local values = table.pack(...)
  for i = 1, values.n do
    for _ = 1, 8 do
      local ok, err = pcall(push, values[i])
      if ok or err == lwt.Closed then break end
      say(err)
    end
    pcall(lwt.yield)
  end
end

for _, style in ipairs { { "task", in_task }, { "bind", with_bind } } do
  local name, read = table.unpack(style)
  section("pushed to: " .. name, function()
    return finish(function(try)
      local s, push = stream.create()
      try(read, s)
      push_all(push, 1, 2, 3, nil)
    end)
  end)

  section("pushed to, several readers: " .. name, function()
    return finish(function(try)
      local s, push = stream.create()
      for _ = 1, 3 do try(read, s) end
      try(read, s, s.peek)
      push_all(push, 1, 2, 3, 4, nil)
    end)
  end)

  section("pushed to, clones: " .. name, function()
    return finish(function(try)
      local s, push = stream.create()
      local t = s:clone()
      s:closed():on_success(function() say "closed" end)
      for _, x in ipairs { s, t, s, t } do try(read, x) end
      push_all(push, 1, 2, 3, nil)
    end)
  end)

  section("pushed to, streams made of it: " .. name, function()
    return finish(function(try)
      local s, push = stream.create()
      local t = s:clone()
      local m = s:map(function(v) return v * 10 end)
      local other, push_other = stream.create()
      try(read, m:filter(function(v) return v ~= 20 end))
      try(read, m)
      try(read, t:append(other))
      push_all(push, 1, 2, 3, 4, nil)
      push_all(push_other, "x", nil)
    end)
  end)

  section("bounded: " .. name, function()
    return finish(function(try)
      local s, pusher = stream.create_bounded(1)
      for _ = 1, 2 do try(read, s) end
      for i = 1, 6 do try(pusher.push, pusher, i) end
      lwt.yield()
      try(pusher.resize, pusher, 2)
      for i = 7, 9 do
        try(pusher.push, pusher, i)
        lwt.yield()
      end
      close(pusher)
    end)
  end)
end

section("bounded, closed while many wait to push", function()
  return finish(function(try)
    local s, pusher = stream.create_bounded(1)
    for i = 1, 6 do try(pusher.push, pusher, i) end
    close(pusher)
    try(in_task, s)
  end)
end)

section("bounded, streams made of it", function()
  return finish(function(try)
    local s, pusher = stream.create_bounded(0)
    local m = s:map(function(v) return v * 10 end)
    try(in_task, m)
    try(with_bind, stream.choose { s, source() })
    for i = 1, 4 do
      try(pusher.push, pusher, i)
      lwt.yield()
    end
    close(pusher)
  end)
end)

function M.log() return log end

return M

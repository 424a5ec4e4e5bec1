-- Calls everything that `require` gives with what is hostile in plain Lua, in a random order that a
-- seed decides. Run in a process and a folder of its own:
-- HOSTILE_OUT=file lua5.4 spec/support/hostile.lua SEED CALLS MODULE…
-- (with HOSTILE_TRACE=1 each call is told before it is made). Without calls (0) it tells instead which
-- of the public functions and methods, as the reference's own check finds them, it would never call.
--
-- What it looks for is what plain Lua must never see: a crash, a hang (both are the parent's to
-- notice), an error without words, an error of the interpreter's own about the insides of lwt, nil where
-- the reference promises something (HOSTILE_RETURNS: a file, see hostile_returns.lua), and a loop that
-- does not work any more afterwards.

local seed, calls = math.tointeger(arg[1]), math.tointeger(arg[2])
local names = table.pack(table.unpack(arg, 3))
math.randomseed(seed)

local lwt = require "lwt"
local trace = os.getenv "HOSTILE_TRACE" and io.stderr
lwt.async_exception_hook(function() end)
warn "@off"

local random = math.random
-- What is found is told there: some of what is called writes to standard output.
local out = assert(io.open(assert(os.getenv "HOSTILE_OUT"), "w"))

---- What is called -------------------------------------------------------------------

-- Left out, and why.
local turns = "turns the loop, or takes it over"
local ends = "its nature is to reach beyond this process, or to end or stop it"
local left_out = {
  ["lwt.run"] = turns, ["lwt.step"] = turns, ["lwt.engine.set"] = turns, ["lwt.engine.adopt"] = turns,
  ["lwt.interrupts"] = turns, ["lwt.glib.iter"] = turns,
  ["lwt.async_exception_hook"] = "what is found is told by it",
  ["lwt.process.kill"] = ends, ["process:kill"] = ends, ["lwt.term.suspend"] = ends,
  ["terminal:suspend"] = ends,
  ["lwt.preemptive.init"] = "may be called once, before anything else",
  ["lwt.coroutine.yield"] = "ends the task that calls it, in words",
}

local targets = {} -- { name =, f =, self = (or nil) }
local objects = {}

local function add(name, f, self)
  if not left_out[name] then targets[#targets + 1] = { name = name, f = f, self = self } end
end

local function sorted(t)
  local keys = {}
  for k in pairs(t) do
    if type(k) == "string" then keys[#keys + 1] = k end
  end
  table.sort(keys)
  return keys
end

local seen = {}
local function walk(name, t)
  if seen[t] then return end
  seen[t] = true
  for _, k in ipairs(sorted(t)) do
    local v = t[k]
    if k:sub(1, 1) == "_" then
      seen[v] = true -- internal
    elseif type(v) == "function" then
      add(name .. "." .. k, v)
    elseif type(v) == "table" and getmetatable(v) == nil then
      walk(name .. "." .. k, v)
    end
  end
end

-- The methods of an object, those of its metatable included.
local function object(name, x)
  objects[#objects + 1] = x
  local mt = debug.getmetatable(x)
  local methods = mt and rawget(mt, "__index")
  if type(methods) == "table" then
    for _, k in ipairs(sorted(methods)) do
      if k:sub(1, 1) ~= "_" and type(methods[k]) == "function" then add(name .. ":" .. k, methods[k], x) end
    end
  end
  for _, k in ipairs(sorted(mt or {})) do
    -- (Only the collector calls __gc, with its own objects.)
    if k:sub(1, 2) == "__" and k ~= "__gc" and type(rawget(mt, k)) == "function" then
      add(name .. " " .. k, rawget(mt, k), x)
    end
  end
end

for _, name in ipairs(names) do
  local module = require(name)
  if type(module) == "table" then walk(name, module) end
end

---- What it is called with ------------------------------------------------------------

local function nothing() end
local function fails() error("on purpose", 0) end
local function fails_with(x) return function() error(x, 0) end end
local function waits() lwt.yield() return 1 end
local function wakes() lwt.spawn(lwt.yield) return lwt.fulfilled() end

-- Metamethods that raise, or call back.
local function cursed(what)
  return setmetatable({}, {
    __eq = what, __tostring = what, __len = what, __lt = what, __le = what, __index = what,
    __newindex = what, __name = random() < 0.5 and "cursed" or nil, __close = what, __gc = what,
    __call = what, __concat = what, __pairs = what,
    __metatable = random() < 0.2 and "locked" or nil,
  })
end

local own -- the coroutine of a task that waits
local dead_co = coroutine.create(nothing)
coroutine.resume(dead_co)

local makers = {
  function() return nil end,
  function() return random() < 0.5 end,
  function() return 0 / 0 end,
  function() return math.huge end,
  function() return -math.huge end,
  function() return -1 end,
  function() return random(0, 4) end,
  function() return random(0, 4) + 0.0 end,
  function() return random() end,
  function() return math.maxinteger end,
  function() return math.mininteger end,
  function() return 2 ^ 53 end,
  function() return 1e308 end,
  function() return "" end,
  function() return "text" end,
  function() return "1" end,
  function() return ("\0x"):rep(3) end,
  function() return {} end,
  function() return { 1, 2, 3 } end,
  function() return { n = random(0, 2) } end,
  function() return { n = -1 } end,
  function() return { n = 0 / 0 } end,
  function() return { nil, 2, n = 3 } end,
  function() return { nonsense = 1 } end,
  function() return { lwt.fulfilled(1), lwt.rejected "no", (lwt.task()) } end,
  function() return cursed(fails) end,
  function() return cursed(nothing) end,
  function() return cursed(wakes) end,
  function() return setmetatable({ 1, 2 }, { __index = fails, __len = fails }) end,
  function() return nothing end,
  function() return fails end,
  function() return fails_with(nil) end,
  function() return fails_with(cursed(fails)) end,
  function() return waits end,
  function() return function() return lwt.task() end end,
  function() return function(...) return ... end end,
  function() return print == nil or tostring end,
  function() return coroutine.running() end,
  function() return own end,
  function() return dead_co end,
  function() return coroutine.create(waits) end,
  function() return io.tmpfile() end,
  function() return lwt.fulfilled() end,
  function() return lwt.rejected(cursed(fails)) end,
  function() return (lwt.wait()) end,
  function() return (lwt.task()) end,
  function() return select(2, lwt.wait()) end,
  function() return lwt.current() end,
  function() return lwt.Canceled end,
  function() return objects[random(#objects)] end,
  function() return objects[random(#objects)] end,
  function() return lwt.direct(objects[random(#objects)]) end,
}

---- Objects of every kind, live and dead -------------------------------------------------

local kinds = require "spec.support.hostile_kinds"(object, add)

---- Calling ---------------------------------------------------------------------------

-- Errors of Lua's own about something inside lwt: it looked at what it had not checked.
local inside = {
  "attempt to index a %w+ value %(local ", "attempt to index a %w+ value %(upvalue ",
  "attempt to call a %w+ value %(local ", "attempt to call a %w+ value %(upvalue ",
  "attempt to perform arithmetic on a", "attempt to compare", "attempt to concatenate",
  "assertion failed", "attempt to get length of a",
}

-- A call of a section that is switched off looks at one field, and no more.
local function is_the_price(name, err)
  return name:find "^section:" and (err:find "attempt to index a %w+ value %(local 's'%)"
    or err:find "attempt to compare")
end

local findings = 0
local function finding(name, what)
  findings = findings + 1
  out:write(("%s: %s\n"):format(name, what))
end

-- (Who calls a metamethod by hand gets what he gets, as long as it is an error.)
local function judge(target, err)
  if type(err) ~= "string" or target.name:find " __" then return end
  if err:find "^[^:]*lua/lwt/[%w_/]+%.lua:%d+:" then
    for _, pattern in ipairs(inside) do
      if err:find(pattern) and not is_the_price(target.name, err) then return finding(target.name, err) end
    end
  end
end

-- Does the loop still work?
local function works()
  local p, r = lwt.wait()
  local t = lwt.spawn(function() return lwt.await(p) + 1 end)
  r:wakeup(1)
  for _ = 1, 4 do lwt.yield() end
  return t:state() == "fulfilled"
end

-- What never gives nil, as the reference says.
local returns = os.getenv "HOSTILE_RETURNS"
returns = returns and require "spec.support.hostile_returns".read(returns) or {}
local function is_promised(target)
  local class = target.self ~= nil and (debug.getmetatable(target.self) or {}).__name
  local name = target.name:match ":(.*)$"
  return returns[class and name and class .. ":" .. name or target.name]
end

local function one(target)
  local args, n = {}, random(0, 4)
  local first = 0
  if target.self ~= nil and random() < 0.9 then
    args[1] = target.self
    first = 1
  end
  for i = first + 1, first + n do args[i] = makers[random(#makers)]() end
  -- A descriptor that is given away is closed, and the small ones are the loop's.
  if target.name:find "of_fd$" and math.tointeger(args[1]) then args[1] = -1 - args[1] end
  if trace then
    local words = {}
    for i = 1, first + n do
      words[i] = type(args[i]) == "number" and tostring(args[i])
        or ("%s %p"):format(type(args[i]), args[i])
    end
    trace:write(target.name, "(", table.concat(words, ", "), ")\n")
    trace:flush()
  end
  local results = table.pack(pcall(target.f, table.unpack(args, 1, first + n)))
  if not results[1] then return judge(target, results[2]) end
  local promised = is_promised(target)
  if promised and results[2] == nil then finding(target.name, "gives nil") end
  if promised == "promise" and lwt.is_promise(results[2]) then
    lwt.on_success(results[2], function(v)
      if v == nil then finding(target.name, "gives a promise of nil") end
    end)
  end
  for i = 2, results.n do
    local x = results[i]
    local t = type(x)
    if lwt.is_promise(x) then
      lwt.on_any(x, nothing, function(err) judge(target, err) end)
      if random() < 0.3 then pcall(x.cancel, x) end
    elseif (t == "userdata" or t == "table") and debug.getmetatable(x) and #objects < 400
      and rawget(debug.getmetatable(x), "__name") ~= "cursed" then
      objects[random(#objects + 1)] = x
    end
  end
end

-- What is public, as the reference knows it, and would never be called.
local function tell_forgotten()
  package.path = "./?.lua;" .. package.path
  local public, reached, has_glib = require "scripts.docs.public", {}, pcall(require, "lwt.glib")
  for _, target in ipairs(targets) do reached[target.f] = true end
  local found, known = public.find(require "scripts.docs.read".read().modules), {}
  local function check(name, f)
    known[name] = true
    if not reached[f] and not left_out[name] then finding(name, "is never called") end
  end
  for _, name in ipairs(sorted(found.functions)) do
    local here = not name:find "^lwt%.test%." and (has_glib or not name:find "^lwt%.glib%.")
    if here then check(name, found.functions[name]) end
  end
  for _, m in ipairs(found.methods) do
    if not public.HIDDEN[m.class] then check(m.class:gsub("^lwt%.", "") .. ":" .. m.name, m.f) end
  end
  for _, name in ipairs(sorted(left_out)) do
    local elsewhere = name:find "^terminal:" or name:find "^lwt%.glib%."
    if not known[name] and not elsewhere then finding(name, "is left out, and is not there") end
  end
end

local function main()
  local function waiter()
    own = coroutine.running()
    pcall(lwt.await, (lwt.task()))
  end
  lwt.spawn(waiter)
  objects[1] = lwt.fulfilled(1)
  for _, name in ipairs(names) do
    if kinds[name] then kinds[name]() end
  end
  if calls == 0 then tell_forgotten() end
  for i = 1, calls do
    lwt.spawn(one, targets[random(#targets)]) -- it may wait
    local co = random(120)
    if co == 1 then
      pcall(coroutine.resume, own, 1)
    elseif co == 2 then
      pcall(coroutine.close, own)
    elseif co <= 4 then
      lwt.spawn(waiter)
    end
    if i % 50 == 0 then
      lwt.yield()
      collectgarbage "step"
    end
  end
end

require "lwt.engine"
lwt.spawn(function()
  local ok, err = pcall(main)
  if not ok then finding("the run", tostring(err)) end
  if not works() then finding("the run", "tasks do not work any more") end
  out:write(("%d calls of %d functions, %d findings\n"):format(calls, #targets, findings))
  out:close()
  os.exit(findings == 0, false)
end)
for _ = 1, 1000000 do lwt.step() end

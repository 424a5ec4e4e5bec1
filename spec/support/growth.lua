-- What spec/growth/ measures: that an operation used ten thousand times leaves the heap where it was, and
-- costs with ten thousand live things around it what it costs with a hundred.
--
-- An operation is declared by a family, a file of spec/support/growth/ that returns function(g):
--
--   g.operation(name, prepare, act, options)
--
-- `prepare(n)` makes n live things and returns what the operation needs (waiters of the same promise,
-- timers, tasks …); `act(x)` is one use that leaves everything as it was. It runs on virtual time,
-- outside of tasks; `g.system` is the same for what waits for the world: both functions run in tasks.
-- Options: `most`, no more things than so many (open files are few); `slow`, where a round costs a
-- program or a handshake: a twentieth of the rounds in the daily run; `linear`, why its cost is that of all the things
-- (only the heap is looked at then); `after(x)`, which takes away what is not garbage when x is.

local lwt = require "lwt"
local heap = require "spec.support.heap"
require "spec.support.pty" -- (built now: in real time, and in no run)

local M = { operations = {} }

M.FAMILIES = { "promises", "tasks", "sync", "lists", "streams", "events", "signals", "files", "channels", "network",
  "programs", "threads", "log", "text", "term", "read_line", "ssl", "glib", "tools" }

local family

function M.operation(name, prepare, act, options)
  local op = { name = name, prepare = prepare, act = act, family = family }
  for key, value in pairs(options or {}) do op[key] = value end
  M.operations[#M.operations + 1] = op
end

-- The operations of a family.
function M.family(name)
  family, M.operations = name, {}
  require("spec.support.growth." .. name)(M)
  return M.operations
end

-- ---- Words of the families ---------------------------------------------------------------------

function M.id(...) return ... end

function M.module(name) return require("lwt." .. name) end

function M.times(n, f)
  local list = {}
  for i = 1, n do list[i] = f(i) end
  return list
end

function M.turns(n) for _ = 1, n or 3 do lwt.step() end end

-- The same act for each of some names: act(x, name).
function M.each(prefix, names, prepare, act, options)
  for _, name in ipairs(names) do
    M.operation(prefix .. name, prepare, function(x) return act(x, name) end, options)
  end
end

local watch -- what looks at each call or instruction now: { hook, mask, count }

-- Calls f with what looks on, in the coroutine that this is.
local function watched(f, ...)
  if not watch then return f(...) end
  local hook, mask, count = debug.gethook()
  debug.sethook(table.unpack(watch))
  local results = table.pack(pcall(f, ...))
  if hook then debug.sethook(hook, mask, count) else debug.sethook() end
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- The same as a function: for what an operation has run in a task or coroutine that it does not make itself.
function M.within(f)
  return function(...) return watched(f, ...) end
end

-- Runs f as a task, to its end.
function M.task(f, ...)
  local p = lwt.spawn(watched, f, ...)
  for _ = 1, 100 do
    if not p:is_pending() then break end
    lwt.step()
  end
  local state, err = p:state()
  if state ~= "fulfilled" then error(err or "it waits for ever", 0) end
end

function M.system(name, prepare, act, options)
  M.operation(name, function(n)
    local x
    lwt.run(function() x = prepare(n) end)
    return x
  end, function(x) lwt.run(watched, act, x) end, { most = 200, system = true })
  local op = M.operations[#M.operations]
  for key, value in pairs(options or {}) do op[key] = value end
end

-- The same act for each of some names, as `each`.
function M.each_system(prefix, names, prepare, act, options)
  for _, name in ipairs(names) do
    M.system(prefix .. name, prepare, function(x) return act(x, name) end, options)
  end
end

-- Somebody takes what comes out of a channel, to its end.
function M.drain(ch)
  lwt.async(function()
    repeat local bytes = ch:read(65536):await() until not bytes or bytes == ""
  end)
end

-- ---- Measuring -----------------------------------------------------------------------------------

-- Bytes of Lua, and of C with it (nil where malloc does not tell), after all that can go has gone.
local function memory()
  for _ = 1, 3 do
    collectgarbage()
    lwt.step()
  end
  return collectgarbage "count" * 1024, heap.used()
end

-- What was prepared waits no more, so that the next operation is not measured among it.
local function release(op, x)
  local function cancel(v) if lwt.is_promise(v) then v:cancel() end end
  for _, v in pairs(x) do
    cancel(v)
    if type(v) == "table" and not getmetatable(v) then
      for _, each in pairs(v) do cancel(each) end
    end
  end
  if op.after then op.after(x) end
  M.turns(3)
end

-- How many bytes Lua's heap and the whole have grown by in this many rounds.
function M.growth(op, rounds)
  local x = op.prepare(10)
  local often = op.slow and 50 or 500
  local function use(count)
    for i = 1, count do
      op.act(x)
      if i % often == 0 then memory() end
    end
    return memory()
  end
  if op.slow and not os.getenv "LWT_SPEC_FULL" then rounds = rounds // 20 end
  local lua, whole = use(math.min(rounds, 2 * often))
  local open = heap.descriptors()
  local lua_after, whole_after = use(rounds)
  local descriptors = heap.descriptors()
  release(op, x)
  return lua_after - lua, whole and whole_after - whole, rounds, open and descriptors - open or 0
end

-- Instructions of Lua's in one round with n live things, and processor time in seconds; of several runs
-- the least, which is what others on the machine disturb least.
function M.cost(op, n)
  local x = op.prepare(math.min(n, op.most or n))
  local core = require "spec.support.core"
  local rounds = op.slow and 4 or op.system and core.count(12, 30) or core.count(40, 100)
  M.turns(3)
  for _ = 1, rounds // 2 do op.act(x) end
  local instructions, seconds = math.huge, math.huge
  for _ = 1, 4 do
    collectgarbage()
    collectgarbage "stop"
    local began = os.clock()
    for _ = 1, rounds do op.act(x) end
    seconds = math.min(seconds, (os.clock() - began) / rounds)
    collectgarbage "restart"
  end
  local counted = math.max(rounds // 5, 2)
  for _ = 1, 2 do
    local count = 0
    watch = { function() count = count + 1 end, "", 10 }
    collectgarbage "stop"
    for _ = 1, counted do watched(op.act, x) end
    collectgarbage "restart"
    watch = nil
    instructions = math.min(instructions, count * 10 / counted)
  end
  release(op, x)
  return instructions, seconds
end

-- Raises when what was measured is too much. Some bytes a round would be a leak; what is seen to many at
-- a time may be under way, and malloc keeps some for each thread.
function M.check_heap(op, rounds)
  local said
  for _ = 1, 3 do -- (a leak is there each time)
    local lua, whole, done, descriptors = M.growth(op, rounds)
    if descriptors > 20 then
      said = ("%d descriptors more after %d rounds"):format(descriptors, done)
    elseif lua > 96 * 1024 + done then
      said = ("%d bytes more after %d rounds"):format(lua, done)
    elseif whole and whole > 384 * 1024 + 4 * done then
      said = ("%d bytes more after %d rounds, of C's too"):format(whole, done)
    else
      return lua, whole, done
    end
  end
  error(said, 0)
end

function M.check_cost(op, many)
  local few, quick = M.cost(op, 100)
  local more, slow = M.cost(op, many)
  if more > 2 * few + 40 then error(("%d instructions at 100, %d at %d"):format(few, more, many), 0) end
  -- Time only tells what is not constant at all: caches alone make a factor of some.
  for _ = 1, 3 do
    if slow <= 10 * quick + 2e-6 then return few, more, slow / quick end
    local _
    _, quick = M.cost(op, 100)
    _, slow = M.cost(op, many)
  end
  error(("%.1f µs at 100, %.1f µs at %d"):format(quick * 1e6, slow * 1e6, many), 0)
end

-- ---- The specs -------------------------------------------------------------------------------------

-- The table of doc/growth.md: where LWT_GROWTH_ROWS names a folder, each spec writes its row there (see
-- scripts/growth.lua).
local function tell(op)
  local folder = os.getenv "LWT_GROWTH_ROWS"
  if not folder then return end
  local cost = op.linear and ("| %s | | |"):format(op.linear)
    or ("| %.0f | %.0f | × %.1f |"):format(op.few, op.more, op.ratio)
  local file = assert(io.open(("%s/%s"):format(folder, op.family), "a"))
  file:write(("| %s | %d | %.0f | %s %s\n"):format(op.name, op.rounds, op.lua, op.whole or "", cost))
  file:close()
end

-- Declares the specs of a family: in the daily run with fewer rounds, among fewer things; with LWT_SPEC_FULL=1
-- with more, and for the table with ten thousand. (Under a sanitizer or valgrind time and instructions say
-- nothing new.)
function M.declare(it, name)
  local core = require "spec.support.core"
  local under = os.getenv "LWT_UNDER"
  local rounds, many = core.count(50, 500), core.count(600, 4000)
  if os.getenv "LWT_GROWTH_ROWS" then rounds, many = 10000, 10000 end
  local operations = M.family(name)
  if #operations == 0 then
    it(name .. " is there", function()
      require "spec.support.skip".here("the rock lwt-" .. name .. " was not built")
    end)
  end
  for _, op in ipairs(operations) do
    it(op.name .. " leaves the heap where it was", core.stepping(function()
      op.lua, op.whole, op.rounds = M.check_heap(op, rounds)
      if op.linear then tell(op) end
    end))
    if not op.linear and not under then
      it(op.name .. " costs the same among many live things", core.stepping(function()
        op.few, op.more, op.ratio = M.check_cost(op, many)
        if op.rounds then tell(op) end
      end))
    end
  end
end

-- ---- What is public, and what uses it --------------------------------------------------------------

-- The public functions (see scripts/docs/public.lua): f -> its names, in order.
function M.public()
  local public = require "scripts.docs.public"
  local found = public.find(require "scripts.docs.read".read().modules)
  local names = {}
  local function add(name, f)
    names[f] = names[f] or {}
    table.insert(names[f], name)
  end
  for name, f in pairs(found.functions) do add(name, f) end
  for _, m in ipairs(found.methods) do
    if not public.HIDDEN[m.class] then add(m.class .. ":" .. m.name, m.f) end
  end
  for _, list in pairs(names) do table.sort(list) end
  return names
end

-- Was what has just been called called by a family's file, with nothing but C between?
local function called_here()
  local level = 4
  local info = debug.getinfo(level, "S")
  while info and info.what == "C" do
    level = level + 1
    info = debug.getinfo(level, "S")
  end
  return info and info.source:find("spec/support/growth", 1, true)
end

-- Which of the functions the operation calls itself: used[f] = the operation. (In a coroutine that it does not
-- make itself only what stands in `within` is seen.)
function M.uses(op, functions, used)
  local x = op.prepare(3)
  watch = { function()
    local f = debug.getinfo(2, "f").func
    if functions[f] and not used[f] and called_here() then used[f] = op end
  end, "c" }
  watched(op.act, x)
  watch = nil
  release(op, x)
end

-- The names of those functions that no operation uses, and that have no reason either; and the reasons that are
-- none: for what is not public, or used all the same.
function M.left(functions, used, reasons)
  local left, idle = {}, {}
  for name in pairs(reasons) do idle[name] = true end
  for f, names in pairs(functions) do
    local has_reason = false
    for _, name in ipairs(names) do
      if reasons[name] then
        has_reason = true
        if not used[f] then idle[name] = nil end
      end
    end
    if not used[f] and not has_reason then left[#left + 1] = table.concat(names, " = ") end
  end
  table.sort(left)
  local wrong = {}
  for name in pairs(idle) do wrong[#wrong + 1] = name end
  table.sort(wrong)
  return left, wrong
end

return M

-- Makes the random programs of program.lua, which says what one is; and which operations take lists
-- of promises, and which wake.
local M = {}

-- ---- Random numbers (splitmix64) ----------------------------------------------------

local Random = {}
Random.__index = Random

local function random(seed) return setmetatable({ state = seed }, Random) end

function Random:next()
  self.state = self.state + 0x9E3779B97F4A7C15
  local z = self.state
  z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
  z = (z ~ (z >> 27)) * 0x94D049BB133111EB
  return (z ~ (z >> 31)) >> 1
end

function Random:below(n) return self:next() % n end

function Random:one_in(n) return self:below(n) == 0 end

function Random:choose(list) return list[1 + self:below(#list)] end

-- From { weight, value, weight, value, … }.
function Random:weighted(list)
  local total = 0
  for i = 1, #list, 2 do total = total + list[i] end
  local left = self:below(total)
  for i = 1, #list, 2 do
    left = left - list[i]
    if left < 0 then return list[i + 1] end
  end
end

-- ---- Generating ------------------------------------------------------------------------

local OPERATIONS = {
  2, "fulfilled", 2, "rejected", 5, "wait", 9, "task",
  9, "bind", 4, "map", 4, "catch", 5, "finalize", 4, "try_bind",
  2, "on_success", 2, "on_failure", 2, "on_termination", 1, "on_any", 4, "on_cancel",
  3, "join", 2, "all", 2, "both", 3, "choose", 5, "pick", 2, "nchoose", 3, "npick",
  2, "nchoose_split", 1, "settled", 2, "any",
  3, "protected", 2, "no_cancel", 3, "wrap_in_cancelable",
  6, "wakeup", 3, "wakeup_exn", 5, "wakeup_later", 3, "wakeup_later_exn", 8, "cancel",
  2, "state", 2, "with_value", 1, "set", 3, "get",
  1, "async", 1, "dont_wait", 1, "ignore_result", 1, "wrap", 1, "spawn",
  1, "catch_call", 1, "finalize_call", 1, "try_bind_call", 1, "chain", 1, "nest",
  5, "task_of", 4, "await", 2, "try_await", 1, "yield", 1, "pause", 2, "step",
}

-- Programs in direct style: tasks, scopes, shields, coroutines, time.
local DIRECT = {
  1, "fulfilled", 1, "rejected", 2, "wait", 4, "task",
  2, "bind", 1, "map", 1, "catch", 1, "finalize", 1, "on_termination", 1, "on_cancel",
  1, "all", 1, "both", 1, "choose", 3, "pick", 1, "any",
  1, "protected", 2, "no_cancel", 1, "wrap_in_cancelable",
  2, "wakeup", 1, "wakeup_exn", 1, "wakeup_later", 7, "cancel",
  2, "state", 3, "with_value", 2, "set", 4, "get", 1, "async", 1, "spawn", 1, "finalize_call",
  5, "task_of", 4, "await", 3, "try_await", 2, "yield", 1, "pause", 1, "step",
  8, "scope", 12, "child", 4, "scope_cancel", 4, "shield", 5, "generator",
  2, "sleep", 1, "timeout", 2, "with_timeout", 4, "with_timeout_call", 3, "nap", 3, "try_nap",
  4, "advance",
}

-- How many functions an operation takes, and what may come of them.
local BODIES = {
  bind = 1, map = 1, catch = 1, finalize = 1, try_bind = 2, on_success = 1, on_failure = 1,
  on_termination = 1, on_any = 2, on_cancel = 1, async = 1, dont_wait = 2, wrap = 1, spawn = 1,
  catch_call = 2, finalize_call = 2, try_bind_call = 3, with_value = 1, task_of = 1,
  scope = 1, child = 1, shield = 1, generator = 1, with_timeout_call = 1,
}
local MAKES = {}
for _, name in ipairs {
  "fulfilled", "rejected", "wait", "task", "bind", "map", "catch", "finalize", "try_bind",
  "join", "all", "both", "choose", "pick", "nchoose", "npick", "nchoose_split", "settled", "any",
  "protected", "no_cancel", "wrap_in_cancelable", "wrap", "spawn", "catch_call",
  "finalize_call", "try_bind_call", "task_of", "pause", "scope", "child", "sleep", "timeout",
  "with_timeout", "with_timeout_call",
} do MAKES[name] = true end
M.lists = {
  join = true, all = true, choose = true, pick = true, nchoose = true, npick = true,
  nchoose_split = true, settled = true, any = true,
}
local WITHOUT_REFS = {
  wait = true, task = true, wrap = true, spawn = true, async = true, dont_wait = true,
  task_of = true, yield = true, pause = true, step = true, scope = true, child = true,
  scope_cancel = true, shield = true, generator = true, give = true, sleep = true, timeout = true,
  nap = true, try_nap = true, advance = true,
}
local SECONDS = {
  sleep = true, timeout = true, with_timeout = true, with_timeout_call = true, nap = true,
  try_nap = true, advance = true,
}
-- Those of which the functions are tasks.
local RUNS_TASK = { task_of = true, scope = true, child = true, shield = true,
  with_timeout_call = true }
M.wakes = { wakeup = true, wakeup_exn = true, wakeup_later = true, wakeup_later_exn = true }

local MAX_STATEMENTS = 45

function M.generate(seed)
  local rng = random(seed)
  local ids, resolvers, statements_left = 0, {}, 4 + rng:below(MAX_STATEMENTS)
  local direct = rng:one_in(2)
  local operations, max_depth = direct and DIRECT or OPERATIONS, direct and 4 or 3
  local scopes = {}
  local giving = false -- is it a generator's own function that is being made?
  local generate

  local certain = {} -- promises that are made whatever happens

  -- A promise: mostly one of the last that are certain, sometimes one that is made in a
  -- function that may never run, or later.
  local function ref()
    if rng:one_in(6) or not certain[1] then return 1 + rng:below(ids + 4) end
    if direct and rng:one_in(4) then return math.max(1, ids - rng:below(5)) end
    local back = rng:below(rng:one_in(3) and #certain or math.min(6, #certain))
    return certain[#certain - back]
  end

  local function value()
    return rng:weighted {
      6, { "number", rng:below(10) }, 2, { "nil" }, 1, { "false" }, 1, { "promise", ref() },
      2, { "argument" },
    }
  end

  local function values()
    local list = {}
    for i = 1, rng:weighted { 3, 0, 5, 1, 1, 2, 1, 3 } do list[i] = value() end
    return list
  end

  local function failure()
    return rng:weighted {
      6, { "error", rng:below(10) }, 1, { "nil" }, 1, { "false" }, 2, { "canceled" },
    }
  end

  local function result()
    return rng:weighted {
      4, { "return", {} }, 4, { "return", values() }, 5, { "return", { { "promise", ref() } } },
      2, { "raise", failure() },
    }
  end

  local labels = 0
  local function await()
    local op = rng:weighted(direct
      and { 3, "await", 2, "try_await", 2, "yield", 3, "nap", 2, "try_nap" }
      or { 3, "await", 2, "try_await", 1, "yield" })
    return { op = op, refs = { ref() }, bodies = {}, seconds = rng:below(9) / 4 }
  end

  -- A function; one that is to be a task begins with an await, as a rule.
  local function body(depth, awaits, gives)
    labels = labels + 1
    local label = "f" .. labels
    local count = depth >= max_depth and 0 or rng:weighted { 4, 0, 3, 1, 2, 2, 1, 3 }
    local was_giving = giving
    giving = gives
    local statements = generate(count, depth + 1)
    giving = was_giving
    while awaits and not rng:one_in(3) do
      table.insert(statements, 1 + rng:below(#statements + 1), await())
    end
    while gives and not rng:one_in(3) do
      table.insert(statements, 1 + rng:below(#statements + 1),
        { op = "give", refs = {}, bodies = {}, values = values() })
    end
    return { label = label, statements = statements, result = result() }
  end

  local function is_certain(s, depth)
    if depth > 1 then return false end
    for _, n in ipairs(s.refs) do
      local found = false
      for _, id in ipairs(certain) do found = found or id == n end
      if not found then return false end
    end
    return true
  end

  local at_top = { await = "try_await", yield = "step", nap = "advance", try_nap = "advance" }
  local within = { step = "yield", advance = "nap" }

  local function statement(depth)
    local op = ids < 3 and rng:choose { "wait", "task", "task" } or rng:weighted(operations)
    if (op == "child" or op == "scope_cancel") and not scopes[1] then op = "scope" end
    op = (depth > 1 and within or at_top)[op] or op
    local s = { op = op, refs = {}, bodies = {} }
    if M.wakes[op] then
      s.refs[1] = rng:one_in(3) and rng:choose(resolvers)
        or resolvers[math.max(1, #resolvers - rng:below(4))]
      s.values = op:find "exn" and { failure() } or values()
    elseif M.lists[op] then
      for i = 1, rng:weighted { 2, 1, 6, 2, 4, 3, 1, 4 } do s.refs[i] = ref() end
    elseif op == "both" then
      s.refs = { ref(), ref() }
    elseif op == "fulfilled" then
      s.values = values()
    elseif op == "rejected" then
      s.values = { failure() }
    elseif op == "get" or op == "set" or op == "with_value" then
      s.key = 1 + rng:below(2)
      s.value = rng:one_in(4) and { "nil" } or { "number", rng:below(10) }
    elseif op == "chain" or op == "nest" then
      s.count = rng:weighted { 3, 2 + rng:below(4), 2, 14 + rng:below(8), 1, 30 + rng:below(10) }
      s.how = rng:choose(op == "chain" and { "wakeup", "wakeup_later", "cancel" }
        or { "bind", "on_success", "finalize" })
    elseif op == "generator" then
      s.count = 1 + rng:below(4)
    elseif not (WITHOUT_REFS[op] or op:find "_call$") then
      s.refs[1] = ref()
    end
    if SECONDS[op] then s.seconds = rng:below(9) / 4 end
    if op == "child" or op == "scope_cancel" then
      s.scope = scopes[math.max(1, #scopes - rng:below(2))]
    elseif op == "scope" then
      s.scope = #scopes + 1
      scopes[s.scope] = s.scope
    end
    for i = 1, BODIES[op] or 0 do
      local is_task = RUNS_TASK[op] or op == "generator" and rng:one_in(2)
        or i == 1 and op:find "_call$"
      s.bodies[i] = body(depth, is_task,
        op == "generator" or op == "with_value" and giving)
    end
    if MAKES[op] then
      ids = ids + 1
      s.id = ids
      if op == "wait" or op == "task" then resolvers[#resolvers + 1] = ids end
      if op ~= "child" and is_certain(s, depth) then certain[#certain + 1] = ids end
    end
    return s
  end

  function generate(count, depth)
    local list = {}
    while #list < count and statements_left > 0 do
      statements_left = statements_left - 1
      list[#list + 1] = statement(depth)
    end
    return list
  end

  local program = generate(statements_left, 1)
  -- At the end most of what is still pending is resolved somehow.
  for _, id in ipairs(resolvers) do
    if not rng:one_in(3) then
      local op = rng:weighted { 4, "wakeup", 2, "wakeup_exn", 1, "wakeup_later", 3, "cancel" }
      program[#program + 1] = {
        op = op, refs = { id }, bodies = {},
        values = op == "cancel" and {} or op:find "exn" and { failure() } or values(),
      }
      if rng:one_in(4) then program[#program + 1] = { op = "step", refs = {}, bodies = {} } end
    end
  end
  program.seed = seed
  return program
end

return M

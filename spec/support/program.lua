-- Random programs over the promise operations, for comparing two implementations.
--
--   local program = require "spec.support.program"
--   local p = program.generate(seed)          the same for the same seed, everywhere
--   local log = program.run(p, lwt)           what it did: a list of lines
--   local difference = program.compare(p, model.new, lwt)
--   p = program.shrink(p, function(q) return still_fails(q) end)
--   print(program.script(p))                  a Lua script that prints the same log
--
-- A program is a list of statements. A statement is a table: `op` is the name of what it
-- calls, `id` numbers the promise that it makes, `refs` are the numbers of the promises
-- that it uses (it is skipped while one of them has not been made), `values` what it
-- passes, `bodies` the functions. A body is { label, statements, result }. Every body
-- runs at most once, so every statement does, and a program always ends.
-- Programs are run by turning them into Lua text, so that what is printed is what ran.
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
local LISTS = {
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
local WAKES = { wakeup = true, wakeup_exn = true, wakeup_later = true, wakeup_later_exn = true }

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
    if WAKES[op] then
      s.refs[1] = rng:one_in(3) and rng:choose(resolvers)
        or resolvers[math.max(1, #resolvers - rng:below(4))]
      s.values = op:find "exn" and { failure() } or values()
    elseif LISTS[op] then
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

-- ---- As Lua text ----------------------------------------------------------------------------

local function expression(v)
  local kind = v[1]
  if kind == "number" then return tostring(v[2]) end
  if kind == "error" then return ("%q"):format("e" .. v[2]) end
  if kind == "promise" then return ("p[%d]"):format(v[2]) end
  if kind == "canceled" then return "lwt.Canceled" end
  if kind == "argument" then return "(...)" end
  return kind -- nil, false
end

local function expressions(list)
  local parts = {}
  for i, v in ipairs(list) do parts[i] = expression(v) end
  return table.concat(parts, ", ")
end

local write_statements

local function write_body(out, indent, body)
  local inner = indent .. "  "
  out[#out + 1] = "function(...)\n"
  out[#out + 1] = ("%slog(%q, ...)\n"):format(inner, body.label)
  write_statements(out, inner, body.statements)
  local kind, what = table.unpack(body.result)
  if kind == "raise" then
    out[#out + 1] = ("%serror(%s, 0)\n"):format(inner, expression(what))
  elseif #what > 0 then
    out[#out + 1] = ("%sreturn %s\n"):format(inner, expressions(what))
  end
  out[#out + 1] = indent .. "end"
end

-- The functions of a call, after `before` when there is something before them.
local function write_bodies(out, indent, bodies, before)
  for i, body in ipairs(bodies) do
    if i > 1 or before then out[#out + 1] = ", " end
    write_body(out, indent, body)
  end
end

local function write_statement(out, indent, s)
  local function put(format, ...) out[#out + 1] = format:format(...) end
  local op = s.op
  local base = op == "task_of" and "spawn" or op:match "^(.*)_call$" or op
  out[#out + 1] = indent
  if WAKES[op] then
    put("if r[%d] then try(lwt.%s, r[%d]%s) end\n", s.refs[1], op, s.refs[1],
      #s.values > 0 and ", " .. expressions(s.values) or "")
  elseif op == "wait" or op == "task" then
    put("pair(%d, lwt.%s())\n", s.id, op)
  elseif op == "fulfilled" or op == "rejected" then
    put("new(%d, lwt.%s(%s))\n", s.id, op, expressions(s.values))
  elseif op == "get" then
    put("log(\"get %d\", lwt.get(key[%d]))\n", s.key, s.key)
  elseif op == "set" then
    put("lwt.set(key[%d], %s)\n", s.key, expression(s.value))
  elseif op == "with_value" then
    put("try(lwt.with_value, key[%d], %s, ", s.key, expression(s.value))
    write_body(out, indent, s.bodies[1])
    put(")\n")
  elseif op == "chain" or op == "nest" then
    put("%s(%d, %q)\n", op, s.count, s.how)
  elseif op == "step" then
    put("lwt.step()\n")
  elseif op == "advance" then
    put("advance(%.2f)\n", s.seconds)
  elseif op == "nap" then
    put("log(\"slept\", lwt.await(lwt.sleep(%.2f)), time())\n", s.seconds)
  elseif op == "try_nap" then
    put("try(lwt.await, lwt.sleep(%.2f)) log(\"at\", time())\n", s.seconds)
  elseif op == "sleep" or op == "timeout" then
    put("new(%d, lwt.%s(%.2f))\n", s.id, op, s.seconds)
  elseif op == "with_timeout" then
    put("if p[%d] then new(%d, lwt.with_timeout(%.2f, p[%d])) end\n", s.refs[1], s.id,
      s.seconds, s.refs[1])
  elseif op == "with_timeout_call" then
    put("new(%d, lwt.with_timeout(%.2f, ", s.id, s.seconds)
    write_body(out, indent, s.bodies[1])
    put("))\n")
  elseif op == "scope" then
    put("new(%d, scope(%d, ", s.id, s.scope)
    write_body(out, indent, s.bodies[1])
    put("))\n")
  elseif op == "child" then
    put("if scopes[%d] then child(%d, scopes[%d], ", s.scope, s.id, s.scope)
    write_body(out, indent, s.bodies[1])
    put(") end\n")
  elseif op == "scope_cancel" then
    put("if scopes[%d] then try(scopes[%d].cancel, scopes[%d]) end\n", s.scope, s.scope, s.scope)
  elseif op == "shield" then
    put("try(lwt.shield, ")
    write_body(out, indent, s.bodies[1])
    put(")\n")
  elseif op == "generator" then
    put("generator(%d, ", s.count)
    write_body(out, indent, s.bodies[1])
    put(")\n")
  elseif op == "give" then
    put("log(\"given\", lwt.coroutine.yield(%s))\n", expressions(s.values))
  elseif op == "yield" then
    put("log(\"yielded\", lwt.yield())\n")
  elseif op == "await" then
    put("if p[%d] then log(\"awaited\", lwt.await(p[%d])) end\n", s.refs[1], s.refs[1])
  elseif op == "try_await" then
    put("if p[%d] then try(lwt.await, p[%d]) end\n", s.refs[1], s.refs[1])
  else
    local needed = {}
    for i, n in ipairs(s.refs) do needed[i] = ("p[%d]"):format(n) end
    local arguments = table.concat(needed, ", ")
    if #needed > 0 then put("if %s then ", table.concat(needed, " and ")) end
    if op == "state" then
      put("log(\"state\", lwt.state(%s))", arguments)
    elseif not s.id then
      put("try(lwt.%s", base)
      if #needed > 0 then put(", %s", arguments) end
      write_bodies(out, indent, s.bodies, true)
      put(")")
    else
      put("new(%d, lwt.%s(", s.id, base)
      if LISTS[op] then put("{ %s }", arguments) else put("%s", arguments) end
      write_bodies(out, indent, s.bodies, #needed > 0)
      put("))")
    end
    if #needed > 0 then put(" end") end
    put("\n")
  end
end

function write_statements(out, indent, statements)
  for _, s in ipairs(statements) do write_statement(out, indent, s) end
end

local PRELUDE = [==[
local p, r, key, lines, names, made = {}, {}, { lwt.new_key(), lwt.new_key() }, {}, {}, {}
local scopes, began = {}, lwt.now()

local function show(x)
  if rawequal(x, lwt.Canceled) then return "Canceled" end
  if rawequal(x, lwt.Timeout) then return "Timeout" end
  if lwt.is_promise(x) then return names[x] or "promise" end
  if type(x) == "string" then
    return x:match "promise is already resolved" or x:match "await outside a task"
      or x:match "the scope is over" or x
  end
  if type(x) ~= "table" then return tostring(x) end
  if x.state then return "{" .. x.state .. " " .. show(x.value) .. " " .. show(x.error) .. "}" end
  local parts = {}
  for i = 1, x.n or #x do parts[i] = show(x[i]) end
  return "{" .. table.concat(parts, " ") .. "}"
end

local function log(what, ...)
  local values = table.pack(...)
  for i = 1, values.n do values[i] = show(values[i]) end
  lines[#lines + 1] = what .. "(" .. table.concat(values, ", ") .. ")"
end

local function new(id, promise)
  p[id] = promise
  made[#made + 1] = id
  if names[promise] then log("p" .. id .. " is", promise) end
  names[promise] = names[promise] or "p" .. id
end

local function pair(id, promise, resolver)
  r[id] = resolver
  new(id, promise)
end

local function try(f, ...)
  local results = table.pack(pcall(f, ...))
  if not results[1] then log("raised", results[2])
  elseif results.n > 1 then log("got", table.unpack(results, 2, results.n)) end
end

local function time() return lwt.now() - began end

local function advance(seconds)
  lwt.run(lwt.sleep(seconds))
  log("at", time())
end

local function scope(n, f)
  return lwt.scope(function(s)
    scopes[n] = s
    return f()
  end)
end

local function child(id, s, f)
  local ok, promise = pcall(s.spawn, s, f)
  if ok then new(id, promise) else log("raised", promise) end
end

local function generator(count, f)
  local resume = lwt.coroutine.wrap(f)
  for i = 1, count do
    try(resume, i)
    log("of the caller", lwt.get(key[1]), lwt.get(key[2]))
  end
end

-- Promises of which the callback of each wakes (or cancels) the next.
local function chain(count, how)
  local promises, resolvers = {}, {}
  for i = 1, count do promises[i], resolvers[i] = lwt.task() end
  for i = 1, count do
    lwt.on_termination(promises[i], function()
      log("chain", i)
      if i == count then return end
      if how == "cancel" then lwt.cancel(promises[i + 1]) else lwt[how](resolvers[i + 1]) end
      log("chain end", i)
    end)
  end
  lwt.wakeup(resolvers[1])
end

-- Callbacks on resolved promises, one inside another.
local function nest(count, how)
  local function down()
    count = count - 1
    log("nest", count, lwt.get(key[1]))
    if count == 0 then return "bottom" end
    local promise = lwt[how](lwt.fulfilled(count), down)
    log("nest end", promise and lwt.state(promise))
    return promise
  end
  local promise = lwt[how](lwt.fulfilled(0), down)
  log("nest result", promise and lwt.state(promise))
end

lwt.async_exception_hook(function(err) log("hook", err) end)
]==]

local EPILOGUE = [==[
for _ = 1, 20 do lwt.step() end
lwt.run(lwt.sleep(1000))
table.sort(made)
for _, id in ipairs(made) do log("p" .. id, lwt.state(p[id])) end
return lines
]==]

local function text(program)
  local out = { "lwt.with_value(key[1], nil, function(...)\n" }
  write_statements(out, "  ", program)
  out[#out + 1] = "end)\n"
  return table.concat(out)
end

-- A script of its own, which prints the log.
function M.script(program)
  return ("-- Program %s.\nlocal lwt = require \"lwt\"\nrequire(\"lwt.engine\").set(\"virtual\")\n%s\n%s\n%s"):format(
    program.seed, PRELUDE, text(program),
    EPILOGUE:gsub("return lines", "for _, line in ipairs(lines) do print(line) end"))
end

-- ---- Running and comparing ----------------------------------------------------------------

-- The statements alone.
M.text = text

-- Runs a program on an implementation: the list of lines that it logs.
function M.run(program, lwt)
  local source = "local lwt = ...\n" .. PRELUDE .. text(program) .. EPILOGUE
  local chunk = assert(load(source, "=program", "t"))
  local warn_before = warn
  rawset(_G, "warn", function() end) -- many a rejection is not looked at
  local ok, lines = pcall(chunk, lwt)
  if not ok then pcall(lwt.run, lwt.sleep(1000)) end -- nothing of it may go on later
  rawset(_G, "warn", warn_before)
  if ok then return lines end
  return { "failed: " .. (tostring(lines):match "await outside a task" or tostring(lines)) }
end

-- nil, or the first difference: { line, expected, got }.
function M.compare(program, expected, got)
  local a, b = M.run(program, expected()), M.run(program, got())
  for i = 1, math.max(#a, #b) do
    if a[i] ~= b[i] then return { line = i, expected = a[i] or "(end)", got = b[i] or "(end)" } end
  end
end

-- ---- Shrinking ---------------------------------------------------------------------------------

local function deep_copy(t)
  if type(t) ~= "table" then return t end
  local copy = {}
  for k, v in pairs(t) do copy[k] = deep_copy(v) end
  return copy
end

-- Calls visit(list, i) for each statement, bodies included, the last first; visit may
-- remove it.
local function each_statement(list, visit)
  for i = #list, 1, -1 do
    for _, body in ipairs(list[i].bodies) do each_statement(body.statements, visit) end
    visit(list, i)
  end
end

-- The same program with its n-th change made, or nil when there are fewer. The changes:
-- a statement left out; a body's result left out; values, a list's promises or a count
-- made fewer; a body's statements put in the place of what makes the body.
local function changed(program, n)
  local copy, at, done = deep_copy(program), 0, false
  local function change(f)
    if done then return end
    at = at + 1
    if at == n then
      f()
      done = true
    end
  end
  each_statement(copy, function(list, i)
    local s = list[i]
    if done or not s then return end
    change(function() table.remove(list, i) end)
    for _, body in ipairs(s.bodies) do
      if body.result[1] ~= "return" or #body.result[2] > 0 then
        change(function() body.result = { "return", {} } end)
      end
      if body.result[1] == "return" and #body.result[2] > 1 then
        change(function() table.remove(body.result[2]) end)
      end
      if #body.statements > 0 and s.op ~= "generator" then -- what it yields must stay in it
        change(function()
          for k, inner in ipairs(body.statements) do table.insert(list, i + k, inner) end
          body.statements = {}
        end)
      end
    end
    if s.values and #s.values > 0 and not (s.op:find "exn" or s.op == "rejected") then
      change(function() table.remove(s.values) end)
    end
    if LISTS[s.op] and #s.refs > 1 then
      for k = 1, #s.refs do change(function() table.remove(s.refs, k) end) end
    end
    if s.count and s.count > 1 then
      change(function() s.count = s.count // 2 end)
      change(function() s.count = s.count - 1 end)
    end
  end)
  return done and copy or nil
end

-- The smallest program found for which fails(program) still holds.
function M.shrink(program, fails)
  local n = 1
  while true do
    local candidate = changed(program, n)
    if not candidate then return program end
    if fails(candidate) then
      program = candidate
      n = math.max(1, n - 3)
    else
      n = n + 1
      if not changed(program, n) and n > 1 then
        -- One more pass from the start, if the last one got anywhere.
        if program.passed == #text(program) then
          program.passed = nil
          return program
        end
        program.passed = #text(program)
        n = 1
      end
    end
  end
end

return M

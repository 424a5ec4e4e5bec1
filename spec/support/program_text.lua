-- The programs of program.lua as Lua text.
local generate = require "spec.support.program_generate"

local M = {}

local lists, wakes = generate.lists, generate.wakes

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
  if wakes[op] then
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
      if lists[op] then put("{ %s }", arguments) else put("%s", arguments) end
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

-- The statements alone.
function M.text(program)
  local out = { "lwt.with_value(key[1], nil, function(...)\n" }
  write_statements(out, "  ", program)
  out[#out + 1] = "end)\n"
  return table.concat(out)
end

-- What defines what a program uses, the program, and what returns its log: a chunk of which lwt is
-- the argument.
function M.chunk(program) return "local lwt = ...\n" .. PRELUDE .. M.text(program) .. EPILOGUE end

-- A script of its own, which prints the log.
function M.script(program)
  return ("-- Program %s.\nlocal lwt = require \"lwt\"\nrequire(\"lwt.engine\").set(\"virtual\")\n%s\n%s\n%s"):format(
    program.seed, PRELUDE, M.text(program),
    EPILOGUE:gsub("return lines", "for _, line in ipairs(lines) do print(line) end"))
end

return M

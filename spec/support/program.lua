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
-- Programs are run by turning them into Lua text (program_text.lua), so that what is printed is what
-- ran. program_generate.lua makes them.
local generate = require "spec.support.program_generate"
local text = require "spec.support.program_text"

local M = { generate = generate.generate, text = text.text, script = text.script }

-- ---- Running and comparing ----------------------------------------------------------------

-- Runs a program on an implementation: the list of lines that it logs.
function M.run(program, lwt)
  local chunk = assert(load(text.chunk(program), "=program", "t"))
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
    if generate.lists[s.op] and #s.refs > 1 then
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
        if program.passed == #text.text(program) then
          program.passed = nil
          return program
        end
        program.passed = #text.text(program)
        n = 1
      end
    end
  end
end

return M

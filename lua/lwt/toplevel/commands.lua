-- What begins with a colon: `:help`, `:tasks` … A command is { args =, help =, run = function(session, rest) },
-- and `code = true` where the rest is Lua, which may go on over several lines. `run` gives false when it failed.

local lwt = require "lwt"
local failure = require "lwt.toplevel.failure"
local printer = require "lwt.toplevel.printer"
local source = require "lwt.toplevel.source"

local M = {}

local known, order = {}, {}
M.known = known

local function define(name, command)
  known[name] = command
  order[#order + 1] = name
end

local aliases = { h = "help", q = "quit", exit = "quit", t = "tasks", doc = "help", bye = "quit" }

-- Commands of the user's own, by name: functions of the rest of the line, or tables as above.
M.own = {}

-- The command that a name, or an unambiguous beginning of one, means.
function M.find(name)
  local own = M.own[name]
  if type(own) == "table" then return own end
  if own then return { run = function(_, rest) return own(rest) end } end
  if known[aliases[name] or name] then return known[aliases[name] or name] end
  local found
  for _, other in ipairs(order) do
    if other:sub(1, #name) == name then
      if found then return nil end
      found = known[other]
    end
  end
  return found
end

function M.names()
  local list = {}
  for _, name in ipairs(order) do list[#list + 1] = name end
  for name in pairs(M.own) do list[#list + 1] = name end
  table.sort(list)
  return list
end

function M.run(session, name, rest)
  local command = M.find(name)
  if not command then
    session:complain_of((":%s is no command (:help lists them)"):format(name))
    return false
  end
  return session:run_command(function() return command.run(session, rest) end)
end

-- ---- Tasks --------------------------------------------------------------------------------------

local function age(since)
  local seconds = lwt.now() - since
  if seconds < 120 then return ("%.1f s"):format(seconds) end
  if seconds < 7200 then return ("%d min"):format(seconds // 60) end
  return ("%d h"):format(seconds // 3600)
end

-- A line for each.
function M.list_of_tasks(tasks)
  local lines = {}
  for i, task in ipairs(tasks) do
    local doing = task.state
    if task.waiting_on then doing = "waits for " .. task.waiting_on end
    local name = task.name and printer.plain(task.name) .. ": " or ""
    lines[i] = ("  %d  %s%s at %s, since %s\n"):format(i, name, doing, task.where, age(task.since))
  end
  return table.concat(lines)
end

define("tasks", {
  help = "the tasks in the background: what each waits for, and where",
  run = function(session)
    session.listed = session:tasks()
    if #session.listed == 0 then return session:tell "no tasks" end
    session:tell(session:cut(M.list_of_tasks(session.listed)))
  end,
})

define("cancel", {
  args = "N", help = "cancels task number N of :tasks",
  run = function(session, rest)
    local task = session.listed and session.listed[tonumber(rest)]
    if not task then error("which one? A number that :tasks has shown", 0) end
    task.promise:cancel()
  end,
})

-- What an expression is called in a line: without comments, and not all of a long one.
local function label_of(text)
  local code = source.code(text)
  local label = text:sub(code[1][2], code[#code][3]):gsub("%s+", " ")
  if #label > 30 then label = label:sub(1, utf8.offset(label, 0, 28) - 1) .. "…" end
  return printer.plain(label)
end

-- ---- Promises -----------------------------------------------------------------------------------

define("nowait", {
  args = "expr", code = true,
  help = "does not wait for the promise; a line tells what becomes of it",
  run = function(session, rest)
    local values = session:values_of_text(rest, true)
    local p = values[1]
    if not lwt.is_promise(p) then error(("%s is no promise"):format(rest), 0) end
    session:remember(values)
    local label = label_of(rest)
    session.nowait[p] = true
    p:on_any(function(...)
      session.nowait[p] = nil
      local got = table.pack(...)
      local text = got.n > 0 and ": " .. printer.show_all(got, session:printing()) or ""
      session:tell(session:cut(("%s is fulfilled%s"):format(label, text)))
    end, function(err)
      session.nowait[p] = nil
      if rawequal(err, lwt.Canceled) then return session:tell(label .. " is canceled") end
      session:fail_above(err, p, label .. " is rejected: ")
    end)
  end,
})

-- ---- Looking ------------------------------------------------------------------------------------

define("bt", {
  help = "the whole traceback of the last error",
  run = function(session)
    if not session.error then return session:tell "there was no error" end
    local text
    session:run(function() text = failure.whole(session.error[1], session.error[2]) end)
    if text then session:page(text) end
  end,
})

define("more", {
  help = "the last values in full, a screenful at a time",
  run = function(session)
    if not session.values then return session:tell "there are no values yet" end
    session:page(printer.show_all(session.values, session:printing(printer.all)))
  end,
})

define("type", {
  args = "expr", code = true, help = "the type of a value, and what its metatable calls it",
  run = function(session, rest)
    local values = session:values_of_text(rest, true)
    local parts = {}
    for i = 1, values.n do
      local value = values[i]
      local kind = math.type(value) or type(value)
      local name = printer.name_of(value)
      parts[i] = name and ("%s (%s)"):format(kind, printer.plain(name)) or kind
    end
    session:tell(values.n == 0 and "no value" or table.concat(parts, ", "))
  end,
})

define("time", {
  args = "expr", code = true, help = "runs it, and tells how long that took",
  run = function(session, rest)
    local wall, cpu = lwt.now(), os.clock()
    local values = session:values_of_text(rest)
    wall, cpu = lwt.now() - wall, os.clock() - cpu
    session:remember(values)
    session:show(values)
    session:tell(("%.3f s, %.3f s of them computing"):format(wall, cpu))
  end,
})

-- ---- Files and modules --------------------------------------------------------------------------

-- Variables of the top level that hold `old` hold `new` from now on.
local function replace(session, old, new)
  for _, name in ipairs(session.locals.order) do
    local found, value = session.locals:get(name)
    if found and rawequal(value, old) then session.locals:set(name, new) end
  end
  for key, value in next, session.env do
    if rawequal(value, old) then rawset(session.env, key, new) end
  end
end

define("load", {
  args = "file", help = "runs a file, as if it were typed: what it declares as local stays",
  run = function(session, rest)
    if rest == "" then error("which file?", 0) end
    local file, message = io.open(rest)
    if not file then error(message, 0) end
    local text = file:read "a"
    file:close()
    return session:evaluate_file(text, rest, true)
  end,
})

define("reload", {
  args = "module", help = "requires a module anew; variables that held it hold the new one",
  run = function(session, rest)
    local old = package.loaded[rest]
    if old == nil then error(("module '%s' has not been required"):format(rest), 0) end
    package.loaded[rest] = nil
    local ok, new = pcall(require, rest)
    if not ok then
      package.loaded[rest] = old
      error(new, 0)
    end
    replace(session, old, new)
    session:tell("reloaded " .. rest)
  end,
})

local function editor_command(path)
  local program = os.getenv "VISUAL"
  if not program or program == "" then program = os.getenv "EDITOR" end
  if not program or program == "" then program = "vi" end
  -- It may be words of a shell, such as "code --wait".
  return { "/bin/sh", "-c", program .. ' "$1"', "sh", path }
end

-- Has a text edited with the user's editor: what came of it, or nil.
local function edit_text(session, text)
  if not session.interactive then error("there is nobody to edit it", 0) end
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text, text:find "\n$" and "" or "\n")
  file:close()
  local ok, status = pcall(lwt.await, require "lwt.process".exec(editor_command(path)))
  file = io.open(path)
  text = file and file:read "a"
  if file then file:close() end
  os.remove(path)
  if not ok then error(status, 0) end
  return status.code == 0 and text or nil
end

define("edit", {
  args = "[text]", help = "has the last line, or a text, edited with $EDITOR, and runs it",
  run = function(session, rest)
    local text = edit_text(session, rest ~= "" and rest or session.last_text or "")
    if text and text:find "%S" then
      session:tell((text:gsub("\n+$", "")))
      return session:take(text, 0)
    end
  end,
})

-- For a generic `for`: the lines that were typed.
local function entries(session)
  if session.history then return session.history:entries() end
  local i = 0
  return function()
    i = i + 1
    return session.typed[i]
  end
end

define("history", {
  args = "[text]", help = "the lines that were typed; those that have the text in them",
  run = function(session, rest)
    local lines = {}
    for line in entries(session) do
      if rest == "" or line:find(rest, 1, true) then lines[#lines + 1] = printer.plain(line) end
    end
    session:page(table.concat(lines, "\n"))
  end,
})

define("quit", {
  args = "[expr]", code = true,
  help = "ends the session, with this exit status",
  run = function(session, rest)
    session:quit(rest ~= "" and session:values_of_text(rest) or { n = 0 })
  end,
})

-- ---- Help ---------------------------------------------------------------------------------------

local function overview()
  local lines = {
    "Type Lua. The values of an expression are shown; a promise is awaited (Ctrl-C cancels it).",
    "_ and _1 … _9 are the last values; local variables stay; `;` at the end shows nothing.", "",
  }
  for _, name in ipairs(order) do
    local command = known[name]
    local usage = ":" .. name .. (command.args and " " .. command.args or "")
    lines[#lines + 1] = ("  %-18s %s"):format(usage, command.help)
  end
  for name in pairs(M.own) do lines[#lines + 1] = "  :" .. name end
  lines[#lines + 1] = ""
  lines[#lines + 1] = ":help NAME (or ?NAME) explains a function, a module, a value: ?lwt.spawn"
  return table.concat(lines, "\n")
end

define("help", {
  args = "[name]", help = "this; or what a function, a module, a command is",
  run = function(session, rest)
    if rest == "" then return session:page(overview()) end
    local name = rest:match "^:(%a+)$"
    local command = name and M.find(name)
    if command then return session:page((":%s  %s"):format(name, command.help or "")) end
    session:page(require "lwt.toplevel.help".of_text(session, rest))
  end,
})

return M

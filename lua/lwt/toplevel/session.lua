-- One prompt: reads texts, runs each as a task of its own, shows what it gives.
--
-- The session is a task. It reads (reader.lua) or waits for the evaluation, which is the *foreground*: Ctrl-C is
-- for it then. Everything else is background, and goes on in both. What the session owns: the local variables
-- (chunk.lua), the last values, the last error, the promises left alone by `:nowait`.

local lwt = require "lwt"
local core = require "lwt.core"
local lazy = require "lwt.internal.lazy"
local chunk = lazy "lwt.toplevel.chunk"
local commands = lazy "lwt.toplevel.commands"
local failure = lazy "lwt.toplevel.failure"
local in_task = require "lwt.internal.run_in_task"
local printer = lazy "lwt.toplevel.printer"
local reader = require "lwt.toplevel.reader"
local source = lazy "lwt.toplevel.source"

local await = lwt.await

local M = {}

local Session = {}
M.Session = Session

-- The local variables are made when somebody asks for them.
function Session.__index(s, name)
  if name ~= "locals" then return Session[name] end
  s.locals = chunk.locals()
  return s.locals
end

local LAST = 9 -- _1 … _9
local KEPT = 1000 -- lines for :history, where there is no file
local PATIENCE = 1 -- seconds until a line says that an evaluation has not ended after Ctrl-C
local LONG = 1 -- seconds from which on a line says how long an evaluation took
local FAILED = {} -- raised by what has told its error already

-- opts: env, name (of chunks), write(text), complain(text), columns(), rows(), interactive, colour, args
function M.new(opts)
  local s = setmetatable({
    env = opts.env, name = opts.name or "=stdin", write = opts.write, complain = opts.complain,
    size = opts.size, interactive = opts.interactive, colour = opts.colour,
    prefix = opts.prefix or "", args = opts.args or { n = 0 },
    reader = nil, foreground = nil, over = nil,
    values = nil, set = {}, error = nil, nowait = {}, typed = {},
  }, Session)
  return s
end

-- Variables that the user has given another value are the user's.
local function set_last(s, name, value)
  local env = s.env
  local now = rawget(env, name)
  if now ~= nil and not rawequal(now, s.set[name]) then return end
  rawset(env, name, value)
  s.set[name] = value
end

-- ---- Showing ------------------------------------------------------------------------------------

-- Shows a text on lines of its own, above the line where one is edited.
function Session:tell(text)
  if not text:find "\n$" then text = text .. "\n" end
  if self.reader and self.reader:print(text) then return end
  self.write(text)
end

function Session:style(text, sgr)
  if not self.colour then return text end
  return ("\27[%sm%s\27[m"):format(sgr, text)
end

function Session:printing(limits)
  return { columns = (self.size()), colour = self.colour, limits = limits }
end

local function width_of(line)
  line = line:gsub("\27%[[%d;]*m", "")
  return utf8.len(line) or #line
end

-- So much of a line as fills so many rows, without its styles.
local function cut_line(line, rows, columns)
  line = line:gsub("\27%[[%d;]*m", "")
  local stop = utf8.len(line) and utf8.offset(line, rows * columns + 1) or rows * columns + 1
  return line:sub(1, stop - 1)
end

-- At most a screenful of it.
function Session:cut(text)
  if not self.interactive then return text end
  local columns, height = self.size()
  local room, lines = math.max(height - 3, 3), {}
  for line in (text:gsub("\n$", "") .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  local shown = {}
  for i, line in ipairs(lines) do
    local rows = math.max(1, (width_of(line) + columns - 1) // columns)
    if rows > room then
      if i == 1 then shown[1] = cut_line(line, room, columns) end
      local left = #lines - #shown
      local note = left > 0 and ("… %d more lines (:more shows them)"):format(left)
        or "… (:more shows the rest)"
      shown[#shown + 1] = self:style(note, "2")
      return table.concat(shown, "\n")
    end
    shown[i], room = line, room - rows
  end
  return text
end

function Session:show(values)
  if values.n == 0 then return end
  local opts = self:printing()
  opts.breakable = true
  self.write(self:cut(printer.show_all(values, opts)) .. "\n")
end

-- The text of an error. Its `__tostring` is the user's code, which Ctrl-C can end.
local function text_of_error(s, err, promise)
  local text
  s:run(function() text = failure.text(err, promise, s.one_line, true) end)
  return text or ("an error (%s) whose __tostring does not end"):format(type(err))
end

-- Tells an error, which is `_err` then; `promise`: what was rejected with it.
function Session:fail(err, promise)
  self.error = { err, promise }
  set_last(self, "_err", err)
  local text = self:cut(text_of_error(self, err, promise))
  self.complain(self.prefix .. self:style(text, "31") .. "\n")
end

-- Tells of something that could not be done, which is no error of the user's code.
function Session:complain_of(text)
  self.complain(self.prefix .. self:style(text, "31") .. "\n")
end

-- The same of something in the background.
function Session:fail_above(err, promise, what)
  self.error = { err, promise }
  local text = self.prefix .. (what or "") .. failure.text(err, promise)
  if self.reader and self.reader:print(self:style(text, "31")) then return end
  self.complain(self:style(text, "31") .. "\n")
end

function Session:warn(text)
  local own = text:match "^lwt: (.*)$"
  self:tell(self.prefix .. self:style(printer.plain(own or "warning: " .. text), "33"))
end

-- ---- The last values ----------------------------------------------------------------------------

function Session:remember(values)
  if values.n == 0 then return end
  self.values = values
  set_last(self, "_", values[1])
  for i = 1, LAST do set_last(self, "_" .. i, values[i]) end
end

-- ---- Running ------------------------------------------------------------------------------------

local has_uv, uv = pcall(require, "lwt.uv")
local interrupt = has_uv and uv.interrupt

-- What Ctrl-C interrupts, see src/uv/process/break.c.
local guard = interrupt and interrupt.guard or function(f, ...) return f(...) end
local protect = interrupt and interrupt.protect or xpcall

-- The signal that has raised Interrupted is still to be delivered, and not for the next line.
local function signal_seen(s)
  if not interrupt or not s.owns_signals then return end
  local p, seen = lwt.task()
  s.seen = seen
  pcall(await, lwt.with_timeout(0.5, p))
  s.seen = nil
end

-- The session itself is cancelled: so is the evaluation, whose cleanup runs.
local function end_with(s, task, err)
  s.canceled = true
  task:cancel()
  lwt.shield(function() pcall(await, task) end)
  error(err, 0)
end

-- Runs f in the foreground, as a task: table.pack(pcall(…)) of it, and the task.
function Session:run(f, ...)
  local started, go = lwt.task()
  local task = lwt.spawn(function(...)
    await(started)
    self.coroutine = coroutine.running()
    local _ <close> = in_task.allow(lwt.current())
    return guard(f, ...)
  end, ...)
  self.foreground, self.interrupts = task, 0
  go:wakeup_later()
  local results = table.pack(pcall(await, lwt.protected(task)))
  if not results[1] and task:is_pending() then end_with(self, task, results[2]) end
  self.foreground, self.awaited = nil, nil
  if self.patience then self.patience:cancel() end
  if self.interrupts > 1 and interrupt then interrupt.heard() end
  if not results[1] and rawequal(results[2], lwt.Interrupted) then signal_seen(self) end
  return results, task
end

-- What the message handler does.
local function handler(s, f, list)
  return function(err)
    pcall(chunk.salvage, s.locals, f, list)
    return core.handler(err)
  end
end

local function ignore() end

-- Calls the chunk; an error has its trace, and what was declared before it is kept.
local function call(s, f, list)
  local results = table.pack(protect(f, handler(s, f, list), table.unpack(s.args, 1, s.args.n)))
  if results[1] then return table.pack(table.unpack(results, 2, results.n)) end
  core.guard(ignore) -- the trace is the error's, and no promise's
  core.raise(results[2])
end

-- The values that the text gives, those of a promise awaited. In the foreground's task.
function Session:values_of(f, list)
  local values = call(self, f, list)
  if values.n ~= 1 or not lwt.is_promise(values[1]) then return values end
  self.awaited = values[1]
  local got = table.pack(await(values[1]))
  self.awaited = nil
  return got
end

-- Says how long it took until the returned function is called, if that was long. (What neither waited nor computed
-- has been held up by others.)
function Session:stopwatch()
  local since, cpu, waited = lwt.now(), os.clock(), false
  lwt.pause():on_success(function() waited = true end)
  return function()
    local seconds = lwt.now() - since
    if not self.interactive or seconds < LONG then return end
    if waited or os.clock() - cpu > LONG / 2 then
      self.write(self:style(("%.1f s"):format(seconds), "2") .. "\n")
    end
  end
end

-- Runs a finished text: whether it went well. `silent`: its values are not shown.
function Session:evaluate(text, silent, lines)
  local kind, code = chunk.classify(text, self.name)
  if kind == "incomplete" or kind == "error" then
    self:fail((code:gsub("^stdin:(%d+):", function(n) return ("stdin:%d:"):format(n + lines) end)))
    return false
  end
  self.one_line = lines == 0 and not text:find("\n", 1, true)
  local f, list = chunk.compile(self.locals, code, self.name, self.env, lines)
  if not f then
    self:fail(list)
    return false
  end
  local results, task = self:run(function()
    local stop = self:stopwatch()
    local values = self:values_of(f, list)
    self:remember(values)
    if silent then return end
    self:show(values)
    stop()
  end)
  if results[1] then return true end
  return self:unwound(results[2], task)
end

-- An evaluation has ended with an error.
function Session:unwound(err, task)
  if rawequal(err, lwt.Interrupted) or rawequal(err, lwt.Canceled) and self.interrupts > 0 then
    local p = self.awaited_last
    if p then self:remember(table.pack(p)) end
    self.error = { lwt.Interrupted, task }
    if self.strict then self.ended_by = self.ended_by or "INT" end
    self.complain(self:style("interrupted", "31") .. "\n")
    return false
  end
  self:fail(err, task)
  return false
end

-- The values of a text, for a command; `unawaited`: a promise stays one. An error is shown, and ends the
-- command.
function Session:values_of_text(text, unawaited)
  local kind, code = chunk.classify(text, self.name)
  local f, list
  if kind == "expression" or kind == "statement" then
    f, list = chunk.compile(self.locals, code, self.name, self.env)
  end
  if not f then
    self:fail(list or code)
    error(FAILED, 0)
  end
  local values
  local results, task = self:run(function()
    if unawaited then values = call(self, f, list) else values = self:values_of(f, list) end
  end)
  if results[1] then return values end
  self:unwound(results[2], task)
  error(FAILED, 0)
end

-- Runs a command: whether it went well.
function Session:run_command(f)
  local ok, result = pcall(f)
  if ok then return result ~= false end
  if self.canceled then error(result, 0) end
  if result == FAILED then return false end
  if rawequal(result, reader.Interrupt) then
    self.write "\n"
  else
    self:fail(result)
  end
  return false
end

-- A text from a file: a chunk of its own, told by its name. What it declares as local is kept when `keep`.
function Session:evaluate_file(text, path, keep)
  if text:sub(1, 1) == "#" then text = "--" .. text end
  local name = "@" .. path
  local f, list = load(text, name, "t", self.env)
  if f and keep then f, list = chunk.compile(self.locals, text, name, self.env) end
  if not f then
    self:fail(list)
    return false
  end
  local results, task = self:run(function() call(self, f, keep and list or {}) end)
  if results[1] then return true end
  return self:unwound(results[2], task)
end

-- ---- What is typed ------------------------------------------------------------------------------

-- A line is statements, or a command, or statements, `;` and a command: the statements (or nil), the name of the
-- command and the rest.
function M.split(text)
  local help = text:match "^%s*%?%s*(.-)%s*$"
  if help then return nil, "help", help end
  local name, rest = text:match "^%s*:(%a[%w_]*)%s*(.-)%s*$"
  if name then return nil, name, rest end
  local previous, depth = nil, 0
  for _, token in ipairs(source.code(text)) do
    if depth == 0 and token[4] == ":" and previous and previous[4] == ";" then
      name, rest = text:match("^:(%a[%w_]*)%s*(.-)%s*$", token[2])
      if name then return text:sub(1, previous[3]), name, rest end
    end
    depth = depth + source.step(token)
    previous = token
  end
  return text
end

local function ends_with_semicolon(text)
  local code = source.code(text)
  return code[1] ~= nil and code[#code][4] == ";"
end

local function is_blank(text) return source.code(text)[1] == nil end

-- Whether more lines belong to the text.
function Session:incomplete(text)
  local statements, name, rest = M.split(text)
  if name then
    local command = commands.find(name)
    if not command or not command.code then return false end
    statements = rest
  end
  if statements:sub(1, 2) == "#!" then return false end
  if is_blank(statements) and not statements:find "%[=*%[" then return false end
  return (chunk.classify(statements, self.name)) == "incomplete"
end

-- Runs what was typed: whether all of it went well.
function Session:take(text, lines)
  local statements, name, rest = M.split(text)
  if statements and not is_blank(statements) then
    local silent = name ~= nil or ends_with_semicolon(statements)
    if not self:evaluate(statements, silent, lines) then return false end
  elseif statements and text:find "%S" then
    local kind, message = chunk.classify(text, self.name)
    if kind == "incomplete" or kind == "error" then
      self:fail(message)
      return false
    end
  end
  if not name then return true end
  return commands.run(self, name, rest)
end

-- ---- Ctrl-C -------------------------------------------------------------------------------------

-- Ends what is in the foreground; or what is being typed.
function Session:interrupt()
  if interrupt and interrupt.heard() then
    if self.seen then self.seen:wakeup_later() end
    return
  end
  local task = self.foreground
  if not task then
    local paging = self.paging
    if paging then
      paging.over = true
      if paging.key then paging.key:cancel() end
      return
    end
    if self.reader then self.reader:interrupt() end
    return
  end
  self.interrupts = self.interrupts + 1
  self.awaited_last = self.awaited
  if self.interrupts > 1 and interrupt then
    interrupt.force(self.coroutine)
  elseif self.interrupts == 1 then
    self.patience = lwt.sleep(PATIENCE)
    self.patience:on_success(function()
      if self.foreground ~= task then return end
      self:tell(self:style("it cleans up (Ctrl-C again ends it at once)", "2"))
    end)
  end
  task:cancel()
end

-- SIGTERM, SIGHUP: ends the session, with its cleanup.
function Session:terminate(name)
  self.ended_by = name
  self:quit()
  self:interrupt()
end

-- ---- The end ------------------------------------------------------------------------------------

-- Leaves the session when the line at hand is done; with these values.
function Session:quit(values)
  self.over = self.over or values or { n = 0 }
end

-- Shows a long text a screenful at a time.
function Session:page(text)
  require "lwt.toplevel.pager".show(self, text)
end

-- The user's tasks that are still at work.
function Session:tasks()
  local list = {}
  local own = lwt.current()
  for _, task in ipairs(lwt.tasks()) do
    local ours = task.promise == own or task.promise == self.task
    if not ours and not failure.is_own_place(task.where) then list[#list + 1] = task end
  end
  return list
end

-- At the end of the input: whether to go. Tasks at work are named the first time.
local function may_leave(s)
  if not s.interactive or not s.owns_tasks then return true end
  local tasks = s:tasks()
  if #tasks == 0 or s.asked then return true end
  s.asked = true
  s.write(("%s still at work:\n%s"):format(#tasks == 1 and "a task is" or #tasks .. " tasks are",
    commands.list_of_tasks(tasks)))
  s.write("Ctrl-D or y ends the session and cancels " .. (#tasks == 1 and "it" or "them") .. "\n")
  return false
end

local function cancel_tasks(s)
  local promises = {}
  for _, task in ipairs(s:tasks()) do
    promises[#promises + 1] = task.promise
    task.promise:cancel()
  end
  if #promises == 0 then return end
  s:run(function() await(lwt.settled(promises)) end)
end

-- ---- The loop -----------------------------------------------------------------------------------

-- One text: false at the end.
local function turn(s)
  local ok, text, lines = pcall(s.reader.read, s.reader)
  if not ok then
    if not rawequal(text, reader.Interrupt) then error(text, 0) end
    s.asked = false
    if s.strict then s.ended_by = s.ended_by or "INT" end
    if not s.over and not s.strict then s:after_interrupt() end
    return not s.strict
  end
  if text == nil then
    if s.interactive and s.plain then s.write("\n") end -- (the editor has ended its line)
    return not may_leave(s)
  end
  if s.asked and text:match "^%s*[yY]%s*$" then return false end
  s.asked = false
  if not s.history then
    s.typed[#s.typed + 1] = text
    if #s.typed > KEPT then table.remove(s.typed, 1) end
  end
  if not text:find "^%s*[:?]" then s.last_text = text end
  local went_well = s:take(text, not s.interactive and lines or 0)
  -- What other tasks report of it appears before the next prompt.
  if s.interactive and not s.over then await(lwt.pause()) end
  if not went_well then
    s.failed = true
    if s.strict then return false end
  end
  return true
end

-- A line was dropped: nothing else to do, where it was edited.
function Session:after_interrupt()
  if self.plain then self.write "\n" end
end

-- Reads and runs until the end. A task.
function Session:loop()
  self.task = lwt.current()
  while not self.over and turn(self) do end
  if self.interactive and self.owns_tasks then cancel_tasks(self) end
  local locals = rawget(self, "locals")
  local err = locals and locals:close()
  if err ~= nil then self:fail(err) end
  return self.over or { n = 0 }
end

return M

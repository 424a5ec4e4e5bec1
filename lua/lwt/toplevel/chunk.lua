-- What is typed, made into a function to be run, with the local variables of the lines before it.
--
-- A local variable of the top level lives on as an upvalue of a closure, its *holder*. A chunk that names it is
-- compiled inside a function that declares it, and joined to the holder by debug.upvaluejoin: so a function of an
-- earlier line and a later line share the variable, and one that is declared anew is another one.
--
--   local keep, x, y <const> = ...  return function(...) <the text> ; keep(function() return z end) end
--
-- `keep` is called behind the text (before a top-level `return`) and takes what the text has declared. What an
-- error leaves behind is taken from the stack, by the message handler.

local source = require "lwt.toplevel.source"

local M = {}

local Locals = {}
Locals.__index = Locals

local KEEP = "__lwt_keep"
-- With such a variable `return f()` is no tail call: what was typed is among the lines of an error.
local FRAME = "local __lwt_frame <close> = nil "

-- The local variables of a session. `order`: their names, the newest last; `closing`: values that are closed
-- when the session ends, the newest first.
function M.locals()
  return setmetatable({ holders = {}, const = {}, order = {}, closing = {} }, Locals)
end

-- ---- The variables ------------------------------------------------------------------------------

local function new_holder(value)
  return function() return value end
end

-- The closure whose first upvalue is the variable; one without (a compile-time constant) gets another.
local function holder_of(name, getter)
  if debug.getupvalue(getter, 1) == name then return getter end
  return new_holder(getter())
end

function Locals:put(name, holder, attrib)
  if not self.holders[name] then self.order[#self.order + 1] = name end
  self.holders[name] = holder
  self.const[name] = attrib ~= nil
end

-- Whether there is such a variable, and what it holds.
function Locals:get(name)
  local holder = self.holders[name]
  if not holder then return false end
  local _, value = debug.getupvalue(holder, 1)
  return true, value
end

function Locals:set(name, value) debug.setupvalue(self.holders[name], 1, value) end

-- A variable <close> lives until the session ends.
local function keep_closing(self, name, value)
  if value == nil or value == false then return end
  local mt = debug.getmetatable(value)
  if type(mt) ~= "table" or mt.__close == nil then
    error(("variable '%s' got a non-closable value"):format(name), 0)
  end
  self.closing[#self.closing + 1] = value
end

-- Closes what is to be closed, the newest first: the first error, or nil. A task.
function Locals:close()
  local first
  for i = #self.closing, 1, -1 do
    local value = self.closing[i]
    self.closing[i] = nil
    local ok, err = pcall(function()
      local _ <close> = value
    end)
    if not ok and first == nil then first = err end
  end
  return first
end

-- ---- Is it finished? ----------------------------------------------------------------------------

local function at_eof(message) return message ~= nil and message:find "<eof>'?$" ~= nil end

-- The text of an expression, when it is one: `=x` and `x` alike.
local function as_expression(text)
  local rest = text:match "^%s*=(.*)$"
  return "return " .. (rest or text), rest ~= nil
end

-- "expression" and the text to be compiled, "statement" and the text, "incomplete", or "error" and the message.
function M.classify(text, name)
  local expression, asked = as_expression(text)
  -- (A string that has no end on its line is an error, and not incomplete.)
  local tokens = source.tokens(text)
  local open = tokens[1] and tokens[#tokens][1] == "open"
  local stop = open and not text:find "\\\n?$" and "\n" or ""
  local f, message = load(expression .. stop, name, "t")
  if f then return "expression", expression end
  if asked then return at_eof(message) and "incomplete" or "error", message end
  local other
  f, other = load(text .. stop, name, "t")
  if f then return "statement", text end
  -- (Where it would be an expression, that error says what is missing.)
  if at_eof(other) then return "incomplete", other end
  if at_eof(message) then return "incomplete", message end
  return "error", other
end

-- ---- Making the function ------------------------------------------------------------------------

-- What the text declares, without an earlier one of the same name: that one is gone.
local function declared(found)
  local seen, list = {}, {}
  for i = #found.locals, 1, -1 do
    local variable = found.locals[i]
    if not seen[variable.name] then
      seen[variable.name] = true
      table.insert(list, 1, variable)
    end
  end
  return list
end

-- <close> becomes <const>, which is as long: the session closes it.
local function without_close(text, found)
  for _, at in ipairs(found.closes) do text = text:sub(1, at - 1) .. "const" .. text:sub(at + 5) end
  return text
end

local function header(locals, names)
  local list = { KEEP }
  for _, name in ipairs(locals.order) do
    -- (_ENV is meant by every global name.)
    if names[name] or name == "_ENV" then
      list[#list + 1] = name .. (locals.const[name] and " <const>" or "")
    end
  end
  return ("local %s = ... return function(...) %s"):format(table.concat(list, ", "), FRAME)
end

local function footer(list)
  if not list[1] then return "" end
  local parts = {}
  for i, variable in ipairs(list) do
    parts[i] = ("function() return %s end"):format(variable.name)
  end
  return (" ;%s(%s) "):format(KEEP, table.concat(parts, ", "))
end

local function wrapped(locals, text, found, list)
  local head = header(locals, source.names(text))
  local at = found.return_at or #text + 1
  local before = found.in_comment and not found.return_at and "\n" or ""
  return head .. text:sub(1, at - 1) .. before .. footer(list) .. text:sub(at) .. "\nend"
end

local function join(locals, f)
  local i = 1
  while true do
    local name = debug.getupvalue(f, i)
    if not name then return f end
    local holder = locals.holders[name]
    if holder then debug.upvaluejoin(f, i, holder, 1) end
    i = i + 1
  end
end

local function keeper(locals, list)
  return function(...)
    local getters = { ... }
    for i, variable in ipairs(list) do
      local holder = holder_of(variable.name, getters[i])
      if variable.attrib == "close" then
        local _, value = debug.getupvalue(holder, 1)
        keep_closing(locals, variable.name, value)
      end
      locals:put(variable.name, holder, variable.attrib)
    end
  end
end

-- The function of a finished text (as `classify` gives it), and what it declares; or nil and the message.
-- `lines`: how many lines are before it, for what is read from a file.
function M.compile(locals, text, name, env, lines)
  local found = source.top_level(text)
  local list = declared(found)
  text = without_close(text, found)
  local pad = ("\n"):rep(lines or 0)
  local make, message = load(pad .. wrapped(locals, text, found, list), name, "t", env)
  if not make and list[1] then
    -- A label at the end, which may be jumped to over no `local`: what is declared is not kept then.
    make, message = load(pad .. wrapped(locals, text, found, {}), name, "t", env)
  end
  if not make then return nil, message end
  return join(locals, make(keeper(locals, list))), list
end

-- ---- After an error -----------------------------------------------------------------------------

-- A function among these that has the variable as an upvalue: the index there.
local function sharing(functions, name, value)
  for _, f in ipairs(functions) do
    local i = 1
    while true do
      local upvalue, held = debug.getupvalue(f, i)
      if not upvalue then break end
      if upvalue == name and rawequal(held, value) then return f, i end
      i = i + 1
    end
  end
  return nil
end

-- Called by the message handler while the function's frame is still there: keeps what it had declared.
function M.salvage(locals, f, list)
  if not list[1] then return end
  local level = 2
  local info = debug.getinfo(level, "f")
  while info and info.func ~= f do
    level = level + 1
    info = debug.getinfo(level, "f")
  end
  if not info then return end
  local attribs, seen, functions = {}, {}, {}
  for _, variable in ipairs(list) do attribs[variable.name] = variable.attrib or "" end
  local i = 1
  while true do
    local name, value = debug.getlocal(level, i)
    if not name then break end
    if attribs[name] then seen[name] = { value } end
    if type(value) == "function" then functions[#functions + 1] = value end
    i = i + 1
  end
  for _, variable in ipairs(list) do
    local name, has = variable.name, seen[variable.name]
    if has then
      local holder = new_holder(has[1])
      local other, index = sharing(functions, name, has[1])
      if other then debug.upvaluejoin(holder, 1, other, index) end
      if variable.attrib == "close" then pcall(keep_closing, locals, name, has[1]) end
      locals:put(name, holder, variable.attrib)
    end
  end
end

return M

-- Internal: sections, their levels, and the calls that log.
--
-- A section is { name =, n =, pinned =, fields = false }: `n` is the number of the least level that is logged,
-- kept up to date by `refresh` whenever a rule or a level changes, so that a call that is switched off is
-- one comparison; `pinned` what set_level has set. `s:with(fields)` gives { fields =, base = }, for which
-- the section itself answers (`mt`), so that it follows its level at once. Sections are kept for ever.
-- (`fields` is there, as false, for what is not is looked for in two tables more, with every record.)
--
-- The level of a name: what set_level has set; or what the first rule that matches says; or its parent's,
-- by dots; at last notice.

local lwt = require "lwt"
local core = require "lwt.core"
local args = require "lwt.internal.args"
local levels = require "lwt.log.levels"
local logger = require "lwt.log.logger"
local rules_of = require "lwt.log.rules"

local type, select, tostring, format = type, select, tostring, string.format
local wall, get, stored = core.wall, lwt.get, core.stored
local log, done = logger.log, logger.done

local M = {}

--- A part of a program whose records go together, and which has a level. Sections with the same name are the same one.
---@class lwt.LogSection
---@field name string
---@field debug fun(s: lwt.LogSection, message: any, ...: any): lwt.Promise<nil> logs a record of that level; as `log.debug`, in this section
---@field info fun(s: lwt.LogSection, message: any, ...: any): lwt.Promise<nil>
---@field notice fun(s: lwt.LogSection, message: any, ...: any): lwt.Promise<nil>
---@field warning fun(s: lwt.LogSection, message: any, ...: any): lwt.Promise<nil>
---@field error fun(s: lwt.LogSection, message: any, ...: any): lwt.Promise<nil>
---@field fatal fun(s: lwt.LogSection, message: any, ...: any): lwt.Promise<nil>
---@field log fun(s: lwt.LogSection, level: string, message: any, ...: any): lwt.Promise<nil> as `log.log`
---@field error_of fun(s: lwt.LogSection, err: any, message?: any, ...: any): lwt.Promise<nil> as `log.error_of`
---@field with fun(s: lwt.LogSection, fields: table): lwt.LogSection an object that logs in this section with fields of its own
---@field is fun(s: lwt.LogSection, level: string): boolean is this level logged?
---@field level fun(s: lwt.LogSection): string the least level that is logged
---@field set_level fun(s: lwt.LogSection, level: string) as `log.set_level`, for this section
---@field reset_level fun(s: lwt.LogSection) leaves the level to the rules again
local Section = { __name = "lwt.log.section" }
local methods = {}
Section.__index = methods
function Section.__tostring(s) return s.name end

-- How other logging libraries call the levels.
local elsewhere = {
  trace = "debug", verbose = "debug", warn = "warning", err = "error", crit = "fatal",
  critical = "fatal",
}

-- What stands behind what logs: functions that say so. (A table, and not a function that looks: a section
-- is asked for fields that it may not have with every record.)
M.elsewhere = {}
for name, here in pairs(elsewhere) do
  M.elsewhere[name] = function()
    error(("lwt.log has no '%s'; here it is '%s'"):format(name, here), 2)
  end
end
setmetatable(methods, { __index = M.elsewhere })

local sections = {} -- name -> section
local rules = {} -- see lwt.log.rules
local fields_key = lwt.new_key() -- of with_fields

-- What makes the default logger when it is first needed, and then that.
local state = { default = nil, make_default = nil }
M.state = state

-- ---- Levels ---------------------------------------------------------------------

local function level_of(name)
  while name do
    local s = sections[name]
    local level = s and s.pinned or rules_of.level(rules, name)
    if level then return level end
    name = name:match "^(.*)%."
    if name == "main" then break end
  end
  return levels.NOTICE
end

-- (A list of them first: a finalizer may make another one meanwhile.)
local function refresh()
  local all = {}
  for _, s in pairs(sections) do all[#all + 1] = s end
  for _, s in ipairs(all) do s.n = level_of(s.name) end
  if M.changed then M.changed() end
end

-- Called when rules or levels have been changed, or nil.
M.changed = nil

function M.get_rules() return rules end

function M.set_rules(list)
  rules = list
  refresh()
end

-- What set_level has set, by name.
function M.get_pins()
  local pins = {}
  for name, s in pairs(sections) do pins[name] = s.pinned end
  return pins
end

-- Takes over rules, and what set_level has set, in place of `before`, which was taken over last.
function M.take_over(list, pins, before)
  for name in pairs(before) do
    if not pins[name] then M.section(name).pinned = nil end
  end
  for name, n in pairs(pins) do M.section(name).pinned = n end
  M.set_rules(list)
end

function M.section(name)
  local s = sections[name]
  if not s then
    local fresh = setmetatable({ name = name, n = level_of(name), fields = false }, Section)
    s = sections[name] or fresh
    sections[name] = s
  end
  return s
end

local main = M.section "main"
M.main = main

-- ---- Logging --------------------------------------------------------------------

local function merged(first, second)
  if not first then return second end
  if not second then return first end
  local both = {}
  for key, value in next, first do both[key] = value end
  for key, value in next, second do both[key] = value end
  return both
end

-- Gives a record to the default logger.
local function send(s, n, text)
  local l = state.default or state.make_default()
  local base, fields = s, s.fields
  if fields then base = s.base else fields = nil end
  if fields or stored[1] then fields = merged(get(fields_key), fields) end
  if l.sure and not l.closed then return l:write(base, levels[n], text, wall(), fields) end
  return log(l, base, levels[n], text, wall(), fields)
end

-- What string.format complains of, as if it had been the one that was called.
local function blame(err, n)
  if type(err) ~= "string" then return err end
  local arg, what = err:match "^bad argument #(%d+) to '[%w.]*format' (%(.*%))$"
  if not arg then return err end
  return ("bad argument #%s to '%s' %s"):format(arg, levels[n], what)
end

-- A call that is not switched off. (Called as the last thing of the function that was called, so that
-- its caller is ours.)
local function emit(s, n, fmt, ...)
  local kind = type(fmt)
  if kind == "string" then
    if (...) ~= nil or select("#", ...) > 0 then
      local ok, text = pcall(format, fmt, ...)
      if not ok then error(blame(text, n), 2) end
      fmt = text
    end
  elseif kind == "function" then
    fmt = tostring((fmt(...)))
  elseif fmt == nil then
    args.wrong(1, levels[n], "string or function", nil)
  elseif fmt == M.module then
    error(("log:%s(...) is a call of a method: say log.%s(...)"):format(levels[n], levels[n]), 2)
  else
    fmt = tostring(fmt)
  end
  return send(s, n, fmt)
end

-- Switched off, a call costs a comparison or two: no more is looked at than whether `n` is there,
-- which it is not in the text of a call with a point for the colon.
local function wrong_self(s, name, level)
  local message = "calling '%s' on bad self (lwt.log.section expected, got %s)"
  error(message:format(name, type(s)), level)
end

for n, name in ipairs(levels) do
  methods[name] = function(s, fmt, ...)
    local least = s.n
    if not least then wrong_self(s, name, 3) end
    if least > n then return done end
    return emit(s, n, fmt, ...)
  end
  M[name] = function(fmt, ...)
    if main.n > n then return done end
    return emit(main, n, fmt, ...)
  end
end

local function check(s, name)
  local mt = getmetatable(s)
  if mt ~= Section and (type(mt) ~= "table" or mt.__name ~= Section.__name) then
    wrong_self(s, name, 4)
  end
end

-- Each of these is a method, and a function that does it for the main section: `argument` says how a
-- level is given, by position.
local function both(name, f)
  methods[name] = function(s, ...)
    check(s, name)
    return f(s, ...)
  end
  M[name] = function(...) return f(main, ...) end
end

-- The number of the level that was given to a function that `both` has made.
local function number(level, name)
  local n = levels.number(level)
  if not n then args.bad(1, name, levels.complaint(level), 1) end
  return n
end

both("log", function(s, level, fmt, ...)
  local n = number(level, "log")
  if s.n > n then return done end
  return emit(s, n, fmt, ...)
end)

both("is", function(s, level) return number(level, "is") >= s.n end)

both("level", function(s) return levels[s.n] end)

both("set_level", function(s, level)
  local n = number(level, "set_level");
  (s.base or s).pinned = n
  refresh()
end)

both("reset_level", function(s)
  (s.base or s).pinned = nil
  refresh()
end)

local function copied(fields)
  local copy = {}
  for key, value in next, fields do copy[key] = value end
  return copy
end

both("with", function(s, fields)
  if type(fields) ~= "table" then args.wrong(1, "with", "table", fields) end
  local base = s.base or s
  local mt = base.mt
  if not mt then
    mt = { __name = Section.__name, __index = base, __tostring = Section.__tostring }
    base.mt = mt
  end
  return setmetatable({ base = base, fields = merged(s.fields, copied(fields)) }, mt)
end)

both("error_of", function(s, err, fmt, ...)
  if s.n > levels.ERROR then return done end
  local text = M.describe(err)
  if fmt ~= nil then
    local ok, before = true, fmt
    if type(fmt) == "function" then
      before = tostring((fmt(...)))
    elseif select("#", ...) > 0 then
      ok, before = pcall(format, fmt, ...)
    end
    if not ok then error(blame(before, levels.ERROR), 2) end
    text = tostring(before) .. ": " .. text
  end
  return send(s, levels.ERROR, text)
end)

-- The text of an error, whatever it is, and its traceback below it.
function M.describe(err)
  local ok, text = pcall(lwt.traceback, err)
  if ok then return text end
  return ("(an error that is a %s, whose __tostring fails)"):format(type(err))
end

function M.with_fields(fields, f, ...)
  if type(fields) ~= "table" then args.wrong(1, "with_fields", "table", fields) end
  args.check_callable(2, "with_fields", f)
  return lwt.with_value(fields_key, merged(get(fields_key), copied(fields)), f, ...)
end

return M

-- Internal: templates, "$(time) $(section): $(message)", compiled to functions.
--
-- A variable is written $(v), ${v} or $v (letters, digits and _); \$ is a plain dollar. A compiled
-- template is a function of a record (see lwt.log.logger) that gives the text of all its lines. Nothing that callers
-- choose (message, section, fields, task) is written before it has been made harmless (lwt.log.text).

local lwt = require "lwt"
local core = require "lwt.core"
local logger = require "lwt.log.logger"
local text = require "lwt.log.text"
local time = require "lwt.log.time"
local host = require "lwt.log.host"

local clean, getinfo = text.clean, debug.getinfo

local M = {}

-- The folder of our own sources: a record comes from the first frame outside of it.
local own = getinfo(1, "S").source:match "^(@.*[/\\]lwt[/\\])log[/\\]template%.lua$"

-- Where the call was made. Rendering happens inside the call, so that the caller is the first on the
-- stack that is not ours.
local function place(extra, what)
  if extra then return extra[what] end
  for level = 3, 64 do
    local info = getinfo(level, "Sl")
    if not info then break end
    local source = info.source
    if info.what ~= "C" and source ~= "=log template"
      and not (own and source:sub(1, #own) == own) then
      return what == "file" and info.short_src or info.currentline
    end
  end
  return what == "file" and "<unknown>" or -1
end

M.place = place

local function task_name(extra)
  return extra and extra.task or lwt.current() and lwt.name() or "-"
end

local COLORS = {
  debug = "\27[2m", info = "\27[36m", notice = "\27[32m", warning = "\27[33m", error = "\27[31m",
  fatal = "\27[1;31m",
}

-- The names of sections, clean.
local names = setmetatable({}, {
  __index = function(known, name)
    known[name] = clean(name)
    return known[name]
  end,
})

-- name -> function(time, level, fields, extra), or an expression
local variables = {
  message = "line",
  level = "level",
  section = "names[section.name]",
  time = "iso(time)",
  date = function(at) return time.date(at) end,
  clock = function(at) return time.clock(at) end,
  milliseconds = function(at) return time.milliseconds(at) end,
  name = function() return clean(host.name()) end,
  pid = function() return host.pid() end,
  ["loc-file"] = function(_, _, _, extra) return clean(place(extra, "file")) end,
  ["loc-line"] = function(_, _, _, extra) return place(extra, "line") end,
  task = function(_, _, _, extra) return clean(task_name(extra)) end,
  fields = function(_, _, fields) return fields and text.fields(fields) or "" end,
  color = function(_, level) return COLORS[level] end,
  reset = function() return "\27[0m" end,
}

-- Where there are no fields the blank before them is left out as well.
local function blank_and_fields(_, _, fields)
  return fields and next(fields) ~= nil and " " .. text.fields(fields) or ""
end

-- A template as a list of expressions, and the functions that they call, by number; nil and what is wrong.
local function expressions_of(template)
  local code, functions, literal, at = {}, {}, "", 1
  local function add_literal()
    if literal ~= "" then code[#code + 1] = ("%q"):format(literal) end
    literal = ""
  end
  local function add(f)
    if f == variables.fields and literal:sub(-1) == " " then
      literal, f = literal:sub(1, -2), blank_and_fields
    end
    add_literal()
    if type(f) == "function" then
      functions[#functions + 1] = f
      f = ("f[%d](time, level, fields, extra)"):format(#functions)
    end
    code[#code + 1] = f
  end
  while at <= #template do
    local from = template:find("[\\$]", at) or #template + 1
    local rest = template:sub(from)
    local whole = rest:match "^%$%b()" or rest:match "^%$%b{}" or rest:match "^%$[%w_]+"
    literal = literal .. template:sub(at, from - 1)
    if whole then
      local name = whole:match "^%$[({]?([^)}]*)"
      if not variables[name] then return nil, ("template: no variable '%s'"):format(name) end
      add(variables[name])
      at = from + #whole
    elseif rest:sub(1, 1) == "$" then
      local wrong = "template: no variable after the '$' at %d (a plain one is '\\$')"
      return nil, wrong:format(from)
    else
      literal = literal .. (rest:sub(1, 2) == "\\$" and "$" or rest:sub(1, 1))
      at = from + (rest:sub(1, 2) == "\\$" and 2 or 1)
    end
  end
  add_literal()
  return code, functions
end

-- The function that a template becomes: a line is one concatenation. What is plain needs one look.
local CODE = [[
local f, names, iso, is_plain, lines_of, clean, concat = ...
local function one(section, level, line, time, fields, extra)
  return %s
end
return function(section, level, line, time, fields, extra)
  if is_plain(line) then return %s end
  local lines = lines_of(line)
  for i = 1, lines.n do
    lines[i] = one(section, level, clean(lines[i]), time, fields, extra)
  end
  return concat(lines)
end
]]

-- compile(template, ending): its function, or nil and what is wrong. `ending` is behind each line.
function M.compile(template, ending)
  local code, functions = expressions_of(template)
  if not code then return nil, functions end
  code[#code + 1] = ("%q"):format(ending)
  local expression = table.concat(code, " .. ")
  local chunk = CODE:gsub("%%s", function() return expression end)
  return assert(load(chunk, "=log template", "t", {}))(functions, names, time.iso,
    core.is_plain, logger.lines, clean, table.concat)
end

return M

-- Internal: templates, "$(time) $(section): $(message)", compiled to functions.
--
-- A variable is written $(v), ${v} or $v (letters, digits and _); \$ is a plain dollar. A compiled
-- template is `render(record, line)`, one line of text, for a line of the message that is clean. Nothing that a caller has a
-- say in (message, section, fields, task) gets in without having been made harmless (lwt.log.text).

local lwt = require "lwt"
local logger = require "lwt.log.logger"
local text = require "lwt.log.text"
local time = require "lwt.log.time"
local host = require "lwt.log.host"

local clean, find, getinfo = text.clean, string.find, debug.getinfo

local M = {}

-- The folder of our own sources, whose frames are nobody's place.
local own = getinfo(1, "S").source:match "^(@.*[/\\]lwt[/\\])log[/\\]template%.lua$"

-- Where the call was made. Rendering happens inside the call, so that the caller is the first on the
-- stack that is not ours.
local function place(record, what)
  if record.file then return record[what] end -- another state's
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

local function task_name(record)
  return record.task or lwt.current() and lwt.name() or "-"
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

-- name -> function(record), or an expression (where `names` and `iso` are known)
local variables = {
  message = "line",
  level = "record.level",
  section = "names[record.section]",
  time = "iso(record.time)",
  date = function(record) return time.date(record.time) end,
  clock = function(record) return time.clock(record.time) end,
  milliseconds = function(record) return time.milliseconds(record.time) end,
  name = function() return clean(host.name()) end,
  pid = function() return host.pid() end,
  ["loc-file"] = function(record) return clean(place(record, "file")) end,
  ["loc-line"] = function(record) return place(record, "line") end,
  task = function(record) return clean(task_name(record)) end,
  fields = function(record) return record.fields and text.fields(record.fields) or "" end,
  color = function(record) return COLORS[record.level] end,
  reset = function() return "\27[0m" end,
}

-- Where there are no fields the blank before them is left out as well.
local function blank_and_fields(record)
  local fields = record.fields
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
      f = ("f[%d](record)"):format(#functions)
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

-- compile(template, ending): its function, or nil and what is wrong. It is one expression of Lua, so
-- that a line is one concatenation.
function M.compile(template, ending)
  local code, functions = expressions_of(template)
  if not code then return nil, functions end
  code[#code + 1] = ("%q"):format(ending)
  local chunk = "local f, names, iso = ... return function(record, line) return "
    .. table.concat(code, " .. ") .. " end"
  return assert(load(chunk, "=log template", "t", {}))(functions, names, time.iso)
end

-- All lines of a record.
function M.render(render, record)
  local message = record.message
  if not find(message, "[^\32-\126\t]") then return render(record, message) end
  local lines = logger.lines(message)
  for i = 1, lines.n do lines[i] = render(record, clean(lines[i])) end
  return table.concat(lines)
end

return M

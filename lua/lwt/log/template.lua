-- Internal: templates, "$(time) $(section): $(message)", compiled to functions.
--
-- A variable is written $(v), ${v} or $v (letters, digits and _); \$ is a plain dollar. A compiled
-- template is `render(record, line)`, one line of text without its end. Nothing that a caller has a
-- say in (message, section, fields, task) gets in without having been made harmless (lwt.log.text).

local lwt = require "lwt"
local text = require "lwt.log.text"
local time = require "lwt.log.time"
local host = require "lwt.log.host"

local clean, getinfo = text.clean, debug.getinfo

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

local COLORS = { "\27[2m", "\27[36m", "\27[32m", "\27[33m", "\27[31m", "\27[1;31m" }

-- name -> function(record, line)
local variables = {
  message = function(_, line) return clean(line) end,
  level = function(record) return record.level end,
  section = function(record) return clean(record.section) end,
  date = function(record) return time.date(record.time) end,
  time = function(record) return time.iso(record.time) end,
  clock = function(record) return time.clock(record.time) end,
  milliseconds = function(record) return time.milliseconds(record.time) end,
  name = function() return clean(host.name()) end,
  pid = function() return host.pid() end,
  ["loc-file"] = function(record) return clean(place(record, "file")) end,
  ["loc-line"] = function(record) return place(record, "line") end,
  task = function(record) return clean(task_name(record)) end,
  fields = function(record) return record.fields and text.fields(record.fields) or "" end,
  color = function(record) return COLORS[record.number] end,
  reset = function() return "\27[0m" end,
}

-- Where there are no fields the blank before them is left out as well.
local function blank_and_fields(record)
  local fields = record.fields
  return fields and next(fields) ~= nil and " " .. text.fields(fields) or ""
end

-- The parts of a template, strings and functions; nil and what is wrong.
local function parts_of(template)
  local parts, literal, at = {}, {}, 1
  local function add(f)
    local before = table.concat(literal)
    if f == variables.fields and before:sub(-1) == " " then
      before, f = before:sub(1, -2), blank_and_fields
    end
    if before ~= "" then parts[#parts + 1] = before end
    parts[#parts + 1] = f
    literal = {}
  end
  while at <= #template do
    local from = template:find("[\\$]", at) or #template + 1
    literal[#literal + 1] = template:sub(at, from - 1)
    local rest = template:sub(from)
    if rest:sub(1, 2) == "\\$" then
      literal[#literal + 1] = "$"
      at = from + 2
    elseif rest:sub(1, 1) == "\\" then
      literal[#literal + 1] = "\\"
      at = from + 1
    elseif rest == "" then
      break
    else
      local whole = rest:match "^%$%b()" or rest:match "^%$%b{}" or rest:match "^%$[%w_]+"
      if not whole then
        local wrong = "template: no variable after the '$' at %d (a plain one is '\\$')"
        return nil, wrong:format(from)
      end
      local name = whole:match "^%$[({]?([^)}]*)"
      if not variables[name] then return nil, ("template: no variable '%s'"):format(name) end
      add(variables[name])
      at = from + #whole
    end
  end
  add(nil)
  return parts
end

-- compile(template): its function, or nil and what is wrong. It is one expression of Lua, so that a
-- line is one concatenation.
function M.compile(template)
  local parts, wrong = parts_of(template)
  if not parts then return nil, wrong end
  if #parts == 0 then return function() return "" end end
  local code, functions = {}, {}
  for i, part in ipairs(parts) do
    if type(part) == "string" then
      code[i] = ("%q"):format(part)
    elseif part == variables.message then
      code[i] = "clean(line)"
    elseif part == variables.level then
      code[i] = "record.level"
    else
      functions[#functions + 1] = part
      code[i] = ("f[%d](record, line)"):format(#functions)
    end
  end
  local chunk = "local f, clean = ... return function(record, line) return "
    .. table.concat(code, " .. ") .. " end"
  return assert(load(chunk, "=log template", "t", {}))(functions, clean)
end

-- All lines of a record, each with its end.
function M.render(render, lines, record)
  if lines.n == 1 then return render(record, lines[1]) .. "\n" end
  local out = {}
  for i = 1, lines.n do out[i] = render(record, lines[i]) end
  out[lines.n + 1] = ""
  return table.concat(out, "\n")
end

return M

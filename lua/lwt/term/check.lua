-- Wrong arguments of lwt.term, told at the caller's line. A function of the terminal is a method, and
-- one of the module for the controlling terminal: arguments are counted without the terminal.

local type_name = require "lwt.internal.args".type_name
local is_callable = require "lwt.internal.args".is_callable

local M = {}

-- The first level that is not in here.
local function callers_level()
  local level = 2
  while true do
    local info = debug.getinfo(level, "S")
    if not info then return 0 end
    if info.what ~= "C" and not info.source:find "/lwt/term[/.]" then return level - 1 end
    level = level + 1
  end
end

function M.bad(arg, name, message)
  error(("bad argument #%d to '%s' (%s)"):format(arg, name, message), callers_level())
end

function M.wrong(arg, name, expected, value)
  local got = value == nil and "no value" or type_name(value)
  M.bad(arg, name, ("%s expected, got %s"):format(expected, got))
end

-- A method of an object that is no terminal: was it called on one?
function M.self(name, value, class)
  if getmetatable(value) ~= class then
    error(("calling '%s' on bad self (%s expected, got %s)"):format(name, class.__name,
      value == nil and "no value" or type_name(value)), callers_level())
  end
end

function M.type(arg, name, value, expected)
  if type(value) ~= expected then M.wrong(arg, name, expected, value) end
end

function M.callable(arg, name, value)
  if not is_callable(value) then M.wrong(arg, name, "function", value) end
end

function M.integer(arg, name, value, min)
  local integer = math.type(value) == "float" and math.tointeger(value) or value
  if math.type(integer) ~= "integer" then M.wrong(arg, name, "integer", value) end
  if min and integer < min then
    M.bad(arg, name, ("must be at least %d, got %d"):format(min, integer))
  end
  return integer
end

-- A table of options, whose names and types are those of `known`; nil is an empty one.
function M.options(arg, name, opts, known)
  if opts == nil then return {} end
  M.type(arg, name, opts, "table")
  for key, value in pairs(opts) do
    local expected = known[key]
    if expected == nil then
      M.bad(arg, name, ("unknown option '%s'"):format(tostring(key)))
    elseif expected ~= true and type(value) ~= expected
      and not (expected == "function" and is_callable(value)) then
      M.bad(arg, name, ("option '%s': %s expected, got %s"):format(key, expected, type_name(value)))
    end
  end
  return opts
end

return M

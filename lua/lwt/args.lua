-- Internal: wrong arguments, told at the caller's line in Lua's own words.
--
-- Every function here is called straight from a public function (never as a tail
-- call): it blames whoever called that one, and counts arguments as luaL_argerror
-- does, where the object of a method call is not one of them.

local getinfo = debug.getinfo

local M = {}

-- The name a value's type has in an error message.
local function type_name(value)
  local mt = getmetatable(value)
  local name = type(mt) == "table" and rawget(mt, "__name")
  return type(name) == "string" and name or type(value)
end

local function fail(arg, name, message)
  local info = getinfo(3, "n")
  name = info.name or name
  if info.namewhat == "method" then
    arg = arg - 1
    if arg == 0 then
      error(("calling '%s' on bad self (%s)"):format(name, message), 4)
    end
  end
  error(("bad argument #%d to '%s' (%s)"):format(arg, name, message), 4)
end

-- bad(2, "create", "must be at least 1")
function M.bad(arg, name, message)
  fail(arg, name, message)
end

-- wrong(2, "bind", "function", f): bad argument #2 to 'bind' (function expected, got nil)
function M.wrong(arg, name, expected, value)
  fail(arg, name, ("%s expected, got %s"):format(expected, type_name(value)))
end

-- Whatever can be called is taken where a function is wanted.
function M.is_callable(value)
  if type(value) == "function" then return true end
  local mt = debug.getmetatable(value)
  return type(mt) == "table" and rawget(mt, "__call") ~= nil
end

-- check_callable(2, "with_lock", f)
function M.check_callable(arg, name, value)
  if not M.is_callable(value) then
    fail(arg, name, ("function expected, got %s"):format(type_name(value)))
  end
end

-- The integer that a number stands for: 2.0 is as good as 2 everywhere. Strings are no numbers.
function M.integer(arg, name, value)
  local integer = math.type(value) == "float" and math.tointeger(value) or value
  if math.type(integer) == "integer" then return integer end
  if type(value) == "number" then fail(arg, name, "number has no integer representation") end
  fail(arg, name, ("integer expected, got %s"):format(type_name(value)))
end

-- A table of options whose keys are all among those of `known` (option = its type, or
-- true for any), or nil, which stands for an empty one.
function M.options(arg, name, opts, known)
  if opts == nil then return {} end
  if type(opts) ~= "table" then
    fail(arg, name, ("table expected, got %s"):format(type_name(opts)))
  end
  for key, value in pairs(opts) do
    local expected = known[key]
    if expected == nil then
      fail(arg, name, ("unknown option '%s'"):format(tostring(key)))
    elseif expected ~= true and type(value) ~= expected
      and not (expected == "function" and M.is_callable(value)) then
      fail(arg, name, ("option '%s': %s expected, got %s"):format(key, expected,
        type_name(value)))
    end
  end
  return opts
end

-- A readable value of its own, compared with ==, such as switch.Off.
function M.sentinel(text)
  return setmetatable({}, { __name = text, __tostring = function() return text end })
end

return M

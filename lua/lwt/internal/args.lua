-- Wrong arguments, told at the caller's line in Lua's own words.
--
-- Every function here takes the number of the argument, the name of the public function, and the
-- value. It is called straight from the public function (never as a tail call), or by one of its
-- helpers `up` levels below: it blames whoever called the public one, and counts arguments as
-- luaL_argerror does, where the object of a method call is not one of them.

local core = require "lwt.core"

local getinfo = debug.getinfo
local is_promise, unview = core.is_promise, core.unview

local M = {}

-- The name that a value's type has in an error message.
local function type_name(value)
  local mt = getmetatable(value)
  local name = type(mt) == "table" and rawget(mt, "__name")
  if type(name) == "string" then return name end
  return is_promise(value) and "lwt.promise" or type(value)
end
M.type_name = type_name

local function fail(arg, name, message, up)
  local level = 3 + (up or 0) -- the public function
  local info = getinfo(level, "n")
  if info and info.namewhat == "method" then
    arg = arg - 1
    if arg == 0 then
      error(("calling '%s' on bad self (%s)"):format(name, message), level + 1)
    end
  end
  error(("bad argument #%d to '%s' (%s)"):format(arg, name, message), level + 1)
end

-- bad(2, "create", "must be at least 1")
function M.bad(arg, name, message, up)
  fail(arg, name, message, up)
end

-- wrong(2, "bind", "function", f): bad argument #2 to 'bind' (function expected, got nil)
function M.wrong(arg, name, expected, value, up)
  fail(arg, name, ("%s expected, got %s"):format(expected, type_name(value)), up)
end

-- Raises what a function that was called in a protected call has raised. A wrong argument is told as
-- if the public function had found it: argument `theirs` of the other one is `ours` here (the others
-- have the same numbers, as all have where these are nil).
function M.pass_on(err, name, theirs, ours, up)
  if type(err) ~= "string" then error(err, 0) end
  local n, message = err:match "bad argument #(%d+) to '[^']*' %((.*)%)$"
  if not n then error(err, 0) end
  n = math.tointeger(n)
  fail(n == theirs and ours or n, name, message, up)
end

-- Whatever can be called is taken where a function is wanted.
function M.is_callable(value)
  if type(value) == "function" then return true end
  local mt = debug.getmetatable(value)
  return type(mt) == "table" and rawget(mt, "__call") ~= nil
end

-- check_callable(2, "with_lock", f)
function M.check_callable(arg, name, value, up)
  if type(value) ~= "function" and not M.is_callable(value) then
    fail(arg, name, ("function expected, got %s"):format(type_name(value)), up)
  end
end

-- The integer that a number stands for, of at least `min` (nil: any): 2.0 is as good as 2
-- everywhere. Strings are no numbers.
function M.integer(arg, name, value, min, up)
  local integer = math.type(value) == "float" and math.tointeger(value) or value
  if math.type(integer) ~= "integer" then
    if type(value) == "number" then fail(arg, name, "number has no integer representation", up) end
    fail(arg, name, ("integer expected, got %s"):format(type_name(value)), up)
  end
  if min and integer < min then
    fail(arg, name, ("must be at least %d, got %d"):format(min, integer), up)
  end
  return integer
end

-- A plain list. Gives its length: its `n` where it has one.
function M.list(arg, name, value, up)
  value = unview(value)
  if type(value) ~= "table" then
    fail(arg, name, "table expected, got " .. type_name(value), up)
  end
  local n = rawget(value, "n")
  if math.type(n) == "integer" then return n end
  return #value
end

-- A plain list of objects with this metatable, or of direct views of such: its length, and a copy
-- without views.
function M.objects(arg, name, value, mt, what, up)
  value = unview(value)
  if type(value) ~= "table" then
    fail(arg, name, "table expected, got " .. type_name(value), up)
  end
  local n = rawget(value, "n")
  if math.type(n) ~= "integer" then n = #value end
  local list = {}
  for i = 1, n do
    local x = unview(value[i])
    if getmetatable(x) ~= mt then
      fail(arg, name, ("element %d: %s expected, got %s"):format(i, what, type_name(x)), up)
    end
    list[i] = x
  end
  return n, list
end

-- A table of options whose keys are all among those of `known` (option = its type, or true for
-- any), or nil, which stands for an empty one.
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

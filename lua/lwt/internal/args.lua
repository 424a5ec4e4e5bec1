-- Wrong arguments, reported at the caller's line in Lua's own words.
--
-- Each check takes the number of the argument, the name of the public function, and the value. It is
-- called straight from the public function (never as a tail call), or by one of its helpers `up` levels
-- below. It raises at the line that called the public function, and counts arguments as luaL_argerror
-- does, where the object of a method call is not one of them.
--
-- In a module whose public functions call one another the caller is at no fixed level. Such a module
-- takes its checks from `outside`.

local core = require "lwt.core"

local getinfo = debug.getinfo
local is_promise = core.is_promise

-- The name that a value's type has in an error message.
local function type_name(value)
  local mt = getmetatable(value)
  local name = type(mt) == "table" and rawget(mt, "__name")
  if type(name) == "string" then return name end
  return is_promise(value) and "lwt.promise" or type(value)
end

-- Whatever can be called is taken where a function is wanted.
local function is_callable(value)
  if type(value) == "function" then return true end
  local mt = debug.getmetatable(value)
  return type(mt) == "table" and rawget(mt, "__call") ~= nil
end

-- How long a list is: its `n` where it has one. (`#` may be a function of the list's own, which gives anything: then
-- nil, and why.)
local function length_of(list)
  local n = rawget(list, "n")
  if math.type(n) == "integer" then return n end
  n = #list
  if math.type(n) == "integer" then return n end
  return nil, "its length is no integer, but " .. type_name(n)
end

local own = getinfo(1, "S").source

-- The level, for `fail`, of the first caller whose source is neither this file nor one of `files`.
local function level_outside(files)
  local level = 3
  while true do
    local info = getinfo(level, "S")
    if not info then return 0 end
    local ours = info.what == "C" or info.source == own or info.source:find(files)
    if not ours then return level - 1 end
    level = level + 1
  end
end

-- The checks. With `files` (a pattern) they raise at the line of the first caller outside of those
-- files, take the number of an argument as it is, because the object of a method is left out already,
-- and use no `up`. (They look at the stack only when something is wrong.)
local function new(files)
  local checks = {}

  local function fail(arg, name, message, up)
    if files then
      error(("bad argument #%d to '%s' (%s)"):format(arg, name, message), level_outside(files))
    end
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
  function checks.bad(arg, name, message, up)
    fail(arg, name, message, up)
  end

  -- wrong(2, "bind", "function", f): bad argument #2 to 'bind' (function expected, got nil)
  function checks.wrong(arg, name, expected, value, up)
    fail(arg, name, ("%s expected, got %s"):format(expected, type_name(value)), up)
  end

  -- Raises what a function of ours, called straight by pcall, has raised. A wrong argument is an error
  -- of the public function: argument `theirs` of the other one is `ours` here (the others have the same
  -- numbers, as all have where these are nil).
  function checks.pass_on(err, name, theirs, ours, up)
    if type(err) ~= "string" then error(err, 0) end
    local n, message = err:match "^bad argument #(%d+) to '[^']*' %((.*)%)$"
    if not n then error(err, 0) end
    n = math.tointeger(n)
    fail(n == theirs and ours or n, name, message, up)
  end

  -- check_callable(2, "with_lock", f)
  function checks.check_callable(arg, name, value, up)
    if type(value) ~= "function" and not is_callable(value) then
      fail(arg, name, ("function expected, got %s"):format(type_name(value)), up)
    end
  end

  -- type(1, "title", text, "string")
  function checks.type(arg, name, value, expected, up)
    if type(value) ~= expected then
      fail(arg, name, ("%s expected, got %s"):format(expected, type_name(value)), up)
    end
  end

  -- The object of a method, which has this metatable.
  function checks.self(name, value, class, up)
    if getmetatable(value) == class then return end
    error(("calling '%s' on bad self (%s expected, got %s)"):format(name, class.__name,
      type_name(value)), files and level_outside(files) or 3 + (up or 0))
  end

  -- A string, or a number, which stands for one as everywhere in Lua.
  function checks.string(arg, name, value, up)
    if type(value) ~= "string" and type(value) ~= "number" then
      fail(arg, name, ("string expected, got %s"):format(type_name(value)), up)
    end
  end

  -- A number of seconds: any but nan.
  function checks.seconds(arg, name, value, up)
    if type(value) ~= "number" then
      fail(arg, name, ("number expected, got %s"):format(type_name(value)), up)
    elseif value ~= value then
      fail(arg, name, "a number of seconds expected, got nan", up)
    end
  end

  -- The arguments from number `first` on, which are strings and numbers, as one string.
  function checks.joined(first, name, ...)
    local n = select("#", ...)
    for i = 1, n do checks.string(first + i - 1, name, (select(i, ...)), 1) end
    return n == 1 and tostring((...)) or table.concat({ ... }, "", 1, n)
  end

  -- The integer that a number stands for, of at least `min` (nil: any): 2.0 is as good as 2
  -- everywhere. Strings are no numbers.
  function checks.integer(arg, name, value, min, up)
    local integer = math.type(value) == "float" and math.tointeger(value) or value
    if math.type(integer) ~= "integer" then
      if type(value) == "number" then
        fail(arg, name, "number has no integer representation", up)
      end
      fail(arg, name, ("integer expected, got %s"):format(type_name(value)), up)
    end
    if min and integer < min then
      fail(arg, name, ("must be at least %d, got %d"):format(min, integer), up)
    end
    return integer
  end

  local function length(arg, name, list, up)
    local n, wrong = length_of(list)
    if not n then fail(arg, name, wrong, up and up + 1 or 1) end
    return n
  end

  -- A plain list. Gives its length. (lwt gives the core its `unview`, and requires this file before it does.)
  function checks.list(arg, name, value, up)
    value = core.unview(value)
    if type(value) ~= "table" then
      fail(arg, name, "table expected, got " .. type_name(value), up)
    end
    local n = length(arg, name, value, up)
    return n
  end

  -- A plain list of objects with this metatable, or of direct views of such: its length, and a copy
  -- without views.
  function checks.objects(arg, name, value, mt, what, up)
    value = core.unview(value)
    if type(value) ~= "table" then
      fail(arg, name, "table expected, got " .. type_name(value), up)
    end
    local n = length(arg, name, value, up)
    local list, unview = {}, core.unview
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
  function checks.options(arg, name, opts, known, up)
    if opts == nil then return {} end
    if type(opts) ~= "table" then
      fail(arg, name, ("table expected, got %s"):format(type_name(opts)), up)
    end
    for key, value in pairs(opts) do
      local expected = known[key]
      if expected == nil then
        fail(arg, name, ("unknown option '%s'"):format(tostring(key)), up)
      elseif expected ~= true and type(value) ~= expected
        and not (expected == "function" and is_callable(value)) then
        fail(arg, name, ("option '%s': %s expected, got %s"):format(key, expected,
          type_name(value)), up)
      end
    end
    return opts
  end

  return checks
end

local M = new(nil)

M.type_name, M.is_callable, M.length_of = type_name, is_callable, length_of

-- The checks of a module, which raise at the first caller outside of the files of that module.
function M.outside(module)
  return new("[/\\@]" .. module:gsub("%.", "[/\\]") .. "[/\\.]")
end

-- What a signal or an event of functions has, for the function that calls it.
function M.function_of(name, value)
  if is_callable(value) then return value end
  error(("'%s': a function expected as the value, got %s"):format(name, type_name(value)), 0)
end

-- A readable value of its own, compared with ==, such as switch.Off.
function M.sentinel(text)
  return setmetatable({}, { __name = text, __tostring = function() return text end })
end

return M

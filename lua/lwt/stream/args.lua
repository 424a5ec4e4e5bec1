-- Checks of arguments for the modules written in Lua: they raise at the line of
-- the caller, in Lua's own words, numbered as luaL_argerror does (a method's
-- object does not count).

local lwt = require "lwt"
local unview = require "lwt.core".unview

local getinfo = debug.getinfo
local is_promise = lwt.is_promise

local M = {}

-- `level` is where the public function that was called wrongly stands, seen from
-- here.
local function bad(n, name, what, level)
  local info = getinfo(level, "n")
  if info and info.namewhat == "method" then
    n = n - 1
    if n == 0 then
      error(("calling '%s' on bad self (%s)"):format(name, what), level + 1)
    end
  end
  error(("bad argument #%d to '%s' (%s)"):format(n, name, what), level + 1)
end

local function type_name(v)
  local mt = getmetatable(v)
  local name = type(mt) == "table" and rawget(mt, "__name")
  if type(name) == "string" then return name end
  if is_promise(v) then return "lwt.promise" end
  return v == nil and "nil" or type(v)
end
M.type_name = type_name

-- Argument `n` of public function `name` is wrong. All of these are called by the
-- public function itself, or by one of its helpers `up` levels below it.
function M.bad(n, name, what, up) bad(n, name, what, 3 + (up or 0)) end

function M.wrong(v, n, name, expected, up)
  bad(n, name, ("%s expected, got %s"):format(expected, type_name(v)), 3 + (up or 0))
end

local function callable(v)
  if type(v) == "function" then return true end
  local mt = getmetatable(v)
  return type(mt) == "table" and mt.__call ~= nil
end
M.callable = callable

function M.func(f, n, name, up)
  if type(f) ~= "function" and not callable(f) then
    bad(n, name, "function expected, got " .. type_name(f), 3 + (up or 0))
  end
end

-- An integer of at least `min`.
function M.int(v, n, name, min, up)
  local i = math.type(v) == "integer" and v
    or math.type(v) == "float" and math.tointeger(v) or nil
  if not i then
    if type(v) == "number" then
      bad(n, name, "number has no integer representation", 3 + (up or 0))
    end
    bad(n, name, "number expected, got " .. type_name(v), 3 + (up or 0))
  end
  if i < min then
    bad(n, name, ("must be at least %d, got %d"):format(min, i), 3 + (up or 0))
  end
  return i
end

-- A plain list. Gives its length: its `n` where it has one.
function M.list(v, n, name, up)
  v = unview(v)
  if type(v) ~= "table" then
    bad(n, name, "table expected, got " .. type_name(v), 3 + (up or 0))
  end
  local len = rawget(v, "n")
  if math.type(len) == "integer" then return len end
  return #v
end

-- A plain list of objects with this metatable, or of direct views of such: its length, and a copy
-- without views.
function M.objects(v, n, name, mt, what, up)
  v = unview(v)
  if type(v) ~= "table" then
    bad(n, name, "table expected, got " .. type_name(v), 3 + (up or 0))
  end
  local len = rawget(v, "n")
  if math.type(len) ~= "integer" then len = #v end
  local list = {}
  for i = 1, len do
    local x = unview(v[i])
    if getmetatable(x) ~= mt then
      bad(n, name, ("element %d: %s expected, got %s"):format(i, what, type_name(x)),
        3 + (up or 0))
    end
    list[i] = x
  end
  return len, list
end

return M

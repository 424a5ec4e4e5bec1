-- Names, and what they stand for in a session, without running anything of the user's: fields are read raw, and
-- of a metatable only an `__index` that is a table is followed.

local M = {}

local DEEPEST = 8 -- tables that an __index leads through

local function index_of(value)
  local mt = debug.getmetatable(value)
  if type(mt) ~= "table" then return nil end
  local index = rawget(mt, "__index")
  return type(index) == "table" and index or nil
end

-- A field of a value; nil: there is none that can be seen.
function M.field(value, key)
  for _ = 1, DEEPEST do
    if type(value) == "table" then
      local found = rawget(value, key)
      if found ~= nil then return found end
    end
    value = index_of(value)
    if value == nil then break end
  end
  return nil
end

-- Objects whose methods are found by a function in C: those are known by name.
local function known_methods(value, each)
  local mt = debug.getmetatable(value)
  local name = type(mt) == "table" and rawget(mt, "__name")
  if type(name) ~= "string" or type(rawget(mt, "__index")) == "table" then return end
  for _, method in ipairs(require "lwt.toplevel.help".methods(name)) do each(method, "function") end
end

-- Calls each(name, type of the value) for the fields that have names.
function M.each_field(value, each)
  if type(value) ~= "table" then known_methods(value, each) end
  for _ = 1, DEEPEST do
    if type(value) == "table" then
      for key, field in next, value do
        if type(key) == "string" then each(key, type(field), field) end
      end
    end
    value = index_of(value)
    if value == nil then return end
  end
end

-- What a name of the session is: a local variable, or a global one.
function M.variable(session, name)
  local found, value = session.locals:get(name)
  if found then return value end
  local there, env = session.locals:get "_ENV"
  return M.field(there and env or session.env, name)
end

-- What a path of names ({ "a", "b", "c" }) leads to; nil: nothing.
function M.path(session, path)
  local value = M.variable(session, path[1])
  for i = 2, #path do
    if value == nil then return nil end
    value = M.field(value, path[i])
  end
  return value
end

-- The path of names whose last token is at `i` in a list of tokens (with their text), what stands before its
-- last name ("." or ":"), and the first token; or nil.
function M.path_at(code, i)
  if not code[i] or code[i][1] ~= "name" then return nil end
  local path, method = { code[i][4] }, nil
  while code[i - 1] and (code[i - 1][4] == "." or code[i - 1][4] == ":")
    and code[i - 2] and code[i - 2][1] == "name" do
    if #path == 1 then method = code[i - 1][4] end
    i = i - 2
    table.insert(path, 1, code[i][4])
  end
  local before = code[i - 1]
  if before and (before[4] == "." or before[4] == ":") then return nil end -- of an expression
  return path, method, i
end

return M

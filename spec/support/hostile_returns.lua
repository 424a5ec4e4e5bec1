-- What the reference says of results, for hostile.lua: which functions and methods give something,
-- and never nil. Written by the spec into a file, for hostile.lua runs in another folder.

local public = require "scripts.docs.public"
local typeparse = require "scripts.docs.typeparse"

local M = {}

-- Types that nil is of as well, as far as one can see; a variable's name is a capital letter.
local function may_be_nil(t)
  if t.optional then return true end
  if t.kind == "union" then
    for _, one in ipairs(t) do
      if may_be_nil(one) then return true end
    end
    return false
  end
  return t.kind == "rest" or t.kind == "name" and (t.name == "nil" or t.name == "any"
    or t.name == "unknown" or t.name:find "^%u%w*$" ~= nil)
end

-- "value", "promise" (whose value is never nil), or nil.
local function what(entry)
  for _, tag in ipairs(entry.tags) do
    if tag.tag == "return" then
      local ok, t = pcall(typeparse.type, tag.type)
      if not ok or may_be_nil(t) then return nil end
      local of = t.kind == "name" and t.name == "lwt.Promise" and t.args and t.args[1]
      return of and not may_be_nil(of) and "promise" or "value"
    end
  end
end

-- Lines of "lwt.stream.of_list value" and "lwt.stream:next promise".
function M.write(path, source)
  local lines = {}
  local function add(name, how)
    if how then lines[#lines + 1] = name .. " " .. how end
  end
  for key, entry in pairs(source.by_name) do add(key, what(entry)) end
  for _, method in ipairs(public.find(source.modules).methods) do
    local found, how = false, nil
    for key, entry in pairs(source.by_name) do
      local before, name = key:match "^(.*)[.:]([^.:]+)$"
      if name == method.name and public.is_home(before, entry, method.class) then
        if found and how ~= what(entry) then how = nil else how = what(entry) end
        if found and not how then break end
        found = true
      end
    end
    add(method.class .. ":" .. method.name, how)
  end
  table.sort(lines)
  local file = assert(io.open(path, "w"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
end

function M.read(path)
  local returns = {}
  for line in io.lines(path) do
    local name, how = line:match "^(%S+) (%S+)$"
    returns[name] = how
  end
  return returns
end

return M

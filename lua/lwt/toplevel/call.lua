-- The call that is being typed: which function it is, and its signature in a line.

local names = require "lwt.toplevel.names"
local source = require "lwt.toplevel.source"

local M = {}

local CLOSES = { [")"] = true, ["}"] = true, ["]"] = true }
local OPENS = { ["("] = true, ["{"] = true, ["["] = true }

-- The last token before the bracket of the innermost call that is open at the end.
local function open_call(code)
  local depth = 0
  for i = #code, 1, -1 do
    local s = code[i][4]
    if CLOSES[s] then
      depth = depth + 1
    elseif OPENS[s] then
      if depth > 0 then
        depth = depth - 1
      elseif s == "(" and code[i - 1] and code[i - 1][1] == "name"
        and not (code[i - 2] and code[i - 2][4] == "function") then
        return i - 1
      end
    end
  end
  return nil
end

-- The function that is called at the end of the text, its name, and whose method it is.
function M.at(session, text)
  local code = source.code(text)
  local i = open_call(code)
  if not i then return nil end
  local path, method, first = names.path_at(code, i)
  if not path or code[first - 1] and code[first - 1][4] == "function" then return nil end
  local value = names.path(session, path)
  local object = method == ":" and names.path(session, { table.unpack(path, 1, #path - 1) }) or nil
  return value, table.concat(path, "."), object
end

-- The line to be shown below, or nil.
function M.line(session, text)
  local f, name, object = M.at(session, text)
  if f == nil and object == nil then return nil end
  local help = require "lwt.toplevel.help"
  if f ~= nil and type(f) ~= "function" then return nil end
  if f == nil and not help.has_method(object, name:match "[%w_]*$") then return nil end
  return help.line(help.entry(f, name, object))
end

return M

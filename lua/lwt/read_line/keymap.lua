-- Which keys run which command. A map is a tree: names of keys lead to commands or to maps of the keys
-- that may follow. Keys are the values that `term` gives.

local keys = require "lwt.term.key"

local M = {}

-- Commands that build the number which the next one takes.
M.takes_digits = { ["digit-argument"] = true, ["universal-argument"] = true,
  ["vi-arg-digit"] = true }

-- The name that a key has in maps ("ctrl-x", "alt-f", "space", "é"), or nil for what is no key.
function M.name(key)
  if not key.char and not key.name or key.name == "mouse" then return nil end
  return tostring(key)
end

-- The key with this name; an unknown one raises without a position.
function M.key(name)
  local ok, key = pcall(keys.key, name)
  if not ok then error(key:match "%((.*)%)$" or key, 0) end
  return key
end

-- Binds a sequence such as "ctrl-x ctrl-e" in the map, to a command's name or function; false unbinds.
-- A key that leads on to others and did something itself does so no more.
function M.bind(map, sequence, command)
  local names = {}
  for word in sequence:gmatch "%S+" do names[#names + 1] = M.name(M.key(word)) end
  if not names[1] then error("a sequence of no key", 0) end
  local node = map.keys
  for i = 1, #names - 1 do
    if type(node[names[i]]) ~= "table" then node[names[i]] = {} end
    node = node[names[i]]
  end
  node[names[#names]] = command or nil
end

-- A map made of lines "key, key … command". `fields`: `vi` (it is one of vi's), `command` (characters
-- are commands and are not inserted), `parent` (the map to look in when this one has nothing).
function M.of_lines(lines, fields)
  local map = fields or {}
  map.keys = {}
  for line in lines:gmatch "[^\n]+" do
    local sequences, command = line:match "^%s*(.-)%s+([%w-]+)%s*$"
    for sequence in (sequences .. "  "):gmatch "(.-)%s%s+" do
      if sequence ~= "" then M.bind(map, sequence, command) end
    end
  end
  return map
end

local function copy_tree(tree)
  local new = {}
  for k, v in pairs(tree) do new[k] = type(v) == "table" and copy_tree(v) or v end
  return new
end

-- A map of its own, to be changed.
function M.copy(map)
  return { keys = copy_tree(map.keys), vi = map.vi, command = map.command, parent = map.parent }
end

return M

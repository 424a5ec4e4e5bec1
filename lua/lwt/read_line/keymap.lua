-- Which keys run which command. A map is a tree: names of keys lead to commands or to maps of the keys
-- that may follow. Keys are the tables that `term` gives: `name` or `char`, and `ctrl`, `alt`, `shift`.

local M = {}

-- Commands that build the number which the next one takes.
M.takes_digits = { ["digit-argument"] = true, ["universal-argument"] = true,
  ["vi-arg-digit"] = true }

-- Other names for keys.
local ALIASES = {
  esc = "escape", ret = "enter", ["return"] = "enter", bs = "backspace", del = "delete",
  pgup = "pageup", pgdn = "pagedown", spc = "space", ins = "insert",
}

-- The name that a key has in maps: "ctrl-x", "alt-f", "shift-tab", "é". Nil for what is no key.
function M.name(key)
  local base = key.char or key.name
  if not base or key.name == "mouse" then return nil end
  if base == " " then base = "space" end
  local name = base
  if key.shift and not key.char then name = "shift-" .. name end
  if key.alt then name = "alt-" .. name end
  if key.ctrl then name = "ctrl-" .. name end
  return name
end

-- The key of a name such as "ctrl-alt-x", or nil and what is wrong.
local function parse(name)
  local key, rest = {}, name
  while true do
    local modifier, after = rest:match "^(%a+)%-(.+)$"
    modifier = modifier and modifier:lower()
    if modifier == "ctrl" or modifier == "control" or modifier == "c" then key.ctrl = true
    elseif modifier == "alt" or modifier == "meta" or modifier == "m" then key.alt = true
    elseif modifier == "shift" or modifier == "s" then key.shift = true
    else break end
    rest = after
  end
  local lower = rest:lower()
  lower = ALIASES[lower] or lower
  if lower == "space" then
    key.char = " "
  elseif utf8.len(rest) == 1 then
    key.char = key.ctrl and lower or rest
    if key.shift then key.char, key.shift = rest:upper(), nil end
  elseif lower:find "^%a+%d*$" then
    key.name = lower
  else
    return nil, ("there is no key '%s'"):format(name)
  end
  return key
end

function M.key(name)
  local key, message = parse(name)
  if not key then error(message, 0) end
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
    local keys, command = line:match "^%s*(.-)%s+([%w-]+)%s*$"
    for sequence in (keys .. "   "):gmatch "(.-)%s%s+" do
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

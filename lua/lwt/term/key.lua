-- Keys as values: what the decoder makes of bytes, what `term.key` makes of a name.
--
-- A key that is typed is interned: equal ones are the same table, so that they may index a table.
-- A paste, a report of the mouse and the like are compared by what they say.

local args = require "lwt.internal.args"

local M = {}

--- A key that was pressed, or what a terminal tells in the place of one: see `read_key`.
---@class lwt.TerminalKey
---@field name? string "up", "f1", "enter" …: a key that has a name; "mouse"
---@field char? string the character of any other key
---@field ctrl? boolean it was held down
---@field alt? boolean
---@field shift? boolean
---@field super? boolean
---@field paste? string what was pasted
---@field focus? boolean the window has got the keyboard (true) or lost it (false): see `with_focus`
---@field resize? boolean the terminal has another size: `columns` and `rows`
---@field columns? integer
---@field rows? integer
---@field action? string what the mouse did: see `with_mouse`
---@field button? string "left", "middle", "right", "up" …
---@field x? integer the column of the mouse, from 1
---@field y? integer its row, from 1
local Key = { __name = "lwt.terminal.key" }

local MODIFIERS = { "ctrl", "alt", "shift", "super" } -- in the order in which they are written

local NAMES = {}
for name in ("up down left right home end pageup pagedown insert delete enter tab escape backspace")
  :gmatch "%a+" do
  NAMES[name] = true
end
for i = 1, 20 do NAMES["f" .. i] = true end

-- Characters that take the shift key nearly everywhere: it says nothing beside them.
local SHIFTED = '^[!"#$%%&()*+:<>?@%^_{|}~]$'

local function prefix(ctrl, alt, shift, super)
  return (ctrl and "ctrl-" or "") .. (alt and "alt-" or "") .. (shift and "shift-" or "")
    .. (super and "super-" or "")
end

local function mouse_text(key)
  return prefix(key.ctrl, key.alt, key.shift, key.super) .. "mouse-" .. key.action
    .. (key.button and "-" .. key.button or "")
end

function Key.__tostring(key)
  if key.paste then return "paste" end
  if key.focus ~= nil then return key.focus and "focus-in" or "focus-out" end
  if key.resize then return "resize" end
  if key.name == "mouse" then return mouse_text(key) end
  return prefix(key.ctrl, key.alt, key.shift, key.super)
    .. (key.name or key.char == " " and "space" or key.char)
end

function Key.__eq(a, b)
  if getmetatable(a) ~= Key or getmetatable(b) ~= Key then return false end
  for field, value in pairs(a) do
    if b[field] ~= value then return false end
  end
  for field in pairs(b) do
    if a[field] == nil then return false end
  end
  return true
end

local interned = setmetatable({}, { __mode = "v" })

local function intern(field, value, ctrl, alt, shift, super)
  local id = prefix(ctrl, alt, shift, super) .. field .. value
  local key = interned[id]
  if not key then
    key = setmetatable({
      [field] = value,
      ctrl = ctrl or nil, alt = alt or nil, shift = shift or nil, super = super or nil,
    }, Key)
    interned[id] = key
  end
  return key
end

-- The key with this name ("up", "f3").
function M.named(name, ctrl, alt, shift, super)
  return intern("name", name, ctrl, alt, shift, super)
end

-- The key with this character. What is the same on a keyboard is the same here: shift beside a
-- letter is the capital, beside ctrl the letter is small, ctrl-@ is ctrl-space.
function M.char(char, ctrl, alt, shift, super)
  local upper = char:find "^%u$"
  if ctrl then
    if upper then char = char:lower() elseif char == "@" then char = " " end
  elseif shift and char:find "^%a$" then
    char, shift = char:upper(), false
  end
  local alone = char ~= " " and not (ctrl or alt or super)
  if shift and (alone or char:find(SHIFTED)) then shift = false end
  return intern("char", char, ctrl, alt, shift, super)
end

function M.paste(text) return setmetatable({ paste = text }, Key) end

function M.focus(has) return setmetatable({ focus = has }, Key) end

function M.resize(columns, rows)
  return setmetatable({ resize = true, columns = columns, rows = rows }, Key)
end

-- `report`: action, button, x, y and modifiers.
function M.mouse(report)
  report.name = "mouse"
  return setmetatable(report, Key)
end

function M.is_key(value) return getmetatable(value) == Key end

local ALIASES = { esc = "escape", ["return"] = "enter", del = "delete", ins = "insert" }

-- The key that `text` names, or nil: modifiers in any order, then a name or a character.
local function parse(text)
  local mods = {}
  local rest = text
  while true do
    local word, behind = rest:match "^(%a+)%-(.+)$"
    local name = word and word:lower()
    local known = false
    for _, modifier in ipairs(MODIFIERS) do known = known or modifier == name end
    if not known then break end
    if mods[name] then return nil end
    mods[name], rest = true, behind
  end
  local name = rest:lower()
  name = ALIASES[name] or name
  if NAMES[name] then return M.named(name, mods.ctrl, mods.alt, mods.shift, mods.super) end
  if name == "space" then rest = " " end
  if utf8.len(rest) ~= 1 or rest:find "^%c$" then return nil end
  return M.char(rest, mods.ctrl, mods.alt, mods.shift, mods.super)
end

--- The key with this name: `ctrl-`, `alt-`, `shift-` and `super-` in any order, and then a
--- character, `space`, or one of `up down left right home end pageup pagedown insert delete enter
--- tab escape backspace f1` to `f20`. Keys are compared with `==`, and may index a table: the same
--- key is the same value. `tostring` gives the name back, in one spelling. Shift beside a letter is
--- the capital letter, and `ctrl-A` is `ctrl-a`.
---@param name string
---@return lwt.TerminalKey
---```lua
---print(term.key "alt-ctrl-f", term.key "shift-a", term.key "ctrl-right".name)
------> ctrl-alt-f	A	right
---print(term.key "ctrl-a" == term.key "Ctrl-A")   --> true
---```
function M.key(name)
  if type(name) ~= "string" then args.wrong(1, "key", "string", name) end
  local key = parse(name)
  if not key then args.bad(1, "key", ("no key is called '%s'"):format(name)) end
  return key
end

return M

-- Random keys to the editor and to a plain model of it, which has a list of characters and copies of whole
-- states: text, cursor, what can be yanked and undone are the same after each key.
--
-- LWT_SEED says where to begin, LWT_STEPS how many keys.

local bindings = require "lwt.read_line.bindings"
local editor = require "lwt.read_line.editor"
local kills = require "lwt.read_line.kills"

local CHARS = { "a", "b", "1", "space", "-", "日", "é", "👍" }
local WORD = { a = true, b = true, ["1"] = true, ["日"] = true, ["é"] = true }

-- ---- The model --------------------------------------------------------------------------------------

local function new() return { chars = {}, at = 0, ring = {}, turn = 0, done = {}, redone = {} } end

local function copy(list) return table.move(list, 1, #list, 1, {}) end

-- Before a change: a state to go back to, unless this change goes on with the last one.
local function changing(m)
  m.redone = {}
  if m.open then return end
  m.open = true
  m.done[#m.done + 1] = { copy(m.chars), m.at }
end

local function cut(m, from, to)
  if from > to then from, to = to, from end
  if from == to then return "" end
  changing(m)
  local text = table.concat(m.chars, "", from + 1, to)
  for _ = from + 1, to do table.remove(m.chars, from + 1) end
  if m.at >= to then m.at = m.at - (to - from) elseif m.at > from then m.at = from end
  return text
end

local function put(m, chars)
  if #chars == 0 then return end
  changing(m)
  for i, c in ipairs(chars) do table.insert(m.chars, m.at + i, c) end
  m.at = m.at + #chars
end

local function kill(m, to)
  local back, joins = to < m.at, m.last == "kill"
  m.this = "kill"
  local text = cut(m, m.at, to)
  if text == "" then return end
  local n = #m.ring
  if joins and n > 0 then
    m.ring[n] = back and text .. m.ring[n] or m.ring[n] .. text
  else
    m.ring[n + 1] = text
    if #m.ring > 60 then table.remove(m.ring, 1) end
  end
  m.turn = #m.ring
end

local function split(text)
  local list = {}
  for _, c in utf8.codes(text) do list[#list + 1] = utf8.char(c) end
  return list
end

local function skip(m, at, step, wanted)
  while true do
    local c = m.chars[step > 0 and at + 1 or at]
    if not c or (wanted(c) or false) ~= true then return at end
    at = at + step
  end
end

local function is_word(c) return WORD[c] == true end
local function no_word(c) return not WORD[c] end
local function blank(c) return c == " " end
local function no_blank(c) return c ~= " " end

local function forward(m) return skip(m, skip(m, m.at, 1, no_word), 1, is_word) end
local function backward(m) return skip(m, skip(m, m.at, -1, no_word), -1, is_word) end

local COMMANDS = {
  left = function(m) m.at = math.max(0, m.at - 1) end,
  right = function(m) m.at = math.min(#m.chars, m.at + 1) end,
  ["ctrl-a"] = function(m) m.at = 0 end,
  ["ctrl-e"] = function(m) m.at = #m.chars end,
  ["alt-f"] = function(m) m.at = forward(m) end,
  ["alt-b"] = function(m) m.at = backward(m) end,
  backspace = function(m) cut(m, math.max(0, m.at - 1), m.at) end,
  delete = function(m) cut(m, m.at, math.min(#m.chars, m.at + 1)) end,
  ["ctrl-k"] = function(m) kill(m, #m.chars) end,
  ["ctrl-u"] = function(m) kill(m, 0) end,
  ["alt-d"] = function(m) kill(m, forward(m)) end,
  ["alt-backspace"] = function(m) kill(m, backward(m)) end,
  ["ctrl-w"] = function(m) kill(m, skip(m, skip(m, m.at, -1, blank), -1, no_blank)) end,
  ["ctrl-y"] = function(m)
    local text = m.ring[m.turn]
    if not text then return end
    m.yanked, m.this = { m.at, m.at + utf8.len(text) }, "yank"
    put(m, split(text))
  end,
  ["alt-y"] = function(m)
    if m.last ~= "yank" then return end
    m.turn = (m.turn - 2) % #m.ring + 1
    local from = m.yanked[1]
    cut(m, from, m.yanked[2])
    m.at = from
    local text = m.ring[m.turn]
    m.yanked, m.this = { from, from + utf8.len(text) }, "yank"
    put(m, split(text))
  end,
  ["ctrl-t"] = function(m)
    local at = m.at == #m.chars and m.at - 1 or m.at
    if at <= 0 or m.chars[at] == m.chars[at + 1] then
      if at > 0 then m.at = at + 1 end
      return
    end
    changing(m)
    m.chars[at], m.chars[at + 1] = m.chars[at + 1], m.chars[at]
    m.at = at + 1
  end,
  ["ctrl-_"] = function(m)
    local state = table.remove(m.done)
    if not state then return end
    m.redone[#m.redone + 1] = { copy(m.chars), m.at }
    m.chars, m.at = copy(state[1]), state[2]
  end,
  ["alt-/"] = function(m)
    local state = table.remove(m.redone)
    if not state then return end
    m.done[#m.done + 1] = { copy(m.chars), m.at }
    m.chars, m.at = copy(state[1]), state[2]
  end,
}

local KINDS = { backspace = "delete", delete = "delete" }

local function press(m, key)
  local command = COMMANDS[key]
  local kind = command and KINDS[key] or not command and "type" or nil
  local char = key == "space" and " " or key
  local on = kind and kind == m.last and m.open and m.at == m.left
  if on and kind == "type" then on = char == " " or not m.after_blank end
  if not on then m.open = false end
  m.this = kind
  if command then command(m) else put(m, { char }) end
  m.after_blank = not command and char == " "
  m.last, m.left = m.this, m.at
end

-- ---- Comparing --------------------------------------------------------------------------------------

local NAMES = {}
for name in pairs(COMMANDS) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

local function keys_of(seed, steps)
  math.randomseed(seed)
  local list = {}
  for i = 1, steps do
    list[i] = math.random(3) == 1 and NAMES[math.random(#NAMES)] or CHARS[math.random(#CHARS)]
  end
  return list
end

-- Nil, or what is different after which key.
local function difference(keys)
  local m = new()
  local ed = editor.new { kills = kills.new(), maps = bindings.maps() }
  for i, key in ipairs(keys) do
    press(m, key)
    ed:press(key)
    local text = table.concat(m.chars)
    local cursor = #table.concat(m.chars, "", 1, m.at)
    if ed:text() ~= text or ed:cursor() ~= cursor then
      return ("key %d, %s: %q, %d and not %q, %d"):format(i, key, ed:text(), ed:cursor(), text, cursor)
    end
  end
  while ed:_undo() do end
  if ed:text() ~= "" then return "undoing all leaves " .. ed:text() end
  return nil
end

-- As few of the keys as still show a difference.
local function shrunk(keys)
  local size = #keys // 2
  while size >= 1 do
    local at = 1
    while at <= #keys do
      local fewer = table.move(keys, 1, at - 1, 1, {})
      table.move(keys, at + size, #keys, at, fewer)
      if difference(fewer) then keys = fewer else at = at + size end
    end
    size = size // 2
  end
  return keys
end

describe("the editor", function()
  it("does what a plain model does", function()
    local seed, steps = tonumber(os.getenv "LWT_SEED" or 1), tonumber(os.getenv "LWT_STEPS" or 20000)
    local round = 200
    for n = seed, seed + steps // round - 1 do
      local keys = keys_of(n, round)
      local wrong = difference(keys)
      if wrong then
        keys = shrunk(keys)
        error(("seed %d: %s\nkeys: %s\n%s"):format(n, wrong, table.concat(keys, " "), difference(keys)), 0)
      end
    end
  end)
end)

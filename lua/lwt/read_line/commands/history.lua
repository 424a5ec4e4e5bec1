-- Commands that go through the history: by steps, by what was typed, by searching while one types.

local keymap = require "lwt.read_line.keymap"
local commands = require "lwt.read_line.editor".commands

local sub, find = string.sub, string.find

-- ---- Steps --------------------------------------------------------------------------------------

local function step(ed, direction)
  if not ed.history then return false end
  local at = ed.at
  if direction > 0 and not at then return false end
  local next_one = ed.history:step(at, direction)
  if not next_one and direction < 0 then return false end
  ed:_visit(next_one)
  return true
end

local function steps(ed, n, direction)
  if n < 0 then n, direction = -n, -direction end
  for _ = 1, n do
    if not step(ed, direction) then return ed:bell() end
  end
end

commands["previous-history"] = function(ed, n) steps(ed, n or 1, -1) end
commands["next-history"] = function(ed, n) steps(ed, n or 1, 1) end

commands["beginning-of-history"] = function(ed)
  local oldest = ed.history and ed.history:step(ed.history.first - 1, 1)
  if not oldest then return ed:bell() end
  ed:_visit(oldest)
end

commands["end-of-history"] = function(ed) ed:_visit(nil) end

-- ---- By what was typed before the cursor --------------------------------------------------------

-- What was typed stays what is looked for, while one goes on looking.
local function prefix_of(ed)
  local kept = ed.prefix
  if kept and kept.shown == ed.buffer and (ed.last == "prefix" or ed.last == "vertical") then
    return kept.text
  end
  return sub(ed.buffer, 1, ed.point)
end

local function search_prefix(ed, direction)
  if not ed.history then return ed:bell() end
  local prefix = prefix_of(ed)
  local moved
  if prefix == "" then
    moved = step(ed, direction)
  elseif direction < 0 or ed.at then
    local from = ed.at and ed.at + direction or nil
    local found = ed.history:find(prefix, from, direction, true, ed.buffer)
    if found or direction > 0 then
      ed:_visit(found)
      moved = true
    end
  end
  ed.prefix = { text = prefix, shown = ed.buffer }
  ed.this = "prefix"
  if not moved then ed:bell() end
end

commands["history-search-backward"] = function(ed, n)
  for _ = 1, n or 1 do search_prefix(ed, -1) end
end

commands["history-search-forward"] = function(ed, n)
  for _ = 1, n or 1 do search_prefix(ed, 1) end
end

-- ---- Searching while one types ------------------------------------------------------------------

local function label(search)
  return ("(%s%s)`%s': "):format(search.failed and "failed " or "",
    search.direction < 0 and "reverse-i-search" or "i-search", search.pattern)
end

-- The place of the pattern in the entry where the search is, or nil.
local function in_entry(ed, search)
  local s, from = ed:_entry(search.at), nil
  repeat
    local found = find(s, search.pattern, (from or 0) + 1, true)
    if found then from = found end
  until not found or search.direction > 0
  return from and from - 1
end

-- Shows what is found, from where the search is; `again` goes on behind it.
local function look(ed, search, again)
  local at, offset = search.at, nil
  if search.pattern == "" then return end
  if not again then offset = in_entry(ed, search) end
  if not offset then
    local from = at
    if again or at then from = (at or ed.history.last + 1) + search.direction end
    if at or search.direction < 0 then
      local shown = ed:_entry(search.at)
      at, offset = ed.history:find(search.pattern, from, search.direction, false, shown)
    end
    if not offset and search.direction > 0 and search.at then -- the newest is the line itself
      at = nil
      offset = find(ed:_entry(nil), search.pattern, 1, true)
      offset = offset and offset - 1
    end
  end
  search.failed = not offset
  if not offset then return ed:bell() end
  search.at = at
  ed:_visit(at, search.direction < 0 and offset or offset + #search.pattern)
end

local function push(search)
  search.stack[#search.stack + 1] =
    { search.pattern, search.at, search.failed, search.direction }
end

local function extend(ed, search, s)
  push(search)
  search.pattern = search.pattern .. s
  look(ed, search, false)
end

local function again(ed, search, direction)
  push(search)
  search.direction = direction
  if search.pattern == "" then
    search.pattern = ed.last_pattern or ""
    return look(ed, search, false)
  end
  look(ed, search, true)
end

local function back(ed, search)
  local before = table.remove(search.stack)
  if not before then return ed:bell() end
  search.pattern, search.at, search.failed, search.direction = table.unpack(before, 1, 4)
  if search.pattern == "" then
    ed:_visit(search.origin.at, search.origin.point)
  else
    look(ed, search, false)
  end
end

local KEYS = {
  ["ctrl-r"] = function(ed, search) again(ed, search, -1) end,
  ["ctrl-s"] = function(ed, search) again(ed, search, 1) end,
  backspace = back, ["ctrl-h"] = back,
}

local function finish(ed, search)
  if search.pattern ~= "" then ed.last_pattern = search.pattern end
  ed.label, ed.last = nil, nil
end

local function reader(search)
  return function(ed, key)
    local name = keymap.name(key)
    local act = KEYS[name]
    local s = key.paste or not (key.ctrl or key.alt) and key.char
    if act or s then
      ed.group = nil
      if act then act(ed, search) else extend(ed, search, s) end
    elseif name == "ctrl-g" then
      finish(ed, search)
      return ed:_visit(search.origin.at, search.origin.point)
    else
      finish(ed, search)
      if name == "escape" then return nil end
      return "again"
    end
    ed.reader, ed.label = reader(search), label(search)
  end
end

local function start(ed, direction)
  if not ed.history then return ed:bell() end
  local search = { pattern = "", direction = direction, at = ed.at, stack = {},
    origin = { at = ed.at, point = ed.point } }
  ed.reader, ed.label = reader(search), label(search)
end

commands["reverse-search-history"] = function(ed) start(ed, -1) end
commands["forward-search-history"] = function(ed) start(ed, 1) end

-- ---- Words of earlier lines ---------------------------------------------------------------------

local function nth_word(s, n)
  local list = {}
  for word in s:gmatch "%S+" do list[#list + 1] = word end
  if not n then return list[#list] end
  return list[n < 0 and #list + 1 + n or n + 1]
end

commands["yank-last-arg"] = function(ed, n)
  if not ed.history then return ed:bell() end
  local again_ = ed.last == "last-arg" and ed.last_arg
  local at = ed.history:step(again_ and again_.at or ed.at, -1)
  local word = at and nth_word(ed.history:get(at), n)
  if not word then return ed:bell() end
  if again_ then ed:delete(again_.from, ed.point) end
  ed.last_arg = { at = at, from = ed.point }
  ed:insert(word)
  ed.this = "last-arg"
end

commands["yank-nth-arg"] = function(ed, n)
  local at = ed.history and ed.history:step(ed.at, -1)
  local word = at and nth_word(ed.history:get(at), n or 1)
  if not word then return ed:bell() end
  ed:insert(word)
end

-- Accepts; the next reading begins with the entry behind this one.
commands["operate-and-get-next"] = function(ed)
  if ed.history and ed.at then ed.history.resume = ed.at + 1 end
  ed:_want "accept"
end

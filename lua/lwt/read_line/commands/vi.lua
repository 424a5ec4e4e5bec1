-- vi's commands: motions, operators that take one, what goes into insert mode and comes back from it,
-- and `.`, which does the last change again. Motions are functions of (editor, number) that give the
-- place, and whether the character there belongs to it.

local clusters = require "lwt.read_line.clusters"
local text = require "lwt.text"
local words = require "lwt.read_line.words"
local commands = require "lwt.read_line.editor".commands

local sub = string.sub

local function command_mode(ed)
  ed.map = ed.maps.vi_command
end

-- In command mode the cursor is on a character, not behind the last one.
local function onto_character(ed)
  if ed.map.command and ed.point > ed:line_start() and ed.point == ed:line_end() then
    ed.point = clusters.prev(ed.buffer, ed.point)
  end
end

-- ---- Motions ------------------------------------------------------------------------------------

local function repeated(step, inclusive)
  return function(ed, n)
    local at = ed.point
    for _ = 1, n or 1 do at = step(ed.buffer, at) end
    return at, inclusive
  end
end

local PAIRS = { ["("] = ")", ["["] = "]", ["{"] = "}" }
local OPENERS = { [")"] = "(", ["]"] = "[", ["}"] = "{" }

-- The bracket that belongs to the first one at or behind the cursor.
local function matching(ed)
  local s = ed.buffer
  local at = s:find("[%(%)%[%]{}]", ed.point + 1)
  if not at then return nil end
  local bracket = sub(s, at, at)
  local other = PAIRS[bracket] or OPENERS[bracket]
  local step, depth = PAIRS[bracket] and 1 or -1, 0
  for i = at, step > 0 and #s or 1, step do
    local c = sub(s, i, i)
    if c == bracket then depth = depth + 1 elseif c == other then depth = depth - 1 end
    if depth == 0 then return i - 1, true end
  end
  return nil
end

local function first_not_blank(ed)
  local from, to = ed:line_start(), ed:line_end()
  return from + #sub(ed.buffer, from + 1, to):match "^%s*"
end

local function within_line(step)
  return function(ed, n)
    local at, from, to = ed.point, ed:line_start(), ed:line_end()
    for _ = 1, n or 1 do
      local after = step(ed.buffer, at)
      if after < from or after > to then break end
      at = after
    end
    return at
  end
end

local left, right = within_line(clusters.prev), within_line(clusters.next)

local motions = {
  h = left, backspace = left, left = left,
  l = right, space = right, right = right,
  w = repeated(function(s, at) return words.vi_next(s, at, false) end),
  W = repeated(function(s, at) return words.vi_next(s, at, true) end),
  b = repeated(function(s, at) return words.vi_prev(s, at, false) end),
  B = repeated(function(s, at) return words.vi_prev(s, at, true) end),
  e = repeated(function(s, at) return words.vi_end(s, at, false) end, true),
  E = repeated(function(s, at) return words.vi_end(s, at, true) end, true),
  ["0"] = function(ed) return ed:line_start() end,
  ["^"] = first_not_blank,
  ["$"] = function(ed) return ed:line_end() end,
  ["%"] = matching,
  ["|"] = function(ed, n)
    local to = clusters.move(ed.buffer, ed:line_start(), (n or 1) - 1)
    return math.min(to, ed:line_end())
  end,
  home = function(ed) return ed:line_start() end,
  ["end"] = function(ed) return ed:line_end() end,
}

-- f F t T: the `n`th such character of the line.
local function find_on_line(ed, kind, char, n)
  local s, at = ed.buffer, ed.point
  local forward = kind == "f" or kind == "t"
  local from, to = ed:line_start(), ed:line_end()
  for _ = 1, n do
    repeat
      if forward then
        at = clusters.next(s, at)
        if at >= to then return nil end
      else
        if at <= from then return nil end
        at = clusters.prev(s, at)
      end
    until sub(s, at + 1, clusters.next(s, at)) == char
  end
  if kind == "t" then at = clusters.prev(s, at) end
  if kind == "T" then at = clusters.next(s, at) end
  return at, forward
end

local OPPOSITE = { f = "F", F = "f", t = "T", T = "t" }

-- Calls done(target or nil, inclusive) with the place that the key means, perhaps after another key.
local function with_motion(ed, key, n, done)
  local name = tostring(key)
  if OPPOSITE[name] then
    ed.reader = function(_, char_key)
      local char = not char_key.ctrl and not char_key.alt and char_key.char
      if not char then return ed:bell() end
      ed.vi_find = { name, char }
      done(find_on_line(ed, name, char, n or 1))
    end
  elseif (name == ";" or name == ",") and ed.vi_find then
    local kind = ed.vi_find[1]
    done(find_on_line(ed, name == ";" and kind or OPPOSITE[kind], ed.vi_find[2], n or 1))
  elseif motions[name] then
    done(motions[name](ed, n))
  else
    done(nil)
  end
end

commands["vi-motion"] = function(ed, n, key)
  with_motion(ed, key, n, function(target)
    if not target then return ed:bell() end
    ed:move(target)
    onto_character(ed)
  end)
end

commands["vi-backward-char"] = function(ed, n)
  ed:move(motions.h(ed, n))
end

commands["vi-forward-char"] = function(ed, n)
  ed:move(motions.l(ed, n))
  onto_character(ed)
end

local function then_onto(name)
  return function(ed, n)
    ed:_call(name, n)
    onto_character(ed)
  end
end

commands["vi-next-line"] = then_onto "line-or-history-down"
commands["vi-previous-line"] = then_onto "line-or-history-up"

commands["vi-fetch-history"] = function(ed, n)
  if not ed.history then return ed:bell() end
  local at = n and ed.history:step(ed.history.first + n - 2, 1)
  if n and not at then return ed:bell() end
  ed:_visit(at or nil)
  onto_character(ed)
end

-- ---- Modes --------------------------------------------------------------------------------------

-- Into insert mode. `before` does again, for `.`, what came before the typing.
local function insert_mode(ed, before)
  ed.map = ed.maps.vi_insert
  ed.vi_typing = { before = before, from = ed.point, entry = ed.at }
end

commands["vi-movement-mode"] = function(ed)
  local typing = ed.vi_typing
  ed.vi_typing, ed.overwrite = nil, false
  command_mode(ed)
  if typing and typing.entry == ed.at and typing.from <= ed.point then
    local typed = sub(ed.buffer, typing.from + 1, ed.point)
    ed.vi_last = function(again)
      if typing.before then typing.before(again) end
      again:insert(typed)
      again.point = clusters.prev(again.buffer, again.point)
    end
  end
  if ed.point > ed:line_start() then ed.point = clusters.prev(ed.buffer, ed.point) end
end

commands["vi-editing-mode"] = function(ed)
  ed.map = ed.maps.vi_insert
end

-- A command that goes into insert mode after `f`, which `.` does again.
local function inserting(f)
  return function(ed)
    f(ed)
    insert_mode(ed, f)
  end
end

commands["vi-insertion-mode"] = inserting(function() end)
commands["vi-append-mode"] = inserting(function(ed)
  if ed.point < ed:line_end() then ed.point = clusters.next(ed.buffer, ed.point) end
end)
commands["vi-insert-beginning"] = inserting(function(ed) ed:move(first_not_blank(ed)) end)
commands["vi-append-end"] = inserting(function(ed) ed:move(ed:line_end()) end)
commands["vi-replace-mode"] = inserting(function(ed) ed.overwrite = true end)
commands["vi-open-line"] = function(ed)
  if not ed.multiline then return ed:bell() end
  ed:move(ed:line_end())
  ed:insert "\n"
  insert_mode(ed, nil)
end

-- ---- Changes ------------------------------------------------------------------------------------

-- Does a change, and remembers it for `.`.
local function change(ed, f)
  ed.vi_last = f
  f(ed)
  onto_character(ed)
end

commands["vi-redo"] = function(ed)
  local last = ed.vi_last
  if not last then return ed:bell() end
  last(ed)
  command_mode(ed)
  onto_character(ed)
end

-- What an operator does with what is from one place to another.
local operators = {
  d = function(ed, from, to) ed:kill(from, to) end,
  c = function(ed, from, to) ed:kill(from, to) end,
  y = function(ed, from, to)
    if to > from then ed.kills:add(sub(ed.buffer, from + 1, to)) end
    ed.point = from
  end,
}

local function operate(ed, operator, from, to)
  ed.last = nil -- kills of vi are not joined
  operators[operator](ed, from, to)
end

-- The line, or `n` of them, with what ends them.
local function whole_lines(ed, n)
  local from, to = ed:line_start(), ed:line_end()
  for _ = 2, n or 1 do to = ed:line_end(math.min(to + 1, #ed.buffer)) end
  return from, to
end

local function apply(ed, operator, n, find_range)
  local function f(again)
    local from, to = find_range(again, n)
    if not from then return again:bell() end
    if from > to then from, to = to, from end
    operate(again, operator, from, to)
  end
  if operator == "c" then
    f(ed)
    return insert_mode(ed, f)
  end
  if operator == "y" then return f(ed) end
  change(ed, f)
end

-- The range of a motion that has given a target once gives it again from elsewhere.
local function range_of(name, target, inclusive, ed)
  local distance = target - ed.point
  local motion, found = motions[name], ed.vi_find
  return function(again, n)
    local to, with = again.point + distance, inclusive
    if motion then
      to, with = motion(again, n)
    elseif found then
      local kind = OPPOSITE[name] and name or name == ";" and found[1] or OPPOSITE[found[1]]
      to, with = find_on_line(again, kind, found[2], n or 1)
    end
    if not to then return nil end
    if with and to >= again.point then to = clusters.next(again.buffer, to) end
    return again.point, to
  end
end

commands["vi-operator"] = function(ed, n, key)
  local operator, digits = key.char, nil
  local function take(_, motion)
    if motion.char and motion.char:find "^%d$" and (digits or motion.char ~= "0") then
      digits = math.min((digits or 0) * 10 + tonumber(motion.char), 99999)
      ed.reader = take
      return
    end
    local count = (n or digits) and (n or 1) * (digits or 1)
    local name = tostring(motion)
    ed:_call(function()
      if name == operator then
        return apply(ed, operator, count, whole_lines)
      end
      -- "cw" is "ce" on a word, as it has always been.
      if operator == "c" and (name == "w" or name == "W")
        and words.class(ed.buffer, ed.point) ~= "blank" then
        name = name == "w" and "e" or "E"
        return apply(ed, operator, count, range_of(name, ed.point, true, ed))
      end
      with_motion(ed, motion, count, function(target, inclusive)
        if not target then return ed:bell() end
        apply(ed, operator, count, range_of(name, target, inclusive, ed))
      end)
    end)
  end
  ed.reader = take
end

local SHORT = {
  s = { "c", "l" }, S = { "c", nil }, C = { "c", "$" }, D = { "d", "$" }, Y = { "y", nil },
}

commands["vi-short"] = function(ed, n, key)
  local operator, motion = SHORT[key.char][1], SHORT[key.char][2]
  if not motion then return apply(ed, operator, n, whole_lines) end
  apply(ed, operator, n, function(again, count)
    return again.point, (motions[motion](again, count))
  end)
end

commands["vi-delete"] = function(ed, n)
  apply(ed, "d", n, function(again, count) return again.point, (motions.l(again, count)) end)
end

commands["vi-backward-delete"] = function(ed, n)
  apply(ed, "d", n, function(again, count) return (motions.h(again, count)), again.point end)
end

commands["vi-put"] = function(ed, n, key)
  local s = ed.kills:current()
  if not s then return ed:bell() end
  local behind = key.char == "p"
  change(ed, function(again)
    if behind and again.point < again:line_end() then
      again.point = clusters.next(again.buffer, again.point)
    end
    again:insert(s:rep(math.min(n or 1, 1000)))
    again.point = clusters.prev(again.buffer, again.point)
  end)
end

commands["vi-replace-char"] = function(ed, n)
  ed.reader = function(_, key)
    local char = not key.ctrl and not key.alt and key.char
    if not char then return ed:bell() end
    ed:_call(function()
      change(ed, function(again)
        local to = motions.l(again, n)
        local count = clusters.count(sub(again.buffer, again.point + 1, to))
        local from = again.point
        again:replace(from, to, char:rep(count))
        again.point = from + #char * math.max(count - 1, 0)
        again:_settle()
      end)
    end)
  end
end

local function other_case(s)
  local lower = text.lower(s)
  return s == lower and text.upper(s) or lower
end

commands["vi-change-case"] = function(ed, n)
  change(ed, function(again)
    for _ = 1, math.min(n or 1, 10000) do
      local from, to = again.point, clusters.next(again.buffer, again.point)
      if from >= again:line_end() then return end
      local s = other_case(sub(again.buffer, from + 1, to))
      again:replace(from, to, s)
      again.point = from + #s
      again:_settle()
    end
  end)
end

commands["vi-join"] = function(ed)
  change(ed, function(again)
    local stop = again:line_end()
    if stop == #again.buffer then return again:bell() end
    local _, behind = again.buffer:find("^\n[ \t]*", stop + 1)
    again:replace(stop, behind, " ")
    again.point = stop
  end)
end

-- ---- Numbers, searching -------------------------------------------------------------------------

commands["vi-arg-digit"] = function(ed, _, key)
  ed:_call("digit-argument", nil, key)
end

commands["vi-search"] = function(ed) ed:_call "reverse-search-history" end
commands["vi-search-forward"] = function(ed) ed:_call "forward-search-history" end

local function search_again(ed, direction)
  if not ed.last_pattern or not ed.history then return ed:bell() end
  local from = ed.at and ed.at + direction or nil
  if direction > 0 and not ed.at then return ed:bell() end
  local found = ed.history:find(ed.last_pattern, from, direction, false, ed.buffer)
  if not found then return ed:bell() end
  ed:_visit(found)
  onto_character(ed)
end

commands["vi-search-again"] = function(ed) search_again(ed, -1) end
commands["vi-search-again-reverse"] = function(ed) search_again(ed, 1) end

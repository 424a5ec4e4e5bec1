-- Commands that move: by characters, words, lines; the mark; looking for a character.

local clusters = require "lwt.read_line.clusters"
local words = require "lwt.read_line.words"
local commands = require "lwt.read_line.editor".commands

commands["forward-char"] = function(ed, n)
  ed:move(clusters.move(ed.buffer, ed.point, n or 1))
end

commands["backward-char"] = function(ed, n)
  ed:move(clusters.move(ed.buffer, ed.point, -(n or 1)))
end

-- The place `n` words on, by a function forward and one backward.
local function words_on(ed, n, forward, backward)
  local s, at = ed.buffer, ed.point
  for _ = 1, math.abs(n) do
    local before = at
    at = (n > 0 and forward or backward)(s, at)
    if at == before then break end
  end
  return at
end

commands["forward-word"] = function(ed, n)
  ed:move(words_on(ed, n or 1, words.forward, words.backward))
end

commands["backward-word"] = function(ed, n)
  ed:move(words_on(ed, -(n or 1), words.forward, words.backward))
end

commands["beginning-of-line"] = function(ed) ed:move(ed:line_start()) end
commands["end-of-line"] = function(ed) ed:move(ed:line_end()) end
commands["beginning-of-buffer"] = function(ed) ed:move(0) end
commands["end-of-buffer"] = function(ed) ed:move(#ed.buffer) end

-- ---- Lines among several ------------------------------------------------------------------------

-- The place `column` characters into the line that begins at `start`.
local function in_line(ed, start, column)
  local stop = ed:line_end(start)
  local at = start
  while at < stop and column > 0 do at, column = clusters.next(ed.buffer, at), column - 1 end
  return math.min(at, stop)
end

-- Goes up (-1) or down (1) a line of the text, keeping the column of the first such step; false when
-- there is none.
local function vertical(ed, direction)
  local start = ed:line_start()
  local target
  if direction < 0 then
    if start == 0 then return false end
    target = ed:line_start(start - 1)
  else
    target = ed:line_end() + 1
    if target > #ed.buffer then return false end
  end
  if ed.last ~= "vertical" or not ed.column then
    ed.column = clusters.count(ed.buffer:sub(start + 1, ed.point))
  end
  ed.this = "vertical"
  ed:move(in_line(ed, target, ed.column))
  return true
end

commands["previous-line"] = function(ed, n)
  for _ = 1, n or 1 do
    if not vertical(ed, -1) then return ed:bell() end
  end
end

commands["next-line"] = function(ed, n)
  for _ = 1, n or 1 do
    if not vertical(ed, 1) then return ed:bell() end
  end
end

-- Up and Down: lines of the text first, then the history, by what was typed.
commands["line-or-history-up"] = function(ed, n)
  if not vertical(ed, -1) then ed:_call("history-search-backward", n) end
end

commands["line-or-history-down"] = function(ed, n)
  if not vertical(ed, 1) then ed:_call("history-search-forward", n) end
end

-- ---- The mark -----------------------------------------------------------------------------------

commands["set-mark"] = function(ed)
  ed.mark, ed.active = ed.point, true
end

commands["exchange-point-and-mark"] = function(ed)
  if not ed.mark then return ed:bell() end
  ed.point, ed.mark = ed.mark, ed.point
  ed.active = true
  ed:_settle()
end

-- ---- Looking for a character --------------------------------------------------------------------

-- The `n`th place of `wanted` after the cursor, or before it, or nil.
local function find_char(ed, wanted, n)
  local s, at = ed.buffer, ed.point
  local step = n < 0 and clusters.prev or clusters.next
  for _ = 1, math.abs(n) do
    repeat
      local before = at
      at = step(s, at)
      if at == before or at >= #s then return nil end
    until s:sub(at + 1, clusters.next(s, at)) == wanted
  end
  return at
end

local function search_char(ed, n)
  ed.reader = function(_, key)
    local wanted = key.char
    if not wanted or key.ctrl or key.alt then return ed:bell() end
    local at = find_char(ed, wanted, n)
    if not at then return ed:bell() end
    ed.last = nil
    ed:move(at)
  end
end

commands["character-search"] = function(ed, n) search_char(ed, n or 1) end
commands["character-search-backward"] = function(ed, n) search_char(ed, -(n or 1)) end

return { words_on = words_on, find_char = find_char }

-- Commands that insert, delete, kill, yank, transpose, and change case.

local clusters = require "lwt.read_line.clusters"
local text = require "lwt.internal.lazy" "lwt.text"
local words = require "lwt.read_line.words"
local commands = require "lwt.read_line.editor".commands
local words_on = require "lwt.read_line.commands.motion".words_on

local sub = string.sub
local MOST = 10000 -- characters that a numeric argument may insert

-- ---- Inserting ----------------------------------------------------------------------------------

local function repeated(s, n)
  n = n or 1
  return n > 0 and s:rep(math.min(n, MOST)) or ""
end

-- In overwrite mode as many characters of this line as are written go.
local function overwrite(ed, s)
  local from = ed.point
  local to = math.min(clusters.move(ed.buffer, from, clusters.count(s)), ed:line_end())
  ed:replace(from, to, s)
  ed.point = from + #s
  ed:_settle()
end

commands["self-insert"] = function(ed, n, key)
  local s = repeated(key and key.char or "", n)
  if ed.overwrite then return overwrite(ed, s) end
  local at = ed.point
  ed:replace(at, at, s)
  ed.point = at + #s
  ed:_settle()
end

-- A paste is one step back, and runs nothing.
commands["insert-paste"] = function(ed, _, key) ed:insert(key.paste) end

-- The bytes that a key stands for.
local NAMED = { enter = "\r", tab = "\t", escape = "\27", backspace = "\127" }

local function literal(key)
  local c = key.char or NAMED[key.name]
  if not c then return nil end
  if key.ctrl then c = #c == 1 and string.char(c:upper():byte() & 31) or nil end
  return c and key.alt and "\27" .. c or c
end

commands["quoted-insert"] = function(ed, n)
  ed.label = "quoted"
  ed.reader = function(_, key)
    local c = key.paste or literal(key)
    if not c then return ed:bell() end
    ed:_call(function() ed:insert(repeated(c, n)) end)
  end
end

commands["tab-insert"] = function(ed, n) ed:insert(repeated("\t", n)) end

-- A new line, indented as the one that it ends.
commands.newline = function(ed, n)
  if not ed.multiline then return ed:bell() end
  local indent = sub(ed.buffer, ed:line_start() + 1, ed.point):match "^[ \t]*"
  ed:insert(repeated("\n" .. indent, n))
end

commands["overwrite-mode"] = function(ed, n)
  if n then ed.overwrite = n > 0 else ed.overwrite = not ed.overwrite end
end

commands["insert-comment"] = function(ed, n)
  local comment = ed.comment or "--"
  local has = sub(ed.buffer, 1, #comment) == comment
  if n and has then
    ed:replace(0, #comment, "")
  else
    ed:replace(0, 0, comment)
  end
  ed:_settle()
  ed:_want "accept"
end

-- ---- Deleting -----------------------------------------------------------------------------------

commands["delete-char"] = function(ed, n)
  if n and n < 0 then return ed:_call("backward-delete-char", -n) end
  local to = clusters.move(ed.buffer, ed.point, n or 1)
  if to == ed.point then return ed:bell() end
  if n then ed:kill(ed.point, to) else ed:delete(ed.point, to) end
end

commands["backward-delete-char"] = function(ed, n)
  if n and n < 0 then return ed:_call("delete-char", -n) end
  local from = clusters.move(ed.buffer, ed.point, -(n or 1))
  if from == ed.point then return ed:bell() end
  if n then ed:kill(ed.point, from) else ed:delete(from, ed.point) end
end

-- Ctrl-D: the end of the input when there is nothing, else as Delete.
commands["end-of-file"] = function(ed, n)
  if ed.buffer == "" then return ed:_want "eof" end
  ed:_call("delete-char", n)
end

commands["delete-char-or-list"] = function(ed, n)
  if ed.buffer == "" then return ed:_want "eof" end
  if ed.point == #ed.buffer then return ed:_want "list" end
  ed:_call("delete-char", n)
end

local function blanks_around(ed)
  local from, to = ed.point, ed.point
  while ed.buffer:find("^[ \t]", from) and from > 0 do from = from - 1 end
  while ed.buffer:find("^[ \t]", to + 1) do to = to + 1 end
  return from, to
end

commands["delete-horizontal-space"] = function(ed) ed:delete(blanks_around(ed)) end

-- ---- Killing ------------------------------------------------------------------------------------

-- To the end of the line; of an empty rest the line's end.
commands["kill-line"] = function(ed, n)
  if n and n < 0 then return ed:_call "backward-kill-line" end
  local to = ed:line_end()
  if to == ed.point and to < #ed.buffer then to = to + 1 end
  ed:kill(ed.point, to)
end

commands["backward-kill-line"] = function(ed, n)
  if n and n < 0 then return ed:_call "kill-line" end
  local from = ed:line_start()
  if from == ed.point and from > 0 then from = from - 1 end
  ed:kill(ed.point, from)
end

commands["unix-line-discard"] = function(ed) ed:_call "backward-kill-line" end

commands["kill-whole-line"] = function(ed)
  local from = ed:line_start()
  ed.point = ed:line_end()
  ed:kill(ed.point, from)
end

commands["kill-word"] = function(ed, n)
  ed:kill(ed.point, words_on(ed, n or 1, words.forward, words.backward))
end

commands["backward-kill-word"] = function(ed, n)
  ed:kill(ed.point, words_on(ed, -(n or 1), words.forward, words.backward))
end

-- To the blank before; in a region, the region.
commands["unix-word-rubout"] = function(ed, n)
  if ed.active and ed.mark then return ed:_call "kill-region" end
  ed:kill(ed.point, words_on(ed, -(n or 1), words.forward_blank, words.backward_blank))
end

local function back_filename(s, at)
  local stop = at
  while stop > 0 and s:find("^[%s/]", stop) do stop = stop - 1 end
  while stop > 0 and not s:find("^[%s/]", stop) do stop = stop - 1 end
  return stop
end

commands["unix-filename-rubout"] = function(ed, n)
  ed:kill(ed.point, words_on(ed, -(n or 1), words.forward_blank, back_filename))
end

commands["kill-region"] = function(ed)
  if not ed.mark then return ed:bell() end
  local mark = ed.mark
  ed.active = false
  ed:kill(ed.point, mark)
end

commands["copy-region-as-kill"] = function(ed)
  if not ed.mark then return ed:bell() end
  local from, to = math.min(ed.mark, ed.point), math.max(ed.mark, ed.point)
  ed.active = false
  if from < to then ed.kills:add(sub(ed.buffer, from + 1, to)) end
end

-- ---- Yanking ------------------------------------------------------------------------------------

local function put(ed, s)
  local from = ed.point
  ed:insert(s)
  ed.yanked = { from, from + #s }
  ed.this = "yank"
end

commands.yank = function(ed)
  local s = ed.kills:current()
  if not s then return ed:bell() end
  put(ed, s)
end

commands["yank-pop"] = function(ed, n)
  if ed.last ~= "yank" or not ed.yanked then return ed:bell() end
  local from, to = ed.yanked[1], ed.yanked[2]
  local s = ed.kills:rotate(n or 1)
  ed:delete(from, to)
  ed.point = from
  put(ed, s)
end

-- ---- Transposing --------------------------------------------------------------------------------

-- The character before the cursor changes places with that under it; at the end the last two.
commands["transpose-chars"] = function(ed)
  local s, at = ed.buffer, ed.point
  if at == ed:line_end() then at = clusters.prev(s, at) end
  local before, after = clusters.prev(s, at), clusters.next(s, at)
  if at <= ed:line_start() or after > ed:line_end(at) then return ed:bell() end
  ed:replace(before, after, sub(s, at + 1, after) .. sub(s, before + 1, at))
  ed.point = after
  ed:_settle()
end

commands["transpose-words"] = function(ed)
  local s = ed.buffer
  local to2 = words.forward(s, ed.point)
  local from2 = words.backward(s, to2)
  local from1 = words.backward(s, from2)
  local to1 = words.forward(s, from1)
  if from1 >= from2 or to1 > from2 then return ed:bell() end
  ed:replace(from1, to2, sub(s, from2 + 1, to2) .. sub(s, to1 + 1, from2) .. sub(s, from1 + 1, to1))
  ed.point = to2
  ed:_settle()
end

-- ---- Case ---------------------------------------------------------------------------------------

local function capital(s)
  local rest, word = s:match "^([^%w\x80-\xFF]*)(.*)$"
  local first = clusters.next(word, 0)
  return rest .. text.upper(sub(word, 1, first)) .. text.lower(sub(word, first + 1))
end

-- Changes the words from the cursor on and moves behind them; with a negative number those before it.
local function change_case(ed, n, f)
  n = n or 1
  local from, to = ed.point, words_on(ed, n, words.forward, words.backward)
  if n < 0 then from, to = to, from end
  local s = sub(ed.buffer, from + 1, to)
  local changed = f(s)
  local cursor = n < 0 and ed.point or nil
  ed:replace(from, to, changed)
  ed.point = cursor and cursor + #changed - #s or from + #changed
  ed:_settle()
end

commands["upcase-word"] = function(ed, n) change_case(ed, n, text.upper) end
commands["downcase-word"] = function(ed, n) change_case(ed, n, text.lower) end
commands["capitalize-word"] = function(ed, n)
  if n and (n > 1 or n < 0) then
    return change_case(ed, n, function(s) return (s:gsub("[%w\x80-\xFF]+", capital)) end)
  end
  change_case(ed, n, capital)
end

-- ---- Undo ---------------------------------------------------------------------------------------

commands.undo = function(ed, n)
  for _ = 1, n or 1 do
    if not ed:_undo() then return ed:bell() end
  end
end

commands.redo = function(ed, n)
  for _ = 1, n or 1 do
    if not ed:_redo() then return ed:bell() end
  end
end

commands["revert-line"] = function(ed)
  if not ed.done[1] then return ed:bell() end
  while ed:_undo() do end
end

-- The line that is edited, without a terminal: its text, the cursor in it, mark, kills, undo, the place
-- in the history. Keys come in by `press`, or commands by `run`; what a command cannot do itself (accept,
-- ring, complete …) it asks for with `want`, and the code that drives the editor gets it from `take`.
--
-- What always holds: the text is UTF-8, the cursor and the mark are at borders of clusters, every change
-- goes through `replace`, which writes down how to undo it. Offsets count the bytes before a place.

local args = require "lwt.internal.args"
local clusters = require "lwt.read_line.clusters"
local keymap = require "lwt.read_line.keymap"
local Kills = require "lwt.read_line.kills"

local sub = string.sub
local max, min = math.max, math.min

---@class lwt.LineEditor
local Editor = { __name = "lwt.read_line.editor" }
Editor.__index = Editor

local M = { Editor = Editor, commands = {} }

-- opts: text, cursor, history (a list, see history.lua), kills, maps (see keymap.lua), mode,
-- multiline, on_key.
function M.new(opts)
  local ed = setmetatable({
    buffer = "", point = 0, mark = nil, active = false, overwrite = false,
    done = {}, redone = {}, group = nil,  -- undo: groups of changes, the newest last
    kills = opts.kills or Kills.shared,
    history = opts.history, edited = {}, at = nil, -- which entry; nil: the line itself
    maps = opts.maps, map = nil, pending = nil, keys = {},
    reader = nil,                         -- function(ed, key): takes the next key instead of the keymap
    argument = nil,                       -- { sign =, digits = } while one is typed
    last = nil, this = nil,               -- what kind of command was the last, is this one
    wanted = nil, label = nil,
    multiline = opts.multiline, on_key = opts.on_key,
  }, Editor)
  ed.map = opts.mode == "vi" and opts.maps.vi_insert or opts.maps.emacs
  if opts.text and opts.text ~= "" then
    ed.buffer = clusters.clean(opts.text)
    ed.point = clusters.ceil(ed.buffer, opts.cursor or #ed.buffer)
  end
  return ed
end

-- ---- What there is ------------------------------------------------------------------------------

--- The text that is being edited.
---@param ed lwt.LineEditor
---@return string
---@function read_line.Editor.text(ed)
function Editor:text() return self.buffer end

--- Where the cursor is: how many bytes are before it.
---@param ed lwt.LineEditor
---@return integer
---@function read_line.Editor.cursor(ed)
function Editor:cursor() return self.point end

--- The beginning of the line, among several, that an offset (or the cursor) is in.
---@param ed lwt.LineEditor
---@param at? integer
---@return integer
---@function read_line.Editor.line_start(ed, at)
function Editor:line_start(at)
  local s = self.buffer
  at = at or self.point
  while at > 0 and s:byte(at) ~= 10 do at = at - 1 end
  return at
end

--- The end of that line.
---@param ed lwt.LineEditor
---@param at? integer
---@return integer
---@function read_line.Editor.line_end(ed, at)
function Editor:line_end(at)
  return (self.buffer:find("\n", (at or self.point) + 1, true) or #self.buffer + 1) - 1
end

-- ---- Changes ------------------------------------------------------------------------------------

local function shifted(place, from, to, size)
  if place >= to and place > from then return place + size - (to - from) end
  return min(place, from + size)
end

--- Writes text in the place of what is between two offsets, which must be borders of characters. The cursor
--- stays with its text.
---@param ed lwt.LineEditor
---@param from integer
---@param to integer
---@param s string
---@function read_line.Editor.replace(ed, from, to, s)
function Editor:replace(from, to, s)
  local buffer = self.buffer
  local old = sub(buffer, from + 1, to)
  if old == s then return end
  local group = self.group
  if not group then
    group = { before = self.point }
    self.group = group
    self.done[#self.done + 1] = group
  end
  group[#group + 1] = { at = from, old = old, new = s }
  if self.redone[1] then self.redone = {} end
  self.buffer = sub(buffer, 1, from) .. s .. sub(buffer, to + 1)
  self.point = shifted(self.point, from, to, #s)
  if self.mark then self.mark = shifted(self.mark, from, to, #s) end
end

--- Inserts text at the cursor, which is behind it then. Broken UTF-8 becomes U+FFFD, line ends "\n".
---@param ed lwt.LineEditor
---@param s string
---@function read_line.Editor.insert(ed, s)
function Editor:insert(s)
  s = clusters.clean(s)
  local at = self.point
  self:replace(at, at, s)
  self.point = at + #s
  self:_settle()
end

--- Replaces the whole text; the cursor is at its end unless `cursor` (bytes before it) says where.
---@param ed lwt.LineEditor
---@param s string
---@param cursor? integer
---@function read_line.Editor.set(ed, s, cursor)
function Editor:set(s, cursor)
  s = clusters.clean(s)
  self:replace(0, #self.buffer, s)
  self:move(cursor or #s)
end

--- Takes out what is between two offsets, in whichever order.
---@param ed lwt.LineEditor
---@param from integer
---@param to integer
---@function read_line.Editor.delete(ed, from, to)
function Editor:delete(from, to)
  if from > to then from, to = to, from end
  from, to = max(from, 0), min(to, #self.buffer)
  self:replace(from, to, "")
  self:_settle()
end

--- Moves the cursor to an offset; one in the middle of a character is the end of that character.
---@param ed lwt.LineEditor
---@param at integer
---@function read_line.Editor.move(ed, at)
function Editor:move(at)
  self.point = clusters.ceil(self.buffer, max(0, min(at, #self.buffer)))
end

-- A change may have joined what stands beside it with it.
function Editor:_settle()
  self.point = clusters.ceil(self.buffer, self.point)
  if self.mark then self.mark = clusters.ceil(self.buffer, min(self.mark, #self.buffer)) end
end

--- Takes out what is between the offsets, to be yanked. Kills that follow each other are one.
---@param ed lwt.LineEditor
---@param from integer
---@param to integer
---@function read_line.Editor.kill(ed, from, to)
function Editor:kill(from, to)
  local how
  if self.last == "kill" then how = to < from and "prepend" or "append" end
  self.this = "kill"
  if from == to then return end
  self.kills:add(sub(self.buffer, min(from, to) + 1, max(from, to)), how)
  self:delete(from, to)
end

-- ---- Undo ---------------------------------------------------------------------------------------

-- One group back: whether there was one.
function Editor:_undo()
  local group = table.remove(self.done)
  if not group then return false end
  local buffer = self.buffer
  for i = #group, 1, -1 do
    local c = group[i]
    buffer = sub(buffer, 1, c.at) .. c.old .. sub(buffer, c.at + #c.new + 1)
  end
  group.after = self.point
  self.buffer, self.point, self.mark, self.group = buffer, group.before, nil, nil
  self.redone[#self.redone + 1] = group
  return true
end

function Editor:_redo()
  local group = table.remove(self.redone)
  if not group then return false end
  local buffer = self.buffer
  for i = 1, #group do
    local c = group[i]
    buffer = sub(buffer, 1, c.at) .. c.new .. sub(buffer, c.at + #c.old + 1)
  end
  group.before = self.point -- the next undo takes back this step, cursor and all
  self.buffer, self.point, self.mark, self.group = buffer, group.after, nil, nil
  self.done[#self.done + 1] = group
  return true
end

-- ---- The history --------------------------------------------------------------------------------

-- Puts the line away and takes up the entry `at` (nil: the line itself), edited as it was left.
function Editor:_visit(at, cursor)
  if at == self.at then return self:move(cursor or #self.buffer) end
  self.edited[self.at or 0] = { self.buffer, self.done, self.redone, self.point }
  local kept = self.edited[at or 0]
  self.at, self.mark, self.active, self.group = at, nil, false, nil
  if kept then
    self.buffer, self.done, self.redone = kept[1], kept[2], kept[3]
  else
    self.buffer, self.done, self.redone = self.history:get(at), {}, {}
  end
  self:move(cursor or #self.buffer)
end

-- The text of an entry, as it has been edited.
function Editor:_entry(at)
  local kept = self.edited[at or 0]
  if at == self.at then return self.buffer end
  if kept then return kept[1] end
  return self.history:get(at)
end

-- ---- Keys and commands --------------------------------------------------------------------------

-- Asks the code that drives the editor for something: "accept", "bell", "complete" …
function Editor:_want(what, detail)
  self.wanted = self.wanted or {}
  self.wanted[#self.wanted + 1] = { what, detail }
end

--- Has the terminal ring.
---@param ed lwt.LineEditor
---@function read_line.Editor.bell(ed)
function Editor:bell() self:_want "bell" end

-- What was asked for, in order, or nil.
function Editor:_take()
  local wanted = self.wanted
  self.wanted = nil
  return wanted
end

-- Whether this command goes on with the undo group of the last one: typed characters of a word are one
-- group, and so are deletions one after the other.
local function goes_on(ed, kind, key)
  if kind ~= ed.last or not ed.group or ed.point ~= ed.left_at then return false end
  if kind == "delete" then return true end
  if kind ~= "type" then return false end
  return key and (key.char == nil or key.char:find "%s" ~= nil or not ed.after_blank)
end

local KINDS = {
  ["self-insert"] = "type", ["backward-delete-char"] = "delete", ["delete-char"] = "delete",
}

-- Calls a command, by name or as a function of (editor, argument or nil, key or nil). What a command
-- calls is a part of it.
function Editor:_call(command, n, key)
  local f = type(command) == "function" and command or M.commands[command]
  if self.running then return f(self, n, key) end
  local kind = KINDS[command]
  if not goes_on(self, kind, key) then self.group = nil end
  self.this, self.label, self.running = kind, nil, true
  local before = self.buffer
  local ok, err = pcall(f, self, n, key)
  self.running = false
  if self.buffer ~= before then self.active = false end
  self.after_blank = key and key.char and key.char:find "%s" ~= nil
  self.last, self.left_at = self.this, self.point
  if not ok then error(err, 0) end
end

--- Runs a command: its name, as readline calls it, or a function of the editor and the number.
---@param ed lwt.LineEditor
---@param command string|fun(editor: lwt.LineEditor, n?: integer)
---@param n? integer the numeric argument
---@function read_line.Editor.run(ed, command, n)
function Editor:run(command, n)
  if getmetatable(self) ~= Editor then args.wrong(1, "run", "lwt.read_line.editor", self) end
  if type(command) ~= "function" and not M.commands[command] then
    args.bad(2, "run", ("there is no command '%s'"):format(tostring(command)))
  end
  self:_call(command, n)
end

-- The number that has been typed, or nil; it is used up.
local function argument(ed)
  local a = ed.argument
  if not a then return nil end
  ed.argument = nil
  return a.sign * (a.digits or 1)
end

local function unbound(ed, key)
  if key.char and not key.ctrl and not key.alt and not ed.map.command then
    return ed:_call("self-insert", argument(ed), key)
  end
  ed.argument, ed.last = nil, nil
  ed:bell()
end

-- What the keys so far are bound to: a command, a table (more keys follow), or nil.
function Editor:_bound(name)
  if self.pending then return self.pending[name] end
  local map = self.map
  if self.escaped then return map.keys["alt-" .. name] end
  local found = map.keys[name]
  if found == nil and map.parent then found = map.parent.keys[name] end
  return found
end

-- A key that was not taken by a reader.
local function press_bound(ed, key)
  local name = keymap.name(key)
  if not name then return end
  local found = ed:_bound(name)
  local more = ed.pending or ed.escaped
  ed.pending, ed.escaped = nil, nil
  if type(found) == "table" then
    ed.pending = found
  elseif found then
    ed:_call(found, not keymap.takes_digits[found] and argument(ed) or nil, key)
  elseif more then
    ed.argument, ed.last = nil, nil
    ed:bell()
  elseif name == "escape" and not ed.map.vi then
    ed.escaped = true -- Escape and then a key are that key with Alt
  else
    unbound(ed, key)
  end
end

--- Takes a key, as `term` gives them, or its name.
---@param ed lwt.LineEditor
---@param key table|string
---@function read_line.Editor.press(ed, key)
function Editor:press(key)
  if type(key) == "string" then key = keymap.key(key) end
  if key.resize or key.focus ~= nil then return end
  if self.on_key and self.on_key(key, self) then return end
  local recording = self.recording
  if recording then
    if not (self.pending or self.escaped) then self.sequence_start = #recording end
    recording[#recording + 1] = key
  end
  local reader = self.reader
  if reader then
    self.reader = nil
    if reader(self, key) ~= "again" then return end -- "again": the key is not the reader's
  end
  if key.paste then
    self.pending, self.escaped = nil, nil
    return self:_call("insert-paste", argument(self), key)
  end
  press_bound(self, key)
end

-- ---- What users' functions call it with ------------------------------------------------------------

local signatures = {
  text = {}, cursor = {}, bell = {}, press = { "key" },
  line_start = { "offset?" }, line_end = { "offset?" }, move = { "offset" },
  insert = { "text" }, set = { "text", "offset?" }, replace = { "offset", "offset", "text" },
  delete = { "offset", "offset" }, kill = { "offset", "offset" },
}

-- The offset that an argument stands for: within the text, and at the border of a character.
local function checked(ed, arg, name, expected, value)
  if expected == nil or value == nil and expected == "offset?" then return value end
  if expected == "text" then
    if type(value) ~= "string" then args.wrong(arg, name, "string", value, 1) end
    return utf8.len(value) and value or clusters.clean(value)
  elseif expected == "key" then
    local kind = type(value)
    if kind ~= "table" and kind ~= "string" then args.wrong(arg, name, "key", value, 1) end
    return value
  end
  value = args.integer(arg, name, value, nil, 1)
  if name == "set" then return max(value, 0) end -- of the new text
  value = max(0, min(value, #ed.buffer))
  local byte = ed.buffer:byte(value + 1)
  if byte and byte >= 0x80 and byte < 0xC0 and name ~= "move" then
    args.bad(arg, name, "an offset in the middle of a character", 1)
  end
  return value
end

for name, signature in pairs(signatures) do
  local f = Editor[name]
  Editor[name] = function(self, a, b, c)
    if getmetatable(self) ~= Editor then args.wrong(1, name, "lwt.read_line.editor", self) end
    a = checked(self, 2, name, signature[1], a)
    b = checked(self, 3, name, signature[2], b)
    c = checked(self, 4, name, signature[3], c)
    return f(self, a, b, c)
  end
end

return M

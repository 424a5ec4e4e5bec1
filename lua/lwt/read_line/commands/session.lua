-- Commands that end the line, ask the session for something, or concern commands: numbers, macros.

local commands = require "lwt.read_line.editor".commands

local function wants(what)
  return function(ed) ed:_want(what) end
end

-- Enter: a new line while the text is incomplete.
commands["accept-or-newline"] = function(ed)
  local incomplete = ed.multiline
  if type(incomplete) ~= "boolean" and incomplete and incomplete(ed.buffer) then
    ed:move(#ed.buffer)
    return ed:_call "newline"
  end
  ed:_want "accept"
end

commands["accept-line"] = wants "accept"
commands["clear-screen"] = wants "clear"
commands["redraw-current-line"] = wants "redraw"
commands.interrupt = wants "interrupt"
commands.suspend = wants "suspend"
commands.edit = wants "edit"
commands["edit-and-execute-command"] = wants "edit-and-accept"

commands.complete = function(ed) ed:_want("complete", 1) end
commands["possible-completions"] = wants "list"
commands["menu-complete"] = function(ed) ed:_want("cycle", 1) end
commands["menu-complete-backward"] = function(ed) ed:_want("cycle", -1) end

commands.abort = function(ed)
  ed.active, ed.recording = false, nil
  ed:bell()
end

commands["do-nothing"] = function() end

-- ---- Hints --------------------------------------------------------------------------------------

-- `hint` is what the session shows behind the text; these take it, where there is one.
local function taking_hint(otherwise, part)
  return function(ed, n)
    local hint = ed.hint
    if not n and hint and ed.point == #ed.buffer and ed.hint_for == ed.buffer then
      return ed:insert(part(hint))
    end
    ed:_call(otherwise, n)
  end
end

local function whole(hint) return hint end

commands["forward-char-or-hint"] = taking_hint("forward-char", whole)
commands["end-of-line-or-hint"] = taking_hint("end-of-line", whole)
commands["forward-word-or-hint"] = taking_hint("forward-word", function(hint)
  return hint:sub(1, require "lwt.read_line.words".forward(hint, 0))
end)

-- ---- Numbers ------------------------------------------------------------------------------------

local DIGITS = 6 -- more are too many

local function show(ed)
  local a = ed.argument
  ed.label = ("(arg: %s%s) "):format(a.sign < 0 and "-" or "", a.digits or "")
end

local function take_digit(ed, key)
  local char = not key.ctrl and key.char
  if not char or not char:find "^%d$" then return "again" end
  local a = ed.argument
  if not a.digits or #tostring(a.digits) < DIGITS then
    a.digits = (a.digits or 0) * 10 + tonumber(char)
  end
  show(ed)
  ed.reader = take_digit
end

commands["digit-argument"] = function(ed, _, key)
  local char = key and key.char or "-"
  ed.argument = char == "-" and { sign = -1 } or { sign = 1, digits = tonumber(char) }
  ed.reader, ed.this = take_digit, ed.last
  show(ed)
end

commands["universal-argument"] = function(ed)
  ed.argument = { sign = 1 }
  ed.argument.digits = 4
  ed.this = ed.last
  show(ed)
  ed.reader = function(_, key)
    if not key.ctrl and key.char and key.char:find "^%d$" then ed.argument.digits = nil end
    return take_digit(ed, key)
  end
end

-- ---- Macros -------------------------------------------------------------------------------------

commands["start-kbd-macro"] = function(ed)
  if ed.recording or ed.playing then return ed:bell() end
  ed.recording = {}
end

commands["end-kbd-macro"] = function(ed)
  local recorded = ed.recording
  if not recorded then return ed:bell() end
  ed.recording = nil
  -- Without the keys of this command.
  for i = #recorded, ed.sequence_start + 1, -1 do recorded[i] = nil end
  ed.macro = recorded
end

commands["call-last-kbd-macro"] = function(ed, n)
  if not ed.macro or ed.playing or ed.recording then return ed:bell() end
  ed.playing = true
  for _ = 1, n or 1 do
    for _, key in ipairs(ed.macro) do ed:press(key) end
  end
  ed.playing = false
end

-- ---- Emacs's keys -------------------------------------------------------------------------------

commands["emacs-editing-mode"] = function(ed) ed.map = ed.maps.emacs end

-- Which keys do what, until they are bound otherwise: emacs's, as GNU readline has them, and vi's.

local keymap = require "lwt.read_line.keymap"
local editor = require "lwt.read_line.editor"

require "lwt.read_line.commands.motion"
require "lwt.read_line.commands.change"
require "lwt.read_line.commands.history"
require "lwt.read_line.commands.session"

local M = {}

-- Keys that need no control key: in every map.
local common = [[
  left                    backward-char
  right                   forward-char-or-hint
  up                      line-or-history-up
  down                    line-or-history-down
  home                    beginning-of-line
  end                     end-of-line-or-hint
  ctrl-left  alt-left     backward-word
  ctrl-right  alt-right   forward-word-or-hint
  ctrl-home               beginning-of-buffer
  ctrl-end                end-of-buffer
  pageup                  history-search-backward
  pagedown                history-search-forward
  delete                  delete-char
  backspace  ctrl-h       backward-delete-char
  shift-backspace         backward-delete-char
  insert                  overwrite-mode
  enter  ctrl-m           accept-or-newline
  ctrl-j                  accept-line
  alt-enter               newline
  shift-enter             newline
  ctrl-enter              accept-line
  tab  ctrl-i             complete
  shift-tab               menu-complete-backward
  ctrl-c                  interrupt
  ctrl-z                  suspend
  ctrl-l                  clear-screen
]]

local emacs = [[
  ctrl-a                  beginning-of-line
  ctrl-e                  end-of-line-or-hint
  ctrl-f                  forward-char-or-hint
  ctrl-b                  backward-char
  alt-f                   forward-word-or-hint
  alt-b                   backward-word
  ctrl-p                  previous-history
  ctrl-n                  next-history
  alt-<                   beginning-of-history
  alt->                   end-of-history
  alt-p                   history-search-backward
  alt-n                   history-search-forward
  ctrl-r                  reverse-search-history
  ctrl-s                  forward-search-history
  ctrl-o                  operate-and-get-next
  alt-.  alt-_            yank-last-arg
  ctrl-alt-y              yank-nth-arg
  ctrl-d                  end-of-file
  alt-d  ctrl-delete  alt-delete   kill-word
  alt-backspace  ctrl-alt-h  ctrl-backspace   backward-kill-word
  ctrl-w                  unix-word-rubout
  ctrl-k                  kill-line
  ctrl-u                  unix-line-discard
  ctrl-x backspace        backward-kill-line
  ctrl-y                  yank
  alt-y                   yank-pop
  alt-\                   delete-horizontal-space
  ctrl-space              set-mark
  ctrl-x ctrl-x           exchange-point-and-mark
  alt-w                   copy-region-as-kill
  ctrl-t                  transpose-chars
  alt-t                   transpose-words
  alt-u                   upcase-word
  alt-l                   downcase-word
  alt-c                   capitalize-word
  ctrl-_  ctrl-/  ctrl-x ctrl-u   undo
  alt-r                   revert-line
  ctrl-alt-_  alt-/  ctrl-x ctrl-r  redo
  ctrl-v  ctrl-q          quoted-insert
  alt-tab                 tab-insert
  ctrl-]                  character-search
  ctrl-alt-]              character-search-backward
  alt-#                   insert-comment
  alt-?  alt-=            possible-completions
  ctrl-x ctrl-e           edit
  ctrl-x (                start-kbd-macro
  ctrl-x )                end-kbd-macro
  ctrl-x e                call-last-kbd-macro
  ctrl-g  ctrl-alt-g  ctrl-x ctrl-g   abort
  alt-0  alt-1  alt-2  alt-3  alt-4  alt-5  alt-6  alt-7  alt-8  alt-9  alt--   digit-argument
]]

local vi_insert = [[
  escape                  vi-movement-mode
  ctrl-[                  vi-movement-mode
  ctrl-d                  end-of-file
  ctrl-w                  unix-word-rubout
  ctrl-u                  unix-line-discard
  ctrl-y                  yank
  ctrl-t                  transpose-chars
  ctrl-r                  reverse-search-history
  ctrl-s                  forward-search-history
  ctrl-v                  quoted-insert
  ctrl-p                  previous-history
  ctrl-n                  next-history
  ctrl-_                  undo
]]

local vi_command = [[
  h  backspace            vi-backward-char
  l  space                vi-forward-char
  w  W  b  B  e  E  0  ^  $  %  |  ;  ,   vi-motion
  f  F  t  T              vi-motion
  j  ctrl-n  +            vi-next-line
  k  ctrl-p  -            vi-previous-line
  G                       vi-fetch-history
  /                       vi-search
  ?                       vi-search-forward
  n                       vi-search-again
  N                       vi-search-again-reverse
  i                       vi-insertion-mode
  a                       vi-append-mode
  I                       vi-insert-beginning
  A                       vi-append-end
  R                       vi-replace-mode
  o                       vi-open-line
  x  delete               vi-delete
  X                       vi-backward-delete
  s  S  C  D  Y           vi-short
  d  c  y                 vi-operator
  p  P                    vi-put
  r                       vi-replace-char
  ~                       vi-change-case
  J                       vi-join
  u                       undo
  ctrl-r                  redo
  U                       revert-line
  .                       vi-redo
  v                       edit
  #                       insert-comment
  1  2  3  4  5  6  7  8  9   vi-arg-digit
  ctrl-d                  end-of-file
  ctrl-g  escape          abort
]]

M.emacs = keymap.of_lines(common .. emacs)

-- vi's commands and maps, which few programs want: made when something asks for one of them.
function M.load_vi()
  if M.vi_insert then return end
  require "lwt.read_line.commands.vi"
  M.vi_insert = keymap.of_lines(common .. vi_insert, { vi = true })
  M.vi_command = keymap.of_lines(vi_command, { vi = true, command = true, parent = M.vi_insert })
end

setmetatable(editor.commands, { __index = function(all, name)
  if type(name) ~= "string" or not name:find "^vi%-" then return nil end
  M.load_vi()
  return rawget(all, name)
end })

local maps_mt = { __index = function(maps, name)
  if name ~= "vi_insert" and name ~= "vi_command" then return nil end
  M.load_vi()
  maps.vi_insert, maps.vi_command = M.vi_insert, M.vi_command
  return rawget(maps, name)
end }

-- The maps of a line, with the caller's bindings in that one which its mode begins with. Sequences that
-- are no keys and commands that are none raise without a position.
function M.maps(mode, bindings)
  local maps = setmetatable({ emacs = M.emacs }, maps_mt)
  if not bindings then return maps end
  local which = mode == "vi" and "vi_insert" or "emacs"
  local map = keymap.copy(maps[which])
  maps[which] = map
  if mode == "vi" then
    maps.vi_command = keymap.copy(M.vi_command)
    maps.vi_command.parent = map
  end
  for sequence, command in pairs(bindings) do
    if type(sequence) ~= "string" then
      error("names of keys expected, got " .. type(sequence), 0)
    end
    if type(command) == "string" and not editor.commands[command] then
      error(("there is no command '%s'"):format(command), 0)
    elseif command and type(command) ~= "string" and type(command) ~= "function" then
      error("command expected, got " .. type(command), 0)
    end
    keymap.bind(map, sequence, command)
  end
  return maps
end

return M

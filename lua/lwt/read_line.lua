--- Reading a line from a terminal, with a line editor that shares the screen with other tasks.
---
--- ```lua norun
--- local read_line = require "lwt.read_line"
--- local history = read_line.history { path = "history" }
--- while true do
---   local line = await(read_line.read_line { prompt = "> ", history = history })
---   if line == nil then break end                  -- Ctrl-D
---   print("you typed", line)
--- end
--- ```
---
--- While a line is edited the loop turns. What other tasks print, in whatever way, appears above the line. The keys are those of GNU readline. Where the
--- input is not a terminal, or TERM is `dumb`, the prompt is written and a line is read as it comes.
---
--- Ctrl-C drops the line: the promise is rejected with `read_line.Interrupt`. Ctrl-D on an empty line is the end of the input: nil. Several readers of
--- one terminal take turns. An error in a function that is given here (`complete`, `hint`, `highlight`, `note`, `on_key`, a command) goes to `warn`, and the line
--- can still be edited.

-- What this needs is asked for at once; the editor, which is large, is read with the first line.
require "lwt.internal.uvneeded" "lwt.read_line"
require "lwt.term.core"
local lazy = require "lwt.internal.lazy"
local ask = lazy "lwt.read_line.ask"
local bindings = lazy "lwt.read_line.bindings"
local editor = lazy "lwt.read_line.editor"
local history = lazy "lwt.read_line.history"
local line = lazy "lwt.read_line.line"
local options = lazy "lwt.read_line.options"

local M = {}

---@class lwt.read_line.Options
---@field prompt? string|table|lwt.Signal a text, a styled list of `term`, or a signal of one: the line is drawn again when it changes
---@field initial? string the text to begin with
---@field history? lwt.LineHistory
---@field complete? fun(text: string, cursor: integer): table the words that may stand at the cursor (see below); may wait
---@field hint? fun(text: string): string? what is shown behind the text, and taken by Right or Ctrl-E; may give a promise
---@field highlight? fun(text: string, cursor: integer): table|string the same text, styled
---@field note? fun(text: string, cursor: integer): string|table|nil what is shown below the line, at most one row of it: a signature, say
---@field validate? fun(text: string): boolean?, string? whether it is accepted; if not, why; may give a promise
---@field multiline? boolean|fun(text: string): boolean true: Alt-Enter makes a new line; a function: Enter does while it says that the text is incomplete
---@field mask? string what is shown for each character; "": nothing
---@field on_key? fun(key: lwt.TerminalKey, editor: lwt.LineEditor): boolean? sees each key first; true: it is done with
---@field keys? table<string, string|function|false> what keys do: `{ ["ctrl-x ctrl-e"] = "edit" }`
---@field mode? string "emacs" (default) or "vi"
---@field continuation? string|table stands before further lines of the text (blanks, as wide as the prompt)
---@field term? lwt.Terminal the terminal (`term.stdout`)

--- What a reader is rejected with after Ctrl-C.
---@type table
M.Interrupt = require "lwt.read_line.interrupt"

--- Reads a line. See `lwt.read_line.Options` for what it may be given; a string is the prompt.
---
--- `complete(text, cursor)` gives a list of words, or of `{ text =, display =, description =, append = }`. Such a word replaces what is between the last
--- blank before the cursor and the cursor; `cursor` is the number of bytes before the cursor. If some words begin with what is there, the others are left
--- out. Tab inserts what all of them begin with, the next Tab shows them, and further ones (and shift-Tab, and the arrows) go through them. `append` is
--- put behind the word that is taken. The function runs as a task and may await. When the line has changed by then, its answer is thrown away.
---
--- `keys` binds keys, and sequences of keys, to commands: a name, a function of the editor and the numeric argument (or nil), or false, which unbinds the
--- key. Names are those of GNU readline, and `redo`, `newline`, `edit` and `suspend`.
---
--- Up and Down go through the lines of the text first, and then through the entries of the history that begin with what is before the cursor. Ctrl-P and
--- Ctrl-N go through all entries. What is pasted is inserted as it is, as one step to undo.
---@param opts? string|lwt.read_line.Options
---@return lwt.Promise<string?> # the line; nil at the end of the input; rejected with `read_line.Interrupt` after Ctrl-C
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---await(w:write "hello\n")
---print(await(read_line.read_line { prompt = "", term = term.open(r, w) }))   --> hello
---```
function M.read_line(opts)
  opts = options.check(1, "read_line", opts)
  return line.start(options.terminal(opts), opts):result()
end

--- Begins to read a line, and gives what controls it: `line:result()` is the promise of it.
---@param opts? string|lwt.read_line.Options
---@return lwt.Line
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---local line = read_line.start { term = term.open(r, w, { tty = true, env = { TERM = "xterm" } }) }
---line:insert "text"
---line:send "upcase-word"     -- behind the word: nothing to do
---line:send "alt-b"
---line:send "upcase-word"
---line:accept()
---print(await(line:result()))   --> TEXT
---```
function M.start(opts)
  opts = options.check(1, "start", opts)
  return line.start(options.terminal(opts), opts)
end

--- The names of all commands that keys may be bound to, sorted.
---@return string[]
---```lua
---local known = {}
---for _, name in ipairs(read_line.commands()) do known[name] = true end
---print(known["kill-line"], known.redo)   --> true	true
---```
function M.commands()
  local list = {}
  bindings.load_vi()
  for name in pairs(editor.commands) do list[#list + 1] = name end
  table.sort(list)
  return list
end

function M.history(...) return history.create(...) end

for _, name in ipairs {
  "read_password", "read_keyword", "read_yes_no", "read_number", "read_char",
} do
  M[name] = function(...) return ask[name](...) end
end

return M

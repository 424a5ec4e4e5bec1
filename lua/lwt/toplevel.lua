--- The prompt: what `lwt` without a script is, on a terminal or on any channel.
---
--- Each line is run as a task: it may await, and an expression whose value is one promise is awaited, and
--- its values shown. Other tasks run meanwhile, while a line is typed as well.
---
--- - Local variables stay from line to line; `<const>` stays constant, and what is declared `<close>` is
---   closed when the session ends, the newest first. A function keeps seeing the variables of its own line;
---   the same name declared anew is another variable.
--- - `_` and `_1` … `_9` are the last values. `;` at the end shows nothing. `=expr` is `expr`.
--- - `:help` lists the commands.

local lwt = require "lwt"
local args = require "lwt.internal.args"

local M = {}

--- Commands of your own: `commands.greet = function(rest) print("hello", rest) end` is `:greet`.
---@value lwt.toplevel.commands table<string, fun(rest: string)>

--- How lines are edited: `mode = "vi"` for vi's keys, and `keys`, as `read_line` has them, for keys of your own. To be set
--- in the start-up file, or at any time; what is wrong is reported at the next line.
---
--- ```lua norun
--- -- in ~/.config/lwt/init.lua
--- local editor = require "lwt.toplevel".editor
--- editor.mode = "vi"
--- editor.keys = { ["ctrl-x ctrl-l"] = "clear-screen" }
--- ```
---@value lwt.toplevel.editor {mode?: string, keys?: table<string, string|function|false>}

require "lwt.internal.later"(M, "lwt.toplevel.own", "commands editor")

local known = { input = true, output = true, env = "table", term = true, prompt = "boolean" }

local function is_channel(value, method)
  local kind = type(value)
  if kind ~= "userdata" and kind ~= "table" then return false end
  local ok, f = pcall(function() return value[method] end)
  return ok and args.is_callable(f)
end

local function check(opts)
  if opts.term ~= nil and args.type_name(opts.term) ~= "lwt.terminal" then
    args.bad(1, "run", "option 'term': lwt.terminal expected, got " .. args.type_name(opts.term), 1)
  end
  if opts.input ~= nil and not is_channel(opts.input, "read_line") then
    args.bad(1, "run", "option 'input': channel expected, got " .. args.type_name(opts.input), 1)
  end
  if opts.output ~= nil and not is_channel(opts.output, "write") then
    args.bad(1, "run", "option 'output': channel expected, got " .. args.type_name(opts.output), 1)
  end
end

--- Runs a prompt: on the terminal, or on the channels `input` and `output` (a socket, say), with plain lines
--- there, or edited ones on `term`, a terminal object of `lwt.term`. `env` is the table of global variables
--- (default `_G`; on channels, one whose `print` writes to `output`). `prompt = false` shows no prompts.
---@param opts? {input?: lwt.Channel, output?: lwt.Channel, term?: lwt.Terminal, env?: table, prompt?: boolean}
---@return lwt.Promise<any> # fulfilled at its end: with the values given to `:quit`, or none
---```lua
---local lio = require "lwt.io"
---local input = lio.of_bytes "x = 20\nx + 1, 'a'\nlwt.sleep(0.01):map(function() return 'slept' end)\n:quit x\n"
---local output = lio.make { write = function(s) print((s:gsub("\n$", ""))) return #s end }
---print(await(toplevel.run { input = input, output = output, env = { lwt = lwt }, prompt = false }))
------> 21 "a"
------> "slept"
------> 20
---```
function M.run(opts)
  opts = args.options(1, "run", opts, known)
  local unview = require "lwt.core".unview
  local own = {
    input = unview(opts.input), output = unview(opts.output), term = unview(opts.term),
    env = opts.env, prompt = opts.prompt,
  }
  check(own)
  return lwt.spawn(function() return require "lwt.toplevel.start".run(own) end)
end

return M

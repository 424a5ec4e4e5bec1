-- The options of readers, checked: an error is raised at the line that called the reader.

local core = require "lwt.core"
local args = require "lwt.internal.args"
local bindings = require "lwt.read_line.bindings"
local history = require "lwt.read_line.history"
local term = require "lwt.term"

local M = {}

local known = {
  prompt = true, initial = "string", history = true, complete = "function", hint = "function",
  highlight = "function", note = "function", validate = "function", multiline = true,
  mask = "string", on_key = "function", keys = "table", mode = "string",
  continuation = true, term = true,
}

local function is_prompt(value)
  return value == nil or type(value) == "string" or type(value) == "table"
end

-- What is wrong with them besides the types, or nil.
local function complaint(opts)
  if not is_prompt(opts.prompt) then
    return "option 'prompt': string, styled list or signal expected"
  end
  if not is_prompt(opts.continuation) then
    return "option 'continuation': string or styled list expected"
  end
  if opts.history and not history.is_history(opts.history) then
    return "option 'history': lwt.read_line.history expected, got " .. args.type_name(opts.history)
  end
  local multiline = opts.multiline
  if multiline ~= nil and type(multiline) ~= "boolean" and not args.is_callable(multiline) then
    return "option 'multiline': boolean or function expected, got " .. args.type_name(multiline)
  end
  if opts.mode and opts.mode ~= "emacs" and opts.mode ~= "vi" then
    return "option 'mode': \"emacs\" or \"vi\" expected"
  end
  if opts.term ~= nil and args.type_name(opts.term) ~= "lwt.terminal" then
    return "option 'term': lwt.terminal expected, got " .. args.type_name(opts.term)
  end
  local ok, message = pcall(bindings.maps, opts.mode, opts.keys)
  if not ok then return "option 'keys': " .. message end
  return nil
end

-- A copy, in which nothing is a direct view.
local function without_views(opts)
  local own = {}
  for key, value in pairs(opts) do own[key] = value end
  own.history, own.term = core.unview(opts.history), core.unview(opts.term)
  return own
end

-- The options of the public function `name`, which calls this. A string is the prompt. `more`: others
-- that it knows.
function M.check(arg, name, opts, more)
  if type(opts) == "string" then return { prompt = opts } end
  local all = known
  if more then
    all = {}
    for k, v in pairs(known) do all[k] = v end
    for k, v in pairs(more) do all[k] = v end
  end
  if opts == nil then return {} end
  if type(opts) ~= "table" or getmetatable(opts) then
    args.wrong(arg, name, "string or table", opts, 1)
  end
  args.options(arg, name, opts, all, 1)
  opts = without_views(opts)
  local wrong = complaint(opts)
  if wrong then args.bad(arg, name, wrong, 1) end
  return opts
end

-- The terminal that they name.
function M.terminal(opts) return opts.term or term.stdout end

return M

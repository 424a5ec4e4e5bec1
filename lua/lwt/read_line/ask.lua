-- Readers of something simpler than a line: a password, one of some words, yes or no, a number, one key.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local line = require "lwt.read_line.line"
local options = require "lwt.read_line.options"
local plain = require "lwt.read_line.plain"
local session = require "lwt.read_line.session"
local text = require "lwt.text"

local await = lwt.await

local M = {}

-- The options with others put over them.
local function with(opts, changes)
  local new = {}
  for k, v in pairs(opts) do new[k] = v end
  for k, v in pairs(changes) do new[k] = v end
  return new
end

local function start(opts, changes)
  return line.start(options.terminal(opts), with(opts, changes)):result()
end

--- Reads a line that is not shown: `mask` stands for each character ("*"); with `mask = ""` nothing is drawn
--- at all. It has no history, and what is killed in it cannot be yanked elsewhere. On TERM=dumb nothing is
--- echoed either; where the input is no terminal a line of it is read.
---@param opts? string|table the prompt, or options as for `read_line`
---@return lwt.Promise<string?>
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---await(w:write "secret\n")
---print(await(read_line.read_password { term = term.open(r, w) }))   --> secret
---```
---@function read_line.read_password(opts)
function M.read_password(opts)
  opts = options.check(1, "read_password", opts)
  return start(opts, { mask = opts.mask or "*", history = false })
end

-- ---- One of some words --------------------------------------------------------------------------

-- What a text means among words: { word, value } … Folded, a beginning that only one has will do.
local function matching(words, typed)
  typed = text.fold(typed:match "^%s*(.-)%s*$")
  local found
  for _, w in ipairs(words) do
    local word = text.fold(w[1])
    if word == typed then return w end
    if typed ~= "" and word:sub(1, #typed) == typed then
      if found then found = false elseif found == nil then found = w end
    end
  end
  return found or nil
end

local function names(words)
  local list = {}
  for i, w in ipairs(words) do list[i] = w[1] end
  return list
end

-- Reads until it is one of the words: its value, or nil at the end.
local function one_of(words, opts, default)
  local list = names(words)
  local function complete(typed, cursor)
    local start_of = text.fold(typed:sub(1, cursor):match "^%s*(.*)$")
    local offered = {}
    for _, word in ipairs(list) do
      if text.fold(word):sub(1, #start_of) == start_of then offered[#offered + 1] = word end
    end
    return offered
  end
  local function validate(typed)
    if default ~= nil and not typed:find "%S" then return true end
    if matching(words, typed) then return true end
    return nil, "one of: " .. table.concat(list, ", ")
  end
  return start(opts, { complete = opts.complete or complete, validate = validate })
    :map(function(typed)
      if typed == nil then return nil end
      if default ~= nil and not typed:find "%S" then return default end
      return matching(words, typed)[2]
    end)
end

--- Reads one of some words, which Tab completes; a beginning that only one of them has is enough, and the
--- case does not matter. Anything else is not accepted.
---@param list string[] the words
---@param opts? string|table the prompt, or options as for `read_line`
---@return lwt.Promise<string?> # the word, as it is in the list
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---await(w:write "R\n")
---local t = term.open(r, w)
---print(await(read_line.read_keyword({ "red", "green" }, { term = t })))   --> red
---```
---@function read_line.read_keyword(list, opts)
function M.read_keyword(list, opts)
  local words, count = {}, args.list(1, "read_keyword", list)
  if count == 0 then args.bad(1, "read_keyword", "list of words expected, got an empty table") end
  for i = 1, count do
    local word = list[i]
    if type(word) ~= "string" or word == "" then
      args.bad(1, "read_keyword", ("element %d is no word"):format(i))
    end
    words[i] = { word, word }
  end
  opts = options.check(2, "read_keyword", opts)
  return one_of(words, opts)
end

local YES_NO = { { "yes", true }, { "no", false } }

--- Reads yes or no (or `y`, or `n`).
---@param opts? string|table the prompt, or options as for `read_line`, and `default`: what an empty line means
---@return lwt.Promise<boolean?> # nil at the end of the input
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---await(w:write "y\n")
---print(await(read_line.read_yes_no { term = term.open(r, w) }))   --> true
---```
---@function read_line.read_yes_no(opts)
function M.read_yes_no(opts)
  opts = options.check(1, "read_yes_no", opts, { default = "boolean" })
  return one_of(YES_NO, opts, opts.default)
end

-- ---- A number -----------------------------------------------------------------------------------

local function range_text(opts)
  local kind = opts.integer and "an integer" or "a number"
  if opts.min and opts.max then return ("%s from %s to %s"):format(kind, opts.min, opts.max) end
  if opts.min then return ("%s of at least %s"):format(kind, opts.min) end
  if opts.max then return ("%s of at most %s"):format(kind, opts.max) end
  return kind
end

local function number_of(typed, opts)
  local n = tonumber((typed:match "^%s*(.-)%s*$"))
  if n and opts.integer then n = math.tointeger(n) end
  if not n or n ~= n or opts.min and n < opts.min or opts.max and n > opts.max then return nil end
  return n
end

--- Reads a number, as Lua writes them.
---@param opts? string|table the prompt, or options as for `read_line`, and `min`, `max`, `integer` (true: no fractions), `default`: what an empty line means
---@return lwt.Promise<number?> # nil at the end of the input
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---await(w:write "42\n")
---print(await(read_line.read_number { integer = true, term = term.open(r, w) }))   --> 42
---```
---@function read_line.read_number(opts)
function M.read_number(opts)
  opts = options.check(1, "read_number", opts,
    { min = "number", max = "number", integer = "boolean", default = "number" })
  local function validate(typed)
    if opts.default and not typed:find "%S" or number_of(typed, opts) then return true end
    return nil, range_text(opts) .. " is expected"
  end
  return start(opts, { validate = validate }):map(function(typed)
    if typed == nil then return nil end
    if opts.default and not typed:find "%S" then return opts.default end
    return number_of(typed, opts)
  end)
end

-- ---- One key ------------------------------------------------------------------------------------

local function char_of_key(k)
  if k.paste then return k.paste:match "^[%z\1-\127\xC2-\xF4][\x80-\xBF]*" end
  if k.name == "enter" then return "\n" elseif k.name == "tab" then return "\t" end
  if not k.ctrl and not k.alt then return k.char end
  return nil
end

local function read_key(t, prompt)
  local guard <close> = t:raw_mode()
  await(t:_write(prompt))
  while true do
    local k = await(t:read_key())
    if k == nil then return nil end
    local name = tostring(k)
    if name == "ctrl-c" then
      guard:close()
      await(t:_write "\n")
      error(session.Interrupt, 0)
    end
    if name == "ctrl-d" then return nil end
    local char = char_of_key(k)
    if char then
      await(t:_write((char:find "^%c" and "" or char) .. "\n"))
      return char
    end
  end
end

--- Reads one character, without Enter: what the next key means. (Enter is `"\n"`.) Ctrl-C rejects with
--- `read_line.Interrupt`; Ctrl-D is the end. Where the input is no terminal it is the next character of it.
---@param opts? string|table the prompt, or `{ prompt =, term = }`
---@return lwt.Promise<string?>
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---await(w:write "äb")
---print(await(read_line.read_char { term = term.open(r, w) }))   --> ä
---```
---@function read_line.read_char(opts)
function M.read_char(opts)
  opts = options.check(1, "read_char", opts)
  local t = options.terminal(opts)
  return lwt.spawn(function()
    local _, input = t:is_tty()
    local prompt = plain.prompt(opts)
    local _ <close> = await(t:_turn("line_turn"):lock())
    if input then return read_key(t, prompt) end
    await(t:_write(prompt))
    return plain.read_char(t.input)
  end)
end

return M

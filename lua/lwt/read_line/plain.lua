-- Reading a line where nothing is edited: the input is no terminal, or TERM is `dumb`. The prompt is
-- written, and a line is read as it comes; the terminal itself lets one correct it.

local lwt = require "lwt"
local clusters = require "lwt.read_line.clusters"
local history = require "lwt.read_line.history"
local pieces = require "lwt.read_line.pieces"
local style = require "lwt.term.style"

local await = lwt.await

local M = {}

-- A line of a channel, or of a stream that has no lines; the bytes behind it stay where they are.
local function line_of(input)
  if input.read_line then return await(input:read_line()) end
  local parts = {}
  while true do
    local c = await(input:read(1))
    if c == nil then return parts[1] and table.concat(parts) or nil end
    if c == "\n" then return (table.concat(parts):gsub("\r$", "")) end
    parts[#parts + 1] = c
  end
end

function M.prompt(opts)
  local prompt = opts.prompt
  local mt = getmetatable(prompt)
  if type(mt) == "table" and rawget(mt, "__name") == "lwt.react.signal" then
    prompt = require("lwt.react").S.value(prompt)
  end
  return pieces.text(pieces.of(prompt, style.NONE))
end

-- One character, of as many bytes as it has; nil at the end.
function M.read_char(input)
  local first = await(input:read(1))
  if first == nil or first == "" then return nil end
  local b = first:byte()
  local more = b >= 0xF0 and 3 or b >= 0xE0 and 2 or b >= 0xC0 and 1 or 0
  for _ = 1, more do
    local c = await(input:read(1))
    if c == nil or c == "" then break end
    first = first .. c
  end
  return clusters.clean(first)
end

-- Until a line is valid, or there are no more. The text so far, of several lines that belong together.
local function read(t, opts)
  local prompt, text = M.prompt(opts), nil
  while true do
    await(t:_write(prompt))
    local line = line_of(t.input)
    if line == nil then return text end
    line = clusters.clean(line)
    text = text and text .. "\n" .. line or line
    local multiline = opts.multiline
    if type(multiline) == "boolean" or not multiline or not multiline(text) then
      if not opts.validate then return text end
      local valid, message = opts.validate(text)
      if lwt.is_promise(valid) then valid, message = await(valid) end
      if valid then return text end
      await(t:_write((message and tostring(message) or "this cannot be accepted") .. "\n"))
      text = nil
    end
  end
end

-- Reads a line: nil at the end of the input. A task.
function M.read(t, opts)
  local _ <close> = await(t:_turn("line_turn"):lock())
  local p = opts.history and history.begin(opts.history)
  if p then history.tolerate(opts.history, p) end
  local text = read(t, opts)
  if text and opts.history and not opts.mask then
    lwt.shield(function() history.tolerate(opts.history, opts.history:add(text)) end)
  end
  return text
end

return M

-- Writing to text channels. (Functions of `lwt.text`.) Each operation encodes its text as a whole
-- and is one write of the byte channel.

local lwt = require "lwt"
local core = require "lwt.term.core"
local args = require "lwt.internal.args"
local items_of = require "lwt.internal.items"
local C = require "lwt.text.shared"
local await, rejected = lwt.await, lwt.rejected
local encode = core.text_encode

local M, check_channel = C.public, C.check_channel

function C.writer(name, strict)
  return { encoder = core.text_encoder(name, strict), encoding = (core.text_encoding_of(name)) }
end

-- Something has been written before.
function C.begun(writer) encode(writer.encoder, "-") end

-- What a text is in bytes; or nil and a promise that is rejected.
local function bytes_of(writer, op, text)
  local bytes, at = encode(writer.encoder, text)
  if bytes then return bytes end
  return nil, rejected(C.unencodable(writer.encoding, op, at))
end
C.bytes_of = bytes_of

local function put(t, op, text)
  local bytes, failed = bytes_of(t.writer, op, text)
  return failed or t.bytes:write(bytes)
end

local function write_each(t, op, next_item, ending)
  for item in next_item do
    if type(item) ~= "string" and type(item) ~= "number" then
      error(("bad item for '%s' (string expected, got %s)"):format(op, type(item)), 0)
    end
    await(put(t, op, item .. ending))
  end
end

---------------------------------------------------------------------------------------------------

--- Write strings (numbers are taken too), as one operation of the byte channel, and with its
--- buffering. What the encoding has not is transliterated (see `encode`); of a strict text channel
--- the write is rejected instead, with an error whose `code` is `"EILSEQ"` and whose `at` is the
--- offset in the text, and nothing of it is written. A character must not be cut in two between
--- writes.
---@param t lwt.TextChannel
---@param ... string|number
---@return lwt.Promise<nil>
--- ```lua
--- local lio = require "lwt.io"
--- local r, w = lio.pipe()
--- local t = text.make(w, {encoding = "ISO-8859-1"})
--- await(t:write("caf", "é"))
--- await(t:close())
--- print(#await(r:read()))   --> 4
--- ```
function M.write(t, ...)
  check_channel(t, "write", "writer")
  return put(t, "write", args.joined(2, "write", ...))
end

--- Write one character.
---@param t lwt.TextChannel
---@param char string one code point, in UTF-8
---@return lwt.Promise<nil>
--- ```lua
--- local lio = require "lwt.io"
--- local r, w = lio.pipe()
--- local t = text.make(w, {encoding = "UTF-16BE"})
--- await(t:write_char("é"))
--- await(t:close())
--- print(await(r:read()) == "\0\xE9")   --> true
--- ```
function M.write_char(t, char)
  check_channel(t, "write_char", "writer")
  args.string(2, "write_char", char)
  if core.text_length(char) ~= 1 then args.bad(2, "write_char", "one character expected") end
  return put(t, "write_char", char)
end

--- Write a line: the string, and `"\n"`.
---@param t lwt.TextChannel
---@param line string
---@return lwt.Promise<nil>
--- ```lua
--- local lio = require "lwt.io"
--- local r, w = lio.pipe()
--- await(text.make(w, {encoding = "ASCII"}):write_line("naïve"))
--- print(await(r:read_line()))   --> naive
--- ```
function M.write_line(t, line)
  check_channel(t, "write_line", "writer")
  args.string(2, "write_line", line)
  return put(t, "write_line", line .. "\n")
end

--- Write `fmt:format(...)`.
---@param t lwt.TextChannel
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
--- ```lua
--- local lio = require "lwt.io"
--- local r, w = lio.pipe()
--- await(text.make(w, {encoding = "ASCII"}):writef("%d €\n", 5))
--- print(await(r:read_line()))   --> 5 EUR
--- ```
function M.writef(t, fmt, ...)
  check_channel(t, "writef", "writer")
  args.string(2, "writef", fmt)
  return put(t, "writef", tostring(fmt):format(...))
end

--- Write lines, each followed by `"\n"`: of a list, a stream or an iterator (which may wait). Each
--- is an operation of its own.
---@param t lwt.TextChannel
---@param lines table|lwt.Stream|function
---@return lwt.Promise<nil>
--- ```lua
--- local lio = require "lwt.io"
--- local r, w = lio.pipe()
--- local t = text.make(w, {encoding = "ASCII"})
--- await(t:write_lines {"é", "è"})
--- await(t:close())
--- print((await(r:read()):gsub("\n", ";")))   --> e;e;
--- ```
function M.write_lines(t, lines)
  check_channel(t, "write_lines", "writer")
  return lwt.spawn(write_each, t, "write_lines", items_of(2, "write_lines", lines), "\n")
end

--- Write strings as they are: of a list, a stream or an iterator (which may wait). Each is an
--- operation of its own.
---@param t lwt.TextChannel
---@param chars table|lwt.Stream|function
---@return lwt.Promise<nil>
--- ```lua
--- local lio = require "lwt.io"
--- local r, w = lio.pipe()
--- local t = text.make(w, {encoding = "ASCII"})
--- await(t:write_chars {"é", "è"})
--- await(t:close())
--- print(await(r:read()))   --> ee
--- ```
function M.write_chars(t, chars)
  check_channel(t, "write_chars", "writer")
  return lwt.spawn(write_each, t, "write_chars", items_of(2, "write_chars", chars), "")
end

return M

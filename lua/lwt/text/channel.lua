-- Text channels: a byte channel, and what decodes and encodes. (Functions of `lwt.text`.)
--
-- { bytes = the byte channel, reader = …, writer = … (nil where it does not read, or write),
--   turn = the mutex of its reads, over = the atomic that it belongs to is done }

local lwt = require "lwt"
local await = lwt.await
local lio = require "lwt.io"
local mutex = require "lwt.mutex"
local follow = require "lwt.internal.follow"
local core = require "lwt.term.core"
local args = require "lwt.internal.args"
local C = require "lwt.text.shared"
require "lwt.text.reading"
require "lwt.text.writing"

local M, mt, check_channel = C.public, C.mt, C.check_channel
local methods = {}
mt.__index = methods

local function view(bytes, reader, writer)
  return setmetatable({ bytes = bytes, reader = reader, writer = writer, turn = mutex.create() },
    mt)
end

local function encoding_of(t) return (t.reader or t.writer).encoding end

function mt.__tostring(t)
  return ("lwt.text.channel (%s): %s"):format(encoding_of(t), tostring(t.bytes))
end

function mt.__close(t, err)
  return getmetatable(t.bytes).__close(t.bytes, err)
end

local function is_channel(value)
  local its = getmetatable(value)
  return type(value) == "userdata" and type(its) == "table" and its.__name == "lwt.channel"
end

-- A text channel on `bytes`, of which is known that it is a channel.
function C.on(bytes, encoding, strict)
  local mode = bytes:mode()
  return view(bytes, mode ~= "output" and C.reader(encoding, strict) or nil,
    mode ~= "input" and C.writer(encoding, strict) or nil)
end

-- A byte order mark is for the beginning of a file, and not for what is appended.
local function on_file(bytes, encoding, strict)
  local t = C.on(bytes, encoding, strict)
  local ok, at = pcall(bytes.position, bytes) -- (a fifo has none)
  if ok and at > 0 and t.writer then C.begun(t.writer) end
  return t
end

-- What `make` makes when `opened` has given the byte channel; where it cannot be done, that is
-- closed here.
local function when(opened, make, encoding, strict)
  return opened:map(function(bytes)
    local ok, t = pcall(make, bytes, encoding, strict)
    if ok then return t end
    bytes:abort()
    error(t, 0)
  end)
end

-- encoding, strict, and the other options: of a table of options, or nil, which is argument `n` of the
-- public function. The encoding is that of the locale where none is given.
local function coding(n, name, opts)
  if opts == nil then opts = {} end
  if type(opts) ~= "table" then args.wrong(n, name, "table", opts, 1) end
  local strict, encoding, rest = opts.strict, opts.encoding, nil
  if strict ~= nil and type(strict) ~= "boolean" then
    args.bad(n, name, "option 'strict': boolean expected, got " .. args.type_name(strict), 1)
  end
  if encoding ~= nil and type(encoding) ~= "string" then
    args.bad(n, name, "option 'encoding': string expected, got " .. args.type_name(encoding), 1)
  end
  for key, value in pairs(opts) do
    if key ~= "strict" and key ~= "encoding" then
      rest = rest or {}
      rest[key] = value
    end
  end
  encoding = encoding or core.text_locale()
  if not core.text_encoding_of(encoding) then
    args.bad(n, name, ("option 'encoding': unknown encoding '%s'"):format(encoding), 1)
  end
  return encoding, strict or false, rest
end

-- Calls a function of lwt.io, whose options are its last argument. What it says of its arguments is
-- said of ours, whose options are argument `ours`, at our caller's line.
local function call(name, ours, f, ...)
  local ok, p = pcall(f, ...)
  if ok then return p end
  args.pass_on(p, name, select("#", ...), ours, 1)
end

local function run(opened, f)
  local t <close> = await(opened)
  return follow(f(t))
end

---------------------------------------------------------------------------------------------------

--- A text channel: what a byte channel does, by characters. The functions that take one are its
--- methods as well.
---@class lwt.TextChannel
---@field encoding fun(t: lwt.TextChannel): string the name of its encoding

--- A text channel on a byte channel (of a file, a socket, a child's output …).
---
--- Options: `encoding` (that of the locale, see `encoding`), `strict` (false): see `read_char` and
--- `write`. A byte order mark at the beginning of the input is no part of it; in UTF-16 and UTF-32
--- one is written, and tells the order of the bytes. A text channel takes from the byte channel no
--- more than it needs, so that text and bytes may be read in turns; but `chars`, and lines in
--- UTF-16, UTF-32 and what else has other bytes for a newline, read ahead.
---@param ch lwt.Channel
---@param opts table? `encoding`, `strict`
---@return lwt.TextChannel
--- ```lua
--- local lio = require "lwt.io"
--- local t = text.make(lio.of_bytes("caf\xE9\n"), {encoding = "ISO-8859-1"})
--- print(await(t:read_line()))   --> café
--- ```
function M.make(ch, opts)
  if not is_channel(ch) then args.wrong(1, "make", "lwt.channel", ch) end
  local encoding, strict, rest = coding(2, "make", opts)
  if rest then args.bad(2, "make", ("unknown option '%s'"):format(tostring(next(rest)))) end
  return C.on(ch, encoding, strict)
end

--- Open a file as a text channel. (UTF-16 and UTF-32 write a byte order mark at its beginning, but
--- not where they append.)
---@param path string
---@param mode string as for `lio.open_file`
---@param opts table? `encoding`, `strict`, and those of `lio.open_file`
---@return lwt.Promise<lwt.TextChannel>
--- ```lua
--- local lio = require "lwt.io"
--- local out = await(text.open_file("f", "w", {encoding = "UTF-16"}))
--- await(out:write("日本"))
--- await(out:close())
--- print(await(lio.file_length("f")))   --> 6
--- ```
function M.open_file(path, mode, opts)
  local encoding, strict, rest = coding(3, "open_file", opts)
  return when(call("open_file", 3, lio.open_file, path, mode, rest), on_file, encoding, strict)
end

--- Open a file, give its text channel to `f`, and close it when `f` is done, however it ends. What
--- could not be written is an error of the whole.
---@param path string
---@param mode string
---@generic T
---@param f async fun(t: lwt.TextChannel): T?, ...?
---@param opts table? as for `open_file`
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- local latin = {encoding = "ISO-8859-1"}
--- await(text.with_file("f", "w", function(t) return t:write_line("café") end, latin))
--- print(await(text.with_file("f", "r", text.read_line, latin)))   --> café
--- ```
function M.with_file(path, mode, f, opts)
  args.check_callable(3, "with_file", f)
  local encoding, strict, rest = coding(4, "with_file", opts)
  local opened = call("with_file", 4, lio.open_file, path, mode, rest)
  return lwt.spawn(run, when(opened, on_file, encoding, strict), f)
end

--- Connect to an address, as a text channel that reads and writes.
---@param addr string|table as for `lio.open_connection`
---@param opts table? `encoding`, `strict`, and those of `lio.open_connection`
---@return lwt.Promise<lwt.TextChannel>
--- ```lua
--- local lio = require "lwt.io"
--- local server = await(lio.establish_server("127.0.0.1:0", function(ch)
---   await(ch:write("caf\xE9\n"))
--- end))
--- local t <close> = await(text.open_connection(server:address(), {encoding = "ISO-8859-1"}))
--- print(await(t:read_line()))   --> café
--- await(server:shutdown())
--- ```
function M.open_connection(addr, opts)
  local encoding, strict, rest = coding(2, "open_connection", opts)
  return when(call("open_connection", 2, lio.open_connection, addr, rest), C.on, encoding, strict)
end

--- The name of an encoding: that of the text channel, or, without one, that of the locale. The
--- locale is what the environment asks for (`LC_ALL`, `LC_CTYPE`, `LANG`): in the locale `C` it is
--- `"ASCII"`.
---@param t lwt.TextChannel?
---@return string
--- ```lua
--- local lio = require "lwt.io"
--- print(text.make(lio.of_bytes(""), {encoding = "latin1"}):encoding())   --> ISO-8859-1
--- ```
function M.encoding(t)
  if t == nil then return core.text_locale() end
  check_channel(t, "encoding")
  return encoding_of(t)
end

--- The byte channel below.
---@param t lwt.TextChannel
---@return lwt.Channel
--- ```lua
--- local lio = require "lwt.io"
--- local t = text.make(lio.of_bytes("naïve\n\1\2\3"), {encoding = "UTF-8"})
--- print(await(t:read_line()))                     --> naïve
--- print(#await(t:byte_channel():read()))          --> 3
--- ```
function M.byte_channel(t)
  check_channel(t, "byte_channel")
  return t.bytes
end

local over = { __close = function(self) self.inner.over = true end }

--- Run `f(inner)` as one operation: while it runs, every other operation waits. `f` is a task and
--- works on the text channel that it is given, which afterwards can no longer be used.
---@param t lwt.TextChannel
---@generic T
---@param f async fun(inner: lwt.TextChannel): T?, ...?
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- local lio = require "lwt.io"
--- local r, w = lio.pipe()
--- local t = text.make(w, {encoding = "UTF-8"})
--- lwt.join {
---   t:atomic(function(c) await(c:write "é"); lwt.yield(); await(c:write "è") end),
---   t:write("!"),
--- }:await()
--- await(t:close())
--- print(await(r:read()))   --> éè!
--- ```
function M.atomic(t, f)
  check_channel(t, "atomic")
  args.check_callable(2, "atomic", f)
  return t.bytes:atomic(function(bytes)
    local inner = view(bytes, t.reader, t.writer)
    local _ <close> = setmetatable({ inner = inner }, over)
    return follow(f(inner))
  end)
end

--- Write out what is buffered, as `lio.flush` does.
---@param t lwt.TextChannel
---@return lwt.Promise<nil>
function M.flush(t)
  check_channel(t, "flush", "writer")
  return t.bytes:flush()
end

--- Close the byte channel, as `lio.close` does: flushed, and afterwards every operation is rejected
--- with `lwt.Closed`. A text channel may be a `<close>` variable, as a byte channel may.
---@param t lwt.TextChannel
---@param side? string `"read"` or `"write"`; both when it is left out
---@return lwt.Promise<nil>
function M.close(t, side)
  check_channel(t, "close")
  if side ~= nil and side ~= "read" and side ~= "write" then
    args.bad(2, "close", "'read' or 'write' expected")
  end
  return t.bytes:close(side)
end

--- Close the byte channel now, as `lio.abort` does: what is buffered is thrown away.
---@param t lwt.TextChannel
---@return lwt.Promise<nil>
function M.abort(t)
  check_channel(t, "abort")
  return t.bytes:abort()
end

--- Whether the channel is closed, or its `close` has been called.
---@param t lwt.TextChannel
---@return boolean
function M.is_closed(t)
  check_channel(t, "is_closed")
  return t.bytes:is_closed()
end

for _, name in ipairs {
  "encoding", "byte_channel", "atomic", "flush", "close", "abort", "is_closed",
  "read_char", "read_line", "read", "lines", "chars", "read_lines", "read_chars",
  "write", "write_char", "write_line", "writef", "write_lines", "write_chars",
} do
  methods[name] = M[name]
end

return M

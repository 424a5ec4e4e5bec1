-- Reading from text channels. (Functions of `lwt.text`.)
--
-- A text channel takes from its byte channel no more than it needs, but for lines in UTF-16 and the
-- like. It takes bytes only where its `turn` is locked, and keeps what it has taken in the
-- `reader`, as bytes (`raw`) or as text (`held`), until an operation has all that it needs: so a
-- read that is cancelled or fails loses nothing.

local lwt = require "lwt"
local core = require "lwt.term.core"
local args = require "lwt.internal.args"
local held = require "lwt.text.held"
local is_locked = require "lwt.mutex".is_locked
local C = require "lwt.text.shared"
local await, fulfilled, rejected = lwt.await, lwt.fulfilled, lwt.rejected
local await_read = require "lwt.core".await_read
local decode, cancel_due, sub = core.text_decode, core.text_cancel_due, string.sub

local M, check_channel = C.public, C.check_channel

-- `lines`: the byte 0A is the end of a line, and nothing else is. `simple`: a line of bytes can be
-- decoded by itself. (Not in a strict one, which counts the bytes of line ends.)
function C.reader(name, strict)
  local full, lines, shifts = core.text_encoding_of(name)
  return {
    decoder = core.text_decoder(name, strict), encoding = full, lines = lines,
    simple = lines and not shifts and not strict, raw = "", held = held.new(),
  }
end

-- What an operation takes: `take` gives it, or nil when there is not enough; `more` asks the byte
-- channel, `rest` gives what there is at the end; `some`, what there is when no more is buffered.
local LINE = {
  op = "read_line",
  take = function(r, bytes) -- (lines of bytes are limited by the byte channel)
    local limit = not r.lines and bytes:limit() or nil
    local line, too_long = r.held:line(limit)
    if too_long and not r.bad then
      local message = ("longer than the limit of %d bytes"):format(limit)
      r.bad = core.text_error("ELIMIT", message, "read_line")
    end
    return line
  end,
  more = function(bytes, r)
    if r.lines then return bytes:read_until("\n") end
    return bytes:read(4096)
  end,
  rest = function(r) return r.held.size > 0 and r.held:all() or nil end,
}
local ALL = {
  op = "read",
  take = function() return nil end,
  more = function(bytes) return bytes:read(65536) end,
  rest = function(r) return r.held:all() end,
}
-- No character is shorter than a byte: `n` of those are not too many.
local function some(n)
  return {
    op = "read",
    take = function(r) return r.held:chars(n) end,
    more = function(bytes, r)
      return bytes:read(n > r.held.size and n - r.held.size or 1)
    end,
    some = function(r) return r.held.size > 0 and r.held:all() or nil end,
    rest = function(r) return r.held.size > 0 and r.held:all() or nil end,
  }
end
local ONE = some(1)
ONE.op, ONE.some = "read_char", nil
-- For a loop over the characters: what is buffered is taken at once.
local AHEAD = {
  op = "chars", take = ONE.take, rest = ONE.rest,
  more = function(bytes) return bytes:read(4096) end,
}

-- What the byte channel gave; nil at its end.
local function give(r, want, bytes)
  if bytes == nil then return true end
  if want == LINE and r.lines then bytes = bytes .. "\n" end
  r.raw = r.raw .. bytes
  return false
end

-- Works off what is there: true and a text, false and an error, or nil when it is not enough.
local function advance(t, want, ended)
  local r = t.reader
  while true do
    local text = want.take(r, t.bytes)
    if text then return true, text end
    if r.bad then
      local err = r.bad
      r.bad = nil
      return false, err
    end
    if r.raw == "" and not ended then break end
    local more, taken, at = decode(r.decoder, r.raw, ended)
    r.raw = sub(r.raw, taken + 1)
    r.held:add(more)
    if at then
      r.bad = C.undecodable(r.encoding, want.op, at)
    elseif ended then
      text = want.take(r, t.bytes)
      if text then return true, text end
      if not r.bad then return true, want.rest(r) end
    end
  end
  if want.some and t.bytes:buffered() == 0 then
    local text = want.some(r)
    if text then return true, text end
  end
  return nil
end

-- The rest of an operation, for whose bytes `p` has asked already, or nil. The turn is ours.
local function go_on(t, want, p)
  local ended = false
  while true do
    if not p then
      local ok, value = advance(t, want, ended)
      if ok then return value end
      if ok == false then error(value, 0) end
      p = want.more(t.bytes, t.reader)
    end
    local ok, err = pcall(await, p)
    local state, bytes = p:state()
    if ok or state == "fulfilled" and bytes ~= nil then ended = give(t.reader, want, bytes) end
    if not ok then error(err, 0) end
    p = nil
  end
end

-- The beginning: what can be done without waiting. A promise of the result; or nil and perhaps the
-- promise that is to be waited for.
local function begin(t, want)
  local ok, value = advance(t, want, false)
  while ok == nil and t.bytes:buffered() > 0 do
    local p = want.more(t.bytes, t.reader)
    local state, bytes = p:state()
    if state == "pending" then return nil, p end
    if state == "rejected" then return p end
    ok, value = advance(t, want, give(t.reader, want, bytes))
  end
  if ok then return fulfilled(value) end
  if ok == false then return rejected(value) end
end

-- Nothing has been taken that no operation has got, and none is at work.
local function is_idle(t)
  local r = t.reader
  return r.held.size == 0 and r.raw == "" and not r.bad and not t.turn:is_locked()
end

local function read(t, want)
  local p
  local lock = t.turn:lock()
  local state, guard = lock:state()
  if state == "fulfilled" then
    local _ <close> = guard
    local done
    done, p = begin(t, want)
    if done then return done end
  else
    lock:cancel()
  end
  return t.turn:with_lock(go_on, t, want, p)
end

local function line_of(r, bytes) return bytes and decode(r.decoder, bytes, true) or nil end

-- Most lines are a line of bytes, decoded.
local function read_line(t)
  local r = t.reader
  if not (r.simple and is_idle(t)) then return read(t, LINE) end
  local p = t.bytes:read_line()
  local state, bytes = p:state()
  if state == "fulfilled" then return fulfilled(line_of(r, bytes)) end
  return p:map(function(later) return line_of(r, later) end)
end

local function lines(t)
  local r = t.reader
  if not r.simple then return function() return await_read(read(t, LINE)) end end
  local next_line, bytes = t.bytes:lines()
  local decoder, kept, turn = r.decoder, r.held, t.turn
  return function()
    if kept.size > 0 or r.raw ~= "" or r.bad or is_locked(turn) then -- see is_idle
      return await_read(read(t, LINE))
    end
    local line = next_line(bytes)
    return line and (decode(decoder, line, true))
  end
end

---------------------------------------------------------------------------------------------------

--- Read one character: a code point, in UTF-8.
---
--- In all reading functions, what is malformed is read as U+FFFD. Of a strict text channel the read
--- is rejected with an error whose `code` is `"EILSEQ"` and whose `at` is its offset in the whole
--- input, from 0; the next read goes on behind it, and begins with what was read in vain.
---@param t lwt.TextChannel
---@return lwt.Promise<string?> # a string, or nil at the end
--- ```lua
--- local lio = require "lwt.io"
--- local t = text.make(lio.of_bytes("né"), {encoding = "UTF-8"})
--- print(await(t:read_char()), await(t:read_char()), await(t:read_char()))   --> n é nil
--- ```
function M.read_char(t)
  check_channel(t, "read_char", "reader")
  return read(t, ONE)
end

--- Read one line. Its end, `"\n"` or `"\r\n"`, is taken off; any other `"\r"` stays. The last line
--- need not have one. A line that is longer than the byte channel's `limit` rejects with `ELIMIT`.
---@param t lwt.TextChannel
---@return lwt.Promise<string?> # a string, or nil at the end
--- ```lua
--- local lio = require "lwt.io"
--- local bytes = text.encode("één\r\ntwee\n", "UTF-16LE")
--- local t = text.make(lio.of_bytes(bytes), {encoding = "UTF-16LE"})
--- print(await(t:read_line()), await(t:read_line()), await(t:read_line()))   --> één twee nil
--- ```
function M.read_line(t)
  check_channel(t, "read_line", "reader")
  return read_line(t)
end

--- Read everything to the end (`""` when there is nothing), or, with `n`, at most `n` characters:
--- what is buffered, or else what the next read of the system gives.
---@param t lwt.TextChannel
---@param n integer? at most so many characters
---@return lwt.Promise<string?> # a string; with `n`, nil at the end
--- ```lua
--- local lio = require "lwt.io"
--- local t = text.make(lio.of_bytes("na\xEFve"), {encoding = "ISO-8859-1"})
--- print(await(t:read(3)), await(t:read()), await(t:read()))   --> naï ve
--- ```
function M.read(t, n)
  check_channel(t, "read", "reader")
  if n == nil then return read(t, ALL) end
  local count = type(n) == "number" and math.tointeger(n)
  if not count then args.wrong(2, "read", "integer", n) end
  if count < 0 then args.bad(2, "read", "negative count") end
  if count == 0 then return fulfilled("") end
  return read(t, some(count))
end

--- An iterator over the lines, for `for`: it waits inside the loop's task, and raises what reading
--- fails with.
---@param t lwt.TextChannel
---@return fun(): string?
--- ```lua
--- local lio = require "lwt.io"
--- local t = text.make(lio.of_bytes("a\nb\n"), {encoding = "UTF-8"})
--- for line in t:lines() do print(line) end   --> a b
--- ```
function M.lines(t)
  check_channel(t, "lines", "reader")
  return lines(t)
end

--- An iterator over the characters, for `for`. It reads ahead.
---@param t lwt.TextChannel
---@return fun(): string?
--- ```lua
--- local lio = require "lwt.io"
--- local t = text.make(lio.of_bytes("né"), {encoding = "UTF-8"})
--- for c in t:chars() do print(c) end   --> n é
--- ```
function M.chars(t)
  check_channel(t, "chars", "reader")
  local r = t.reader
  return function()
    if r.held.size > 0 and not t.turn:is_locked() and not cancel_due() then
      return r.held:chars(1)
    end
    return await_read(read(t, AHEAD))
  end
end

--- The lines as a stream.
---@param t lwt.TextChannel
---@return lwt.Stream<string>
--- ```lua
--- local lio = require "lwt.io"
--- local t = text.make(lio.of_bytes("a\nb"), {encoding = "UTF-8"})
--- print(table.concat(await(t:read_lines():to_list()), " "))   --> a b
--- ```
function M.read_lines(t)
  check_channel(t, "read_lines", "reader")
  return require "lwt.stream".from(function() return read_line(t) end)
end

--- The characters as a stream.
---@param t lwt.TextChannel
---@return lwt.Stream<string>
--- ```lua
--- local lio = require "lwt.io"
--- local t = text.make(lio.of_bytes("né"), {encoding = "UTF-8"})
--- print(#await(t:read_chars():to_list()))   --> 2
--- ```
function M.read_chars(t)
  check_channel(t, "read_chars", "reader")
  return require "lwt.stream".from(function() return read(t, ONE) end)
end

return M

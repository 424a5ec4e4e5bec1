-- What a channel's methods in C (src/uv/channel) leave to Lua: its close on the way out, atomic, and
-- reading and writing that is made of theirs.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local follow = require "lwt.internal.follow"
local items_of = require "lwt.internal.items"
local shared = require "lwt.io.shared"
local direct = require "lwt.io.direct"
local hex = require "lwt.io.hex"

local await, shield = lwt.await, lwt.shield
local channel, methods = shared.channel, shared.methods
local start, check_channel, write_each = shared.start, shared.check_channel, shared.write_each
local lock, release, close = methods._lock, methods._release, methods.close
local write, write_line, read_line, read_char =
  methods.write, methods.write_line, methods.read_line, methods.read_char

local M = shared.public

--- A file, a socket, a pipe or a program's end of one, by lines and bytes, with a buffer.
---@class lwt.Channel
---@field le lwt.ChannelOrder numbers in little-endian order: the lowest byte first
---@field be lwt.ChannelOrder numbers in big-endian order: the highest byte first

--- The numbers of a channel, in one order of bytes.
---@class lwt.ChannelOrder

---------------------------------------------------------------------------------------------------
-- Closing on the way out

local ERROR_GRACE = 1 -- seconds that a flush may take when something has failed already

-- `<close>` waits until the channel is closed, whatever cancels the task meanwhile. When an error
-- is on its way, an end that does not read must not hold it up for ever.
local function close_whole(ch)
  await(close(ch))
end

local function close_in_time(ch)
  local p = close(ch)
  if p:state() == "pending" then lwt.with_timeout(ERROR_GRACE, p):catch(function() end):await() end
end

function channel.__close(ch, err)
  if release(ch) then return end
  if not lwt.current() then
    close(ch)
  elseif err == nil then
    local p = close(ch)
    local state, reason = p:state()
    if state == "pending" then
      shield(close_whole, ch)
    elseif state == "rejected" then
      error(reason, 0)
    end
  else
    shield(close_in_time, ch)
  end
end

---------------------------------------------------------------------------------------------------
-- Atomic

local function run_atomic(ch, f)
  local inner <close> = await(lock(ch))
  return follow(f(inner))
end

--- Run `f(inner)` as one operation: while it runs, every other operation on the channel waits. `f`
--- is a task of its own and works on the temporary channel it is given; the channel itself would
--- wait for `f`. Afterwards the temporary channel can no longer be used. atomic may be nested, on
--- the temporary channel.
---
---@generic T
---@param ch lwt.Channel
---@param f async fun(ch: lwt.Channel): T?, ...?
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- local r, w = lio.pipe()
--- lwt.join {
---   w:atomic(function(c) await(c:write "a"); lwt.yield(); await(c:write "b") end),
---   w:write("c"),
--- }:await()
--- await(w:close())
--- print(await(r:read()))   --> abc
--- ```
function M.atomic(ch, f)
  check_channel(ch, "atomic")
  args.check_callable(2, "atomic", f)
  return start(run_atomic, ch, f)
end

---------------------------------------------------------------------------------------------------
-- Reading and writing, by lines and characters

local function of_reads(ch, read)
  require "lwt.stream"
  return require "lwt.stream.core".of_reads(function() return read(ch) end)
end

--- The lines as a stream (see `lines` for a plain loop, which is cheaper). Each line is an
--- operation of its own.
---
---@param ch lwt.Channel
---@return lwt.Stream<string>
--- ```lua
--- print(table.concat(await(lio.of_bytes("a\nb"):read_lines():to_list()), " "))   --> a b
--- ```
function M.read_lines(ch)
  check_channel(ch, "read_lines")
  return of_reads(ch, read_line)
end

--- The bytes, as strings of one byte each, as a stream.
---
---@param ch lwt.Channel
---@return lwt.Stream<string>
--- ```lua
--- print(#await(lio.of_bytes("abc"):read_chars():to_list()))   --> 3
--- ```
function M.read_chars(ch)
  check_channel(ch, "read_chars")
  return of_reads(ch, read_char)
end
--- Write lines, each followed by `"\n"`: of a list, a stream or an iterator (which may wait). Each
--- is an operation of its own.
---
---@param ch lwt.Channel
---@param lines table|lwt.Stream|function
---@return lwt.Promise<nil>
--- ```lua
--- local r, w = lio.pipe()
--- await(w:write_lines {"a", "b"})
--- await(w:close())
--- print((await(r:read()):gsub("\n", ";")))   --> a;b;
--- ```
function M.write_lines(ch, lines)
  check_channel(ch, "write_lines")
  return start(write_each, ch, write_line, items_of(2, "write_lines", lines))
end

--- Write strings as they are: of a list, a stream or an iterator (which may wait).
---
---@param ch lwt.Channel
---@param chars table|lwt.Stream|function
---@return lwt.Promise<nil>
--- ```lua
--- local r, w = lio.pipe()
--- await(w:write_chars {"a", "b"})
--- await(w:close())
--- print(await(r:read()))   --> ab
--- ```
function M.write_chars(ch, chars)
  check_channel(ch, "write_chars")
  return start(write_each, ch, write, items_of(2, "write_chars", chars))
end

--- Write `fmt:format(...)`.
---
---@param ch lwt.Channel
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
--- ```lua
--- local r, w = lio.pipe()
--- await(w:writef("%d-%s\n", 1, "x"))
--- print(await(r:read_line()))   --> 1-x
--- ```
function M.writef(ch, fmt, ...)
  check_channel(ch, "writef")
  if type(fmt) ~= "string" then args.wrong(2, "writef", "string", fmt) end
  return write(ch, fmt:format(...))
end

--- Work on the buffer itself, as one operation: `f(d)` is a task of its own, and `d` gives, for
--- input, `d:available()` (how many bytes are buffered), `d:peek([n])` (a string of them, which
--- stay), `d:skip(n)` and `d:perform()` (read once more: a promise of how many bytes came, 0 at the
--- end); for output, `d:available()` (how many bytes still fit), `d:put(s)` (how many of its bytes
--- were put there) and `d:perform()` (write: a promise of how many went out). It ends with `f`.
---
---@generic T
---@param ch lwt.Channel
---@param f async fun(d: lwt.io.direct): T?, ...?
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- local ch = lio.of_bytes("key=value")
--- await(ch:direct_access(function(d)
---   await(d:perform())
---   d:skip((d:peek():find("=")))
--- end))
--- print(await(ch:read()))   --> value
--- ```
function M.direct_access(ch, f)
  check_channel(ch, "direct_access")
  args.check_callable(2, "direct_access", f)
  return start(run_atomic, ch, direct.wrap(f))
end
--- Write what `data` looks like in hexadecimal, 16 bytes a line, in the manner of `hexdump -C`.
---
---@param ch lwt.Channel
---@param data string
---@return lwt.Promise<nil>
--- ```lua
--- local r, w = lio.pipe()
--- await(w:hexdump("Hello\n"))
--- print((await(r:read_line()):sub(1, 30)))   --> 00000000  48 65 6c 6c 6f 0a
--- ```
function M.hexdump(ch, data)
  check_channel(ch, "hexdump")
  if type(data) ~= "string" then args.wrong(2, "hexdump", "string", data) end
  return write(ch, hex.dump(data))
end

for _, name in ipairs {
  "atomic", "read_lines", "read_chars", "write_lines", "write_chars", "writef", "direct_access",
  "hexdump",
} do
  methods[name] = M[name]
end

return M

--- lwt.io: buffered channels: files, sockets, pipes and memory, by lines, bytes and numbers.
--- `lio.stdin`, `lio.stdout` and `lio.stderr` are there from the start.
---
--- ```lua
--- local lio = require "lwt.io"
--- await(lio.with_file("notes", "w", function(ch)
---   await(ch:write_line "first")
--- end))
--- for line in lio.lines_of_file "notes" do print(line) end            --> first
---
--- local server <close> = await(lio.establish_server("127.0.0.1:0", function(ch)
---   for line in ch:lines() do await(ch:write_line(line:upper())) end
--- end))
--- local ch <close> = await(lio.open_connection(server:address()))
--- await(ch:write_line "hello")
--- print(await(ch:read_line()))              --> HELLO
--- ```
---
--- Call it `lio`, as these pages do (`local lio = require "lwt.io"`): a local `io` would hide Lua's own.
--- Every function that takes a channel first is a method as well: the same function.

-- What touches bytes is in C (src/uv/channel); here is what is made of it: atomic,
-- whole files, temporary things, connections, servers, printing.

local lwt = require "lwt"
local uv = require "lwt.internal.uvneeded"("lwt.io")
local cio, files = uv.io, uv.fs.channels
local await, spawn, shield, is_promise = lwt.await, lwt.spawn, lwt.shield, lwt.is_promise
local channel, methods = cio.metatable, cio.methods
local lock, release, close, abort = methods._lock, methods._release, methods.close, methods.abort
local write, write_line, read_line, read_char =
  methods.write, methods.write_line, methods.read_line, methods.read_char

local check = require "lwt.io.check"

local due = require "lwt.internal.due"

local M = {}

-- A task that was cancelled and has not been told yet begins nothing at once.
local function start(f, ...)
  if due.cancel_due() then return due.later(spawn, f, ...) end
  return spawn(f, ...)
end

for name, value in pairs(methods) do
  if name:sub(1, 1) ~= "_" then M[name] = value end
end
for _, name in ipairs {
  "of_fd", "of_bytes", "pipe", "default_buffer_size", "set_default_buffer_size", "le", "be",
} do
  M[name] = cio[name]
end
for _, name in ipairs {
  "open_file", "open_temp_file", "create_temp_dir", "delete_recursively", "file_length",
} do
  M[name] = files[name]
end

local function formatted(name, fmt, ...)
  if type(fmt) ~= "string" and type(fmt) ~= "number" then
    error(("bad argument #1 to '%s' (string expected, got %s)"):format(name, type(fmt)), 3)
  end
  return string.format(fmt, ...)
end

-- Strings and numbers, as one string: for the printing family.
local function text_of(name, ...)
  local n = select("#", ...)
  for i = 1, n do
    local kind = type((select(i, ...)))
    if kind ~= "string" and kind ~= "number" then
      error(("bad argument #%d to '%s' (string expected, got %s)"):format(i, name, kind), 3)
    end
  end
  return n == 1 and (...) or table.concat({ ... }, "", 1, n)
end

-- A wrong argument, at the line that called the function which checks it.
local function bad_argument(n, name, message)
  error(("bad argument #%d to '%s' (%s)"):format(n, name, message), 3)
end

local function check_function(n, name, f)
  if type(f) ~= "function" and not (getmetatable(f) or {}).__call then
    error(("bad argument #%d to '%s' (function expected, got %s)"):format(
      n, name, f == nil and "no value" or type(f)), 3)
  end
end

local function check_channel(ch, name)
  if getmetatable(ch) ~= channel then
    error(("bad argument #1 to '%s' (lwt.channel expected, got %s)"):format(
      name, ch == nil and "no value" or type(ch)), 3)
  end
end

local function check_options(n, name, options, known)
  if options == nil then return {} end
  if type(options) ~= "table" then
    error(("bad argument #%d to '%s' (table expected, got %s)"):format(n, name, type(options)), 3)
  end
  for key in pairs(options) do
    if not known[key] then
      error(("bad argument #%d to '%s' (unknown option '%s')"):format(n, name, tostring(key)), 3)
    end
  end
  return options
end

-- What a function gave: one promise is waited for.
local function follow(...)
  if select("#", ...) == 1 and is_promise((...)) then return await((...)) end
  return ...
end

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
  check_function(2, "atomic", f)
  return start(run_atomic, ch, f)
end

---------------------------------------------------------------------------------------------------
-- Reading and writing, by lines and characters

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
  return require "lwt.stream".from(function() return read_line(ch) end)
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
  return require "lwt.stream".from(function() return read_char(ch) end)
end

-- An iterator over a list, a stream, or whatever can be called.
local function each(n, name, items)
  if type(items) == "table" and getmetatable(items) == nil then
    local i = 0
    return function()
      i = i + 1
      return items[i]
    end
  elseif type(items) == "function" or (getmetatable(items) or {}).__call then
    return items
  end
  error(("bad argument #%d to '%s' (list, stream or iterator expected, got %s)"):format(
    n, name, items == nil and "no value" or type(items)), 3)
end

local function write_each(ch, put, next_item)
  for item in next_item do await(put(ch, item)) end
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
  return start(write_each, ch, write_line, each(2, "write_lines", lines))
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
  return start(write_each, ch, write, each(2, "write_chars", chars))
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
  if type(fmt) ~= "string" then bad_argument(2, "writef", "string expected, got " .. type(fmt)) end
  return write(ch, fmt:format(...))
end

local direct = require "lwt.io.direct"

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
  check_function(2, "direct_access", f)
  return start(run_atomic, ch, direct.wrap(f))
end

---------------------------------------------------------------------------------------------------
-- Files

local function run_with_channel(opened, f)
  local ch <close> = await(opened)
  return follow(f(ch))
end

--- Open a file (as `open_file` does), give its channel to `f`, and close it when `f` is done,
--- however it ends. What could not be written is an error of the whole.
---
---@generic T
---@param path string
---@param mode string
---@param f async fun(ch: lwt.Channel): T?, ...?
---@param opts table? as for `open_file`
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- await(lio.with_file("f", "w", function(ch) return ch:write("text") end))
--- print(await(lio.with_file("f", "r", lio.read)))   --> text
--- ```
function M.with_file(path, mode, f, opts)
  check_function(3, "with_file", f)
  return spawn(run_with_channel, M.open_file(path, mode, opts), f)
end

-- Removes a path at the end of a block, and waits for it. What is gone already is no error.
local function remove(path, how)
  local ok, err = pcall(await, how(path))
  if not ok and not (type(err) == "table" and err.code == "ENOENT") then error(err, 0) end
end

local removing = {
  __close = function(self) shield(remove, self.path, self.how) end,
}

-- What is made is known, and removed, also when the task is cancelled while it is made: the
-- promise is rejected when it is gone.
local function made(make, opts)
  return shield(function() return await(make(opts)) end)
end

local function run_with_temp_file(opts, f)
  local path, opened = made(M.open_temp_file, opts)
  local _ <close> = setmetatable({ path = path, how = files.unlink }, removing)
  local ch <close> = opened
  await(lwt.fulfilled()) -- a cancel that came meanwhile is raised here
  return follow(f(path, ch))
end

--- Make a temporary file and give its path and its channel to `f`. It is closed and removed when
--- `f` is done, however it ends, by cancellation as well.
---
---@generic T
---@param f async fun(path: string, ch: lwt.Channel): T?, ...?
---@param opts table? as for `open_temp_file`
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- local path = await(lio.with_temp_file(function(path, ch) await(ch:write("x")); return path end))
--- print((pcall(await, lio.file_length(path))))   --> false
--- ```
function M.with_temp_file(f, opts)
  check_function(1, "with_temp_file", f)
  return spawn(run_with_temp_file, opts, f)
end

local function run_with_temp_dir(opts, f)
  local path = made(M.create_temp_dir, opts)
  local _ <close> = setmetatable({ path = path, how = files.delete_recursively }, removing)
  await(lwt.fulfilled())
  return follow(f(path))
end

--- Make a temporary folder and give its path to `f`. It is removed, with all that is in it, when
--- `f` is done, however it ends.
---
---@generic T
---@param f async fun(path: string): T?, ...?
---@param opts table? as for `create_temp_dir`
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- local p = lio.with_temp_dir(function(path)
---   await(lio.lines_to_file(path .. "/f", {"one", "two"}))
---   return lio.file_length(path .. "/f")
--- end)
--- print(await(p))   --> 8
--- ```
function M.with_temp_dir(f, opts)
  check_function(1, "with_temp_dir", f)
  return spawn(run_with_temp_dir, opts, f)
end

-- A stream that opens its file at the first element and closes it at the end, with an error, or when
-- its `close` is called.
local function of_file(path, read)
  local opened, over
  local s = require "lwt.stream".from(function()
    if over then return nil end
    local ch = opened or await(M.open_file(path, "r"))
    if over then await(close(ch)) return nil end
    opened = ch
    local ok, item = pcall(await, read(ch))
    if over then return nil end
    if ok and item ~= nil then return item end
    if not ok and rawequal(item, lwt.Canceled) then error(item, 0) end
    over = true
    await(close(ch))
    if not ok then error(item, 0) end
    return nil
  end)
  function s.close()
    local ch = not over and opened
    over = true
    if ch then close(ch) end
  end
  return s
end

--- The lines of a file as a stream. The file is opened for the first and closed after the last;
--- `s:close()` ends the stream before that, and closes the file.
---
---@param path string
---@return lwt.Stream<string>
--- ```lua
--- await(lio.lines_to_file("f", {"a", "b"}))
--- print(table.concat(await(lio.lines_of_file("f"):to_list()), " "))   --> a b
--- ```
function M.lines_of_file(path)
  if type(path) ~= "string" then
    bad_argument(1, "lines_of_file", "string expected, got " .. type(path))
  end
  return of_file(path, read_line)
end

--- The bytes of a file as a stream of strings of one byte. It is closed as `lines_of_file`'s.
---
---@param path string
---@return lwt.Stream<string>
--- ```lua
--- await(lio.chars_to_file("f", {"a", "b"}))
--- print(#await(lio.chars_of_file("f"):to_list()))   --> 2
--- ```
function M.chars_of_file(path)
  if type(path) ~= "string" then
    bad_argument(1, "chars_of_file", "string expected, got " .. type(path))
  end
  return of_file(path, read_char)
end

local function run_to_file(path, put, next_item)
  local ch <close> = await(M.open_file(path, "w"))
  write_each(ch, put, next_item)
end

--- Make a file of lines, each followed by `"\n"`: of a list, a stream or an iterator (which may
--- wait).
---
---@param path string
---@param lines table|lwt.Stream|function
---@return lwt.Promise<nil>
--- ```lua
--- await(lio.lines_to_file("f", {"a", "b"}))
--- print(await(lio.file_length("f")))   --> 4
--- ```
function M.lines_to_file(path, lines)
  if type(path) ~= "string" then
    bad_argument(1, "lines_to_file", "string expected, got " .. type(path))
  end
  return start(run_to_file, path, write_line, each(2, "lines_to_file", lines))
end

--- Make a file of strings, written one behind the other.
---
---@param path string
---@param chars table|lwt.Stream|function
---@return lwt.Promise<nil>
--- ```lua
--- await(lio.chars_to_file("f", {"a", "b"}))
--- print(await(lio.file_length("f")))   --> 2
--- ```
function M.chars_to_file(path, chars)
  if type(path) ~= "string" then
    bad_argument(1, "chars_to_file", "string expected, got " .. type(path))
  end
  return start(run_to_file, path, write, each(2, "chars_to_file", chars))
end

---------------------------------------------------------------------------------------------------
-- Channels made of functions

local custom = require "lwt.io.custom"

--- A channel on functions of your own, each of which may return a promise or wait: `read(n)` gives
--- a string of 1 to `n` bytes (more are kept), or nil at the end; `write(s)` gives how many bytes
--- of `s` it has taken (nothing means all); `seek(position, whence)` (`"set"`, `"cur"` or `"end"`)
--- gives the new position; `shutdown()`, at the end of writing alone; `close()`. The channel reads where there is a `read`, and writes where
--- there is a `write`.
---
---@param functions table `read`, `write`, `seek`, `shutdown`, `close`
---@param opts table? `buffer_size`
---@return lwt.Channel
--- ```lua
--- local parts = {"one\ntw", "o\n"}
--- local ch = lio.make {read = function() return table.remove(parts, 1) end}
--- print(await(ch:read_line()), await(ch:read_line()), await(ch:read_line()))   --> one two nil
--- ```
function M.make(functions, opts)
  if type(functions) ~= "table" then
    bad_argument(1, "make", "table expected, got " .. type(functions))
  end
  for key, f in pairs(functions) do
    if key ~= "read" and key ~= "write" and key ~= "seek" and key ~= "close"
      and key ~= "shutdown" then
      bad_argument(1, "make", ("unknown function '%s'"):format(tostring(key)))
    end
    check_function(1, "make", f)
  end
  if not functions.read and not functions.write then
    bad_argument(1, "make", "neither 'read' nor 'write' given")
  end
  opts = check_options(2, "make", opts, { buffer_size = true })
  local ok, err = pcall(check.channel_options, 2, "make", opts)
  if not ok then error(err, 2) end
  return custom.make(cio, functions, opts.buffer_size)
end

---------------------------------------------------------------------------------------------------
-- Connections and servers

local network = require "lwt.io.network"

--- Connect to an address (see `lwt.net`: `"host:port"`, `"unix:/path"` …): one channel that reads
--- and writes. Its close flushes, and closes the socket.
---
--- With `tls = true` it is a connection over TLS (the rock lwt-ssl), fulfilled after the handshake: chain, dates
--- and name of the server's certificate are verified. `tls` may be a table of what `ssl.connect` takes instead,
--- or a context of `lwt.ssl`.
---
---@param addr string|table
---@param opts table? `buffer_size`, `limit`, `tls`, and those of `net.tcp_connect`
---@return lwt.Promise<lwt.Channel>
--- ```lua
--- local server = await(lio.establish_server("127.0.0.1:0", function(ch)
---   await(ch:write_line("hello"))
--- end))
--- local ch <close> = await(lio.open_connection(server:address()))
--- print(await(ch:read_line()))   --> hello
--- await(server:shutdown())
--- ```
function M.open_connection(addr, opts)
  local ok, p = pcall(network.connect, cio, addr, opts, "open_connection")
  if not ok then error(p, 2) end
  return p
end

--- Connect, give the channel to `f`, and close it when `f` is done, however it ends.
---
---@generic T
---@param addr string|table
---@param f async fun(ch: lwt.Channel): T?, ...?
---@param opts table? as for `open_connection`
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- local server = await(lio.establish_server("127.0.0.1:0", function(ch)
---   await(ch:write_line((await(ch:read_line())):upper()))
--- end))
--- local p = lio.with_connection(server:address(), function(ch)
---   await(ch:write_line("hello"))
---   return ch:read_line()
--- end)
--- print(await(p))   --> HELLO
--- await(server:shutdown())
--- ```
function M.with_connection(addr, f, opts)
  check_function(2, "with_connection", f)
  local ok, p = pcall(network.connect, cio, addr, opts, "with_connection")
  if not ok then error(p, 2) end
  return spawn(run_with_channel, p, f)
end

--- Run `f` when the channel is there, and close the channel when `f` is done, however it ends.
---
---@generic T
---@param f async fun(ch: lwt.Channel): T?, ...?
---@param ch lwt.Channel
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- local r, w = lio.pipe()
--- await(lio.with_close_connection(function(c) return c:write("x") end, w))
--- print(await(r:read()), lio.is_closed(w))   --> x true
--- ```
function M.with_close_connection(f, ch)
  check_function(1, "with_close_connection", f)
  if getmetatable(ch) ~= channel then
    bad_argument(2, "with_close_connection", "lwt.channel expected, got " .. type(ch))
  end
  return spawn(run_with_channel, lwt.fulfilled(ch), f)
end

--- Listen at an address, and run `f(ch, address)` as a task for each client that connects;
--- `address` is the client's. The channel is flushed and closed when `f` is done, however it ends.
--- Port 0 has the system pick one: `server:address()` tells which.
---
--- What `f` fails with ends that connection and no other: it is written to stderr, with its
--- traceback and the client's address, and the server goes on. Neither a handler that is cancelled
--- is a failure, nor a client that is gone: `ECONNRESET`, `EPIPE`, `ECONNABORTED`, `ETIMEDOUT`,
--- `ENOTCONN`, `EHOSTUNREACH` and `ENETUNREACH` of the client's own channel, and `lwt.Closed` when
--- that is closed. With the option `on_error`, a function that runs as a task, every error of `f`
--- goes to `on_error(err, address)` instead, those of clients that are gone as well
--- (`lwt.traceback(err)` tells where it was raised). `on_error = error` ends the program with the
--- first failure, but not for a client that is gone.
---
--- A client cannot have the server keep a line without an end: a channel's `limit` is 1048576
--- bytes here, unless the option `limit` says another, or `false` for none (see `set_limit`).
---
--- With the option `tls`, a table of what `ssl.accept` takes (`cert`, `key` …) or a context of `lwt.ssl`, clients come over
--- TLS, and `f` runs after the handshake. Each handshake runs by itself. One that fails is told to `on_error` alone.
--- `server:set_tls(tls)` changes the certificates for those who connect from then on.
---
--- The server has `address()`, `connections()` (how many are being served) and
--- `shutdown([seconds])`, a promise: nobody is accepted any more, those who are served have so many
--- seconds (5) to finish, then they are cancelled. With `<close>`, a server shuts down at once.
---
---@param addr string|table
---@param f async fun(ch: lwt.Channel, address: string): ...?
---@param opts table? `buffer_size`, `limit`, `on_error`, `tls`, and those of `net.tcp_listen`
---@return lwt.Promise<lwt.Server> # the server, once it is listening
--- ```lua
--- local server = await(lio.establish_server("127.0.0.1:0", function(ch)
---   for line in ch:lines() do await(ch:write_line(line:upper())) end
--- end))
--- local ch <close> = await(lio.open_connection(server:address()))
--- await(ch:write_line("hello"))
--- print(await(ch:read_line()), server:connections())   --> HELLO 1
--- await(ch:close())
--- await(server:shutdown())
--- ```
function M.establish_server(addr, f, opts)
  check_function(2, "establish_server", f)
  local ok, p = pcall(network.establish, cio, addr, f, opts)
  if not ok then error(p, 2) end
  return p
end

local secure = require "lwt.io.secure"

--- Go on over TLS, on the same channel (STARTTLS). What was written before is sent in clear, first. It is one operation,
--- which others wait for. What was already read goes into TLS, so a command that an attacker has put in, in clear, makes
--- the handshake fail.
---
--- `opts` are those of `ssl.connect` (rock lwt-ssl). A client has to give `name`, or `verify = false`. With `server = true` they
--- are those of `ssl.accept`. When the handshake fails the channel is in clear as before: close it.
---
---@param ch lwt.Channel
---@param opts table|lwt.ssl.Context
---@return lwt.Promise<lwt.Channel> # the channel itself
--- ```lua
--- await(require "lwt.process".exec({ "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key",
---   "-out", "server.pem", "-subj", "/CN=try", "-addext", "subjectAltName=DNS:localhost" }, { stderr = "null" }))
--- local server <close> = await(lio.establish_server("127.0.0.1:0", function(ch)
---   await(ch:read_line())
---   await(ch:write_line "220 go ahead")
---   await(ch:upgrade { server = true, cert = "server.pem", key = "server.key" })
---   await(ch:write_line "hello")
--- end))
--- local ch <close> = await(lio.open_connection(server:address()))
--- await(ch:write_line "STARTTLS")
--- print(await(ch:read_line()))                            --> 220 go ahead
--- await(ch:upgrade { name = "localhost", ca = "server.pem" })
--- print(await(ch:read_line()), ch:tls():version())        --> hello TLSv1.3
--- ```
function M.upgrade(ch, opts)
  check_channel(ch, "upgrade")
  local make, of_server = secure.client_plan, type(opts) == "table" and opts.server
  if of_server ~= nil and getmetatable(opts) == nil then
    local rest = {}
    for key, value in pairs(opts) do
      if key ~= "server" then rest[key] = value end
    end
    opts = rest
  end
  if of_server or type(opts) == "table" and opts.role == "server" then make = secure.server_plan end
  local ok, plan = pcall(make, opts)
  if not ok and type(plan) == "string" then
    bad_argument(2, "upgrade", (plan:gsub("^option 'tls': ", "")))
  elseif not ok then
    error(plan, 0)
  end
  if ch:mode() ~= "both" then
    bad_argument(1, "upgrade", "a channel that reads and writes expected")
  end
  return secure.upgrade(cio, ch, plan)
end

--- The TLS stream that a channel goes over (`peer_certificate`, `alpn`, `version` …: see `lwt.ssl`), or
--- nil where it is in clear.
---
---@param ch lwt.Channel
---@return lwt.ssl.Stream|nil
--- ```lua
--- local r = lio.pipe()
--- print(r:tls())   --> nil
--- ```
function M.tls(ch)
  check_channel(ch, "tls")
  return secure.stream_of(ch)
end

---------------------------------------------------------------------------------------------------
-- The standard channels, printing

local standard = { stdin = { 0, "r" }, stdout = { 1, "w" }, stderr = { 2, "w" } }

-- What Lua's io has, or what one looks for, and this one has not; and what to call instead.
local elsewhere = {
  open = "open_file(path, mode)", popen = "lwt.process.pread", tmpfile = "open_temp_file()",
  input = "stdin", output = "stdout",
  connect = "open_connection(address)", listen = "establish_server(address, handler)",
}

--- A file, a socket, a pipe or a program's end of one, by lines and bytes, with a buffer.
---@class lwt.Channel
---@field le lwt.ChannelOrder numbers in little-endian order: the lowest byte first
---@field be lwt.ChannelOrder numbers in big-endian order: the highest byte first

--- The numbers of a channel, in one order of bytes.
---@class lwt.ChannelOrder

--- Standard input. The channel is made when it is first asked for; closing it leaves the
--- descriptor open.
--- ```lua
--- print(lio.stdin:mode())   --> input
--- ```
---@value lwt.io.stdin lwt.Channel

--- Standard output: what is written is buffered, and written out when the buffer is full, when the
--- loop has nothing else to do, by `flush`, and at the end of the program.
--- ```lua
--- print(lio.stdout:mode())   --> output
--- ```
---@value lwt.io.stdout lwt.Channel

--- Standard error, buffered like standard output.
--- ```lua
--- print(lio.stderr:mode())   --> output
--- ```
---@value lwt.io.stderr lwt.Channel

-- Made when they are first asked for: a program that does not use them leaves the descriptors
-- alone.
setmetatable(M, {
  __index = function(_, name)
    local how = standard[name]
    if elsewhere[name] then
      local lua = io[name] and ", as Lua's io has" or ""
      error(("lwt.io has no '%s'%s; here it is '%s'"):format(name, lua, elsewhere[name]), 2)
    end
    if not how then return nil end
    local ch = cio.of_fd(how[1], how[2], { close = false })
    M[name] = ch
    cio.standard(name, ch)
    return ch
  end,
})

-- The printing family writes at once what can be written without waiting, behind what Lua's own
-- `print` has written: so the lines of a program come out in the order of its calls.
local function put(name, write_it, text)
  local ch = M[name]
  local p = write_it(ch, text)
  cio.flush_now(ch)
  return p
end

--- Write the arguments to `lio.stdout`, one behind the other, at once. `printl` adds a newline,
--- `printf` formats, `printlf` does both; with an `e` in front they write to `lio.stderr`.
--- What these write and what Lua's `print` and `io.write` write comes out in the order of the
--- calls. (What `lio.stdout:write` writes is buffered, which is cheaper where there is much of it,
--- and comes later than a `print` after it.)
---
---@param ... string|number
---@return lwt.Promise<nil>
--- ```lua
--- print(lwt.is_promise(lio.print("")))   --> true
--- ```
function M.print(...)
  return put("stdout", write, text_of("print", ...))
end

--- Write the arguments and a newline to `lio.stdout`, at once, in order with `print`.
---
---@param ... string|number
---@return lwt.Promise<nil>
function M.printl(...)
  return put("stdout", write_line, text_of("printl", ...))
end

--- Write `fmt:format(...)` to `lio.stdout`.
---
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function M.printf(fmt, ...)
  return put("stdout", write, formatted("printf", fmt, ...))
end

--- Write `fmt:format(...)` and a newline to `lio.stdout`.
---
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function M.printlf(fmt, ...)
  return put("stdout", write_line, formatted("printlf", fmt, ...))
end

--- Write the arguments to `lio.stderr`.
---
---@param ... string|number
---@return lwt.Promise<nil>
function M.eprint(...)
  return put("stderr", write, text_of("eprint", ...))
end

--- Write the arguments and a newline to `lio.stderr`.
---
---@param ... string|number
---@return lwt.Promise<nil>
function M.eprintl(...)
  return put("stderr", write_line, text_of("eprintl", ...))
end

--- Write `fmt:format(...)` to `lio.stderr`.
---
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function M.eprintf(fmt, ...)
  return put("stderr", write, formatted("eprintf", fmt, ...))
end

--- Write `fmt:format(...)` and a newline to `lio.stderr`.
---
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function M.eprintlf(fmt, ...)
  return put("stderr", write_line, formatted("eprintlf", fmt, ...))
end

local hex = require "lwt.io.hex"

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
  if type(data) ~= "string" then
    bad_argument(2, "hexdump", "string expected, got " .. type(data))
  end
  return write(ch, hex.dump(data))
end

---------------------------------------------------------------------------------------------------
-- Flushing everything

local function flush_each(list, report)
  for _, ch in ipairs(list) do
    local ok, err = pcall(await, ch:flush())
    if not ok then
      if rawequal(err, lwt.Canceled) then error(err, 0) end
      if report then report(err) end
    end
  end
end

--- Flush every open output channel. What cannot be written is told by the channel's next operation,
--- not here.
---
---@return lwt.Promise<nil>
--- ```lua
--- local r, w = lio.pipe()
--- await(w:write("x"))
--- await(lio.flush_all())
--- print(await(r:read(1)))   --> x
--- ```
function M.flush_all()
  return spawn(flush_each, cio.unflushed())
end

-- At the end of `run` an error has nobody else to go to than the exception hook. An end that has
-- gone away is not worth it (`lwt script | head`).
local function report(err)
  if type(err) == "table" and err.code == "EPIPE" then return end
  lwt.async(error, err, 0)
end

local function flush_at_exit()
  flush_each(cio.unflushed(true), report)
end

cio.at_exit(function() lwt.at_exit(flush_at_exit) end)

for _, name in ipairs {
  "atomic", "read_lines", "read_chars", "write_lines", "write_chars", "writef", "direct_access",
  "hexdump", "upgrade", "tls",
} do
  methods[name] = M[name]
end
methods.set_position = custom.set_position(methods.set_position)
methods.position = custom.position(methods.position)
methods.length = custom.length(methods.length)
M.set_position, M.position, M.length = methods.set_position, methods.position, methods.length
M.abort = abort

return M

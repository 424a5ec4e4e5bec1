---@meta lwt
-- Generated from the sources by `make docs`: change it there.
-- luacheck: ignore

---Where a socket is, or is to be. Every function that takes an address takes one of these, too.
---@class lwt.Address
---@field host? string numbers, or a name where one is taken
---@field port? integer
---@field family? "inet"|"inet6"
---@field socktype? "stream"|"datagram"
---@field canonname? string when it was asked for
---@field path? string of a Unix-domain socket, instead of all that
local lwt_Address = {}

---@class lwt.Bar
local lwt_Bar = {}

---So much more is done.
---@param n number? 1
function lwt_Bar:add(n) end

---So much is done.
---@param value number
---@param label string? another label
function lwt_Bar:set(value, label) end

---It has ended: the bar is drawn a last time, as far as it came, and stays as a line. Ending it again does
---nothing; leaving a `<close>` variable ends it.
---@param last? string the line that stays instead; "": none
---@return lwt.Promise<nil> # it is written
function lwt_Bar:done(last) end

---@class lwt.Barrier
local lwt_Barrier = {}

---Waits until as many wait as the barrier is for. Then all are woken, in the order in which they
---came. One that is cancelled no longer counts.
---```lua
---local b = barrier.create(2)
---local gone = b:wait()
---gone:cancel()
---local p = b:wait()
---print(p:state())   --> pending
---b:wait()
---print(p:state())   --> fulfilled 1
---```
---@return lwt.Promise<integer> # of the place in that order: 1 for the one that came first
function lwt_Barrier:wait() end

---@class lwt.Bytes
local lwt_Bytes = {}

---The number of bytes, as `#b` gives it.
---```lua
---print(bytes.of_string("abc"):length())   --> 3
---```
---@return integer
function lwt_Bytes:length() end

---The byte at an offset, a number from 0 to 255. Offsets count from 0; one outside the
---buffer raises.
---```lua
---local b = bytes.of_string("A")
---print(b:get(0), (pcall(b.get, b, 1)))   --> 65 false
---```
---@param ofs integer
---@return integer
function lwt_Bytes:get(ofs) end

---Sets the byte at an offset to a number from 0 to 255.
---```lua
---local b = bytes.of_string("abc")
---b:set(1, 0x42)
---print(b:to_string())   --> aBc
---```
---@param ofs integer
---@param byte integer
function lwt_Bytes:set(ofs, byte) end

---A part of the buffer that shares its memory: what is written to one is seen in the
---other. A range outside the buffer raises.
---```lua
---local b = bytes.of_string("hello")
---local part = b:sub(1, 3)
---part:set(0, 0x41)
---print(part:to_string(), b:to_string())   --> All hAllo
---```
---@param ofs integer
---@param len integer
---@return lwt.Bytes
function lwt_Bytes:sub(ofs, len) end

---A copy, with memory of its own, of the buffer or of a part of it.
---```lua
---print(bytes.of_string("hello"):copy(1, 2):to_string())   --> el
---```
---@param ofs? integer where it begins (0)
---@param len? integer how much (the rest)
---@return lwt.Bytes
function lwt_Bytes:copy(ofs, len) end

---Sets every byte of the buffer, or of a part of it.
---```lua
---local b = bytes.of_string("hello")
---b:fill(0x2e, 3)
---print(b:to_string())   --> hel..
---```
---@param byte integer from 0 to 255
---@param ofs? integer where it begins (0)
---@param len? integer how much (the rest)
function lwt_Bytes:fill(byte, ofs, len) end

---Copies `len` bytes from one buffer (or string) into another. They may overlap.
---```lua
---local b = bytes.create(4)
---bytes.blit("hello", 1, b, 0, 4)
---b:blit(0, b, 1, 3)
---print(b:to_string())   --> eell
---```
---@param sofs integer where to begin reading
---@param dst lwt.Bytes
---@param dofs integer where to begin writing
---@param len integer
function lwt_Bytes:blit(sofs, dst, dofs, len) end

---The bytes as a Lua string: all of them, or a part.
---```lua
---print(bytes.of_string("hello"):to_string(1, 3))   --> ell
---```
---@param ofs? integer where it begins (0)
---@param len? integer how much (the rest)
---@return string
function lwt_Bytes:to_string(ofs, len) end

---A file, a socket, a pipe or a program's end of one, by lines and bytes, with a buffer.
---@class lwt.Channel
local lwt_Channel = {}
---numbers in little-endian order: the lowest byte first
---@type lwt.ChannelOrder
lwt_Channel.le = nil
---numbers in big-endian order: the highest byte first
---@type lwt.ChannelOrder
lwt_Channel.be = nil

---Close the channel. Reading ends at once: reads that are waiting are rejected with
---`lwt.Closed`. Writes that are waiting are carried out, and what is buffered is written;
---then the descriptor, socket or whatever is behind the channel is closed. The promise is
---fulfilled when that is done, and rejected when not everything could be written (it is
---closed then as well; Lwt says nothing). Closing again gives the same promise. Cancelling
---the promise turns the close into an `abort`. Operations that come later are rejected with
---`lwt.Closed`.
---
---Of a channel that does both, one side can be closed: `close("write")` flushes and tells the
---other end that nothing more comes, while reading goes on; `close("read")` ends reading.
---```lua
---local ch = await(lio.open_file("f", "w"))
---await(ch:write("hello"))
---await(ch:close())
---print(lio.is_closed(ch))   --> true
---```
---@param side? string `"read"` or `"write"`; both when it is left out
---@return lwt.Promise<nil>
function lwt_Channel:close(side) end

---Close the channel now: what is buffered is thrown away, and every operation that waits is
---rejected with `lwt.Closed`.
---```lua
---local r, w = lio.pipe()
---await(w:abort())
---print(await(r:read()))   -->
---```
---@return lwt.Promise<nil> # fulfilled when it is closed
function lwt_Channel:abort() end

---Whether the channel is closed, or its `close` has been called.
---```lua
---print(lio.is_closed(lio.stdin))   --> false
---```
---@return boolean
function lwt_Channel:is_closed() end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@return lwt.Promise<number?> # nil at the end
function lwt_Channel:read_int16() end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@return lwt.Promise<number?> # nil at the end
function lwt_Channel:read_int() end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@return lwt.Promise<number?> # nil at the end
function lwt_Channel:read_int32() end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@return lwt.Promise<number?> # nil at the end
function lwt_Channel:read_int64() end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@return lwt.Promise<number?> # nil at the end
function lwt_Channel:read_float32() end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@return lwt.Promise<number?> # nil at the end
function lwt_Channel:read_float64() end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param n number
---@return lwt.Promise<nil>
function lwt_Channel:write_int16(n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param n number
---@return lwt.Promise<nil>
function lwt_Channel:write_int(n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param n number
---@return lwt.Promise<nil>
function lwt_Channel:write_int32(n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param n number
---@return lwt.Promise<nil>
function lwt_Channel:write_int64(n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param n number
---@return lwt.Promise<nil>
function lwt_Channel:write_float32(n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param n number
---@return lwt.Promise<nil>
function lwt_Channel:write_float64(n) end

---Reads values in a format of `string.unpack`, as one operation: as many bytes as the format takes are read, and no more. `nil` at the end
---of the input; rejected with `lwt.EOF` where it ends inside, and with `ELIMIT`, with nothing taken, where the format asks for more bytes
---than `max` or the channel's `limit`. Of `ch.le` and `ch.be` they are in that byte order, unless the format says another.
---```lua
---print(await(lio.of_bytes("\3abc"):unpack("s1")))   --> abc
---```
---@param format string
---@param max integer? at most so many bytes
---@return lwt.Promise<any> of the values
function lwt_Channel:unpack(format, max) end

---Writes values in a format of `string.pack`, as one operation.
---```lua
---local r, w = lio.pipe()
---await(w:pack("s1", "abc"))
---await(w:close())
---print(#await(r:read()))   --> 4
---```
---@param format string
---@param ... any
---@return lwt.Promise<nil>
function lwt_Channel:pack(format, ...) end

---Read one byte.
---```lua
---local ch = lio.of_bytes("ab")
---print(await(ch:read_char()), await(ch:read_char()), await(ch:read_char()))   --> a b nil
---```
---@return lwt.Promise<string?> # a string of one byte, or nil at the end
function lwt_Channel:read_char() end

---Read one line. Its end, `"\n"` or `"\r\n"`, is taken off; any other `"\r"` stays. The last
---line need not have one. A line may be as long as memory allows, but not longer than `max` or
---the channel's `limit`: then the promise is rejected with `ELIMIT`, and nothing is taken.
---```lua
---local ch = lio.of_bytes("one\r\ntwo\nthree")
---for _ = 1, 4 do print(await(ch:read_line())) end   --> one two three nil
---```
---@param max integer? at most so many bytes, its end not counted
---@return lwt.Promise<string?> # a string, or nil at the end
function lwt_Channel:read_line(max) end

---Read everything to the end (`""` when there is nothing), or, with `n`, at most `n` bytes:
---what is buffered, or else what the next read of the system gives. `read(0)` gives `""` at
---once.
---```lua
---local ch = lio.of_bytes("hello world")
---print(await(ch:read(5)))    --> hello
---print(await(ch:read()))     --> world
---print(await(ch:read(1)))    --> nil
---```
---@param n integer? at most so many bytes
---@return lwt.Promise<string?> # a string; with `n`, nil at the end
function lwt_Channel:read(n) end

---Read `n` bytes, no fewer. When the input ends before, the promise is rejected with
---`lwt.EOF`, and what there was can still be read.
---```lua
---local ch = lio.of_bytes("abc")
---print(await(ch:read_exactly(2)))                          --> ab
---print(select(2, pcall(await, ch:read_exactly(2))) == lwt.EOF)   --> true
---```
---@param n integer
---@return lwt.Promise<string> # a string of `n` bytes
function lwt_Channel:read_exactly(n) end

---Read up to a delimiter, which is taken off, or to the end of the input. What is longer than
---`max`, or the channel's `limit`, is rejected with `ELIMIT`, and stays.
---```lua
---local ch = lio.of_bytes("a, b, c")
---for _ = 1, 3 do print(await(ch:read_until(", "))) end   --> a b c
---```
---@param delim string one byte or more
---@param max integer? at most so many bytes, the delimiter not counted
---@return lwt.Promise<string?> # a string, or nil at the end
function lwt_Channel:read_until(delim, max) end

---Read at most `len` bytes into an `lwt.bytes`, at `ofs` (from 0; to the end of it by
---default).
---```lua
---local b = require "lwt.bytes".create(8)
---print(await(lio.of_bytes("abc"):read_into(b, 2)))   --> 3
---print(b:to_string(2, 3))                           --> abc
---```
---@param bytes lwt.Bytes
---@param ofs integer?
---@param len integer?
---@return lwt.Promise<integer?> # how many were read, or nil at the end
function lwt_Channel:read_into(bytes, ofs, len) end

---An iterator over the lines, for `for`: it waits inside the loop's task, and raises what
---reading fails with, a line that is longer than the channel's `limit` included. A line that is
---buffered costs no promise and lets nobody else run (`lwt.yield` does); each turn is a cancel
---point all the same.
---```lua
---for line in lio.of_bytes("a\nb\n"):lines() do print(line) end   --> a b
---```
---@return fun(): string? # the iterator
function lwt_Channel:lines() end

---How many bytes are in the buffer: read and not yet asked for, or written and not yet
---flushed. Of a channel that does both it gives the first, and then the second.
---```lua
---local ch = lio.of_bytes("abc")
---await(ch:read_char())
---print(ch:buffered())   --> 2
---```
---@return integer
function lwt_Channel:buffered() end

---How many bytes a line, what is read up to a delimiter, or what `unpack` reads may have at most;
---nil when only memory limits it, as it does for channels at first. (A server's clients are
---limited: see `establish_server`.)
---```lua
---print(lio.of_bytes(""):limit())   --> nil
---```
---@return integer|nil
function lwt_Channel:limit() end

---Set how many bytes a line, what is read up to a delimiter, or what `unpack` reads may have, so
---that the other end of a connection cannot fill the memory with a line that never ends. What is
---longer rejects the read with an error whose `code` is `"ELIMIT"`; its bytes stay where they
---are. `read()` to the end and reads of a given number of bytes are not limited.
---```lua
---local ch = lio.of_bytes("a line\n")
---ch:set_limit(3)
---print(select(2, pcall(await, ch:read_line())).code)   --> ELIMIT
---ch:set_limit(nil)
---print(await(ch:read_line()))                          --> a line
---```
---@param limit integer? nil: no limit
function lwt_Channel:set_limit(limit) end

---The position in the file: where the next byte is read from or written to, counted from 0.
---What is buffered is taken into account. It raises where there is no position (`ESPIPE`).
---```lua
---local ch = lio.of_bytes("hello")
---await(ch:read(2))
---print(ch:position())   --> 2
---```
---@return integer
function lwt_Channel:position() end

---Go to a position, counted from 0. What is to be written is written first; input that is
---buffered already is used where it can be.
---```lua
---local ch = lio.of_bytes("hello")
---await(ch:set_position(3))
---print(await(ch:read()))   --> lo
---```
---@param position integer
---@return lwt.Promise<nil>
function lwt_Channel:set_position(position) end

---How long the file behind the channel is, what is buffered for writing not counted. It raises
---where there is no length (`ESPIPE`).
---```lua
---print(lio.of_bytes("hello"):length())   --> 5
---```
---@return integer
function lwt_Channel:length() end

---Whether an operation of the channel is waiting or under way, an `atomic` included.
---```lua
---local r, w = lio.pipe()
---local p = r:read_line()
---print(r:is_busy(), w:is_busy())   --> true false
---p:cancel()
---```
---@return boolean
function lwt_Channel:is_busy() end

---What the channel can do: `"input"`, `"output"` or `"both"`.
---```lua
---print(lio.stdout:mode())   --> output
---```
---@return string
function lwt_Channel:mode() end

---The descriptor that the channel reads and writes; nil for one that is made of anything else (bytes in memory, functions), for a
---socket's, and for one that is closed.
---```lua
---print(lio.stdout:fileno())   --> 1
---```
---@return integer?
function lwt_Channel:fileno() end

---Write strings (numbers and `lwt.bytes` are taken too), as one operation. They go into the
---buffer, which is written out when it is full, when the loop has nothing else to do, by
---`flush` and by `close`. The promise is fulfilled when the bytes are in the buffer or
---written: a writer that is faster than the other end waits here. A write that has begun to
---go out is not torn by cancelling it.
---```lua
---local r, w = lio.pipe()
---await(w:write("a", 1))
---await(w:close())
---print(await(r:read()))   --> a1
---```
---@param ... string|number|lwt.Bytes
---@return lwt.Promise<nil>
function lwt_Channel:write(...) end

---Write one byte, given as a number from 0 to 255 or as a string of one byte.
---```lua
---local r, w = lio.pipe()
---await(w:write_char("x"))
---await(w:write_char(121))
---await(w:close())
---print(await(r:read()))   --> xy
---```
---@param char integer|string
---@return lwt.Promise<nil>
function lwt_Channel:write_char(char) end

---Write a line: the string, and `"\n"`.
---```lua
---local r, w = lio.pipe()
---await(w:write_line("hello"))
---print(await(r:read_line()))   --> hello
---```
---@param line string
---@return lwt.Promise<nil>
function lwt_Channel:write_line(line) end

---Write out what is buffered. The promise is fulfilled when the system has it, and rejected
---when it does not take it.
---```lua
---local ch = await(lio.open_file("f", "w"))
---await(ch:write("now"))
---await(ch:flush())
---print(await(lio.with_file("f", "r", lio.read)))   --> now
---await(ch:close())
---```
---@return lwt.Promise<nil>
function lwt_Channel:flush() end

---The size of the buffer, of the one for reading where there are two: 64 KiB unless told
---otherwise, and 256 KiB for writing to a file. It is a bound: memory is taken as it is
---needed.
---```lua
---print(lio.of_bytes("abc"):buffer_size())   --> 65536
---```
---@return integer
function lwt_Channel:buffer_size() end

---Give the buffer another size (16 bytes at least). Output that does not fit is flushed
---first; for input that does not fit, the promise is rejected.
---```lua
---local ch = lio.of_bytes("abc")
---await(ch:resize_buffer(16))
---print(ch:buffer_size())   --> 16
---```
---@param size integer
---@return lwt.Promise<nil>
function lwt_Channel:resize_buffer(size) end

---Run `f(inner)` as one operation: while it runs, every other operation on the channel waits. `f`
---is a task of its own and works on the temporary channel it is given; the channel itself would
---wait for `f`. Afterwards the temporary channel can no longer be used. atomic may be nested, on
---the temporary channel.
---```lua
---local r, w = lio.pipe()
---lwt.join {
---  w:atomic(function(c) await(c:write "a"); lwt.yield(); await(c:write "b") end),
---  w:write("c"),
---}:await()
---await(w:close())
---print(await(r:read()))   --> abc
---```
---@generic T
---@param f async fun(ch: lwt.Channel): T?, ...?
---@return lwt.Promise<T> # what `f` returns
function lwt_Channel:atomic(f) end

---The lines as a stream (see `lines` for a plain loop, which is cheaper). Each line is an
---operation of its own.
---```lua
---print(table.concat(await(lio.of_bytes("a\nb"):read_lines():to_list()), " "))   --> a b
---```
---@return lwt.Stream<string>
function lwt_Channel:read_lines() end

---The bytes, as strings of one byte each, as a stream.
---```lua
---print(#await(lio.of_bytes("abc"):read_chars():to_list()))   --> 3
---```
---@return lwt.Stream<string>
function lwt_Channel:read_chars() end

---Write lines, each followed by `"\n"`: of a list, a stream or an iterator (which may wait). Each
---is an operation of its own.
---```lua
---local r, w = lio.pipe()
---await(w:write_lines {"a", "b"})
---await(w:close())
---print((await(r:read()):gsub("\n", ";")))   --> a;b;
---```
---@param lines table|lwt.Stream|function
---@return lwt.Promise<nil>
function lwt_Channel:write_lines(lines) end

---Write strings as they are: of a list, a stream or an iterator (which may wait).
---```lua
---local r, w = lio.pipe()
---await(w:write_chars {"a", "b"})
---await(w:close())
---print(await(r:read()))   --> ab
---```
---@param chars table|lwt.Stream|function
---@return lwt.Promise<nil>
function lwt_Channel:write_chars(chars) end

---Write `fmt:format(...)`.
---```lua
---local r, w = lio.pipe()
---await(w:writef("%d-%s\n", 1, "x"))
---print(await(r:read_line()))   --> 1-x
---```
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function lwt_Channel:writef(fmt, ...) end

---Work on the buffer itself, as one operation: `f(d)` is a task of its own, and `d` gives, for
---input, `d:available()` (how many bytes are buffered), `d:peek([n])` (a string of them, which
---stay), `d:skip(n)` and `d:perform()` (read once more: a promise of how many bytes came, 0 at the
---end); for output, `d:available()` (how many bytes still fit), `d:put(s)` (how many of its bytes
---were put there) and `d:perform()` (write: a promise of how many went out). It ends with `f`.
---```lua
---local ch = lio.of_bytes("key=value")
---await(ch:direct_access(function(d)
---  await(d:perform())
---  d:skip((d:peek():find("=")))
---end))
---print(await(ch:read()))   --> value
---```
---@generic T
---@param f async fun(d: lwt.io.direct): T?, ...?
---@return lwt.Promise<T> # what `f` returns
function lwt_Channel:direct_access(f) end

---Write what `data` looks like in hexadecimal, 16 bytes a line, in the manner of `hexdump -C`.
---```lua
---local r, w = lio.pipe()
---await(w:hexdump("Hello\n"))
---print((await(r:read_line()):sub(1, 30)))   --> 00000000  48 65 6c 6c 6f 0a
---```
---@param data string
---@return lwt.Promise<nil>
function lwt_Channel:hexdump(data) end

---Go on over TLS, on the same channel (STARTTLS). What was written before is sent in clear, first. It is one operation,
---which others wait for. What was already read goes into TLS, so a command that an attacker has put in, in clear, makes
---the handshake fail.
---
---`opts` are those of `ssl.connect` (rock lwt-ssl). A client has to give `name`, or `verify = false`. With `server = true` they
---are those of `ssl.accept`. When the handshake fails the channel is in clear as before: close it.
---```lua
---await(require "lwt.process".exec({ "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key",
---  "-out", "server.pem", "-subj", "/CN=try", "-addext", "subjectAltName=DNS:localhost" }, { stderr = "null" }))
---local server <close> = await(lio.establish_server("127.0.0.1:0", function(ch)
---  await(ch:read_line())
---  await(ch:write_line "220 go ahead")
---  await(ch:upgrade { server = true, cert = "server.pem", key = "server.key" })
---  await(ch:write_line "hello")
---end))
---local ch <close> = await(lio.open_connection(server:address()))
---await(ch:write_line "STARTTLS")
---print(await(ch:read_line()))                            --> 220 go ahead
---await(ch:upgrade { name = "localhost", ca = "server.pem" })
---print(await(ch:read_line()), ch:tls():version())        --> hello TLSv1.3
---```
---@param opts table|lwt.ssl.Context
---@return lwt.Promise<lwt.Channel> # the channel itself
function lwt_Channel:upgrade(opts) end

---The TLS stream that a channel goes over (`peer_certificate`, `alpn`, `version` …: see `lwt.ssl`), or
---nil where it is in clear.
---```lua
---local r = lio.pipe()
---print(r:tls())   --> nil
---```
---@return lwt.ssl.Stream|nil
function lwt_Channel:tls() end

---The numbers of a channel, in one order of bytes.
---@class lwt.ChannelOrder
local lwt_ChannelOrder = {}

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@return lwt.Promise<number?> # nil at the end
function lwt_ChannelOrder:read_int16() end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@return lwt.Promise<number?> # nil at the end
function lwt_ChannelOrder:read_int() end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@return lwt.Promise<number?> # nil at the end
function lwt_ChannelOrder:read_int32() end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@return lwt.Promise<number?> # nil at the end
function lwt_ChannelOrder:read_int64() end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@return lwt.Promise<number?> # nil at the end
function lwt_ChannelOrder:read_float32() end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@return lwt.Promise<number?> # nil at the end
function lwt_ChannelOrder:read_float64() end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param n number
---@return lwt.Promise<nil>
function lwt_ChannelOrder:write_int16(n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param n number
---@return lwt.Promise<nil>
function lwt_ChannelOrder:write_int(n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param n number
---@return lwt.Promise<nil>
function lwt_ChannelOrder:write_int32(n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param n number
---@return lwt.Promise<nil>
function lwt_ChannelOrder:write_int64(n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param n number
---@return lwt.Promise<nil>
function lwt_ChannelOrder:write_float32(n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param n number
---@return lwt.Promise<nil>
function lwt_ChannelOrder:write_float64(n) end

---Reads values in a format of `string.unpack`, as one operation: as many bytes as the format takes are read, and no more. `nil` at the end
---of the input; rejected with `lwt.EOF` where it ends inside, and with `ELIMIT`, with nothing taken, where the format asks for more bytes
---than `max` or the channel's `limit`. Of `ch.le` and `ch.be` they are in that byte order, unless the format says another.
---```lua
---print(await(lio.of_bytes("\3abc"):unpack("s1")))   --> abc
---```
---@param format string
---@param max integer? at most so many bytes
---@return lwt.Promise<any> of the values
function lwt_ChannelOrder:unpack(format, max) end

---Writes values in a format of `string.pack`, as one operation.
---```lua
---local r, w = lio.pipe()
---await(w:pack("s1", "abc"))
---await(w:close())
---print(#await(r:read()))   --> 4
---```
---@param format string
---@param ... any
---@return lwt.Promise<nil>
function lwt_ChannelOrder:pack(format, ...) end

---@class lwt.Clock
local lwt_Clock = {}

---The clock's time, in seconds.
---```lua
---local c = clock.create { paused = true }
---c:advance(0.25)
---print(c:now())   --> 0.25
---```
---@return number
function lwt_Clock:now() end

---Waits until `seconds` have passed on this clock: never early. Sleepers are woken in the order of
---their deadlines, those with the same one in the order of their calls.
---```lua
---local c = clock.create { rate = 100 }
---await(c:sleep(1))        -- ten milliseconds
---print(c:now() >= 1)      --> true
---```
---@param seconds number
---@return lwt.Promise<nil>
function lwt_Clock:sleep(seconds) end

---Rejects with `lwt.Timeout` when `seconds` have passed on this clock.
---```lua
---local c = clock.create { paused = true }
---local p = c:timeout(1)
---c:advance(1)
---print(select(2, pcall(await, p)) == lwt.Timeout)   --> true
---```
---@param seconds number
---@return lwt.Promise<any>
function lwt_Clock:timeout(seconds) end

---Gives `x`, a promise or a function to run as a task, so many seconds of this clock: then
---cancels it and rejects with `lwt.Timeout`. One that has ended already wins, whatever the limit.
---```lua
---local c = clock.create { rate = 100 }
---local p = c:with_timeout(1, lwt.wait())
---print(select(2, pcall(await, p)) == lwt.Timeout)   --> true
---```
---@generic T
---@param seconds number
---@param x lwt.Promise<T>|async fun(...): T?, ...?
---@param ... any arguments for the function
---@return lwt.Promise<T> # of `x`
function lwt_Clock:with_timeout(seconds, x, ...) end

---Stops the clock: what waits for it waits on. Pausing a paused clock does nothing.
---```lua
---local c = clock.create()
---c:pause()
---local before = c:now()
---await(lwt.sleep(0.01))
---print(c:now() == before)   --> true
---```
function lwt_Clock:pause() end

---Lets a paused clock run on from where it stopped.
---```lua
---local c = clock.create { paused = true, rate = 100 }
---local p = c:sleep(1)
---c:resume()
---await(p)
---print(c:is_paused())   --> false
---```
function lwt_Clock:resume() end

---Whether the clock is paused.
---```lua
---print(clock.create { paused = true }:is_paused())   --> true
---```
---@return boolean
function lwt_Clock:is_paused() end

---How fast the clock runs from now on, in its seconds to one of the loop's: 0.5 is slow motion, 0
---stands still. What waits for it wakes accordingly later or earlier.
---```lua
---local c = clock.create()
---local p = c:sleep(3600)
---c:set_rate(1e6)
---await(p)
---print(c:now() >= 3600)   --> true
---```
---@param rate number 0 or more
function lwt_Clock:set_rate(rate) end

---How fast the clock runs when it is not paused.
---```lua
---print(clock.create { rate = 2 }:rate())   --> 2
---```
---@return number
function lwt_Clock:rate() end

---Puts the clock forward by `dt` seconds at once (not multiplied by its rate), paused or not,
---and wakes the sleepers that are then due, in order. They see the new time.
---```lua
---local c, log = clock.create { paused = true }, {}
---for _, s in ipairs { 3, 1, 2 } do
---  c:sleep(s):on_success(function() log[#log + 1] = s end)
---end
---c:advance(10)
---print(table.concat(log, " "))   --> 1 2 3
---```
---@param dt number 0 or more
function lwt_Clock:advance(dt) end

---@class lwt.Condition
local lwt_Condition = {}

---Waits for a signal. With a mutex, which the caller must hold: unlocks it, waits, and locks
---it again before the promise is resolved, whether by a signal, a `broadcast_exn` or a
---cancel; that locking cannot be cancelled, so the caller holds the mutex again whenever
---`await(c:wait(m))` returns or raises (in Lwt a cancel at the wrong moment breaks this).
---A waiter that is cancelled takes no signal from the others: one that was signalled, and then
---cancelled before it had the mutex, passes the signal on. So for a limit in time with a mutex,
---cancel this promise after a while, and await it: `with_timeout`, like `pick`, goes on at once,
---before the mutex is held again.
---```lua
---local mutex = require "lwt.mutex"
---local m, c, queue = mutex.create(), condition.create(), {}
---local consumer = m:with_lock(function()
---  while #queue == 0 do await(c:wait(m)) end
---  return table.remove(queue, 1)
---end)
---await(m:with_lock(function()
---  queue[1] = "job"
---  c:signal()
---end))
---print(await(consumer))   --> job
---```
---@param m? lwt.Mutex
---@return lwt.Promise<any> # of what was signalled
function lwt_Condition:wait(m) end

---Wakes the oldest waiter, with these values. Without a waiter nothing happens: a signal is not
---kept.
---```lua
---local c = condition.create()
---local first, second = c:wait(), c:wait()
---c:signal(1)
---print(first:state())    --> fulfilled 1
---print(second:state())   --> pending
---```
---@param ... any
function lwt_Condition:signal(...) end

---Wakes all waiters, oldest first, with these values. One that waits again meanwhile is not woken
---a second time.
---```lua
---local c = condition.create()
---local all = lwt.all { c:wait(), c:wait() }
---c:broadcast("now")
---print(table.concat(await(all), " "))   --> now now
---```
---@param ... any
function lwt_Condition:broadcast(...) end

---Rejects all waits with this error, oldest first.
---```lua
---local c = condition.create()
---local p = c:wait()
---c:broadcast_exn("closed")
---print(pcall(await, p))   --> false closed
---```
---@param err any
function lwt_Condition:broadcast_exn(err) end

---An error of the world: what the system, or lwt itself, rejects with or raises where it is not a plain mistake in the program. Look at
---its `code`; `tostring` tells all of it, on a line.
---@class lwt.Error
---@field errno? integer the system's number, 0 where it has none
---@field op? string what was being done: "open", "connect" …
---@field path? string the file or the program
---@field address? string the other end of a connection, or the name that was looked up
local lwt_Error = {}
---"ENOENT", "ECONNRESET", "EAI_NONAME" …, or one of lwt's own: "ELIMIT", "TIMEOUT", "CLOSED" …
---@type string
lwt_Error.code = nil
---the same in words
---@type string
lwt_Error.message = nil

---An event.
---@class lwt.Event
local lwt_Event = {}

---Makes `e` hold `x`, so that it lives as long as `e`. It gives what it held before.
---```lua
---local e = react.E.create()
---print(e:retain("a"), e:retain("b"))   --> nil a
---```
---@param x any
---@return any
function lwt_Event:retain(x) end

---Ends an event: it never occurs again, and the functions that it was made with are not called any more. A task of
---an `_s` or `_p` form that has begun goes on; what waits for its turn there is not begun. With `strong`, events and
---signals that it alone was made from are ended as well.
---```lua
---local e, send = react.E.create()
---local seen = e:map(function(v) print(v) end)
---seen:stop()
---send(1)
---```
---@param strong? boolean
function lwt_Event:stop(strong) end

---Whether two events are the same one.
---```lua
---local e = react.E.create()
---print(e:equal(e))   --> true
---```
---@param b lwt.Event
---@return boolean
function lwt_Event:equal(b) end

---`f(v)` at each occurrence. `f` is a plain callback; if it fails, its error goes to the
---exception hook and the occurrence is skipped.
---```lua
---local e, send = react.E.create()
---local seen = e:map(function(v) return v * 2 end):map(function(v) print(v) end)   --> 8
---send(4)
---```
---@param f fun(v: any): any
---@return lwt.Event
function lwt_Event:map(f) end

---The occurrences of `e`, for each of which `f(v)` is called first (while the signal `iff`
---is true, when there is one).
---```lua
---local e, send = react.E.create()
---local t = e:trace(function(v) print(v) end)   --> x
---send("x")
---```
---@param f fun(v: any)
---@param iff? lwt.Signal
---@return lwt.Event
function lwt_Event:trace(f, iff) end

---The first occurrence only.
---```lua
---local e, send = react.E.create()
---local seen = e:once():map(function(v) print(v) end)   --> 1
---send(1)
---send(2)
---```
---@return lwt.Event
function lwt_Event:once() end

---All occurrences but the first.
---```lua
---local e, send = react.E.create()
---local seen = e:drop_once():map(function(v) print(v) end)   --> 2
---send(1)
---send(2)
---```
---@return lwt.Event
function lwt_Event:drop_once() end

---When both occur at the same time: the function that `ef` gives, of what `e` gives.
---```lua
---local e, send = react.E.create()
---local plus = e:map(function(v) return function(w) return v + w end end)
---local seen = plus:app(e):map(function(v) print(v) end)   --> 8
---send(4)
---```
---@param e lwt.Event
---@return lwt.Event
function lwt_Event:app(e) end

---Occurs with `v` each time `e` occurs.
---```lua
---local e, send = react.E.create()
---local seen = e:stamp("tick"):map(function(v) print(v) end)   --> tick
---send(1)
---```
---@param v any
---@return lwt.Event
function lwt_Event:stamp(v) end

---The occurrences for which `f(v)` is true.
---```lua
---local e, send = react.E.create()
---local seen = e:filter(function(v) return v > 1 end):map(function(v) print(v) end)   --> 2
---send(1)
---send(2)
---```
---@param f fun(v: any): boolean
---@return lwt.Event
function lwt_Event:filter(f) end

---The values of `f(v)` that are not nil.
---```lua
---local e, send = react.E.create()
---local seen = e:fmap(tonumber):map(function(v) print(v) end)   --> 7
---send("x")
---send("7")
---```
---@param f fun(v: any): any
---@return lwt.Event
function lwt_Event:fmap(f) end

---`f(new, old)` from the second occurrence on.
---```lua
---local e, send = react.E.create()
---local made = e:diff(function(new, old) return new - old end)
---local seen = made:map(function(v) print(v) end)   --> 4
---send(1)
---send(5)
---```
---@param f fun(new: any, old: any): any
---@return lwt.Event
function lwt_Event:diff(f) end

---The occurrences that differ from the one before: `eq(old, new)`, or `==`.
---```lua
---local e, send = react.E.create()
---local seen = e:changes():map(function(v) print(v) end)   --> 1
---send(1)
---send(1)
---```
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Event
function lwt_Event:changes(eq) end

---The occurrences of `e` while the signal `c` is true. (React's `on`, once `when`.)
---```lua
---local e, send = react.E.create()
---local c, set = react.S.create(false)
---local seen = e:on(c):map(function(v) print(v) end)   --> 2
---send(1)
---set(true)
---send(2)
---```
---@param c lwt.Signal
---@return lwt.Event
function lwt_Event:on(c) end

---The occurrences of `e` at which `c` does not occur.
---```lua
---local e, send = react.E.create()
---local big = e:filter(function(v) return v > 9 end)
---local seen = e:dismiss(big):map(function(v) print(v) end)   --> 5
---send(10)
---send(5)
---```
---@param c lwt.Event
---@return lwt.Event
function lwt_Event:dismiss(c) end

---The occurrences of `e` until `c` occurs (that instant excluded). (React's `until`: a
---keyword in Lua.)
---```lua
---local e, send = react.E.create()
---local made = e:until_(e:filter(function(v) return v == 2 end))
---local seen = made:map(function(v) print(v) end)   --> 1
---send(1)
---send(2) send(3)
---```
---@param c lwt.Event
---@return lwt.Event
function lwt_Event:until_(c) end

---A state, changed by the functions that `ef` gives, from `init` on: occurs with each new
---state.
---```lua
---local e, send = react.E.create()
---local seen = e:accum(1):map(function(v) print(v) end)   --> 2
---send(function(n) return n + 1 end)
---```
---@param init any
---@return lwt.Event
function lwt_Event:accum(init) end

---`f(acc, v)` at each occurrence, from `acc = init` on: occurs with each new accumulator.
---```lua
---local e, send = react.E.create()
---local seen = e:fold(0, function(acc, v) return acc + v end):map(function(v) print(v) end)   --> 2
-----> 5
---send(2)
---send(3)
---```
---@param init any
---@param f fun(acc: any, v: any): any
---@return lwt.Event
function lwt_Event:fold(init, f) end

---The occurrences of `e` until `ee` occurs, then those of the event that `ee` gave last.
---```lua
---local a, send_a = react.E.create()
---local b, send_b = react.E.create()
---local ee, turn = react.E.create()
---local seen = a:switch(ee):map(function(v) print(v) end)   --> 1
-----> 3
---send_a(1)
---turn(b)
---send_a(2)
---send_b(3)
---```
---@param ee lwt.Event
---@return lwt.Event
function lwt_Event:switch(ee) end

---`f(a)` when it occurs: the same as `map`.
---@param f fun(a: any): any
---@return lwt.Event
function lwt_Event:l1(f) end

---`f(a, b)` when both occur at the same time.
---```lua
---local e, send = react.E.create()
---local half = e:filter(function(v) return v % 2 == 0 end):map(function(v) return v // 2 end)
---local made = react.E.l2(e, half, function(v, h) return v .. "/" .. h end)
---local seen = made:map(function(v) print(v) end)   --> 4/2
---send(3)
---send(4)
---```
---@param b lwt.Event
---@param f fun(a: any, b: any): any
---@return lwt.Event
function lwt_Event:l2(b, f) end

---`f(a, b, c)` when all three occur at the same time.
---@param b lwt.Event
---@param c lwt.Event
---@param f fun(a: any, b: any, c: any): any
---@return lwt.Event
function lwt_Event:l3(b, c, f) end

---The same for four.
---@param b lwt.Event
---@param c lwt.Event
---@param d lwt.Event
---@param f fun(a: any, b: any, c: any, d: any): any
---@return lwt.Event
function lwt_Event:l4(b, c, d, f) end

---The same for five.
---@param b lwt.Event
---@param c lwt.Event
---@param d lwt.Event
---@param e lwt.Event
---@param f fun(a: any, b: any, c: any, d: any, e: any): any
---@return lwt.Event
function lwt_Event:l5(b, c, d, e, f) end

---The same for six.
---@param b lwt.Event
---@param c lwt.Event
---@param d lwt.Event
---@param e lwt.Event
---@param g lwt.Event
---@param f fun(a: any, b: any, c: any, d: any, e: any, g: any): any
---@return lwt.Event
function lwt_Event:l6(b, c, d, e, g, f) end

---The signal of the last occurrence, `init` before the first: `S.hold`.
---```lua
---local e, send = react.E.create()
---local s = e:hold(0)
---send(3)
---print(s:value())   --> 3
---```
---@param init any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Event:hold(init, eq) end

---The same event; when the result is garbage `f()` is called, from the loop.
---```lua
---local e, send = react.E.create()
---local copy = e:with_finaliser(function() print "gone" end)
---copy = nil
---collectgarbage() lwt.yield()
---await(lwt.pause())
---```
---@param f fun()
---@return lwt.Event
function lwt_Event:with_finaliser(f) end

---A promise of the next occurrence. Asked for by a function that runs in an update step in which
---`e` occurs, that is the occurrence of this step; asked for again in its own callback, it is the
---one after it. It can be cancelled.
---```lua
---local e, send = react.E.create()
---local p = e:next()
---send(1) send(2)
---print(await(p))   --> 1
---```
---@return lwt.Promise<any>
function lwt_Event:next() end

---The occurrences of `e`, but no two of them closer than `f()` takes: an occurrence is let
---through and `f()` is called (as a task); while its promise is pending only the latest
---occurrence is kept, which is let through when it is done. When `f` fails its error goes
---to the exception hook, and it counts as done.
---```lua
---local e, send = react.E.create()
---local seen = e:limit(function() return lwt.sleep(0.01) end):map(function(v) print(v) end)   --> 1
-----> 3
---send(1)
---send(2) send(3)
---await(lwt.sleep(0.05))
---```
---@param f fun(): any
---@return lwt.Event
function lwt_Event:limit(f) end

---A stream of the occurrences, which keeps the event alive. (Occurrences of nil are
---reported to the exception hook: they cannot be elements.)
---```lua
---local e, send = react.E.create()
---local s = e:to_stream()
---send(1) send(2)
---print(await(s:next()), await(s:next()))   --> 1 2
---```
---@return lwt.Stream
function lwt_Event:to_stream() end

---Keeps an event from ever being collected. It gives it.
---```lua
---local e, send = react.E.create()
---e:map(function(v) print(v) end):keep()   --> 1
---send(1)
---```
---@return lwt.Event
function lwt_Event:keep() end

---The values of the promises that `e` occurs with, awaited one after another, in order.
---@return lwt.Event
function lwt_Event:run_s() end

---The values of the promises that `e` occurs with, as they come.
---@return lwt.Event
function lwt_Event:run_p() end

---`f(v)` as a task at each occurrence, one after another: occurs with the results, in order.
---If it fails, its error goes to the exception hook and the occurrence is skipped. (So it is
---for all `_s` and `_p` forms.)
---```lua
---local e, send = react.E.create()
---local made = e:map_s(function(v) await(lwt.sleep(v)) return v end)
---local seen = made:map(function(v) print(v) end)   --> 0.02
-----> 0.01
---send(0.02) send(0.01)
---await(lwt.sleep(0.1))
---```
---@param f fun(v: any): any
---@return lwt.Event
function lwt_Event:map_s(f) end

---`f(v)` as a task at each occurrence, at the same time: occurs with the results as they
---come.
---@param f fun(v: any): any
---@return lwt.Event
function lwt_Event:map_p(f) end

---When both occur at the same time: the function that `ef` gives, run as a task on what `e`
---gives, one after another.
---@param e lwt.Event
---@return lwt.Event
function lwt_Event:app_s(e) end

---The same at the same time.
---@param e lwt.Event
---@return lwt.Event
function lwt_Event:app_p(e) end

---The occurrences for which `f(v)`, a task, gives something true: one after another.
---@param f fun(v: any): any
---@return lwt.Event
function lwt_Event:filter_s(f) end

---The same at the same time, as the answers come.
---@param f fun(v: any): any
---@return lwt.Event
function lwt_Event:filter_p(f) end

---What `f(v)`, a task, gives that is not nil: one after another.
---@param f fun(v: any): any
---@return lwt.Event
function lwt_Event:fmap_s(f) end

---The same at the same time, as it comes.
---@param f fun(v: any): any
---@return lwt.Event
function lwt_Event:fmap_p(f) end

---`f(new, old)` as a task from the second occurrence on, one after another.
---@param f fun(new: any, old: any): any
---@return lwt.Event
function lwt_Event:diff_s(f) end

---A state, changed by the functions that `ef` gives, which run as tasks one after another.
---@param init any
---@return lwt.Event
function lwt_Event:accum_s(init) end

---`f(acc, v)` as a task at each occurrence, one after another: occurs with each new
---accumulator.
---```lua
---local e, send = react.E.create()
---local made = e:fold_s(0, function(acc, v) await(lwt.pause()) return acc + v end)
---local seen = made:map(function(v) print(v) end)   --> 1
-----> 3
---send(1) send(2)
---await(lwt.sleep(0.01))
---```
---@param init any
---@param f fun(acc: any, v: any): any
---@return lwt.Event
function lwt_Event:fold_s(init, f) end

---Calls `f(v)`, a plain callback, at each occurrence, until the handle's `stop()`. The event
---is kept alive meanwhile. What `f` raises goes to the exception hook.
---```lua
---local e, send = react.E.create()
---local handle = e:notify(function(v) print(v) end)   --> 1
---send(1)
---handle:stop()
---send(2)
---```
---@param f fun(v: any)
---@return lwt.Notifier
function lwt_Event:notify(f) end

---The same with an `f` that runs as a task, one call after another.
---@param f fun(v: any): any
---@return lwt.Notifier
function lwt_Event:notify_s(f) end

---The same with an `f` that runs as a task, without waiting for the calls before.
---@param f fun(v: any): any
---@return lwt.Notifier
function lwt_Event:notify_p(f) end

---The last occurrence of an event, `init` before the first.
---```lua
---local e, send = react.E.create()
---local s = react.S.hold(e, 0)
---send(3)
---print(s:value())   --> 3
---```
---@param init any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Event:hold(init, eq) end

---A state, changed by the functions that the event `ef` gives, from `init` on.
---```lua
---local e, send = react.E.create()
---local s = react.S.accum(e, 1)
---send(function(n) return n + 1 end)
---print(s:value())   --> 2
---```
---@param init any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Event:accum(init, eq) end

---`f(acc, v)` of the occurrences of an event, from `init` on.
---```lua
---local e, send = react.E.create()
---local sum = react.S.fold(e, 0, function(acc, v) return acc + v end)
---send(2) send(3)
---print(sum:value())   --> 5
---```
---@param init any
---@param f fun(acc: any, v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Event:fold(init, f, eq) end

---A state, changed by the functions that the event `ef` gives, which run as tasks one after
---another.
---@param init any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Event:accum_s(init, eq) end

---`f(acc, v)` as a task at each occurrence of an event, one after another.
---@param init any
---@param f fun(acc: any, v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Event:fold_s(init, f, eq) end

---@class lwt.File
local lwt_File = {}

---Closes the file. What is pending is rejected with `lwt.Closed` at once; the promise is
---fulfilled when the system has closed the descriptor, or rejected with what it could not
---write (a full disk on some file systems). Closing again gives the same promise. Leaving a
---`<close>` variable, and collection, close too.
---```lua
---local f = await(fs.open("f", "w"))
---await(f:close())
---print(select(2, pcall(await, f:write("x"))) == lwt.Closed)   --> true
---```
---@return lwt.Promise<nil>
function lwt_File:close() end

---As `fs.stat`, of the open file.
---```lua
---local f <close> = await(fs.open("f", "w"))
---print(await(f:stat()).size)   --> 0
---```
---@return lwt.Promise<table>
function lwt_File:stat() end

---Fulfilled when the system has the file's bytes and properties on the disk, those of the
---writes that were asked for before included.
---```lua
---local f <close> = await(fs.open("f", "w"))
---await(f:write("safe"))
---await(f:sync())
---```
---@return lwt.Promise<nil>
function lwt_File:sync() end

---As `sync`, without properties that reading the bytes does not need (times).
---```lua
---local f <close> = await(fs.open("f", "w"))
---await(f:datasync())
---```
---@return lwt.Promise<nil>
function lwt_File:datasync() end

---Cuts the file to a length, or fills it up to it with zeros.
---```lua
---await(fs.write_file("f", "hello"))
---local f <close> = await(fs.open("f", "r+"))
---await(f:truncate(2))
---print(await(f:read()))   --> he
---```
---@param length? integer default 0
---@return lwt.Promise<nil>
function lwt_File:truncate(length) end

---As `fs.chmod`, of the open file.
---```lua
---local f <close> = await(fs.open("f", "w"))
---await(f:chmod(tonumber("600", 8)))
---```
---@param mode integer
---@return lwt.Promise<nil>
function lwt_File:chmod(mode) end

---As `fs.chown`, of the open file.
---```lua
---local f <close> = await(fs.open("f", "w"))
---await(f:chown(-1, -1))
---```
---@param uid? integer nil or -1: as it is
---@param gid? integer nil or -1: as it is
---@return lwt.Promise<nil>
function lwt_File:chown(uid, gid) end

---As `fs.utime`, of the open file.
---```lua
---local f <close> = await(fs.open("f", "w"))
---await(f:utime(1, 2))
---print(await(f:stat()).mtime)   --> 2.0
---```
---@param atime? number nil: now
---@param mtime? number nil: now
---@return lwt.Promise<nil>
function lwt_File:utime(atime, mtime) end

---Gives a lock back; nothing when there is none.
---```lua
---local f <close> = await(fs.open("f", "w"))
---await(f:lock())
---await(f:unlock())
---```
---@return lwt.Promise<nil>
function lwt_File:unlock() end

---The system's number of the file. It belongs to the file: do not close it. A closed file
---raises.
---```lua
---local f <close> = await(fs.open("f", "w"))
---print(math.type(f:fileno()))   --> integer
---```
---@return integer
function lwt_File:fileno() end

---Reads at the file's position and moves it. `f:read(n)` gives a string of `n` bytes, fewer
---only at the end (from what is no regular file, such as a terminal: as many as come at
---once), and nil when there are none; `f:read()` all the rest, "" at the end; `f:read(b)`
---fills a `lwt.bytes` and gives the number of bytes, or nil. A cancelled read loses nothing:
---the next one gets its bytes. A negative count raises.
---```lua
---await(fs.write_file("f", "hello"))
---local f <close> = await(fs.open("f"))
---print(await(f:read(2)), await(f:read()), await(f:read(2)))   --> he llo nil
---```
---@param n? integer|lwt.Bytes
---@return lwt.Promise<string|integer|nil> # of a string, or of a number for a buffer; of nil at the end
function lwt_File:read(n) end

---As `read(n)`, from an offset, and leaves the position alone.
---```lua
---await(fs.write_file("f", "hello"))
---local f <close> = await(fs.open("f"))
---print(await(f:pread(2, 3)))   --> lo
---```
---@param n integer|lwt.Bytes
---@param offset integer
---@return lwt.Promise<string|integer|nil>
function lwt_File:pread(n, offset) end

---Fills several `lwt.bytes`, one after another, with one read.
---```lua
---local bytes = require "lwt.bytes"
---await(fs.write_file("f", "hello"))
---local f <close> = await(fs.open("f"))
---local a, b = bytes.create(2), bytes.create(9)
---print(await(f:readv({a, b})), a:to_string(), b:to_string(0, 3))   --> 5 he llo
---```
---@param list lwt.Bytes[]
---@return lwt.Promise<integer?> # of the number of bytes; of nil at the end
function lwt_File:readv(list) end

---Writes a string or a `lwt.bytes` (which should be left alone meanwhile) at the file's
---position, all of it, and moves the position; a file opened with "a" always writes at its
---end. Its promise is rejected with the system's error (`ENOSPC` …): how much was written before is not
---told. A write that runs already cannot be cancelled: only its result is dropped.
---```lua
---local f <close> = await(fs.open("f", "w"))
---print(await(f:write("hello")))   --> 5
---```
---@param data string|lwt.Bytes
---@return lwt.Promise<integer> # of the number of bytes
function lwt_File:write(data) end

---As `write`, at an offset, and leaves the position alone.
---```lua
---await(fs.write_file("f", "hello"))
---local f <close> = await(fs.open("f", "r+"))
---await(f:pwrite("EL", 1))
---print(await(f:read()))   --> hELlo
---```
---@param data string|lwt.Bytes
---@param offset integer
---@return lwt.Promise<integer> # of the number of bytes
function lwt_File:pwrite(data, offset) end

---Writes a list of strings and `lwt.bytes`, one after another, all of it.
---```lua
---local f <close> = await(fs.open("f", "w"))
---print(await(f:writev({"he", "llo"})))   --> 5
---```
---@param list (string|lwt.Bytes)[]
---@return lwt.Promise<integer> # of the number of bytes
function lwt_File:writev(list) end

---Moves the position, as Lua's own `file:seek` does, and gives the new one.
---```lua
---await(fs.write_file("f", "hello"))
---local f <close> = await(fs.open("f"))
---print(await(f:seek("end", -2)), await(f:read()))   --> 3 lo
---```
---@param whence? string "set", "cur" (default) or "end"
---@param offset? integer default 0
---@return lwt.Promise<integer> # of the position, from the start of the file
function lwt_File:seek(whence, offset) end

---The position.
---```lua
---local f <close> = await(fs.open("f", "w"))
---await(f:write("hello"))
---print(await(f:tell()))   --> 5
---```
---@return lwt.Promise<integer> # of the position, from the start of the file
function lwt_File:tell() end

---Locks the file against others who lock it (advisory; the whole file; `flock`): another process,
---or the same file opened a second time. The promise is fulfilled with `true` when it has the lock, which
---`unlock`, `close` and collection give back. With `wait = false` it is not waited for: `false`
---when another has it. Cancelling gives up; a lock is never half acquired. It tries again and
---again, at most every tenth of a second: there is no queue.
---```lua
---local a <close> = await(fs.open("f", "w"))
---local b <close> = await(fs.open("f", "w"))
---print(await(a:lock()), await(b:lock("exclusive", {wait = false})))   --> true false
---```
---@param mode? string "exclusive" (default) or "shared"
---@param opts? table `{wait = boolean}`
---@return lwt.Promise<boolean>
function lwt_File:lock(mode, opts) end

---What holds a lock or a place for a `<close>` variable: when the block is left, it gives it back.
---@class lwt.Guard
local lwt_Guard = {}

---What `lwt.on_iteration` gives.
---@class lwt.Hook
local lwt_Hook = {}
---takes the hook out; a second time does nothing
---@type fun(hook: lwt.Hook)
lwt_Hook.remove = nil

---Takes the hook away: it is not called again. Removing it once more does nothing.
---```lua
---local n = 0
---local hook = lwt.on_iteration("enter", function() n = n + 1 end)
---hook:remove()
---await(lwt.sleep(0.001))
---print(n)   --> 0
---```
function lwt_Hook:remove() end

---@class lwt.Key
local lwt_Key = {}

---@class lwt.Line
local lwt_Line = {}

---A promise of the line: nil at the end of the input, rejected with `read_line.Interrupt` after Ctrl-C.
---Cancelling it ends the reading.
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---local line = read_line.start { term = term.open(r, w, { tty = true, env = { TERM = "xterm" } }) }
---line:insert "hello"
---line:accept()
---print(await(line:result()))   --> hello
---```
---@return lwt.Promise<string?>
function lwt_Line:result() end

---The text so far, and where the cursor is: how many bytes are before it.
---@return string
---@return integer
function lwt_Line:text() end

---Takes the line from the screen; what is typed goes on being edited. It may be said several times, and
---is shown again after as many `show`s.
---@return lwt.Promise<nil> # fulfilled when it is not on the screen any more
function lwt_Line:hide() end

---Shows the line again.
---@return lwt.Promise<nil>
function lwt_Line:show() end

---Writes above the line, as `print` does: values separated by tabs, and the end of a line. Styled lists are
---shown with their styles. When the line is over it is written where the cursor is.
---@param ... any
---@return lwt.Promise<nil> # fulfilled when it is on the screen
function lwt_Line:print(...) end

---Does what a key does, or a command: `"ctrl-a"`, a key of `term`, `"beginning-of-line"`. Whether the line
---was still there.
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---local line = read_line.start { term = term.open(r, w, { tty = true, env = { TERM = "xterm" } }) }
---line:insert "hello world"
---line:send "backward-kill-word"
---line:send "enter"
---print(await(line:result()) == "hello ")   --> true
---```
---@param what string|lwt.TerminalKey the name of a command or of a key, or a key
---@return boolean
function lwt_Line:send(what) end

---Inserts text at the cursor. Whether the line was still there.
---@param s string
---@return boolean
function lwt_Line:insert(s) end

---Changes the prompt: a text, or a styled list.
---@param prompt string|table
---@return boolean
function lwt_Line:set_prompt(prompt) end

---Accepts the line as it is now (if it is valid).
---@return boolean
function lwt_Line:accept() end

---Ends the reading as Ctrl-C does: the result is rejected with `read_line.Interrupt`.
---@return boolean
function lwt_Line:abort() end

---@class lwt.LineEditor
local lwt_LineEditor = {}

---The text that is being edited.
---@return string
function lwt_LineEditor:text() end

---Where the cursor is: how many bytes are before it.
---@return integer
function lwt_LineEditor:cursor() end

---The beginning of the line, among several, that an offset (or the cursor) is in.
---@param at? integer
---@return integer
function lwt_LineEditor:line_start(at) end

---The end of that line.
---@param at? integer
---@return integer
function lwt_LineEditor:line_end(at) end

---Writes text in the place of what is between two offsets, which must be borders of characters. The cursor
---stays with its text.
---@param from integer
---@param to integer
---@param s string
function lwt_LineEditor:replace(from, to, s) end

---Inserts text at the cursor, which is behind it then. Broken UTF-8 becomes U+FFFD, line ends "\n".
---@param s string
function lwt_LineEditor:insert(s) end

---Replaces the whole text; the cursor is at its end unless `cursor` (bytes before it) says where.
---@param s string
---@param cursor? integer
function lwt_LineEditor:set(s, cursor) end

---Takes out what is between two offsets, in whichever order.
---@param from integer
---@param to integer
function lwt_LineEditor:delete(from, to) end

---Moves the cursor to an offset; one in the middle of a character is the end of that character.
---@param at integer
function lwt_LineEditor:move(at) end

---Takes out what is between the offsets, to be yanked. Kills that follow each other are one.
---@param from integer
---@param to integer
function lwt_LineEditor:kill(from, to) end

---Has the terminal ring.
function lwt_LineEditor:bell() end

---Runs a command: its name, as readline calls it, or a function of the editor and the number.
---@param command string|fun(editor: lwt.LineEditor, n?: integer)
---@param n? integer the numeric argument
function lwt_LineEditor:run(command, n) end

---Takes a key, as `term` gives them, or its name.
---@param key table|string
function lwt_LineEditor:press(key) end

---@class lwt.LineHistory
local lwt_LineHistory = {}

---Adds a line, at once to the file as well, if it is one to keep. (The readers do it themselves.)
---```lua
---local h = read_line.history()
---print(await(h:add "make"), await(h:add "make"), await(h:add " secret"))   --> true false false
---```
---@param s string
---@return lwt.Promise promise of whether it was kept; rejected when the file cannot be written: the line is in memory then
function lwt_LineHistory:add(s) end

---The entries, the oldest first, for a generic `for`, which waits in the calling task while the file is
---read.
---```lua
---local h = read_line.history()
---await(h:add "ls")
---for line in h:entries() do print(line) end   --> ls
---```
---@return fun(): string?
function lwt_LineHistory:entries() end

---@class lwt.Listener
local lwt_Listener = {}

---Waits for a client. Several may wait; they are served in their order. No client is lost
---while there is no descriptor left for it (`EMFILE`): it stays in the system's queue, and
---accept goes on waiting until there is one. Clients that gave up meanwhile are passed over.
---Cancelling takes no client. Its promise is rejected with `lwt.Closed` when the listener
---closes.
---```lua
---local listener = net.tcp_listen("127.0.0.1:0"):await()
---net.tcp_connect(listener:address())
---local sock <close> = listener:accept():await()
---print(tostring(sock):match("^lwt.tcp"))   --> lwt.tcp
---```
---@return lwt.Promise<lwt.Socket>
function lwt_Listener:accept() end

---Where the listener listens, as text that `tcp_connect` or `pipe_connect` takes:
---`"127.0.0.1:40112"`, `"unix:/path"`.
---```lua
---local listener = net.tcp_listen("127.0.0.1:0"):await()
---print(listener:address():match("^127%.0%.0%.1:%d+$") ~= nil)   --> true
---```
---@return string
function lwt_Listener:address() end

---Closes a socket, a listener or whatever else of this module is open. What is pending on it is
---rejected with `lwt.Closed`; bytes that the system has not taken yet are dropped (`shutdown`
---first, or await the writes, to have them sent). The promise is fulfilled at once; a second
---close does nothing. `<close>` does the same, and so does the collection of what is not used any
---more.
---```lua
---local a, b = net.socketpair()
---local p = b:read()
---a:close()
---print(p:await())   --> nil
---```
---@return lwt.Promise<nil>
function lwt_Listener:close() end

---A part of a program whose records go together, and which has a level. Sections with the same name are the same one.
---@class lwt.LogSection
local lwt_LogSection = {}
---@type string
lwt_LogSection.name = nil
---logs a record of that level; as `log.debug`, in this section
---@type fun(s: lwt.LogSection, message: any, ...: any): lwt.Promise<nil>
lwt_LogSection.debug = nil
---@type fun(s: lwt.LogSection, message: any, ...: any): lwt.Promise<nil>
lwt_LogSection.info = nil
---@type fun(s: lwt.LogSection, message: any, ...: any): lwt.Promise<nil>
lwt_LogSection.notice = nil
---@type fun(s: lwt.LogSection, message: any, ...: any): lwt.Promise<nil>
lwt_LogSection.warning = nil
---@type fun(s: lwt.LogSection, message: any, ...: any): lwt.Promise<nil>
lwt_LogSection.error = nil
---@type fun(s: lwt.LogSection, message: any, ...: any): lwt.Promise<nil>
lwt_LogSection.fatal = nil
---as `log.log`
---@type fun(s: lwt.LogSection, level: string, message: any, ...: any): lwt.Promise<nil>
lwt_LogSection.log = nil
---as `log.error_of`
---@type fun(s: lwt.LogSection, err: any, message?: any, ...: any): lwt.Promise<nil>
lwt_LogSection.error_of = nil
---an object that logs in this section with fields of its own
---@type fun(s: lwt.LogSection, fields: table): lwt.LogSection
lwt_LogSection.with = nil
---is this level logged?
---@type fun(s: lwt.LogSection, level: string): boolean
lwt_LogSection.is = nil
---the least level that is logged
---@type fun(s: lwt.LogSection): string
lwt_LogSection.level = nil
---as `log.set_level`, for this section
---@type fun(s: lwt.LogSection, level: string)
lwt_LogSection.set_level = nil
---leaves the level to the rules again
---@type fun(s: lwt.LogSection)
lwt_LogSection.reset_level = nil

---A place to write records to, as the functions of `lwt.log` give it.
---@class lwt.Logger
local lwt_Logger = {}
---fulfilled when all is written and what the logger owns is closed
---@type fun(l: lwt.Logger): lwt.Promise<nil>
lwt_Logger.close = nil
---@type fun(l: lwt.Logger): boolean
lwt_Logger.is_closed = nil

---Sets the logger that all records go to from now on. The one before stays open.
function lwt_Logger:set_default() end

---Closes a logger, once all is written that was logged before; what it owns (files, sockets, a channel with `close_mode = "close"`, what is behind `buffered`) is closed.
---What is logged later is rejected with `lwt.Closed`. `<close>` variables do the same.
---```lua
---local l = log.make { output = print }
---await(l:close())
---log.set_default(l)
---print(pcall(await, log.error "too late"))   --> false closed
---```
---@return lwt.Promise<nil> # the same one each time
function lwt_Logger:close() end

---Has the logger been closed?
---@return boolean
function lwt_Logger:is_closed() end

---A logger that never makes anybody wait: its promises are fulfilled at once. At most `n` records wait for the logger behind it;
---what comes when that many do is left out, counted, and a record of level warning says how many they were: before the next record
---for which there is room, or when all others are written. Closing it closes the logger behind it.
---```lua
---local slow = log.make { output = function(_, _, lines) await(lwt.sleep(0.01)) print(lines[1]) end }
---local l = log.buffered(slow, 1)
---log.set_default(l)
---for i = 1, 3 do log.error("record %d", i) end
---await(lwt.sleep(0.05))   --> record 1
---await(l:close())         --> 2 records were left out: the log does not keep up
---```
---@param n integer at least 1
---@return lwt.Logger
function lwt_Logger:buffered(n) end

---What `lwt.log.lualogging` gives: LuaLogging's methods. Each that logs gives the promise of the record.
---@class lwt.LuaLogging
local lwt_LuaLogging = {}
---@type fun(l: lwt.LuaLogging, ...): lwt.Promise<nil>
lwt_LuaLogging.debug = nil
---@type fun(l: lwt.LuaLogging, ...): lwt.Promise<nil>
lwt_LuaLogging.info = nil
---@type fun(l: lwt.LuaLogging, ...): lwt.Promise<nil>
lwt_LuaLogging.warn = nil
---@type fun(l: lwt.LuaLogging, ...): lwt.Promise<nil>
lwt_LuaLogging.error = nil
---@type fun(l: lwt.LuaLogging, ...): lwt.Promise<nil>
lwt_LuaLogging.fatal = nil
---@type fun(l: lwt.LuaLogging, level: string, ...): lwt.Promise<nil>
lwt_LuaLogging.log = nil
---@type string
lwt_LuaLogging.DEBUG = nil
---@type string
lwt_LuaLogging.INFO = nil
---@type string
lwt_LuaLogging.WARN = nil
---@type string
lwt_LuaLogging.ERROR = nil
---@type string
lwt_LuaLogging.FATAL = nil
---@type fun(l: lwt.LuaLogging, level: string)
lwt_LuaLogging.setLevel = nil
---@type fun(l: lwt.LuaLogging, level: string): fun(...)
lwt_LuaLogging.getPrint = nil

---@class lwt.Mutex
local lwt_Mutex = {}

---Locks the mutex, at once when it is free, else when those who came before have had it.
---Cancelling a promise that still waits withdraws it. One that was given the lock has it, and
---has to unlock; `with_lock` takes care of that on every way out.
---The value is a guard for a `<close>` variable, which unlocks when the block is left.
---```lua
---local m = mutex.create()
---do
---  local held <close> = await(m:lock())
---  print(m:is_locked())   --> true
---end
---print(m:is_locked())     --> false
---```
---@return lwt.Promise<lwt.Guard>
function lwt_Mutex:lock() end

---Unlocks the mutex: it goes to the oldest waiter, without being free in between, or is free.
---Unlocking a free mutex raises (Lwt says nothing).
---```lua
---local m = mutex.create()
---await(m:lock())
---m:unlock()
---print(pcall(m.unlock, m))   --> false attempt to unlock a free mutex
---```
function lwt_Mutex:unlock() end

---Runs `f` as a task while holding the mutex, and unlocks it whichever way `f` ends: with
---values, with an error, cancelled. Cancelling the promise withdraws it while it waits for
---the mutex, and cancels `f` once that runs.
---```lua
---local m = mutex.create()
---local log = {}
---local function job(name)
---  log[#log + 1] = name
---  lwt.yield()
---  log[#log + 1] = name
---end
---await(lwt.join { m:with_lock(job, "a"), m:with_lock(job, "b") })
---print(table.concat(log))   --> aabb
---```
---@generic T
---@param f async fun(...): T?, ...?
---@param ... any arguments for `f`
---@return lwt.Promise<T> # what `f` returns or raises
function lwt_Mutex:with_lock(f, ...) end

---Whether the mutex is locked.
---```lua
---local m = mutex.create()
---await(m:lock())
---print(m:is_locked())   --> true
---```
---@return boolean
function lwt_Mutex:is_locked() end

---Whether no task waits for the mutex.
---```lua
---local m = mutex.create()
---await(m:lock())
---local p = m:lock()
---print(m:is_empty())   --> false
---p:cancel()
---print(m:is_empty())   --> true
---```
---@return boolean
function lwt_Mutex:is_empty() end

---A cell that is empty or holds one value of type `T`.
---@class lwt.Mvar<T>
local lwt_Mvar = {}

---Puts a value into the cell. When it is empty, the promise is fulfilled at once, and the
---value goes straight to the oldest waiting taker, if there is one. When it is full, the
---promise waits until the value has found room; cancelling it takes the value back.
---Any value may be put: nil, and a promise, which stays what it is.
---(In a task that was cancelled and has not been told yet, the value is put a turn of the loop later, so that it is not put at all when
---the `await` raises.)
---```lua
---local m = mvar.create("old")
---local p = m:put("new")
---print(p:state())          --> pending
---print(await(m:take()))    --> old
---print(await(m:take()))    --> new
---```
---@generic T
---@param self lwt.Mvar<T>
---@param value T
---@return lwt.Promise<nil>
function lwt_Mvar:put(value) end

---Takes the value out of the cell. When it is empty, the promise waits for one; cancelling it
---withdraws the taker, and the next value goes to the next one. Taking lets the oldest
---waiting `put` in.
---(In a task that was cancelled and has not been told yet, the promise waits for a turn of the loop, so that no
---value is lost at the `await` that raises.)
---```lua
---local m = mvar.create()
---local p = m:take()
---m:put("hello")
---print(await(p))          --> hello
---print(m:is_empty())      --> true
---```
---@generic T
---@param self lwt.Mvar<T>
---@return lwt.Promise<T>
function lwt_Mvar:take() end

---Takes the value out of the cell if there is one, without waiting.
---```lua
---local m = mvar.create(7)
---print(m:take_available())   --> 7 true
---print(m:take_available())   --> nil false
---```
---@generic T
---@param self lwt.Mvar<T>
---@return T? value # value nil when the cell is empty
---@return boolean found tells a nil that was in the cell from an empty one
function lwt_Mvar:take_available() end

---Whether the cell holds nothing. That it is empty does not mean that a value put now would
---stay in it: takers may be waiting.
---```lua
---print(mvar.create():is_empty(), mvar.create(1):is_empty())   --> true false
---```
---@generic T
---@param self lwt.Mvar<T>
---@return boolean
function lwt_Mvar:is_empty() end

---What `notify` gives: `stop()` ends it, and so does `<close>`.
---@class lwt.Notifier
local lwt_Notifier = {}
---@type fun(self: lwt.Notifier)
lwt_Notifier.stop = nil

---Ends it: the function is not called any more.
function lwt_Notifier:stop() end

---The colours of the text (`term.fg`) or behind it (`term.bg`): by name, as fields; any other by a call.
---@class lwt.Palette
---@overload fun(colour: integer|string, green?: integer, blue?: integer): lwt.Style
local lwt_Palette = {}
---@type lwt.Style
lwt_Palette.black = nil
---@type lwt.Style
lwt_Palette.red = nil
---@type lwt.Style
lwt_Palette.green = nil
---@type lwt.Style
lwt_Palette.yellow = nil
---@type lwt.Style
lwt_Palette.blue = nil
---@type lwt.Style
lwt_Palette.magenta = nil
---@type lwt.Style
lwt_Palette.cyan = nil
---@type lwt.Style
lwt_Palette.white = nil
---@type lwt.Style
lwt_Palette.lblack = nil
---@type lwt.Style
lwt_Palette.lred = nil
---@type lwt.Style
lwt_Palette.lgreen = nil
---@type lwt.Style
lwt_Palette.lyellow = nil
---@type lwt.Style
lwt_Palette.lblue = nil
---@type lwt.Style
lwt_Palette.lmagenta = nil
---@type lwt.Style
lwt_Palette.lcyan = nil
---@type lwt.Style
lwt_Palette.lwhite = nil
---@type lwt.Style
lwt_Palette.gray = nil
---@type lwt.Style
lwt_Palette.default = nil

---@class lwt.Pool<E>
local lwt_Pool = {}

---Runs `f(element)` as a task with an element that no other task uses meanwhile, and gives it back
---whichever way `f` ends: with values, with an error, cancelled. An idle element is used first,
---then a new one is made, and when all `n` are in use the call waits: strictly first come, first
---served. When making one fails, its user gets the error, and the next waiter tries again.
---Cancelling the promise withdraws it while it waits, and cancels `f` once that runs.
---```lua
---local p = pool.create(1, function() return "connection" end)
---print(await(p:use(function(c) return "used the " .. c end)))   --> used the connection
---print(pcall(await, p:use(function() error("oops", 0) end)))     --> false oops
---```
---@generic E, T
---@param self lwt.Pool<E>
---@param f async fun(element: E, ...): T?, ...?
---@param ... any more arguments for `f`
---@return lwt.Promise<T> # what `f` returns or raises
function lwt_Pool:use(f, ...) end

---Disposes of the elements: of those that are not in use, one after another, of the others as soon
---as they are given back. The next `use` makes a new one. Cancelling the promise does not stop it.
---```lua
---local p = pool.create(1, function() return "thing" end, {
---  dispose = function(thing) print("disposed of", thing) end,   --> disposed of thing
---})
---await(p:use(function() end))
---await(p:clear())
---```
---@generic E
---@param self lwt.Pool<E>
---@return lwt.Promise<nil> # when the idle ones are gone; rejected if a `dispose` raised, the first
function lwt_Pool:clear() end

---How many wait for an element.
---```lua
---local p = pool.create(1, function() return 0 end)
---local jobs = { p:use(lwt.yield), p:use(lwt.yield), p:use(lwt.yield) }
---print(p:wait_queue_length())   --> 2
---await(lwt.join(jobs))
---```
---@generic E
---@param self lwt.Pool<E>
---@return integer
function lwt_Pool:wait_queue_length() end

---@class lwt.Process
---@field stdin? lwt.Channel what it reads, with `stdin = "pipe"`
---@field stdout? lwt.Channel what it writes, with `stdout = "pipe"`
---@field stderr? lwt.Channel
local lwt_Process = {}
---@type integer
lwt_Process.pid = nil
---what it used, once it has ended
---@type table
lwt_Process.rusage = nil

---A promise of how it ends: `{code = n}`, or `{signal = "TERM"}` (a name, or a number that has
---none). Cancelling it only ends the waiting.
---```lua
---local p = process.open {"sh", "-c", "exit 3"}
---print(await(p:status()).code)   --> 3
---```
---@return lwt.Promise<lwt.ProcessStatus>
function lwt_Process:status() end

---Sends a signal, to its whole group when it has one (`group`), unless it has ended already. As a
---module function, `kill(pid, signal)` takes the number of any process, too (of a group: negative).
---```lua
---local p = process.open {"sleep", "60"}
---print(p:kill("KILL"))               --> true
---print(await(p:status()).signal)     --> KILL
---print(p:kill("KILL"))               --> false
---```
---@param name? string|integer default "TERM"
---@return boolean sent
function lwt_Process:kill(name) end

---Closes its channels and waits for its end. What `stdin` still holds is written first; what the
---program then writes is thrown away, for 2 seconds, after which it gets `EPIPE`. A write that the
---program did not take (`EPIPE`) rejects, after it has ended. Closing again gives the
---status.
---```lua
---local p = process.open({"cat"}, {stdin = "pipe", stdout = "null"})
---print(await(p:close()).code)   --> 0
---```
---@return lwt.Promise<lwt.ProcessStatus>
function lwt_Process:close() end

---@class lwt.ProcessStatus
---@field code? integer what it exited with
---@field signal? string what ended it, such as "TERM"
local lwt_ProcessStatus = {}

---What comes later: a value, several, none, or an error. `T` and `U` tell an editor the types of the
---first two values, so that it knows what `await` gives; a promise of nothing, or of what is not
---known, is written without them.
---@class lwt.Promise<T, U>
local lwt_Promise = {}

---Waits until `p` is resolved: returns its values, or raises its error. At once when it is resolved already. It works only in a task; anywhere
---else it raises, also for a resolved promise. **Cancel point**: when the task is cancelled, `p` is cancelled, and this raises what
---`p` is then rejected with, as a rule `lwt.Canceled`.
---```lua
---print(await(lwt.sleep(0.01):map(function() return "slept" end)))   --> slept
---```
---@async 
---@generic T, U
---@param self lwt.Promise<T, U>
---@return T value
---@return U second
---@return any ...
function lwt_Promise:await() end

---Cancels: the deepest cancellable promises that `p` depends on are rejected with `lwt.Canceled`, and what follows from that runs
---before this returns. So `p` itself may end up cancelled, otherwise rejected, fulfilled (a handler made a value of it) or still
---pending (nothing could be cancelled; then what it waits for no longer keeps it alive, if it only follows from that and nobody waits for it). A task on the way is not rejected: the cancel goes to what it awaits. No effect on a
---resolved promise.
---```lua
---local p = lwt.sleep(10):catch(function(e) return "handled " .. tostring(e) end)
---p:cancel()
---print(p:state())   --> fulfilled handled canceled
---```
---@param self lwt.Promise
function lwt_Promise:cancel() end

---A promise that follows `p`; cancelling it does not touch `p`. A resolved `p` is returned itself.
---```lua
---local p = lwt.task()
---local q = lwt.protected(p)
---q:cancel()
---print((p:state()), q:state())   --> pending rejected canceled
---```
---@generic T
---@param self lwt.Promise<T>
---@return lwt.Promise<T>
function lwt_Promise:protected() end

---A promise that follows `p`; cancelling it does nothing at all, and a task that awaits it cannot be interrupted.
---```lua
---local p = lwt.task()
---local q = lwt.no_cancel(p)
---q:cancel()
---print((p:state()), (q:state()))   --> pending pending
---```
---@generic T
---@param self lwt.Promise<T>
---@return lwt.Promise<T>
function lwt_Promise:no_cancel() end

---A promise that follows `p` and can always be cancelled: it is then rejected with `lwt.Canceled` at once, and `p` is cancelled too.
---```lua
---local p = lwt.wait()
---local q = lwt.wrap_in_cancelable(p)
---q:cancel()
---print((p:state()), q:state())   --> pending rejected canceled
---```
---@generic T
---@param self lwt.Promise<T>
---@return lwt.Promise<T>
function lwt_Promise:wrap_in_cancelable() end

---Calls `f` with the values of `p` when it is fulfilled. The result follows the promise that `f` returns, or is fulfilled with what
---else it returns, or rejected with what it raises; a rejected `p` is passed on. `f` is a plain callback: it may not await.
---On a fulfilled `p` the call happens at once (deeper than 16 such calls inside one another, when the outermost is done).
---```lua
---local p = lwt.fulfilled(2):bind(function(x) return lwt.fulfilled(x * 21) end)
---print(p:state())   --> fulfilled 42
---```
---@generic T, R
---@param self lwt.Promise<T>
---@param f fun(value: T, ...): lwt.Promise<R>|R?, ...?
---@return lwt.Promise<R>
function lwt_Promise:bind(f) end

---As `lwt.bind`, but what `f` returns is the value, also when it is a promise.
---```lua
---print(lwt.fulfilled(2):map(function(x) return x + 1, "b" end):state())   --> fulfilled 3 b
---```
---@generic T, R
---@param self lwt.Promise<T>
---@param f fun(value: T, ...): lwt.Promise<R>|R?, ...?
---@return lwt.Promise<R>
function lwt_Promise:map(f) end

---Calls `h` with the error when `x` is rejected; the result is what `h` gives, as with `bind`. A fulfilled `x` is passed on. `x` is a
---promise, or a function, which is run as a task.
---```lua
---print(await(lwt.catch(function() error("no", 0) end, function(e) return "caught " .. e end)))   --> caught no
---```
---@generic T
---@param self lwt.Promise<T>
---@param h fun(err: any): any
---@return lwt.Promise<T>
function lwt_Promise:catch(h) end

---Calls `ok` with the values of `x`, or `h` with its error; errors of `ok` do not go to `h`. `x` as in `lwt.catch`.
---```lua
---local p = lwt.try_bind(lwt.rejected("e"), print, function(e) return "h " .. e end)
---print(p:state())   --> fulfilled h e
---```
---@generic T, R
---@param self lwt.Promise<T>
---@param ok fun(value: T, ...): lwt.Promise<R>|R?, ...?
---@param h fun(err: any): any
---@return lwt.Promise<R>
function lwt_Promise:try_bind(ok, h) end

---Calls `f` without arguments when `x` is resolved, either way. The result is that of `x`, once the promise that `f` may return is
---fulfilled; if `f` fails, its error. `x` as in `lwt.catch`. When `x` is cancelled, `f` still runs.
---```lua
---print(await(lwt.finalize(function() return 1 end, function() print "cleanup" end)))   --> cleanup
---                                                                                      --> 1
---```
---@generic T
---@param self lwt.Promise<T>
---@param f fun(): any
---@return lwt.Promise<T>
function lwt_Promise:finalize(f) end

---Calls `f` with the values when `p` is fulfilled (at once if it is). What `f` returns is ignored, what it raises goes to the
---exception hook.
---```lua
---lwt.fulfilled(1):on_success(print)   --> 1
---```
---@generic T
---@param self lwt.Promise<T>
---@param f fun(value: T, ...)
function lwt_Promise:on_success(f) end

---Calls `h` with the error when `p` is rejected; otherwise as `lwt.on_success`.
---```lua
---lwt.rejected("no"):on_failure(print)   --> no
---```
---@param self lwt.Promise
---@param h fun(err: any)
function lwt_Promise:on_failure(h) end

---Calls `f` without arguments when `p` is resolved, either way.
---```lua
---lwt.rejected("no"):on_termination(function() print "over" end)   --> over
---```
---@param self lwt.Promise
---@param f fun()
function lwt_Promise:on_termination(f) end

---Calls `f` with the values, or `h` with the error, when `p` is resolved.
---```lua
---lwt.fulfilled(1):on_any(print, error)   --> 1
---```
---@generic T
---@param self lwt.Promise<T>
---@param f fun(value: T, ...)
---@param h fun(err: any)
function lwt_Promise:on_any(f, h) end

---Calls `f` when `p` becomes rejected with `lwt.Canceled`, by whatever means (at once if it is), before the other callbacks of `p`.
---```lua
---local p = lwt.task()
---p:on_cancel(function() print "canceled" end)
---p:cancel()   --> canceled
---```
---@param self lwt.Promise
---@param f fun()
function lwt_Promise:on_cancel(f) end

---The state of a promise: `"pending"`; `"fulfilled"` and its values; `"rejected"` and its error. Counts as looking at a rejection.
---```lua
---print(lwt.wait():state())   --> pending
---```
---@param self lwt.Promise
---@return "pending"|"fulfilled"|"rejected" state
---@return any ... the values, or the error
function lwt_Promise:state() end

---Is the promise still pending?
---```lua
---print(lwt.fulfilled():is_pending())   --> false
---```
---@param self lwt.Promise
---@return boolean
function lwt_Promise:is_pending() end

---@class lwt.Resolver
local lwt_Resolver = {}

---Fulfils the resolver's promise with these values. Its callbacks run before this returns (to a nesting depth of 16; deeper ones
---when the outermost resolution is done); tasks that await it become ready. It raises `promise is already resolved` the second
---time; ignored when the promise was cancelled.
---```lua
---local p, r = lwt.wait()
---p:on_success(print)
---r:wakeup(1, 2)   --> 1 2
---```
---@param ... any
function lwt_Resolver:wakeup(...) end

---Rejects the resolver's promise with this error; otherwise as `lwt.wakeup`.
---```lua
---local p, r = lwt.wait()
---r:wakeup_exn("broken")
---print(p:state())   --> rejected broken
---```
---@param err any
function lwt_Resolver:wakeup_exn(err) end

---As `lwt.wakeup`, but when called inside a callback the promise's callbacks wait until that one is done. The state changes at once.
---```lua
---local a, ra = lwt.wait()
---local b, rb = lwt.wait()
---b:on_success(function() print "b" end)
---a:on_success(function() rb:wakeup_later() print "a" end)
---ra:wakeup()   --> a
---              --> b
---```
---@param ... any
function lwt_Resolver:wakeup_later(...) end

---As `lwt.wakeup_later`, rejecting with this error.
---```lua
---local p, r = lwt.wait()
---r:wakeup_later_exn("broken")
---print(p:state())   --> rejected broken
---```
---@param err any
function lwt_Resolver:wakeup_later_exn(err) end

---@class lwt.Scope
local lwt_Scope = {}

---Starts `f(...)` as a child task of the scope. The scope ends when it has ended; its failure cancels the others and becomes the
---scope's error. In a canceled scope the child is started, and every await in it raises `lwt.Canceled`. It raises when the scope is over.
---```lua
---await(lwt.scope(function(s)
---  s:spawn(print, "child")   --> child
---end))
---```
---@generic T, U
---@param f async fun(...): T?, U?, ...?
---@param ... any
---@return lwt.Promise<T, U>
function lwt_Scope:spawn(f, ...) end

---Ends the scope from inside: cancels every task of it, the body included. From now on every await in them raises `lwt.Canceled`.
---The scope is then *fulfilled*, with what its body returns, or with nothing where the body was itself cut off: that is how background
---children are stopped. (Cancelling the scope's promise, from outside, rejects it.)
---```lua
---print(await(lwt.scope(function(s)
---  s:spawn(function() await(lwt.sleep(60)) end)
---  local result = await(lwt.sleep(0.01):map(function() return "done" end))
---  s:cancel()
---  return result
---end)))   --> done
---```
function lwt_Scope:cancel() end

---@class lwt.Semaphore
local lwt_Semaphore = {}

---Takes a permit, at once when one is free, else when those who came before have had theirs.
---Cancelling a promise that still waits withdraws it. The value is a guard for a `<close>`
---variable, which releases the permit when the block is left.
---```lua
---local s = semaphore.create(1)
---await(s:acquire())
---local p = s:acquire()
---print(p:state())       --> pending
---s:release()
---print(p:is_pending())  --> false
---```
---@return lwt.Promise<lwt.Guard>
function lwt_Semaphore:acquire() end

---Gives a permit back, or adds one: it goes to the oldest waiter.
---```lua
---local s = semaphore.create(0)
---s:release()
---await(s:acquire())
---```
function lwt_Semaphore:release() end

---Runs `f` as a task while holding a permit, which is released whichever way `f` ends: with
---values, with an error, cancelled.
---```lua
---local s = semaphore.create(1)
---print(await(s:with(function(x) return x * 2 end, 21)))   --> 42
---```
---@generic T
---@param f async fun(...): T?, ...?
---@param ... any arguments for `f`
---@return lwt.Promise<T> # what `f` returns or raises
function lwt_Semaphore:with(f, ...) end

---Lazy sequences: a list whose next element is worked out when somebody asks for it, and
---may have to be waited for.
---
---
---Nothing is remembered: going through a sequence twice works everything out twice. What
---makes a sequence of a sequence is lazy; what consumes one starts at once. Functions of
---the `_s`, `_p` and `_n` kind run as tasks; the others are plain callbacks. Elements may
---be nil.
---
---`for v in q:each() do` awaits each element. (Lwt's `return` is `single` here: a keyword
---in Lua.)
---@class lwt.Seq
local lwt_Seq = {}

---The sequence of `v` and then the elements of `q`.
---```lua
---print(table.concat(await(seq.of_list({ 2, 3 }):cons(1):to_list()), " "))   --> 1 2 3
---```
---@param v any
---@return lwt.Seq
function lwt_Seq:cons(v) end

---The same for a promised element.
---```lua
---local q = seq.of_list({ 2 }):cons_lwt(lwt.fulfilled(1))
---print(table.concat(await(q:to_list()), " "))   --> 1 2
---```
---@param p lwt.Promise
---@return lwt.Seq
function lwt_Seq:cons_lwt(p) end

---The elements of `a`, then those of `b`.
---```lua
---print(table.concat(await(seq.of_list({ 1 }):append(seq.of_list { 2 }):to_list()), " "))   --> 1 2
---```
---@param b lwt.Seq
---@return lwt.Seq
function lwt_Seq:append(b) end

---The sequence of `f(v)`. `f` is a plain callback.
---```lua
---local q = seq.of_list({ 1, 2 }):map(function(v) return v * 2 end)
---print(table.concat(await(q:to_list()), " "))   --> 2 4
---```
---@param f fun(v: any): any
---@return lwt.Seq
function lwt_Seq:map(f) end

---The same for an `f` that runs as a task.
---```lua
---local q = seq.of_list({ 1, 2 }):map_s(function(v) await(lwt.pause()) return v * 2 end)
---print(table.concat(await(q:to_list()), " "))   --> 2 4
---```
---@param f fun(v: any): any
---@return lwt.Seq
function lwt_Seq:map_s(f) end

---The elements for which `f(v)` is true. `f` is a plain callback.
---```lua
---local q = seq.of_list({ 1, 2, 3 }):filter(function(v) return v > 1 end)
---print(table.concat(await(q:to_list()), " "))   --> 2 3
---```
---@param f fun(v: any): boolean
---@return lwt.Seq
function lwt_Seq:filter(f) end

---The same for an `f` that runs as a task.
---```lua
---local q = seq.of_list({ 1, 2, 3 }):filter_s(function(v) return lwt.fulfilled(v > 1) end)
---print(table.concat(await(q:to_list()), " "))   --> 2 3
---```
---@param f fun(v: any): any
---@return lwt.Seq
function lwt_Seq:filter_s(f) end

---The values of `f(v)` that are not nil. `f` is a plain callback.
---```lua
---local q = seq.of_list({ "1", "x", "2" }):filter_map(tonumber)
---print(table.concat(await(q:to_list()), " "))   --> 1 2
---```
---@param f fun(v: any): any
---@return lwt.Seq
function lwt_Seq:filter_map(f) end

---The same for an `f` that runs as a task.
---```lua
---local function number(v) await(lwt.pause()) return tonumber(v) end
---local q = seq.of_list({ "1", "x" }):filter_map_s(number)
---print(table.concat(await(q:to_list()), " "))   --> 1
---```
---@param f fun(v: any): any
---@return lwt.Seq
function lwt_Seq:filter_map_s(f) end

---The elements of the sequences that `f(v)` gives, one after another. `f` is a plain
---callback.
---```lua
---local q = seq.of_list({ 1, 2 }):flat_map(function(v) return seq.of_list { v, -v } end)
---print(table.concat(await(q:to_list()), " "))   --> 1 -1 2 -2
---```
---@param f fun(v: any): lwt.Seq
---@return lwt.Seq
function lwt_Seq:flat_map(f) end

---Force the first element: a promise of it and of the sequence of the others; of nothing
---at the end.
---```lua
---local v, rest = await(seq.of_list({ "a", "b" }):next())
---local w = await(rest:next())
---print(v, w)   --> a b
---```
---@return lwt.Promise<any, lwt.Seq>
function lwt_Seq:next() end

---An iterator for `for`, which awaits each element (up to the first that is nil). Each turn is a
---cancel point.
---```lua
---for v in seq.of_list({ 1, 2 }):each() do print(v) end   --> 1
-----> 2
---```
---@return fun(): any
function lwt_Seq:each() end

---All elements as a list (with `n`).
---```lua
---print(await(seq.of_list({ 1, nil, 3, n = 3 }):to_list()).n)   --> 3
---```
---@return lwt.Promise<lwt.Values<any>>
function lwt_Seq:to_list() end

---`f(acc, v)` for each element, from `acc = init` on: the last accumulator. `f` is a plain
---callback.
---```lua
---local q = seq.of_list { "a", "b" }
---print(await(q:fold_left("", function(acc, v) return acc .. v end)))   --> ab
---```
---@param init any
---@param f fun(acc: any, v: any): any
---@return lwt.Promise<any>
function lwt_Seq:fold_left(init, f) end

---The same for an `f` that runs as a task, one element after another.
---```lua
---local q = seq.of_list { 1, 2 }
---print(await(q:fold_left_s(0, function(acc, v) await(lwt.pause()) return acc + v end)))   --> 3
---```
---@param init any
---@param f fun(acc: any, v: any): any
---@return lwt.Promise<any>
function lwt_Seq:fold_left_s(init, f) end

---`f(v)` for each element. `f` is a plain callback.
---```lua
---await(seq.of_list({ 1, 2 }):iter(print))   --> 1
-----> 2
---```
---@param f fun(v: any)
---@return lwt.Promise<nil>
function lwt_Seq:iter(f) end

---The same for an `f` that runs as a task, one element after another.
---```lua
---await(seq.of_list({ 1, 2 }):iter_s(function(v) await(lwt.pause()) print(v) end))   --> 1
-----> 2
---```
---@param f fun(v: any): any
---@return lwt.Promise<nil>
function lwt_Seq:iter_s(f) end

---`f(v)` as a task for each element as soon as it is there. At the first failure no more
---elements are forced, the others are cancelled and awaited, and the promise is rejected.
---```lua
---local q = seq.of_list { 0.2, 0.01 }
---await(q:iter_p(function(v) await(lwt.sleep(v)) print(v) end))   --> 0.01
-----> 0.2
---```
---@param f fun(v: any): any
---@return lwt.Promise<nil>
function lwt_Seq:iter_p(f) end

---The same with at most `max` (default 1) at a time; elements are forced when there is
---room.
---```lua
---await(seq.of_list({ 1, 2, 3 }):iter_n(function(v) await(lwt.pause()) print(v) end, 2))   --> 1
-----> 2
-----> 3
---```
---@param f fun(v: any): any
---@param max? integer
---@return lwt.Promise<nil>
function lwt_Seq:iter_n(f, max) end

---A server, as `establish_server` gives it.
---@class lwt.Server
local lwt_Server = {}
---where it listens
---@type fun(server: lwt.Server): string
lwt_Server.address = nil
---how many connections are being served
---@type fun(server: lwt.Server): integer
lwt_Server.connections = nil
---other certificates, as `tls =`, for those who connect from now on; raises for bad ones, and keeps the old
---@type fun(server: lwt.Server, tls: table|lwt.ssl.Context)
lwt_Server.set_tls = nil
---stops accepting; handlers have `seconds` (5) to finish, then they are cancelled; fulfilled when all are gone
---@type fun(server: lwt.Server, seconds?: number): lwt.Promise<nil>
lwt_Server.shutdown = nil

---A signal.
---@class lwt.Signal
local lwt_Signal = {}

---Calls `f(v)`, a plain callback, at each change, until the handle's `stop()`. The signal is
---kept alive meanwhile. What `f` raises goes to the exception hook.
---```lua
---local s, set = react.S.create(1)
---local handle = s:notify(function(v) print(v) end)   --> 2
---set(2)
---handle:stop()
---set(3)
---```
---@param f fun(v: any)
---@return lwt.Notifier
function lwt_Signal:notify(f) end

---The same with an `f` that runs as a task: the next call waits for the last one.
---@param f fun(v: any): any
---@return lwt.Notifier
function lwt_Signal:notify_s(f) end

---The same with an `f` that runs as a task, without waiting for the calls before.
---@param f fun(v: any): any
---@return lwt.Notifier
function lwt_Signal:notify_p(f) end

---The value of a signal, now.
---```lua
---local s, set = react.S.create(1)
---print(s:map(function(v) return v + 1 end):value())   --> 2
---```
---@return any
function lwt_Signal:value() end

---Makes `s` hold `x`, so that it lives as long as `s`. It gives what it held before.
---```lua
---local s = react.S.create(1)
---print(s:retain("a"), s:retain("b"))   --> nil a
---```
---@param x any
---@return any
function lwt_Signal:retain(x) end

---Freezes a signal: it keeps its value for good, and the functions that it was made with are not called any more (as
---for `E.stop`). With `strong`, what it alone was made from is ended as well.
---```lua
---local s, set = react.S.create(1)
---local m = s:map(function(v) return v * 10 end)
---m:stop()
---set(2)
---print(m:value())   --> 10
---```
---@param strong? boolean
function lwt_Signal:stop(strong) end

---Whether two signals are the same one.
---```lua
---print(react.S.const(1):equal(react.S.const(1)))   --> false
---```
---@param b lwt.Signal
---@return boolean
function lwt_Signal:equal(b) end

---The same signal, for each new value of which `f(v)` is called first (while the signal
---`iff` is true, when there is one).
---```lua
---local s, set = react.S.create(1)
---local t = s:trace(function(v) print(v) end)   --> 2
---set(2)
---```
---@param f fun(v: any)
---@param iff? lwt.Signal
---@return lwt.Signal
function lwt_Signal:trace(f, iff) end

---The value of a signal of functions, of the value of `s`.
---```lua
---local s = react.S.const(3)
---print(react.S.const(function(v) return v * v end):app(s):value())   --> 9
---```
---@param s lwt.Signal
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:app(s, eq) end

---`f(v)` of the value. `f` is a plain callback; if it fails in an update, its error goes to
---the exception hook and the signal stays as it is.
---```lua
---local s, set = react.S.create(1)
---local twice = s:map(function(v) return v * 2 end)
---set(4)
---print(twice:value())   --> 8
---```
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:map(f, eq) end

---The last value for which `f(v)` is true; `init` if the first is refused.
---```lua
---local s, set = react.S.create(1)
---local even = s:filter(0, function(v) return v % 2 == 0 end)
---set(4) set(5)
---print(even:value())   --> 4
---```
---@param init any
---@param f fun(v: any): boolean
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:filter(init, f, eq) end

---The last value of `f(v)` that is not nil; `init` before there is one.
---```lua
---local s, set = react.S.create("x")
---local n = s:fmap(0, tonumber)
---set("12") set("y")
---print(n:value())   --> 12
---```
---@param init any
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:fmap(init, f, eq) end

---An event that occurs at each change with `f(new, old)`.
---```lua
---local s, set = react.S.create(1)
---local made = s:diff(function(new, old) return new - old end)
---local seen = made:map(function(v) print(v) end)   --> 4
---set(5)
---```
---@param f fun(new: any, old: any): any
---@return lwt.Event
function lwt_Signal:diff(f) end

---An event that occurs with each new value.
---```lua
---local s, set = react.S.create(1)
---local seen = s:changes():map(function(v) print(v) end)   --> 2
---set(2)
---```
---@return lwt.Event
function lwt_Signal:changes() end

---`f(occurrence, value)` each time `e` occurs.
---```lua
---local s = react.S.const(10)
---local e, send = react.E.create()
---local made = s:sample(e, function(v, value) return v + value end)
---local seen = made:map(function(v) print(v) end)   --> 11
---send(1)
---```
---@param e lwt.Event
---@param f fun(v: any, value: any): any
---@return lwt.Event
function lwt_Signal:sample(e, f) end

---Follows `s` while the signal `c` is true, and keeps the last value while it is not;
---`init` until it first is.
---```lua
---local s, set = react.S.create(1)
---local c, open = react.S.create(true)
---local t = s:on(c, 0)
---open(false) set(2)
---print(t:value())   --> 1
---```
---@param c lwt.Signal
---@param init any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:on(c, init, eq) end

---Follows `s`, except for changes at which the event `c` occurs; `init` when it is made at
---such an instant.
---```lua
---local s, set = react.S.create(1)
---local t = s:dismiss(s:changes():filter(function(v) return v > 9 end), 0)
---set(5) set(10)
---print(t:value())   --> 5
---```
---@param c lwt.Event
---@param init any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:dismiss(c, init, eq) end

---An event that occurs with true when a signal becomes true (not false, not nil), and with
---false when it no longer is.
---```lua
---local s, set = react.S.create(1)
---local seen = s:edge():map(function(v) print(v) end)   --> false true
---set(2) set(nil) set(false) set(3)
---```
---@return lwt.Event
function lwt_Signal:edge() end

---Occurs when a signal becomes true.
---```lua
---local s, set = react.S.create(false)
---local seen = s:rise():map(function() print "on" end)   --> on
---set(true) set(false)
---```
---@return lwt.Event
function lwt_Signal:rise() end

---Occurs when a signal is no longer true.
---```lua
---local s, set = react.S.create(false)
---local seen = s:fall():map(function() print "off" end)   --> off
---set(true) set(false)
---```
---@return lwt.Event
function lwt_Signal:fall() end

---The value of the signal that is the value of `ss`.
---```lua
---local a, b = react.S.const("a"), react.S.const("b")
---local ss, set = react.S.create(a)
---local s = ss:switch()
---set(b)
---print(s:value())   --> b
---```
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:switch(eq) end

---The value of the signal `f(v)`, for the value of `s`.
---```lua
---local s, set = react.S.create(1)
---local t = s:bind(function(v) return react.S.const(v * 10) end)
---set(2)
---print(t:value())   --> 20
---```
---@param f fun(v: any): lwt.Signal
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:bind(f, eq) end

---`f(a)` of the value: the same as `map`.
---@param f fun(a: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:l1(f, eq) end

---`f(a, b)` of the values of two signals.
---```lua
---local a, set = react.S.create(1)
---local s = react.S.l2(a, react.S.const(10), function(x, y) return x + y end)
---set(2)
---print(s:value())   --> 12
---```
---@param b lwt.Signal
---@param f fun(a: any, b: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:l2(b, f, eq) end

---`f(a, b, c)` of the values of three signals.
---@param b lwt.Signal
---@param c lwt.Signal
---@param f fun(a: any, b: any, c: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:l3(b, c, f, eq) end

---The same for four.
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:l4(b, c, d, f, eq) end

---The same for five.
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param e lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any, e: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:l5(b, c, d, e, f, eq) end

---The same for six.
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param e lwt.Signal
---@param g lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any, e: any, g: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:l6(b, c, d, e, g, f, eq) end

---The same signal; when the result is garbage `f()` is called, from the loop.
---@param f fun()
---@return lwt.Signal
function lwt_Signal:with_finaliser(f) end

---Follows `s`, but no two updates are closer than `f()` takes. `f()` is called (as a task)
---when it is made and at each update; while its promise is pending only the newest value is
---kept, which is taken when it is done. The newest value is never lost. When `f` fails its
---error goes to the exception hook, and it counts as done.
---```lua
---local load, set_load = react.S.create(0)
---local slow = load:limit(function() return lwt.sleep(0.01) end)
---set_load(1) set_load(2)
---print(slow:value())   --> 0
---await(lwt.sleep(0.05))
---print(slow:value())   --> 2
---```
---@param f fun(): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
function lwt_Signal:limit(f, eq) end

---Keeps a signal from ever being collected. It gives it.
---```lua
---local s, set = react.S.create(1)
---s:map(function(v) print(v) end):keep()   --> 1
-----> 2
---set(2)
---```
---@return lwt.Signal
function lwt_Signal:keep() end

---A promise of a signal: the value of the function that `sf` holds, run as a task on the
---value of `s`, once the first one is there; later changes one after another.
---@param s lwt.Signal
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
function lwt_Signal:app_s(s, eq) end

---A promise of the signal of `f(v)`, which runs as a task: the promise is fulfilled when the
---first value is there (and rejected if that fails); later changes are worked on one after
---another, and one that fails goes to the exception hook and is skipped.
---```lua
---local s, set = react.S.create(1)
---local twice = await(s:map_s(function(v) await(lwt.pause()) return v * 2 end))
---set(4)
---await(lwt.sleep(0.01))
---print(twice:value())   --> 8
---```
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
function lwt_Signal:map_s(f, eq) end

---A promise of the signal of the last value for which `f(v)`, a task, gives something true;
---`init` if the first is refused.
---@param init any
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
function lwt_Signal:filter_s(init, f, eq) end

---A promise of the signal of the last thing `f(v)`, a task, gave that is not nil; `init`
---if the first is nil.
---@param init any
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
function lwt_Signal:fmap_s(init, f, eq) end

---`f(new, old)` as a task at each change, one after another: an event of the results.
---@param f fun(new: any, old: any): any
---@return lwt.Event
function lwt_Signal:diff_s(f) end

---`f(occurrence, value)` as a task each time `e` occurs, one after another.
---@param e lwt.Event
---@param f fun(v: any, value: any): any
---@return lwt.Event
function lwt_Signal:sample_s(e, f) end

---A promise of the signal of the values of the promises that `s` holds, awaited one after
---another.
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
function lwt_Signal:run_s(eq) end

---A promise of the signal of what the signal holds that `f(v)`, a task, gives.
---@param f fun(v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
function lwt_Signal:bind_s(f, eq) end

---A promise of the signal of `f(a)`, a task: the same as `map_s`.
---@param f fun(a: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
function lwt_Signal:l1_s(f, eq) end

---A promise of the signal of `f(a, b)`, a task.
---```lua
---local a, b = react.S.const(1), react.S.const(2)
---local sum = await(react.S.l2_s(a, b, function(x, y) await(lwt.pause()) return x + y end))
---print(sum:value())   --> 3
---```
---@param b lwt.Signal
---@param f fun(a: any, b: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
function lwt_Signal:l2_s(b, f, eq) end

---The same for three.
---@param b lwt.Signal
---@param c lwt.Signal
---@param f fun(a: any, b: any, c: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
function lwt_Signal:l3_s(b, c, f, eq) end

---The same for four.
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
function lwt_Signal:l4_s(b, c, d, f, eq) end

---The same for five.
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param e lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any, e: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
function lwt_Signal:l5_s(b, c, d, e, f, eq) end

---The same for six.
---@param b lwt.Signal
---@param c lwt.Signal
---@param d lwt.Signal
---@param e lwt.Signal
---@param g lwt.Signal
---@param f fun(a: any, b: any, c: any, d: any, e: any, g: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
function lwt_Signal:l6_s(b, c, d, e, g, f, eq) end

---@class lwt.SignalHandler
local lwt_SignalHandler = {}

---Takes the handler away. With the last one of a signal, what it did before is back: its default
---action, or nothing where the process was started to ignore it (by `nohup`, say). Stopping
---again does nothing. Leaving a `<close>` variable stops too.
---```lua
---local h = signal.on("USR1", print)
---h:stop()
---```
function lwt_SignalHandler:stop() end

---@class lwt.Socket
local lwt_Socket = {}

---The number of the descriptor, for other libraries: it stays the socket's own.
---```lua
---local a = net.socketpair()
---print(math.type(a:fileno()))   --> integer
---```
---@return integer
function lwt_Socket:fileno() end

---The socket's own address, as text: `"127.0.0.1:40112"`, `"[::1]:40112"`, `"unix:/path"`
---(`"unix:"` when it has no name).
---```lua
---local listener = net.tcp_listen("127.0.0.1:0"):await()
---local sock = net.tcp_connect(listener:address()):await()
---print(sock:getsockname():match("^127.0.0.1:%d+$") ~= nil)   --> true
---```
---@return string
function lwt_Socket:getsockname() end

---The address of the other end, as text. It raises when there is none any more (`ENOTCONN`).
---```lua
---local listener = net.tcp_listen("127.0.0.1:0"):await()
---local sock = net.tcp_connect(listener:address()):await()
---print(sock:getpeername() == listener:address())   --> true
---```
---@return string
function lwt_Socket:getpeername() end

---Reads what there is, at most `n` bytes (default: 65536), and waits only when there is
---nothing. The value is nil at the end of the input. Several reads may wait: they are served
---in their order. Cancelling a read loses nothing: the bytes are what the next read gets. On
---a closed socket, and when it is closed meanwhile, rejects with `lwt.Closed`.
---```lua
---local a, b = net.socketpair()
---a:write("hello"):await()
---print(b:read(4):await())   --> hell
---print(b:read():await())   --> o
---```
---@param n? integer
---@return lwt.Promise<string?> # string, or nil at the end
function lwt_Socket:read(n) end

---Writes the whole string, `lwt.bytes`, or every string of a list. The promise is fulfilled
---when the system has all of it. Writes are sent in their order, whole. A write that is
---cancelled before its first byte was sent is withdrawn; later its rest is sent all the
---same. Its promise is rejected with the system's error (`EPIPE`, `ECONNRESET`), or with `lwt.Closed`.
---```lua
---local a, b = net.socketpair()
---a:write("one"):await()
---a:write({" two", " three"}):await()
---print(b:read():await())   --> one two three
---```
---@param data string|lwt.Bytes|string[]
---@return lwt.Promise<nil>
function lwt_Socket:write(data) end

---As `write`, for a list of strings, which go to the system in one call.
---```lua
---local a, b = net.socketpair()
---a:writev({"x", "y"}):await()
---print(b:read():await())   --> xy
---```
---@param list string[]
---@return lwt.Promise<nil>
function lwt_Socket:writev(list) end

---Closes the writing half, after everything that was written: the other side reads it all
---and then the end. Reading goes on. A second shutdown does nothing.
---```lua
---local a, b = net.socketpair()
---a:write("bye")
---a:shutdown():await()
---print(b:read():await(), b:read():await())   --> bye nil
---```
---@return lwt.Promise<nil>
function lwt_Socket:shutdown() end

---Whether small writes are sent at once (`true`, as they are by default) or collected
---(Nagle's algorithm).
---```lua
---local listener = net.tcp_listen("127.0.0.1:0"):await()
---local sock = net.tcp_connect(listener:address()):await()
---sock:nodelay(false)
---```
---@param on? boolean # default true
function lwt_Socket:nodelay(on) end

---Has the system ask a silent peer whether it is still there, after `seconds` of silence
---(rounded up to whole ones); `false` or nil: not.
---```lua
---local listener = net.tcp_listen("127.0.0.1:0"):await()
---local sock = net.tcp_connect(listener:address()):await()
---sock:keepalive(60)
---```
---@param seconds number|false
function lwt_Socket:keepalive(seconds) end

---How many bytes of what was written the other end's system has not acknowledged yet: what is certainly
---lost if the connection breaks now. (What has been acknowledged may still not have been read.) It is
---nil where the system does not tell. Of a connection that has broken it says how it was then.
---```lua
---local listener = net.tcp_listen("127.0.0.1:0"):await()
---local sock <close> = net.tcp_connect(listener:address()):await()
---local peer <close> = listener:accept():await()
---sock:write("hello"):await()
---peer:read():await()
---print(sock:unacknowledged())   --> 0
---```
---@return integer?
function lwt_Socket:unacknowledged() end

---Closes the socket with a reset: what was not sent yet is thrown away, and the peer's next
---operation fails with `ECONNRESET`.
---```lua
---local listener = net.tcp_listen("127.0.0.1:0"):await()
---local sock = net.tcp_connect(listener:address()):await()
---sock:reset()
---```
function lwt_Socket:reset() end

---Closes a socket, a listener or whatever else of this module is open. What is pending on it is
---rejected with `lwt.Closed`; bytes that the system has not taken yet are dropped (`shutdown`
---first, or await the writes, to have them sent). The promise is fulfilled at once; a second
---close does nothing. `<close>` does the same, and so does the collection of what is not used any
---more.
---```lua
---local a, b = net.socketpair()
---local p = b:read()
---a:close()
---print(p:await())   --> nil
---```
---@return lwt.Promise<nil>
function lwt_Socket:close() end

---A stream of something that is open (a directory, a watch, a signal, a program) until the stream
---ends, is closed, or is not used any more.
---@class lwt.SourceStream<T> : lwt.Stream<T>
---@field close fun() ends the stream, and lets go of what is behind it
local lwt_SourceStream = {}

---@class lwt.Spinner
local lwt_Spinner = {}

---Another label.
---@param label string
function lwt_Spinner:set(label) end

---It has ended, and is taken away; a line may stay in its place. Ending it again does nothing; leaving a
---`<close>` variable ends it.
---@param last? string the line that stays
---@return lwt.Promise<nil> # it is written
function lwt_Spinner:done(last) end

---Several sends at one instant.
---@class lwt.Step
local lwt_Step = {}

---Run a step: all that is queued on it happens at one instant. A step runs once.
function lwt_Step:execute() end

---Streams: elements that come one after another, now or later, to whoever asks.
---
---
---A stream is a source (`from`, `generate`, `create`, a file, a socket …) and the elements
---of it that were not read yet. Reading gives promises; elements that are ready cost
---none: `for v in s do` and the functions over whole streams take them as they are. (Where no task
---may wait such a loop gives what is ready, and then raises what `await` does, and takes nothing.)
---
---- Elements are never nil: nil is the end. The end can be read any number of times.
---- Several readers may wait: each element goes to exactly one of them, in the order in
---  which they asked. A reader that is cancelled leaves the line and loses nothing.
---- An error of the source is given once to all readers that wait at that moment, or, when there
---  are none, to the next reader (of each clone); the stream goes on after it.
---- Streams made from streams are lazy. Dropped half way, they release what they read.
---
---Lua differs from Lwt in this: several concurrent readers never see the same element;
---`nget` gets what it asked for, or the rest at the end; any number of bounded pushes may
---wait, and size 0 is a rendezvous; `choose` drops a stream that failed; nothing is lost
---by a cancelled `nget`, `to_list`, `combine` or `parse`.
---@class lwt.Stream<T>
---@operator call(): T?
local lwt_Stream = {}

---All elements that are left, as a list (with `n`). When the source fails, or when it is
---cancelled, those that were read are put back.
---```lua
---print(table.concat(await(stream.of_string("xyz"):to_list()), "."))   --> x.y.z
---```
---@generic T
---@param self lwt.Stream<T>
---@return lwt.Promise<lwt.Values<T>>
function lwt_Stream:to_list() end

---All elements that are left, which must be strings, as one string.
---```lua
---print(await(stream.of_list({ "ab", "c" }):to_string()))   --> abc
---```
---@generic T
---@param self lwt.Stream<T>
---@return lwt.Promise<string>
function lwt_Stream:to_string() end

---`f(v, acc)` for each element, from `acc = init` on: the last accumulator. (As in Lwt
---the element comes first.)
---```lua
---local s = stream.of_list { "a", "b" }
---print(await(s:fold("", function(v, acc) return acc .. v end)))   --> ab
---```
---@generic T, A
---@param self lwt.Stream<T>
---@param init A
---@param f fun(v: T, acc: A): A
---@return lwt.Promise<A>
function lwt_Stream:fold(init, f) end

---The same for an `f` that runs as a task, one element after another.
---```lua
---local s = stream.of_list { 1, 2, 3 }
---print(await(s:fold_s(0, function(v, acc) await(lwt.pause()) return acc + v end)))   --> 6
---```
---@generic T, A
---@param self lwt.Stream<T>
---@param init A
---@param f async fun(v: T, acc: A): lwt.Promise<A>|A
---@return lwt.Promise<A>
function lwt_Stream:fold_s(init, f) end

---`f(v)` for each element. The promise (of nothing) is fulfilled at the end, and
---rejected with the first error of the stream or of `f`. `f` is a plain callback.
---```lua
---await(stream.of_list({ 1, 2 }):iter(print))   --> 1
-----> 2
---```
---@generic T
---@param self lwt.Stream<T>
---@param f fun(v: T)
---@return lwt.Promise<nil>
function lwt_Stream:iter(f) end

---The same for an `f` that runs as a task (it may await, and may return a promise), one
---element after another.
---```lua
---await(stream.of_list({ 1, 2 }):iter_s(function(v) await(lwt.pause()) print(v) end))   --> 1
-----> 2
---```
---@generic T
---@param self lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<nil>
function lwt_Stream:iter_s(f) end

---`f(v)` as a task for each element as it comes, without waiting for the earlier ones.
---The promise is fulfilled when the stream has ended and all are done. The first failure stops it: it
---reads no more, cancels the others, awaits them, and is rejected.
---```lua
---local s = stream.of_list { 0.2, 0.01 }
---await(s:iter_p(function(v) await(lwt.sleep(v)) print(v) end))   --> 0.01
-----> 0.2
---```
---@generic T
---@param self lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<nil>
function lwt_Stream:iter_p(f) end

---The same with at most `max` (default 1) of them at a time: an element is only read when
---there is room for it.
---```lua
---local now, most = 0, 0
---await(stream.of_string("abcdef"):iter_n(function()
--- now = now + 1
--- most = math.max(most, now)
--- await(lwt.pause())
--- now = now - 1
---end, 2))
---print(most)   --> 2
---```
---@generic T
---@param self lwt.Stream<T>
---@param f async fun(v: T): any
---@param max? integer
---@return lwt.Promise<nil>
function lwt_Stream:iter_n(f, max) end

---The first element for which `f(v)` is true; nil if there is none. Everything up to it
---is taken, itself included.
---```lua
---local s = stream.of_list { 1, 5, 7 }
---print(await(s:find(function(v) return v > 3 end)), await(s:next()))   --> 5 7
---```
---@generic T
---@param self lwt.Stream<T>
---@param f fun(v: T): any
---@return lwt.Promise<T?>
function lwt_Stream:find(f) end

---The same for an `f` that runs as a task.
---```lua
---local s = stream.of_list { 1, 5 }
---print(await(s:find_s(function(v) return lwt.fulfilled(v > 3) end)))   --> 5
---```
---@generic T
---@param self lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<T?>
function lwt_Stream:find_s(f) end

---The first value of `f(v)` that is not nil; nil if there is none.
---```lua
---print(await(stream.of_list({ "x", "12" }):find_map(tonumber)))   --> 12
---```
---@generic T, R
---@param self lwt.Stream<T>
---@param f fun(v: T): R?, ...?
---@return lwt.Promise<R?>
function lwt_Stream:find_map(f) end

---The same for an `f` that runs as a task.
---```lua
---local s = stream.of_list { "x", "12" }
---print(await(s:find_map_s(function(v) await(lwt.pause()) return tonumber(v) end)))   --> 12
---```
---@generic T, R
---@param self lwt.Stream<T>
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@return lwt.Promise<R?>
function lwt_Stream:find_map_s(f) end

---The next element; nil at the end. Several readers may wait at the same time: each
---element goes to exactly one of them, in the order in which they asked. A reader that
---is cancelled leaves the line, and no element is lost with it. (In a task that was cancelled
---and has not been told yet, a read begins a turn of the loop later, so that no element is lost
---at the `await` that raises. So it is for all that takes elements.)
---```lua
---local s = stream.of_list { "x" }
---print(await(s:get()), await(s:get()))   --> x nil
---```
---@generic T
---@param self lwt.Stream<T>
---@return lwt.Promise<T?>
function lwt_Stream:get() end

---The next element; at the end it is rejected with `stream.Empty`.
---```lua
---local s = stream.of_list { "x" }
---print(await(s:next()))   --> x
---print(select(2, s:next():state()) == stream.Empty)   --> true
---```
---@generic T
---@param self lwt.Stream<T>
---@return lwt.Promise<T>
function lwt_Stream:next() end

---The element that the next read will give, without taking it; nil at the end. It does
---not reserve the element: two tasks may see the same one.
---```lua
---local s = stream.of_list { 1, 2 }
---print(await(s:peek()), await(s:peek()), await(s:next()))   --> 1 1 1
---```
---@generic T
---@param self lwt.Stream<T>
---@return lwt.Promise<T?>
function lwt_Stream:peek() end

---The next `n` elements as a list, without taking them: fewer at the end. It waits
---until `n` have been produced (others may take them meanwhile).
---```lua
---local s = stream.of_list { 1, 2, 3 }
---print(table.concat(await(s:npeek(2)), " "), await(s:next()))   --> 1 2 1
---```
---@generic T
---@param self lwt.Stream<T>
---@param n integer
---@return lwt.Promise<lwt.Values<T>>
function lwt_Stream:npeek(n) end

---The next `n` elements as a list (with `n`): fewer only at the end. Readers that come
---later wait until it has them all. When it is cancelled, or the source fails, what it
---had taken is put back.
---```lua
---local s = stream.of_list { 1, 2, 3 }
---print(#await(s:nget(2)), #await(s:nget(2)), #await(s:nget(2)))   --> 2 1 0
---```
---@generic T
---@param self lwt.Stream<T>
---@param n integer
---@return lwt.Promise<lwt.Values<T>>
function lwt_Stream:nget(n) end

---The longest run of elements for which `f(v)` is true, as a list; the first one for
---which it is not stays in the stream. When it is cancelled or fails, what it had taken
---is put back.
---```lua
---local s = stream.of_list { 1, 2, 10, 3 }
---print(#await(s:get_while(function(v) return v < 5 end)), await(s:next()))   --> 2 10
---```
---@generic T
---@param self lwt.Stream<T>
---@param f fun(v: T): any
---@return lwt.Promise<lwt.Values<T>>
function lwt_Stream:get_while(f) end

---The same for an `f` that runs as a task (it may await, and may return a promise).
---Other readers wait until it is over.
---```lua
---local s = stream.of_list { 1, 2, 10, 3 }
---local small = s:get_while_s(function(v) await(lwt.pause()) return v < 5 end)
---print(#await(small), await(s:next()))   --> 2 10
---```
---@generic T
---@param self lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<lwt.Values<T>>
function lwt_Stream:get_while_s(f) end

---Take one element and throw it away. At the end it does nothing.
---```lua
---local s = stream.of_list { 1, 2 }
---await(s:junk())
---print(await(s:next()))   --> 2
---```
---@generic T
---@param self lwt.Stream<T>
---@return lwt.Promise<nil>
function lwt_Stream:junk() end

---Take `n` elements and throw them away: fewer at the end.
---```lua
---local s = stream.of_list { 1, 2, 3 }
---await(s:njunk(2))
---print(await(s:next()))   --> 3
---```
---@generic T
---@param self lwt.Stream<T>
---@param n integer
---@return lwt.Promise<nil>
function lwt_Stream:njunk(n) end

---Throw elements away for as long as `f(v)` is true. The first one for which it is
---not stays in the stream.
---```lua
---local s = stream.of_list { 1, 2, 10, 3 }
---await(s:junk_while(function(v) return v < 5 end))
---print(await(s:next()))   --> 10
---```
---@generic T
---@param self lwt.Stream<T>
---@param f fun(v: T): any
---@return lwt.Promise<nil>
function lwt_Stream:junk_while(f) end

---The same for an `f` that runs as a task. Other readers wait until it is over.
---```lua
---local s = stream.of_list { 1, 2, 10, 3 }
---await(s:junk_while_s(function(v) return lwt.fulfilled(v < 5) end))
---print(await(s:next()))   --> 10
---```
---@generic T
---@param self lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<nil>
function lwt_Stream:junk_while_s(f) end

---The elements that are there now, as a list: an immediate call, no promise. It asks
---the source for more until that has to wait. If the source fails, the error is raised,
---and what was taken is put back.
---```lua
---local s, push = stream.create()
---push(1); push(2)
---print(#s:get_available(), #s:get_available())   --> 2 0
---```
---@generic T
---@param self lwt.Stream<T>
---@return T[]
function lwt_Stream:get_available() end

---The same, at most `n` of them.
---```lua
---local s = stream.of_list { 1, 2, 3 }
---print(#s:get_available_up_to(2), #s:get_available_up_to(2))   --> 2 1
---```
---@generic T
---@param self lwt.Stream<T>
---@param n integer
---@return T[]
function lwt_Stream:get_available_up_to(n) end

---Throw away the elements that are there now: an immediate call. If the source fails
---the error is raised.
---```lua
---local s, push = stream.create()
---push(1); push(2)
---s:junk_available()
---push(3)
---print(await(s:next()))   --> 3
---```
---@generic T
---@param self lwt.Stream<T>
function lwt_Stream:junk_available() end

---The newest of the elements that are there now: all are taken, the last is given. When
---there is none it waits for one and gives that. Its promise is rejected with `stream.Empty` at the end.
---```lua
---local s, push = stream.create()
---push(1); push(2); push(3)
---print(await(s:last_new()))   --> 3
---```
---@generic T
---@param self lwt.Stream<T>
---@return lwt.Promise<T?>
function lwt_Stream:last_new() end

---Whether there is no element any more. It waits until that is known; takes nothing.
---```lua
---print(await(stream.of_list({}):is_empty()))   --> true
---print(await(stream.of_list({ 1 }):is_empty()))   --> false
---```
---@generic T
---@param self lwt.Stream<T>
---@return lwt.Promise<boolean>
function lwt_Stream:is_empty() end

---Whether the end has been pushed or produced, even if elements are left to read: an
---immediate answer.
---```lua
---local s, push = stream.create()
---push(1)
---print(s:is_closed())   --> false
---push(nil)
---print(s:is_closed())   --> true
---```
---@generic T
---@param self lwt.Stream<T>
---@return boolean
function lwt_Stream:is_closed() end

---A promise fulfilled when the end has been pushed or produced (for a stream that reads
---from a source: when a read met the end). It cannot be cancelled.
---```lua
---local s, push = stream.create()
---local p = s:closed()
---push(nil)
---print(p:is_pending())   --> false
---```
---@generic T
---@param self lwt.Stream<T>
---@return lwt.Promise<nil>
function lwt_Stream:closed() end

---Another stream of the same elements, from this place on: both see each of them, each
---at its own pace. Elements are kept until both have read them. A bounded stream cannot
---be cloned.
---```lua
---local a, push = stream.create()
---local b = a:clone()
---push(1)
---print(await(a:next()), await(b:next()))   --> 1 1
---```
---@generic T
---@param self lwt.Stream<T>
---@return lwt.Stream<T>
function lwt_Stream:clone() end

---Run `f(s)` as a task; if it fails in any way (being cancelled included) everything it
---took from the stream is put back, and the promise is rejected with its error. Other
---readers wait until it is over.
---```lua
---local s = stream.of_list { 1, 2, 3 }
---local p = s:parse(function() print(await(s:next()), await(s:next())) error("no") end)   --> 1 2
---print(pcall(await, p), await(s:next()))
---```
---@generic T, R
---@param self lwt.Stream<T>
---@param f async fun(s: lwt.Stream<T>): R?, ...?
---@return lwt.Promise<R>
function lwt_Stream:parse(f) end

---A stream of `f(v)` for each element. `f` is a plain callback and must not await (see
---`map_s`). If it fails the reader gets the error, the element is lost and the stream
---goes on. It must not return nil (see `filter_map`).
---```lua
---local s = stream.of_list({ 1, 2 }):map(function(v) return v * 10 end)
---print(table.concat(await(s:to_list()), " "))   --> 10 20
---```
---@generic T, R
---@param self lwt.Stream<T>
---@param f fun(v: T): R
---@return lwt.Stream<R>
function lwt_Stream:map(f) end

---The same for an `f` that runs as a task (it may await, and may return a promise), one
---element after another.
---```lua
---local s = stream.of_list({ 1, 2 }):map_s(function(v) await(lwt.pause()) return -v end)
---print(table.concat(await(s:to_list()), " "))   --> -1 -2
---```
---@generic T, R
---@param self lwt.Stream<T>
---@param f async fun(v: T): lwt.Promise<R>|R
---@return lwt.Stream<R>
function lwt_Stream:map_s(f) end

---The elements for which `f(v)` is true. `f` is a plain callback.
---```lua
---local s = stream.of_list({ 1, 2, 3, 4 }):filter(function(v) return v % 2 == 0 end)
---print(table.concat(await(s:to_list()), " "))   --> 2 4
---```
---@generic T
---@param self lwt.Stream<T>
---@param f fun(v: T): any
---@return lwt.Stream<T>
function lwt_Stream:filter(f) end

---The same for an `f` that runs as a task, one element after another.
---```lua
---local s = stream.of_list({ 1, 2, 3 }):filter_s(function(v) return lwt.fulfilled(v > 1) end)
---print(table.concat(await(s:to_list()), " "))   --> 2 3
---```
---@generic T
---@param self lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Stream<T>
function lwt_Stream:filter_s(f) end

---The values of `f(v)` that are not nil. `f` is a plain callback.
---```lua
---local s = stream.of_list({ "1", "x", "3" }):filter_map(tonumber)
---print(table.concat(await(s:to_list()), " "))   --> 1 3
---```
---@generic T, R
---@param self lwt.Stream<T>
---@param f fun(v: T): R?, ...?
---@return lwt.Stream<R>
function lwt_Stream:filter_map(f) end

---The same for an `f` that runs as a task, one element after another.
---```lua
---local s = stream.of_list({ "1", "x", "3" })
---local numbers = s:filter_map_s(function(v) await(lwt.pause()) return tonumber(v) end)
---print(table.concat(await(numbers:to_list()), " "))   --> 1 3
---```
---@generic T, R
---@param self lwt.Stream<T>
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@return lwt.Stream<R>
function lwt_Stream:filter_map_s(f) end

---The elements of the lists that `f(v)` gives, one after another. `f` is a plain
---callback.
---```lua
---local s = stream.of_list({ 1, 2 }):map_list(function(v) return { v, v * 10 } end)
---print(table.concat(await(s:to_list()), " "))   --> 1 10 2 20
---```
---@generic T, R
---@param self lwt.Stream<T>
---@param f fun(v: T): R[]
---@return lwt.Stream<R>
function lwt_Stream:map_list(f) end

---The same for an `f` that runs as a task, one element after another.
---```lua
---local s = stream.of_list({ 1, 2 }):map_list_s(function(v) return lwt.fulfilled { v, v } end)
---print(table.concat(await(s:to_list()), " "))   --> 1 1 2 2
---```
---@generic T, R
---@param self lwt.Stream<T>
---@param f async fun(v: T): lwt.Promise<R[]>|R[]
---@return lwt.Stream<R>
function lwt_Stream:map_list_s(f) end

---The elements of a stream of lists.
---```lua
---local q = stream.of_list({ { 1, 2 }, {}, { 3 } }):flatten()
---print(table.concat(await(q:to_list()), " "))   --> 1 2 3
---```
---@generic T
---@param self lwt.Stream<T[]>
---@return lwt.Stream<T>
function lwt_Stream:flatten() end

---The elements of `a`, then those of `b`, which is not touched before. An element costs a step for each `append`
---that it passes, so of `n` streams that are appended to one another each costs up to `n`: `concat` takes many at one step.
---```lua
---local s = stream.of_list({ 1 }):append(stream.of_list { 2, 3 })
---print(table.concat(await(s:to_list()), " "))   --> 1 2 3
---```
---@generic T
---@param self lwt.Stream<T>
---@param b lwt.Stream<T>
---@return lwt.Stream<T>
function lwt_Stream:append(b) end

---The elements of a stream of streams, one stream after another.
---```lua
---local s = stream.of_list { stream.of_list { 1 }, stream.of_list { 2, 3 } }
---print(table.concat(await(s:concat():to_list()), " "))   --> 1 2 3
---```
---@generic T
---@param self lwt.Stream<lwt.Stream<T>>
---@return lwt.Stream<T>
function lwt_Stream:concat() end

---Pairs `{a, b}` of the elements of two streams, which are read at the same time. It
---ends with the shorter one; an element of the other that was already read is put back,
---and so it is when the reader is cancelled or the other stream fails.
---```lua
---local rest = stream.of_list { "x", "y", "z" }
---for v in stream.of_list({ 1, 2 }):combine(rest) do print(v[1], v[2]) end   --> 1 x
-----> 2 y
---print(await(rest:next()))   --> z
---```
---@generic T, B
---@param self lwt.Stream<T>
---@param b lwt.Stream<B>
---@return lwt.Stream<any>
function lwt_Stream:combine(b) end

---The same elements as `{ok = true, value = v}`, and each error of the stream as
---`{ok = false, error = err}`: reading it never fails.
---```lua
---local s = stream.of_list({ 1, 2 }):map(function(v) return v == 2 and error("two", 0) or v end)
---for r in s:wrap_exn() do print(r.ok, r.value or r.error) end   --> true 1
-----> false two
---```
---@generic T
---@param self lwt.Stream<T>
---@return lwt.Stream<table>
function lwt_Stream:wrap_exn() end

---A stream of strings shown as `hexdump -C` shows them, a line for each 16 bytes. (No
---last line with the length.)
---```lua
---print(await(stream.of_string("Hello, lwt!\n"):hexdump():next()))
---```
---@generic T
---@param self lwt.Stream<T>
---@return lwt.Stream
function lwt_Stream:hexdump() end

---The pushing end of a bounded stream.
---@class lwt.StreamPusher
local lwt_StreamPusher = {}
---@type fun(self: lwt.StreamPusher, v: any): lwt.Promise<nil>
lwt_StreamPusher.push = nil
---@type fun(self: lwt.StreamPusher)
lwt_StreamPusher.close = nil
---@type fun(self: lwt.StreamPusher): integer
lwt_StreamPusher.size = nil
---@type fun(self: lwt.StreamPusher, n: integer)
lwt_StreamPusher.resize = nil
---@type fun(self: lwt.StreamPusher): integer
lwt_StreamPusher.count = nil
---@type fun(self: lwt.StreamPusher): boolean
lwt_StreamPusher.blocked = nil
---@type fun(self: lwt.StreamPusher): boolean
lwt_StreamPusher.closed = nil

---Adds an element: a promise, fulfilled when the stream has it, rejected with `lwt.Closed`
---when the stream is closed. Cancelling it withdraws the element. (In a task that was cancelled
---and has not been told yet, it begins a turn of the loop later, so that the `await` that raises
---withdraws it.) See `create_bounded`.
---@param v any
---@return lwt.Promise<nil>
function lwt_StreamPusher:push(v) end

---Ends the stream after what it holds. Pushes that wait are rejected with `lwt.Closed`.
function lwt_StreamPusher:close() end

---How many elements the stream may hold.
---@return integer
function lwt_StreamPusher:size() end

---Changes how many it may hold. It may hold more already: then pushes wait until it does not.
---@param n integer
function lwt_StreamPusher:resize(n) end

---How many elements it holds; those that wait to be pushed do not count.
---@return integer
function lwt_StreamPusher:count() end

---Whether a push waits.
---@return boolean
function lwt_StreamPusher:blocked() end

---Whether the stream is closed.
---@return boolean
function lwt_StreamPusher:closed() end

---A colour, an attribute or a link, for `print` and its like. Joined with a string by `..` it is its escape
---sequence.
---@class lwt.Style
---@operator concat(string|lwt.Style): string
local lwt_Style = {}

---@class lwt.Switch
local lwt_Switch = {}

---Whether the switch is on.
---```lua
---local sw = switch.create()
---print(sw:is_on())   --> true
---await(sw:turn_off())
---print(sw:is_on())   --> false
---```
---@return boolean
function lwt_Switch:is_on() end

---Turns the switch off: starts all its hooks at once, newest first, each as a task.
---When it is off already the promise is fulfilled at once, even while hooks still run.
---```lua
---local sw = switch.create()
---local log = {}
---sw:add_hook(function() log[#log + 1] = "first added" end)
---sw:add_hook(function() log[#log + 1] = "last added" end)
---await(sw:turn_off())
---print(table.concat(log, ", "))   --> last added, first added
---```
---@return lwt.Promise<nil> # when all hooks have ended; rejected with the first failure
function lwt_Switch:turn_off() end

---Raises `switch.Off` when there is a switch and it is off.
---```lua
---switch.check(nil)
---switch.check(switch.create())
---```
function lwt_Switch:check() end

---Hangs a function on the switch, to be run as a task when it is turned off. Without a switch
---(nil) it does nothing; with one that is off it raises `switch.Off`.
---```lua
---local sw = switch.create()
---switch.add_hook(sw, function() print("bye") end)   --> bye
---await(sw:turn_off())
---```
---@param f async fun(): ...?
function lwt_Switch:add_hook(f) end

---Like `add_hook`, but with a switch that is off it runs `f` now.
---```lua
---local sw = switch.create()
---sw:turn_off()
---await(sw:add_hook_or_exec(function()
---  print("at once")   --> at once
---end))
---```
---@param f async fun(): ...?
---@return lwt.Promise<any> # of `f` where it was run, else fulfilled
function lwt_Switch:add_hook_or_exec(f) end

---@class lwt.Terminal
local lwt_Terminal = {}
---its size, `{ columns =, rows = }`
---@type lwt.Signal
lwt_Terminal.size_signal = nil
---seconds after which an Escape is a key (0.05)
---@type number
lwt_Terminal.escape_time = nil

---Asks a question that is answered by yes or no: `y` or `n`, Enter for the default. Escape and the end of the
---input answer with the default, or no. Where the input is no terminal a line is read: `y`, `yes`, `n`, `no`,
---an empty one for the default; anything else is asked again.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local _, out = lio.pipe()
---await(w:write "yes\n")
---print(await(term.open(r, out):confirm "Really?"))   --> true
---```
---@param question string|table a text, or a styled list
---@param opts? table `default`: true or false
---@return lwt.Promise<boolean>
function lwt_Terminal:confirm(question, opts) end

---Asks for one of a list: the arrows (also `k`, `j`, Ctrl-P, Ctrl-N, Home, End, the page keys, and digits) go to
---an item, Enter takes it. Escape, and the end of the input, take none. Where the input is no terminal the list
---is printed with numbers, and a line is read: a number, or what an item says.
---
---Options: `question`, a text or a styled list above the items; `default`, the number of the item to begin at
---(1), which an empty line stands for, if it is given.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local _, out = lio.pipe()
---await(w:write "2\n")
---print(await(term.open(r, out):choose { "red", "green" }))   --> green	2
---```
---@param list any[] each shown by `tostring`, or a styled list
---@param opts? table
---@return lwt.Promise<any, integer> # item, index; nil when none was taken
function lwt_Terminal:choose(list, opts) end

---A progress bar at the bottom of what has been written; several stand below one another. It is redrawn at
---most ten times a second. What is printed meanwhile appears above. Where the output is no terminal (or TERM
---is `dumb`) it writes a plain line at each tenth of the whole, at least every ten seconds, and at the end.
---
---Options: `total` (without it only the count and the time are shown), `label`, `value` to begin with (0).
---```lua
---local bar = term.progress { total = 3, label = "files" }
---for _ = 1, 3 do bar:add() end
---await(bar:done())
---```
---@param opts? table
---@return lwt.Bar
function lwt_Terminal:progress(opts) end

---Shows that something is under way, for as long as it takes, with how many seconds it has been. Where the
---output is no terminal it writes nothing before its end.
---
---Option: `label`.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local spinner = term.open(r, w):spinner { label = "looking" }
---await(lwt.sleep(0.01))
---await(spinner:done "found")
---print(await(r:read_line()))   --> found
---```
---@param opts? table
---@return lwt.Spinner
function lwt_Terminal:spinner(opts) end

---Writes texts and styles: a list, which may have lists in it, or several arguments. Styles are a state: one
---holds until another of its kind, or `term.reset`; at the end of the call all are off. Colours that the
---terminal has not become the nearest that it has. Where the output is no terminal, or TERM is `dumb`, styles
---are left out, also escape sequences in the texts; NO_COLOR leaves out the colours alone.
---
---While something is drawn at the bottom (`draw`, bars, a line that is edited) the text appears above it.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(term.open(r, w):print({ term.bold, "one" }, " ", term.fg.red, 2))
---print(await(r:read(99)))   --> one 2
---```
---@param ... string|number|lwt.Style|table
---@return lwt.Promise<nil> # it is written
function lwt_Terminal:print(...) end

---As `print`, with a newline at the end. (Lwt's name for it.)
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(term.open(r, w):printlc { term.fg.blue, term.bold, "foo", term.reset, "bar" })
---print(await(r:read_line()))   --> foobar
---```
---@param ... string|number|lwt.Style|table
---@return lwt.Promise<nil> # it is written
function lwt_Terminal:printlc(...) end

---As `print`, to where errors go: the standard error of the controlling terminal, the option `error` of
---others.
---@param ... string|number|lwt.Style|table
---@return lwt.Promise<nil> # it is written
function lwt_Terminal:eprint(...) end

---As `eprint`, with a newline at the end.
---@param ... string|number|lwt.Style|table
---@return lwt.Promise<nil> # it is written
function lwt_Terminal:eprintlc(...) end

---A styled list as a text with the escape sequences that this terminal takes: for `draw`, tables, prompts.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w, { tty = true, env = { TERM = "xterm" } })
---print(("%q"):format(t:styled { term.bold, "x" }))   --> "\27[1mx\27[m"
---```
---@param ... string|number|lwt.Style|table
---@return string
function lwt_Terminal:styled(...) end

---Erases the screen, and puts the cursor into its first column and row. As all functions of the screen, it
---writes nothing where the output is no terminal or TERM is `dumb`.
---```lua
---await(term.clear())
---```
---@return lwt.Promise<nil>
function lwt_Terminal:clear() end

---Erases the row in which the cursor is; with `"right"` or `"left"` that side of the cursor. The cursor
---stays.
---@param side string?
---@return lwt.Promise<nil>
function lwt_Terminal:clear_line(side) end

---Moves the cursor.
---```lua
---await(term.move(1, 1))
---```
---@param column integer from 1
---@param row integer from 1
---@return lwt.Promise<nil>
function lwt_Terminal:move(column, row) end

---Remembers where the cursor is, and the style.
---@return lwt.Promise<nil>
function lwt_Terminal:save() end

---Puts the cursor where it was at `save`.
---@return lwt.Promise<nil>
function lwt_Terminal:restore() end

---Hides the cursor, until `show_cursor` or the end of the program.
function lwt_Terminal:hide_cursor() end

---Shows the cursor again.
function lwt_Terminal:show_cursor() end

---Gives the terminal's window a title. Control characters are left out.
---```lua
---await(term.title "lwt")
---```
---@param text string
---@return lwt.Promise<nil>
function lwt_Terminal:title(text) end

---Rings the bell.
---```lua
---await(term.bell())
---```
---@return lwt.Promise<nil>
function lwt_Terminal:bell() end

---Puts a text into the clipboard of the terminal's window, where the terminal lets programs do that (OSC 52).
---There is no telling whether it has.
---```lua
---await(term.set_clipboard "copied")
---```
---@param text string
---@return lwt.Promise<nil>
function lwt_Terminal:set_clipboard(text) end

---Shows lines at the bottom of what has been written, in place of those that it showed last: it writes what
---is different, and of a row that has changed only the cells that have. What does not fit into a row is cut;
---of more rows than the terminal has, the last are shown. Without lines they are taken away.
---
---What is printed meanwhile appears above, and so does what other bars show. `draw_done` leaves the lines
---where they are, and goes on below. Where the output is no terminal nothing is drawn, and `draw_done` writes
---the lines that were drawn last.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---await(t:draw { "one", { term.bold, "two" } })
---await(t:draw_done())
---print(await(r:read_line()), await(r:read_line()))   --> one	two
---```
---@param lines? (string|table)[] texts or styled lists
---@return lwt.Promise<nil> # it is written
function lwt_Terminal:draw(lines) end

---Leaves what `draw` shows on the screen, and goes on below it.
---@return lwt.Promise<nil> # it is written
function lwt_Terminal:draw_done() end

---Prints a table: a list of rows, each a list of texts, numbers or styled lists. A column is as wide as its
---widest cell; on a terminal that is narrower the widest are cut, elsewhere none. Numbers stand at the right.
---
---Options: `header`, a list of names, which are bold; `align`, a list of `"left"` or `"right"`, one a column.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(term.open(r, w):table({ { "ann", 5 }, { "bo", 12 } }, { header = { "name", "n" } }))
---for _ = 1, 3 do print((await(r:read_line()))) end
------> name   n
------> ann    5
------> bo    12
---```
---@param rows table[]
---@param opts? table
---@return lwt.Promise<nil> # it is written
function lwt_Terminal:table(rows, opts) end

---Whether the output is a terminal, and whether the input is one.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---print(term.open(r, w):is_tty())   --> false	false
---```
---@return boolean output
---@return boolean input
function lwt_Terminal:is_tty() end

---How many columns and rows the terminal has: what the system says; where that is nothing, COLUMNS and
---LINES; then 80 and 24. At least 1 of both.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---print(term.open(r, w, { columns = 100 }):size())   --> 100	24
---```
---@return integer columns
---@return integer rows
function lwt_Terminal:size() end

---Says how large a terminal is that the system does not know: one at the other end of a connection.
---Waiting reads of keys get it as a key, and `size_signal` changes.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---t:set_size(132, 50)
---print(t:size())   --> 132	50
---```
---@param columns integer at least 1
---@param rows integer at least 1
function lwt_Terminal:set_size(columns, rows) end

---The number of colours that are written: 0, 16, 256 or 16777216. The first of these decides: the option
---`colors`; NO_COLOR, if it is not empty, is 0; FORCE_COLOR or CLICOLOR_FORCE, if not empty, is `0` or `false`
---for none, `1`, `2`, `3` for 16, 256, 16777216, anything else for what the terminal has; 0 for what is no
---terminal, for TERM=dumb or no TERM, and for CLICOLOR=0; COLORTERM (`truecolor`, `24bit`) and the name in
---TERM say how many.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---print(term.open(r, w, { env = { FORCE_COLOR = "2" } }):colors())   --> 256
---```
---@return integer
function lwt_Terminal:colors() end

---Puts the terminal into raw mode: every key is there at once, nothing is echoed, and Ctrl-C, Ctrl-Z,
---Ctrl-S and the like are plain keys. (Output is as always: a newline is the beginning of the next line.)
---The guard that comes back ends it: `guard:close()`, or `<close>`. It is counted: raw mode ends with the
---last guard; of several that differ in `signals`, the newest counts.
---
---The terminal is given back as it was found on every way out of the program: the end, an error, `os.exit`,
---a fatal signal (which then ends it as it would have). When the process is stopped by SIGTSTP it is given
---back before, and when it goes on it is raw again. What has been typed already is not lost on either way.
---A terminal that was left raw by a program which was killed is taken for one that was not.
---
---Where the input is no terminal nothing happens. Raises `EIO` where the terminal has gone away.
---```lua
---do
--- local guard <close> = term.raw_mode()
---end
---```
---@param opts? table `signals`: Ctrl-C still interrupts (false); `paste`: what is pasted is one key (true)
---@return lwt.TerminalGuard
function lwt_Terminal:raw_mode(opts) end

---Runs `f(t)` as a task in raw mode (see `raw_mode`), which ends with it, however it ends.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---await(w:write "q")
---print(await(t:with_raw_mode(function() return t:read_key() end)))   --> q
---```
---@param f async fun(t: lwt.Terminal): any
---@param opts? table as for `raw_mode`
---@return lwt.Promise<any> # what `f` returns
function lwt_Terminal:with_raw_mode(f, opts) end

---Runs `f(t)` as a task on the terminal's other screen, which is empty at first. What was shown before is
---there again when it has ended, however it ends.
---```lua
---print(await(term.with_alternate_screen(function() return "done" end)))   --> done
---```
---@param f async fun(t: lwt.Terminal): any
---@return lwt.Promise<any> # what `f` returns
function lwt_Terminal:with_alternate_screen(f) end

---Runs `f(t)` as a task while the mouse is reported, as keys: `{ name = "mouse", action =, button =, x =,
---y = }`, with `ctrl`, `alt` and `shift`. Actions are `press`, `release`, `move` and `wheel`; buttons `left`,
---`middle`, `right`, and `up`, `down` of the wheel; `x` and `y` are from 1. Without `motion` moves are
---reported only while a button is held.
---```lua
---print(await(term.with_mouse(function() return "done" end)))   --> done
---```
---@param f async fun(t: lwt.Terminal): any
---@param opts? table `motion`: every move (false)
---@return lwt.Promise<any> # what `f` returns
function lwt_Terminal:with_mouse(f, opts) end

---Runs `f(t)` as a task while it is reported, as a key `{ focus = true|false }`, that the terminal's window
---gets or loses the keyboard.
---```lua
---print(await(term.with_focus(function() return "done" end)))   --> done
---```
---@param f async fun(t: lwt.Terminal): any
---@return lwt.Promise<any> # what `f` returns
function lwt_Terminal:with_focus(f) end

---Stops the process as Ctrl-Z does elsewhere, after the terminal was given back; in raw mode that is up to
---the program. The promise is fulfilled when it goes on and the screen has been drawn again; at once where
---there is no shell that could have it go on.
---```lua norun
---if key == term.key "ctrl-z" then await(t:suspend()) end
---```
---@return lwt.Promise<nil>
function lwt_Terminal:suspend() end

---Has `f(t)` called as a task when the screen has to be drawn anew, because the process had been stopped.
---What `draw`, bars and the like show is drawn by itself.
---```lua
---local stop = term.on_redraw(function(t) t:clear() end)
---stop()
---```
---@param f async fun(t: lwt.Terminal)
---@return fun() stop no more
function lwt_Terminal:on_redraw(f) end

---A promise of the next key, nil at the end of the input. It is in raw mode while it waits, if it is not
---already. Cancelling it takes no key.
---
---A key is `{ name = "up", ctrl =, alt =, shift =, super = }` or `{ char = "é", … }` (see `term.key`), or one
---of these: `{ paste = text }`, what was pasted, with `"\n"` as the ends of lines and without control
---characters; the mouse (see `with_mouse`); `{ focus = true|false }`; `{ resize = true, columns =, rows = }` in
---raw mode. `tostring(key)` is `"ctrl-a"`, `"é"`, `"paste"`.
---
---An Escape is a key when nothing follows it for `t.escape_time` seconds (0.05). A sequence that is not
---known is no key, and no byte of it is one; what is not UTF-8 is U+FFFD.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---await(w:write "\27[1;5Aé")
---print(await(t:read_key()), await(t:read_key()).char)   --> ctrl-up	é
---```
---@return lwt.Promise<lwt.TerminalKey?>
function lwt_Terminal:read_key() end

---The keys one after the other, up to the end of the input, in raw mode for as long as the loop goes on.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(w:write "ab\r")
---for key in term.open(r, w):keys() do
--- if key == term.key "enter" then break end
--- print(key)
---end
------> a
------> b
---```
---@return fun(): lwt.TerminalKey?
function lwt_Terminal:keys() end

---Gives the terminal back as it was, and stops using it. The channels are not closed. What waits for a
---key is rejected with `lwt.Closed`.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---t:close()
---```
function lwt_Terminal:close() end

---@class lwt.TerminalGuard
local lwt_TerminalGuard = {}
---@type fun(guard: lwt.TerminalGuard)
lwt_TerminalGuard.close = nil

---Gives back what the guard stands for: raw mode, the mouse. Closing it again does nothing. Leaving
---a `<close>` variable does it too, and so does the collection of a guard that is not used any
---more.
function lwt_TerminalGuard:close() end

---A key that was pressed, or what a terminal tells in the place of one: see `read_key`.
---@class lwt.TerminalKey
---@field name? string "up", "f1", "enter" …: a key that has a name; "mouse"
---@field char? string the character of any other key
---@field ctrl? boolean it was held down
---@field alt? boolean
---@field shift? boolean
---@field super? boolean
---@field paste? string what was pasted
---@field focus? boolean the window has got the keyboard (true) or lost it (false): see `with_focus`
---@field resize? boolean the terminal has another size: `columns` and `rows`
---@field columns? integer
---@field rows? integer
---@field action? string what the mouse did: see `with_mouse`
---@field button? string "left", "middle", "right", "up" …
---@field x? integer the column of the mouse, from 1
---@field y? integer its row, from 1
local lwt_TerminalKey = {}

---A text channel: what a byte channel does, by characters. The functions that take one are its
---methods as well.
---@class lwt.TextChannel
local lwt_TextChannel = {}
---the name of its encoding
---@type fun(t: lwt.TextChannel): string
lwt_TextChannel.encoding = nil

---The byte channel below.
---```lua
---local lio = require "lwt.io"
---local t = text.make(lio.of_bytes("naïve\n\1\2\3"), {encoding = "UTF-8"})
---print(await(t:read_line()))                     --> naïve
---print(#await(t:byte_channel():read()))          --> 3
---```
---@return lwt.Channel
function lwt_TextChannel:byte_channel() end

---Run `f(inner)` as one operation: while it runs, every other operation waits. `f` is a task and
---works on the text channel that it is given, which afterwards can no longer be used.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = text.make(w, {encoding = "UTF-8"})
---lwt.join {
---  t:atomic(function(c) await(c:write "é"); lwt.yield(); await(c:write "è") end),
---  t:write("!"),
---}:await()
---await(t:close())
---print(await(r:read()))   --> éè!
---```
---@generic T
---@param f async fun(inner: lwt.TextChannel): T?, ...?
---@return lwt.Promise<T> # what `f` returns
function lwt_TextChannel:atomic(f) end

---Write out what is buffered, as `lio.flush` does.
---@return lwt.Promise<nil>
function lwt_TextChannel:flush() end

---Close the byte channel, as `lio.close` does: flushed, and afterwards every operation is rejected
---with `lwt.Closed`. A text channel may be a `<close>` variable, as a byte channel may.
---@param side? string `"read"` or `"write"`; both when it is left out
---@return lwt.Promise<nil>
function lwt_TextChannel:close(side) end

---Close the byte channel now, as `lio.abort` does: what is buffered is thrown away.
---@return lwt.Promise<nil>
function lwt_TextChannel:abort() end

---Whether the channel is closed, or its `close` has been called.
---@return boolean
function lwt_TextChannel:is_closed() end

---Read one character: a code point, in UTF-8.
---
---In all reading functions, what is malformed is read as U+FFFD. Of a strict text channel the read
---is rejected with an error whose `code` is `"EILSEQ"` and whose `at` is its offset in the whole
---input, from 0; the next read goes on behind it, and begins with what was read in vain.
---```lua
---local lio = require "lwt.io"
---local t = text.make(lio.of_bytes("né"), {encoding = "UTF-8"})
---print(await(t:read_char()), await(t:read_char()), await(t:read_char()))   --> n é nil
---```
---@return lwt.Promise<string?> # a string, or nil at the end
function lwt_TextChannel:read_char() end

---Read one line. Its end, `"\n"` or `"\r\n"`, is taken off; any other `"\r"` stays. The last line
---need not have one. A line that is longer than the byte channel's `limit` rejects with `ELIMIT`.
---```lua
---local lio = require "lwt.io"
---local bytes = text.encode("één\r\ntwee\n", "UTF-16LE")
---local t = text.make(lio.of_bytes(bytes), {encoding = "UTF-16LE"})
---print(await(t:read_line()), await(t:read_line()), await(t:read_line()))   --> één twee nil
---```
---@return lwt.Promise<string?> # a string, or nil at the end
function lwt_TextChannel:read_line() end

---Read everything to the end (`""` when there is nothing), or, with `n`, at most `n` characters:
---what is buffered, or else what the next read of the system gives.
---```lua
---local lio = require "lwt.io"
---local t = text.make(lio.of_bytes("na\xEFve"), {encoding = "ISO-8859-1"})
---print(await(t:read(3)), await(t:read()), await(t:read()))   --> naï ve
---```
---@param n integer? at most so many characters
---@return lwt.Promise<string?> # a string; with `n`, nil at the end
function lwt_TextChannel:read(n) end

---An iterator over the lines, for `for`: it waits inside the loop's task, and raises what reading
---fails with.
---```lua
---local lio = require "lwt.io"
---local t = text.make(lio.of_bytes("a\nb\n"), {encoding = "UTF-8"})
---for line in t:lines() do print(line) end   --> a b
---```
---@return fun(): string?
function lwt_TextChannel:lines() end

---An iterator over the characters, for `for`. It reads ahead.
---```lua
---local lio = require "lwt.io"
---local t = text.make(lio.of_bytes("né"), {encoding = "UTF-8"})
---for c in t:chars() do print(c) end   --> n é
---```
---@return fun(): string?
function lwt_TextChannel:chars() end

---The lines as a stream.
---```lua
---local lio = require "lwt.io"
---local t = text.make(lio.of_bytes("a\nb"), {encoding = "UTF-8"})
---print(table.concat(await(t:read_lines():to_list()), " "))   --> a b
---```
---@return lwt.Stream<string>
function lwt_TextChannel:read_lines() end

---The characters as a stream.
---```lua
---local lio = require "lwt.io"
---local t = text.make(lio.of_bytes("né"), {encoding = "UTF-8"})
---print(#await(t:read_chars():to_list()))   --> 2
---```
---@return lwt.Stream<string>
function lwt_TextChannel:read_chars() end

---Write strings (numbers are taken too), as one operation of the byte channel, and with its
---buffering. What the encoding has not is transliterated (see `encode`); of a strict text channel
---the write is rejected instead, with an error whose `code` is `"EILSEQ"` and whose `at` is the
---offset in the text, and nothing of it is written. A character must not be cut in two between
---writes.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = text.make(w, {encoding = "ISO-8859-1"})
---await(t:write("caf", "é"))
---await(t:close())
---print(#await(r:read()))   --> 4
---```
---@param ... string|number
---@return lwt.Promise<nil>
function lwt_TextChannel:write(...) end

---Write one character.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = text.make(w, {encoding = "UTF-16BE"})
---await(t:write_char("é"))
---await(t:close())
---print(await(r:read()) == "\0\xE9")   --> true
---```
---@param char string one code point, in UTF-8
---@return lwt.Promise<nil>
function lwt_TextChannel:write_char(char) end

---Write a line: the string, and `"\n"`.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(text.make(w, {encoding = "ASCII"}):write_line("naïve"))
---print(await(r:read_line()))   --> naive
---```
---@param line string
---@return lwt.Promise<nil>
function lwt_TextChannel:write_line(line) end

---Write `fmt:format(...)`.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(text.make(w, {encoding = "ASCII"}):writef("%d €\n", 5))
---print(await(r:read_line()))   --> 5 EUR
---```
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function lwt_TextChannel:writef(fmt, ...) end

---Write lines, each followed by `"\n"`: of a list, a stream or an iterator (which may wait). Each
---is an operation of its own.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = text.make(w, {encoding = "ASCII"})
---await(t:write_lines {"é", "è"})
---await(t:close())
---print((await(r:read()):gsub("\n", ";")))   --> e;e;
---```
---@param lines table|lwt.Stream|function
---@return lwt.Promise<nil>
function lwt_TextChannel:write_lines(lines) end

---Write strings as they are: of a list, a stream or an iterator (which may wait). Each is an
---operation of its own.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = text.make(w, {encoding = "ASCII"})
---await(t:write_chars {"é", "è"})
---await(t:close())
---print(await(r:read()))   --> ee
---```
---@param chars table|lwt.Stream|function
---@return lwt.Promise<nil>
function lwt_TextChannel:write_chars(chars) end

---@class lwt.ThreadChannel
local lwt_ThreadChannel = {}

---Sends the values as one message. The promise is fulfilled when the channel, or a receiver,
---has taken it; rejected with `lwt.Closed` when the channel is closed first. Cancelling it
---withdraws the message; once that has been taken, cancelling does nothing. In a task that has
---yet to be told of a cancel nothing is sent before the task has awaited something else. Values that cannot be sent raise, see `detach`.
---```lua
---local ch = preemptive.channel(1)
---await(ch:send("one", { 2 }))
---local waiting = ch:send("three")
---print(#ch, waiting:is_pending())   --> 1 true
---```
---@param ... any
---@return lwt.Promise<nil>
function lwt_ThreadChannel:send(...) end

---Receives the next message: a promise of its values. When the channel is closed and empty it
---is fulfilled with nil, as soon as no other receiver may give back what it was given: one that is
---cancelled before its loop has brought it the message does. Cancelling it loses no message, nor does receiving in a task that has
---yet to be told of a cancel. A message for which there is no memory here is the next receiver's,
---and this one is rejected; so is the receiver of one that cannot be made here (a module is
---missing), which is gone then.
---```lua
---local ch = preemptive.channel(1)
---lwt.async(function() await(ch:send("hello", "there")) end)
---print(await(ch:recv()))   --> hello there
---```
---@return lwt.Promise<any>
function lwt_ThreadChannel:recv() end

---Closes the channel, for all states: nothing more can be sent; what is in it can still be
---received, then receivers get nil. Senders that wait are rejected with `lwt.Closed`.
---```lua
---local ch = preemptive.channel(2)
---ch:send(1)
---ch:close()
---print(ch:recv():await(), ch:recv():await())   --> 1 nil
---```
function lwt_ThreadChannel:close() end

---Has the channel been closed?
---```lua
---local ch = preemptive.channel(1)
---ch:close()
---print(ch:is_closed())   --> true
---```
---@return boolean
function lwt_ThreadChannel:is_closed() end

---@class lwt.Throttle
local lwt_Throttle = {}

---Asks for a go. The first `rate` calls for a key within a second get true at once; the others
---wait, and get true when it is their turn, in order; when `max` wait already, it is false at
---once. Cancelling a call that waits gives its place to others. (In a task that was cancelled and
---has not been told yet, a call that would go through at once begins a turn of the loop later, so
---that the `await` that raises gives its place back.)
---```lua
---local t = throttle.create(1, 1)
---print(await(t:wait("bob")))       --> true
---local later = t:wait("bob")
---print(await(t:wait("bob")))       --> false
---later:cancel()
---print(t:wait("bob"):state())      --> pending
---```
---@param key any any value but nil and NaN
---@return lwt.Promise<boolean> # of a boolean
function lwt_Throttle:wait(key) end

---@class lwt.Timer
local lwt_Timer = {}

---Starts the timer, or starts it again from now.
---```lua
---local t = timer.create(0.1, function() print("quiet") end)   --> quiet
---for _ = 1, 3 do
---  t:start()
---  await(lwt.sleep(0.01))
---end
---await(lwt.sleep(0.15))
---```
function lwt_Timer:start() end

---Stops the timer; stopping one that does not run does nothing.
---```lua
---local t = timer.create(0.01, function() print("never") end)
---t:start()
---t:stop()
---await(lwt.sleep(0.02))
---```
function lwt_Timer:stop() end

---Changes the delay. A timer that runs is started again with it.
---```lua
---local t = timer.create(3600, function() print("soon") end)   --> soon
---t:start()
---t:change(0.01)
---await(lwt.sleep(0.02))
---```
---@param seconds number
function lwt_Timer:change(seconds) end

---A terminal: a socket with a size and a mode.
---@class lwt.Tty : lwt.Socket
local lwt_Tty = {}

---The terminal's size.
---@return integer columns
---@return integer rows
function lwt_Tty:size() end

---How the terminal treats what is typed: `"normal"` (by lines, echoed), `"raw"` (every key
---at once, no echo) or `"io"` (as raw, and binary output too). However the program ends, also
---by `os.exit` or a fatal signal, and when the terminal is closed, it is put back as it was; not
---where the program is in the background by then, for the terminal is another program's.
---@param mode string
function lwt_Tty:mode(mode) end

---@class lwt.Udp
local lwt_Udp = {}

---The socket's own address, as text: `"127.0.0.1:40112"`, `"[::1]:40112"`, `"unix:/path"`
---(`"unix:"` when it has no name).
---```lua
---local listener = net.tcp_listen("127.0.0.1:0"):await()
---local sock = net.tcp_connect(listener:address()):await()
---print(sock:getsockname():match("^127.0.0.1:%d+$") ~= nil)   --> true
---```
---@return string
function lwt_Udp:getsockname() end

---Sends one datagram (a string or `lwt.bytes`), to an address, or to the connected one. A
---name is looked up. The promise is fulfilled when the system has it: that says nothing of
---its arrival. Its promise is rejected with `EMSGSIZE` when it is too long.
---```lua
---local a, b = net.udp(), net.udp("127.0.0.1:0")
---a:send("ping", b:getsockname()):await()
---print((b:recv():await()))   --> ping
---```
---@param data string|lwt.Bytes
---@param addr? string|table
---@return lwt.Promise<nil>
function lwt_Udp:send(data, addr) end

---Waits for a datagram: two values, its bytes and the address it came from, as text. Several
---may wait: first come, first served. Cancelling loses nothing. Its promise is rejected with what the system
---reports (`ECONNREFUSED` on a connected socket), and with `lwt.Closed` when the socket
---closes.
---```lua
---local a, b = net.udp("127.0.0.1:0"), net.udp("127.0.0.1:0")
---local p = b:recv()
---a:send("x", b:getsockname())
---print((p:await()))   --> x
---```
---@return lwt.Promise<string, string> # string, address
function lwt_Udp:recv() end

---Fixes the other end, at once: `send` needs no address any more, and only what comes from
---there is received. Without an address it undoes that.
---```lua
---local a, b = net.udp(), net.udp("127.0.0.1:0")
---a:connect(b:getsockname())
---a:send("x"):await()
---print((b:recv():await()))   --> x
---```
---@param addr? string|table
function lwt_Udp:connect(addr) end

---Allows sending to broadcast addresses (default true), or forbids it.
---@param on? boolean
function lwt_Udp:broadcast(on) end

---The number of routers that a datagram may pass, 1 to 255.
---@param n integer
function lwt_Udp:ttl(n) end

---The same for datagrams to groups (the system's default is 1: this network only).
---@param n integer
function lwt_Udp:multicast_ttl(n) end

---Whether this machine, too, receives what it sends to groups (default true).
---@param on? boolean
function lwt_Udp:multicast_loop(on) end

---The interface (its address) through which datagrams to groups are sent; nil: the system's
---choice.
---@param host? string
function lwt_Udp:multicast_interface(host) end

---Joins a group (`"224.0.0.251"`, `"ff02::1"`) on an interface (its address; nil: the
---system's choice), from everybody or from one `source` only. It raises the system's error.
---@param group string
---@param host? string
---@param source? string
function lwt_Udp:multicast_join(group, host, source) end

---Leaves a group: the arguments as in `multicast_join`.
---@param group string
---@param host? string
---@param source? string
function lwt_Udp:multicast_leave(group, host, source) end

---Closes a socket, a listener or whatever else of this module is open. What is pending on it is
---rejected with `lwt.Closed`; bytes that the system has not taken yet are dropped (`shutdown`
---first, or await the writes, to have them sent). The promise is fulfilled at once; a second
---close does nothing. `<close>` does the same, and so does the collection of what is not used any
---more.
---```lua
---local a, b = net.socketpair()
---local p = b:read()
---a:close()
---print(p:await())   --> nil
---```
---@return lwt.Promise<nil>
function lwt_Udp:close() end

---A list that knows its length, since it may hold nil.
---@class lwt.Values<T>
---@field [integer] T
---@field n integer
local lwt_Values = {}

---The buffer of a channel, as `direct_access` gives it to its function; valid while that runs.
---@class lwt.io.direct
local lwt_io_direct = {}
---bytes that can be taken (input), or for which there is room (output)
---@type fun(d: lwt.io.direct): integer
lwt_io_direct.available = nil
---the next bytes, at most `n`, without taking them
---@type fun(d: lwt.io.direct, n?: integer): string
lwt_io_direct.peek = nil
---takes `n` bytes
---@type fun(d: lwt.io.direct, n: integer)
lwt_io_direct.skip = nil
---puts as much of `s` into the buffer as there is room for: how many bytes
---@type fun(d: lwt.io.direct, s: string): integer
lwt_io_direct.put = nil
---fills the buffer once (input; 0 at the end), or writes from it: how many bytes
---@type fun(d: lwt.io.direct): lwt.Promise<integer>
lwt_io_direct.perform = nil

---@class lwt.pool.Options
---@field validate? fun(element: any): boolean
---@field check? fun(element: any, is_ok: fun(ok: boolean)): boolean?
---@field dispose? fun(element: any)
local lwt_pool_Options = {}

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
local lwt_read_line_Options = {}

---@class lwt.retry.Options
---@field times? integer
---@field delay? number|fun(n: integer): number
---@field retry_if? fun(err: any, n: integer): boolean
local lwt_retry_Options = {}

---A context: certificates, keys, whom to trust. Made by `ssl.context`; fixed; for any number of
---connections.
---@class lwt.ssl.Context
local lwt_ssl_Context = {}
---@type "client"|"server"
lwt_ssl_Context.role = nil

---What a client keeps of a connection, to resume it: see `session`.
---@class lwt.ssl.Session
local lwt_ssl_Session = {}

---A TLS stream: what a socket of `lwt.net` has, and what is known of the other end. Two tasks may read
---and write at once.
---@class lwt.ssl.Stream
local lwt_ssl_Stream = {}
---at most `n` bytes (65536), nil at the end; several wait in order; cancelling loses nothing; `SSL_EOF`: no goodbye
---@type fun(s: lwt.ssl.Stream, n?: integer): lwt.Promise<string?>
lwt_ssl_Stream.read = nil
---whole, in the calls' order; fulfilled when the transport has it; withdrawn when cancelled before its turn
---@type fun(s: lwt.ssl.Stream, data: string|lwt.Bytes|table): lwt.Promise<nil>
lwt_ssl_Stream.write = nil
---as `write`, for a list
---@type fun(s: lwt.ssl.Stream, list: table): lwt.Promise<nil>
lwt_ssl_Stream.writev = nil
---says, after everything that was written, that no more will come (close_notify); reading goes on
---@type fun(s: lwt.ssl.Stream): lwt.Promise<nil>
lwt_ssl_Stream.shutdown = nil
---says goodbye, unless a write still waits (a second at most; another where the other side still sends), closes what is below; also `<close>`
---@type fun(s: lwt.ssl.Stream): lwt.Promise<nil>
lwt_ssl_Stream.close = nil
---@type fun(s: lwt.ssl.Stream): boolean
lwt_ssl_Stream.is_closed = nil
---`{subject=, issuer=, cn=, names=, not_before=, not_after=, serial=, sha256=, key_type=, key_bits=, pem=}`; dates as `os.time` has them
---@type fun(s: lwt.ssl.Stream): table|nil
lwt_ssl_Stream.peer_certificate = nil
---whether the peer's certificate is good, and if not, the error
---@type fun(s: lwt.ssl.Stream): boolean, any
lwt_ssl_Stream.verify_result = nil
---the protocol that both agreed on
---@type fun(s: lwt.ssl.Stream): string|nil
lwt_ssl_Stream.alpn = nil
---`"TLSv1.3"` or `"TLSv1.2"`
---@type fun(s: lwt.ssl.Stream): string
lwt_ssl_Stream.version = nil
---OpenSSL's name of the cipher suite
---@type fun(s: lwt.ssl.Stream): string
lwt_ssl_Stream.cipher = nil
---the name that the client asked for
---@type fun(s: lwt.ssl.Stream): string|nil
lwt_ssl_Stream.sni = nil
---the newest that the server has given, for the option `session`; in TLS 1.3 it comes with the first data
---@type fun(s: lwt.ssl.Stream): lwt.ssl.Session|nil
lwt_ssl_Stream.session = nil
---whether the session was resumed
---@type fun(s: lwt.ssl.Stream): boolean
lwt_ssl_Stream.is_reused = nil
---whether the server has shown a good OCSP response
---@type fun(s: lwt.ssl.Stream): boolean
lwt_ssl_Stream.is_stapled = nil
---`n` bytes that both ends compute alike (RFC 5705)
---@type fun(s: lwt.ssl.Stream, label: string, n: integer, context?: string): string
lwt_ssl_Stream.export_keying_material = nil
---of the socket below, as the next four
---@type fun(s: lwt.ssl.Stream): string
lwt_ssl_Stream.getpeername = nil
---@type fun(s: lwt.ssl.Stream): string
lwt_ssl_Stream.getsockname = nil
---@type fun(s: lwt.ssl.Stream, on: boolean)
lwt_ssl_Stream.nodelay = nil
---@type fun(s: lwt.ssl.Stream, seconds: integer|false|nil)
lwt_ssl_Stream.keepalive = nil
---@type fun(s: lwt.ssl.Stream): integer
lwt_ssl_Stream.fileno = nil

---@class lwt.module
local lwt_module = {}

---Waits until `p` is resolved: returns its values, or raises its error. At once when it is resolved already. It works only in a task; anywhere
---else it raises, also for a resolved promise. **Cancel point**: when the task is cancelled, `p` is cancelled, and this raises what
---`p` is then rejected with, as a rule `lwt.Canceled`.
---```lua
---print(await(lwt.sleep(0.01):map(function() return "slept" end)))   --> slept
---```
---@async 
---@generic T, U
---@param p lwt.Promise<T, U>
---@return T value
---@return U second
---@return any ...
lwt_module.await = function(p) end

---Lets every other ready task, the timers and the I/O have a turn. **Cancel point.**
---```lua
---lwt.spawn(function() print "first" lwt.yield() print "third" end)   --> first
---print "second"   --> second
---lwt.yield()   --> third
---```
---@async 
lwt_module.yield = function() end

---Runs `f(...)` to its end, as a task of its own that the calling task waits for and that a cancel does not reach, also inside a
---cancelled scope. It returns its results or raises its error. A cancel that comes meanwhile is raised at the next await. For cleanup
---that has to await.
---```lua
---print(lwt.shield(function() await(lwt.sleep(0.01)) return "cleaned" end))   --> cleaned
---```
---@async 
---@generic T, U
---@param f fun(...): T?, U?, ...?
---@param ... any
---@return T value
---@return U second
---@return any ...
lwt_module.shield = function(f, ...) end

lwt_module.cancel = lwt_Promise.cancel

---A promise that follows `p`; cancelling it does not touch `p`. A resolved `p` is returned itself.
---```lua
---local p = lwt.task()
---local q = lwt.protected(p)
---q:cancel()
---print((p:state()), q:state())   --> pending rejected canceled
---```
---@generic T
---@param p lwt.Promise<T>
---@return lwt.Promise<T>
lwt_module.protected = function(p) end

---A promise that follows `p`; cancelling it does nothing at all, and a task that awaits it cannot be interrupted.
---```lua
---local p = lwt.task()
---local q = lwt.no_cancel(p)
---q:cancel()
---print((p:state()), (q:state()))   --> pending pending
---```
---@generic T
---@param p lwt.Promise<T>
---@return lwt.Promise<T>
lwt_module.no_cancel = function(p) end

---A promise that follows `p` and can always be cancelled: it is then rejected with `lwt.Canceled` at once, and `p` is cancelled too.
---```lua
---local p = lwt.wait()
---local q = lwt.wrap_in_cancelable(p)
---q:cancel()
---print((p:state()), q:state())   --> pending rejected canceled
---```
---@generic T
---@param p lwt.Promise<T>
---@return lwt.Promise<T>
lwt_module.wrap_in_cancelable = function(p) end

---What the first of the list to be resolved gives. Where several are resolved at the call: a rejected one, else the first in the list
---(Lwt draws lots); that very promise is returned. The others go on; cancelling the result cancels all. An empty list raises.
---```lua
---print(await(lwt.choose{lwt.sleep(5), lwt.fulfilled("quick")}))   --> quick
---```
---@generic T
---@param list lwt.Promise<T>[]
---@return lwt.Promise<T>
lwt_module.choose = function(list) end

---As `lwt.choose`, and cancels all the others, before its own result is resolved.
---```lua
---local slow = lwt.sleep(5)
---print(await(lwt.pick{slow, lwt.fulfilled("quick")}))   --> quick
---print(slow:state())   --> rejected canceled
---```
---@generic T
---@param list lwt.Promise<T>[]
---@return lwt.Promise<T>
lwt_module.pick = function(list) end

---A table (with `n`) of the first values of all that are fulfilled when the first is, in the list's order; a rejected one among them
---rejects.
---```lua
---local t = await(lwt.nchoose{lwt.fulfilled(1), lwt.wait(), lwt.fulfilled(3)})
---print(t.n, t[1], t[2])   --> 2 1 3
---```
---@generic T
---@param list lwt.Promise<T>[]
---@return lwt.Promise<lwt.Values<T>>
lwt_module.nchoose = function(list) end

---As `lwt.nchoose`, and cancels those still pending.
---```lua
---local slow = lwt.sleep(5)
---print(await(lwt.npick{slow, lwt.fulfilled(1)}).n, slow:is_pending())   --> 1 false
---```
---@generic T
---@param list lwt.Promise<T>[]
---@return lwt.Promise<lwt.Values<T>>
lwt_module.npick = function(list) end

---As `lwt.nchoose`, with a second value: a table (with `n`) of the promises still pending, in the list's order.
---```lua
---local values, rest = await(lwt.nchoose_split{lwt.wait(), lwt.fulfilled(1)})
---print(values.n, rest.n)   --> 1 1
---```
---@generic T
---@param list lwt.Promise<T>[]
---@return lwt.Promise<lwt.Values<T>, lwt.Values<lwt.Promise<T>>>
lwt_module.nchoose_split = function(list) end

---Calls `f` with the values of `p` when it is fulfilled. The result follows the promise that `f` returns, or is fulfilled with what
---else it returns, or rejected with what it raises; a rejected `p` is passed on. `f` is a plain callback: it may not await.
---On a fulfilled `p` the call happens at once (deeper than 16 such calls inside one another, when the outermost is done).
---```lua
---local p = lwt.fulfilled(2):bind(function(x) return lwt.fulfilled(x * 21) end)
---print(p:state())   --> fulfilled 42
---```
---@generic T, R
---@param p lwt.Promise<T>
---@param f fun(value: T, ...): lwt.Promise<R>|R?, ...?
---@return lwt.Promise<R>
lwt_module.bind = function(p, f) end

---As `lwt.bind`, but what `f` returns is the value, also when it is a promise.
---```lua
---print(lwt.fulfilled(2):map(function(x) return x + 1, "b" end):state())   --> fulfilled 3 b
---```
---@generic T, R
---@param p lwt.Promise<T>
---@param f fun(value: T, ...): lwt.Promise<R>|R?, ...?
---@return lwt.Promise<R>
lwt_module.map = function(p, f) end

---Calls `h` with the error when `x` is rejected; the result is what `h` gives, as with `bind`. A fulfilled `x` is passed on. `x` is a
---promise, or a function, which is run as a task.
---```lua
---print(await(lwt.catch(function() error("no", 0) end, function(e) return "caught " .. e end)))   --> caught no
---```
---@generic T
---@param x lwt.Promise<T>|fun(): lwt.Promise<T>|T?, ...?
---@param h fun(err: any): any
---@return lwt.Promise<T>
lwt_module.catch = function(x, h) end

---Calls `ok` with the values of `x`, or `h` with its error; errors of `ok` do not go to `h`. `x` as in `lwt.catch`.
---```lua
---local p = lwt.try_bind(lwt.rejected("e"), print, function(e) return "h " .. e end)
---print(p:state())   --> fulfilled h e
---```
---@generic T, R
---@param x lwt.Promise<T>|fun(): lwt.Promise<T>|T?, ...?
---@param ok fun(value: T, ...): lwt.Promise<R>|R?, ...?
---@param h fun(err: any): any
---@return lwt.Promise<R>
lwt_module.try_bind = function(x, ok, h) end

---Calls `f` without arguments when `x` is resolved, either way. The result is that of `x`, once the promise that `f` may return is
---fulfilled; if `f` fails, its error. `x` as in `lwt.catch`. When `x` is cancelled, `f` still runs.
---```lua
---print(await(lwt.finalize(function() return 1 end, function() print "cleanup" end)))   --> cleanup
---                                                                                      --> 1
---```
---@generic T
---@param x lwt.Promise<T>|fun(): lwt.Promise<T>|T?, ...?
---@param f fun(): any
---@return lwt.Promise<T>
lwt_module.finalize = function(x, f) end

---Calls `f` with the values when `p` is fulfilled (at once if it is). What `f` returns is ignored, what it raises goes to the
---exception hook.
---```lua
---lwt.fulfilled(1):on_success(print)   --> 1
---```
---@generic T
---@param p lwt.Promise<T>
---@param f fun(value: T, ...)
lwt_module.on_success = function(p, f) end

lwt_module.on_failure = lwt_Promise.on_failure

lwt_module.on_termination = lwt_Promise.on_termination

---Calls `f` with the values, or `h` with the error, when `p` is resolved.
---```lua
---lwt.fulfilled(1):on_any(print, error)   --> 1
---```
---@generic T
---@param p lwt.Promise<T>
---@param f fun(value: T, ...)
---@param h fun(err: any)
lwt_module.on_any = function(p, f, h) end

lwt_module.on_cancel = lwt_Promise.on_cancel

---Calls `f(...)`: the promise of what it returns (a single promise is followed) or raises. `f` is a plain callback.
---```lua
---print(lwt.wrap(tonumber, "12"):state())   --> fulfilled 12
---```
---@generic T, U
---@param f fun(...): T?, U?, ...?
---@param ... any
---@return lwt.Promise<T, U>
lwt_module.wrap = function(f, ...) end

lwt_module.coroutine = {}

---As `coroutine.resume`, for a coroutine that may await: an await in it suspends the whole task.
---```lua
---local co = lwt.coroutine.create(function() lwt.yield() return "done" end)
---print(lwt.coroutine.resume(co))   --> true done
---```
---@param co thread
---@param ... any
---@return boolean ok
---@return any ... results, or the error
lwt_module.coroutine.resume = function(co, ...) end

---As `coroutine.create`; resume it with `lwt.coroutine.resume`.
---```lua
---local co = lwt.coroutine.create(function(a) local b = lwt.coroutine.yield(a + 1) return b end)
---print(lwt.coroutine.resume(co, 1))   --> true 2
---print(lwt.coroutine.resume(co, "b"))   --> true b
---```
---@param f function
---@return thread
lwt_module.coroutine.create = function(f) end

---As `coroutine.wrap`, for a function that may await: a generator that waits for what it gives.
---```lua
---local gen = lwt.coroutine.wrap(function()
---  for i = 1, 2 do
---    lwt.yield()
---    lwt.coroutine.yield(i)
---  end
---end)
---print(gen(), gen())   --> 1 2
---```
---@param f function
---@return function
lwt_module.coroutine.wrap = function(f) end

---What a cancelled promise is rejected with, and what is raised in a task where it is told of a cancel. Compare with `==`: it is one
---value, as are those below. Its `code` is `"CANCELED"`.
---@type lwt.Error
lwt_module.Canceled = nil

---What a deadline rejects with: `lwt.with_timeout`, `lwt.timeout`, the `timeout` of `lwt.process`'s calls that read. Its `code` is
---`"TIMEOUT"`; the system's own, of a connection, is `"ETIMEDOUT"`.
---@type lwt.Error
lwt_module.Timeout = nil

---What `read_exactly`, or a number that is cut short, rejects with at the end of the input; other reads give nil there. Its `code` is
---`"EOF"`.
---@type lwt.Error
lwt_module.EOF = nil

---What operations of something that is closed, or is being closed meanwhile, reject with: a channel, a socket, a file, a stream's
---`push`. Its `code` is `"CLOSED"`.
---@type lwt.Error
lwt_module.Closed = nil

---What Ctrl-C raises in the main task, see `lwt.interrupts`. Its `code` is `"INTERRUPTED"`.
---@type lwt.Error
lwt_module.Interrupted = nil

---Every task that is not over: a list of `{name=, state=, waiting_on=, where=, since=, promise=}`. `state` is "running", "ready" or
---"waiting"; `where` the line it is at; `waiting_on` what it awaits, in words; `since` the loop's time (`lwt.now`) since when.
---(`name` is nil where `lwt.name` has given none.)
---```lua
---lwt.spawn(function() lwt.name("sleeper") await(lwt.sleep(9)) end)
---for _, t in ipairs(lwt.tasks()) do
---  if t.name then print(t.name, t.state, t.waiting_on) end   --> sleeper waiting a timer
---end
---```
---@return table[]
lwt_module.tasks = function() end

---Names the running task, for traces and lists; returns its name.
---```lua
---print(lwt.name("main"), lwt.name())   --> main main
---```
---@param name? string
---@return string|nil
lwt_module.name = function(name) end

---Calls `f(text)` (default: `warn`) with a traceback when one turn of a task runs longer than `s` seconds: something blocks the loop.
---`lwt.stall(nil)` switches it off.
---```lua norun
---lwt.stall(0.1, function(text) io.stderr:write(text, "\n") end)
---```
---@param s number|nil seconds
---@param f? fun(text: string)
lwt_module.stall = function(s, f) end

---Debugging on or off: every promise, task and handle remembers where it was made; errors then show it, and `run` ends with warnings
---(`warn`) about what was left open or waiting, and where it was made. It costs time and memory. It returns what it was.
---```lua
---print(lwt.debug(true))   --> false
---print(lwt.debug(false))   --> true
---```
---@param on? boolean
---@return boolean
lwt_module.debug = function(on) end

---Fulfilled at the next turn of the loop, after the I/O: the promise form of `yield`. It can be cancelled.
---```lua
---print(lwt.pause():state())   --> pending
---```
---@return lwt.Promise<nil>
lwt_module.pause = function() end

---Gets the exception hook, or sets it: `f(err)` is called with errors that nobody else would see (of `async`, of `on_*` callbacks, of
---signal handlers …; not of a server's handlers, see `establish_server`). Without one, the error is raised out of the `run` or `step` that drives the loop, or the next one, at the end of
---the turn; where none comes, it is reported on stderr when the Lua state closes. A hook that raises is reported by `warn`.
---```lua
---lwt.async_exception_hook(function(e) print("hook: " .. e) end)
---lwt.async(error, "lost", 0)
---lwt.yield()   --> hook: lost
---lwt.async_exception_hook(nil)
---```
---@param f? fun(err: any)|nil the new hook; nil for the default
---@return fun(err: any)|nil hook the one before
lwt_module.async_exception_hook = function(f) end

---A promise that is fulfilled with these values (any number, `nil` among them). Lwt's `return`.
---```lua
---print(lwt.fulfilled(1, nil, 3):state())   --> fulfilled 1 nil 3
---```
---@generic T, U
---@param ... any the values
---@return lwt.Promise<T, U>
lwt_module.fulfilled = function(...) end

---A promise that is rejected with this error (any value). Lwt's `fail`.
---```lua
---print(lwt.rejected("no"):state())   --> rejected no
---```
---@param err any the error
---@return lwt.Promise<any>
lwt_module.rejected = function(err) end

---A pending promise and its resolver. Cancelling the promise does nothing (`lwt.task` makes one that can be cancelled).
---It takes no argument: to wait for a promise, `lwt.await`.
---```lua
---local p, r = lwt.wait()
---r:wakeup("done")
---print(p:state())   --> fulfilled done
---```
---@return lwt.Promise<any> promise
---@return lwt.Resolver resolver
lwt_module.wait = function() end

---A pending promise that can be cancelled, and its resolver. After a cancel, waking it is ignored.
---It takes no argument: to run a function as a task, `lwt.spawn`.
---```lua
---local p, r = lwt.task()
---p:cancel()
---r:wakeup("too late")
---print(p:state())   --> rejected canceled
---```
---@return lwt.Promise<any> promise
---@return lwt.Resolver resolver
lwt_module.task = function() end

lwt_module.state = lwt_Promise.state

lwt_module.is_pending = lwt_Promise.is_pending

---Is this value a promise?
---```lua
---print(lwt.is_promise(lwt.wait()), lwt.is_promise({}))   --> true false
---```
---@param x any
---@return boolean
lwt_module.is_promise = function(x) end

---Drives the loop until `x` is resolved: a promise, or a function, which is run as a task with the other arguments. It returns its values or
---raises its error. Before that, however it ends, it runs what `lwt.at_exit` registered, and flushes what is to be flushed. It raises
---`deadlock: …` with the list of waiting tasks when nothing is left that could resolve it. `run` inside `run`, in a callback or a
---finalizer raises; only in the main script of the `lwt` command, which is inside one, it runs its argument as a task and waits for
---it, so that any program works there. Ctrl-C cancels the main task with
---`lwt.Interrupted`, see `lwt.interrupts`.
---```lua norun
---print(lwt.run(function(x) lwt.await(lwt.sleep(0.1)) return x end, 5))
---```
---@generic T, U
---@param x lwt.Promise<T, U>|async fun(...): T?, U?, ...?
---@param ... any
---@return T value
---@return U second
---@return any ...
lwt_module.run = function(x, ...) end

---One turn of the loop, for a host with a loop of its own: delivers what has happened and runs what is ready, without blocking, for at
---most about `budget` seconds (a task's turn is not cut short). It does not make virtual time jump.
---```lua norun
---function love.update(dt) lwt.step(0.002) end
---```
---@param budget? number seconds; none: until nothing is ready
---@return boolean alive whether anything can still happen (a ready task, a timer, a handle, a job)
---@return number|nil wait seconds until the next timer is due (0: something is ready)
lwt_module.step = function(budget) end

---Registers a function that is run as a task, and awaited, at the end of the outermost `run` that follows; the newest first, once each.
---Its failure goes to the exception hook.
---```lua norun
---lwt.at_exit(function() lwt.await(log:close()) end)
---```
---@param f async fun(): ...?
lwt_module.at_exit = function(f) end

---Structured concurrency. It runs the body as a task with a scope `s`; `s:spawn(f, ...)` starts children. The promise is resolved when the
---body and every child are done: with the body's values, or with the first failure, which cancels all the rest. Cancelling the promise
---cancels all, and rejects it with `lwt.Canceled` (where body and children all end without an error in spite of it, the scope is
---fulfilled); `s:cancel()` cancels all from inside, and the scope is fulfilled with what its body
---returns. Inside a canceled scope *every* await raises `lwt.Canceled` again, so that a stray `pcall` cannot swallow it (`lwt.shield`
---runs cleanup that must await; an endless loop with a `pcall` has to pass it on, or it never waits again); an await of a task or a scope cancels that and waits for its end first. `lwt.errors(p)` has the errors
---of all that failed. A child that is cancelled by itself is not a failure.
---```lua
---print(pcall(await, lwt.scope(function(s)
---  s:spawn(function() await(lwt.sleep(60)) end)
---  s:spawn(error, "no", 0)
---end)))   --> false no
---```
---@generic T
---@param f async fun(s: lwt.Scope): T?, ...?
---@return lwt.Promise<T>
lwt_module.scope = function(f) end

---The errors of all tasks of a scope that failed (cancelled ones not counted), in the order in which they did, with `n`. A failure that
---another child, or the body, is told at an await and passes on counts once. An empty table for any other promise.
---```lua
---local p = lwt.scope(function(s)
---  s:spawn(error, "a", 0)
---  s:spawn(error, "b", 0)
---end)
---pcall(await, p)
---print(lwt.errors(p).n, lwt.errors(p)[1])   --> 2 a
---```
---@param p lwt.Promise the promise of a scope
---@return lwt.Values<any>
lwt_module.errors = function(p) end

---Waits for every promise of the list; fulfilled without a value when all are. If some failed: the first in the list among those
---already rejected at the call, else the first in time. It never cancels; cancelling it cancels all. `join{}` is fulfilled.
---```lua
---print(lwt.join{lwt.fulfilled(1), lwt.sleep(0.01)}:state())   --> pending
---```
---@param list lwt.Promise[]
---@return lwt.Promise<nil>
lwt_module.join = function(list) end

---As `lwt.join`, fulfilled with a table of the first values, in the list's order, with `n`.
---```lua
---local t = await(lwt.all{lwt.fulfilled("a"), lwt.fulfilled(), lwt.fulfilled("c")})
---print(t[1], t[2], t[3], t.n)   --> a nil c 3
---```
---@generic T
---@param list lwt.Promise<T>[]
---@return lwt.Promise<lwt.Values<T>>
lwt_module.all = function(list) end

---As `lwt.join` of two, fulfilled with their two first values.
---```lua
---print(await(lwt.both(lwt.fulfilled(1), lwt.fulfilled(2))))   --> 1 2
---```
---@generic A, B
---@param p lwt.Promise<A>
---@param q lwt.Promise<B>
---@return lwt.Promise<A, B>
lwt_module.both = function(p, q) end

---Waits for every promise of the list, and is never rejected: fulfilled with a table (with `n`) of
---`{state = "fulfilled", value = …, n = …, …all values}` and `{state = "rejected", error = …}`. OCaml's Lwt does not have it.
---```lua
---local t = await(lwt.settled{lwt.fulfilled(1), lwt.rejected("no")})
---print(t[1].value, t[2].error)   --> 1 no
---```
---@param list lwt.Promise[]
---@return lwt.Promise<lwt.Values<{ state: string, value: any, error: any }>>
lwt_module.settled = function(list) end

---The first promise of the list to be fulfilled; rejected with a table of all errors (in the list's order, with `n`) when all are.
---Cancels nobody. Cancelling it cancels all; it is then rejected with `lwt.Canceled`. OCaml's Lwt does not have it.
---```lua
---print(await(lwt.any{lwt.rejected("no"), lwt.fulfilled("yes")}))   --> yes
---```
---@generic T
---@param list lwt.Promise<T>[]
---@return lwt.Promise<T>
lwt_module.any = function(list) end

---A new key for task-local storage.
---```lua
---local user = lwt.new_key()
---lwt.with_value(user, "ann", function() print(lwt.get(user)) end)   --> ann
---```
---@return lwt.Key
lwt_module.new_key = function() end

---The value of a key here: in this task, or in this callback (which sees what was there when it was attached). `nil` when there is none.
---```lua
---print(lwt.get(lwt.new_key()))   --> nil
---```
---@param key lwt.Key
---@return any
lwt_module.get = function(key) end

---Sets the value of a key for the rest of this task or callback, and for what it starts. `nil` removes it.
---```lua
---local k = lwt.new_key()
---lwt.set(k, 1)
---lwt.yield()
---print(lwt.get(k))   --> 1
---```
---@param key lwt.Key
---@param v any
lwt_module.set = function(key, v) end

---Calls `f(...)` with the key set to `v`, and returns what it returns. What `f` starts or attaches keeps the value; after the call
---the old one is back (other keys that `f` has set stay). In a task, `f` may await; it may yield from a coroutine of `lwt.coroutine`, whose
---caller keeps its own value, but not from a plain one.
---```lua
---local k = lwt.new_key()
---print(lwt.with_value(k, 5, lwt.get, k), lwt.get(k))   --> 5 nil
---```
---@generic T, U
---@param key lwt.Key
---@param v any `nil` removes the key
---@param f fun(...): T?, U?, ...?
---@param ... any
---@return T value
---@return U second
---@return any ...
lwt_module.with_value = function(key, v, f, ...) end

---Runs `f(...)` as a task, at once, until its first wait (tasks that start one another more than 10 deep begin from the ready queue).
---The promise is what `f` returns (a single promise is followed) or raises. Cancelling it cancels what the task awaits.
---```lua
---local p = lwt.spawn(function(x) lwt.yield() return x * 2 end, 21)
---print(await(p))   --> 42
---```
---@generic T, U
---@param f async fun(...): T?, U?, ...?
---@param ... any
---@return lwt.Promise<T, U>
lwt_module.spawn = function(f, ...) end

---The running task's promise; nil outside tasks and inside callbacks.
---```lua
---print(lwt.is_promise(lwt.current()))   --> true
---```
---@return lwt.Promise<any>|nil
lwt_module.current = function() end

---Fulfilled after `s` seconds, counted from the call; never early. Negative or 0: at the next turn of the loop. `math.huge` (or
---anything beyond 10^12): never; such a wait does not keep `run` from reporting a deadlock. It can be cancelled.
---```lua
---local t = lwt.now()
---await(lwt.sleep(0.02))
---print(lwt.now() - t >= 0.02)   --> true
---```
---@param s number seconds
---@return lwt.Promise<nil>
lwt_module.sleep = function(s) end

---Rejected with `lwt.Timeout` after `s` seconds (`math.huge`: never). It can be cancelled. (To give something else that time,
---`lwt.with_timeout`.)
---```lua
---print(pcall(await, lwt.timeout(0.01)))   --> false timeout
---```
---@param s number seconds
---@return lwt.Promise<any>
lwt_module.timeout = function(s) end

---Gives `x` (a promise, or a function, run as a task) at most `s` seconds: what it gives, or rejected with `lwt.Timeout`. Whichever
---loses is cancelled; in a task that is timed out `lwt.Canceled` is raised at its await, so that it can clean up. An
---`x` that is already resolved wins over any time, and of two deadlines at one moment the inner one comes first. To
---give up waiting for something that must be given back (a lock, a place in a pool), pass the promise itself,
---`lwt.with_timeout(s, m:lock())`: then either you have it, or it was withdrawn. A function that awaits it may get it
---in the very turn in which its time is over, and then it is never given back.
---```lua
---print(pcall(await, lwt.with_timeout(0.01, lwt.wait())))   --> false timeout
---```
---@generic T
---@param s number seconds
---@param x lwt.Promise<T>|async fun(): T?, ...?
---@return lwt.Promise<T>
lwt_module.with_timeout = function(s, x) end

---The loop's clock: seconds, monotonic, from an arbitrary start. Virtual when the engine is.
---```lua
---print(math.type(lwt.now()))   --> float
---```
---@return number seconds
lwt_module.now = function() end

---Where an error was raised, and through which awaits it came, as text: the error, then task by task the lines that led to it.
---It takes a rejected promise, or an error value. Of strings only the last few are remembered, and of a value that many fail with
---(`lwt.Timeout`, `lwt.EOF` …) where it was raised last: a promise knows its own. `lwt.Canceled` has a trace only where it ended the
---task of `lwt.run`. With `lwt.debug(true)` also where the
---promise was made. Where nothing is known it gives the error's text alone.
---```lua
---local p = lwt.spawn(function() error("boom", 0) end)
---print(lwt.traceback(p):match("^boom\nin a task:"))   --> boom
---                                                     --> in a task:
---```
---@param x lwt.Promise|any
---@return string
lwt_module.traceback = function(x) end

lwt_module.wakeup = lwt_Resolver.wakeup

lwt_module.wakeup_exn = lwt_Resolver.wakeup_exn

lwt_module.wakeup_later = lwt_Resolver.wakeup_later

lwt_module.wakeup_later_exn = lwt_Resolver.wakeup_later_exn

---Runs `f(...)` as a background task: nobody waits for it, and its failure goes to the exception hook.
---```lua
---lwt.async(function() print "started" end)   --> started
---```
---@param f async fun(...): any
---@param ... any
lwt_module.async = function(f, ...) end

---Runs `f` as a task at once, to its first wait. If it fails, now or later, `h` is called with the error.
---```lua
---lwt.dont_wait(function() error("no", 0) end, print)   --> no
---```
---@param f async fun(): any
---@param h fun(err: any)
lwt_module.dont_wait = function(f, h) end

---Does not wait for `p`: raises its error when it is rejected already; when it fails later, its error goes to the exception hook.
---```lua
---lwt.ignore_result(lwt.sleep(0))
---print(pcall(lwt.ignore_result, lwt.rejected("no")))   --> false no
---```
---@param p lwt.Promise
lwt_module.ignore_result = function(p) end

---A function that gives `lwt.pause()` when more than `s` seconds have passed since it last did (or since it was made), and otherwise
---a promise that is already fulfilled: for long computations that should let others have a turn.
---```lua
---local breathe = lwt.auto_pause(0.01)
---for i = 1, 1000 do await(breathe()) end
---```
---@param s number seconds
---@return fun(): lwt.Promise
lwt_module.auto_pause = function(s) end

---A promise from a function with callbacks: `f(resolve, reject)` is called at once. The first of `resolve(...)` and `reject(err)`
---counts, the rest is ignored; an error that `f` raises rejects. It can be cancelled (then late answers are ignored).
---```lua
---local p = lwt.from_callback(function(resolve) resolve(1, 2) end)
---print(p:state())   --> fulfilled 1 2
---```
---@param f fun(resolve: fun(...), reject: fun(err: any))
---@return lwt.Promise<any>
lwt_module.from_callback = function(f) end

---Turns a function whose last argument is a `callback(err, ...)` (luv's habit) into one that returns a promise. An error that the
---call raises, or an `err` that is neither nil nor false, rejects.
---```lua
---local function add(a, b, callback) callback(nil, a + b) end
---print(await(lwt.promisify(add)(1, 2)))   --> 3
---```
---@param f function
---@return fun(...): lwt.Promise
lwt_module.promisify = function(f) end

---A view of a module or an object in which every call awaits what it returns, so that code reads like blocking Lua. Returned
---objects are views too; views given as arguments stand for what they show. **Every call is a cancel point.** Where no task may
---wait, a call that gives a promise raises what `await` does; one that would have to wait is withdrawn: a read takes nothing.
---Some views wait without making a promise, which is faster and takes less memory: those of mvars, of sockets and of TLS streams (`read`, `write`),
---and `sleep` in that of `lwt`.
---```lua
---local l = lwt.direct(lwt)
---l.sleep(0.01)
---print(l.fulfilled(1, 2))   --> 1 2
---```
---@param x table|userdata
---@return any
lwt_module.direct = function(x) end

---Calls `f` at each turn of the loop: `"enter"` before it waits for events, `"leave"` when everything ready has run. What `f` raises
---goes to the exception hook. `hook:remove()` takes it out again.
---```lua
---local n = 0
---local hook = lwt.on_iteration("leave", function() n = n + 1 end)
---lwt.yield() lwt.yield()
---hook:remove()
---print(n > 0)   --> true
---```
---@param which "enter"|"leave"
---@param f fun()
---@return lwt.Hook
lwt_module.on_iteration = function(which, f) end

---Whether Ctrl-C (SIGINT) during `lwt.run` cancels the main task with `lwt.Interrupted` (the default): it is raised at the main
---task's await, all cleanup finishes, and `run` raises it; a second Ctrl-C kills. `lwt.interrupts(false)` leaves signals alone,
---from now on, also in the middle of a `run`. In a script of the `lwt` command all this is for SIGTERM as well.
---What the process was started to ignore does not interrupt it.
---Without the libuv engine there is no such handling. It returns what it was.
---```lua
---print(lwt.interrupts(false))   --> true
---lwt.interrupts(true)
---```
---@param on? boolean
---@return boolean
lwt_module.interrupts = function(on) end

---@class lwt.barrier.module
local lwt_barrier_module = {}

---Makes a barrier for `n` tasks (1 or more). It can be used again: when n have come, it wakes them
---and waits for the next n.
---```lua
---local b = barrier.create(2)
---local first = b:wait()
---print(first:state())           --> pending
---print(await(b:wait()))         --> 2
---print(first:state())           --> fulfilled 1
---```
---@param n integer
---@return lwt.Barrier
lwt_barrier_module.create = function(n) end

lwt_barrier_module.wait = lwt_Barrier.wait

---@class lwt.bytes.module
local lwt_bytes_module = {}

---Makes a buffer of `n` bytes, all zero. A negative size raises; more than the system
---has raises an error object with the code `ENOMEM`.
---```lua
---local b = bytes.create(3)
---print(#b, b:get(0))   --> 3 0
---```
---@param n integer its size
---@return lwt.Bytes
lwt_bytes_module.create = function(n) end

---Makes a buffer that holds a copy of a string.
---```lua
---print(bytes.of_string("abc"):get(1))   --> 98
---```
---@param s string
---@return lwt.Bytes
lwt_bytes_module.of_string = function(s) end

lwt_bytes_module.length = lwt_Bytes.length

lwt_bytes_module.get = lwt_Bytes.get

lwt_bytes_module.set = lwt_Bytes.set

lwt_bytes_module.sub = lwt_Bytes.sub

lwt_bytes_module.copy = lwt_Bytes.copy

lwt_bytes_module.fill = lwt_Bytes.fill

---Copies `len` bytes from one buffer (or string) into another. They may overlap.
---```lua
---local b = bytes.create(4)
---bytes.blit("hello", 1, b, 0, 4)
---b:blit(0, b, 1, 3)
---print(b:to_string())   --> eell
---```
---@param src lwt.Bytes|string
---@param sofs integer where to begin reading
---@param dst lwt.Bytes
---@param dofs integer where to begin writing
---@param len integer
lwt_bytes_module.blit = function(src, sofs, dst, dofs, len) end

lwt_bytes_module.to_string = lwt_Bytes.to_string

---@class lwt.clock.module
local lwt_clock_module = {}

---Makes a clock. It starts at 0, and runs `rate` times as fast as the loop's own (1); with
---`paused = true` it stands still. One that stays paused moves only by `advance`: a game's frame
---does that, and is then the only thing that its actors' time depends on.
---```lua
---local c = clock.create { paused = true }
---local p = c:sleep(2)
---c:advance(1.5)
---print(p:state())   --> pending
---c:advance(0.5)
---print(p:state())   --> fulfilled
---```
---@param opts? { rate: number, paused: boolean }
---@return lwt.Clock
lwt_clock_module.create = function(opts) end

lwt_clock_module.now = lwt_Clock.now

lwt_clock_module.sleep = lwt_Clock.sleep

lwt_clock_module.timeout = lwt_Clock.timeout

lwt_clock_module.with_timeout = lwt_Clock.with_timeout

lwt_clock_module.pause = lwt_Clock.pause

lwt_clock_module.resume = lwt_Clock.resume

lwt_clock_module.is_paused = lwt_Clock.is_paused

lwt_clock_module.set_rate = lwt_Clock.set_rate

lwt_clock_module.rate = lwt_Clock.rate

lwt_clock_module.advance = lwt_Clock.advance

---@class lwt.condition.module
local lwt_condition_module = {}

---Makes a condition without waiters.
---```lua
---local c = condition.create()
---local p = c:wait()
---c:signal("go")
---print(await(p))   --> go
---```
---@return lwt.Condition
lwt_condition_module.create = function() end

lwt_condition_module.wait = lwt_Condition.wait

lwt_condition_module.signal = lwt_Condition.signal

lwt_condition_module.broadcast = lwt_Condition.broadcast

lwt_condition_module.broadcast_exn = lwt_Condition.broadcast_exn

---@class lwt.engine.module
local lwt_engine_module = {}

---The name of the engine in use: `"uv"`, `"virtual"`, `"lua"` for one of your own, `"glib"` where `lwt.glib` has
---joined libuv's with a loop of GLib's.
---```lua
---print(engine.name())   --> uv
---```
---@return string
lwt_engine_module.name = function() end

---Changes the engine, between turns of the loop. `"uv"` is libuv's. `"virtual"`: time stands
---still while anything can run, and jumps to the next timer when nothing can; what comes from
---outside is still the engine's before. A table `{now = function() → seconds, wait =
---function(seconds or nil), alive = function() → boolean}` is one of your own (`alive` may be
---left out: can something still come from outside?). That is refused while an operation of the
---system is pending, for it would never end.
---```lua
---engine.set("virtual")
---local before = lwt.now()
---lwt.sleep(3600):await()
---print(lwt.now() - before)   --> 3600.0
---engine.set("uv")
---```
---@param engine string|table
lwt_engine_module.set = function(engine) end

---The loop, for another library in C that works on libuv: a light userdata `uv_loop_t *`. What
---is opened on it is turned by `lwt.run`; it must be closed before the state is.
---```lua
---print(type(engine.loop()))   --> userdata
---```
---@return lightuserdata
lwt_engine_module.loop = function() end

---Runs on a loop that other code owns (luv's for one) from now on. The loop must outlive this state. It
---raises while any handle or request of lwt is open (a channel on a pipe or a terminal too, `lio.stdin` say, once
---it has been used), and in the middle of an event of the loop that is left
---(in a task that input has just woken: `lwt.yield()` first). `lwt.run` then turns that loop, and its owner's
---callbacks run within; and when its owner turns it (`uv.run()`), tasks run within that. Errors that nobody
---catches are then reported by `warn`.
---
---The state may be closed in a callback of the owner's, but for those of a signal or of a result of the
---threadpool (`uv_queue_work`, `uv_fs_*`): there libuv has taken what it has still to give us, and
---the end of the state would wait for it for ever.
---@param loop lightuserdata
lwt_engine_module.adopt = function(loop) end

---The descriptor to poll for "the loop has something to do", for a host that has a loop of its
---own: when it becomes readable, or when the time that `lwt.step` told is over, call `lwt.step`.
---```lua
---print(engine.fd() >= 0)   --> true
---```
---@return integer
lwt_engine_module.fd = function() end

---@class lwt.fs.module
local lwt_fs_module = {}

---Copies a file, with its permissions and holes, in one job of the threadpool and inside the system
---where that is possible. A file that has the new name is replaced, with `excl` refused
---(`EEXIST`); through a symbolic link the file that it points to is. The copy is made beside
---it, as ".lwt-copy-…", and renamed when it is whole: when it fails or is cancelled, what was
---there before is there still, and no part of a copy. (Devices and fifos, and a file whose
---folder may not be written to, are written to as they are.)
---```lua
---await(fs.write_file("a", "text"))
---await(fs.copyfile("a", "b"))
---print(await(fs.read_file("b")))   --> text
---```
---@param from string
---@param to string
---@param opts? table `{excl = boolean}`
---@return lwt.Promise<nil>
lwt_fs_module.copyfile = function(from, to, opts) end

---Copies bytes of an open file to another one, at its position, or to a socket or pipe,
---without their passing through Lua. Closing one of the files rejects it with `lwt.Closed`. A
---number means what it stands for now: it may be closed, and used again, meanwhile. What
---takes no more is waited for; what a socket of `lwt.net` has still to write comes out later,
---not before. Cancelled in the middle, a part is written.
---```lua
---await(fs.write_file("a", "hello"))
---local src <close> = await(fs.open("a"))
---local dst <close> = await(fs.open("b", "w"))
---print(await(fs.sendfile(dst, src, 1, 100)), await(fs.read_file("b")))   --> 4 ello
---```
---@param dst lwt.File|integer a file, or a descriptor: `sock:fileno()`
---@param src lwt.File|integer
---@param offset integer where to begin in `src`
---@param length integer
---@return lwt.Promise<integer> # the number of bytes: less than `length` at the end of `src`
lwt_fs_module.sendfile = function(dst, src, offset, length) end

---Opens a file. `flags` are those of `io.open` ("r", "w", "a", "r+", "w+", "a+", with or
---without a "b"), with an "x" for a file that must not exist yet ("wx"), or the system's
---number. The promise is fulfilled with the file; rejected with the system's error, a directory with
---`EISDIR`. Cancelling rejects at once, and a file that was opened too late is closed again.
---
---Operations of a file that use its position run in the order in which they were asked for;
---`pread` and `pwrite` run beside them. `close` rejects what is pending with `lwt.Closed`.
---```lua
---local f <close> = await(fs.open("f", "w+"))
---await(f:write("hello"))
---print(await(f:pread(3, 1)))   --> ell
---```
---@param path string
---@param flags? string|integer default "r"
---@param mode? integer permissions of a new file, default 0666 less the umask
---@return lwt.Promise<lwt.File>
lwt_fs_module.open = function(path, flags, mode) end

---A file made of a descriptor that is open already; it belongs to the file from now on.
---```lua
---local f = await(fs.open("f", "w"))
---print(f:fileno() > 2)   --> true
---```
---@param fd integer
---@return lwt.File
lwt_fs_module.of_fd = function(fd) end

---What the system knows about a file: a table with `type` ("file", "directory", "link",
---"fifo", "socket", "char", "block"), `size`, `mode` (the permission bits), `nlink`, `uid`,
---`gid`, `dev`, `ino`, `rdev`, `blksize`, `blocks`, and the times `atime`, `mtime`, `ctime`,
---`birthtime` in seconds since 1970, with their fractions. It follows symbolic links. Rejected
---with the system's error (`ENOENT` …). Cancelling rejects at once.
---```lua
---await(fs.write_file("f", "abc"))
---local st = await(fs.stat("f"))
---print(st.type, st.size)   --> file 3
---```
---@param path string
---@return lwt.Promise<table>
lwt_fs_module.stat = function(path) end

---As `stat`, but tells about a symbolic link itself.
---```lua
---await(fs.symlink("nowhere", "l"))
---print(await(fs.lstat("l")).type)   --> link
---```
---@param path string
---@return lwt.Promise<table>
lwt_fs_module.lstat = function(path) end

---Whether something is there that can be reached by this path. It is never rejected by the system:
---whatever keeps us from knowing is `false`. A symbolic link to nothing does not exist.
---```lua
---print(await(fs.exists(".")), await(fs.exists("nothing")))   --> true false
---```
---@param path string
---@return lwt.Promise<boolean>
lwt_fs_module.exists = function(path) end

---Fulfilled with `true` when this process may use the file in these ways, rejected with
---`EACCES` (or `ENOENT` …) when not.
---```lua
---print(await(fs.access(".", "rx")))   --> true
---```
---@param path string
---@param mode? string letters of "rwx"; none: only that it is there
---@return lwt.Promise<true>
lwt_fs_module.access = function(path, mode) end

---Removes a file, or a symbolic link (not what it points to). A call that was cancelled
---before, and that the system is still busy with, is over by then: what it makes is removed.
---```lua
---await(fs.write_file("f", ""))
---await(fs.unlink("f"))
---print(await(fs.exists("f")))   --> false
---```
---@param path string
---@return lwt.Promise<nil>
lwt_fs_module.unlink = function(path) end

---Gives a file another name; what had that name before is replaced, in one step.
---```lua
---await(fs.write_file("a", "text"))
---await(fs.rename("a", "b"))
---print(await(fs.read_file("b")))   --> text
---```
---@param from string
---@param to string
---@return lwt.Promise<nil>
lwt_fs_module.rename = function(from, to) end

---Gives a file a second name (a hard link).
---```lua
---await(fs.write_file("a", "text"))
---await(fs.link("a", "b"))
---print(await(fs.stat("b")).nlink)   --> 2
---```
---@param path string the file
---@param new string its new name
---@return lwt.Promise<nil>
lwt_fs_module.link = function(path, new) end

---Makes the symbolic link `new`, which points to `target` (any text; relative to the link).
---```lua
---await(fs.symlink("target", "l"))
---print(await(fs.readlink("l")))   --> target
---```
---@param target string
---@param new string
---@return lwt.Promise<nil>
lwt_fs_module.symlink = function(target, new) end

---What a symbolic link points to, as it stands there.
---```lua
---await(fs.symlink("../x", "l"))
---print(await(fs.readlink("l")))   --> ../x
---```
---@param path string
---@return lwt.Promise<string>
lwt_fs_module.readlink = function(path) end

---The absolute path, without symbolic links, `.` and `..`. Every part must exist.
---```lua
---print(await(fs.realpath("/../.")))   --> /
---```
---@param path string
---@return lwt.Promise<string>
lwt_fs_module.realpath = function(path) end

---Sets the permission bits.
---```lua
---await(fs.write_file("f", ""))
---await(fs.chmod("f", tonumber("600", 8)))
---print(("%o"):format(await(fs.stat("f")).mode))   --> 600
---```
---@param path string
---@param mode integer such as `tonumber("644", 8)`
---@return lwt.Promise<nil>
lwt_fs_module.chmod = function(path, mode) end

---Sets the owner and the group, by their numbers.
---```lua
---await(fs.write_file("f", ""))
---local st = await(fs.stat("f"))
---await(fs.chown("f", st.uid, st.gid))
---```
---@param path string
---@param uid? integer nil or -1: as it is
---@param gid? integer nil or -1: as it is
---@return lwt.Promise<nil>
lwt_fs_module.chown = function(path, uid, gid) end

---Sets the times of last access and last change, in seconds since 1970.
---```lua
---await(fs.write_file("f", ""))
---await(fs.utime("f", 1.5, 2.5))
---print(await(fs.stat("f")).mtime)   --> 2.5
---```
---@param path string
---@param atime? number nil: now
---@param mtime? number nil: now
---@return lwt.Promise<nil>
lwt_fs_module.utime = function(path, atime, mtime) end

---Makes a directory. With `parents` also those above it that are missing, and one that is
---there already is no error.
---```lua
---await(fs.mkdir("a/b/c", {parents = true}))
---print(await(fs.stat("a/b/c")).type)   --> directory
---```
---@param path string
---@param opts? integer|table the mode (default 0777 less the umask), or `{mode=, parents=}`
---@return lwt.Promise<nil>
lwt_fs_module.mkdir = function(path, opts) end

---Makes a new directory that only this user may enter, with a name that nothing had before,
---and gives its path. (An XXXXXX at the end of the template is replaced; the default is in
---TMPDIR.) Cancelled, it leaves none behind. `lio.with_temp_dir` removes it as
---well.
---```lua
---local path = await(fs.mkdtemp("work-"))
---print(#path, await(fs.stat(path)).type)   --> 11 directory
---```
---@param template? string its path, to which six characters are added; default "/tmp/lwt_"
---@return lwt.Promise<string> # of the path
lwt_fs_module.mkdtemp = function(template) end

---Removes an empty directory (`lio.delete_recursively` takes one with all it holds). As
---`unlink`, it comes after calls that were cancelled before and may be making something in it.
---```lua
---await(fs.mkdir("d"))
---await(fs.rmdir("d"))
---```
---@param path string
---@return lwt.Promise<nil>
lwt_fs_module.rmdir = function(path) end

---All entries of a directory at once, sorted by name: a list of `{name=, type=}`, without
---"." and "..". For directories of any size in bounded memory there is `readdir`.
---```lua
---await(fs.write_file("b", ""))
---await(fs.mkdir("a"))
---for _, entry in ipairs(await(fs.scandir("."))) do print(entry.name, entry.type) end
-----> a directory
-----> b file
---```
---@param path string
---@return lwt.Promise<{ name: string, type: string }[]>
lwt_fs_module.scandir = function(path) end

---About the file system that holds the path: `type` (the system's number), `bsize` (bytes of
---a block), `blocks`, `bfree`, `bavail` (free for everybody), `files`, `ffree`.
---```lua
---local st = await(fs.statfs("."))
---print(st.bavail <= st.blocks)   --> true
---```
---@param path string
---@return lwt.Promise<table>
lwt_fs_module.statfs = function(path) end

---Reads a whole file, in one job of the threadpool. Its promise is rejected with the system's error; a
---directory with `EISDIR`, what does not fit into memory with `ENOMEM`. Cancelling rejects
---at once.
---```lua
---await(fs.write_file("f", "hello"))
---print(await(fs.read_file("f")))   --> hello
---```
---@param path string
---@return lwt.Promise<string>
lwt_fs_module.read_file = function(path) end

---Writes a whole file, in one job of the threadpool. By default it is made, or emptied first
---if it is there; "a" appends, "wx" refuses one that is there. It is not done in one step for other
---readers: write another file and `rename` it for that. Cancelled in the middle, a part may be
---written.
---```lua
---await(fs.write_file("f", "hello "))
---await(fs.write_file("f", "world", "a"))
---print(await(fs.read_file("f")))   --> hello world
---```
---@param path string
---@param data string|lwt.Bytes
---@param flags? string|integer as in `open`, default "w"
---@param mode? integer permissions of a new file, default 0666 less the umask
---@return lwt.Promise<nil>
lwt_fs_module.write_file = function(path, data, flags, mode) end

---A stream of the entries of a directory, `{name=, type=}` in the system's order, without "." and
---"..". The directory is opened at the first read (whose promise an error rejects) and read piece
---by piece: any number of entries takes the same memory. `s:close()`, the end, and dropping the
---stream close it. `type` is "file", "directory", "link" …, or "unknown" where the file system
---does not tell.
---```lua
---await(fs.write_file("a", ""))
---for entry in fs.readdir(".") do print(entry.name, entry.type) end   --> a file
---```
---@param path string
---@return lwt.SourceStream<{ name: string, type: string }>
lwt_fs_module.readdir = function(path) end

---A stream of what happens to a file, or to the entries of a directory: `{type=, name=}`, where
---`type` is "change" (contents or properties) or "rename" (appeared, disappeared, got another
---name), and `name` the entry's, or the file's own. It raises when it cannot be watched (`ENOENT`
---…). What happens again before it was read is one element. If more is kept than a thousand
---different ones, or the system itself has lost some, an element of type "overflow" says that
---something is missing: look yourself. `s:close()` ends the stream; so does dropping it, and so does
---the end of what is watched (removed, or its file system unmounted), after its last event.
---
---Of the directories in a directory there are elements only when they come, go and change
---themselves; with `recursive` also for what happens below, with names such as "sub/dir/file". The
---tree is walked when the call is made, a watch of the system for each directory (there is a limit:
---`ENOSPC` then, or "overflow" for those made later); symbolic links are not followed. There are
---elements for what is in a directory that appears as well, some of it twice.
---```lua
---local s = fs.watch(".")
---await(fs.write_file("a", "x"))
---print(await(s:next()).name)   --> a
---s:close()
---await(fs.mkdir("sub"))
---local all = fs.watch(".", {recursive = true})
---await(fs.write_file("sub/b", "x"))
---print(await(all:next()).name)   --> sub/b
---all:close()
---```
---@param path string
---@param opts? table `{recursive = boolean}`
---@return lwt.SourceStream<{ type: string, name: string }>
lwt_fs_module.watch = function(path, opts) end

---@class lwt.gc.module
local lwt_gc_module = {}

---Has `f(object)` run as a task, by the loop, after `object` has become garbage. It may await or
---return a promise; `run` waits for it at its end. An object may have several finalisers; the
---newest runs first.
---A finaliser that refers to the object (as an upvalue) does not keep it alive for ever, but
---one that stores it somewhere brings it back to life. Prefer `<close>` where you can.
---```lua
---local log = {}
---do
---  local object = { name = "temp" }
---  gc.finalise(function(o) log[#log + 1] = o.name end, object)
---end
---collectgarbage()
---await(lwt.sleep(0.001))
---print(log[1])   --> temp
---```
---@param f fun(object: any)
---@param object any a table, userdata, function or coroutine
lwt_gc_module.finalise = function(f, object) end

---Like `finalise`, but at the end of the outermost `run` at the latest: exactly once, when the
---object has become garbage or when the run ends, whichever comes first.
---```lua
---local object = { name = "log file" }
---gc.finalise_or_exit(function(o) o.closed = true end, object)
---print(object.closed)   --> nil
---```
---@param f fun(object: any)
---@param object any a table, userdata, function or coroutine
lwt_gc_module.finalise_or_exit = function(f, object) end

---@class lwt.glib.module
local lwt_glib_module = {}

---Joins the loops. Options: `mode`, `"glib_into_lwt"` (the default: `lwt.run` serves GLib) or
---`"lwt_into_glib"` (a GLib loop serves lwt); `context`, another main context than GLib's default one (a
---`GLib.MainContext` of lgi's, or a light userdata `GMainContext *`). Doing it again does nothing (after
---`engine.set "uv"` it joins them again); doing it otherwise raises: `remove` comes first. It raises where another
---thread runs that context, and in a finalizer when the Lua state is being closed.
---
---With `"glib_into_lwt"` a `lwt.run` waits as long as it takes: that nothing is left to happen
---(`deadlock`) cannot be known then.
---```lua
---glib.install { mode = "glib_into_lwt" }
---glib.install { mode = "glib_into_lwt" }   -- nothing new
---print(pcall(glib.install, { mode = "lwt_into_glib" }))   --> false already installed, otherwise: call remove first
---glib.remove()
---```
---@param options? {mode?: "glib_into_lwt"|"lwt_into_glib", context?: any}
lwt_glib_module.install = function(options) end

---Parts the loops again; nothing where they are not joined. It may be called anywhere, in a callback too.
---```lua
---glib.install()
---glib.remove()
---glib.remove()
---```
lwt_glib_module.remove = function() end

---One turn of GLib's loop (of the context that was installed, or the default one): runs what is ready at
---the highest priority. It can be called anywhere. While the loops are joined, lwt has its turns in it; otherwise
---the whole program waits. It raises where another thread runs the context, or has it installed.
---```lua
---print(type(glib.iter()))   --> boolean
---```
---@param may_block? boolean whether to wait until something is ready
---@return boolean ran whether anything was
lwt_glib_module.iter = function(may_block) end

---Makes GLib's loop, where it waits, or is about to, return from that: `iter(true)` returns.
---```lua
---glib.wakeup()
---print(glib.iter(true))   --> false
---```
lwt_glib_module.wakeup = function() end

---Awaits an asynchronous call of GIO's, through lgi. `finish(object, name, …)` calls the object's `name_async` (or
---`name`) with the arguments, a new `Gio.Cancellable` and a callback, and gives what `name_finish` returns. The
---object may be a class or a namespace as well: `finish(Gio, "bus_get", Gio.BusType.SESSION)`.
---`finish(start, …)`, with a function, calls `start(…, cancellable, callback)` and gives what the callback is given: the
---source and the result.
---
---An error of GIO's rejects with an error object, `{code=, message=, op=, domain=, gerror=}`: `code` is the
---name in GIO's enumeration (`"NOT_FOUND"`), `domain` the name of that (`"g-io-error-quark"`), `gerror` lgi's object. A
---cancel cancels the `Cancellable`; what GIO brings in spite of that is taken and dropped. Raises where lgi
---is not there, and what `start` raises; an argument that lgi refuses is an error of `finish`'s.
---
---GLib's loop has to turn: `glib.install` comes first. The answer comes in the context that was installed; where
---another thread runs that, or has installed the default one (and this thread none), it raises.
---```lua norun
---local Gio = require "lgi".Gio
---local file = Gio.File.new_for_path "/etc/hostname"
---local ok, text = await(glib.finish(file, "load_contents"))
---local bus = await(glib.finish(Gio, "bus_get", Gio.BusType.SESSION))
---```
---@param start any function, or object, class or namespace of lgi's
---@param ... any
---@return lwt.Promise<any>
lwt_glib_module.finish = function(start, ...) end

---@class lwt.io.module
local lwt_io_module = {}

lwt_io_module.close = lwt_Channel.close

lwt_io_module.abort = lwt_Channel.abort

lwt_io_module.is_closed = lwt_Channel.is_closed

---A channel on a descriptor that is there already. `mode` is `"r"`, `"w"` or `"r+"`; without
---it, what the descriptor was opened for. The channel closes the descriptor unless `close =
---false` is given, and sets it non-blocking only when it closes it: one that is shared with
---other programs stays as it is. A descriptor that the channel does not close has to stay open as
---long as the channel does: when it has been closed, a read or write that waits may be told
---`EBADF`, or wait for ever, and its number may be another's by then.
---```lua
---print(lio.of_fd(1, "w", {close = false}):mode())   --> output
---```
---@param fd integer
---@param mode string?
---@param opts table? `buffer_size`, `close`
---@return lwt.Channel
lwt_io_module.of_fd = function(fd, mode, opts) end

---A pipe: a channel to read from and a channel to write to, at once and without a promise.
---```lua
---local r, w = lio.pipe()
---await(w:write_line("through"))
---print(await(r:read_line()))   --> through
---```
---@param opts table? `buffer_size`
---@return lwt.Channel, lwt.Channel
lwt_io_module.pipe = function(opts) end

---A channel on memory: a string, which can be read, or an `lwt.bytes`, which can be read
---(`"r"`, the default), written (`"w"`) or both (`"r+"`). Writing stops at the end of it,
---with `ENOSPC`.
---```lua
---local b = require "lwt.bytes".create(5)
---local ch = lio.of_bytes(b, "w")
---await(ch:write("hello"))
---await(ch:close())
---print(b:to_string())   --> hello
---```
---@param data string|lwt.Bytes
---@param mode string?
---@param opts table? `buffer_size`
---@return lwt.Channel
lwt_io_module.of_bytes = function(data, mode, opts) end

---The size of the buffers of channels that are made without `buffer_size`: 65536 at first.
---```lua
---print(lio.default_buffer_size())   --> 65536
---```
---@return integer
lwt_io_module.default_buffer_size = function() end

---Set the size of the buffers of channels that are made from now on. 16 bytes at least.
---```lua
---lio.set_default_buffer_size(4096)
---print(lio.of_bytes(""):buffer_size())   --> 4096
---lio.set_default_buffer_size(65536)
---```
---@param size integer
lwt_io_module.set_default_buffer_size = function(size) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.read_int16 = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.read_int = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.read_int32 = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.read_int64 = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.read_float32 = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.read_float64 = function(ch) end

lwt_io_module.le = {}

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.le.read_int = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.le.read_int16 = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.le.read_int32 = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.le.read_int64 = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.le.read_float32 = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.le.read_float64 = function(ch) end

lwt_io_module.be = {}

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.be.read_int = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.be.read_int16 = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.be.read_int32 = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.be.read_int64 = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.be.read_float32 = function(ch) end

---Reads a number: `int` (32 bits, signed), `int16` (signed), `int32`, `int64`, `float32` or `float64`. `nil` at the end of the input;
---rejected with `lwt.EOF` where the input ends inside the number. On a channel it is in the machine's own byte order; `ch.le` and
---`ch.be` are views of it whose functions of these names read and write little and big endian.
---```lua
---local ch = lio.of_bytes("\1\2\3\4")
---print(await(ch.le:read_int16()), await(ch.be:read_int16()))   --> 513 772
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@return lwt.Promise<number?> # nil at the end
lwt_io_module.be.read_float64 = function(ch) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.write_int16 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.write_int = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.write_int32 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.write_int64 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.write_float32 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.write_float64 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.le.write_int = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.le.write_int16 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.le.write_int32 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.le.write_int64 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.le.write_float32 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.le.write_float64 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.be.write_int = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.be.write_int16 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.be.write_int32 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.be.write_int64 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.be.write_float32 = function(ch, n) end

---Writes a number, of the kinds that `read_int16` names. A number that does not fit raises.
---```lua
---local r, w = lio.pipe()
---await(w.be:write_int16(258))
---await(w:close())
---print(await(r:read()):byte(1, -1))   --> 1 2
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param n number
---@return lwt.Promise<nil>
lwt_io_module.be.write_float64 = function(ch, n) end

---Reads values in a format of `string.unpack`, as one operation: as many bytes as the format takes are read, and no more. `nil` at the end
---of the input; rejected with `lwt.EOF` where it ends inside, and with `ELIMIT`, with nothing taken, where the format asks for more bytes
---than `max` or the channel's `limit`. Of `ch.le` and `ch.be` they are in that byte order, unless the format says another.
---```lua
---print(await(lio.of_bytes("\3abc"):unpack("s1")))   --> abc
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param format string
---@param max integer? at most so many bytes
---@return lwt.Promise<any> of the values
lwt_io_module.unpack = function(ch, format, max) end

---Reads values in a format of `string.unpack`, as one operation: as many bytes as the format takes are read, and no more. `nil` at the end
---of the input; rejected with `lwt.EOF` where it ends inside, and with `ELIMIT`, with nothing taken, where the format asks for more bytes
---than `max` or the channel's `limit`. Of `ch.le` and `ch.be` they are in that byte order, unless the format says another.
---```lua
---print(await(lio.of_bytes("\3abc"):unpack("s1")))   --> abc
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param format string
---@param max integer? at most so many bytes
---@return lwt.Promise<any> of the values
lwt_io_module.le.unpack = function(ch, format, max) end

---Reads values in a format of `string.unpack`, as one operation: as many bytes as the format takes are read, and no more. `nil` at the end
---of the input; rejected with `lwt.EOF` where it ends inside, and with `ELIMIT`, with nothing taken, where the format asks for more bytes
---than `max` or the channel's `limit`. Of `ch.le` and `ch.be` they are in that byte order, unless the format says another.
---```lua
---print(await(lio.of_bytes("\3abc"):unpack("s1")))   --> abc
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param format string
---@param max integer? at most so many bytes
---@return lwt.Promise<any> of the values
lwt_io_module.be.unpack = function(ch, format, max) end

---Writes values in a format of `string.pack`, as one operation.
---```lua
---local r, w = lio.pipe()
---await(w:pack("s1", "abc"))
---await(w:close())
---print(#await(r:read()))   --> 4
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param format string
---@param ... any
---@return lwt.Promise<nil>
lwt_io_module.pack = function(ch, format, ...) end

---Writes values in a format of `string.pack`, as one operation.
---```lua
---local r, w = lio.pipe()
---await(w:pack("s1", "abc"))
---await(w:close())
---print(#await(r:read()))   --> 4
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param format string
---@param ... any
---@return lwt.Promise<nil>
lwt_io_module.le.pack = function(ch, format, ...) end

---Writes values in a format of `string.pack`, as one operation.
---```lua
---local r, w = lio.pipe()
---await(w:pack("s1", "abc"))
---await(w:close())
---print(#await(r:read()))   --> 4
---```
---@param ch lwt.Channel|lwt.ChannelOrder
---@param format string
---@param ... any
---@return lwt.Promise<nil>
lwt_io_module.be.pack = function(ch, format, ...) end

lwt_io_module.read_char = lwt_Channel.read_char

lwt_io_module.read_line = lwt_Channel.read_line

lwt_io_module.read = lwt_Channel.read

lwt_io_module.read_exactly = lwt_Channel.read_exactly

lwt_io_module.read_until = lwt_Channel.read_until

lwt_io_module.read_into = lwt_Channel.read_into

lwt_io_module.lines = lwt_Channel.lines

lwt_io_module.buffered = lwt_Channel.buffered

lwt_io_module.limit = lwt_Channel.limit

lwt_io_module.set_limit = lwt_Channel.set_limit

lwt_io_module.position = lwt_Channel.position

lwt_io_module.set_position = lwt_Channel.set_position

lwt_io_module.length = lwt_Channel.length

lwt_io_module.is_busy = lwt_Channel.is_busy

lwt_io_module.mode = lwt_Channel.mode

lwt_io_module.fileno = lwt_Channel.fileno

lwt_io_module.write = lwt_Channel.write

lwt_io_module.write_char = lwt_Channel.write_char

lwt_io_module.write_line = lwt_Channel.write_line

lwt_io_module.flush = lwt_Channel.flush

lwt_io_module.buffer_size = lwt_Channel.buffer_size

lwt_io_module.resize_buffer = lwt_Channel.resize_buffer

---Open a file as a channel. The modes are Lua's: `"r"` (the default), `"w"`, `"a"`, and with
---`"+"` for both reading and writing at one position (`"a+"` reads from the beginning, and writes
---at the end); `"wx"` refuses a file that exists. A
---`"b"` is ignored. A directory is refused (`EISDIR`). A fifo is open for reading at once, and
---reads wait for a writer; for writing it is open once there is a reader.
---```lua
---local ch <close> = await(lio.open_file("notes", "w+"))
---await(ch:write_line("first"))
---await(ch:set_position(0))
---print(await(ch:read_line()))   --> first
---```
---@param path string
---@param mode string?
---@param opts table? `perm` (of a new file, default 0666 less the umask), `buffer_size`
---@return lwt.Promise<lwt.Channel>
lwt_io_module.open_file = function(path, mode, opts) end

---Make a new file with a random name and open it for reading and writing. Nothing is left
---behind when the promise is cancelled.
---```lua
---local path, ch = await(lio.open_temp_file {dir = ".", suffix = ".txt"})
---print(path:match("%.txt$"))   --> .txt
---await(ch:close())
---```
---@param opts table? `dir` (default: the system's), `prefix`, `suffix`, `perm` (0600), …
---@return lwt.Promise<string, lwt.Channel> # its path, and the channel
lwt_io_module.open_temp_file = function(opts) end

---Make a new folder with a random name.
---```lua
---local path = await(lio.create_temp_dir {dir = ".", prefix = "t"})
---print(path:match("^%./t"))   --> ./t
---```
---@param opts table? `dir` (default: the system's), `prefix`, `suffix`, `perm` (0700)
---@return lwt.Promise<string> # its path
lwt_io_module.create_temp_dir = function(opts) end

---Delete a file, or a folder with all that is in it. Symbolic links are deleted and not
---followed. What cannot be deleted is told (the first of it), the rest is deleted all the
---same. What others delete meanwhile is no failure; a folder into which they put something
---stays (`ENOTEMPTY`). A call that was cancelled before, and that the system is still busy
---with, is over by then: what it makes is deleted, too.
---```lua
---await(require "lwt.fs".mkdir("d"))
---await(lio.lines_to_file("d/f", {"x"}))
---await(lio.delete_recursively("d"))
---print((pcall(await, lio.open_file("d/f"))))   --> false
---```
---@param path string
---@return lwt.Promise<nil>
lwt_io_module.delete_recursively = function(path) end

---The length of a file. A directory is refused (`EISDIR`).
---```lua
---await(lio.lines_to_file("f", {"four"}))
---print(await(lio.file_length("f")))   --> 5
---```
---@param path string
---@return lwt.Promise<integer>
lwt_io_module.file_length = function(path) end

lwt_io_module.atomic = lwt_Channel.atomic

lwt_io_module.read_lines = lwt_Channel.read_lines

lwt_io_module.read_chars = lwt_Channel.read_chars

lwt_io_module.write_lines = lwt_Channel.write_lines

lwt_io_module.write_chars = lwt_Channel.write_chars

lwt_io_module.writef = lwt_Channel.writef

lwt_io_module.direct_access = lwt_Channel.direct_access

lwt_io_module.hexdump = lwt_Channel.hexdump

---Connect to an address (see `lwt.net`: `"host:port"`, `"unix:/path"` …): one channel that reads
---and writes. Its close flushes, and closes the socket.
---
---With `tls = true` it is a connection over TLS (the rock lwt-ssl), fulfilled after the handshake: chain, dates
---and name of the server's certificate are verified. `tls` may be a table of what `ssl.connect` takes instead,
---or a context of `lwt.ssl`.
---```lua
---local server = await(lio.establish_server("127.0.0.1:0", function(ch)
---  await(ch:write_line("hello"))
---end))
---local ch <close> = await(lio.open_connection(server:address()))
---print(await(ch:read_line()))   --> hello
---await(server:shutdown())
---```
---@param addr string|table
---@param opts table? `buffer_size`, `limit`, `tls`, and those of `net.tcp_connect`
---@return lwt.Promise<lwt.Channel>
lwt_io_module.open_connection = function(addr, opts) end

---Connect, give the channel to `f`, and close it when `f` is done, however it ends.
---```lua
---local server = await(lio.establish_server("127.0.0.1:0", function(ch)
---  await(ch:write_line((await(ch:read_line())):upper()))
---end))
---local p = lio.with_connection(server:address(), function(ch)
---  await(ch:write_line("hello"))
---  return ch:read_line()
---end)
---print(await(p))   --> HELLO
---await(server:shutdown())
---```
---@generic T
---@param addr string|table
---@param f async fun(ch: lwt.Channel): T?, ...?
---@param opts table? as for `open_connection`
---@return lwt.Promise<T> # what `f` returns
lwt_io_module.with_connection = function(addr, f, opts) end

---Run `f` when the channel is there, and close the channel when `f` is done, however it ends.
---```lua
---local r, w = lio.pipe()
---await(lio.with_close_connection(function(c) return c:write("x") end, w))
---print(await(r:read()), lio.is_closed(w))   --> x true
---```
---@generic T
---@param f async fun(ch: lwt.Channel): T?, ...?
---@param ch lwt.Channel
---@return lwt.Promise<T> # what `f` returns
lwt_io_module.with_close_connection = function(f, ch) end

lwt_io_module.upgrade = lwt_Channel.upgrade

lwt_io_module.tls = lwt_Channel.tls

---A channel on functions of your own, each of which may return a promise or wait: `read(n)` gives
---a string of 1 to `n` bytes (more are kept), or nil at the end; `write(s)` gives how many bytes
---of `s` it has taken (nothing means all); `seek(position, whence)` (`"set"`, `"cur"` or `"end"`)
---gives the new position; `shutdown()`, at the end of writing alone; `close()`. The channel reads where there is a `read`, and writes where
---there is a `write`.
---```lua
---local parts = {"one\ntw", "o\n"}
---local ch = lio.make {read = function() return table.remove(parts, 1) end}
---print(await(ch:read_line()), await(ch:read_line()), await(ch:read_line()))   --> one two nil
---```
---@param functions table `read`, `write`, `seek`, `shutdown`, `close`
---@param opts table? `buffer_size`
---@return lwt.Channel
lwt_io_module.make = function(functions, opts) end

---Open a file (as `open_file` does), give its channel to `f`, and close it when `f` is done,
---however it ends. What could not be written is an error of the whole.
---```lua
---await(lio.with_file("f", "w", function(ch) return ch:write("text") end))
---print(await(lio.with_file("f", "r", lio.read)))   --> text
---```
---@generic T
---@param path string
---@param mode string
---@param f async fun(ch: lwt.Channel): T?, ...?
---@param opts table? as for `open_file`
---@return lwt.Promise<T> # what `f` returns
lwt_io_module.with_file = function(path, mode, f, opts) end

---Make a temporary file and give its path and its channel to `f`. It is closed and removed when
---`f` is done, however it ends, by cancellation as well.
---```lua
---local path = await(lio.with_temp_file(function(path, ch) await(ch:write("x")); return path end))
---print((pcall(await, lio.file_length(path))))   --> false
---```
---@generic T
---@param f async fun(path: string, ch: lwt.Channel): T?, ...?
---@param opts table? as for `open_temp_file`
---@return lwt.Promise<T> # what `f` returns
lwt_io_module.with_temp_file = function(f, opts) end

---Make a temporary folder and give its path to `f`. It is removed, with all that is in it, when
---`f` is done, however it ends.
---```lua
---local p = lio.with_temp_dir(function(path)
---  await(lio.lines_to_file(path .. "/f", {"one", "two"}))
---  return lio.file_length(path .. "/f")
---end)
---print(await(p))   --> 8
---```
---@generic T
---@param f async fun(path: string): T?, ...?
---@param opts table? as for `create_temp_dir`
---@return lwt.Promise<T> # what `f` returns
lwt_io_module.with_temp_dir = function(f, opts) end

---The lines of a file as a stream. The file is opened for the first and closed after the last;
---`s:close()` ends the stream before that, and closes the file.
---```lua
---await(lio.lines_to_file("f", {"a", "b"}))
---print(table.concat(await(lio.lines_of_file("f"):to_list()), " "))   --> a b
---```
---@param path string
---@return lwt.Stream<string>
lwt_io_module.lines_of_file = function(path) end

---The bytes of a file as a stream of strings of one byte. It is closed as `lines_of_file`'s.
---```lua
---await(lio.chars_to_file("f", {"a", "b"}))
---print(#await(lio.chars_of_file("f"):to_list()))   --> 2
---```
---@param path string
---@return lwt.Stream<string>
lwt_io_module.chars_of_file = function(path) end

---Make a file of lines, each followed by `"\n"`: of a list, a stream or an iterator (which may
---wait).
---```lua
---await(lio.lines_to_file("f", {"a", "b"}))
---print(await(lio.file_length("f")))   --> 4
---```
---@param path string
---@param lines table|lwt.Stream|function
---@return lwt.Promise<nil>
lwt_io_module.lines_to_file = function(path, lines) end

---Make a file of strings, written one behind the other.
---```lua
---await(lio.chars_to_file("f", {"a", "b"}))
---print(await(lio.file_length("f")))   --> 2
---```
---@param path string
---@param chars table|lwt.Stream|function
---@return lwt.Promise<nil>
lwt_io_module.chars_to_file = function(path, chars) end

---Set how long the end of `lwt.run` waits for channels that do not take what was written to them: those
---of a program that never reads, say. At first, and with nil, it waits as long as it takes. After that time what is
---left is given up, and the channel's name is written to standard error. Standard output is waited for in any case: it may be
---a pager, which takes its time.
---```lua
---lio.set_exit_timeout(5)
---print(lio.exit_timeout())   --> 5
---lio.set_exit_timeout(nil)
---```
---@param seconds? number
lwt_io_module.set_exit_timeout = function(seconds) end

---How long the end of `lwt.run` waits for channels, in seconds; nil: as long as it takes.
---```lua
---print(lio.exit_timeout())   --> nil
---```
---@return number|nil
lwt_io_module.exit_timeout = function() end

---Flush every open output channel. What cannot be written is reported by the channel's next
---operation, not here.
---```lua
---local r, w = lio.pipe()
---await(w:write("x"))
---await(lio.flush_all())
---print(await(r:read(1)))   --> x
---```
---@return lwt.Promise<nil>
lwt_io_module.flush_all = function() end

---Standard input. The channel is made when it is first asked for; closing it leaves the
---descriptor open.
---@type lwt.Channel
lwt_io_module.stdin = nil

---Standard output: what is written is buffered, and written out when the buffer is full, when the
---loop has nothing else to do, by `flush`, and at the end of the program.
---@type lwt.Channel
lwt_io_module.stdout = nil

---Standard error, buffered like standard output.
---@type lwt.Channel
lwt_io_module.stderr = nil

---Write the arguments to `lio.stdout`, one behind the other, at once. `printl` adds a newline,
---`printf` formats, `printlf` does both; with an `e` in front they write to `lio.stderr`.
---What these write and what Lua's `print` and `io.write` write comes out in the order of the
---calls. (What `lio.stdout:write` writes is buffered, which is cheaper where there is much of it,
---and comes later than a `print` after it.)
---```lua
---print(lwt.is_promise(lio.print("")))   --> true
---```
---@param ... string|number
---@return lwt.Promise<nil>
lwt_io_module.print = function(...) end

---Write the arguments and a newline to `lio.stdout`, at once, in order with `print`.
---@param ... string|number
---@return lwt.Promise<nil>
lwt_io_module.printl = function(...) end

---Write `fmt:format(...)` to `lio.stdout`.
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
lwt_io_module.printf = function(fmt, ...) end

---Write `fmt:format(...)` and a newline to `lio.stdout`.
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
lwt_io_module.printlf = function(fmt, ...) end

---Write the arguments to `lio.stderr`.
---@param ... string|number
---@return lwt.Promise<nil>
lwt_io_module.eprint = function(...) end

---Write the arguments and a newline to `lio.stderr`.
---@param ... string|number
---@return lwt.Promise<nil>
lwt_io_module.eprintl = function(...) end

---Write `fmt:format(...)` to `lio.stderr`.
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
lwt_io_module.eprintf = function(fmt, ...) end

---Write `fmt:format(...)` and a newline to `lio.stderr`.
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
lwt_io_module.eprintlf = function(fmt, ...) end

---Listen at an address, and run `f(ch, address)` as a task for each client that connects;
---`address` is the client's. The channel is flushed and closed when `f` is done, however it ends.
---Port 0 has the system pick one: `server:address()` tells which.
---
---What `f` fails with ends that connection and no other: it is written to stderr, with its
---traceback and the client's address, and the server goes on. Neither a handler that is cancelled
---is a failure, nor a client that is gone: `ECONNRESET`, `EPIPE`, `ECONNABORTED`, `ETIMEDOUT`,
---`ENOTCONN`, `EHOSTUNREACH` and `ENETUNREACH` of the client's own channel, and `lwt.Closed` when
---that is closed. With the option `on_error`, a function that runs as a task, every error of `f`
---goes to `on_error(err, address)` instead, those of clients that are gone as well
---(`lwt.traceback(err)` tells where it was raised). `on_error = error` ends the program with the
---first failure, but not for a client that is gone.
---
---A client cannot have the server keep a line without an end: a channel's `limit` is 1048576
---bytes here, unless the option `limit` says another, or `false` for none (see `set_limit`).
---
---With the option `tls`, a table of what `ssl.accept` takes (`cert`, `key` …) or a context of `lwt.ssl`, clients come over
---TLS, and `f` runs after the handshake. Each handshake runs by itself. One that fails is reported to `on_error`
---alone. `server:set_tls(tls)` changes the certificates for connections from then on.
---
---The server has `address()`, `connections()` (how many are being served) and
---`shutdown([seconds])`, a promise: no client is accepted any more, the handlers at work have so
---many seconds (5) to finish, then they are cancelled. With `<close>`, a server shuts down at
---once.
---```lua
---local server = await(lio.establish_server("127.0.0.1:0", function(ch)
---  for line in ch:lines() do await(ch:write_line(line:upper())) end
---end))
---local ch <close> = await(lio.open_connection(server:address()))
---await(ch:write_line("hello"))
---print(await(ch:read_line()), server:connections())   --> HELLO 1
---await(ch:close())
---await(server:shutdown())
---```
---@param addr string|table
---@param f async fun(ch: lwt.Channel, address: string): ...?
---@param opts table? `buffer_size`, `limit`, `on_error`, `tls`, and those of `net.tcp_listen`
---@return lwt.Promise<lwt.Server> # the server, once it is listening
lwt_io_module.establish_server = function(addr, f, opts) end

---@class lwt.job.module
local lwt_job_module = {}

---The number of threads in libuv's pool, which the whole process shares. File operations run
---there; what is more waits. Jobs have threads of their own, one less than this number, for all
---states of the process together; jobs beyond that wait. Lookups of names (`net.dns_limit`) and
---detached functions have their own as well, so that none of the four holds up the others.
---```lua
---print(math.type(job.pool_size()))   --> integer
---```
---@return integer
lwt_job_module.pool_size = function() end

---Sets the size of libuv's pool, from 1 to 1024. libuv reads it once, when the first file
---operation of the process needs a thread: before that, this function starts
---the pool with `n` threads. After that it raises, unless `n` is the size it has: set the
---variable `UV_THREADPOOL_SIZE` in the environment of the process then.
---```lua
---job.set_pool_size(8)
---print(job.pool_size())             --> 8
---print(pcall(job.set_pool_size, 9)) --> false the threadpool already runs with 8 threads: call set_pool_size before anything else, or set UV_THREADPOOL_SIZE in the environment
---```
---@param n integer
lwt_job_module.set_pool_size = function(n) end

---@class lwt.list.module
local lwt_list_module = {}

---`f(v)` for one element after another.
---```lua
---await(list.iter_s(function(v) await(lwt.pause()) print(v) end, { 1, 2 }))   --> 1
-----> 2
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<nil>
lwt_list_module.iter_s = function(f, l) end

---`f(v)` for all elements at the same time.
---```lua
---await(list.iter_p(function(v) await(lwt.sleep(v)) print(v) end, { 0.02, 0.01 }))   --> 0.01
-----> 0.02
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<nil>
lwt_list_module.iter_p = function(f, l) end

---`f(v)` for all elements, at most `max` (default 1) at a time. After a failure no more
---are started.
---```lua
---local now, most = 0, 0
---await(list.iter_n(function()
--- now = now + 1
--- most = math.max(most, now)
--- await(lwt.pause())
--- now = now - 1
---end, { 1, 2, 3, 4, 5 }, 2))
---print(most)   --> 2
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@param max? integer
---@return lwt.Promise<nil>
lwt_list_module.iter_n = function(f, l, max) end

---`f(i, v)` for one element after another; `i` counts from 1.
---```lua
---await(list.iteri_s(function(i, v) print(i, v) end, { "a", "b" }))   --> 1 a
-----> 2 b
---```
---@generic T
---@param f async fun(i: integer, v: T): any
---@param l T[]
---@return lwt.Promise<nil>
lwt_list_module.iteri_s = function(f, l) end

---`f(i, v)` for all elements at the same time.
---```lua
---await(list.iteri_p(function(i, v) print(i, v) end, { "a", "b" }))   --> 1 a
-----> 2 b
---```
---@generic T
---@param f async fun(i: integer, v: T): any
---@param l T[]
---@return lwt.Promise<nil>
lwt_list_module.iteri_p = function(f, l) end

---The list of `f(v)`, called for one element after another.
---```lua
---local l = await(list.map_s(function(v) return lwt.fulfilled(v * 2) end, { 1, 2 }))
---print(table.concat(l, " "))   --> 2 4
---```
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R
---@param l T[]
---@return lwt.Promise<lwt.Values<R>>
lwt_list_module.map_s = function(f, l) end

---The list of `f(v)`, called for all elements at the same time.
---```lua
---local l = await(list.map_p(function(v) await(lwt.sleep(v)) return v end, { 0.02, 0.01 }))
---print(l[1], l[2])   --> 0.02 0.01
---```
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R
---@param l T[]
---@return lwt.Promise<lwt.Values<R>>
lwt_list_module.map_p = function(f, l) end

---The list of `f(v)`, with at most `max` (default 1) calls at a time.
---```lua
---local l = await(list.map_n(function(v) await(lwt.pause()) return v * v end, { 1, 2, 3 }, 2))
---print(l[1], l[2], l[3], l.n)   --> 1 4 9 3
---```
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R
---@param l T[]
---@param max? integer
---@return lwt.Promise<lwt.Values<R>>
lwt_list_module.map_n = function(f, l, max) end

---The list of `f(i, v)`, called for one element after another; `i` counts from 1.
---```lua
---local l = await(list.mapi_s(function(i, v) return i .. v end, { "a", "b" }))
---print(table.concat(l, " "))   --> 1a 2b
---```
---@generic T, R
---@param f async fun(i: integer, v: T): lwt.Promise<R>|R
---@param l T[]
---@return lwt.Promise<lwt.Values<R>>
lwt_list_module.mapi_s = function(f, l) end

---The list of `f(i, v)`, called for all elements at the same time.
---```lua
---local l = await(list.mapi_p(function(i, v) return i .. v end, { "a", "b" }))
---print(table.concat(l, " "))   --> 1a 2b
---```
---@generic T, R
---@param f async fun(i: integer, v: T): lwt.Promise<R>|R
---@param l T[]
---@return lwt.Promise<lwt.Values<R>>
lwt_list_module.mapi_p = function(f, l) end

---The elements for which `f(v)` is true, asked one after another.
---```lua
---local l = await(list.filter_s(function(v) return v > 1 end, { 1, 2, 3 }))
---print(table.concat(l, " "))   --> 2 3
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<lwt.Values<T>>
lwt_list_module.filter_s = function(f, l) end

---The elements for which `f(v)` is true, asked at the same time.
---```lua
---local big = list.filter_p(function(v) await(lwt.pause()) return v > 1 end, { 1, 2, 3 })
---print(table.concat(await(big), " "))   --> 2 3
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<lwt.Values<T>>
lwt_list_module.filter_p = function(f, l) end

---The values of `f(v)` that are not nil, called one after another.
---```lua
---print(table.concat(await(list.filter_map_s(tonumber, { "1", "x", "3" })), " "))   --> 1 3
---```
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@param l T[]
---@return lwt.Promise<lwt.Values<R>>
lwt_list_module.filter_map_s = function(f, l) end

---The values of `f(v)` that are not nil, called at the same time.
---```lua
---print(table.concat(await(list.filter_map_p(tonumber, { "1", "x", "3" })), " "))   --> 1 3
---```
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@param l T[]
---@return lwt.Promise<lwt.Values<R>>
lwt_list_module.filter_map_p = function(f, l) end

---Whether `f(v)` is true for every element, asked one after another until it is not.
---```lua
---print(await(list.for_all_s(function(v) return v > 0 end, { 1, 2 })))   --> true
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<boolean>
lwt_list_module.for_all_s = function(f, l) end

---Whether `f(v)` is true for every element: all are asked at the same time, and waited
---for.
---```lua
---print(await(list.for_all_p(function(v) return lwt.fulfilled(v > 1) end, { 1, 2 })))   --> false
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<boolean>
lwt_list_module.for_all_p = function(f, l) end

---Whether `f(v)` is true for some element, asked one after another until it is.
---```lua
---print(await(list.exists_s(function(v) return v == 2 end, { 1, 2, 3 })))   --> true
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<boolean>
lwt_list_module.exists_s = function(f, l) end

---Whether `f(v)` is true for some element: all are asked at the same time, and waited for.
---```lua
---local function is_4(v) return lwt.fulfilled(v == 4) end
---print(await(list.exists_p(is_4, { 1, 2, 3 })))   --> false
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<boolean>
lwt_list_module.exists_p = function(f, l) end

---The first element for which `f(v)` is true, asked one after another until it is; nil if
---there is none.
---```lua
---print(await(list.find_s(function(v) return v > 1 end, { 1, 2, 3 })))   --> 2
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<T>
lwt_list_module.find_s = function(f, l) end

---The first element, in the list's order, for which `f(v)` is true: all are asked at the
---same time, and waited for; nil if there is none.
---```lua
---print(await(list.find_p(function(v) await(lwt.pause()) return v > 1 end, { 1, 2, 3 })))   --> 2
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<T>
lwt_list_module.find_p = function(f, l) end

---The first value of `f(v)` that is not nil, called one after another until there is one;
---nil if there is none.
---```lua
---print(await(list.find_map_s(tonumber, { "x", "12" })))   --> 12
---```
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@param l T[]
---@return lwt.Promise<R>
lwt_list_module.find_map_s = function(f, l) end

---The first value, in the list's order, of `f(v)` that is not nil: called for all at the
---same time, and waited for; nil if there is none.
---```lua
---print(await(list.find_map_p(tonumber, { "x", "12" })))   --> 12
---```
---@generic T, R
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@param l T[]
---@return lwt.Promise<R>
lwt_list_module.find_map_p = function(f, l) end

---Two lists: the elements for which `f(v)` is true, and the others; asked one after
---another.
---```lua
---local big, small = await(list.partition_s(function(v) return v > 2 end, { 1, 2, 3, 4 }))
---print(#big, #small, big[1], small[1])   --> 2 2 3 1
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<lwt.Values<T>, lwt.Values<T>>
lwt_list_module.partition_s = function(f, l) end

---Two lists: the elements for which `f(v)` is true, and the others; asked at the same time.
---```lua
---local big, small = await(list.partition_p(function(v) return v > 2 end, { 1, 2, 3, 4 }))
---print(#big, #small)   --> 2 2
---```
---@generic T
---@param f async fun(v: T): any
---@param l T[]
---@return lwt.Promise<lwt.Values<T>, lwt.Values<T>>
lwt_list_module.partition_p = function(f, l) end

---`f(acc, v)` from the first element to the last: the last accumulator.
---```lua
---print(await(list.fold_left_s(function(acc, v) return acc .. v end, "", { "a", "b" })))   --> ab
---```
---@generic T, A
---@param f async fun(acc: A, v: T): lwt.Promise<A>|A
---@param acc A
---@param l T[]
---@return lwt.Promise<A>
lwt_list_module.fold_left_s = function(f, acc, l) end

---`f(v, acc)` from the last element to the first: the last accumulator.
---```lua
---print(await(list.fold_right_s(function(v, acc) return acc .. v end, { "a", "b" }, "")))   --> ba
---```
---@generic T, A
---@param f async fun(v: T, acc: A): lwt.Promise<A>|A
---@param l T[]
---@param acc A
---@return lwt.Promise<A>
lwt_list_module.fold_right_s = function(f, l, acc) end

---@class lwt.log.module
local lwt_log_module = {}

---Logs a record, in the section `main`, or as a method in the section. With arguments, the message is what `string.format` makes of them (`%s` takes
---anything); without, it is taken as it is, percent signs and all. A function is called only when the record is logged, with the arguments,
---and the message is what it gives. What formatting fails with is raised here.
---```lua
---log.set_default(log.make { output = function(s, level, lines) print(s, level, lines[1]) end })
---log.warning("%d of %s", 2, "three")                                    --> main warning 2 of three
---log.section "app.db":error("100% full")                                --> app.db error 100% full
---log.debug(function() error "debug is switched off: never called" end)
---```
---@param message string|fun(...): string|any
---@param ... any
---@return lwt.Promise<nil> # fulfilled when the record is written
lwt_log_module.info = function(message, ...) end

---Logs a record, in the section `main`, or as a method in the section. With arguments, the message is what `string.format` makes of them (`%s` takes
---anything); without, it is taken as it is, percent signs and all. A function is called only when the record is logged, with the arguments,
---and the message is what it gives. What formatting fails with is raised here.
---```lua
---log.set_default(log.make { output = function(s, level, lines) print(s, level, lines[1]) end })
---log.warning("%d of %s", 2, "three")                                    --> main warning 2 of three
---log.section "app.db":error("100% full")                                --> app.db error 100% full
---log.debug(function() error "debug is switched off: never called" end)
---```
---@param message string|fun(...): string|any
---@param ... any
---@return lwt.Promise<nil> # fulfilled when the record is written
lwt_log_module.debug = function(message, ...) end

---Logs a record, in the section `main`, or as a method in the section. With arguments, the message is what `string.format` makes of them (`%s` takes
---anything); without, it is taken as it is, percent signs and all. A function is called only when the record is logged, with the arguments,
---and the message is what it gives. What formatting fails with is raised here.
---```lua
---log.set_default(log.make { output = function(s, level, lines) print(s, level, lines[1]) end })
---log.warning("%d of %s", 2, "three")                                    --> main warning 2 of three
---log.section "app.db":error("100% full")                                --> app.db error 100% full
---log.debug(function() error "debug is switched off: never called" end)
---```
---@param message string|fun(...): string|any
---@param ... any
---@return lwt.Promise<nil> # fulfilled when the record is written
lwt_log_module.notice = function(message, ...) end

---Logs a record, in the section `main`, or as a method in the section. With arguments, the message is what `string.format` makes of them (`%s` takes
---anything); without, it is taken as it is, percent signs and all. A function is called only when the record is logged, with the arguments,
---and the message is what it gives. What formatting fails with is raised here.
---```lua
---log.set_default(log.make { output = function(s, level, lines) print(s, level, lines[1]) end })
---log.warning("%d of %s", 2, "three")                                    --> main warning 2 of three
---log.section "app.db":error("100% full")                                --> app.db error 100% full
---log.debug(function() error "debug is switched off: never called" end)
---```
---@param message string|fun(...): string|any
---@param ... any
---@return lwt.Promise<nil> # fulfilled when the record is written
lwt_log_module.warning = function(message, ...) end

---Logs a record, in the section `main`, or as a method in the section. With arguments, the message is what `string.format` makes of them (`%s` takes
---anything); without, it is taken as it is, percent signs and all. A function is called only when the record is logged, with the arguments,
---and the message is what it gives. What formatting fails with is raised here.
---```lua
---log.set_default(log.make { output = function(s, level, lines) print(s, level, lines[1]) end })
---log.warning("%d of %s", 2, "three")                                    --> main warning 2 of three
---log.section "app.db":error("100% full")                                --> app.db error 100% full
---log.debug(function() error "debug is switched off: never called" end)
---```
---@param message string|fun(...): string|any
---@param ... any
---@return lwt.Promise<nil> # fulfilled when the record is written
lwt_log_module.error = function(message, ...) end

---Logs a record, in the section `main`, or as a method in the section. With arguments, the message is what `string.format` makes of them (`%s` takes
---anything); without, it is taken as it is, percent signs and all. A function is called only when the record is logged, with the arguments,
---and the message is what it gives. What formatting fails with is raised here.
---```lua
---log.set_default(log.make { output = function(s, level, lines) print(s, level, lines[1]) end })
---log.warning("%d of %s", 2, "three")                                    --> main warning 2 of three
---log.section "app.db":error("100% full")                                --> app.db error 100% full
---log.debug(function() error "debug is switched off: never called" end)
---```
---@param message string|fun(...): string|any
---@param ... any
---@return lwt.Promise<nil> # fulfilled when the record is written
lwt_log_module.fatal = function(message, ...) end

---Logs a record of this level: `log.log("info", …)` is `log.info(…)`.
---```lua
---log.set_default(log.make { output = function(_, level, lines) print(level, lines[1]) end })
---log.log("error", "%d left", 0)   --> error 0 left
---```
---@param level "debug"|"info"|"notice"|"warning"|"error"|"fatal"
---@param message string|fun(...): string|any
---@param ... any
---@return lwt.Promise<nil>
lwt_log_module.log = function(level, message, ...) end

---Logs an error, at the level `error`: the message, what the error says, and its traceback in the lines below (`lwt.traceback`).
---```lua
---log.set_default(log.make { output = function(_, level, lines) print(level, lines[1]) end })
---local _, err = pcall(await, require "lwt.fs".read_file "missing")
---log.error_of(err, "no settings for %s", "ann")
-----> error no settings for ann: read_file missing: no such file or directory (ENOENT)
---```
---@param err any
---@param message? string|fun(...): string
---@param ... any
---@return lwt.Promise<nil>
lwt_log_module.error_of = function(err, message, ...) end

---The same section (or `main`), with fields for all that is logged by what this gives. A field hides one of the same name in what it is made of, and of `with_fields`.
---```lua
---log.set_default(log.make { output = function(_, _, lines, r) print(lines[1], r.fields.id, r.fields.peer) end })
---local request = log.section "http":with { id = 7 }
---request:with { peer = "10.0.0.1" }:warning "slow"   --> slow 7 10.0.0.1
---```
---@param fields table
---@return lwt.LogSection
lwt_log_module.with = function(fields) end

---Calls `f(...)`, with fields for all that is logged meanwhile, in every section: by `f`, by tasks and callbacks that come of it, across every await.
---```lua
---log.set_default(log.make { output = function(_, _, lines, r) print(lines[1], r.fields.user) end })
---log.with_fields({ user = "ann" }, function()
---  await(lwt.sleep(0.01))
---  lwt.spawn(log.warning, "hello")   --> hello ann
---end)
---```
---@param fields table
---@param f fun(...): any
---@param ... any
---@return any ... what `f` returns
lwt_log_module.with_fields = function(fields, f, ...) end

---The section of this name. There is one for each name, which lasts.
---```lua
---local db = log.section "app.db"
---print(db == log.section "app.db", db.name)   --> true app.db
---```
---@param name string
---@return lwt.LogSection
lwt_log_module.section = function(name) end

---Is a record of this level logged (in `main`, or as a method in the section)? For what is done for a record only.
---```lua
---print(log.is "debug", log.is "error")   --> false true
---```
---@param level string
---@return boolean
lwt_log_module.is = function(level) end

---The least level that is logged, in `main`, or as a method in the section.
---```lua
---print(log.level())   --> notice
---```
---@return string
lwt_log_module.level = function() end

---Sets the level of `main`, or as a method of the section, whatever the rules say; sections below it (by dots) without a rule follow.
---```lua
---log.section "app":set_level "debug"
---print(log.section "app.db":level())   --> debug
---log.section "app":reset_level()
---print(log.section "app.db":level())   --> notice
---```
---@param level string
lwt_log_module.set_level = function(level) end

---Leaves the level to the rules again.
lwt_log_module.reset_level = function() end

---Sets the rules, in place of those there were: at once, for all sections. Raises where the text is wrong, says where, and changes nothing then.
---```lua
---log.load_rules "app.db -> debug; app.* -> info; warning"
---print(log.section "app.db":level(), log.section "app.web":level(), log.level())   --> debug info warning
---print((pcall(log.load_rules, "app -> loud")))                                    --> false
---log.reset_rules()
---```
---@param text string
lwt_log_module.load_rules = function(text) end

---Adds a rule in front of the others.
---```lua
---log.add_rule("app.*", "info")
---print(log.section "app.db":level())   --> info
---log.reset_rules()
---```
---@param pattern string a name, in which `*` stands for any text
---@param level string
lwt_log_module.add_rule = function(pattern, level) end

---Takes all rules away.
lwt_log_module.reset_rules = function() end

---A logger of a function: `output(section, level, lines, record)` is called for one record after another, and may wait (records that come
---meanwhile wait for it). `lines` is the message by lines; `record` has `message`, `time` (seconds since 1970, with their fraction), `level`, `section` (its name)
---and `fields` (a table, or nil). Change none of them. `close()` is called when the logger is closed and all is written. What `output` itself logs is not given to it again.
---```lua
---log.set_default(log.make {
---  output = function(section, level, lines) for _, line in ipairs(lines) do print(section, level, line) end end,
---})
---log.error "one\ntwo"   --> main error one
------> main error two
---```
---@param opts { output: fun(section: lwt.LogSection, level: string, lines: string[], record: table), close?: fun() }
---@return lwt.Logger
lwt_log_module.make = function(opts) end

---The logger that writes nothing.
---@type lwt.Logger
lwt_log_module.null = nil

---The logger that records go to. Until one is set it writes to stderr: short, with colours, on a terminal (`NO_COLOR` and `TERM=dumb` are respected), else
---`$(time) $(name)[$(pid)] $(level) $(section): $(message) $(fields)`.
---```lua
---local before = log.default()
---log.set_default(log.null)
---log.set_default(before)
---```
---@return lwt.Logger
lwt_log_module.default = function() end

lwt_log_module.set_default = lwt_Logger.set_default

lwt_log_module.close = lwt_Logger.close

lwt_log_module.is_closed = lwt_Logger.is_closed

---An object with the methods of a logger of LuaLogging (`debug info warn error fatal log setLevel getPrint`), for a library that wants one:
---what it logs is logged by a section. `setLevel` is the section's `set_level`.
---```lua
---log.set_default(log.make { output = function(s, level, lines) print(s, level, lines[1]) end })
---local logger = log.lualogging "library"
---logger:warn("%d tries", 3)   --> library warning 3 tries
---logger:setLevel(logger.ERROR)
---logger:warn "no more"
---```
---@param s? string|lwt.LogSection a section or its name; the main section where there is none
---@return lwt.LuaLogging
lwt_log_module.lualogging = function(s) end

---A logger that gives each record to a logger of LuaLogging (or any object with `log(self, level, format, ...)`), whose own level counts as
---well: `notice` is its `INFO`, `warning` its `WARN`. A message of several lines is given as one.
---```lua
---local theirs = { log = function(_, level, format, ...) print(level, format:format(...)) return true end }
---log.set_default(log.from_lualogging(theirs))
---log.warning("%d left", 2)   --> WARN 2 left
---```
---@param logging table
---@return lwt.Logger
lwt_log_module.from_lualogging = function(logging) end

---Logs, in the section `lwt`, what lwt otherwise writes to stderr or ends the program with: errors in the background
---that nobody handles (with their tracebacks, at the level error; the program goes on), failures of a server's
---handlers, and `warn` (at the level warning). What the log itself cannot write goes to stderr. Gives a function that
---undoes it.
---```lua
---log.set_default(log.make { output = function(s, level, lines) print(s, level, lines[1]) end })
---local undo = log.capture()
---lwt.async(function() error("lost", 0) end)   --> lwt error lost
---warn("careful")                              --> lwt warning careful
---undo()
---```
---@return fun()
lwt_log_module.capture = function() end

---A logger that writes to a channel of `lwt.io`, and flushes it. Whatever else is written to the channel comes between records,
---never into one. `template` says what a line is like, `$(name): $(section): $(message) $(fields)` where there is none (see the
---top of this page). With `close_mode = "close"`, closing the logger closes the channel; with `"keep"`, the default, it does not.
---```lua
---local r, w = require "lwt.io".pipe()
---log.set_default(log.channel { channel = w, template = "$(level) $(message)" })
---await(log.warning("%d left", 3))
---print(await(r:read_line()))   --> warning 3 left
---```
---@param opts { channel: lwt.Channel, close_mode?: "keep"|"close", template?: string }
---@return lwt.Logger
lwt_log_module.channel = function(opts) end

---A logger that writes to a file: a promise of it, which is rejected when the file cannot be opened.
---
---- `path`; `mode`: `"append"` (the default) or `"truncate"`; `perm` of a new file (0640, less the umask)
---- `template`: `$(time) $(level) $(section): $(message) $(fields)` where there is none
---- `rotate = { size =, keep =, compress = }`: before a record that would make the file longer than `size` bytes, it becomes `path.1`, the older
---  ones `path.2` … `path.keep` (5 where nothing is said; with 0 nothing is kept); `compress = true` has `gzip` make `path.1.gz` of it, beside the
---  logging. A record is never divided: one that is longer than `size` has a file of its own
---- `reopen = "SIGHUP"`: at this signal the file is opened anew by its path, between two records, so that `logrotate` and the like can move it
---
---What is logged while a write is under way is written by the next one: awaiting a record means waiting until the system has it.
---A rotation or a reopening that fails is reported to the exception hook, and the records go to the file that is open.
---```lua
---local l = await(log.file { path = "app.log", rotate = { size = 1000000, keep = 3 }, template = "$(level): $(message)" })
---log.set_default(l)
---log.error("out of %s", "paper")
---await(l:close())
---print(await(require "lwt.fs".read_file("app.log")))   --> error: out of paper
---```
---@param opts { path: string, mode?: "append"|"truncate", perm?: integer, template?: string, rotate?: table, reopen?: string }
---@return lwt.Promise<lwt.Logger>
lwt_log_module.file = function(opts) end

---A logger that writes an object a line, for programs that read logs: `time` (UTC, `2026-11-29T21:18:38.042Z`), `level`, `section`, `message`
---(line ends and all), and a member for each field: strings, numbers, booleans, lists and tables of them as such, anything else as its
---text. A field with one of those four names has an underscore in front. Bytes that are no UTF-8 become U+FFFD.
---
---With `channel` (and `close_mode`) as `log.channel`: the logger. With `path` and the other options of `log.file`, but `template`: a promise
---of it.
---```lua
---local r, w = require "lwt.io".pipe()
---log.set_default(log.json { channel = w })
---log.with { user = "ann", tries = 2 }:warning("no such %s", "door")
---print((await(r:read_line()):gsub('"time":"[^"]*",', "")))
-----> {"level":"warning","section":"main","message":"no such door","tries":2,"user":"ann"}
---```
---@param opts { channel?: lwt.Channel, close_mode?: "keep"|"close", path?: string, mode?: string, perm?: integer, rotate?: table, reopen?: string }
---@return lwt.Logger|lwt.Promise<lwt.Logger>
lwt_log_module.json = function(opts) end

---A logger that gives each record to all of these. A record is written when all have written it; it is rejected with the first failure, which
---does not keep the others from having it. Closing it closes none of them.
---```lua
---local function to(name) return log.make { output = function(_, _, lines) print(name, lines[1]) end } end
---log.set_default(log.broadcast { to "one", to "two" })
---log.error "both"   --> one both
------> two both
---```
---@param list lwt.Logger[]
---@return lwt.Logger
lwt_log_module.broadcast = function(list) end

---A logger that asks for each record which logger is to have it: `f(section, level)` gives that, or nil for none. It is a plain
---callback, which must not wait.
---```lua
---local audit = log.make { output = function(_, _, lines) print("audit", lines[1]) end }
---log.set_default(log.dispatch(function(section) return section.name == "audit" and audit or log.null end))
---log.section "audit":notice "ann has come"   --> audit ann has come
---log.notice "nobody hears this"
---```
---@param f fun(section: lwt.LogSection, level: string): lwt.Logger?
---@return lwt.Logger
lwt_log_module.dispatch = function(f) end

lwt_log_module.buffered = lwt_Logger.buffered

---A logger that sends to a syslog daemon. It connects with the first record, and again when the daemon has been restarted; until then the
---records are lost, their promises are rejected, and the daemon is told how many they were when it is back.
---
---- `facility`: `"user"` (the default), `"daemon"`, `"local0"` … `"local7"`, `"mail"`, `"auth"`, `"cron"` …
---- `paths`: where the daemon of this machine may listen; `{"/dev/log", "/var/run/log", "/var/run/syslog"}`. Datagrams are tried first, then a stream
---- `host`, `port` (514), `proto`: `"udp"` (the default with a `host`) or `"tcp"` (with octet counting): a daemon elsewhere
---- `rfc`: the form of a record, 3164 (the default) or 5424, which has the fields as structured data
---- `tag`: who says it, instead of the program's name
---- `template` of what comes behind the tag: `$(section): $(message) $(fields)`, with 5424 without fields
---- `size`: what is longer is cut, with `<truncated>` at its end: 1024 bytes where nothing is said, 2048 with 5424
---
---The level is the severity: fatal 0 (emerg), error 3, warning 4, notice 5, info 6, debug 7. Each line of a message is a record. Over UDP, a record to a
---machine that says that nobody listens counts as lost, though its promise is fulfilled. Of a TCP connection that breaks, what the other machine has
---not acknowledged is sent again; what it has taken, and its daemon has not read, is lost without anybody knowing: that is syslog.
---```lua
---local daemon <close> = require "lwt.net".unix_datagram { path = "log.sock" }
---log.set_default(log.syslog { paths = { "log.sock" }, facility = "daemon", tag = "demo" })
---await(log.warning "it is getting warm")
---print((await(daemon:recv()):gsub(">.-demo", "> … demo"):gsub("%d+%]", "pid]")))   --> <28> … demo[pid]: main: it is getting warm
---```
---@param opts? { facility?: string, paths?: string[], host?: string, port?: integer|string, proto?: "unix"|"udp"|"tcp", rfc?: 3164|5424, tag?: string, template?: string, size?: integer }
---@return lwt.Logger
lwt_log_module.syslog = function(opts) end

---@class lwt.mutex.module
local lwt_mutex_module = {}

---Makes a mutex, free.
---```lua
---local m = mutex.create()
---print(m:is_locked())   --> false
---```
---@return lwt.Mutex
lwt_mutex_module.create = function() end

lwt_mutex_module.lock = lwt_Mutex.lock

lwt_mutex_module.unlock = lwt_Mutex.unlock

lwt_mutex_module.with_lock = lwt_Mutex.with_lock

lwt_mutex_module.is_locked = lwt_Mutex.is_locked

lwt_mutex_module.is_empty = lwt_Mutex.is_empty

---@class lwt.mvar.module
local lwt_mvar_module = {}

---Makes an mvar: a cell that is empty, or holds one value. Several tasks may put and take at
---once; they are served in the order in which they came.
---With a value other than nil the cell starts full, without it empty.
---```lua
---local m = mvar.create()
---lwt.spawn(function() for i = 1, 3 do await(m:put(i)) end end)
---print(await(m:take()), await(m:take()), await(m:take()))   --> 1 2 3
---```
---@generic T
---@param value? T what the cell holds at first
---@return lwt.Mvar<T>
lwt_mvar_module.create = function(value) end

---Puts a value into the cell. When it is empty, the promise is fulfilled at once, and the
---value goes straight to the oldest waiting taker, if there is one. When it is full, the
---promise waits until the value has found room; cancelling it takes the value back.
---Any value may be put: nil, and a promise, which stays what it is.
---(In a task that was cancelled and has not been told yet, the value is put a turn of the loop later, so that it is not put at all when
---the `await` raises.)
---```lua
---local m = mvar.create("old")
---local p = m:put("new")
---print(p:state())          --> pending
---print(await(m:take()))    --> old
---print(await(m:take()))    --> new
---```
---@generic T
---@param m lwt.Mvar<T>
---@param value T
---@return lwt.Promise<nil>
lwt_mvar_module.put = function(m, value) end

---Takes the value out of the cell. When it is empty, the promise waits for one; cancelling it
---withdraws the taker, and the next value goes to the next one. Taking lets the oldest
---waiting `put` in.
---(In a task that was cancelled and has not been told yet, the promise waits for a turn of the loop, so that no
---value is lost at the `await` that raises.)
---```lua
---local m = mvar.create()
---local p = m:take()
---m:put("hello")
---print(await(p))          --> hello
---print(m:is_empty())      --> true
---```
---@generic T
---@param m lwt.Mvar<T>
---@return lwt.Promise<T>
lwt_mvar_module.take = function(m) end

---Takes the value out of the cell if there is one, without waiting.
---```lua
---local m = mvar.create(7)
---print(m:take_available())   --> 7 true
---print(m:take_available())   --> nil false
---```
---@generic T
---@param m lwt.Mvar<T>
---@return T? value # value nil when the cell is empty
---@return boolean found tells a nil that was in the cell from an empty one
lwt_mvar_module.take_available = function(m) end

---Whether the cell holds nothing. That it is empty does not mean that a value put now would
---stay in it: takers may be waiting.
---```lua
---print(mvar.create():is_empty(), mvar.create(1):is_empty())   --> true false
---```
---@generic T
---@param m lwt.Mvar<T>
---@return boolean
lwt_mvar_module.is_empty = function(m) end

---@class lwt.net.module
local lwt_net_module = {}

---A Unix-domain datagram socket, at once (no promise): with `path` it is bound there (the file
---stays when it is closed: remove it then), with `peer` it is connected to the socket that is
---bound there, and `send` needs no address. Its methods are those of a UDP socket. Datagrams of
---one sender arrive in order and none is lost: when the receiver does not keep up, `send` waits.
---`send` rejects with `ECONNREFUSED` when the receiver has closed, and then it is made anew. Raises
---the system's error: `ENOENT` or `ECONNREFUSED` when no socket is there, `EPROTOTYPE` for a socket
---of the other kind (`pipe_connect`), `EADDRINUSE`, `ENAMETOOLONG`.
---```lua
---local daemon <close> = net.unix_datagram { path = "log" }
---local sender <close> = net.unix_datagram { peer = "log" }
---sender:send("hello"):await()
---print((daemon:recv():await()))   --> hello
---```
---@param opts? table # path, peer
---@return lwt.Udp
lwt_net_module.unix_datagram = function(opts) end

---Looks up a host, a service (a name or a port), or both. The value is a list of addresses,
---in the system's order, each `{host=, port=, family="inet"|"inet6",
---socktype="stream"|"datagram"}`, which every function that takes an address takes. Options:
---`family`, `socktype` (default: stream), `passive` (addresses to listen at, where host is
---nil), `canonname`. Its promise is rejected with the resolver's error (`EAI_NONAME`). Cancelling gives the
---lookup up. See `dns_limit`.
---```lua
---local list = net.getaddrinfo("127.0.0.1", 80):await()
---print(list[1].host, list[1].port, list[1].family)   --> 127.0.0.1 80 inet
---```
---@param host string|nil
---@param service? string|integer
---@param opts? table # family, socktype, passive, canonname
---@return lwt.Promise<lwt.Address[]>
lwt_net_module.getaddrinfo = function(host, service, opts) end

---The names of an address (numbers): its host, and its service. Where there is no name the
---value is the number, as text.
---```lua
---local _, service = net.getnameinfo("127.0.0.1:4"):await()
---print(service)   --> 4
---```
---@param addr string|table
---@return lwt.Promise<string, string> # host, service
lwt_net_module.getnameinfo = function(addr) end

---The port of a service by its name. `proto` is `"tcp"` (default) or `"udp"`. Its promise is rejected with
---`EAI_SERVICE` for a name that the system does not know.
---```lua
---local p = net.getservbyname("no such service")
---print((pcall(lwt.await, p)))   --> false
---```
---@param name string
---@param proto? string
---@return lwt.Promise<integer>
lwt_net_module.getservbyname = function(name, proto) end

---How many lookups run at once (16 at first); with a number, sets it. More of them wait, in
---their order. Each has a thread of its own: files and jobs go on beside them. A lookup that was
---cancelled counts until the system's resolver gives up; nothing else waits for it, the end of
---the program neither.
---```lua
---print(net.dns_limit())   --> 16
---```
---@param n? integer
---@return integer
lwt_net_module.dns_limit = function(n) end

---The name of this machine.
---```lua
---print(#net.gethostname() > 0)   --> true
---```
---@return string
lwt_net_module.gethostname = function() end

---The addresses of the network interfaces that are up: a list of `{name=, family=, host=,
---netmask=, mac=, internal=}`.
---```lua
---for _, i in ipairs(net.interfaces()) do
---  if i.host == "127.0.0.1" then print(i.internal) end   --> true
---end
---```
---@return table
lwt_net_module.interfaces = function() end

---Listens at a TCP address. Port 0 has the system pick one (see `address`); host `*` is
---every address of the machine, IPv6 and IPv4. A name is looked up, and its first address
---taken. Options: `backlog` (511: how many clients the system keeps until they are
---accepted), `reuseport` (several processes share the port), `nodelay` (default true, for
---the sockets accepted), `ipv6only`. Its promise is rejected with `EADDRINUSE`, `EACCES` …
---```lua
---local listener <close> = net.tcp_listen("127.0.0.1:0"):await()
---print(listener:address():match("^127.0.0.1:%d+$") ~= nil)   --> true
---```
---@param addr string|table
---@param opts? table # backlog, reuseport, nodelay, ipv6only
---@return lwt.Promise<lwt.Listener>
lwt_net_module.tcp_listen = function(addr, opts) end

lwt_net_module.accept = lwt_Listener.accept

lwt_net_module.address = lwt_Listener.address

---The parts of an address: `{host=, port=}` or `{path=}`. It raises an argument error for what
---is none.
---```lua
---local a = net.parse_address("[::1]:8080")
---print(a.host, a.port)   --> ::1 8080
---```
---@param addr string|table
---@return table
lwt_net_module.parse_address = function(addr) end

---Connects to a Unix-domain socket: `"unix:/path"`, `"/path"` or `{path=}`. A path that is
---longer than the system takes rejects with `ENAMETOOLONG`.
---```lua
---local listener = net.pipe_listen("unix:sock"):await()
---local sock <close> = net.pipe_connect("unix:sock"):await()
---print(tostring(sock):match("^lwt.pipe"))   --> lwt.pipe
---```
---@param addr string|table
---@return lwt.Promise<lwt.Socket>
lwt_net_module.pipe_connect = function(addr) end

---Listens at a Unix-domain socket, which is made there and removed again when the listener
---closes. Its promise is rejected with `EADDRINUSE` when the path exists, with `ENAMETOOLONG` when it is too
---long.
---```lua
---local listener <close> = net.pipe_listen("unix:sock"):await()
---print(listener:address())   --> unix:sock
---```
---@param addr string|table
---@param opts? table # backlog
---@return lwt.Promise<lwt.Listener>
lwt_net_module.pipe_listen = function(addr, opts) end

---Two sockets that are connected to each other, at once (no promise). It raises the system's
---error when there is no descriptor left.
---```lua
---local a, b = net.socketpair()
---a:write("ping"):await()
---print(b:read():await())   --> ping
---```
---@return lwt.Socket
---@return lwt.Socket
lwt_net_module.socketpair = function() end

---A socket of a descriptor that something else opened: a TCP or Unix-domain socket, a pipe
---or a terminal. It belongs to the socket from then on, and is set to non-blocking. It raises
---for anything else (`EINVAL` for a regular file: see `lwt.fs`).
---@param fd integer
---@return lwt.Socket
lwt_net_module.of_fd = function(fd) end

---Waits until a descriptor of another library can be read without blocking (or is at its
---end, or broken). Any number may wait for one descriptor. It must stay open so long.
---Its promise is rejected with `EPERM` for a regular file (which never has to wait) and with `EBADF`.
---@param fd integer
---@return lwt.Promise<nil>
lwt_net_module.wait_readable = function(fd) end

---Waits until a descriptor of another library can be written without blocking. See
---`wait_readable`.
---@param fd integer
---@return lwt.Promise<nil>
lwt_net_module.wait_writable = function(fd) end

lwt_net_module.fileno = lwt_Socket.fileno

---The socket's own address, as text: `"127.0.0.1:40112"`, `"[::1]:40112"`, `"unix:/path"`
---(`"unix:"` when it has no name).
---```lua
---local listener = net.tcp_listen("127.0.0.1:0"):await()
---local sock = net.tcp_connect(listener:address()):await()
---print(sock:getsockname():match("^127.0.0.1:%d+$") ~= nil)   --> true
---```
---@param sock lwt.Socket|lwt.Udp
---@return string
lwt_net_module.getsockname = function(sock) end

lwt_net_module.getpeername = lwt_Socket.getpeername

lwt_net_module.read = lwt_Socket.read

lwt_net_module.write = lwt_Socket.write

lwt_net_module.writev = lwt_Socket.writev

lwt_net_module.shutdown = lwt_Socket.shutdown

---Connects to a TCP address, `"host:port"` or `{host=, port=}`. A name is looked up, and all
---its addresses are tried, IPv6 and IPv4 in turn: the next one when the last has failed or
---after 250 ms (`delay` seconds), until one answers; the others are closed. Nagle's
---algorithm is off (`nodelay = false` leaves it on); `bind` is the local address to connect
---from. Its promise is rejected with the error of the first address when none answers. Cancelling closes
---what was begun.
---```lua
---local listener = net.tcp_listen("127.0.0.1:0"):await()
---local sock <close> = net.tcp_connect(listener:address()):await()
---local peer <close> = listener:accept():await()
---sock:write("hi"):await()
---print(peer:read():await())   --> hi
---```
---@param addr string|table
---@param opts? table # nodelay, bind, delay
---@return lwt.Promise<lwt.Socket>
lwt_net_module.tcp_connect = function(addr, opts) end

lwt_net_module.nodelay = lwt_Socket.nodelay

lwt_net_module.keepalive = lwt_Socket.keepalive

lwt_net_module.unacknowledged = lwt_Socket.unacknowledged

lwt_net_module.reset = lwt_Socket.reset

---A terminal of a descriptor (0, 1 or 2 as a rule), with the methods of a socket and `size`
---and `mode`. Another one than those belongs to the terminal from then on: `tty:fileno()` is its number, and
---`close` closes it. It raises when it is none.
---@param fd integer
---@return lwt.Tty
lwt_net_module.tty = function(fd) end

lwt_net_module.size = lwt_Tty.size

lwt_net_module.mode = lwt_Tty.mode

---A UDP socket, at once (no promise). With an address (numbers, or `*`) it is bound there;
---port 0 has the system pick one. Without, it is bound when it first sends. Options:
---`reuseaddr`, `ipv6only`, `broadcast`, `ttl`. It raises the system's error.
---```lua
---local a, b <close> = net.udp("127.0.0.1:0"), net.udp("127.0.0.1:0")
---local _ <close> = a
---a:send("hello", b:getsockname()):await()
---local data, from = b:recv():await()
---print(data, from == a:getsockname())   --> hello true
---```
---@param addr? string|table
---@param opts? table # reuseaddr, ipv6only, broadcast, ttl
---@return lwt.Udp
lwt_net_module.udp = function(addr, opts) end

lwt_net_module.send = lwt_Udp.send

lwt_net_module.recv = lwt_Udp.recv

lwt_net_module.connect = lwt_Udp.connect

lwt_net_module.broadcast = lwt_Udp.broadcast

lwt_net_module.ttl = lwt_Udp.ttl

lwt_net_module.multicast_ttl = lwt_Udp.multicast_ttl

lwt_net_module.multicast_loop = lwt_Udp.multicast_loop

lwt_net_module.multicast_interface = lwt_Udp.multicast_interface

lwt_net_module.multicast_join = lwt_Udp.multicast_join

lwt_net_module.multicast_leave = lwt_Udp.multicast_leave

---Closes a socket, a listener or whatever else of this module is open. What is pending on it is
---rejected with `lwt.Closed`; bytes that the system has not taken yet are dropped (`shutdown`
---first, or await the writes, to have them sent). The promise is fulfilled at once; a second
---close does nothing. `<close>` does the same, and so does the collection of what is not used any
---more.
---```lua
---local a, b = net.socketpair()
---local p = b:read()
---a:close()
---print(p:await())   --> nil
---```
---@param handle lwt.Socket|lwt.Listener|lwt.Udp
---@return lwt.Promise<nil>
lwt_net_module.close = function(handle) end

---@class lwt.pool.module
local lwt_pool_module = {}

---Makes a pool of at most `n` elements. `create()` makes one when a user needs it.
---The functions may await or return a promise:
---`validate(element)` is asked before an element is used again: false disposes of it and makes
---a new one; when it raises, the element is disposed of and the user gets the error.
---`check(element, is_ok)` is asked when a user's function has failed: true keeps the element,
---false disposes of it (it may return the answer, or call `is_ok(answer)` as in Lwt); without
---it the element is kept.
---`dispose(element)` releases it. When it raises, the task that caused it gets the error; the
---element is gone all the same, and the next waiter makes another.
---```lua
---local made = 0
---local p = pool.create(2, function()
---  made = made + 1
---  return { id = made }
---end)
---local jobs = {}
---for i = 1, 10 do jobs[i] = p:use(function(c) lwt.yield() return c.id end) end
---await(lwt.join(jobs))
---print(made)   --> 2
---```
---@generic E
---@param n integer at least 1
---@param create async fun(): lwt.Promise<E>|E
---@param opts? lwt.pool.Options
---@return lwt.Pool<E>
lwt_pool_module.create = function(n, create, opts) end

---Runs `f(element)` as a task with an element that no other task uses meanwhile, and gives it back
---whichever way `f` ends: with values, with an error, cancelled. An idle element is used first,
---then a new one is made, and when all `n` are in use the call waits: strictly first come, first
---served. When making one fails, its user gets the error, and the next waiter tries again.
---Cancelling the promise withdraws it while it waits, and cancels `f` once that runs.
---```lua
---local p = pool.create(1, function() return "connection" end)
---print(await(p:use(function(c) return "used the " .. c end)))   --> used the connection
---print(pcall(await, p:use(function() error("oops", 0) end)))     --> false oops
---```
---@generic E, T
---@param p lwt.Pool<E>
---@param f async fun(element: E, ...): T?, ...?
---@param ... any more arguments for `f`
---@return lwt.Promise<T> # what `f` returns or raises
lwt_pool_module.use = function(p, f, ...) end

---Disposes of the elements: of those that are not in use, one after another, of the others as soon
---as they are given back. The next `use` makes a new one. Cancelling the promise does not stop it.
---```lua
---local p = pool.create(1, function() return "thing" end, {
---  dispose = function(thing) print("disposed of", thing) end,   --> disposed of thing
---})
---await(p:use(function() end))
---await(p:clear())
---```
---@generic E
---@param p lwt.Pool<E>
---@return lwt.Promise<nil> # when the idle ones are gone; rejected if a `dispose` raised, the first
lwt_pool_module.clear = function(p) end

---How many wait for an element.
---```lua
---local p = pool.create(1, function() return 0 end)
---local jobs = { p:use(lwt.yield), p:use(lwt.yield), p:use(lwt.yield) }
---print(p:wait_queue_length())   --> 2
---await(lwt.join(jobs))
---```
---@generic E
---@param p lwt.Pool<E>
---@return integer
lwt_pool_module.wait_queue_length = function(p) end

---@class lwt.preemptive.module
local lwt_preemptive_module = {}

---Makes a channel between Lua states. Passed to a detached function (as an argument, an
---upvalue, or through another channel) it is shared, not copied: any number of tasks in any
---number of states may send and receive, each message goes to one receiver, in order.
---
---`n` messages may wait in the channel; a sender beyond that waits. With 0, a sender waits for
---its receiver. Messages are copied as `detach` does. In a detached function, wait for
---the promises in a loop of its own: `lwt.run(function() … end)`.
---
---A task that waits at a channel which no other state knows does not keep `lwt.run` going.
---```lua
---local ch = preemptive.channel(1)
---preemptive.detach(function()
---  local lwt = require "lwt"
---  lwt.run(ch:send("hello", 42))
---end)
---print(ch:recv():await())   --> hello 42
---```
---@param n? integer 0 or more (0)
---@return lwt.ThreadChannel
lwt_preemptive_module.channel = function(n) end

lwt_preemptive_module.send = lwt_ThreadChannel.send

lwt_preemptive_module.recv = lwt_ThreadChannel.recv

lwt_preemptive_module.close = lwt_ThreadChannel.close

lwt_preemptive_module.is_closed = lwt_ThreadChannel.is_closed

---Runs `f(...)` in a worker thread, which has a Lua state of its own, and gives a promise of
---what it returns or raises. Threads are started as they are needed, up to the maximum of
---`init`, and kept; so are their states: what a function leaves in globals and modules, the
---next one finds. Beyond the maximum, calls wait in a queue, first come first served.
---
---`f`, its upvalues and its arguments are copied when `detach` is called; so are the results.
---Tables may share parts and contain themselves; `lwt.bytes` are moved; thread channels are
---shared. A module, or a function of one, is found again by name (and its module required
---there); `_ENV` becomes the worker's globals. Coroutines, promises, C functions, other
---userdata, and tables with an unregistered metatable (see `register_metatable`) are refused:
---`detach` raises, and tells the way to what cannot be sent.
---
---A worker has the `package.path`, `package.cpath` and the `package.preload` of the state that
---detaches, as they were when the thread was started. It may use all of lwt, with a loop of
---its own: `lwt.run` in it.
---
---A call that has to wait for a thread can be cancelled, while it waits: then it never runs, and its
---`lwt.bytes` are back. Cancelling one that has a thread does nothing.
---
---When the Lua state closes, calls that run are given a quarter of a second; then an error is
---raised in them. One that sits in a C function for another second is left behind, and ends when
---the C function returns or the process does.
---
---An error keeps the traceback of the worker: see `lwt.traceback`. So does one that `f` leaves behind
---in the background, of `lwt.async` say: it rejects the call when `f` has returned.
---```lua
---local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
---print(await(preemptive.detach(fib, 20)))   --> 6765
---```
---@generic T
---@param f fun(...): T?, ...?
---@param ... any
---@return lwt.Promise<T>
lwt_preemptive_module.detach = function(f, ...) end

---Sets the least and the greatest number of worker threads, and starts threads up to the
---least. Threads beyond the greatest end after what they are doing. The bounds are 0 and 4
---at first. It raises when a thread cannot be started, and leaves the bounds as they were.
---```lua
---preemptive.set_bounds(1, 2)
---print(preemptive.get_bounds())   --> 1 2
---```
---@param min integer
---@param max integer from 1 to 10000
lwt_preemptive_module.set_bounds = function(min, max) end

---The least and the greatest number of worker threads.
---```lua
---preemptive.set_bounds(0, 4)
---print(preemptive.get_bounds())   --> 0 4
---```
---@return integer
---@return integer
lwt_preemptive_module.get_bounds = function() end

---Sets how many calls may wait in the queue for a thread (1000 at first). Those beyond it wait
---in the state that made them, with their copied arguments, until there is room in the queue:
---await the promises to slow down whoever makes the calls.
---```lua
---preemptive.set_max_queued(10)
---print(preemptive.get_max_queued())   --> 10
---```
---@param n integer
lwt_preemptive_module.set_max_queued = function(n) end

---How many calls may wait in the queue.
---```lua
---print(preemptive.get_max_queued())   --> 1000
---```
---@return integer
lwt_preemptive_module.get_max_queued = function() end

---Limits the memory of each worker's Lua state that is started from now on. A function that
---needs more fails with `not enough memory`; the worker lives on.
---```lua
---preemptive.set_memory_limit(8 << 20)
---print(pcall(await, preemptive.detach(string.rep, "x", 16 << 20)))   --> false not enough memory
---```
---@param bytes integer 0 for no limit
lwt_preemptive_module.set_memory_limit = function(bytes) end

---The number of worker threads there are.
---```lua
---await(preemptive.detach(function() end))
---print(preemptive.nthreads())   --> 1
---```
---@return integer
lwt_preemptive_module.nthreads = function() end

---The number of worker threads that are running a function.
---```lua
---print(preemptive.nbusy())   --> 0
---```
---@return integer
lwt_preemptive_module.nbusy = function() end

---The number of calls in the queue, waiting for a thread.
---```lua
---print(preemptive.nqueued())   --> 0
---```
---@return integer
lwt_preemptive_module.nqueued = function() end

---Gives a metatable a name, so that tables with it can be sent between Lua states: in
---messages of channels, as arguments and results of detached functions. Each state has to
---register it, best in a module that both sides require: where it is not registered yet
---when a table arrives, the module of that name is required, or else the one of the name up
---to its last dot. Metatables made in C with `luaL_newmetatable` are registered already; a
---module that is itself the metatable of its objects (`Point.__index = Point`) needs no
---registering. Sets `__name`. It raises if the name belongs to something else.
---```lua
---local mt = preemptive.register_metatable("geometry.point", {
---  __index = { norm = function(p) return math.abs(p.x) + math.abs(p.y) end },
---})
---print(setmetatable({ x = 1, y = -2 }, mt):norm())   --> 3
---```
---@param name string such as `"geometry.point"`: a module and what it makes
---@param metatable table
---@return table the metatable
lwt_preemptive_module.register_metatable = function(name, metatable) end

---Sets the bounds of the number of threads, as `set_bounds`, with 0 and 4 where none are
---given, and starts threads up to the least. `detach` does without: this is for having threads
---ready, or more of them.
---```lua
---preemptive.init(1, 8)
---print(preemptive.get_bounds())   --> 1 8
---```
---@param min? integer threads that are started now (0)
---@param max? integer threads at most (4, or `min` if that is more)
lwt_preemptive_module.init = function(min, max) end

---In a detached function: runs `f(...)` as a task of the state that detached it, waits until
---it is done (for the promise that it returns, too), and returns what it gives, or raises its
---error. `f`, its upvalues, arguments and results are copied as by `detach`; its globals and
---modules are those of the main state. The whole worker thread waits; only in a task of the
---worker's own `lwt.run` just that task does. It raises when the main state has closed.
---```lua
---local p = preemptive.detach(function()
---  local preemptive = require "lwt.preemptive"
---  return preemptive.run_in_main(function(n) return preemptive.is_worker(), n + 1 end, 5)
---end)
---print(await(p))   --> false 6
---```
---@param f function
---@param ... any
---@return any ...
lwt_preemptive_module.run_in_main = function(f, ...) end

---In a detached function: has `f(...)` run as a task of the state that detached it, and goes
---on at once. Its failure goes to that state's exception hook.
---```lua
---local ch = preemptive.channel(1)
---preemptive.detach(function()
---  require "lwt.preemptive".run_in_main_dont_wait(function() ch:send("from the main state") end)
---end)
---print(await(ch:recv()))   --> from the main state
---```
---@param f function
---@param ... any
lwt_preemptive_module.run_in_main_dont_wait = function(f, ...) end

---Is this Lua state a worker's? True in detached functions.
---```lua
---print(preemptive.is_worker())   --> false
---```
---@return boolean
lwt_preemptive_module.is_worker = function() end

---@class lwt.process.module
local lwt_process_module = {}

---Starts a program and gives the process at once. It raises an error object with the program's name
---(`path`) when it cannot be started (`ENOENT`, `EACCES` …).
---
---Options: `stdin`, `stdout`, `stderr`: "inherit" (the default), "null", "pipe" (a channel of that
---name on the process), a descriptor's number, an open file of `lwt.fs` or of Lua, and for
---`stderr` "stdout" (where that goes); `cwd` where it runs; `env` its whole environment, a table
---of names and values; `timeout` seconds, after which it is killed and its channels are closed
---(reads and writes of them, then or later, are rejected with `lwt.Timeout`, and the status is that
---of `KILL`), also when it has ended by then and a program that it has left behind holds them;
---`group = true` makes it the leader of a process group of its own, which `kill`, the `timeout` and
---`<close>` signal as a whole, so that what it has started goes with it; `detached` makes it the
---leader of a session of its own; `uid`, `gid` who it runs as (root must give both).
---
---A group of its own is what commands of `process.shell` and the calls that read (`pread`, `pmap`
---and the like) have, unless `group = false` or stdin is a terminal: only programs of the
---terminal's foreground group may read from it, and get Ctrl-C.
---
---A process that is dropped runs on, with its pipes closed, and is reaped when it ends. Leaving a `<close>` variable
---sends TERM, after 2 seconds KILL, and waits until it has ended.
---```lua
---local p <close> = process.open({"cat"}, {stdin = "pipe", stdout = "pipe"})
---await(p.stdin:write_line("hello"))
---await(p.stdin:flush())
---print(await(p.stdout:read_line()))   --> hello
---await(p.stdin:close())
---print(await(p:status()).code)   --> 0
---```
---@param cmd string[]
---@param opts? table
---@return lwt.Process
lwt_process_module.open = function(cmd, opts) end

lwt_process_module.status = lwt_Process.status

---Sends a signal, to its whole group when it has one (`group`), unless it has ended already. As a
---module function, `kill(pid, signal)` takes the number of any process, too (of a group: negative).
---```lua
---local p = process.open {"sleep", "60"}
---print(p:kill("KILL"))               --> true
---print(await(p:status()).signal)     --> KILL
---print(p:kill("KILL"))               --> false
---```
---@param p lwt.Process|integer a process, or the number of one
---@param name? string|integer default "TERM"
---@return boolean sent
lwt_process_module.kill = function(p, name) end

lwt_process_module.close = lwt_Process.close

---Runs a program and gives its status. Its promise is rejected when it cannot be started. Cancelling stops it,
---and is over when it has ended. After the `timeout` it is killed, which the status tells.
---```lua
---print(await(process.exec {"true"}).code)   --> 0
---print(select(2, pcall(await, process.exec {"no-such-program"})).code)   --> ENOENT
---```
---@param cmd string[]
---@param opts? table as for `open`
---@return lwt.Promise<lwt.ProcessStatus>
lwt_process_module.exec = function(cmd, opts) end

---The command that has `/bin/sh` run a text. Unless it reads from a terminal it has a process group
---of its own (see `open`), so that what the shell starts is stopped with it.
---```lua
---print((await(process.pread_line(process.shell("echo $((6 * 7))")))))   --> 42
---```
---@param text string
---@return string[]
lwt_process_module.shell = function(text) end

---The number of this process.
---```lua
---print(math.type(process.getpid()))   --> integer
---```
---@return integer
lwt_process_module.getpid = function() end

---Starts a program, runs `f(p)` as a task, and closes the process on every way out: what `f`
---returns is fulfilled after the program has ended (on an error or a cancel it is stopped first).
---```lua
---print(await(process.with_process({"printf", "x"}, {stdout = "pipe"}, function(p)
--- return await(p.stdout:read())
---end)))   --> x
---```
---@generic T
---@param cmd string[]
---@param opts? table as for `open`
---@param f async fun(p: lwt.Process): T?, ...?
---@return lwt.Promise<T> # of what `f` returns
lwt_process_module.with_process = function(cmd, opts, f) end

---Runs a program and gives all it writes, and as a second value its status: whether it succeeded
---is for the caller to look at. Cancelling stops the program, and is over when it has ended. When
---the `timeout` has passed it is rejected with `lwt.Timeout`; so it is with all calls below.
---```lua
---local text, status = await(process.pread {"printf", "a b"})
---print(text, status.code)   --> a b 0
---```
---@param cmd string[]
---@param opts? table as for `open`
---@return lwt.Promise<string, lwt.ProcessStatus>
lwt_process_module.pread = function(cmd, opts) end

---The first line that a program writes, without its end; nil when there is none. The program is
---not read further (it ends when it writes on), and waited for.
---```lua
---print((await(process.pread_line {"printf", "one\\ntwo\\n"})))   --> one
---```
---@param cmd string[]
---@param opts? table as for `open`
---@return lwt.Promise<string?, lwt.ProcessStatus>
lwt_process_module.pread_line = function(cmd, opts) end

---A stream of the lines that a program writes. It raises when it cannot be started. `s:close()`, and
---dropping the stream, stop the program.
---```lua
---for line in process.pread_lines {"printf", "one\\ntwo\\n"} do print(line) end   --> one
------> two
---```
---@param cmd string[]
---@param opts? table as for `open`
---@return lwt.SourceStream<string>
lwt_process_module.pread_lines = function(cmd, opts) end

---A stream of the characters (bytes) that a program writes, as `pread_lines`.
---```lua
---print(await(process.pread_chars({"printf", "abc"}):to_string()))   --> abc
---```
---@param cmd string[]
---@param opts? table as for `open`
---@return lwt.SourceStream<string>
lwt_process_module.pread_chars = function(cmd, opts) end

---Runs a program with a text as its input, and gives its status. A program that closes its input
---before it has read all of it is an error (`EPIPE`).
---```lua
---print(await(process.pwrite({"grep", "-q", "b"}, "a\nb\n")).code)   --> 0
---```
---@param cmd string[]
---@param text string|lwt.Bytes
---@param opts? table as for `open`
---@return lwt.Promise<lwt.ProcessStatus>
lwt_process_module.pwrite = function(cmd, text, opts) end

---As `pwrite`, of a line to which its end is added.
---```lua
---print(await(process.pwrite_line({"grep", "-qx", "b"}, "b")).code)   --> 0
---```
---@param cmd string[]
---@param line string
---@param opts? table as for `open`
---@return lwt.Promise<lwt.ProcessStatus>
lwt_process_module.pwrite_line = function(cmd, line, opts) end

---As `pwrite`, of the characters of a stream or a list.
---```lua
---print(await(process.pwrite_chars({"grep", "-q", "ab"}, {"a", "b"})).code)   --> 0
---```
---@param cmd string[]
---@param chars lwt.Stream|string[]
---@param opts? table as for `open`
---@return lwt.Promise<lwt.ProcessStatus>
lwt_process_module.pwrite_chars = function(cmd, chars, opts) end

---As `pwrite`, of the lines of a stream or a list, whose ends are added.
---```lua
---print(await(process.pwrite_lines({"grep", "-qx", "b"}, {"a", "b"})).code)   --> 0
---```
---@param cmd string[]
---@param lines lwt.Stream|string[]
---@param opts? table as for `open`
---@return lwt.Promise<lwt.ProcessStatus>
lwt_process_module.pwrite_lines = function(cmd, lines, opts) end

---Runs a program with a text as its input and gives what it writes: writing and reading go on
---together. A failure of writing (`EPIPE`) is the result's.
---```lua
---print((await(process.pmap({"tr", "a-z", "A-Z"}, "hello"))))   --> HELLO
---```
---@param cmd string[]
---@param text string|lwt.Bytes
---@param opts? table as for `open`
---@return lwt.Promise<string, lwt.ProcessStatus>
lwt_process_module.pmap = function(cmd, text, opts) end

---As `pmap`, of one line: gives the first line that comes, or nil.
---```lua
---print((await(process.pmap_line({"tr", "a-z", "A-Z"}, "hello"))))   --> HELLO
---```
---@param cmd string[]
---@param line string
---@param opts? table as for `open`
---@return lwt.Promise<string?, lwt.ProcessStatus>
lwt_process_module.pmap_line = function(cmd, line, opts) end

---A stream of the lines that a program makes of the lines of a stream or a list. A failure of
---writing is reported once, at the next element.
---```lua
---local s = process.pmap_lines({"tr", "a-z", "A-Z"}, {"one", "two"})
---print(table.concat(await(s:to_list()), " "))   --> ONE TWO
---```
---@param cmd string[]
---@param lines lwt.Stream|string[]
---@param opts? table as for `open`
---@return lwt.SourceStream<string>
lwt_process_module.pmap_lines = function(cmd, lines, opts) end

---As `pmap_lines`, of characters.
---```lua
---print(await(process.pmap_chars({"tr", "a-z", "A-Z"}, {"a", "b"}):to_string()))   --> AB
---```
---@param cmd string[]
---@param chars lwt.Stream|string[]
---@param opts? table as for `open`
---@return lwt.SourceStream<string>
lwt_process_module.pmap_chars = function(cmd, chars, opts) end

---@class lwt.react.module
local lwt_react_module = {}

lwt_react_module.Step = {}

---A step that several primitives can be queued on: `send(v, step)`.
---```lua
---local a, set_a = react.S.create(1)
---local b, set_b = react.S.create(2)
---local sum = react.S.l2(a, b, function(x, y) return x + y end)
---local seen = sum:changes():map(function(v) print(v) end)   --> 30
---local step = react.Step.create()
---set_a(10, step) set_b(20, step)
---step:execute()
---```
---@return lwt.Step
lwt_react_module.Step.create = function() end

lwt_react_module.Step.execute = lwt_Step.execute

lwt_react_module.E = {}

---The event that never occurs.
---@type lwt.Event
lwt_react_module.E.never = nil

---An event and the function that makes it occur: `send(v)`, or `send(v, step)` for later
---(see `react.Step`). A send while an update step runs becomes a step of its own, right
---after that one.
---```lua
---local e, send = react.E.create()
---local seen = e:map(function(v) print(v) end)   --> hello
---send("hello")
---```
---@return lwt.Event
---@return fun(v: any, step?: lwt.Step) send
lwt_react_module.E.create = function() end

lwt_react_module.E.retain = lwt_Event.retain

lwt_react_module.E.stop = lwt_Event.stop

lwt_react_module.E.equal = lwt_Event.equal

lwt_react_module.E.map = lwt_Event.map

lwt_react_module.E.trace = lwt_Event.trace

lwt_react_module.E.once = lwt_Event.once

lwt_react_module.E.drop_once = lwt_Event.drop_once

lwt_react_module.E.app = lwt_Event.app

lwt_react_module.E.stamp = lwt_Event.stamp

lwt_react_module.E.filter = lwt_Event.filter

lwt_react_module.E.fmap = lwt_Event.fmap

lwt_react_module.E.diff = lwt_Event.diff

lwt_react_module.E.changes = lwt_Event.changes

lwt_react_module.E.on = lwt_Event.on

lwt_react_module.E.dismiss = lwt_Event.dismiss

lwt_react_module.E.until_ = lwt_Event.until_

lwt_react_module.E.accum = lwt_Event.accum

lwt_react_module.E.fold = lwt_Event.fold

---Occurs with the first event of a list that occurs.
---```lua
---local a, send_a = react.E.create()
---local b, send_b = react.E.create()
---local seen = react.E.select({ a, b }):map(function(v) print(v) end)   --> 2
---send_b(2)
---```
---@param list lwt.Event[]
---@return lwt.Event
lwt_react_module.E.select = function(list) end

---Folds what occurs at the same time, in the list's order: `f(acc, v)` from `acc = init`.
---```lua
---local e, send = react.E.create()
---local twice = e:map(function(v) return 2 * v end)
---local made = react.E.merge({ e, twice }, 0, function(acc, v) return acc + v end)
---local seen = made:map(function(v) print(v) end)   --> 9
---send(3)
---```
---@param list lwt.Event[]
---@param init any
---@param f fun(acc: any, v: any): any
---@return lwt.Event
lwt_react_module.E.merge = function(list, init, f) end

lwt_react_module.E.switch = lwt_Event.switch

---Recursion: `f(d)` is given the event that occurs, in a step of its own right after, with
---what `e` occurred with, where `f(d)` returns `e` and the result. It gives the result.
---```lua
---local e, send = react.E.create()
---local seen = react.E.fix(function(d)
--- local all = react.E.select { e, d }
--- return all:fmap(function(v) if v > 1 then return v // 2 end end), all
---end):map(function(v) print(v) end)   --> 4
-----> 2
-----> 1
---send(4)
---```
---@param f fun(d: lwt.Event): lwt.Event, any
---@return any
lwt_react_module.E.fix = function(f) end

lwt_react_module.E.l1 = lwt_Event.l1

lwt_react_module.E.l2 = lwt_Event.l2

lwt_react_module.E.l3 = lwt_Event.l3

lwt_react_module.E.l4 = lwt_Event.l4

lwt_react_module.E.l5 = lwt_Event.l5

lwt_react_module.E.l6 = lwt_Event.l6

lwt_react_module.E.hold = lwt_Event.hold

lwt_react_module.E.with_finaliser = lwt_Event.with_finaliser

lwt_react_module.E.next = lwt_Event.next

lwt_react_module.E.limit = lwt_Event.limit

---An event that occurs with what `f()` gives, called again and again as a task, beginning
---after a pause. It stops at its first error, which goes to the exception hook, and when the
---event is dropped.
---```lua
---local n = 0
---local e = react.E.from(function() n = n + 1 await(lwt.sleep(0.001)) return n end)
---print(await(e:next()), await(e:next()))   --> 1 2
---```
---@param f fun(): any
---@return lwt.Event
lwt_react_module.E.from = function(f) end

lwt_react_module.E.to_stream = lwt_Event.to_stream

---An event that occurs with the elements of a stream, read from after a pause on. It stops
---at the stream's first error, which goes to the exception hook, and when the event is
---dropped.
---```lua
---local stream = require "lwt.stream"
---local e = react.E.of_stream(stream.of_list { 1, 2 })
---print(await(e:next()))   --> 1
---```
---@param s lwt.Stream
---@return lwt.Event
lwt_react_module.E.of_stream = function(s) end

---The event that a promise stands for: that event itself when the promise is fulfilled, else
---one that occurs when it does, once it is there. If the promise is rejected, the error goes
---to the exception hook.
---```lua
---local e, send = react.E.create()
---local p, r = lwt.wait()
---local seen = react.E.delay(p):map(function(v) print(v) end)   --> 2
---send(1)
---r:wakeup(e)
---send(2)
---```
---@param p lwt.Promise
---@return lwt.Event
lwt_react_module.E.delay = function(p) end

lwt_react_module.E.keep = lwt_Event.keep

lwt_react_module.E.run_s = lwt_Event.run_s

lwt_react_module.E.run_p = lwt_Event.run_p

lwt_react_module.E.map_s = lwt_Event.map_s

lwt_react_module.E.map_p = lwt_Event.map_p

lwt_react_module.E.app_s = lwt_Event.app_s

lwt_react_module.E.app_p = lwt_Event.app_p

lwt_react_module.E.filter_s = lwt_Event.filter_s

lwt_react_module.E.filter_p = lwt_Event.filter_p

lwt_react_module.E.fmap_s = lwt_Event.fmap_s

lwt_react_module.E.fmap_p = lwt_Event.fmap_p

lwt_react_module.E.diff_s = lwt_Event.diff_s

lwt_react_module.E.accum_s = lwt_Event.accum_s

lwt_react_module.E.fold_s = lwt_Event.fold_s

---Folds what occurs at the same time, in the list's order: `f(acc, v)` as a task.
---@param list lwt.Event[]
---@param init any
---@param f fun(acc: any, v: any): any
---@return lwt.Event
lwt_react_module.E.merge_s = function(list, init, f) end

lwt_react_module.E.notify = lwt_Event.notify

lwt_react_module.E.notify_s = lwt_Event.notify_s

lwt_react_module.E.notify_p = lwt_Event.notify_p

lwt_react_module.S = {}

lwt_react_module.S.notify = lwt_Signal.notify

lwt_react_module.S.notify_s = lwt_Signal.notify_s

lwt_react_module.S.notify_p = lwt_Signal.notify_p

---A signal that never changes. (React's `const`, Lwt_react's `return`.)
---```lua
---print(react.S.const(5):value())   --> 5
---```
---@param v any
---@return lwt.Signal
lwt_react_module.S.const = function(v) end

---A signal and the function that sets it: `set(v)`, or `set(v, step)` for later (see
---`react.Step`). Setting the value it has is no update: `eq(old, new)`, or `==`. What is set
---while an update step runs becomes a step of its own, right after that one.
---```lua
---local s, set = react.S.create(1)
---set(2)
---print(s:value())   --> 2
---```
---@param v any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
---@return fun(v: any, step?: lwt.Step) set
lwt_react_module.S.create = function(v, eq) end

lwt_react_module.S.value = lwt_Signal.value

lwt_react_module.S.retain = lwt_Signal.retain

lwt_react_module.S.stop = lwt_Signal.stop

lwt_react_module.S.equal = lwt_Signal.equal

lwt_react_module.S.trace = lwt_Signal.trace

lwt_react_module.S.hold = lwt_Event.hold

lwt_react_module.S.app = lwt_Signal.app

lwt_react_module.S.map = lwt_Signal.map

lwt_react_module.S.filter = lwt_Signal.filter

lwt_react_module.S.fmap = lwt_Signal.fmap

lwt_react_module.S.diff = lwt_Signal.diff

lwt_react_module.S.changes = lwt_Signal.changes

lwt_react_module.S.sample = lwt_Signal.sample

lwt_react_module.S.on = lwt_Signal.on

lwt_react_module.S.dismiss = lwt_Signal.dismiss

lwt_react_module.S.accum = lwt_Event.accum

lwt_react_module.S.fold = lwt_Event.fold

---Folds the values of a list of signals, in its order: `f(acc, v)` from `init`.
---```lua
---local a, set = react.S.create(1)
---local sum = react.S.merge({ a, react.S.const(2) }, 0, function(acc, v) return acc + v end)
---set(5)
---print(sum:value())   --> 7
---```
---@param list lwt.Signal[]
---@param init any
---@param f fun(acc: any, v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Signal
lwt_react_module.S.merge = function(list, init, f, eq) end

lwt_react_module.S.edge = lwt_Signal.edge

lwt_react_module.S.rise = lwt_Signal.rise

lwt_react_module.S.fall = lwt_Signal.fall

---A signal that is `init`, true or false, and turns over each time an event occurs.
---```lua
---local e, send = react.E.create()
---local s = react.S.flip(e, false)
---send() send() send()
---print(s:value())   --> true
---```
---@param e lwt.Event
---@param init boolean
---@return lwt.Signal
lwt_react_module.S.flip = function(e, init) end

lwt_react_module.S.switch = lwt_Signal.switch

lwt_react_module.S.bind = lwt_Signal.bind

---Recursion: `f(d)` is given a signal, `init` at first, that is set, in a step of its own
---right after, to what `s` has become, where `f(d)` returns `s` and the result. It gives the
---result.
---```lua
---local e, send = react.E.create()
---local history = react.S.fix("", function(d)
--- local s = react.S.hold(react.S.sample(d, e, function(v, old) return old .. v end), "")
--- return s, s
---end)
---send("a") send("b")
---print(history:value())   --> ab
---```
---@param init any
---@param f fun(d: lwt.Signal): lwt.Signal, any
---@param eq? fun(a: any, b: any): boolean
---@return any
lwt_react_module.S.fix = function(init, f, eq) end

lwt_react_module.S.l1 = lwt_Signal.l1

lwt_react_module.S.l2 = lwt_Signal.l2

lwt_react_module.S.l3 = lwt_Signal.l3

lwt_react_module.S.l4 = lwt_Signal.l4

lwt_react_module.S.l5 = lwt_Signal.l5

lwt_react_module.S.l6 = lwt_Signal.l6

lwt_react_module.S.with_finaliser = lwt_Signal.with_finaliser

lwt_react_module.S.limit = lwt_Signal.limit

lwt_react_module.S.keep = lwt_Signal.keep

lwt_react_module.S.app_s = lwt_Signal.app_s

lwt_react_module.S.map_s = lwt_Signal.map_s

lwt_react_module.S.filter_s = lwt_Signal.filter_s

lwt_react_module.S.fmap_s = lwt_Signal.fmap_s

lwt_react_module.S.diff_s = lwt_Signal.diff_s

lwt_react_module.S.sample_s = lwt_Signal.sample_s

lwt_react_module.S.accum_s = lwt_Event.accum_s

lwt_react_module.S.fold_s = lwt_Event.fold_s

---A promise of the signal of a fold over a list of signals: `f(acc, v)` as a task.
---@param list lwt.Signal[]
---@param init any
---@param f fun(acc: any, v: any): any
---@param eq? fun(a: any, b: any): boolean
---@return lwt.Promise<lwt.Signal>
lwt_react_module.S.merge_s = function(list, init, f, eq) end

lwt_react_module.S.run_s = lwt_Signal.run_s

lwt_react_module.S.bind_s = lwt_Signal.bind_s

lwt_react_module.S.l1_s = lwt_Signal.l1_s

lwt_react_module.S.l2_s = lwt_Signal.l2_s

lwt_react_module.S.l3_s = lwt_Signal.l3_s

lwt_react_module.S.l4_s = lwt_Signal.l4_s

lwt_react_module.S.l5_s = lwt_Signal.l5_s

lwt_react_module.S.l6_s = lwt_Signal.l6_s

---@class lwt.read_line.module
local lwt_read_line_module = {}

---What a reader is rejected with after Ctrl-C.
---@type table
lwt_read_line_module.Interrupt = nil

---Reads a line. See `lwt.read_line.Options` for what it may be given; a string is the prompt.
---
---`complete(text, cursor)` gives a list of words, or of `{ text =, display =, description =, append = }`. Such a word replaces what is between the last
---blank before the cursor and the cursor; `cursor` is the number of bytes before the cursor. If some words begin with what is there, the others are left
---out. Tab inserts what all of them begin with, the next Tab shows them, and further ones (and shift-Tab, and the arrows) go through them. `append` is
---put behind the word that is taken. The function runs as a task and may await. When the line has changed by then, its answer is thrown away.
---
---`keys` binds keys, and sequences of keys, to commands: a name, a function of the editor and the numeric argument (or nil), or false, which unbinds the
---key. Names are those of GNU readline, and `redo`, `newline`, `edit` and `suspend`.
---
---Up and Down go through the lines of the text first, and then through the entries of the history that begin with what is before the cursor. Ctrl-P and
---Ctrl-N go through all entries. What is pasted is inserted as it is, as one step to undo.
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---await(w:write "hello\n")
---print(await(read_line.read_line { prompt = "", term = term.open(r, w) }))   --> hello
---```
---@param opts? string|lwt.read_line.Options
---@return lwt.Promise<string?> # the line; nil at the end of the input; rejected with `read_line.Interrupt` after Ctrl-C
lwt_read_line_module.read_line = function(opts) end

---Begins to read a line, and gives what controls it: `line:result()` is the promise of it.
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
---@param opts? string|lwt.read_line.Options
---@return lwt.Line
lwt_read_line_module.start = function(opts) end

---The names of all commands that keys may be bound to, sorted.
---```lua
---local known = {}
---for _, name in ipairs(read_line.commands()) do known[name] = true end
---print(known["kill-line"], known.redo)   --> true	true
---```
---@return string[]
lwt_read_line_module.commands = function() end

---Reads a line that is not shown: `mask` stands for each character ("*"); with `mask = ""` nothing is drawn
---at all. It has no history, and what is killed in it cannot be yanked elsewhere. On TERM=dumb nothing is
---echoed either; where the input is no terminal a line of it is read.
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---await(w:write "secret\n")
---print(await(read_line.read_password { term = term.open(r, w) }))   --> secret
---```
---@param opts? string|table the prompt, or options as for `read_line`
---@return lwt.Promise<string?>
lwt_read_line_module.read_password = function(opts) end

---Reads one of some words, which Tab completes; a beginning that only one of them has is enough, and the
---case does not matter. Anything else is not accepted.
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---await(w:write "R\n")
---local t = term.open(r, w)
---print(await(read_line.read_keyword({ "red", "green" }, { term = t })))   --> red
---```
---@param list string[] the words
---@param opts? string|table the prompt, or options as for `read_line`
---@return lwt.Promise<string?> # the word, as it is in the list
lwt_read_line_module.read_keyword = function(list, opts) end

---Reads yes or no (or `y`, or `n`).
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---await(w:write "y\n")
---print(await(read_line.read_yes_no { term = term.open(r, w) }))   --> true
---```
---@param opts? string|table the prompt, or options as for `read_line`, and `default`: what an empty line means
---@return lwt.Promise<boolean?> # nil at the end of the input
lwt_read_line_module.read_yes_no = function(opts) end

---Reads a number, as Lua writes them.
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---await(w:write "42\n")
---print(await(read_line.read_number { integer = true, term = term.open(r, w) }))   --> 42
---```
---@param opts? string|table the prompt, or options as for `read_line`, and `min`, `max`, `integer` (true: no fractions), `default`: what an empty line means
---@return lwt.Promise<number?> # nil at the end of the input
lwt_read_line_module.read_number = function(opts) end

---Reads one character, without Enter: what the next key means. (Enter is `"\n"`.) Ctrl-C rejects with
---`read_line.Interrupt`; Ctrl-D is the end. Where the input is no terminal it is the next character of it.
---```lua
---local lio, term = require "lwt.io", require "lwt.term"
---local r, w = lio.pipe()
---await(w:write "äb")
---print(await(read_line.read_char { term = term.open(r, w) }))   --> ä
---```
---@param opts? string|table the prompt, or `{ prompt =, term = }`
---@return lwt.Promise<string?>
lwt_read_line_module.read_char = function(opts) end

lwt_read_line_module.Editor = {}

lwt_read_line_module.Editor.text = lwt_LineEditor.text

lwt_read_line_module.Editor.cursor = lwt_LineEditor.cursor

lwt_read_line_module.Editor.line_start = lwt_LineEditor.line_start

lwt_read_line_module.Editor.line_end = lwt_LineEditor.line_end

lwt_read_line_module.Editor.replace = lwt_LineEditor.replace

lwt_read_line_module.Editor.insert = lwt_LineEditor.insert

lwt_read_line_module.Editor.set = lwt_LineEditor.set

lwt_read_line_module.Editor.delete = lwt_LineEditor.delete

lwt_read_line_module.Editor.move = lwt_LineEditor.move

lwt_read_line_module.Editor.kill = lwt_LineEditor.kill

lwt_read_line_module.Editor.bell = lwt_LineEditor.bell

lwt_read_line_module.Editor.run = lwt_LineEditor.run

lwt_read_line_module.Editor.press = lwt_LineEditor.press

---A history of lines, to be given to `read_line`, which adds what is accepted. Several readers may have
---the same one, and several programs the same file: what one adds, the others see from their next line
---on. Entries may have several lines.
---
---The file (mode 0600, made with its directory when the first line is added) has an entry a line, in
---which `\n` stands for a line's end and `\\` for a backslash. It is never written anew but when it has
---twice `max` lines, so a program that is killed cannot spoil it. A file that cannot be read or written
---is reported once, by `warn`; the lines are kept in memory then.
---
---Options: `path`, the file (without one it lives in memory); `max`, how many entries are kept (10000);
---`dedupe`: true, a repeat of the newest is not added (default), `"all"`, an older equal entry goes as well,
---false, neither; `ignore_space`: a line that begins with a blank is not added (true).
---```lua
---local h = read_line.history { max = 2 }
---await(h:add "one") await(h:add "two") await(h:add "two") await(h:add "three")
---for line in h:entries() do print(line) end
------> two
------> three
---```
---@param opts? {path?: string, max?: integer, dedupe?: boolean|string, ignore_space?: boolean}
---@return lwt.LineHistory
lwt_read_line_module.history = function(opts) end

lwt_read_line_module.History = {}

lwt_read_line_module.History.add = lwt_LineHistory.add

lwt_read_line_module.History.entries = lwt_LineHistory.entries

lwt_read_line_module.Line = {}

lwt_read_line_module.Line.result = lwt_Line.result

lwt_read_line_module.Line.text = lwt_Line.text

lwt_read_line_module.Line.hide = lwt_Line.hide

lwt_read_line_module.Line.show = lwt_Line.show

lwt_read_line_module.Line.print = lwt_Line.print

lwt_read_line_module.Line.send = lwt_Line.send

lwt_read_line_module.Line.insert = lwt_Line.insert

lwt_read_line_module.Line.set_prompt = lwt_Line.set_prompt

lwt_read_line_module.Line.accept = lwt_Line.accept

lwt_read_line_module.Line.abort = lwt_Line.abort

---@class lwt.retry.module
local lwt_retry_module = {}

---The delay after failed attempt `n` when none is given: drawn from 0.1 to 0.2 s after the first,
---from twice that after each further one, and from 15 to 30 s in the end. It is drawn (jitter)
---so that clients that failed together do not come back together.
---```lua
---local d = retry.default_delay(1)
---print(d >= 0.1 and d <= 0.2)   --> true
---```
---@param n integer
---@return number seconds
lwt_retry_module.default_delay = function(n) end

---Raises `err` as an error that ends a retry at once; the result is then rejected with `err`.
---```lua
---local p = retry.run(function(n)
---  print("attempt", n)   --> attempt 1
---  retry.fatal("wrong password")
---end)
---print(pcall(await, p))   --> false wrong password
---```
---@param err any
lwt_retry_module.fatal = function(err) end

---Runs `f(n)` as a task, n = 1, 2, …, until an attempt succeeds, at most `times` times (3).
---Between two attempts it waits for `delay`: seconds, or a function of the number of the attempt
---that has just failed (`retry.default_delay`). An error that `retry_if(err, n)` would not see
---tried again, one that `retry.fatal` raised, `Canceled` and `Interrupted` end it at once.
---`retry_if` and `delay` may await. Cancelling the promise cancels the attempt, or the wait.
---```lua
---local p = retry.run(function(n)
---  if n < 3 then error("not yet") end
---  return "attempt " .. n
---end, { times = 5, delay = 0.001 })
---print(await(p))   --> attempt 3
---```
---@generic T
---@param f async fun(n: integer): T?, ...?
---@param opts? lwt.retry.Options
---@return lwt.Promise<T> # of the first success; rejected with the last failure
lwt_retry_module.run = function(f, opts) end

---The attempts themselves, as a stream: each element is made when it is asked for, after the
---delay that is due. It ends after a success, a fatal error, or `times` attempts. The options
---are those of `run`.
---```lua
---local function flaky(n)
---  if n == 1 then error("not yet", 0) end
---  return "yes"
---end
---for a in retry.attempts(flaky, { delay = 0 }) do
---  print(a.n, a.value or a.error)   --> 1 not yet 2 yes
---end
---```
---@param f fun(n: integer): any
---@param opts? lwt.retry.Options
---@return lwt.Stream # of `{ n =, value = }` and `{ n =, error =, fatal = }`
lwt_retry_module.attempts = function(f, opts) end

---@class lwt.semaphore.module
local lwt_semaphore_module = {}

---Makes a semaphore with `n` free permits (0 or more).
---```lua
---local s, running, most = semaphore.create(2), 0, 0
---local jobs = {}
---for i = 1, 5 do
---  jobs[i] = s:with(function()
---    running = running + 1
---    most = math.max(most, running)
---    lwt.yield()
---    running = running - 1
---  end)
---end
---await(lwt.join(jobs))
---print(most)   --> 2
---```
---@param n integer
---@return lwt.Semaphore
lwt_semaphore_module.create = function(n) end

lwt_semaphore_module.acquire = lwt_Semaphore.acquire

lwt_semaphore_module.release = lwt_Semaphore.release

lwt_semaphore_module.with = lwt_Semaphore.with

---@class lwt.seq.module
local lwt_seq_module = {}

---The sequence of no element.
---@type lwt.Seq
lwt_seq_module.empty = nil

---Whether `x` is a sequence.
---```lua
---print(seq.is_seq(seq.empty), seq.is_seq {})   --> true false
---```
---@param x any
---@return boolean
lwt_seq_module.is_seq = function(x) end

---The sequence of one element. (Lwt's `return`.)
---```lua
---print(await(seq.single(1):to_list())[1])   --> 1
---```
---@param v any
---@return lwt.Seq
lwt_seq_module.single = function(v) end

---The sequence of the one element that a promise stands for; a rejected one makes reading
---it fail.
---```lua
---print(await(seq.return_lwt(lwt.fulfilled(1)):to_list())[1])   --> 1
---```
---@param p lwt.Promise
---@return lwt.Seq
lwt_seq_module.return_lwt = function(p) end

lwt_seq_module.cons = lwt_Seq.cons

lwt_seq_module.cons_lwt = lwt_Seq.cons_lwt

lwt_seq_module.append = lwt_Seq.append

lwt_seq_module.map = lwt_Seq.map

lwt_seq_module.map_s = lwt_Seq.map_s

lwt_seq_module.filter = lwt_Seq.filter

lwt_seq_module.filter_s = lwt_Seq.filter_s

lwt_seq_module.filter_map = lwt_Seq.filter_map

lwt_seq_module.filter_map_s = lwt_Seq.filter_map_s

lwt_seq_module.flat_map = lwt_Seq.flat_map

---The elements that are worked out one from another: `f(state)` gives an element and the
---next state, or nothing at the end. `f` is a plain callback.
---```lua
---local q = seq.unfold(1, function(n) if n < 40 then return n, n * 3 end end)
---print(table.concat(await(q:to_list()), " "))   --> 1 3 9 27
---```
---@param init any
---@param f fun(state: any): any, any
---@return lwt.Seq
lwt_seq_module.unfold = function(init, f) end

---The same for an `f` that runs as a task.
---```lua
---local q = seq.unfold_lwt(3, function(n) await(lwt.pause()) if n > 0 then return n, n - 1 end end)
---print(table.concat(await(q:to_list()), " "))   --> 3 2 1
---```
---@param init any
---@param f fun(state: any): any, any
---@return lwt.Seq
lwt_seq_module.unfold_lwt = function(init, f) end

---The sequence of the elements of a plain list (with `n`, or up to the first nil).
---```lua
---print(#await(seq.of_list({ 1, 2, 3 }):to_list()))   --> 3
---```
---@param l table
---@return lwt.Seq
lwt_seq_module.of_list = function(l) end

---The sequence of what a Lua iterator gives: `of_seq(f, state, control)`, as the generic
---`for` takes them. An element is the first value of a turn. The iterator is advanced
---when it must be, and what it gave is kept for as long as the place is.
---```lua
---print(table.concat(await(seq.of_seq(("a b"):gmatch("%a")):to_list()), " "))   --> a b
---```
---@param f function
---@param state? any
---@param control? any
---@return lwt.Seq
lwt_seq_module.of_seq = function(f, state, control) end

---The same for an iterator of promises: each is awaited when its turn comes.
---```lua
---local i = 0
---local q = seq.of_seq_lwt(function() i = i + 1; if i < 3 then return lwt.fulfilled(i) end end)
---print(table.concat(await(q:to_list()), " "))   --> 1 2
---```
---@param f function
---@param state? any
---@param control? any
---@return lwt.Seq
lwt_seq_module.of_seq_lwt = function(f, state, control) end

lwt_seq_module.next = lwt_Seq.next

lwt_seq_module.each = lwt_Seq.each

lwt_seq_module.to_list = lwt_Seq.to_list

lwt_seq_module.fold_left = lwt_Seq.fold_left

lwt_seq_module.fold_left_s = lwt_Seq.fold_left_s

lwt_seq_module.iter = lwt_Seq.iter

lwt_seq_module.iter_s = lwt_Seq.iter_s

lwt_seq_module.iter_p = lwt_Seq.iter_p

lwt_seq_module.iter_n = lwt_Seq.iter_n

---@class lwt.signal.module
local lwt_signal_module = {}

lwt_signal_module.stop = lwt_SignalHandler.stop

---Has `f(name)` called whenever the signal comes. Several handlers of one signal are called in the
---order in which they were registered. A handler runs as a task of its own: it may await; what it
---raises goes to the exception hook and keeps no other handler from running. `KILL`, `STOP` and `URG`
---(which stops worker threads) cannot be handled. A handler of `INT` does not keep Ctrl-C from interrupting `run`,
---nor one of `TERM` that signal from interrupting a script of the `lwt` command:
---`lwt.interrupts(false)` does. A signal that has no name (a realtime signal) is given by its number, and `f` gets that.
---```lua
---local process = require "lwt.process"
---local h = signal.on("USR1", function(name) print("got " .. name) end)
---local next_one = signal.next("USR1")
---process.kill(process.getpid(), "USR1")
---print(await(next_one))   --> got USR1
------> USR1
---h:stop()
---```
---@param name string|integer "TERM" or "SIGTERM", or the system's number
---@param f async fun(name: string): ...?
---@return lwt.SignalHandler
lwt_signal_module.on = function(name, f) end

---A promise of the next delivery of the signal, fulfilled with its name. Cancelling it, or its
---end, takes the listener away.
---```lua
---local process = require "lwt.process"
---local p = signal.next("USR1")
---process.kill(process.getpid(), "USR1")
---print(await(p))   --> USR1
---```
---@param name string|integer
---@return lwt.Promise<string>
lwt_signal_module.next = function(name) end

---A stream with an element (the name) for each delivery. Deliveries are counted while no read
---waits. `s:close()` ends it; so does dropping it.
---```lua
---local process = require "lwt.process"
---local s = signal.stream("USR1")
---process.kill(process.getpid(), "USR1")
---print(await(s:next()))   --> USR1
---s:close()
---print(await(s:get()))   --> nil
---```
---@param name string|integer
---@return lwt.SourceStream<string>
lwt_signal_module.stream = function(name) end

---@class lwt.ssl.module
local lwt_ssl_module = {}

---What OpenSSL says it is: `"OpenSSL 3.0.15 3 Sep 2024"`.
---@type string
lwt_ssl_module.library = nil

---Makes a context: the certificates, keys and rules of any number of connections. Options of both roles:
---
---- `role`: `"client"` (the default) or `"server"`.
---- `cert`, `key`: our certificate and its private key, as PEM text (with `-----BEGIN`) or the name of a file. The certificate may be followed by
---  its chain, in the same file or as a list. Without `key` the key is in the file of the certificate. As many keys as certificates are pairs: an RSA
---  and an ECDSA one, say. Files are read at once, and not into Lua strings, which cannot be wiped from memory.
---- `password`: of an encrypted key; a string, or a function that gives it.
---- `ca`: the certificates to trust: PEM text, a file, a folder as `openssl rehash` makes it, or a list of these. The default of a client is the
---  system's: `SSL_CERT_FILE` and `SSL_CERT_DIR` if they are set, else OpenSSL's place, else the usual places of the system.
---- `partial_chain = true`: a certificate in `ca` is trusted even when it is not a root.
---- `crl`: lists of revoked certificates (PEM text, a file, or a list). No certificate of the other side's chain may be on one of them, and there
---  must be a list of each of their issuers.
---- `verify`: for a client, `false` accepts any certificate. For a server, `"require"` (or true) and `"optional"` say that clients show a certificate
---  that one of `ca` has signed.
---- `min_version`, `max_version`: `"TLSv1.2"` (the least, by default) or `"TLSv1.3"`.
---- `ciphers`, `curves`: lists in OpenSSL's form (suites of TLS 1.3 begin with `TLS_`).
---- `alpn`: a list of protocols, the best first. A server that has none in common with the client refuses (`SSL_ALPN`).
---- `keylog`: a file to append the keys to, or a function that is given each line, for Wireshark. **Anybody who has these keys can read everything.**
---  Of a server with `sni`, that of the context which is chosen counts.
---
---Options of servers:
---
---- `sni`: a table of contexts by name (`"*.example.org"` too), or a function that is given the name that the client asks for (nil for none) and gives a
---  context (nil for this one). It may await. When it fails, so does the handshake, on both sides.
---- `session_tickets = false`: no session can be resumed. Otherwise each connection gives the client one ticket, a resumed
---  one as well.
---- `ocsp`: the response to staple, as DER or the name of a file. Whether it is a good one is not looked at.
---
---Option of clients: `ocsp = true` checks a stapled response if there is one, `"require"` insists on one.
---
---Raises for a bad option. Raises an error object for a file that cannot be read (`ENOENT` …, with `path`), for a key that is not a key or needs a
---password (`SSL_KEY`), that does not belong to the certificate (`SSL_KEY_MISMATCH`), or that is too short (`SSL_CERT_WEAK`), and where no
---certificate (`SSL_CERT_INVALID`) or no response (`SSL_OCSP`) is found.
---```lua
---local ok, err = pcall(ssl.context, { role = "server", cert = "no such file" })
---print(ok, err.code, err.path)   --> false ENOENT no such file
---print(ssl.context { verify = false }.role)   --> client
---```
---@param opts table
---@return lwt.ssl.Context
lwt_ssl_module.context = function(opts) end

---Begins TLS as the client: on a new connection to an address (see `lwt.net`), or on a stream. A stream is a socket, a channel, another TLS stream, or
---anything with functions `read` (at most so many bytes, nil at the end) and `write` that give promises or wait. Gives the TLS stream after the handshake.
---
---When the handshake fails or is cancelled, a stream that was given stays open (but what was sent on it was sent), and a connection that was made here
---is closed.
---
---`opts` are those of `ssl.context`, or one of them is `context`, and these:
---
---- `name`: the name that the certificate must have, a host or an IP address. The default is the host that was connected to. Where there is none,
---  leaving it out is an error, unless `verify = false` is given.
---- `session`: of an earlier connection, to resume it: without looking at the server's certificate again. So it is used only where `name`,
---  `verify`, `ca`, `crl`, `partial_chain`, `ocsp` and `cert` are what they were (of files what was read from them, of a folder its name);
---  otherwise the handshake is a full one, as it is when the server does not know the session.
---- `timeout`: how many seconds the handshake may take (10).
---- `allow_truncation = true`: a connection that is cut is at its end. Others are rejected with `SSL_EOF`. It is for HTTP, which sends lengths itself.
---  What is written afterwards goes out, as after the peer's `close_notify`, and fails with the socket's own error where the peer has gone.
---```lua
---local a, b = require "lwt.net".socketpair()
---b:write("not TLS at all\n")
---local ok, err = pcall(await, ssl.connect(a, { verify = false }))
---print(ok, err.code)   --> false SSL_PROTOCOL
---```
---@param where string|table|lwt.Socket|lwt.Channel|lwt.ssl.Stream
---@param opts table|lwt.ssl.Context|nil
---@return lwt.Promise<lwt.ssl.Stream>
lwt_ssl_module.connect = function(where, opts) end

---Begins TLS as the server, on a stream with a client at the other end. The options are those of `connect`, with a context for servers: `cert` and `key`
---or `context`, `timeout`, `allow_truncation`. Call it in the task that serves the client, and not in the loop that accepts: a client that sends nothing
---takes `timeout` seconds (10) to be dropped. Signing with an RSA key of more than 2048 bits is done on the threadpool.
---```lua
---await(require "lwt.process".exec({ "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key",
---"-out", "server.pem", "-subj", "/CN=try", "-addext", "subjectAltName=DNS:localhost" }, { stderr = "null" }))
---local server = ssl.context { role = "server", cert = "server.pem", key = "server.key" }
---local a, b = require "lwt.net".socketpair()
---local accepting = ssl.accept(a, server)
---local client = await(ssl.connect(b, { ca = "server.pem", name = "localhost" }))
---local served = await(accepting)
---await(client:write("hello"))
---print(await(served:read()), served:version())   --> hello TLSv1.3
---```
---@param stream lwt.Socket|lwt.Channel|lwt.ssl.Stream
---@param opts table|lwt.ssl.Context
---@return lwt.Promise<lwt.ssl.Stream>
lwt_ssl_module.accept = function(stream, opts) end

---@class lwt.stream.module
local lwt_stream_module = {}

---Whether `x` is a stream.
---```lua
---print(stream.is_stream(stream.of_list {}), stream.is_stream {})   --> true false
---```
---@param x any
---@return boolean
lwt_stream_module.is_stream = function(x) end

---All elements that are left, as a list (with `n`). When the source fails, or when it is
---cancelled, those that were read are put back.
---```lua
---print(table.concat(await(stream.of_string("xyz"):to_list()), "."))   --> x.y.z
---```
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<lwt.Values<T>>
lwt_stream_module.to_list = function(s) end

---All elements that are left, which must be strings, as one string.
---```lua
---print(await(stream.of_list({ "ab", "c" }):to_string()))   --> abc
---```
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<string>
lwt_stream_module.to_string = function(s) end

---`f(v, acc)` for each element, from `acc = init` on: the last accumulator. (As in Lwt
---the element comes first.)
---```lua
---local s = stream.of_list { "a", "b" }
---print(await(s:fold("", function(v, acc) return acc .. v end)))   --> ab
---```
---@generic T, A
---@param s lwt.Stream<T>
---@param init A
---@param f fun(v: T, acc: A): A
---@return lwt.Promise<A>
lwt_stream_module.fold = function(s, init, f) end

---The same for an `f` that runs as a task, one element after another.
---```lua
---local s = stream.of_list { 1, 2, 3 }
---print(await(s:fold_s(0, function(v, acc) await(lwt.pause()) return acc + v end)))   --> 6
---```
---@generic T, A
---@param s lwt.Stream<T>
---@param init A
---@param f async fun(v: T, acc: A): lwt.Promise<A>|A
---@return lwt.Promise<A>
lwt_stream_module.fold_s = function(s, init, f) end

---`f(v)` for each element. The promise (of nothing) is fulfilled at the end, and
---rejected with the first error of the stream or of `f`. `f` is a plain callback.
---```lua
---await(stream.of_list({ 1, 2 }):iter(print))   --> 1
-----> 2
---```
---@generic T
---@param s lwt.Stream<T>
---@param f fun(v: T)
---@return lwt.Promise<nil>
lwt_stream_module.iter = function(s, f) end

---The same for an `f` that runs as a task (it may await, and may return a promise), one
---element after another.
---```lua
---await(stream.of_list({ 1, 2 }):iter_s(function(v) await(lwt.pause()) print(v) end))   --> 1
-----> 2
---```
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<nil>
lwt_stream_module.iter_s = function(s, f) end

---`f(v)` as a task for each element as it comes, without waiting for the earlier ones.
---The promise is fulfilled when the stream has ended and all are done. The first failure stops it: it
---reads no more, cancels the others, awaits them, and is rejected.
---```lua
---local s = stream.of_list { 0.2, 0.01 }
---await(s:iter_p(function(v) await(lwt.sleep(v)) print(v) end))   --> 0.01
-----> 0.2
---```
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<nil>
lwt_stream_module.iter_p = function(s, f) end

---The same with at most `max` (default 1) of them at a time: an element is only read when
---there is room for it.
---```lua
---local now, most = 0, 0
---await(stream.of_string("abcdef"):iter_n(function()
--- now = now + 1
--- most = math.max(most, now)
--- await(lwt.pause())
--- now = now - 1
---end, 2))
---print(most)   --> 2
---```
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@param max? integer
---@return lwt.Promise<nil>
lwt_stream_module.iter_n = function(s, f, max) end

---The first element for which `f(v)` is true; nil if there is none. Everything up to it
---is taken, itself included.
---```lua
---local s = stream.of_list { 1, 5, 7 }
---print(await(s:find(function(v) return v > 3 end)), await(s:next()))   --> 5 7
---```
---@generic T
---@param s lwt.Stream<T>
---@param f fun(v: T): any
---@return lwt.Promise<T?>
lwt_stream_module.find = function(s, f) end

---The same for an `f` that runs as a task.
---```lua
---local s = stream.of_list { 1, 5 }
---print(await(s:find_s(function(v) return lwt.fulfilled(v > 3) end)))   --> 5
---```
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<T?>
lwt_stream_module.find_s = function(s, f) end

---The first value of `f(v)` that is not nil; nil if there is none.
---```lua
---print(await(stream.of_list({ "x", "12" }):find_map(tonumber)))   --> 12
---```
---@generic T, R
---@param s lwt.Stream<T>
---@param f fun(v: T): R?, ...?
---@return lwt.Promise<R?>
lwt_stream_module.find_map = function(s, f) end

---The same for an `f` that runs as a task.
---```lua
---local s = stream.of_list { "x", "12" }
---print(await(s:find_map_s(function(v) await(lwt.pause()) return tonumber(v) end)))   --> 12
---```
---@generic T, R
---@param s lwt.Stream<T>
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@return lwt.Promise<R?>
lwt_stream_module.find_map_s = function(s, f) end

---What `next` is rejected with at the end of a stream.
---@type any
lwt_stream_module.Empty = nil

---The next element; nil at the end. Several readers may wait at the same time: each
---element goes to exactly one of them, in the order in which they asked. A reader that
---is cancelled leaves the line, and no element is lost with it. (In a task that was cancelled
---and has not been told yet, a read begins a turn of the loop later, so that no element is lost
---at the `await` that raises. So it is for all that takes elements.)
---```lua
---local s = stream.of_list { "x" }
---print(await(s:get()), await(s:get()))   --> x nil
---```
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<T?>
lwt_stream_module.get = function(s) end

---The next element; at the end it is rejected with `stream.Empty`.
---```lua
---local s = stream.of_list { "x" }
---print(await(s:next()))   --> x
---print(select(2, s:next():state()) == stream.Empty)   --> true
---```
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<T>
lwt_stream_module.next = function(s) end

---The element that the next read will give, without taking it; nil at the end. It does
---not reserve the element: two tasks may see the same one.
---```lua
---local s = stream.of_list { 1, 2 }
---print(await(s:peek()), await(s:peek()), await(s:next()))   --> 1 1 1
---```
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<T?>
lwt_stream_module.peek = function(s) end

---The next `n` elements as a list, without taking them: fewer at the end. It waits
---until `n` have been produced (others may take them meanwhile).
---```lua
---local s = stream.of_list { 1, 2, 3 }
---print(table.concat(await(s:npeek(2)), " "), await(s:next()))   --> 1 2 1
---```
---@generic T
---@param s lwt.Stream<T>
---@param n integer
---@return lwt.Promise<lwt.Values<T>>
lwt_stream_module.npeek = function(s, n) end

---The next `n` elements as a list (with `n`): fewer only at the end. Readers that come
---later wait until it has them all. When it is cancelled, or the source fails, what it
---had taken is put back.
---```lua
---local s = stream.of_list { 1, 2, 3 }
---print(#await(s:nget(2)), #await(s:nget(2)), #await(s:nget(2)))   --> 2 1 0
---```
---@generic T
---@param s lwt.Stream<T>
---@param n integer
---@return lwt.Promise<lwt.Values<T>>
lwt_stream_module.nget = function(s, n) end

---The longest run of elements for which `f(v)` is true, as a list; the first one for
---which it is not stays in the stream. When it is cancelled or fails, what it had taken
---is put back.
---```lua
---local s = stream.of_list { 1, 2, 10, 3 }
---print(#await(s:get_while(function(v) return v < 5 end)), await(s:next()))   --> 2 10
---```
---@generic T
---@param s lwt.Stream<T>
---@param f fun(v: T): any
---@return lwt.Promise<lwt.Values<T>>
lwt_stream_module.get_while = function(s, f) end

---The same for an `f` that runs as a task (it may await, and may return a promise).
---Other readers wait until it is over.
---```lua
---local s = stream.of_list { 1, 2, 10, 3 }
---local small = s:get_while_s(function(v) await(lwt.pause()) return v < 5 end)
---print(#await(small), await(s:next()))   --> 2 10
---```
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<lwt.Values<T>>
lwt_stream_module.get_while_s = function(s, f) end

---Take one element and throw it away. At the end it does nothing.
---```lua
---local s = stream.of_list { 1, 2 }
---await(s:junk())
---print(await(s:next()))   --> 2
---```
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<nil>
lwt_stream_module.junk = function(s) end

---Take `n` elements and throw them away: fewer at the end.
---```lua
---local s = stream.of_list { 1, 2, 3 }
---await(s:njunk(2))
---print(await(s:next()))   --> 3
---```
---@generic T
---@param s lwt.Stream<T>
---@param n integer
---@return lwt.Promise<nil>
lwt_stream_module.njunk = function(s, n) end

---Throw elements away for as long as `f(v)` is true. The first one for which it is
---not stays in the stream.
---```lua
---local s = stream.of_list { 1, 2, 10, 3 }
---await(s:junk_while(function(v) return v < 5 end))
---print(await(s:next()))   --> 10
---```
---@generic T
---@param s lwt.Stream<T>
---@param f fun(v: T): any
---@return lwt.Promise<nil>
lwt_stream_module.junk_while = function(s, f) end

---The same for an `f` that runs as a task. Other readers wait until it is over.
---```lua
---local s = stream.of_list { 1, 2, 10, 3 }
---await(s:junk_while_s(function(v) return lwt.fulfilled(v < 5) end))
---print(await(s:next()))   --> 10
---```
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Promise<nil>
lwt_stream_module.junk_while_s = function(s, f) end

---The elements that are there now, as a list: an immediate call, no promise. It asks
---the source for more until that has to wait. If the source fails, the error is raised,
---and what was taken is put back.
---```lua
---local s, push = stream.create()
---push(1); push(2)
---print(#s:get_available(), #s:get_available())   --> 2 0
---```
---@generic T
---@param s lwt.Stream<T>
---@return T[]
lwt_stream_module.get_available = function(s) end

---The same, at most `n` of them.
---```lua
---local s = stream.of_list { 1, 2, 3 }
---print(#s:get_available_up_to(2), #s:get_available_up_to(2))   --> 2 1
---```
---@generic T
---@param s lwt.Stream<T>
---@param n integer
---@return T[]
lwt_stream_module.get_available_up_to = function(s, n) end

---Throw away the elements that are there now: an immediate call. If the source fails
---the error is raised.
---```lua
---local s, push = stream.create()
---push(1); push(2)
---s:junk_available()
---push(3)
---print(await(s:next()))   --> 3
---```
---@generic T
---@param s lwt.Stream<T>
lwt_stream_module.junk_available = function(s) end

---The newest of the elements that are there now: all are taken, the last is given. When
---there is none it waits for one and gives that. Its promise is rejected with `stream.Empty` at the end.
---```lua
---local s, push = stream.create()
---push(1); push(2); push(3)
---print(await(s:last_new()))   --> 3
---```
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<T?>
lwt_stream_module.last_new = function(s) end

---Whether there is no element any more. It waits until that is known; takes nothing.
---```lua
---print(await(stream.of_list({}):is_empty()))   --> true
---print(await(stream.of_list({ 1 }):is_empty()))   --> false
---```
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<boolean>
lwt_stream_module.is_empty = function(s) end

---Whether the end has been pushed or produced, even if elements are left to read: an
---immediate answer.
---```lua
---local s, push = stream.create()
---push(1)
---print(s:is_closed())   --> false
---push(nil)
---print(s:is_closed())   --> true
---```
---@generic T
---@param s lwt.Stream<T>
---@return boolean
lwt_stream_module.is_closed = function(s) end

---A promise fulfilled when the end has been pushed or produced (for a stream that reads
---from a source: when a read met the end). It cannot be cancelled.
---```lua
---local s, push = stream.create()
---local p = s:closed()
---push(nil)
---print(p:is_pending())   --> false
---```
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Promise<nil>
lwt_stream_module.closed = function(s) end

---Another stream of the same elements, from this place on: both see each of them, each
---at its own pace. Elements are kept until both have read them. A bounded stream cannot
---be cloned.
---```lua
---local a, push = stream.create()
---local b = a:clone()
---push(1)
---print(await(a:next()), await(b:next()))   --> 1 1
---```
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Stream<T>
lwt_stream_module.clone = function(s) end

---Run `f(s)` as a task; if it fails in any way (being cancelled included) everything it
---took from the stream is put back, and the promise is rejected with its error. Other
---readers wait until it is over.
---```lua
---local s = stream.of_list { 1, 2, 3 }
---local p = s:parse(function() print(await(s:next()), await(s:next())) error("no") end)   --> 1 2
---print(pcall(await, p), await(s:next()))
---```
---@generic T, R
---@param s lwt.Stream<T>
---@param f async fun(s: lwt.Stream<T>): R?, ...?
---@return lwt.Promise<R>
lwt_stream_module.parse = function(s, f) end

---A stream of what `f()` gives, call after call, until it gives nil. `f` is called
---only when an element is wanted and none is there, one call at a time; it runs as a
---task (it may await, and may return a promise).
---
---When `f` fails, all readers that wait at that moment get the error, once (when none waits, the
---next one does); the stream goes on: the next read calls `f` again. Cancelling a reader does not
---cancel the call: the next reader gets its element.
---```lua
---local n = 0
---local s = stream.from(function() n = n + 1; if n <= 3 then return n * n end end)
---print(table.concat(await(s:to_list()), " "))   --> 1 4 9
---```
---@generic T
---@param f async fun(): lwt.Promise<T>|T?, ...?
---@return lwt.Stream<T>
lwt_stream_module.from = function(f) end

---The same as `from` for an `f` that never waits: it is called directly, inside the
---read, and costs no task and no promise.
---```lua
---local i = 0
---local s = stream.from_direct(function() i = i + 1; return i < 4 and i or nil end)
---print(await(s:fold(0, function(x, sum) return sum + x end)))   --> 6
---```
---@generic T
---@param f fun(): T?, ...?
---@return lwt.Stream<T>
lwt_stream_module.from_direct = function(f) end

---A stream and the function that pushes to it. `push(v)` appends an element, or hands
---it to the reader who has waited longest; `push(nil)` closes the stream. It never
---blocks: what is not read yet is kept. Pushing to a closed stream raises `lwt.Closed`.
---
---`push` does not keep the stream alive: when it cannot be read any more, what is pushed is thrown
---away.
---```lua
---local s, push = stream.create()
---push("a"); push("b"); push(nil)
---print(await(s:next()), await(s:next()), await(s:get()))   --> a b nil
---```
---@return lwt.Stream
---@return fun(v: any) push
lwt_stream_module.create = function() end

---A stream that holds at most `n` elements, and its pusher: a producer that is faster
---than its consumer has to wait.
---
---`pusher:push(v)` gives a promise, fulfilled when the element is in the stream. Any
---number of pushes may wait; they enter first come, first served. Cancelling one
---withdraws its element. With `n = 0` a push waits until a reader takes its element.
---`pusher:close()` ends the stream after what it holds; pushes that wait, and later
---ones, are rejected with `lwt.Closed`; closing again does nothing. `size()`,
---`resize(n)`, `count()` (elements held), `blocked()` (does a push wait?) and `closed()`
---answer at once. A bounded stream cannot be cloned.
---```lua
---local s, pusher = stream.create_bounded(1)
---await(pusher:push("a"))
---local p = pusher:push("b")
---print(p:is_pending(), pusher:blocked(), pusher:count())   --> true true 1
---print(await(s:next()), p:is_pending(), pusher:count())   --> a false 1
---```
---@param n integer
---@return lwt.Stream
---@return lwt.StreamPusher
lwt_stream_module.create_bounded = function(n) end

---A stream of the elements of a plain list, which is copied. It is closed from the
---start. Elements cannot be nil.
---```lua
---print(#await(stream.of_list({ 5, 6, 7 }):to_list()))   --> 3
---```
---@generic T
---@param l T[]
---@return lwt.Stream<T>
lwt_stream_module.of_list = function(l) end

---A stream of the characters (bytes) of a string. It is closed from the start.
---```lua
---print(table.concat(await(stream.of_string("abc"):to_list()), "-"))   --> a-b-c
---```
---@param str string
---@return lwt.Stream<string>
lwt_stream_module.of_string = function(str) end

---A stream of what a Lua iterator gives: `of_iterator(f, state, control, closing)`, as
---the generic `for` takes them, so `of_iterator(io.lines(path))` and
---`of_iterator(("a b"):gmatch("%a+"))` work. An element is the *first* value of a
---turn (`pairs` gives the keys). The iterator runs as a task: it may await. When it
---fails its error is reported and the stream ends; at the end its closing value is
---closed.
---```lua
---local words = stream.of_iterator(("to be or not"):gmatch("%a+"))
---print(table.concat(await(words:to_list()), "/"))   --> to/be/or/not
---```
---@generic T
---@param f fun(...): T?, ...?
---@param state? any
---@param control? any
---@param closing? any
---@return lwt.Stream<T>
lwt_stream_module.of_iterator = function(f, state, control, closing) end

---A stream of a lazy sequence of `lwt.seq`, which is forced as elements are wanted.
---```lua
---local seq = require "lwt.seq"
---print(table.concat(await(stream.of_seq(seq.of_list { 1, 2 }):to_list()), " "))   --> 1 2
---```
---@param q lwt.Seq
---@return lwt.Stream
lwt_stream_module.of_seq = function(q) end

---A stream written as a loop: `f(yield)` runs as a task from the first read on, and
---`yield(v)` gives an element and waits (as `await` does) until the next one is wanted.
---The stream ends when `f` returns; when it fails the error is reported to the reader,
---and then the stream ends. When the stream is dropped half way, and no reader waits for an
---element of it, the task is cancelled: `lwt.Canceled` is raised at its `yield`, or at what else
---it awaits, so that it can clean up. Tasks that `f` has started may call `yield` as well; when
---`f` has ended it raises `lwt.Closed` there.
---```lua
---local s = stream.generate(function(yield)
--- for i = 1, 3 do yield(i * 10) end
---end)
---for v in s do print(v) end   --> 10
-----> 20
-----> 30
---```
---@param f fun(yield: fun(v: any))
---@return lwt.Stream
lwt_stream_module.generate = function(f) end

---A stream of `f(v)` for each element. `f` is a plain callback and must not await (see
---`map_s`). If it fails the reader gets the error, the element is lost and the stream
---goes on. It must not return nil (see `filter_map`).
---```lua
---local s = stream.of_list({ 1, 2 }):map(function(v) return v * 10 end)
---print(table.concat(await(s:to_list()), " "))   --> 10 20
---```
---@generic T, R
---@param s lwt.Stream<T>
---@param f fun(v: T): R
---@return lwt.Stream<R>
lwt_stream_module.map = function(s, f) end

---The same for an `f` that runs as a task (it may await, and may return a promise), one
---element after another.
---```lua
---local s = stream.of_list({ 1, 2 }):map_s(function(v) await(lwt.pause()) return -v end)
---print(table.concat(await(s:to_list()), " "))   --> -1 -2
---```
---@generic T, R
---@param s lwt.Stream<T>
---@param f async fun(v: T): lwt.Promise<R>|R
---@return lwt.Stream<R>
lwt_stream_module.map_s = function(s, f) end

---The elements for which `f(v)` is true. `f` is a plain callback.
---```lua
---local s = stream.of_list({ 1, 2, 3, 4 }):filter(function(v) return v % 2 == 0 end)
---print(table.concat(await(s:to_list()), " "))   --> 2 4
---```
---@generic T
---@param s lwt.Stream<T>
---@param f fun(v: T): any
---@return lwt.Stream<T>
lwt_stream_module.filter = function(s, f) end

---The same for an `f` that runs as a task, one element after another.
---```lua
---local s = stream.of_list({ 1, 2, 3 }):filter_s(function(v) return lwt.fulfilled(v > 1) end)
---print(table.concat(await(s:to_list()), " "))   --> 2 3
---```
---@generic T
---@param s lwt.Stream<T>
---@param f async fun(v: T): any
---@return lwt.Stream<T>
lwt_stream_module.filter_s = function(s, f) end

---The values of `f(v)` that are not nil. `f` is a plain callback.
---```lua
---local s = stream.of_list({ "1", "x", "3" }):filter_map(tonumber)
---print(table.concat(await(s:to_list()), " "))   --> 1 3
---```
---@generic T, R
---@param s lwt.Stream<T>
---@param f fun(v: T): R?, ...?
---@return lwt.Stream<R>
lwt_stream_module.filter_map = function(s, f) end

---The same for an `f` that runs as a task, one element after another.
---```lua
---local s = stream.of_list({ "1", "x", "3" })
---local numbers = s:filter_map_s(function(v) await(lwt.pause()) return tonumber(v) end)
---print(table.concat(await(numbers:to_list()), " "))   --> 1 3
---```
---@generic T, R
---@param s lwt.Stream<T>
---@param f async fun(v: T): lwt.Promise<R>|R?, ...?
---@return lwt.Stream<R>
lwt_stream_module.filter_map_s = function(s, f) end

---The elements of the lists that `f(v)` gives, one after another. `f` is a plain
---callback.
---```lua
---local s = stream.of_list({ 1, 2 }):map_list(function(v) return { v, v * 10 } end)
---print(table.concat(await(s:to_list()), " "))   --> 1 10 2 20
---```
---@generic T, R
---@param s lwt.Stream<T>
---@param f fun(v: T): R[]
---@return lwt.Stream<R>
lwt_stream_module.map_list = function(s, f) end

---The same for an `f` that runs as a task, one element after another.
---```lua
---local s = stream.of_list({ 1, 2 }):map_list_s(function(v) return lwt.fulfilled { v, v } end)
---print(table.concat(await(s:to_list()), " "))   --> 1 1 2 2
---```
---@generic T, R
---@param s lwt.Stream<T>
---@param f async fun(v: T): lwt.Promise<R[]>|R[]
---@return lwt.Stream<R>
lwt_stream_module.map_list_s = function(s, f) end

---The elements of a stream of lists.
---```lua
---local q = stream.of_list({ { 1, 2 }, {}, { 3 } }):flatten()
---print(table.concat(await(q:to_list()), " "))   --> 1 2 3
---```
---@generic T
---@param s lwt.Stream<T[]>
---@return lwt.Stream<T>
lwt_stream_module.flatten = function(s) end

---The elements of `a`, then those of `b`, which is not touched before. An element costs a step for each `append`
---that it passes, so of `n` streams that are appended to one another each costs up to `n`: `concat` takes many at one step.
---```lua
---local s = stream.of_list({ 1 }):append(stream.of_list { 2, 3 })
---print(table.concat(await(s:to_list()), " "))   --> 1 2 3
---```
---@generic T
---@param a lwt.Stream<T>
---@param b lwt.Stream<T>
---@return lwt.Stream<T>
lwt_stream_module.append = function(a, b) end

---The elements of a stream of streams, one stream after another.
---```lua
---local s = stream.of_list { stream.of_list { 1 }, stream.of_list { 2, 3 } }
---print(table.concat(await(s:concat():to_list()), " "))   --> 1 2 3
---```
---@generic T
---@param s lwt.Stream<lwt.Stream<T>>
---@return lwt.Stream<T>
lwt_stream_module.concat = function(s) end

---Pairs `{a, b}` of the elements of two streams, which are read at the same time. It
---ends with the shorter one; an element of the other that was already read is put back,
---and so it is when the reader is cancelled or the other stream fails.
---```lua
---local rest = stream.of_list { "x", "y", "z" }
---for v in stream.of_list({ 1, 2 }):combine(rest) do print(v[1], v[2]) end   --> 1 x
-----> 2 y
---print(await(rest:next()))   --> z
---```
---@generic T, B
---@param a lwt.Stream<T>
---@param b lwt.Stream<B>
---@return lwt.Stream<any>
lwt_stream_module.combine = function(a, b) end

---The elements of all streams of a list, as they come. Among streams that have one
---ready it takes turns. A stream that fails is dropped after its error has been
---reported; the end comes when all have ended.
---```lua
---local s = stream.choose { stream.of_list { 1, 2, 3 }, stream.of_list { 10 } }
---print(table.concat(await(s:to_list()), " "))   --> 1 10 2 3
---```
---@generic T
---@param streams lwt.Stream<T>[]
---@return lwt.Stream<T>
lwt_stream_module.choose = function(streams) end

---The same elements as `{ok = true, value = v}`, and each error of the stream as
---`{ok = false, error = err}`: reading it never fails.
---```lua
---local s = stream.of_list({ 1, 2 }):map(function(v) return v == 2 and error("two", 0) or v end)
---for r in s:wrap_exn() do print(r.ok, r.value or r.error) end   --> true 1
-----> false two
---```
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Stream<table>
lwt_stream_module.wrap_exn = function(s) end

---A stream of strings shown as `hexdump -C` shows them, a line for each 16 bytes. (No
---last line with the length.)
---```lua
---print(await(stream.of_string("Hello, lwt!\n"):hexdump():next()))
---```
---@generic T
---@param s lwt.Stream<T>
---@return lwt.Stream
lwt_stream_module.hexdump = function(s) end

---@class lwt.switch.module
local lwt_switch_module = {}

---The error of using a switch that is off.
---@type any
lwt_switch_module.Off = nil

---Makes a switch that is on. As a `<close>` variable it is turned off, and its hooks are waited
---for, when the block is left.
---```lua
---do
---  local sw <close> = switch.create()
---  sw:add_hook(function() print("released") end)   --> released
---  print("used")                                   --> used
---end
---```
---@return lwt.Switch
lwt_switch_module.create = function() end

lwt_switch_module.is_on = lwt_Switch.is_on

lwt_switch_module.turn_off = lwt_Switch.turn_off

---Raises `switch.Off` when there is a switch and it is off.
---```lua
---switch.check(nil)
---switch.check(switch.create())
---```
---@param sw? lwt.Switch
lwt_switch_module.check = function(sw) end

---Hangs a function on the switch, to be run as a task when it is turned off. Without a switch
---(nil) it does nothing; with one that is off it raises `switch.Off`.
---```lua
---local sw = switch.create()
---switch.add_hook(sw, function() print("bye") end)   --> bye
---await(sw:turn_off())
---```
---@param sw? lwt.Switch
---@param f async fun(): ...?
lwt_switch_module.add_hook = function(sw, f) end

---Like `add_hook`, but with a switch that is off it runs `f` now.
---```lua
---local sw = switch.create()
---sw:turn_off()
---await(sw:add_hook_or_exec(function()
---  print("at once")   --> at once
---end))
---```
---@param sw? lwt.Switch
---@param f async fun(): ...?
---@return lwt.Promise<any> # of `f` where it was run, else fulfilled
lwt_switch_module.add_hook_or_exec = function(sw, f) end

---Runs `f(sw)` as a task with a new switch, and turns it off whichever way `f` ends. When a hook
---fails, its error is the result, also where `f` failed too.
---```lua
---local result = await(switch.with_switch(function(sw)
---  sw:add_hook(function() print("closed") end)   --> closed
---  return "result"
---end))
---print(result)   --> result
---```
---@generic T
---@param f async fun(sw: lwt.Switch): T?, ...?
---@return lwt.Promise<T> # what `f` returns or raises
lwt_switch_module.with_switch = function(f) end

---@class lwt.term.module
local lwt_term_module = {}

---Colours of the text: `term.fg.blue` (black red green yellow blue magenta cyan white, lblack … lwhite for the
---light ones, gray, default), `term.fg(208)` of 256, `term.fg(0x33, 0x99, 0xff)`, `term.fg "#39f"`, `term.fg
---"blue"`. A style, for `print` and its like; joined with a string by `..` it is its escape sequence.
---@type lwt.Palette
lwt_term_module.fg = nil

---Colours behind the text, named as those of `fg`.
---@type lwt.Palette
lwt_term_module.bg = nil

---Ends all styles, and a link.
---@type lwt.Style
lwt_term_module.reset = nil

---Bold.
---@type lwt.Style
lwt_term_module.bold = nil

---Less than normal.
---@type lwt.Style
lwt_term_module.dim = nil

---Italic.
---@type lwt.Style
lwt_term_module.italic = nil

---Underlined.
---@type lwt.Style
lwt_term_module.underline = nil

---Blinking.
---@type lwt.Style
lwt_term_module.blink = nil

---The colours of text and background changed over.
---@type lwt.Style
lwt_term_module.inverse = nil

---Not to be seen.
---@type lwt.Style
lwt_term_module.hidden = nil

---Struck out.
---@type lwt.Style
lwt_term_module.strike = nil

---A terminal object of an input and an output: channels of `lwt.io`, or sockets and terminals of `lwt.net`.
---Where they are of a terminal (or one of them is), the system tells its size and does raw mode; at the other
---end of a connection a terminal is there when `tty = true` says so. Several may be open, also of one terminal.
---
---Options: `tty` (what the two are taken for, whatever they are); `columns`, `rows` (the size, where the
---system does not know it); `colors` (0, 16, 256, 16777216); `env`, a table that is asked for TERM, COLORTERM,
---NO_COLOR and the like in place of the process's environment; `escape_time` (seconds); `error`, the channel
---that `eprint` writes to (the output).
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w, { tty = true, columns = 40, env = { TERM = "xterm-256color" } })
---print(t:colors(), t:size())   --> 256	40	24
---```
---@param input lwt.Channel|lwt.Socket
---@param output lwt.Channel|lwt.Socket
---@param opts? table
---@return lwt.Terminal
lwt_term_module.open = function(input, output, opts) end

---The terminal that the program was started on: standard input, standard output, and standard error
---for `eprint`.
---@type lwt.Terminal
lwt_term_module.stdout = nil

---The size of `term.stdout`, `{ columns =, rows = }`, as a signal of `lwt.react`.
---@type lwt.Signal
lwt_term_module.size_signal = nil

---Asks a question that is answered by yes or no: `y` or `n`, Enter for the default. Escape and the end of the
---input answer with the default, or no. Where the input is no terminal a line is read: `y`, `yes`, `n`, `no`,
---an empty one for the default; anything else is asked again.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local _, out = lio.pipe()
---await(w:write "yes\n")
---print(await(term.open(r, out):confirm "Really?"))   --> true
---```
---@param question string|table a text, or a styled list
---@param opts? table `default`: true or false
---@return lwt.Promise<boolean>
---@overload fun(question: string|table, opts?: table): lwt.Promise<boolean>
---@overload fun(t: lwt.Terminal, question: string|table, opts?: table): lwt.Promise<boolean>
lwt_term_module.confirm = function(question, opts) end

---Asks for one of a list: the arrows (also `k`, `j`, Ctrl-P, Ctrl-N, Home, End, the page keys, and digits) go to
---an item, Enter takes it. Escape, and the end of the input, take none. Where the input is no terminal the list
---is printed with numbers, and a line is read: a number, or what an item says.
---
---Options: `question`, a text or a styled list above the items; `default`, the number of the item to begin at
---(1), which an empty line stands for, if it is given.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local _, out = lio.pipe()
---await(w:write "2\n")
---print(await(term.open(r, out):choose { "red", "green" }))   --> green	2
---```
---@param list any[] each shown by `tostring`, or a styled list
---@param opts? table
---@return lwt.Promise<any, integer> # item, index; nil when none was taken
---@overload fun(list: any[], opts?: table): lwt.Promise<any, integer>
---@overload fun(t: lwt.Terminal, list: any[], opts?: table): lwt.Promise<any, integer>
lwt_term_module.choose = function(list, opts) end

---The key with this name: `ctrl-`, `alt-`, `shift-` and `super-` in any order, and then a
---character, `space`, or one of `up down left right home end pageup pagedown insert delete enter
---tab escape backspace f1` to `f20`. Keys are compared with `==`, and may index a table: the same
---key is the same value. `tostring` gives the name back, in one spelling. Shift beside a letter is
---the capital letter, and `ctrl-A` is `ctrl-a`.
---```lua
---print(term.key "alt-ctrl-f", term.key "shift-a", term.key "ctrl-right".name)
------> ctrl-alt-f	A	right
---print(term.key "ctrl-a" == term.key "Ctrl-A")   --> true
---```
---@param name string
---@return lwt.TerminalKey
lwt_term_module.key = function(name) end

lwt_term_module.Guard = {}

lwt_term_module.Guard.close = lwt_TerminalGuard.close

---A progress bar at the bottom of what has been written; several stand below one another. It is redrawn at
---most ten times a second. What is printed meanwhile appears above. Where the output is no terminal (or TERM
---is `dumb`) it writes a plain line at each tenth of the whole, at least every ten seconds, and at the end.
---
---Options: `total` (without it only the count and the time are shown), `label`, `value` to begin with (0).
---```lua
---local bar = term.progress { total = 3, label = "files" }
---for _ = 1, 3 do bar:add() end
---await(bar:done())
---```
---@param opts? table
---@return lwt.Bar
---@overload fun(opts?: table): lwt.Bar
---@overload fun(t: lwt.Terminal, opts?: table): lwt.Bar
lwt_term_module.progress = function(opts) end

lwt_term_module.Bar = {}

lwt_term_module.Bar.add = lwt_Bar.add

lwt_term_module.Bar.set = lwt_Bar.set

lwt_term_module.Bar.done = lwt_Bar.done

---Shows that something is under way, for as long as it takes, with how many seconds it has been. Where the
---output is no terminal it writes nothing before its end.
---
---Option: `label`.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local spinner = term.open(r, w):spinner { label = "looking" }
---await(lwt.sleep(0.01))
---await(spinner:done "found")
---print(await(r:read_line()))   --> found
---```
---@param opts? table
---@return lwt.Spinner
---@overload fun(opts?: table): lwt.Spinner
---@overload fun(t: lwt.Terminal, opts?: table): lwt.Spinner
lwt_term_module.spinner = function(opts) end

lwt_term_module.Spinner = {}

lwt_term_module.Spinner.set = lwt_Spinner.set

lwt_term_module.Spinner.done = lwt_Spinner.done

---Writes texts and styles: a list, which may have lists in it, or several arguments. Styles are a state: one
---holds until another of its kind, or `term.reset`; at the end of the call all are off. Colours that the
---terminal has not become the nearest that it has. Where the output is no terminal, or TERM is `dumb`, styles
---are left out, also escape sequences in the texts; NO_COLOR leaves out the colours alone.
---
---While something is drawn at the bottom (`draw`, bars, a line that is edited) the text appears above it.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(term.open(r, w):print({ term.bold, "one" }, " ", term.fg.red, 2))
---print(await(r:read(99)))   --> one 2
---```
---@param ... string|number|lwt.Style|table
---@return lwt.Promise<nil> # it is written
---@overload fun(...: string|number|lwt.Style|table): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal, ...: string|number|lwt.Style|table): lwt.Promise<nil>
lwt_term_module.print = function(...) end

---As `print`, with a newline at the end. (Lwt's name for it.)
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(term.open(r, w):printlc { term.fg.blue, term.bold, "foo", term.reset, "bar" })
---print(await(r:read_line()))   --> foobar
---```
---@param ... string|number|lwt.Style|table
---@return lwt.Promise<nil> # it is written
---@overload fun(...: string|number|lwt.Style|table): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal, ...: string|number|lwt.Style|table): lwt.Promise<nil>
lwt_term_module.printlc = function(...) end

---As `print`, to where errors go: the standard error of the controlling terminal, the option `error` of
---others.
---@param ... string|number|lwt.Style|table
---@return lwt.Promise<nil> # it is written
---@overload fun(...: string|number|lwt.Style|table): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal, ...: string|number|lwt.Style|table): lwt.Promise<nil>
lwt_term_module.eprint = function(...) end

---As `eprint`, with a newline at the end.
---@param ... string|number|lwt.Style|table
---@return lwt.Promise<nil> # it is written
---@overload fun(...: string|number|lwt.Style|table): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal, ...: string|number|lwt.Style|table): lwt.Promise<nil>
lwt_term_module.eprintlc = function(...) end

---A styled list as a text with the escape sequences that this terminal takes: for `draw`, tables, prompts.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w, { tty = true, env = { TERM = "xterm" } })
---print(("%q"):format(t:styled { term.bold, "x" }))   --> "\27[1mx\27[m"
---```
---@param ... string|number|lwt.Style|table
---@return string
---@overload fun(...: string|number|lwt.Style|table): string
---@overload fun(t: lwt.Terminal, ...: string|number|lwt.Style|table): string
lwt_term_module.styled = function(...) end

---Erases the screen, and puts the cursor into its first column and row. As all functions of the screen, it
---writes nothing where the output is no terminal or TERM is `dumb`.
---```lua
---await(term.clear())
---```
---@return lwt.Promise<nil>
---@overload fun(): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal): lwt.Promise<nil>
lwt_term_module.clear = function() end

---Erases the row in which the cursor is; with `"right"` or `"left"` that side of the cursor. The cursor
---stays.
---@param side string?
---@return lwt.Promise<nil>
---@overload fun(side: string?): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal, side: string?): lwt.Promise<nil>
lwt_term_module.clear_line = function(side) end

---Moves the cursor.
---```lua
---await(term.move(1, 1))
---```
---@param column integer from 1
---@param row integer from 1
---@return lwt.Promise<nil>
---@overload fun(column: integer, row: integer): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal, column: integer, row: integer): lwt.Promise<nil>
lwt_term_module.move = function(column, row) end

---Remembers where the cursor is, and the style.
---@return lwt.Promise<nil>
---@overload fun(): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal): lwt.Promise<nil>
lwt_term_module.save = function() end

---Puts the cursor where it was at `save`.
---@return lwt.Promise<nil>
---@overload fun(): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal): lwt.Promise<nil>
lwt_term_module.restore = function() end

---Hides the cursor, until `show_cursor` or the end of the program.
---@overload fun()
---@overload fun(t: lwt.Terminal)
lwt_term_module.hide_cursor = function() end

---Shows the cursor again.
---@overload fun()
---@overload fun(t: lwt.Terminal)
lwt_term_module.show_cursor = function() end

---Gives the terminal's window a title. Control characters are left out.
---```lua
---await(term.title "lwt")
---```
---@param text string
---@return lwt.Promise<nil>
---@overload fun(text: string): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal, text: string): lwt.Promise<nil>
lwt_term_module.title = function(text) end

---Rings the bell.
---```lua
---await(term.bell())
---```
---@return lwt.Promise<nil>
---@overload fun(): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal): lwt.Promise<nil>
lwt_term_module.bell = function() end

---Puts a text into the clipboard of the terminal's window, where the terminal lets programs do that (OSC 52).
---There is no telling whether it has.
---```lua
---await(term.set_clipboard "copied")
---```
---@param text string
---@return lwt.Promise<nil>
---@overload fun(text: string): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal, text: string): lwt.Promise<nil>
lwt_term_module.set_clipboard = function(text) end

---Shows lines at the bottom of what has been written, in place of those that it showed last: it writes what
---is different, and of a row that has changed only the cells that have. What does not fit into a row is cut;
---of more rows than the terminal has, the last are shown. Without lines they are taken away.
---
---What is printed meanwhile appears above, and so does what other bars show. `draw_done` leaves the lines
---where they are, and goes on below. Where the output is no terminal nothing is drawn, and `draw_done` writes
---the lines that were drawn last.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---await(t:draw { "one", { term.bold, "two" } })
---await(t:draw_done())
---print(await(r:read_line()), await(r:read_line()))   --> one	two
---```
---@param lines? (string|table)[] texts or styled lists
---@return lwt.Promise<nil> # it is written
---@overload fun(lines?: (string|table)[]): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal, lines?: (string|table)[]): lwt.Promise<nil>
lwt_term_module.draw = function(lines) end

---Leaves what `draw` shows on the screen, and goes on below it.
---@return lwt.Promise<nil> # it is written
---@overload fun(): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal): lwt.Promise<nil>
lwt_term_module.draw_done = function() end

---A link: what follows in the list leads to `url` where the terminal can show that, up to
---`term.link()` or `term.reset`. With a text, a list of both, which ends the link as well.
---```lua
---print(term.strip(tostring(term.link "https://lua.org") .. "Lua" .. tostring(term.link())))   --> Lua
---```
---@param url string? nil: the link ends
---@param text any? a text, or a styled list
---@return lwt.Style|table
lwt_term_module.link = function(url, text) end

---A text without styles, links and any other escape sequence. What is in a styled list is put
---together.
---```lua
---print(term.strip "\27[1;31mred\27[0m", term.strip { term.bold, "b", 1 })   --> red	b1
---```
---@param s string|table a text, or a styled list
---@return string
lwt_term_module.strip = function(s) end

---How many columns a text takes on a terminal: as `lwt.text.width`, without the escape sequences.
---```lua
---print(term.width { term.bold, "日本", term.reset, "!" })   --> 5
---```
---@param s string|table a text, or a styled list
---@return integer
lwt_term_module.width = function(s) end

---Prints a table: a list of rows, each a list of texts, numbers or styled lists. A column is as wide as its
---widest cell; on a terminal that is narrower the widest are cut, elsewhere none. Numbers stand at the right.
---
---Options: `header`, a list of names, which are bold; `align`, a list of `"left"` or `"right"`, one a column.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(term.open(r, w):table({ { "ann", 5 }, { "bo", 12 } }, { header = { "name", "n" } }))
---for _ = 1, 3 do print((await(r:read_line()))) end
------> name   n
------> ann    5
------> bo    12
---```
---@param rows table[]
---@param opts? table
---@return lwt.Promise<nil> # it is written
---@overload fun(rows: table[], opts?: table): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal, rows: table[], opts?: table): lwt.Promise<nil>
lwt_term_module.table = function(rows, opts) end

---Whether the output is a terminal, and whether the input is one.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---print(term.open(r, w):is_tty())   --> false	false
---```
---@return boolean output
---@return boolean input
---@overload fun(): boolean, boolean
---@overload fun(t: lwt.Terminal): boolean, boolean
lwt_term_module.is_tty = function() end

---How many columns and rows the terminal has: what the system says; where that is nothing, COLUMNS and
---LINES; then 80 and 24. At least 1 of both.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---print(term.open(r, w, { columns = 100 }):size())   --> 100	24
---```
---@return integer columns
---@return integer rows
---@overload fun(): integer, integer
---@overload fun(t: lwt.Terminal): integer, integer
lwt_term_module.size = function() end

---Says how large a terminal is that the system does not know: one at the other end of a connection.
---Waiting reads of keys get it as a key, and `size_signal` changes.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---t:set_size(132, 50)
---print(t:size())   --> 132	50
---```
---@param columns integer at least 1
---@param rows integer at least 1
---@overload fun(columns: integer, rows: integer)
---@overload fun(t: lwt.Terminal, columns: integer, rows: integer)
lwt_term_module.set_size = function(columns, rows) end

---The number of colours that are written: 0, 16, 256 or 16777216. The first of these decides: the option
---`colors`; NO_COLOR, if it is not empty, is 0; FORCE_COLOR or CLICOLOR_FORCE, if not empty, is `0` or `false`
---for none, `1`, `2`, `3` for 16, 256, 16777216, anything else for what the terminal has; 0 for what is no
---terminal, for TERM=dumb or no TERM, and for CLICOLOR=0; COLORTERM (`truecolor`, `24bit`) and the name in
---TERM say how many.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---print(term.open(r, w, { env = { FORCE_COLOR = "2" } }):colors())   --> 256
---```
---@return integer
---@overload fun(): integer
---@overload fun(t: lwt.Terminal): integer
lwt_term_module.colors = function() end

---Puts the terminal into raw mode: every key is there at once, nothing is echoed, and Ctrl-C, Ctrl-Z,
---Ctrl-S and the like are plain keys. (Output is as always: a newline is the beginning of the next line.)
---The guard that comes back ends it: `guard:close()`, or `<close>`. It is counted: raw mode ends with the
---last guard; of several that differ in `signals`, the newest counts.
---
---The terminal is given back as it was found on every way out of the program: the end, an error, `os.exit`,
---a fatal signal (which then ends it as it would have). When the process is stopped by SIGTSTP it is given
---back before, and when it goes on it is raw again. What has been typed already is not lost on either way.
---A terminal that was left raw by a program which was killed is taken for one that was not.
---
---Where the input is no terminal nothing happens. Raises `EIO` where the terminal has gone away.
---```lua
---do
--- local guard <close> = term.raw_mode()
---end
---```
---@param opts? table `signals`: Ctrl-C still interrupts (false); `paste`: what is pasted is one key (true)
---@return lwt.TerminalGuard
---@overload fun(opts?: table): lwt.TerminalGuard
---@overload fun(t: lwt.Terminal, opts?: table): lwt.TerminalGuard
lwt_term_module.raw_mode = function(opts) end

---Runs `f(t)` as a task in raw mode (see `raw_mode`), which ends with it, however it ends.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---await(w:write "q")
---print(await(t:with_raw_mode(function() return t:read_key() end)))   --> q
---```
---@param f async fun(t: lwt.Terminal): any
---@param opts? table as for `raw_mode`
---@return lwt.Promise<any> # what `f` returns
---@overload fun(f: async fun(t: lwt.Terminal): any, opts?: table): lwt.Promise<any>
---@overload fun(t: lwt.Terminal, f: async fun(t: lwt.Terminal): any, opts?: table): lwt.Promise<any>
lwt_term_module.with_raw_mode = function(f, opts) end

---Runs `f(t)` as a task on the terminal's other screen, which is empty at first. What was shown before is
---there again when it has ended, however it ends.
---```lua
---print(await(term.with_alternate_screen(function() return "done" end)))   --> done
---```
---@param f async fun(t: lwt.Terminal): any
---@return lwt.Promise<any> # what `f` returns
---@overload fun(f: async fun(t: lwt.Terminal): any): lwt.Promise<any>
---@overload fun(t: lwt.Terminal, f: async fun(t: lwt.Terminal): any): lwt.Promise<any>
lwt_term_module.with_alternate_screen = function(f) end

---Runs `f(t)` as a task while the mouse is reported, as keys: `{ name = "mouse", action =, button =, x =,
---y = }`, with `ctrl`, `alt` and `shift`. Actions are `press`, `release`, `move` and `wheel`; buttons `left`,
---`middle`, `right`, and `up`, `down` of the wheel; `x` and `y` are from 1. Without `motion` moves are
---reported only while a button is held.
---```lua
---print(await(term.with_mouse(function() return "done" end)))   --> done
---```
---@param f async fun(t: lwt.Terminal): any
---@param opts? table `motion`: every move (false)
---@return lwt.Promise<any> # what `f` returns
---@overload fun(f: async fun(t: lwt.Terminal): any, opts?: table): lwt.Promise<any>
---@overload fun(t: lwt.Terminal, f: async fun(t: lwt.Terminal): any, opts?: table): lwt.Promise<any>
lwt_term_module.with_mouse = function(f, opts) end

---Runs `f(t)` as a task while it is reported, as a key `{ focus = true|false }`, that the terminal's window
---gets or loses the keyboard.
---```lua
---print(await(term.with_focus(function() return "done" end)))   --> done
---```
---@param f async fun(t: lwt.Terminal): any
---@return lwt.Promise<any> # what `f` returns
---@overload fun(f: async fun(t: lwt.Terminal): any): lwt.Promise<any>
---@overload fun(t: lwt.Terminal, f: async fun(t: lwt.Terminal): any): lwt.Promise<any>
lwt_term_module.with_focus = function(f) end

---Stops the process as Ctrl-Z does elsewhere, after the terminal was given back; in raw mode that is up to
---the program. The promise is fulfilled when it goes on and the screen has been drawn again; at once where
---there is no shell that could have it go on.
---```lua norun
---if key == term.key "ctrl-z" then await(t:suspend()) end
---```
---@return lwt.Promise<nil>
---@overload fun(): lwt.Promise<nil>
---@overload fun(t: lwt.Terminal): lwt.Promise<nil>
lwt_term_module.suspend = function() end

---Has `f(t)` called as a task when the screen has to be drawn anew, because the process had been stopped.
---What `draw`, bars and the like show is drawn by itself.
---```lua
---local stop = term.on_redraw(function(t) t:clear() end)
---stop()
---```
---@param f async fun(t: lwt.Terminal)
---@return fun() stop no more
---@overload fun(f: async fun(t: lwt.Terminal)): fun()
---@overload fun(t: lwt.Terminal, f: async fun(t: lwt.Terminal)): fun()
lwt_term_module.on_redraw = function(f) end

---A promise of the next key, nil at the end of the input. It is in raw mode while it waits, if it is not
---already. Cancelling it takes no key.
---
---A key is `{ name = "up", ctrl =, alt =, shift =, super = }` or `{ char = "é", … }` (see `term.key`), or one
---of these: `{ paste = text }`, what was pasted, with `"\n"` as the ends of lines and without control
---characters; the mouse (see `with_mouse`); `{ focus = true|false }`; `{ resize = true, columns =, rows = }` in
---raw mode. `tostring(key)` is `"ctrl-a"`, `"é"`, `"paste"`.
---
---An Escape is a key when nothing follows it for `t.escape_time` seconds (0.05). A sequence that is not
---known is no key, and no byte of it is one; what is not UTF-8 is U+FFFD.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---await(w:write "\27[1;5Aé")
---print(await(t:read_key()), await(t:read_key()).char)   --> ctrl-up	é
---```
---@return lwt.Promise<lwt.TerminalKey?>
---@overload fun(): lwt.Promise<lwt.TerminalKey?>
---@overload fun(t: lwt.Terminal): lwt.Promise<lwt.TerminalKey?>
lwt_term_module.read_key = function() end

---The keys one after the other, up to the end of the input, in raw mode for as long as the loop goes on.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---await(w:write "ab\r")
---for key in term.open(r, w):keys() do
--- if key == term.key "enter" then break end
--- print(key)
---end
------> a
------> b
---```
---@return fun(): lwt.TerminalKey?
---@overload fun(): fun(): lwt.TerminalKey?
---@overload fun(t: lwt.Terminal): fun(): lwt.TerminalKey?
lwt_term_module.keys = function() end

---Gives the terminal back as it was, and stops using it. The channels are not closed. What waits for a
---key is rejected with `lwt.Closed`.
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local t = term.open(r, w)
---t:close()
---```
---@overload fun()
---@overload fun(t: lwt.Terminal)
lwt_term_module.close = function() end

---@class lwt.test.module
local lwt_test_module = {}

---A function for busted's `it` that runs `f` as a task with `lwt.run`, so that it may await. It
---fails where `f` fails: what is raised there, or awaited there, is reported at that line of the
---spec. A promise that `f` returns is followed: the spec ends when it is resolved, and fails when it
---is rejected. `pending` and `finally` work inside. When `f` has not ended after `timeout` seconds (10,
---or what the environment variable `LWT_TEST_TIMEOUT` says) it is cancelled, and the spec fails
---with the list of the tasks that were waiting. The engine is restored if `f` changes it.
---```lua
----- outside a task
---local test = require "lwt.test"
---local spec = test.async(function()
---  require "lwt".await(require "lwt".sleep(0.001))
---  print("ran")   --> ran
---end)
---spec()   -- as busted does: it("…", spec)
---```
---@param f fun(...)
---@param opts? { timeout: number }
---@return fun(...) spec
lwt_test_module.async = function(f, opts) end

---Like `async`, but time is virtual: it stands still while anything can run, and jumps to the
---next timer when nothing can. A spec that sleeps for a year takes no time, everything wakes in
---the right order, and waiting for what cannot come fails at once with `deadlock`. The time-out
---counts the processor's time.
---```lua
----- outside a task
---local lwt, test = require "lwt", require "lwt.test"
---local spec = test.virtual(function()
---  local p = lwt.with_timeout(3600, lwt.wait())
---  print(select(2, pcall(lwt.await, p)) == lwt.Timeout)   --> true
---end)
---spec()   -- as busted does: it("…", spec)
---```
---@param f fun(...)
---@param opts? { timeout: number }
---@return fun(...) spec
lwt_test_module.virtual = function(f, opts) end

---Like `virtual`, but tasks that are ready run in an order that the seed decides (and
---`math.random` is seeded with it). What goes wrong in one order in a thousand is found by a
---thousand seeds, and seen again with its own, which the failure tells.
---```lua
----- outside a task
---local lwt, test = require "lwt", require "lwt.test"
---local function order(seed)
---  local log = {}
---  test.fuzz(seed, function()
---    local tasks = {}
---    for i = 1, 5 do
---      tasks[i] = lwt.spawn(function() lwt.yield() log[#log + 1] = i end)
---    end
---    lwt.await(lwt.join(tasks))
---  end)()
---  return table.concat(log)
---end
---print(order(1) == order(1))   --> true
---```
---@param seed integer
---@param f fun(...)
---@param opts? { timeout: number }
---@return fun(...) spec
lwt_test_module.fuzz = function(seed, f, opts) end

---Raises an error that lists what is left, if anything is: open handles, timers, live tasks other than the one that
---asks, rejections that were not looked at. Handles that were open before the last `async`, `virtual` or `fuzz` spec
---began are not its fault, and do not count. A plain function: call it at the end of a spec, or in `after_each`.
---(`lwt.debug(true)` tells where handles were made.)
---```lua
---test.assert_clean()
---local p = lwt.sleep(60)
---print((pcall(test.assert_clean)))   --> false
---p:cancel()
---test.assert_clean()
---```
lwt_test_module.assert_clean = function() end

---What must hold of a stream, as specs for one of your own: an iterator of names and functions
---for `it`. `make(values)` gives a fresh stream of the elements of a list; of its methods,
---`get` and the generic `for` are needed, `peek` and `next` are looked at where it has them.
---```lua
----- outside a task
---local test, stream = require "lwt.test", require "lwt.stream"
---for name, check in test.stream_kit(stream.of_list) do
---  check()   -- in a spec file: it(name, check)
---end
---```
---@param make fun(values: any[]): any
---@return fun(): string?, fun()?
lwt_test_module.stream_kit = function(make) end

---What must hold of channels, as specs for a kind of your own: an iterator of names and functions
---for `it`. `make()` gives an output channel and the input channel where it comes out; it
---may await.
---```lua
----- outside a task
---local test, lio = require "lwt.test", require "lwt.io"
---for name, check in test.channel_kit(function()
---  local input, output = lio.pipe()
---  return output, input
---end) do
---  check()   -- in a spec file: it(name, check)
---end
---```
---@param make fun(): any, any
---@return fun(): string?, fun()?
lwt_test_module.channel_kit = function(make) end

---What must hold of whatever brings bytes, as specs for a kind of your own: an iterator of names
---and functions for `it`. `source(data)` gives a fresh source of exactly these bytes: its
---`read(n)` gives a promise of at most `n` of them (of as many as it likes, where it has messages),
---of nil at the end. It is read by tasks, by its direct view, by callbacks, by streams, by several
---at once, with and without cancels, and the content is compared. With `sink`, what is written is
---looked at as well: `sink()` gives something with `write(s)`, and a function that ends it and
---returns what has come out. Both may await; what has a `close` is closed.
---```lua
----- outside a task
---local test, lio = require "lwt.test", require "lwt.io"
---for name, check in test.bytes_kit(lio.of_bytes) do
---  check()   -- in a spec file: it(name, check)
---end
---```
---@param source fun(data: string): any
---@param sink? fun(): any, fun(): string
---@return fun(): string?, fun()?
lwt_test_module.bytes_kit = function(source, sink) end

---@class lwt.text.module
local lwt_text_module = {}

---`s` in upper case, of all scripts. A character may become several (`ß` becomes `SS`). The
---language makes no difference (in Turkish as well, `i` becomes `I`).
---```lua
---print(text.upper("straße, ñ"))   --> STRASSE, Ñ
---```
---@param s string
---@return string
lwt_text_module.upper = function(s) end

---`s` in lower case, of all scripts. A Greek sigma at the end of a word becomes `ς`.
---```lua
---print(text.lower("ÀÉ ΟΔΟΣ"))   --> àé οδος
---```
---@param s string
---@return string
lwt_text_module.lower = function(s) end

---`s` with differences of upper and lower case removed, to compare by: it is not meant to be
---read. Where accents may be written in two ways, normalize as well.
---```lua
---print(text.fold("Straße") == text.fold("STRASSE"))   --> true
---```
---@param s string
---@return string
lwt_text_module.fold = function(s) end

---`s` when it takes at most `columns` columns; otherwise as much of its beginning as fits
---with the ellipsis behind it. A cluster is never cut. An ellipsis that is wider than
---`columns` is left out.
---```lua
---print(text.truncate("a long title", 7), text.truncate("short", 7))   --> a long… short
---print(text.truncate("日本語", 5, ""))   --> 日本
---```
---@param s string
---@param columns integer at least 0
---@param ellipsis string? `"…"`
---@param opts table? `ambiguous`, `emoji`: see `width`
---@return string
lwt_text_module.truncate = function(s, columns, ellipsis, opts) end

---`s` filled up with blanks to so many columns. What is as wide or wider stays as it is.
---Options: `align` says where the text is then: `"left"` (the default), `"right"` or
---`"center"`; `fill` is another character for the blanks, one column wide.
---```lua
---print("[" .. text.pad("日本", 6) .. "]", "[" .. text.pad("7", 3, {align = "right"}) .. "]")
-----> [日本  ] [  7]
---print(text.pad("on", 6, {align = "center", fill = "─"}))   --> ──on──
---```
---@param s string
---@param columns integer at least 0
---@param opts table? `align`, `fill`, and `ambiguous`, `emoji`: see `width`
---@return string
lwt_text_module.pad = function(s, columns, opts) end

---Iterates over the clusters of `s`: what a reader calls characters, by the rules of
---Unicode's annex 29. With each comes the position of its first byte. Put together, they are
---`s` again.
---```lua
---for cluster, at in text.graphemes("ne\u{301}!") do print(at, #cluster) end
-----> 1 1
-----> 2 3
-----> 5 1
---```
---@param s string
---@return fun(): string?, integer? the next cluster and its position
lwt_text_module.graphemes = function(s) end

---`s` in one of Unicode's normal forms: `"NFC"` (composed, the default), `"NFD"` (taken
---apart), `"NFKC"` and `"NFKD"` (the same, and variants such as `ﬁ` or `２` replaced by what
---they stand for). Of two texts that look alike the normal forms are equal.
---```lua
---print(text.normalize("e\u{301}") == "é", text.normalize("ﬁ２", "NFKC"))   --> true fi2
---```
---@param s string
---@param form string? `"NFC"`, `"NFD"`, `"NFKC"` or `"NFKD"`
---@return string
lwt_text_module.normalize = function(s, form) end

---How many characters (code points) `s` has. A piece that is not UTF-8 counts as one.
---```lua
---print(text.length("naïve"), #"naïve", text.length("\xFF"))   --> 5 6 1
---```
---@param s string
---@return integer
lwt_text_module.length = function(s) end

---How many columns of a terminal `s` takes. East Asian wide characters and emoji take two;
---combining marks, characters that only format, and control characters (newline and tab as
---well) take none; everything else, a piece that is not UTF-8 as well, takes one.
---
---Terminals differ, and no number is right in all of them. Options: `ambiguous = 2` for
---terminals with East Asian fonts, in which Greek, Cyrillic, `±` and the like take two
---columns (default 1); `emoji = "joined"` for terminals that draw a sequence of emoji (a
---family, a thumb with a skin tone, a heart with U+FE0F) as one of two columns; by default
---(`"apart"`) its parts are added up.
---```lua
---print(text.width("naïve"), text.width("日本"), text.width("e\u{301}"))   --> 5 4 1
---local thumb = "\u{1F44D}\u{1F3FD}"
---print(text.width(thumb), text.width(thumb, {emoji = "joined"}))   --> 4 2
---```
---@param s string
---@param opts table? `ambiguous`, `emoji`
---@return integer columns
lwt_text_module.width = function(s, opts) end

---Breaks `s` into lines of at most so many columns: at blanks, which then vanish, behind a
---hyphen in a word, and beside characters that are two columns wide; a word that is longer
---than a line is cut between clusters. Line ends in `s` (`\n`, `\r\n`) stay line ends, and
---so do blanks at the beginning of a line. A cluster that is wider than `columns` has a line
---of its own.
---```lua
---print(table.concat(text.wrap("the quick brown fox", 10), "|"))   --> the quick|brown fox
---print(table.concat(text.wrap("日本語のテキスト", 6), "|"))   --> 日本語|のテキ|スト
---```
---@param s string
---@param columns integer at least 1
---@param opts table? `ambiguous`, `emoji`: see `width`
---@return string[] lines, without their ends
lwt_text_module.wrap = function(s, columns, opts) end

---A text channel on a byte channel (of a file, a socket, a child's output …).
---
---Options: `encoding` (that of the locale, see `encoding`), `strict` (false): see `read_char` and
---`write`. A byte order mark at the beginning of the input is no part of it; in UTF-16 and UTF-32
---one is written, and tells the order of the bytes. A text channel takes from the byte channel no
---more than it needs, so that text and bytes may be read in turns; but `chars`, and lines in
---UTF-16, UTF-32 and what else has other bytes for a newline, read ahead.
---```lua
---local lio = require "lwt.io"
---local t = text.make(lio.of_bytes("caf\xE9\n"), {encoding = "ISO-8859-1"})
---print(await(t:read_line()))   --> café
---```
---@param ch lwt.Channel
---@param opts table? `encoding`, `strict`
---@return lwt.TextChannel
lwt_text_module.make = function(ch, opts) end

---Open a file as a text channel. (UTF-16 and UTF-32 write a byte order mark at its beginning, but
---not where they append.)
---```lua
---local lio = require "lwt.io"
---local out = await(text.open_file("f", "w", {encoding = "UTF-16"}))
---await(out:write("日本"))
---await(out:close())
---print(await(lio.file_length("f")))   --> 6
---```
---@param path string
---@param mode string as for `lio.open_file`
---@param opts table? `encoding`, `strict`, and those of `lio.open_file`
---@return lwt.Promise<lwt.TextChannel>
lwt_text_module.open_file = function(path, mode, opts) end

---Open a file, give its text channel to `f`, and close it when `f` is done, however it ends. What
---could not be written is an error of the whole.
---```lua
---local latin = {encoding = "ISO-8859-1"}
---await(text.with_file("f", "w", function(t) return t:write_line("café") end, latin))
---print(await(text.with_file("f", "r", text.read_line, latin)))   --> café
---```
---@param path string
---@param mode string
---@generic T
---@param f async fun(t: lwt.TextChannel): T?, ...?
---@param opts table? as for `open_file`
---@return lwt.Promise<T> # what `f` returns
lwt_text_module.with_file = function(path, mode, f, opts) end

---Connect to an address, as a text channel that reads and writes.
---```lua
---local lio = require "lwt.io"
---local server = await(lio.establish_server("127.0.0.1:0", function(ch)
---  await(ch:write("caf\xE9\n"))
---end))
---local t <close> = await(text.open_connection(server:address(), {encoding = "ISO-8859-1"}))
---print(await(t:read_line()))   --> café
---await(server:shutdown())
---```
---@param addr string|table as for `lio.open_connection`
---@param opts table? `encoding`, `strict`, and those of `lio.open_connection`
---@return lwt.Promise<lwt.TextChannel>
lwt_text_module.open_connection = function(addr, opts) end

---The name of an encoding: that of the text channel, or, without one, that of the locale. The
---locale is what the environment asks for (`LC_ALL`, `LC_CTYPE`, `LANG`): in the locale `C` it is
---`"ASCII"`.
---```lua
---local lio = require "lwt.io"
---print(text.make(lio.of_bytes(""), {encoding = "latin1"}):encoding())   --> ISO-8859-1
---```
---@param t lwt.TextChannel?
---@return string
lwt_text_module.encoding = function(t) end

lwt_text_module.byte_channel = lwt_TextChannel.byte_channel

lwt_text_module.atomic = lwt_TextChannel.atomic

lwt_text_module.flush = lwt_TextChannel.flush

lwt_text_module.close = lwt_TextChannel.close

lwt_text_module.abort = lwt_TextChannel.abort

lwt_text_module.is_closed = lwt_TextChannel.is_closed

---The bytes of a text in some encoding, as a Lua string, which is UTF-8.
---
---UTF-8, UTF-16, UTF-32 (also `UTF-16LE`, `UTF-16BE` and so on), ASCII, Latin-1 (`ISO-8859-1`) and
---CP1252 are the same everywhere; the others are those of the system's `iconv` (`iconv -l` lists
---them). Neither case nor `-` and `_` make a difference in the names of ours. A byte order mark at
---the beginning is no part of the text; UTF-16 and UTF-32 without one are big-endian.
---
---What is malformed becomes U+FFFD. With `strict = true` it raises an error whose `code` is
---`"EILSEQ"`, and whose `at` is its offset in `bytes`, from 0.
---```lua
---print(text.decode("na\xEFve", "ISO-8859-1"), text.decode("\xFE\xFF\x65\xE5", "UTF-16"))
-----> naïve 日
---print(text.decode("a\xFF", "UTF-8"))   --> a�
---local ok, err = pcall(text.decode, "a\xFF", "UTF-8", {strict = true})
---print(err.code, err.at)   --> EILSEQ 1
---```
---@param bytes string
---@param encoding string? that of the locale (see `encoding`)
---@param opts table? `strict`
---@return string
lwt_text_module.decode = function(bytes, encoding, opts) end

---The bytes of a string in some encoding (see `decode`).
---
---A character that the encoding has not is transliterated: to the letter without its accents (`é`
---to `e`), to what people write instead (`ß` to `ss`, `€` to `EUR`, `“` to `"`), and otherwise to
---`?`; marks that stand alone are left out. A piece of `s` that is not UTF-8 counts as U+FFFD. It
---is the same on every system and in every locale. With `strict = true` such a character raises an
---error whose `code` is `"EILSEQ"`, and whose `at` is its offset in `s`, from 0. UTF-16 and UTF-32
---are written big-endian, with a byte order mark in front (those whose name says the order are
---without).
---```lua
---print(text.encode("Straße, café, 5 €, 日本", "ASCII"))   --> Strasse, cafe, 5 EUR, ??
---print(#text.encode("é", "ISO-8859-1"), #text.encode("é", "UTF-16"))   --> 1 4
---local ok, err = pcall(text.encode, "5 €", "ISO-8859-1", {strict = true})
---print(err.code, err.at)   --> EILSEQ 2
---```
---@param s string
---@param encoding string? that of the locale (see `encoding`)
---@param opts table? `strict`
---@return string bytes
lwt_text_module.encode = function(s, encoding, opts) end

lwt_text_module.read_char = lwt_TextChannel.read_char

lwt_text_module.read_line = lwt_TextChannel.read_line

lwt_text_module.read = lwt_TextChannel.read

lwt_text_module.lines = lwt_TextChannel.lines

lwt_text_module.chars = lwt_TextChannel.chars

lwt_text_module.read_lines = lwt_TextChannel.read_lines

lwt_text_module.read_chars = lwt_TextChannel.read_chars

---Write the arguments to `text.stdout`, one behind the other, at once and in order with Lua's own
---`print`, as `lio.print` does, but in the encoding of the locale: in the locale `C`, `é` comes
---out as `e`. `printl` adds a newline, `printf` formats, `printlf` does both; with an `e` in front
---they write to `text.stderr`.
---```lua
---print(lwt.is_promise(text.print("")))   --> true
---```
---@param ... string|number
---@return lwt.Promise<nil>
lwt_text_module.print = function(...) end

---Write the arguments and a newline to `text.stdout`, at once.
---@param ... string|number
---@return lwt.Promise<nil>
lwt_text_module.printl = function(...) end

---Write `fmt:format(...)` to `text.stdout`, at once.
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
lwt_text_module.printf = function(fmt, ...) end

---Write `fmt:format(...)` and a newline to `text.stdout`, at once.
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
lwt_text_module.printlf = function(fmt, ...) end

---Write the arguments to `text.stderr`, at once.
---@param ... string|number
---@return lwt.Promise<nil>
lwt_text_module.eprint = function(...) end

---Write the arguments and a newline to `text.stderr`, at once.
---@param ... string|number
---@return lwt.Promise<nil>
lwt_text_module.eprintl = function(...) end

---Write `fmt:format(...)` to `text.stderr`, at once.
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
lwt_text_module.eprintf = function(fmt, ...) end

---Write `fmt:format(...)` and a newline to `text.stderr`, at once.
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
lwt_text_module.eprintlf = function(fmt, ...) end

lwt_text_module.write = lwt_TextChannel.write

lwt_text_module.write_char = lwt_TextChannel.write_char

lwt_text_module.write_line = lwt_TextChannel.write_line

lwt_text_module.writef = lwt_TextChannel.writef

lwt_text_module.write_lines = lwt_TextChannel.write_lines

lwt_text_module.write_chars = lwt_TextChannel.write_chars

---@class lwt.throttle.module
local lwt_throttle_module = {}

---Makes a throttle: `rate` calls a second for each key go through at once, and at most `max`
---calls, of all keys together, wait for their turn. Both are integers of at least 1.
---```lua
---local t = throttle.create(2, 100)
---print(await(t:wait("ann")), await(t:wait("ann")))   --> true true
---print(t:wait("ann"):state())                        --> pending
---```
---@param rate integer
---@param max integer
---@return lwt.Throttle
lwt_throttle_module.create = function(rate, max) end

lwt_throttle_module.wait = lwt_Throttle.wait

---@class lwt.timer.module
local lwt_timer_module = {}

---Makes a timer that will call `f()` as a task `seconds` (fractions allowed) after it is
---started: never early, once for each start. As a `<close>` variable it is stopped when the
---block is left.
---```lua
---local t = timer.create(0.01, function()
---  print("idle for too long")   --> idle for too long
---end)
---t:start()
---await(lwt.sleep(0.02))
---```
---@param seconds number
---@param f async fun(): ...?
---@return lwt.Timer
lwt_timer_module.create = function(seconds, f) end

lwt_timer_module.start = lwt_Timer.start

lwt_timer_module.stop = lwt_Timer.stop

lwt_timer_module.change = lwt_Timer.change

---Sets the function that gets the error of an action that fails, of any timer; nil: the exception
---hook, as at first. It returns the one before.
---```lua
---local old = timer.set_exn_handler(function(err)
---  print("failed:", err)   --> failed: oops
---end)
---timer.create(0, function() error("oops", 0) end):start()
---await(lwt.sleep(0.01))
---timer.set_exn_handler(old)
---```
---@param f? fun(err: any)
---@return fun(err: any)?
lwt_timer_module.set_exn_handler = function(f) end

---@class lwt.toplevel.module
local lwt_toplevel_module = {}

---Commands of your own: `commands.greet = function(rest) print("hello", rest) end` is `:greet`.
---@type table<string, fun(rest: string)>
lwt_toplevel_module.commands = nil

---How lines are edited: `mode = "vi"` for vi's keys, and `keys`, as `read_line` has them, for keys of your own. To be set
---in the start-up file, or at any time; what is wrong is reported at the next line.
---@type {mode?: string, keys?: table<string, string|function|false>}
lwt_toplevel_module.editor = nil

---Runs a prompt: on the terminal, or on the channels `input` and `output` (a socket, say), with plain lines
---there, or edited ones on `term`, a terminal object of `lwt.term`. `env` is the table of global variables
---(default `_G`; on channels, one whose `print` writes to `output`). `prompt = false` shows no prompts.
---```lua
---local lio = require "lwt.io"
---local input = lio.of_bytes "x = 20\nx + 1, 'a'\nlwt.sleep(0.01):map(function() return 'slept' end)\n:quit x\n"
---local output = lio.make { write = function(s) print((s:gsub("\n$", ""))) return #s end }
---print(await(toplevel.run { input = input, output = output, env = { lwt = lwt }, prompt = false }))
------> 21 "a"
------> "slept"
------> 20
---```
---@param opts? {input?: lwt.Channel, output?: lwt.Channel, term?: lwt.Terminal, env?: table, prompt?: boolean}
---@return lwt.Promise<any> # fulfilled at its end: with the values given to `:quit`, or none
lwt_toplevel_module.run = function(opts) end

return lwt_module

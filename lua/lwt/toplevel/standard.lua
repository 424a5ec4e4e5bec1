-- Lua's own functions, which carry no comments that could be shown: the parameters, and what each does.

local text = [[
assert(v, [message])  Raises `message` when `v` is false or nil, and gives its arguments otherwise.
collectgarbage([opt], [arg])  Collects garbage; with "count", how many KB are in use.
dofile([path])  Runs a file of Lua code and gives what it returns.
error(message, [level])  Raises an error; `level` 2 blames the caller, 0 adds no place.
getmetatable(object)  The metatable of a value, or its field `__metatable`.
ipairs(t)  For `for i, v in`: the elements 1, 2 … up to the first nil.
load(chunk, [name], [mode], [env])  Compiles a text: a function, or nil and a message.
loadfile([path], [mode], [env])  Compiles a file: a function, or nil and a message.
next(t, [key])  The key after this one and its value; nil at the end.
pairs(t)  For `for k, v in`: all keys and values, in no order.
pcall(f, ...)  Calls `f`: true and its results, or false and the error.
print(...)  Writes its arguments, as `tostring` shows them, with tabs between.
rawequal(a, b)  Whether both are the same, whatever `__eq` says.
rawget(t, key)  A field, whatever `__index` says.
rawlen(v)  The length of a table or string, whatever `__len` says.
rawset(t, key, value)  Sets a field, whatever `__newindex` says.
require(name)  Loads a module, once, and gives what it returned.
select(n, ...)  The arguments from number `n` on; with "#", how many there are.
setmetatable(t, mt)  Gives a table a metatable (nil: none), and gives the table.
tonumber(v, [base])  The number that a text stands for, or nil.
tostring(v)  A value as text.
type(v)  The type of a value, as text.
warn(message, ...)  Gives a warning; "@on" and "@off" switch them.
xpcall(f, handler, ...)  As `pcall`; `handler` gets the error while the stack is still there.
coroutine.close(co)  Ends a suspended coroutine, and closes its variables.
coroutine.create(f)  A coroutine that will run `f`.
coroutine.isyieldable([co])  Whether it may yield.
coroutine.resume(co, ...)  Goes on with a coroutine: true and its values, or false and the error.
coroutine.running()  The running coroutine, and whether it is the main one.
coroutine.status(co)  "running", "suspended", "normal" or "dead".
coroutine.wrap(f)  A function that resumes a new coroutine at each call.
coroutine.yield(...)  Suspends the running coroutine; gives what it is resumed with.
debug.gethook([co])  The hook that is set.
debug.getinfo([co], f, [what])  What is known of a function, or of a level of the stack.
debug.getlocal([co], f, i)  The name and the value of a local variable, or the name of a parameter.
debug.getmetatable(v)  The metatable, whatever `__metatable` says.
debug.getregistry()  The registry.
debug.getupvalue(f, i)  The name and the value of an upvalue.
debug.getuservalue(u, n)  A user value of a userdata.
debug.sethook([co], f, mask, [count])  Has `f` called for calls, returns, lines or instructions.
debug.setlocal([co], level, i, value)  Sets a local variable of a level of the stack.
debug.setmetatable(v, mt)  Sets the metatable of any value.
debug.setupvalue(f, i, value)  Sets an upvalue.
debug.setuservalue(u, value, n)  Sets a user value of a userdata.
debug.traceback([co], [message], [level])  The stack as text.
debug.upvalueid(f, i)  What tells upvalues apart that are not shared.
debug.upvaluejoin(f, i, g, j)  Makes an upvalue of `f` the same variable as one of `g`.
io.close([file])  Closes a file, or the default output.
io.flush()  Writes what is buffered for the default output.
io.input([file])  The default input, or sets it.
io.lines([path], ...)  For `for line in`: the lines of a file.
io.open(path, [mode])  Opens a file: "r" reads, "w" writes anew, "a" appends.
io.output([file])  The default output, or sets it.
io.popen(command, [mode])  Runs a command whose output can be read, or whose input written.
io.read(...)  Reads from the default input: "l" a line, "n" a number, "a" all, or so many bytes.
io.tmpfile()  A file that is gone when it is closed.
io.type(v)  "file", "closed file" or nil.
io.write(...)  Writes texts and numbers to the default output.
math.abs(x)  Without its sign.
math.acos(x)  The arc cosine, in radians.
math.asin(x)  The arc sine, in radians.
math.atan(y, [x])  The angle of `y/x`, in radians, in the right quadrant.
math.ceil(x)  The smallest integer that is not less.
math.cos(x)  The cosine of radians.
math.deg(x)  Radians as degrees.
math.exp(x)  e to the power of `x`.
math.floor(x)  The greatest integer that is not more.
math.fmod(x, y)  The remainder of a division that rounds towards zero.
math.log(x, [base])  The logarithm, natural or of a base.
math.max(x, ...)  The greatest of its arguments.
math.min(x, ...)  The least of its arguments.
math.modf(x)  The part before the point, and the rest.
math.rad(x)  Degrees as radians.
math.random([m], [n])  A random number: in [0,1), an integer from 1 to `m`, or from `m` to `n`.
math.randomseed([x], [y])  Begins another sequence of random numbers.
math.sin(x)  The sine of radians.
math.sqrt(x)  The square root.
math.tan(x)  The tangent of radians.
math.tointeger(x)  The integer that it is equal to, or nil.
math.type(x)  "integer", "float" or nil.
math.ult(m, n)  Whether `m < n`, both taken as unsigned.
os.clock()  The seconds of processor time that the program has used.
os.date([format], [time])  A date as text, or as a table with "*t".
os.difftime(t2, t1)  The seconds from one time to another.
os.execute([command])  Runs a command of the shell and waits for it.
os.exit([code], [close])  Ends the program.
os.getenv(name)  A variable of the environment, or nil.
os.remove(path)  Deletes a file; nil and a message when that fails.
os.rename(old, new)  Renames a file; nil and a message when that fails.
os.setlocale([locale], [category])  Sets the locale, or tells it.
os.time([t])  The time now, or of a table of year, month, day …, in seconds.
os.tmpname()  A name for a temporary file.
package.loadlib(path, name)  Loads a library in C, and gives a function of it.
package.searchpath(name, path, [sep], [rep])  The file that a module's name stands for in a path.
string.byte(s, [i], [j])  The bytes from `i` to `j`, as numbers.
string.char(...)  A text of bytes that are given as numbers.
string.dump(f, [strip])  A function as binary code.
string.find(s, pattern, [init], [plain])  Where a pattern is found: first byte, last, captures.
string.format(format, ...)  Values put into a format: %d %s %q %5.2f %x …
string.gmatch(s, pattern, [init])  For `for … in`: each match of a pattern, or its captures.
string.gsub(s, pattern, repl, [n])  Replaces matches by a text, or by what `repl` has or gives.
string.len(s)  How many bytes.
string.lower(s)  In lower case.
string.match(s, pattern, [init])  The first match of a pattern, or its captures; or nil.
string.pack(format, ...)  Values as binary data.
string.packsize(format)  How long that would be.
string.rep(s, n, [sep])  `n` copies, with `sep` between.
string.reverse(s)  The bytes from the last to the first.
string.sub(s, i, [j])  The bytes from `i` to `j`; negative ones count from the end.
string.unpack(format, s, [pos])  The values in binary data, and where it goes on.
string.upper(s)  In upper case.
table.concat(list, [sep], [i], [j])  The elements as one text, with `sep` between.
table.insert(list, [pos], value)  Puts a value at the end, or before position `pos`.
table.move(a, f, e, t, [b])  Copies elements `f` to `e` to position `t` (of `b`).
table.pack(...)  The arguments as a list, and how many in its field `n`.
table.remove(list, [pos])  Takes out the last element, or that at `pos`, and gives it.
table.sort(list, [less])  Sorts in place; `less(a, b)` tells whether `a` comes first.
table.unpack(list, [i], [j])  The elements, as several values.
utf8.char(...)  A text of code points.
utf8.codepoint(s, [i], [j], [lax])  The code points of the characters from byte `i` to `j`.
utf8.codes(s, [lax])  For `for at, code in`: all characters.
utf8.len(s, [i], [j], [lax])  How many characters; or nil and where the text is no UTF-8.
utf8.offset(s, n, [i])  At which byte character number `n` begins.
]]

local M = {}

-- By name: { signature, sentence }.
for signature, sentence in text:gmatch "([^\n]-)  ([^\n]*)\n" do
  M[signature:match "^[^(]*"] = { signature, sentence }
end

return M

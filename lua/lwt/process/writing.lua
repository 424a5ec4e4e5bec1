-- Programs that are given an input, alone (pwrite) or to read what they make of it (pmap).

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"
local child = require "lwt.process.child"
local command = require "lwt.process.command"
local shared = require "lwt.process.shared"
local stream = require "lwt.process.stream"

local await, spawn = lwt.await, lwt.spawn
local run, settled, timely, with = shared.run, shared.settled, shared.timely, command.with

local M = shared.public

-- What these calls add to the options.
local writes = { stdin = "pipe" }
local both = { stdin = "pipe", stdout = "pipe", group = "auto" }

-- Ways to write: each takes the channel and what is to be written.
local write = {}

function write.text(ch, text) await(ch:write(text)) end
function write.line(ch, line) await(ch:write_line(line)) end

-- Elements of a stream or a list, in turn.
local function each(ch, method, elements)
  if require("lwt.stream").is_stream(elements) then
    for v in elements do await(ch[method](ch, v)) end
  else
    for i = 1, #elements do await(ch[method](ch, elements[i])) end
  end
end

function write.chars(ch, chars) each(ch, "write_char", chars) end
function write.lines(ch, lines) each(ch, "write_line", lines) end

-- Called straight from the public function.
local function check_data(kind, data, name)
  if kind == "text" or kind == "line" then
    if type(data) ~= "string" and not (kind == "text" and type(data) == "userdata") then
      args.wrong(2, name, "string", data, 1)
    end
  elseif type(data) ~= "table" then
    args.wrong(2, name, "stream or list", data, 1)
  end
end

-- Write all, and close, so that the program sees the end.
local function feed(p, kind, data)
  write[kind](p.stdin, data)
  await(p.stdin:close())
end

local function pwrite(name, kind)
  return function(cmd, data, opts)
    command.check(cmd, opts, 3, name, writes)
    check_data(kind, data, name)
    local running = run(cmd, with(opts, writes), 3, name, function(p)
      timely(p, feed, p, kind, data)
      return settled(p)
    end)
    return running
  end
end

--- Runs a program with a text as its input, and gives its status. A program that closes its input
--- before it has read all of it is an error (`EPIPE`).
---@param cmd string[]
---@param text string|lwt.Bytes
---@param opts? table as for `open`
---@return lwt.Promise<lwt.ProcessStatus>
---```lua
---print(await(process.pwrite({"grep", "-q", "b"}, "a\nb\n")).code)   --> 0
---```
---@function process.pwrite(cmd, text, opts)
M.pwrite = pwrite("pwrite", "text")

--- As `pwrite`, of a line to which its end is added.
---@param cmd string[]
---@param line string
---@param opts? table as for `open`
---@return lwt.Promise<lwt.ProcessStatus>
---```lua
---print(await(process.pwrite_line({"grep", "-qx", "b"}, "b")).code)   --> 0
---```
---@function process.pwrite_line(cmd, line, opts)
M.pwrite_line = pwrite("pwrite_line", "line")

--- As `pwrite`, of the characters of a stream or a list.
---@param cmd string[]
---@param chars lwt.Stream|string[]
---@param opts? table as for `open`
---@return lwt.Promise<lwt.ProcessStatus>
---```lua
---print(await(process.pwrite_chars({"grep", "-q", "ab"}, {"a", "b"})).code)   --> 0
---```
---@function process.pwrite_chars(cmd, chars, opts)
M.pwrite_chars = pwrite("pwrite_chars", "chars")

--- As `pwrite`, of the lines of a stream or a list, whose ends are added.
---@param cmd string[]
---@param lines lwt.Stream|string[]
---@param opts? table as for `open`
---@return lwt.Promise<lwt.ProcessStatus>
---```lua
---print(await(process.pwrite_lines({"grep", "-qx", "b"}, {"a", "b"})).code)   --> 0
---```
---@function process.pwrite_lines(cmd, lines, opts)
M.pwrite_lines = pwrite("pwrite_lines", "lines")

-- Write in the background. Gives the promise, whose failure is looked at later.
local function feeding(p, kind, data)
  return spawn(feed, p, kind, data)
end

local function pmap(name, kind, read)
  return function(cmd, data, opts)
    command.check(cmd, opts, 3, name, both)
    check_data(kind, data, name)
    local running = run(cmd, with(opts, both), 3, name, function(p)
      local text
      timely(p, function()
        -- Writing and reading together, or both sides could wait for ever; when one fails, or the
        -- whole is cancelled, so is the other.
        await(lwt.scope(function(s)
          s:spawn(feed, p, kind, data)
          text = await(read(p.stdout))
          if kind == "line" then await(p.stdout:close()) end
        end))
      end)
      return text, settled(p)
    end)
    return running
  end
end

--- Runs a program with a text as its input and gives what it writes: writing and reading go on
--- together. A failure of writing (`EPIPE`) is the result's.
---@param cmd string[]
---@param text string|lwt.Bytes
---@param opts? table as for `open`
---@return lwt.Promise<string, lwt.ProcessStatus>
---```lua
---print((await(process.pmap({"tr", "a-z", "A-Z"}, "hello"))))   --> HELLO
---```
---@function process.pmap(cmd, text, opts)
M.pmap = pmap("pmap", "text", function(ch) return ch:read() end)

--- As `pmap`, of one line: gives the first line that comes, or nil.
---@param cmd string[]
---@param line string
---@param opts? table as for `open`
---@return lwt.Promise<string?, lwt.ProcessStatus>
---```lua
---print((await(process.pmap_line({"tr", "a-z", "A-Z"}, "hello"))))   --> HELLO
---```
---@function process.pmap_line(cmd, line, opts)
M.pmap_line = pmap("pmap_line", "line", function(ch) return ch:read_line() end)

local function broken_pipe()
  return core.error { code = "EPIPE", errno = 32, message = "broken pipe", op = "write" }
end

local function pmap_stream(name, kind, read)
  return function(cmd, data, opts)
    command.check(cmd, opts, 3, name, both)
    check_data(kind, data, name)
    local p = child.open(cmd, with(opts, both), 3, name)
    local writer = feeding(p, kind, data)
    local told, unread = false, false
    -- A failure of writing is raised once, at the next element. The writing ends with the program,
    -- also while a write is under way (whose own failure may come later) or while it waits for
    -- input.
    local function failure()
      local state, err = writer:state()
      if state == "rejected" and not told then
        told = true
        if unread and rawequal(err, lwt.Canceled) then err = broken_pipe() end
        error(err, 0)
      end
    end
    writer:on_failure(function() end)
    p.ended:on_termination(function()
      unread = writer:is_pending()
      writer:cancel()
    end)
    return stream.of(p, read, failure)
  end
end

--- A stream of the lines that a program makes of the lines of a stream or a list. A failure of
--- writing is reported once, at the next element.
---@param cmd string[]
---@param lines lwt.Stream|string[]
---@param opts? table as for `open`
---@return lwt.SourceStream<string>
---```lua
---local s = process.pmap_lines({"tr", "a-z", "A-Z"}, {"one", "two"})
---print(table.concat(await(s:to_list()), " "))   --> ONE TWO
---```
---@function process.pmap_lines(cmd, lines, opts)
M.pmap_lines = pmap_stream("pmap_lines", "lines", stream.read_line)

--- As `pmap_lines`, of characters.
---@param cmd string[]
---@param chars lwt.Stream|string[]
---@param opts? table as for `open`
---@return lwt.SourceStream<string>
---```lua
---print(await(process.pmap_chars({"tr", "a-z", "A-Z"}, {"a", "b"}):to_string()))   --> AB
---```
---@function process.pmap_chars(cmd, chars, opts)
M.pmap_chars = pmap_stream("pmap_chars", "chars", stream.read_char)

return M

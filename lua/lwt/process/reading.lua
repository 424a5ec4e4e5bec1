-- Programs whose output is read: whole, a line, or as a stream.

local lwt = require "lwt"
local child = require "lwt.process.child"
local command = require "lwt.process.command"
local shared = require "lwt.process.shared"
local stream = require "lwt.process.stream"

local await = lwt.await
local run, settled, timely, with = shared.run, shared.settled, shared.timely, command.with

local M = shared.public

-- What these calls add to the options.
local reads = { stdout = "pipe", group = "auto" }

--- Runs a program and gives all it writes, and as a second value its status: whether it succeeded
--- is for the caller to look at. Cancelling stops the program, and is over when it has ended. When
--- the `timeout` has passed it is rejected with `lwt.Timeout`; so it is with all calls below.
---@param cmd string[]
---@param opts? table as for `open`
---@return lwt.Promise<string, lwt.ProcessStatus>
---```lua
---local text, status = await(process.pread {"printf", "a b"})
---print(text, status.code)   --> a b 0
---```
function M.pread(cmd, opts)
  command.check(cmd, opts, 2, "pread", reads)
  local running = run(cmd, with(opts, reads), 2, "pread", function(p)
    local text = timely(p, await, p.stdout:read())
    return text, settled(p)
  end)
  return running
end

--- The first line that a program writes, without its end; nil when there is none. The program is
--- not read further (it ends when it writes on), and waited for.
---@param cmd string[]
---@param opts? table as for `open`
---@return lwt.Promise<string?, lwt.ProcessStatus>
---```lua
---print((await(process.pread_line {"printf", "one\\ntwo\\n"})))   --> one
---```
function M.pread_line(cmd, opts)
  command.check(cmd, opts, 2, "pread_line", reads)
  local running = run(cmd, with(opts, reads), 2, "pread_line", function(p)
    local line = timely(p, await, p.stdout:read_line())
    await(p.stdout:close())
    return line, settled(p)
  end)
  return running
end

--- A stream of the lines that a program writes. It raises when it cannot be started. `s:close()`, and
--- dropping the stream, stop the program.
---@param cmd string[]
---@param opts? table as for `open`
---@return lwt.SourceStream<string>
---```lua
---for line in process.pread_lines {"printf", "one\\ntwo\\n"} do print(line) end   --> one
------> two
---```
function M.pread_lines(cmd, opts)
  command.check(cmd, opts, 2, "pread_lines", reads)
  local p = child.open(cmd, with(opts, reads), 2, "pread_lines")
  return stream.of(p, stream.read_line)
end

--- A stream of the characters (bytes) that a program writes, as `pread_lines`.
---@param cmd string[]
---@param opts? table as for `open`
---@return lwt.SourceStream<string>
---```lua
---print(await(process.pread_chars({"printf", "abc"}):to_string()))   --> abc
---```
function M.pread_chars(cmd, opts)
  command.check(cmd, opts, 2, "pread_chars", reads)
  local p = child.open(cmd, with(opts, reads), 2, "pread_chars")
  return stream.of(p, stream.read_char)
end

return M

--- Programs: start them, talk to them, wait for them. A command is a list of words, the first of which is
--- the program (looked for in PATH): no shell looks at it, unless `process.shell` is asked for one.
--- Children inherit stdin, stdout and stderr, and no other descriptor.
---
--- ```lua
--- local process = require "lwt.process"
--- print((await(process.pread { "echo", "hello" })))                   --> hello
--- print(await(process.exec { "false" }).code)                         --> 1
--- for line in process.pread_lines { "printf", "a\\nb\\n" } do print(line) end   --> a
---                                                                     --> b
--- print((await(process.pmap({ "tr", "a-z", "A-Z" }, "loud"))))        --> LOUD
--- ```

-- Here: a process and its methods, and the calls that are about no pipe. Those of lua/lwt/process/
-- that read and write run a program from its start to its end; they stop it and wait for its end on
-- every way out, a cancel included.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local child = require "lwt.process.child"
local command = require "lwt.process.command"
local shared = require "lwt.process.shared"
local uv = require "lwt.internal.uvneeded"("lwt.process").process

local await, spawn = lwt.await, lwt.spawn
local check, methods, run = child.check, child.methods, shared.run

local M = shared.public

---@class lwt.Process
---@field pid integer
---@field stdin? lwt.Channel what it reads, with `stdin = "pipe"`
---@field stdout? lwt.Channel what it writes, with `stdout = "pipe"`
---@field stderr? lwt.Channel
---@field rusage table what it used, once it has ended

---@class lwt.ProcessStatus
---@field code? integer what it exited with
---@field signal? string what ended it, such as "TERM"

--- Starts a program and gives the process at once. It raises an error object with the program's name
--- (`path`) when it cannot be started (`ENOENT`, `EACCES` …).
---
--- Options: `stdin`, `stdout`, `stderr`: "inherit" (the default), "null", "pipe" (a channel of that
--- name on the process), a descriptor's number, an open file of `lwt.fs` or of Lua, and for
--- `stderr` "stdout" (where that goes); `cwd` where it runs; `env` its whole environment, a table
--- of names and values; `timeout` seconds, after which it is killed and its channels are closed
--- (reads and writes of them, then or later, are rejected with `lwt.Timeout`, and the status is that
--- of `KILL`), also when it has ended by then and a program that it has left behind holds them;
--- `group = true` makes it the leader of a process group of its own, which `kill`, the `timeout` and
--- `<close>` signal as a whole, so that what it has started goes with it; `detached` makes it the
--- leader of a session of its own; `uid`, `gid` who it runs as (root must give both).
---
--- A group of its own is what commands of `process.shell` and the calls that read (`pread`, `pmap`
--- and the like) have, unless `group = false` or stdin is a terminal: only programs of the
--- terminal's foreground group may read from it, and get Ctrl-C.
---
--- A process that is dropped runs on, with its pipes closed, and is reaped when it ends. Leaving a `<close>` variable
--- sends TERM, after 2 seconds KILL, and waits until it has ended.
---@param cmd string[]
---@param opts? table
---@return lwt.Process
---```lua
---local p <close> = process.open({"cat"}, {stdin = "pipe", stdout = "pipe"})
---await(p.stdin:write_line("hello"))
---await(p.stdin:flush())
---print(await(p.stdout:read_line()))   --> hello
---await(p.stdin:close())
---print(await(p:status()).code)   --> 0
---```
function M.open(cmd, opts)
  command.check(cmd, opts, 2, "open")
  local p = child.open(cmd, opts, 2, "open") -- no tail call: whose line it is counts
  return p
end

--- A promise of how it ends: `{code = n}`, or `{signal = "TERM"}` (a name, or a number that has
--- none). Cancelling it only ends the waiting.
---@param p lwt.Process
---@return lwt.Promise<lwt.ProcessStatus>
---```lua
---local p = process.open {"sh", "-c", "exit 3"}
---print(await(p:status()).code)   --> 3
---```
---@function process.status(p)
function methods.status(p)
  check(p, "status")
  return lwt.protected(p.ended)
end

--- Sends a signal, to its whole group when it has one (`group`), unless it has ended already. As a
--- module function, `kill(pid, signal)` takes the number of any process, too (of a group: negative).
---@param p lwt.Process|integer a process, or the number of one
---@param name? string|integer default "TERM"
---@return boolean sent
---```lua
---local p = process.open {"sleep", "60"}
---print(p:kill("KILL"))               --> true
---print(await(p:status()).signal)     --> KILL
---print(p:kill("KILL"))               --> false
---```
---@function process.kill(p, name)
function methods.kill(p, name)
  name = name == nil and "TERM" or name
  local ok, sent
  if type(p) == "number" then
    ok, sent = pcall(uv.kill, p, name)
  else
    check(p, "kill")
    if p.group then
      ok, sent = pcall(uv.kill_group, p.pid, name, p.life.reaped)
      p.group = not ok or sent
    else
      ok, sent = pcall(uv.kill, p.handle, name)
    end
  end
  if ok then return sent end
  args.pass_on(sent, "kill")
end

--- Closes its channels and waits for its end. What `stdin` still holds is written first; what the
--- program then writes is thrown away, for 2 seconds, after which it gets `EPIPE`. A write that the
--- program did not take (`EPIPE`) rejects, after it has ended. Closing again gives the
--- status.
---@param p lwt.Process
---@return lwt.Promise<lwt.ProcessStatus>
---```lua
---local p = process.open({"cat"}, {stdin = "pipe", stdout = "null"})
---print(await(p:close()).code)   --> 0
---```
---@function process.close(p)
function methods.close(p)
  check(p, "close")
  if not p.closing then
    p.closing = spawn(child.finish, p)
  end
  return lwt.protected(p.closing)
end

for name, f in pairs(methods) do M[name] = f end

--- Runs a program and gives its status. Its promise is rejected when it cannot be started. Cancelling stops it,
--- and is over when it has ended. After the `timeout` it is killed, which the status tells.
---@param cmd string[]
---@param opts? table as for `open`
---@return lwt.Promise<lwt.ProcessStatus>
---```lua
---print(await(process.exec {"true"}).code)   --> 0
---print(select(2, pcall(await, process.exec {"no-such-program"})).code)   --> ENOENT
---```
function M.exec(cmd, opts)
  command.check(cmd, opts, 2, "exec", {})
  local running = run(cmd, opts, 2, "exec", function(p) return await(lwt.protected(p.ended)) end)
  return running
end

--- The command that has `/bin/sh` run a text. Unless it reads from a terminal it has a process group
--- of its own (see `open`), so that what the shell starts is stopped with it.
---@param text string
---@return string[]
---```lua
---print((await(process.pread_line(process.shell("echo $((6 * 7))")))))   --> 42
---```
function M.shell(text)
  if type(text) ~= "string" then args.wrong(1, "shell", "string", text) end
  local cmd = { "/bin/sh", "-c", text }
  command.shells[cmd] = true
  return cmd
end

--- The number of this process.
---@return integer
---```lua
---print(math.type(process.getpid()))   --> integer
---```
function M.getpid() return uv.getpid() end

--- Starts a program, runs `f(p)` as a task, and closes the process on every way out: what `f`
--- returns is fulfilled after the program has ended (on an error or a cancel it is stopped first).
---@generic T
---@param cmd string[]
---@param opts? table as for `open`
---@param f async fun(p: lwt.Process): T?, ...?
---@return lwt.Promise<T> # of what `f` returns
---```lua
---print(await(process.with_process({"printf", "x"}, {stdout = "pipe"}, function(p)
---  return await(p.stdout:read())
---end)))   --> x
---```
function M.with_process(cmd, opts, f)
  command.check(cmd, opts, 2, "with_process")
  args.check_callable(3, "with_process", f)
  local running = run(cmd, opts, 2, "with_process", function(p)
    local results = table.pack(f(p))
    if results.n == 1 and lwt.is_promise(results[1]) then
      results = table.pack(await(results[1]))
    end
    await(p:close())
    return table.unpack(results, 1, results.n)
  end)
  return running
end

require "lwt.process.reading"
require "lwt.process.writing"

return M

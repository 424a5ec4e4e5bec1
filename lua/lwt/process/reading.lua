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

-- What is C: starting, the promise of the end, kill. Here: channels on the pipes, closing in order,
-- and the calls that run a program from its start to its end. Those stop the program (TERM, after
-- two seconds KILL) and wait for its end on every way out, a cancel included.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"
local lwt_uv = require "lwt.internal.uvneeded"("lwt.process")
local uv, cio = lwt_uv.process, lwt_uv.io

local M = {}

local await, spawn = lwt.await, lwt.spawn

-- From TERM to KILL.
local GRACE = 2

local methods = {}
local mt = { __index = methods, __name = "lwt.process" }

---@class lwt.Process
---@field pid integer
---@field stdin? lwt.Channel what it reads, with `stdin = "pipe"`
---@field stdout? lwt.Channel what it writes, with `stdout = "pipe"`
---@field stderr? lwt.Channel
---@field rusage table what it used, once it has ended

---@class lwt.ProcessStatus
---@field code? integer what it exited with
---@field signal? string what ended it, such as "TERM"

-- ---- Arguments ------------------------------------------------------------------------------

local function bad(n, name, message, level)
  error(("bad argument #%d to '%s' (%s)"):format(n, name, message), level + 1)
end

local known = {
  stdin = true, stdout = true, stderr = true, cwd = true, env = true, uid = true, gid = true,
  detached = true, timeout = true, group = true,
}

-- What a call does with the program's pipes: those that it reads or writes itself are its own, and
-- nobody would read or close the others. (Without a list the caller has them all.)
local function check_pipes(opts, n, name, level, own)
  for _, stream in ipairs { "stdin", "stdout", "stderr" } do
    local v = opts[stream]
    if own[stream] and v ~= nil and v ~= "pipe" then
      bad(n, name, ("%s is the call's own"):format(stream), level + 1)
    elseif not own[stream] and v == "pipe" then
      bad(n, name, ("%s: nobody would have the other end of the pipe"):format(stream), level + 1)
    end
  end
end

local function check_command(cmd, opts, n, name, level, own)
  if type(core.unview(cmd)) ~= "table" then -- a view looks like a table
    local hint = type(cmd) == "string" and "; process.shell makes one of a shell's text" or ""
    bad(1, name, ("list of words expected, got %s%s"):format(type(cmd), hint), level + 1)
  end
  if opts == nil then return end
  if type(opts) ~= "table" then
    bad(n, name, "table expected, got " .. type(opts), level + 1)
  end
  for k in pairs(opts) do
    if not known[k] then bad(n, name, ("unknown option '%s'"):format(tostring(k)), level + 1) end
  end
  local t = opts.timeout
  if t ~= nil and (type(t) ~= "number" or t ~= t or t < 0) then
    bad(n, name, "timeout is no time", level + 1)
  end
  if opts.group ~= nil and type(opts.group) ~= "boolean" then
    bad(n, name, "group is no boolean", level + 1)
  end
  if own then check_pipes(opts, n, name, level + 1, own) end
end

local function check(p, name)
  if getmetatable(p) ~= mt then
    bad(1, name, "lwt.process expected, got " .. type(p), 2)
  end
end

-- What the calls below add to the options.
local nothing = {}
local reads = { stdout = "pipe", group = "auto" }
local writes = { stdin = "pipe" }
local both = { stdin = "pipe", stdout = "pipe", group = "auto" }

-- The same options, with these where none are given.
local function with(opts, defaults)
  local o = {}
  for k, v in pairs(defaults) do o[k] = v end
  if opts then
    for k, v in pairs(opts) do o[k] = v end
  end
  return o
end

-- The commands that `shell` has made: what a shell starts goes with it.
local shells = setmetatable({}, { __mode = "k" })

-- ---- A process ------------------------------------------------------------------------------

local function abort(p)
  for _, name in ipairs { "stdin", "stdout", "stderr" } do
    local ch = rawget(p, name)
    if ch and p.timed_out then
      ch:_time_out()
    elseif ch then
      ch:abort()
    end
  end
end

local rusage_mt = {
  -- `p.rusage.utime` once it has ended; `p:rusage()` is a promise of the same, at any time.
  __call = function(usage, p)
    check(p, "rusage")
    return lwt.protected(p.ended):map(function() return usage end)
  end,
}

local PIPES = { "stdin", "stdout", "stderr" }
local MODES = { "w", "r", "r" }

-- A signal for it, or for its group, also when its leader has ended. Returns whether there was
-- somebody to get it.
local function signal(p, name)
  if p.group then
    p.group = uv.kill_group(p.pid, name, p.reaped)
    return p.group
  end
  return uv.kill(p.handle, name)
end

-- Whether a program that it has left behind may still read or write what we have the other end of.
local function is_held(p)
  for i = 1, 3 do
    local ch = rawget(p, PIPES[i])
    if ch and not ch:is_closed() and uv.is_held(p.fds[i]) then return true end
  end
  return false
end

-- When it has ended: its time counts as long as somebody holds its pipes, who tells nobody when he
-- lets go.
local function attend(p, pause)
  if not is_held(p) then
    p.timer:cancel()
  else
    p.look = lwt.sleep(pause)
    p.look:on_success(function() attend(p, math.min(2 * pause, 1)) end)
  end
end

-- The deadline is for all that it was started for, not for its own end alone.
local function start_timer(p, seconds)
  p.timer = lwt.sleep(seconds)
  p.timer:on_success(function()
    if p.state and not is_held(p) then return end
    p.timed_out = true
    signal(p, "KILL")
    abort(p)
  end)
  p.timer:on_termination(function()
    if p.look then p.look:cancel() end
  end)
  p.ended:on_termination(function()
    if p.timer:is_pending() then attend(p, 0.005) end
  end)
end

-- What a process has once its child runs. `fds`: our ends of its pipes, false when they are taken.
local function equip(p, exit, fds, timeout)
  exit:on_termination(function() p.reaped = true end)
  p.rusage = setmetatable({}, rusage_mt)
  p.ended = exit:map(function(status, usage)
    p.state = status
    for k, v in pairs(usage) do p.rusage[k] = v end
    return status
  end)
  for i = 1, 3 do
    if fds[i] then
      local ch = require("lwt.io").of_fd(fds[i], MODES[i])
      -- The channel's from here on: whoever closed it as well would close what comes after it.
      p.fds[i], fds[i] = fds[i], false
      p[PIPES[i]] = ch
    end
  end
  if timeout then start_timer(p, timeout) end
end

local function open(cmd, opts, name, level)
  opts = opts or {}
  if opts.group == nil and shells[cmd] then opts = with(opts, { group = "auto" }) end
  local p = setmetatable({
    pid = false, handle = false, state = false, reaped = false, timed_out = false, timer = false,
    look = false, group = false, fds = { false, false, false },
  }, mt)
  local fds = { false, false, false }
  local ok, exit
  -- What we have printed comes before what the program prints, if it inherits our output.
  cio.flush_standard()
  ok, p.handle, p.pid, exit, fds[1], fds[2], fds[3], p.group = pcall(uv.spawn, cmd, opts)
  local err = p.handle
  if ok then
    ok, err = pcall(equip, p, exit, fds, opts.timeout)
    if ok then return p end
    -- No memory or no descriptors: the child is not left running without anybody to know of it.
    pcall(signal, p, "KILL")
    pcall(abort, p)
    if p.timer then pcall(p.timer.cancel, p.timer) end
    for i = 1, 3 do
      if fds[i] then uv.close(fds[i]) end
    end
  elseif type(err) == "string" then
    error((err:gsub("to '[^']*'", "to '" .. name .. "'", 1)), level + 1)
  end
  error(err, 0)
end

--- Starts a program and gives the process at once. It raises an error object with the program's name
--- (`path`) when it cannot be started (`ENOENT`, `EACCES` …).
---
--- Options: `stdin`, `stdout`, `stderr`: "inherit" (the default), "null", "pipe" (a channel of that
--- name on the process), a descriptor's number, an open file of `lwt.fs` or of Lua, and for
--- `stderr` "stdout" (where that goes); `cwd` where it runs; `env` its whole environment, a table
--- of names and values; `timeout` seconds, after which it is killed and its channels are closed (who
--- reads or writes them, then or later, is told `lwt.Timeout`, and the status tells of `KILL`),
--- also when it has ended by then and a program that it has left behind holds them;
--- `group = true` makes it the leader of a process group of its own, which `kill`, the `timeout`
--- and `<close>` signal as a whole, so that what it has started goes with it; `detached` makes it
--- the leader of a session of its own; `uid`, `gid` who it runs as (root must give both).
---
--- A group of its own is what commands of `process.shell` and the calls that read (`pread`, `pmap`
--- and the like) have, unless `group = false` or stdin is a terminal: only programs of the
--- terminal's foreground group may read from it, and get Ctrl-C.
---
--- A process that is dropped runs on, and is reaped when it ends. Leaving a `<close>` variable
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
  check_command(cmd, opts, 2, "open", 2)
  return open(cmd, opts, "open", 2)
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
      ok, sent = pcall(uv.kill_group, p.pid, name, p.reaped)
      p.group = not ok or sent
    else
      ok, sent = pcall(uv.kill, p.handle, name)
    end
  end
  if ok then return sent end
  if type(sent) ~= "string" then error(sent, 0) end
  error((sent:gsub("to '[^']*'", "to 'kill'", 1)), 2)
end

-- What is left of its group are no children of ours: nothing tells of their end. Most have gone by
-- the time that one has looked a few times; the others are killed when their time is up.
local function leave_group(p, patience)
  local pause = 0.001
  while p.group and pause < 0.1 and patience:is_pending() do
    p.group = uv.group_lives(p.pid)
    if p.group then await(lwt.sleep(pause)) end
    pause = pause * 2
  end
  if p.group then
    patience:on_success(function() signal(p, "KILL") end)
  else
    patience:cancel()
  end
end

local function stop_group(p)
  if p.group and signal(p, "TERM") then leave_group(p, lwt.sleep(GRACE)) end
end

-- End it, however long it resists, and wait. In a task; not to be interrupted.
local function stop(p)
  if p.timer then p.timer:cancel() end
  if signal(p, "TERM") then
    local patience = lwt.sleep(GRACE)
    -- Whichever comes first; neither is cancelled by the other.
    if not p.state then await(lwt.choose { p.ended:map(function() end), patience }) end
    if not p.state then signal(p, "KILL") end
    await(lwt.protected(p.ended))
    leave_group(p, patience)
  end
  abort(p)
end

function mt.__close(p, err)
  -- What it has left behind on a way out that is none of its own goes, too.
  if p.state and (err == nil or not p.group) then
    if p.timer then p.timer:cancel() end
    abort(p)
  elseif lwt.current() then
    lwt.shield(stop, p)
  else
    lwt.async(stop, p)
  end
end

function mt.__tostring(p)
  local state = "running"
  if p.state then state = p.state.signal or ("exited " .. tostring(p.state.code)) end
  return ("lwt.process (%d, %s)"):format(p.pid, state)
end

-- Read what nobody will, so that the program goes on and takes its input.
local function drain(p)
  return lwt.scope(function(s)
    for _, name in ipairs { "stdout", "stderr" } do
      local ch = rawget(p, name)
      if ch and not ch:is_closed() and not ch:is_busy() then
        s:spawn(function()
          while await(ch:read(65536)) do end
        end)
      end
    end
  end)
end

-- A program that is to be fed still may be waiting for its output to be read. That is thrown away,
-- but not for ever: one that writes on and never reads is told so by EPIPE, when its outputs are
-- closed.
local function close_input(p)
  local ch = rawget(p, "stdin")
  if not ch then return lwt.fulfilled() end
  local hungry = not ch:is_closed() and (ch:buffered() > 0 or ch:is_busy())
  local closed = ch:close()
  closed:on_failure(function() end) -- told later
  if hungry then pcall(await, lwt.with_timeout(GRACE, drain(p))) end
  return closed
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
    p.closing = spawn(function()
      local input = close_input(p)
      local ok, err = true, nil
      for _, name in ipairs { "stdout", "stderr" } do
        local ch = rawget(p, name)
        if ch then
          local closed, why = pcall(await, ch:close())
          if ok and not closed then ok, err = false, why end
        end
      end
      local fed, why = pcall(await, input)
      local status = await(lwt.protected(p.ended))
      if p.timer then p.timer:cancel() end
      if not fed then ok, err = false, why end
      if not ok then error(err, 0) end
      return status
    end)
  end
  return lwt.protected(p.closing)
end

for name, f in pairs(methods) do M[name] = f end

-- ---- From the start to the end ----------------------------------------------------------------

-- Run `f(p)` in a task with a new process, which is stopped on every way out.
local function run(cmd, opts, name, f)
  return spawn(function()
    local p <close> = open(cmd, opts, name, 0)
    return f(p)
  end)
end

-- A program that was killed for its time did not do what it was asked for.
local function settled(p)
  local status = await(lwt.protected(p.ended))
  if p.timed_out then error(lwt.Timeout, 0) end
  return status
end

-- The result of `f(...)`, which fails with lwt.Timeout when the time was up.
local function timely(p, f, ...)
  local result = table.pack(core.guard(f, ...))
  if p.timed_out then settled(p) end
  if not result[1] then core.raise(result[2]) end
  return table.unpack(result, 2, result.n)
end

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
  check_command(cmd, opts, 2, "exec", 2, nothing)
  return run(cmd, opts, "exec", function(p) return await(lwt.protected(p.ended)) end)
end

--- The command that has `/bin/sh` run a text. Unless it reads from a terminal it has a process group
--- of its own (see `open`), so that what the shell starts is stopped with it.
---@param text string
---@return string[]
---```lua
---print((await(process.pread_line(process.shell("echo $((6 * 7))")))))   --> 42
---```
function M.shell(text)
  if type(text) ~= "string" then bad(1, "shell", "string expected, got " .. type(text), 2) end
  local cmd = { "/bin/sh", "-c", text }
  shells[cmd] = true
  return cmd
end

--- The number of this process.
---@return integer
---```lua
---print(math.type(process.getpid()))   --> integer
---```
function M.getpid() return uv.getpid() end

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
  check_command(cmd, opts, 2, "pread", 2, reads)
  return run(cmd, with(opts, reads), "pread", function(p)
    local text = timely(p, await, p.stdout:read())
    return text, settled(p)
  end)
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
  check_command(cmd, opts, 2, "pread_line", 2, reads)
  return run(cmd, with(opts, reads), "pread_line", function(p)
    local line = timely(p, await, p.stdout:read_line())
    await(p.stdout:close())
    return line, settled(p)
  end)
end

-- A stream of what `read(p)` gives until nil; then the program has ended, too. `failure(p)` raises,
-- once, what happened to its input (nil: it has none). close() stops the program; dropping the
-- stream does as well.
local function reading(p, read, failure)
  local over = false
  local guard = require("lwt.internal.dropped").call(function()
    if over then return end
    -- (Of one that has ended the collector has closed the channels already.)
    lwt.async(p.state and stop_group or stop, p)
  end)
  local s = require("lwt.stream").from(function()
    if over or not guard then return nil end
    if failure then failure() end
    local v = timely(p, read, p)
    if v ~= nil then return v end
    over = true
    settled(p)
    abort(p)
    if failure then failure() end
    return nil
  end)
  function s.close()
    if over then return lwt.fulfilled() end
    local stopping = spawn(function() lwt.shield(stop, p) end)
    over = select(1, stopping:state()) ~= "rejected" -- without memory it has not begun
    return stopping
  end
  return s
end

local function read_line(p) return await(p.stdout:read_line()) end
local function read_char(p) return await(p.stdout:read_char()) end

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
  check_command(cmd, opts, 2, "pread_lines", 2, reads)
  return reading(open(cmd, with(opts, reads), "pread_lines", 2), read_line)
end

--- A stream of the characters (bytes) that a program writes, as `pread_lines`.
---@param cmd string[]
---@param opts? table as for `open`
---@return lwt.SourceStream<string>
---```lua
---print(await(process.pread_chars({"printf", "abc"}):to_string()))   --> abc
---```
function M.pread_chars(cmd, opts)
  check_command(cmd, opts, 2, "pread_chars", 2, reads)
  return reading(open(cmd, with(opts, reads), "pread_chars", 2), read_char)
end

-- ---- Writing to programs -----------------------------------------------------------------------

-- Ways to write: each takes the channel and what is to be written.
local write = {}

function write.text(ch, text) await(ch:write(text)) end
function write.line(ch, line) await(ch:write_line(line)) end

-- Elements of a stream or a list, in turn.
local function each(ch, method, elements)
  if require("lwt.stream").is_stream(elements) then
    for v in elements do await(ch[method](ch, v)) end
  else
    for _, v in ipairs(elements) do await(ch[method](ch, v)) end
  end
end

function write.chars(ch, chars) each(ch, "write_char", chars) end
function write.lines(ch, lines) each(ch, "write_line", lines) end

local function check_data(kind, data, name, level)
  if kind == "text" or kind == "line" then
    if type(data) ~= "string" and not (kind == "text" and type(data) == "userdata") then
      bad(2, name, "string expected, got " .. type(data), level + 1)
    end
  elseif type(data) ~= "table" then
    bad(2, name, "stream or list expected, got " .. type(data), level + 1)
  end
end

-- Write all, and close, so that the program sees the end.
local function feed(p, kind, data)
  write[kind](p.stdin, data)
  await(p.stdin:close())
end

local function pwrite(name, kind)
  return function(cmd, data, opts)
    check_command(cmd, opts, 3, name, 2, writes)
    check_data(kind, data, name, 2)
    return run(cmd, with(opts, writes), name, function(p)
      timely(p, feed, p, kind, data)
      return settled(p)
    end)
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

-- Write in the background. Gives the promise, whose failure somebody will look at.
local function feeding(p, kind, data)
  return spawn(feed, p, kind, data)
end

local function pmap(name, kind, read)
  return function(cmd, data, opts)
    check_command(cmd, opts, 3, name, 2, both)
    check_data(kind, data, name, 2)
    return run(cmd, with(opts, both), name, function(p)
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
    check_command(cmd, opts, 3, name, 2, both)
    check_data(kind, data, name, 2)
    local p = open(cmd, with(opts, both), name, 2)
    local writer = feeding(p, kind, data)
    local told, unread = false, false
    -- A failure of writing is told once, at the next element. With the program it ends, be it
    -- that a write is under way (whose own failure may come later) or that input is waited for.
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
    return reading(p, read, failure)
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
M.pmap_lines = pmap_stream("pmap_lines", "lines", read_line)

--- As `pmap_lines`, of characters.
---@param cmd string[]
---@param chars lwt.Stream|string[]
---@param opts? table as for `open`
---@return lwt.SourceStream<string>
---```lua
---print(await(process.pmap_chars({"tr", "a-z", "A-Z"}, {"a", "b"}):to_string()))   --> AB
---```
---@function process.pmap_chars(cmd, chars, opts)
M.pmap_chars = pmap_stream("pmap_chars", "chars", read_char)

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
  check_command(cmd, opts, 2, "with_process", 2)
  if not args.is_callable(f) then
    bad(3, "with_process", "function expected, got " .. type(f), 2)
  end
  return run(cmd, opts, "with_process", function(p)
    local results = table.pack(f(p))
    if results.n == 1 and lwt.is_promise(results[1]) then
      results = table.pack(await(results[1]))
    end
    await(p:close())
    return table.unpack(results, 1, results.n)
  end)
end

return M

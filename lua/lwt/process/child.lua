-- A process: its pipes as channels, its deadline, its group, and how it is stopped.
--
-- Starting it, the promise of its end and its signals are in C (src/uv/process). Stopping it sends
-- TERM, after two seconds KILL, and waits for its end.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local command = require "lwt.process.command"
local lwt_uv = require "lwt.internal.uvneeded"("lwt.process")

local uv, cio = lwt_uv.process, lwt_uv.io
local await = lwt.await

-- From TERM to KILL.
local GRACE = 2

local methods = {}
local mt = { __index = methods, __name = "lwt.process" }
local M = { methods = methods }

local function check(p, name)
  if getmetatable(p) ~= mt then args.wrong(1, name, "lwt.process", p, 1) end
end
M.check = check

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
M.abort = abort

local rusage_mt = {
  -- `p.rusage.utime` once it has ended; `p:rusage()` is a promise of the same, at any time.
  __call = function(usage, p)
    check(p, "rusage")
    return lwt.protected(p.ended):map(function() return usage end)
  end,
}

local PIPES = { "stdin", "stdout", "stderr" }
local MODES = { "w", "r", "r" }

-- A signal for it, or for its group, also when its leader has ended. Returns whether there was a
-- process to get it.
local function signal(p, name)
  if p.group then
    p.group = uv.kill_group(p.pid, name, p.life.reaped)
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

-- When it has ended: its time limit still counts while another program holds its pipes, and nothing
-- tells when that closes them.
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
    if p.life.status and not is_held(p) then return end
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
  -- What waits for its end keeps neither the process nor its channels: when these are dropped, the
  -- program finds its pipes closed.
  local life, rusage = p.life, setmetatable({}, rusage_mt)
  exit:on_termination(function() life.reaped = true end)
  p.rusage = rusage
  p.ended = exit:map(function(status, usage)
    life.status = status
    for k, v in pairs(usage) do rusage[k] = v end
    return status
  end)
  for i = 1, 3 do
    if fds[i] then
      local ch = require("lwt.io").of_fd(fds[i], MODES[i])
      -- The descriptor is the channel's from here on: closing it a second time would close whatever
      -- has its number by then.
      p.fds[i], fds[i] = fds[i], false
      p[PIPES[i]] = ch
      if i == 1 then
        require("lwt.io.at_end").names[ch] = ("stdin of process %d"):format(p.pid)
      end
    end
  end
  if timeout then start_timer(p, timeout) end
end

-- A new process. Raises what C says of the arguments as that says it.
local function start(cmd, opts)
  opts = opts or {}
  if opts.group == nil and command.shells[cmd] then
    opts = command.with(opts, { group = "auto" })
  end
  local p = setmetatable({
    pid = false, handle = false, life = { status = false, reaped = false }, timed_out = false,
    timer = false, look = false, group = false, fds = { false, false, false },
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
    -- No memory or no descriptors: the child must not run on without a process object.
    pcall(signal, p, "KILL")
    pcall(abort, p)
    if p.timer then pcall(p.timer.cancel, p.timer) end
    for i = 1, 3 do
      if fds[i] then uv.close(fds[i]) end
    end
  end
  error(err, 0)
end
M.start = start

-- The same for the public function `name`, whose options are argument `n`.
function M.open(cmd, opts, n, name)
  local ok, p = pcall(start, cmd, opts)
  if ok then return p end
  args.pass_on(p, name, 2, n, 1)
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
M.stop_group = stop_group

-- End it, however long it resists, and wait. In a task; not to be interrupted.
local function stop(p)
  if p.timer then p.timer:cancel() end
  if signal(p, "TERM") then
    local patience = lwt.sleep(GRACE)
    -- Whichever comes first; neither is cancelled by the other.
    if not p.life.status then await(lwt.choose { p.ended:map(function() end), patience }) end
    if not p.life.status then signal(p, "KILL") end
    await(lwt.protected(p.ended))
    leave_group(p, patience)
  end
  abort(p)
end
M.stop = stop

function mt.__close(p, err)
  -- What it has left behind on a way out that is none of its own goes, too.
  if p.life.status and (err == nil or not p.group) then
    if p.timer then p.timer:cancel() end
    abort(p)
  elseif lwt.current() then
    lwt.shield(stop, p)
  else
    lwt.async(stop, p)
  end
end

function mt.__tostring(p)
  local state, status = "running", p.life.status
  if status then state = status.signal or ("exited " .. tostring(status.code)) end
  return ("lwt.process (%d, %s)"):format(p.pid, state)
end

-- Read what is not read otherwise, so that the program goes on and takes its input.
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
-- but not for ever: one that writes on and never reads gets EPIPE, when its outputs are closed.
local function close_input(p)
  local ch = rawget(p, "stdin")
  if not ch then return lwt.fulfilled() end
  local hungry = not ch:is_closed() and (ch:buffered() > 0 or ch:is_busy())
  local closed = ch:close()
  closed:on_failure(function() end) -- told later
  if hungry then pcall(await, lwt.with_timeout(GRACE, drain(p))) end
  return closed
end

-- Closes its channels and waits for its end. For a task; gives the status.
function M.finish(p)
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
end

return M

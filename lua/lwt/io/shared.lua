-- What the parts of lwt.io share: its table, the channels that are made in C, and what several
-- parts do.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local due = require "lwt.internal.due"
local follow = require "lwt.internal.follow"
local uv = require "lwt.internal.uvneeded"("lwt.io")

local await, spawn = lwt.await, lwt.spawn
local channel = uv.io.metatable

local C = {
  public = {}, cio = uv.io, files = uv.fs.channels, channel = channel, methods = uv.io.methods,
}

-- A task to which a cancel is due begins nothing at once.
function C.start(f, ...)
  if due.cancel_due() then return due.later(spawn, f, ...) end
  return spawn(f, ...)
end

function C.check_channel(ch, name)
  if getmetatable(ch) ~= channel then args.wrong(1, name, "lwt.channel", ch, 1) end
end

function C.run_with_channel(opened, f)
  local ch <close> = await(opened)
  return follow(f(ch))
end

function C.write_each(ch, put, next_item)
  for item in next_item do await(put(ch, item)) end
end

return C

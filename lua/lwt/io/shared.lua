-- What the parts of lwt.io share: its table, the channels that are made in C, and what several
-- parts do.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local due = require "lwt.internal.due"
local uv = require "lwt.internal.uvneeded"("lwt.io")

local await, spawn, is_promise = lwt.await, lwt.spawn, lwt.is_promise
local channel = uv.io.metatable

local C = {
  public = {}, cio = uv.io, files = uv.fs.channels, channel = channel, methods = uv.io.methods,
}

-- A task that was cancelled and has not been told yet begins nothing at once.
function C.start(f, ...)
  if due.cancel_due() then return due.later(spawn, f, ...) end
  return spawn(f, ...)
end

function C.check_channel(ch, name)
  if getmetatable(ch) ~= channel then args.wrong(1, name, "lwt.channel", ch, 1) end
end

-- What a function gave: one promise is waited for.
local function follow(...)
  if select("#", ...) == 1 and is_promise((...)) then return await((...)) end
  return ...
end
C.follow = follow

function C.run_with_channel(opened, f)
  local ch <close> = await(opened)
  return follow(f(ch))
end

-- An iterator over a list, a stream, or whatever can be called.
function C.each(n, name, items)
  if type(items) == "table" and getmetatable(items) == nil then
    local i = 0
    return function()
      i = i + 1
      return items[i]
    end
  end
  if not args.is_callable(items) then
    args.wrong(n, name, "list, stream or iterator", items, 1)
  end
  return items
end

function C.write_each(ch, put, next_item)
  for item in next_item do await(put(ch, item)) end
end

return C

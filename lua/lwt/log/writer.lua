-- Internal: what writes for channels, files and sockets: whole records, in order, many at a time.
--
-- A writer is a logger with a `sink`. Records come as text (or whatever the sink takes) by `add`, and lie
-- in `queue` (1 to n) until the one task of the writer, `drain`, takes all there are and has the sink
-- write them; then it takes what came meanwhile. `promise` is of those in the queue: all records that
-- are written together have one. The task is there (`running`) exactly while there is something to
-- do. It has the storage of whoever made the logger, and nobody can cancel it.
--
-- The sink: { write = function(self, queue, n) waits until it is written, or raises (n may be 0, after
-- `wake`: there may be something else to do), stop = function(self), before the
-- last of it is written, close = function(self), rest = function(self, queue, n)
-- writes without waiting, when the state ends; can_wait = nobody looks at what is
-- written before the loop turns }.

local lwt = require "lwt"
local core = require "lwt.core"
local stored = require "lwt.internal.stored"
local logger = require "lwt.log.logger"

local wait = lwt.wait

local M = {}

local AT_EXIT = 5 -- seconds that a run waits at its end for what is not written yet

local busy = {} -- the writers that have something to do -> true

-- What is done before, at the end of a run (a function that may wait), or nil.
M.before_end = nil

-- How many records wait in it, those being written included.
local function waiting(w) return w.n + w.writing end

local function idle(w)
  if not w.running then return logger.done end
  if not w.ended then w.ended, w.end_it = wait() end
  return w.ended
end
M.idle = idle

-- At the end of `run`: waits until all is written, but not for a daemon or a pipe that takes nothing.
local function flush_all()
  if not M.before_end and next(busy) == nil then return end
  local ok = pcall(lwt.await, lwt.with_timeout(AT_EXIT, function()
    if M.before_end then M.before_end() end
    local w = next(busy)
    while w do
      lwt.await(idle(w))
      w = next(busy)
    end
  end))
  if ok then return end
  local n = 0
  for w in pairs(busy) do n = n + waiting(w) end
  if n == 0 then return end
  io.stderr:write(("lwt.log: %d records were not written in %d seconds\n"):format(n, AT_EXIT))
end

core.on_run_end(flush_all)

-- (What allocates may run a finalizer that logs: nothing does between looking and changing.)
local function take(w)
  local fresh = {}
  local queue, n, promise, resolver = w.queue, w.n, w.promise, w.resolver
  w.queue, w.n, w.promise, w.resolver = fresh, 0, nil, nil
  w.woken, w.writing = false, n
  return queue, n, promise, resolver
end

local function drain(w)
  local sink = w.sink
  while w.n > 0 or w.woken do
    local queue, n, promise, resolver = take(w)
    local ok, err = pcall(sink.write, sink, queue, n)
    w.writing = 0
    if not ok then
      logger.tell(w, err)
      if promise then
        resolver:wakeup_exn(err)
        promise:state()
      end
    elseif promise then
      w.told = false
      resolver:wakeup()
    end
  end
  w.running, busy[w] = false, nil
  if w.ended then
    local end_it = w.end_it
    w.ended, w.end_it = nil, nil
    end_it:wakeup()
  end
end

-- A sink that `can_wait` begins in the next turn of the loop: so all that one turn logs is written at
-- once, and should there be no next turn, because the state ends, all of it is there for `rest`.
local function start(w)
  w.running, busy[w] = true, true
  if w.sink.can_wait then
    lwt.pause():on_success(w.start)
  else
    w.start()
  end
end

-- Has the sink write this too; a promise that belongs to all that are written with it.
function M.add(w, text)
  local promise = w.promise
  if not promise then
    local p, r = wait()
    if not w.promise then w.promise, w.resolver = p, r end
    promise = w.promise
  end
  local n = w.n + 1
  w.queue[n], w.n = text, n
  if not w.running then start(w) end
  return promise
end

-- Has the sink look whether there is something else to do.
function M.wake(w)
  w.woken = true
  if not w.running then start(w) end
end

local function finish(w)
  if w.sink.stop then w.sink:stop() end
  w:idle():await()
  if w.sink.close then w.sink:close() end
end

-- When the state ends no task can write any more: what is in the queue, and what finalizers of older
-- objects log after us, is written without.
local mt = {}
function mt.__gc(guard)
  local w, render = guard.writer, guard.render
  local sink = w.sink
  if not sink.rest then return end
  if w.n > 0 or w.writing > 0 then pcall(sink.rest, sink, w.queue, w.n) end
  sink.pending = nil
  function w.write(_, ...)
    pcall(sink.rest, sink, { (render(...)) }, 1)
    return logger.done
  end
end

-- A logger that writes to a sink what `render` makes of records.
function M.new(sink, render)
  local add = M.add
  local function write(w, section, level, message, time, fields, extra)
    return add(w, render(section, level, message, time, fields, extra))
  end
  local w = logger.new {
    sure = true, sink = sink, write = write, finish = finish, idle = idle,
    queue = {}, n = 0, writing = 0, running = false, woken = false,
  }
  w.start = stored.task(function() drain(w) end)
  w.guard = setmetatable({ writer = w, render = render }, mt)
  return w
end

return M

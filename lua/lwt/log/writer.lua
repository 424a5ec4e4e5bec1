-- Internal: what writes for channels, files and sockets: whole records, in order, many at a time.
--
-- A writer is a logger with a `sink`. Records become text (or whatever the sink takes) by `render`, and lie
-- in `queue` (1 to n) until the writer's task (see lwt.log.task) takes all there are and has the sink
-- write them; then it takes what came meanwhile. `promise` is of those in the queue: all records that
-- are written together have one. The records that have been taken are in `taken` (1 to `writing`), with
-- `their` promise, until that is resolved: `written` says whether they are, `why` the error if not.
--
-- The sink: { write = function(self, queue, n) waits until it is written, or raises (n may be 0, after
-- `wake`: there may be something else to do), stop = function(self), before the
-- last of it is written, close = function(self), rest = function(self, queue, n)
-- writes without waiting, when the state ends; can_wait = what is written is not needed before the
-- loop turns }.

local lwt = require "lwt"
local logger = require "lwt.log.logger"
local task = require "lwt.log.task"
local unwritten = require "lwt.log.unwritten"

local wait, start, make_up, NO_MEMORY = lwt.wait, task.start, task.make_up, task.NO_MEMORY

local M = {}

local KEPT = 1000 -- a queue that was longer is not used again

-- How many records wait in it, those being written included.
local function waiting(w) return w.n + w.writing end

local function waits(w) return w.n > 0 or w.woken end

-- What is in the queue, for the sink. (Nothing here allocates: there may be no memory, and what
-- allocates may run a finalizer that logs.)
local function take(w)
  w.taken, w.writing, w.their, w.their_resolver = w.queue, w.n, w.promise, w.resolver
  w.written, w.why = false, NO_MEMORY
  w.queue, w.spare, w.n, w.promise, w.resolver = w.spare, w.taken, 0, false, false
  w.woken = false
end

-- Resolves the promise of the records that were taken, and reports a failure. (Where this raises for
-- want of memory, it is called again.)
local function tell(w)
  local promise, resolver = w.their, w.their_resolver
  if not promise then
    if not w.written then logger.tell(w, w.why) end
  elseif w.written then
    w.told, w.given_up = false, false
    if promise:is_pending() then resolver:wakeup() end
  else
    if promise:is_pending() then resolver:wakeup_exn(w.why) end
    logger.tell(w, w.why)
    promise:state()
  end
  w.taken, w.writing, w.their, w.their_resolver = false, 0, false, false
end

local function new_table() return {} end

-- The queue that has been written is empty again. One that was long gives its memory back.
local function empty(w)
  local queue, n = w.taken, w.writing
  if n > KEPT then
    local ok, fresh = pcall(new_table)
    if ok then
      w.spare = fresh
      return
    end
  end
  for i = 1, n do queue[i] = nil end
end

-- The task. (A sink that `can_wait` begins in the next turn of the loop: so all that one turn logs is
-- written at once, and should there be no next turn, because the state ends, all of it is there for `rest`.)
local function work(w)
  local sink = w.sink
  if sink.can_wait then lwt.pause():await() end
  while w.n > 0 or w.woken do
    take(w)
    local ok, err = pcall(sink.write, sink, w.taken, w.writing)
    w.written, w.why = ok, err
    empty(w)
    tell(w)
  end
end

local function settle(w)
  if w.taken then
    empty(w)
    tell(w)
  end
  if w.n > 0 then
    take(w)
    empty(w)
    tell(w)
  end
  w.woken = false
end

-- Has the sink write a record too; gives a promise that is shared by all that are written with it.
local function write(w, section, level, message, time, fields, extra)
  local text = w.render(section, level, message, time, fields, extra)
  if w.ending[3] ~= 0 then make_up(w) end
  local promise = w.promise
  if not promise then
    local p, r = wait()
    if not w.promise then w.promise, w.resolver = p, r end
    promise = w.promise
  end
  local n = w.n + 1
  w.queue[n] = text -- (this first: it may fail)
  w.n = n
  if not w.running then start(w) end
  return promise
end

-- Has the sink look whether there is something else to do.
function M.wake(w)
  w.woken = true
  start(w)
end

local function finish(w)
  if w.sink.stop then w.sink:stop() end
  unwritten.idle(w):await()
  if w.sink.close then w.sink:close() end
end

-- When the state ends no task can write any more: what is in the queue, and what finalizers of older
-- objects log after us, is written without.
local mt = {}
function mt.__gc(guard)
  local w, render = guard.writer, guard.render
  local sink = w.sink
  if not sink.rest or w.given_up then return end
  if w.n > 0 or w.writing > 0 then pcall(sink.rest, sink, w.queue, w.n) end
  sink.pending = nil
  function w.write(_, ...)
    pcall(sink.rest, sink, { (render(...)) }, 1)
    return logger.done
  end
end

-- A logger that writes to a sink what `render` makes of records.
function M.new(sink, render)
  local w = task.prepare(logger.new {
    sure = true, sink = sink, render = render, write = write, finish = finish, waiting = waiting,
    work = work, waits = waits, settle = settle, queue = {}, spare = {}, n = 0, promise = false,
    resolver = false, taken = false, writing = 0, their = false, their_resolver = false,
    written = false, why = false, woken = false,
  })
  w.guard = setmetatable({ writer = w, render = render }, mt)
  return w
end

return M

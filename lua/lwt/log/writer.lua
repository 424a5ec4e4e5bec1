-- Internal: what writes for channels, files and sockets: whole records, in order, many at a time.
--
-- A writer is a logger with a `sink`. Records become text (or whatever the sink takes) by `render`, and lie
-- in `queue` (1 to n) until the one task of the writer, `drain`, takes all there are and has the sink
-- write them; then it takes what came meanwhile. `promise` is of those in the queue: all records that
-- are written together have one. The task is there (`running`) exactly while there is something to
-- do. It has the storage of the code that made the logger, and it cannot be cancelled.
--
-- The sink: { write = function(self, queue, n) waits until it is written, or raises (n may be 0, after
-- `wake`: there may be something else to do), stop = function(self), before the
-- last of it is written, close = function(self), rest = function(self, queue, n)
-- writes without waiting, when the state ends; can_wait = what is written is not needed before the
-- loop turns }.

local lwt = require "lwt"
local stored = require "lwt.internal.stored"
local logger = require "lwt.log.logger"
local unwritten = require "lwt.log.unwritten"

local wait, busy = lwt.wait, unwritten.busy

local M = {}

local KEPT = 1000 -- a queue that was longer is not used again

-- How many records wait in it, those being written included.
local function waiting(w) return w.n + w.writing end

-- What is in the queue, for the sink. (Nothing here allocates: there may be no memory, and what
-- allocates may run a finalizer that logs.)
local function take(w)
  local queue, n, promise, resolver = w.queue, w.n, w.promise, w.resolver
  w.queue, w.spare, w.n, w.promise, w.resolver = w.spare or {}, nil, 0, nil, nil
  w.woken, w.writing = false, n
  return queue, n, promise, resolver
end

local function new_table() return {} end

-- A queue that has been written, empty. One that was long gives its memory back.
local function emptied(queue, n)
  if n > KEPT then
    local ok, fresh = pcall(new_table)
    if ok then return fresh end
  end
  for i = 1, n do queue[i] = nil end
  return queue
end

local function tell(w, err, promise, resolver)
  if promise then logger.reject(resolver, err) end
  logger.tell(w, err)
  if promise then promise:state() end
end

-- Writes what there is.
local function write_once(w)
  local sink = w.sink
  local queue, n, promise, resolver = take(w)
  local ok, err = pcall(sink.write, sink, queue, n)
  w.spare, w.writing = emptied(queue, n), 0
  if not ok then
    tell(w, err, promise, resolver)
    return
  end
  w.given_up = false
  if promise then
    w.told = false
    logger.fulfill(resolver)
  end
end

local function drain(w)
  while w.n > 0 or w.woken do pcall(write_once, w) end
  w.running = false
  unwritten.over(w)
end

-- Starts the task. Where there is no memory for it, what is in the queue is lost.
local function begin(w)
  local ok, err = pcall(w.start)
  if ok then return end
  local queue, n, promise, resolver = take(w)
  w.spare, w.writing, w.running = emptied(queue, n), 0, false
  pcall(tell, w, err, promise, resolver)
  unwritten.over(w)
end

-- A sink that `can_wait` begins in the next turn of the loop: so all that one turn logs is written at
-- once, and should there be no next turn, because the state ends, all of it is there for `rest`.
local function begin_soon(w) lwt.pause():on_success(w.begin) end

local function start(w)
  busy[w] = true
  w.running = true
  if not w.sink.can_wait or not pcall(begin_soon, w) then begin(w) end
end

-- Has the sink write a record too; gives a promise that is shared by all that are written with it.
local function write(w, section, level, message, time, fields, extra)
  local text = w.render(section, level, message, time, fields, extra)
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
  if not w.running then start(w) end
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
  local w = logger.new {
    sure = true, sink = sink, render = render, write = write, finish = finish, waiting = waiting,
    queue = {}, spare = {}, n = 0, writing = 0, running = false, woken = false,
  }
  w.start = stored.task(function() drain(w) end)
  function w.begin() begin(w) end
  w.guard = setmetatable({ writer = w, render = render }, mt)
  return w
end

return M

-- Internal: what all loggers are.
--
-- A logger is { closed =, write = function(self, section, level, message, time, fields, extra), finish =
-- function(self) }, of this metatable. `write` is called inside the log call, once a record: it must take
-- what it needs at once (so that records are in the order of the calls), must not wait, and gives a
-- promise of the record's being written, or nothing when it is. That promise may be shared by many
-- records: it must be one that a cancel leaves alone. What raises in it rejects; a logger that is `sure`
-- never raises, and always gives a promise.
--
-- A record is these arguments (a table of them would cost as much as writing it): `section` is the object,
-- `level` a word, `message` a string of any bytes, `time` in seconds since 1970, `fields` a table that
-- does not change, or nil; `extra` is nil, or of another state's record { task =, file =, line = }.
--
-- What a logger fails with rejects its promises and is reported to the exception hook once, until it
-- has written again: `self.told` remembers. lwt.Closed and a cancel are never reported.

local lwt = require "lwt"
local core = require "lwt.core"
local args = require "lwt.internal.args"
local task = require "lwt.log.task"
local unwritten = require "lwt.log.unwritten"

local find = string.find
local fulfilled, rejected, is_promise = lwt.fulfilled, lwt.rejected, lwt.is_promise
local NO_MEMORY = task.NO_MEMORY

local M = {}

--- A place to write records to, as the functions of `lwt.log` give it.
---@class lwt.Logger
---@field close fun(l: lwt.Logger): lwt.Promise<nil> fulfilled when all is written and what the logger owns is closed
---@field is_closed fun(l: lwt.Logger): boolean
local Logger = { __name = "lwt.log.logger" }
Logger.__index = Logger

M.done = fulfilled()

-- A rejection that does not need to be looked at: it was reported already, or need not be.
function M.failure(err)
  local p = rejected(err)
  p:state()
  return p
end

local closed = M.failure(lwt.Closed)

function M.is_logger(value) return getmetatable(value) == Logger end

-- Makes a logger of its functions.
function M.new(l)
  l.closed = false
  return setmetatable(l, Logger)
end

-- Tells the hook of a failure, unless it knows.
function M.tell(l, err)
  if l.told or rawequal(err, lwt.Closed) or rawequal(err, lwt.Canceled) then return end
  l.told = true
  core.report(err)
end

-- The lines of a message, with `n`.
function M.lines(message)
  if not find(message, "\n", 1, true) then return { message, n = 1 } end
  local lines, n = {}, 0
  for line in (message .. "\n"):gmatch "([^\n]*)\n" do
    n = n + 1
    lines[n] = line
  end
  lines.n = n
  return lines
end

-- Gives a record to a logger.
function M.log(l, section, level, message, time, fields, extra)
  if l.closed then return closed end
  if l.sure then return l:write(section, level, message, time, fields, extra) end
  local ok, p = pcall(l.write, l, section, level, message, time, fields, extra)
  if not ok then
    M.tell(l, p)
    return M.failure(p)
  end
  return p or M.done
end

local function nothing() end

function Logger.close(l)
  if not M.is_logger(l) then args.wrong(1, "close", "lwt.log.logger", l) end
  if l.closing then return l.closing end
  if unwritten.before_close then unwritten.before_close() end
  local gate, open = lwt.wait()
  local finished
  local closing = lwt.no_cancel(gate:bind(function() return finished end))
  if l.closing then return l.closing end -- a finalizer has done it
  l.closed, l.closing = true, closing
  local ok, p = pcall(lwt.spawn, l.finish or nothing, l)
  if ok then
    finished = p
    ok, p = pcall(open.wakeup, open)
  end
  if not ok then -- no memory: it can be tried again
    l.closed, l.closing = false, nil
    error(p, 0)
  end
  return closing
end

function Logger.is_closed(l)
  if not M.is_logger(l) then args.wrong(1, "is_closed", "lwt.log.logger", l) end
  return l.closed
end

Logger.__close = function(l) lwt.shield(Logger.close, l) end

-- ---- Loggers made of functions --------------------------------------------------
--
-- Their `output` is work: it may wait, and what comes meanwhile waits for it, so that it sees one record
-- after another. `line` has the records that wait, from `first`, which is being written, to `last`. A
-- record that is logged from inside of `output` would come to it again, and so on for ever: it is left out.

local inside = lwt.new_key() -- { logger, what it was inside of }

local function is_inside(l)
  local at = lwt.get(inside)
  while at do
    if at[1] == l then return true end
    at = at[2]
  end
  return false
end

local function output(l, entry)
  local record = entry.record
  local result = lwt.with_value(inside, { l, entry.inside }, l.output, entry.section, record.level,
    M.lines(record.message), record)
  if is_promise(result) then lwt.await(result) end
end

-- Resolves the promise of the first record in `line`, and removes it. (Where this raises for want of
-- memory, it is called again.)
local function tell(l)
  local entry = l.line[l.first]
  if entry.written then
    l.told, l.given_up = false, false
    if entry.promise:is_pending() then entry.resolver:wakeup() end
  else
    if entry.promise:is_pending() then entry.resolver:wakeup_exn(entry.why) end
    M.tell(l, entry.why)
    entry.promise:state()
  end
  l.line[l.first], l.first = nil, l.first + 1
end

-- The task.
local function work(l)
  while l.first <= l.last do
    local entry = l.line[l.first]
    local ok, err = pcall(output, l, entry)
    entry.written, entry.why = ok, err
    tell(l)
  end
end

local function settle(l)
  for _ = l.first, l.last do tell(l) end
end

local function waits(l) return l.first <= l.last end

local function waiting_made(l) return l.last - l.first + 1 end

local function write_made(l, section, level, message, time, fields, extra)
  if is_inside(l) then
    if not l.looped then
      l.looped = true
      warn("lwt.log: what a logger logs to itself is left out")
    end
    return nil
  end
  local entry = { section = section, inside = lwt.get(inside), written = false, why = NO_MEMORY }
  entry.record = {
    time = time, level = level, section = section.name, message = message, fields = fields,
    task = extra and extra.task, file = extra and extra.file, line = extra and extra.line,
  }
  entry.promise, entry.resolver = lwt.wait()
  if l.ending[3] ~= 0 then task.make_up(l) end
  local last = l.last + 1
  l.line[last] = entry
  l.last = last
  if not l.running then task.start(l) end
  return entry.promise
end

local function finish_made(l)
  lwt.await(unwritten.idle(l))
  if l.close_output then
    local p = l.close_output()
    if is_promise(p) then p:await() end
  end
end

-- A logger of a function that may wait, and one that is called when it is closed.
function M.make(f, close)
  return task.prepare(M.new {
    write = write_made, finish = finish_made, waiting = waiting_made, output = f,
    close_output = close, line = {}, first = 1, last = 0,
    work = work, waits = waits, settle = settle,
  })
end

return M

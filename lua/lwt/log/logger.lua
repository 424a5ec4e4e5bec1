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
local stored = require "lwt.internal.stored"
local unwritten = require "lwt.log.unwritten"

local find = string.find
local fulfilled, rejected, is_promise = lwt.fulfilled, lwt.rejected, lwt.is_promise

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

-- Wake a promise. That may fail for want of memory; once more, then.
function M.fulfill(resolver)
  if not pcall(resolver.wakeup, resolver) then resolver:wakeup() end
end

function M.reject(resolver, err)
  if not pcall(resolver.wakeup_exn, resolver, err) then resolver:wakeup_exn(err) end
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

function Logger.close(l)
  if not M.is_logger(l) then args.wrong(1, "close", "lwt.log.logger", l) end
  if l.closing then return l.closing end
  if unwritten.before_close then unwritten.before_close() end
  local closing, resolver = lwt.wait()
  if l.closing then return l.closing end -- a finalizer has done it
  l.closed, l.closing = true, closing
  local ok, err = pcall(function()
    lwt.spawn(l.finish or function() end, l):on_any(function() M.fulfill(resolver) end,
      function(why) M.reject(resolver, why) end)
  end)
  if not ok then M.reject(resolver, err) end -- no memory, as a rule
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
-- after another. `line` has the records that wait, from `first` to `last`; the one task of the logger,
-- which is there (`running`) while there are any, takes them. A record that is logged from inside of
-- `output` would come to it again, and so on for ever: it is left out.

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

local function ended(l, entry, ok, err)
  if ok then
    l.told, l.given_up = false, false
    M.fulfill(entry.resolver)
    return
  end
  M.reject(entry.resolver, err)
  M.tell(l, err)
  entry.promise:state()
end

local function next_entry(l)
  local at = l.first
  local entry = l.line[at]
  l.line[at], l.first = nil, at + 1
  return entry
end

local function serve(l)
  while l.first <= l.last do
    local entry = next_entry(l)
    pcall(ended, l, entry, pcall(output, l, entry))
  end
  l.running = false
  unwritten.over(l)
end

-- Where there is no memory for the task, what waits is lost.
local function start_serving(l)
  unwritten.busy[l] = true
  l.running = true
  local ok, err = pcall(l.start)
  if ok then return end
  while l.first <= l.last do pcall(ended, l, next_entry(l), false, err) end
  l.running = false
  unwritten.over(l)
end

local function waiting_made(l) return l.last - l.first + (l.running and 2 or 1) end

local function write_made(l, section, level, message, time, fields, extra)
  if is_inside(l) then
    if not l.looped then
      l.looped = true
      warn("lwt.log: what a logger logs to itself is left out")
    end
    return nil
  end
  local entry = { section = section, inside = lwt.get(inside), record = {
    time = time, level = level, section = section.name, message = message, fields = fields,
    task = extra and extra.task, file = extra and extra.file, line = extra and extra.line,
  } }
  entry.promise, entry.resolver = lwt.wait()
  local last = l.last + 1
  l.line[last] = entry
  l.last = last
  if not l.running then start_serving(l) end
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
  local l = M.new {
    write = write_made, finish = finish_made, waiting = waiting_made, output = f,
    close_output = close, line = {}, first = 1, last = 0, running = false,
  }
  l.start = stored.task(function() serve(l) end)
  return l
end

return M

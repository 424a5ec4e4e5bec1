-- What is produced and not read yet: logs, and the cursors of streams on them. (For an
-- overview see lwt.stream.core.)

local C = {}

-- The public functions, which are the methods; filled by the other files.
local M = {}
C.M = M

local mt = { __index = M, __name = "lwt.stream" }
C.mt = mt

-- Chunk entry that is no element: an error when the chunk has one noted at that
-- place, else the end.
local STOP = setmetatable({}, { __name = "lwt.stream.stop" })

local Empty = setmetatable({}, {
  __name = "lwt.stream.Empty",
  __tostring = function() return "stream is empty" end,
})
M.Empty = Empty

local SIZE = 64

-- Both parts of the table are made in full at once: an insertion that had to grow
-- either would count the cleared places and throw the array away.
local function new_chunk()
  return {
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    next = false, start = 1, errors = false, whole = true,
  }
end

---- The log ---------------------------------------------------------------------

local function new_log(source)
  local chunk = new_chunk()
  local log = {
    tail = chunk, n = 1, -- where the next element goes, unless
    put = false, -- … it has a function of its own for that
    hold = false, -- and one to be told that there are readers in line
    source = source or false,
    closed = false, -- the end was produced (or pushed)
    ended = false, -- … and stands in the log
    ending = false, -- the source has just met it
    shared = false, -- there are, or were, several cursors
    waiting = {}, -- the streams with readers in line
    fetching = false, -- true while the source runs, then the promise it waits for
    serving = false, -- the source is being asked for those in line
    withdrawable = false, -- `fetching` is a read that may be taken back
    stale = 0, -- fetches taken back whose rejection is still to be heard of
    resume = false, rescue = false, -- what to do with the value or error of `fetching`
    closed_promise = false, closed_resolver = false,
    spare = false, -- a used up chunk
    on_value = false, on_error = false, on_withdraw = false,
    guard = false, -- what lives as long as the streams do
  }
  log.log = log
  return log
end

local function next_chunk(log, c)
  local fresh = log.spare
  if fresh then log.spare = false else fresh = new_chunk() end
  c.next = fresh
  return fresh
end

local function append(log, v)
  if log.put then return log.put(v) end
  local c, n = log.tail, log.n
  c[n] = v
  if n < SIZE then
    log.n = n + 1
    return
  end
  log.tail, log.n = next_chunk(log, c), 1
end
---- Cursors ---------------------------------------------------------------------

-- The entry at the cursor: nil when there is none.
local function front(s)
  local c = s.chunk
  local v = c[s.i]
  while v == nil do
    local nx = c.next
    if not nx then
      local bound = s.bound
      if bound then return bound.offered(bound) end
      return nil
    end
    s.chunk, s.i = nx, c.start
    if c.whole and not c.errors and not s.shared then
      c.next = false
      s.log.spare = c
    end
    c = nx
    v = c[s.i]
  end
  return v
end

-- Move past the entry that front just gave.
local function drop(s)
  local c, i = s.chunk, s.i
  local bound = s.bound
  if bound and c[i] == nil then return bound.take(bound) end
  s.i = i + 1
  if not s.shared then c[i] = nil end
  if bound then
    bound.n = bound.n - 1
    bound.admit(bound)
  end
end
C.drop = drop

-- The error that the STOP at the cursor stands for, boxed; nil: it is the end.
local function error_at(s)
  local errors = s.chunk.errors
  return errors and errors[s.i]
end

-- A section has its own pull (see below), so the ordinary one is set through here.
local function set_pull(s, pull)
  if s.section then s.base = pull else s.pull = pull end
  local ride = s.ride
  if ride then ride.over = true end
end

-- From now on there may be something in the log.
local function use_log(s)
  set_pull(s, s.shared and C.pull_shared or C.pull_log)
end

C.STOP, C.SIZE = STOP, SIZE
C.new_log, C.next_chunk, C.append = new_log, next_chunk, append
C.front, C.error_at, C.set_pull, C.use_log = front, error_at, set_pull, use_log

return C

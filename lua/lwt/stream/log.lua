-- What is produced and not read yet: logs, and the cursors of streams on them. (For an
-- overview see lwt.stream.core.)

local C = {}

-- The public functions, which are the methods; filled by the other files.
local M = {}
C.M = M

local mt = { __index = M, __name = "lwt.stream" }
C.mt = mt

-- What `front` gives for what is no element: the end, or an error. In a chunk an error
-- has a place without element, and is noted beside it.
local STOP = setmetatable({}, { __name = "lwt.stream.stop" })

--- What `next` is rejected with at the end of a stream.
--- ```lua
--- print(select(2, pcall(await, stream.of_list {}:next())))   --> stream is empty
--- ```
---@value lwt.stream.Empty any

local Empty = setmetatable({}, {
  __name = "lwt.stream.Empty",
  __tostring = function() return "stream is empty" end,
})
M.Empty = Empty

local SIZE <const> = 64

-- Both parts of the table are made in full at once: an insertion that had to grow
-- either would count the cleared places and throw the array away.
local function new_chunk()
  return {
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    next = false, errors = false, whole = true,
  }
end

---- The log ---------------------------------------------------------------------

local NOBODY = {} -- never written to

-- What is in it is all that most logs ever need; a field that is not there is nil, for
-- false. (Streams are many, and most are idle. The eight fields fill their table.)
local function new_log(source)
  local log = {
    tail = { next = false }, n = SIZE + 1, -- where the next element goes: a new chunk
    source = source or false,
    waiting = NOBODY, -- the streams with readers in line
    closed = false, -- the end was produced (or pushed)
    shared = false, -- there are, or were, several cursors
    hold = false, -- the function that pushes, to be told that there are readers in line
    log = false,
    -- fetching  true while the source runs, then what it waits for
    -- ended     the end follows what is in the log
    -- ending    the source has just met it
    -- serving   the source is being asked for those in line
    -- withdrawable   `fetching` is a read that may be taken back
    -- stale     how many fetches were taken back whose rejection is still to be heard of
    -- resume, rescue   what to do with the value or error of `fetching`
    -- closed_promise   see stream.closed
    -- desk      see tell.lua
    -- spare     a used up chunk
    -- on_value, on_error, on_withdraw   callbacks, once they were needed
    -- guard     what lives as long as the streams do
    -- taker     see `unfold` in line.lua
    -- bound     see bounded.lua
    -- eager     see `withdraw` in line.lua
    -- idle      a request of its own that is in no line
    -- spreading clones are being offered what is new
    -- held      the function that pushes has been told
  }
  log.log = log
  return log
end

-- Makes room for an element. It is called before it is decided where that goes: the memory may run
-- a finalizer, which may push and read. `append` after it runs none.
local function reserve(log)
  if log.n <= SIZE then return end
  local fresh = log.spare or new_chunk()
  if log.n <= SIZE or log.hold and not log.held then return end -- a finalizer has pushed
  log.spare = false
  log.tail.next = fresh
  log.tail, log.n = fresh, 1
end

local function append(log, v)
  if log.n > SIZE then reserve(log) end
  local n = log.n
  log.tail[n] = v
  log.n = n + 1
end

local function append_error(log, err)
  local box, errors = { err }, {}
  reserve(log)
  local c = log.tail
  c.errors = c.errors or errors
  c.errors[log.n] = box
  append(log, nil)
end

---- Cursors ---------------------------------------------------------------------

-- What stands at the cursor: an element, STOP, or nil when there is nothing.
local function front(s)
  local c, i = s.chunk, s.i
  if not c then -- see fuse.lua
    s.lent()
    c, i = s.chunk, s.i
  end
  local v = c[i]
  while v == nil do
    local errors = c.errors
    if errors and errors[i] then return STOP end
    local nx = c.next
    if not nx then
      local bound = s.log.bound
      if bound then v = bound.offered(bound) end
      if v == nil and s.log.ended then return STOP end
      return v
    end
    i = c.start or 1
    s.chunk, s.i = nx, i
    if c.whole and not errors and not s.shared then
      c.next = false
      s.log.spare = c
    end
    c = nx
    v = c[i]
  end
  return v
end

-- Move past what front just gave.
local function drop(s)
  if not s.chunk then s.lent() end
  local c, i = s.chunk, s.i
  local bound = s.log.bound
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
  local give_back = s.lent
  if give_back then give_back() end
  if s.section then s.base = pull else s.pull = pull end
end

-- From now on there may be something in the log.
local function use_log(s)
  set_pull(s, s.shared and C.pull_shared or C.pull_log)
end

C.STOP, C.SIZE, C.NOBODY = STOP, SIZE, NOBODY
C.new_log, C.reserve, C.append, C.append_error = new_log, reserve, append, append_error
C.front, C.error_at, C.set_pull, C.use_log = front, error_at, set_pull, use_log

return C

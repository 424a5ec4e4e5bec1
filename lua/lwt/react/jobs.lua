-- Tasks between the nodes of the graph: what the `_s` and `_p` forms, limits and notifiers of
-- events and of signals have in common.
--
-- What runs in the background (a limiter, a reading loop, the jobs of an `_s` form) refers to
-- the result weakly, so that a result which is dropped ends it.

local lwt = require "lwt"
local guard = require "lwt.core".guard
local G = require "lwt.react.graph"

local occur, change, send, report, event_from = G.occur, G.change, G.send, G.report, G.event_from
local spawn, await, async, is_promise = lwt.spawn, lwt.await, lwt.async, lwt.is_promise

local M = {}

M.weak = { __mode = "v" }

-- The node is on the stack of these functions only while they run: not on that of a task
-- that goes on to wait.
local function emit(ref, v)
  local e = ref[1]
  if e then send(occur, e, v) end
end

local function set(ref, v)
  local s = ref[1]
  if s then send(change, s, v) end
end

local function alive(ref)
  local node = ref[1]
  return node ~= nil and not node.stopped
end

local function value(v)
  if v ~= nil and is_promise(v) then return (await(v)) end
  return v
end

-- Jobs that run as tasks one after another. What fails is reported.
local Worker = {}
Worker.__index = Worker

local function work(w)
  while w.first <= w.last do
    local job = w[w.first]
    w[w.first] = nil
    w.first = w.first + 1
    local ok, err = guard(job)
    if not ok then report(err) end
  end
  w.first, w.last, w.busy = 1, 0, false
end

function Worker:add(job)
  self.last = self.last + 1
  self[self.last] = job
  if not self.busy then
    self.busy = true
    spawn(work, self)
  end
end

-- The jobs that have not begun are not done.
function Worker:clear()
  for i = self.first, self.last do self[i] = nil end
  self.first, self.last = 1, 0
end

local function new_worker(busy)
  return setmetatable({ first = 1, last = 0, busy = busy or false }, Worker)
end

local function at_once(_, job) async(job) end

-- An event of what jobs emit. `job_of(ref)` is called when one of the producers changes,
-- and gives the job, or nil.
local function event_of(producers, serial, job_of)
  local out = G.event()
  local ref = setmetatable({ out }, M.weak)
  local w = new_worker()
  local add = serial and w.add or at_once
  out.ended = function() w:clear() end
  out.source = event_from(producers, function()
    local job = job_of(ref)
    if job then add(w, job) end
  end)
  return out
end

-- What limits share: `start(ref)` begins a pause, `admit(v)` tells whether a value may come through now,
-- `forget()` drops the one that is held, which `send_on(ref, v)` would send later.
local function limiter(f, send_on)
  local held, any, busy = nil, false, false
  local start
  local function done(ref)
    local v = held
    local goes_on = any and alive(ref)
    busy, held, any = false, nil, false
    if goes_on then
      busy = true
      send_on(ref, v)
      if alive(ref) then start(ref) end
    end
  end
  function start(ref)
    busy = true
    spawn(f):on_any(function() done(ref) end, function(err)
      report(err)
      done(ref)
    end)
  end
  return start, function(v)
    if not busy then return true end
    held, any = v, true
    return false
  end, function() held, any = nil, false end
end

local function fold_values(values, init, f)
  local acc = init
  for i = 1, values.n do acc = value(f(acc, values[i])) end
  return acc
end

local function values_of(from, n)
  local values = { n = n }
  for i = 1, n do values[i] = from[i].v end
  return values
end

M.emit, M.set, M.alive, M.value = emit, set, alive, value
M.new_worker, M.work, M.event_of, M.limiter = new_worker, work, event_of, limiter
M.fold_values, M.values_of = fold_values, values_of

return M

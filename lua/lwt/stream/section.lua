-- Sections: several reads that belong together.
--
-- Between `enter` and `leave` a stream belongs to one task and to what that task
-- starts (told by task-local storage); other readers wait until it is over. What
-- was taken meanwhile is known, and can be put back. Sections nest.

local lwt = require "lwt"
local raise = require "lwt.core".raise -- again, with the trace that it has
local due = require "lwt.internal.due"
local C = require "lwt.stream.log" -- and what core.lua has added to it

local alive, busy, promise_of, wake_all = C.alive, C.busy, C.promise_of, C.wake_all
local ask, submit, unread, key = C.ask, C.submit, C.unread, C.key
local get_local, with_value, spawn = lwt.get, lwt.with_value, lwt.spawn
local cancel_due, later = due.cancel_due, due.later

function C.inside(section, here)
  while here do
    if here.section == section then return true end
    here = here.up
  end
  return false
end
local inside = C.inside

function C.wait_outside(section, s, req)
  req.here = get_local(key) or false
  local p = promise_of(s, req)
  if section.over then -- since: the memory may have run a finalizer
    submit(s, req)
    if req.done then wake_all { req } end
  else
    section.outside[#section.outside + 1] = req
  end
  return p
end

local function pull_section(s)
  local section = s.section
  if not inside(section, get_local(key)) then
    local req = {}
    return nil, C.wait_outside(section, s, req), req
  end
  local record = section.record
  local n = #record
  local v, p, req = s.base(s)
  if v ~= nil and #record == n then record[n + 1] = v end
  return v, p, req
end

function C.enter(s, section)
  if s.lent then s.lent() end
  if s.solo then C.unfold(s) end
  if s.log.fetching then
    C.fresh(s.log)
    C.set_eager(s.log)
  end
  section.outside, section.record = {}, {}
  local up = s.section
  section.up = up
  if not up then s.base = s.pull end
  s.section = section
  s.pull = pull_section
  -- Readers that were in line behind us wait outside.
  local req = s.first
  s.first, s.last, s.lined, s.taking = false, false, 0, false
  while req do
    local nx = req.next
    if alive(req) then section.outside[#section.outside + 1] = req end
    req = nx
  end
end

local function leave(s, section, keep)
  local up = section.up
  s.section, section.over = up, true
  if not up then s.pull, s.base = s.base, false end -- else pull stays pull_section
  local record = section.record
  if keep then
    if up then table.move(record, 1, #record, #up.record + 1, up.record) end
  elseif record[1] ~= nil then
    -- Not through the enclosing section's record: it never had them.
    s.section = false
    if up then s.pull = s.base end
    unread(s, record, #record)
    if up then
      s.base = s.pull
      s.pull = pull_section
      s.section = up
    end
  end
  local outside = section.outside
  local served = {}
  for k = 1, #outside do
    local req = outside[k]
    if alive(req) then
      local now = s.section
      if now and (now ~= up or req.here ~= nil and not inside(up, req.here)) then
        now.outside[#now.outside + 1] = req
      else
        submit(s, req)
        if req.done then served[#served + 1] = req end
      end
    end
  end
  wake_all(served)
end

-- Run `f(s)` as a task in a section of its own, once those in line have been
-- served. With `rollback`, what it took is put back if it fails in any way.
function C.section(s, rollback, f)
  if cancel_due() then return later(C.section, s, rollback, f) end
  local section = {}
  local function start()
    local here = { section = section, up = get_local(key) }
    return with_value(key, here, spawn, f, s):try_bind(function(...)
      leave(s, section, true)
      return ...
    end, function(err)
      leave(s, section, not rollback)
      raise(err)
    end)
  end
  if s.lent then s.lent() end
  local outer = s.section
  if (not outer or inside(outer, get_local(key))) and not busy(s) then
    C.enter(s, section)
    return start()
  end
  local turn = { turn = section, feed = true, finish = function() C.enter(s, section) end }
  return ask(s, turn):bind(start)
end

return C

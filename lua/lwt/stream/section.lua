-- Sections: several reads that belong together.
--
-- Between `enter` and `leave` a stream belongs to one task and to what that task
-- starts (told by task-local storage); other readers wait until it is over. What
-- was taken meanwhile is known, and can be put back. Sections nest.

local lwt = require "lwt"
local core = require "lwt.core"
local raise = core.raise -- again, with the trace that it has
local try, surely = core.try, core.surely -- pcall for a plain callback; on_any, for want of memory later
local due = require "lwt.internal.due"
local C = require "lwt.stream.log" -- and what core.lua has added to it

local alive, busy, promise_of = C.alive, C.busy, C.promise_of
local desk_of, decide, tell = C.desk_of, C.decide, C.tell
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
  section.outside[#section.outside + 1] = req
  return promise_of(s, req)
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
  -- Who was in line behind us waits outside.
  local outside = {}
  local req = s.first
  while req do
    if alive(req) then outside[#outside + 1] = req end
    req = req.next
  end
  section.outside, section.record = outside, {}
  local up = s.section
  section.up = up
  if not up then s.base = s.pull end
  s.section = section
  s.pull = pull_section
  s.first, s.last, s.lined, s.taking = false, false, 0, false
end

-- One who has waited outside: into the section around it, or served, or in line. Gives whether he is served.
local function let_in(s, up, req)
  local now = s.section
  if now and (now ~= up or req.here ~= nil and not inside(up, req.here)) then
    now.outside[#now.outside + 1] = req
    return false
  end
  return submit(s, req)
end

-- (Once. Where it raises, for want of memory, nothing has happened.)
local function leave(s, section, keep)
  if section.over then return end
  local desk = desk_of(s.log)
  section.over = true
  local up = section.up
  s.section = up
  if not up then s.pull, s.base = s.base, false end -- else pull stays pull_section
  local record = section.record
  local back, trouble = true, nil
  if keep then
    if up then back, trouble = try(table.move, record, 1, #record, #up.record + 1, up.record) end
  elseif record[1] ~= nil then
    -- Not through the enclosing section's record: it never had them.
    s.section = false
    if up then s.pull = s.base end
    back, trouble = try(unread, s, record, #record)
    if up then
      s.base = s.pull
      s.pull = pull_section
      s.section = up
    end
  end
  local outside = section.outside
  for k = 1, #outside do
    local req = outside[k]
    if alive(req) then
      local ok, served = try(let_in, s, up, req)
      if not ok then req.failed, req.value = true, served end
      if served and not req.done or served == true then decide(desk, req) end
    end
  end
  tell(desk)
  if not back then core.report(trouble) end
end

-- Run `f(s)` as a task in a section of its own, once those in line have been
-- served. With `rollback`, what it took is put back if it fails in any way.
function C.section(s, rollback, f)
  if cancel_due() then return later(C.section, s, rollback, f) end
  local section = {}
  local function start()
    local here = { section = section, up = get_local(key) }
    local function left() leave(s, section, true) end
    local function failed() leave(s, section, not rollback) end
    local ok, p = try(with_value, key, here, spawn, f, s)
    if ok then
      local err
      ok, err = try(surely, p, left, failed)
      if ok then return p end
      p:cancel()
      p = err
    end
    failed()
    raise(p)
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

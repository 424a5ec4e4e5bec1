-- Sections: several reads that belong together.
--
-- Between `enter` and `leave` a stream belongs to one task and to what that task
-- starts (told by task-local storage); other readers wait until it is over. What
-- was taken meanwhile is known, and can be put back. Sections nest.

local lwt = require "lwt"
local core = require "lwt.core"
local raise = core.raise -- again, with the trace that it has
local try, hear = core.try, core.hear -- pcall for a plain callback; on_any, see core.lost
local due = require "lwt.internal.due"
local C = require "lwt.stream.log" -- and what core.lua has added to it

local alive, busy, promise_of = C.alive, C.busy, C.promise_of
local desk_of, decide, tell = C.desk_of, C.decide, C.tell
local ask, submit, unread, key = C.ask, C.submit, C.unread, C.key
local get_local, with_value, spawn, is_pending = lwt.get, lwt.with_value, lwt.spawn, lwt.is_pending
local cancel_due, later = due.cancel_due, due.later

function C.inside(section, here)
  while here do
    if here.section == section then return true end
    here = here.up
  end
  return false
end
local inside = C.inside

-- (nil, as promise_of: the memory may run a finalizer that ends the section.)
function C.wait_outside(section, s, req)
  req.here = get_local(key) or false
  section.outside[#section.outside + 1] = req
  return promise_of(s, req)
end

local leave, section_of

-- The section that `s` is in; one that is over is left first: there may have been no memory for
-- that before.
function C.section_of(s)
  local section = s.section
  while section do
    local t = section.task
    if t and is_pending(t) or not (t or section.over) then return section end
    leave(s, section)
    section = s.section
  end
  return section
end
section_of = C.section_of

local function pull_section(s)
  local section = section_of(s)
  if not section then return s.pull(s) end
  if not inside(section, get_local(key)) then
    local req = { done = false }
    if s.section ~= section then return s.pull(s) end -- a finalizer has ended it
    local p = C.wait_outside(section, s, req)
    if p then return nil, p, req end
    if req.failed then raise(req.value) end
    return req.value
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

-- One who has waited outside: into the section around it, or served, or in line. Gives whether he
-- is served.
local function let_in(s, up, req)
  local now = s.section
  if now and (now ~= up or req.here ~= nil and not inside(up, req.here)) then
    now.outside[#now.outside + 1] = req
    return false
  end
  if req.again then req.again(req) end
  return submit(s, req)
end

-- Once, if it was entered: what was taken is kept unless it is to be put back. While one that began
-- inside it goes on, it stays.
function leave(s, section)
  if section.left or not section.outside or s.section ~= section then return end
  local t = section.task
  local keep = not section.rollback or t and t:state() == "fulfilled"
  local desk = desk_of(s.log)
  section.left = true
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
  if s.section == up then section_of(s) end
  if not back then core.report(trouble) end
end

-- `p`, after whose end the section is left.
local function leaving(s, section, p)
  local function left() leave(s, section) end
  hear(p, left, left, section)
  return p:catch(raise) -- whose rejection somebody has to look at
end

-- Run `f(s)` as a task in a section of its own, once those in line have been
-- served. With `rollback`, what it took is put back if it fails in any way.
--
--   lost, outside   see core.lost, which makes it `over`, too
--   left            it is over, and the stream knows
function C.section(s, rollback, f)
  if cancel_due() then return later(C.section, s, rollback, f) end
  local section = {
    lost = false, over = false, left = false, outside = false, record = false, up = false,
    task = false, rollback = rollback,
  }
  local function start()
    local here = { section = section, up = get_local(key) }
    section.task = with_value(key, here, spawn, f, s)
    return leaving(s, section, section.task)
  end
  local function try_start()
    local ok, p = try(start)
    if ok then return p end
    if section.task then section.task:cancel() end
    section.over = true
    leave(s, section)
    raise(p)
  end
  if s.lent then s.lent() end
  local outer = section_of(s)
  if (not outer or inside(outer, get_local(key))) and not busy(s) then
    C.enter(s, section)
    return try_start()
  end
  local turn = { turn = section, feed = true }
  local function not_begun() if not section.task then leave(s, section) end end
  local asked
  local function follow()
    local p = asked:bind(try_start)
    hear(p, not_begun, not_begun, section)
    return p:catch(raise)
  end
  asked = ask(s, turn)
  local ok, p = pcall(follow)
  if ok then return p end
  asked:cancel() -- or its turn would come, and nobody would leave the section
  not_begun()
  raise(p)
end

return C

-- Streams against a plain list: random programs of pushes, reads, cancels and closes are run
-- on a stream and on a model that is a list and a queue of readers, and after every step the
-- two must agree about every reader. LWT_FUZZ_N programs (default 400) from LWT_FUZZ_SEED
-- (default: the clock; it is printed when they differ).

local lwt = require "lwt"
local stream = require "lwt.stream"
local generated = require "spec.support.generated"

---- The model -------------------------------------------------------------------

local Model = {}
Model.__index = Model

local function new_model(bound)
  return setmetatable({ buf = {}, queue = {}, closed = false, bound = bound, pushers = {} }, Model)
end

local function small(v) return v % 10 < 6 end

local LOOKS = { peek = true, npeek = true, is_empty = true }
local KEEPS = { nget = true, get_while = true, to_list = true }

-- Show `v` to one reader: taken, done.
local function feed(req, v)
  local kind = req.kind
  if kind == "get" or kind == "next" or kind == "last_new" then
    req.value = v
    return true, true
  elseif kind == "peek" then
    req.value = v
    return false, true
  elseif kind == "is_empty" then
    req.value = false
    return false, true
  elseif kind == "npeek" then
    table.insert(req.items, v)
    return false, #req.items == req.n
  elseif kind == "nget" then
    table.insert(req.items, v)
    return true, #req.items == req.n
  elseif kind == "njunk" then
    req.junked = (req.junked or 0) + 1
    return true, req.junked == req.n
  elseif kind == "get_while" then
    if not small(v) then return false, true end
    table.insert(req.items, v)
    return true, false
  elseif kind == "junk_while" then
    if not small(v) then return false, true end
    return true, false
  elseif kind == "to_list" then
    table.insert(req.items, v)
    return true, "again"
  end
end

local function finish(req)
  local kind = req.kind
  if kind == "next" or kind == "last_new" then
    req.failed = true
  elseif kind == "is_empty" then
    req.value = true
  end
  req.state = "done"
end

-- A new element passes along the queue. Gives whether somebody took it. Readers that read
-- on do so when everything has been handed out: they go to `again`.
function Model:pass(v, again)
  local k = 1
  while k <= #self.queue do
    local req = self.queue[k]
    local taken, done = feed(req, v)
    if done then
      table.remove(self.queue, k)
      if done == "again" then
        table.insert(again, req)
      else
        req.state = "done"
      end
    else
      k = k + 1
    end
    if taken then return true end
  end
  return false
end

function Model:arrive(v)
  local again = {}
  if not self:pass(v, again) then table.insert(self.buf, v) end
  for _, req in ipairs(again) do self:submit(req) end
end

function Model:busy()
  for _, req in ipairs(self.queue) do
    if not LOOKS[req.kind] then return true end
  end
  return false
end

-- What can be read at once, in order: the buffer, then what waits to be pushed.
function Model:first()
  if self.buf[1] then return self.buf[1] end
  if self.pushers[1] then return self.pushers[1].value end
end

function Model:admit()
  while self.pushers[1] and #self.buf < self.bound do
    local pusher = table.remove(self.pushers, 1)
    pusher.state = "done"
    table.insert(self.buf, pusher.value)
  end
end

function Model:take()
  if self.buf[1] then
    table.remove(self.buf, 1)
  else
    table.remove(self.pushers, 1).state = "done"
  end
  if self.bound then self:admit() end
end

function Model:submit(req)
  if not self:busy() then
    if LOOKS[req.kind] then
      for _, v in ipairs(self:all()) do
        local _, done = feed(req, v)
        if done then req.state = "done" return end
      end
    else
      while self:first() do
        local taken, done = feed(req, self:first())
        if taken then self:take() end
        if done and done ~= "again" then req.state = "done" return end
      end
    end
    if self.closed then return finish(req) end
  end
  table.insert(self.queue, req)
end

-- All that can be read, in order.
function Model:all()
  local all = table.move(self.buf, 1, #self.buf, 1, {})
  for _, pusher in ipairs(self.pushers) do table.insert(all, pusher.value) end
  return all
end

-- Who looks at several begins again: what is put back comes before what he has seen.
function Model:put_back(items)
  local kept, again = {}, {}
  for _, req in ipairs(self.queue) do
    if req.kind == "npeek" then req.items = {} end
  end
  for _, v in ipairs(items) do
    if not self:pass(v, again) then table.insert(kept, v) end
  end
  for k = #self.queue, 1, -1 do
    local req, done = self.queue[k], false
    for _, v in ipairs(req.kind == "npeek" and self:all() or {}) do
      if not done then _, done = feed(req, v) end
    end
    if done then
      req.state = "done"
      table.remove(self.queue, k)
    end
  end
  self.buf = table.move(self.buf, 1, #self.buf, #kept + 1, kept)
  for _, req in ipairs(again) do self:submit(req) end
end

function Model:cancel(req)
  for k, r in ipairs(self.queue) do
    if r == req then
      table.remove(self.queue, k)
      req.state = "canceled"
      if KEEPS[req.kind] and #req.items > 0 then self:put_back(req.items) end
    end
  end
end

function Model:close()
  if self.closed then return end
  self.closed = true
  for _, pusher in ipairs(self.pushers) do pusher.state = "closed" end
  self.pushers = {}
  local queue = self.queue
  self.queue = {}
  for _, req in ipairs(queue) do finish(req) end
end

function Model:push(v)
  local pusher, again = { value = v, state = "waiting" }, {}
  if self.closed then
    pusher.state = "closed"
  elseif self:pass(v, again) then
    pusher.state = "done"
  elseif not self.bound or #self.buf < self.bound and not self.pushers[1] then
    table.insert(self.buf, v)
    pusher.state = "done"
  else
    table.insert(self.pushers, pusher)
  end
  for _, req in ipairs(again) do self:submit(req) end
  return pusher
end

---- What is compared --------------------------------------------------------------

local function show(v)
  if type(v) == "table" and #v + (v.n or 0) >= 0 and getmetatable(v) == nil then
    return "{" .. table.concat(v, " ") .. "}"
  end
  return tostring(v)
end

local function of_model(req)
  if req.state == "canceled" then return "canceled" end
  if req.state ~= "done" then return "pending" end
  if req.failed then return "empty" end
  local kind = req.kind
  if req.items then return show(req.items) end
  if kind == "njunk" or kind == "junk_while" then return "nil" end
  return show(req.value)
end

local function of_promise(p)
  local state, v = p:state()
  if state == "pending" then return "pending" end
  if state == "fulfilled" then return show(v) end
  if v == lwt.Canceled then return "canceled" end
  if v == stream.Empty then return "empty" end
  return "rejected: " .. tostring(v)
end

---- The streams that must behave like a list ---------------------------------------

local function id(v) return v end
local function yes() return true end

-- Each makes a stream that gives what is pushed to `s`.
local VIAS = {
  plain = function(s) return s end,
  map = function(s) return s:map(id) end,
  map_s = function(s) return s:map_s(id) end,
  filter = function(s) return s:filter(function(v) return v > 0 end) end,
  filter_s = function(s) return s:filter_s(yes) end,
  filter_map = function(s) return s:filter_map(id):filter_map_s(id) end,
  map_list = function(s) return s:map_list(function(v) return { v } end) end,
  map_list_s = function(s) return s:map_list_s(function(v) return { v } end) end,
  flatten = function(s) return s:map(function(v) return { v } end):flatten() end,
  append = function(s) return stream.of_list({}):append(s) end,
  concat = function(s) return stream.of_list({ stream.of_list {}, s }):concat() end,
  choose = function(s) return stream.choose { stream.of_list {}, s, stream.of_list {} } end,
  choose_clones = function(s)
    local a, b = s:clone(), s:clone()
    local turn = 0
    return stream.choose { a, b }:filter(function() turn = turn + 1 return turn % 2 == 1 end)
  end,
  wrap_exn = function(s)
    return s:wrap_exn():map(function(r) return r.value end)
  end,
  from = function(s) return stream.from(function() return s:get() end) end,
  twice = function(s) return s:map(id):filter(yes):map(id) end,
  combine = function(s)
    local endless = stream.from_direct(function() return 0 end)
    return s:combine(endless):map(function(p) return p[1] end)
  end,
  combine_other = function(s)
    local endless = stream.from_direct(function() return 0 end)
    return endless:combine(s):map(function(p) return p[2] end)
  end,
}
local NAMES = {}
for name in pairs(VIAS) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

local READS = { "get", "get", "get", "next", "peek", "npeek", "is_empty", "nget", "nget", "njunk",
  "get_while", "junk_while", "last_new", "to_list" }

local function read(s, req)
  local kind = req.kind
  if kind == "npeek" or kind == "nget" or kind == "njunk" then return s[kind](s, req.n) end
  if kind == "get_while" or kind == "junk_while" then return s[kind](s, small) end
  return s[kind](s)
end

-- Run one program. Gives nil, or how the two differ, with the program.
local function program(seed)
  math.randomseed(seed)
  local random = math.random
  local trace = {}
  local function note(...) trace[#trace + 1] = table.concat({ ... }, " ") end

  local bound = random(3) == 1 and random(0, 3) or nil
  local via = NAMES[random(#NAMES)]
  -- Only a bounded stream itself counts exactly; and it cannot be cloned.
  local cloned = not bound and random(3) == 1
  local s, push, pusher
  if bound then
    via = "plain"
    s, pusher = stream.create_bounded(bound)
  else
    s, push = stream.create()
  end
  note("via", via, "bound", tostring(bound))
  local ends = { { s = VIAS[via](s), m = new_model(bound) } }
  local reads, pushes = {}, {}

  local function difference()
    for k, r in ipairs(reads) do
      local want, got = of_model(r.req), of_promise(r.p)
      if want ~= got then return ("read %d: %s, not %s"):format(k, got, want) end
    end
    for k, p in ipairs(pushes) do
      local state, err = p.p:state()
      local got = state == "pending" and "waiting" or state == "fulfilled" and "done"
        or err == lwt.Closed and "closed" or err == lwt.Canceled and "canceled" or tostring(err)
      if got ~= p.m.state then
        return ("push %d: %s, not %s"):format(k, got, p.m.state)
      end
    end
    if bound then
      local m = ends[1].m
      if pusher:count() ~= #m.buf then
        return ("count: %d, not %d"):format(pusher:count(), #m.buf)
      end
      if pusher:blocked() ~= (m.pushers[1] ~= nil) then return "blocked" end
    end
  end

  local value, closed = 0, false
  local function do_read()
    local k = random(#ends)
    local e = ends[k]
    local req = { kind = READS[random(#READS)], n = random(1, 4), state = "pending" }
    if KEEPS[req.kind] or req.kind == "npeek" then req.items = {} end
    note("read", #reads + 1, "of", k, req.kind, req.n)
    if req.kind == "last_new" and e.m:first() and not e.m:busy() then
      while e.m:first() do
        req.value = e.m:first()
        e.m:take()
      end
      req.state = "done"
    else
      e.m:submit(req)
    end
    reads[#reads + 1] = { req = req, p = read(e.s, req), e = e }
  end

  local steps = random(4, 30)
  for _ = 1, steps do
    local what = random(20)
    if what <= 7 then
      value = value + 1
      note("push", value)
      if closed and not bound then
        if pcall(push, value) then return "push after close", trace end
      elseif bound then
        pushes[#pushes + 1] = { p = pusher:push(value), m = ends[1].m:push(value) }
      else
        push(value)
        for _, e in ipairs(ends) do e.m:arrive(value) end
      end
    elseif what <= 14 then
      do_read()
    elseif what <= 16 and #reads > 0 then
      local k = random(#reads)
      note("cancel read", k)
      reads[k].p:cancel()
      reads[k].e.m:cancel(reads[k].req)
    elseif what == 17 and bound and #pushes > 0 then
      local k = random(#pushes)
      note("cancel push", k)
      pushes[k].p:cancel()
      local m = ends[1].m
      for i, pu in ipairs(m.pushers) do
        if pu == pushes[k].m then
          table.remove(m.pushers, i)
          pu.state = "canceled"
        end
      end
    elseif what == 17 and bound then
      bound = random(0, 4)
      note("resize", bound)
      pusher:resize(bound)
      ends[1].m.bound = bound
      ends[1].m:admit()
    elseif what == 18 and cloned and #ends < 3 then
      local from = ends[random(#ends)]
      -- A clone begins where the stream's next reader would.
      if not from.m:busy() then
        note("clone")
        local m = new_model()
        m.buf = table.move(from.m.buf, 1, #from.m.buf, 1, {})
        m.closed = from.m.closed
        ends[#ends + 1] = { s = from.s:clone(), m = m }
      end
    elseif what == 19 then
      local e = ends[random(#ends)]
      local n = random(0, 3)
      note("get_available_up_to", n)
      local want = {}
      if not e.m:busy() then
        while #want < n and e.m:first() do
          want[#want + 1] = e.m:first()
          e.m:take()
        end
      end
      local got = e.s:get_available_up_to(n)
      if show(got) ~= show(want) then return ("got %s, not %s"):format(show(got), show(want)), trace end
    elseif what == 20 and random(3) == 1 and not closed then
      note("close")
      closed = true
      if bound then pusher:close() else push(nil) end
      for _, e in ipairs(ends) do e.m:close() end
    end
    local d = difference()
    if d then return d, trace end
  end
end

describe("a stream against a plain list", function()
  it("agrees, whatever is read, cancelled, cloned and pushed in which order", function()
    generated.cases(400, function(_, seed)
      local d, trace = program(seed)
      if d then error(d .. "\n" .. table.concat(trace, "\n"), 0) end
    end)
  end)
end)

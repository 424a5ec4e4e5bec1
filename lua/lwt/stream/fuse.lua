-- Chains of map, filter and filter_map, each on the one before: what is ready goes through
-- all of them in one function, as if they were one, and none of the streams in between
-- is called.
--
-- That function is written out, and compiled, for each shape of chain that is met; it is
-- the source of the last stream. While elements are there it has borrowed the cursor of the
-- stream that the chain begins with (or its pull, if that one stores nothing). Code that looks at
-- that stream, or changes how it or a stream in between is read, calls its `lent` first, which
-- gives all back. Without a loan it goes the ordinary way, from stream to stream, where one of
-- those in between has something of its own: readers, clones, a section, a fetch under way.

local C = require "lwt.stream.core"
local storage = require "lwt.internal.stored"

local pend, ended, derive, pull_log = C.pend, C.ended, C.derive_free, C.pull_log
local run = C.run
local set_eager, fresh, lost = C.set_eager, C.fresh, require "lwt.core".lost
local error, pcall = error, pcall

-- A stage is { stream =, kind =, f =, up = the stream that it reads, source =, and once they
-- were needed alone =, resume = (the same for the stage by itself) }.

local function none(name)
  error(("the function given to '%s' returned nil, which cannot be an element"):format(name), 0)
end
C.none = none

C.most = 6 -- stages in one function

local alone, by_itself

-- Stage `st` has to wait for `p`, or is at its end.
local function wait_or_end(st, x, taker, p)
  if not p then return ended(x) end
  by_itself(st)
  return pend(x, taker, p, st.resume)
end

-- `pull` of a stream whose cursor is lent, or for which another one waits: see `missed`.
local function lent(s, taker)
  s.lent()
  return s.pull(s, taker)
end

-- The streams in between are read directly again.
local function set_free(stages)
  local split = stages.split
  stages.wait = false
  for k = 1, #stages - 1 do
    local st = stages[k]
    local d = st.stream
    if d.lent == split then
      d.lent = nil
      if d.pull == lent then d.pull = st.source end
    end
  end
end

-- `p`, for which the last of the stages waits, goes to the first one, and each waits for the one
-- before.
local function relay(stages, p)
  local n = #stages
  local log = stages[n].stream.log
  p.log, p.new = stages[1].stream.log, true
  for k = 1, n - 1 do
    local s, v = stages[k].stream
    v, p = wait_or_end(stages[k], s, stages[k + 1].stream.log, p)
    if not p then -- a finalizer has pushed: there is nothing to wait for
      if v ~= nil then C.unread(s, { v }, 1) end
      log.fetching = false
      return run(log)
    end
  end
  by_itself(stages[n])
  set_eager(log)
  log.fetching, log.resume, p.new = p, stages[n].resume, false
  if p.done then C.arrive(log, p) end
end

-- There was no memory for that: nobody waits for `p`, and whoever reads one of them is told.
local function call_off(stages, p, err)
  p.done = true
  for k = 1, #stages do
    local log = stages[k].stream.log
    if log.desk then lost(log.desk, err) end
  end
end

-- Somebody has to do with a stream in between: from now on each waits for the one before.
local function splitting(stages)
  local log = stages[#stages].stream.log
  return function()
    local p = stages.wait
    stages.give_back()
    set_free(stages)
    if p then fresh(log) end
    if not p or p.done or log.fetching ~= p then return end
    local ok, err = pcall(relay, stages, p)
    if not ok then call_off(stages, p, err) end
  end
end

-- A finalizer has read one of the streams meanwhile: the last one does not wait for `p`.
local function no_more(stages, x, taker, p)
  set_free(stages)
  C.take_back(nil, p)
  if x.log == x then return alone(stages, x, taker) end
  C.use_log(x)
  return x.pull(x, taker)
end

-- There was nothing for the chain `stages`, read for `x` and `taker`. The last one waits for
-- what the first one reads, with those in between set to call `split` when they are used.
local function missed(stages, x, taker, p)
  local n = #stages
  if n == 1 then return wait_or_end(stages[1], x, taker, p) end
  if not p then return alone(stages, x, taker) end -- each meets its end
  if type(p) ~= "table" then -- a promise, which cannot be taken to another log as a request can
    for k = 1, n - 1 do
      local s, v = stages[k].stream
      v, p = wait_or_end(stages[k], s, stages[k + 1].stream.log, p)
      if not p then -- a finalizer has pushed, or ended it
        if v ~= nil then C.unread(s, { v }, 1) end
        return alone(stages, x, taker)
      end
    end
    return wait_or_end(stages[n], x, taker, p)
  end
  local split = stages.split
  if not split then
    split = splitting(stages)
    split = stages.split or split
    stages.split = split
  end
  if x.log ~= x and x.log.fetching then return no_more(stages, x, taker, p) end
  stages.wait = p
  for k = 1, n - 1 do
    local d = stages[k].stream
    local before = d.lent
    if before ~= split then
      if before and before ~= stages.give_back then before() end
      if d.pull ~= stages[k].source then return no_more(stages, x, taker, p) end
      d.lent, d.pull = split, lent
    end
  end
  return pend(x, taker, p, stages.resume)
end

-- The end has come to the last of the stages.
local function last(stages)
  for k = 1, #stages - 1 do ended(stages[k].stream) end
  return ended(stages[#stages].stream.log)
end

---- Writing them -----------------------------------------------------------------

local plain = {
  map = "local v = f%d(v) if not v and v == nil then none 'map' end ",
  filter = "if f%d(v) then ",
  filter_map = "local v = f%d(v) if v or v == false then ",
}
-- The same where there is storage (see lwt.internal.stored), or may be.
local careful = {
  map = "if stored[1] then v = bare(f%d, v) else v = f%d(v) end "
    .. "if not v and v == nil then none 'map' end ",
  filter = "local y if stored[1] then y = bare(f%d, v) else y = f%d(v) end if y then ",
  filter_map = "if stored[1] then v = bare(f%d, v) else v = f%d(v) end "
    .. "if v or v == false then ",
}

local function body_of(kinds, parts)
  local body, ends = "", ""
  for k, kind in ipairs(kinds) do
    body = body .. parts[kind]:format(k, k)
    if kind ~= "map" then ends = ends .. "end " end
  end
  return ("%s do return v end %s"):format(body, ends)
end

-- Ask again and again, until the stages give something; what they are takes the place of each
-- `BODY`.
local loop = [[
    while true do
      local k, at = i, c
      local v = at[k]
      if v or v == false then
        i = k + 1
        at[k] = nil
        BODY
      elseif pull then
        repeat
          local v, p = pull(s, log)
          if v == nil then return missed(stages, x, taker, p) end
          BODY
        until not pull
      else
        if c ~= NOTHING then give_back() end
        if not direct(stages) then return alone(stages, x, taker) end
        local v, p = s.pull(s, log)
        if v == nil then return missed(stages, x, taker, p) end
        pull = borrow(stages, s, give_back)
        if pull == pull_log then
          c, i, pull = s.chunk, s.i, nil
          s.pull, s.chunk = lent, nil
        end
        BODY
      end
    end
]]
local function loop_of(body) return (loop:gsub("BODY", body)) end

-- The text for a shape: the names of its stages.
local function text_of(kinds)
  local names = {}
  for k = 1, #kinds do names[k] = ("f%d"):format(k) end
  local guarded = body_of(kinds, careful)
  return ([[
local NOTHING, lent, pull_log, borrow, direct, alone, missed, set_free, last, none, stored,
  bare = ...
return function(stages, s, log, %s)
  local c, i, pull = NOTHING, 1, nil
  local function give_back()
    if c ~= NOTHING then
      s.chunk, s.i, s.pull = c, i, pull_log
    elseif not pull then
      return -- nothing is borrowed (any more)
    end
    c, pull, s.lent = NOTHING, nil, nil
  end
  local function guarded(x, taker)
%s
  end
  local function source(x, taker)
    if stored[1] then return guarded(x, taker) end
%s
  end
  local function resume(v)
    if pull then
      stages.wait = false
    elseif stages.wait then
      set_free(stages)
    end
    if v == nil then return last(stages) end
    %s
    return source(log)
  end
  return source, resume, give_back
end]]):format(table.concat(names, ", "), loop_of(guarded), loop_of(body_of(kinds, plain)),
    guarded)
end

local shapes = {}
local NOTHING = {}

-- Do the streams in between read directly?
local function direct(stages)
  for k = 1, #stages - 1 do
    local st = stages[k]
    if st.stream.pull ~= st.source then return false end
  end
  return true
end

-- How `s` may be read from now on, until `give_back` is called: by its cursor when
-- pull_log is given; by the function given; or not at all without asking.
local function borrow(stages, s, give_back)
  local pull = s.pull
  if s.section or not direct(stages) or pull == pull_log and s.chunk[s.i] == nil then return nil end
  if s.lent then s.lent() end
  if s.pull ~= pull then return nil end
  for k = 1, #stages - 1 do
    local between = stages[k].stream
    if between.lent then between.lent() end
    between.lent = give_back
  end
  s.lent = give_back
  return pull
end

-- The source of the last of the stages, and what it does with what it waited for.
local function compile(stages)
  local kinds, fs = {}, {}
  for k, st in ipairs(stages) do kinds[k], fs[k] = st.kind, st.f end
  local name = table.concat(kinds, " ")
  local make = shapes[name]
  if not make then
    make = assert(load(text_of(kinds), "=lwt.stream.fuse", "t", {}))(
      NOTHING, lent, pull_log, borrow, direct, alone, missed, set_free, last, none,
      storage.stored, storage.bare)
    shapes[name] = make
  end
  return make(stages, stages[1].up, stages[#stages].stream.log, table.unpack(fs))
end

function by_itself(st)
  if not st.resume then st.alone, st.resume = compile { st } end
end

-- The last of the stages reads the stream before it, whatever state that one is in.
function alone(stages, x, taker)
  local st = stages[#stages]
  by_itself(st)
  return st.alone(x, taker)
end

-- The stream that a stage makes of `s`.
function C.stage(kind, s, f)
  local st = { stream = false, kind = kind, f = storage.now(f), up = s, source = false }
  local stages = { st }
  local before = s.stage
  while before and #stages < C.most do
    table.insert(stages, 1, before)
    before = before.up.stage
  end
  local d = derive(false)
  d.depth = s.depth
  d.stage, st.stream = st, d
  local source, resume, give_back = compile(stages)
  st.source, d.log.source, d.pull = source, source, source
  stages.resume, stages.give_back = resume, give_back
  if not stages[2] then st.alone, st.resume = source, resume end
  return d
end

return C

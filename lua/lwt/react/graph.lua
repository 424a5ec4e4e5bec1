-- The graph under events and signals, and its update steps.
--
-- A node is an event or a signal. What it is made from are its producers, which it
-- holds; what is made from it are its dependents, which it holds weakly: a node that nothing refers
-- to is collected and stops.
--
-- A step: primitives get their new values, then every node that depends on what
-- changed is updated, once, in the order of rank. A node's rank is above those of its
-- producers, so it never sees half of an update. Work is linear in the nodes touched.
--
-- One step at a time: what is sent while one runs becomes a step of its own, right
-- after it. A function that raises is reported to the exception hook, its node is left
-- as it was, and the step goes on. Functions are plain callbacks: awaiting in them raises.
-- Whatever raises, comparisons and want of memory included, is caught by a `callback` around the
-- whole step, which then goes on where it was.

local lwt = require "lwt"
local core = require "lwt.core"
local storage = require "lwt.internal.stored"

local async, callback, handler = lwt.async, core.callback_under, core.handler
local getmetatable, setmetatable, error = getmetatable, setmetatable, error

local G = {}

local stored, bare = storage.stored, storage.bare
local weak = { __mode = "v" }

-- Fields of a node
--   rank      see above
--   last      the step in which it last occurred or changed
--   v         the occurrence (while the step runs), or the value of the signal
--   update    what to do when a producer has changed; false for primitives and what has ended
--   deps, ndeps, room   dependents: a weak array with holes
--   live      none before this place of it can still change
--   queued    the step it is in the queue of
--   producers what it is made from
--   eq        of signals: when is a value the same as the last one (nil: ==)
--   maps      of a signal that is a function of another, and no more: that function
--   source    of what tasks emit: the node that starts them
--   ended     what else is to be done when it is stopped
--   slot      of nodes with a changing producer `inner`: their place among its dependents

local id = 0 -- the step that runs, or ran last
local active = false -- a step runs
local more = false -- there is something left of it, or another one to come
local got_on = false -- one of its sends has been applied
local first = nil -- the queue while it holds one node …
local heap, heaped = {}, 0 -- … and else: the ranks in it, a binary heap,
local buckets = {} -- and the nodes of each rank
local occurred = {} -- luacheck: ignore 241
local n_occurred = 0 -- these events are to be cleared when the step is over
local later, later_head, later_tail = {}, 1, 0 -- sends that wait for a step of their own
local waking, waking_head, waking_tail = {}, 1, 0 -- promises to be fulfilled after the step

local function report(err) async(core.raise, err) end
G.report = report

---- The queue -------------------------------------------------------------------

local function push_rank(rank)
  local i = heaped + 1
  heap[i] = rank -- may fail, with nothing changed
  heaped = i
  while i > 1 do
    local up = i // 2
    local r = heap[up]
    if r <= rank then break end
    heap[i] = r
    i = up
  end
  heap[i] = rank
end

local function pop_rank()
  local last = heap[heaped]
  heap[heaped] = nil
  heaped = heaped - 1
  if heaped == 0 then return end
  local i = 1
  while true do
    local kid = 2 * i
    if kid > heaped then break end
    if kid < heaped and heap[kid + 1] < heap[kid] then kid = kid + 1 end
    if heap[kid] >= last then break end
    heap[i] = heap[kid]
    i = kid
  end
  heap[i] = last
end

local function put(node)
  local rank = node.rank
  local bucket = buckets[rank]
  if not bucket then
    local fresh = { i = 0, n = 0 }
    bucket = buckets[rank] -- a finalizer may have been here
    if not bucket then
      push_rank(rank)
      bucket, buckets[rank] = fresh, fresh
    end
  end
  local n = bucket.n + 1
  bucket[n] = node
  bucket.n = n
end

local function enqueue(node)
  if node.queued == id then return end
  more = true
  if heaped == 0 and not first then
    first = node
  else
    if first then
      put(first)
      first = nil
    end
    put(node)
  end
  node.queued = id
end
G.enqueue = enqueue

local function pop()
  while heaped > 0 do
    local rank = heap[1]
    local bucket = buckets[rank]
    local i = bucket and bucket.i + 1
    if not bucket or i > bucket.n then
      buckets[rank] = nil
      pop_rank()
    else
      local node = bucket[i]
      bucket[i], bucket.i = nil, i
      if node.rank ~= rank then
        put(node) -- it was moved up meanwhile
      elseif node.queued == id then -- else it is here twice: see `put`
        return node
      end
    end
  end
  return nil
end

---- Dependents ------------------------------------------------------------------

local compactions = 0 -- how many there have been

local function compact(node)
  compactions = compactions + 1
  local deps, n, k = node.deps, node.ndeps, 0
  for i = 1, n do
    local d = deps[i]
    if d then
      deps[i] = nil
      if d.update then
        k = k + 1
        deps[k] = d
        if d.inner == node then d.slot = k end
      end
    end
  end
  node.ndeps, node.room, node.live = k, 2 * k + 8, 1
end

-- Does anything that can still change depend on `node`? Entries are only taken out, and new ones
-- come last, so that what was found dead need not be looked at again.
local function has_dependents(node)
  local deps, n, i = node.deps, node.ndeps, node.live
  while i <= n do
    local d = deps[i]
    if d and d.update then break end
    i = i + 1
  end
  node.live = i
  return i <= n
end

local function attach(node, producer)
  if producer.silent then return nil end
  local deps = producer.deps
  if not deps then
    deps = setmetatable({}, weak)
    deps = producer.deps or deps -- a finalizer may have been here
    producer.deps = deps
  elseif producer.ndeps >= producer.room then
    compact(producer)
  end
  local n = producer.ndeps + 1
  deps[n] = node
  producer.ndeps = n
  return n
end

-- What depends on a node that changed goes to the queue.
local function schedule(node)
  local n = node.ndeps
  local deps, holes = node.deps, 0
  if n == 1 and heaped == 0 and not first then -- the common case of what follows
    local d = deps[1]
    if d then
      d.queued = id
      first = d
      more = true
    end
    return
  end
  local before = compactions
  for i = 1, n do
    local d = deps[i]
    if d and d.update then enqueue(d) else holes = holes + 1 end
  end
  -- The queue may allocate, and a finalizer then attach something: dependents may have moved.
  if compactions ~= before then return schedule(node) end
  if holes > 8 and holes > n // 2 then compact(node) end
end

-- Raise a node's rank above that of `inner`, and those of what depends on it. Raises, with nothing
-- changed, when `inner` is among those.
local function lift(node, inner)
  local moved, rank_was = { node }, { node.rank }
  node.rank = inner.rank + 1
  local list, k = { node }, 1
  while k > 0 do
    local up = list[k]
    list[k] = nil
    k = k - 1
    for i = 1, up.ndeps do
      local d = up.deps[i]
      if d and d.rank <= up.rank then
        if d == inner then
          for m = #moved, 1, -1 do moved[m].rank = rank_was[m] end
          error("a cycle: an event or signal would depend on itself", 0)
        end
        moved[#moved + 1], rank_was[#rank_was + 1] = d, d.rank
        d.rank = up.rank + 1
        k = k + 1
        list[k] = d
      end
    end
  end
end

---- Changing --------------------------------------------------------------------

-- An event occurs in the step that runs.
local function occur(e, v)
  local n = n_occurred + 1
  occurred[n] = e
  n_occurred = n
  e.v, e.last = v, id
  more = true
  if e.ndeps > 0 then schedule(e) end
end
G.occur = occur

-- A signal gets a value in the step that runs.
local function change(s, v)
  local old, eq = s.v, s.eq
  if eq then
    if eq(old, v) then return end
  elseif old == v then
    return
  end
  s.v, s.last = v, id
  if s.ndeps > 0 then schedule(s) end
end
G.change = change

---- Steps -----------------------------------------------------------------------

local function drain()
  while true do
    local node = first
    if node then
      first = nil
    else
      if heaped == 0 then return end
      node = pop()
      if not node then return end
    end
    got_on = true
    node.queued = 0
    local update = node.update
    if update then
      if stored[1] then bare(update, node) else update(node) end
    end
  end
end

-- Promises are fulfilled when a step is over: for their callbacks nothing occurs now, but what
-- they send has to wait for its turn.
local function wake()
  while waking_head <= waking_tail do
    if waking_head == 1 then id = id + 1 end
    local entry = waking[waking_head]
    waking[waking_head] = nil
    waking_head = waking_head + 1
    got_on = true
    if entry then entry.resolver:wakeup_later(entry.v) end
    drain() -- what they have made
  end
  waking_head, waking_tail = 1, 0
end

-- The rest of a step, after its primitives have been set.
local function finish()
  while true do -- as drain does it, without a call: most steps have but one node
    local node = first
    if node then
      first = nil
    else
      if heaped == 0 then break end
      node = pop()
      if not node then break end
    end
    got_on = true
    node.queued = 0
    local update = node.update
    if update then
      if stored[1] then bare(update, node) else update(node) end
    end
  end
  for i = n_occurred, 1, -1 do
    occurred[i].v = nil
    occurred[i] = nil
    n_occurred = i - 1
  end
  if waking_tail > 0 then wake() end
end

-- Fulfil a promise when the step is over.
function G.wake(resolver, v)
  local entry = { resolver = resolver, v = v }
  local n = waking_tail + 1
  waking[n] = entry
  waking_tail = n
  more = true
end

-- The steps that wait for their turn.
local function do_later()
  while later_head <= later_tail do
    local entry = later[later_head]
    later[later_head] = nil
    later_head = later_head + 1
    got_on = true
    if entry and not entry.node.stopped then
      id = id + 1
      entry.set(entry.node, entry.v)
      finish()
    end
  end
  later_head, later_tail = 1, 0
end

-- What is left to do: of the step that runs, and those that wait for one of their own. `more`
-- stays true when it raises.
local function rest()
  active, more = true, true
  finish()
  if later_tail > 0 then do_later() end
  active, more = false, false
end

-- A step has begun, and is no longer running: do what it has left. Where it does not get on, for
-- want of stack or memory, the next step does it.
local function settle()
  while more do
    active, got_on = false, false
    callback(handler, rest)
    if not got_on then break end
  end
  active = false
end

-- `set` is occur or change, with whatever user's equality it calls.
local function step(set, node, v)
  active, more = true, true
  id = id + 1
  set(node, v)
  finish()
  if later_tail > 0 then do_later() end
  active, more = false, false
end

-- Give a primitive a value: a step of its own.
local function send(set, node, v)
  if node.stopped then return end
  if active then
    local entry = { set = set, node = node, v = v }
    local n = later_tail + 1
    later[n] = entry
    later_tail = n
    more = true
    return
  end
  if not callback(handler, step, set, node, v) then settle() end
end
G.send = send

local function set_signal(s, v)
  if s.v == v then return end
  active = true
  id = id + 1
  s.v, s.last = v, id
  local n = s.ndeps
  if n == 1 then
    local d = s.deps[1]
    local f = d and d.maps
    if f and not stored[1] then -- as its update does it
      v = f(v)
      if d.v ~= v then
        d.v, d.last = v, id
        if d.ndeps > 0 then schedule(d) end
      end
    else
      local update = d and d.update
      if update then
        if stored[1] then bare(update, d) else update(d) end
      end
    end
  elseif n > 0 then
    schedule(s)
  end
  if more then return rest() end
  active = false
end

-- The function that sets a signal. `send(change, s, v)` would do; this is what is hot.
function G.setter(s)
  local eq = s.eq
  return function(v, at)
    if at ~= nil then return G.add(at, change, s, v) end
    if active or eq or s.stopped then return send(change, s, v) end
    if not callback(handler, set_signal, s, v) then settle() end
  end
end


-- Several at the same time (see Step): a list of { set =, node =, v = }.
local function set_all(all)
  local list = all.list
  for i = 1, #list do
    local entry = list[i]
    if not entry.node.stopped then callback(handler, entry.set, entry.node, entry.v) end
  end
end

function G.send_all(list) send(set_all, { list = list, stopped = false, eq = false }) end

-- Whether a node occurred, or changed, in the step that runs.
function G.now(node) return active and node.last == id end

---- Nodes -----------------------------------------------------------------------

-- Every field is there from the start: one that is missing would be looked for among the
-- methods, each time.
local function node_of(mt, v, eq)
  return setmetatable({
    rank = 0, last = 0, queued = 0, ndeps = 0, room = 8, live = 1, v = v, eq = eq or false,
    update = false, deps = false, producers = false, inner = false, slot = false,
    stopped = false, silent = false, maps = false, source = false, ended = false,
  }, mt)
end

G.E, G.S = {}, {}
G.Emt = { __index = G.E, __name = "lwt.react.event" }
G.Smt = { __index = G.S, __name = "lwt.react.signal" }
local Emt, Smt = G.Emt, G.Smt

function G.event() return node_of(Emt, nil, nil) end

function G.signal(v, eq) return node_of(Smt, v, eq and storage.keep(eq)) end

-- Make `node` depend on `producers`, a list. An event made in a step in which one of
-- them has occurred sees that occurrence.
local function depend(node, producers, update)
  node.producers, node.update = producers, storage.now(update)
  local rank, fresh = node.rank, false
  for i = 1, #producers do
    local p = producers[i]
    if p.rank >= rank then rank = p.rank + 1 end
    if active and p.last == id and getmetatable(p) == Emt then fresh = true end
  end
  node.rank = rank
  for i = 1, #producers do attach(node, producers[i]) end
  if fresh then enqueue(node) end
  return node
end
G.depend = depend

function G.event_from(producers, update)
  return depend(node_of(Emt, nil, nil), producers, update)
end

function G.signal_from(producers, v, eq, update)
  return depend(node_of(Smt, v, eq and storage.keep(eq)), producers, update)
end

-- A signal that is `f` of another.
function G.mapped(s, f, eq)
  local v = f(s.v)
  if eq then return G.signal_from({ s }, v, eq, function(m) change(m, (f(s.v))) end) end
  local m = G.signal_from({ s }, v, nil, function(m)
    local w = f(s.v)
    if m.v == w then return end
    m.v, m.last = w, id
    if m.ndeps > 0 then schedule(m) end
  end)
  if not stored[1] then m.maps = f end
  return m
end

-- For nodes that follow one node at a time: from now on `inner`. Gives false when that one
-- may still change in this step: then the node is in the queue again, above it. Raises when that
-- one depends on the node.
function G.follow(node, inner)
  if inner == node then error("a cycle: an event or signal would be itself", 0) end
  local above = inner.rank < node.rank
  if not above then lift(node, inner) end
  local old = node.inner
  if old ~= inner then
    if old and node.slot and old.deps and old.deps[node.slot] == node then
      old.deps[node.slot] = nil
    end
    node.inner = inner
    node.slot = attach(node, inner)
  end
  if active and (not above or inner.queued == id) then
    enqueue(node)
    return false
  end
  return true
end

---- Keeping ---------------------------------------------------------------------

G.kept = {}
function G.keep(node) G.kept[node] = true end
function G.unkeep(node) G.kept[node] = nil end

---- Stopping ------------------------------------------------------------------

-- Cut a node off: it never occurs or changes again. Its producers forget it in time: without
-- `update` it counts as dead among their dependents. What works for it in the background ends with it,
-- and nothing that a function has captured stays.
function G.stop(node, strong)
  local list, k = { node }, 1
  local function loose(p)
    if strong and p.producers and not p.stopped and not has_dependents(p) then
      k = k + 1
      list[k] = p
    end
  end
  while k > 0 do
    local x = list[k]
    list[k] = nil
    k = k - 1
    if not x.stopped then
      x.stopped, x.silent, x.update, x.maps, x.eq = true, true, false, false, false
      G.kept[x] = nil
      local producers, inner, source, ended = x.producers or {}, x.inner, x.source, x.ended
      x.producers, x.inner, x.source, x.ended = false, false, false, false
      if source then
        k = k + 1
        list[k] = source
      end
      for i = #producers, 1, -1 do loose(producers[i]) end
      if inner then loose(inner) end
      if ended then ended() end
    end
  end
end

-- A node that can never change takes no dependents.
function G.silence(node)
  node.silent = true
  return node
end

return G

-- A model of the promise semantics in plain Lua: small, slow, and written to be read.
-- It shares nothing with the library. spec/core/model_spec.lua runs random programs on
-- both and compares what they do.
--
-- A promise is a table:
--   state      "pending", "fulfilled", "rejected", or "proxy" (then `to` is another)
--   values     fulfilled: table.pack of the values; rejected: { error }
--   regular    callbacks to run when it is resolved, in order; each is a table with a
--              function `run(p)`
--   on_cancel  those to run before the regular ones when it is rejected with Canceled
--   crowded    whether it ever had more than one of them at a time
--   stamp      counts resolutions: who was resolved first
--   how        how it is cancelled: "none", "self", "dependency" (`dependency`),
--              "several" (`several`, a list), "both" (itself and `dependency`), "task"
--              (through what `task` awaits), "scope" (all tasks of `scope`), "child" (as a
--              task that awaits `dependency`)
--
-- `model.new()` gives a fresh implementation: a table of functions named as in lwt.
local MAX_NEST, MAX_TASKS = 16, 10

local M = {}

function M.new()
  local lwt = { coroutine = { create = coroutine.create, yield = coroutine.yield } }
  lwt.Canceled = setmetatable({}, { __tostring = function() return "canceled" end })
  lwt.Timeout = setmetatable({}, { __tostring = function() return "timeout" end })
  local Promise = { __index = lwt }
  local Resolver = { __index = lwt }

  local nest = 0 -- how many resolutions run callbacks, one inside another
  local immediate = 0 -- how many callbacks on resolved promises run inside one another
  local callbacks = 0 -- how many callbacks run, in the task at hand or outside of tasks
  local tasks = 0 -- how many tasks run, one inside another
  local current -- the task that runs
  local deferred = {} -- functions whose turn comes when the outermost resolution is done
  local ready, paused = {}, {} -- functions for this turn and the next one
  local now, timers, timers_made = 0.0, {}, 0 -- the clock; { when, number, promise, state, values }
  local storage = {} -- key -> value; never changed in place
  local stamp = 0 -- how many promises were resolved
  local calls = 0 -- how many functions of the user's were called
  local walks, calls_at_walk = 0, 0 -- how many cancel walks there were; calls at the last
  local hook

  -- ---- Promises -----------------------------------------------------------------

  local function new(how)
    return setmetatable(
      { state = "pending", regular = {}, on_cancel = {}, how = how or "none" }, Promise)
  end

  local function find(p)
    while p.state == "proxy" do p = p.to end
    return p
  end

  local function is_promise(x) return getmetatable(x) == Promise end

  local function is_canceled(p)
    return p.state == "rejected" and rawequal(p.values[1], lwt.Canceled)
  end

  local function has_waiters(p) return p.regular[1] ~= nil or p.on_cancel[1] ~= nil end

  local function add_waiter(p, callback, list)
    if has_waiters(p) then p.crowded = true end
    table.insert(list or p.regular, callback)
  end

  -- The state changes; returns a function that runs the callbacks in order, or nil.
  local function settle(p, state, values)
    assert(p.state == "pending")
    stamp = stamp + 1
    p.state, p.values, p.how, p.stamp = state, values, "none", stamp
    local list, waited = {}, has_waiters(p)
    if is_canceled(p) then
      for _, callback in ipairs(p.on_cancel) do list[#list + 1] = callback end
    end
    for _, callback in ipairs(p.regular) do list[#list + 1] = callback end
    p.regular, p.on_cancel = nil, nil
    return waited and function()
      for _, callback in ipairs(list) do callback.run(p, callback) end
    end
  end

  -- Resolves p, if it is still pending, from within a resolution: depth first.
  local function resolve(p, state, values)
    p = find(p)
    if p.state ~= "pending" then return end
    local run = settle(p, state, values)
    if run then run() end
  end

  -- Runs f, which runs callbacks, as a resolution of its own. The outermost one sees
  -- to what was deferred; one that is nested too deep is deferred itself.
  local function resolution(f)
    if nest >= MAX_NEST then
      deferred[#deferred + 1] = f
      return
    end
    nest = nest + 1
    f()
    while nest == 1 and deferred[1] do table.remove(deferred, 1)() end
    nest = nest - 1
  end

  -- ---- Calling callbacks ----------------------------------------------------------

  -- Calls f as a plain callback, which may not await: what pcall returns.
  local function call_back(f, ...)
    calls = calls + 1
    callbacks = callbacks + 1
    local results = table.pack(pcall(f, ...))
    callbacks = callbacks - 1
    return table.unpack(results, 1, results.n)
  end

  -- f as it is called later: with the storage of now.
  local function with_storage(f)
    local captured = storage
    return function(...)
      local before = storage
      storage = captured
      local results = table.pack(call_back(f, ...))
      storage = before
      return table.unpack(results, 1, results.n)
    end
  end

  local function report(err) if hook then call_back(hook, err) end end

  local function unpack_values(p) return table.unpack(p.values, 1, p.values.n or 1) end

  -- q, pending, was given r by a callback: they become one, and r stands for q.
  local function merge(q, r)
    q.crowded = q.crowded or r.crowded or has_waiters(q) and has_waiters(r)
    for _, list in ipairs { "regular", "on_cancel" } do
      for _, callback in ipairs(r[list]) do table.insert(q[list], callback) end
    end
    q.how, q.dependency, q.several, q.task = r.how, r.dependency, r.several, r.task
    q.scope = r.scope
    r.state, r.to = "proxy", q
  end

  -- q gets the outcome of a call: what pcall returned. Returns what runs its callbacks.
  local function settle_by(q, follows, ok, ...)
    q = find(q)
    if q.state ~= "pending" then return end
    if not ok then return settle(q, "rejected", { (...) }) end
    if not (follows and select("#", ...) == 1 and is_promise((...))) then
      return settle(q, "fulfilled", table.pack(...))
    end
    local r = find((...))
    if r == q then return end -- its own callback gave it: pending for ever
    if r.state ~= "pending" then return settle(q, r.state, r.values) end
    merge(q, r)
  end

  local function follow(...)
    local run = settle_by(...)
    if run then run() end
  end

  -- ---- Sequential composition --------------------------------------------------------

  local function copy(q, p) resolve(q, p.state, p.values) end

  -- Which of its two functions an operation calls when p is resolved: 1, 2 or nil.
  local function when(state) return function(p) return p.state == state and 1 or nil end end
  local function always() return 1 end
  local function either(p) return p.state == "fulfilled" and 1 or 2 end

  local chooses = {
    bind = when "fulfilled", map = when "fulfilled", catch = when "rejected",
    try_bind = either, finalize = always,
    on_success = when "fulfilled", on_failure = when "rejected", on_any = either,
    on_termination = always,
    on_cancel = function(p) return is_canceled(p) and 1 or nil end,
  }
  local without_arguments = { finalize = true, on_termination = true, on_cancel = true }
  local without_result = {
    on_success = true, on_failure = true, on_any = true, on_termination = true, on_cancel = true,
  }

  local function call(name, p, f)
    if without_arguments[name] then return f() end
    return f(unpack_values(p))
  end

  -- The promise, if one is all that was returned.
  local function returned(ok, ...)
    if ok and select("#", ...) == 1 and is_promise((...)) then return (...) end
  end

  -- The function was called for p, with this outcome: what becomes of the result q.
  local function conclude(name, q, p, ...)
    local ok, err = ...
    if without_result[name] then
      if not ok then report(err) end
    elseif name ~= "finalize" or not ok then
      follow(q, name ~= "map", ...)
    else
      local r = returned(...) and find(returned(...))
      q = find(q)
      if r and r.state == "pending" and q.state == "pending" then
        q.how, q.dependency = "dependency", r
        add_waiter(r, { run = function(cleaned)
          copy(q, cleaned.state == "rejected" and cleaned or p)
        end })
      else
        copy(q, r and r.state == "rejected" and r or p)
      end
    end
  end

  local function tell(name, q, p, functions)
    local chosen = chooses[name](p)
    if chosen then
      conclude(name, q, p, call(name, p, functions[chosen]))
    elseif not without_result[name] then
      copy(q, p)
    end
  end

  -- What immediate calls deferred is seen to when the outermost of them is done.
  local function immediate_is_over()
    if immediate == 0 and nest == 0 and deferred[1] then resolution(function() end) end
  end

  local function call_at_once(f, ...)
    local before = storage
    immediate = immediate + 1
    local results = table.pack(call_back(f, ...))
    immediate = immediate - 1
    storage = before
    return results
  end

  -- Applies the operation to p: now if p is resolved, else when it is.
  local function apply(name, p, f, h)
    p = find(p)
    if p.state == "pending" then
      local q = new "dependency"
      q.dependency = p
      local functions = { with_storage(f), h and with_storage(h) }
      add_waiter(p, { run = function(resolved) tell(name, q, resolved, functions) end },
        name == "on_cancel" and p.on_cancel)
      return q
    end
    local chosen = chooses[name](p)
    if not chosen then return p end
    local q = new()
    if immediate >= MAX_NEST then
      local functions = { with_storage(f), h and with_storage(h) }
      deferred[#deferred + 1] = function() tell(name, q, p, functions) end
      return q
    end
    local results = call(name, p, function(...)
      return call_at_once(chosen == 1 and f or h, ...)
    end)
    local r = returned(table.unpack(results, 1, results.n))
    if name == "finalize" and results[1] and not (r and find(r).state == "pending") then
      q = r and find(r).state == "rejected" and find(r) or p
    elseif r and name ~= "map" and name ~= "finalize" then
      q = r
    else
      conclude(name, q, p, table.unpack(results, 1, results.n))
    end
    immediate_is_over()
    return q
  end

  -- ---- Tasks ---------------------------------------------------------------------------
  -- A task is a table: its promise, its coroutine, its storage while it does not run,
  -- `awaited` while it waits (`waiter` is what waits there), `sheltered` while that cannot be
  -- interrupted, `due` when Canceled is to be raised at its next await, `level` when at each,
  -- `interrupted` when at this one; `is_child` of one of a scope; `over` when it has ended.

  local AWAIT = {} -- what a coroutine of the user's yields when the task waits

  local become_child

  local function run_task(t)
    local before = { current, storage, callbacks }
    current, storage, callbacks, tasks, calls = t, t.storage, 0, tasks + 1, calls + 1
    local results = table.pack(coroutine.resume(t.coroutine))
    t.storage = storage
    current, storage, callbacks = table.unpack(before, 1, 3)
    tasks = tasks - 1
    if coroutine.status(t.coroutine) ~= "dead" then return end
    t.over = true
    local p = find(t.promise)
    if p.how == "task" then p.how = "none" end
    if t.is_child and become_child(t, p, table.unpack(results, 2, results.n)) then return end
    local run = settle_by(p, true, table.unpack(results, 2, results.n))
    if run then resolution(run) end
  end

  local function new_task(f, ...)
    local p, arguments = new "task", table.pack(...)
    local t = { promise = p, storage = storage }
    t.coroutine = coroutine.create(function()
      return pcall(f, table.unpack(arguments, 1, arguments.n))
    end)
    p.task = t
    return t
  end

  local function start(t)
    if tasks >= MAX_TASKS then
      ready[#ready + 1] = function() run_task(t) end
    else
      run_task(t)
    end
    return t.promise
  end

  function lwt.spawn(f, ...) return start(new_task(f, ...)) end

  local function in_task()
    if not current or callbacks > 0 then error("attempt to await outside a task", 0) end
    return current
  end

  -- Does p end after a cleanup, being a task or a scope, or what depends on one alone?
  local function cleans_up(p)
    local seen = {}
    repeat
      p = find(p)
      if p.state ~= "pending" or seen[p] then return false end
      seen[p] = true
      if p.how == "task" or p.how == "scope" then return true end
      if p.how ~= "dependency" and p.how ~= "child" then return false end
      p = p.dependency
    until false
  end

  local function await(p, sheltered)
    local t = in_task()
    if (t.due or t.level) and not sheltered then
      local ends_later = cleans_up(p)
      t.due, t.was_met = false, false
      lwt.cancel(p)
      if not ends_later or t.was_met or find(p).state ~= "pending" then
        error(lwt.Canceled, 0)
      end
      t.interrupted = true -- and told when p has ended
    end
    if find(p).state == "pending" then
      t.awaited, t.sheltered = p, sheltered
      t.waiter = { task = t }
      t.waiter.run = function(_, waiter)
        if t.waiter ~= waiter then return end
        t.awaited, t.waiter = nil, nil
        ready[#ready + 1] = function() run_task(t) end
      end
      add_waiter(find(p), t.waiter)
      coroutine.yield(AWAIT)
      t.sheltered = nil
    end
    if t.interrupted then
      t.interrupted = false
      error(lwt.Canceled, 0)
    end
    p = find(p)
    if p.state == "rejected" then error(p.values[1], 0) end
    return unpack_values(p)
  end

  function lwt.await(p)
    in_task()
    return await(p, p.shelters)
  end

  function lwt.shield(f, ...)
    in_task()
    return await(lwt.spawn(f, ...), true)
  end

  local function raise_if_due(t)
    if not t.due and not t.level then return end
    t.due = false
    error(lwt.Canceled, 0)
  end

  function lwt.yield()
    local t = in_task()
    raise_if_due(t)
    paused[#paused + 1] = function() run_task(t) end
    coroutine.yield(AWAIT)
    raise_if_due(t) -- it came meanwhile
  end

  function lwt.pause()
    local p = new "self"
    paused[#paused + 1] = function()
      if find(p).state ~= "pending" then return end
      local run = settle(find(p), "fulfilled", { n = 0 })
      if run then resolution(run) end
    end
    return p
  end

  -- ---- Coroutines of the user's own ------------------------------------------------------

  local storages = setmetatable({}, { __mode = "k" }) -- of those that have begun

  function lwt.coroutine.resume(co, ...)
    local before = storage
    storage = storages[co] or storage
    local results = table.pack(coroutine.resume(co, ...))
    while results[1] and rawequal(results[2], AWAIT) do
      coroutine.yield(AWAIT)
      results = table.pack(coroutine.resume(co))
    end
    storages[co], storage = storage, before
    return table.unpack(results, 1, results.n)
  end

  function lwt.coroutine.wrap(f)
    local co = coroutine.create(f)
    return function(...)
      local results = table.pack(lwt.coroutine.resume(co, ...))
      if not results[1] then error(results[2], 0) end
      return table.unpack(results, 2, results.n)
    end
  end

  -- ---- Time -------------------------------------------------------------------------------

  local function timer(seconds, state, values)
    local p = new "self"
    timers_made = timers_made + 1
    timers[#timers + 1] = { when = now + math.max(seconds, 0), number = timers_made,
      promise = p, state = state, values = values }
    return p
  end

  function lwt.sleep(seconds) return timer(seconds, "fulfilled", { n = 0 }) end

  function lwt.timeout(seconds) return timer(seconds, "rejected", { lwt.Timeout }) end

  function lwt.with_timeout(seconds, x)
    local p = is_promise(x) and x or lwt.spawn(x)
    return lwt.pick { p, lwt.timeout(seconds) }
  end

  function lwt.now() return now end

  -- The timer that is next, among those that have not been cancelled.
  local function next_timer()
    local best
    for i = #timers, 1, -1 do
      local t = timers[i]
      if find(t.promise).state ~= "pending" then
        table.remove(timers, i)
      elseif not best or t.when < best.when or t.when == best.when and t.number < best.number then
        best = t
      end
    end
    return best
  end

  local function fire_timers()
    local made_before = timers_made
    while true do
      local t = next_timer()
      if not t or t.when > now or t.number > made_before then return end
      local run = settle(find(t.promise), t.state, t.values)
      if run then resolution(run) end
    end
  end

  function lwt.step()
    fire_timers()
    for _, f in ipairs(paused) do ready[#ready + 1] = f end
    paused = {}
    while ready[1] do table.remove(ready, 1)() end
  end

  -- (Of a promise: time jumps when nothing else can be done.)
  function lwt.run(p)
    while find(p).state == "pending" do
      if not ready[1] and not paused[1] then
        local t = next_timer()
        if not t then error("deadlock", 0) end
        now = math.max(now, t.when)
      end
      lwt.step()
    end
  end

  local function promise_or_task(x) return is_promise(x) and x or lwt.spawn(x) end

  for _, name in ipairs { "bind", "map" } do
    lwt[name] = function(p, f) return apply(name, p, f) end
  end

  for _, name in ipairs { "catch", "finalize", "try_bind" } do
    lwt[name] = function(x, f, h) return apply(name, promise_or_task(x), f, h) end
  end

  for _, name in ipairs { "on_success", "on_failure", "on_termination", "on_any", "on_cancel" } do
    lwt[name] = function(p, f, h) apply(name, p, f, h) end
  end

  function lwt.dont_wait(f, h) lwt.on_failure(lwt.spawn(f), h) end

  function lwt.async(f, ...) lwt.on_failure(lwt.spawn(f, ...), report) end

  function lwt.ignore_result(p)
    p = find(p)
    if p.state == "rejected" then error(p.values[1], 0) end
    lwt.on_failure(p, report)
  end

  function lwt.async_exception_hook(f) hook = f end

  -- ---- Making and waking ---------------------------------------------------------------

  lwt.is_promise = is_promise

  function lwt.fulfilled(...)
    local p = new()
    settle(p, "fulfilled", table.pack(...))
    return p
  end

  function lwt.rejected(err)
    local p = new()
    settle(p, "rejected", { err })
    return p
  end

  local function pair(how)
    local p = new(how)
    return p, setmetatable({ promise = p }, Resolver)
  end

  function lwt.wait() return pair "none" end

  function lwt.task() return pair "self" end

  function lwt.wrap(f, ...)
    local results = call_at_once(f, ...)
    local p = returned(table.unpack(results, 1, results.n))
    if not p then
      p = new()
      follow(p, false, table.unpack(results, 1, results.n))
    end
    immediate_is_over()
    return p
  end

  local function wake(r, later, state, values)
    local p = find(r.promise)
    if p.state ~= "pending" then
      if not is_canceled(p) then error("promise is already resolved", 0) end
      return
    end
    local waiter = not p.crowded and p.regular[1]
    local run = settle(p, state, values)
    if not run then return end
    if waiter and waiter.task then return run() end -- alone: it becomes ready at once
    if later and nest > 0 then deferred[#deferred + 1] = run else resolution(run) end
  end

  function lwt.wakeup(r, ...) wake(r, false, "fulfilled", table.pack(...)) end
  function lwt.wakeup_exn(r, err) wake(r, false, "rejected", { err }) end
  function lwt.wakeup_later(r, ...) wake(r, true, "fulfilled", table.pack(...)) end
  function lwt.wakeup_later_exn(r, err) wake(r, true, "rejected", { err }) end

  function lwt.state(p)
    p = find(p)
    if p.state == "pending" then return "pending" end
    return p.state, unpack_values(p)
  end

  function lwt.is_pending(p) return find(p).state == "pending" end

  -- ---- Cancelling ----------------------------------------------------------------------

  -- The walk: appends to `actions` what is to be done about everything cancelable that p
  -- depends on, in the order of finding; returns whether there is anything. `seen` says
  -- what it returned for those that were visited before.
  local function walk(p, seen, actions)
    p = find(p)
    if p.state ~= "pending" then return false end
    if seen[p] ~= nil then return seen[p] end
    local how, found = p.how, false
    p.walk = walks
    seen[p] = how == "self" or how == "both" -- tasks in a circle do not find one another
    if how == "self" or how == "both" then
      actions[#actions + 1] = { "reject", p }
      found = true
    end
    if how == "dependency" or how == "both" then
      found = walk(p.dependency, seen, actions) or found
    elseif how == "several" then
      for _, q in ipairs(p.several) do found = walk(q, seen, actions) or found end
    elseif how == "task" then
      found = true
      local t = p.task
      t.was_met = true
      if t.awaited and not t.sheltered and find(t.awaited).state == "pending" then
        if not walk(t.awaited, seen, actions) then actions[#actions + 1] = { "interrupt", t } end
      else
        actions[#actions + 1] = { "flag", t }
      end
    elseif how == "child" then
      if not walk(p.dependency, seen, actions) then actions[#actions + 1] = { "reject", p } end
      found = true
    elseif how == "scope" then
      actions[#actions + 1] = { "close", p.scope }
      for _, t in ipairs(p.scope.tasks) do walk(t.promise, seen, actions) end
      found = true
    end
    seen[p] = found
    return found
  end

  -- Does what the walk found; returns functions that run callbacks, the last found first.
  -- `inside` is the scope that cancels itself.
  local function perform(actions, inside)
    local owed = {}
    for _, action in ipairs(actions) do
      local what, x = table.unpack(action)
      if what == "reject" then
        if x.state == "pending" then
          local run = settle(x, "rejected", { lwt.Canceled })
          if run then table.insert(owed, 1, run) end
        end
      elseif what == "close" then
        x.closed, x.from_outside = true, x.from_outside or x ~= inside
        for _, t in ipairs(x.tasks) do t.level = true end
      elseif what == "flag" then
        x.due = true
      else
        local list = find(x.awaited).regular
        for i, waiter in ipairs(list) do
          if waiter == x.waiter then
            table.remove(list, i)
            break
          end
        end
        x.awaited, x.waiter, x.interrupted = nil, nil, true
        ready[#ready + 1] = function() run_task(x) end
      end
    end
    return owed
  end

  local function run_all(owed)
    for _, run in ipairs(owed) do run() end
  end

  -- Everything but the callbacks of what is rejected: a list of functions that run them.
  local function begin_cancel(p, inside)
    local actions = {}
    walks, calls_at_walk = walks + 1, calls
    walk(p, {}, actions)
    return perform(actions, inside)
  end

  local function cancel(p, inside)
    local owed = begin_cancel(p, inside)
    if not owed[1] then return end
    if nest >= MAX_NEST then
      for _, run in ipairs(owed) do deferred[#deferred + 1] = run end
    else
      resolution(function() run_all(owed) end)
    end
  end

  function lwt.cancel(p) cancel(p) end

  -- Cancels each of the list, one after another, inside a resolution: the losers of q.
  -- When that was decided by a cancel that came through q, it has been to all of them
  -- already; a second time is not meant, as long as nothing of the user's has run.
  local function cancel_losers(q, list)
    if q.walk == walks and calls == calls_at_walk then return end
    for _, p in ipairs(list) do
      if find(p).state == "pending" then run_all(begin_cancel(p)) end
    end
  end

  local function cancel_each(list)
    for _, p in ipairs(list) do lwt.cancel(p) end
  end

  -- A promise that follows p and is cancelled in its own way.
  local function following(p, how)
    p = find(p)
    if p.state ~= "pending" then return p end
    local q = new(how)
    q.dependency = p
    add_waiter(p, { run = function(resolved) copy(q, resolved) end })
    return q
  end

  function lwt.protected(p) return following(p, "self") end
  function lwt.no_cancel(p)
    local q = following(p, "none")
    q.shelters = q.state == "pending"
    return q
  end
  function lwt.wrap_in_cancelable(p) return following(p, "both") end

  -- ---- Several at once --------------------------------------------------------------------

  local function first_value(p) return find(p).values[1] end

  -- The one that was resolved before the others, of those in this state if one is given.
  local function earliest(list, state)
    local found
    for _, p in ipairs(list) do
      p = find(p)
      if p.stamp and (not state or p.state == state) and (not found or p.stamp < found.stamp) then
        found = p
      end
    end
    return found
  end

  -- Waits for all of the list; then `outcome()` gives state and values, unless one was
  -- rejected and `stops` says that this decides: the first in the list of those that are
  -- rejected at the call, else the first in time.
  local function wait_for_all(list, stops, outcome)
    local q = new "several"
    q.several = list
    local left, failure = 1, nil
    local function one_less()
      left = left - 1
      if left > 0 then return end
      failure = failure or stops and earliest(list, "rejected")
      if failure then copy(q, failure) else resolve(q, outcome()) end
    end
    for _, p in ipairs(list) do
      p = find(p)
      if p.state == "pending" then
        left = left + 1
        add_waiter(p, { run = one_less })
      elseif stops and p.state == "rejected" then
        failure = failure or p
      end
    end
    one_less()
    return q
  end

  local function copy_of(list) return { table.unpack(list) } end

  function lwt.join(list)
    return wait_for_all(copy_of(list), true, function() return "fulfilled", { n = 0 } end)
  end

  function lwt.all(list)
    list = copy_of(list)
    return wait_for_all(list, true, function()
      local t = { n = #list }
      for i, p in ipairs(list) do t[i] = first_value(p) end
      return "fulfilled", { t, n = 1 }
    end)
  end

  function lwt.both(p, q)
    return wait_for_all({ p, q }, true, function()
      return "fulfilled", { first_value(p), first_value(q), n = 2 }
    end)
  end

  function lwt.settled(list)
    list = copy_of(list)
    return wait_for_all(list, false, function()
      local t = { n = #list }
      for i, p in ipairs(list) do
        local ok = find(p).state == "fulfilled"
        t[i] = { state = find(p).state, [ok and "value" or "error"] = first_value(p) }
      end
      return "fulfilled", { t, n = 1 }
    end)
  end

  -- The first in the list in this state.
  local function first(list, state)
    for _, p in ipairs(list) do
      if find(p).state == state then return p end
    end
  end

  function lwt.any(list)
    list = copy_of(list)
    local q = new "several"
    q.several = list
    local left = 0
    local function one_rejected()
      left = left - 1
      if left > 0 then return end
      local errors = { n = #list }
      local canceled = false
      for i, p in ipairs(list) do
        errors[i] = first_value(p)
        canceled = canceled or is_canceled(find(p))
      end
      if not (q.walk or find(q).walk) then canceled = false end -- not q, but some of them
      resolve(q, "rejected", { canceled and lwt.Canceled or errors })
    end
    for _, p in ipairs(list) do
      if find(p).state == "pending" then
        left = left + 1
        add_waiter(find(p), { run = function(resolved)
          if resolved.state == "fulfilled" then copy(q, resolved) else one_rejected() end
        end })
      end
    end
    local winner = first(list, "fulfilled")
    if winner then
      copy(q, find(winner))
    elseif left == 0 then
      one_rejected()
    end
    return q
  end

  -- A promise that is decided by the first of the list to be resolved, which is the
  -- first to change its state, not the first whose callbacks run: `outcome(winner)` gives
  -- its state and values.
  local function first_to_resolve(list, cancels, outcome)
    local q, done = new "several", false
    q.several = list
    local function told()
      if done then return end
      done = true
      local state, values = outcome(earliest(list))
      if cancels then cancel_losers(q, list) end
      resolve(q, state, values)
    end
    for _, p in ipairs(list) do add_waiter(find(p), { run = told }) end
    return q
  end

  local function one_of(list, cancels)
    list = copy_of(list)
    local winner = first(list, "rejected") or first(list, "fulfilled")
    if winner then
      if cancels then cancel_each(list) end
      return winner
    end
    return first_to_resolve(list, cancels, function(p) return p.state, p.values end)
  end

  function lwt.choose(list) return one_of(list, false) end
  function lwt.pick(list) return one_of(list, true) end

  -- The first values of those for which chosen(p) holds, and with `split` the others.
  local function gather(list, split, chosen)
    local values, rest = { n = 0 }, { n = 0 }
    for _, p in ipairs(list) do
      if chosen(find(p)) then
        values.n = values.n + 1
        values[values.n] = first_value(p)
      else
        rest.n = rest.n + 1
        rest[rest.n] = p
      end
    end
    if split then return "fulfilled", { values, rest, n = 2 } end
    return "fulfilled", { values, n = 1 }
  end

  local function some_of(list, cancels, split)
    list = copy_of(list)
    if first(list, "rejected") or first(list, "fulfilled") then
      local failed = first(list, "rejected")
      local state, values = gather(list, split, function(p) return p.state == "fulfilled" end)
      if cancels then cancel_each(list) end
      if failed then return failed end
      local q = new()
      settle(q, state, values)
      return q
    end
    return first_to_resolve(list, cancels, function(winner)
      if winner.state == "rejected" then return "rejected", winner.values end
      return gather(list, split, function(p) return p == winner end)
    end)
  end

  function lwt.nchoose(list) return some_of(list, false, false) end
  function lwt.npick(list) return some_of(list, true, false) end
  function lwt.nchoose_split(list) return some_of(list, false, true) end

  -- ---- Scopes -----------------------------------------------------------------------------
  -- A scope is a table: its promise; its tasks, the body first, and how many are `running`;
  -- `closed` when it has been canceled, `from_outside` when not by itself alone; `failure` is
  -- the promise that decides, if there is one; `over` when all have ended.

  local Scope = {}
  Scope.__index = Scope

  local function one_has_ended(s, p)
    local is_body = p == find(s.tasks[1].promise)
    s.running = s.running - 1
    if p.state == "rejected" and not is_canceled(p) then
      if not s.failure or is_canceled(s.failure) then s.failure = p end
    elseif p.state == "rejected" then
      if s.from_outside or is_body and not s.closed then s.failure = s.failure or p end
    end
    if p.state == "rejected" and (is_body or not is_canceled(p)) and not s.closed
      and s.running > 0 then
      run_all(begin_cancel(s.promise)) -- the rest
    end
    if s.running > 0 or s.over then return end
    s.over = true
    local outcome = s.failure or find(s.tasks[1].promise)
    if not s.failure and is_canceled(outcome) and not s.from_outside then
      resolve(s.promise, "fulfilled", { n = 0 }) -- it was cut off by s:cancel()
    else
      copy(s.promise, outcome)
    end
  end

  function Scope.spawn(s, f, ...)
    if s.over then error("the scope is over", 0) end
    local t = new_task(f, ...)
    t.is_child, t.level = true, s.closed
    s.tasks[#s.tasks + 1] = t
    s.running = s.running + 1
    add_waiter(t.promise, { run = function(p) one_has_ended(s, p) end })
    return start(t)
  end

  function Scope.cancel(s) cancel(s.promise, s) end

  function lwt.scope(f)
    local p = new "scope"
    p.scope = setmetatable({ promise = p, tasks = {}, running = 0 }, Scope)
    p.scope:spawn(f, p.scope)
    return p
  end

  -- A child has returned a pending promise: it waits for it as if it had awaited it.
  function become_child(t, p, ok, ...)
    local r = returned(ok, ...)
    if not r or r.shelters or find(r).state ~= "pending" or find(r) == p
      or p.state ~= "pending" then
      return false
    end
    p.how, p.dependency = "child", find(r)
    add_waiter(find(r), { run = function(resolved) copy(p, resolved) end })
    if t.level then
      local owed = begin_cancel(p)
      if owed[1] then resolution(function() run_all(owed) end) end
    end
    return true
  end

  -- ---- Storage ------------------------------------------------------------------------------

  function lwt.new_key() return {} end

  function lwt.get(key) return storage[key] end

  local function with(key, value)
    local t = {}
    for k, v in pairs(storage) do t[k] = v end
    t[key] = value
    return t
  end

  function lwt.set(key, value) storage = with(key, value) end

  function lwt.with_value(key, value, f, ...)
    local before, within = storage, with(key, value)
    storage = within
    local results = table.pack(pcall(f, ...))
    storage = storage == within and before or with(key, before[key])
    if not results[1] then error(results[2], 0) end
    return table.unpack(results, 2, results.n)
  end

  return lwt
end

return M

-- Part of the model: tasks, coroutines, time and the turns of the loop.
return function(lwt, m)
  local new, find, is_promise, add_waiter = m.new, m.find, m.is_promise, m.add_waiter
  local settle, resolution, unpack_values = m.settle, m.resolution, m.unpack_values
  local settle_by = m.settle_by

  -- ---- Tasks ---------------------------------------------------------------------------
  -- A task is a table: its promise, its coroutine, its storage while it does not run,
  -- `awaited` while it waits (`waiter` is what waits there), `sheltered` while that cannot be
  -- interrupted, `due` when Canceled is to be raised at its next await, `level` when at each,
  -- `interrupted` when at this one; `is_child` of one of a scope; `over` when it has ended.

  local AWAIT = {} -- what a coroutine of the user's yields when the task waits

  local function run_task(t)
    local before = { m.current, m.storage, m.callbacks }
    m.current, m.storage, m.callbacks, m.tasks, m.calls = t, t.storage, 0, m.tasks + 1, m.calls + 1
    local results = table.pack(coroutine.resume(t.coroutine))
    t.storage = m.storage
    m.current, m.storage, m.callbacks = table.unpack(before, 1, 3)
    m.tasks = m.tasks - 1
    if coroutine.status(t.coroutine) ~= "dead" then return end
    t.over = true
    local p = find(t.promise)
    if p.how == "task" then p.how = "none" end
    if t.is_child and m.become_child(t, p, table.unpack(results, 2, results.n)) then return end
    local run = settle_by(p, true, table.unpack(results, 2, results.n))
    if run then resolution(run) end
  end

  local function new_task(f, ...)
    local p, arguments = new "task", table.pack(...)
    local t = { promise = p, storage = m.storage }
    t.coroutine = coroutine.create(function()
      return pcall(f, table.unpack(arguments, 1, arguments.n))
    end)
    p.task = t
    return t
  end

  local function start(t)
    if m.tasks >= m.MAX_TASKS then
      m.ready[#m.ready + 1] = function() run_task(t) end
    else
      run_task(t)
    end
    return t.promise
  end

  function lwt.spawn(f, ...) return start(new_task(f, ...)) end

  local function in_task()
    if not m.current or m.callbacks > 0 then error("attempt to await outside a task", 0) end
    return m.current
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
        m.ready[#m.ready + 1] = function() run_task(t) end
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
    m.paused[#m.paused + 1] = function() run_task(t) end
    coroutine.yield(AWAIT)
    raise_if_due(t) -- it came meanwhile
  end

  function lwt.pause()
    local p = new "self"
    m.paused[#m.paused + 1] = function()
      if find(p).state ~= "pending" then return end
      local run = settle(find(p), "fulfilled", { n = 0 })
      if run then resolution(run) end
    end
    return p
  end

  -- ---- Coroutines of the user's own ------------------------------------------------------

  local storages = setmetatable({}, { __mode = "k" }) -- of those that have begun

  function lwt.coroutine.resume(co, ...)
    local before = m.storage
    m.storage = storages[co] or m.storage
    local results = table.pack(coroutine.resume(co, ...))
    while results[1] and rawequal(results[2], AWAIT) do
      coroutine.yield(AWAIT)
      results = table.pack(coroutine.resume(co))
    end
    storages[co], m.storage = m.storage, before
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
    m.timers_made = m.timers_made + 1
    m.timers[#m.timers + 1] = { when = m.now + math.max(seconds, 0), number = m.timers_made,
      promise = p, state = state, values = values }
    return p
  end

  function lwt.sleep(seconds) return timer(seconds, "fulfilled", { n = 0 }) end

  function lwt.timeout(seconds) return timer(seconds, "rejected", { lwt.Timeout }) end

  function lwt.with_timeout(seconds, x)
    local p = is_promise(x) and x or lwt.spawn(x)
    return lwt.pick { p, lwt.timeout(seconds) }
  end

  function lwt.now() return m.now end

  -- The timer that is next, among those that have not been cancelled.
  local function next_timer()
    local best
    for i = #m.timers, 1, -1 do
      local t = m.timers[i]
      if find(t.promise).state ~= "pending" then
        table.remove(m.timers, i)
      elseif not best or t.when < best.when or t.when == best.when and t.number < best.number then
        best = t
      end
    end
    return best
  end

  local function fire_timers()
    local made_before = m.timers_made
    while true do
      local t = next_timer()
      if not t or t.when > m.now or t.number > made_before then return end
      local run = settle(find(t.promise), t.state, t.values)
      if run then resolution(run) end
    end
  end

  function lwt.step()
    fire_timers()
    for _, f in ipairs(m.paused) do m.ready[#m.ready + 1] = f end
    m.paused = {}
    while m.ready[1] do table.remove(m.ready, 1)() end
  end

  -- (Of a promise: time jumps when nothing else can be done.)
  function lwt.run(p)
    while find(p).state == "pending" do
      if not m.ready[1] and not m.paused[1] then
        local t = next_timer()
        if not t then error("deadlock", 0) end
        m.now = math.max(m.now, t.when)
      end
      lwt.step()
    end
  end

  m.AWAIT, m.run_task, m.new_task, m.start = AWAIT, run_task, new_task, start
end

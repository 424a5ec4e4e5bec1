-- Part of the model: promises, resolving them, calling callbacks, storage.
return function(lwt, m)
  local Promise = m.Promise

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
    m.stamp = m.stamp + 1
    p.state, p.values, p.how, p.stamp = state, values, "none", m.stamp
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
    if m.nest >= m.MAX_NEST then
      m.deferred[#m.deferred + 1] = f
      return
    end
    m.nest = m.nest + 1
    f()
    while m.nest == 1 and m.deferred[1] do table.remove(m.deferred, 1)() end
    m.nest = m.nest - 1
    m.calls = m.calls + 1
  end

  -- ---- Calling callbacks ----------------------------------------------------------

  -- Calls f as a plain callback, which may not await: what pcall returns.
  local function call_back(f, ...)
    m.calls = m.calls + 1
    m.callbacks = m.callbacks + 1
    local results = table.pack(pcall(f, ...))
    m.callbacks = m.callbacks - 1
    return table.unpack(results, 1, results.n)
  end

  -- f as it is called later: with the storage of now.
  local function with_storage(f)
    local captured = m.storage
    return function(...)
      local before = m.storage
      m.storage = captured
      local results = table.pack(call_back(f, ...))
      m.storage = before
      return table.unpack(results, 1, results.n)
    end
  end

  local function report(err) if m.hook then call_back(m.hook, err) end end

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

  -- ---- Storage ------------------------------------------------------------------------------

  function lwt.new_key() return {} end

  function lwt.get(key) return m.storage[key] end

  local function with(key, value)
    local t = {}
    for k, v in pairs(m.storage) do t[k] = v end
    t[key] = value
    return t
  end

  function lwt.set(key, value) m.storage = with(key, value) end

  function lwt.with_value(key, value, f, ...)
    local before, within = m.storage, with(key, value)
    m.storage = within
    local results = table.pack(pcall(f, ...))
    m.storage = m.storage == within and before or with(key, before[key])
    if not results[1] then error(results[2], 0) end
    return table.unpack(results, 2, results.n)
  end

  m.new, m.find, m.is_promise, m.is_canceled = new, find, is_promise, is_canceled
  m.has_waiters, m.add_waiter, m.settle, m.resolve = has_waiters, add_waiter, settle, resolve
  m.resolution, m.call_back, m.with_storage = resolution, call_back, with_storage
  m.report, m.unpack_values, m.settle_by, m.follow = report, unpack_values, settle_by, follow
end

-- Part of the model: operations on one promise, making and waking.
return function(lwt, m)
  local Resolver, new, find, is_promise = m.Resolver, m.new, m.find, m.is_promise
  local is_canceled, add_waiter, settle = m.is_canceled, m.add_waiter, m.settle
  local resolve, resolution, call_back = m.resolve, m.resolution, m.call_back
  local with_storage, report, unpack_values = m.with_storage, m.report, m.unpack_values
  local follow = m.follow

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
    if m.immediate == 0 and m.nest == 0 and m.deferred[1] then resolution(function() end) end
  end

  local function call_at_once(f, ...)
    local before = m.storage
    m.immediate = m.immediate + 1
    local results = table.pack(call_back(f, ...))
    m.immediate = m.immediate - 1
    m.storage = before
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
    if m.immediate >= m.MAX_NEST then
      local functions = { with_storage(f), h and with_storage(h) }
      m.deferred[#m.deferred + 1] = function() tell(name, q, p, functions) end
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

  function lwt.async_exception_hook(f) m.hook = f end

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
    if later and m.nest > 0 then m.deferred[#m.deferred + 1] = run else resolution(run) end
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

  m.copy, m.returned, m.call_at_once = copy, returned, call_at_once
  m.immediate_is_over, m.apply = immediate_is_over, apply
end

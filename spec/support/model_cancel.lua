-- Part of the model: cancelling, and what is protected from it.
return function(lwt, m)
  local new, find, add_waiter, settle = m.new, m.find, m.add_waiter, m.settle
  local resolution, copy, run_task = m.resolution, m.copy, m.run_task

  -- ---- Cancelling ----------------------------------------------------------------------

  -- The walk: appends to `actions` what is to be done about everything cancelable that p
  -- depends on, in the order of finding; returns whether there is anything. `seen` says
  -- what it returned for those that were visited before.
  local function walk(p, seen, actions)
    p = find(p)
    if p.state ~= "pending" then return false end
    if seen[p] ~= nil then
      if not seen[p] then p.met = seen end -- what it follows leads back to it
      return seen[p]
    end
    local how, found = p.how, false
    p.walk = m.walks
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
      if not walk(p.dependency, seen, actions) or p.met == seen then
        actions[#actions + 1] = { "reject", p }
      end
      found = true
    elseif how == "scope" then
      actions[#actions + 1] = { "close", p.scope }
      for _, t in ipairs(p.scope.tasks) do walk(t.promise, seen, actions) end
      found = true
    end
    seen[p] = found
    return found
  end

  local function take_out(list, waiter)
    for i, other in ipairs(list) do
      if other == waiter then return table.remove(list, i) end
    end
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
          local followed = x.link and find(x.dependency)
          if followed and followed.state == "pending" then take_out(followed.regular, x.link) end
          if run then table.insert(owed, 1, run) end
        end
      elseif what == "close" then
        x.closed, x.from_outside = true, x.from_outside or x ~= inside
        for _, t in ipairs(x.tasks) do t.level = true end
      elseif what == "flag" then
        x.due = true
      else
        take_out(find(x.awaited).regular, x.waiter)
        x.awaited, x.waiter, x.interrupted = nil, nil, true
        m.ready[#m.ready + 1] = function() run_task(x) end
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
    -- (What is cancelled by itself needs no walk: the last one is still the last.)
    if find(p).how ~= "self" then m.walks, m.calls_at_walk = m.walks + 1, m.calls end
    walk(p, {}, actions)
    return perform(actions, inside)
  end

  local function cancel(p, inside)
    local owed = begin_cancel(p, inside)
    if m.nest >= m.MAX_NEST then
      for _, run in ipairs(owed) do m.deferred[#m.deferred + 1] = run end
    elseif owed[1] then
      resolution(function() run_all(owed) end)
    end
    m.calls = m.calls + 1 -- the walk is over: what is decided from now on does not come from it
  end

  function lwt.cancel(p) cancel(p) end

  -- Cancels each of the list, one after another, inside a resolution: the losers of q.
  -- When that was decided by a cancel that came through q, it has been to all of them
  -- already; a second time is not meant, as long as nothing of the user's has run.
  local function cancel_losers(q, list)
    if q.walk == m.walks and m.calls == m.calls_at_walk then return end
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
    q.link = { run = function(resolved) copy(q, resolved) end }
    add_waiter(p, q.link)
    return q
  end

  function lwt.protected(p) return following(p, "self") end
  function lwt.no_cancel(p)
    local q = following(p, "none")
    q.shelters = q.shelters or q.state == "pending" -- (a resolved one is given back as it is)
    return q
  end
  function lwt.wrap_in_cancelable(p) return following(p, "both") end

  m.run_all, m.begin_cancel, m.cancel = run_all, begin_cancel, cancel
  m.cancel_losers, m.cancel_each = cancel_losers, cancel_each
end

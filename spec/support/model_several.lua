-- Part of the model: operations on several promises.
return function(lwt, m)
  local new, find, is_canceled, add_waiter = m.new, m.find, m.is_canceled, m.add_waiter
  local settle, resolve, copy, cancel_losers = m.settle, m.resolve, m.copy, m.cancel_losers
  local cancel_each = m.cancel_each

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

  -- What is decided waits no more. (Among other waiters that makes no difference: as a rule its place is kept.)
  local function withdraw(list, waiter)
    for _, p in ipairs(list) do
      p = find(p)
      if p.state == "pending" and not p.crowded and p.regular[1] == waiter then p.regular[1] = nil end
    end
  end

  function lwt.any(list)
    list = copy_of(list)
    local q = new "several"
    local winner = first(list, "fulfilled")
    if winner then
      copy(q, find(winner))
      return q
    end
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
    local waiter = {}
    function waiter.run(resolved)
      if resolved.state ~= "fulfilled" then return one_rejected() end
      withdraw(list, waiter)
      copy(q, resolved)
    end
    for _, p in ipairs(list) do
      if find(p).state == "pending" then
        left = left + 1
        add_waiter(find(p), waiter)
      end
    end
    if left == 0 then one_rejected() end
    return q
  end

  -- A promise that is decided by the first of the list to be resolved, which is the
  -- first to change its state, not the first whose callbacks run: `outcome(winner)` gives
  -- its state and values.
  local function first_to_resolve(list, cancels, outcome)
    local q, done, waiter = new "several", false, {}
    q.several = list
    function waiter.run()
      if done then return end
      done = true
      withdraw(list, waiter)
      local state, values = outcome(earliest(list))
      if cancels then cancel_losers(q, list) end
      resolve(q, state, values)
    end
    for _, p in ipairs(list) do add_waiter(find(p), waiter) end
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
end

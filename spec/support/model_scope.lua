-- Part of the model: scopes.
return function(lwt, m)
  local new, find, is_canceled, add_waiter = m.new, m.find, m.is_canceled, m.add_waiter
  local resolve, resolution, copy, returned = m.resolve, m.resolution, m.copy, m.returned
  local new_task, start, run_all, begin_cancel = m.new_task, m.start, m.run_all, m.begin_cancel
  local cancel = m.cancel

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
  function m.become_child(t, p, ok, ...)
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
end

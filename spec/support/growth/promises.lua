-- Growth of promises: what makes, combines, resolves, cancels and looks at them (see growth.lua).

local lwt = require "lwt"

return function(g)
  local operation, each, times, id = g.operation, g.each, g.times, g.id

  -- n waiters of one promise that stays pending.
  local function crowd(n)
    local p = lwt.wait()
    return { p = p, waiters = times(n, function() return p:map(id) end) }
  end

  -- n promises that others wait for.
  local function many(n)
    return { list = times(n, function() return (lwt.wait()) end) }
  end

  each("lwt.", { "fulfilled", "rejected" }, many, function(_, name) lwt[name](1):state() end)

  each("lwt.wait, ", { "wakeup", "wakeup_later" }, many, function(_, name)
    local p, r = lwt.wait()
    p:on_success(id)
    r[name](r, 1)
    p, r = lwt.task()
    p:on_termination(id)
    lwt[name](r, 1)
    p:state()
  end)

  each("lwt.wait, ", { "wakeup_exn", "wakeup_later_exn" }, many, function(_, name)
    local p, r = lwt.wait()
    p:on_failure(id)
    r[name](r, "no")
    p, r = lwt.task()
    p:on_any(id, id)
    lwt[name](r, "no")
    p:state()
  end)

  operation("lwt.task, cancel", many, function()
    local p = lwt.task()
    p:on_cancel(id)
    p:cancel()
  end)

  operation("lwt.is_promise, is_pending, state", crowd, function(x)
    lwt.is_promise(x.p)
    x.p:is_pending()
    x.p:state()
  end)

  operation("on_cancel, beside n others", function(n)
    local p = lwt.task()
    for _ = 1, n do p:on_cancel(id) end
    return { p = p }
  end, function(x) lwt.pick { lwt.protected(x.p), lwt.fulfilled() } end)

  each("lost in a pick, on a promise with n waiters: ", { "bind", "map", "no_cancel" }, crowd, function(x, name)
    lwt.pick { x.p[name](x.p, id), lwt.fulfilled() }
  end)

  -- (Not catch, finalize, try_bind: those functions run in any case, so they stay until the promise is resolved.)
  each("cancelled, on a promise with n waiters: ", { "protected", "wrap_in_cancelable" }, crowd, function(x, name)
    lwt[name](x.p):cancel()
  end)

  each("of a woken and a cancelled one: lwt.", { "join", "all", "settled", "any", "choose", "pick", "nchoose",
    "npick", "nchoose_split" }, many, function(_, name)
    local a, ra = lwt.task()
    local b = lwt.task()
    local p = lwt[name] { a, b }
    ra:wakeup(1)
    b:cancel()
    p:state()
  end)

  each("of one that has n waiters: lwt.", { "any", "choose", "pick", "nchoose", "npick", "nchoose_split" }, crowd,
    function(x, name) lwt[name] { x.p, lwt.fulfilled(1) }:state() end)

  operation("lwt.both", many, function()
    local a, r = lwt.wait()
    local p = lwt.both(a, lwt.fulfilled())
    r:wakeup()
    p:state()
  end)

  each("resolved: ", { "catch", "finalize", "map", "bind" }, many, function(_, name)
    local p, r = lwt.task()
    local q = p[name](p, id)
    r:wakeup(1)
    q:state()
  end)

  operation("resolved: try_bind", many, function()
    local p, r = lwt.task()
    local q = p:try_bind(id, id)
    r:wakeup_exn("no")
    q:state()
  end)

  operation("lwt.wrap", many, function()
    lwt.wrap(id, 1):state()
    lwt.wrap(error, "no"):state()
  end)

  operation("lwt.from_callback, promisify", many, function()
    lwt.from_callback(function(resolve) resolve(1) end)
    lwt.promisify(function(f) f(nil, 1) end)()
  end)

  operation("lwt.traceback, errors, dont_wait, ignore_result", many, function()
    local p = lwt.spawn(error, "no")
    lwt.traceback(p)
    lwt.errors(p)
    lwt.dont_wait(error, id, "no")
    lwt.ignore_result(lwt.fulfilled())
  end)

  operation("lwt.direct: a method of a view", crowd, function()
    g.task(function() lwt.direct(lwt.pause()):map(id) end)
  end)
end

-- Growth of events (see growth.lua): what is made of one that goes on, and dropped.

local lwt = require "lwt"

local function plus(a, b) return (tonumber(a) or 0) + (tonumber(b) or 0) end

return function(g)
  local operation, times, turns, id, module = g.operation, g.times, g.turns, g.id, g.module

  -- n events that something is made of, and one of one's own.
  local function events(n)
    local E, S = module "react".E, module "react".S
    local x = {}
    x.e, x.send = E.create()
    x.f = x.e:map(function() return id end) -- of functions
    x.p = x.e:map(lwt.fulfilled) -- of promises
    x.s, x.set = S.create(0)
    x.on = S.const(true)
    x.others = times(n, function() return (E.create()):map(id) end)
    return x
  end

  -- make(x, E, name) makes it; something occurs; then it is stopped.
  local function made(names, make)
    for name in names:gmatch "%S+" do
      operation("E." .. name .. ", made and dropped", events, function(x)
        local it = make(x, module "react".E, name)
        x.send(1)
        turns(2)
        if it then it:stop() end
      end)
    end
  end

  operation("E: create, send", events, function(x)
    x.send(1)
    local e, send = module "react".E.create()
    e:map(id)
    send(1)
    e:stop()
  end)
  made("map filter fmap map_s map_p filter_s filter_p fmap_s fmap_p trace l1", function(x, E, name)
    local e = E[name](x.e, id)
    return e
  end)
  made("once drop_once changes", function(x, E, name)
    local e = E[name](x.e)
    return e
  end)
  made("diff diff_s", function(x, E, name)
    local e = E[name](x.e, plus)
    return e
  end)
  made("fold fold_s", function(x, E, name)
    local e = E[name](x.e, 0, plus)
    return e
  end)
  made("merge merge_s", function(x, E, name)
    local e = E[name]({ x.e, E.never }, 0, plus)
    return e
  end)
  made("accum accum_s", function(x, E, name)
    local e = E[name](x.f, 0)
    return e
  end)
  made("app app_s app_p", function(x, E, name)
    local e = E[name](x.f, x.e)
    return e
  end)
  made("run_s run_p", function(x, E, name)
    local e = E[name](x.p)
    return e
  end)
  made("select", function(x, E)
    local e = E.select { x.e, E.never }
    return e
  end)
  made("stamp", function(x, E)
    local e = E.stamp(x.e, 1)
    return e
  end)
  made("switch", function(x, E)
    local e = E.switch(x.e, E.map(x.e, function() return x.e end))
    return e
  end)
  made("on", function(x, E)
    local e = E.on(x.e, x.on)
    return e
  end)
  made("dismiss until_", function(x, E, name)
    local e = E[name](x.e, E.never)
    return e
  end)
  made("fix", function(x, E)
    local e = E.fix(function(d) return E.select { x.e, E.filter(d, function() return false end) }, x.e:map(id) end)
    return e
  end)
  made("l2 l3 l4 l5 l6", function(x, E, name)
    local list = times(tonumber(name:match "%d"), function() return x.e end)
    list[#list + 1] = plus
    local e = E[name](table.unpack(list))
    return e
  end)
  made("limit", function(x, E)
    local e = E.limit(x.e, lwt.pause)
    return e
  end)
  made("hold", function(x, E)
    local s = E.hold(x.e, 0)
    return s
  end)
  made("next", function(x, E) E.next(x.e):state() end)
  made("to_stream", function(x, E) E.to_stream(x.e):get() end)
  made("notify notify_s notify_p", function(x, E, name)
    local handle = E[name](x.e, id)
    return handle
  end)
  made("keep, stop", function(x, E)
    local e = E.map(x.e, id)
    E.keep(e)
    E.stop(e)
  end)
  made("retain, equal", function(x, E)
    local e = E.map(x.e, id)
    E.retain(e, {})
    E.equal(e, x.e)
    return e
  end)
  made("with_finaliser", function(x, E)
    local e = E.with_finaliser(x.e, id)
    return e
  end)
  made("from", function(_, E)
    local e = E.from(lwt.pause)
    return e
  end)
  made("of_stream", function(_, E)
    local e = E.of_stream(module "stream".of_list { 1, 2 })
    return e
  end)
  made("delay", function(x, E)
    local e = E.delay(lwt.pause():map(function() return x.e end))
    return e
  end)
  operation("E.next on one event, n times waited for, cancelled", function(n)
    local e, send = module "react".E.create()
    return { e = e, send = send, list = times(n, function() return e:next() end) }
  end, function(x) x.e:next():cancel() end)
  operation("E.map of an event with n dependents, stopped", function(n)
    local e, send = module "react".E.create()
    return { e = e, send = send, list = times(n, function() return e:map(id) end) }
  end, function(x) x.e:map(id):stop() end)
  operation("Step: create, execute", events, function(x)
    local step = module "react".Step.create()
    x.send(1, step)
    x.set(1 - x.s:value(), step)
    step:execute()
  end)
end

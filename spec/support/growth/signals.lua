-- Growth of signals (see growth.lua): what is made of one that goes on, and dropped.

local lwt = require "lwt"

local function plus(a, b) return (tonumber(a) or 0) + (tonumber(b) or 0) end

return function(g)
  local operation, times, turns, id, module = g.operation, g.times, g.turns, g.id, g.module

  local function signals(n)
    local S, E = module "react".S, module "react".E
    local x = {}
    x.s, x.set = S.create(0)
    x.e, x.send = E.create()
    x.functions = S.map(x.s, function() return id end)
    x.promises = S.map(x.s, function(v) return lwt.fulfilled(v) end)
    x.truth = S.map(x.s, function(v) return v == 1 end)
    x.others = times(n, function() return (S.create(0)):map(id) end)
    return x
  end

  -- make(x, S, name) makes it, or a promise of it; there are changes; then it is stopped.
  local function made(names, make)
    for name in names:gmatch "%S+" do
      operation("S." .. name .. ", made and dropped", signals, function(x)
        local it = make(x, module "react".S, name)
        x.set(1 - x.s:value())
        x.send(1)
        turns(2)
        if lwt.is_promise(it) then
          local _, s = it:state()
          it = s
        end
        if it then it:stop() end
      end)
    end
  end

  operation("S: create, const, value", signals, function(x)
    x.set(1 - x.s:value())
    local s, set = module "react".S.create(1)
    s:map(id)
    set(2)
    s:stop()
    module "react".S.const(1)
  end)
  made("map trace bind_s limit l1_s map_s", function(x, S, name)
    local f = name == "bind_s" and function(v) return S.const(v) end or name == "limit" and lwt.pause or id
    local s = S[name](x.s, f)
    return s
  end)
  made("filter fmap filter_s fmap_s", function(x, S, name)
    local s = S[name](x.s, 0, id)
    return s
  end)
  made("diff diff_s changes", function(x, S, name)
    local e = S[name](x.s, plus)
    return e
  end)
  made("sample sample_s", function(x, S, name)
    local e = S[name](x.s, x.e, plus)
    return e
  end)
  made("edge rise fall", function(x, S, name)
    local e = S[name](x.truth)
    return e
  end)
  made("flip", function(x, S)
    local s = S.flip(x.e, true)
    return s
  end)
  made("hold", function(x, S)
    local s = S.hold(x.e, 0)
    return s
  end)
  made("fold fold_s", function(x, S, name)
    local s = S[name](x.e, 0, plus)
    return s
  end)
  made("accum accum_s", function(x, S, name)
    local s = S[name](x.e:map(function() return id end), 0)
    return s
  end)
  made("merge merge_s", function(x, S, name)
    local s = S[name]({ x.s, x.s }, 0, plus)
    return s
  end)
  made("app app_s", function(x, S, name)
    local s = S[name](x.functions, x.s)
    return s
  end)
  made("run_s", function(x, S)
    local s = S.run_s(x.promises)
    return s
  end)
  made("bind", function(x, S)
    local s = S.bind(x.s, function(v) return S.const(v) end)
    return s
  end)
  made("switch", function(x, S)
    local s = S.switch(S.map(x.s, function(v) return S.const(v) end))
    return s
  end)
  made("on", function(x, S)
    local s = S.on(x.s, S.const(true), 0)
    return s
  end)
  made("dismiss", function(x, S)
    local s = S.dismiss(x.s, x.e, 0)
    return s
  end)
  made("fix", function(_, S)
    local s = S.fix(0, function(d) return S.const(1), S.map(d, id) end)
    return s
  end)
  made("l2 l3 l4 l5 l6 l2_s l3_s l4_s l5_s l6_s", function(x, S, name)
    local list = times(tonumber(name:match "%d"), function() return x.s end)
    list[#list + 1] = plus
    local s = S[name](table.unpack(list))
    return s
  end)
  made("notify notify_s notify_p", function(x, S, name)
    local handle = S[name](x.s, id)
    return handle
  end)
  made("keep, stop", function(x, S)
    local s = S.map(x.s, id)
    S.keep(s)
    S.stop(s)
  end)
  made("retain, equal", function(x, S)
    local s = S.map(x.s, id)
    S.retain(s, {})
    S.equal(s, x.s)
    return s
  end)
  made("with_finaliser", function(x, S)
    local s = S.with_finaliser(x.s, id)
    return s
  end)
  operation("S.map of a signal with n dependents, stopped", function(n)
    local s, set = module "react".S.create(0)
    return { s = s, set = set, list = times(n, function() return s:map(id) end) }
  end, function(x) x.s:map(id):stop() end)
end

-- What oom.c runs: sections that between them use every call of the core. Each gives a
-- text that says what came of it; where memory ran out and a promise, the hook or a pcall
-- got that error, the text speaks of memory. With OOM_DEBUG set, lwt.debug is on: everything
-- remembers where it was made, and core.check() sees every promise.
local M = { sections = {} }

local lwt

local function section(name, run) M.sections[#M.sections + 1] = { name = name, run = run } end

local function show(x)
  if type(x) == "table" and x.n then
    local parts = {}
    for i = 1, x.n do parts[i] = show(x[i]) end
    return "{" .. table.concat(parts, " ") .. "}"
  end
  if type(x) == "table" and x.state then return x.state .. show(x.value) .. show(x.error) end
  if lwt and lwt.is_promise(x) then return "promise" end
  return tostring(x)
end

local log, afterwards

local function say(...)
  local values = table.pack(...)
  for i = 1, values.n do log[#log + 1] = show(values[i]) end
end

local function told() return table.concat(log, " ") end

-- The sections of spec/support/oom_<name>.lua, which gets what it needs of this file as its argument.
-- A section that calls `afterwards` has that function called when there is memory again.
local function part(name)
  assert(loadfile(("spec/support/oom_%s.lua"):format(name))) {
    section = section, say = say, told = told, afterwards = function(f) afterwards = f end,
  }
end

function M.setup()
  log, afterwards = {}, nil
  lwt = require "lwt"
  if os.getenv "OOM_DEBUG" then lwt.debug(true) end
  lwt.async_exception_hook(function(err) log[#log + 1] = show(err) end)
end

-- Afterwards everything still works, on the same state.
function M.check()
  -- The state that the section left (before `setup`, in the section that loads) is new.
  if not lwt then lwt = require "lwt" end
  lwt.async_exception_hook(function() end)
  local core = require "lwt.core"
  if core.check then core.check() end
  for _ = 1, 100 do if not lwt.step() then break end end
  collectgarbage()
  if core.check then core.check() end
  if afterwards then afterwards() end
  local order = {}
  local function note(x) return function() order[#order + 1] = x end end
  local a, ra = lwt.wait()
  local b, rb = lwt.task()
  a:on_success(function()
    rb:wakeup_later()
    note "a1" ()
  end)
  a:on_success(note "a2")
  b:on_success(note "b")
  ra:wakeup()
  assert(table.concat(order, " ") == "a1 a2 b", "callbacks in the wrong order")
  local p = lwt.pick { (lwt.task()), lwt.task():catch(function() end), (lwt.fulfilled(1)) }
  assert(p:state() == "fulfilled", "pick does not work")
  assert(lwt.run(function()
    local t = lwt.spawn(function()
      lwt.yield()
      lwt.sleep(0.001):await()
      return 7
    end)
    return t:await() + 1
  end) == 8, "tasks do not work")
  local react = package.loaded["lwt.react.signal"] and require "lwt.react.graph"
  if react then
    local s, set = react.S.create(1)
    local sum = react.S.l2(s, s:map(function(v) return v * 10 end), function(x, y) return x + y end)
    set(2)
    assert(sum:value() == 22, "react is dead")
  end
  if core.check then core.check() end
end

section("require", function()
  log = {}
  for _, name in ipairs { "lwt", "lwt.core" } do package.loaded[name] = nil end
  lwt = nil
  lwt = require "lwt"
  return lwt.fulfilled(1):state()
end)

section("making", function()
  say(lwt.fulfilled():state())
  say(lwt.fulfilled(1, nil, 3):state())
  say(lwt.rejected("e"):state())
  say(lwt.wrap(function(...) return ... end, 1, 2):state())
  say(lwt.wrap(error, "x", 0):state())
  local p, r = lwt.wait()
  local q, s = lwt.task()
  say(p:state())
  r:wakeup(1, 2, 3)
  s:wakeup_exn "no"
  say(p:state())
  say(q:state())
  say(tostring(p) ~= nil, p:is_pending(), lwt.is_promise(p))
  say(pcall(r.wakeup, r) == false)
  return told()
end)

section("wakeups", function()
  local p, r = {}, {}
  for i = 1, 40 do p[i], r[i] = lwt.wait() end
  for i = 1, 39 do
    p[i]:on_success(function()
      say(i)
      r[i + 1][i % 2 == 0 and "wakeup" or "wakeup_later"](r[i + 1], i)
    end)
    p[i]:on_success(function() say(-i) end)
  end
  r[1]:wakeup(0)
  say(p[40]:state())
  return told()
end)

section("composing, pending", function()
  local p, r = lwt.wait()
  local q, s = lwt.wait()
  local results = {}
  for _, x in ipairs { p, q } do
    results[#results + 1] = x:bind(function(v) return v, nil, 2 end)
    results[#results + 1] = x:bind(function(v) return lwt.fulfilled(v) end)
    results[#results + 1] = x:map(function(v) return v end)
    results[#results + 1] = x:catch(function(e) return e end)
    results[#results + 1] = x:finalize(function() return lwt.pause() end)
    results[#results + 1] = x:finalize(function() error("f", 0) end)
    results[#results + 1] = x:try_bind(function(v) return v end, function(e) return e end)
    results[#results + 1] = x:bind(function() error("b", 0) end)
  end
  r:wakeup(1)
  s:wakeup_exn "e"
  lwt.step()
  lwt.step()
  for _, x in ipairs(results) do say(x:state()) end
  return told()
end)

section("composing, resolved", function()
  for _, x in ipairs { lwt.fulfilled(1), lwt.rejected "e" } do
    say(x:bind(function(v) return v, nil, 2 end):state())
    say(x:map(function(v) return v end):state())
    say(x:catch(function(e) return e end):state())
    say(x:finalize(function() return lwt.fulfilled() end):state())
    say(x:finalize(function() error("f", 0) end):state())
    say(x:try_bind(function(v) return v end, function(e) return e end):state())
  end
  say(lwt.catch(error, function() return "caught" end):state())
  say(lwt.finalize(function() return 1 end, function() end):state())
  say(lwt.try_bind(function() return 1 end, function(v) return v + 1 end, error):state())
  local function loop(i) return i > 0 and lwt.fulfilled(i - 1):bind(loop) or "end" end
  say(lwt.fulfilled(40):bind(loop):state())
  return told()
end)

section("callbacks", function()
  local function attach(x)
    x:on_success(function(v) say("s", v) end)
    x:on_failure(function(e) say("f", e) end)
    x:on_termination(function() say "t" end)
    x:on_any(function(v) say("a", v) end, function(e) say("b", e) end)
    x:on_cancel(function() say "c" end)
    x:on_success(function() error("raised", 0) end)
  end
  local p, r = lwt.wait()
  local q, s = lwt.wait()
  local t = lwt.task()
  attach(p)
  attach(q)
  attach(t)
  attach(lwt.fulfilled(1))
  attach(lwt.rejected "e")
  r:wakeup(1)
  s:wakeup_exn "e"
  t:cancel()
  lwt.async(error, "async", 0)
  lwt.dont_wait(function() error("x", 0) end, function(e) say(e) end)
  lwt.ignore_result(lwt.fulfilled(1))
  local u, v = lwt.wait()
  lwt.ignore_result(u)
  v:wakeup_exn "ignored"
  return told()
end)

section("many waiters", function()
  local p, r = lwt.wait()
  local n = 0
  for _ = 1, 100 do p:on_success(function() n = n + 1 end) end
  for _ = 1, 20 do p:on_cancel(function() n = n + 1000 end) end
  for _ = 1, 30 do lwt.protected(p):cancel() end
  r:wakeup()
  say(n)
  return told()
end)

section("proxies", function()
  local inner, ri = lwt.task()
  local handles = { inner }
  for i = 1, 10 do
    local gate, open = lwt.wait()
    local x = handles[i]
    handles[i + 1] = gate:bind(function() return x end)
    handles[i + 1]:on_success(function(v) say(i, v) end)
    handles[i + 1]:on_cancel(function() say "canceled" end)
    open:wakeup()
  end
  ri:wakeup "x"
  for i = 1, 11 do say(handles[i]:state()) end
  return told()
end)

section("several, pending", function()
  for _, name in ipairs {
    "join", "all", "settled", "any", "choose", "pick", "nchoose", "npick", "nchoose_split",
  } do
    for _, way in ipairs { "wakeup", "wakeup_exn" } do
      local a, ra = lwt.task()
      local b, rb = lwt.task()
      local c, rc = lwt.wait()
      local p = lwt[name] { a, b, c, a }
      rb[way](rb, 1)
      ra:wakeup(2)
      rc:wakeup_exn "late"
      say(name, p:state())
    end
  end
  local a, ra = lwt.task()
  local b, rb = lwt.task()
  local p = lwt.both(a, b)
  ra:wakeup(1)
  rb:wakeup(2)
  say(p:state())
  return told()
end)

section("several, resolved", function()
  for _, name in ipairs {
    "join", "all", "settled", "any", "choose", "pick", "nchoose", "npick", "nchoose_split",
  } do
    say(name, lwt[name]({ lwt.fulfilled(1), lwt.fulfilled(2) }):state())
    say(lwt[name]({ lwt.task(), lwt.rejected "e", (lwt.task()) }):state())
    local ok, x = pcall(lwt[name], {})
    say(ok, ok and x:state() or x:match "%(.*" or x)
  end
  return told()
end)

section("cancelling", function()
  local a = lwt.task()
  local b = lwt.task()
  local x = a:bind(print):map(print):catch(function(e) return tostring(e) end)
  local y = b:finalize(function() say "finalizer" end)
  local all = lwt.all { x, y, (lwt.join { a, b }), lwt.pick { a, (lwt.wait()) } }
  a:on_cancel(function() say "a" end)
  b:on_cancel(function() say "b" end)
  all:cancel()
  say(x:state())
  say(y:state())
  say(all:state())
  local p, r = lwt.task()
  local q1, q2, q3 = lwt.protected(p), lwt.no_cancel(p), lwt.wrap_in_cancelable(p)
  q1:cancel()
  q2:cancel()
  say(q1:state())
  say(q2:state())
  q3:cancel()
  r:wakeup(1)
  for _, q in ipairs { p, q1, q2, q3 } do say(q:state()) end
  return told()
end)

section("storage", function()
  local key, other = lwt.new_key(), lwt.new_key()
  local p, r = lwt.wait()
  lwt.with_value(key, 1, function()
    p:map(function() say(lwt.get(key)) end):on_failure(say)
    p:on_any(function() say(lwt.get(key)) end, print)
    lwt.set(other, 2)
    p:try_bind(function() say(lwt.get(other)) end, print):on_failure(say)
  end)
  say(lwt.get(key))
  r:wakeup()
  say(pcall(lwt.with_value, key, 1, error, "e", 0))
  return told()
end)

section("callback style", function()
  say(lwt.from_callback(function(resolve) resolve(1, 2) end):state())
  say(lwt.from_callback(function(_, reject) reject "e" end):state())
  say(lwt.promisify(function(x, callback) callback(nil, x) end)(5):state())
  return told()
end)

section("tasks", function()
  local gate, r = lwt.wait()
  local tasks = {}
  for i = 1, 5 do
    tasks[i] = lwt.spawn(function()
      say(i, gate:await())
      lwt.yield()
      return i
    end)
  end
  tasks[2]:cancel()
  r:wakeup "x"
  for _ = 1, 5 do lwt.step() end
  for _, t in ipairs(tasks) do say(t:state()) end
  return told()
end)

section("scopes and time", function()
  require "lwt.engine".set "virtual"
  local ok, err = pcall(lwt.run, function()
    local p = lwt.scope(function(s)
      for i = 1, 3 do s:spawn(function() lwt.sleep(i):await() say(i) end) end
      s:spawn(function()
        lwt.sleep(2.5):await()
        error("scope", 0)
      end)
    end)
    say(pcall(lwt.await, p))
    say(pcall(lwt.await, lwt.with_timeout(1, (lwt.task()))))
    say(lwt.with_timeout(1, function()
      return lwt.shield(function()
        lwt.pause():await()
        return 9
      end)
    end):await())
  end)
  say(ok, err)
  return told()
end)

part "locks"
part "streams"

section("coroutines", function()
  lwt.run(function()
    local g = lwt.coroutine.wrap(function()
      for i = 1, 3 do
        lwt.yield()
        lwt.coroutine.yield(i)
      end
    end)
    say(g(), g(), g())
  end)
  return told()
end)

section("react", function()
  local E, S = require "lwt.react.event", require "lwt.react.signal"
  local s, set = S.create(1)
  local e, send = E.create()
  local branches = {}
  for i = 1, 12 do branches[i] = s:map(function(v) return v + i end) end
  local sum = S.merge(branches, 0, function(acc, v) return acc + v end)
  local seen = {}
  local listener = e:map(function(v)
    seen[#seen + 1] = v
    if v < 3 then send(v + 1) end
  end)
  local inner, set_inner = S.create(sum)
  local switched = inner:switch()
  set(2)
  send(1)
  set_inner(branches[1])
  set(3)
  listener:stop()
  sum:stop(true)
  say(sum:value(), switched:value())
  say(table.unpack(seen))
  return told()
end)

return M

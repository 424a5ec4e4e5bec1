-- A task's coroutine is its own, but plain Lua can get hold of it: coroutine.running() inside the
-- task gives it. Whoever resumes or closes it from elsewhere must not harm the task, nor the process.
local lwt = require "lwt"
local mvar = require "lwt.mvar"
local core = require "spec.support.core"
local generated = require "spec.support.generated"
local async = core.async

local words = "attempt to resume a coroutine in which a task waits"
local ldirect = lwt.direct(lwt)

-- Each waits for what `wake` brings about, and returns "woken" then.
local waits = {
  await = function()
    local p, r = lwt.wait()
    return function() return p:await() end, function() r:wakeup "woken" end
  end,
  yield = function()
    return function() lwt.yield() return "woken" end, function() end
  end,
  shield = function()
    local p, r = lwt.wait()
    return function() return lwt.shield(p.await, p) end, function() r:wakeup "woken" end
  end,
  ["the view's sleep"] = function()
    return function() ldirect.sleep(0.001) return "woken" end, function() end
  end,
  ["the view's sleep without an end"] = function()
    local t
    return function()
      t = lwt.current()
      local ok, err = pcall(ldirect.sleep, math.huge)
      return not ok and rawequal(err, lwt.Canceled) and "woken"
    end, function() t:cancel() end
  end,
  ["an mvar's view, taking"] = function()
    local m = mvar.create()
    return function() return lwt.direct(m):take() end, function() m:put "woken" end
  end,
  ["an mvar's view, second in the queue"] = function()
    local m = mvar.create()
    local first = lwt.spawn(function() return lwt.direct(m):take() end)
    return function() return lwt.direct(m):take() end, function()
      m:put "first"
      m:put "woken"
      assert.equal("first", first:await())
    end
  end,
  ["an mvar's view, putting"] = function()
    local m = mvar.create "there"
    return function() lwt.direct(m):put "more" return "woken" end, function()
      assert.equal("there", m:take():await())
      assert.equal("more", m:take():await())
    end
  end,
  ["a coroutine inside"] = function()
    local p, r = lwt.wait()
    return function() return lwt.coroutine.wrap(function() return p:await() end)() end,
      function() r:wakeup "woken" end
  end,
}

if pcall(require, "lwt.uv") then
  local net, lio = require "lwt.net", require "lwt.io"
  waits["a socket's view"] = function()
    local a, b = net.socketpair()
    return function()
      local socket <close> = a -- luacheck: ignore
      return lwt.direct(a):read(5, "more", "arguments")
    end, function()
      b:write "woken":await()
      b:close()
    end
  end
  waits["a channel's lines"] = function()
    local r, w = lio.pipe()
    return function()
      local next_line, of = r:lines()
      local line = next_line(of)
      r:close():await()
      return line
    end, function()
      w:write "woken\n":await()
      w:close():await()
    end
  end
end

local ways = {
  ["coroutine.resume"] = function(co) return select(2, coroutine.resume(co, 1, 2, 3, nil)) end,
  ["lwt.coroutine.resume"] = function(co)
    local ok, err = lwt.coroutine.resume(co, 1, 2, 3, nil)
    assert.is_false(ok)
    return err
  end,
  ["coroutine.resume in a coroutine"] = function(co)
    return coroutine.wrap(function() return select(2, coroutine.resume(co)) end)()
  end,
  ["coroutine.resume in a callback"] = function(co)
    local got
    lwt.fulfilled():on_success(function() got = select(2, coroutine.resume(co)) end)
    return got
  end,
  ["coroutine.resume in another task"] = function(co)
    return lwt.spawn(function() return select(2, coroutine.resume(co)) end):await()
  end,
}

local function sorted(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  return names
end

describe("a task's coroutine", function()
  local programs = {
    ["resumed while it awaits"] = [[
      local co
      local p = lwt.spawn(function() co = coroutine.running() lwt.await(lwt.sleep(0.001)) end)
      coroutine.resume(co)]],
    ["resumed while it yields"] = [[
      local co
      local p = lwt.spawn(function() co = coroutine.running() lwt.yield() end)
      coroutine.resume(co)]],
    ["closed while it awaits"] = [[
      local co
      local gate, open = lwt.wait()
      local closed = lwt.spawn(function() co = coroutine.running() gate:await() end)
      local p = lwt.spawn(gate.await, gate)
      coroutine.close(co)
      lwt.tasks()
      open:wakeup()
      closed:on_failure(function() end)]],
  }
  for name, program in pairs(programs) do
    it(("%s does not crash the process"):format(name), function()
      local out, status = core.child(("local lwt = require 'lwt'\n%s\nlwt.run(p) print 'alive'")
        :format(program))
      assert.equal("alive\n", out)
      assert.equal(0, status)
    end)
  end

  for _, wait in ipairs(sorted(waits)) do
    for _, way in ipairs(sorted(ways)) do
      it(("that waits in %s is refused to %s, and waits on"):format(wait, way), async(function()
        local f, wake = waits[wait]()
        local co, inner
        local function body() inner = coroutine.running() return f() end
        local p = lwt.spawn(function()
          co = coroutine.running()
          return lwt.coroutine.wrap(body)()
        end)
        local q = lwt.spawn(function() co = coroutine.running() return "alone" end)
        assert.equal("alone", q:await())
        for _ = 1, 3 do
          assert.truthy(ways[way](inner):find(words, 1, true))
        end
        wake()
        assert.equal("woken", p:await())
        assert.is_false((coroutine.resume(inner)))
        assert.is_false((coroutine.resume(co)))
      end))
    end

    it(("that waits in %s may be closed: the task ends, when it is woken"):format(wait),
      async(function()
        local f, wake = waits[wait]()
        local co
        local p = lwt.spawn(function() co = coroutine.running() return f() end)
        coroutine.close(co)
        assert.is_true(#lwt.tasks() > 0)
        p:on_failure(function() end)
        -- What was for it is lost with it, or goes to who is next.
        local waker = lwt.spawn(wake)
        for _ = 1, 3 do lwt.yield() end
        waker:cancel()
        p:cancel()
        assert.is_false((pcall(p.await, p)))
      end))

    it(("that waits in %s may be closed, and the task cancelled then"):format(wait),
      async(function()
        local f, wake = waits[wait]()
        local co
        local p = lwt.spawn(function() co = coroutine.running() return f() end)
        coroutine.close(co)
        p:cancel()
        local _, err = pcall(p.await, p)
        assert.equal(lwt.Canceled, err)
        local waker = lwt.spawn(wake)
        for _ = 1, 3 do lwt.yield() end
        waker:cancel()
        assert.is_true(#lwt.tasks() > 0)
      end))
  end

  it("is refused to lwt.coroutine.wrap's caller in another task, and the first goes on",
    async(function()
      local p, r = lwt.wait()
      local gen = lwt.coroutine.wrap(function()
        for i = 1, 2 do lwt.coroutine.yield(i, p:await()) end
      end)
      local first = lwt.spawn(function() return gen() end)
      local ok, err = pcall(gen)
      assert.is_false(ok)
      assert.truthy(err:find(words, 1, true))
      r:wakeup "there"
      assert.same({ 1, "there" }, { first:await() })
      assert.same({ 2, "there" }, { gen() })
    end))

  it("may be the middle one of three: the task goes on in the outermost when it is closed",
    async(function()
      local p, r = lwt.wait()
      local middle
      local q = lwt.spawn(function()
        local ok, err = lwt.coroutine.resume(lwt.coroutine.create(function()
          middle = coroutine.running()
          return lwt.coroutine.wrap(function() return p:await() end)()
        end))
        return ok, err, lwt.yield()
      end)
      assert.truthy(select(2, coroutine.resume(middle)):find(words, 1, true))
      coroutine.close(middle)
      collectgarbage()
      assert.equal(2, #lwt.tasks())
      r:wakeup()
      assert.same({ false, "cannot resume dead coroutine" }, { q:await() })
    end))

  it("keeps all the values of a function in C that waits", function()
    local build = require "spec.support.build"
    local dir = build.temp_dir()
    local wide = build.module(dir, "spec/support/wide.c", "wide")
    for _, n in ipairs { 3, 254, 255, 256, 1000, 60000 } do
      lwt.run(function()
        local p, r = lwt.wait()
        local co
        local task = lwt.spawn(function()
          co = coroutine.running()
          return wide(p, n)
        end)
        assert.truthy(select(2, coroutine.resume(co, 1, 2, 3)):find(words, 1, true))
        r:wakeup "woken"
        assert.same({ n, "woken" }, { task:await() })
      end)
    end
    local ok, err = pcall(lwt.run, function() return wide(lwt.wait(), 70000) end)
    assert.is_false(ok)
    assert.truthy(tostring(err):find("too many values on the stack", 1, true))
    lwt.run(build.remove_dir(dir))
  end)

  it("that was closed does not keep the others from being woken", async(function()
    local p, r = lwt.wait()
    local cos, tasks = {}, {}
    for i = 1, 3 do
      tasks[i] = lwt.spawn(function() cos[i] = coroutine.running() return p:await() end)
    end
    coroutine.close(cos[2])
    r:wakeup "all"
    assert.equal("all", tasks[1]:await())
    assert.equal("all", tasks[3]:await())
    local ok, err = pcall(tasks[2].await, tasks[2])
    assert.is_false(ok)
    assert.equal("the coroutine of the task was closed while it waited", err)
  end))

  it("that a task after it uses is refused to who had it before", async(function()
    local co
    lwt.spawn(function() co = coroutine.running() end)
    local tasks = {}
    local function deep(n)
      -- The eleventh begins from the ready queue: until then its coroutine is only prepared.
      tasks[n] = lwt.spawn(function()
        if n < 30 then deep(n + 1) end
        return n
      end)
    end
    deep(1)
    for _ = 1, 3 do coroutine.resume(co) end
    for i = 1, 30 do
      if tasks[i] then assert.equal(i, tasks[i]:await()) end
      coroutine.resume(co)
    end
  end))

  it("does not lose its await when a coroutine of its own uses lwt.coroutine", async(function()
    local got = {}
    coroutine.wrap(function()
      got[1] = { lwt.coroutine.resume(lwt.coroutine.create(function() return 1 end)) }
      got[2] = { pcall(lwt.yield) }
    end)()
    lwt.yield()
    assert.same({ true, 1 }, got[1])
    assert.is_false(got[2][1])
  end))

  it("survives whatever plain Lua does with it", function()
    generated.cases(60, function(random)
      local cos, tasks, live = {}, {}, {}
      local m = mvar.create()
      local md = lwt.direct(m)
      local gate, opener = lwt.wait()
      local function note()
        cos[#cos + 1] = coroutine.running()
        if #cos > 40 then table.remove(cos, random(#cos)) end
      end
      local function pick(list) return list[random(#list)] end
      local act
      local function one(depth)
        note()
        local k = random(16)
        if k == 1 then lwt.yield()
        elseif k == 2 then lwt.await(lwt.sleep(0))
        elseif k == 3 then lwt.await(gate)
        elseif k == 4 then md:take()
        elseif k == 5 then md:put(random(9))
        elseif k == 6 then ldirect.sleep(0)
        elseif k == 7 then lwt.shield(lwt.yield)
        elseif k == 8 then pcall(lwt.await, pick(tasks))
        elseif k == 9 then lwt.coroutine.wrap(function() act(depth + 1) end)()
        elseif k == 10 then
          local co = lwt.coroutine.create(function()
            act(depth + 1)
            lwt.coroutine.yield(1)
            act(depth + 1)
          end)
          live[#live + 1] = co
          lwt.coroutine.resume(co)
          lwt.coroutine.resume(co)
        elseif k == 11 then coroutine.wrap(function() pcall(act, depth + 1) end)()
        elseif k == 12 then
          local guard <close> = setmetatable({}, { __close = function() pcall(act, depth + 2) end })
          pcall(act, depth + 1)
          return guard
        elseif k == 13 then
          lwt.await(lwt.scope(function(s)
            s:spawn(act, depth + 1)
            act(depth + 1)
          end))
        elseif k == 14 then pick(tasks):cancel()
        elseif k == 15 and #live > 0 then lwt.coroutine.resume(pick(live))
        else collectgarbage "step" end
      end
      function act(depth)
        if depth > 4 then return note() end
        for _ = 1, random(3) do one(depth) end
      end
      local function spawn()
        local p = lwt.spawn(pcall, act, 0)
        p:on_failure(function() end)
        if random(3) == 1 then tasks[random(8)] = p end
      end
      local function abuse()
        local co = pick(cos)
        if not co then return end
        local k = random(8)
        if k <= 2 then coroutine.resume(co, 1, nil, "x")
        elseif k == 3 then lwt.coroutine.resume(co, 2)
        elseif k == 4 then pcall(coroutine.close, co)
        elseif k == 5 then coroutine.wrap(function() coroutine.resume(co) end)()
        elseif k == 6 then lwt.spawn(coroutine.resume, co, "task")
        elseif k == 7 then lwt.fulfilled():on_success(function() coroutine.resume(co) end)
        else
          lwt.tasks()
          coroutine.status(co)
          collectgarbage()
        end
      end
      for i = 1, 8 do tasks[i] = lwt.wait() end
      for _ = 1, 60 do
        spawn()
        abuse()
        if random(4) == 1 then pick(tasks):cancel() end
        if random(6) == 1 then m:take_available() end
        if random(6) == 1 then
          opener:wakeup()
          gate, opener = lwt.wait()
        end
        if random(3) == 1 then lwt.step() end
        if random(10) == 1 then collectgarbage() end
      end
      for i = 1, 8 do tasks[i]:cancel() end
      for _ = 1, 20 do
        for _, t in ipairs(lwt.tasks()) do t.promise:cancel() end
        m:take_available()
        abuse()
        lwt.step()
      end
    end)
  end)
end)

-- The direct view of an mvar: the same cell, whose methods wait by themselves and make no promise.

local lwt = require "lwt"
local mvar = require "lwt.mvar"
local test = require "lwt.test"
local generated = require "spec.support.generated"

local await, spec = lwt.await, test.virtual

local function pair()
  local m = mvar.create()
  return m, lwt.direct(m)
end

describe("the direct view of an mvar", function()
  it("puts and takes what needs no waiting", spec(function()
    local m, d = pair()
    assert.equal(0, select("#", d:put("v")))
    assert.is_false(m:is_empty())
    assert.is_false(d:is_empty())
    assert.equal("v", d:take())
    assert.is_true(m:is_empty())
    d:put(nil)
    assert.equal(1, select("#", d:take()))
    d:put(false)
    assert.same({ false, true }, { d:take_available() })
    assert.same({ nil, false }, { d:take_available() })
  end))

  it("waits in take until something is put, by either way", spec(function()
    local m, d = pair()
    local got = {}
    local task = lwt.spawn(function() for i = 1, 3 do got[i] = d:take() end end)
    d:put(1)
    await(m:put(2))
    d:put(3)
    await(task)
    assert.same({ 1, 2, 3 }, got)
  end))

  it("waits in put until there is room, by either way", spec(function()
    local m, d = pair()
    local task = lwt.spawn(function() for i = 1, 3 do d:put(i) end end)
    assert.equal(1, await(m:take()))
    assert.equal(2, d:take())
    assert.equal(3, (m:take()):await())
    await(task)
  end))

  it("serves promises and tasks in the order in which they came", spec(function()
    local m, d = pair()
    local got, tasks = {}, {}
    for i = 1, 40 do
      if i % 3 == 0 then
        m:take():on_success(function(v) got[v] = i end)
      else
        tasks[#tasks + 1] = lwt.spawn(function()
          local v = d:take()
          got[v] = i
        end)
      end
    end
    for i = 1, 40 do d:put(i) end
    await(lwt.join(tasks))
    for i = 1, 40 do assert.equal(i, got[i]) end
    local order = {}
    for i = 1, 40 do
      if i % 3 == 0 then lwt.ignore_result(m:put(i)) else lwt.spawn(d.put, d, i) end
    end
    for i = 1, 40 do order[i] = d:take() end
    for i = 1, 40 do assert.equal(i, order[i]) end
  end))

  it("is left at once by a task that is cancelled, wherever it stands", spec(function()
    for victim = 1, 9 do
      local m, d = pair()
      local got, tasks = {}, {}
      for i = 1, 9 do
        tasks[i] = lwt.spawn(function()
          local v = d:take()
          got[#got + 1] = i .. v
        end)
      end
      tasks[victim]:cancel()
      assert.equal(lwt.Canceled, select(2, pcall(await, tasks[victim])))
      for i = 1, 8 do await(m:put("v" .. i)) end
      await(lwt.settled(tasks))
      local expected = {}
      for i = 1, 9 do
        if i ~= victim then expected[#expected + 1] = i .. "v" .. (#expected + 1) end
      end
      assert.same(expected, got)
      assert.is_true(m:is_empty())
    end
  end))

  it("takes back the value of a put that is cancelled", spec(function()
    local m, d = pair()
    d:put(0)
    local tasks = {}
    for i = 1, 5 do tasks[i] = lwt.spawn(d.put, d, i) end
    tasks[1]:cancel()
    tasks[3]:cancel()
    for _, v in ipairs { 0, 2, 4, 5 } do assert.equal(v, d:take()) end
    assert.is_true(m:is_empty())
  end))

  it("lets a task that was cancelled wait again, at the end of the queue", spec(function()
    local m, d = pair()
    local got = {}
    local first = lwt.spawn(function()
      pcall(d.take, d)
      local v = d:take()
      got[#got + 1] = "first " .. v
    end)
    local second = lwt.spawn(function()
      local v = d:take()
      got[#got + 1] = "second " .. v
    end)
    first:cancel()
    lwt.yield()
    await(m:put("a"))
    await(m:put("b"))
    await(lwt.join { first, second })
    assert.same({ "second a", "first b" }, got)
  end))

  it("raises what is due before it takes anything", spec(function()
    local m, d = pair()
    m:put("v")
    local task = lwt.spawn(function()
      lwt.current():cancel()
      assert.equal(lwt.Canceled, select(2, pcall(d.take, d)))
      assert.is_false(m:is_empty())
      lwt.current():cancel()
      assert.equal(lwt.Canceled, select(2, pcall(d.put, d, "w")))
      return d:take()
    end)
    assert.equal("v", await(task))
    assert.is_true(m:is_empty())
  end))

  it("keeps what a task was woken with when it is cancelled after that", spec(function()
    local m, d = pair()
    local got
    local task = lwt.spawn(function()
      got = d:take()
      lwt.yield()
    end)
    m:put("v")
    task:cancel()
    assert.equal(lwt.Canceled, select(2, pcall(await, task)))
    assert.equal("v", got)
  end))

  it("obeys scopes, shields and time limits", spec(function()
    local m, d = pair()
    assert.equal(lwt.Timeout, select(2, pcall(await, lwt.with_timeout(1, function() d:take() end))))
    local after
    pcall(await, lwt.scope(function(s)
      s:spawn(function()
        local ok = pcall(d.take, d)
        after = { ok, pcall(d.put, d, 1) }
      end)
      s:cancel()
    end))
    assert.same({ false, false, lwt.Canceled }, after)
    local task = lwt.spawn(function() return lwt.shield(function() return d:take() end) end)
    task:cancel()
    lwt.yield()
    await(m:put("kept"))
    assert.equal("kept", (await(task)))
  end))

  it("works in coroutines of the user's own, through pcall and in iterators", spec(function()
    local m, d = pair()
    local producer = lwt.spawn(function() for i = 1, 4 do d:put(i) end end)
    local next_value = lwt.coroutine.wrap(function()
      for _ = 1, 2 do lwt.coroutine.yield(d:take()) end
    end)
    assert.equal(1, next_value())
    assert.equal(2, next_value())
    assert.same({ true, 3 }, { pcall(d.take, d) })
    for v in function() return d:take() end do
      assert.equal(4, v)
      d:put(nil)
    end
    await(producer)
    assert.is_true(m:is_empty())
  end))

  it("raises outside tasks, in callbacks and where Lua cannot yield", function()
    local _, d = pair()
    assert.matches("^attempt to await outside a task", select(2, pcall(d.take, d)))
    lwt.run(function()
      lwt.fulfilled():on_success(function()
        local ok, err = pcall(d.take, d)
        assert.is_false(ok)
        assert.matches("await", err)
      end)
      local ok, err = pcall(table.sort, { 1, 2 }, function() return d:take() end)
      assert.is_false(ok)
      assert.matches("await", err)
    end)
  end)

  it("shows objects as views, and puts what views show", spec(function()
    local m, d = pair()
    local inner = mvar.create(7)
    m:put(inner)
    local shown = d:take()
    assert.is_false(rawequal(inner, shown))
    assert.equal(7, shown:take())
    d:put(shown)
    assert.equal(inner, await(m:take()))
    local waiting = lwt.spawn(function() return d:take():is_empty() end)
    m:put(inner)
    assert.is_true(await(waiting))
    local list = { 1 }
    d:put(list)
    assert.equal(list, d:take())
    assert.equal(tostring(m), tostring(d))
    assert.equal(d, lwt.direct(d))
    assert.equal(d, lwt.direct(m))
    assert.equal("lwt.direct", getmetatable(lwt.direct(mvar).create()).__name)
  end))

  it("tells what a task waits for", spec(function()
    local _, d = pair()
    local task = lwt.spawn(function()
      lwt.name "taker"
      d:take()
    end)
    local entry
    for _, t in ipairs(lwt.tasks()) do if t.name == "taker" then entry = t end end
    assert.equal("waiting", entry.state)
    assert.equal("an mvar", entry.waiting_on)
    assert.matches("mvar_direct_spec.lua:%d+", entry.where)
    task:cancel()
  end))

  it("is a deadlock when nobody can put", function()
    local ok, err = pcall(lwt.run, function() return lwt.direct(mvar.create()):take() end)
    assert.is_false(ok)
    assert.matches("^deadlock: .*an mvar", err)
  end)

  it("does not keep tasks alive whom nobody can wake", spec(function()
    local weak = setmetatable({}, { __mode = "k" })
    for _ = 1, 10 do
      local d = lwt.direct(mvar.create())
      for _ = 1, 3 do
        lwt.spawn(function()
          weak[coroutine.running()] = true
          d:take()
        end)
      end
    end
    for _ = 1, 20 do lwt.yield() end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end))

  it("wakes a task that was let go of, and collected nothing of it", spec(function()
    local m, d = pair()
    local got = {}
    for i = 1, 5 do
      lwt.spawn(function()
        local v = { i }
        got[i] = { d:take(), v }
      end)
    end
    for _ = 1, 10 do
      lwt.yield()
      collectgarbage()
    end
    for i = 1, 5 do await(m:put(i * 10)) end
    lwt.yield()
    for i = 1, 5 do assert.same({ i * 10, { i } }, got[i]) end
  end))

  it("refuses what is no view, at the caller's line", function()
    local _, d = pair()
    local ok, err = pcall(function() d.take({}) end)
    assert.is_false(ok)
    assert.matches("mvar_direct_spec.lua:%d+: bad argument #1 to 'take' %(lwt.mvar's direct view "
      .. "expected, got table%)", err)
    assert.has_error(function() d.put(mvar.create(), 1) end)
  end)

  -- Generated: tasks and promises that put and take by both ways and are cancelled at any time, in
  -- a shuffled order: every value that was put and not withdrawn is taken once, in the order in
  -- which the puts were accepted.
  it("neither loses nor doubles a value, whoever is cancelled", function()
    generated.cases(3000, function(random, seed)
      test.fuzz(seed, function()
        local m, d = pair()
        local taken, accepted, tasks, serial = {}, {}, {}, 0
        local function note(v)
          assert(not taken[v], "taken twice")
          taken[v] = true
        end
        for i = 1, random(12) do
          local putting = random(2) == 1
          tasks[i] = lwt.spawn(function()
            for _ = 1, random(4) do
              local direct = random(2) == 1
              if putting then
                serial = serial + 1
                local v = serial
                if direct then
                  if not pcall(d.put, d, v) then return end
                  accepted[v] = true
                else
                  local p = m:put(v)
                  local ok = pcall(await, p)
                  if p:state() == "fulfilled" then accepted[v] = true end
                  if not ok then return end
                end
              elseif direct then
                local ok, v = pcall(d.take, d)
                if not ok then return end
                note(v)
              else
                local p = m:take()
                local ok, v = pcall(await, p)
                if ok then
                  note(v)
                else
                  local s, value = p:state()
                  if s == "fulfilled" then note(value) end
                  return
                end
              end
              if random(3) == 1 then lwt.yield() end
            end
          end)
        end
        for _ = 1, random(6) do
          lwt.yield()
          tasks[random(#tasks)]:cancel()
          if random(4) == 1 then collectgarbage() end
        end
        for _ = 1, 20 do lwt.yield() end
        for _, task in ipairs(tasks) do task:cancel() end
        for _, task in ipairs(tasks) do pcall(await, task) end
        local left, found = m:take_available()
        if found then note(left) end
        assert(m:is_empty())
        for v in pairs(accepted) do assert(taken[v], "lost") end
        for v in pairs(taken) do assert(accepted[v], "taken, but not put") end
      end)()
    end)
  end)
end)

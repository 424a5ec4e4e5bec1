-- What is garbage may be had again: by a finalizer of something that referred to it. Lua's weak
-- tables have forgotten it by then.
local lwt = require "lwt"
local expect = require "spec.support.expect"
local task = expect.task
local await = lwt.await

-- The tasks that wait have lost the hold of their slots, and what nobody refers to is collected.
local function collect()
  lwt.yield()
  lwt.yield()
  collectgarbage()
  collectgarbage()
  for i = 1, 1000 do local _ = { i } end
  for _ = 1, 10 do lwt.yield() end
end

-- Not in the caller's frame, where something might stay on the stack.
local function drop(finalizer, object)
  setmetatable(object, { __gc = finalizer })
end

local function spawn_many(list, n)
  for _ = 1, n do
    list[#list + 1] = lwt.spawn(function()
      lwt.yield()
      return 1
    end)
  end
end

local function all_are_fulfilled(list)
  for i = 1, #list do assert.equal("fulfilled", (list[i]:state())) end
end

describe("a finalizer that has what was garbage", function()
  it("cancels a task that waits", task(function()
    local n = 0
    for _ = 1, 50 do
      drop(function(o) o.task:cancel() end, {
        task = lwt.spawn(function()
          local ok, err = pcall(await, (lwt.wait()))
          if not ok and rawequal(err, lwt.Canceled) then n = n + 1 end
        end),
      })
    end
    collect()
    collectgarbage()
    assert.equal(50, n)
  end))

  it("wakes a task whose slot has gone to another", task(function()
    local others, n = {}, 0
    for i = 1, 300 do
      local p, r = lwt.wait()
      local t = lwt.spawn(function()
        if await(p) == "woken" then n = n + 1 end
      end)
      if i <= 3 then
        drop(function(o)
          spawn_many(others, 400)
          o.r:wakeup "woken"
        end, { r = r, task = t })
      end
    end
    collect()
    collect()
    assert.equal(3, n)
    assert.equal(1200, #others)
    all_are_fulfilled(others)
  end))

  it("keeps a task that waits again", task(function()
    local kept, others, n = {}, {}, 0
    for _ = 1, 5 do
      local first, r = lwt.wait()
      local second, r2 = lwt.wait()
      local t = lwt.spawn(function()
        await(first)
        await(second)
        n = n + 1
      end)
      drop(function(o)
        kept[#kept + 1] = o
        o.r:wakeup()
      end, { r = r, r2 = r2, task = t })
    end
    collect()
    assert.equal(5, #kept)
    collect()
    spawn_many(others, 2000) -- slots are looked for
    for i = 1, 5 do kept[i].r2:wakeup() end
    collect()
    assert.equal(5, n)
    all_are_fulfilled(others)
  end))

  it("waits for a promise that had been let go", task(function()
    local stop, r = lwt.wait()
    local n = 0
    for _ = 1, 20 do
      local mapped = stop:map(function() return "stopped" end)
      mapped:cancel() -- in vain
      drop(function(o)
        o.p:on_success(function(v) if v == "stopped" then n = n + 1 end end)
      end, { p = mapped })
    end
    collect()
    r:wakeup()
    assert.equal(20, n)
  end))

  it("waits for one that had been let go, whatever another finalizer has done before", task(function()
    for what, other in pairs {
      ["resolved what it waits for"] = function(o) o.r:wakeup() end,
      ["let go of others, so that the dead are swept"] = function(o)
        for _ = 1, 20 do o.stop:map(print):cancel() end
      end,
    } do
      local stop, r = lwt.wait()
      local n = 0
      for _ = 1, 20 do
        local mapped = stop:map(function() return "stopped" end)
        mapped:cancel() -- in vain
        drop(function(o)
          o.p:on_success(function(v) if v == "stopped" then n = n + 1 end end)
        end, { p = mapped })
      end
      drop(other, { stop = stop, r = r }) -- the last that is made is finalized first
      collect()
      if stop:state() == "pending" then r:wakeup() end
      assert.equal(20, n, what)
    end
  end))
end)

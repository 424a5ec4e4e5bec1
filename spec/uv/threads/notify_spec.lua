-- Notifications (lwt.h), through the module spec/support/threads.c.
local lwt = require "lwt"
local build = require "spec.support.build"
local script = require "spec.support.script".run
local await = lwt.await

local function task(f) return function() lwt.run(f) end end

describe("notifications", function()
  local dir, c

  setup(function()
    dir = build.temp_dir()
    c = build.module(dir, "spec/support/threads.c", "spec_threads")
  end)

  teardown(function() lwt.run(build.remove_dir(dir)) end)

  it("are told when the loop turns, with the number of sends", task(function()
    local counts = {}
    local n = c.note(function(count) counts[#counts + 1] = count end)
    for _ = 1, 5 do assert.equal(0, n:send()) end
    assert.same({}, counts)
    await(lwt.sleep(0.001))
    assert.same({ 5 }, counts)
    n:send()
    await(lwt.sleep(0.001))
    assert.same({ 5, 1 }, counts)
    n:stop()
  end))

  it("count every send of every thread", task(function()
    local sum, calls = 0, 0
    local done, r = lwt.wait()
    local n = c.note(function(count)
      sum = sum + count
      calls = calls + 1
      if sum == 40000 then r:wakeup() end
    end, true)
    local threads = {}
    for i = 1, 4 do threads[i] = c.thread(n, 10000) end
    await(done)
    for i = 1, 4 do assert.equal(0, c.join(threads[i])) end
    assert.equal(40000, sum)
    assert.is_true(calls <= 40000)
    n:stop()
  end))

  it("count as far as an unsigned goes, and are told once for what is more", task(function()
    local counts = {}
    local n = c.note(function(count) counts[#counts + 1] = count end)
    c.fill(n, 2)
    for _ = 1, 5 do assert.equal(0, n:send()) end
    local behind = c.note(function(count) counts[#counts + 1] = -count end)
    behind:send() -- what is posted twice would lose what was posted after it
    await(lwt.sleep(0.001))
    assert.same({ 0xFFFFFFFF, -1 }, counts)
    n:send()
    await(lwt.sleep(0.001))
    assert.same({ 0xFFFFFFFF, -1, 1 }, counts)
    n:stop()
    behind:stop()
  end))

  it("may be sent by what they call", task(function()
    local n
    local calls = 0
    local done, r = lwt.wait()
    n = c.note(function()
      calls = calls + 1
      if calls < 5 then n:send() else r:wakeup() end
    end, true)
    n:send()
    await(done)
    assert.equal(5, calls)
    n:stop()
  end))

  it("are not told after they were stopped", task(function()
    local calls = 0
    local n = c.note(function() calls = calls + 1 end)
    n:send()
    local thread = c.thread(n, 100, 0.001)
    n:stop()
    await(lwt.sleep(0.01))
    assert.equal(0, calls)
    assert.is_true(c.join(thread) > 0)
  end))

  it("hand what they raise to the exception hook, and go on", task(function()
    local told, r = lwt.wait()
    local hook = lwt.async_exception_hook(function(err) r:wakeup(err) end)
    local calls = 0
    local n = c.note(function()
      calls = calls + 1
      if calls == 1 then error("odd", 0) end
    end, true)
    n:send()
    assert.equal("odd", await(told))
    lwt.async_exception_hook(hook)
    n:send()
    await(lwt.sleep(0.001))
    assert.equal(2, calls)
    n:stop()
  end))

  it("keep the loop waiting only if they are to", function()
    local n = c.note(print, false)
    local ok, err = pcall(lwt.run, (lwt.wait()))
    assert.is_false(ok)
    assert.truthy(tostring(err):find "deadlock")
    n:stop()
    local p, r = lwt.wait()
    n = c.note(function() r:wakeup "told" end, true)
    local thread = c.thread(n, 1, 0.02)
    assert.equal("told", lwt.run(p))
    c.join(thread)
    n:stop()
    ok = pcall(lwt.run, (lwt.wait()))
    assert.is_false(ok)
  end)

  it("may be sent while and after the state closes", function()
    local path = build.program(dir, "spec/support/late.c", "late")
    local result = build.run({ path }, { env = { LWT_THREADS = dir .. "/spec_threads.so" } })
    assert.same({ 0, "late sends found nobody\n", "" }, { result.code, result.out, result.err })
  end)

  it("are stopped by finalizers while the state closes", function()
    local result = script(([[
      local c = package.loadlib(%q, "luaopen_spec_threads")()
      local lwt = require "lwt"
      for i = 1, 10 do
        local n = c.note(print, i %% 2 == 0)
        n:send()
        _G[i] = n
      end
      os.exit(0, true)]]):format(dir .. "/spec_threads.so"))
    assert.same({ 0, "", "" }, { result.code, result.out, result.err })
  end)
end)

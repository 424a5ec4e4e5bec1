-- Jobs in C (lwt.h), through the module spec/support/threads.c; and lwt.job.
local lwt = require "lwt"
local job = require "lwt.job"
local build = require "spec.support.build"
local script = require "spec.support.script".run
local skip = require "spec.support.skip"
local await = lwt.await

local function task(f) return function() lwt.run(f) end end

describe("jobs", function()
  local dir, c

  setup(function()
    dir = build.temp_dir()
    c = build.module(dir, "spec/support/threads.c", "spec_threads")
  end)

  teardown(function() lwt.run(build.remove_dir(dir)) end)

  before_each(function()
    c.gate(false)
    c.counts()
  end)

  it("run on the threadpool and give what their result pushes", task(function()
    local v, s = await(c.job(21, "text"))
    assert.equal(42, v)
    assert.equal("text", s)
    assert.same({ 1, 1, 1, 0, 1 }, { c.counts() })
  end))

  it("reject with what their result raises", task(function()
    local ok, err = pcall(await, c.job(1, "fail"))
    assert.is_false(ok)
    assert.equal("EPERM", err.code)
    assert.equal(1, err.errno)
    assert.equal("/x", err.path)
    ok, err = pcall(await, c.job(1, "raise"))
    assert.same({ false, "raised" }, { ok, err })
    assert.same({ 2, 2, 2, 0 }, { select(1, (table.unpack({ c.counts() }, 1, 4))), 2, 2, 0 })
  end))

  it("run side by side, and queue beyond the pool, never on the main thread", task(function()
    local threads = math.max(1, job.pool_size() - 1)
    local all = {}
    for i = 1, 3 * threads do all[i] = c.job(i, "", 0.02) end
    local values = await(lwt.all(all))
    for i = 1, 3 * threads do assert.equal(2 * i, values[i]) end
    local workers, results, releases, on_main, most = c.counts()
    assert.equal(3 * threads, workers)
    assert.equal(3 * threads, results)
    assert.equal(3 * threads, releases)
    assert.equal(0, on_main)
    assert.is_true(most <= threads)
    assert.is_true(most > 1 or threads == 1)
  end))

  it("do not wait for one that takes long while there is a thread for them", task(function()
    if job.pool_size() < 3 then skip.here "fewer than three threads for jobs" end
    local long = c.job(1, "", 0.3)
    await(lwt.sleep(0.02))
    assert.equal(4, (await(c.job(2))))
    assert.is_true(long:is_pending())
    -- Also not after a stream of short ones, for which one thread is enough.
    await(lwt.join { long, lwt.pause() })
    local left, slow = 3000, nil
    local tasks = {}
    for i = 1, 16 do
      tasks[i] = lwt.spawn(function()
        while left > 0 do
          left = left - 1
          if left == 500 then slow = c.job(1, "", 0.3) end
          await(c.job(1))
        end
      end)
    end
    await(lwt.join(tasks))
    assert.is_true(slow:is_pending())
    await(slow)
  end))

  it("are released, and settle, each for itself, when some of them raise", task(function()
    local all = {}
    for i = 1, 300 do all[i] = c.job(i, ({ "", "raise", "fail" })[i % 3 + 1]) end
    for i, p in ipairs(all) do
      local ok, v = pcall(await, p)
      if i % 3 == 0 then
        assert.same({ true, 2 * i }, { ok, v })
      elseif i % 3 == 1 then
        assert.same({ false, "raised" }, { ok, v })
      else
        assert.same({ false, "EPERM" }, { ok, v.code })
      end
    end
    assert.same({ 300, 300, 300, 0 }, { table.unpack({ c.counts() }, 1, 4) })
  end))

  it("can be begun and cancelled where another has just been settled", task(function()
    local before = c.job(1)
    local after, cancelled
    before:on_success(function()
      after = c.job(2)
      cancelled = c.job(3)
      cancelled:cancel()
    end)
    await(before)
    assert.equal(4, (await(after)))
    assert.same({ "rejected", lwt.Canceled }, { cancelled:state() })
    await(c.job(1))
    local _, _, releases = c.counts()
    assert.equal(4, releases)
  end))

  it("leave a thread to files", task(function()
    local fs = require "lwt.fs"
    local slow = {}
    for i = 1, 8 do slow[i] = c.job(i, "gate") end
    if job.pool_size() > 1 then
      await(fs.stat("."))
      for i = 1, 8 do assert.is_true(slow[i]:is_pending()) end
    end
    c.gate(true)
    await(lwt.join(slow))
  end))

  it("are counted for all states together, and hold up neither files nor names", function()
    local result = script(([[
      local so = %q
      local lwt, fs, net = require "lwt", require "lwt.fs", require "lwt.net"
      local detach, job = require "lwt.preemptive".detach, require "lwt.job"
      local c = package.loadlib(so, "luaopen_spec_threads")()
      lwt.run(function()
        local all = {}
        for i = 1, 8 do all[i] = c.job(i, "gate") end
        for i = 1, 2 do
          all[#all + 1] = detach(function(so)
            local lwt = require "lwt"
            local c = package.loadlib(so, "luaopen_spec_threads")()
            local own = {}
            for k = 1, 8 do own[k] = c.job(k, "gate") end
            lwt.run(lwt.join(own))
          end, so)
        end
        local most = math.max(1, job.pool_size() - 1)
        while c.running() < most do lwt.await(lwt.sleep(0.001)) end
        for _ = 1, 50 do
          lwt.await(lwt.with_timeout(5, fs.stat(".")))
          lwt.await(lwt.sleep(0.001))
          assert(c.running() == most)
        end
        lwt.await(lwt.with_timeout(5, net.getaddrinfo("localhost")))
        c.gate(true)
        lwt.await(lwt.join(all))
      end)
      print "good"]]):format(dir .. "/spec_threads.so"), 30)
    assert.same({ 0, "good\n", "" }, { result.code, result.out, result.err })
  end)

  it("come through by the ten thousand", task(function()
    local sum = 0
    local tasks = {}
    local n = 10000
    for i = 1, 64 do
      tasks[i] = lwt.spawn(function()
        while n > 0 do
          n = n - 1
          local v = await(c.job(1))
          sum = sum + v
        end
      end)
    end
    await(lwt.join(tasks))
    assert.equal(20000, sum)
    local workers, results, releases, on_main = c.counts()
    assert.same({ 10000, 10000, 10000, 0 }, { workers, results, releases, on_main })
  end))

  it("never start when they are cancelled while they wait", task(function()
    local threads = math.max(1, job.pool_size() - 1)
    local slow, waiting = {}, {}
    for i = 1, threads do slow[i] = c.job(i, "gate") end
    for i = 1, 10 do waiting[i] = c.job(i) end
    for i = 1, 10, 2 do
      waiting[i]:cancel()
      assert.same({ "rejected", lwt.Canceled }, { waiting[i]:state() })
    end
    local _, _, releases = c.counts()
    assert.equal(5, releases)
    c.gate(true)
    await(lwt.join(slow))
    for i = 2, 10, 2 do assert.equal(2 * i, await(waiting[i])) end
  end))

  it("run on unheard when they are cancelled while they run", task(function()
    local p = c.job(1, "gate")
    while c.running() == 0 do await(lwt.sleep(0.001)) end
    p:cancel()
    assert.same({ "rejected", lwt.Canceled }, { p:state() })
    c.gate(true)
    while c.running() > 0 do await(lwt.sleep(0.001)) end
    await(c.job(1))
    local workers, results, releases = c.counts()
    assert.same({ 2, 1, 2 }, { workers, results, releases })
  end))

  it("have a thread where the pool has but one, and enough where it has a hundred", function()
    for _, size in ipairs { 1, 100 } do
      local result = script(([[
        local lwt = require "lwt"
        require "lwt.job".set_pool_size(%d)
        local c = package.loadlib(%q, "luaopen_spec_threads")()
        local all = {}
        for i = 1, 90 do all[i] = c.job(i, "", 0.001) end
        local sum = 0
        for _, n in ipairs(lwt.run(lwt.all(all))) do sum = sum + n end
        print(sum)]]):format(size, dir .. "/spec_threads.so"))
      assert.same({ 0, "8190\n" }, { result.code, result.out }, result.err)
    end
  end)

  it("keep the loop going until they are done", function()
    assert.equal(2, (lwt.run(c.job(1, "", 0.01))))
  end)

  it("are released when the state closes, whether they have run or not", function()
    local result = script(([[
      local c = package.loadlib(%q, "luaopen_spec_threads")()
      local lwt = require "lwt"
      for i = 1, 50 do c.job(i, "", 0.01) end
      lwt.run(lwt.sleep(0.015))
      setmetatable({}, { __gc = function() end })
      -- a state inside the state cannot be had: the counts are read by a finalizer that comes last
      debug.getregistry().spec_last = setmetatable({}, { __gc = function() end })
      os.exit(0, true)]]):format(dir .. "/spec_threads.so"))
    assert.same({ 0, "" }, { result.code, result.err })
  end)

  it("find the loop", function()
    assert.equal(require "lwt.engine".loop(), c.loop())
  end)
end)

describe("lwt.job", function()
  it("tells the size of the pool, and sets it before it runs", function()
    local result = script [[
      local job = require "lwt.job"
      print(job.pool_size())
      job.set_pool_size(6)
      print(job.pool_size())
      job.set_pool_size(6)
      print(pcall(job.set_pool_size, 7))
      print(job.pool_size())]]
    assert.equal("", result.err)
    local before, after, ok, err, last = result.out:match "^(%d+)\n(%d+)\n(%a+)\t([^\n]*)\n(%d+)\n$"
    assert.equal(tonumber(os.getenv "UV_THREADPOOL_SIZE" or 4), tonumber(before))
    assert.equal("6", after)
    assert.equal("false", ok)
    assert.truthy(err:find("already runs with 6 threads", 1, true), err)
    assert.equal("6", last)
  end)

  it("says so when the pool runs already", function()
    local result = script [[
      local lwt, job = require "lwt", require "lwt.job"
      lwt.run(require "lwt.fs".stat("."))
      print(pcall(job.set_pool_size, job.pool_size() + 1))
      print(pcall(job.set_pool_size, job.pool_size()))]]
    assert.truthy(result.out:find "^false\t[^\n]*already runs with %d+ threads", result.out)
    assert.truthy(result.out:find "\ntrue\n$", result.out)
  end)

  it("refuses other numbers", function()
    for _, n in ipairs { 0, -1, 1025, 1.5 } do
      assert.is_false(pcall(job.set_pool_size, n))
    end
  end)
end)

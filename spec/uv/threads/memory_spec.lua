-- What threads do when memory or threads cannot be had: everything ends in a rejected promise or
-- an error that says so, and goes on working.
local lwt = require "lwt"
local build = require "spec.support.build"
local script = require "spec.support.script".run
local skip = require "spec.support.skip"

describe("threads, when a worker's memory is short", function()
  it("reject what does not fit, whatever the limit, and nothing worse", function()
    local result = script("local STEP = " .. (os.getenv "LWT_SPEC_FULL" and 5 or 12) .. "\n" .. [[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      local fits, short = 0, 0
      local function work(t, ch)
        local l, p = require "lwt", require "lwt.preemptive"
        local n = l.run(p.detach(function(x) return #x end, t))
        l.run(ch:send({ n, t }))
        return l.run(function()
          l.yield()
          return p.run_in_main(function(x) return x end, { n })
        end), t
      end
      lwt.run(function()
        for limit = 20, 700, STEP do
          preemptive.set_memory_limit(limit * 1024)
          local ch = preemptive.channel(1)
          local p = preemptive.detach(work, { 1, { 2 }, x = ("y"):rep(1000) }, ch)
          local ok, err = pcall(lwt.await, p)
          if ok then fits = fits + 1 else
            short = short + 1
            err = tostring(err)
            assert(err:find "memory" or err:find "not enough" or err:find "ENOMEM", err)
          end
          -- a new state next time
          preemptive.set_bounds(0, 1)
          preemptive.set_memory_limit(0)
          preemptive.detach(function() end)
          preemptive.set_bounds(0, 2)
          preemptive.set_bounds(0, 1)
        end
      end)
      print(fits > 0 or short > 0, short)]], 120)
    -- A worker that has no memory for what it waits for leaves a promise that nobody looks at.
    local untold = "lwt: a rejected promise was never looked at: not enough memory\n"
    assert.equal("", (result.err:gsub(untold, "")))
    assert.truthy(result.out:find "^true", result.out)
    assert.equal(0, result.code)
  end)
end)

describe("threads, when the system refuses", function()
  if os.getenv "LWT_UNDER" and os.getenv "LWT_UNDER" ~= "coverage" then
    it("is tried with the system's allocator", function() skip.under "an allocator of its own" end)
    return
  end

  local dir, fail

  setup(function()
    dir = build.temp_dir()
    fail = dir .. "/fail.so"
    build.module(dir, "spec/support/fail.c", "fail")
  end)

  teardown(function() lwt.run(build.remove_dir(dir)) end)

  local function run(text)
    local path = dir .. "/main.lua"
    local file = assert(io.open(path, "w"))
    file:write(("local fail = package.loadlib(%q, 'luaopen_fail')()\n"):format(fail), text)
    file:close()
    return build.run({ os.getenv "LUA" or "lua5.4", path }, { env = { LD_PRELOAD = fail }, timeout = 120 })
  end

  it("reject a call when no thread can be started, and start one later", function()
    local result = run [[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      lwt.run(function()
        fail.threads(2)
        local p, q = preemptive.detach(print, 1), preemptive.detach(print, 2)
        print(select(2, pcall(lwt.await, p)))
        print(select(2, pcall(lwt.await, q)).code)
        print(preemptive.nthreads(), preemptive.nqueued())
        print(lwt.await(preemptive.detach(function() return "works" end)))
        -- with one thread the rest just wait for it
        fail.threads(100)
        local list = {}
        for i = 1, 10 do list[i] = preemptive.detach(function() return i end) end
        print(#lwt.await(lwt.all(list)), preemptive.nthreads())
        print(pcall(preemptive.set_bounds, 3, 5))
        print(preemptive.get_bounds())
        fail.threads(0)
        preemptive.set_bounds(3, 4)
        print(preemptive.nthreads())
      end)]]
    assert.equal("", result.err)
    local lines = {}
    for line in result.out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.truthy(lines[1]:find "EAGAIN", lines[1])
    assert.equal("EAGAIN", lines[2])
    assert.equal("0\t0", lines[3])
    assert.equal("works", lines[4])
    assert.equal("10\t1", lines[5])
    assert.truthy(lines[6]:find("set_bounds thread 2 of 3: ", 1, true), lines[6])
    assert.truthy(lines[6]:find "EAGAIN", lines[6])
    assert.equal("0\t4", lines[7])
    assert.equal("3", lines[8])
  end)

  it("survive the failure of every single allocation", function()
    local result = run [[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      local bytes = require "lwt.bytes"
      warn = function() end -- sends that fail, and that nobody looks at: not what this is about
      local errors = 0
      local function try(f, ...)
        local result = table.pack(pcall(f, ...))
        if result[1] then return table.unpack(result, 2, result.n) end
        errors = errors + 1
        local text = tostring(result[2])
        assert(text:find "not enough memory" or text:find "ENOMEM", text)
      end
      local function work()
        local ch = try(preemptive.channel, 1)
        local b = try(bytes.of_string, "x")
        local n = 0
        for i = 1, 3 do
          local p = try(preemptive.detach, function(t, c) return t, c, n end, { i, { i } }, ch)
          if p then try(lwt.await, p) end
        end
        if b then
          local p = try(preemptive.detach, function(x) return x end, b)
          if p then try(lwt.await, p) end
        end
        if ch then
          for i = 1, 3 do
            local p = try(ch.send, ch, { i })
            if p and i == 3 then try(p.cancel, p) end
          end
          local q = try(ch.recv, ch)
          if q and q:is_pending() then q:cancel() end
        end
        local p = try(preemptive.detach, function()
          return require "lwt.preemptive".run_in_main(function() return { 1 } end)
        end)
        if p then try(lwt.await, p) end
        collectgarbage()
      end
      lwt.run(function()
        work()
        fail.memory(0)
        work()
        local total = fail.memory(0)
        for n = 1, total + 20 do
          fail.memory(n)
          work()
        end
        fail.memory(0)
        assert(lwt.await(preemptive.detach(function(x) return x end, "fine")) == "fine")
        print("fine", total > 20, errors > 20)
      end)
      os.exit(0, true)]]
    assert.equal("", result.err)
    assert.equal("fine\ttrue\ttrue\n", result.out)
    assert.equal(0, result.code)
  end)

  it("tell a worker's tasks that nobody answers any more, and keep nothing of what they asked", function()
    build.module(dir, "spec/support/loop.c", "loop", { "-luv" })
    -- (`exec`: a shell beside the sleep would hold our pipe for as long.)
    local result = run(([[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      local loop = package.loadlib(%q, "luaopen_loop")()
      lwt.run(function() preemptive.detach(function() end):await() end) -- a worker is there
      local ch = preemptive.channel(1)
      preemptive.detach(function(got, gate)
        local l, p = require "lwt", require "lwt.preemptive"
        l.run(function()
          local argument = ("x"):rep(1000)
          local function ask(n)
            local told
            for _ = 1, n do
              local ok, err = pcall(p.run_in_main, function() end, argument)
              told = not ok and tostring(err) or "answered"
              if ok then l.sleep(0.001):await() end
            end
            return told
          end
          local function kilobytes()
            for line in io.lines "/proc/self/status" do
              if line:find "^VmRSS" then return tonumber(line:match "%%d+") end
            end
          end
          ask(1)
          got:send(true)
          while not io.open(gate) do os.execute "sleep 0.01" end
          local told = ask(2000)
          local before = kilobytes()
          ask(20000)
          local grown = kilobytes() - before
          print(told, grown < 10000 or grown)
          io.stdout:flush()
          os.exit(0) -- the main state hears of nothing any more
        end)
      end, ch, %q)
      lwt.run(ch:recv())
      fail.memory(6, true) -- of this thread: the last of those for a move to another loop: the inbox's
      require "lwt.engine".adopt(loop.new())
      io.open(%q, "w"):close()
      os.execute "exec sleep 20 >/dev/null 2>&1"]]):format(dir .. "/loop.so", dir .. "/gate", dir .. "/gate"))
    assert.same({ "there will be no answer: the main Lua state has closed, or can no longer give one\ttrue\n", "", 0 },
      { result.out, result.err, result.code })
  end)
end)

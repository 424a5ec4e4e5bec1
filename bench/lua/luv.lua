-- luv: callbacks, and the coroutine wrappers that one writes by hand round them.

local uv = require "luv"
local bench = require "bench.harness"

local create, resume, running, yield = coroutine.create, coroutine.resume, coroutine.running, coroutine.yield

-- A callback that resumes the coroutine that asks for it.
local function wake()
  local co = running()
  return function(...)
    local ok, err = resume(co, ...)
    if not ok then error(err) end
  end
end

local function go(f, ...)
  local ok, err = resume(create(f), ...)
  if not ok then error(err) end
end

-- f(1) … f(n) in coroutines, `in_flight` at a time.
local function each(in_flight, n, f)
  local i = 0
  for _ = 1, in_flight do
    go(function()
      while i < n do
        i = i + 1
        f(i)
      end
    end)
  end
end

local W = {}

function W.yield(n)
  local queue, first, last = {}, 1, 0
  local idle = uv.new_idle()
  local function pause()
    last = last + 1
    queue[last] = running()
    yield()
  end
  bench.time("luv", n, function()
    for _ = 1, 1000 do
      go(function() for _ = 1, n // 1000 do pause() end end)
    end
    uv.idle_start(idle, function()
      local stop = last
      while first <= stop do
        local co = queue[first]
        queue[first] = nil
        first = first + 1
        assert(resume(co))
      end
      if first > last then uv.idle_stop(idle) end
    end)
    uv.run()
  end)
end

function W.sleepers(n)
  local done, start = 0, bench.now()
  for i = 1, n do
    go(function()
      local timer = uv.new_timer()
      uv.timer_start(timer, 1000 + 1000 * i // n, 0, wake())
      yield()
      uv.close(timer)
      done = done + 1
    end)
  end
  uv.run()
  assert(done == n)
  bench.report("luv", bench.now() - start, n)
end

function W.files(n)
  bench.time("luv", n, function()
    each(64, n, function(i)
      uv.fs_open(("%s/small/%d"):format(bench.data, i), "r", 0, wake())
      local err, fd = yield()
      assert(not err, err)
      uv.fs_read(fd, 4096, 0, wake())
      local _, data = yield()
      assert(#data == 4096)
      uv.fs_close(fd, wake())
      yield()
    end)
    uv.run()
  end)
end

function W.copy(from)
  local to = from .. ".copy"
  os.remove(to)
  local start, bytes = bench.now(), 0
  go(function()
    uv.fs_open(from, "r", 0, wake())
    local _, input = yield()
    uv.fs_open(to, "w", 420, wake())
    local _, output = yield()
    while true do
      uv.fs_read(input, 65536, -1, wake())
      local err, data = yield()
      assert(not err, err)
      if #data == 0 then break end
      uv.fs_write(output, data, -1, wake())
      yield()
      bytes = bytes + #data
    end
    uv.fs_close(input)
    uv.fs_close(output)
  end)
  uv.run()
  bench.report("luv", bench.now() - start, bytes)
  os.remove(to)
end

function W.lines(path)
  local start, n, bytes = bench.now(), 0, 0
  go(function()
    uv.fs_open(path, "r", 0, wake())
    local _, fd = yield()
    local buffer, pos = "", 1
    local function read_line()
      while true do
        local stop = buffer:find("\n", pos, true)
        if stop then
          local line = buffer:sub(pos, stop - 1)
          pos = stop + 1
          return line
        end
        uv.fs_read(fd, 65536, -1, wake())
        local err, data = yield()
        assert(not err, err)
        if #data == 0 then
          local line = buffer:sub(pos)
          buffer, pos = "", 1
          return #line > 0 and line or nil
        end
        buffer, pos = buffer:sub(pos) .. data, 1
      end
    end
    for line in read_line do
      n = n + 1
      bytes = bytes + #line
    end
  end)
  uv.run()
  bench.report("luv", bench.now() - start, n, { bytes = bytes })
end

function W.processes(n)
  bench.time("luv", n, function()
    each(16, n, function()
      local done = wake()
      local process
      process = assert(uv.spawn("/bin/true", { args = {}, stdio = {} }, function(code)
        uv.close(process)
        done(code)
      end))
      assert(yield() == 0)
    end)
    uv.run()
  end)
end

function W.detach(n)
  local waiting, ids = {}, 0
  local work = uv.new_work(function(v, id) return v + 1, id end, function(v, id)
    local co = waiting[id]
    waiting[id] = nil
    assert(resume(co, v))
  end)
  local function detach(v)
    ids = ids + 1
    waiting[ids] = running()
    work:queue(v, ids)
    return yield()
  end
  for _, in_flight in ipairs { 64, 1 } do
    local count = in_flight == 1 and n // 10 or n
    bench.time(in_flight == 1 and "luv_alone" or "luv", count, function()
      each(in_flight, count, function(i) assert(detach(i) == i + 1) end)
      uv.run()
    end)
  end
end

function W.cpu(n)
  local function fib(k)
    local function f(m)
      if m < 2 then return m end
      return f(m - 1) + f(m - 2)
    end
    f(k)
  end
  local one = bench.time("luv_serial", 2, function()
    fib(n)
    fib(n)
  end)
  local start = bench.now()
  local a, b = uv.new_thread(fib, n), uv.new_thread(fib, n)
  uv.thread_join(a)
  uv.thread_join(b)
  local two = bench.now() - start
  bench.report("luv", two, 2, { speedup = one / two })
end

bench.main(W)

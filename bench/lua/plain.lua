-- Plain Lua: bare calls and coroutines, io, and a promise in 30 lines ("mini").

local bench = require "bench.harness"

local resume, yield, wrap = coroutine.resume, coroutine.yield, coroutine.wrap
local time = bench.time

---------------------------------------------------------------------------------------------------
-- mini: what somebody writes on an afternoon. No cancelling, no task-local storage, no depth limit.

local mini = {}
mini.__index = mini

local function fulfilled(v) return setmetatable({ state = 1, value = v }, mini) end
local function pending() return setmetatable({ state = 0 }, mini) end

local function settle(p, state, v)
  p.state, p.value = state, v
  local waiting = p.waiting
  p.waiting = nil
  if type(waiting) == "function" then return waiting(state, v) end
  for i = 1, waiting and #waiting or 0 do waiting[i](state, v) end
end

local function on(p, f)
  local waiting = p.waiting
  if not waiting then
    p.waiting = f
  elseif type(waiting) == "function" then
    p.waiting = { waiting, f }
  else
    waiting[#waiting + 1] = f
  end
end

function mini.bind(p, f)
  if p.state == 2 then return p end
  if p.state == 1 then
    local ok, q = pcall(f, p.value)
    return ok and q or setmetatable({ state = 2, value = q }, mini)
  end
  local q = pending()
  on(p, function(state, v)
    if state == 2 then return settle(q, 2, v) end
    local ok, r = pcall(f, v)
    if not ok then return settle(q, 2, r) end
    if r.state ~= 0 then return settle(q, r.state, r.value) end
    on(r, function(...) settle(q, ...) end)
  end)
  return q
end

local function await(p)
  if p.state == 0 then
    local co = coroutine.running()
    on(p, function() resume(co) end)
    yield()
  end
  if p.state == 2 then error(p.value, 0) end
  return p.value
end

---------------------------------------------------------------------------------------------------

local function add_one(v) return v + 1 end
local function add_one_mini(v) return fulfilled(v + 1) end

local W = {}

function W.bind_resolved(n)
  time("call", n, function()
    local v = 0
    for _ = 1, n do v = add_one(v) end
  end)
  time("coroutine", n, function()
    local v = 0
    for _ = 1, n do v = wrap(add_one)(v) end
  end)
  time("mini", n, function()
    local p = fulfilled(0)
    for _ = 1, n do p = p:bind(add_one_mini) end
    assert(p.value == n)
  end)
end

function W.bind_pending(n)
  time("mini", n, function()
    for _ = 1, n // 100 do
      local first = pending()
      local p = first
      for _ = 1, 100 do p = p:bind(add_one_mini) end
      settle(first, 1, 0)
      assert(p.value == 100)
    end
  end)
end

function W.await_resolved(n)
  time("mini", n, wrap(function()
    local sum = 0
    for _ = 1, n do sum = sum + await(fulfilled(1)) end
    assert(sum == n)
  end))
end

function W.handover(n)
  local co = coroutine.create(function() while true do yield(1) end end)
  time("resume", n, function() for _ = 1, n do resume(co) end end)
end

function W.yield(n)
  local all = {}
  for i = 1, 1000 do
    all[i] = coroutine.create(function() for _ = 1, n // 1000 do yield() end end)
  end
  time("roundrobin", n, function()
    for _ = 1, n // 1000 + 1 do
      for i = 1, 1000 do resume(all[i]) end
    end
  end)
end

function W.spawn(n)
  local function trivial(v) return v end
  time("coroutine", n, function()
    for i = 1, n do wrap(trivial)(i) end
  end)
end

function W.stream(n)
  local function src(i) if i < n then return i + 1 end end
  time("closures", n, function()
    local function map(g, f)
      return function()
        local v = g()
        if v then return f(v) end
      end
    end
    local function filter(g, f)
      return function()
        while true do
          local v = g()
          if v == nil or f(v) then return v end
        end
      end
    end
    local i = 0
    local function from() i = src(i) return i end
    local sum = 0
    for v in filter(map(from, add_one), function(x) return x % 2 == 0 end) do sum = sum + v end
    assert(sum > 0)
  end)
  time("coroutines", n, function()
    local function map(g, f) return wrap(function() for v in g do yield(f(v)) end end) end
    local function filter(g, f)
      return wrap(function() for v in g do if f(v) then yield(v) end end end)
    end
    local from = wrap(function() for i = 1, n do yield(i) end end)
    local sum = 0
    for v in filter(map(from, add_one), function(x) return x % 2 == 0 end) do sum = sum + v end
    assert(sum > 0)
  end)
end

function W.files(n)
  time("io", n, function()
    for i = 1, n do
      local f = assert(io.open(("%s/small/%d"):format(bench.data, i), "rb"))
      assert(#f:read("a") == 4096)
      f:close()
    end
  end)
end

function W.copy(from)
  local to = from .. ".copy"
  os.remove(to)
  local input, output = assert(io.open(from, "rb")), assert(io.open(to, "wb"))
  input:setvbuf("no")
  output:setvbuf("no")
  local start, bytes = bench.now(), 0
  while true do
    local chunk = input:read(65536)
    if not chunk then break end
    output:write(chunk)
    bytes = bytes + #chunk
  end
  input:close()
  output:close()
  bench.report("io", bench.now() - start, bytes)
  os.remove(to)
end

-- `find`, as a shell script would: names, or sizes.
local function find(path, what)
  local start, n = bench.now(), 0
  local pipe = assert(io.popen(("find '%s' -mindepth 1 -printf '%%%s\\n'"):format(path, what)))
  for _ in pipe:lines() do n = n + 1 end
  pipe:close()
  bench.report("find", bench.now() - start, n)
end

function W.scandir(path) find(path, "f") end
function W.walk(path) find(path, "s") end

function W.pipe(bytes)
  local start, sum = bench.now(), 0
  local pipe = assert(io.popen(("head -c %d /dev/zero"):format(bytes)))
  while true do
    local chunk = pipe:read(65536)
    if not chunk then break end
    sum = sum + #chunk
  end
  pipe:close()
  assert(sum == bytes)
  bench.report("io.popen", bench.now() - start, sum)
end

function W.lines(path)
  local start, n, bytes = bench.now(), 0, 0
  for line in io.lines(path) do
    n = n + 1
    bytes = bytes + #line
  end
  bench.report("io.lines", bench.now() - start, n, { bytes = bytes })
end

---------------------------------------------------------------------------------------------------
-- A log without a library

function W.log_off(n)
  local object = setmetatable({}, { __index = { debug = function(_, ...) end } }) -- luacheck: ignore 212
  time("empty_call", n, function() for i = 1, n do object:debug("request %d took %.1f ms", i, 3.5) end end)
end

function W.log_file(n)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  time("os.date", n, function()
    for i = 1, n do
      local message = ("request %d took %.1f ms"):format(i, 3.5)
      file:write(os.date "%Y-%m-%dT%H:%M:%S", " error main: ", message, "\n")
    end
    file:flush()
  end)
  file:close()
  os.remove(path)
end

bench.main(W)

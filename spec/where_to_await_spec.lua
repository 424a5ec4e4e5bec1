-- doc/where-to-await.md: each row of its tables is tried.

local lwt = require "lwt"
local await = lwt.await

local function meta(t) return setmetatable({}, t) end
local function list() return require "lwt.list" end
local function stream() return require "lwt.stream" end
local function S() return require "lwt.react".S end
local function E() return require "lwt.react".E end

-- How to have `w` called in each place. Run as a task.
local places = {}

-- ---- Lua --------------------------------------------------------------------------------------

places["`pcall`, the body of `xpcall`"] = function(w)
  pcall(w)
  xpcall(w, print)
end
places["operators: `__add`, `__concat`, `__eq`, `__lt`, `__unm` …"] = function(w)
  local eq = { __eq = w }
  return meta { __add = w } + 1, meta { __concat = w } .. "", meta(eq) == meta(eq),
    meta { __lt = w } < meta {}, -meta { __unm = w }
end
places["`__index`, `__newindex`, `__call`, `__len`"] = function(w)
  meta { __newindex = w }.x = 1
  return meta { __index = w }.x, meta { __call = w }(), #meta { __len = w }
end
places["the iterator of a `for`, `__pairs`"] = function(w)
  for _ in w do break end -- luacheck: ignore 512
  for _ in pairs(meta { __pairs = function() w() return next, {} end }) do break end -- luacheck: ignore 512
end
places["`__close`, when the block ends, also by `break`, `return` or an error"] = function(w)
  local function closing()
    local _ <close> = meta { __close = w }
    return 1
  end
  closing()
  while true do -- luacheck: ignore 512
    local _ <close> = meta { __close = w }
    break
  end
  pcall(function()
    local _ <close> = meta { __close = w }
    error "x"
  end)
end
places["`dofile`, what `load` gave"] = function(w)
  assert(load "local w = ... w()")(w)
  local name = os.tmpname()
  local file = io.open(name, "w")
  file:write "where_to_await()"
  file:close()
  _G.where_to_await = w -- luacheck: ignore 122 142
  dofile(name)
  _G.where_to_await = nil -- luacheck: ignore 122 142
  os.remove(name)
end
places["a coroutine made by `lwt.coroutine.create` or `wrap`"] = function(w)
  lwt.coroutine.wrap(w)()
  lwt.coroutine.resume(lwt.coroutine.create(w))
end
places["a coroutine made by `coroutine.create` or `wrap`"] = function(w) coroutine.wrap(w)() end
places["`require`: a module's main chunk"] = function(w)
  package.preload.where_to_await = function() w() return true end
  require "where_to_await"
  package.preload.where_to_await, package.loaded.where_to_await = nil, nil
end
places["the comparison of `table.sort`"] = function(w)
  table.sort({ 2, 1 }, function(a, b) w() return a < b end)
end
places["the function of `string.gsub`"] = function(w) return (("x"):gsub("x", function() w() end)) end
places["`__tostring` (`tostring`, `print`, `string.format`)"] = function(w)
  local x = meta { __tostring = function() w() return "" end }
  return tostring(x), ("%s"):format(x)
end
places["metamethods that functions of the libraries call (`table.concat`, `insert`, `unpack`; `ipairs`)"] =
  function(w)
    local x = meta { __index = function(_, i) w() return i < 2 and i or nil end, __len = function() return 1 end }
    table.concat(x)
    table.unpack(x, 1, 1)
    for _ in ipairs(x) do end -- luacheck: ignore
  end
places["the message handler of `xpcall`"] = function(w) xpcall(error, w) end
places["a reader given to `load`"] = function(w) load(function() w() end) end
places["`__gc`"] = function(w)
  setmetatable({}, { __gc = w })
  collectgarbage()
  collectgarbage()
end
places["a hook of `debug.sethook`"] = function(w)
  debug.sethook(function()
    debug.sethook()
    w()
  end, "", 1)
  debug.sethook()
end

-- ---- Functions given to lwt --------------------------------------------------------------------

places["`spawn`, `async`, the first of `dont_wait`"] = function(w)
  lwt.spawn(w)
  lwt.async(w)
  lwt.dont_wait(w, print)
end
places["`scope`, `s:spawn`"] = function(w)
  await(lwt.scope(function(s)
    w()
    s:spawn(w)
  end))
end
places["`with_timeout`, `shield`, `with_value`"] = function(w)
  await(lwt.with_timeout(60, w))
  lwt.shield(w)
  lwt.with_value(lwt.new_key(), 1, w)
end
places["the first argument of `catch`, `finalize`, `try_bind`"] = function(w)
  await(lwt.catch(w, print))
  await(lwt.finalize(w, function() end))
  await(lwt.try_bind(w, function() end, print))
end
places["`bind`, `map`"] = function(w)
  await(lwt.fulfilled():bind(w))
  await(lwt.yield() or lwt.pause():map(w))
end
places["the handler of `catch`, the finalizer of `finalize`, the two of `try_bind`"] = function(w)
  pcall(await, lwt.rejected "x":catch(w))
  pcall(await, lwt.pause():finalize(w))
  pcall(await, lwt.pause():try_bind(w, print))
  pcall(await, lwt.rejected "x":try_bind(print, w))
end
places["`on_success`, `on_failure`, `on_termination`, `on_any`, `on_cancel`"] = function(w)
  local p = lwt.fulfilled()
  p:on_success(w)
  p:on_termination(w)
  p:on_any(w, w)
  lwt.rejected "x":on_failure(w)
  local t = lwt.task()
  t:on_cancel(w)
  t:cancel()
end
places["the handler of `dont_wait`, `async_exception_hook`"] = function(w)
  lwt.dont_wait(function() error "x" end, w)
  local old = lwt.async_exception_hook(function() w() end)
  lwt.async(error, "x")
  lwt.yield()
  lwt.yield()
  lwt.async_exception_hook(old)
end
places["`wrap`"] = function(w) await(lwt.wrap(w)) end
places["`on_iteration`"] = function(w)
  local hook = lwt.on_iteration("enter", w)
  lwt.yield()
  lwt.yield()
  hook:remove()
end
places["`list`: all forms"] = function(w)
  await(list().iter_s(w, { 1 }))
  await(list().map_p(w, { 1 }))
  await(list().iter_n(w, { 1 }, 1))
  await(list().fold_left_s(w, 0, { 1 }))
end
places["`stream`: `from`, `generate`, names with `_s`, `_p`, `_n`, `parse`"] = function(w)
  local s = stream()
  await(s.from(w):get())
  await(s.generate(w):get())
  await(s.of_list { 1 }:iter_s(w))
  await(s.of_list { 1 }:iter_p(w))
  await(s.of_list { 1 }:iter_n(w, 1))
  await(s.of_list { 1 }:map_s(function() w() return 1 end):get())
  await(s.of_list { 1 }:filter_s(w):get())
  await(s.of_list { 1 }:fold_s(0, w))
  await(s.of_list { 1 }:parse(w))
end
places["`stream`: `from_direct`, `map`, `filter`, `fold`, `iter`, `find` … without a suffix"] = function(w)
  local s = stream()
  await(s.from_direct(w):get())
  pcall(await, s.of_list { 1 }:map(w):get())
  pcall(await, s.of_list { 1 }:filter(w):get())
  pcall(await, s.of_list { 1 }:fold(0, w))
  pcall(await, s.of_list { 1 }:iter(w))
  pcall(await, s.of_list { 1 }:find(w))
end
places["`mutex.with_lock`, `semaphore.with`, `pool.use` and the functions of a pool"] = function(w)
  await(require "lwt.mutex".create():with_lock(w))
  await(require "lwt.semaphore".create(1):with(w))
  local pool = require "lwt.pool".create(1, function() w() return 1 end, {
    validate = function() w() return true end,
    check = function(_, f) w() f(true) end,
    dispose = w,
  })
  await(pool:use(w))
  await(pool:use(w))
  pcall(await, pool:use(function() error "x" end))
  await(pool:clear())
end
places["hooks of a `switch`, `retry.run` (`retry_if` and `delay` too), "
  .. "`gc.finalise`, the function of a `timer`"] = function(w)
  local switch = require "lwt.switch"
  local sw = switch.create()
  sw:add_hook(w)
  await(sw:turn_off())
  await(require "lwt.retry".run(w))
  pcall(await, require "lwt.retry".run(error, {
    times = 2,
    retry_if = function() w() return true end,
    delay = function() w() return 0 end,
  }))
  require "lwt.gc".finalise(w, {})
  collectgarbage()
  collectgarbage()
  await(lwt.sleep(0.01))
  require "lwt.timer".create(0.001, w):start()
  await(lwt.sleep(0.02))
end
places["`react`: names with `_s`, `_p`"] = function(w)
  local e, send = E().create()
  local kept = { e:map_s(w), e:map_p(w) }
  send(1)
  await(lwt.sleep(0.01))
  return kept
end
places["`react`: names without a suffix, `S.notify`"] = function(w)
  local e, send = E().create()
  local s, set = S().create(1)
  local made = false -- the first value of a signal is computed where it is made
  local kept = { e:map(w), s:notify(w), s:map(function() return made and w() or 1 end) }
  made = true
  send(1)
  set(2)
  return kept
end
places["`io`: `with_file` and its like, `atomic`, `direct_access`, `make`, "
  .. "a server's handler and its `on_error`"] = function(w)
  local io = require "lwt.io"
  await(io.with_temp_dir(w))
  await(io.with_temp_file(w))
  local r, out = io.pipe()
  await(out:atomic(w))
  await(out:direct_access(w))
  await(out:close())
  await(r:close())
  local ch = io.make { read = function() w() end }
  await(ch:read_line())
  local server = await(io.establish_server("127.0.0.1:0", w))
  await(io.with_connection(server:address(), function(c)
    w()
    await(c:read())
  end))
  await(server:shutdown(0))
  server = await(io.establish_server("127.0.0.1:0", error, { on_error = w }))
  await(io.with_connection(server:address(), io.read))
  await(server:shutdown(0))
end
places["`process.with_process`, `preemptive.run_in_main`"] = function(w)
  await(require "lwt.process".with_process({ "true" }, nil, w))
  local preemptive = require "lwt.preemptive"
  local awaited = await(preemptive.detach(function()
    return preemptive.run_in_main(function() return (pcall(require "lwt".yield)) end)
  end))
  assert.is_true(awaited)
end
places["`signal.on`"] = function(w)
  local handler = require "lwt.signal".on("USR1", w)
  await(require "lwt.process".exec(require "lwt.process".shell "kill -USR1 $PPID"))
  await(lwt.sleep(0.01))
  handler:stop()
end
places["`at_exit`"] = function(w) lwt.at_exit(w) end

-- ---- The page ----------------------------------------------------------------------------------

describe("doc/where-to-await.md", function()
  local told = {}
  for line in io.lines "doc/where-to-await.md" do
    local place, verdict = line:match "^| (.-) | ([yn][eo]s?) |"
    if place then
      told[place] = true
      it(("is right about %s: %s"):format(place, verdict), function()
        assert(places[place], "this row is not tried")
        local calls = 0
        local function w()
          calls = calls + 1
          -- Also what need not wait is refused where nothing may.
          for _, f in ipairs { lwt.yield, function() await(lwt.fulfilled()) end } do
            local ok, err = pcall(f)
            if ok == (verdict == "yes") then
              if not ok then assert.matches("attempt to await", tostring(err)) end
            else
              calls = -1000
            end
          end
        end
        lwt.run(lwt.with_timeout(30, function() places[place](w) end))
        assert.is_true(calls > 0, calls == 0 and "it was not called" or "it is the other way round")
      end)
    end
  end

  it("leaves nothing out that is tried here", function()
    for place in pairs(places) do assert(told[place], place) end
  end)
end)

describe("a misplaced await", function()
  local lio, seq, react = require "lwt.io", require "lwt.seq", require "lwt.react"
  local r, w = lio.pipe()
  local s = require "lwt.stream".create()
  local waiting = seq.of_list({ 1 }):map_s(function() return (lwt.wait()) end)

  -- Each awaits in a file of lwt's.
  local calls = {
    ["for … in stream"] = function() for _ in s do error "an element" end end,
    ["for … in ch:lines()"] = function() for _ in r:lines() do error "a line" end end,
    ["for … in q:each()"] = function() for _ in waiting:each() do error "an element" end end,
    ["a direct view of a stream"] = function() local _ = lwt.direct(s):next() end,
    ["a direct view of a channel"] = function() local _ = lwt.direct(r):read_line() end,
    ["a direct view of a module"] = function() local _ = lwt.direct(require "lwt.fs").stat "/" end,
    ["a direct view of an event"] = function() local _ = lwt.direct(react.E.create()):next() end,
    ["await itself"] = function() local _ = await(lwt.fulfilled()) end,
  }

  for name, call in pairs(calls) do
    it(("is told at the line of the caller: %s"):format(name), function()
      local info = debug.getinfo(call, "S")
      local place = ("%s:%d: attempt to await "):format(info.short_src, info.linedefined)
      local function told(f)
        local ok, err = pcall(f)
        assert.is_false(ok)
        assert.equal(place, tostring(err):sub(1, #place))
      end
      told(call)
      lwt.fulfilled():on_success(function() told(call) end)
      lwt.run(function() told(coroutine.wrap(call)) end)
    end)
  end

  it("is told without a place where it was C that called", function()
    assert.equal("attempt to await outside a task (use lwt.run or lwt.spawn)", select(2, pcall(await, lwt.fulfilled())))
    w:abort()
    r:abort()
  end)
end)

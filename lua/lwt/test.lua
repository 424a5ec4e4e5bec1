--- Specs for busted that await, in real or virtual time or in a shuffled order.
---
--- ```lua
--- -- outside a task
--- local lwt, test = require "lwt", require "lwt.test"
--- local spec = test.virtual(function()      -- it("wakes after an hour", test.virtual(function() …
---   lwt.await(lwt.sleep(3600))
---   print(lwt.now())                        --> 3600.0
---   test.assert_clean()
--- end)
--- spec()
--- ```

-- A spec is run by lwt.run, so its stack is gone by the time busted sees the error. Busted reports
-- the place of the innermost Lua function that is neither its own nor luassert's: `rethrow` makes
-- one that says it stands at the failing line of the spec. So the error arrives as it was raised,
-- `pending` and assertion failures included, with the right place.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local core = require "lwt.core"

local getinfo = debug.getinfo

local M = {}

local DEFAULT_TIMEOUT = 10
local known = { timeout = "number" }
local own_timers, own_task = 0, nil -- ours, not the spec's
local open_before = {} -- how many handles of each kind were open before the spec began

-- Places ------------------------------------------------------------------------------------

-- Where in the file of `f` the error now being handled was raised or awaited: source, line.
local function place_of(f)
  local source = getinfo(f, "S").source
  for level = 3, math.huge do
    local info = getinfo(level, "Sl")
    if not info then return nil end
    if info.source == source and info.currentline > 0 then return source, info.currentline end
  end
end

local function rethrow(err, source, line)
  local code = ("\n"):rep(line - 1) .. "local err = ... error(err, 0)"
  local raise = load(code, source, "t")
  raise(err)
end

local function describe(t)
  local text = ("%s (%s"):format(t.name and "task '" .. t.name .. "'" or "a task", t.state)
  if t.waiting_on then text = text .. " for " .. t.waiting_on end
  return text .. (t.where and " at " .. t.where or "") .. ")"
end

-- The live tasks, a line each.
local function waiting_tasks()
  local lines = {}
  for i, t in ipairs(lwt.tasks()) do lines[i] = "  " .. describe(t) end
  return table.concat(lines, "\n")
end

-- Running a spec ----------------------------------------------------------------------------

-- The spec's own task. Its failure is noted where it happens; what it returns is returned, so that
-- a promise is followed.
local function guarded(f, note, ...)
  lwt.name("spec")
  local results = table.pack(xpcall(f, function(err)
    note.source, note.line = place_of(f)
    return err
  end, ...))
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- Call too_late() after `limit` seconds, and then every second: by the loop's clock, or, where time
-- is virtual, by the processor's. Returns what stops it.
local function watch(limit, virtual, too_late)
  if virtual then
    local last = os.clock()
    local hook = lwt.on_iteration("enter", function()
      if os.clock() - last > limit then
        last, limit = os.clock(), 1
        too_late()
      end
    end)
    return function() hook:remove() end
  end
  local timer
  local function arm(seconds)
    timer = lwt.sleep(seconds)
    own_timers = 1
    core.background(1)
    timer:on_success(function()
      arm(1)
      too_late()
    end)
  end
  arm(limit)
  return function()
    own_timers = 0
    core.background(0)
    timer:cancel()
  end
end

-- Run the spec with lwt.run. Returns true; or false, the error, and where in the spec.
local function run(f, how, ...)
  local note, n, arguments = {}, select("#", ...), { ... }
  local p, stop, waiting
  open_before = {}
  for _, handle in ipairs(core.handles()) do
    open_before[handle] = (open_before[handle] or 0) + 1
  end
  local ok, err = pcall(lwt.run, function()
    own_task = lwt.current()
    local over, r = lwt.task()
    p = lwt.spawn(guarded, f, note, table.unpack(arguments, 1, n))
    over:on_cancel(function() p:cancel() end)
    stop = watch(how.timeout, how.virtual, function()
      if waiting then
        -- It does not even end when it is cancelled.
        if over:is_pending() then r:wakeup() end
      else
        waiting = waiting_tasks()
        p:cancel()
      end
    end)
    p:on_termination(function()
      if over:is_pending() then r:wakeup() end
    end)
    return over:bind(function()
      if not p:is_pending() then return p end
    end)
  end)
  if stop then stop() end
  if p and p:is_pending() then
    -- A deadlock, or an error out of the loop: let the spec clean up.
    p:cancel()
    pcall(lwt.run, lwt.pick { p, lwt.sleep(1) })
  end
  if waiting then
    ok = false
    err = ("the spec did not end within %g s; waiting tasks:\n%s"):format(how.timeout, waiting)
  end
  if ok then return true end
  local info = getinfo(f, "S")
  return false, err, note.source or info.source, note.line or math.max(1, info.linedefined)
end

-- Add the seed to the text of an error, where it has one: that is what it takes to see it again.
local function with_seed(err, seed)
  seed = ("\n(with seed %d)"):format(seed)
  if type(err) == "string" then return err .. seed end
  local mt = getmetatable(err)
  if type(err) == "table" and type(mt) == "table" and mt.__type == "failure"
    and type(rawget(err, "message")) == "string" then
    err.message = err.message .. seed
  end
  return err
end

-- Leave virtual time, or whatever engine the spec chose.
local function restore_engine(before)
  if core.engine_name() == "virtual" then core.set_engine("real") end
  if core.engine_name() ~= before then
    if before == "none" then
      core.set_engine(nil)
    else
      require "lwt.engine".set(before)
    end
  end
end

-- Run it, and put things back as they were.
local function run_and_restore(f, how, ...)
  local before = core.engine_name()
  if how.virtual and before ~= "virtual" then core.set_engine("virtual") end
  if how.seed then
    core.shuffle(how.seed)
    math.randomseed(how.seed)
  end
  local ok, err, source, line = run(f, how, ...)
  if how.seed then
    core.shuffle(nil)
    math.randomseed()
    if not ok then err = with_seed(err, how.seed) end
  end
  if core.engine_name() ~= before then restore_engine(before) end
  return ok, err, source, line
end

-- A function for `it`, with the globals of `f`, where busted looks for them.
local function for_it(f, how)
  local globals = _G
  if type(f) ~= "function" then f = debug.getmetatable(f).__call end
  for i = 1, math.huge do
    local name, value = debug.getupvalue(f, i)
    if name == "_ENV" then globals = value end
    if not name or name == "_ENV" then break end
  end
  local make = load([[
    local run = ...
    return function(...)
      local _ = _ENV
      return run(...)
    end]], "=(lwt.test)", "t", globals)
  return make(function(...)
    local ok, err, source, line = run_and_restore(f, how, ...)
    if not ok then rethrow(err, how.source or source, how.line or line) end
  end)
end

-- Seconds that a spec has: the option's, the environment's, or 10. Checked; a message if wrong.
local function limit_of(opts)
  local limit = opts.timeout or tonumber(os.getenv("LWT_TEST_TIMEOUT")) or DEFAULT_TIMEOUT
  return limit, limit <= 0 and "option 'timeout': must be more than 0" or nil
end

--- A function for busted's `it` that runs `f` as a task with `lwt.run`, so that it may await. It
--- fails where `f` fails: what is raised there, or awaited there, is reported at that line of the
--- spec. A promise that `f` returns is followed: the spec ends when it is resolved, and fails when it
--- is rejected. `pending` and `finally` work inside. When `f` has not ended after `timeout` seconds (10,
--- or what the environment variable `LWT_TEST_TIMEOUT` says) it is cancelled, and the spec fails
--- with the list of the tasks that were waiting. The engine is restored if `f` changes it.
---@param f fun(...)
---@param opts? { timeout: number }
---@return fun(...) spec
--- ```lua
--- -- outside a task
--- local test = require "lwt.test"
--- local spec = test.async(function()
---   require "lwt".await(require "lwt".sleep(0.001))
---   print("ran")   --> ran
--- end)
--- spec()   -- as busted does: it("…", spec)
--- ```
function M.async(f, opts)
  args.check_callable(1, "async", f)
  local limit, wrong = limit_of(args.options(2, "async", opts, known))
  if wrong then args.bad(2, "async", wrong) end
  return for_it(f, { timeout = limit })
end

--- Like `async`, but time is virtual: it stands still while anything can run, and jumps to the
--- next timer when nothing can. A spec that sleeps for a year takes no time, everything wakes in
--- the right order, and waiting for what cannot come fails at once with `deadlock`. The time-out
--- counts the processor's time.
---@param f fun(...)
---@param opts? { timeout: number }
---@return fun(...) spec
--- ```lua
--- -- outside a task
--- local lwt, test = require "lwt", require "lwt.test"
--- local spec = test.virtual(function()
---   local p = lwt.with_timeout(3600, lwt.wait())
---   print(select(2, pcall(lwt.await, p)) == lwt.Timeout)   --> true
--- end)
--- spec()   -- as busted does: it("…", spec)
--- ```
function M.virtual(f, opts)
  args.check_callable(1, "virtual", f)
  local limit, wrong = limit_of(args.options(2, "virtual", opts, known))
  if wrong then args.bad(2, "virtual", wrong) end
  return for_it(f, { timeout = limit, virtual = true })
end

--- Like `virtual`, but tasks that are ready run in an order that the seed decides (and
--- `math.random` is seeded with it). What goes wrong in one order in a thousand is found by a
--- thousand seeds, and seen again with its own, which the failure tells.
---@param seed integer
---@param f fun(...)
---@param opts? { timeout: number }
---@return fun(...) spec
--- ```lua
--- -- outside a task
--- local lwt, test = require "lwt", require "lwt.test"
--- local function order(seed)
---   local log = {}
---   test.fuzz(seed, function()
---     local tasks = {}
---     for i = 1, 5 do
---       tasks[i] = lwt.spawn(function() lwt.yield() log[#log + 1] = i end)
---     end
---     lwt.await(lwt.join(tasks))
---   end)()
---   return table.concat(log)
--- end
--- print(order(1) == order(1))   --> true
--- ```
function M.fuzz(seed, f, opts)
  seed = args.integer(1, "fuzz", seed)
  args.check_callable(2, "fuzz", f)
  local limit, wrong = limit_of(args.options(3, "fuzz", opts, known))
  if wrong then args.bad(3, "fuzz", wrong) end
  return for_it(f, { timeout = limit, virtual = true, seed = seed })
end

-- Nothing left -------------------------------------------------------------------------------

--- Raises an error that lists what is left, if anything is: open handles, timers, live tasks other than the one that
--- asks, rejections that were not looked at. Handles that were open before the last `async`, `virtual` or `fuzz` spec
--- began are not its fault, and do not count. A plain function: call it at the end of a spec, or in `after_each`.
--- (`lwt.debug(true)` tells where handles were made.)
--- ```lua
--- test.assert_clean()
--- local p = lwt.sleep(60)
--- print((pcall(test.assert_clean)))   --> false
--- p:cancel()
--- test.assert_clean()
--- ```
function M.assert_clean()
  collectgarbage() -- what was dropped is closed by that
  local left, current, lines, before = core.left(), lwt.current(), {}, {}
  for handle, count in pairs(open_before) do before[handle] = count end
  for _, handle in ipairs(core.handles()) do
    if (before[handle] or 0) > 0 then
      before[handle] = before[handle] - 1
    else
      lines[#lines + 1] = "an open handle: " .. handle
    end
  end
  if left.timers > own_timers then
    lines[#lines + 1] = ("timers that are pending: %d"):format(left.timers - own_timers)
  end
  for _, t in ipairs(lwt.tasks()) do
    if t.promise ~= current and t.promise ~= own_task then lines[#lines + 1] = describe(t) end
  end
  for _, text in ipairs(left.unseen) do
    lines[#lines + 1] = "a rejection nobody has looked at: " .. text
  end
  if #lines > 0 then error("not clean, there is left:\n  " .. table.concat(lines, "\n  "), 2) end
end

-- Conformance --------------------------------------------------------------------------------

-- An iterator over the checks of a kit: name, function for `it`. A check has as long as a spec.
local function each_check(kit, make)
  local caller = getinfo(3, "Sl")
  local how = { timeout = limit_of {}, source = caller.source, line = caller.currentline }
  local i = 0
  return function()
    i = i + 1
    local check = kit[i]
    if check then return check[1], for_it(function() return check[2](make) end, how) end
  end
end

--- What must hold of a stream, as specs for one of your own: an iterator of names and functions
--- for `it`. `make(values)` gives a fresh stream of the elements of a list; of its methods,
--- `get` and the generic `for` are needed, `peek` and `next` are looked at where it has them.
---@param make fun(values: any[]): any
---@return fun(): string?, fun()?
--- ```lua
--- -- outside a task
--- local test, stream = require "lwt.test", require "lwt.stream"
--- for name, check in test.stream_kit(stream.of_list) do
---   check()   -- in a spec file: it(name, check)
--- end
--- ```
function M.stream_kit(make)
  args.check_callable(1, "stream_kit", make)
  local each = each_check(require "lwt.internal.kits".stream, make)
  return each
end

--- What must hold of channels, as specs for a kind of your own: an iterator of names and functions
--- for `it`. `make()` gives an output channel and the input channel where it comes out; it
--- may await.
---@param make fun(): any, any
---@return fun(): string?, fun()?
--- ```lua
--- -- outside a task
--- local test, lio = require "lwt.test", require "lwt.io"
--- for name, check in test.channel_kit(function()
---   local input, output = lio.pipe()
---   return output, input
--- end) do
---   check()   -- in a spec file: it(name, check)
--- end
--- ```
function M.channel_kit(make)
  args.check_callable(1, "channel_kit", make)
  local each = each_check(require "lwt.internal.kits".channel, make)
  return each
end

--- What must hold of whatever brings bytes, as specs for a kind of your own: an iterator of names
--- and functions for `it`. `source(data)` gives a fresh source of exactly these bytes: its
--- `read(n)` gives a promise of at most `n` of them (of as many as it likes, where it has messages),
--- of nil at the end. It is read by tasks, by its direct view, by callbacks, by streams, by several
--- at once, with and without cancels, and the content is compared. With `sink`, what is written is
--- looked at as well: `sink()` gives something with `write(s)`, and a function that ends it and
--- returns what has come out. Both may await; what has a `close` is closed.
---@param source fun(data: string): any
---@param sink? fun(): any, fun(): string
---@return fun(): string?, fun()?
--- ```lua
--- -- outside a task
--- local test, lio = require "lwt.test", require "lwt.io"
--- for name, check in test.bytes_kit(lio.of_bytes) do
---   check()   -- in a spec file: it(name, check)
--- end
--- ```
function M.bytes_kit(source, sink)
  if type(source) ~= "function" then args.wrong(1, "bytes_kit", "function", source) end
  if sink ~= nil and type(sink) ~= "function" then
    args.wrong(2, "bytes_kit", "function", sink)
  end
  local kits = require "lwt.internal.kits"
  local kit = table.move(kits.bytes, 1, #kits.bytes, 1, {})
  if sink then table.move(kits.sinks, 1, #kits.sinks, #kit + 1, kit) end
  local each = each_check(kit, { source = source, sink = sink })
  return each
end

return M

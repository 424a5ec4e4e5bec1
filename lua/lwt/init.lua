--- Promises and tasks: what `require "lwt"` gives. It needs nothing but Lua; where libuv's part is
--- installed it is the loop's engine.
---
--- ```lua
--- -- outside a task
--- local lwt = require "lwt"
--- local await = lwt.await
--- lwt.run(function()
---   local p = lwt.spawn(function()
---     await(lwt.sleep(0.01))
---     return "done"
---   end)
---   print(p:state())                        --> pending
---   print(await(lwt.with_timeout(1, p)))    --> done
--- end)
--- ```

-- The core (lwt.core, C) gives what is hot or must see inside a promise; what can be said in a few
-- lines of Lua on top of that is here. Loads the libuv engine when it is installed, and runs on the
-- core alone when it is not.

-- (No syntax in this file that an older Lua does not know: it is to say so in words.)
if _VERSION ~= "Lua 5.4" then
  error("lwt needs Lua 5.4, and this is " .. tostring(_VERSION), 2)
end

local core = require "lwt.core"
require "lwt.internal.rocks"
local args = require "lwt.internal.args"

local lwt = {}

for _, name in ipairs {
  "fulfilled", "rejected", "wait", "task", "state", "is_pending", "is_promise", "wrap",
  "wakeup", "wakeup_exn", "wakeup_later", "wakeup_later_exn",
  "bind", "map", "catch", "finalize", "try_bind",
  "on_success", "on_failure", "on_termination", "on_any", "on_cancel",
  "join", "all", "both", "settled", "any",
  "choose", "pick", "nchoose", "npick", "nchoose_split",
  "cancel", "protected", "no_cancel", "wrap_in_cancelable",
  "spawn", "await", "yield", "pause", "current", "shield", "scope", "errors",
  "new_key", "get", "set", "with_value",
  "sleep", "timeout", "with_timeout", "now", "run", "step", "at_exit", "async_exception_hook",
  "traceback", "tasks", "name", "stall", "debug", "coroutine",
  "Canceled", "Timeout", "EOF", "Closed", "Interrupted",
} do
  lwt[name] = core[name]
end

lwt._VERSION = "lwt " .. core.version

-- Where something was made, and where a task is, is shown by the user's lines and not by ours.
do
  local folder = debug.getinfo(1, "S").source:match "^(@.*[/\\]lwt[/\\])init%.lua$"
  if folder then core.own_sources(folder) end
end

-- What lwt reads later than now is looked for where it is now, also when the program has changed its
-- folder since and package.path is of relative paths.
require "lwt.internal.found"(core.getcwd())

require "lwt.internal.unawaited"(getmetatable(core.fulfilled()).__index)

local is_promise, spawn, report = core.is_promise, core.spawn, core.report

local is_callable, check_callable = args.is_callable, args.check_callable

--- Runs `f(...)` as a background task: nobody waits for it, and its failure goes to the exception hook.
---
--- ```lua
--- lwt.async(function() print "started" end)   --> started
--- ```
---@param f async fun(...): any
---@param ... any
function lwt.async(f, ...)
  check_callable(1, "async", f)
  spawn(f, ...):on_failure(report)
end

--- Runs `f` as a task at once, to its first wait. If it fails, now or later, `h` is called with the error.
---
--- ```lua
--- lwt.dont_wait(function() error("no", 0) end, print)   --> no
--- ```
---@param f async fun(): any
---@param h fun(err: any)
function lwt.dont_wait(f, h)
  check_callable(1, "dont_wait", f)
  check_callable(2, "dont_wait", h)
  spawn(f):on_failure(h)
end

--- Does not wait for `p`: raises its error when it is rejected already; when it fails later, its error goes to the exception hook.
---
--- ```lua
--- lwt.ignore_result(lwt.sleep(0))
--- print(pcall(lwt.ignore_result, lwt.rejected("no")))   --> false no
--- ```
---@param p lwt.Promise
function lwt.ignore_result(p)
  if not is_promise(p) then args.wrong(1, "ignore_result", "promise", p) end
  local state, err = core.state(p)
  if state == "rejected" then error(err, 0) end
  if state == "pending" then p:on_failure(report) end
end

--- A function that gives `lwt.pause()` when more than `s` seconds have passed since it last did (or since it was made), and otherwise
--- a promise that is already fulfilled: for long computations that should let others have a turn.
---
--- ```lua
--- local breathe = lwt.auto_pause(0.01)
--- for i = 1, 1000 do await(breathe()) end
--- ```
---@param s number seconds
---@return fun(): lwt.Promise
function lwt.auto_pause(s)
  args.seconds(1, "auto_pause", s)
  local now, pause, at_once = core.now, core.pause, core.fulfilled()
  local last = now()
  return function()
    if now() - last <= s then return at_once end
    last = now()
    return pause()
  end
end

--- A promise from a function with callbacks: `f(resolve, reject)` is called at once. The first of `resolve(...)` and `reject(err)`
--- counts, the rest is ignored; an error that `f` raises rejects. It can be cancelled (then late answers are ignored).
---
--- ```lua
--- local p = lwt.from_callback(function(resolve) resolve(1, 2) end)
--- print(p:state())   --> fulfilled 1 2
--- ```
---@param f fun(resolve: fun(...), reject: fun(err: any))
---@return lwt.Promise<any>
function lwt.from_callback(f)
  check_callable(1, "from_callback", f)
  local p = core.waiter()
  local function resolve(...) core.wake(p, ...) end
  local function reject(err) core.wake_exn(p, err) end
  local ok, err = core.guard(f, resolve, reject)
  if not ok then reject(err) end
  return p
end

--- Turns a function whose last argument is a `callback(err, ...)` (luv's habit) into one that returns a promise. An error that the
--- call raises, or an `err` that is neither nil nor false, rejects.
---
--- ```lua
--- local function add(a, b, callback) callback(nil, a + b) end
--- print(await(lwt.promisify(add)(1, 2)))   --> 3
--- ```
---@param f function
---@return fun(...): lwt.Promise
function lwt.promisify(f)
  check_callable(1, "promisify", f)
  return function(...)
    local p = core.waiter()
    local given = table.pack(...)
    given.n = given.n + 1
    given[given.n] = function(err, ...)
      if err then
        core.wake_exn(p, err)
      else
        core.wake(p, ...)
      end
    end
    local ok, err = core.guard(f, table.unpack(given, 1, given.n))
    if not ok then core.wake_exn(p, err) end
    return p
  end
end

-- ---- Direct views ---------------------------------------------------------------------------

local views = setmetatable({}, { __mode = "k" }) -- what a view shows
local view

local function show(x)
  local t = type(x)
  if (t == "table" or t == "userdata") and not is_promise(x) and views[x] == nil then
    local mt = getmetatable(x)
    if t == "userdata" or (type(mt) == "table" and mt.__name) then return view(x) end
  end
  return x
end

-- What stands for an argument: the object that a view shows; in a plain list, those of its
-- elements.
local function unviewed(x)
  local shown = views[x]
  if shown ~= nil then return shown end
  if type(x) ~= "table" or getmetatable(x) ~= nil then return x end
  local first = type(x[1])
  if first ~= "table" and first ~= "userdata" then return x end
  local copy
  for i = 1, #x do
    shown = views[x[i]]
    if shown ~= nil then
      copy = copy or table.move(x, 1, #x, 1, {})
      copy[i] = shown
    end
  end
  if copy == nil then return x end
  for key, value in pairs(x) do
    if copy[key] == nil then copy[key] = value end
  end
  return copy
end

local function unview(...)
  local given = table.pack(...)
  for i = 1, given.n do
    if given[i] ~= nil then given[i] = unviewed(given[i]) end
  end
  return table.unpack(given, 1, given.n)
end

-- What a call gave, from `results[first]` on. An iterator and what it works on are for `for`, which
-- gives the one to the other as it is: these stay as they are.
local function show_all(results, first)
  local n = results.n
  if type(results[first]) ~= "function" then
    for i = first, n do results[i] = show(results[i]) end
  end
  return table.unpack(results, first, n)
end

local function showing(...) return show_all(table.pack(...), 1) end

local await_call = core.await_call

local function settle(...)
  local p = ...
  if select("#", ...) == 1 and is_promise(p) then return showing(await_call(p)) end
  return showing(...)
end

-- The same for what table.pack(pcall(…)) gave.
local function settle_packed(results)
  local p = results[2]
  if results.n == 2 and is_promise(p) then return showing(await_call(p)) end
  return show_all(results, 2)
end

-- Functions whose errors about arguments can be raised as the view's, and whose own frames are of
-- no use in a trace: those in C and lwt's.
local here = debug.getinfo(1, "S").source:match "^(.*)init%.lua$"

local function is_ours(f)
  local info = debug.getinfo(f, "S")
  return info.what == "C" or here ~= nil and info.source:sub(1, #here) == here
end

-- What stands for a function of what is shown. Sleeping needs no promise for that.
local functions = setmetatable({ [core.sleep] = core.nap }, { __mode = "k" })

local view_mt = { __name = "lwt.direct" }

-- Calls the function `x`, one of ours, and awaits what it returns. A wrong argument is an error of the
-- function `up` levels above this one, or of this one: `key`.
local function shown_function(x, key, up)
  return function(...)
    local results = table.pack(pcall(x, unview(...)))
    if not results[1] then args.pass_on(results[2], key, nil, nil, up) end
    return settle_packed(results)
  end
end

-- What a view has in the place of `x`, its field `key`: a function awaits what it returns.
local function shown_field(x, key)
  if type(x) ~= "function" then return show(x) end
  local f = functions[x]
  if f ~= nil then return f end
  if is_ours(x) then
    f = shown_function(x, key)
  else
    f = function(...) return settle(x(unview(...))) end
  end
  functions[x] = f
  return f
end

function view_mt.__index(v, key) return shown_field(views[v][key], key) end

-- What pairs gives of the object, shown.
function view_mt.__pairs(v)
  local f, s, i = pairs(views[v])
  local function next_shown(state, key)
    local value
    key, value = f(state, key)
    return key, shown_field(value, key)
  end
  return next_shown, s, i
end

function view_mt.__newindex(v, key, value) views[v][key] = value end
function view_mt.__tostring(v) return tostring(views[v]) end
local function length(x) return #x end
function view_mt.__len(v)
  local ok, n = pcall(length, views[v])
  if ok then return n end
  local words = type(n) == "string" and n:match "attempt to get length of .- value"
  error(words or n, words and 2 or 0)
end
function view_mt.__call(v, ...) return settle(views[v](unview(...))) end
function view_mt.__close(v, err)
  local mt = getmetatable(views[v])
  if mt and mt.__close then mt.__close(views[v], err) end
end

function view_mt.__eq(a, b)
  return (views[a] or a) == (views[b] or b)
end

-- An mvar has a view of its own, in C.
local mvar_view, mvar_mt = core.mvar_view, getmetatable(core.mvar.create())
-- What `v` shows when it is a view: for what is given inside a list or as a value. Else `v`.
function core.unview(v)
  local x = views[v]
  if x ~= nil then return x end
  return v
end
core.direct_views(show, core.unview).__eq = view_mt.__eq

-- Other objects have views of their own, too: the metatable of the object -> a function that makes
-- its view.
local kinds = { [mvar_mt] = mvar_view }

-- core.direct_kind(shown, mt, make): objects with the metatable `shown` get a view from `make`, of
-- which `mt` is the metatable: it is filled in here. Returns its methods, for those that are better
-- done otherwise, and a function that gives the one of a name for these to call, from C: a wrong
-- argument is then an error of theirs.
function core.direct_kind(shown, mt, make)
  local methods = {}
  for name, f in pairs(shown.__index) do methods[name] = shown_field(f, name) end
  for _, event in ipairs { "__name", "__tostring", "__eq", "__close", "__pairs" } do
    mt[event] = view_mt[event]
  end
  mt.__index = setmetatable(methods, {
    __index = function(_, key) return shown_field(shown.__index[key], key) end,
  })
  kinds[shown] = make
  return methods, function(name) return shown_function(shown.__index[name], name, 1) end
end

function view(x)
  local make = kinds[getmetatable(x)]
  local v = make and make(x) or setmetatable({}, view_mt)
  views[v] = x
  return v
end

--- A view of a module or an object in which every call awaits what it returns, so that code reads like blocking Lua. Returned
--- objects are views too; views given as arguments stand for what they show. **Every call is a cancel point.** Where no task may
--- wait, a call that gives a promise raises what `await` does; one that would have to wait is withdrawn: a read takes nothing.
--- Some views wait without making a promise, which is faster and takes less memory: those of mvars, of sockets and of TLS streams (`read`, `write`),
--- and `sleep` in that of `lwt`.
---
--- ```lua
--- local l = lwt.direct(lwt)
--- l.sleep(0.01)
--- print(l.fulfilled(1, 2))   --> 1 2
--- ```
---@param x table|userdata
---@return any
function lwt.direct(x)
  if type(x) ~= "table" and type(x) ~= "userdata" then
    args.wrong(1, "direct", "module or object", x)
  end
  if views[x] ~= nil then return x end
  return view(x)
end

-- ---- Loop hooks -----------------------------------------------------------------------------

local hooks = { enter = {}, leave = {} }
local removed = { enter = 0, leave = 0 } -- how many of them have been
--- What `lwt.on_iteration` gives.
---@class lwt.Hook
---@field remove fun(hook: lwt.Hook) takes the hook out; a second time does nothing

local hook_mt = { __name = "lwt.hook" }
hook_mt.__index = hook_mt

local function run_hooks(which)
  local list = hooks[which]
  local n = #list
  if n == 0 then return nil end
  return function()
    for i = 1, n do
      local hook = list[i]
      if hook and not hook.removed then
        local ok, err = core.guard(hook.f)
        if not ok then report(err) end
      end
    end
  end
end

local function install_hooks()
  core.set_iteration_hooks(run_hooks "enter", run_hooks "leave")
end

--- Calls `f` at each turn of the loop: `"enter"` before it waits for events, `"leave"` when everything ready has run. What `f` raises
--- goes to the exception hook. `hook:remove()` takes it out again.
---
--- ```lua
--- local n = 0
--- local hook = lwt.on_iteration("leave", function() n = n + 1 end)
--- lwt.yield() lwt.yield()
--- hook:remove()
--- print(n > 0)   --> true
--- ```
---@param which "enter"|"leave"
---@param f fun()
---@return lwt.Hook
function lwt.on_iteration(which, f)
  if hooks[which] == nil then
    args.bad(1, "on_iteration", ("'enter' or 'leave' expected, got %s"):format(tostring(which)))
  end
  check_callable(2, "on_iteration", f)
  local hook = setmetatable({ which = which, f = core.keep(f), removed = false }, hook_mt)
  table.insert(hooks[which], hook)
  install_hooks()
  return hook
end

--- Takes the hook away: it is not called again. Removing it once more does nothing.
---
--- ```lua
--- local n = 0
--- local hook = lwt.on_iteration("enter", function() n = n + 1 end)
--- hook:remove()
--- await(lwt.sleep(0.001))
--- print(n)   --> 0
--- ```
---@param hook lwt.Hook
---@function hook.remove(hook)
function hook_mt:remove()
  if getmetatable(self) ~= hook_mt then
    error(("calling 'remove' on bad self (lwt.hook expected, got %s)"):format(type(self)), 2)
  end
  if self.removed then return end
  self.removed = true
  local which = self.which
  removed[which] = removed[which] + 1
  if removed[which] * 2 <= #hooks[which] then return end
  local rest = {}
  for _, hook in ipairs(hooks[which]) do
    if not hook.removed then rest[#rest + 1] = hook end
  end
  hooks[which], removed[which] = rest, 0
  install_hooks()
end

-- ---- run, with Ctrl-C -------------------------------------------------------------------------

local handle_interrupts = true
local start_watch, stop_watch -- where there is libuv
local running, watched = false, false -- a run is under way; its signals are watched

local function watch(on)
  if on == watched then return end
  if on then start_watch(core.interrupt) else stop_watch() end
  watched = on
end

--- Whether Ctrl-C (SIGINT) during `lwt.run` cancels the main task with `lwt.Interrupted` (the default): it is raised at the main
--- task's await, all cleanup finishes, and `run` raises it; a second Ctrl-C kills. `lwt.interrupts(false)` leaves signals alone,
--- from now on, also in the middle of a `run`. In a script of the `lwt` command all this is for SIGTERM as well.
--- What the process was started to ignore does not interrupt it.
--- Without the libuv engine there is no such handling. It returns what it was.
---
--- ```lua
--- print(lwt.interrupts(false))   --> true
--- lwt.interrupts(true)
--- ```
---@param on? boolean
---@return boolean
function lwt.interrupts(on)
  local was = handle_interrupts
  if on ~= nil then
    handle_interrupts = on and true or false
    if running then watch(handle_interrupts) end
  end
  return was
end

-- What `run` raises comes out of a task, whose stack is gone. A traceback that is made of it (by
-- lua5.4 itself, by a handler of xpcall) should show the task's lines. So it is raised from
-- functions that stand at the same lines, one called by another: one for each frame of the trace,
-- the innermost first.
local function frames_of(trace)
  local frames = {}
  for file, line, name in trace:gmatch "\n\t([^\n]-):(%d+): in ([^\n]*)" do
    name = name:match "'([%a_][%w_]*)'$"
    frames[#frames + 1] = { file = file, line = tonumber(line), name = name or "task" }
  end
  return frames
end

local function raiser(err)
  local task, name = error, "error"
  for _, frame in ipairs(frames_of(core.traceback(err))) do
    local text = "local %s = ... return function(err)%s %s(err, 0) end"
    local make = frame.line < 100000
      and load(text:format(name, ("\n"):rep(frame.line - 1), name), "@" .. frame.file, "t")
    if make then task, name = make(task), frame.name end
  end
  return task
end

local function finish(ok, ...)
  running = false
  if watched then watch(false) end
  if ok then return ... end
  local made, task = pcall(raiser, (...))
  if not made then task = error end -- no memory, as a rule
  task((...), 0)
end

function lwt.run(x, ...)
  if not is_promise(x) and not is_callable(x) then
    args.wrong(1, "run", "promise or function", x)
  end
  local busy = core.busy()
  if busy then error("attempt to run the loop " .. busy, 2) end
  if start_watch then
    watch(handle_interrupts)
    running = true
  end
  return finish(pcall(core.run, x, ...))
end

local uv_loaded, uv = pcall(require, "lwt.uv")

-- Signals are for the main thread's state.
if uv_loaded and uv.thread and uv.thread.is_worker() then handle_interrupts = false end

if uv_loaded and uv.interrupt then
  start_watch, stop_watch = uv.interrupt.start, uv.interrupt.stop
elseif not uv_loaded and not tostring(uv):find("module 'lwt.uv' not found", 1, true) then
  error(uv, 0) -- it is there, and does not load: say why
end

-- ---- Methods ------------------------------------------------------------------------------------

return lwt

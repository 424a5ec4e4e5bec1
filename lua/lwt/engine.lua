--- What drives this Lua state: libuv's loop, a virtual one, or one of your own. Most programs never need
--- it; a host that has a loop of its own does.
---
--- ```lua
--- local engine = require "lwt.engine"
--- print(engine.name())                      --> uv
--- engine.set "virtual"                      -- time jumps when nothing can run
--- await(lwt.sleep(3600))
--- engine.set "uv"
--- ```

local core = require "lwt.core"
local args = require "lwt.internal.args"

local has_uv, uv = pcall(require, "lwt.uv")
local M = {}

-- A function of lwt.uv's, or one that says that lwt.uv is missing.
local function of_uv(name)
  if has_uv then return uv.engine[name] end
  return function() require "lwt.internal.uvneeded"("engine." .. name) end
end

local use_uv = of_uv "use"

--- The name of the engine in use: `"uv"`, `"virtual"`, `"lua"` for one of your own, `"glib"` where `lwt.glib` has
--- joined libuv's with a loop of GLib's.
---@return string
--- ```lua
--- print(engine.name())   --> uv
--- ```
function M.name()
  return core.engine_name()
end

--- Changes the engine, between turns of the loop. `"uv"` is libuv's. `"virtual"`: time stands
--- still while anything can run, and jumps to the next timer when nothing can; what comes from
--- outside is still the engine's before. A table `{now = function() → seconds, wait =
--- function(seconds or nil), alive = function() → boolean}` is one of your own (`alive` may be
--- left out: can something still come from outside?). That is refused while an operation of the
--- system is pending, for it would never end.
---@param engine string|table
--- ```lua
--- engine.set("virtual")
--- local before = lwt.now()
--- lwt.sleep(3600):await()
--- print(lwt.now() - before)   --> 3600.0
--- engine.set("uv")
--- ```
function M.set(engine)
  if engine == "uv" then
    use_uv()
    core.set_engine("real")
    return
  end
  if engine == "none" and not has_uv then -- what `name` says on the core alone
    core.set_engine("none")
    return
  end
  if engine ~= "virtual" and type(engine) ~= "table" then
    local got = type(engine) == "string" and '"' .. engine .. '"' or args.type_name(engine)
    args.bad(1, "set", '"uv", "virtual" or table expected, got ' .. got)
  end
  if type(engine) == "table" and has_uv and uv.engine.pending() > 0 then
    error("cannot change the engine: operations of the system are pending", 2)
  end
  core.set_engine(engine)
end

--- The loop, for another library in C that works on libuv: a light userdata `uv_loop_t *`. What
--- is opened on it is turned by `lwt.run`; it must be closed before the state is.
---@return lightuserdata
--- ```lua
--- print(type(engine.loop()))   --> userdata
--- ```
---@function engine.loop()
M.loop = of_uv "loop"

--- Runs on a loop that other code owns (luv's for one) from now on. The loop must outlive this state. It
--- raises while any handle or request of lwt is open (a channel on a pipe or a terminal too, `lio.stdin` say, once
--- it has been used), and in the middle of an event of the loop that is left
--- (in a task that input has just woken: `lwt.yield()` first). `lwt.run` then turns that loop, and its owner's
--- callbacks run within; and when its owner turns it (`uv.run()`), tasks run within that. Errors that nobody
--- catches are then reported by `warn`.
---
--- The state may be closed in a callback of the owner's, but for those of a signal or of a result of the
--- threadpool (`uv_queue_work`, `uv_fs_*`): there libuv has taken what it has still to give us, and
--- the end of the state would wait for it for ever.
---@param loop lightuserdata
---@function engine.adopt(loop)
M.adopt = of_uv "adopt"

--- The descriptor to poll for "the loop has something to do", for a host that has a loop of its
--- own: when it becomes readable, or when the time that `lwt.step` told is over, call `lwt.step`.
---@return integer
--- ```lua
--- print(engine.fd() >= 0)   --> true
--- ```
---@function engine.fd()
M.fd = of_uv "fd"

return M

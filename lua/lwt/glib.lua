--- GLib and GTK in one thread with lwt: GIO, D-Bus, windows, and tasks.
---
--- Two loops want to wait, and one of them can. `"glib_into_lwt"`: `lwt.run` turns, and serves GLib's main
--- context as well. `"lwt_into_glib"`: a GLib loop turns (`Gtk.main()`, `app:run()`), and serves lwt.
--- Either way nothing polls, and what is always busy on one side does not keep the other waiting.
---
--- ```lua
--- local glib = require "lwt.glib"
--- glib.install()
--- await(lwt.sleep(0.01))   -- meanwhile GLib's timeouts, idles, child watches, D-Bus … are served
--- glib.remove()
--- ```
---
--- A callback of GLib's (a signal handler, a timeout) is a plain function: it may spawn tasks, wake
--- promises, and may not await. `lwt.run` raises in it. A loop that it turns, of a modal dialog, keeps lwt
--- going as well; so does one that a task turns. An error that a callback raises is reported by its
--- caller: lgi prints a warning of GLib's. An error of a task that nobody awaits is raised by
--- `lwt.run`; in a loop of GLib's outside of `lwt.run` it cannot be raised, and `warn` reports it (or
--- the exception hook).

local args = require "lwt.internal.args"
local core = require "lwt.glib.core"
local finish = require "lwt.glib.finish"
local lgi = require "lwt.glib.lgi"

local M = {}

local SERVES = { glib_into_lwt = true, lwt_into_glib = false }

-- The pointer in a context that a binding gave us; nil: the default one.
local function pointer(context)
  if context == nil then return nil end
  if type(context) == "userdata" and debug.getmetatable(context) == nil then return context end
  local native = lgi.context(context)
  if not native then
    args.bad(1, "install", ("option 'context': GLib.MainContext expected, got %s")
      :format(args.type_name(context)), 1)
  end
  return native
end

--- Joins the loops. Options: `mode`, `"glib_into_lwt"` (the default: `lwt.run` serves GLib) or
--- `"lwt_into_glib"` (a GLib loop serves lwt); `context`, another main context than GLib's default one (a
--- `GLib.MainContext` of lgi's, or a light userdata `GMainContext *`). Doing it again does nothing (after
--- `engine.set "uv"` it joins them again); doing it otherwise raises: `remove` comes first. It raises where another
--- thread runs that context, and in a finalizer when the Lua state is being closed.
---
--- With `"glib_into_lwt"` a `lwt.run` waits as long as it takes: that nothing is left to happen
--- (`deadlock`) cannot be known then.
---@param options? {mode?: "glib_into_lwt"|"lwt_into_glib", context?: any}
--- ```lua
--- glib.install { mode = "glib_into_lwt" }
--- glib.install { mode = "glib_into_lwt" }   -- nothing new
--- print(pcall(glib.install, { mode = "lwt_into_glib" }))   --> false already installed, otherwise: call remove first
--- glib.remove()
--- ```
function M.install(options)
  local o = args.options(1, "install", options, { mode = "string", context = true })
  local serves = SERVES[o.mode or "glib_into_lwt"]
  if serves == nil then
    args.bad(1, "install", ("option 'mode': %s expected, got \"%s\"")
      :format('"glib_into_lwt" or "lwt_into_glib"', o.mode))
  end
  local context = pointer(o.context)
  local ok, err = pcall(core.install, serves, context)
  if not ok then error(err, 2) end
end

--- Parts the loops again; nothing where they are not joined. It may be called anywhere, in a callback too.
--- ```lua
--- glib.install()
--- glib.remove()
--- glib.remove()
--- ```
function M.remove()
  core.remove()
end

--- One turn of GLib's loop (of the context that was installed, or the default one): runs what is ready at
--- the highest priority. It can be called anywhere. While the loops are joined, lwt has its turns in it; otherwise
--- the whole program waits. It raises where another thread runs the context, or has it installed.
---@param may_block? boolean whether to wait until something is ready
---@return boolean ran whether anything was
--- ```lua
--- print(type(glib.iter()))   --> boolean
--- ```
function M.iter(may_block)
  local ok, ran = pcall(core.iter, may_block)
  if not ok then error(ran, 2) end
  return ran
end

--- Makes GLib's loop, where it waits, or is about to, return from that: `iter(true)` returns.
--- ```lua
--- glib.wakeup()
--- print(glib.iter(true))   --> false
--- ```
function M.wakeup()
  core.wakeup()
end

--- Awaits an asynchronous call of GIO's, through lgi. `finish(object, name, …)` calls the object's `name_async` (or
--- `name`) with the arguments, a new `Gio.Cancellable` and a callback, and gives what `name_finish` returns. The
--- object may be a class or a namespace as well: `finish(Gio, "bus_get", Gio.BusType.SESSION)`.
--- `finish(start, …)`, with a function, calls `start(…, cancellable, callback)` and gives what the callback is given: the
--- source and the result.
---
--- An error of GIO's rejects with an error object, `{code=, message=, op=, domain=, gerror=}`: `code` is the
--- name in GIO's enumeration (`"NOT_FOUND"`), `domain` the name of that (`"g-io-error-quark"`), `gerror` lgi's object. A
--- cancel cancels the `Cancellable`; what GIO brings in spite of that is taken and dropped. Raises where lgi
--- is not there, and what `start` raises; an argument that lgi refuses is an error of `finish`'s.
---
--- GLib's loop has to turn: `glib.install` comes first. The answer comes in the context that was installed; where
--- another thread runs that, or has installed the default one (and this thread none), it raises.
---@param start any function, or object, class or namespace of lgi's
---@param ... any
---@return lwt.Promise<any>
--- ```lua norun
--- local Gio = require "lgi".Gio
--- local file = Gio.File.new_for_path "/etc/hostname"
--- local ok, text = await(glib.finish(file, "load_contents"))
--- local bus = await(glib.finish(Gio, "bus_get", Gio.BusType.SESSION))
--- ```
---@function glib.finish(start, ...)
M.finish = finish

return M

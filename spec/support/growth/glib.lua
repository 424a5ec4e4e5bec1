-- Growth of joining GLib's loop with lwt's, and of the engine (see growth.lua).

local lwt = require "lwt"
local engine = require "lwt.engine"
local ok, glib = pcall(require, "lwt.glib")

return function(g)
  local function timers(n)
    return { list = g.times(n, function(i) return lwt.sleep(1e6 + i) end) }
  end

  g.operation("engine: name, fd, loop", timers, function()
    engine.name()
    pcall(engine.fd)
    pcall(engine.loop)
  end)
  g.operation("engine: set", timers, function()
    engine.set "uv"
    engine.set "virtual"
  end, { linear = "every timer is carried over to the other clock" })
  if not ok then return end
  g.operation("glib: install, wakeup, iter, remove", timers, function()
    glib.install()
    glib.wakeup()
    glib.iter(false)
    glib.remove()
    engine.set "virtual"
  end)

  local lgi = require "spec.glib.lgi"()
  if not lgi then return end
  local Gio = lgi.Gio
  g.operation("glib: finish", timers, function()
    glib.install()
    lwt.run(g.within(function()
      glib.finish(Gio.File.new_for_path "/", "query_info", "standard::name", Gio.FileQueryInfoFlags.NONE, 0):await()
    end))
    glib.remove()
    engine.set "virtual"
  end)
end

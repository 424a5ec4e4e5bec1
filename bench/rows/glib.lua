-- GLib beside lwt in one loop.

local programs = require "bench.rows.programs"

local function echo(name, mode) return programs.server("echo", "glib", name, programs.servers.glib, mode) end
local function timer(name) return { "glib", "{lua} bench/lwt/glib.lua timer " .. name .. " {size}" } end

return {
  name = "glib", title = "GLib",
  {
    name = "glib_echo", title = "echo, with GLib in the loop", per = "message of 64 bytes, sent back", times = 2,
    servers = true, size = "50", quick = "50", cpus = "0,1", parts = " connections", beside = "lwt_alone",
    runs = {
      echo("lwt_alone", "alone"), echo("glib_into_lwt", "glib_into_lwt"), echo("lwt_into_glib", "lwt_into_glib"),
    },
    bars = { { "glib_into_lwt", ">=", 0.8, "lwt_alone" }, { "lwt_into_glib", ">=", 0.8, "lwt_alone" } },
  },
  {
    name = "glib_timer", title = "GLib's timers of 10 ms, under the load of an echo server",
    per = "timer, set when the one before has fired", size = 300, quick = 50, cpus = "0,1", beside = "glib_alone",
    runs = { timer "glib_alone", timer "glib_into_lwt", timer "lwt_into_glib" },
    bars = { { "glib_into_lwt", "<=", 1.1, "glib_alone" }, { "lwt_into_glib", "<=", 1.1, "glib_alone" } },
  },
}

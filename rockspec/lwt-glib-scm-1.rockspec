rockspec_format = "3.0"
package = "lwt-glib"
version = "scm-1"
source = {
  url = "git+https://lwt.invalid/lwt.git", -- set when the project has its public address
}
description = {
  summary = "GLib for lwt",
  license = "MIT",
  labels = { "async", "lwt" },
}
dependencies = {
  "lua >= 5.4, < 5.5",
  "lwt",
}
external_dependencies = {
  GLIB = { header = "glib-2.0/glib.h", library = "glib-2.0" },
}
build = {
  type = "builtin",
  -- Written by scripts/rockspec.lua from the tree: run it after adding or removing a file.
  -- (begin)
  modules = {
    ["lwt.glib.core"] = {
      sources = {
        "src/glib/engine.c",
        "src/glib/lock.c",
        "src/glib/module.c",
        "src/glib/owners.c",
        "src/glib/source.c",
      },
      defines = { "_GNU_SOURCE" },
      libraries = { "glib-2.0" },
      incdirs = { "src", "$(GLIB_INCDIR)/glib-2.0", "$(GLIB_LIBDIR)/glib-2.0/include" },
      libdirs = { "$(GLIB_LIBDIR)" },
    },
    ["lwt.glib"] = "lua/lwt/glib.lua",
    ["lwt.glib.finish"] = "lua/lwt/glib/finish.lua",
    ["lwt.glib.lgi"] = "lua/lwt/glib/lgi.lua",
  },
  -- (end)
}

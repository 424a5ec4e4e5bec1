# The rock lwt-glib: what it needs and has. Read by the Makefile, by scripts/deps.sh, and by
# scripts/rockspec.lua; each line is read by itself.
glib_HEADER := glib.h
glib_LIBS := -lglib-2.0
glib_PKG := glib-2.0
glib_DEBIAN := libglib2.0-dev
glib_NEEDS := GLib
glib_DEP := GLIB
glib_LUA := glib
# For LuaRocks, which asks no pkg-config: the header below its folder, and the folders with headers.
glib_ROCK_HEADER := glib-2.0/glib.h
glib_INCDIRS := INCDIR/glib-2.0 LIBDIR/glib-2.0/include

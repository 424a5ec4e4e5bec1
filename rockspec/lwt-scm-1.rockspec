rockspec_format = "3.0"
package = "lwt"
version = "scm-1"
source = {
  url = "git+https://lwt.invalid/lwt.git", -- set when the project has its public address
}
description = {
  summary = "Promises, tasks and asynchronous I/O on libuv",
  detailed = [[
Lwt, the promise library of OCaml, for Lua 5.4: promises that compose, tasks in direct style,
cancelling that cleans up, streams, channels, files, sockets, processes and threads on libuv.
The core alone (lwt.core) needs nothing but Lua and can be stepped from a host's own loop.
]],
  license = "MIT",
  labels = { "async", "promise", "coroutine", "concurrency", "libuv", "network" },
}
dependencies = {
  "lua >= 5.4, < 5.5",
}
external_dependencies = {
  LIBUV = { header = "uv.h", library = "uv" },
}
build = {
  type = "builtin",
  -- Written by scripts/rockspec.lua from the tree: run it after adding or removing a file.
  -- (begin)
  modules = {
  },
  -- (end)
  install = {
    bin = { lwt = "bin/lwt" },
  },
  -- lwt.h for modules in C, the annotations for language servers.
  copy_directories = { "doc", "include", "types" },
}

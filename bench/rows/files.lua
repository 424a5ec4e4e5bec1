-- Files and folders.

local programs = require "bench.rows.programs"

local lwt, uv = programs.lwt, programs.uv
local plain, limit, luv = programs.plain, programs.limit, programs.luv
local ocaml, node, uvloop = programs.ocaml, programs.node, programs.uvloop

return {
  name = "files", title = "Files and folders",
  {
    name = "lines", title = "lines", per = "line of a file of 200 MB", needs = "lines", cpus = "0,1",
    rounds = 3, warm = 1,
    runs = { lwt "files", limit, plain, luv, ocaml, node, uvloop },
    bars = { { "lwt", "<=", 1.15, "limit_c" }, { "lwt", "<=", 0.7, "io.lines" }, { "lwt", "<=", 0.5, "luv" } },
  },
  {
    name = "files", title = "small files", per = "file of 4 KiB read, 64 in flight", needs = "small", cpus = "0,1",
    size = 2000, quick = 2000, warm = 1, times = 2,
    runs = { lwt "files", uv "{data}/small {size}", plain, luv, ocaml, node, uvloop },
    bars = {
      { "lwt", "<=", 2, "libuv_fused" }, { "lwt", "<", 1, "libuv" }, { "lwt", "<", 1, "luv" },
      { "lwt", "<", 1, "node" }, { "lwt", "<", 1, "lwt_ocaml_unix" }, { "lwt", "<", 1, "python" },
    },
  },
  {
    name = "copy", title = "copy", per = "byte of 1 GiB copied by 64 KiB", needs = "big", cpus = "0,1",
    rounds = 3, warm = 1,
    runs = { lwt "files", uv "{size} {size}.copy", plain, luv, ocaml, node },
    bars = { { "lwt", "<=", 1, "libuv_nowait" }, { "lwt_copyfile", "<=", 1.4, "c_blocking" } },
  },
  {
    name = "scandir", title = "a folder", per = "entry of a folder with 100,000 files", needs = "many", cpus = "0,1",
    warm = 1, times = 2,
    runs = {
      lwt "system", plain, programs.c_system, programs.luv_system, programs.node_system, programs.python_system,
    },
    -- luv without a list only counts: beside that stands what reads without one here.
    bars = {
      { "lwt", "<=", 2, "c" }, { "lwt", "<", 1, "luv_list" }, { "lwt", "<", 1, "node" },
      { "lwt_readdir", "<", 1, "luv" },
    },
  },
  {
    name = "walk", title = "a tree of files", per = "entry of a tree of 11,100, with its size", needs = "tree",
    cpus = "0,1", warm = 1, times = 2,
    runs = {
      lwt "system", plain, programs.c_system, programs.luv_system, programs.node_system, programs.python_system,
    },
    bars = { { "lwt", "<=", 2, "c" }, { "lwt", "<", 1, "luv" }, { "lwt", "<", 1, "node" } },
  },
}

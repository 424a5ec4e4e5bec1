rockspec_format = "3.0"
package = "mkdir_job"
version = "scm-1"
source = {
  url = "git+https://lwt.invalid/mkdir_job.git", -- where your module lives
}
description = {
  summary = "mkdir(2) as an lwt job",
  detailed = "An example: a C function that blocks, run on the threadpool, with a promise of its result.",
  license = "MIT",
}
dependencies = {
  "lua >= 5.4, < 5.5",
  "lwt",
}
external_dependencies = {
  LWT = { header = "lwt.h" },
}
build = {
  type = "make",
  build_target = "mkdir_job.so",
  build_variables = {
    CFLAGS = "$(CFLAGS)",
    LIBFLAG = "$(LIBFLAG)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    LWT_INCDIR = "$(LWT_INCDIR)",
  },
  install_variables = {
    INST_LIBDIR = "$(LIBDIR)",
  },
}
test = {
  type = "command",
  script = "test.lua",
}

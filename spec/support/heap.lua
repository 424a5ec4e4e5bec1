-- heap.used(): how many bytes of C's heap are in use; heap.descriptors(): how many descriptors; nil where that
-- is not told (see heap.c).
local build = require "spec.support.build"
local dir = build.temp_dir()
local M = build.module(dir, "spec/support/heap.c", "heap")
build.remove_dir(dir)
return M

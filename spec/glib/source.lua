-- GLib for these specs: spec/glib/source.c, built against the library that is there. Kept loaded,
-- because sources may outlive a spec.
local build = require "spec.support.build"

local M = {}
local loaded

-- The compiler's flags for GLib.
function M.flags()
  local pipe = assert(io.popen "pkg-config --cflags --libs glib-2.0")
  local text = pipe:read "a"
  pipe:close()
  local list = {}
  for flag in text:gmatch "%S+" do list[#list + 1] = flag end
  return list
end

-- The module's path, in a folder of its own.
function M.library()
  local dir = build.temp_dir()
  return build.library(dir, build.root .. "/spec/glib/source.c", "source", M.flags()), dir
end

return setmetatable(M, { __call = function()
  if loaded then return loaded end
  local path, dir = M.library()
  loaded = assert(package.loadlib(path, "luaopen_source"))()
  require "lwt".run(build.remove_dir(dir))
  return loaded
end })

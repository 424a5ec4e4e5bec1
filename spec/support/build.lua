-- Builds C for the specs, as a user's compiler sees the header. The flags of the build under
-- test (a sanitizer's) are taken over. No shell: see script.lua.
local M = {}

local lwt = require "lwt"
local fs = require "lwt.fs"
local process = require "lwt.process"

M.root = os.getenv "PWD"
local lua_include = os.getenv "LUA_INCDIR" or "/usr/include/lua5.4"

local flags = {} -- of a sanitizer, from make
for flag in (os.getenv "LWT_CFLAGS" or ""):gmatch "%S+" do flags[#flags + 1] = flag end

-- Runs a program, without what is loaded before ours: { code =, out =, err = }.
function M.run(cmd, opts)
  opts = opts or {}
  local env = opts.env or {}
  for _, name in ipairs { "PATH", "HOME", "TMPDIR", "LUA_PATH", "LUA_CPATH" } do
    env[name] = env[name] or os.getenv(name)
  end
  return lwt.run(function()
    local p = process.open(cmd, { stdin = "null", stdout = "pipe", stderr = "pipe", env = env,
      cwd = opts.cwd, timeout = opts.timeout or 480 })
    local out, err = lwt.both(p.stdout:read(), p.stderr:read()):await()
    local status = p:status():await()
    return { code = status.code, signal = status.signal, out = out, err = err }
  end)
end

-- Where libuv is, for a compiler in a shell: what make was told, or nothing.
function M.libuv_places()
  local places = ""
  for option, variable in pairs { I = "LIBUV_INCDIR", L = "LIBUV_LIBDIR" } do
    local dir = os.getenv(variable)
    if dir and dir ~= "" then places = ("%s -%s%s"):format(places, option, dir) end
  end
  return places
end

local function cc(...)
  local cmd = { os.getenv "CC" or "cc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
    "-O1", "-g", "-pthread", "-I" .. lua_include, "-I" .. M.root .. "/src" }
  table.move(flags, 1, #flags, #cmd + 1, cmd)
  table.move({ ... }, 1, select("#", ...), #cmd + 1, cmd)
  local result = M.run(cmd)
  if result.code ~= 0 then error("cannot build: " .. result.err, 0) end
end

function M.temp_dir() return (lwt.run(fs.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/lwt-XXXXXX"))) end

function M.remove_dir(dir) return process.exec({ "rm", "-rf", dir }) end

-- Dozens of spec files use the same few helpers: what a file of spec/support/ is compiled to is kept beside the
-- build under test, until the file, a header or the flags of that build change.
local build = os.getenv "LWT_BUILD" or M.root .. "/build"
local HEADERS = { "/src/lwt.h", "/spec/support/embed.h", "/spec/support/refused_calls.h" }

local function changed(path)
  local ok, stat = pcall(function() return lwt.run(fs.stat(path)) end)
  return ok and stat.mtime or nil
end

-- Where it is kept, and whether what is there is of today; or nil.
local function kept(source, name, libraries)
  source = source:gsub("^" .. M.root:gsub("%p", "%%%0") .. "/", "")
  local flags_at = changed(build .. "/flags")
  if not source:find "^spec/support/" or not flags_at then return nil end
  local path = ("%s/spec/%s%s"):format(build, name, table.concat(libraries):gsub("%W", "_"))
  local made, from = changed(path), math.max(flags_at, changed(source))
  for _, header in ipairs(HEADERS) do from = math.max(from, changed(M.root .. header)) end
  return path, made and made > from
end

-- Compiles to `path`, or copies what was compiled before.
local function make(path, source, name, libraries, ...)
  local at, fresh = kept(source, name, libraries)
  if fresh then return lwt.run(fs.copyfile(at, path)) end
  local words = { "-o", path, source, ... }
  cc(table.unpack(table.move(libraries, 1, #libraries, #words + 1, words)))
  if not at then return end
  -- Another spec's process may do the same.
  local own = ("%s.%d"):format(at, process.getpid())
  lwt.run(fs.mkdir(build .. "/spec", { parents = true }))
  lwt.run(fs.copyfile(path, own))
  lwt.run(fs.rename(own, at))
end

-- A loadable module of one C file, in `dir`: its path. `libraries`: flags for those that it needs.
function M.library(dir, source, name, libraries)
  local path = dir .. "/" .. name .. ".so"
  make(path, source, name .. ".so", libraries or {}, "-fPIC", "-shared")
  return path
end

-- The same, loaded: its functions.
function M.module(dir, source, name, libraries)
  return assert(package.loadlib(M.library(dir, source, name, libraries), "luaopen_" .. name))()
end

-- A program that embeds Lua; with flags for other libraries.
function M.program(dir, source, name, libraries)
  make(dir .. "/" .. name, source, name, { "-llua5.4", "-lm", "-ldl", table.unpack(libraries or {}) })
  return dir .. "/" .. name
end

return M

-- Builds and runs support/oom.c, which refuses requests for memory: the core's, and with `uv` also
-- those of lwt.uv. And support/finalizer.c, which runs finalizers.

local libuv_places = require "spec.support.build".libuv_places
local skip = require "spec.support.skip"

local M = {}

-- Where the build under test is.
M.folder = os.getenv "LWT_BUILD" or "build"

local function run(command)
  local pipe = assert(io.popen(command .. " 2>&1; echo \"status $?\""))
  local text = pipe:read "a"
  pipe:close()
  local output, status = text:match "^(.*)status (%d+)\n$"
  return output, tonumber(status)
end

-- The objects of the build under test that come from src/<folder>.
local function objects_of(folder)
  local objects = {}
  local sources = io.popen(("find src/%s -name '*.c' | LC_ALL=C sort"):format(folder))
  for source in sources:lines() do
    objects[#objects + 1] = ("%s/%s.o"):format(M.folder, source:match "^src/(.*)%.c$")
  end
  sources:close()
  return table.concat(objects, " ")
end

-- The linker puts __wrap_malloc, which is oom.c's, in the place of lwt's malloc, and so on.
local memory = { "malloc", "calloc", "realloc", "strdup" }

-- Those of refused_calls.h too.
local function with_calls()
  local names = table.move(memory, 1, #memory, 1, {})
  for line in io.lines "spec/support/refused_calls.h" do
    names[#names + 1] = line:match "^UV%(([%w_]+)" or line:match "^FS%(([%w_]+)"
      or line:match "^%u+%([^,]+, [^,]+, ([%w_]+), "
  end
  return names
end

local built = {} -- by name: { program, or nil and what the compiler said }

-- Links the program `name`, of spec/support/<source>.c and the objects of these folders; `wrapped`: the
-- functions in whose place oom.c puts its own.
local function build(name, source, folders, options, wrapped)
  if built[name] then return table.unpack(built[name], 1, 2) end
  local words = {
    os.getenv "CC" or "cc", "-std=c11 -D_GNU_SOURCE -g -pthread",
    os.getenv "LWT_UNDER" == "coverage" and "--coverage" or os.getenv "LWT_CFLAGS" or "",
    "-Isrc -I" .. (os.getenv "LUA_INCDIR" or "/usr/include/lua5.4"), options,
    ("spec/support/%s.c"):format(source),
  }
  for _, folder in ipairs(folders) do words[#words + 1] = objects_of(folder) end
  for _, function_name in ipairs(wrapped) do words[#words + 1] = "-Wl,--wrap=" .. function_name end
  local program = ("%s/%s"):format(M.folder, name)
  -- Another spec's process may link the same one.
  words[#words + 1] = ("-o %s.$$ -llua5.4 -lm -luv -lpthread %s && mv %s.$$ %s"):format(
    program, folders[3] == "ssl" and "-lssl -lcrypto" or "", program, program)
  local output, status = run(table.concat(words, " "))
  built[name] = { status == 0 and program or nil, output }
  return table.unpack(built[name], 1, 2)
end

local function build_core() return build("oom", "oom", { "core" }, "", memory) end

local function build_uv(name, source, options, wrapped)
  return build(name, source, { "core", "uv" }, options .. " -DOOM_UV" .. libuv_places(), wrapped)
end

-- The same with lwt.ssl. What OpenSSL itself asks for is not refused.
local function build_ssl(name, source, wrapped)
  return build(name, source, { "core", "uv", "ssl" }, "-DOOM_UV -DOOM_SSL" .. libuv_places(), wrapped)
end

local full = os.getenv "LWT_SPEC_FULL"

-- Seconds for one program. It looks itself whether something hangs: this is for the slowest machine.
local LIMIT = full and 14400 or 1800

-- Runs it, and raises what it finds.
local function look(program, setting, arguments)
  local output, status = run(("%s LUA_PATH='lua/?.lua;lua/?/init.lua;?.lua' LUA_CPATH='' "
    .. "timeout %d %s %s"):format(setting or "", LIMIT, program, arguments))
  if status ~= 0 or not output:find "%f[%d]0 failures\n" then error(output, 0) end
end

-- They are of the build under test: its sanitizer is theirs, and its counters are. Valgrind would take hours.
local under = os.getenv "LWT_UNDER"
local function leave_out()
  if under ~= "coverage" and under ~= "asan" then skip.under "what the address sanitizer's run tries" end
end

-- With LWT_SPEC_FULL=1 it is every n (but `least`), or every LWT_SPEC_STRIDE-th: under the sanitizer, which sees all
-- that a plain build would show. A plain run is the quick look, at other n than the sanitizer's daily run.
local function stride_of(stride, least)
  if full and under == "asan" then
    return math.max(least or 1, math.tointeger(tonumber(os.getenv "LWT_SPEC_STRIDE")) or 1)
  end
  local factor = under == "coverage" and 1 / 4 or under == "asan" and 4 or full and 2 or 5
  return math.max(1, stride * factor // 1)
end

-- Goes on only where there is time.
function M.long()
  leave_out()
  if under ~= "coverage" and not (full and under == "asan") then
    skip.here "for a run with LWT_SPEC_FULL=1 under the address sanitizer, or make coverage"
  end
end

-- Runs the script with every stride-th request refused; raises what it finds.
function M.run(script, options, stride, setting, uv, least)
  leave_out()
  local program, why
  if uv == "ssl" then
    program, why = build_ssl("oom_ssl", "oom", memory)
  elseif uv then
    program, why = build_uv("oom_uv", "oom", "", memory)
  else
    program, why = build_core()
  end
  if not program then error("cannot build spec/support/oom.c: " .. why, 0) end
  look(program, setting, ("%s %s %d"):format(options, script, stride_of(stride, least)))
end

-- Runs the script with every stride-th call of libuv and the system refused.
function M.run_calls(script, options, stride)
  leave_out()
  local program, why = build_uv("calls_uv", "oom", "-DREFUSE_CALLS", with_calls())
  if not program then error("cannot build spec/support/oom.c: " .. why, 0) end
  local setting = options:find "-a" and "OOM_FOR_GOOD=1"
  look(program, setting, ("%s %s %d"):format(options, script, under == "coverage" and 1 or stride_of(stride)))
end

-- Runs the script, which has finalizers run, and requests refused after that.
function M.run_both(script)
  leave_out()
  local program, why = build_uv("finalizer", "finalizer", "", {})
  if not program then error("cannot build spec/support/finalizer.c: " .. why, 0) end
  look(program, nil, script)
end

-- Runs the operations whose name contains `name`, with a finalizer at every stride-th request.
-- With a setting: those of lwt.ssl. With a disturbance: only that one, and the stride is meant as it is.
function M.run_finalizers(name, stride, setting, disturbance)
  leave_out()
  local program, why
  if setting then
    program, why = build_ssl("finalizer_ssl", "finalizer", {})
  else
    program, why = build_uv("finalizer", "finalizer", "", {})
  end
  if not program then error("cannot build spec/support/finalizer.c: " .. why, 0) end
  local every = disturbance and stride or stride_of(stride)
  look(program, setting, ("spec/support/finalizer.lua %d '%s' %s"):format(every, name, disturbance or ""))
end

return M

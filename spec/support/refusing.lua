-- Builds and runs support/oom.c, which refuses requests for memory: the core's, and with `uv` also
-- those of lwt.uv. And support/finalizer.c, which runs finalizers.

local libuv_places = require "spec.support.build".libuv_places
local skip = require "spec.support.skip"

local M = {}

local function run(command)
  local pipe = assert(io.popen(command .. " 2>&1; echo \"status $?\""))
  local text = pipe:read "a"
  pipe:close()
  local output, status = text:match "^(.*)status (%d+)\n$"
  return output, tonumber(status)
end

local built = {} -- by name: { program, or nil and what the compiler said }

-- The program `name` of spec/support/<source>.c; what it is made of is kept as `objects_name`.
local function build(name, source_name, objects_name, folders, options, libraries)
  if built[name] then return table.unpack(built[name], 1, 2) end
  local folder = os.getenv "BUILD" or "build"
  local include = os.getenv "LUA_INCDIR" or "/usr/include/lua5.4"
  local compiler = (os.getenv "CC" or "cc") .. " -std=c11 -D_GNU_SOURCE -g -pthread "
    -- With a seed, two that build at once make the same notes for gcov, so that the data fit them.
    .. (os.getenv "LWT_UNDER" == "coverage" and "-O0 --coverage -frandom-seed=lwt -include scripts/coverage.h"
    or "-O0 -fsanitize=address,undefined -fno-sanitize-recover=undefined")
    .. " -I" .. include .. options
  local objects, commands = {}, { ("mkdir -p %s/%s.d"):format(folder, objects_name) }
  for _, from in ipairs(folders) do
    local sources = io.popen(("find src/%s -name '*.c' | LC_ALL=C sort"):format(from))
    for source in sources:lines() do
      -- src/core/task.c: task.o; src/uv/net/tcp.c: uv_net_tcp.o
      local object = ("%s/%s.d/%s.o"):format(folder, objects_name,
        source:match "^src/(.*)%.c$":gsub("^core/", ""):gsub("/", "_"))
      objects[#objects + 1] = object
      commands[#commands + 1] = ("{ test %s -nt %s && test -z \"$(find src -name '*.h' -newer %s)\" "
        .. "|| { %s -Dmalloc=oom_malloc -Dcalloc=oom_calloc -Drealloc=oom_realloc -Dstrdup=oom_strdup "
        .. "-c %s -o %s.$$ "
        .. "&& mv %s.$$ %s; }; }"):format(
        object, source, object, compiler, source, object, object, object)
    end
    sources:close()
  end
  commands[#commands + 1] = ("%s spec/support/%s.c %s -o %s/%s.$$ -llua5.4 -lm %s && mv %s/%s.$$ %s/%s"):format(
    compiler, source_name, table.concat(objects, " "), folder, name, libraries, folder, name, folder, name)
  local output, status = run(table.concat(commands, " && "))
  built[name] = { status == 0 and ("%s/%s"):format(folder, name) or nil, output }
  return table.unpack(built[name], 1, 2)
end

local function build_uv(name, source_name, libraries)
  return build(name, source_name, "oom_uv", { "core", "uv" }, " -DOOM_UV" .. libuv_places(),
    "-luv " .. (libraries or ""))
end

-- The same, refusing calls: the linker has to put those of refused_calls.h in their place.
local function build_calls()
  local wrapped = {}
  for line in io.lines "spec/support/refused_calls.h" do
    local name = line:match "^UV%(([%w_]+)" or line:match "^FS%(([%w_]+)"
      or line:match "^%u+%([^,]+, [^,]+, ([%w_]+), "
    if name then wrapped[#wrapped + 1] = "-Wl,--wrap=" .. name end
  end
  return build_uv("calls_uv", "oom", "-DREFUSE_CALLS " .. table.concat(wrapped, " "))
end

-- The same with lwt.ssl. What OpenSSL itself asks for is not refused.
local function build_ssl(name, source_name)
  return build(name, source_name, "oom_uv", { "core", "uv", "ssl" },
    " -DOOM_UV -DOOM_SSL -Isrc" .. libuv_places(), "-luv -lssl -lcrypto")
end

-- Runs it, and raises what it finds.
local function look(program, setting, arguments, seconds)
  local output, status = run(("%s LUA_PATH='lua/?.lua;lua/?/init.lua;?.lua' LUA_CPATH='' "
    .. "timeout %d %s %s"):format(setting or "", seconds, program, arguments))
  if status ~= 0 or not output:find "%f[%d]0 failures\n" then error(output, 0) end
end

-- The programs are built with the address sanitizer, and for `make coverage`. A run under another
-- sanitizer, or valgrind, has nothing to add.
local function leave_out()
  if os.getenv "LWT_UNDER" ~= "coverage" then skip.under "a program with a sanitizer of its own" end
end

-- Goes on only where there is time.
function M.long()
  leave_out()
  if not os.getenv "LWT_SPEC_FULL" and os.getenv "LWT_UNDER" ~= "coverage" then
    skip.here "for a run with LWT_SPEC_FULL=1, or make coverage"
  end
end

-- Runs the script with every stride-th request refused; raises what it finds.
function M.run(script, options, stride, setting, uv)
  leave_out()
  if os.getenv "LWT_UNDER" then stride = math.max(1, stride // 4) end -- faster without a sanitizer
  local program, why
  if uv == "ssl" then
    program, why = build_ssl("oom_ssl", "oom")
  elseif uv then
    program, why = build_uv("oom_uv", "oom")
  else
    program, why = build("oom", "oom", "oom", { "core" }, "", "")
  end
  if not program then error("cannot build spec/support/oom.c: " .. why, 0) end
  look(program, setting, ("%s %s %d"):format(options, script, stride), 900)
end

-- Runs the script with every stride-th call of libuv and the system refused.
function M.run_calls(script, options, stride)
  leave_out()
  if os.getenv "LWT_UNDER" then stride = 1 end -- faster without a sanitizer
  local program, why = build_calls()
  if not program then error("cannot build spec/support/oom.c: " .. why, 0) end
  look(program, nil, ("%s %s %d"):format(options, script, stride), 900)
end

-- Runs the operations whose name contains `name`, with a finalizer at every stride-th request.
-- With a setting: those of lwt.ssl.
function M.run_finalizers(name, stride, setting)
  leave_out()
  if os.getenv "LWT_UNDER" then stride = math.max(1, stride // 9) end -- faster without a sanitizer
  local program, why
  if setting then
    program, why = build_ssl("finalizer_ssl", "finalizer")
  else
    program, why = build_uv("finalizer", "finalizer")
  end
  if not program then error("cannot build spec/support/finalizer.c: " .. why, 0) end
  look(program, setting, ("spec/support/finalizer.lua %d '%s'"):format(stride, name), 900)
end

return M

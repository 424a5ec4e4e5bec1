-- Builds and runs support/oom.c, which refuses requests for memory: the core's, and with `uv` also
-- those of lwt.uv ("ssl": and of lwt.ssl). And support/finalizer.c, which runs finalizers.

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
    .. (os.getenv "LWT_UNDER" == "coverage" and "-O0 --coverage -frandom-seed=lwt"
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
        .. "|| { %s -Dmalloc=oom_malloc -Dcalloc=oom_calloc -Drealloc=oom_realloc -c %s -o %s.$$ "
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

local function build_uv(name, source_name, ssl)
  local places = ""
  for option, variable in pairs { I = "LIBUV_INCDIR", L = "LIBUV_LIBDIR" } do
    local dir = os.getenv(variable)
    if dir and dir ~= "" then places = ("%s -%s%s"):format(places, option, dir) end
  end
  if ssl then
    return build(name, source_name, "oom_uv", { "core", "uv", "ssl" }, " -DOOM_UV -DOOM_SSL -Isrc" .. places,
      "-luv -lssl -lcrypto")
  end
  return build(name, source_name, "oom_uv", { "core", "uv" }, " -DOOM_UV" .. places, "-luv")
end

-- Runs it, and raises what it finds.
local function look(program, setting, arguments, seconds)
  local output, status = run(("%s LUA_PATH='lua/?.lua;lua/?/init.lua;?.lua' LUA_CPATH='' "
    .. "timeout %d %s %s"):format(setting or "", seconds, program, arguments))
  if status ~= 0 or not output:find "%f[%d]0 failures\n" then error(output, 0) end
end

-- Runs the script with every stride-th request refused; raises what it finds. Where it cannot,
-- it gives the reason.
function M.run(script, options, stride, setting, uv)
  local under = os.getenv "LWT_UNDER"
  if under and under ~= "coverage" then return end -- it has a sanitizer of its own
  if under then stride = math.max(1, stride // 4) end -- faster without a sanitizer
  local program, why
  if uv then
    local ssl = uv == "ssl"
    program, why = build_uv(ssl and "oom_ssl" or "oom_uv", "oom", ssl)
  else
    program, why = build("oom", "oom", "oom", { "core" }, "", "")
  end
  if not program then return "cannot build it here: " .. why end
  look(program, setting, ("%s %s %d"):format(options, script, stride), 300)
end

-- Runs the operations whose name contains `name`, with a finalizer at every stride-th request;
-- those of lwt.ssl with a setting for them.
function M.run_finalizers(name, stride, setting)
  local under = os.getenv "LWT_UNDER"
  if under and under ~= "coverage" then return end
  local program, why = build_uv(setting and "finalizer_ssl" or "finalizer", "finalizer", setting)
  if not program then return "cannot build it here: " .. why end
  look(program, setting, ("spec/support/finalizer.lua %d '%s'"):format(stride, name), 600)
end

return M

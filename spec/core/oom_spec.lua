-- Builds support/oom.c with the core under the address sanitizer and runs it: with the
-- n-th request for memory refused, every call gives a Lua error or the right result.
-- LWT_SPEC_FULL=1 tries every n; normally every 13th. Under `make coverage` it is built for that
-- instead, and what it reaches counts (scripts/coverage.lua).
local core = require "spec.support.core"

local function run(command)
  local pipe = assert(io.popen(command .. " 2>&1; echo \"status $?\""))
  local text = pipe:read "a"
  pipe:close()
  local output, status = text:match "^(.*)status (%d+)\n$"
  return output, tonumber(status)
end

-- Builds it once; returns the program, or nil and what the compiler said.
local built, program, complaint

local function build()
  if built then return program, complaint end
  built = true
  local folder = os.getenv "BUILD" or "build"
  local include = os.getenv "LUA_INCDIR" or "/usr/include/lua5.4"
  local compiler = (os.getenv "CC" or "cc") .. " -std=c11 -D_GNU_SOURCE -g "
    .. (os.getenv "LWT_UNDER" == "coverage" and "-O0 --coverage"
    or "-O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined") .. " -I" .. include
  local objects, commands = {}, { ("mkdir -p %s/oom.d"):format(folder) }
  local sources = io.popen "ls src/core/*.c"
  for source in sources:lines() do
    local object = ("%s/oom.d/%s.o"):format(folder, source:match "([^/]+)%.c$")
    objects[#objects + 1] = object
    commands[#commands + 1] = ("{ test %s -nt %s && test %s -nt src/core/core.h || %s "
      .. "-Dmalloc=oom_malloc -Dcalloc=oom_calloc -Drealloc=oom_realloc -c %s -o %s; }"):format(
      object, source, object, compiler, source, object)
  end
  sources:close()
  commands[#commands + 1] = ("%s spec/support/oom.c %s -o %s/oom -llua5.4 -lm"):format(
    compiler, table.concat(objects, " "), folder)
  local output, status = run(table.concat(commands, " && "))
  if status == 0 then program = folder .. "/oom" else complaint = output end
  return program, complaint
end

describe("when memory runs out", function()
  local function try(options, stride, setting)
    local under = os.getenv "LWT_UNDER"
    if under and under ~= "coverage" then return end -- it has a sanitizer of its own
    if under then stride = stride // 4 end -- faster without a sanitizer
    local oom, why = build()
    if not oom then
      pending("cannot build it here: " .. why)
      return
    end
    local output, status = run(("%s LUA_PATH='lua/?.lua;lua/?/init.lua' LUA_CPATH='' "
      .. "timeout 300 %s %s spec/support/oom.lua %d"):format(setting or "", oom, options, stride))
    assert.equal(0, status, output)
    assert.truthy(output:find "\n0 failures\n")
  end

  it("at one request, every call gives a Lua error or the right result, and the state works on",
    function() try("", core.count(13, 1)) end)

  it("for good, every call gives a Lua error or the right result, and the state works on "
    .. "once there is memory again", function() try("-a", core.count(29, 1)) end)

  it("at one request while lwt.debug is on, likewise, and core.check finds nothing wrong",
    function() try("", core.count(37, 1), "OOM_DEBUG=1") end)
end)

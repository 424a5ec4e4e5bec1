-- Builds support/oom.c with the core under the address sanitizer and runs it: with the
-- n-th request for memory refused, every call gives a Lua error or the right result.
-- LWT_SPEC_FULL=1 tries every n; normally every 13th.
local core = require "spec.support.core"

local function run(command)
  local pipe = assert(io.popen(command .. " 2>&1; echo \"status $?\""))
  local text = pipe:read "a"
  pipe:close()
  local output, status = text:match "^(.*)status (%d+)\n$"
  return output, tonumber(status)
end

describe("when memory runs out", function()
  it("every call gives a Lua error or the right result, and the state works on", function()
    if os.getenv "LWT_UNDER" then return end -- it has a sanitizer of its own
    local build = os.getenv "BUILD" or "build"
    local include = os.getenv "LUA_INCDIR" or "/usr/include/lua5.4"
    local compiler = os.getenv "CC" or "cc"
    local sanitize = "-fsanitize=address,undefined -fno-sanitize-recover=undefined"
    local program = build .. "/oom"
    local objects = {}
    local sources = io.popen "ls src/core/*.c"
    local commands = { "mkdir -p " .. build .. "/oom.d" }
    for source in sources:lines() do
      local object = ("%s/oom.d/%s.o"):format(build, source:match "([^/]+)%.c$")
      objects[#objects + 1] = object
      commands[#commands + 1] = ("{ test %s -nt %s && test %s -nt src/core/core.h || "
        .. "%s -std=c11 -D_GNU_SOURCE -O1 -g %s -Dmalloc=oom_malloc -Dcalloc=oom_calloc "
        .. "-Drealloc=oom_realloc -I%s -c %s -o %s; }"):format(
        object, source, object, compiler, sanitize, include, source, object)
    end
    sources:close()
    commands[#commands + 1] = ("%s -std=c11 -O1 -g %s -I%s spec/support/oom.c %s -o %s %s"):format(
      compiler, sanitize, include, table.concat(objects, " "), program, "-llua5.4 -lm")
    local output, status = run(table.concat(commands, " && "))
    if status ~= 0 then
      pending("cannot build it here: " .. output)
      return
    end
    output, status = run(("LUA_PATH='lua/?.lua;lua/?/init.lua' LUA_CPATH='' "
      .. "%s spec/support/oom.lua %d"):format(program, core.count(13, 1)))
    assert.equal(0, status, output)
    assert.truthy(output:find "\n0 failures\n")
  end)
end)

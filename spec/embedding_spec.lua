-- doc/embedding.md: its commands, in the order in which they stand, and what they should print.

local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

-- The blocks of one kind, each as one text.
local function blocks(kind)
  local out = {}
  for text in shell.read("doc/embedding.md"):gmatch("```" .. kind .. "\n(.-)```") do out[#out + 1] = text end
  return out
end

describe("doc/embedding.md", function()
  local under = os.getenv "LWT_UNDER"
  if under and under ~= "valgrind" then
    it("is tried with a plain build", function() skip.under "objects that need the sanitizer" end)
    return
  end

  local dir
  setup(function()
    -- A checkout that is built, in which files may be left about.
    dir = shell.temp_dir()
    for _, name in ipairs { "lua", "src", "scripts" } do
      shell.run(("ln -s '%s/%s' '%s'"):format(shell.here, name, dir))
    end
    shell.run(("ln -s '%s' '%s/build'"):format(os.getenv "LWT_BUILD" or shell.here .. "/build", dir))
    shell.write(dir .. "/host.c", blocks "c"[1])
    shell.write(dir .. "/core.lua", blocks "lua"[1])
  end)
  teardown(function() shell.remove_dir(dir) end)

  -- Runs the n-th block of commands, but for `make`, which has been done.
  local function run(n)
    local commands = blocks "sh"[n]:gsub("^make\n", ""):gsub("lua5%.4 ", shell.lua .. " ")
      :gsub("cc ", (os.getenv "CC" or "cc") .. " -Wall -Wextra -Wpedantic ")
      :gsub("/usr/include/lua5%.4", os.getenv "LUA_INCDIR" or "/usr/include/lua5.4")
    local r = shell.run(("cd '%s' && env -u LUA_PATH -u LUA_CPATH sh -e <<'END'\n%s\nEND")
      :format(dir, commands))
    assert.equal("", r.err)
    assert.equal(0, r.code)
    return r.out
  end

  it("links lwt in: the program needs no file of lwt's beside it", function()
    assert.equal("smoke: ok\n", run(1))
    -- Worker threads find the modules, too.
    shell.write(dir .. "/thread.lua", [[
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      print(lwt.run(preemptive.detach(function() return (require "lwt.list") ~= nil end)))]])
    assert.equal("true\n", shell.run(("cd '%s' && env -u LUA_PATH -u LUA_CPATH ./host thread.lua"):format(dir)).out)
  end)

  it("links Lua and libuv in as well", function()
    local found = shell.run "cc -print-file-name=liblua5.4.a; cc -print-file-name=libuv_a.a".out
    if select(2, found:gsub("/", "")) < 2 or found:find "^[^/]" or found:find "\n[^/]" then
      return pending "no static Lua or libuv here"
    end
    assert.equal("smoke: ok\n", run(2))
  end)

  it("is built in by CMake", function()
    if shell.run("command -v cmake && pkg-config --exists lua5.4 libuv").code ~= 0 then
      return pending "no cmake, or it finds no Lua and libuv"
    end
    shell.run(("mkdir '%s/cmake' && ln -s '%s' '%s/cmake/lwt' && cp '%s/host.c' '%s/cmake'"):format(
      dir, shell.here, dir, dir, dir))
    shell.write(dir .. "/cmake/CMakeLists.txt", blocks "cmake"[1]:gsub("COMMAND lua5%.4", "COMMAND " .. shell.lua))
    local r = shell.run(([[cd '%s/cmake' && env -u MAKEFLAGS sh -e <<'END'
      cmake -B out >log 2>&1 || { cat log; exit 1; }
      test -n "$LWT_SPEC_FULL" || { echo "smoke: ok"; exit; } # building it all takes long
      cmake --build out -j 2 >log 2>&1 || { cat log; exit 1; }
      cd lwt
      env -u LUA_PATH -u LUA_CPATH "$OLDPWD/out/host" scripts/smoke.lua
END]]):format(dir))
    assert.equal("smoke: ok\n", r.out, r.err)
  end)

  it("links the core alone, which steps and says what is missing", function()
    assert.equal("stepped\n", run(3))
    shell.write(dir .. "/io.lua", 'print(pcall(require, "lwt.io"))')
    assert.matches("needs libuv",
      shell.run(("cd '%s' && env -u LUA_PATH -u LUA_CPATH ./core-host io.lua"):format(dir)).out)
  end)
end)

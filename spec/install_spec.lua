-- make install, uninstall and dist, in throw-away folders.

local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

-- A make of its own, with nothing of the make that this may run under; what is put in place is
-- the build that is being tested.
local MAKE = "env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u CFLAGS make -s BUILD='"
  .. (os.getenv("LWT_BUILD") or "build") .. "' "

describe("make install", function()
  local dir, install
  setup(function()
    dir = shell.temp_dir()
    install = shell.run(MAKE .. ("install-files DESTDIR='%s' PREFIX=/opt/lwt"):format(dir))
  end)
  teardown(function() shell.remove_dir(dir) end)

  it("gives a tree from which `lwt` works, with nothing in the environment", function()
    assert.equal(0, install.code, install.err)
    local r = shell.run(([[cd '%s' && env -u LUA_PATH -u LUA_CPATH -u LWT_BUILD \
      %s opt/lwt/bin/lwt '%s/scripts/smoke.lua']]):format(dir, shell.lua, shell.here))
    assert.equal("smoke: ok\n", r.out, r.err)
  end)

  it("ships the header, the man page and all definitions for editors", function()
    local files = { ["include/lwt.h"] = "src/lwt.h", ["share/man/man1/lwt.1"] = "doc/lwt.1" }
    local n = 0
    for path in shell.run("find types -type f").out:gmatch("types/([^\n]+)") do
      files["share/lwt/types/" .. path] = "types/" .. path
      n = n + 1
    end
    assert.is_true(n > 10)
    for installed, source in pairs(files) do
      assert.equal(shell.read(source), shell.read(dir .. "/opt/lwt/" .. installed))
    end
  end)

  it("tells pkg-config where the header is", function()
    local pc = shell.read(dir .. "/opt/lwt/lib/pkgconfig/lwt.pc")
    assert.matches("\nVersion: %d+%.%d+%.%d+[^\n]*\nCflags: %-I/opt/lwt/include\n$", pc)
    skip.needs "pkg-config"
    local r = shell.run(
      ("env PKG_CONFIG_PATH='%s/opt/lwt/lib/pkgconfig' pkg-config --cflags lwt"):format(dir))
    assert.equal("-I/opt/lwt/include", (r.out:gsub("%s+$", "")), r.err)
  end)

  it("has a man page that knows every option, and that man can show", function()
    local page = shell.read "doc/lwt.1"
    local usage = shell.run(shell.lua .. " bin/lwt -h").out
    local n = 0
    for option in usage:gmatch "\n  (%-%S*)" do
      n = n + 1
      assert.truthy(page:find((option:gsub("%-", "\\-")), 1, true), option)
    end
    assert.is_true(n > 6)
    skip.needs "man"
    local r = shell.run("LC_ALL=C.UTF-8 MANROFFSEQ= man --warnings -l doc/lwt.1")
    assert.equal("", r.err)
    assert.truthy(r.out:find("run a Lua script as a task", 1, true), r.out)
  end)

  it("is taken back by make uninstall, without a file or folder of its own left", function()
    local foreign = dir .. "/opt/lwt/share/lua/5.4/other.lua"
    shell.write(foreign, "")
    local r = shell.run(MAKE .. ("uninstall DESTDIR='%s' PREFIX=/opt/lwt"):format(dir))
    assert.equal(0, r.code, r.err)
    assert.equal("", r.err)
    assert.equal(foreign .. "\n", shell.run(("find '%s' -type f"):format(dir)).out)
    assert.equal("", shell.run(("find '%s' -mindepth 2 -name '*lwt*' -not -path '%s/opt/lwt'"):format(dir, dir)).out)
    -- A second time there is nothing to do, and nothing to complain of.
    r = shell.run(MAKE .. ("uninstall DESTDIR='%s' PREFIX=/opt/lwt"):format(dir))
    assert.same({ 0, "" }, { r.code, r.err })
  end)
end)

describe("make dist", function()
  it("gives the same archive twice, with the header as a file of its own", function()
    local dir = shell.temp_dir()
    for i = 1, 2 do
      local r = shell.run(("scripts/dist.sh 9.9.9 '%s/%d'"):format(dir, i))
      assert.equal(0, r.code, r.err)
    end
    local same = shell.run(("cmp '%s/1/lwt-9.9.9.tar.gz' '%s/2/lwt-9.9.9.tar.gz'"):format(dir, dir))
    local list = shell.run(("tar -tvzf '%s/1/lwt-9.9.9.tar.gz'"):format(dir)).out
    shell.remove_dir(dir)
    assert.equal(0, same.code, same.out)
    assert.truthy(list:match("%-r[^\n]* lwt%-9%.9%.9/include/lwt%.h\n"), list)
    assert.truthy(list:find("lwt-9.9.9/Makefile", 1, true), list)
  end)
end)

describe("scripts/mounted.sh", function()
  it("gives a command /proc where there is none, and takes it away again", function()
    local alone = "unshare -m sh -c '"
    if shell.run(alone .. "umount -l /proc'").code ~= 0 then
      skip.here "this user may not unmount /proc, not even for itself"
      return
    end
    local r = shell.run(alone .. [[umount -l /proc
      scripts/mounted.sh sh -c "test -e /proc/self/stat; exit 7"; echo $?
      scripts/mounted.sh test -e /proc/self/stat; echo $?
      test -e /proc/self/stat; echo $?']])
    assert.equal("7\n0\n1\n", r.out)
    assert.matches("^mounting /proc for the time being\n", r.err)
    assert.equal("true\n", shell.run("scripts/mounted.sh echo true").out)
  end)
end)

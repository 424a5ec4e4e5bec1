-- make install, uninstall and dist, in throw-away folders.

local shell = require "spec.support.shell"

-- A make of its own, with nothing of the make that this may run under; what is put in place is
-- the build that is being tested.
local MAKE = shell.plain .. "-u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u CFLAGS make -s BUILD='"
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

  it("ships the header and the definitions for editors", function()
    for installed, source in pairs {
      ["include/lwt.h"] = "src/lwt.h",
      ["share/lwt/types/lwt.lua"] = "types/lwt.lua",
    } do
      assert.equal(shell.read(source), shell.read(dir .. "/opt/lwt/" .. installed))
    end
  end)

  it("is taken back by make uninstall, without a file left", function()
    local r = shell.run(MAKE .. ("uninstall DESTDIR='%s' PREFIX=/opt/lwt"):format(dir))
    assert.equal(0, r.code, r.err)
    assert.equal("", shell.run(("find '%s' -type f"):format(dir)).out)
  end)
end)

describe("make dist", function()
  it("gives the same archive twice, with the header as a file of its own", function()
    local dir = shell.temp_dir()
    for i = 1, 2 do
      local r = shell.run(shell.plain .. ("scripts/dist.sh 9.9.9 '%s/%d'"):format(dir, i))
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
    local alone = shell.plain .. "unshare -m sh -c '"
    if shell.run(alone .. "umount -l /proc'").code ~= 0 then
      pending "this user may not unmount /proc, not even for itself"
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

-- Who may know whom in src/: scripts/layers.lua, and that it finds what is planted.

local shell = require "spec.support.shell"

describe("the layers of src/", function()
  it("hold: includes, and calls between the objects that were built", function()
    local result = shell.run(shell.lua .. ' scripts/layers.lua "$LWT_BUILD"')
    assert(result.code == 0, result.err)
  end)

  local dir

  setup(function()
    dir = shell.temp_dir()
    assert(shell.run(("cp -r src '%s' && mkdir '%s/scripts' && cp scripts/layers.lua '%s/scripts'"):format(
      dir, dir, dir)).code == 0)
  end)

  teardown(function() shell.remove_dir(dir) end)

  -- What the check says with this line at the end of the file, which is as before afterwards.
  local function planted(path, line)
    return shell.run(([[
      cd '%s' && mkdir -p "$(dirname %s)" && touch '%s' && cp '%s' kept && echo '%s' >> '%s'
      %s scripts/layers.lua; code=$?; mv kept '%s'; exit $code]]):format(
      dir, path, path, path, line, path, shell.lua, path))
  end

  for path, plant in pairs {
    ["src/core/task.c"] = { "#include <uv.h>", "core may not include libuv's header" },
    ["src/core/wait.c"] = { '#include "../uv/internal.h"', "core may not include src/uv/internal.h" },
    ["src/uv/net/tcp.c"] = { '#include "../fs/file.h"', "uv/net may not include src/uv/fs/file.h" },
    ["src/uv/handle.c"] = { '#include "net/internal.h"', "uv may not include src/uv/net/internal.h" },
    ["src/other/new.c"] = { '#include "../core/core.h"', "other may not include src/core/core.h" },
  } do
    it("finds a planted include in " .. path, function()
      local result = planted(path, plant[1])
      assert.equal(1, result.code)
      assert.truthy(result.err:find(path .. ":%d+: ") and result.err:find(plant[2], 1, true), result.err)
    end)
  end

  it("lets a rock know lwt.h", function()
    local result = planted("src/other/new.c", '#include "../lwt.h"')
    assert(result.code == 0, result.err)
  end)

  it("finds a call from one family into another", function()
    local objects = shell.temp_dir()
    local result = shell.run(([[
      mkdir -p '%s/uv/net' '%s/uv/fs' '%s/core' && cd '%s' &&
      echo 'int f_of_fs(void); int g(void); int g(void) { return f_of_fs(); }' >net.c &&
      echo 'int f_of_fs(void); int f_of_fs(void) { return 1; }' >fs.c &&
      ${CC:-cc} -c net.c -o uv/net/a.o && ${CC:-cc} -c fs.c -o uv/fs/b.o && cd "$OLDPWD" &&
      %s scripts/layers.lua '%s']]):format(objects, objects, objects, objects, shell.lua, objects))
    shell.remove_dir(objects)
    assert.equal(1, result.code)
    assert.truthy(result.err:find("uv/net may not call f_of_fs, of src/uv/fs/b.c", 1, true), result.err)
  end)
end)

describe("in the C sources", function()
  it("a file is read in one sitting: it has no more than 600 lines", function()
    local found = shell.run "find src -name '*.[ch]' -exec awk 'END { if (NR > 600) print FILENAME, NR }' {} ';'"
    assert.same({ 0, "", "" }, { found.code, found.out, found.err })
  end)
end)

describe("in the Lua sources", function()
  it("no sentinel is compared with ==, which would call an error's __eq", function()
    local found = shell.run([[
      grep -rnE "(==|~=) *([A-Za-z_]+\.)?(Canceled|Interrupted|Interrupt|Timeout|EOF|Closed|Shutdown)\\b" lua bin/lwt |
      grep -v -e ':[0-9]*:---' ]])
    assert.equal("", found.out)
    assert.equal("", found.err)
  end)
end)

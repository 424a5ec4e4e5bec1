-- What is given away holds what is in the tree.

local shell = require "spec.support.shell"

describe("the rockspec", function()
  it("lists every source file and no other", function()
    local result = shell.run(shell.lua .. " scripts/rockspec.lua --check")
    assert(result.code == 0, result.err)
  end)

  it("notices a file that is not listed, and one that is gone, by name", function()
    local dir = shell.temp_dir()
    local result = shell.run(([[
      scripts/tree.sh '%s' && cd '%s' && touch lua/lwt/surplus.lua && rm lua/lwt/init.lua &&
      %s scripts/rockspec.lua --check]]):format(dir, dir, shell.lua))
    shell.remove_dir(dir)
    assert.equal(1, result.code)
    assert.truthy(result.err:find("lua/lwt/surplus.lua is not listed", 1, true), result.err)
    assert.truthy(result.err:find("lua/lwt/init.lua is listed and does not exist", 1, true),
      result.err)
  end)
end)

describe("the header", function()
  it("is the same in include/ as in src/", function()
    assert(os.execute("cmp -s include/lwt.h src/lwt.h"))
  end)
end)

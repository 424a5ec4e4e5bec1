-- Every function of lwt.text, with every one of its requests for memory refused: see
-- spec/support/memory.c.

local build = require "spec.support.build"

describe("lwt.text, when memory runs out", function()
  it("says so, loses nothing, and works on", function()
    local dir = build.temp_dir()
    local program = build.program(dir, "spec/support/memory.c", "memory")
    local result = build.run({ program, "spec/support/memory_text.lua" })
    build.remove_dir(dir)
    assert(result.code == 0, result.err)
    assert(tonumber(result.out:match("^(%d+) requests")) > 100, result.out)
  end)
end)

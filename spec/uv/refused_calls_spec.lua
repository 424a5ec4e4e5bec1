-- The n-th call of libuv or of the system fails, in the program of oom_spec.lua: nothing crashes,
-- nobody waits for ever, and what had to be told is told. LWT_SPEC_FULL=1 tries every n.
local core = require "spec.support.core"
local refusing = require "spec.support.refusing"

describe("when a call of the system fails", function()
  local function try(options, stride)
    refusing.run_calls(options, stride)
  end

  it("once, a server, its clients, files and programs hear of it, and work on",
    function() try("", core.count(5, 1)) end)

  it("and all after it, likewise, and they work once it is over", function()
    try("-a", core.count(11, 1))
  end)
end)

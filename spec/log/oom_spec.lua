-- The n-th request for memory is refused, in a program that logs: what was promised is written, nobody
-- waits for ever, and the same logger goes on. See spec/core/oom_spec.lua. make asan LWT_SPEC_FULL=1 tries every n.
local refusing = require "spec.support.refusing"

describe("a log, when memory runs out", function()
  local function try(options, stride, setting)
    refusing.run("spec/support/oom_log.lua", options, stride, setting, true)
  end

  it("at one request, loses nothing that it has promised, and works on", function() try("", 67) end)

  it("for good, hangs nowhere, and works on once there is memory again", function()
    try("-a", 83, "OOM_FOR_GOOD=1")
  end)
end)

-- Builds support/oom.c with the core under the address sanitizer and runs it: with the
-- n-th request for memory refused, every call gives a Lua error or the right result.
-- make asan LWT_SPEC_FULL=1 tries every n; normally every 41st. Under `make coverage` it is built for that
-- instead, and what it reaches counts (scripts/coverage.lua).
local refusing = require "spec.support.refusing"

describe("when memory runs out", function()
  local function try(options, stride, setting)
    refusing.run("spec/support/oom.lua", options, stride, setting)
  end

  it("at one request, every call gives a Lua error or the right result, and the state works on",
    function() try("", 41) end)

  it("for good, every call gives a Lua error or the right result, and the state works on "
    .. "once there is memory again", function() try("-a", 97) end)

  it("at one request while lwt.debug is on, likewise, and core.check finds nothing wrong",
    function() try("", 109, "OOM_DEBUG=1") end)

  it("after a finalizer has resolved something else, who is being told is rejected, and nobody else", function()
    refusing.run_both "spec/support/finalizer_refused.lua"
  end)
end)

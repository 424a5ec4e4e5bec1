-- The n-th request for memory is refused while somebody waits at a stream: nobody waits for ever.
-- See spec/core/oom_spec.lua. make asan LWT_SPEC_FULL=1 tries every n.
local refusing = require "spec.support.refusing"

describe("the readers of streams, when memory runs out", function()
  local function try(options, stride, least)
    refusing.run("spec/support/oom_readers.lua", options, stride, nil, nil, least)
  end

  it("at one request, get their element, the end or an error", function()
    try("", 307)
  end)

  it("for good, likewise, and nothing spins", function() try("-a", 499, 7) end)
end)

-- The n-th request for memory is refused, in a program that speaks TLS: nothing crashes, nobody waits
-- for ever, no byte is left, and TLS still works afterwards. See spec/uv/oom_spec.lua. LWT_SPEC_FULL=1
-- tries every n.
local refusing = require "spec.support.refusing"

describe("TLS, when memory runs out", function()
  local ca

  setup(function()
    ca = require "spec.support.ca".make()
    ca:issue { name = "server", san = "DNS:localhost" }
  end)
  teardown(function() ca:remove() end)

  local function try(options, stride)
    refusing.run("spec/support/oom_ssl.lua", options, stride, "LWT_CERTIFICATES='" .. ca.dir .. "'",
      "ssl")
  end

  it("at one request, hangs nowhere, and works on", function() try("", 61) end)

  it("for good, hangs nowhere, and works on once there is memory again", function()
    try("-a", 73)
  end)
end)

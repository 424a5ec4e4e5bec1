-- A finalizer in the middle of what lwt.ssl does: see spec/uv/finalizer_spec.lua. LWT_SPEC_FULL=1 tries
-- every n.
local refusing = require "spec.support.refusing"

describe("a finalizer in the middle", function()
  local ca

  setup(function()
    ca = require "spec.support.ca".make()
    ca:issue { name = "server", san = "DNS:localhost" }
  end)
  teardown(function() ca:remove() end)

  it("of operations of TLS changes nothing of what they do", function()
    refusing.run_finalizers("tls:", 59, "LWT_CERTIFICATES='" .. ca.dir .. "'")
  end)
end)

-- The n-th request for memory is refused, in a program with a server and its clients: nothing
-- crashes, nobody waits for ever, and the server is still there for those who come later. See
-- spec/core/oom_spec.lua. make asan LWT_SPEC_FULL=1 tries every n.
local refusing = require "spec.support.refusing"

describe("a server and its clients, when memory runs out", function()
  local function try(options, stride)
    refusing.run("spec/support/oom_io.lua", options, stride, nil, true)
  end

  it("at one request, hang nowhere, and work on", function() try("", 53) end)

  it("for good, hang nowhere, and work on once there is memory again", function()
    try("-a", 89)
  end)
end)

describe("an operation of the system, when lwt itself gets no memory", function()
  local function try(options)
    refusing.long()
    refusing.run("spec/support/refused_operations.lua", "-m " .. options, 1, nil, true)
  end

  it("once, hears of it", function() try "" end)

  it("any more, hears of it", function() try "-a" end)
end)

describe("what is made once for a state, when lwt itself gets no memory for the first time", function()
  it("is told of, and made when it is asked for again", function()
    refusing.run("spec/support/refused_first.lua", "-m", 11, nil, true)
  end)
end)

describe("lwt.uv, when memory runs out while it is loaded", function()
  local function try(options, stride)
    refusing.run("spec/support/refused_loading.lua", options, stride, nil, true)
  end

  it("once, is whole when it is loaded again", function() try("", 3) end)

  it("for good, is whole when it is loaded again", function() try("-a", 3) end)

  it("of lwt's own, is whole when it is loaded again", function() try("-m", 1) end)
end)

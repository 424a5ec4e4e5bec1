-- The n-th call of libuv or of the system fails: nothing crashes, nobody waits for ever, and what had to
-- be told is told. In the program of oom_spec.lua, and in the operations of finalizer_spec.lua and some more.
-- LWT_SPEC_FULL=1 tries every n, and all that is `long`, as `make coverage` does.
local core = require "spec.support.core"
local refusing = require "spec.support.refusing"

local SERVER, OPERATIONS = "spec/support/oom_io.lua", "spec/support/refused_operations.lua"

describe("when a call of the system fails", function()
  it("once, a server, its clients, files and programs hear of it, and work on", function()
    refusing.run_calls(SERVER, "", core.count(5, 1))
  end)

  it("and all after it, likewise, and they work once it is over", function()
    refusing.run_calls(SERVER, "-a", core.count(11, 1))
  end)

  it("once, the operation that needs it hears of it", function()
    refusing.run_calls(OPERATIONS, "", core.count(67, 1))
  end)

  it("and all after it, likewise", function()
    refusing.long()
    refusing.run_calls(OPERATIONS, "-a", 1)
  end)
end)

describe("when a call of the system", function()
  local function unnoticed(error)
    refusing.long()
    refusing.run_calls(OPERATIONS, "-w " .. error, 1)
  end

  it("is interrupted, it is made again", function() unnoticed "EINTR" end)

  it("finds nothing to do, though there was, it is made later", function() unnoticed "EAGAIN" end)

  it("is not there, or not for this file, another is made in its place", function()
    for _, error in ipairs { "ENOSYS", "EINVAL", "EXDEV", "EOPNOTSUPP" } do unnoticed(error) end
  end)

  it("gives a client that has gone already, the next one is taken", function() unnoticed "ECONNABORTED" end)
end)

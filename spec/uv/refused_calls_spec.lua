-- The n-th call of libuv or of the system fails: nothing crashes, nobody waits for ever, and what had to
-- be told is told. In the program of oom_spec.lua, and in the operations of finalizer_spec.lua and some more.
-- make asan LWT_SPEC_FULL=1 tries every n, and all that is `long`, as `make coverage` does.
local refusing = require "spec.support.refusing"

local SERVER, OPERATIONS = "spec/support/oom_io.lua", "spec/support/refused_operations.lua"
local FIRST = "spec/support/refused_first.lua"

describe("when a call of the system fails", function()
  it("once, a server, its clients, files and programs hear of it, and work on", function()
    refusing.run_calls(SERVER, "", 5)
  end)

  it("and all after it, likewise, and they work once it is over", function()
    refusing.run_calls(SERVER, "-a", 11)
  end)

  it("once, the operation that needs it hears of it", function()
    refusing.run_calls(OPERATIONS, "", 67)
  end)

  it("and all after it, likewise", function()
    refusing.long()
    refusing.run_calls(OPERATIONS, "-a", 1)
  end)
end)

describe("when a call of the system says", function()
  it("that something is wrong, each error is told by its name", function()
    refusing.long()
    refusing.run_calls(OPERATIONS, "-e", 1)
  end)

  -- It was interrupted, had nothing to do, is not there or not for this file, found a client that has gone.
  it("what is nobody's trouble, nobody notices", function()
    refusing.long()
    refusing.run_calls(OPERATIONS, "-w", 1)
  end)
end)

describe("what is made once for a state, when a call of the system fails for the first time", function()
  it("is told of, and made when it is asked for again", function()
    refusing.run_calls(FIRST, "", 13)
  end)

  it("with each error that the call may say, likewise", function()
    refusing.long()
    refusing.run_calls(FIRST, "-e", 1)
    refusing.run_calls(FIRST, "-w", 1)
  end)
end)

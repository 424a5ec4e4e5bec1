-- A finalizer in the middle of every operation, at the n-th request for memory, for every n: the
-- twin of oom_spec.lua. What there is to run, and how to add to it: spec/support/finalizer.lua.
-- make asan LWT_SPEC_FULL=1 tries every n.
local refusing = require "spec.support.refusing"

describe("a finalizer in the middle", function()
  local function try(family)
    refusing.run_finalizers(family .. ":", 199)
  end

  for _, family in ipairs {
    "promises", "tasks", "scopes", "pool", "mvar", "streams", "react", "timers", "storage", "loop", -- _core
    "locks", "elements", -- _waits
    "pipes",
    "tcp", "unix", "pair", "udp", "dns", "poll", -- _net_calls, _net_talks
    "bytes", "channels", "files", "watch", -- _io
    "process", "signal", -- _io and _process
    "messages", "detach", -- _thread
  } do
    it("of operations of " .. family .. " changes nothing of what they do", function() try(family) end)
  end

  -- What was wrong once, at each request.
  for _, once in ipairs {
    { "pipes: map_s_of_map, what comes", "get_and_push" }, -- one read arrived twice
    { "pipes: clone_of_map, lists", "withdraw" }, -- what an nget was about to take when it was withdrawn
    { "pipes: combine, tasks", "get_available" }, -- what came was told to nobody, as in the next two
    { "elements: from a source, nget", "look" }, -- the first came last
    { "elements: from a source, nget", "withdraw" },
    { "elements: of a full stream at which others look, push", "take" }, -- it waited for ever
    { "elements: of a full stream at which others look, push", "wait" },
    { "elements: of a full stream at which others look, push", "look" },
    { "elements: of a full stream at which others look, push", "close" },
    { "promises: telling one at any height of the stack", "cancel_another" },
    { "promises: telling one at any height of the stack", "wake_another" },
  } do
    local operation, disturbance = table.unpack(once)
    it(("of %s, which does %s, changes nothing"):format(operation, disturbance), function()
      refusing.run_finalizers(operation, 1, nil, disturbance)
    end)
  end
end)

-- A short run of spec/soak.lua (`make soak`), which says more.
local lwt = require "lwt"
local soak = require "spec.support.soak"

describe("everything at once", function()
  setup(function() -- what other specs have left waiting is not this one's
    for _, t in ipairs(lwt.tasks()) do t.promise:cancel() end
    for _ = 1, 10 do lwt.step() end
    collectgarbage()
  end)

  it("ends, keeps its rules and leaves nothing, round after round", function()
    local counts = {}
    for seed = 1, os.getenv "LWT_UNDER" == "valgrind" and 20 or 300 do soak.round(seed, counts) end
    assert.is_true(counts.steps > 100 * counts.rounds)
  end)

  it("is the same for the same seed", function()
    assert.same(soak.round(7), soak.round(7))
  end)

  it("finds a planted mistake", function()
    local shield = lwt.shield
    local ok, err
    lwt.shield = function() end -- what is shielded does not run
    for seed = 1, 100 do
      ok, err = pcall(soak.round, seed)
      if not ok then break end
    end
    lwt.shield = shield
    assert.is_false(ok)
    assert.matches("a shield was left before its end", err, 1, true)
  end)
end)

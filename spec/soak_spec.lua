-- A short run of spec/soak.lua (`make soak`), which says more.
local core = require "spec.support.core"
local lwt = require "lwt"
local soak = require "spec.support.soak"
local soak_bytes = require "spec.support.soak_bytes"

describe("everything at once", function()
  setup(function() -- what other specs have left waiting is not this one's
    for _, t in ipairs(lwt.tasks()) do t.promise:cancel() end
    for _ = 1, 10 do lwt.step() end
    collectgarbage()
  end)

  it("ends, keeps its rules and leaves nothing, round after round", function()
    local counts = {}
    for seed = 1, os.getenv "LWT_UNDER" == "valgrind" and 20 or core.count(120, 300) do soak.round(seed, counts) end
    assert.is_true(counts.steps > 100 * counts.rounds)
  end)

  it("is the same for the same seed", function()
    assert.same(soak.round(7), soak.round(7))
  end)

  it("brings the bytes through in every style of reading and writing, round after round", function()
    local counts = {}
    for seed = 1, core.count(5, 200) do soak_bytes.round(seed, counts) end
    assert.is_true(counts.bytes > 0 and counts.finalizers > 0)
  end)

  it("loses no bytes of a file, whose reads finalizers cancel as they end", function()
    for seed = 1, core.count(8, 400) do soak_bytes.round(seed, nil, "file") end
  end)

  it("finds bytes that come in the wrong order", function()
    local lio = require "lwt.io"
    local make = lio.make
    lio.make = function(how) -- every second read gives its bytes the wrong way round
      local read, nth = how.read, 0
      how.read = function(n)
        nth = nth + 1
        local p = read(n)
        return nth % 2 == 0 and p:map(function(s) return s and s:reverse() end) or p
      end
      return make(how)
    end
    local ok, err
    for seed = 1, 200 do
      ok, err = pcall(soak_bytes.round, seed, nil, "channel_of_functions")
      if not ok then break end
    end
    lio.make = make
    assert.is_false(ok)
    assert.matches("channel_of_functions: .*frame", err)
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

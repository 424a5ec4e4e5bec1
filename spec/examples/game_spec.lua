-- The game without a terminal: a host that steps the loop frame by frame, on an engine of its own.

local lua = os.getenv "LUA" or "lua5.4"

local function play(frames)
  local pipe = io.popen(('%s examples/game.lua --frames %d 2>&1'):format(lua, frames))
  local out = pipe:read("a")
  local ok = pipe:close()
  return ok, out
end

describe("examples/game.lua", function()
  it("shows the title and waits for a key", function()
    local ok, out = play(20)
    assert.is_true(ok, out)
    assert.matches("STARS AND ROCKS", out)
    assert.matches("20 frames, clock 0.33, scene title", out)
  end)

  it("plays, the same every time", function()
    local ok, out = play(200)
    assert.is_true(ok, out)
    assert.matches("@", out)
    assert.matches("scene play", out)
    assert.equal(out, select(2, play(200)))
  end)

  it("slows its clock and stops it", function()
    -- Slow from frame 300 to 420, paused from 480 to 540.
    local _, out = play(420)
    assert.equal("5.60", out:match("clock (%d+%.%d+)"))
    assert.matches("slow", select(2, play(419)))
    local _, paused = play(520)
    assert.matches("paused", paused)
    assert.equal("6.60", paused:match("clock (%d+%.%d+)"))
    local _, later = play(600)
    assert.equal("7.60", later:match("clock (%d+%.%d+)"))
  end)

  it("goes through its scenes in a long game", function()
    local ok, out = play(os.getenv "LWT_SPEC_FULL" and 20000 or 8000)
    assert.is_true(ok, out)
    local best = tonumber(out:match("best (%d+)"))
    assert.is_true(best > 0, out)
  end)

  it("refuses what it does not know", function()
    local pipe = io.popen(lua .. " examples/game.lua --what 2>&1")
    local out = pipe:read("a")
    pipe:close()
    assert.matches("usage:", out)
  end)
end)

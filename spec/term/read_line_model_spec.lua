-- Random keys, pastes, resizes and output of others to a line editor on a terminal and to a plain model of
-- it: see spec/support/line_fuzz.lua. `make fuzz` runs it for longer.
--
-- LWT_SEED says where to begin, LWT_STEPS how many steps.

local commands = require "lwt.read_line.editor".commands
local core = require "spec.support.core"
local fuzz = require "spec.support.line_fuzz"
local skip = require "spec.support.skip"
local test = require "lwt.test"
local vterm = require "spec.support.vterm"

local STEPS = 100 -- of one line

describe("a line that is edited", function()
  local seed = tonumber(os.getenv "LWT_SEED" or 1)
  local steps = tonumber(os.getenv "LWT_STEPS" or core.count(800, 2000))

  it("is what a plain model of it is, on the screen as well", test.async(function()
    for n = seed, seed + steps // STEPS - 1 do
      local wrong = fuzz.try(n, STEPS)
      if wrong then error(wrong, 0) end
    end
  end))

  -- So that no run passes because nothing is compared. (`first`: a seed before which nothing shows it.)
  local function finds(what, first)
    for n = first, first + 100 do
      local wrong = fuzz.try(n, 30)
      if wrong then
        local shrunk = wrong:match "shrunk to: (.*)"
        assert.equal(("seed %d: "):format(n), wrong:match "^seed %d+: ")
        local _, lines = shrunk:gsub("\n  %a+ ", "")
        return lines, shrunk
      end
    end
    error("nothing was found wrong with " .. what)
  end

  local function with(command, f, check)
    local kept = commands[command]
    commands[command] = function(ed, ...) return f(kept, ed, ...) end
    local ok, err = pcall(check)
    commands[command] = kept
    if not ok then error(err, 0) end
  end

  it("is found wrong when a command is, by as few steps as show it", test.async(function()
    with("transpose-chars", function() end, function()
      local count, shrunk = finds("transpose-chars", 1)
      assert.is_true(count <= 8, shrunk)
      assert.is_truthy(shrunk:find('key "ctrl-t"', 1, true))
    end)
  end))

  it("is found wrong when the screen is", test.async(function()
    local Frame = getmetatable(require("lwt.term.frame").new())
    local draw = Frame.draw
    Frame.draw = function(...)
      local bytes, large = draw(...)
      return bytes:gsub("\27%[2P", "\27[P"), large
    end
    local ok, err = pcall(function()
      local count, shrunk = finds("the screen", 61)
      assert.is_true(count <= 8, shrunk)
    end)
    Frame.draw = draw
    if not ok then error(err, 0) end
  end))

  it("is compared with libvterm", function()
    if vterm.why then skip.missing(vterm.why) end
  end)
end)

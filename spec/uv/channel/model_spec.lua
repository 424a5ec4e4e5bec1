-- Channels against whole strings: a small part of what `spec/fuzz_channel.lua` runs.

local lwt = require "lwt"
local model = require "spec.support.channel_model"

describe("a channel behaves as the whole text", function()
  for i = 0, 9 do
    it(("when it is read, in runs %d to %d"):format(i * 30, i * 30 + 29), function()
      lwt.run(function()
        for seed = i * 30, i * 30 + 29 do model.reading(seed) end
      end)
    end)
    it(("when it is written, in runs %d to %d"):format(i * 30, i * 30 + 29), function()
      lwt.run(function()
        for seed = i * 30, i * 30 + 29 do model.writing(seed) end
      end)
    end)
  end
end)

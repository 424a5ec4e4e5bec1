-- From samples to figures: medians, spreads, ratios, bars.

local M = {}
M.__index = M

function M.new() return setmetatable({ by_row = {}, spins = {}, foreign = 0, wall = 0 }, M) end

local function median(list)
  table.sort(list)
  local n = #list
  if n == 0 then return nil end
  return n % 2 == 1 and list[n // 2 + 1] or (list[n // 2] + list[n // 2 + 1]) / 2
end
M.median = median

--- What `hold` says of one program: how busy the machine was otherwise, how fast it is now.
function M:noise(used)
  self.spins[#self.spins + 1] = used.spin
  self.foreign = self.foreign + used.foreign * used.wall
  self.wall = self.wall + used.wall
end

--- A sample of figure `who` of a row; `part` where a row has several ("50" and "1000" connections).
function M:add(row, peer, who, part, round, sample)
  local parts = self.by_row[row.name]
  if not parts then
    parts = { order = {} }
    self.by_row[row.name] = parts
  end
  if not parts[part] then
    parts[part] = { order = {} }
    parts.order[#parts.order + 1] = part
  end
  local group = parts[part]
  local figure = group[who]
  if not figure then
    figure = { who = who, peer = peer, rounds = {} }
    group[who] = figure
    group.order[#group.order + 1] = figure
  end
  -- Lower is better for what takes time or memory; servers are told by their rate.
  sample.value = row.of and assert(sample[row.of], row.of) or row.servers and sample.n / sample.seconds
    or (row.by_cpu and sample.process_cpu or sample.seconds) / sample.n * 1e9
  figure.rounds[round] = sample
end

local function collect(figure, key)
  local list = {}
  for _, sample in pairs(figure.rounds) do
    if sample[key] then list[#list + 1] = sample[key] end
  end
  return list
end

--- Median of a key over the rounds.
function M.of(figure, key) return median(collect(figure, key)) end

-- f(a, b) of the two samples of each round, the median; `key` says what of a sample.
local function between(a, b, f, key)
  local list = {}
  for round, sample in pairs(a.rounds) do
    local other = b.rounds[round]
    if other then list[#list + 1] = f(sample[key or "value"], other[key or "value"]) end
  end
  return median(list)
end

local function over(a, b) return a / b end
local function minus(a, b) return a - b end

-- The ratio a/b.
local function ratio(a, b, key) return between(a, b, over, key) end
M.ratio = ratio

local compare = {
  ["<="] = function(a, b) return a <= b end, ["<"] = function(a, b) return a < b end,
  [">="] = function(a, b) return a >= b end, [">"] = function(a, b) return a > b end,
}

-- One bar of a row, for one part.
local function judge(bar, group)
  local who, op, factor, other = bar[1], bar[2], bar[3], bar[4]
  local figure = group[who]
  local r = { who = who, op = op, limit = factor, other = other, unit = bar.unit, more = bar.more, what = bar.what }
  if figure and other and group[other] then
    r.reached = between(figure, group[other], bar.more and minus or over, bar.of)
    if r.reached and bar.more then r.reached = r.reached * (bar.scale or 1) end
  elseif figure and not other then
    r.reached = M.of(figure, bar.of or "value")
  end
  if r.reached then r.met = compare[op](r.reached, factor) end
  return r
end

--- Everything that came out, for report.lua.
function M:finish(result)
  result.groups = {}
  for _, row in ipairs(result.rows) do
    local parts = self.by_row[row.name] or { order = {} }
    local met, known = true, false
    for _, part in ipairs(parts.order) do
      local group = parts[part]
      local g = { row = row, part = part, figures = group.order, bars = {} }
      g.title = row.title .. (part ~= "" and ", " .. part .. (row.parts or "") or "")
      for _, figure in ipairs(group.order) do
        local values = collect(figure, "value")
        figure.value = median(values)
        figure.min, figure.max = values[1], values[#values]
        local base = group[row.beside or "lwt"]
        if base and figure ~= base and not figure.who:find(":", 1, true) then
          local r = ratio(base, figure)
          figure.speed = r and (row.servers and r or 1 / r) -- how many times as fast lwt is, or what the row is beside
        end
      end
      for _, bar in ipairs(row.bars) do
        local b = judge(bar, group)
        g.bars[#g.bars + 1] = b
        known = known or b.met ~= nil
        met = met and b.met
        if b.met ~= nil then result.bars_judged = (result.bars_judged or 0) + 1 end
        if b.met then result.bars_met = (result.bars_met or 0) + 1 end
      end
      table.sort(g.figures, function(a, b)
        if row.servers then return a.value > b.value end
        return a.value < b.value
      end)
      result.groups[#result.groups + 1] = g
    end
    if known then
      result.judged = (result.judged or 0) + 1
      if met then result.met = (result.met or 0) + 1 end
    end
  end
  table.sort(self.spins)
  local spins = self.spins
  if #spins > 0 then
    local best, p90 = spins[1], spins[math.ceil(#spins * 0.9)]
    local foreign = self.wall > 0 and self.foreign / self.wall or 0
    result.noise = { spin = p90 / best - 1, foreign = foreign, programs = #spins }
    result.noise.word = (result.noise.spin < 0.05 and foreign < 0.1) and "quiet"
      or (result.noise.spin < 0.2 and foreign < 0.4) and "somewhat noisy" or "noisy"
  end
  return result
end

return M

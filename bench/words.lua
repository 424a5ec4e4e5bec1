-- Figures, bars and the noise of a run in words, for the terminal (report.lua) and for RESULTS.md (results.lua).

local figures = require "bench.figures"

local M = {}

--- 1234567.8 -> 1,234,568; small numbers keep two figures behind the point.
function M.number(v)
  if v ~= v then return "-" end
  if math.abs(v) < 10 then return ("%.2f"):format(v) end
  if math.abs(v) < 100 then return ("%.1f"):format(v) end
  local sign, digits = ("%.0f"):format(v):match "^(-?)(%d+)$"
  local grouped = digits:reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return sign .. (grouped:gsub("^,", ""))
end
local number = M.number

--- A figure's value: the number, and its unit.
function M.amount(row, v)
  if row.unit then return number(v), row.unit end
  if row.servers then return number(v), "/s" end
  if v < 10000 then return number(v), "ns" end
  if v < 1e7 then return number(v / 1e3), "µs" end
  return number(v / 1e6), "ms"
end

function M.value(row, v)
  local n, unit = M.amount(row, v)
  return n .. " " .. unit
end

--- What a value is: "per second, message …".
function M.per(row) return (row.servers and "per second, " or "per ") .. row.per end

local counts -- of bench/counts.txt, by operation
local function counted(name)
  if not counts then
    counts = {}
    local f = io.open "bench/counts.txt"
    for line in f and f:lines() or function() end do
      local op, instructions, bytes, objects = line:match "^([%w_]+)%s+([%d.]+)%s+([%d.]+)%s*(.*)$"
      if op then
        counts[op] = ("%s instructions, %s bytes"):format(number(tonumber(instructions)), number(tonumber(bytes)))
          .. (objects ~= "" and ": " .. objects or "")
      end
    end
    if f then f:close() end
  end
  return counts[name]
end

--- What else a figure says, worth a column.
function M.remarks(row, figure)
  local words = {}
  local function say(key, format, scale)
    local v = figures.of(figure, key)
    if v then words[#words + 1] = format:format(v * (scale or 1)) end
  end
  if row.servers then
    say("cpu", "%.2f µs CPU each")
    say("p99", "p99 %.0f µs")
    say("rss", "%.0f MB", 1 / 1024)
  elseif row.name == "sleepers" then
    local peak = figures.of(figure, "peak")
    local n = figure.rounds[next(figure.rounds)].n
    if figures.of(figure, "bytes") then
      say("bytes", "%.0f bytes each")
    else
      words[#words + 1] = ("%.0f bytes each"):format(peak / n)
    end
    say("process_cpu", "%.2f s CPU")
  elseif row.name == "start" then
    say("cpu", "%.1f ms CPU")
    say("rss", "%.1f MB", 1 / 1024)
  elseif row.name == "pause" then
    say("calm", "a collection between two scenes: %.0f ms")
    say("mib", "%.0f MiB at most")
  end
  if row.name == "edit_line" then say("bytes", "%.1f bytes each") end
  if row.counts then words[#words + 1] = counted(figure.who) end
  say("speedup", "%.2f times as fast on two")
  return table.concat(words, ", ")
end

--- How quiet the machine was.
function M.noise(result)
  local n = result.noise
  if not n then return "nothing was measured" end
  return ("The machine was %s: the same piece of work took up to %.0f %% longer at one time than at another (nine of "
    .. "ten times), and other programs used %.2f processors meanwhile (%d programs, %s, %d s).%s"):format(
    n.word, n.spin * 100, n.foreign, n.programs,
    result.rounds == 1 and "one round" or ("up to %d rounds"):format(result.rounds), result.seconds,
    result.clock and " Rows that only compute: processor time." or "")
end

--- A bar, what was reached, whether that meets it.
function M.bar(b)
  local limit = b.unit and ("%s %s"):format(number(b.limit), b.unit)
  if b.more then return ("%s %s %s + %s"):format(b.who, b.op, b.other, limit) end
  if b.other then
    local factor = b.limit == 1 and "" or ("%.4g × "):format(b.limit)
    return ("%s %s %s%s%s"):format(b.who, b.op, factor, b.other, b.what and " in " .. b.what or "")
  end
  return ("%s %s %s"):format(b.who, b.op, limit)
end

function M.reached(b)
  if not b.reached then return "-" end
  if b.more then return ("%s %s"):format(number(b.reached):gsub("^%f[%d]", "+"), b.unit) end
  return b.other and ("%.2f ×"):format(b.reached) or number(b.reached)
end

function M.met(b) return b.met == nil and "not measured" or b.met and "met" or "MISSED" end

--- "31 of 34 rows reach all their bars; 80 of 85 bars are met."
function M.judged(result)
  return ("%d of %d rows reach all their bars; %d of %d bars are met."):format(result.met or 0, result.judged or 0,
    result.bars_met or 0, result.bars_judged or 0)
end

return M

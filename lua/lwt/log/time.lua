-- Internal: times as text. What changes once a second is made once a second.

local date, format, floor = os.date, string.format, math.floor

local M = {}

local MONTHS = {
  "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
}
local milliseconds = {}
for i = 0, 999 do milliseconds[i] = format("%03d", i) end

local second -- for which these are:
local short, clock, iso, zone, utc

local function refresh(s)
  local t = date("*t", s)
  local offset = date("%z", s)
  clock = format("%02d:%02d:%02d", t.hour, t.min, t.sec)
  short = format("%s %2d %s", MONTHS[t.month], t.day, clock)
  iso = format("%04d-%02d-%02dT%s.", t.year, t.month, t.day, clock)
  zone = offset:find "^[+-]%d%d%d%d$" and offset:sub(1, 3) .. ":" .. offset:sub(4) or ""
  utc = date("!%Y-%m-%dT%H:%M:%S.", s)
  second = s
end

local function see(time)
  local s = floor(time)
  if s ~= second then refresh(s) end
  return milliseconds[floor((time - s) * 1000)]
end

-- "Nov 29 22:18:38", in local time, as syslog and Lwt write it.
function M.date(time)
  see(time)
  return short
end

-- "22:18:38"
function M.clock(time)
  see(time)
  return clock
end

-- "042": within the second, cut and never rounded up to the next.
function M.milliseconds(time) return see(time) end

-- "2026-11-29T22:18:38.042+01:00"
function M.iso(time)
  local ms = see(time)
  return iso .. ms .. zone
end

-- "2026-11-29T21:18:38.042Z"
function M.utc(time)
  local ms = see(time)
  return utc .. ms .. "Z"
end

return M

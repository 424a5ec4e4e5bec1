-- Internal: times as text. What changes once a second is made once a second.

local date, format = os.date, string.format

local M = {}

local MONTHS = {
  "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
}
local milliseconds = {}
for i = 0, 999 do milliseconds[i] = format("%03d", i) end

local second -- for which these are:
local short, clock, iso, zone, utc

local function refresh(s)
  local whole = math.tointeger(s)
  local t = date("*t", whole)
  local offset = date("%z", whole)
  local hms = format("%02d:%02d:%02d", t.hour, t.min, t.sec)
  local lwt_date = format("%s %2d %s", MONTHS[t.month], t.day, hms)
  local day = format("%04d-%02d-%02dT%s.", t.year, t.month, t.day, hms)
  local hours = offset:find "^[+-]%d%d%d%d$" and offset:sub(1, 3) .. ":" .. offset:sub(4) or ""
  local utc_day = date("!%Y-%m-%dT%H:%M:%S.", whole)
  -- All at once: a finalizer that logs in another second may have come in between.
  second, clock, short, iso, zone, utc = s, hms, lwt_date, day, hours, utc_day
end

-- The thousandth of its second that a time is in: cut, and never rounded up to the next.
local function see(time)
  local s = time // 1
  if s ~= second then refresh(s) end
  return (time - s) * 1000 // 1
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

-- "042"
function M.milliseconds(time) return milliseconds[see(time)] end

local iso_at, iso_text -- what was asked for last: many records are of one millisecond
local utc_at, utc_text

-- "2026-11-29T22:18:38.042+01:00"
function M.iso(time)
  local at = time * 1000 // 1
  if at ~= iso_at then
    local ms = see(time)
    iso_at, iso_text = at, iso .. milliseconds[ms] .. zone
  end
  return iso_text
end

-- "2026-11-29T21:18:38.042Z"
function M.utc(time)
  local at = time * 1000 // 1
  if at ~= utc_at then
    local ms = see(time)
    utc_at, utc_text = at, utc .. milliseconds[ms] .. "Z"
  end
  return utc_text
end

return M

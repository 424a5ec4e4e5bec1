-- The picture of a run, as SVG: a line for each row, a dot for each peer. How far a dot is to the right of lwt's line
-- is how many times as fast as lwt that peer is; to the left it is slower. A logarithmic scale.

local M = {}

local width, left, right, top, step = 1000, 190, 40, 112, 34
local low, high = 1 / 32, 32 -- what lies outside is drawn at the edge, with its figure beside it

local colours = {
  limit_c = "#8a8a8a", lua = "#1f4e9c", libuv = "#222222", luv = "#1b9e77", cqueues = "#66a61e", copas = "#b8a000",
  lwt_ocaml = "#d95f02", node = "#7570b3", uvloop = "#e7298a", glib = "#1b6e9e",
}

local function escape(s) return (s:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" })) end

local function x_of(speed)
  local v = math.max(low, math.min(high, speed))
  return left + (width - left - right) * (math.log(v) - math.log(low)) / (math.log(high) - math.log(low))
end

function M.draw(result)
  local groups = {}
  for _, g in ipairs(result.groups) do
    for _, f in ipairs(g.figures) do
      if f.lwt_speed then
        groups[#groups + 1] = g
        break
      end
    end
  end
  local height = top + step * #groups + 40
  local out = {}
  local function put(fmt, ...) out[#out + 1] = select("#", ...) > 0 and fmt:format(...) or fmt end
  put('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
    .. 'font-family="Helvetica, Arial, sans-serif" font-size="12">', width, height, width, height)
  put '<rect width="100%" height="100%" fill="#ffffff"/>'
  put('<text x="20" y="28" font-size="18" font-weight="bold" fill="#222">How fast each peer is, beside lwt</text>')
  put('<text x="20" y="48" fill="#555">right of the line: faster than lwt; left: slower. '
    .. 'One run, all in turn; median of %d rounds.</text>', result.rounds)

  local x = 20
  for _, p in ipairs(result.peers) do -- the legend
    put('<circle cx="%.1f" cy="68" r="5" fill="%s"/>', x + 5, colours[p[1]])
    put('<text x="%.1f" y="72" fill="#333">%s</text>', x + 14, escape(p[2]))
    x = x + 34 + 7 * #p[2]
  end

  local bottom = top + step * #groups
  for e = -5, 5 do
    local gx = x_of(2.0 ^ e)
    put('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="%s"/>', gx, top - 8, gx, bottom,
      e == 0 and "#c0392b" or "#e4e4e4", e == 0 and "2" or "1")
    local label = e == 0 and "lwt" or e > 0 and ("%d ×"):format(2 ^ e) or ("1/%d"):format(2 ^ -e)
    put('<text x="%.1f" y="%d" text-anchor="middle" fill="%s">%s</text>', gx, top - 14,
      e == 0 and "#c0392b" or "#777", label)
  end
  for i, g in ipairs(groups) do
    local y = top + step * (i - 1) + step / 2
    if i % 2 == 1 then
      put('<rect x="0" y="%.1f" width="%d" height="%d" fill="#000000" fill-opacity="0.03"/>', y - step / 2, width, step)
    end
    put('<text x="%d" y="%.1f" text-anchor="end" fill="#222">%s</text>', left - 12, y + 4, escape(g.title))
    for _, f in ipairs(g.figures) do
      if f.lwt_speed and colours[f.peer] then
        local speed = 1 / f.lwt_speed
        local cx = x_of(speed)
        put('<circle cx="%.1f" cy="%.1f" r="5.5" fill="%s" fill-opacity="0.85">'
          .. '<title>%s: %.2f times as fast as lwt</title></circle>',
          cx, y, colours[f.peer], escape(f.who), speed)
        if speed < low or speed > high then
          put('<text x="%.1f" y="%.1f" text-anchor="%s" font-size="10" fill="#555">%s</text>',
            speed < low and cx + 9 or cx - 9, y - 7, speed < low and "start" or "end",
            speed < low and ("1/%.0f"):format(1 / speed) or ("%.0f ×"):format(speed))
        end
      end
    end
  end
  local noise = result.noise
  put('<text x="20" y="%d" fill="#777">%s; the machine was %s</text>', bottom + 26, os.date "%Y-%m-%d",
    noise and noise.word or "idle")
  put '</svg>'
  return table.concat(out, "\n") .. "\n"
end

return M

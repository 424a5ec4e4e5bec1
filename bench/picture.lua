-- The picture of a group, as SVG: a line for each row, a dot for each peer. How far a dot is to the right of lwt's line
-- is how many times as fast as lwt that peer is; to the left it is slower. A logarithmic scale. A row whose figures
-- stand beside another one than lwt's has a line for each of them, with that one in the place of lwt's line.

local M = {}

local width, left, right, top, step = 1000, 250, 40, 112, 34
local low, high = 1 / 32, 32 -- what lies outside is drawn at the edge, with its figure beside it

local colours = {
  lwt = "#c0392b", limit_c = "#8a8a8a", lua = "#1f4e9c", libuv = "#222222", luv = "#1b9e77", cqueues = "#66a61e",
  copas = "#b8a000", lwt_ocaml = "#d95f02", node = "#7570b3", uvloop = "#e7298a", glib = "#1b6e9e", go = "#00a0c0",
  python = "#8c564b", luasec = "#3d5a80", lualogging = "#6b8e23", readline = "#555588",
}

local function escape(s) return (s:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" })) end

local function x_of(speed)
  local v = math.max(low, math.min(high, speed))
  return left + (width - left - right) * (math.log(v) - math.log(low)) / (math.log(high) - math.log(low))
end

-- The lines of the picture: a label, and the figures on it.
local function lines_of(list)
  local lines = {}
  for _, g in ipairs(list) do
    local line = { label = g.title, base = "lwt", figures = {} }
    for _, f in ipairs(g.figures) do
      if f.speed and colours[f.peer] then
        local base = g.row.beside
        if base then
          lines[#lines + 1] = { label = ("%s (line: %s)"):format(f.who, base), base = base, figures = { f } }
        elseif f.peer ~= "lwt" then
          line.figures[#line.figures + 1] = f
        end
      end
    end
    if line.figures[1] then lines[#lines + 1] = line end
  end
  return lines
end

local function legend(put, lines, peers)
  local there, x = {}, 20
  for _, line in ipairs(lines) do
    for _, f in ipairs(line.figures) do there[f.peer] = true end
  end
  local names = { { "lwt", "lwt" }, table.unpack(peers) }
  for _, p in ipairs(names) do
    if there[p[1]] then
      put('<circle cx="%.1f" cy="68" r="5" fill="%s"/>', x + 5, colours[p[1]])
      put('<text x="%.1f" y="72" fill="#333">%s</text>', x + 14, escape(p[2]))
      x = x + 34 + 7 * #p[2]
    end
  end
end

local function scale(put, bottom)
  for e = -5, 5 do
    local gx = x_of(2.0 ^ e)
    put('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="%s"/>', gx, top - 8, gx, bottom,
      e == 0 and colours.lwt or "#e4e4e4", e == 0 and "2" or "1")
    local label = e == 0 and "1" or e > 0 and ("%d ×"):format(2 ^ e) or ("1/%d"):format(2 ^ -e)
    put('<text x="%.1f" y="%d" text-anchor="middle" fill="%s">%s</text>', gx, top - 14,
      e == 0 and colours.lwt or "#777", label)
  end
end

local function dot(put, f, base, y)
  local speed = 1 / f.speed
  local cx = x_of(speed)
  put('<circle cx="%.1f" cy="%.1f" r="5.5" fill="%s" fill-opacity="0.85">'
    .. '<title>%s: %.2f times as fast as %s</title></circle>',
    cx, y, colours[f.peer], escape(f.who), speed, escape(base))
  if speed < low or speed > high then
    put('<text x="%.1f" y="%.1f" text-anchor="%s" font-size="10" fill="#555">%s</text>',
      speed < low and cx + 9 or cx - 9, y - 7, speed < low and "start" or "end",
      speed < low and ("1/%.0f"):format(1 / speed) or ("%.0f ×"):format(speed))
  end
end

--- The picture of what came out for the rows of a group, or nil when there is nothing to be shown beside another.
function M.draw(group, list, result)
  local lines = lines_of(list)
  if #lines == 0 then return nil end
  local bottom = top + step * #lines
  local height = bottom + 40
  local out = {}
  local function put(fmt, ...) out[#out + 1] = select("#", ...) > 0 and fmt:format(...) or fmt end
  put('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
    .. 'font-family="Helvetica, Arial, sans-serif" font-size="12">', width, height, width, height)
  put '<rect width="100%" height="100%" fill="#ffffff"/>'
  put('<text x="20" y="28" font-size="18" font-weight="bold" fill="#222">%s</text>', escape(group.title))
  put('<text x="20" y="48" fill="#555">%s</text>',
    "The line is lwt, unless said. To its right: faster, or smaller; to its left: slower, or larger.")
  legend(put, lines, result.peers)
  scale(put, bottom)
  for i, line in ipairs(lines) do
    local y = top + step * (i - 1) + step / 2
    if i % 2 == 1 then
      put('<rect x="0" y="%.1f" width="%d" height="%d" fill="#000000" fill-opacity="0.03"/>', y - step / 2, width, step)
    end
    put('<text x="%d" y="%.1f" text-anchor="end" fill="#222">%s</text>', left - 12, y + 4, escape(line.label))
    for _, f in ipairs(line.figures) do dot(put, f, line.base, y) end
  end
  local noise = result.noise
  put('<text x="20" y="%d" fill="#777">%s; medians of %s, all in turn; the machine was %s</text>',
    bottom + 26, os.date "%Y-%m-%d", result.rounds == 1 and "one round" or ("up to %d rounds"):format(result.rounds),
    noise and noise.word or "idle")
  put '</svg>'
  return table.concat(out, "\n") .. "\n"
end

return M

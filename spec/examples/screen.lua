-- A program of its own for spec/examples/downloads_spec.lua, with lgi: what a display shows.
--
--   screen.lua shot PATH WIDTH HEIGHT      a picture of the display's upper left corner
--   screen.lua compare PATH OTHER          how far apart two pictures are, of 255, in blocks of 8 × 8: the
--                                          mean, and the greatest
--   screen.lua bar PATH FROM TO            which part of the longest bar in these lines is blue
local lgi = require "lgi"
local GdkPixbuf = lgi.require("GdkPixbuf", "2.0")

local BLOCK = 8

local function load(path) return assert(GdkPixbuf.Pixbuf.new_from_file(path)) end

-- { width, height, the pixels as a string, bytes a line, bytes a pixel }
local function pixels(p)
  return { width = math.tointeger(p.width), height = math.tointeger(p.height), data = p:get_pixels(),
    stride = math.tointeger(p.rowstride), n = math.tointeger(p.n_channels) }
end

local function pixel(p, x, y)
  return p.data:byte(y * p.stride + x * p.n + 1, y * p.stride + x * p.n + 3)
end

local function block(p, x0, y0)
  local sum = { 0, 0, 0 }
  for y = y0, y0 + BLOCK - 1 do
    for x = x0, x0 + BLOCK - 1 do
      local r, g, b = pixel(p, x, y)
      sum[1], sum[2], sum[3] = sum[1] + r, sum[2] + g, sum[3] + b
    end
  end
  return sum
end

local commands = {}

function commands.shot(path, width, height)
  local Gdk = lgi.require("Gdk", "3.0")
  Gdk.init {}
  local shot = Gdk.pixbuf_get_from_window(Gdk.get_default_root_window(), 0, 0, tonumber(width), tonumber(height))
  assert(shot:savev(path, "png", {}, {}))
end

function commands.compare(path, other)
  local a, b = pixels(load(path)), pixels(load(other))
  assert(a.width == b.width and a.height == b.height, "pictures of different sizes")
  local total, greatest, n = 0, 0, 0
  for y = 0, a.height - BLOCK, BLOCK do
    for x = 0, a.width - BLOCK, BLOCK do
      local one, two, far = block(a, x, y), block(b, x, y), 0
      for i = 1, 3 do far = math.max(far, math.abs(one[i] - two[i]) / (BLOCK * BLOCK)) end
      total, greatest, n = total + far, math.max(greatest, far), n + 1
    end
  end
  print(("%.2f %.2f"):format(total / n, greatest))
end

local function is_blue(p, x, y)
  local r, _, b = pixel(p, x, y)
  return b - r > 80
end

-- A bar is a line that begins blue and ends grey, with nothing else between.
function commands.bar(path, from_line, to_line)
  local p, longest, part = pixels(load(path)), 0, 0
  for y = tonumber(from_line), tonumber(to_line) do
    local from, to = nil, 0
    for x = 0, p.width - 1 do
      if is_blue(p, x, y) then from, to = from or x, x end
    end
    local grey = to + 3 -- beyond the edge of what is blue
    local colour = from and grey < p.width and table.concat({ pixel(p, grey, y) }, " ")
    local last = grey
    while colour and last + 1 < p.width and table.concat({ pixel(p, last + 1, y) }, " ") == colour do
      last = last + 1
    end
    if from and to - from > 3 and last - grey > 3 and last - from > longest then
      longest, part = last - from, (to - from) / (last - from)
    end
  end
  print(("%.3f"):format(part))
end

commands[arg[1]](table.unpack(arg, 2))

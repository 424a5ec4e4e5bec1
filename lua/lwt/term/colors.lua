-- How many colours a terminal has, and colours for terminals that have fewer.

local M = {}

local MANY = 16777216

-- What FORCE_COLOR or CLICOLOR_FORCE asks for: nil (nothing), 0, 16, 256, MANY, or "some".
local function forced(getenv)
  local value = getenv "FORCE_COLOR"
  if not value or value == "" then value = getenv "CLICOLOR_FORCE" end
  if not value or value == "" then return nil end
  if value == "0" or value == "false" then return 0 end
  return ({ ["1"] = 16, ["2"] = 256, ["3"] = MANY })[value] or "some"
end

local function of_terminal(getenv)
  local colorterm, name = getenv "COLORTERM" or "", getenv "TERM" or ""
  if colorterm == "truecolor" or colorterm == "24bit" or name:find "%-direct$" then return MANY end
  if name:find "256color" then return 256 end
  return 16
end

-- Whether it takes escape sequences at all.
function M.is_dumb(getenv)
  local name = getenv "TERM"
  return not name or name == "" or name == "dumb"
end

-- The number of colours: 0, 16, 256 or 16777216.
function M.number(getenv, is_tty)
  local no = getenv "NO_COLOR"
  if no and no ~= "" then return 0 end
  local force = forced(getenv)
  if force == "some" then return of_terminal(getenv) end
  if force then return force end
  if not is_tty or M.is_dumb(getenv) or getenv "CLICOLOR" == "0" then return 0 end
  return of_terminal(getenv)
end

-- Whether bold and its like are written: colours that are forced bring them along.
function M.has_styles(getenv, is_tty)
  local force = forced(getenv)
  if force and force ~= 0 then return true end
  return is_tty and not M.is_dumb(getenv)
end

-- ---- Colours ------------------------------------------------------------------

local LEVELS = { 0, 95, 135, 175, 215, 255 }
-- The first sixteen, as xterm has them.
local BASIC = {
  [0] = { 0, 0, 0 }, { 205, 0, 0 }, { 0, 205, 0 }, { 205, 205, 0 },
  { 0, 0, 238 }, { 205, 0, 205 }, { 0, 205, 205 }, { 229, 229, 229 },
  { 127, 127, 127 }, { 255, 0, 0 }, { 0, 255, 0 }, { 255, 255, 0 },
  { 92, 92, 255 }, { 255, 0, 255 }, { 0, 255, 255 }, { 255, 255, 255 },
}

local function distance(a, r, g, b)
  return (a[1] - r) ^ 2 + (a[2] - g) ^ 2 + (a[3] - b) ^ 2
end

-- The red, green and blue of a number.
local function rgb_of(number)
  if number < 16 then return BASIC[number] end
  if number >= 232 then
    local grey = 8 + (number - 232) * 10
    return { grey, grey, grey }
  end
  number = number - 16
  return { LEVELS[number // 36 + 1], LEVELS[number // 6 % 6 + 1], LEVELS[number % 6 + 1] }
end

local function nearest(r, g, b, first, last)
  local best, least = first, math.huge
  for number = first, last do
    local d = distance(rgb_of(number), r, g, b)
    if d < least then best, least = number, d end
  end
  return best
end

local known = {} -- by "r;g;b;colours": looking takes 240 steps

-- The parameters of SGR for a colour: `colour` is a number, { r, g, b } or "default"; `base` is 30 or 40.
function M.parameters(colour, base, colours)
  if colour == "default" then return tostring(base + 9) end
  if type(colour) == "table" then
    local r, g, b = colour[1], colour[2], colour[3]
    if colours >= MANY then return ("%d;2;%d;%d;%d"):format(base + 8, r, g, b) end
    local id = ("%d;%d;%d;%d"):format(r, g, b, colours)
    if not known[id] then
      known[id] = colours >= 256 and nearest(r, g, b, 16, 255) or nearest(r, g, b, 0, 15)
    end
    colour = known[id]
  elseif colour > 15 and colours < 256 then
    local c = rgb_of(colour)
    colour = nearest(c[1], c[2], c[3], 0, 15)
  end
  if colour < 8 then return tostring(base + colour) end
  if colour < 16 then return tostring(base + 52 + colour) end
  return ("%d;5;%d"):format(base + 8, colour)
end

return M

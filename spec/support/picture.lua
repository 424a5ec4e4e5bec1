-- A screen of spec.support.screen as a picture (SVG), for the guide: what a program really showed.
--
--   picture.check("doc/pictures/x.svg", on.screen)     the file has to be this picture; with LWT_PICTURES=1
--                                                      it is written

local M = {}

local WIDTH, HEIGHT, BASE, EDGE = 8, 17, 13, 10
local COLORS = {
  [0] = "#1b1d22", "#d9534f", "#57a64a", "#c99a2e", "#4f8fd9", "#b06ad0", "#2fa7a0", "#d8dae0",
  "#6b7078", "#ff7b72", "#7ee787", "#f2cc60", "#79b8ff", "#d2a8ff", "#56d4dd", "#ffffff",
}
local TEXT, BACK = "#d8dae0", "#1b1d22"

-- (Of several blanks a browser shows one, unless they are of the kind that keeps words together.)
local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", [" "] = "\u{A0}" }
local function escaped(s) return (s:gsub("[&<> ]", ESCAPES)) end

local function color(style, what)
  local n = style:match(what .. "(%d+)")
  return n and COLORS[tonumber(n)]
end

local ATTRIBUTES = {
  bold = ' font-weight="bold"', italic = ' font-style="italic"', underline = ' text-decoration="underline"',
  dim = ' opacity="0.6"',
}

-- What the style looks like: the colours, and the attributes of its text.
local function look(style)
  local fore, back = color(style, "fg") or TEXT, color(style, "bg")
  if style:find "inverse" then fore, back = back or BACK, color(style, "fg") or TEXT end
  local more = {}
  for _, name in ipairs { "bold", "italic", "underline", "dim" } do
    if style:find(name) then more[#more + 1] = ATTRIBUTES[name] end
  end
  return fore, back, table.concat(more)
end

-- Cells of one style beside each other: f(column, number of columns, text, style).
local function runs(screen, y, f)
  local x = 1
  while x <= screen.columns do
    local from, style, text = x, screen:cell(x, y).style, {}
    repeat
      text[#text + 1] = screen:cell(x, y).char
      x = x + 1
    until x > screen.columns or screen:cell(x, y).style ~= style
    f(from, x - from, table.concat(text), style)
  end
end

function M.of(screen)
  local rows = #screen:rows()
  local width, height = screen.columns * WIDTH + 2 * EDGE, rows * HEIGHT + 2 * EDGE
  local out = { ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">')
    :format(width, height, width, height),
    ('<rect width="%d" height="%d" rx="6" fill="%s"/>'):format(width, height, BACK),
    '<g font-family="monospace" font-size="13">' }
  for y = 1, rows do
    runs(screen, y, function(from, count, text, style)
      local fore, back, more = look(style)
      local left, top = EDGE + (from - 1) * WIDTH, EDGE + (y - 1) * HEIGHT
      if back then
        out[#out + 1] = ('<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>')
          :format(left, top, count * WIDTH, HEIGHT, back)
      end
      if text:find "%S" then
        local head, tail = #text:match "^ *", #text:match " *$"
        out[#out + 1] = ('<text x="%d" y="%d" textLength="%d" fill="%s"%s>%s</text>'):format(left + head * WIDTH,
          top + BASE, (count - head - tail) * WIDTH, fore, more, escaped(text:sub(head + 1, #text - tail)))
      end
    end)
  end
  if screen.visible then
    out[#out + 1] = ('<rect x="%d" y="%d" width="%d" height="%d" fill="%s" opacity="0.6"/>')
      :format(EDGE + (screen.x - 1) * WIDTH, EDGE + (screen.y - 1) * HEIGHT, WIDTH, HEIGHT, TEXT)
  end
  out[#out + 1] = "</g>\n</svg>\n"
  return table.concat(out, "\n")
end

function M.check(path, screen)
  local made = M.of(screen)
  if os.getenv "LWT_PICTURES" then
    local file = assert(io.open(path, "w"))
    file:write(made)
    file:close()
  end
  local file = assert(io.open(path))
  local kept = file:read "a"
  file:close()
  if kept ~= made then error(path .. " shows something else: LWT_PICTURES=1 writes it anew", 2) end
end

return M

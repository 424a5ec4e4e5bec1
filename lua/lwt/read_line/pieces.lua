-- Styled texts as pieces: a list of { text, style }, the style being the parameters of SGR ("" for none).
-- What is given may be a text, with escape sequences in it, or a styled list of `term`.

local clusters = require "lwt.read_line.clusters"
local style = require "lwt.term.style"

local find, sub, match = string.find, string.sub, string.match

local M = {}

-- The style after another CSI … m.
local function applied(now, parameters)
  local rest = match(parameters, "^0?;(.*)$")
  if parameters == "" or parameters == "0" then return "" end
  if rest then return rest end
  return now == "" and parameters or now .. ";" .. parameters
end

-- The length of the sequence that begins at `i` with ESC, and its parameters when it is a style.
local function sequence(s, i)
  local parameters, stop = match(s, "^\27%[([%d;]*)m()", i)
  if parameters then return stop, parameters end
  stop = match(s, "^\27%[[0-?]*[ -/]*[@-~]()", i) or match(s, "^\27[%]P_^X][^\7\27]*\27\\()", i)
    or match(s, "^\27[%]P_^X][^\7\27]*\7()", i) or match(s, "^\27[ -/]*[0-~]()", i)
  return stop or i + 1, nil
end

-- Of a text with escape sequences. (`\1` and `\2`, which mark those for readline, are left out.)
local function of_text(s)
  s = clusters.clean(s)
  if not find(s, "[\27\1\2]") then return s == "" and {} or { { s, "" } } end
  local pieces, now, i = {}, "", 1
  s = s:gsub("[\1\2]", "")
  while i <= #s do
    local at = find(s, "\27", i, true) or #s + 1
    if at > i then pieces[#pieces + 1] = { sub(s, i, at - 1), now } end
    i = at
    if at <= #s then
      local stop, parameters = sequence(s, at)
      if parameters then now = applied(now, parameters) end
      i = stop
    end
  end
  return pieces
end

-- Of a text or a styled list, for a terminal that `takes` so many colours (see term/style.lua).
function M.of(value, takes)
  if value == nil then return {} end
  if type(value) == "table" then value = style.render("prompt", value, takes) end
  local pieces = of_text(tostring(value))
  if not takes.styles then
    for _, piece in ipairs(pieces) do piece[2] = "" end
  end
  return pieces
end

function M.text(pieces)
  local parts = {}
  for i, piece in ipairs(pieces) do parts[i] = piece[1] end
  return table.concat(parts)
end

-- Where a text is styled: a list of { from, to, style }, of offsets; nil when the pieces are another text.
function M.spans(pieces, text)
  local spans, at = {}, 0
  for _, piece in ipairs(pieces) do
    local size = #piece[1]
    if sub(text, at + 1, at + size) ~= piece[1] then return nil end
    if piece[2] ~= "" then spans[#spans + 1] = { at, at + size, piece[2] } end
    at = at + size
  end
  return at == #text and spans or nil
end

-- The same with another style on top from one offset to another.
function M.overlay(spans, from, to, top)
  local result = {}
  local at = from
  for _, span in ipairs(spans) do
    local a, b, s = span[1], span[2], span[3]
    if b <= from or a >= to then
      if a >= to and at < to then
        result[#result + 1] = { at, to, top }
        at = to
      end
      result[#result + 1] = span
    else
      if a < from then result[#result + 1] = { a, from, s } end
      if a > at then result[#result + 1] = { at, a, top } end
      local first, last = math.max(a, from), math.min(b, to)
      result[#result + 1] = { first, last, s .. ";" .. top }
      at = last
      if b > to then result[#result + 1] = { to, b, s } end
    end
  end
  if at < to then
    result[#result + 1] = { at, to, top }
    table.sort(result, function(x, y) return x[1] < y[1] end)
  end
  return result
end

-- Rows of cells as a text that a terminal shows so: rows that go on are one line of it.
function M.of_rows(rows)
  local out, pen = {}, ""
  for r, row in ipairs(rows) do
    for i = 1, row.n do
      if row.t[i] ~= "" then
        if row.s[i] ~= pen then
          local begin = pen == "" and "\27[" or "\27[0;"
          out[#out + 1] = row.s[i] == "" and "\27[m" or begin .. row.s[i] .. "m"
          pen = row.s[i]
        end
        out[#out + 1] = row.t[i]
      end
    end
    if pen ~= "" and not row.soft then
      out[#out + 1] = "\27[m"
      pen = ""
    end
    if not row.soft and rows[r + 1] then out[#out + 1] = "\n" end
  end
  if pen ~= "" then out[#out + 1] = "\27[m" end
  return table.concat(out)
end

return M

-- Styles: values that stand between texts in a list, and what is written for such a list on a terminal
-- with so many colours.

local check = require "lwt.internal.args".outside "lwt.term"
local colors = require "lwt.term.colors"
local text_width = require "lwt.term.core".text_width

local M = {}

--- A colour, an attribute or a link, for `print` and its like. Joined with a string by `..` it is its escape
--- sequence.
---@class lwt.Style
---@operator concat(string|lwt.Style): string

--- The colours of the text (`term.fg`) or behind it (`term.bg`): by name, as fields; any other by a call.
---@class lwt.Palette
---@field black lwt.Style
---@field red lwt.Style
---@field green lwt.Style
---@field yellow lwt.Style
---@field blue lwt.Style
---@field magenta lwt.Style
---@field cyan lwt.Style
---@field white lwt.Style
---@field lblack lwt.Style
---@field lred lwt.Style
---@field lgreen lwt.Style
---@field lyellow lwt.Style
---@field lblue lwt.Style
---@field lmagenta lwt.Style
---@field lcyan lwt.Style
---@field lwhite lwt.Style
---@field gray lwt.Style
---@field default lwt.Style
---@overload fun(colour: integer|string, green?: integer, blue?: integer): lwt.Style

local Style = { __name = "lwt.style" }

local function style(fields) return setmetatable(fields, Style) end

local NUMBERS = {
  reset = "0", bold = "1", dim = "2", italic = "3", underline = "4", blink = "5", inverse = "7",
  hidden = "8", strike = "9",
}
M.attributes = {}
for name, number in pairs(NUMBERS) do
  M.attributes[name] = style { number = number, name = name }
end

local COLOURS = { default = "default", gray = 8, grey = 8 }
for i, name in ipairs { "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white" } do
  COLOURS[name], COLOURS["l" .. name] = i - 1, i + 7
end

-- "#39f" and "#3399ff".
local function of_hex(text)
  local r, g, b = text:match "^#(%x%x)(%x%x)(%x%x)$"
  if not r then
    r, g, b = text:match "^#(%x)(%x)(%x)$"
    if not r then return nil end
    r, g, b = r .. r, g .. g, b .. b
  end
  return { tonumber(r, 16), tonumber(g, 16), tonumber(b, 16) }
end

local function component(arg, name, value)
  value = check.integer(arg, name, value, 0)
  if value > 255 then check.bad(arg, name, "must be at most 255, got " .. value) end
  return value
end

local function colour_of(name, a, b, c)
  if type(a) == "string" then
    local colour = COLOURS[a] or of_hex(a)
    if not colour then check.bad(1, name, ("no colour is called '%s'"):format(a)) end
    return colour
  end
  a = component(1, name, a)
  if b == nil and c == nil then return a end
  return { a, component(2, name, b), component(3, name, c) }
end

-- `fg` and `bg`: tables of the named ones, and functions for all others.
local function family(name, base)
  local t = {}
  for colour, value in pairs(COLOURS) do t[colour] = style { colour = value, base = base } end
  return setmetatable(t, {
    __name = "lwt.colors",
    __call = function(_, ...) return style { colour = colour_of(name, ...), base = base } end,
  })
end

M.fg, M.bg = family("fg", 30), family("bg", 40)

--- A link: what follows in the list leads to `url` where the terminal can show that, up to
--- `term.link()` or `term.reset`. With a text, a list of both, which ends the link as well.
---@param url string? nil: the link ends
---@param text any? a text, or a styled list
---@return lwt.Style|table
---```lua
---print(term.strip(tostring(term.link "https://lua.org") .. "Lua" .. tostring(term.link())))   --> Lua
---```
---@function term.link(url, text)
function M.link(url, text)
  if url == nil then return style { url = "" } end
  check.type(1, "link", url, "string")
  if url:find "[%c\x80-\xFF]" then check.bad(1, "link", "a byte that no address may have") end
  if text == nil then return style { url = url } end
  return { style { url = url }, text, style { url = "" } }
end

-- ---- Writing ---------------------------------------------------------------------

-- What a terminal takes: { colours =, styles = true|false }.
local FULL = { colours = 16777216, styles = true }
M.NONE = { colours = 0, styles = false }

-- The parameters of SGR for a style, or nil where it is left out.
local function parameters(s, takes)
  if s.number then return s.number end
  if not s.colour or takes.colours == 0 then return nil end
  return colors.parameters(s.colour, s.base, takes.colours)
end

local function flush_codes(out, codes)
  if #codes == 0 then return end
  out[#out + 1] = "\27[" .. table.concat(codes, ";") .. "m"
  for i = #codes, 1, -1 do codes[i] = nil end
end

local function link_text(state, url)
  state.linked = url ~= ""
  return "\27]8;;" .. url .. "\27\\"
end

local function add_style(out, codes, s, takes, state)
  if not takes.styles then return end
  if s.url then
    flush_codes(out, codes)
    out[#out + 1] = link_text(state, s.url)
    return
  end
  if s.name == "reset" and state.linked then
    flush_codes(out, codes)
    out[#out + 1] = link_text(state, "")
  end
  local p = parameters(s, takes)
  if not p then return end
  if p == "0" then
    for i = #codes, 1, -1 do codes[i] = nil end
  end
  codes[#codes + 1] = p
  state.styled = p ~= "0"
end

local function walk(out, codes, list, takes, state, name)
  for i = 1, #list do
    local item = list[i]
    local kind = type(item)
    if kind == "string" or kind == "number" then
      local text = tostring(item)
      if text ~= "" then
        flush_codes(out, codes)
        out[#out + 1] = takes.styles and text or M.strip(text)
        if text:find("\27", 1, true) then state.styled = true end
      end
    elseif getmetatable(item) == Style then
      add_style(out, codes, item, takes, state)
    elseif kind == "table" then
      walk(out, codes, item, takes, state, name)
    else
      check.bad(1, name, ("text or style expected, got %s"):format(kind))
    end
  end
end

-- The text of a styled list (or of a plain one). With `reset` no style is left at its end.
function M.render(name, list, takes, reset)
  local out, codes, state = {}, {}, {}
  if type(list) ~= "table" or getmetatable(list) == Style then list = { list } end
  walk(out, codes, list, takes, state, name)
  flush_codes(out, codes)
  if reset and state.linked then out[#out + 1] = link_text(state, "") end
  if reset and state.styled and takes.styles then out[#out + 1] = "\27[m" end
  return table.concat(out)
end

function Style.__tostring(s) return M.render("tostring", { s }, FULL) end

-- A style in front of or behind a text, as a text with escape sequences.
function Style.__concat(a, b) return tostring(a) .. tostring(b) end

-- ---- Reading ---------------------------------------------------------------------

--- A text without styles, links and any other escape sequence. What is in a styled list is put
--- together.
---@param s string|table a text, or a styled list
---@return string
---```lua
---print(term.strip "\27[1;31mred\27[0m", term.strip { term.bold, "b", 1 })   --> red	b1
---```
---@function term.strip(s)
function M.strip(s)
  if type(s) == "table" then s = M.render("strip", s, M.NONE) end
  check.type(1, "strip", s, "string")
  if not s:find("\27", 1, true) then return s end
  s = s:gsub("\27[]P_^X][^\7\27]*\27\\", ""):gsub("\27[]P_^X][^\7\27]*\7", "")
  s = s:gsub("\27%[[0-?]*[ -/]*[@-~]", ""):gsub("\27[ -/]*[0-~]", "")
  return (s:gsub("\27", ""))
end

--- How many columns a text takes on a terminal: as `lwt.text.width`, without the escape sequences.
---@param s string|table a text, or a styled list
---@return integer
---```lua
---print(term.width { term.bold, "日本", term.reset, "!" })   --> 5
---```
---@function term.width(s)
function M.width(s)
  if type(s) ~= "table" then check.type(1, "width", s, "string") end
  return text_width(M.strip(s))
end

function M.is_style(value) return getmetatable(value) == Style end

return M

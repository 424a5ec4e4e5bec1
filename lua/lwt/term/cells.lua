-- A text with escape sequences as a row of cells, for comparing with what is on the screen.
--
-- A row has, for each of its `n` columns, `t`: the character ("" in the second column of a wide one),
-- and `s`: its style (the parameters of SGR, "" for none). `doubtful`: after which columns the cursor may
-- be elsewhere, because terminals differ in how wide that is. Rows are never changed once they are made.

local core = require "lwt.term.core"

local M = {}

-- Which parameters take the place of which: those of one group exclude each other.
local GROUP = {
  [39] = "38", [49] = "48", [22] = "1", [23] = "3", [24] = "4", [25] = "5", [27] = "7", [28] = "8",
  [29] = "9",
}

local function group_of(n)
  if n >= 30 and n <= 38 or n >= 90 and n <= 97 then return "38" end
  if n >= 40 and n <= 48 or n >= 100 and n <= 107 then return "48" end
  return tostring(n)
end

-- The style after SGR with these parameters; a style is a list of { group, parameters }.
local function apply(style, parameters)
  local list = {}
  for n in parameters:gmatch "[^;]+" do list[#list + 1] = math.tointeger(tonumber(n)) or 0 end
  if not list[1] then return {} end
  local i = 1
  while i <= #list do
    local n = list[i]
    if n == 0 then
      style = {}
    else
      local from = i
      if n == 38 or n == 48 then i = i + (list[i + 1] == 5 and 2 or 4) end
      local group, kept = GROUP[n] or group_of(n), {}
      for _, part in ipairs(style) do
        if part[1] ~= group and not (n == 22 and part[1] == "2") then kept[#kept + 1] = part end
      end
      local own = table.concat(list, ";", from, math.min(i, #list))
      if not GROUP[n] then kept[#kept + 1] = { group, own } end
      style = kept
    end
    i = i + 1
  end
  return style
end

local function parameters_of(style)
  local parts = {}
  for i, part in ipairs(style) do parts[i] = part[2] end
  return table.concat(parts, ";")
end

local function is_doubtful(c)
  return c:find "^\xF0\x9F" ~= nil or c:find("\u{200D}", 1, true) ~= nil
    or c:find("\u{FE0F}", 1, true) ~= nil
end

local function add(row, c, style, columns)
  local width = core.text_width(c)
  if width == 0 and c:find "^%c$" then c, width = "?", 1 end -- nothing that would move the cursor
  if width == 0 then
    if row.n > 0 then row.t[row.n] = row.t[row.n] .. c end
    return true
  end
  if row.n + width > columns then return false end
  row.t[row.n + 1], row.s[row.n + 1] = c, style
  for i = 2, width do row.t[row.n + i], row.s[row.n + i] = "", style end
  row.n = row.n + width
  if is_doubtful(c) then row.doubtful[row.n] = true end
  return true
end

-- The row of a line: what does not fit into `columns` is left out.
function M.row(line, columns)
  local row = { t = {}, s = {}, n = 0, doubtful = {} }
  local style, parameters = {}, ""
  local i = 1
  while i <= #line do
    local at = line:match("^\27%[[%d;]*()m", i)
    if at then
      style = apply(style, line:sub(i + 2, at - 1))
      parameters = parameters_of(style)
      i = at + 1
    else
      local stop = line:find("\27", i, true) or #line + 1
      if stop == i then -- another sequence: it has no place in a row
        local rest = line:sub(i)
        i = i + math.max(1, #rest - #(rest:gsub("^\27%][^\7\27]*\27\\", "", 1)
          :gsub("^\27%][^\7\27]*\7", "", 1):gsub("^\27%[[0-?]*[ -/]*[@-~]", "", 1)))
      else
        for c in core.text_graphemes(line:sub(i, stop - 1):gsub("\t", "    ")) do
          if not add(row, c, parameters, columns) then return row end
        end
        i = stop
      end
    end
  end
  return row
end

return M

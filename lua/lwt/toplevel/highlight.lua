-- The colours of a text that is typed, and the bracket that belongs to the one at the cursor.

local source = require "lwt.toplevel.source"

local M = {}

local CONSTANTS = { ["nil"] = true, ["true"] = true, ["false"] = true }
local COLOURS = { keyword = "35", string = "32", open = "32", number = "36", comment = "2" }
local MATCH = "1;4"

local OPENING = { ["("] = true, ["["] = true, ["{"] = true }
local CLOSING = { [")"] = "(", ["]"] = "[", ["}"] = "{" }

-- The two brackets, one of which is at the cursor or before it, as offsets of their bytes.
local function matching(text, code, cursor)
  local open = {}
  for _, token in ipairs(code) do
    local s = token[1] == "op" and text:sub(token[2], token[3])
    if OPENING[s] then
      open[#open + 1] = { s, token[2] }
    elseif CLOSING[s] then
      local last = table.remove(open)
      if not last or last[1] ~= CLOSING[s] then return nil end
      local from, to = last[2], token[2]
      if from == cursor + 1 or to == cursor or to == cursor + 1 then return from, to end
    end
  end
  return nil
end

-- The same text with escape sequences; nil where there may be some in it.
function M.text(text, cursor)
  if text:find "\27" then return nil end
  local tokens = source.tokens(text)
  local from, to = matching(text, tokens, cursor)
  local out, at = {}, 1
  for _, token in ipairs(tokens) do
    local s = text:sub(token[2], token[3])
    local colour = COLOURS[token[1]]
    if CONSTANTS[s] then colour = COLOURS.number end
    if token[2] == from or token[2] == to then colour = MATCH end
    out[#out + 1] = text:sub(at, token[2] - 1)
    out[#out + 1] = colour and ("\27[%sm%s\27[m"):format(colour, s) or s
    at = token[3] + 1
  end
  out[#out + 1] = text:sub(at)
  return table.concat(out)
end

return M

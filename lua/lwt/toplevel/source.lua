-- Lua source text as tokens: what the chunk (names of locals, `return`), the colours, the brackets and the
-- completion need to know of it. It takes any text, finished or not.
--
-- A token is { kind, from, to }: "name" "keyword" "number" "string" "comment" "op", or "open" for a string or
-- comment that has no end. `level` is the level of a long bracket.

local find, sub, match = string.find, string.sub, string.match

local M = {}

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or
  repeat return then true until while]]):gmatch "%S+" do
  KEYWORDS[word] = true
end
M.keywords = KEYWORDS

local OPERATORS = {
  "^%.%.%.", "^%.%.", "^::", "^==", "^~=", "^<=", "^>=", "^//", "^<<", "^>>", "^.",
}

-- Where the long bracket that begins at `i` ends, or nil; nil, nil when there is none there.
local function long_bracket(text, i)
  local level = match(text, "^%[(=*)%[", i)
  if not level then return nil end
  local _, stop = find(text, "]" .. level .. "]", i + #level + 2, true)
  return true, stop
end

local function short_string(text, i)
  local quote, at = sub(text, i, i), i + 1
  while true do
    local stop = find(text, "[\\\n" .. quote .. "]", at)
    if not stop then return nil, #text end
    local c = sub(text, stop, stop)
    if c == quote then return stop end
    if c == "\n" then return nil, stop - 1 end
    at = match(text, "^z%s*()", stop + 1) or stop + 2
  end
end

local function comment(text, i)
  local long, stop = long_bracket(text, i + 2)
  if long then return stop and "comment" or "open", stop or #text end
  return "comment", (find(text, "\n", i, true) or #text + 1) - 1
end

local function number(text, i)
  local _, stop = find(text, "^0[xX][%x.]*[pP]?[+-]?%x*", i)
  if stop and not find(sub(text, i, stop), "[pP]") then _, stop = find(text, "^0[xX][%x.]*", i) end
  if not stop then
    _, stop = find(text, "^%d*%.?%d*[eE][+-]?%d*", i)
    if not stop then _, stop = find(text, "^%d*%.?%d*", i) end
  end
  return stop
end

-- The token that begins at `i`: its kind and its last byte.
local function token_at(text, i)
  local _, stop = find(text, "^[%a_\128-\255][%w_\128-\255]*", i)
  if stop then return KEYWORDS[sub(text, i, stop)] and "keyword" or "name", stop end
  if find(text, "^%.?%d", i) then return "number", number(text, i) end
  local c = sub(text, i, i)
  if c == '"' or c == "'" then
    local last
    stop, last = short_string(text, i)
    if stop then return "string", stop end
    return "open", last
  end
  if find(text, "^%-%-", i) then return comment(text, i) end
  if c == "[" then
    local long, at = long_bracket(text, i)
    if long then return at and "string" or "open", at or #text end
  end
  for _, pattern in ipairs(OPERATORS) do
    _, stop = find(text, pattern, i)
    if stop then return "op", stop end
  end
  return "op", i
end

function M.tokens(text)
  local list, i = {}, 1
  if sub(text, 1, 2) == "#!" then
    i = (find(text, "\n", 1, true) or #text) + 1
  end
  while true do
    i = find(text, "%S", i)
    if not i then return list end
    local kind, stop = token_at(text, i)
    list[#list + 1] = { kind, i, stop }
    i = stop + 1
  end
end

function M.text_of(text, token) return sub(text, token[2], token[3]) end

-- Those that mean something, with their text as the fourth element.
function M.code(text)
  local list = {}
  for _, token in ipairs(M.tokens(text)) do
    if token[1] ~= "comment" then
      token[4] = sub(text, token[2], token[3])
      list[#list + 1] = token
    end
  end
  return list
end

local STEPS = {}
for word in ("function do if repeat ( { ["):gmatch "%S+" do STEPS[word] = 1 end
for word in ("end until ) } ]"):gmatch "%S+" do STEPS[word] = -1 end

-- How much deeper the code is behind a token.
function M.step(token)
  if token[1] ~= "keyword" and token[1] ~= "op" then return 0 end
  return STEPS[token[4]] or 0
end

-- How deep the code is in blocks and brackets at its end.
function M.depth(text)
  local depth = 0
  for _, token in ipairs(M.code(text)) do depth = depth + M.step(token) end
  return depth
end

-- The local variables that are declared outside of all blocks, in order, { name =, attrib = }; the `return`
-- there is, if any; where the attribs <close> are.
function M.top_level(text)
  local code, depth = M.code(text), 0
  local tokens = M.tokens(text)
  local found = { locals = {}, closes = {} }
  found.in_comment = tokens[1] ~= nil and tokens[#tokens][1] == "comment"
  local i = 1
  while i <= #code do
    local token = code[i]
    if depth == 0 and token[1] == "keyword" and token[4] == "return" then
      found.return_at = token[2]
    elseif depth == 0 and token[1] == "keyword" and token[4] == "local" then
      local following = code[i + 1]
      if following and following[4] == "function" then
        local name = code[i + 2]
        if name then found.locals[#found.locals + 1] = { name = name[4] } end
      else
        local k = i + 1
        while code[k] and code[k][1] == "name" do
          local variable = { name = code[k][4] }
          found.locals[#found.locals + 1] = variable
          k = k + 1
          if code[k] and code[k][4] == "<" and code[k + 1] then
            variable.attrib = code[k + 1][4]
            if variable.attrib == "close" then found.closes[#found.closes + 1] = code[k + 1][2] end
            k = k + 3
          end
          if not code[k] or code[k][4] ~= "," then break end
          k = k + 1
        end
        i = k - 1
      end
    end
    depth = depth + M.step(token)
    i = i + 1
  end
  return found
end

-- All names in the text.
function M.names(text)
  local names = {}
  for _, token in ipairs(M.tokens(text)) do
    if token[1] == "name" then names[sub(text, token[2], token[3])] = true end
  end
  return names
end

return M

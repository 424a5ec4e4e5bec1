-- Internal: rules, which give sections their levels by their names.
--
-- A list of { pattern =, level =, pieces = }; the first whose pattern matches decides. A pattern is
-- the text between its `*`, of which each stands for any text. The pieces between them are looked for
-- one after another and each as far left as it is found, which is enough (whatever comes after has
-- the most room then) and takes no time worth speaking of, whatever the pattern.

local levels = require "lwt.log.levels"

local M = {}

local function pieces_of(pattern)
  local pieces = {}
  for piece in (pattern .. "*"):gmatch "([^*]*)%*" do pieces[#pieces + 1] = piece end
  return pieces
end

-- Does the name match what lies between the stars?
local function matches(pieces, name)
  local last = #pieces
  if last == 1 then return name == pieces[1] end
  local first_end, tail = #pieces[1], pieces[last]
  if name:sub(1, first_end) ~= pieces[1] then return false end
  local at, stop = first_end + 1, #name - #tail
  if stop < at - 1 or name:sub(stop + 1) ~= tail then return false end
  for i = 2, last - 1 do
    local from, to = name:find(pieces[i], at, true)
    if not from or to > stop then return false end
    at = to + 1
  end
  return true
end

-- A rule for names that match `pattern`.
function M.rule(pattern, level)
  return { pattern = pattern, level = level, pieces = pieces_of(pattern) }
end

-- The level that the rules give to a name, or nil.
function M.level(rules, name)
  for i = 1, #rules do
    local rule = rules[i]
    if matches(rule.pieces, name) then return rule.level end
  end
  return nil
end

-- What is wrong with a pattern, or nil.
function M.wrong_pattern(pattern)
  if pattern == "" then return "no pattern" end
  if pattern:find "%s" then return "a pattern has no blanks" end
  return nil
end

local function item(text)
  local pattern, word = text:match "^(.-)%s*%->%s*(.-)$"
  if not pattern then pattern, word = "*", text end
  local level = levels.number(word)
  local wrong = word:find("->", 1, true) and "'->' twice: is there a ';' missing?"
    or M.wrong_pattern(pattern)
  if not wrong and not level then wrong = levels.complaint(word) end
  if wrong then return nil, wrong end
  return M.rule(pattern, level)
end

-- The list of rules that a text says, or nil and what is wrong with it, and where.
function M.parse(text)
  local rules, line, line_at, at = {}, 1, 1, 1
  while at <= #text do
    local stop = text:find("[;\n]", at) or #text + 1
    local from = text:find("%S", at)
    if from and from < stop then
      local rule, wrong = item((text:sub(from, stop - 1):gsub("%s+$", "")))
      if not rule then
        return nil, ("line %d, column %d: '%s': %s"):format(line, from - line_at + 1,
          text:sub(from, stop - 1), wrong)
      end
      rules[#rules + 1] = rule
    end
    if text:sub(stop, stop) == "\n" then line, line_at = line + 1, stop + 1 end
    at = stop + 1
  end
  return rules
end

return M

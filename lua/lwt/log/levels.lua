-- Internal: the levels of lwt.log, as numbers (1, debug, to 6, fatal) and as words.

local M = { "debug", "info", "notice", "warning", "error", "fatal" }

local number = {}
for n, name in ipairs(M) do number[name] = n end

-- The number of a level, which may be written in capitals; nil for anything else.
function M.number(word)
  if type(word) ~= "string" then return nil end
  return number[word] or number[word:lower()]
end

M.NOTICE = number.notice -- of a section for which no level is set
M.WARNING = number.warning
M.ERROR = number.error

-- The error for a word that is none.
function M.complaint(word)
  if type(word) ~= "string" then return "level expected, got " .. type(word) end
  return ("no level '%s' (debug, info, notice, warning, error or fatal)"):format(word)
end

return M

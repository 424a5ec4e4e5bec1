-- The line editor of a session: what it is given.

local M = {}

function M.options(s, terminal, history)
  return {
    prompt = "> ", term = terminal, history = history or nil,
    multiline = function(text) return s:incomplete(text) end,
  }
end

return M

-- What the parts of lwt.text share: its table, the metatable of text channels, errors.

local core = require "lwt.term.core"

local C = { public = {}, mt = { __name = "lwt.text.channel" } }

local function malformed(what, op, at)
  local err = core.text_error("EILSEQ", ("%s at byte %d"):format(what, at), op)
  err.at = at
  return err
end

-- The error for what is no text of that encoding, and for a character that it has not.
function C.undecodable(encoding, op, at) return malformed("what is not " .. encoding, op, at) end
function C.unencodable(encoding, op, at)
  return malformed("a character that is not in " .. encoding, op, at)
end

return C

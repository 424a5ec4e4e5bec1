-- What the parts of lwt.text share: its table, the metatable of text channels, errors.

local args = require "lwt.internal.args"
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

-- Argument 1 is a text channel that is not over, and which can read or write where `side` says so.
-- Called straight from the public function.
function C.check_channel(t, name, side)
  if getmetatable(t) ~= C.mt then args.wrong(1, name, "lwt.text.channel", t, 1) end
  if t.over then error("the atomic of this text channel is over", 3) end
  if side and t[side] == nil then
    error(("'%s': this text channel does not %s"):format(name, side == "reader" and "read" or
      "write"), 3)
  end
end

return C

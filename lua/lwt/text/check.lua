-- Arguments of lwt.text. What is wrong is told at the line that called the public function, which
-- calls these itself (never as a tail call).

local args = require "lwt.internal.args"
local core = require "lwt.term.core"

local name_of = args.type_name

local M = {}

-- bad(2, "make", "unknown option 'x'"): the object of a method call is no argument of its own.
local function bad(arg, name, message, level)
  if debug.getinfo(level - 1, "n").namewhat == "method" then arg = arg - 1 end
  if arg == 0 then
    error(("calling '%s' on bad self (%s)"):format(name, message), level)
  end
  error(("bad argument #%d to '%s' (%s)"):format(arg, name, message), level)
end

-- `deeper`: how many functions of ours are between these and the public one.
function M.bad(arg, name, message, deeper) bad(arg, name, message, 4 + (deeper or 0)) end

local function wrong(arg, name, expected, value, deeper)
  bad(arg, name, ("%s expected, got %s"):format(expected, name_of(value)), 5 + (deeper or 0))
end

function M.string(arg, name, value, deeper)
  if type(value) ~= "string" and type(value) ~= "number" then
    wrong(arg, name, "string", value, deeper)
  end
end

function M.callable(arg, name, value, deeper)
  if not args.is_callable(value) then
    wrong(arg, name, "function", value, deeper)
  end
end

-- The text channel, which must be able to read or write where `side` says so.
function M.channel(t, name, mt, side)
  if getmetatable(t) ~= mt then wrong(1, name, "lwt.text.channel", t) end
  if t.over then error("the atomic of this text channel is over", 3) end
  if side and t[side] == nil then
    error(("'%s': this text channel does not %s"):format(name, side == "reader" and "read" or
      "write"), 3)
  end
end

-- encoding, strict, and the other options: of a table of options, or nil. The encoding is that of
-- the locale where none is given.
function M.coding(arg, name, opts)
  if opts == nil then opts = {} end
  if type(opts) ~= "table" then wrong(arg, name, "table", opts) end
  local strict, encoding, rest = opts.strict, opts.encoding, nil
  if strict ~= nil and type(strict) ~= "boolean" then
    bad(arg, name, "option 'strict': boolean expected, got " .. name_of(strict), 4)
  end
  if encoding ~= nil and type(encoding) ~= "string" then
    bad(arg, name, "option 'encoding': string expected, got " .. name_of(encoding), 4)
  end
  for key, value in pairs(opts) do
    if key ~= "strict" and key ~= "encoding" then
      rest = rest or {}
      rest[key] = value
    end
  end
  encoding = encoding or core.text_locale()
  if not core.text_encoding_of(encoding) then
    bad(arg, name, ("option 'encoding': unknown encoding '%s'"):format(encoding), 4)
  end
  return encoding, strict or false, rest
end

return M

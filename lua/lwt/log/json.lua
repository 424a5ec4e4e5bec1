-- Internal: loggers that write a JSON object a line.

local args = require "lwt.internal.args"
local channel = require "lwt.log.channel"
local file = require "lwt.log.file"
local text = require "lwt.log.text"
local time = require "lwt.log.time"

local json_string, concat = text.json_string, table.concat

local M = {}

local DEEP = 8 -- tables in tables

local value_of

-- A table of fields inside a field: a list where it is one, else an object.
local function table_of(t, depth)
  local out, n = {}, #t
  if n > 0 then
    for i = 1, n do out[i] = value_of(t[i], depth) end
    return "[" .. concat(out, ",") .. "]"
  end
  local keys, values = text.sorted(t)
  for i, key in ipairs(keys) do out[i] = json_string(key) .. ":" .. value_of(values[key], depth) end
  return "{" .. concat(out, ",") .. "}"
end

-- Any value as JSON. What JSON has not (functions, objects, numbers that are none, tables in one another
-- without an end) is its text.
function value_of(value, depth)
  local kind = type(value)
  if kind == "string" then return json_string(value) end
  if kind == "boolean" then return tostring(value) end
  if math.type(value) == "integer" then return ("%d"):format(value) end
  if kind == "number" and value == value and value ~= math.huge and value ~= -math.huge then
    local digits = ("%.15g"):format(value) -- 0.1, and what needs more of them with all
    if tonumber(digits) ~= value then digits = ("%.17g"):format(value) end
    return (digits:gsub(",", "."))
  end
  if kind == "table" and depth < DEEP and getmetatable(value) == nil then
    return table_of(value, depth + 1)
  end
  if value == nil then return "null" end
  return json_string(text.safe(value))
end

local OURS = { time = true, level = true, section = true, message = true }

-- A field that is called as one of ours has an underscore in front.
local function add_fields(out, fields)
  local keys, values = text.sorted(fields)
  for _, key in ipairs(keys) do
    local name = key
    while OURS[name] or name ~= key and values[name] ~= nil do name = "_" .. name end
    out[#out + 1] = "," .. json_string(name) .. ":" .. value_of(values[key], 1)
  end
end

function M.render(section, level, message, at, fields)
  local out = {
    '{"time":"', time.utc(at), '","level":"', level, '","section":', json_string(section.name),
    ',"message":', json_string(message),
  }
  if fields then add_fields(out, fields) end
  out[#out + 1] = "}\n"
  return concat(out)
end

--- A logger that writes an object a line, for programs that read logs: `time` (UTC, `2026-11-29T21:18:38.042Z`), `level`, `section`, `message`
--- (line ends and all), and a member for each field: strings, numbers, booleans, lists and tables of them as such, anything else as its
--- text. A field with one of those four names has an underscore in front. Bytes that are no UTF-8 become U+FFFD.
---
--- With `channel` (and `close_mode`) as `log.channel`: the logger. With `path` and the other options of `log.file`, but `template`: a promise
--- of it.
---@param opts { channel?: lwt.Channel, close_mode?: "keep"|"close", path?: string, mode?: string, perm?: integer, rotate?: table, reopen?: string }
---@return lwt.Logger|lwt.Promise<lwt.Logger>
--- ```lua
--- local r, w = require "lwt.io".pipe()
--- log.set_default(log.json { channel = w })
--- log.with { user = "ann", tries = 2 }:warning("no such %s", "door")
--- print((await(r:read_line()):gsub('"time":"[^"]*",', "")))
--- --> {"level":"warning","section":"main","message":"no such door","tries":2,"user":"ann"}
--- ```
---@function lwt.log.json(opts)
function M.json(opts)
  local known = { channel = true, close_mode = true }
  for key, kind in pairs(file.OPTIONS) do known[key] = kind end
  known.template = nil
  opts = args.options(1, "json", opts, known)
  if (opts.channel == nil) == (opts.path == nil) then
    args.bad(1, "json", "one of the options 'channel' and 'path' expected")
  end
  local wrong
  if opts.channel ~= nil then
    for key in pairs(opts) do
      if file.OPTIONS[key] then wrong = ("option '%s': it is for files"):format(key) end
    end
    wrong = wrong or channel.wrong_options(opts)
    if wrong then args.bad(1, "json", wrong) end
    return channel.on(opts.channel, opts.close_mode or "keep", M.render)
  end
  wrong = opts.close_mode ~= nil and "option 'close_mode': it is for channels"
    or file.wrong_options(opts)
  if wrong then args.bad(1, "json", wrong) end
  return file.start(opts, M.render)
end

return M

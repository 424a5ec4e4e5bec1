-- Internal: how bytes that a stranger may have chosen become part of a line of the log.
--
-- A record must not be able to look like two, nor to talk to the terminal: control characters (those
-- of ASCII but the tab, and U+0080 to U+009F), what changes the direction of writing, the line ends of
-- Unicode, and bytes that are no UTF-8 are written as escapes, as Lua writes them: \n \x1b \u{9b}.

local core = require "lwt.core"

local find, gsub, sub = string.find, string.gsub, string.sub
local byte, format = string.byte, string.format
local is_plain = core.is_plain -- whether there is nothing of the kind
local utf8_len, codepoint = utf8.len, utf8.codepoint

local M = {}

local CONTROL = "[\0-\8\10-\31\127]"
local ODD = {
  "\xC2[\x80-\x9F]",     -- C1
  "\xE2\x80[\xA8-\xAE]", -- U+2028 to U+202E: line ends, directions
  "\xE2\x81[\xA6-\xA9]", -- U+2066 to U+2069: directions
}

-- `s`, with `control(char)` for control characters, `odd(number)` for the other characters that are
-- not to be seen, `invalid(byte)` for what is no UTF-8.
local function transform(s, control, odd, invalid)
  local out, at, n = {}, 1, #s
  while at <= n do
    local good, bad = utf8_len(s, at)
    local stop = good and n or bad - 1
    if stop >= at then
      local part = gsub(sub(s, at, stop), CONTROL, control)
      for i = 1, #ODD do
        part = gsub(part, ODD[i], function(char) return odd(codepoint(char)) end)
      end
      out[#out + 1] = part
    end
    if good then break end
    out[#out + 1] = invalid(byte(s, bad))
    at = bad + 1
  end
  return table.concat(out)
end

local NAMED = { ["\n"] = "\\n", ["\r"] = "\\r" }

local function control_escape(char) return NAMED[char] or format("\\x%02x", byte(char)) end
local function odd_escape(number) return format("\\u{%x}", number) end
local function invalid_escape(number) return format("\\x%02x", number) end

-- `s` as it may stand in a line.
function M.clean(s)
  if is_plain(s) then return s end
  return transform(s, control_escape, odd_escape, invalid_escape)
end
local clean = M.clean

-- tostring, whatever the value's __tostring does.
function M.safe(value)
  if type(value) == "string" then return value end
  local ok, text = pcall(tostring, value)
  return ok and text or format("(a %s whose __tostring fails)", type(value))
end
local safe = M.safe

-- ---- Fields ---------------------------------------------------------------------

-- The keys of a table of fields, as text, in order; and the values by those.
function M.sorted(fields)
  local keys, values = {}, {}
  for key, value in next, fields do
    key = safe(key)
    if values[key] == nil then keys[#keys + 1] = key end
    values[key] = value
  end
  table.sort(keys)
  return keys, values
end

local function quoted(value)
  local text = safe(value)
  if find(text, '^[^%s"=\\]+$') and clean(text) == text then return text end
  return '"' .. clean(gsub(text, '["\\]', "\\%0")) .. '"'
end

local rendered = setmetatable({}, { __mode = "k" }) -- fields that cannot change -> their text

-- key=value key="two words" …
function M.fields(fields)
  local known = rendered[fields]
  if known then return known end
  local keys, values = M.sorted(fields)
  local constant = true
  for i, key in ipairs(keys) do
    local value = values[key]
    local kind = type(value)
    constant = constant and (kind == "string" or kind == "number" or kind == "boolean")
    keys[i] = clean(gsub(key, '[%s"=]', "_")) .. "=" .. quoted(value)
  end
  local text = table.concat(keys, " ")
  if constant then rendered[fields] = text end
  return text
end

-- ---- JSON -----------------------------------------------------------------------

local JSON_NAMED = {
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\",
}

local function json_control(char) return JSON_NAMED[char] or format("\\u%04x", byte(char)) end
local function json_odd(number) return format("\\u%04x", number) end
local function json_invalid() return "\\ufffd" end

-- A JSON string of the text; each byte that is no UTF-8 is U+FFFD.
function M.json_string(s)
  if is_plain(s, true) then return '"' .. s .. '"' end
  s = gsub(s, '["\\\t]', JSON_NAMED)
  if not is_plain(s) then s = transform(s, json_control, json_odd, json_invalid) end
  return '"' .. s .. '"'
end

return M

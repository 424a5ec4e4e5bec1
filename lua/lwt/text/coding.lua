-- Encodings. (Functions of `lwt.text`.)

local core = require "lwt.term.core"
local args = require "lwt.internal.args"

local C = require "lwt.text.shared"

local M = C.public

local function encoding_of(name, value, opts)
  if value == nil then value = core.text_locale() end
  if type(value) ~= "string" then
    args.wrong(2, name, "string", value, 1)
  end
  local full = core.text_encoding_of(value)
  if not full then args.bad(2, name, ("unknown encoding '%s'"):format(value), 1) end
  if opts ~= nil and type(opts) ~= "table" then
    args.wrong(3, name, "table", opts, 1)
  end
  for key, option in pairs(opts or {}) do
    if key ~= "strict" then
      args.bad(3, name, ("unknown option '%s'"):format(tostring(key)), 1)
    elseif type(option) ~= "boolean" then
      args.bad(3, name, "option 'strict': boolean expected, got " .. args.type_name(option),
        1)
    end
  end
  return value, full, opts ~= nil and opts.strict or false
end

--- The bytes of a text in some encoding, as a Lua string, which is UTF-8.
---
--- UTF-8, UTF-16, UTF-32 (also `UTF-16LE`, `UTF-16BE` and so on), ASCII, Latin-1 (`ISO-8859-1`) and
--- CP1252 are the same everywhere; the others are those of the system's `iconv` (`iconv -l` lists
--- them). Neither case nor `-` and `_` make a difference in the names of ours. A byte order mark at
--- the beginning is no part of the text; UTF-16 and UTF-32 without one are big-endian.
---
--- What is malformed becomes U+FFFD. With `strict = true` it raises an error whose `code` is
--- `"EILSEQ"`, and whose `at` is its offset in `bytes`, from 0.
---@param bytes string
---@param encoding string? that of the locale (see `encoding`)
---@param opts table? `strict`
---@return string
--- ```lua
--- print(text.decode("na\xEFve", "ISO-8859-1"), text.decode("\xFE\xFF\x65\xE5", "UTF-16"))
--- --> naïve 日
--- print(text.decode("a\xFF", "UTF-8"))   --> a�
--- local ok, err = pcall(text.decode, "a\xFF", "UTF-8", {strict = true})
--- print(err.code, err.at)   --> EILSEQ 1
--- ```
function M.decode(bytes, encoding, opts)
  args.string(1, "decode", bytes)
  local name, full, strict = encoding_of("decode", encoding, opts)
  local text, _, at = core.text_decode(core.text_decoder(name, strict), bytes, true)
  if at then error(C.undecodable(full, "decode", at)) end
  return text
end

--- The bytes of a string in some encoding (see `decode`).
---
--- A character that the encoding has not is transliterated: to the letter without its accents (`é`
--- to `e`), to what people write instead (`ß` to `ss`, `€` to `EUR`, `“` to `"`), and otherwise to
--- `?`; marks that stand alone are left out. A piece of `s` that is not UTF-8 counts as U+FFFD. It
--- is the same on every system and in every locale. With `strict = true` such a character raises an
--- error whose `code` is `"EILSEQ"`, and whose `at` is its offset in `s`, from 0. UTF-16 and UTF-32
--- are written big-endian, with a byte order mark in front (those whose name says the order are
--- without).
---@param s string
---@param encoding string? that of the locale (see `encoding`)
---@param opts table? `strict`
---@return string bytes
--- ```lua
--- print(text.encode("Straße, café, 5 €, 日本", "ASCII"))   --> Strasse, cafe, 5 EUR, ??
--- print(#text.encode("é", "ISO-8859-1"), #text.encode("é", "UTF-16"))   --> 1 4
--- local ok, err = pcall(text.encode, "5 €", "ISO-8859-1", {strict = true})
--- print(err.code, err.at)   --> EILSEQ 2
--- ```
function M.encode(s, encoding, opts)
  args.string(1, "encode", s)
  local name, full, strict = encoding_of("encode", encoding, opts)
  local bytes, at = core.text_encode(core.text_encoder(name, strict), s)
  if at then error(C.unencodable(full, "encode", at)) end
  return bytes
end

return M

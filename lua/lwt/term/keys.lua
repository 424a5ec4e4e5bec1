-- The decoder of keys: bytes in, keys out. A pure state machine; it knows neither a terminal nor
-- time. What a byte means may hang on whether another one follows soon: then `waiting` says how
-- patient to be, and the caller, who has a clock, calls `expire` when nothing came.
--
--   local decoder = keys.decoder { erase = 127 }
--   for _, key in ipairs(decoder:feed(bytes)) do … end
--   if decoder:waiting() == "escape" then … for _, key in ipairs(decoder:expire()) do … end
--
-- Always: the keys are the same however the bytes are cut; every byte of a sequence that is not
-- known is swallowed with it; each byte that is no UTF-8 is U+FFFD; no state holds more than CAP
-- bytes, but a paste, which is given in pieces of PASTE_LIMIT.

local key = require "lwt.term.key"
local sequences = require "lwt.term.sequences"

local byte, char, find, sub = string.byte, string.char, string.find, string.sub

local M = {}

local CAP = 4096
local PASTE_LIMIT = 16 * 1024 * 1024

local ESC, DEL = 27, 127
local REPLACEMENT = "\u{FFFD}"

local Decoder = { __name = "lwt.keys.decoder" }
Decoder.__index = Decoder

-- ---- Single bytes -------------------------------------------------------------

-- The key of a byte below 128 that is no ESC.
local function key_of_byte(b, erase, alt)
  if b == DEL or b == erase and b == 8 then return key.named("backspace", false, alt) end
  if b >= 32 then return key.char(char(b), false, alt) end
  if b == 9 then return key.named("tab", false, alt) end
  if b == 13 then return key.named("enter", false, alt) end
  if b == 0 then return key.char(" ", true, alt) end
  return key.char(char(b | (b <= 26 and 96 or 64)), true, alt) -- ctrl-a … ctrl-z, ctrl-\ ] ^ _
end

-- A state is a function (decoder, byte, out) that returns the next one. ---------------------------

local ground, escape, double, csi, console, ss3, old_mouse, text, strings, string_escape

local function add(out, k)
  if k then out[#out + 1] = k end
end

-- What C1 controls, written as UTF-8, begin; the other ones are dropped.
local C1 = {}

-- A byte of 128 and more begins a character: how many follow, and within what the first of them
-- must be, so that nothing is overlong, a surrogate or beyond Unicode.
local function begin_text(d, b, out, alt)
  local more
  local low, high = 0x80, 0xBF
  if b >= 0xC2 and b <= 0xDF then
    more = 1
  elseif b >= 0xE0 and b <= 0xEF then
    more = 2
    if b == 0xE0 then low = 0xA0 elseif b == 0xED then high = 0x9F end
  elseif b >= 0xF0 and b <= 0xF4 then
    more = 3
    if b == 0xF0 then low = 0x90 elseif b == 0xF4 then high = 0x8F end
  else
    add(out, key.char(REPLACEMENT, false, alt))
    return ground
  end
  d.bytes, d.more, d.low, d.high, d.alt = char(b), more, low, high, alt
  return text
end

-- The character was not finished: each of its bytes is a broken one.
local function broken_text(d, out)
  for i = 1, #d.bytes do add(out, key.char(REPLACEMENT, false, i == 1 and d.alt)) end
  d.bytes = ""
end

function text(d, b, out)
  if b < d.low or b > d.high then
    broken_text(d, out)
    return ground(d, b, out)
  end
  d.bytes, d.more, d.low, d.high = d.bytes .. char(b), d.more - 1, 0x80, 0xBF
  if d.more > 0 then return text end
  local whole, alt = d.bytes, d.alt
  d.bytes = ""
  if byte(whole) == 0xC2 and b < 0xA0 then
    local begin = C1[b]
    return begin and begin(d, alt) or ground
  end
  add(out, key.char(whole, false, alt))
  return ground
end

function ground(d, b, out)
  if b == ESC then return escape end
  if b >= 128 then return begin_text(d, b, out, false) end
  add(out, d.plain[b])
  return ground
end

-- ---- Sequences ------------------------------------------------------------------

local function begin(introducer)
  return function(d, alt)
    d.bytes, d.alt, d.introducer = "", alt, introducer
    return introducer == "[" and csi or introducer == "O" and ss3 or strings
  end
end

local INTRODUCERS = {} -- by the byte behind ESC
for introducer in ("[O]PX^_"):gmatch "." do
  local b = byte(introducer)
  INTRODUCERS[b] = begin(introducer)
  C1[b + 64] = INTRODUCERS[b]
end

-- Behind ESC (and, with `alt`, behind two): which sequence begins, or which key was pressed with alt.
local function behind_escape(d, b, out, alt)
  local introduce = INTRODUCERS[b]
  if introduce then return introduce(d, alt) end
  if alt then add(out, key.named "escape") end
  if b >= 128 then return begin_text(d, b, out, true) end
  add(out, d.with_alt[b])
  return ground
end

function escape(d, b, out)
  if b == ESC then return double end
  return behind_escape(d, b, out, false)
end

-- Two of them: the first is a key of its own unless a sequence follows. (One that is held down.)
function double(d, b, out)
  if b == ESC then
    add(out, key.named "escape")
    return double
  end
  return behind_escape(d, b, out, true)
end

-- A byte that cannot be in a sequence ends it; what there was of it is dropped.
local function abandon(d, b, out)
  d.bytes = ""
  if b == 0x18 or b == 0x1A then return ground end -- CAN and SUB are made for that
  return ground(d, b, out)
end

local function end_csi(d, final, out)
  local parameters, alt = d.bytes, d.alt
  d.bytes = ""
  if parameters == "" and final == "M" then return old_mouse end
  if parameters == "" and final == "[" then return console end
  if parameters == "200" and final == "~" then
    d.pieces, d.size, d.tail = {}, 0, ""
    return M.paste_state
  end
  if #parameters < CAP then
    for _, k in ipairs { sequences.csi(parameters, final, alt) } do add(out, k) end
  end
  return ground
end

function csi(d, b, out)
  if b < 0x20 or b >= DEL then return abandon(d, b, out) end
  if b >= 0x40 then return end_csi(d, char(b), out) end
  if b == 0x24 and find(d.bytes, "^%d+$") then return end_csi(d, "$", out) end -- rxvt with shift
  if #d.bytes < CAP then d.bytes = d.bytes .. char(b) end
  return csi
end

function console(d, b, out)
  if b < 0x20 or b >= DEL then return abandon(d, b, out) end
  add(out, sequences.console(char(b), d.alt))
  return ground
end

function ss3(d, b, out)
  if b < 0x20 or b >= DEL then return abandon(d, b, out) end
  if b >= 0x30 and b <= 0x3B then
    if #d.bytes < CAP then d.bytes = d.bytes .. char(b) end
    return ss3
  end
  local parameters = d.bytes
  d.bytes = ""
  if #parameters < CAP then add(out, sequences.ss3(parameters, char(b), d.alt)) end
  return ground
end

function old_mouse(d, b, out)
  d.bytes = d.bytes .. char(b)
  if #d.bytes < 3 then return old_mouse end
  add(out, sequences.old_mouse(byte(d.bytes, 1, 3)))
  d.bytes = ""
  return ground
end

-- OSC, DCS, APC, PM and SOS, up to ST or BEL: replies to questions that were not asked here.
function strings(d, b, out)
  d.bytes = "…" -- no longer what alt and a character are
  if b == 7 then
    d.bytes = ""
    return ground
  end
  if b == ESC then return string_escape end
  if b == 0x18 or b == 0x1A then return abandon(d, b, out) end
  return strings
end

function string_escape(d, b, out)
  d.bytes = ""
  if b == 0x5C then return ground end
  return escape(d, b, out)
end

-- ---- Pastes ---------------------------------------------------------------------

local PASTE_END = "\27[201~"

-- A stranger may have written what is pasted: it is text, and never a key or a control.
local function clean(pasted)
  pasted = pasted:gsub("\r\n?", "\n"):gsub("[\0-\8\11-\31\127]", "")
  if not utf8.len(pasted) then pasted = M.repair(pasted) end
  return (pasted:gsub("\xC2[\x80-\x9F]", ""))
end

-- `s` with U+FFFD for each byte that is no part of a character.
function M.repair(s)
  local parts, at = {}, 1
  while at <= #s do
    local ok, bad = utf8.len(s, at)
    if ok then
      parts[#parts + 1] = sub(s, at)
      break
    end
    parts[#parts + 1] = sub(s, at, bad - 1)
    parts[#parts + 1] = REPLACEMENT
    at = bad + 1
  end
  return table.concat(parts)
end

local function end_paste(d, out)
  local pasted = table.concat(d.pieces)
  d.pieces, d.size = {}, 0
  add(out, key.paste(clean(pasted)))
end

-- As much of a long one as there is, but for what may be half a character or half a line's end.
local function part_of_paste(d, out)
  local pasted = table.concat(d.pieces)
  local rest = find(sub(pasted, -4), "[\xC0-\xFF\r][\x80-\xBF]*$")
  rest = rest and sub(sub(pasted, -4), rest) or ""
  d.pieces, d.size = { sub(pasted, 1, #pasted - #rest) }, 0
  end_paste(d, out)
  d.pieces, d.size = { rest }, #rest
end

-- The end of the paste may be cut: so much of it is at the end of `s`.
local function beginning_of_end(s)
  for length = math.min(#PASTE_END - 1, #s), 1, -1 do
    if sub(s, -length) == sub(PASTE_END, 1, length) then return length end
  end
  return 0
end

-- Takes what belongs to the paste from `s`, from `at` on; returns where to go on, and the state.
local function take_paste(d, s, at, out)
  local bytes = d.tail .. sub(s, at)
  local shift = #d.tail
  d.tail = ""
  local first, last = find(bytes, PASTE_END, 1, true)
  local piece = sub(bytes, 1, (first or #bytes + 1 - beginning_of_end(bytes)) - 1)
  if not first then d.tail = sub(bytes, #piece + 1) end
  d.pieces[#d.pieces + 1] = piece
  d.size = d.size + #piece
  if first then
    end_paste(d, out)
    return at + last - shift, ground
  end
  if d.size >= d.paste_limit then part_of_paste(d, out) end
  return #s + 1, M.paste_state
end

-- Fed by the piece, and not by the byte: see `feed`.
function M.paste_state() error "lwt: a paste is not read by bytes" end

-- ---- The decoder -------------------------------------------------------------------

-- Options: `erase`, the byte that the terminal's line editor takes for backspace (127); `paste_limit`,
-- the bytes of a paste from which on it comes in pieces (16 MiB).
function M.decoder(opts)
  local erase = opts and opts.erase or DEL
  local plain, with_alt = {}, {}
  for b = 0, 127 do
    plain[b], with_alt[b] = key_of_byte(b, erase, false), key_of_byte(b, erase, true)
  end
  return setmetatable({
    state = ground, bytes = "", introducer = "", alt = false,
    paste_limit = opts and opts.paste_limit or PASTE_LIMIT, pieces = {}, size = 0, tail = "",
    plain = plain, with_alt = with_alt,
  }, Decoder)
end

-- The list of keys that these bytes complete.
function Decoder:feed(s)
  local out, state, i = {}, self.state, 1
  local paste_state, plain = M.paste_state, self.plain
  while i <= #s do
    if state == paste_state then
      i, state = take_paste(self, s, i, out)
    else
      local b = byte(s, i)
      if state == ground and b >= 32 and b < 128 then
        out[#out + 1] = plain[b]
      else
        state = state(self, b, out)
      end
      i = i + 1
    end
  end
  self.state = state
  return out
end

-- What the next byte would decide: "escape" (a key, or the beginning of a sequence), "sequence" (in
-- the middle of one, or of a character), "paste"; nil: nothing is held back.
function Decoder:waiting()
  local state = self.state
  if state == ground then return nil end
  if state == escape or state == double then return "escape" end
  if state == M.paste_state then return "paste" end
  return "sequence"
end

-- Nothing followed in time: the list of keys that it was, then. An escape is one; `ESC [` was alt-[;
-- more of a sequence than that is dropped; a paste ends.
function Decoder:expire()
  local out, state = {}, self.state
  if state == escape or state == double then
    add(out, key.named "escape")
    if state == double then add(out, key.named "escape") end
  elseif state == text then
    broken_text(self, out)
  elseif state == M.paste_state then
    self.pieces[#self.pieces + 1], self.tail = self.tail, ""
    end_paste(self, out)
  elseif self.bytes == "" and (state == csi or state == ss3 or state == strings) then
    if self.alt then add(out, key.named "escape") end
    add(out, key.char(self.introducer, false, true))
  end
  self.state, self.bytes = ground, ""
  return out
end

return M

-- What the escape sequences of keyboards and mice mean. Where terminals differ, all are taken:
-- xterm, VTE, tmux, the Linux console, rxvt, kitty's protocol, xterm's modifyOtherKeys.
--
-- Each function here gives the key of one whole sequence, or nil for one that is none.

local key = require "lwt.term.key"

local M = {}

local LETTERS = {
  A = "up", B = "down", C = "right", D = "left", H = "home", F = "end",
  P = "f1", Q = "f2", R = "f3", S = "f4",
}

local NUMBERS = {
  [1] = "home", [2] = "insert", [3] = "delete", [4] = "end", [5] = "pageup", [6] = "pagedown",
  [7] = "home", [8] = "end",
  [11] = "f1", [12] = "f2", [13] = "f3", [14] = "f4", [15] = "f5",
  [17] = "f6", [18] = "f7", [19] = "f8", [20] = "f9", [21] = "f10",
  [23] = "f11", [24] = "f12", [25] = "f13", [26] = "f14", [28] = "f15", [29] = "f16",
  [31] = "f17", [32] = "f18", [33] = "f19", [34] = "f20",
}

local RXVT_ARROWS = { a = "up", b = "down", c = "right", d = "left" }
local CONSOLE = { A = "f1", B = "f2", C = "f3", D = "f4", E = "f5" }

-- SS3 of the keypad, in application mode.
local KEYPAD = { M = "enter", X = "=", j = "*", k = "+", l = ",", m = "-", n = ".", o = "/" }
for digit = 0, 9 do KEYPAD[string.char(("p"):byte() + digit)] = tostring(digit) end

-- The numbers of kitty's protocol that are no characters.
local KITTY = {
  [8] = "backspace", [9] = "tab", [13] = "enter", [27] = "escape", [127] = "backspace",
  [57414] = "enter",
}
for i, name in ipairs {
  "left", "right", "up", "down", "pageup", "pagedown", "home", "end", "insert", "delete",
} do
  KITTY[57416 + i] = name
end
for i = 13, 20 do KITTY[57376 + i - 13] = "f" .. i end
local KITTY_PAD = {
  [57409] = ".", [57410] = "/", [57411] = "*", [57412] = "-", [57413] = "+", [57415] = "=",
  [57416] = ",",
}
for digit = 0, 9 do KITTY_PAD[57399 + digit] = tostring(digit) end

-- The modifiers in a parameter: 1 + shift 1 + alt 2 + ctrl 4 + super 8 + hyper 16 + meta 32; the two
-- locks (64, 128) mean nothing. Returned in the order in which key.lua takes them.
local function modifiers(parameter, alt)
  local bits = (parameter or 1) - 1
  if bits < 0 then bits = 0 end
  return bits & 4 ~= 0, alt or bits & 34 ~= 0, bits & 1 ~= 0, bits & 24 ~= 0
end

local function named(name, parameter, alt)
  return name and key.named(name, modifiers(parameter, alt))
end

local function typed(char, parameter, alt)
  return char and key.char(char, modifiers(parameter, alt))
end

-- "1;5:3" as {{1}, {5, 3}}; an empty number is false.
local function numbers(parameters)
  local list = {}
  for field in (parameters .. ";"):gmatch "([^;]*);" do
    local sub = {}
    for number in (field .. ":"):gmatch "([^:]*):" do
      sub[#sub + 1] = math.tointeger(tonumber(number)) or false
    end
    list[#list + 1] = sub
  end
  return list
end

local function character(code)
  if code and (code >= 32 and code < 127 or code >= 160 and code <= 0x10FFFF)
    and not (code >= 0xD800 and code < 0xE000) then
    return utf8.char(code)
  end
end

-- The keys of a text that comes with a key of kitty's protocol ("CSI 0;;228 u").
local function text_of(codes)
  local list = {}
  for _, code in ipairs(codes) do
    local char = character(code)
    if char then list[#list + 1] = key.char(char) end
  end
  return table.unpack(list)
end

-- CSI code[:shifted[:base]] ; modifiers[:event] ; text u, and CSI 27 ; modifiers ; code ~
local function by_code(code, shifted, parameter, text, alt)
  if not code then return nil end
  if KITTY[code] then return named(KITTY[code], parameter, alt) end
  local ctrl, meta, shift, super = modifiers(parameter, alt)
  if text and text[1] and not (ctrl or meta or super) then return text_of(text) end
  local char = KITTY_PAD[code]
  if char or code >= 57344 and code <= 63743 then return typed(char, parameter, alt) end
  if code == 0 or code >= 1 and code <= 26 then -- xterm tells of ctrl-a so, in some modes
    return key.char(code == 0 and " " or string.char(code + 96), true, meta, shift, super)
  end
  char = character(shift and shifted or code)
  if not char then return nil end
  if shift and shifted then shift = ctrl and char:find "^%a$" ~= nil end
  return key.char(char, ctrl, meta, shift, super)
end

local BUTTONS = { [0] = "left", "middle", "right" }
local WHEEL = { [0] = "up", "down", "left", "right" }
local OTHERS = { [0] = "back", "forward", "button10", "button11" }

-- A report of the mouse: xterm's code of what happened, the place, and whether it ends in "m".
local function mouse(code, x, y, released)
  if not (code and x and y) or code < 0 or x < 1 or y < 1 then return nil end
  local low = code & 3
  local report = { x = x, y = y, action = released and "release" or "press" }
  if code & 128 ~= 0 then
    report.button = OTHERS[low]
  elseif code & 64 ~= 0 then
    if released then return nil end
    report.action, report.button = "wheel", WHEEL[low]
  else
    report.button = BUTTONS[low]
    if low == 3 and code & 32 == 0 then report.action = "release" end -- of which, it does not say
  end
  if code & 32 ~= 0 and code & 64 == 0 then report.action = "move" end
  report.shift = code & 4 ~= 0 or nil
  report.alt = code & 8 ~= 0 or nil
  report.ctrl = code & 16 ~= 0 or nil
  return key.mouse(report)
end

-- The oldest reports: three bytes behind CSI M, each 32 more than what it says.
function M.old_mouse(code, x, y) return mouse(code - 32, x - 32, y - 32) end

function M.console(letter, alt) return named(CONSOLE[letter], nil, alt) end

-- ESC O letter, or ESC O 5 P and ESC O 1 ; 5 P.
function M.ss3(parameters, final, alt)
  local list = numbers(parameters)
  local parameter = list[#list][1] or 1
  if RXVT_ARROWS[final] then return key.named(RXVT_ARROWS[final], true, alt) end
  if LETTERS[final] then return named(LETTERS[final], parameter, alt) end
  local pad = KEYPAD[final]
  if pad == "enter" then return named(pad, parameter, alt) end
  return typed(pad, parameter, alt)
end

local RXVT_ENDS = { ["^"] = 5, ["$"] = 2, ["@"] = 6 } -- ctrl, shift, both

local function tilde(list, alt)
  local number = list[1][1]
  if number == 27 and list[3] then return by_code(list[3][1], nil, list[2][1] or 1, nil, alt) end
  return named(NUMBERS[number], list[2] and list[2][1], alt)
end

-- CSI parameters final, without private markers.
local function plain(list, final, alt)
  local first, second = list[1][1], list[2] and list[2][1] or 1
  if list[2] and list[2][2] == 3 then return nil end -- the key is let go
  if final == "u" then return by_code(first, list[1][2], second, list[3], alt) end
  if final == "~" then return tilde(list, alt) end
  if LETTERS[final] then return named(LETTERS[final], list[#list][1], alt) end -- old: CSI 5 A
  if RXVT_ENDS[final] then return named(NUMBERS[first], RXVT_ENDS[final], alt) end
  if RXVT_ARROWS[final] then return key.named(RXVT_ARROWS[final], false, alt, true) end
  if final == "Z" then return key.named("tab", false, alt, true) end
  if final == "M" and #list == 3 then -- rxvt's mouse
    return mouse(first and first - 32, list[2][1], list[3][1])
  end
  if final == "I" then return key.focus(true) end
  if final == "O" then return key.focus(false) end
  return nil
end

-- CSI parameters final; `parameters` has private markers and intermediate bytes as well. A text of
-- kitty's protocol may give several keys.
function M.csi(parameters, final, alt)
  local marker = parameters:sub(1, 1)
  if marker == "<" then
    if final ~= "M" and final ~= "m" then return nil end
    local list = numbers(parameters:sub(2))
    if #list ~= 3 then return nil end
    return mouse(list[1][1], list[2][1], list[3][1], final == "m")
  end
  if parameters:find "[^%d;:]" then return nil end
  local list = numbers(parameters)
  if final == "R" and parameters ~= "" then -- a key only where it cannot tell where the cursor is
    local modifier = list[2] and list[2][1] or 0
    if list[1][1] ~= 1 or modifier < 2 or modifier > 16 then return nil end
  end
  return plain(list, final, alt)
end

return M

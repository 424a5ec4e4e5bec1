--- Unicode text: width on a terminal, clusters, case, normal forms, encodings, text channels.
---
--- A Lua string is bytes; here it is UTF-8. A *character* is a code point; a *cluster* (grapheme) is
--- what a reader calls a character, and may be several of them. No function fails on text: a piece
--- that is not UTF-8 counts as one U+FFFD, and where the text is kept, it is kept as it is.

local core = require "lwt.term.core"
local encoding = require "lwt.text.encoding"
local channel = require "lwt.text.channel"
local standard = require "lwt.text.standard"

-- In C, in src/term/, with their entries: case.c fit.c graphemes.c normalize.c utf8.c width.c wrap.c
local M = {
  fold = core.text_fold,
  graphemes = core.text_graphemes,
  length = core.text_length,
  lower = core.text_lower,
  normalize = core.text_normalize,
  pad = core.text_pad,
  truncate = core.text_truncate,
  upper = core.text_upper,
  width = core.text_width,
  wrap = core.text_wrap,
}

for _, functions in ipairs { encoding.public, channel.public } do
  for name, f in pairs(functions) do M[name] = f end
end
standard.functions(M)

--- Text channels on standard input, output and error, in the encoding of the locale, not strict.
---@value lwt.text.stdin lwt.TextChannel
--- Text channels on standard output.
---@value lwt.text.stdout lwt.TextChannel
--- Text channels on standard error.
---@value lwt.text.stderr lwt.TextChannel

return setmetatable(M, { __index = standard.find })

--- Unicode text: width on a terminal, clusters, case, normal forms, encodings, text channels.
---
--- A Lua string is bytes; here it is UTF-8. A *character* is a code point; a *cluster* (grapheme) is
--- what a reader calls a character, and may be several of them. No function fails on text: a piece
--- that is not UTF-8 counts as one U+FFFD, and where the text is kept, it is kept as it is.

local core = require "lwt.term.core"

-- In C, in src/term/, with their entries: case.c fit.c graphemes.c normalize.c utf8.c width.c wrap.c
return {
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

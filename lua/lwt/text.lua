--- Text as people see it: its width on a terminal, its characters, upper and lower case, other encodings.
---
--- ```lua
--- local text = require "lwt.text"
--- print(text.width "日本", text.length "日本", #"日本")   --> 4 2 6
--- print(text.upper "straße", text.truncate("a long sentence", 8))   --> STRASSE a long …
--- local ch = await(text.open_file("f", "w", { encoding = "ISO-8859-1" }))
--- await(ch:write_line "café")
--- await(ch:close())
--- ```
---
--- A Lua string is bytes. The functions here take it as UTF-8. A *character* is a code point. A *cluster* (grapheme) is what a reader calls a
--- character, and may consist of several code points. No function fails because of the text that it is given: bytes that are not UTF-8 count as one
--- U+FFFD, and functions that give the text back leave them as they are.
---
--- `text.stdin`, `text.stdout` and `text.stderr` are text channels on the standard channels of `lwt.io`, in the encoding of the locale. Every
--- function that takes a text channel first is also a method of it.

local core = require "lwt.term.core"
local M = require("lwt.text.shared").public
require "lwt.text.coding"
require "lwt.text.channel"
require "lwt.text.standard"

-- In C, in src/term/, with their entries: case.c fit.c graphemes.c normalize.c utf8.c width.c
-- wrap.c
for _, name in ipairs {
  "fold", "graphemes", "length", "lower", "normalize", "pad", "truncate", "upper", "width", "wrap",
} do
  M[name] = core["text_" .. name]
end

return M

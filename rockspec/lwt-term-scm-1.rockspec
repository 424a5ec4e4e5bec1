rockspec_format = "3.0"
package = "lwt-term"
version = "scm-1"
source = {
  url = "git+https://lwt.invalid/lwt.git", -- set when the project has its public address
}
description = {
  summary = "libutf8proc for lwt",
  license = "MIT",
  labels = { "async", "lwt" },
}
dependencies = {
  "lua >= 5.4, < 5.5",
  "lwt",
}
external_dependencies = {
  TERM = { header = "utf8proc.h", library = "utf8proc" },
}
build = {
  type = "builtin",
  -- Written by scripts/rockspec.lua from the tree: run it after adding or removing a file.
  -- (begin)
  modules = {
    ["lwt.term.core"] = {
      sources = {
        "src/term/case.c",
        "src/term/fit.c",
        "src/term/graphemes.c",
        "src/term/module.c",
        "src/term/normalize.c",
        "src/term/tty.c",
        "src/term/utf8.c",
        "src/term/width.c",
        "src/term/wrap.c",
      },
      defines = { "_GNU_SOURCE" },
      libraries = { "utf8proc" },
      incdirs = { "src", "$(TERM_INCDIR)" },
      libdirs = { "$(TERM_LIBDIR)" },
    },
    ["lwt.read_line.clusters"] = "lua/lwt/read_line/clusters.lua",
    ["lwt.read_line.editor"] = "lua/lwt/read_line/editor.lua",
    ["lwt.read_line.keymap"] = "lua/lwt/read_line/keymap.lua",
    ["lwt.read_line.kills"] = "lua/lwt/read_line/kills.lua",
    ["lwt.read_line.words"] = "lua/lwt/read_line/words.lua",
    ["lwt.term"] = "lua/lwt/term.lua",
    ["lwt.term.key"] = "lua/lwt/term/key.lua",
    ["lwt.term.keys"] = "lua/lwt/term/keys.lua",
    ["lwt.term.sequences"] = "lua/lwt/term/sequences.lua",
    ["lwt.text"] = "lua/lwt/text.lua",
  },
  -- (end)
}

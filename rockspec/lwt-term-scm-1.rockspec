rockspec_format = "3.0"
package = "lwt-term"
version = "scm-1"
source = {
  url = "git+https://lwt.invalid/lwt.git", -- set when the project has its public address
}
description = {
  summary = "The terminal for lwt: unicode text, keys, styles, what is drawn in place, a line editor",
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
        "src/term/decode.c",
        "src/term/encode.c",
        "src/term/encoding.c",
        "src/term/fit.c",
        "src/term/graphemes.c",
        "src/term/iconv.c",
        "src/term/lwt.c",
        "src/term/module.c",
        "src/term/normalize.c",
        "src/term/transliterate.c",
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
    ["lwt.read_line"] = "lua/lwt/read_line.lua",
    ["lwt.read_line.ask"] = "lua/lwt/read_line/ask.lua",
    ["lwt.read_line.bindings"] = "lua/lwt/read_line/bindings.lua",
    ["lwt.read_line.clusters"] = "lua/lwt/read_line/clusters.lua",
    ["lwt.read_line.commands.change"] = "lua/lwt/read_line/commands/change.lua",
    ["lwt.read_line.commands.history"] = "lua/lwt/read_line/commands/history.lua",
    ["lwt.read_line.commands.motion"] = "lua/lwt/read_line/commands/motion.lua",
    ["lwt.read_line.commands.session"] = "lua/lwt/read_line/commands/session.lua",
    ["lwt.read_line.commands.vi"] = "lua/lwt/read_line/commands/vi.lua",
    ["lwt.read_line.completing"] = "lua/lwt/read_line/completing.lua",
    ["lwt.read_line.completion"] = "lua/lwt/read_line/completion.lua",
    ["lwt.read_line.editor"] = "lua/lwt/read_line/editor.lua",
    ["lwt.read_line.external"] = "lua/lwt/read_line/external.lua",
    ["lwt.read_line.history"] = "lua/lwt/read_line/history.lua",
    ["lwt.read_line.interrupt"] = "lua/lwt/read_line/interrupt.lua",
    ["lwt.read_line.keymap"] = "lua/lwt/read_line/keymap.lua",
    ["lwt.read_line.kills"] = "lua/lwt/read_line/kills.lua",
    ["lwt.read_line.layout"] = "lua/lwt/read_line/layout.lua",
    ["lwt.read_line.line"] = "lua/lwt/read_line/line.lua",
    ["lwt.read_line.list"] = "lua/lwt/read_line/list.lua",
    ["lwt.read_line.options"] = "lua/lwt/read_line/options.lua",
    ["lwt.read_line.pieces"] = "lua/lwt/read_line/pieces.lua",
    ["lwt.read_line.plain"] = "lua/lwt/read_line/plain.lua",
    ["lwt.read_line.session"] = "lua/lwt/read_line/session.lua",
    ["lwt.read_line.view"] = "lua/lwt/read_line/view.lua",
    ["lwt.read_line.words"] = "lua/lwt/read_line/words.lua",
    ["lwt.term"] = "lua/lwt/term.lua",
    ["lwt.term.ask"] = "lua/lwt/term/ask.lua",
    ["lwt.term.cells"] = "lua/lwt/term/cells.lua",
    ["lwt.term.colors"] = "lua/lwt/term/colors.lua",
    ["lwt.term.frame"] = "lua/lwt/term/frame.lua",
    ["lwt.term.input"] = "lua/lwt/term/input.lua",
    ["lwt.term.key"] = "lua/lwt/term/key.lua",
    ["lwt.term.keys"] = "lua/lwt/term/keys.lua",
    ["lwt.term.modes"] = "lua/lwt/term/modes.lua",
    ["lwt.term.output"] = "lua/lwt/term/output.lua",
    ["lwt.term.progress"] = "lua/lwt/term/progress.lua",
    ["lwt.term.region"] = "lua/lwt/term/region.lua",
    ["lwt.term.screen"] = "lua/lwt/term/screen.lua",
    ["lwt.term.sequences"] = "lua/lwt/term/sequences.lua",
    ["lwt.term.style"] = "lua/lwt/term/style.lua",
    ["lwt.term.table"] = "lua/lwt/term/table.lua",
    ["lwt.term.terminal"] = "lua/lwt/term/terminal.lua",
    ["lwt.text"] = "lua/lwt/text.lua",
    ["lwt.text.channel"] = "lua/lwt/text/channel.lua",
    ["lwt.text.coding"] = "lua/lwt/text/coding.lua",
    ["lwt.text.held"] = "lua/lwt/text/held.lua",
    ["lwt.text.reading"] = "lua/lwt/text/reading.lua",
    ["lwt.text.shared"] = "lua/lwt/text/shared.lua",
    ["lwt.text.standard"] = "lua/lwt/text/standard.lua",
    ["lwt.text.writing"] = "lua/lwt/text/writing.lua",
  },
  -- (end)
}

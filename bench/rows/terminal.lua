-- Terminals and text.

local programs = require "bench.rows.programs"

-- Who edits a line, and a typist.
local function edit(peer, command)
  return { peer, ("{bin}/typist {row}:%s {size} 200 %s"):format(peer, command) }
end

return {
  name = "terminal", title = "Terminals and text",
  {
    name = "edit_line", title = "a key in a line",
    per = "key, typed at the end of a line (processor time), on a pseudo-terminal",
    size = "10,1000,100000", quick = "10,1000", parts = " characters",
    runs = { edit("lwt", "{lua} bench/lwt/line.lua edit 0"), edit("readline", "{bin}/edit") },
    bars = {
      { "lwt", "<=", 1.1, unit = "bytes each", of = "bytes" },
      { "lwt_middle", "<=", 200, unit = "bytes each", of = "bytes" },
      { "lwt", "<=", 200000, unit = "ns" },
    },
  },
  {
    name = "keys", computes = true, title = "keys", per = "byte, read as a key (lwt_typed) or as a part of a paste",
    size = 1000000, quick = 100000, beside = "lwt_typed",
    runs = { programs.lwt "line" },
    bars = { { "lwt_paste", "<=", 1000, unit = "ns" } },
  },
  {
    name = "text_lines", title = "lines of text", per = "line of a file of 200 MB, decoded", needs = "lines",
    cpus = "0,1", rounds = 3,
    runs = { programs.lwt "line" },
    bars = { { "lwt", "<=", 2, "lwt_bytes" } },
  },
}

-- What is measured, with whom, and the bars: the groups of bench/rows/, in the order of RESULTS.md. One entry of a
-- group is one row of the benchmark:
--
--   name, title, per    the row, what it is in words, what one operation is
--   size, quick         operations in a full run and in a quick one
--   rounds              how often at most (the run's own number may be smaller)
--   times               so many times as often as the others: it varies more
--   warm                this one of its programs runs once before, unmeasured: the files it reads are in memory
--                       then, and a virtual machine has the memory it uses
--   cpus                where it runs; "1" unless said. Servers: 0, their load: 1
--   computes            neither waits nor uses a second thread: CLOCK=cpu applies
--   servers             told by what is served in a second: more is better
--   by_cpu              what counts is the processor time of the whole program
--   of, unit            what counts is this value of a sample, in this unit: memory, the longest of many
--   beside              the figure that the others stand beside, where that is not lwt's
--   counts              its figures are operations of bench/count/ops.lua: the stored counts stand beside them
--   needs               the files it reads: "big", "lines", "small", "many" or "tree"
--   requires            a peer without which there is no row ("openssl": the load is made with it)
--   runs                the programs: { peer, command } (bench/rows/programs.lua)
--   bars                { figure, "<=" | "<" | ">=" | ">", factor, other figure } compares with another figure of
--                       the same row (of = key, what = words: that value of both);
--                       { figure, "<=", amount, other figure, more = true, unit = …, scale = … }: so much more than it;
--                       { figure, "<=", limit, unit = …, of = key } with a limit
--
-- A figure's name begins with its peer's: lwt, limit_c, luv …

local M = { groups = {}, rows = {} }

for _, name in ipairs {
  "promises", "tools", "servers", "files", "outside", "start", "logging", "tls", "terminal", "glib",
} do
  local group = require("bench.rows." .. name)
  M.groups[#M.groups + 1] = group
  for _, row in ipairs(group) do
    row.group = group
    M.rows[#M.rows + 1] = row
  end
end

-- Words for the peers, in the order of the tables and the pictures.
M.peers = {
  { "limit_c", "limit_c" }, { "lua", "plain Lua" }, { "libuv", "C" }, { "luv", "luv" }, { "glib", "GLib" },
  { "cqueues", "cqueues" }, { "copas", "copas" }, { "lwt_ocaml", "Lwt (OCaml)" }, { "node", "node" }, { "go", "Go" },
  { "uvloop", "Python, uvloop" }, { "python", "Python alone" }, { "luasec", "LuaSec" },
  { "lualogging", "LuaLogging" }, { "readline", "GNU readline" },
}

return M

-- What came out, in words: on the terminal, and as bench/RESULTS.md with its picture.

local figures = require "bench.figures"
local picture = require "bench.picture"

local M = {}

-- 1234567.8 -> 1,234,568; small numbers keep two figures behind the point.
local function number(v)
  if v ~= v then return "-" end
  if v < 10 then return ("%.2f"):format(v) end
  if v < 100 then return ("%.1f"):format(v) end
  local s = ("%.0f"):format(v)
  local grouped = s:reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (grouped:gsub("^,", ""))
end

local function amount(row, ns)
  if row.servers then return number(ns), "/s" end
  if ns < 10000 then return number(ns), "ns" end
  if ns < 1e7 then return number(ns / 1e3), "µs" end
  return number(ns / 1e6), "ms"
end

local function value(row, v)
  local n, unit = amount(row, v)
  return n .. " " .. unit
end

-- What else a figure says, worth a column.
local function remarks(row, figure)
  local words = {}
  local function say(key, format, scale)
    local v = figures.of(figure, key)
    if v then words[#words + 1] = format:format(v * (scale or 1)) end
  end
  if row.servers then
    say("cpu", "%.2f µs CPU each")
    say("p99", "p99 %.0f µs")
    say("rss", "%.0f MB", 1 / 1024)
  elseif row.name == "sleepers" then
    local peak = figures.of(figure, "peak")
    local n = figure.rounds[next(figure.rounds)].n
    if figures.of(figure, "bytes") then
      say("bytes", "%.0f bytes each")
    else
      words[#words + 1] = ("%.0f bytes each"):format(peak / n)
    end
    say("process_cpu", "%.2f s CPU")
  end
  if row.name == "edit_line" then say("bytes", "%.1f bytes each") end
  say("speedup", "%.2f times as fast on two")
  return table.concat(words, ", ")
end

local function noise_words(result)
  local n = result.noise
  if not n then return "nothing was measured" end
  return ("The machine was %s: the same piece of work took up to %.0f %% longer at one time than at another (nine of "
    .. "ten times), and other programs used %.2f processors meanwhile (%d programs, %d rounds, %d s).%s"):format(
    n.word, n.spin * 100, n.foreign, n.programs, result.rounds, result.seconds,
    result.clock and " Rows that only compute: processor time." or "")
end

local function bar_words(b)
  if b.other then
    local factor = b.limit == 1 and "" or (b.limit .. " × ")
    return ("%s %s %s%s"):format(b.who, b.op, factor, b.other)
  end
  return ("%s %s %s %s"):format(b.who, b.op, number(b.limit), b.unit)
end

local function reached_words(b)
  if not b.reached then return "-" end
  return b.other and ("%.2f ×"):format(b.reached) or number(b.reached)
end

local function met_words(b) return b.met == nil and "not measured" or b.met and "met" or "MISSED" end

local function pad(s, n)
  local length = utf8.len(s) or #s
  return s .. (" "):rep(n - length)
end
local function pad_left(s, n)
  local length = utf8.len(s) or #s
  return (" "):rep(n - length) .. s
end

function M.text(result, out)
  for _, g in ipairs(result.groups) do
    out:write(("\n%s: %s\n"):format(g.title, (g.row.servers and "per second, " or "per ") .. g.row.per))
    for _, f in ipairs(g.figures) do
      local spread = f.max > f.min and ("%s..%s"):format((amount(g.row, f.min)), (amount(g.row, f.max))) or ""
      out:write("  ", pad(f.who, 24), pad_left(value(g.row, f.value), 14), pad_left(spread, 20), "  ",
        pad(f.lwt_speed and ("lwt %.2f times as fast"):format(f.lwt_speed) or "", 24), remarks(g.row, f), "\n")
    end
    for _, b in ipairs(g.bars) do
      out:write("    bar: ", pad(bar_words(b), 40), pad_left(reached_words(b), 10), "  ", met_words(b), "\n")
    end
  end
  for _, m in ipairs(result.more) do
    out:write("\n", m.extra.title, "\n")
    for _, line in ipairs(m.extra.text(m.got, number)) do out:write("  ", line, "\n") end
  end
  out:write("\n", noise_words(result), "\n")
  if result.judged then
    out:write(("%d of %d rows reach all their bars.\n"):format(result.met or 0, result.judged))
  end
  for _, f in ipairs(result.failures) do out:write("failed: ", f, "\n") end
end

---------------------------------------------------------------------------------------------------

local function first_line(command)
  local pipe = io.popen(command .. " 2>/dev/null")
  local line = pipe and pipe:read "l"
  if pipe then pipe:close() end
  return line and #line > 0 and line
end

local function machine()
  local cpu
  local f = io.open "/proc/cpuinfo"
  for line in f and f:lines() or function() end do
    cpu = cpu or line:match "^model name%s*:%s*(.*)$"
  end
  if f then f:close() end
  return ("%s, %s processors, %s"):format(cpu or "a processor", first_line "nproc" or "?",
    first_line "uname -sr" or "?")
end

-- The best figure of a peer in a group (a peer may have several ways).
local function best_of(group, peer)
  for _, f in ipairs(group.figures) do -- they are sorted
    if f.peer == peer and f.lwt_speed then return f end
  end
end

function M.write(result, path, picture_path)
  local md = {}
  local function line(fmt, ...) md[#md + 1] = select("#", ...) > 0 and fmt:format(...) or fmt end
  line "# Results"
  line ""
  line "Written by `make bench`; see [README.md](README.md) for what is measured and how. Ratios within a run are what"
  line "counts: absolute times move with the machine."
  line ""
  line("%s. %s", os.date "%Y-%m-%d", machine())
  local versions = { first_line((os.getenv "LUA" or "lua5.4") .. " -v") or "Lua" }
  local libuv = first_line "pkg-config --modversion libuv"
  if libuv then versions[#versions + 1] = "libuv " .. libuv end
  for _, v in ipairs(result.versions) do versions[#versions + 1] = v[1] .. " " .. v[2] end
  line("%s.", table.concat(versions, "; "))
  line ""
  line(noise_words(result))
  line ""
  line("![how fast lwt's peers are, each beside lwt](%s)", picture_path:match "[^/]*$")
  line ""
  line("## The bars: %d of %d rows", result.met or 0, result.judged or 0)
  line ""
  line "| row | bar | reached | |"
  line "|---|---|---|---|"
  for _, g in ipairs(result.groups) do
    for _, b in ipairs(g.bars) do
      line("| %s | %s | %s | %s |", g.title, bar_words(b), reached_words(b),
        b.met and "met" or "**" .. met_words(b) .. "**")
    end
  end
  line ""
  line "## lwt beside each peer"
  line ""
  line "How many times as fast lwt is (the peer's best way of doing it): above 1, lwt is the faster."
  line ""
  local head, rule = { "| row | lwt |" }, { "|---|---:|" }
  for _, p in ipairs(result.peers) do
    head[#head + 1] = (" %s |"):format(p[2])
    rule[#rule + 1] = "---:|"
  end
  line(table.concat(head))
  line(table.concat(rule))
  for _, g in ipairs(result.groups) do
    local own
    for _, f in ipairs(g.figures) do if f.who == "lwt" then own = f end end
    local cells = { ("| %s | %s |"):format(g.title, own and value(g.row, own.value) or "-") }
    for _, p in ipairs(result.peers) do
      local f = best_of(g, p[1])
      cells[#cells + 1] = f and (" %.2f |"):format(f.lwt_speed) or " |"
    end
    line(table.concat(cells))
  end
  for _, m in ipairs(result.more) do
    line ""
    line("## %s", m.extra.title)
    line ""
    if m.extra.intro then
      line(m.extra.intro)
      line ""
    end
    for _, l in ipairs(m.extra.markdown(m.got, number)) do line(l) end
  end
  line ""
  line "## Every figure"
  line ""
  line "Medians of the rounds; beside them the lowest and the highest."
  for _, g in ipairs(result.groups) do
    line ""
    line("**%s**: %s%s", g.title, g.row.servers and "per second, " or "per ", g.row.per)
    line ""
    line "| | | rounds | lwt is … times as fast | |"
    line "|---|---:|---:|---:|---|"
    for _, f in ipairs(g.figures) do
      line("| %s | %s | %s..%s | %s | %s |", f.who, value(g.row, f.value), (amount(g.row, f.min)),
        (amount(g.row, f.max)), f.lwt_speed and ("%.2f"):format(f.lwt_speed) or "", remarks(g.row, f))
    end
  end
  for _, f in ipairs(result.failures) do
    line ""
    line("Failed: `%s`", f)
  end
  local out = assert(io.open(path, "w"))
  out:write(table.concat(md, "\n"), "\n")
  out:close()
  out = assert(io.open(picture_path, "w"))
  out:write(picture.draw(result))
  out:close()
end

return M

-- What came out, as bench/RESULTS.md: first the bars, then a picture for each group, then everything else.

local picture = require "bench.picture"
local words = require "bench.words"

local M = {}

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

-- What a heading is called in a link to it.
local function anchor(heading) return (heading:lower():gsub("[^%w _-]", ""):gsub(" ", "-")) end

-- Where README.md says why a row misses its bar: under a heading with the row's title.
local function reasons()
  local there = {}
  local f = io.open "bench/README.md"
  for line in f and f:lines() or function() end do
    local heading = line:match "^#+ (.*)$"
    if heading then there[anchor(heading)] = true end
  end
  if f then f:close() end
  return function(row)
    local own = anchor(row.title)
    return "README.md#" .. (there[own] and own or "what-is-missed-and-why")
  end
end

-- The best figure of a peer in a group (a peer may have several ways).
local function best_of(group, peer)
  for _, f in ipairs(group.figures) do -- they are sorted
    if f.peer == peer and f.speed then return f end
  end
end

local function own_of(group)
  for _, f in ipairs(group.figures) do
    if f.who == "lwt" then return f end
  end
end

local function of_group(result, name)
  local list = {}
  for _, g in ipairs(result.groups) do
    if g.row.group.name == name then list[#list + 1] = g end
  end
  return list
end

-- The groups that have something in this run: { group, what came out of its rows }.
local function parts_of(result)
  local parts, seen = {}, {}
  for _, g in ipairs(result.groups) do
    local group = g.row.group
    if not seen[group] then
      seen[group] = true
      parts[#parts + 1] = { group = group, list = of_group(result, group.name) }
    end
  end
  return parts
end

local P = {} -- the parts of the page; each gets the function that adds a line

function P.head(line, result)
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
  line(words.noise(result))
  line ""
end

function P.bars(line, parts, result)
  local reason = reasons()
  line("## The bars: %d of %d met", result.bars_met or 0, result.bars_judged or 0)
  line ""
  line "| | row | bar | reached | |"
  line "|---|---|---|---:|---|"
  for _, part in ipairs(parts) do
    local title = part.group.title
    for _, g in ipairs(part.list) do
      for _, b in ipairs(g.bars) do
        local met = words.met(b)
        if b.met == false then met = ("[**%s**](%s)"):format(met, reason(g.row)) end
        line("| %s | %s | %s | %s | %s |", title, g.title, words.bar(b), words.reached(b), met)
        title = ""
      end
    end
  end
end

function P.pictures(line, parts, folder, result)
  for _, part in ipairs(parts) do
    local svg = picture.draw(part.group, part.list, result)
    if svg then
      local path = ("pictures/%s.svg"):format(part.group.name)
      local out = assert(io.open(folder .. "/" .. path, "w"))
      out:write(svg)
      out:close()
      line ""
      line("## %s", part.group.title)
      line ""
      line("![how fast each is](%s)", path)
    end
  end
end

-- A table for each group that has peers: only those peers that are in it.
function P.beside(line, parts, peers)
  line ""
  line "## lwt beside each peer"
  line ""
  line "How many times as fast lwt is, or how many times as small, as the peer's best way of doing it: above 1, lwt"
  line "is ahead."
  for _, part in ipairs(parts) do
    local here, rows = {}, {}
    for _, g in ipairs(part.list) do
      local own = own_of(g)
      if own and not g.row.beside then
        local found
        for _, p in ipairs(peers) do
          if best_of(g, p[1]) then
            here[p[1]] = true
            found = true
          end
        end
        if found then rows[#rows + 1] = { g = g, own = own } end
      end
    end
    if #rows > 0 then
      local head, rule = { "| | lwt |" }, { "|---|---:|" }
      for _, p in ipairs(peers) do
        if here[p[1]] then
          head[#head + 1] = (" %s |"):format(p[2])
          rule[#rule + 1] = "---:|"
        end
      end
      line ""
      line(table.concat(head))
      line(table.concat(rule))
      for _, r in ipairs(rows) do
        local cells = { ("| %s | %s |"):format(r.g.title, words.value(r.g.row, r.own.value)) }
        for _, p in ipairs(peers) do
          local f = here[p[1]] and best_of(r.g, p[1])
          if here[p[1]] then cells[#cells + 1] = f and (" %.2f |"):format(f.speed) or " |" end
        end
        line(table.concat(cells))
      end
    end
  end
end

function P.more(line, result)
  for _, m in ipairs(result.more) do
    line ""
    line("## %s", m.extra.title)
    line ""
    for _, l in ipairs(m.extra.markdown(m.got, words.number)) do line(l) end
  end
end

function P.figures(line, parts)
  line ""
  line "## Every figure"
  line ""
  line "Medians of the rounds; beside them how many there were, the lowest and the highest."
  for _, part in ipairs(parts) do
    line ""
    line("### Figures: %s", part.group.title)
    for _, g in ipairs(part.list) do
      local row = g.row
      line ""
      line("**%s**: %s", g.title, words.per(row))
      line ""
      local how = row.unit == "bytes" and "small" or "fast"
      line("| | | rounds | %s is … times as %s | |", row.beside or "lwt", how)
      line "|---|---:|---:|---:|---|"
      for _, f in ipairs(g.figures) do
        local rounds = 0
        for _ in pairs(f.rounds) do rounds = rounds + 1 end
        line("| %s | %s | %d: %s..%s | %s | %s |", f.who, words.value(row, f.value), rounds,
          (words.amount(row, f.min)), (words.amount(row, f.max)), f.speed and ("%.2f"):format(f.speed) or "",
          words.remarks(row, f))
      end
    end
  end
end

--- Writes `folder`/RESULTS.md and `folder`/pictures.
function M.write(result, folder)
  local md = {}
  local function line(fmt, ...) md[#md + 1] = select("#", ...) > 0 and fmt:format(...) or fmt end
  local parts = parts_of(result)
  os.execute(("mkdir -p '%s/pictures'"):format(folder))
  P.head(line, result)
  P.bars(line, parts, result)
  P.pictures(line, parts, folder, result)
  P.beside(line, parts, result.peers)
  P.more(line, result)
  P.figures(line, parts)
  for _, f in ipairs(result.failures) do
    line ""
    line("Failed: `%s`", f)
  end
  local out = assert(io.open(folder .. "/RESULTS.md", "w"))
  out:write(table.concat(md, "\n"), "\n")
  out:close()
end

return M

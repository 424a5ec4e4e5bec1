-- `make bench`: runs every program of rows.lua, all peers in turn, round after round, and says what came out.
--
--   make bench                       everything; writes bench/RESULTS.md and the pictures of bench/pictures
--   make bench ONLY=servers          a group (bench/rows/); rows, or `growth`, `memory`, `threads`, `latency`, whose
--                                    names contain it; "a,b" several
--   make bench QUICK=1               small sizes and one round: does it all work?
--   make bench ROUNDS=5              instead of 3
--   make bench MINUTES=10            instead of 24: a round that would take longer is not begun
--   make bench PEERS=luv,node        with these peers only (what needs no package is always there)
--   make bench CLOCK=cpu             processor time instead of time, for the rows that only compute: when others use
--                                    the machine as well
--
-- Plain Lua, and nothing of lwt: what is measured has no part in measuring.

local data = require "bench.data"
local extras = require "bench.extras"
local figures = require "bench.figures"
local report = require "bench.report"
local page = require "bench.results"
local spec = require "bench.rows"

local function option(name)
  local v = os.getenv(name)
  return v ~= "" and v or nil
end

local quick = option "QUICK" ~= nil and option "QUICK" ~= "0"
local rounds = tonumber(option "ROUNDS") or (quick and 1 or 3)
local only, chosen_peers = option "ONLY", option "PEERS"
local limit = (tonumber(option "MINUTES") or 24) * 60
local build = option "LWT_BUILD" or "build"
local bin = build .. "/bench"
local data_folder = bin .. "/data"

-- A group's name stands for the group; another word, for each row that has it in its name.
local groups = {}
for _, group in ipairs(spec.groups) do groups[group.name] = true end

local function wanted(name, group)
  if not only then return true end
  for part in only:gmatch "[^,]+" do
    if part == group or not groups[part] and name:find(part, 1, true) then return true end
  end
  return false
end

---------------------------------------------------------------------------------------------------
-- The peers that setup.sh found

local here = { lwt = true, limit_c = true, lua = true, libuv = true }
local found = {} -- whether it is to be measured or not
local versions = {}
for line in io.lines(bin .. "/peers") do
  local name, version = line:match "^(%S+) (.*)$"
  found[name] = true
  if not chosen_peers or ("," .. chosen_peers .. ","):find("," .. name .. ",", 1, true) then
    here[name] = true
    versions[#versions + 1] = { name, version }
  end
end

---------------------------------------------------------------------------------------------------
-- Running one program

local python = "/usr/bin/python3"
local f = io.open(python)
if f then f:close() else python = "python3" end

local function fill(command, values)
  return (command:gsub("{(%w+)}", function(key) return tostring(assert(values[key], key)) end))
end

local run = figures.new()
local failures = {}

-- Runs a command under `hold`; hands each line "RES …" to `take(workload, who, part, sample)`.
local function execute(command, cpus, take, clock)
  local pipe = assert(io.popen(("BENCH_DATA='%s' BENCH_CLOCK=%s %s/hold -c %s -t 180 %s 2>%s/stderr"):format(
    data_folder, clock or "", bin, cpus, command, bin)))
  local results, used = {}, nil
  for line in pipe:lines() do
    local name, seconds, n, rest = line:match "^RES (%S+) (%S+) (%d+)(.*)$"
    if name then
      local sample = { seconds = tonumber(seconds), n = tonumber(n) }
      for k, v in rest:gmatch "(%w+)=(%S+)" do sample[k] = tonumber(v) end
      results[#results + 1] = { name, sample }
    elseif line:find "^USED " then
      used = {}
      for k, v in line:gmatch "(%w+)=(%S+)" do used[k] = tonumber(v) end
    end
  end
  pipe:close()
  if used then run:noise(used) end
  if not used or used.status ~= 0 or #results == 0 then
    local err = io.open(bin .. "/stderr")
    local said = err and err:read "a" or ""
    if err then err:close() end
    failures[#failures + 1] = ("%s: %s"):format(command, (said:gsub("%s+$", ""):match "[^\n]*$"))
    io.write("    failed: ", failures[#failures], "\n")
  end
  for _, r in ipairs(results) do
    local workload, who, part = r[1]:match "^([%w_]+):([^@]+)@?(.*)$"
    r[2].peak = used and used.rss * 1024
    r[2].process_cpu = used and used.cpu
    take(workload, who, part, r[2])
  end
end

local function values_of(row)
  local size = quick and row.quick or row.size
  if row.needs == "big" then
    size = data_folder .. (quick and "/big.quick" or "/big")
  elseif row.needs == "lines" then
    size = data_folder .. (quick and "/lines.quick" or "/lines")
  elseif row.needs == "many" or row.needs == "tree" then
    size = data_folder .. "/" .. row.needs .. (quick and ".quick" or "")
  end
  return {
    lua = option "LUA" or "lua5.4", bin = bin, data = data_folder, python = python,
    row = row.name, size = size, seconds = quick and 0.3 or 1,
  }
end

local function prepare(row)
  os.execute(("mkdir -p '%s'"):format(data_folder))
  local path = values_of(row).size
  if row.needs == "big" then data.big(path, quick and 64 << 20 or 1 << 30) end
  if row.needs == "lines" then data.lines(path, quick and 20000000 or 200000000) end
  if row.needs == "many" then data.many(path, quick and 5000 or 100000) end
  if row.needs == "tree" then data.tree(path, quick and 10 or 100) end
  if row.needs == "small" then data.small(data_folder .. "/small", 2000) end
end

local function run_row(row, round)
  local n = #row.runs
  -- What is read has been read before, and memory been used: the first program would pay for all.
  if row.warm and round == 1 then
    execute(fill(row.runs[row.warm][2], values_of(row)), row.cpus or "1", function() end)
  end
  for i = 0, n - 1 do
    local peer, command = table.unpack(row.runs[(i + round - 1) % n + 1]) -- each round begins with another
    if here[peer] then
      execute(fill(command, values_of(row)), row.cpus or "1", function(workload, who, part, sample)
        if not workload:find(row.name, 1, true) then who = workload .. ":" .. who end
        run:add(row, peer, who, part, round, sample)
      end, row.computes and option "CLOCK")
    end
  end
end

---------------------------------------------------------------------------------------------------

io.stdout:setvbuf "line"
local rows = {}
for _, row in ipairs(spec.rows) do
  if wanted(row.name, row.group.name) and (not row.requires or found[row.requires]) then rows[#rows + 1] = row end
end
local begun = os.time()
for _, row in ipairs(rows) do prepare(row) end
-- What varies most is measured more often.
local function rounds_of(row)
  return math.min(row.rounds or math.huge, rounds * (not quick and row.times or 1))
end
local most = 0
for _, row in ipairs(rows) do most = math.max(most, rounds_of(row)) end

local cost = {} -- of a round of a row, in seconds: the last one's
local begun_rounds = 0

-- A round of every row, as far as there is time left.
local function one_round(round)
  for _, row in ipairs(rows) do
    local start = os.time()
    if round == 1 or round <= rounds_of(row) and start + cost[row] <= begun + limit then
      print(("round %d of %d: %s"):format(round, rounds_of(row), row.title))
      begun_rounds = round
      run_row(row, round)
      cost[row] = os.time() - start
    end
  end
end

if most > 0 then one_round(1) end

local more = {}
for _, extra in ipairs(extras) do
  if wanted(extra.name) then
    print(extra.title)
    local values = values_of { name = extra.name }
    local got = {}
    for _, command in ipairs(extra.commands(quick)) do
      execute(fill(command, values), extra.cpus or "1", function(workload, who, part, sample)
        got[#got + 1] = { workload = workload, who = who, part = part, sample = sample }
      end, extra.computes and option "CLOCK")
    end
    more[#more + 1] = { extra = extra, got = got }
  end
end

for round = 2, most do one_round(round) end

if #rows == 0 and #more == 0 then
  io.stderr:write(("make bench: there is no group and no row %q; groups:"):format(only))
  for _, group in ipairs(spec.groups) do io.stderr:write(" ", group.name) end
  io.stderr:write "; rows:"
  for _, row in ipairs(spec.rows) do io.stderr:write(" ", row.name) end
  for _, extra in ipairs(extras) do io.stderr:write(" ", extra.name) end
  io.stderr:write "\n"
  os.exit(2)
end

local result = run:finish {
  rows = rows, more = more, rounds = math.max(1, begun_rounds), quick = quick, seconds = os.time() - begun,
  versions = versions, failures = failures, peers = spec.peers, clock = option "CLOCK",
}
report.text(result, io.stdout)
if not only and not quick then
  page.write(result, "bench")
  print "written: bench/RESULTS.md, bench/pictures"
elseif option "OUT" then
  page.write(result, option "OUT")
end
if #failures > 0 then os.exit(1) end

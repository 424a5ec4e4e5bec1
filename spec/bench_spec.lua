-- The benchmark's own reckoning: medians, ratios, bars, and what it writes.

local figures = require "bench.figures"
local results = require "bench.results"
local rows = require "bench.rows"
local shell = require "spec.support.shell"
local words = require "bench.words"
local build = os.getenv "LWT_BUILD" or "build"

local function sample(seconds, n, extra)
  local s = { seconds = seconds, n = n }
  for k, v in pairs(extra or {}) do s[k] = v end
  return s
end

local function read(path)
  local f = assert(io.open(path))
  local text = f:read "a"
  f:close()
  return text
end

-- A run of one row in three rounds, in which the machine is twice as slow in the second.
local function run()
  local row = {
    name = "bind", title = "bind", per = "bind", group = { name = "some", title = "Some" },
    bars = { { "lwt", "<=", 1.3, "floor" }, { "lwt", "<", 1, "mini" }, { "lwt", "<=", 100, unit = "ns" } },
  }
  local r = figures.new()
  for round, slow in ipairs { 1, 2, 1 } do
    r:noise { spin = 100 * slow, foreign = 0.02, wall = 1 }
    r:add(row, "lwt", "lwt", "", round, sample(0.12e-3 * slow, 1000))
    r:add(row, "limit_c", "floor", "", round, sample(0.1e-3 * slow, 1000))
    r:add(row, "lua", "mini", "", round, sample(0.11e-3 * slow, 1000))
  end
  return r:finish {
    rows = { row }, more = {}, rounds = 3, seconds = 3, versions = { { "luv", "1.2" } }, failures = {},
    peers = rows.peers,
  }
end

describe("the benchmark", function()
  it("takes the median of the rounds, and the ratio within a round", function()
    local g = run().groups[1]
    assert.equal("floor", g.figures[1].who)
    assert.is_near(100, g.figures[1].value, 1e-6)
    assert.is_near(200, g.figures[1].max, 1e-6)
    assert.is_near(1.2, g.bars[1].reached, 1e-9)
    assert.is_near(1 / 1.2, g.figures[1].speed, 1e-9)
  end)

  it("judges bars beside another figure and beside a limit", function()
    local result = run()
    local bars = result.groups[1].bars
    assert.is_true(bars[1].met)
    assert.is_false(bars[2].met)
    assert.is_false(bars[3].met)
    assert.equal(1, result.judged)
    assert.is_nil(result.met)
  end)

  it("leaves a bar open when its peer was not there", function()
    local row = { name = "x", title = "x", per = "x", bars = { { "lwt", "<", 1, "node" } } }
    local r = figures.new()
    r:add(row, "lwt", "lwt", "", 1, sample(1, 1000))
    local result = r:finish { rows = { row }, more = {}, rounds = 1, seconds = 1, versions = {}, failures = {} }
    assert.is_nil(result.groups[1].bars[1].met)
    assert.is_nil(result.judged)
  end)

  it("counts a server by its rate: more is better", function()
    local row = { name = "echo", title = "echo", per = "message", servers = true, bars = { { "lwt", ">=", 0.9, "c" } } }
    local r = figures.new()
    r:add(row, "libuv", "c", "50", 1, sample(1, 1000))
    r:add(row, "lwt", "lwt", "50", 1, sample(1, 950))
    local g = r:finish { rows = { row }, more = {}, rounds = 1, seconds = 1, versions = {}, failures = {} }.groups[1]
    assert.equal("c", g.figures[1].who)
    assert.is_true(g.bars[1].met)
  end)

  it("says how noisy a run was", function()
    local result = run()
    assert.is_near(1, result.noise.spin, 1e-9)
    assert.equal("noisy", result.noise.word)
  end)

  it("judges what is more than another's, and other values than the time", function()
    local row = {
      name = "start", title = "start", per = "start", of = "ms", unit = "ms", beside = "lua",
      bars = {
        { "lwt", "<=", 6, "lua", more = true, unit = "ms" }, { "lwt", "<=", 1.5, "lua", of = "cpu", what = "CPU" },
        { "lwt", "<=", 6, unit = "ms", of = "ms" },
      },
    }
    local r = figures.new()
    r:add(row, "lua", "lua", "", 1, sample(1, 1, { ms = 2, cpu = 1 }))
    r:add(row, "lwt", "lwt", "", 1, sample(1, 1, { ms = 7, cpu = 2 }))
    local result = r:finish { rows = { row }, more = {}, rounds = 1, seconds = 1, versions = {}, failures = {} }
    local g = result.groups[1]
    local met = {}
    for i, b in ipairs(g.bars) do met[i] = b.met end
    assert.same({ true, false, false }, met)
    assert.equal("lua", g.figures[1].who)
    assert.is_near(3.5, g.figures[2].speed, 1e-9)
    assert.equal(1, result.bars_met)
    assert.equal("lwt <= lua + 6.00 ms: +5.00 ms", words.bar(g.bars[1]) .. ": " .. words.reached(g.bars[1]))
    assert.equal("lwt <= 1.5 × lua in CPU", words.bar(g.bars[2]))
  end)

  it("writes the table and the pictures", function()
    local dir = shell.temp_dir()
    results.write(run(), dir)
    local md, svg = read(dir .. "/RESULTS.md"), read(dir .. "/pictures/some.svg")
    shell.remove_dir(dir)
    assert.truthy(md:find("| Some | bind | lwt <= 1.3 × floor | 1.20 × | met |", 1, true))
    assert.truthy(md:find("[**MISSED**](README.md#what-is-missed-and-why)", 1, true))
    assert.truthy(md:find("The bars: 1 of 3 met", 1, true))
    assert.truthy(md:find("](pictures/some.svg)", 1, true))
    assert.truthy(svg:find("<title>floor: 1.20 times as fast as lwt</title>", 1, true))
    assert.equal(select(2, svg:gsub("<text", "")), select(2, svg:gsub("</text>", "")))
    assert.truthy(svg:find "</svg>%s*$")
  end)

  it("says of each missed bar why, where the results send the reader", function()
    local there = {}
    for heading in ("\n" .. read "bench/README.md"):gmatch "\n#+ ([^\n]+)" do
      there[heading:lower():gsub("[^%w _-]", ""):gsub(" ", "-")] = true
    end
    assert.is_true(there["what-is-missed-and-why"])
    for anchor in read "bench/RESULTS.md":gmatch "%*%*MISSED%*%*%]%(README%.md#([^)]*)%)" do
      assert.is_true(there[anchor] and anchor ~= "what-is-missed-and-why", "no heading for " .. anchor)
    end
  end)

  it("has a row for each line of the goals, each with a program of lwt and a bar", function()
    assert.is_true(#rows.rows >= 30)
    local peers = { lwt = true }
    for _, p in ipairs(rows.peers) do peers[p[1]] = true end
    local names = {}
    for _, row in ipairs(rows.rows) do
      assert.is_nil(names[row.name], row.name)
      names[row.name] = true
      assert.truthy(row.bars[1], row.name)
      assert.truthy(row.runs[1][2]:find "bench/lwt/" or row.runs[1][2]:find "bin/lwt", row.name)
      for _, r in ipairs(row.runs) do
        assert.is_true(peers[r[1]], r[1])
        local program = r[2]:match "bench/[%w/]+%.%w+"
        if program then read(program) end
      end
    end
  end)

  it("has stored counts for every operation it counts", function()
    local stored = {}
    for line in io.lines "bench/counts.txt" do
      local name = line:match "^([%w_]+)%s+%d+"
      if name then stored[name] = true end
    end
    for _, op in ipairs(require "bench.count.ops") do
      assert.is_true(stored[op.name], op.name)
      stored[op.name] = nil
    end
    assert.is_nil(next(stored))
  end)
end)

describe("the programs of the benchmark", function()
  local lua, bin = os.getenv "LUA" or "lua5.4", build .. "/bench"

  setup(function()
    assert(os.execute(("BUILD='%s' bench/setup.sh --own"):format(build)))
  end)

  -- What a program reports, each line as "workload:figure".
  local function figures_of(command)
    local pipe = io.popen(command .. " 2>&1")
    local text = pipe:read "a"
    assert.is_true((pipe:close()), text)
    local found = {}
    for name, seconds, n in text:gmatch "RES (%S+) (%S+) (%d+)" do
      assert.truthy(tonumber(seconds) and tonumber(n) > 0, text)
      found[#found + 1] = name
    end
    assert.truthy(found[1], text)
    return found
  end

  for _, w in ipairs {
    "promises bind_resolved", "promises bind_pending", "promises await_resolved", "tasks handover", "tasks yield",
    "tasks spawn", "flow stream", "flow mvar", "flow signals", "log log_off", "log log_file", "system udp",
    "outside jobs", "outside detach", "growth messages",
  } do
    it("run: lwt's " .. w, function()
      local program, workload = w:match "(%S+) (%S+)"
      local found = figures_of(("%s bench/lwt/%s.lua %s 1000"):format(lua, program, workload))
      assert.equal(workload .. ":lwt", found[1]:match "^[^@]*")
    end)
  end

  for _, mode in ipairs { "", "incremental", "stopped", "promises", "coroutines" } do
    it("run: the longest turn, " .. (mode == "" and "as it is" or mode), function()
      local found = figures_of(("%s bench/lwt/pause.lua pause 1000 %s"):format(lua, mode))
      local who = mode == "" and "lwt" or mode == "coroutines" and mode or "lwt_" .. mode
      assert.same({ "pause:" .. who }, found)
    end)
  end

  it("run: a use of each tool, all of which have a bar beside a spawn", function()
    local wanted = { ["tools:spawn"] = true }
    for _, row in ipairs(rows.rows) do
      for _, bar in ipairs(row.name == "tools" and row.bars or {}) do wanted["tools:" .. bar[1]] = true end
    end
    local found = {}
    for _, name in ipairs(figures_of(lua .. " bench/lwt/tools.lua tools 100")) do found[name] = true end
    assert.same(wanted, found)
  end)

  for _, command in ipairs { "-e ''", "bench/lwt/start.lua", "bench/lwt/start.lua every", "bin/lwt -e ''" } do
    it("are started again and again: " .. command, function()
      assert.same({ "start:x" }, figures_of(("%s/again start:x 2 %s %s"):format(bin, lua, command)))
    end)
  end

  it("require every module of the rock when they start", function()
    local program = read "bench/lwt/start.lua"
    local loaded = {}
    for name in program:match("%[%[(.-)%]%]"):gmatch "%S+" do loaded[name] = true end
    local of_rocks = { ssl = true, term = true, text = true, read_line = true, glib = true, init = true }
    for path in shell.run("ls lua/lwt/*.lua").out:gmatch "[^\n]+" do
      local name = path:match "([%w_]+)%.lua$"
      assert.equal(of_rocks[name] == nil, loaded[name] == true, name)
    end
  end)

  for _, server in ipairs {
    "echo echo", "echo echo_await", "echo echo_lines", "http http", "idle echo_lines", "echo work 2",
  } do
    it("serve: " .. server, function()
      local load, mode = server:match "(%S+) (.*)"
      local where = mode:find "work" and "-s -1 -c -1" or ""
      assert.same({ "row:lwt@3" }, figures_of(("%s/load %s -t 0.1 row:lwt %s 3 -- %s bench/lwt/serve.lua %s"):format(
        bin, where, load, lua, mode)))
    end)
  end
end)

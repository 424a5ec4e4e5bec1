-- Lines and branches of the C sources that the specs reached:
--
--   lua5.4 scripts/coverage.lua BUILD FOLDER       BUILD: compiled with --coverage, after a run
--
-- Prints a line a file and the totals. "Branches" are gcov's: each way a decision can go; those
-- of calls that may raise are not counted. The annotated sources are left in BUILD/gcov/.

local build, folder = arg[1], arg[2]
local out_dir = build .. "/gcov"

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local out = {}
  for line in pipe:lines() do out[#out + 1] = line end
  pipe:close()
  return out
end

os.execute(("rm -rf '%s' && mkdir -p '%s'"):format(out_dir, out_dir))
local here = lines_of("pwd")[1]
local total = { lines = 0, lines_hit = 0, branches = 0, branches_hit = 0 }

local function percent(hit, all)
  return all == 0 and 100 or hit * 100 / all
end

local function report(name, c)
  print(("%-32s lines %5d of %5d %6.1f%%   branches %5d of %5d %6.1f%%"):format(name, c.lines_hit,
    c.lines, percent(c.lines_hit, c.lines), c.branches_hit, c.branches,
    percent(c.branches_hit, c.branches)))
end

local objects = lines_of(("ls %s/%s/*.gcda 2>/dev/null"):format(build, folder))
if #objects == 0 then
  io.stderr:write("no coverage data below ", build, "/", folder, "\n")
  os.exit(1)
end
for _, data in ipairs(objects) do
  os.execute(("cd '%s' && gcov -b -c -o '%s/%s/%s' '%s/%s' >/dev/null 2>&1"):format(out_dir, here,
    build, folder, here, data))
  local name = data:match("([^/]+)%.gcda$") .. ".c"
  local c = { lines = 0, lines_hit = 0, branches = 0, branches_hit = 0 }
  local file = io.open(out_dir .. "/" .. name .. ".gcov")
  if file then
    for line in file:lines() do
      local count = line:match("^%s*([%d#=*-]+):%s*%d+:")
      if count and count ~= "-" then
        c.lines = c.lines + 1
        if not count:match("^[#=]") then c.lines_hit = c.lines_hit + 1 end
      end
      local taken = line:match("^branch%s+%d+ (.*)$")
      if taken and not taken:find("throw", 1, true) then
        c.branches = c.branches + 1
        if taken:match("^taken [1-9]") then c.branches_hit = c.branches_hit + 1 end
      end
    end
    file:close()
  end
  report("src/" .. folder .. "/" .. name, c)
  for key, value in pairs(c) do total[key] = total[key] + value end
end
report("total", total)

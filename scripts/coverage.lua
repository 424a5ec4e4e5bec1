-- Lines and branches of the C sources that the specs reached.
--
--   lua5.4 scripts/coverage.lua BUILD FOLDER...    BUILD: compiled with --coverage, after a run
--
-- Prints a line a file and the total of each folder of src/. A branch is one way a decision in the
-- code can go: "executed" counts those of the decisions that were come to, "taken" those that were
-- gone. The programs that refuse memory or calls, and run finalizers, are made of the same objects. Three macros of Lua's have no branch of their own there: see
-- scripts/coverage.h. The annotated sources are left in BUILD/gcov/FOLDER/, and every
-- branch not taken is a line of BUILD/gcov/missed.txt.

local build, folders = arg[1], table.move(arg, 2, #arg, 1, {})
local out_dir = build .. "/gcov"

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local out = {}
  for line in pipe:lines() do out[#out + 1] = line end
  pipe:close()
  return out
end

local function save(name, lines)
  local file = assert(io.open(out_dir .. "/" .. name, "w"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
end

local function percent(hit, all)
  return all == 0 and 0 or hit * 100 / all
end

local function report(name, c)
  print(("%-28s lines %5d of %5d %6.1f%%   branches %5d: executed %6.1f%%, taken %5d %6.1f%%")
    :format(name, c.lines_hit, c.lines, percent(c.lines_hit, c.lines), c.branches,
    percent(c.executed, c.branches), c.taken, percent(c.taken, c.branches)))
end

-- Adds what one run's data say about `source` to `seen`: a list by line number of
-- { hit =, text =, [branch] = "taken" | "not" | "never" }.
local function read(data, source, seen, annotated)
  local dir = data:match("^(.*)/[^/]*$")
  local ours, at, nth = false, nil, 0
  for _, line in ipairs(lines_of(("gcov -b -c -t -o '%s' '%s' 2>/dev/null"):format(dir, data))) do
    local from = line:match("^%s*%-:%s*0:Source:(.*)$")
    if from then ours = from == source end
    if ours then
      annotated[#annotated + 1] = line
      local count, number, text = line:match("^%s*([^:]-)%*?:%s*(%d+):(.*)$")
      if number and number ~= "0" then
        at = nil
        nth = 0
        if count ~= "-" then
          at = seen[tonumber(number)] or { text = text, number = tonumber(number) }
          seen[at.number] = at
          if count:match("^%d") then at.hit = true end
        end
      end
      local how = line:match("^branch%s+%d+ (.*)$") -- gcov numbers calls and branches alike
      if how and at then
        nth = nth + 1
        if how:match("^taken [1-9]") then
          at[nth] = "taken"
        elseif at[nth] ~= "taken" then
          at[nth] = (at[nth] == "not" or not how:match("^never")) and "not" or "never"
        end
      end
    end
  end
end

local missed = {}

local function look_at(folder)
  local function found(kind)
    return lines_of(("find %s/%s -name '*.%s' 2>/dev/null | LC_ALL=C sort"):format(build, folder,
      kind))
  end
  local objects = found "gcno"
  if #objects == 0 or #found "gcda" == 0 then
    io.stderr:write("no coverage data below ", build, "/", folder, "\n")
    os.exit(1)
  end
  os.execute(("mkdir -p '%s/%s'"):format(out_dir, folder))
  local total = { lines = 0, lines_hit = 0, branches = 0, executed = 0, taken = 0 }
  for _, object in ipairs(objects) do
    local name = object:sub(#build + #folder + 3):match("^(.*)%.gcno$") -- "net/tcp"
    local source = ("src/%s/%s.c"):format(folder, name)
    local seen, annotated = {}, {}
    read(("%s/%s/%s.gcda"):format(build, folder, name), source, seen, annotated)
    save(("%s/%s.c.gcov"):format(folder, (name:gsub("/", "_"))), annotated)
    local numbers = {}
    for number in pairs(seen) do numbers[#numbers + 1] = number end
    table.sort(numbers)
    local c = { lines = #numbers, lines_hit = 0, branches = 0, executed = 0, taken = 0 }
    for _, number in ipairs(numbers) do
      local line = seen[number]
      if line.hit then c.lines_hit = c.lines_hit + 1 end
      for branch, what in ipairs(line) do
        c.branches = c.branches + 1
        if what ~= "never" then c.executed = c.executed + 1 end
        if what == "taken" then
          c.taken = c.taken + 1
        else
          missed[#missed + 1] = ("%s:%d: branch %d of %d %s: %s"):format(source, number, branch,
            #line, what == "not" and "not taken" or "never come to", line.text:match("^%s*(.*)$"))
        end
      end
    end
    if c.lines == 0 then
      io.stderr:write("gcov says nothing about ", source, "\n")
      os.exit(1)
    end
    report(source, c)
    for key, value in pairs(c) do total[key] = total[key] + value end
  end
  report("src/" .. folder, total)
end

os.execute(("rm -rf '%s'"):format(out_dir))
for _, folder in ipairs(folders) do look_at(folder) end
save("missed.txt", missed)

-- `make bench-count`: how many instructions each hot path executes, counted by callgrind, beside the stored figures of
-- bench/counts.txt. Fails when one has grown by more than 5 %, or allocates what it did not.
--
--   make bench-count                       counts all, compares
--   make bench-count ONLY=bind,yield       those whose names contain one of these
--   make bench-count ARGS=--store          writes bench/counts.txt: growth on purpose
--   make bench-count ARGS="--profile yield" where the instructions of one operation go, by function
--
-- Counts repeat to the instruction as long as nothing changes: time stands still (c/still.c), addresses are not
-- randomised, the environment is empty, and what waits does so on virtual time.

local figures_path = "bench/counts.txt"
local tolerance, tolerance_bytes = 1.05, 1.05 -- and a byte

local build = os.getenv "LWT_BUILD"
local here = io.popen "pwd"
local cwd = here and here:read "l" or "."
if here then here:close() end
-- A path from here: the length of the checkout's own must not show in what is executed.
build = build and build:sub(1, #cwd + 1) == cwd .. "/" and build:sub(#cwd + 2) or build or "build"
local lua = os.getenv "LUA" or "lua5.4"
local out_dir = build .. "/bench/count"
os.execute("mkdir -p " .. out_dir)

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  local ok = pipe:close()
  return text, ok
end

local still = lines_of("setarch -R true 2>&1 && echo yes"):find "yes" and "setarch -R " or ""

-- A command in an empty environment: what is left says where the modules are, by paths from here.
local function clean(command, preload)
  return ("env -i PATH=\"$PATH\" LC_ALL=C LUA_PATH='lua/?.lua;lua/?/init.lua;?.lua' "
    .. "LUA_CPATH='%s/?.so' %s %s%s"):format(build,
    preload and ("LD_PRELOAD=" .. build .. "/bench/still.so") or "", still, command)
end

-- What the counts depend on besides lwt: another Lua, libuv or C library counts differently.
local function surroundings()
  local function word(command) return (lines_of(command .. " 2>/dev/null"):match "[^\n]+" or "?") end
  return table.concat({
    word(lua .. " -v"):match "Lua [%d.]+" or "Lua ?",
    "libuv " .. word "pkg-config --modversion libuv",
    "libc " .. (word "ldd --version":match "[%d.]+$" or "?"),
    "cc " .. (word((os.getenv "CC" or "cc") .. " -dumpversion"):match "^%d+" or "?"),
    word "valgrind --version":match "valgrind%-%d+%.%d+" or "valgrind ?",
    word "uname -m",
  }, ", ")
end

-- Counts one operation: instructions and bytes for each, and the objects made.
local function count(op)
  local out = ("%s/%s.out"):format(out_dir, op.name)
  os.remove(out)
  local said, ok = lines_of(clean(("valgrind --tool=callgrind --instr-atstart=no --combine-dumps=yes "
    .. "--callgrind-out-file=%s %s bench/count/one.lua %s 2>%s.err"):format(out, lua, op.name, out), true))
  local n = tonumber(said)
  local parts, part = {}, nil
  local f = io.open(out)
  for line in f and f:lines() or function() end do
    part = line:match "^desc: Trigger: Client Request: (%w+)" or part
    local total = line:match "^totals: (%d+)"
    if total and part then
      parts[part] = tonumber(total)
      part = nil
    end
  end
  if f then f:close() end
  if not ok or not n or not parts.rest or not parts.work then
    local err = io.open(out .. ".err")
    local text = err and err:read "a" or ""
    return nil, (said .. text):match "[^\n]*lua5.4:[^\n]*" or text:match "[^\n]*%s*$"
  end
  local result = { instructions = (parts.work - parts.rest) / n }
  said = lines_of(clean(("%s bench/count/one.lua %s allocate 2>&1"):format(lua, op.name)))
  for k, v in said:gmatch "(%w+)=([%d.]+)" do result[k] = tonumber(v) end
  return result
end

local kinds = { "userdata", "tables", "functions", "threads", "strings", "other" }

-- "1 userdata, 0.1 tables": what is less than one in a hundred operations is the surroundings'.
local function objects(c)
  local words = {}
  for _, kind in ipairs(kinds) do
    local v = c[kind] or 0
    if v >= 0.01 then words[#words + 1] = ("%.4g %s"):format(math.floor(v * 100 + 0.5) / 100, kind) end
  end
  return table.concat(words, ", ")
end

local function read_stored()
  local stored, where = {}, nil
  local f = io.open(figures_path)
  if not f then return stored end
  for line in f:lines() do
    where = line:match "^# with (.*)$" or where
    local name, instructions, bytes, rest = line:match "^(%S+)%s+([%d.]+)%s+([%d.]+)%s*(.*)$"
    if name then
      stored[name] = { instructions = tonumber(instructions), bytes = tonumber(bytes), objects = rest }
    end
  end
  f:close()
  return stored, where
end

local function store(results, where)
  local f = assert(io.open(figures_path, "w"))
  f:write("# Instructions of each operation, bytes and objects it allocates; `make bench-count` compares, and\n",
    "# `make bench-count ARGS=--store` writes this file. What an operation is: bench/count/ops.lua.\n",
    "# with ", where, "\n")
  for _, r in ipairs(results) do
    local c = r.count
    f:write(("%-22s %8.0f %8.1f  %s\n"):format(r.op.name, c.instructions, c.bytes or 0, objects(c)))
  end
  f:close()
end

---------------------------------------------------------------------------------------------------

local storing, profile, only = false, nil, os.getenv "ONLY"
do
  local i = 1
  while arg[i] do
    if arg[i] == "--store" then
      storing = true
    elseif arg[i] == "--profile" then
      i = i + 1
      profile = arg[i]
    else
      only = arg[i]
    end
    i = i + 1
  end
end
if only == "" then only = nil end

local function wanted(name)
  if not only then return true end
  for part in only:gmatch "[^,]+" do
    if name:find(part, 1, true) then return true end
  end
  return false
end

local names = lines_of(("%s -e 'for _, o in ipairs(require \"bench.count.ops\") do "
  .. "print(o.name, o.floor or \"-\", o.what) end'"):format(lua))
local ops = {}
for name, floor, what in names:gmatch "(%S+)\t(%S+)\t([^\n]+)" do
  ops[#ops + 1] = { name = name, floor = floor, what = what }
end
assert(#ops > 0, "bench/count/ops.lua does not load")

if profile then
  local op
  for _, o in ipairs(ops) do if o.name == profile then op = o end end
  if not op then
    io.stderr:write("make bench-count: no operation ", tostring(profile), "\n")
    os.exit(2)
  end
  local c, err = count(op)
  if not c then
    io.stderr:write("make bench-count: ", profile, ": ", tostring(err), "\n")
    os.exit(1)
  end
  print(("%s: %s; %.0f instructions, %.0f bytes, %s"):format(op.name, op.what, c.instructions, c.bytes, objects(c)))
  require "bench.count.profile".print(("%s/%s.out"):format(out_dir, op.name), lua)
  os.exit(0)
end

io.stdout:setvbuf "line"
local where = surroundings()
local stored, stored_where = read_stored()
local same = stored_where == nil or stored_where == where
local results, by_name, failed, broken = {}, {}, {}, {}
print(("%-22s %12s %8s %7s %8s  %s"):format("", "instructions", "stored", "", "bytes", "objects"))
for _, op in ipairs(ops) do
  if wanted(op.name) then
    local c, err = count(op)
    if not c then
      broken[#broken + 1] = ("%s: %s"):format(op.name, tostring(err))
      print(("%-22s %s"):format(op.name, "failed: " .. tostring(err)))
    else
      results[#results + 1] = { op = op, count = c }
      by_name[op.name] = c
      local was = stored[op.name]
      local change = was and ("%+.1f %%"):format((c.instructions / was.instructions - 1) * 100) or "new"
      local mark = ""
      if was and (c.instructions > was.instructions * tolerance
          or (c.bytes or 0) > was.bytes * tolerance_bytes + 1) then
        mark = "  GREW"
        failed[#failed + 1] = ("%s: %.0f instructions (stored %.0f), %.0f bytes (stored %.0f)"):format(op.name,
          c.instructions, was.instructions, c.bytes or 0, was.bytes)
      end
      print(("%-22s %12.0f %8s %7s %8.1f  %s%s"):format(op.name, c.instructions,
        was and ("%.0f"):format(was.instructions) or "", change, c.bytes or 0, objects(c), mark))
    end
  end
end

local told
for _, r in ipairs(results) do
  local floor = by_name[r.op.floor]
  if floor then
    if not told then print "\nbeside the floor:" end
    told = true
    print(("  %-20s %5.2f × %s"):format(r.op.name, r.count.instructions / floor.instructions, r.op.floor))
  end
end

if storing then
  if only or #broken > 0 then
    io.stderr:write "make bench-count: nothing stored: all operations must be counted\n"
    os.exit(1)
  end
  store(results, where)
  print("\nstored: " .. figures_path)
  os.exit(0)
end
if #broken > 0 then
  io.stderr:write("make bench-count: ", #broken, " could not be counted\n")
  os.exit(1)
end
if not same then
  print(("\nThe stored figures were counted with %s, these with %s: growth is shown, not judged."):format(
    stored_where, where))
elseif #failed > 0 then
  io.stderr:write "\nmake bench-count: these grew by more than 5 %:\n"
  for _, f in ipairs(failed) do io.stderr:write("  ", f, "\n") end
  io.stderr:write "If that is on purpose: make bench-count ARGS=--store\n"
  os.exit(1)
end

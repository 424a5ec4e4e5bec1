-- The files that the benchmark reads: made when they are first needed, in build/bench/data.

local M = {}

local function exists(path, size)
  local f = io.open(path, "rb")
  if not f then return false end
  local there = f:seek("end")
  f:close()
  return there == size
end

-- Numbers that look random and are the same on every machine.
local function generator(seed)
  return function(n)
    seed = (seed * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
    return (seed >> 33) % n
  end
end

--- `bytes` that do not compress away.
function M.big(path, bytes)
  if exists(path, bytes) then return end
  local random, words = generator(1), {}
  for i = 1, 8192 do words[i] = string.pack("<I8", random(1 << 30) << 33 ~ random(1 << 30)) end
  local chunk = table.concat(words)
  local f = assert(io.open(path, "wb"))
  for _ = 1, bytes // #chunk do assert(f:write(chunk)) end
  f:write(chunk:sub(1, bytes % #chunk))
  f:close()
end

--- About `bytes` of lines, 20 to 140 characters long.
function M.lines(path, bytes)
  local mark = io.open(path .. ".done")
  if mark then return mark:close() end
  local random, letters = generator(2), "abcdefghijklmnopqrstuvwxyz0123456789 "
  local lines = {}
  for i = 1, 5000 do
    local line = {}
    for j = 1, 20 + random(121) do
      local k = random(#letters) + 1
      line[j] = letters:sub(k, k)
    end
    lines[i] = table.concat(line) .. "\n"
  end
  local f, n = assert(io.open(path, "wb")), 0
  while n < bytes do
    local block = {}
    for i = 1, 1000 do block[i] = lines[random(#lines) + 1] end
    local text = table.concat(block)
    f:write(text)
    n = n + #text
  end
  f:close()
  assert(io.open(path .. ".done", "w")):close()
end

--- `n` files of 4 KiB.
function M.small(folder, n)
  if exists(folder .. "/" .. n, 4096) then return end
  os.execute(("mkdir -p '%s'"):format(folder))
  local random = generator(3)
  for i = 1, n do
    local f = assert(io.open(("%s/%d"):format(folder, i), "wb"))
    f:write((string.pack("<I4", random(1 << 30)):rep(1024)))
    f:close()
  end
end

local function empty(path) assert(io.open(path, "w")):close() end

--- A folder of `n` empty files.
function M.many(folder, n)
  if exists(folder .. "/" .. n, 0) then return end
  os.execute(("mkdir -p '%s'"):format(folder))
  for i = 1, n do empty(("%s/%d"):format(folder, i)) end
end

--- `n` folders, in each of which are ten with ten files.
function M.tree(folder, n)
  if exists(("%s/%d/10/10"):format(folder, n), 0) then return end
  for i = 1, n do
    local inner = ("%s/%d"):format(folder, i)
    os.execute(("mkdir -p '%s'/1 && cd '%s' && mkdir -p 2 3 4 5 6 7 8 9 10"):format(inner, inner))
    for j = 1, 10 do
      for k = 1, 10 do empty(("%s/%d/%d"):format(inner, j, k)) end
    end
  end
end

return M

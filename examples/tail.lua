-- tail: shows the end of files and what is added to them, as `tail -f` does.
--
-- Shows: watching files as a stream of events; several at once as tasks of one scope. A file that
-- is cut short is begun anew; one that is replaced (a log that is rotated) is followed by name.
--
--   lwt examples/tail.lua [-n LINES] FILE...      -n   how many lines to begin with (10)

local lwt = require "lwt"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local await = lwt.await

local CHUNK = 65536

-- The offset at which the last `n` lines begin.
local function offset_of_last(file, n)
  local pos = await(file:stat()).size
  local ending = true -- the newline at the very end begins no line
  while pos > 0 do
    local size = math.min(CHUNK, pos)
    local text = await(file:pread(size, pos - size)) or ""
    for i = #text, 1, -1 do
      if text:byte(i) == 10 and not ending then
        n = n - 1
        if n <= 0 then return pos - size + i end
      end
      ending = false
    end
    pos = pos - size
  end
  return 0
end

-- Writes out what there is from `pos` on; the new position.
local function copy(file, pos)
  if await(file:stat()).size < pos then pos = 0 end
  while true do
    local text = await(file:pread(CHUNK, pos))
    if not text or text == "" then return pos end
    await(lio.stdout:write(text))
    pos = pos + #text
  end
end

local function tail(path, lines)
  local dir, name = path:match("^(.*/)([^/]*)$")
  -- Looking begins before reading: nothing is missed in between.
  local events = fs.watch(dir or ".")
  local file = await(fs.open(path, "r"))
  local pos = lines == 0 and await(file:stat()).size or offset_of_last(file, lines)
  pos = copy(file, pos)
  for event in events do
    if event.name == (name or path) or event.type == "overflow" then
      pos = copy(file, pos)
      local there, now = pcall(await, fs.stat(path))
      if not there and now == lwt.Canceled then error(now, 0) end
      if there and now.ino ~= await(file:stat()).ino then
        await(file:close())
        file = await(fs.open(path, "r"))
        pos = copy(file, 0)
      end
    end
  end
end

local lines, paths = 10, {}
do
  local i = 1
  while arg[i] do
    if arg[i] == "-n" then
      lines = math.tointeger(arg[i + 1]) or error("-n needs a number of lines", 0)
      i = i + 2
    else
      paths[#paths + 1] = arg[i]
      i = i + 1
    end
  end
end
if #paths == 0 then error("usage: tail.lua [-n LINES] FILE...", 0) end

await(lwt.scope(function(s)
  for _, path in ipairs(paths) do s:spawn(tail, path, lines) end
end))

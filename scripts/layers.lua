-- Who may know whom in src/. Fails, naming the file, the line and the rule, when
--
--   the core includes what is not the core's (libuv's header above all);
--   the ground (src/uv/*.c) includes or calls a family (src/uv/<family>/), all but module.c;
--   a family includes or calls another family, instead of a hook in the context;
--   a rock beside lwt (src/<rock>/) includes what is ours and not lwt.h or its own.
--
--   lua5.4 scripts/layers.lua [BUILD]     with BUILD (build/) the calls are looked at as well
--
-- The includes are read from the sources, the calls from the symbols of the objects.

local build = arg[1]
local wrong = {}

local function complain(...)
  wrong[#wrong + 1] = string.format(...)
end

local function lines(command)
  local list = {}
  local pipe = assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

-- Of "src/uv/net/tcp.c": "uv/net"; of "src/uv/handle.c": "uv"; of "src/ssl/a/b.c": "ssl".
local function room_of(path)
  local top, rest = path:match("^src/([^/]+)/(.+)$")
  if not top then return "" end -- src/lwt.h
  local family = top == "uv" and rest:match("^([^/]+)/")
  return family and "uv/" .. family or top
end

local function resolve(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part == ".." then parts[#parts] = nil elseif part ~= "." then parts[#parts + 1] = part end
  end
  return table.concat(parts, "/")
end

local function may_know(from, room, other)
  if room == other or other == "" then return true end -- its own, and lwt.h
  if room == "core" then return false end
  if room == "uv" then return from == "src/uv/module.c" and other:match("^uv/") ~= nil end
  return room:match("^uv/") ~= nil and other == "uv"
end

for _, path in ipairs(lines("find src -name '*.[ch]' | LC_ALL=C sort")) do
  local room, n = room_of(path), 0
  for line in io.lines(path) do
    n = n + 1
    local quoted = line:match('^%s*#%s*include%s*"([^"]+)"')
    local system = line:match("^%s*#%s*include%s*<([^>]+)>")
    if quoted then
      local target = resolve(path:match("^(.*)/") .. "/" .. quoted)
      if not may_know(path, room, room_of(target)) then
        complain("%s:%d: %s may not include %s", path, n, room, target)
      end
    elseif system == "uv.h" and not room:match("^uv") then
      complain("%s:%d: %s may not include libuv's header", path, n, room)
    end
  end
end

if build then
  local home, calls = {}, {} -- symbol -> source; list of { source, symbol }
  local nm = "nm -A $(find %s/core %s/uv -name '*.o' | LC_ALL=C sort)"
  for _, line in ipairs(lines(nm:format(build, build))) do
    local object, kind, symbol = line:match("^(.-):.-(%a) (%S+)$")
    local source = object and "src" .. object:sub(#build + 1):gsub("%.o$", ".c")
    if kind and ("Uwv"):find(kind, 1, true) then
      calls[#calls + 1] = { source, symbol }
    elseif kind and ("TDBRCWV"):find(kind, 1, true) then
      home[symbol] = source
    end
  end
  for _, call in ipairs(calls) do
    local from, to = call[1], home[call[2]]
    if to and not may_know(from, room_of(from), room_of(to)) then
      complain("%s: %s may not call %s, of %s", from, room_of(from), call[2], to)
    end
  end
  if not next(home) then complain("there are no objects below %s", build) end
end

for _, line in ipairs(wrong) do io.stderr:write(line, "\n") end
if #wrong > 0 then os.exit(1) end

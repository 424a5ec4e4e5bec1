-- mirror: serves the files below a folder over HTTP/1.1 and, at the same time and in the same
-- process, downloads them all into a temporary folder, a few at once, each with a deadline;
-- compares every byte, tells what it did, and removes what it made.
--
-- Shows: tasks in a scope (the first failure cancels the rest), a server and clients on buffered
-- channels, timeouts, `<close>`, temporary folders that go away whatever happens.
--
--   lwt examples/mirror.lua [-n 8] [-t 30] [DIR]        (make run ARGS="-n 8 /usr/include")
--
--   -n   how many downloads at once          -t   seconds that one download may take
--   DIR  what to mirror; without it, the checkout that this file is in
--
-- Ends with "N files, N bytes, N seconds: all equal", or with exit status 1.

local lwt = require "lwt"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local await = lwt.await

local CHUNK = 65536

-- ---- HTTP, as much as is needed ------------------------------------------------------------

local function escape(path)
  return (path:gsub("[^%w%-._~/]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function unescape(path)
  return (path:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The lines up to the empty one: the first, and the fields by their names in lower case.
local function read_head(ch)
  local first = await(ch:read_line())
  if not first then return nil end
  local fields = {}
  while true do
    local line = await(ch:read_line())
    if not line then error(lwt.EOF) end
    line = line:gsub("\r$", "")
    if line == "" then return first:gsub("\r$", ""), fields end
    local name, value = line:match("^([^:]+):%s*(.*)$")
    if name then fields[name:lower()] = value end
  end
end

-- ---- The server ----------------------------------------------------------------------------

local function answer(ch, status, body)
  await(ch:write(("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s"):format(status, #body, body)))
end

local function send_file(ch, path)
  local opened, file = pcall(await, lio.open_file(path, "r"))
  if not opened then
    if file == lwt.Canceled then error(file) end
    return answer(ch, "404 Not Found", tostring(file) .. "\n")
  end
  local source <close> = file
  local left = source:length()
  await(ch:write(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(left)))
  while left > 0 do
    local bytes = await(source:read(math.min(left, CHUNK)))
    if not bytes then error("the file became shorter while it was sent: " .. path) end
    await(ch:write(bytes))
    left = left - #bytes
  end
end

local function serve(ch, root)
  for request in function() return (read_head(ch)) end do
    local path = unescape(request:match("^GET /(%S*) HTTP/1%.1$") or "..")
    if ("/" .. path .. "/"):find("/../", 1, true) then
      answer(ch, "400 Bad Request", "cannot do that\n")
    else
      send_file(ch, root .. "/" .. path)
    end
    await(ch:flush())
  end
end

-- One task per connection, which is closed when the task ends. A client that went away half way is
-- nothing to worry about; any other error ends the program.
local function handler(root)
  return function(ch)
    local ok, err = pcall(serve, ch, root)
    local code = not ok and type(err) == "table" and err.code
    if not ok and code ~= "ECONNRESET" and code ~= "EPIPE" then error(err) end
  end
end

-- ---- The client ----------------------------------------------------------------------------

-- Fetches one file into `target`; its size, or nil and why the server would not give it.
local function download(ch, path, target)
  await(ch:write(("GET /%s HTTP/1.1\r\nHost: mirror\r\n\r\n"):format(escape(path))))
  await(ch:flush())
  local status, fields = read_head(ch)
  if not (status and fields) then error("the server closed the connection") end
  local size = tonumber(fields["content-length"]) or 0
  if not status:find("^HTTP/1%.1 200 ") then
    return nil, await(ch:read_exactly(size))
  end
  local out <close> = await(lio.open_file(target, "w"))
  local left = size
  while left > 0 do
    local bytes = await(ch:read(math.min(left, CHUNK)))
    if not bytes then error(lwt.EOF) end
    await(out:write(bytes))
    left = left - #bytes
  end
  return size
end

local function same(path_a, path_b)
  local a <close> = await(lio.open_file(path_a, "r"))
  local b <close> = await(lio.open_file(path_b, "r"))
  while true do
    local x = await(a:read(CHUNK))
    if not x then return await(b:read(1)) == nil end
    -- A read gives what is there, up to CHUNK: take as much of the other.
    local ok, y = pcall(await, b:read_exactly(#x))
    if not ok then
      if y == lwt.EOF then return false end
      error(y)
    end
    if x ~= y then return false end
  end
end

-- ---- The folder ----------------------------------------------------------------------------

-- Regular files below `root` and the folders they are in, as paths from there. Links are left out.
local function walk(root, below, files, folders)
  for _, entry in ipairs(await(fs.scandir(root .. "/" .. below))) do
    local path = below == "" and entry.name or below .. "/" .. entry.name
    if entry.type == "directory" then
      folders[#folders + 1] = path
      walk(root, path, files, folders)
    elseif entry.type == "file" then
      files[#files + 1] = path
    end
  end
end

-- ---- Telling how it goes -------------------------------------------------------------------

local terminal = os.execute("test -t 1")
local CLEAR = terminal and "\r\27[K" or ""

-- On a terminal one line that is redrawn ten times a second, elsewhere a line every five seconds.
local function progress(done, total)
  while true do
    await(lwt.sleep(terminal and 0.1 or 5))
    await(lio.stdout:write(("%s%d of %d files, %d bytes%s"):format(CLEAR, done.files, total,
      done.bytes, terminal and "" or "\n")))
    await(lio.stdout:flush())
  end
end

-- ---- All of it -----------------------------------------------------------------------------

local function mirror(root, copies, options)
  local start = lwt.now()
  local files, folders = {}, {}
  walk(root, "", files, folders)
  for _, path in ipairs(folders) do await(fs.mkdir(copies .. "/" .. path)) end

  local server = await(lio.establish_server("127.0.0.1:0", handler(root)))
  local done = { files = 0, bytes = 0, refused = {}, different = {} }
  local next_file = 0

  local function worker(address)
    local ch <close> = await(lio.open_connection(address))
    while next_file < #files do
      next_file = next_file + 1
      local path = files[next_file]
      local target = copies .. "/" .. path
      local ok, size, why = pcall(await, lwt.with_timeout(options.seconds, function()
        return download(ch, path, target)
      end))
      if not ok and size == lwt.Timeout then
        error(("%s took more than %g seconds"):format(path, options.seconds), 0)
      end
      if not ok then error(size, 0) end
      if not size then
        table.insert(done.refused, path .. ": " .. why)
      elseif not same(root .. "/" .. path, target) then
        table.insert(done.different, path)
      end
      done.files = done.files + 1
      done.bytes = done.bytes + (size or 0)
    end
  end

  local ticker = lwt.spawn(progress, done, #files)
  await(lwt.finalize(function()
    await(lwt.scope(function(s)
      for _ = 1, math.min(options.at_once, #files) do s:spawn(worker, server:address()) end
    end))
  end, function()
    ticker:cancel()
    return server:shutdown()
  end))

  for _, line in ipairs(done.refused) do await(lio.eprintl("not served: " .. line)) end
  for _, path in ipairs(done.different) do await(lio.eprintl("different: " .. path)) end
  local verdict = #done.different == 0 and "all equal" or #done.different .. " different"
  await(lio.printl(("%s%d files, %d bytes, %.2f seconds: %s"):format(CLEAR, done.files, done.bytes,
    lwt.now() - start, verdict)))
  return #done.different == 0
end

local options = { at_once = 8, seconds = 30, root = nil }
do
  local i = 1
  while arg[i] do
    if arg[i] == "-n" or arg[i] == "-t" then
      local n = tonumber(arg[i + 1])
      if not n or n <= 0 then
        await(lio.eprintl(arg[i] .. " needs a number above 0"))
        os.exit(1)
      end
      options[arg[i] == "-n" and "at_once" or "seconds"] = n
      i = i + 1
    else
      options.root = arg[i]
    end
    i = i + 1
  end
end
local root = options.root or (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/.."

local equal = await(lio.with_temp_dir(function(copies) return mirror(root, copies, options) end))
if not equal then os.exit(1) end

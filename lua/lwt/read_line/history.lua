-- The history of lines and its file, which several sessions share.
--
-- The file has an entry a line, "\n" and "\\" written as such. A line is added at its end, by one write,
-- under a lock, after what others have added has been read: so nothing is lost when several sessions run,
-- nor when one is killed in the middle. Only when there are twice as many lines as wanted is the file
-- written anew, as another file that takes its place; a session that waits for the lock of the old one
-- notices that.
--
-- A file that cannot be used is no reason not to read a line: the entries are kept in memory then.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local asks_to_end = require "lwt.internal.asks_to_end"
local fs = require "lwt.fs"
local List = require "lwt.read_line.list"
local mutex = require "lwt.mutex"

local await = lwt.await
local find, gsub, sub = string.find, string.gsub, string.sub

local MODE = tonumber("600", 8)
local DIRECTORY_MODE = tonumber("700", 8)
local PATIENCE = 2              -- seconds to wait for somebody else's lock; then without
local MOST = 32 * 1024 * 1024   -- bytes of a huge file that are read, from its end
local LONGEST = 1024 * 1024     -- bytes of a line; longer ones are not entries
local TRIES = 5
local PIECE = 64 * 1024         -- bytes that are read at once: small enough to be taken from the same memory again

---@class lwt.LineHistory
local History = { __name = "lwt.read_line.history" }
History.__index = History

local M = {}

local known = { path = "string", max = true, dedupe = true, ignore_space = "boolean" }

--- A history of lines, to be given to `read_line`, which adds what is accepted. Several readers may have
--- the same one, and several programs the same file: what one adds, the others see from their next line
--- on. Entries may have several lines.
---
--- The file (mode 0600, made with its directory when the first line is added) has an entry a line, in
--- which `\n` stands for a line's end and `\\` for a backslash. It is never written anew but when it has
--- twice `max` lines, so a program that is killed cannot spoil it. A file that cannot be read or written
--- is reported once, by `warn`; the lines are kept in memory then.
---
--- Options: `path`, the file (without one it lives in memory); `max`, how many entries are kept (10000);
--- `dedupe`: true, a repeat of the newest is not added (default), `"all"`, an older equal entry goes as well,
--- false, neither; `ignore_space`: a line that begins with a blank is not added (true).
---@param opts? {path?: string, max?: integer, dedupe?: boolean|string, ignore_space?: boolean}
---@return lwt.LineHistory
---```lua
---local h = read_line.history { max = 2 }
---await(h:add "one") await(h:add "two") await(h:add "two") await(h:add "three")
---for line in h:entries() do print(line) end
------> two
------> three
---```
---@function read_line.history(opts)
function M.create(opts)
  opts = args.options(1, "history", opts, known)
  local max = opts.max
  if max ~= nil then
    max = type(max) == "number" and math.tointeger(max)
    if not max or max < 1 then
      args.bad(1, "history", "option 'max': must be an integer of at least 1")
    end
  end
  local dedupe = opts.dedupe
  if dedupe ~= nil and type(dedupe) ~= "boolean" and dedupe ~= "all" then
    args.bad(1, "history", "option 'dedupe': true, false or \"all\" expected")
  end
  if opts.path == "" then args.bad(1, "history", "option 'path': it is empty") end
  local h = setmetatable({
    path = opts.path, turn = mutex.create(), loaded = not opts.path,
    offset = 0, number = nil, lines = 0, -- of the file: how far it is read, which one, how many lines
    unsaved = {},                        -- entries that are in memory alone
  }, History)
  h.list = List.new { max = max or 10000, dedupe = dedupe, ignore_space = opts.ignore_space }
  return h
end

-- ---- The format ---------------------------------------------------------------------------------

local function encode(s)
  return (gsub(gsub(s, "\\", "\\\\"), "\n", "\\n"))
end

local UNESCAPED = { ["\\n"] = "\n", ["\\\\"] = "\\" }

local function decode(line)
  if not find(line, "\\", 1, true) then return line end
  return (gsub(line, "\\[n\\]", UNESCAPED))
end

-- Appends the lines of a text, from `at` on, to the entries, but for those that are none: how many lines that
-- were, and where what has no end yet begins. (A plain `find` is faster than `gmatch`.)
local function take_lines(text, at, entries)
  local n, lines = #entries, 0
  local whole, escaped = utf8.len(text) ~= nil, find(text, "\\", 1, true) ~= nil
  while true do
    local stop = find(text, "\n", at, true)
    if not stop then return lines, at end
    if stop > at then
      lines = lines + 1
      local line = stop - at <= LONGEST and sub(text, at, stop - 1)
      if line and (whole or utf8.len(line)) then
        n = n + 1
        entries[n] = escaped and decode(line) or line
      end
    end
    at = stop + 1
  end
end

-- ---- Reading ------------------------------------------------------------------------------------

-- The entries between two places of the file, and how many lines that are.
local function read_entries(f, from, to)
  local entries, lines, rest = {}, 0, {} -- the pieces of a line that is not whole yet
  while from < to do
    local piece = await(f:pread(math.min(to - from, PIECE), from))
    if not piece then break end
    from = from + #piece
    local stop = find(piece, "\n", 1, true) or #piece
    rest[#rest + 1] = sub(piece, 1, stop)
    if sub(piece, stop, stop) == "\n" then
      lines = lines + take_lines(table.concat(rest), 1, entries)
      local more, at = take_lines(piece, stop + 1, entries)
      lines, rest = lines + more, { sub(piece, at) }
    end
  end
  return entries, lines + take_lines(table.concat(rest) .. "\n", 1, entries)
end

-- Takes what is new in the file, which is open; `stat` is its state.
local function catch_up(h, f, stat)
  if h.number ~= stat.ino or stat.size < h.offset then -- another file: all of it is new
    h.list:clear()
    h.number, h.offset, h.lines = stat.ino, 0, 0
  end
  if stat.size == h.offset then return end
  local from = math.max(h.offset, stat.size - MOST)
  if from > h.offset then from = from + #(await(f:pread(LONGEST, from)):match "^[^\n]*\n?") end
  local entries, lines = read_entries(f, from, stat.size)
  h.offset, h.lines = stat.size, h.lines + lines
  h.list:extend(entries)
end

local function add_unsaved(h)
  for _, line in ipairs(h.unsaved) do h.list:append(line) end
end

local function is_missing(err) return type(err) == "table" and err.code == "ENOENT" end

local function wrong_kind(path, op)
  return setmetatable({ code = "EINVAL", op = op, path = path, message = "it is no regular file" },
    { __tostring = function(e) return ("%s: %s: %s"):format(e.op, e.path, e.message) end })
end

-- What the others have added. Without a file there is nothing.
local function refresh(h)
  local ok, err = pcall(function()
    local stat = await(fs.stat(h.path))
    if h.loaded and stat.ino == h.number and stat.size == h.offset then return end
    if stat.type ~= "file" then error(wrong_kind(h.path, "open"), 0) end
    local f <close> = await(fs.open(h.path, "r"))
    local unsaved = h.number ~= nil and h.number ~= stat.ino
    catch_up(h, f, await(f:stat()))
    if unsaved then add_unsaved(h) end
  end)
  h.loaded = true
  if not ok and not is_missing(err) then error(err, 0) end
end

-- ---- Adding -------------------------------------------------------------------------------------

local function make_directory(path)
  local directory = path:match "^(.+)/[^/]*$"
  if directory then await(fs.mkdir(directory, { parents = true, mode = DIRECTORY_MODE })) end
end

local function open_to_add(path)
  local ok, f = pcall(await, fs.open(path, "a+", MODE))
  if ok then return f end
  if not is_missing(f) then error(f, 0) end
  make_directory(path)
  return await(fs.open(path, "a+", MODE))
end

-- A lock that is held for long does not hold us up: one write at the end is whole without it.
local function lock(f)
  local ok, err = pcall(await, lwt.with_timeout(PATIENCE, f:lock()))
  if not ok and not rawequal(err, lwt.Timeout) then error(err, 0) end
end

-- The file, open and locked, and its state. Not one that was replaced while we waited.
local function open_locked(path)
  for try = 1, TRIES do
    local there, before = pcall(await, fs.stat(path))
    if there and before.type ~= "file" then error(wrong_kind(path, "open"), 0) end
    local f = open_to_add(path)
    local ok, stat = pcall(function()
      lock(f)
      local now = await(f:stat())
      local named, by_name = pcall(await, fs.stat(path))
      return (try == TRIES or named and by_name.ino == now.ino) and now
    end)
    if ok and stat then return f, stat end
    await(f:close())
    if not ok then error(stat, 0) end
  end
end

-- Writes the newest entries as another file in the place of this one.
local function compact(h)
  local path = await(fs.realpath(h.path))
  local parts, list = {}, h.list
  for i = list.first, list.last do
    if list.items[i] then parts[#parts + 1] = encode(list.items[i]) .. "\n" end
  end
  local temporary = path .. ".new"
  local text = table.concat(parts)
  pcall(await, fs.unlink(temporary))
  do
    local f <close> = await(fs.open(temporary, "wx", MODE))
    await(f:write(text))
    await(f:sync())
  end
  await(fs.rename(temporary, path))
  local stat = await(fs.stat(path))
  h.number, h.offset, h.lines = stat.ino, stat.size, list.size
end

local function save(h, s)
  local f <close>, stat = open_locked(h.path)
  catch_up(h, f, stat)
  h.loaded = true
  if not h.list:wants(s) then return false end
  if stat.mode & tonumber("77", 8) ~= 0 then pcall(await, f:chmod(MODE)) end
  local line = encode(s) .. "\n"
  if stat.size > 0 and await(f:pread(1, stat.size - 1)) ~= "\n" then line = "\n" .. line end
  await(f:write(line))
  h.list:append(s)
  h.offset, h.lines = stat.size + #line, h.lines + 1
  if h.lines > 2 * h.list.max then compact(h) end
  return true
end

local function add(h, s)
  if not h.path then return h.list:add(s) ~= nil end
  if not find(s, "%S") or h.list.ignore_space and find(s, "^%s") then return false end
  local ok, added = pcall(save, h, s)
  if ok then return added end
  if not rawequal(added, lwt.Canceled) and h.list:add(s) then h.unsaved[#h.unsaved + 1] = s end
  error(added, 0)
end

local function check(h, name)
  if getmetatable(h) ~= History then args.wrong(1, name, "lwt.read_line.history", h, 1) end
end

local function in_turn(h, f, ...)
  return lwt.spawn(function(...)
    local _ <close> = await(h.turn:lock())
    return f(h, ...)
  end, ...)
end

--- Adds a line, at once to the file as well, if it is one to keep. (The readers do it themselves.)
---@param h lwt.LineHistory
---@param s string
---@return lwt.Promise promise of whether it was kept; rejected when the file cannot be written: the line is in memory then
---```lua
---local h = read_line.history()
---print(await(h:add "make"), await(h:add "make"), await(h:add " secret"))   --> true false false
---```
---@function read_line.History.add(h, s)
function History.add(h, s)
  check(h, "add")
  if type(s) ~= "string" then args.wrong(2, "add", "string", s) end
  return in_turn(h, add, s)
end

--- The entries, the oldest first, for a generic `for`, which waits in the calling task while the file is
--- read.
---@param h lwt.LineHistory
---@return fun(): string?
---```lua
---local h = read_line.history()
---await(h:add "ls")
---for line in h:entries() do print(line) end   --> ls
---```
---@function read_line.History.entries(h)
function History.entries(h)
  check(h, "entries")
  local i
  return function()
    if not i then
      if h.path then await(in_turn(h, refresh)) end
      i = h.list.first - 1
    end
    i = i < h.list.last and h.list:step(i, 1) or nil
    if i then return h.list:get(i) end
    i = math.maxinteger
    return nil
  end
end

-- Before a line is edited: a promise that what others have added is there, or nil where there is nothing to read.
function M.begin(h) return h.path and in_turn(h, refresh) or nil end

-- Awaits something of the history; a file that cannot be used is reported once.
function M.tolerate(h, promise)
  local ok, err = pcall(await, promise)
  if ok then return end
  if asks_to_end(err) then error(err, 0) end
  if not h.told then
    h.told = true
    warn("lwt.read_line: the history cannot be kept: ", tostring(err))
  end
end

function M.is_history(h) return getmetatable(h) == History end

return M

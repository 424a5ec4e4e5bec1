-- Files as wholes: opened for a function, temporary ones, and their lines and bytes as streams.

local lwt = require "lwt"
local core = require "lwt.core"
local args = require "lwt.internal.args"
local follow = require "lwt.internal.follow"
local items_of = require "lwt.internal.items"
local shared = require "lwt.io.shared"

local await, spawn, shield = lwt.await, lwt.spawn, lwt.shield
local files, methods = shared.files, shared.methods
local start, run_with_channel, write_each =
  shared.start, shared.run_with_channel, shared.write_each
local close, write, write_line, read_line, read_char =
  methods.close, methods.write, methods.write_line, methods.read_line, methods.read_char

local M = shared.public

for _, name in ipairs {
  "open_file", "open_temp_file", "create_temp_dir", "delete_recursively", "file_length",
} do
  M[name] = files[name]
end

--- Open a file (as `open_file` does), give its channel to `f`, and close it when `f` is done,
--- however it ends. What could not be written is an error of the whole.
---
---@generic T
---@param path string
---@param mode string
---@param f async fun(ch: lwt.Channel): T?, ...?
---@param opts table? as for `open_file`
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- await(lio.with_file("f", "w", function(ch) return ch:write("text") end))
--- print(await(lio.with_file("f", "r", lio.read)))   --> text
--- ```
function M.with_file(path, mode, f, opts)
  args.check_callable(3, "with_file", f)
  local ok, opened = pcall(files.open_file, path, mode, opts)
  if not ok then args.pass_on(opened, "with_file", 3, 4) end
  return spawn(run_with_channel, opened, f)
end

-- What is wrong with a path that is used later.
local function check_path(name, path)
  if type(path) ~= "string" then args.wrong(1, name, "string", path, 1) end
  if path:find("\0", 1, true) then args.bad(1, name, "path contains a zero byte", 1) end
end

-- The thing is made in a task, which may begin later; what is wrong with the options is told now.
local function check_temp(name, opts)
  local ok, err = pcall(files.check_temp, opts)
  if not ok then args.pass_on(err, name, 1, 2, 1) end
end

-- Removes a path at the end of a block, and waits for that. A path that is gone already is no
-- error.
local function remove(path, how)
  local ok, err = pcall(await, how(path))
  if not ok and not (type(err) == "table" and err.code == "ENOENT") then error(err, 0) end
end

local removing = {
  __close = function(self) shield(remove, self.path, self.how) end,
}

-- When the task is cancelled while the path is made, it is removed as well, and the promise is
-- rejected after that.
local function made(make, opts)
  return shield(function() return await(make(opts)) end)
end

local function run_with_temp_file(opts, f)
  local path, opened = made(M.open_temp_file, opts)
  local _ <close> = setmetatable({ path = path, how = files.unlink }, removing)
  local ch <close> = opened
  await(lwt.fulfilled()) -- a cancel that came meanwhile is raised here
  return follow(f(path, ch))
end

--- Make a temporary file and give its path and its channel to `f`. It is closed and removed when
--- `f` is done, however it ends, by cancellation as well.
---
---@generic T
---@param f async fun(path: string, ch: lwt.Channel): T?, ...?
---@param opts table? as for `open_temp_file`
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- local path = await(lio.with_temp_file(function(path, ch) await(ch:write("x")); return path end))
--- print((pcall(await, lio.file_length(path))))   --> false
--- ```
function M.with_temp_file(f, opts)
  args.check_callable(1, "with_temp_file", f)
  check_temp("with_temp_file", opts)
  return spawn(run_with_temp_file, opts, f)
end

local function run_with_temp_dir(opts, f)
  local path = made(M.create_temp_dir, opts)
  local _ <close> = setmetatable({ path = path, how = files.delete_recursively }, removing)
  await(lwt.fulfilled())
  return follow(f(path))
end

--- Make a temporary folder and give its path to `f`. It is removed, with all that is in it, when
--- `f` is done, however it ends.
---
---@generic T
---@param f async fun(path: string): T?, ...?
---@param opts table? as for `create_temp_dir`
---@return lwt.Promise<T> # what `f` returns
--- ```lua
--- local p = lio.with_temp_dir(function(path)
---   await(lio.lines_to_file(path .. "/f", {"one", "two"}))
---   return lio.file_length(path .. "/f")
--- end)
--- print(await(p))   --> 8
--- ```
function M.with_temp_dir(f, opts)
  args.check_callable(1, "with_temp_dir", f)
  check_temp("with_temp_dir", opts)
  return spawn(run_with_temp_dir, opts, f)
end

-- A stream that opens its file at the first element and closes it at the end, with an error, or when
-- its `close` is called.
local function of_file(path, read)
  local opened, over
  local function next_of(ch)
    if over then return close(ch) end
    opened = ch
    return read(ch)
  end
  local function finish(ok, err)
    if over then return end
    if opened then
      over = true
      await(close(opened))
    end
    if not ok then core.raise(err) end
  end
  require "lwt.stream"
  local s = require "lwt.stream.core".of_reads(function()
    if over then return nil end
    return opened and read(opened) or M.open_file(path, "r"):bind(next_of)
  end, finish)
  function s.close()
    local ch = not over and opened
    over = true
    if ch then close(ch) end
  end
  return s
end

--- The lines of a file as a stream. The file is opened for the first and closed after the last;
--- `s:close()` ends the stream before that, and closes the file.
---
---@param path string
---@return lwt.Stream<string>
--- ```lua
--- await(lio.lines_to_file("f", {"a", "b"}))
--- print(table.concat(await(lio.lines_of_file("f"):to_list()), " "))   --> a b
--- ```
function M.lines_of_file(path)
  check_path("lines_of_file", path)
  return of_file(path, read_line)
end

--- The bytes of a file as a stream of strings of one byte. It is closed as `lines_of_file`'s.
---
---@param path string
---@return lwt.Stream<string>
--- ```lua
--- await(lio.chars_to_file("f", {"a", "b"}))
--- print(#await(lio.chars_of_file("f"):to_list()))   --> 2
--- ```
function M.chars_of_file(path)
  check_path("chars_of_file", path)
  return of_file(path, read_char)
end

local function run_to_file(path, put, next_item)
  local ch <close> = await(M.open_file(path, "w"))
  write_each(ch, put, next_item)
end

--- Make a file of lines, each followed by `"\n"`: of a list, a stream or an iterator (which may
--- wait).
---
---@param path string
---@param lines table|lwt.Stream|function
---@return lwt.Promise<nil>
--- ```lua
--- await(lio.lines_to_file("f", {"a", "b"}))
--- print(await(lio.file_length("f")))   --> 4
--- ```
function M.lines_to_file(path, lines)
  check_path("lines_to_file", path)
  return start(run_to_file, path, write_line, items_of(2, "lines_to_file", lines))
end

--- Make a file of strings, written one behind the other.
---
---@param path string
---@param chars table|lwt.Stream|function
---@return lwt.Promise<nil>
--- ```lua
--- await(lio.chars_to_file("f", {"a", "b"}))
--- print(await(lio.file_length("f")))   --> 2
--- ```
function M.chars_to_file(path, chars)
  check_path("chars_to_file", path)
  return start(run_to_file, path, write, items_of(2, "chars_to_file", chars))
end

return M

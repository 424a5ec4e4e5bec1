--- Files and directories. What the system refuses rejects the promise, with the operation and the path in
--- the error. A path that contains a zero byte raises.
---
--- ```lua
--- local fs = require "lwt.fs"
--- await(fs.write_file("greeting", "hello"))
--- print(await(fs.read_file("greeting")))    --> hello
--- for entry in fs.readdir(".") do print(entry.name, entry.type) end   --> greeting file
--- print(pcall(await, fs.read_file("missing")))
--- --> false read_file missing: no such file or directory (ENOENT)
--- ```

-- The functions of paths, open files and whole files are C, in src/uv/fs: each is one job of the
-- threadpool. Here: what is made of them, namely streams of directory entries and of events, and
-- waiting for a lock.

local lwt = require "lwt"
local args = require "lwt.internal.args"
local uv = require "lwt.internal.uvneeded"("lwt.fs").fs

local M = {}

local await, spawn = lwt.await, lwt.spawn

local names = {
  "open", "of_fd", "stat", "lstat", "exists", "access", "unlink", "rename", "link", "symlink",
  "readlink", "realpath", "chmod", "chown", "utime", "mkdir", "mkdtemp", "rmdir", "scandir",
  "copyfile", "sendfile", "statfs", "read_file", "write_file",
}
for _, name in ipairs(names) do M[name] = uv[name] end

---@class lwt.File

-- The methods of open files, shared with the C side: `lock` is added to them.
local file = uv.file
local try_lock = file.try_lock
file.try_lock = nil
M.file = file

--- A stream of the entries of a directory, `{name=, type=}` in the system's order, without "." and
--- "..". The directory is opened at the first read (whose promise an error rejects) and read piece
--- by piece: any number of entries takes the same memory. `s:close()`, the end, and dropping the
--- stream close it. `type` is "file", "directory", "link" …, or "unknown" where the file system
--- does not tell.
---@param path string
---@return lwt.SourceStream<{ name: string, type: string }>
---```lua
---await(fs.write_file("a", ""))
---for entry in fs.readdir(".") do print(entry.name, entry.type) end   --> a file
---```
function M.readdir(path)
  if type(path) ~= "string" then args.wrong(1, "readdir", "string", path) end
  if path:find("\0", 1, true) then args.bad(1, "readdir", "path contains a zero byte") end
  local dir = uv.dir(path)
  local function closed_at_the_end(entries)
    if entries == nil then dir:close() end
    return entries
  end
  local function closed(err)
    dir:close()
    error(err, 0)
  end
  -- A piece that is on its way arrives also when its reader has been cancelled: the next reader
  -- gets it.
  local s = require("lwt.stream").from(function()
    return lwt.no_cancel(dir:next():try_bind(closed_at_the_end, closed))
  end):flatten()
  function s.close() dir:close() end
  return s
end

--- A stream of what happens to a file, or to the entries of a directory: `{type=, name=}`, where
--- `type` is "change" (contents or properties) or "rename" (appeared, disappeared, got another
--- name), and `name` the entry's, or the file's own. It raises when it cannot be watched (`ENOENT`
--- …). What happens again before it was read is one element. If more is kept than a thousand
--- different ones, or the system itself has lost some, an element of type "overflow" says that
--- something is missing: look yourself. `s:close()` ends the stream; so does dropping it, and so does
--- the end of what is watched (removed, or its file system unmounted), after its last event.
---
--- Of the directories in a directory there are elements only when they come, go and change
--- themselves; with `recursive` also for what happens below, with names such as "sub/dir/file". The
--- tree is walked when the call is made, a watch of the system for each directory (there is a limit:
--- `ENOSPC` then, or "overflow" for those made later); symbolic links are not followed. There are
--- elements for what is in a directory that appears as well, some of it twice.
---@param path string
---@param opts? table `{recursive = boolean}`
---@return lwt.SourceStream<{ type: string, name: string }>
---```lua
---local s = fs.watch(".")
---await(fs.write_file("a", "x"))
---print(await(s:next()).name)   --> a
---s:close()
---await(fs.mkdir("sub"))
---local all = fs.watch(".", {recursive = true})
---await(fs.write_file("sub/b", "x"))
---print(await(all:next()).name)   --> sub/b
---all:close()
---```
function M.watch(path, opts)
  if type(path) ~= "string" then args.wrong(1, "watch", "string", path) end
  if path:find("\0", 1, true) then args.bad(1, "watch", "path contains a zero byte") end
  local recursive = args.options(2, "watch", opts, { recursive = "boolean" }).recursive
  local watcher = uv.watcher(path, recursive)
  local s = require("lwt.stream").from(function() return lwt.no_cancel(watcher:next()) end)
  function s.close() watcher:close() end
  s.stop = s.close
  return s
end

-- Where another has the lock: how long to wait before the next try, growing.
local FIRST_WAIT, LONGEST_WAIT = 0.001, 0.1

--- Locks the file against others who lock it (advisory; the whole file; `flock`): another process,
--- or the same file opened a second time. The promise is fulfilled with `true` when it has the lock, which
--- `unlock`, `close` and collection give back. With `wait = false` it is not waited for: `false`
--- when another has it. Cancelling gives up; a lock is never half acquired. It tries again and
--- again, at most every tenth of a second: there is no queue.
---@param f lwt.File
---@param mode? string "exclusive" (default) or "shared"
---@param opts? table `{wait = boolean}`
---@return lwt.Promise<boolean>
---```lua
---local a <close> = await(fs.open("f", "w"))
---local b <close> = await(fs.open("f", "w"))
---print(await(a:lock()), await(b:lock("exclusive", {wait = false})))   --> true false
---```
---@function lwt.fs.file.lock(f, mode, opts)
function file.lock(f, mode, opts)
  if mode ~= nil and mode ~= "exclusive" and mode ~= "shared" then
    args.bad(2, "lock", ("invalid mode '%s'"):format(tostring(mode)))
  end
  local wait = args.options(3, "lock", opts, { wait = "boolean" }).wait ~= false
  local ok, first = pcall(try_lock, f, mode)
  if not ok then args.wrong(1, "lock", "lwt.file", f) end
  if not wait then return first end
  return spawn(function()
    local pause = FIRST_WAIT
    local try = first
    while not await(try) do
      await(lwt.sleep(pause))
      pause = math.min(pause * 2, LONGEST_WAIT)
      try = try_lock(f, mode)
    end
    return true
  end)
end

return M

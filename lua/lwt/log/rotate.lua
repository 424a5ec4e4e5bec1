-- Internal: old files of a log: path.1 (the newest), path.2 … path.keep, with ".gz" where compressed.

local lwt = require "lwt"
local fs = require "lwt.fs"
local process = require "lwt.process"

local await = lwt.await

local M = {}

-- Awaits an operation on a file that may have been taken away meanwhile.
local function if_there(operation)
  local ok, err = pcall(await, operation)
  if not ok and not (type(err) == "table" and err.code == "ENOENT") then error(err, 0) end
end

-- Makes room for a new path.1, the oldest first, and moves the file there. Raises what the system says;
-- what has been moved stays where it is then, and nothing is lost.
function M.shift(path, keep)
  if keep == 0 then
    if_there(fs.unlink(path))
    return
  end
  local folder, name = path:match "^(.-)([^/]*)$"
  local there = {}
  for _, entry in ipairs(await(fs.scandir(folder == "" and "." or folder))) do
    there[entry.name] = true
  end
  local function has(i, ending) return there[name .. "." .. i .. ending] end
  local last = 0 -- those behind a gap can stay
  while last < keep and (has(last + 1, "") or has(last + 1, ".gz")) do last = last + 1 end
  for i = last, 1, -1 do
    for _, ending in ipairs { "", ".gz" } do
      local old = path .. "." .. i .. ending
      if has(i, ending) and i == keep then
        if_there(fs.unlink(old))
      elseif has(i, ending) then
        if_there(fs.rename(old, path .. "." .. (i + 1) .. ending))
      end
    end
  end
  if_there(fs.rename(path, path .. ".1"))
end

-- Compresses a file with a real gzip, which removes it when it is done. Raises what it says.
function M.compress(path)
  local p = process.open({ "gzip", "-f", "--", path },
    { stdin = "null", stdout = "null", stderr = "pipe" })
  local said = await(p.stderr:read())
  local status = await(p:close())
  if status.code ~= 0 then
    error(("gzip %s has failed: %s"):format(path, said:match "[^\n]+" or "it was killed"), 0)
  end
end

return M

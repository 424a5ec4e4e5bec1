-- Internal: old files of a log: path.1 (the newest), path.2 … path.keep, with ".gz" where compressed.

local lwt = require "lwt"
local fs = require "lwt.fs"
local process = require "lwt.process"

local await = lwt.await

local M = {}

local function is_missing(err) return type(err) == "table" and err.code == "ENOENT" end

-- Runs f(…), an operation on a file that need not be there.
local function if_there(f, ...)
  local ok, err = pcall(await, f(...))
  if not ok and not is_missing(err) then error(err, 0) end
  return ok
end

-- Makes room for a new path.1, oldest first, and moves the file there. Raises what the system says;
-- what has been moved stays where it is then, and nothing is lost.
function M.shift(path, keep)
  if keep == 0 then
    if_there(fs.unlink, path)
    return
  end
  for i = keep, 1, -1 do
    local old = path .. "." .. i
    for _, ending in ipairs { "", ".gz" } do
      if i == keep then
        if_there(fs.unlink, old .. ending)
      else
        if_there(fs.rename, old .. ending, path .. "." .. (i + 1) .. ending)
      end
    end
  end
  if_there(fs.rename, path, path .. ".1")
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

-- What the specs of processes look at.

local lwt = require "lwt"
local fs = require "lwt.fs"
local process = require "lwt.process"

local await = lwt.await

local M = {}

function M.is_alive(pid)
  return (pcall(process.kill, pid, "CONT")) and process.kill(pid, "CONT")
end

-- Nobody is left behind: the children of ours that are there, dead or alive.
function M.children()
  local me, list = tostring(process.getpid()), {}
  local function look()
    for _, entry in ipairs(await(fs.scandir("/proc"))) do
      local ok, stat = pcall(await, fs.read_file("/proc/" .. entry.name .. "/stat"))
      local name, state, parent = (ok and stat or ""):match("%((.*)%) (%S+) (%d+)")
      if parent == me then list[#list + 1] = name .. " " .. state end
    end
  end
  if lwt.current() then look() else lwt.run(look) end
  return table.concat(list, "\n")
end

-- How many descriptors are open. In a task.
function M.descriptors()
  collectgarbage() -- files that the specs themselves have dropped
  collectgarbage()
  await(lwt.sleep(0.002)) -- what is closed in the next turn
  return #await(fs.scandir("/proc/self/fd"))
end

return M

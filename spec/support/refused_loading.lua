-- What oom.c runs: `require "lwt.uv"` while memory is refused. The second one is for good, and what the first has left
-- half made takes nothing away from it when it is collected.
local M = { sections = {} }

local path = os.tmpname()

local function works()
  local lwt = require "lwt"
  local fs = require "lwt.fs"
  return lwt.run(lwt.with_timeout(60, function()
    lwt.sleep(0.001):await()
    local text = fs.read_file(path):await()
    -- What is cancelled is taken back: its reader is the next.
    local a, b = require("lwt.net").socketpair()
    local _ <close> = a
    local _ <close> = b
    a:read(1):cancel()
    b:write "x":await()
    assert(a:read(1):await() == "x", "a cancel is not heard")
    return text
  end))
end

function M.setup() require "lwt.core" end

M.sections[1] = { name = "loading lwt.uv", run = function()
  local ok, why = pcall(require, "lwt.uv")
  return ok and "loaded" or tostring(why)
end }

function M.check()
  local file <close> = assert(io.open(path, "w"))
  file:write "text"
  file:close()
  require "lwt.uv"
  assert(works() == "text", "nothing works")
  for _ = 1, 2 do collectgarbage() end
  assert(require "lwt.engine".name() == "uv", "the engine has gone")
  assert(works() == "text", "it does not work any more")
  os.remove(path)
end

return M

-- LuaLogging (Debian's): a call that is switched off, and records to a file.

package.path = package.path .. ";/usr/share/lua/5.3/?.lua;/usr/share/lua/5.2/?.lua;/usr/share/lua/5.1/?.lua"
local logging = require "logging"
require "logging.file"
local bench = require "bench.harness"

local W = {}

function W.log_off(n)
  local logger = logging.new(function() return true end)
  logger:setLevel(logging.ERROR)
  bench.time("lualogging", n, function()
    for i = 1, n do logger:debug("request %d took %.1f ms", i, 3.5) end
  end)
end

function W.log_file(n)
  local path = os.tmpname()
  local logger = logging.file(path)
  bench.time("lualogging", n, function()
    for i = 1, n do logger:error("request %d took %.1f ms", i, 3.5) end
  end)
  os.remove(path)
end

bench.main(W)

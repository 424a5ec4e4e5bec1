-- lwt.log: a call that is switched off, and records to a file.

local lwt = require "lwt"
local log = require "lwt.log"
local bench = require "bench.harness"

local await = lwt.await

local W = {}

function W.log_off(n)
  local s = log.section "app.db"
  bench.time("lwt", n, function() for i = 1, n do s:debug("request %d took %.1f ms", i, 3.5) end end)
end

-- Every hundredth record is awaited, as by a server that lets others have a turn.
function W.log_file(n)
  local path = os.tmpname()
  lwt.run(function()
    local l = await(log.file { path = path, mode = "truncate", template = "$(time) $(level) $(section): $(message)" })
    log.set_default(l)
    bench.time("lwt", n, function()
      for i = 1, n do
        local p = log.error("request %d took %.1f ms", i, 3.5)
        if i % 100 == 0 then await(p) end
      end
      await(l:close())
    end)
  end)
  os.remove(path)
end

bench.main(W)

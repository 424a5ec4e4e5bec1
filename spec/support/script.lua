-- Runs a Lua script in a process of its own, without a shell between: shells do not live under
-- every sanitizer that is loaded before the interpreter.
local M = {}

local interpreter = os.getenv "LUA" or "lua5.4"

-- { code = | signal =, out =, err =, seconds = }; killed, as one that hangs, after four times `seconds`.
function M.run(text, seconds)
  local lwt = require "lwt"
  local process = require "lwt.process"
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return lwt.run(function()
    local start = lwt.now()
    local p = process.open({ interpreter, path },
      { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = 4 * (seconds or 60) })
    local out, err = lwt.both(p.stdout:read(), p.stderr:read()):await()
    local status = p:status():await()
    os.remove(path)
    return {
      code = status.code, signal = status.signal, out = out, err = err,
      seconds = lwt.now() - start,
    }
  end)
end

return M

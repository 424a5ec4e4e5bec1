-- Growth of programs, signals, and jobs (see growth.lua).

local lwt = require "lwt"
local process = require "lwt.process"
local signal = require "lwt.signal"

return function(g)
  local id = g.id

  -- n that wait for a signal.
  local function waiting(n)
    return { list = g.times(n, function() return signal.next "USR2" end) }
  end
  local slow = { slow = true }

  g.each_system("process: ", { "pread", "pread_line", "pread_lines", "pread_chars" }, waiting, function(_, name)
    local p = process[name] { "echo", "hello" }
    if lwt.is_promise(p) then p:await() else p:to_list():await() end
  end, slow)
  g.each_system("process: ", { "pwrite", "pwrite_line", "pmap", "pmap_line" }, waiting, function(_, name)
    process[name]({ "cat" }, "hello", name:find "write" and { stdout = "null" } or nil):await()
  end, slow)
  g.each_system("process: ", { "pwrite_lines", "pwrite_chars", "pmap_lines", "pmap_chars" }, waiting, function(_, name)
    local p = process[name]({ "cat" }, { "a", "b" }, name:find "write" and { stdout = "null" } or nil)
    if lwt.is_promise(p) then p:await() else p:to_list():await() end
  end, slow)
  g.system("process: exec, shell, getpid", waiting, function()
    process.exec({ "true" }):await()
    process.exec(process.shell "true"):await()
    process.getpid()
  end, slow)
  g.system("process: open, kill, status, close", waiting, function()
    local p = process.open({ "sleep", "60" }, { stdin = "null", stdout = "null" })
    p:kill "KILL"
    p:status():await()
    p:close():await()
  end, slow)
  g.system("process: with_process", waiting, function()
    process.with_process({ "cat" }, { stdin = "pipe", stdout = "pipe" }, function(p)
      p.stdin:close():await()
      p.stdout:read():await()
    end):await()
  end, slow)
  g.system("process: exec, cancelled", waiting, function()
    local p = process.exec { "sleep", "60" }
    p:cancel()
    pcall(lwt.await, p)
  end, slow)
  g.system("process: a program that is not there", waiting, function()
    pcall(lwt.await, process.exec { "/none/such" })
  end)

  g.system("signal: on, stop", waiting, function() signal.on("USR1", id):stop() end)
  g.system("signal: next, cancelled; stream", waiting, function()
    signal.next("USR1"):cancel()
    signal.stream("USR1"):close()
  end)
  g.system("job: pool_size, set_pool_size", waiting, function()
    local job = g.module "job"
    job.set_pool_size(job.pool_size())
  end)
end

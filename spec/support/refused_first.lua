-- What oom.c runs, each section in a new state: what is made once for a state is made for the first time while
-- memory or calls are refused. Whoever needs it is told, and the second attempt, with `check`, finds everything.
local M = { sections = {} }

local log

local function say(...)
  local values = table.pack(...)
  for i = 1, values.n do log[#log + 1] = tostring(values[i]) end
end

-- What a section does for the first time: a function that gives its result, or a promise of it.
local attempts = {
  opening = function()
    local lwt = require "lwt"
    for _, name in ipairs { "bytes", "fs", "io", "job", "net", "preemptive", "process", "signal" } do
      require("lwt." .. name)
    end
    return lwt.pause():map(function() return "open" end)
  end,
  ["a call in a thread"] = function()
    return require "lwt.preemptive".detach(function(n) return n + 1 end, 1)
  end,
  ["a channel between threads"] = function()
    local ch = require "lwt.preemptive".channel(1)
    return ch:send(1):bind(function() return ch:recv() end)
  end,
  ["a watch"] = function()
    local w = require "lwt.fs".watch "/"
    w:close()
    return "watched"
  end,
  ["a program"] = function() return require "lwt.process".pread { "printf", "text" } end,
  ["a signal"] = function()
    local signal, process = require "lwt.signal", require "lwt.process"
    local told = signal.next "USR1"
    process.kill(process.getpid(), "USR1")
    return told:map(function() return "told" end)
  end,
  ["a name"] = function()
    return require "lwt.net".getaddrinfo("localhost", "80"):map(function(list) return list[1].port end)
  end,
  ["a server"] = function()
    local net = require "lwt.net"
    local lwt = require "lwt"
    return lwt.spawn(function()
      local l <close> = net.tcp_listen("127.0.0.1:0"):await()
      local a <close> = net.tcp_connect(l:address()):await()
      local b <close> = l:accept():await()
      a:write "x":await()
      return b:read(1):await()
    end)
  end,
  ["a file"] = function() return require "lwt.fs".read_file "/dev/null" end,
  ["a channel"] = function()
    local r, w = require "lwt.io".pipe()
    w:write_line "a line"
    return w:close():bind(function() return r:read_line() end)
  end,
  ["descriptors"] = function()
    local net = require "lwt.net"
    local a, b = net.socketpair()
    local ready = net.wait_writable(a:fileno())
    return ready:map(function()
      a:close()
      b:close()
      return "ready"
    end)
  end,
  ["the size of the pool"] = function()
    local job = require "lwt.job"
    -- libuv has its threads already, as a rule, and says so where they can be counted.
    local ok, err = pcall(job.set_pool_size, job.pool_size() % 8 + 1)
    return (ok or tostring(err):find "already runs") and "asked for" or tostring(err)
  end,
}

local function try(attempt)
  local ok, lwt = pcall(require, "lwt")
  if not ok then return false, lwt end
  lwt.async_exception_hook(function(err) say(err) end)
  return pcall(lwt.run, function()
    return lwt.with_timeout(30, lwt.spawn(function()
      local x = attempt()
      if lwt.is_promise(x) then x = x:await() end
      return x
    end))
  end)
end

local current

for name, attempt in pairs(attempts) do
  M.sections[#M.sections + 1] = { name = name, run = function()
    current = attempt
    say(select(2, try(attempt)))
    if log[#log] == "timeout" then return "hangs" end
    return table.concat(log, " ")
  end }
end
table.sort(M.sections, function(a, b) return a.name < b.name end)

function M.setup() log, current = {}, nil end

-- Nothing is refused any more, and what could not be made is made.
function M.check()
  if not current then return end
  for _ = 1, 2 do
    local ok, err = try(current)
    if not ok then error(err, 0) end
    collectgarbage() -- what was half made goes, and takes nothing else with it
  end
end

return M

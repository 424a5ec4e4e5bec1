-- What oom.c runs when calls, or what lwt itself asks malloc for, are refused one by one: the
-- operations of finalizer.lua, without their finalizers, and those of refused_more.lua. Whoever is
-- refused something is told, and the others have the right result. See oom_io.lua.
local M = dofile "spec/support/oom_io.lua"
dofile "spec/support/finalizer.lua" -- what the operations need
local lwt = require "lwt"
local await = lwt.await

M.sections = {}

-- A rejection that nobody looks at tells whoever reads warnings.
function warn(text) -- luacheck: ignore
  if text:find "memory" or text:find "%f[%u]E%u%u+" then M.say(text) end
end

-- What setup makes is not refused anything, nor what looks at the result. Nor is anything after a while:
-- a listener that has no memory for its next client tries again.
local function attempt(op)
  refusals(false) -- luacheck: ignore
  local s = op.setup and op.setup() or {}
  s.spawned, s.more = {}, {}
  refusals(true) -- luacheck: ignore
  local relief = lwt.sleep(1):map(function() refusals(false) end) -- luacheck: ignore
  s.task = lwt.spawn(op.run, s)
  local got = table.pack(pcall(await, s.task))
  refusals(false) -- luacheck: ignore
  relief:cancel()
  if not got[1] then M.say(got[2]) end
  if op.check then op.check(s, "none", table.unpack(got, 1, got.n)) end
  if op.teardown then op.teardown(s) end
  M.say "done"
end

-- As M.limited; but one end of an operation may wait for ever for what the other was refused, if that
-- one was told, and for a datagram for which there was no memory.
local function limited(op)
  local text = M.limited(function() attempt(op) end, 5)
  if not refusals(false) and text ~= "done" then error(text, 0) end -- luacheck: ignore
  if text ~= "hangs" then return text end
  for _ = 1, 3 do
    collectgarbage()
    lwt.step() -- tells of rejections that nobody looked at
  end
  return M.said(op.loses and "lost for want of memory" or "hangs")
end

local function add(list)
  for _, op in ipairs(list) do M.section(op.name, function() return limited(op) end) end
end

for _, name in ipairs { "net_calls", "net_talks", "io", "process", "thread" } do
  add(dofile(("spec/support/finalizer_%s.lua"):format(name)))
end
add(dofile "spec/support/refused_more.lua")

return M

-- What finalizer.c runs for two faults at once: in the middle of telling a waiter a finalizer resolves something
-- else, and then memory is refused. Who is being told is rejected, and whom the finalizer told is not.
local armed = finalizer -- luacheck: ignore
local lwt = require "lwt"

local cases = {
  -- Two promises become one.
  bind = function(p, inner) return p:bind(function() return inner end) end,
  catch = function(p, inner)
    return p:bind(function() return lwt.rejected "broken" end):catch(function() return inner end)
  end,
  settled = function(p) return lwt.settled { p, lwt.fulfilled(1) } end,
  npick = function(p, inner) return lwt.npick { p, inner } end,
}

-- Gives what is wrong, whether the operation was over before the n-th request, and whether one was refused.
local function once(make, n, m)
  local inner, r_inner = lwt.wait()
  local p, r = lwt.wait()
  local heard
  make(p, inner):on_any(function() heard = true end, function() heard = true end)
  inner:on_termination(function() end) -- (it has waiters: one of the two becomes a list)
  local other, r_other = lwt.wait()
  local innocent = other:bind(function() return (lwt.wait()) end):map(function() end)
  armed.arm("two faults", n, function() r_other:wakeup() end, m)
  local ok = pcall(r.wakeup, r)
  local over, refused = armed.disarm()
  if inner:is_pending() then r_inner:wakeup() end
  if not innocent:is_pending() then return "whom the finalizer told was rejected", over, refused end
  if ok and not heard then return "nobody was told", over, refused end
  return nil, over, refused
end

local names = {}
for name in pairs(cases) do names[#names + 1] = name end
table.sort(names)

return {
  which = function()
    local list = {}
    for i = 1, #names do list[i] = i end
    return list
  end,
  run = function(i)
    local failures, tried = 0, 0
    for m = 1, 4 do
      for n = 1, 50 do
        local wrong, over, refused = once(cases[names[i]], n, m)
        if over then break end
        if refused then tried = tried + 1 end
        if wrong then
          failures = failures + 1
          print(("%s, a finalizer at request %d, the %d. after it refused: %s"):format(names[i], n, m, wrong))
        end
      end
    end
    if tried == 0 then
      failures = failures + 1
      print(names[i] .. ": nothing was refused")
    end
    return failures
  end,
}

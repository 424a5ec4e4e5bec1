-- Sections of oom.lua: streams.
local oom = ...
local lwt = require "lwt"
local section, say, told = oom.section, oom.say, oom.told

-- A stream whose source waits: elements, an error, the end. `read` reads all of it, in its style.
local function streamed(read)
  local stream = require "lwt.stream"
  local n = 0
  local s = stream.from(function()
    n = n + 1
    lwt.yield()
    if n == 2 then error("two", 0) end
    if n < 4 then return n end
  end)
  s:closed():on_success(function() say "closed" end)
  local over = lwt.with_timeout(5, read(s))
  local ok, err = pcall(lwt.run, over)
  if err == lwt.Timeout then return "hangs" end
  if not ok then say(err) end
  for _ = 1, 3 do lwt.step() end -- who could not be told of the end at once
  return told()
end

section("a stream that is read in a task", function()
  return streamed(function(s)
    return lwt.spawn(function()
      for _ = 1, 6 do
        local ok, v = pcall(lwt.await, s:get())
        say(ok, v)
        if ok and v == nil then return end
      end
    end)
  end)
end)

section("a stream that is read with bind", function()
  refusals(false) -- luacheck: ignore
  require "lwt.stream" -- (what loading it needs is refused in the section before)
  refusals(true) -- luacheck: ignore
  return streamed(function(s)
    local function again(i)
      return s:get():try_bind(function(v)
        say(v)
        return v and again(i + 1)
      end, function(err)
        say(err)
        return i < 6 and again(i + 1)
      end)
    end
    return again(1)
  end)
end)

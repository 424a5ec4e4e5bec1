-- luv and lwt in one program: one loop, luv's, turns both.
--
--   lua5.4 examples/luv.lua [FILE]         (Debian: apt-get install lua-luv)
--
-- Each of the two has a loop of libuv's. luv's watches the descriptor of lwt's, and lets lwt go on
-- whenever there is something to do, before it waits: so callbacks of luv's may wake tasks, and
-- tasks may call luv.

local uv = require "luv"
local lwt, engine, fs = require "lwt", require "lwt.engine", require "lwt.fs"
local await = lwt.await

-- ---- The recipe --------------------------------------------------------------------------------

local poll, timer, prepare = uv.new_poll(engine.fd()), uv.new_timer(), uv.new_prepare()

-- Every turn of luv's loop, before it waits: lwt does what is ready, and luv waits no longer than
-- until lwt's next timer.
prepare:start(function()
  local alive, seconds = lwt.step()
  timer:stop()
  if seconds then timer:start(math.ceil(seconds * 1000), 0, function() end) end
  -- While lwt has something to wait for, luv's loop goes on.
  if alive then poll:ref() else poll:unref() end
end)
prepare:unref()
timer:unref()
poll:start("r", function() end) -- it wakes luv's loop, whose next turn steps lwt

-- A function of luv's that calls back, as one that gives a promise.
local function promised(f)
  return function(...)
    local args = table.pack(...)
    return lwt.from_callback(function(resolve, reject)
      args[args.n + 1] = function(err, ...)
        if err then reject(err) else resolve(...) end
      end
      f(table.unpack(args, 1, args.n + 1))
    end)
  end
end

-- ---- A program of both -------------------------------------------------------------------------

local stat = promised(uv.fs_stat)

lwt.async(function()
  local path = arg and arg[1] or "README.md"
  local text = await(fs.read_file(path)) -- lwt's
  local same = await(stat(path)).size == #text -- luv's
  print(same and "both read the same size" or "somebody writes to the file")
end)

-- A callback of luv's wakes a task.
local ticks, wake = lwt.task()
local count = 0
local ticker = uv.new_timer()
ticker:start(10, 10, function()
  count = count + 1
  if count == 3 then
    ticker:close()
    wake:wakeup(count)
  end
end)
lwt.async(function()
  print(("luv ticked %d times"):format(await(ticks)))
  await(lwt.sleep(0.01))
  print "and lwt slept meanwhile"
end)

uv.run()

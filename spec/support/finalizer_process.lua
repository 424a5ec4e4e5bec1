-- Operations of lwt.process and lwt.signal for finalizer.lua.
local kit = require "spec.support.finalizer"
local lwt = require "lwt"
local process = require "lwt.process"
local signal = require "lwt.signal"
local await, equal = lwt.await, kit.equal

local function tell(s, name)
  return function() s[name] = (s[name] or 0) + 1 end
end

return {
  {
    name = "process: start, wait, and reading",
    run = function(s)
      s.p = process.open({ "printf", "%s", "what it says" }, { stdout = "pipe", env = { A = "b" } })
      local text = await(s.p.stdout:read())
      return text, await(s.p:status()).code
    end,
    disturb = {
      start = function() return process.exec { "true" } end,
      refused = function() pcall(process.open, { "no-such-program" }) end,
      abort = function(s)
        if s.p then s.p.stdout:abort() end
      end,
    },
    breaks = { "abort" },
    check = function(_, _, ok, text, code)
      if not ok then return end
      equal("what it says", text)
      equal(0, code)
    end,
    teardown = function(s)
      if s.p then await(s.p:status()) end
    end,
  },
  {
    name = "process: a file as its output, which is closed meanwhile",
    setup = function()
      local s = { path = os.tmpname() }
      s.file = assert(io.open(s.path, "w"))
      return s
    end,
    run = function(s)
      local status = await(process.exec({ "printf", "mine" }, { stdout = s.file }))
      return status.code
    end,
    disturb = {
      close = function(s)
        if s.other then return end
        s.file:close()
        s.other = assert(io.open(s.path .. ".other", "w")) -- with the same number
      end,
    },
    breaks = { "close" },
    check = function(s, _, ok)
      local file = assert(io.open(s.path))
      local text = file:read "a"
      file:close()
      if ok then equal("mine", text) end
      if s.other then
        s.other:close()
        file = assert(io.open(s.path .. ".other"))
        equal("", file:read "a")
        file:close()
      end
    end,
    teardown = function(s)
      if io.type(s.file) == "file" then s.file:close() end
      os.remove(s.path)
      os.remove(s.path .. ".other")
    end,
  },
  {
    name = "process: kill and stop",
    run = function(s)
      s.p = process.open({ "sleep", "100" }, { group = true })
      local sent = s.p:kill("KILL")
      local status = await(s.p:status())
      local after = s.p:kill("KILL")
      do
        s.q = process.open { "sleep", "100" }
        local _ <close> = s.q
      end
      return sent, status.signal, after
    end,
    disturb = {
      kill = function(s)
        if s.p then s.p:kill("KILL") end
      end,
    },
    check = function(_, _, ok, sent, number)
      if not ok then return end
      equal(true, sent)
      equal("KILL", number)
    end,
    teardown = function(s)
      if s.p then
        s.p:kill("KILL")
        await(s.p:status())
      end
      if s.q then s.q:kill("KILL") end -- what was to kill it may have been refused
    end,
  },
  {
    name = "signal: handlers, promises and streams",
    setup = function() return { handlers = {} } end,
    run = function(s)
      for i = 1, 3 do s.handlers[i] = signal.on("USR1", tell(s, i)) end
      local p, stream = signal.next("USR1"), signal.stream("USR1")
      process.kill(process.getpid(), "USR1")
      local names = { await(p), await(stream:next()) }
      stream:close()
      return table.unpack(names)
    end,
    disturb = {
      on = function(s)
        if not s.more_of then s.more_of = signal.on("USR1", tell(s, "late")) end
      end,
      come_and_go = function() signal.on("USR1", print):stop() end,
      next = function(s)
        if not s.promise then s.promise = signal.next("USR1") end
      end,
    },
    check = function(s, _, ok, a, b)
      if ok then
        equal("USR1", a)
        equal("USR1", b)
        lwt.yield()
        for i = 1, 3 do equal(1, s[i]) end
      end
      -- Each that is there is told, and only once.
      for i = 1, 3 do s[i] = nil end
      s.late = nil
      local p = signal.next("USR1")
      process.kill(process.getpid(), "USR1")
      await(lwt.with_timeout(5, p))
      lwt.yield()
      for i = 1, 3 do
        if s.handlers[i] then equal(1, s[i]) end
      end
      if s.more_of then equal(1, s.late) end
      if s.promise then equal("fulfilled", (s.promise:state())) end
    end,
    teardown = function(s)
      for i = 1, 3 do
        if s.handlers[i] then s.handlers[i]:stop() end
      end
      if s.more_of then s.more_of:stop() end
      if s.promise then s.promise:cancel() end
    end,
  },
}

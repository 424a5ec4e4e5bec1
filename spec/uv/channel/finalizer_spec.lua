-- A finalizer may run wherever something is allocated, and may use the channel that is just being
-- used: nothing is read twice, nothing is lost, and what is closed or cancelled meanwhile is so.
--
-- Each in a process of its own: its heap is small, so that nearly every operation has a finalizer
-- in its middle, and what goes wrong may end it.

local script = require "spec.support.script"

local prelude = [[
local lwt, lio = require "lwt", require "lwt.io"
local await = lwt.await

-- Calls `op(arm)` until `f` has run `times` in finalizers between `arm(true)` and `arm(false)`.
local function in_the_middle(times, f, op)
  collectgarbage("incremental", 1, 1000, 1)
  local armed, hits, trap = false, 0, nil
  local function arm(on)
    if on then
      for _ = 1, 3 do setmetatable({}, trap) end
    end
    armed = on
  end
  trap = {
    __gc = function()
      if not armed then return end
      armed = false
      hits = hits + 1
      f()
    end,
  }
  for i = 1, 20000 do
    if hits >= times then break end
    -- Or the collector might fall into step with the operations.
    for n = 1, i * 7919 % 97 do local _ = { n } end
    op(arm)
    armed = false
  end
  assert(hits >= times, "no finalizer came in the middle")
end

-- Numbered lines, so that what is missing or doubled shows.
local lines = {}
for i = 1, 40 do lines[i] = ("%08d%s\n"):format(i, ("x"):rep(1015)) end
local text = table.concat(lines)

-- A reader asked for by the operation, and by a finalizer in the middle of it: one has these lines,
-- and the other those behind them.
local function reads(read)
  local ch, got, at
  local function start()
    ch, got, at = lio.of_bytes(text), {}, 1
    await(ch:read_exactly(#lines[1]))
  end
  start()
  in_the_middle(20, function()
    local p = read(ch)
    local state, s = p:state()
    got[#got + 1] = state == "fulfilled" and s or p
  end, function(arm)
    arm(true)
    local p = read(ch)
    arm(false)
    got[#got + 1] = p
    for i, x in ipairs(got) do got[i] = lwt.is_promise(x) and await(x) or x end
    table.sort(got)
    for _, s in ipairs(got) do
      at = at + 1
      assert(s == lines[at], "bytes are lost or doubled")
    end
    got = {}
    if at > 30 then start() end
  end)
end

local function with_newline(p) return p:map(function(s) return s .. "\n" end) end

lwt.run(function()
]]

local function runs(body)
  return function()
    local result = script.run(prelude .. body .. "\nend)\nprint 'through'", 240)
    assert.equal("through\n", result.out, result.err)
    assert.equal(0, result.code, result.err)
  end
end

describe("a finalizer in the middle of", function()
  it("read", runs "reads(function(ch) return ch:read(1024) end)")
  it("read_exactly", runs "reads(function(ch) return ch:read_exactly(1024) end)")
  it("read_line", runs "reads(function(ch) return with_newline(ch:read_line()) end)")
  it("read_until", runs "reads(function(ch) return with_newline(ch:read_until '\\n') end)")
  it("unpack", runs [[
    reads(function(ch)
      return ch:unpack("c500c524"):map(function(a, b) return a .. b end)
    end)
  ]])

  it("lines", runs [[
    local ch, at, inner
    in_the_middle(20, function() inner = select(2, ch:read_line():state()) end, function(arm)
      if not ch or at > 30 then ch, at = lio.of_bytes(text), 1 end
      local next_line = ch:lines()
      arm(true)
      local line = next_line(ch)
      arm(false)
      local got = { line, inner }
      table.sort(got)
      inner = nil
      for _, s in ipairs(got) do
        assert(s .. "\n" == lines[at], "lines are lost or doubled")
        at = at + 1
      end
    end)
  ]])

  it("a read, which closes the channel: it ends it, or comes too late", runs [[
    local ch
    in_the_middle(20, function() ch:close() end, function(arm)
      ch = lio.of_bytes(text)
      await(ch:read(1))
      arm(true)
      local p = ch:read_exactly(9000)
      arm(false)
      local ok, s = pcall(await, p)
      assert(ok and s == text:sub(2, 9001) or not ok and rawequal(s, lwt.Closed), s)
      ch:close()
    end)
  ]])

  it("a wait: the one is withdrawn, the other goes on", runs [[
    local r, w = lio.pipe()
    local n, pending = 0, {}
    in_the_middle(20, function()
      n = n + 1
      local p = r:read_line()
      if n % 2 == 0 then p:cancel() else pending[#pending + 1] = p end
    end, function(arm)
      arm(true)
      local p = r:read_line()
      arm(false)
      pending[#pending + 1] = p
      local got, wanted = {}, #pending
      for i = 1, wanted do await(w:write_line(("%08d"):format(i))) end
      for i, q in ipairs(pending) do got[i] = await(lwt.with_timeout(10, q)) end
      table.sort(got)
      for i = 1, wanted do assert(got[i] == ("%08d"):format(i)) end
      pending = {}
    end)
  ]])

  it("a wait, which aborts the channel", runs [[
    local r, w
    in_the_middle(8, function() r:abort() end, function(arm)
      r, w = lio.pipe()
      arm(true)
      local p = r:read_line()
      arm(false)
      if not r:is_closed() then w:close() end
      local ok, err = pcall(await, lwt.with_timeout(10, p))
      assert(ok and err == nil or rawequal(err, lwt.Closed), err)
      r:abort()
      w:abort()
    end)
  ]])

  it("closing, which closes as well", runs [[
    local r, w
    in_the_middle(8, function() w:close() end, function(arm)
      r, w = lio.pipe()
      w:write("kept")
      arm(true)
      local p = w:close()
      arm(false)
      await(lwt.with_timeout(10, p))
      assert(await(r:read()) == "kept")
      await(r:close())
    end)
  ]])

  it("taking one's turn for atomic", runs [[
    local r, w = lio.pipe()
    in_the_middle(20, function() w:write("f") end, function(arm)
      arm(true)
      local p = w:atomic(function(c)
        await(c:write("a"))
        await(c:write("b"))
      end)
      arm(false)
      await(p)
      await(w:flush())
      assert(await(r:read(100)):find("^f*abf*$"))
    end)
  ]])

  it("a question to a channel that is made of functions", runs [[
    local ch
    in_the_middle(20, function() ch:abort() end, function(arm)
      ch = lio.make {
        write = function(s) assert(not s:find "[^w]", "not what was written") end,
      }
      ch:write(("w"):rep(60000), ("w"):rep(60000))
      arm(true)
      lwt.yield()
      lwt.yield()
      arm(false)
      ch:abort()
    end)
  ]])
end)

describe("bytes that are being written", function()
  it("cannot be sent away before they are", runs [[
    local bytes, preemptive = require "lwt.bytes", require "lwt.preemptive"
    local r, w = lio.pipe()
    local b = bytes.create(300000)
    b:fill(120)
    local written = w:write(b)
    assert(written:is_pending())
    assert(not pcall(function()
      await(preemptive.detach(function(x) x:fill(121) return #x end, b))
    end), "they were sent away")
    local n = 0
    while n < 300000 do
      local s = await(r:read(65536))
      assert(not s:find("[^x]"), "not what was written")
      n = n + #s
    end
    await(written)
  ]])
end)

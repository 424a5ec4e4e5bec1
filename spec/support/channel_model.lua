-- Random runs of channels against what they stand for: a whole string.
--
-- reading(seed): a text reaches a channel in arbitrary pieces, from a made channel, a pipe, a file
-- or memory; arbitrary operations, several at a time, some of them cancelled, must give what they
-- would give on the whole text. writing(seed): arbitrary operations, some cancelled, some atomic,
-- must arrive whole and in order, whatever the other end takes at a time. Both raise where they
-- find a difference.

local lwt = require "lwt"
local io = require "lwt.io"
local await = lwt.await

local M = {}

-- Numbers from a seed, the same on every machine (math.random belongs to the program).
local function generator(seed)
  local x = (seed * 0x9E3779B97F4A7C15) ~ 0x2545F4914F6CDD1D
  return function(n)
    x = x ~ (x >> 12)
    x = x ~ (x << 25)
    x = x ~ (x >> 27)
    return ((x * 0x2545F4914F6CDD1D) >> 33) % n + 1
  end
end

local letters = { "a", "b", ",", ";", "\r", "\n", "\n", "\r\n", "\0", "long", ";;" }

local function random_text(random)
  local parts = {}
  for i = 1, random(10) == 1 and 3000 or random(80) - 1 do
    local s = letters[random(#letters)]
    parts[i] = s == "long" and ("x"):rep(random(40)) or s
  end
  return table.concat(parts)
end

local function cut(random, text)
  local pieces, at = {}, 1
  local most = ({ 1, 3, 20, 5000 })[random(4)]
  while at <= #text do
    local n = random(most)
    pieces[#pieces + 1] = text:sub(at, at + n - 1)
    at = at + n
  end
  return pieces
end

---------------------------------------------------------------------------------------------------
-- Reading

local sources = {}

function sources.made(random, _, pieces, opts)
  local i = 0
  return io.make({
    read = function()
      for _ = 2, random(3) do lwt.yield() end
      i = i + 1
      return pieces[i]
    end,
  }, opts)
end

function sources.pipe(random, _, pieces, opts)
  local r, w = io.pipe(opts)
  local feeding = lwt.spawn(function()
    for _, s in ipairs(pieces) do
      await(w:write(s))
      if random(2) == 1 then await(w:flush()) end
      for _ = 2, random(4) do lwt.yield() end
    end
    await(w:close())
  end)
  return r, function()
    feeding:cancel()
    w:abort()
  end
end

function sources.memory(_, text, _, opts)
  return io.of_bytes(text, "r", opts)
end

function sources.file(_, text, _, opts)
  local path, ch = await(io.open_temp_file(opts))
  await(ch:write(text))
  await(ch:set_position(0))
  return ch, function() os.remove(path) end
end

local names = { "made", "pipe", "memory", "file", "made", "pipe" }

-- Each kind: start(ch, argument) gives the promise; expected(rest, argument) gives "value", v,
-- taken or "error", e or, where the pieces matter, "prefix", n.
local kinds = {
  {
    name = "read_line",
    start = function(ch) return ch:read_line() end,
    expected = function(rest)
      if rest == "" then return "value", nil, 0 end
      local at = rest:find("\n", 1, true)
      if not at then return "value", rest, #rest end
      return "value", (rest:sub(1, at - 1):gsub("\r$", "")), at
    end,
  },
  {
    name = "lines",
    start = function(ch)
      return lwt.spawn(function()
        local next_line, over = ch:lines()
        return next_line(over)
      end)
    end,
  },
  {
    name = "read_char",
    start = function(ch) return ch:read_char() end,
    expected = function(rest)
      if rest == "" then return "value", nil, 0 end
      return "value", rest:sub(1, 1), 1
    end,
  },
  {
    name = "read_exactly",
    start = function(ch, n) return ch:read_exactly(n) end,
    expected = function(rest, n)
      if #rest < n then return "error", lwt.EOF, 0 end
      return "value", rest:sub(1, n), n
    end,
  },
  {
    name = "read",
    start = function(ch, n) return ch:read(n) end,
    expected = function(rest, n)
      if n == 0 then return "value", "", 0 end
      if rest == "" then return "value", nil, 0 end
      return "prefix", n
    end,
  },
  {
    name = "read_until",
    start = function(ch) return ch:read_until(";;") end,
    expected = function(rest)
      if rest == "" then return "value", nil, 0 end
      local at = rest:find(";;", 1, true)
      if not at then return "value", rest, #rest end
      return "value", rest:sub(1, at - 1), at + 1
    end,
  },
  {
    name = "read_int16",
    start = function(ch) return ch.le:read_int16() end,
    expected = function(rest)
      if rest == "" then return "value", nil, 0 end
      if #rest < 2 then return "error", lwt.EOF, 0 end
      return "value", (("<i2"):unpack(rest)), 2
    end,
  },
  {
    name = "unpack",
    start = function(ch) return ch.le:unpack("z") end,
    expected = function(rest)
      if rest == "" then return "value", nil, 0 end
      local at = rest:find("\0", 1, true)
      if not at then return "error", lwt.EOF, 0 end
      return "value", rest:sub(1, at - 1), at
    end,
  },
  {
    name = "atomic",
    start = function(ch)
      return ch:atomic(function(inner)
        local a = await(inner:read_char())
        lwt.yield()
        local b = await(inner:read_char())
        return (a or "") .. (b or "")
      end)
    end,
    expected = function(rest) return "value", rest:sub(1, 2), math.min(#rest, 2) end,
    torn = true, -- a cancelled one may have read the first
  },
  {
    name = "set_position",
    start = function(ch, n) return ch:set_position(n) end,
    expected = function(_, n, text, seekable)
      if not seekable then return "is", "ESPIPE", 0 end
      if n > #text then return "beyond" end
      return "goto", n + 1
    end,
  },
}
kinds[2].expected = kinds[1].expected

local function show(v)
  return type(v) == "string" and ("%q"):format(#v > 60 and v:sub(1, 60) .. "…" or v) or tostring(v)
end

local function differ(seed, what, ...)
  error(("seed %d: %s"):format(seed, what:format(...)), 0)
end

-- How many bytes of `text` from `at` on this operation has taken.
local function check(seed, o, text, at)
  local rest = text:sub(at)
  local state, value = o.promise:state()
  if state == "rejected" and value == lwt.Canceled and o.cancelled then
    if o.kind.torn then return nil end
    return 0
  end
  local what, wanted, taken = o.kind.expected(rest, o.argument, text, o.seekable)
  if what == "is" then
    if state ~= "rejected" or value.code ~= wanted then differ(seed, "%s: %s", o.kind.name, state) end
    return taken
  elseif what == "beyond" then -- a file may stand behind its end, memory may not
    return nil
  elseif what == "goto" then
    if state ~= "fulfilled" then differ(seed, "%s: %s %s", o.kind.name, state, show(value)) end
    return wanted - at
  end
  if what == "error" then
    if state ~= "rejected" or value ~= wanted then
      differ(seed, "%s at %d: %s %s, not %s", o.kind.name, at, state, show(value), tostring(wanted))
    end
    return 0
  end
  if state ~= "fulfilled" then differ(seed, "%s at %d: %s %s", o.kind.name, at, state, show(value)) end
  if what == "prefix" then
    if type(value) ~= "string" or #value < 1 or #value > wanted or rest:sub(1, #value) ~= value then
      differ(seed, "read(%d) at %d: %s", wanted, at, show(value))
    end
    return #value
  end
  if value ~= wanted then
    differ(seed, "%s at %d: %s, not %s", o.kind.name, at, show(value), show(wanted))
  end
  return taken
end

local function start(random, ch, seekable)
  local kind = kinds[random(#kinds)]
  local argument = random(4) == 1 and random(2000) or random(12) - 1
  return { kind = kind, argument = argument, promise = kind.start(ch, argument), seekable = seekable }
end

function M.reading(seed)
  local random = generator(seed)
  local text = random_text(random)
  local opts = { buffer_size = ({ 16, 17, 64, 4096, 65536 })[random(5)] }
  local name = names[random(#names)]
  local ch, stop = sources[name](random, text, cut(random, text), opts)
  local seekable = name == "memory" or name == "file"
  local at = 1
  while at and at <= #text do
    local batch = {}
    for i = 1, random(3) == 1 and random(6) or 1 do batch[i] = start(random, ch, seekable) end
    if random(4) == 1 then
      for _ = 2, random(4) do lwt.yield() end
      local o = batch[random(#batch)]
      o.cancelled = o.promise:is_pending()
      if o.cancelled then o.promise:cancel() end
    end
    for _, o in ipairs(batch) do
      pcall(await, o.promise)
      local taken = check(seed, o, text, at)
      if not taken then
        at = nil
        break
      end
      at = at + taken
    end
    -- The end of what these kinds can read: nothing but an error comes any more.
    if #batch == 1 and at and batch[1].promise:state() == "rejected" and not batch[1].cancelled then
      local rest = await(ch:read())
      if rest ~= text:sub(at) then differ(seed, "read() at %d: %s", at, show(rest)) end
      at = nil
    end
  end
  if at and await(ch:read_line()) ~= nil then differ(seed, "something after the end") end
  if stop then stop() end
  await(ch:close())
end

---------------------------------------------------------------------------------------------------
-- Writing

local sinks = {}

function sinks.made(random, opts)
  local got = {}
  return io.make({
    write = function(s)
      for _ = 2, random(3) do lwt.yield() end
      local n = random(3) == 1 and random(#s) or #s
      got[#got + 1] = s:sub(1, n)
      return n
    end,
  }, opts), function() return table.concat(got) end
end

function sinks.pipe(random, opts)
  local r, w = io.pipe(opts)
  local reading = lwt.spawn(function()
    local got = {}
    while true do
      local s = await(r:read(random(2) == 1 and random(100) or 100000))
      if not s then break end
      got[#got + 1] = s
      for _ = 2, random(3) do lwt.yield() end
    end
    await(r:close())
    return table.concat(got)
  end)
  return w, function() return await(reading) end
end

function sinks.file(_, opts)
  local path, ch = await(io.open_temp_file(opts))
  return ch, function()
    local text = await(io.with_file(path, "r", io.read))
    os.remove(path)
    return text
  end
end

local sink_names = { "made", "pipe", "file" }

local function payload(random, id)
  local n = random(8) == 1 and random(random(20) == 1 and 200000 or 5000) or random(30) - 1
  return ("<%d:%s>"):format(id, ("x"):rep(n))
end

local writers = {
  function(ch, s) return ch:write(s), s end,
  function(ch, s) return ch:write_line(s), s .. "\n" end,
  function(ch, s) return ch:write(s:sub(1, 3), s:sub(4)), s end,
  function(ch, s) return ch:writef("%s|%d", s, 7), s .. "|7" end,
  function(ch, s) return ch.be:pack("s4", s), (">s4"):pack(s) end,
  function(ch, s)
    return ch:atomic(function(inner)
      await(inner:write(s))
      lwt.yield()
      await(inner:write_line("!"))
    end), s .. "!\n", s
  end,
  function(ch) return ch:flush(), "" end,
}

function M.writing(seed)
  local random = generator(seed)
  local opts = { buffer_size = ({ 16, 17, 64, 4096, 65536 })[random(5)] }
  local ch, result = sinks[sink_names[random(#sink_names)]](random, opts)
  local list = {}
  for id = 1, random(25) do
    local o = {}
    o.promise, o.text, o.part = writers[random(#writers)](ch, payload(random, id))
    list[id] = o
    local how = random(6)
    if how == 1 then
      local other = list[random(#list)]
      if other.promise:is_pending() then
        other.cancelled = true
        other.promise:cancel()
      end
    elseif how == 2 then
      pcall(await, o.promise)
    elseif how == 3 then
      lwt.yield()
    end
  end
  for _, o in ipairs(list) do pcall(await, o.promise) end
  await(ch:close())
  local text, at = result(), 1
  for id, o in ipairs(list) do
    local state, err = o.promise:state()
    if text:sub(at, at + #o.text - 1) == o.text then
      at = at + #o.text
    elseif o.cancelled and o.part and text:sub(at, at + #o.part - 1) == o.part then
      at = at + #o.part
    elseif state == "fulfilled" or not o.cancelled then
      differ(seed, "operation %d, %s %s: %s is not at %d: %s", id, state, tostring(err), show(o.text), at,
        show(text:sub(at)))
    end
  end
  if at <= #text then differ(seed, "something after the end: %s", show(text:sub(at))) end
end

return M

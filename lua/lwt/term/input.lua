-- Keys from the bytes of a channel: the waiters for one, keys that were decoded and not asked for yet,
-- and the clock that tells an Escape from the beginning of a sequence.
--
-- It reads only while a key is waited for, so what is not asked for stays in the channel.

local lwt = require "lwt"
local due = require "lwt.internal.due"
local keys = require "lwt.term.keys"

local M = {}

local CHUNK = 65536
local PATIENCE = { sequence = 0.5, paste = 1 } -- seconds; for an Escape it is the terminal's

local Input = {}
Input.__index = Input

function M.new(terminal)
  return setmetatable({
    terminal = terminal, decoder = keys.decoder { erase = terminal:_erase() },
    first = 1, last = 0, queue = {}, -- keys that were not asked for yet
    waiting = {}, reading = false, timer = false, since = 0, ended = false, guard = false,
  }, Input)
end

-- ---- Those who wait -----------------------------------------------------------------

-- No key is waited for: the bytes stay where they are, and the terminal is as it was.
local function rest(input)
  local reading, timer, guard = input.reading, input.timer, input.guard
  input.reading, input.timer, input.guard = false, false, false
  if timer then timer:cancel() end
  if reading then reading:cancel() end
  if guard then guard:close() end
end

local function give(input, ...)
  local resolver = table.remove(input.waiting, 1)
  if not input.waiting[1] then rest(input) end
  resolver:wakeup(...)
end

local function fail(input, err)
  local waiting = input.waiting
  input.waiting = {}
  rest(input)
  for _, resolver in ipairs(waiting) do resolver:wakeup_exn(err) end
end

local function deliver(input)
  while input.waiting[1] and input.first <= input.last do
    local k = input.queue[input.first]
    input.queue[input.first] = nil
    input.first = input.first + 1
    give(input, k)
  end
  while input.ended and input.waiting[1] do give(input, nil) end
end

-- A key from elsewhere than the input (the size has changed); several in a row are one.
function Input:push(k)
  if k.resize and self.first <= self.last and self.queue[self.last].resize then
    self.queue[self.last] = k
  else
    self.last = self.last + 1
    self.queue[self.last] = k
  end
  deliver(self)
end

local function take(input, list)
  for _, k in ipairs(list) do
    input.last = input.last + 1
    input.queue[input.last] = k
  end
end

-- ---- Time ---------------------------------------------------------------------------

local function watch_clock(input)
  if input.timer then
    local timer = input.timer
    input.timer = false
    timer:cancel()
  end
  local what = input.decoder:waiting()
  if not what or not input.waiting[1] then return end
  local patience = PATIENCE[what] or input.terminal.escape_time
  local timer = lwt.sleep(math.max(0, input.since + patience - lwt.now()))
  input.timer = timer
  timer:on_success(function()
    if input.timer ~= timer then return end
    input.timer = false
    take(input, input.decoder:expire())
    deliver(input)
  end)
end

-- ---- Reading --------------------------------------------------------------------------

local function over(input)
  input.ended = true
  take(input, input.decoder:expire())
  deliver(input)
end

local pump

local function arrived(input, bytes)
  if bytes == nil then return over(input) end
  input.since = lwt.now()
  take(input, input.decoder:feed(bytes))
  deliver(input)
  watch_clock(input)
  pump(input)
end

function pump(input)
  if input.reading or input.ended or not input.waiting[1] then return end
  local ok, p = pcall(input.terminal.input.read, input.terminal.input, CHUNK)
  if not ok then return fail(input, p) end
  input.reading = p
  p:on_any(function(bytes)
    if input.reading ~= p then return end
    input.reading = false
    arrived(input, bytes)
  end, function(err)
    if input.reading ~= p then return end
    input.reading = false
    -- The terminal has gone away: that is the end of what is typed.
    if type(err) == "table" and err.code == "EIO" then return over(input) end
    fail(input, err)
  end)
end

-- A promise of the next key; nil at the end.
function Input:read()
  if due.any[1] and due.cancel_due() then return due.later(Input.read, self) end
  if not self.waiting[1] and self.first <= self.last then
    local k = self.queue[self.first]
    self.queue[self.first] = nil
    self.first = self.first + 1
    return lwt.fulfilled(k)
  end
  if self.ended then return lwt.fulfilled(nil) end
  local guard = not self.waiting[1] and self.terminal:_raw_for_key()
  local p, resolver = lwt.task()
  self.waiting[#self.waiting + 1] = resolver
  if guard then self.guard = guard end
  p:on_cancel(function()
    for i, other in ipairs(self.waiting) do
      if other == resolver then table.remove(self.waiting, i) break end
    end
    if not self.waiting[1] then rest(self) end
  end)
  watch_clock(self)
  pump(self)
  return p
end

-- No more keys.
function Input:close()
  self.ended = true
  if self.waiting[1] then fail(self, lwt.Closed) end
end

return M

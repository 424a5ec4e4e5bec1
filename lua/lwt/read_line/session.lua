-- The reading of one line from a terminal: keys in, rows out, until the line is over. One task does it; what
-- comes from elsewhere (a signal, a completion, `line:send`) is put into its list of events. It draws when
-- nothing is left to be done, so that a burst of keys is drawn once.

local lwt = require "lwt"
local asks_to_end = require "lwt.internal.asks_to_end"
local bindings = require "lwt.read_line.bindings"
local completing = require "lwt.read_line.completing"
local editor = require "lwt.read_line.editor"
local history = require "lwt.read_line.history"
local kills = require "lwt.read_line.kills"
local output = require "lwt.term.output"
local views = require "lwt.read_line.view"

local await = lwt.await

local M = {}

M.Interrupt = require "lwt.read_line.interrupt"

local LEVEL = 50 -- in the terminal's region: above bars' questions, below bars

local Session = {}
Session.__index = Session

-- ---- Making -------------------------------------------------------------------------------------

-- opts are checked already.
function M.new(terminal, opts)
  local s = setmetatable({
    terminal = terminal, opts = opts, history = opts.history, validate = opts.validate,
    events = {}, waker = nil, over = nil, hidden = 0, drawn = nil, busy = nil,
  }, Session)
  s.editor = editor.new {
    text = opts.initial, maps = bindings.maps(opts.mode, opts.keys), mode = opts.mode,
    history = not opts.mask and opts.history and opts.history.list or nil,
    kills = opts.mask and kills.new() or kills.shared,
    multiline = opts.multiline, on_key = opts.on_key,
  }
  s.view = views.new(terminal, s.editor, opts)
  s.completing = completing.new(s, opts.complete)
  s.block = { level = LEVEL, rows = function(columns) return s.view:rows(columns) end }
  return s
end

-- ---- Events -------------------------------------------------------------------------------------

-- Has f() called by the session's task, soon.
function Session:post(f)
  self.events[#self.events + 1] = f
  local waker = self.waker
  if waker then
    self.waker = nil
    waker:wakeup_later()
  end
end

-- Something else is to be shown.
function Session:changed() self:post(function() end) end

local function next_event(s)
  if s.events[1] then return lwt.fulfilled() end
  local p, waker = lwt.task()
  s.waker = waker
  return p
end

-- ---- The end ------------------------------------------------------------------------------------

-- "line" and the text, "eof", or "interrupt".
function Session:finish(how, text)
  if not self.over then self.over = { how, text } end
end

local function bell(s)
  s.terminal:_write "\7"
end

-- Awaits what may be a promise of the program's, while keys are kept for later; an interrupt
-- cancels it.
local function follow(s, f, ...)
  local result = table.pack(pcall(f, ...))
  if not result[1] then error(result[2], 0) end
  if not lwt.is_promise(result[2]) then return table.unpack(result, 2, result.n) end
  s.busy = result[2]
  local values = table.pack(pcall(await, result[2]))
  s.busy = nil
  if not values[1] then error(values[2], 0) end
  return table.unpack(values, 2, values.n)
end

local function accept(s)
  local text = s.editor:text()
  if s.validate then
    local ok, valid, message = pcall(follow, s, s.validate, text)
    if s.over then return end
    if not ok and asks_to_end(valid) then error(valid, 0) end
    if not ok then valid, message = nil, tostring(valid) end
    if not valid then
      s.view.message = message and tostring(message) or "this cannot be accepted"
      return bell(s)
    end
  end
  s:finish("line", text)
end

-- ---- What the editor asks for -------------------------------------------------------------------

local asked = {
  accept = accept,
  bell = bell,
  eof = function(s) s:finish "eof" end,
  interrupt = function(s) s:finish "interrupt" end,
  clear = function(s) s.terminal:clear() end,
  redraw = function(s) s.terminal.region:redraw() end,
  suspend = function(s) await(s.terminal:suspend()) end,
  edit = function(s) require "lwt.read_line.external".edit(s) end,
  ["edit-and-accept"] = function(s)
    if require "lwt.read_line.external".edit(s) then accept(s) end
  end,
  complete = function(s) s.completing:tab() end,
  list = function(s) s.completing:list() end,
  cycle = function(s, step) s.completing:cycle(step) end,
}

function Session:serve()
  local wanted = self.editor:_take()
  while wanted do
    for _, what in ipairs(wanted) do
      if self.over then return end
      asked[what[1]](self, what[2])
    end
    wanted = self.editor:_take()
  end
end

function Session:press(key)
  self.view.message = nil
  self.completing:moved_on()
  local ok, err = pcall(self.editor.press, self.editor, key)
  if not ok then
    if asks_to_end(err) then error(err, 0) end
    warn("lwt.read_line: a command failed: ", tostring(err))
    bell(self)
  end
  self:serve()
end

-- ---- Drawing ------------------------------------------------------------------------------------

-- Draws, unless the terminal has not taken the last drawing yet; then later.
local function draw(s)
  if s.hidden > 0 or s.silent then return end
  if s.drawn and s.drawn:is_pending() then
    s.stale = true
    return
  end
  s.stale = false
  s.view:ask_hint(function() s:changed() end)
  local p = s.terminal.region:update()
  s.drawn = p
  p:on_any(function()
    if s.stale then s:changed() end
  end, function() end)
end

-- Stays on the screen, and what comes goes on below.
local function leave(s)
  if s.silent then return await(s.terminal:_write "\n") end
  if s.hidden > 0 then return end
  local columns = s.terminal:size()
  local rows, text = s.view:final(columns)
  s.hidden = 1
  s.terminal.region:leave(s.block, rows, text):catch(function() end)
end

-- A promise of something that was written, and has reached the terminal.
function M.flushed(t, p)
  local channel = t.direct or t.output
  if not channel.flush then return p end
  return p:bind(function() return channel:flush() end)
end

function Session:hide()
  self.hidden = self.hidden + 1
  if self.hidden > 1 or self.silent or not self.begun then return lwt.fulfilled() end
  return M.flushed(self.terminal, self.terminal.region:remove(self.block))
end

function Session:show()
  if self.hidden == 0 then return lwt.fulfilled() end
  self.hidden = self.hidden - 1
  if self.hidden > 0 or self.silent or not self.begun then return lwt.fulfilled() end
  self.terminal.region:add(self.block)
  return M.flushed(self.terminal, self.terminal.region:update())
end

-- ---- Interrupts ---------------------------------------------------------------------------------

local interrupt = require "lwt.internal.uvneeded"("lwt.read_line").interrupt
local heard = interrupt.heard

local listening = 0 -- sessions that have Ctrl-C
local before

-- Ctrl-C is the session's until the guard is closed. Where Lua code of the program's runs on and on, so that
-- the session does not learn of it, that code is interrupted, or the third Ctrl-C ends the process (unless the
-- program handles Ctrl-C itself).
local function own_interrupts(s)
  if not s.terminal.tty or not s.terminal.in_tty then return nil end
  if listening == 0 then before = lwt.interrupts(false) end
  listening = listening + 1
  -- (A Ctrl-C that has interrupted code of the program's, in a prompt, is not meant for the line.)
  local handler = require("lwt.signal").on("INT", function()
    if not heard() then s:interrupt() end
  end)
  if before and listening == 1 then interrupt.breaks(true) end
  return setmetatable({}, {
    __close = function()
      listening = listening - 1
      if before and listening == 0 then interrupt.breaks(false) end
      handler:stop()
      if listening == 0 then lwt.interrupts(before) end
    end,
  })
end

function Session:interrupt()
  self:finish "interrupt"
  if self.busy then self.busy:cancel() end
  self:changed()
end

-- ---- The task -----------------------------------------------------------------------------------

local function run_events(s)
  while s.events[1] and not s.over do
    local events = s.events
    s.events = {}
    for _, f in ipairs(events) do
      if not s.over then f() end
    end
  end
end

-- No key is waited for while another program has the terminal.
function Session:stop_reading()
  local p = self.key
  self.key = nil
  if p then p:cancel() end
end

local function take_key(s)
  local key = await(s.key)
  s.key = nil
  if key == nil then
    s.gone = true
    s:finish "eof"
  else
    s:press(key)
  end
end

local function edit(s)
  while not s.over do
    run_events(s)
    if s.over then break end
    s.key = s.key or s.terminal:read_key()
    if s.key:is_pending() then
      draw(s)
      await(lwt.choose { s.key, next_event(s) })
    end
    if s.key and not s.key:is_pending() then take_key(s) end
  end
end

local function watch_prompt(s)
  local prompt = s.opts.prompt
  local mt = getmetatable(prompt)
  if type(mt) ~= "table" or rawget(mt, "__name") ~= "lwt.react.signal" then
    s.view:set_prompt(prompt)
    return nil
  end
  local S = require("lwt.react").S
  s.view:set_prompt(S.value(prompt))
  return S.notify(prompt, function(value)
    s.view:set_prompt(value)
    s:changed()
  end)
end

-- Reads what is new in the history, which may take its time: the prompt is there before. Ctrl-C ends it.
local function read_history(s)
  local p = history.begin(s.history)
  if not p then return end
  draw(s)
  s.busy = p
  local ok, err = pcall(history.tolerate, s.history, p)
  s.busy = nil
  if not ok and not s.over then error(err, 0) end
end

-- Where the last line said so, begins with the next entry of the history.
local function begin_history(s)
  if not s.history or s.opts.mask then return end
  read_history(s)
  local list = s.history.list
  local resume = list.resume
  list.resume = nil
  if resume and list:get(resume) and s.editor.buffer == "" then s.editor:_visit(resume) end
end

-- Whatever was on its way for the line is dropped.
local function let_go(s)
  s:stop_reading()
  s.completing:moved_on()
  if s.view.asked then s.view.asked:cancel() end
  s.view.asked = nil
end

function Session:raw()
  self.guard = self.terminal:raw_mode { signals = true }
end

local function interact(s)
  local _ <close> = own_interrupts(s)
  local _ <close> = setmetatable({}, { __close = function() s.guard:close() end })
  s:raw()
  local _ <close> = watch_prompt(s)
  local _ <close> = setmetatable({}, {
    __close = function()
      let_go(s)
      leave(s)
    end,
  })
  if s.silent then
    await(s.terminal:_write(require("lwt.read_line.pieces").text(s.view.prompt)))
  elseif s.hidden == 0 then
    s.terminal.region:add(s.block)
  end
  s.begun = true
  begin_history(s)
  edit(s)
end

-- Reads the line: nil at the end of the input. A task.
function Session:run()
  local t = self.terminal
  local _ <close> = await(t:_turn("line_turn"):lock())
  if not self.over then interact(self) end
  if self.gone then output.give_up(t) end
  local how, text = self.over[1], self.over[2]
  if how == "interrupt" then error(M.Interrupt, 0) end
  if how == "eof" then return nil end
  if self.history and not self.opts.mask then
    lwt.shield(function() history.tolerate(self.history, self.history:add(text)) end)
  end
  return text
end

return M

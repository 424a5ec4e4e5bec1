-- Where the lines of a session come from: a line editor on a terminal, or plain lines of a channel, with prompts
-- or, from a pipe, without. All of them have
--
--   read()        the next finished text and how many lines were before it; nil at the end; raises Interrupt
--   interrupt()   has read() raise
--   print(text)   shows a text above the line that is being edited; false: there is none
--   end_of_input  what was read is unfinished, and there is no more (a message)

local lwt = require "lwt"

local await = lwt.await

local M = {}

M.Interrupt = require "lwt.internal.args".sentinel "lwt.toplevel.Interrupt"

-- ---- Plain lines --------------------------------------------------------------------------------

local Plain = {}
Plain.__index = Plain

-- opts: prompts (boolean), write(text), incomplete(text)
function M.plain(input, opts)
  return setmetatable({
    input = input, prompts = opts.prompts, write = opts.write, incomplete = opts.incomplete,
    lines = 0,
  }, Plain)
end

local function line_of(self)
  local input = self.input
  if not input then return io.read() end -- without libuv nothing else runs meanwhile
  local p = input:read_line()
  self.waiting = p
  local ok, line = pcall(await, p)
  self.waiting = nil
  if ok then return line end
  if self.interrupted then
    self.interrupted = false
    error(M.Interrupt, 0)
  end
  error(line, 0)
end

function Plain:read()
  local text
  local before = self.lines
  while true do
    if self.prompts then self.write(text and ">> " or "> ") end
    local line = line_of(self)
    if not line then
      if text then self.end_of_input = true end
      return text, before
    end
    self.lines = self.lines + 1
    text = text and text .. "\n" .. line or line
    if not self.incomplete(text) then return text, before end
  end
end

function Plain:interrupt()
  local p = self.waiting
  if not p then return end
  self.interrupted = true
  if not p:is_pending() then return end
  p:cancel()
end

function Plain.print() return false end
function Plain.close() end

-- ---- The editor ---------------------------------------------------------------------------------

local Edited = {}
Edited.__index = Edited

-- opts: those of `read_line`.
function M.edited(opts)
  return setmetatable({ opts = opts, read_line = require "lwt.read_line" }, Edited)
end

function Edited:read()
  local line = self.read_line.start(self.opts)
  self.interrupted = false
  self.line = line
  local ok, text = pcall(await, line:result())
  self.line = nil
  if self.interrupted then
    self.interrupted = false
    error(M.Interrupt, 0)
  end
  if ok then return text, 0 end
  if text == self.read_line.Interrupt then error(M.Interrupt, 0) end
  error(text, 0)
end

function Edited:interrupt()
  -- (One that has been accepted and is not in the history yet is not run.)
  if self.line and not self.line:abort() then self.interrupted = true end
end

function Edited:print(text)
  local line = self.line
  if not line then return false end
  line:print((text:gsub("\n$", "")))
  return true
end

function Edited.close() end

return M

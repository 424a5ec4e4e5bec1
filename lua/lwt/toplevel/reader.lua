-- Where the lines of a session come from: a line editor on a terminal, or plain lines of a channel, with prompts
-- or, from a pipe, without. All of them have
--
--   read()        the next finished text and how many lines were before it; nil at the end; raises Interrupt
--   interrupt()   has read() raise
--   print(text)   shows a text above the line that is being edited; false: there is none
--   end_of_input  what was read is unfinished, and there is no more (a message)

local lwt = require "lwt"

local lazy = require "lwt.internal.lazy"
local lines = lazy "lwt.toplevel.lines"
local source = lazy "lwt.toplevel.source"

local await = lwt.await

local M = {}

M.PROMPT = "> "

M.Interrupt = require "lwt.internal.args".sentinel "lwt.toplevel.Interrupt"

local LONG = 50 -- lines of a text that are asked about one by one
local BREATH = 100 -- lines

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

-- Whether a line may be the last of a long text: to ask `incomplete` reads all of it, which a table of many
-- lines cannot have at each of them. So a text within brackets or blocks is asked about only when it has doubled.
-- part: { lines =, asked =, depth =, rest = the open string or comment }
local function may_end(part, line)
  part.lines = part.lines + 1
  local code = part.rest and part.rest .. "\n" .. line or line
  local tokens = source.tokens(code)
  local last = tokens[#tokens]
  part.rest = last and last[1] == "open" and code:sub(last[2]) or nil
  for _, token in ipairs(tokens) do
    token[4] = source.text_of(code, token)
    part.depth = part.depth + source.step(token)
  end
  local inside = part.depth > 0 or part.rest
  if inside and part.lines > LONG and part.lines < 2 * part.asked then return false end
  part.asked = part.lines
  return true
end

-- Lines of a file are there at once: signals are to be heard between them all the same.
local function listen(self)
  if self.input and self.lines % BREATH == 0 then await(lwt.pause()) end
  if not self.interrupted then return end
  self.interrupted = false
  error(M.Interrupt, 0)
end

-- A script may be what comes by a pipe: Lua reads files without these, too.
local function first_line(line)
  line = line:gsub("^\xEF\xBB\xBF", "")
  return line:find "^#!" and "" or line
end

function Plain:read()
  local list, part = {}, { lines = 0, asked = 0, depth = 0 }
  local before = self.lines
  while true do
    if self.prompts then self.write(list[1] and ">> " or M.PROMPT) end
    local line = line_of(self)
    if not line then
      if not list[1] then return nil end
      self.end_of_input = true
      return table.concat(list, "\n"), before
    end
    if self.lines == 0 and not self.prompts then line = first_line(line) end
    self.lines = self.lines + 1
    listen(self)
    list[#list + 1] = line
    if may_end(part, line) then
      local text = table.concat(list, "\n")
      if not self.incomplete(text) then return text, before end
    end
  end
end

-- What is between two lines just now ends at the next one.
function Plain:interrupt()
  self.interrupted = true
  local p = self.waiting
  if p and p:is_pending() then p:cancel() end
end

function Plain.print() return false end
function Plain.close() end

-- ---- The editor ---------------------------------------------------------------------------------

local Edited = {}
Edited.__index = Edited

-- The first prompt, before all that a line editor needs has been loaded: no key is echoed from here on. Gives what is
-- to be closed when the editor has the terminal, or nil where there is none.
function M.first_prompt(write)
  local ok, core = pcall(require, "lwt.term.core")
  local tty = ok and core.tty.open(0, 1)
  if not tty or not pcall(tty.raw, tty, "signals") then return nil end
  write(M.PROMPT)
  return tty
end

-- opts: those of `read_line`. `complain(text)`; `prompted`: what `first_prompt` gave.
function M.edited(opts, complain, prompted)
  return setmetatable({
    opts = opts, read_line = require "lwt.read_line", complain = complain, prompted = prompted,
  }, Edited)
end

-- Wrong options of the user's are reported, and forgotten.
local function start_line(self)
  local ok, line = pcall(function() return self.read_line.start(lines.with_own(self.opts)) end)
  if ok then return line end
  lines.forget_own()
  self.complain("lwt.toplevel.editor: " .. tostring(line))
  return self.read_line.start(self.opts)
end

-- The editor draws the prompt, where it is already if need be.
local function start(self)
  local prompted = self.prompted
  if not prompted then return start_line(self) end
  self.prompted = nil
  self.opts.term:_control "\r"
  local line = start_line(self)
  prompted:close()
  return line
end

function Edited:read()
  local line = start(self)
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

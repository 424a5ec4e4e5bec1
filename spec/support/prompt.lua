-- The prompt of bin/lwt on a pseudo-terminal, as somebody types on it.
--
--   local on <close> = prompt.start()            { args = { "-i", "x.lua" }, columns =, rows =, env = }
--   assert.equal("2", on:run "1 + 1")            types a text and Enter; what stands below it, when the next
--                                                prompt is there
--   on:type "abc"  on:expect …  on.screen        as spec.support.pty has them
--   on:shows(text)                               waits until a row of the screen has it
--   on.dir                                       its home: XDG_STATE_HOME and XDG_CONFIG_HOME are in it

local pty = require "spec.support.pty"
local shell = require "spec.support.shell"

local M = {}

local Prompt = {}
Prompt.__index = function(on, name) return Prompt[name] or on.program[name] end

local function command(args)
  local words = { shell.lua, shell.here .. "/bin/lwt" }
  for _, word in ipairs(args or {}) do words[#words + 1] = word end
  return words
end

function M.start(opts)
  opts = opts or {}
  local dir = opts.dir or shell.temp_dir()
  local env = { HOME = dir, XDG_STATE_HOME = dir .. "/state", XDG_CONFIG_HOME = dir .. "/config" }
  for name, value in pairs(opts.env or {}) do env[name] = value end
  local words = command(opts.args)
  if opts.cd then words = { "sh", "-c", 'cd "$0" && exec "$@"', dir, table.unpack(words) } end
  local program = pty.program(words, {
    columns = opts.columns or 80, rows = opts.rows or 24, env = env,
    unset = { "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLORTERM", "LWT_HISTORY", "VISUAL", "EDITOR" },
  })
  local on = setmetatable({ program = program, dir = dir, keep = opts.dir ~= nil }, Prompt)
  if opts.wait ~= false then on:ready() end
  return on
end

for _, name in ipairs { "pump", "wait", "resize", "kill", "state", "flags", "finish", "expect" } do
  Prompt[name] = function(on, ...) return on.program[name](on.program, ...) end
end

function Prompt:type(bytes)
  self.program:type(bytes)
  return self
end

function Prompt:rows() return self.program.screen:everything() end
function Prompt:text() return table.concat(self:rows(), "\n") end

-- Waits until there is an empty prompt.
function Prompt:ready()
  self:wait(function()
    local rows = self:rows()
    if rows[#rows] ~= ">" or #rows <= (self.at or 0) then return false end
    self.at = #rows
    return true
  end, "a prompt below row " .. (self.at or 0))
  return self
end

-- Waits until the last row is an empty prompt, wherever that is.
function Prompt:settle()
  self:last ">"
  self.at = #self:rows()
  return self
end

-- The rows since the last prompt, without the first `n`.
function Prompt:run(text)
  local _, ends = text:gsub("\n", "")
  local from = self.at
  self:type(text:gsub("\n", "\r") .. "\r")
  self:ready()
  return table.concat(self:rows(), "\n", from + ends + 1, self.at - 1)
end

-- Until the text is somewhere.
function Prompt:shows(text)
  self:wait(function() return self:text():find(text, 1, true) end, ("%q on the screen"):format(text))
  return self
end

-- Until the last row is this.
function Prompt:last(text)
  self:wait(function()
    local rows = self:rows()
    return rows[#rows] == text
  end, ("the last row %q"):format(text))
  return self
end

function Prompt:close()
  self.program:close()
  if not self.keep then shell.remove_dir(self.dir) end
end
Prompt.__close = Prompt.close

return M

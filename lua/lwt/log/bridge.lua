-- Internal: between LuaLogging and lwt.log, both ways.

local args = require "lwt.internal.args"
local logger = require "lwt.log.logger"
local section = require "lwt.log.section"

local M = {}

-- LuaLogging's levels, and ours for them.
local OURS = {
  DEBUG = "debug", INFO = "info", WARN = "warning", ERROR = "error", FATAL = "fatal",
}
local THEIRS = {
  debug = "DEBUG", info = "INFO", notice = "INFO", warning = "WARN", error = "ERROR",
  fatal = "FATAL",
}

-- ---- An object with LuaLogging's methods ----------------------------------------

--- What `lwt.log.lualogging` gives: LuaLogging's methods. Each that logs gives the promise of the record.
---@class lwt.LuaLogging
---@field debug fun(l: lwt.LuaLogging, ...): lwt.Promise<nil>
---@field info fun(l: lwt.LuaLogging, ...): lwt.Promise<nil>
---@field warn fun(l: lwt.LuaLogging, ...): lwt.Promise<nil>
---@field error fun(l: lwt.LuaLogging, ...): lwt.Promise<nil>
---@field fatal fun(l: lwt.LuaLogging, ...): lwt.Promise<nil>
---@field log fun(l: lwt.LuaLogging, level: string, ...): lwt.Promise<nil>
---@field DEBUG string
---@field INFO string
---@field WARN string
---@field ERROR string
---@field FATAL string
---@field setLevel fun(l: lwt.LuaLogging, level: string)
---@field getPrint fun(l: lwt.LuaLogging, level: string): fun(...)
local Logging = { __name = "lwt.LuaLogging" }
local methods = {}
function Logging.__index(l, key)
  if key == "level" then return THEIRS[l.section:level()] end
  return methods[key]
end

for theirs, ours in pairs(OURS) do
  methods[theirs] = theirs
  methods[theirs:lower()] = function(l, fmt, ...) return l.section[ours](l.section, fmt, ...) end
end

local function ours(level)
  local word = OURS[level]
  if not word then error(("undefined level `%s'"):format(tostring(level)), 3) end
  return word
end

function methods.log(l, level, fmt, ...)
  local word = ours(level)
  return l.section[word](l.section, fmt, ...)
end

function methods.setLevel(l, level) l.section:set_level(ours(level)) end

-- A function that logs what `print` would write.
function methods.getPrint(l, level)
  local word = ours(level)
  return function(...)
    local words = table.pack(...)
    for i = 1, words.n do words[i] = tostring(words[i]) end
    l.section[word](l.section, table.concat(words, " ", 1, words.n))
  end
end

--- An object with the methods of a logger of LuaLogging (`debug info warn error fatal log setLevel getPrint`), for a library that wants one:
--- what it logs is logged by a section. `setLevel` is the section's `set_level`.
---@param s? string|lwt.LogSection a section or its name; the main section where there is none
---@return lwt.LuaLogging
--- ```lua
--- log.set_default(log.make { output = function(s, level, lines) print(s, level, lines[1]) end })
--- local logger = log.lualogging "library"
--- logger:warn("%d tries", 3)   --> library warning 3 tries
--- logger:setLevel(logger.ERROR)
--- logger:warn "no more"
--- ```
---@function lwt.log.lualogging(s)
function M.lualogging(s)
  if s == nil then s = section.main end
  if type(s) == "string" then s = section.section(s) end
  local mt = getmetatable(s)
  if type(mt) ~= "table" or mt.__name ~= "lwt.log.section" then
    args.wrong(1, "lualogging", "lwt.log.section", s)
  end
  return setmetatable({ section = s }, Logging)
end

-- ---- A logger of LuaLogging's ---------------------------------------------------

--- A logger that gives each record to a logger of LuaLogging (or any object with `log(self, level, format, ...)`), whose own level counts as
--- well: `notice` is its `INFO`, `warning` its `WARN`. A message of several lines is given as one.
---@param logging table
---@return lwt.Logger
--- ```lua
--- local theirs = { log = function(_, level, format, ...) print(level, format:format(...)) return true end }
--- log.set_default(log.from_lualogging(theirs))
--- log.warning("%d left", 2)   --> WARN 2 left
--- ```
---@function lwt.log.from_lualogging(logging)
function M.from_lualogging(logging)
  if type(logging) ~= "table" or type(logging.log) ~= "function" then
    args.wrong(1, "from_lualogging", "a logger of LuaLogging", logging)
  end
  return logger.new {
    write = function(l, _, level, text)
      -- The message is an argument, never a format; some versions give nil and what is wrong.
      local ok, message = logging:log(THEIRS[level], "%s", text)
      if ok == nil and message ~= nil then error(message, 0) end
      l.told = false
    end,
  }
end

return M

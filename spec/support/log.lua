-- For the specs of lwt.log: each runs in a task, with a folder of its own; the default logger, rules, and
-- the hook are as before when it is over.

local lwt = require "lwt"
local io = require "lwt.io"
local fs = require "lwt.fs"
local log = require "lwt.log"
local process = require "lwt.process"
local test = require "lwt.test"

local await = lwt.await

local M = {}

-- For `it`: f(dir), in at most so many seconds (what LWT_TEST_TIMEOUT says).
function M.spec(f, timeout)
  return test.async(function()
    local before, hook = log.default(), lwt.async_exception_hook()
    local function restore()
      log.set_default(before)
      log.reset_rules()
      log.reset_level()
      lwt.async_exception_hook(hook)
    end
    local _ <close> = setmetatable({}, { __close = restore })
    await(io.with_temp_dir(f))
  end, { timeout = timeout })
end

-- A logger that keeps what it is given, and the list: "main error text" a line, and the records by `records`.
function M.collect()
  local list = { records = {} }
  local l = log.make {
    output = function(section, level, lines, record)
      for _, line in ipairs(lines) do
        list[#list + 1] = ("%s %s %s"):format(section, level, line)
        list.records[#list] = record
      end
    end,
  }
  return l, list
end

-- What the exception hook is told from now on: a list.
function M.hook()
  local told = {}
  lwt.async_exception_hook(function(err) told[#told + 1] = err end)
  return told
end

function M.read(path) return await(fs.read_file(path)) end

-- The lines of a file.
function M.lines(path)
  local lines = {}
  for line in M.read(path):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

-- Runs a script of its own, in the folder; what it says (stderr too) and how it ended.
function M.run(dir, code, before)
  await(fs.write_file(dir .. "/script.lua", code))
  local command = (before or "") .. " exec " .. (os.getenv "LUA" or "lua5.4") .. " script.lua 2>&1"
  local out, status = await(process.pread({ "sh", "-c", command }, { cwd = dir }))
  return out, status
end

-- ---- JSON, read strictly ----------------------------------------------------------

local function fail(s, at, what) error(("not JSON at %d (%s): %s"):format(at, what, s), 0) end

local value

local function string_at(s, at)
  local out, i = {}, at + 1
  while true do
    local c = s:sub(i, i)
    if c == '"' then return table.concat(out), i + 1 end
    if c == "" or c:byte() < 32 then fail(s, i, "character in a string") end
    if c == "\\" then
      local e = s:sub(i + 1, i + 1)
      local plain = ({ n = "\n", r = "\r", t = "\t", b = "\b", f = "\f", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" })[e]
      local hex = s:match("^%x%x%x%x", i + 2)
      if plain then
        out[#out + 1], i = plain, i + 2
      elseif e == "u" and hex then
        out[#out + 1], i = utf8.char(tonumber(hex, 16)), i + 6
      else
        fail(s, i, "escape")
      end
    else
      out[#out + 1], i = c, i + 1
    end
  end
end

local function list_at(s, at, close, item)
  local i = at + 1
  if s:sub(i, i) == close then return i + 1 end
  while true do
    i = item(i)
    local c = s:sub(i, i)
    if c == close then return i + 1 end
    if c ~= "," then fail(s, i, "separator") end
    i = i + 1
  end
end

function value(s, at)
  local c = s:sub(at, at)
  if c == '"' then return string_at(s, at) end
  if c == "{" then
    local t = {}
    return t, list_at(s, at, "}", function(i)
      if s:sub(i, i) ~= '"' then fail(s, i, "key") end
      local key, colon = string_at(s, i)
      if s:sub(colon, colon) ~= ":" then fail(s, colon, "colon") end
      if t[key] ~= nil then fail(s, i, "key twice") end
      t[key], i = value(s, colon + 1)
      return i
    end)
  elseif c == "[" then
    local t = {}
    return t, list_at(s, at, "]", function(i)
      t[#t + 1], i = value(s, i)
      return i
    end)
  end
  for word, meaning in pairs { ["true"] = true, ["false"] = false, null = "null" } do
    if s:sub(at, at + #word - 1) == word then return meaning, at + #word end
  end
  local number = s:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
  if not number or not tonumber(number) then fail(s, at, "value") end
  return tonumber(number), at + #number
end

-- The value of a line of JSON; raises when it is not quite that.
function M.json(line)
  assert(utf8.len(line), "not UTF-8")
  local v, stop = value(line, 1)
  if stop ~= #line + 1 then fail(line, stop, "more") end
  return v
end

return M

-- Runs one code block of the documentation, in a process of its own:
--
--   lua5.4 spec/support/block.lua FILE PAGE
--
-- FILE holds the block; PAGE is the module whose page it is on ("lwt.stream"), or "". The block
-- is the body of a task, with `lwt`, `await` and the page's module in scope (`lwt.io` as `lio`, not
-- to hide what Lua has). One that calls lwt.run
-- itself (on a line that is not indented), or begins with `-- outside a task`, is a plain chunk.
--
-- `--> text` is checked: all that the block prints, in the order in which it does, is what its
-- `-->` say, in the order in which they stand, blanks apart. Or else, where things happen in another
-- order than they are written, each line with a `-->` has printed that (and lines of nothing but
-- `--> text` go on with the line above); then prints without a `-->` are not looked at.
-- Exits 1, with the reason on standard error.

local path, page = arg[1], arg[2]
local file = assert(io.open(path))
local source = file:read("a")
file:close()

local lwt = require "lwt"
local stderr, exit = io.stderr, os.exit

local printed = {} -- by line
local all = {} -- in the order of time
local env = setmetatable({ lwt = lwt, await = lwt.await }, { __index = _G })
local short = { ["lwt.io"] = "lio" }
if page ~= "" then env[short[page] or page:match("[^.]+$")] = require(page) end

function env.print(...)
  local texts = table.pack(...)
  for i = 1, texts.n do texts[i] = tostring(texts[i]) end
  local text = table.concat(texts, " ")
  -- The nearest line of the block itself.
  local line
  for level = 2, 100 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    if info.source == "=block" then
      line = info.currentline
      break
    end
  end
  line = line or 0
  all[#all + 1] = text
  printed[line] = printed[line] and printed[line] .. " " .. text or text
end

local function fail(message)
  stderr:write(message, "\n")
  exit(1)
end

local chunk, message = load(source, "=block", "t", env)
if not chunk then fail(message) end

local ok, err
if ("\n" .. source):match("\n[^%s][^\n]*lwt%.run%s*[%({]")
  or ("\n" .. source):match("\nlwt%.run%s*[%({]") or source:match("^%s*%-%- outside a task") then
  ok, err = xpcall(chunk, function(e) return debug.traceback(tostring(e)) end)
else
  ok, err = pcall(lwt.run, chunk)
end
if not ok then fail(lwt.traceback and tostring(lwt.traceback(err)) or tostring(err)) end

local function squeeze(s)
  return (s:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

local expected, order, last = {}, {}, nil
local in_order = {}
local number = 0
for line in (source .. "\n"):gmatch("(.-)\n") do
  number = number + 1
  local before, text = line:match("^(.-)%-%->%s?(.*)$")
  if text then
    in_order[#in_order + 1] = text
    if before:match("^[%s-]*$") and last then
      expected[last] = expected[last] .. " " .. text
    else
      last = number
      order[#order + 1] = number
      expected[number] = text
    end
  end
end
local shown, promised = squeeze(table.concat(all, " ")), squeeze(table.concat(in_order, " "))
if #order > 0 and shown ~= promised then
  for _, n in ipairs(order) do
    local got, want = squeeze(printed[n] or ""), squeeze(expected[n])
    if got ~= want then
      fail(("block:%d: printed: %s\nexpected: %s\nThe whole block printed: %s"):format(n,
        printed[n] and got or "nothing", want, shown))
    end
  end
end
exit(0, true)

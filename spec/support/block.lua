-- Runs one code block of the documentation, in a process of its own:
--
--   lua5.4 spec/support/block.lua FILE PAGE
--
-- FILE holds the block; PAGE is the module whose page it is on ("lwt.stream"), or "". The block
-- is the body of a task, with `lwt`, `await` and the page's module in scope; a block that calls
-- lwt.run itself, or whose first line says `-- outside a task`, is run as a plain chunk.
--
-- Every `print(…)   --> text` is checked: what that line printed must be the text, blanks apart.
-- A line that prints several times has them joined; lines of nothing but `--> text` go on with the
-- text of the line above. Exits 1, with the reason on standard error.

local path, page = arg[1], arg[2]
local file = assert(io.open(path))
local source = file:read("a")
file:close()

local lwt = require "lwt"
local stderr, exit = io.stderr, os.exit

local printed = {} -- by line
local env = setmetatable({ lwt = lwt, await = lwt.await }, { __index = _G })
if page ~= "" then env[page:match("[^.]+$")] = require(page) end

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
  printed[line] = printed[line] and printed[line] .. " " .. text or text
end

local function fail(message)
  stderr:write(message, "\n")
  exit(1)
end

local chunk, message = load(source, "=block", "t", env)
if not chunk then fail(message) end

local ok, err
if source:match("lwt%.run%s*[%({]") or source:match("^%s*%-%- outside a task") then
  ok, err = xpcall(chunk, function(e) return debug.traceback(tostring(e)) end)
else
  ok, err = pcall(lwt.run, chunk)
end
if not ok then fail(lwt.traceback and tostring(lwt.traceback(err)) or tostring(err)) end

local function squeeze(s)
  return (s:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

local expected, order, last = {}, {}, nil
local number = 0
for line in (source .. "\n"):gmatch("(.-)\n") do
  number = number + 1
  local before, text = line:match("^(.-)%-%->%s?(.*)$")
  if text then
    if before:match("^%s*$") and last then
      expected[last] = expected[last] .. " " .. text
    elseif before:match("print") then
      last = number
      order[#order + 1] = number
      expected[number] = text
    else
      fail(("block:%d: `-->` is for what a print on the same line shows"):format(number))
    end
  end
end
for _, n in ipairs(order) do
  local got, want = squeeze(printed[n] or ""), squeeze(expected[n])
  if not printed[n] then fail(("block:%d: nothing was printed, expected: %s"):format(n, want)) end
  if got ~= want then fail(("block:%d: printed: %s\nexpected: %s"):format(n, got, want)) end
end
exit(0, true)

-- Errors as text for the prompt: the message, and below it the lines of the user's that it came through. What is
-- lwt's own, Lua's own in C, and below the line that was typed, is left out; `whole` has all of it.

local lwt = require "lwt"
local printer = require "lwt.toplevel.printer"

local M = {}

-- lwt's Lua files, as a trace names them.
local folder = debug.getinfo(1, "S").source:match "^@(.*[/\\]lwt[/\\])toplevel[/\\]"

-- What an error says, on as many lines as it has; and whether its own text, if any, came to its end.
function M.message(err, breakable)
  local kind = type(err)
  if kind == "string" then return printer.plain(err), true end
  if rawequal(err, lwt.Interrupted) then return "interrupted", true end
  local text = printer.own_text(err, breakable)
  if text then return printer.plain(text), true end
  local mt = debug.getmetatable(err)
  return printer.show(err), not (type(mt) == "table" and rawget(mt, "__tostring") ~= nil)
end

local function is_own(line)
  if line:find("^\t%[C%]: in") or line:find "^\t%.%.%.$" then return true end
  local file = line:match "^\t(.-):%d+: in "
  return file ~= nil and folder ~= nil and file:sub(1, #folder) == folder
    or line:find "^\t[^:]*bin/lwt:" ~= nil
end

-- Whether a place, as lwt.tasks has them, is in lwt itself and not in the user's.
function M.is_own_place(where)
  return where == nil or where == "?" or is_own("\t" .. where .. ": in ")
end

-- The trace of lwt.traceback without the message, as a list of lines; of a rejected promise or an error.
local function trace_lines(x)
  local ok, text = pcall(lwt.traceback, x)
  if not ok then return {} end
  local at = text:find "\nin [^\n]*:\n\t"
  if not at then return {} end
  local lines = {}
  for line in text:sub(at + 1):gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

-- The user's lines: a header ("awaited in a task:") stays when a line of the user's is below it.
local function users(lines)
  local kept, header = {}, nil
  for i, line in ipairs(lines) do
    -- What was typed is called by the session.
    local below, further = lines[i + 1] or "", lines[i + 2] or ""
    local called = below:match "^\t%[C%]: in .*'(%a+)'$"
    if (called == "protect" or called == "xpcall") and is_own(further) then
      line = line:gsub("in function <[^>]*>$", "in main chunk")
    end
    if not line:find "^\t" then
      header = line:find "^in " and "" or line:gsub("^awaited in a task:$", "awaited at")
        :gsub("^awaited in (.*):$", "awaited in %1")
    elseif not is_own(line) then
      if header and header ~= "" then kept[#kept + 1] = header end
      header = nil
      kept[#kept + 1] = "  " .. line:sub(2):gsub("in %l+ '([%w_]+)'$", "in function '%1'")
    end
  end
  return kept
end

-- The line that was typed is all there is to say.
local function is_plain(kept, message, one_line)
  if #kept ~= 1 then return #kept == 0 end
  local line = kept[1]
  if one_line and line:find ":1: in main chunk$" then return true end
  local at = line:match "^  (.-:%d+): in main chunk$" or line:match "^  (.-:%d+): in function <"
  return at ~= nil and message:sub(1, #at + 1) == at .. ":"
end

-- The text for an error; `promise`: the rejected one that brought it, where there is one; `one_line`: what was
-- typed has one line, which need not be told; `breakable`: Ctrl-C can end it.
function M.text(err, promise, one_line, breakable)
  local message, has_text = M.message(err, breakable)
  -- (The trace begins with the same text.)
  if not has_text and not breakable then return message end
  local kept = users(trace_lines(promise or err))
  if is_plain(kept, message, one_line) then return message end
  return message .. "\n" .. printer.plain(table.concat(kept, "\n"))
end

-- All that is known.
function M.whole(err, promise)
  local ok, text = pcall(lwt.traceback, promise or err)
  if not ok then return M.message(err) end
  -- (The first line is the message handler's.)
  local own = "\n\t[^\n]*[/\\]toplevel[/\\]session%.lua:%d+: in function <[^\n]*"
  return printer.plain((text:gsub("(\nin [^\n]*:)" .. own, "%1", 1)))
end

return M

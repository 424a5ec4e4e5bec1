-- Editing the line with another program: what VISUAL or EDITOR says, or vi.

local lwt = require "lwt"
local asks_to_end = require "lwt.internal.asks_to_end"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local process = require "lwt.process"

local await = lwt.await

local M = {}

local function words(path)
  local program = os.getenv "VISUAL"
  if not program or program == "" then program = os.getenv "EDITOR" end
  if not program or program == "" then program = "vi" end
  -- It may be words of a shell, such as "code --wait".
  return { "/bin/sh", "-c", program .. ' "$1"', "sh", path }
end

-- The text that the program has made of this one, or nil when it failed.
local function edited(text)
  return await(lio.with_temp_file(function(path, ch)
    await(ch:write(text .. "\n"))
    await(ch:flush())
    local status = await(process.exec(words(path)))
    if status.code ~= 0 then return nil end
    return (await(fs.read_file(path)):gsub("\n$", ""))
  end, { suffix = ".txt" }))
end

-- Has the text edited while the terminal is the other program's. Whether it was.
function M.edit(session)
  local ed = session.editor
  session:stop_reading()
  await(session:hide())
  session.guard:close()
  local ok, text = pcall(edited, ed:text())
  session:raw()
  session:show()
  if not ok and asks_to_end(text) then error(text, 0) end
  if not ok then warn("lwt.read_line: the editor cannot be run: ", tostring(text)) end
  if not ok or not text then
    session.terminal:_write "\7"
    return false
  end
  ed:_call(function() ed:set(text) end)
  return true
end

return M

-- Long texts, a screenful at a time: Space goes on, Enter by a line, `q` (or Ctrl-C) ends.

local lwt = require "lwt"

local M = {}

local function plain(s, text)
  s.write(text:find "\n$" and text or text .. "\n")
end

local function rows_of(line, columns)
  local width = utf8.len(line) or #line
  return math.max(1, (width + columns - 1) // columns)
end

-- Waits for a key: how many rows more, or nil for none.
local function ask(s, terminal, page)
  local paging = s.paging
  terminal:print(s:style("-- more: Space, Enter, q --", "7")):await()
  local ok, key
  if not paging.over then
    paging.key = require "lwt.read_line".read_char { term = terminal, prompt = "" }
    ok, key = pcall(lwt.await, paging.key)
    paging.key = nil
  end
  terminal:print "\r\27[K":await()
  if not ok or key == nil or key == "q" or key == "Q" then return nil end
  return key == "\n" and 1 or page
end

function M.show(s, text)
  local terminal = s.terminal
  if not terminal or s.plain then return plain(s, text) end
  -- What Session:interrupt is told of: Ctrl-C may come before the key is waited for.
  s.paging = {}
  local _ <close> = setmetatable({}, { __close = function() s.paging = nil end })
  local columns, height = s.size()
  local page = math.max(1, height - 1)
  local room = page
  for line in (text:find "\n$" and text or text .. "\n"):gmatch "(.-)\n" do
    local rows = rows_of(line, columns)
    if rows > room and room < page or room <= 0 then
      room = ask(s, terminal, page)
      if not room then return end
    end
    s.write(line .. "\n")
    room = room - rows
  end
end

return M

-- Unicode's own data, from Debian's package unicode-data, which `make test` installs on Debian.

local skip = require "spec.support.skip"

local M = {}

M.dir = "/usr/share/unicode/"

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

M.there = exists(M.dir .. "UnicodeData.txt")

-- `it` for a spec that needs the data. (Under a sanitizer a hundred thousand cases take minutes, and
-- say nothing that the other specs do not.)
function M.it(it)
  return function(name, f)
    it(name, function()
      skip.under "all of Unicode, once is enough"
      if not M.there then skip.missing(M.dir .. " (Debian's unicode-data)") end
      f()
    end)
  end
end

-- The lines of a file without comments, which may be packed.
function M.lines(name)
  local path = M.dir .. name
  local file = exists(path) and assert(io.open(path)) or assert(io.popen("bzip2 -dc " .. path .. ".bz2"))
  local list = {}
  for line in file:lines() do
    line = line:gsub("%s*#.*", "")
    if line ~= "" and line:sub(1, 1) ~= "@" then list[#list + 1] = line end
  end
  file:close()
  assert(#list > 100, name)
  return list
end

-- "0041 0301" as UTF-8.
function M.text(codes)
  return (codes:gsub("%s*(%x+)%s*", function(hex) return utf8.char(tonumber(hex, 16)) end))
end

-- first, last of "0041..0045" or "0041".
function M.range(field)
  local first, last = field:match("^(%x+)%.%.(%x+)")
  first = first or field:match("^%x+")
  return tonumber(first, 16), tonumber(last or first, 16)
end

return M

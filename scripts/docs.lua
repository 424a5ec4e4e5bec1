-- The reference, from the entries beside the code: doc/reference/ and types/.
--
--   lua5.4 scripts/docs.lua           writes them
--   lua5.4 scripts/docs.lua --check   writes nothing; exits 1 when they are stale, when a public
--                                     function has no entry or an entry nothing to stand for
--
-- Runs from the top of the checkout, with the built modules on the path (make docs).

package.path = "./?.lua;" .. package.path
local read = require "scripts.docs.read"
local pages = require "scripts.docs.pages"
local types = require "scripts.docs.types"
local teal = require "scripts.docs.teal"
local public = require "scripts.docs.public"

local function content(path)
  local file = io.open(path)
  local text = file and file:read("a")
  if file then file:close() end
  return text
end

local function generated_files()
  local out = {}
  local pipe = assert(io.popen("find doc/reference types -type f 2>/dev/null"))
  for path in pipe:lines() do out[#out + 1] = path end
  pipe:close()
  return out
end

local source = read.read()
local files = pages.make(source)
for path, text in pairs(types.make(source)) do files[path] = text end
for path, text in pairs(teal.make(source)) do files[path] = text end

local complaints = source.problems
if arg[1] == "--check" then
  for path, text in pairs(files) do
    if content(path) ~= text then
      complaints[#complaints + 1] = path .. ": stale (run make docs)"
    end
  end
  for _, path in ipairs(generated_files()) do
    if not files[path] then
      complaints[#complaints + 1] = path .. ": belongs to nothing (run make docs)"
    end
  end
  table.sort(complaints)
  for _, line in ipairs(public.compare(source)) do complaints[#complaints + 1] = line end
else
  for path, text in pairs(files) do
    if content(path) ~= text then
      os.execute("mkdir -p '" .. path:match("^(.*)/") .. "'")
      local file = assert(io.open(path, "w"))
      file:write(text)
      file:close()
      print("wrote " .. path)
    end
  end
  for _, path in ipairs(generated_files()) do
    if not files[path] then
      os.remove(path)
      print("removed " .. path)
    end
  end
end

for _, line in ipairs(complaints) do io.stderr:write(line, "\n") end
if #complaints > 0 then os.exit(1) end

-- Lays the pages out for the site's generator:
--
--   lua5.4 scripts/site/stage.lua FOLDER
--
-- FOLDER gets the pages as they lie here, README.md as index.md with the table of contents, and a
-- page for each source file of the examples. Links to what is no page are turned: to a folder, into
-- one to its page; to a source file, into one to the page that shows it, or into its text.

local target = assert(arg[1], "usage: stage.lua FOLDER")

local function lines_of(command)
  local out, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do out[#out + 1] = line end
  pipe:close()
  return out
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

local function write(path, text)
  local full = target .. "/" .. path
  os.execute(("mkdir -p '%s'"):format(full:match("^(.*)/")))
  local file = assert(io.open(full, "w"))
  file:write(text)
  file:close()
end

local function folder_of(path) return path:match("^(.*/)") or "" end

-- "doc/guide/" and "../README.md" -> "doc/README.md"
local function resolve(folder, link)
  local parts = {}
  for part in (folder .. link):gmatch("[^/]+") do
    if part == ".." then
      table.remove(parts)
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return table.concat(parts, "/")
end

local function relative(folder, path)
  return folder:gsub("[^/]+/", "../") .. path
end

-- ---- What there is -------------------------------------------------------------------------------

local LANGUAGES = { lua = "lua", c = "c", Makefile = "make", rockspec = "lua" }

local pages, sources, folders = {}, {}, {}
local names = lines_of("ls README.md CONTRIBUTING.md CHANGELOG.md bench/README.md bench/RESULTS.md; "
  .. "find doc examples -name '*.md' | LC_ALL=C sort")
for _, path in ipairs(names) do pages[path] = path == "README.md" and "index.md" or path end
for _, path in ipairs(lines_of("find examples -type f | LC_ALL=C sort")) do
  local language = LANGUAGES[path:match("[^./]+$")]
  if language then
    sources[path] = path .. ".md"
    local folder = folder_of(path):sub(1, -2)
    if not pages[folder .. "/README.md"] then
      folders[folder] = folders[folder] or {}
      table.insert(folders[folder], path)
    end
    write(sources[path], ("# %s\n\n````%s\n%s````\n"):format(path, language, read(path)))
  end
end

local function page_of(path)
  return pages[path] or sources[path] or pages[path .. "/README.md"]
    or folders[path] and path .. "/index.md"
end

-- ---- Pages ---------------------------------------------------------------------------------------

local function is_picture(path) return path:match("%.svg$") or path:match("%.png$") end

local function links(text, folder)
  return (text:gsub("(!?)(%b[])(%b())", function(mark, label, link)
    link = link:sub(2, -2)
    local path, anchor = link:match("^([^#]*)(.*)$")
    if path == "" or path:match("^%a+:") then return nil end
    local there = resolve(folder, path)
    if is_picture(there) then
      os.execute(("mkdir -p '%s/%s' && cp '%s' '%s/%s'"):format(target, folder_of(there), there,
        target, there))
      return nil
    end
    local page = page_of(there)
    if not page then return mark == "" and label:sub(2, -2) or nil end
    return ("%s(%s%s)"):format(label, relative(folder, page), anchor)
  end))
end

-- Only what is no code has links.
local function turned(text, folder)
  local out, code = {}, false
  for line in text:gmatch("([^\n]*)\n") do
    local fence = line:match("^%s*```+")
    if fence then
      code = not code
      line = line:gsub("^(%s*```+%s*%S+) norun", "%1")
    end
    out[#out + 1] = code and line or line
  end
  local pieces = table.concat(out, "\n") .. "\n"
  -- Blocks of code are kept aside, and lines with code in them, too.
  local kept = {}
  local function keep(s)
    kept[#kept + 1] = s
    return ("\1%d\1"):format(#kept)
  end
  pieces = ("\n" .. pieces):gsub("\n```.-\n```[^\n]*", keep)
  pieces = links(pieces, folder)
  return (pieces:gsub("\1(%d+)\1", function(n) return kept[tonumber(n)] end):gsub("^\n", ""))
end

for path, name in pairs(pages) do
  if path ~= "README.md" then write(name, turned(read(path), folder_of(path))) end
end
for folder, paths in pairs(folders) do
  local out = { "# " .. folder, "" }
  for _, path in ipairs(paths) do
    local name = path:sub(#folder + 2)
    out[#out + 1] = ("- [%s](%s.md)"):format(name, name)
  end
  write(folder .. "/index.md", table.concat(out, "\n") .. "\n")
end

-- ---- The first page, and the table of contents ---------------------------------------------------

local contents = {
  { "Begin", { "doc/tutorial" } },
  { "Guide", lines_of("ls doc/guide/*.md") },
  { "Cookbook", { "doc/cookbook/README", "doc/cookbook/time", "doc/cookbook/tasks", "doc/cookbook/network",
    "doc/cookbook/system", "doc/cookbook/testing" } },
  { "Reference", lines_of("ls doc/reference/README.md doc/reference/lwt*.md") },
  { "To look things up", { "doc/README", "doc/finding-out", "doc/where-to-await", "doc/cancel-points",
    "doc/editors", "doc/embedding", "doc/decisions" } },
  { "Coming from elsewhere", { "doc/coming-from", "doc/lwt-for-ocaml" } },
  { "Examples", { "examples/README" } },
  { "About lwt", { "doc/inside", "doc/coverage", "doc/growth", "bench/README", "bench/RESULTS", "CONTRIBUTING",
    "CHANGELOG" } },
}
local listed = {}
local front = { turned(read("README.md"), ""), "" }
local function toctree(caption, list)
  front[#front + 1] = "```{toctree}\n:hidden:\n" .. (caption and ":caption: " .. caption .. "\n" or "")
  for _, path in ipairs(list) do
    path = path:gsub("%.md$", "")
    if pages[path .. ".md"] or sources[path] or folders[path:gsub("/index$", "")] then
      listed[path .. ".md"] = true
      front[#front + 1] = path
    end
  end
  front[#front + 1] = "```\n"
end
for _, section in ipairs(contents) do toctree(section[1], section[2]) end
write("index.md", table.concat(front, "\n"))

-- A page that no table of contents names says so.
for path, name in pairs(pages) do
  if path ~= "README.md" and not listed[path] then
    write(name, "---\norphan: true\n---\n" .. turned(read(path), folder_of(path)))
  end
end
for _, name in pairs(sources) do
  local file = target .. "/" .. name
  local text = read(file)
  write(name, "---\norphan: true\n---\n" .. text)
end
for folder in pairs(folders) do
  write(folder .. "/index.md", "---\norphan: true\n---\n" .. read(target .. "/" .. folder .. "/index.md"))
end

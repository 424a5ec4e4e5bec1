-- Writes the lists of modules into the rockspecs, from the files that are there: lwt's own, and
-- that of each rock beside it (a folder of src/ with a rock.mk).
--
--   lua5.4 scripts/rockspec.lua           rewrites the parts between (begin) and (end)
--   lua5.4 scripts/rockspec.lua --check   exits 1, naming the files, when one is not up to date

local function files(command)
  local list = {}
  local pipe = assert(io.popen(command .. " 2>/dev/null | LC_ALL=C sort"))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function content(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

-- What a rock.mk says: { name =, DEP =, LIBS =, LUA = … }.
local function rocks()
  local list = {}
  for _, path in ipairs(files("ls src/*/rock.mk")) do
    local rock = { name = path:match("^src/(.-)/") }
    for key, value in content(path):gmatch("%f[%w_]" .. rock.name .. "_(%u+) := ([^\n]*)") do
      rock[key] = value
    end
    list[#list + 1] = rock
  end
  return list
end

local function lua_files(rock)
  local names = {}
  for name in rock.LUA:gmatch("%S+") do
    names[#names + 1] = ("lua/lwt/%s.lua lua/lwt/%s"):format(name, name)
  end
  return files(("find %s -name '*.lua'"):format(table.concat(names, " ")))
end

local function c_module(name, folder, extra)
  local sources = files(("find %s -name '*.c'"):format(folder))
  if #sources == 0 then return {} end
  local out = { ('    ["%s"] = {'):format(name), "      sources = {" }
  for _, path in ipairs(sources) do out[#out + 1] = ('        "%s",'):format(path) end
  out[#out + 1] = "      },"
  out[#out + 1] = '      defines = { "_GNU_SOURCE" },'
  for _, line in ipairs(extra) do out[#out + 1] = "      " .. line end
  out[#out + 1] = "    },"
  return out
end

local function list_of(c_modules, paths)
  local out = { "  modules = {" }
  for _, lines in ipairs(c_modules) do table.move(lines, 1, #lines, #out + 1, out) end
  for _, path in ipairs(paths) do
    local name = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/", "."):gsub("%.init$", "")
    out[#out + 1] = ('    ["%s"] = "%s",'):format(name, path)
  end
  out[#out + 1] = "  },"
  return table.concat(out, "\n") .. "\n"
end

local function modules_of_rock(rock)
  local libraries = {}
  for name in (rock.LIBS or ""):gmatch("%-l(%S+)") do
    libraries[#libraries + 1] = ('"%s"'):format(name)
  end
  -- What is below LuaRocks' INCDIR and LIBDIR of the library, where its headers are in several folders.
  local folders = { '"src"' }
  for folder in (rock.INCDIRS or "INCDIR"):gmatch "%S+" do
    folders[#folders + 1] = ('"%s"'):format(folder:gsub("^%u+", ("$(%s_%%0)"):format(rock.DEP)))
  end
  return list_of({ c_module(("lwt.%s.core"):format(rock.name), "src/" .. rock.name, {
    ("libraries = { %s },"):format(table.concat(libraries, ", ")),
    ("incdirs = { %s },"):format(table.concat(folders, ", ")),
    ('libdirs = { "$(%s_LIBDIR)" },'):format(rock.DEP),
  }) }, lua_files(rock))
end

local function modules_of_lwt(others)
  local of_others, ours = {}, {}
  for _, rock in ipairs(others) do
    for _, path in ipairs(lua_files(rock)) do of_others[path] = true end
  end
  for _, path in ipairs(files("find lua -name '*.lua'")) do
    if not of_others[path] then ours[#ours + 1] = path end
  end
  return list_of({
    c_module("lwt.core", "src/core", {}),
    c_module("lwt.uv", "src/uv", {
      'libraries = { "uv", "pthread" },',
      'incdirs = { "$(LIBUV_INCDIR)" },',
      'libdirs = { "$(LIBUV_LIBDIR)" },',
    }),
  }, ours)
end

-- The part between the marks of the file at `path`: what it is, and what is before and behind it.
local function parts(path)
  local head, old, tail = content(path):match("^(.-%-%- %(begin%)\n)(.-)(  %-%- %(end%)\n.*)$")
  assert(head, path .. " has lost its (begin) and (end) lines")
  return old, head, tail
end

local function check(path, new)
  local old = parts(path)
  local listed, there, wrong = {}, {}, {}
  for file in old:gmatch('"([%w_]+/[%w_/]+%.%w+)"') do listed[file] = true end
  for file in new:gmatch('"([%w_]+/[%w_/]+%.%w+)"') do there[file] = true end
  for file in pairs(there) do
    if not listed[file] then wrong[#wrong + 1] = file .. " is not listed" end
  end
  for file in pairs(listed) do
    if not there[file] then wrong[#wrong + 1] = file .. " is listed and does not exist" end
  end
  if #wrong == 0 and old ~= new then wrong[1] = "the list is not as it is written" end
  table.sort(wrong)
  for _, line in ipairs(wrong) do io.stderr:write(path, ": ", line, "\n") end
  return #wrong == 0
end

local function write(path, new)
  local _, head, tail = parts(path)
  local file = assert(io.open(path, "w"))
  file:write(head, new, tail)
  file:close()
  return true
end

local others = rocks()
local each = arg[1] == "--check" and check or write
local fine = each("rockspec/lwt-scm-1.rockspec", modules_of_lwt(others))
for _, rock in ipairs(others) do
  fine = each(("rockspec/lwt-%s-scm-1.rockspec"):format(rock.name), modules_of_rock(rock)) and fine
end
if not fine then
  io.stderr:write("run: lua5.4 scripts/rockspec.lua\n")
  os.exit(1)
end

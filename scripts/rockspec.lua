-- Writes the list of modules into rockspec/lwt-scm-1.rockspec, from the files that are there.
--
--   lua5.4 scripts/rockspec.lua           rewrites the part between (begin) and (end)
--   lua5.4 scripts/rockspec.lua --check   exits 1, naming the files, when it is not up to date

local PATH = "rockspec/lwt-scm-1.rockspec"

local function files(command)
  local list = {}
  local pipe = assert(io.popen(command .. " | LC_ALL=C sort"))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function c_module(name, folder, extra)
  local sources = files("ls " .. folder .. "/*.c 2>/dev/null")
  if #sources == 0 then return {} end
  local out = { ('    ["%s"] = {'):format(name), "      sources = {" }
  for _, path in ipairs(sources) do out[#out + 1] = ('        "%s",'):format(path) end
  out[#out + 1] = "      },"
  out[#out + 1] = '      defines = { "_GNU_SOURCE" },'
  for _, line in ipairs(extra) do out[#out + 1] = "      " .. line end
  out[#out + 1] = "    },"
  return out
end

local function modules()
  local out = { "  modules = {" }
  local function add(lines) table.move(lines, 1, #lines, #out + 1, out) end
  add(c_module("lwt.core", "src/core", {}))
  add(c_module("lwt.uv", "src/uv", {
    'libraries = { "uv", "pthread" },',
    'incdirs = { "$(LIBUV_INCDIR)" },',
    'libdirs = { "$(LIBUV_LIBDIR)" },',
  }))
  for _, path in ipairs(files("find lua -name '*.lua' 2>/dev/null")) do
    local name = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/", "."):gsub("%.init$", "")
    out[#out + 1] = ('    ["%s"] = "%s",'):format(name, path)
  end
  out[#out + 1] = "  },"
  return table.concat(out, "\n") .. "\n"
end

local file = assert(io.open(PATH))
local text = file:read("a")
file:close()

local head, old, tail = text:match("^(.-%-%- %(begin%)\n)(.-)(  %-%- %(end%)\n.*)$")
assert(head, PATH .. " has lost its (begin) and (end) lines")
local new = modules()

if arg[1] == "--check" then
  local listed, there, wrong = {}, {}, {}
  for path in old:gmatch('"([%w_]+/[%w_/]+%.%w+)"') do listed[path] = true end
  for path in new:gmatch('"([%w_]+/[%w_/]+%.%w+)"') do there[path] = true end
  for path in pairs(there) do
    if not listed[path] then wrong[#wrong + 1] = path .. " is not listed" end
  end
  for path in pairs(listed) do
    if not there[path] then wrong[#wrong + 1] = path .. " is listed and does not exist" end
  end
  if #wrong == 0 and old ~= new then wrong[1] = "the list is not as it is written" end
  if #wrong > 0 then
    table.sort(wrong)
    for _, line in ipairs(wrong) do io.stderr:write(PATH, ": ", line, "\n") end
    io.stderr:write("run: lua5.4 scripts/rockspec.lua\n")
    os.exit(1)
  end
  os.exit(0)
end

file = assert(io.open(PATH, "w"))
file:write(head, new, tail)
file:close()

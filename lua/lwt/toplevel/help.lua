-- What there is to be said about a value: from the annotations that come with lwt, the table of Lua's own
-- functions, and the comments above functions of the user's.

local lwt = require "lwt"
local names = require "lwt.toplevel.names"
local printer = require "lwt.toplevel.printer"

local M = {}

-- ---- The annotations ----------------------------------------------------------------------------

-- Where types/lwt.lua may be: in a checkout, where `make install` puts it, and in a rock.
local function places()
  local lib = debug.getinfo(lwt.async, "S").source:match "^@(.*)[/\\]lwt[/\\]init%.lua$"
  if not lib then return {} end
  local version = require "lwt.core".version
  return {
    lib .. "/../types/lwt.lua", lib .. "/../../lwt/types/lwt.lua",
    lib .. "/../../../lib/luarocks/rocks-5.4/lwt/scm-1/types/lwt.lua",
    lib .. ("/../../../lib/luarocks/rocks-5.4/lwt/%s-1/types/lwt.lua"):format(version),
  }
end

local annotations

-- Their text, "" where they are not there.
local function read_annotations()
  if annotations then return annotations end
  annotations = ""
  for _, path in ipairs(places()) do
    local file = io.open(path)
    if file then
      annotations = "\n" .. file:read "a"
      file:close()
      break
    end
  end
  return annotations
end

-- The lines of comment before offset `at`, "---" taken off.
local function comment_before(text, at)
  local lines = {}
  local stop = at - 1
  while stop > 0 do
    local start = stop
    while start > 1 and text:byte(start - 1) ~= 10 do start = start - 1 end
    local line = text:sub(start, stop - 1)
    if not line:find "^%-%-%-" then break end
    table.insert(lines, 1, line:sub(4))
    stop = start - 1
  end
  return lines
end

-- { signature =, text =, tags = } of the line that begins at `at`.
local function entry_at(text, at, name)
  local parameters = text:match("^[^\n]*%(([^)\n]*)%)", at) or ""
  local entry = { parameters = parameters, name = name, text = {}, example = {}, tags = {} }
  local into = entry.text
  for _, line in ipairs(comment_before(text, at)) do
    if line:find "^```" then
      into = into == entry.example and entry.text or entry.example
    elseif line:find "^@" then
      entry.tags[#entry.tags + 1] = line
    else
      into[#into + 1] = line
    end
  end
  return entry
end

local function find_line(pattern)
  local text = read_annotations()
  local at = text:find("\n" .. pattern, 1, true)
  return at and at + 1, text
end

-- The entry of a function of a module: "lwt.io", "open_connection".
local function module_entry(module, name)
  local variable = module:gsub("%.", "_") .. "_module"
  local at, text = find_line(("%s.%s = "):format(variable, name))
  if not at then return nil end
  local class, method = text:match("^[^\n]* = (lwt_%w+)%.([%w_]+)\n", at)
  if class then
    at = find_line(("function %s:%s("):format(class, method))
      or find_line(("function %s.%s("):format(class, method))
    if not at then return nil end
  end
  return entry_at(text, at, module .. "." .. name)
end

local CLASSES = {
  ["lwt.tcp"] = "lwt_Socket", ["lwt.pipe"] = "lwt_Socket",
  ["lwt.read_line.history"] = "lwt_LineHistory", ["lwt.read_line.editor"] = "lwt_LineEditor",
}

-- The class that an object's __name stands for there, as its variable.
local function class_of(name)
  if CLASSES[name] then return CLASSES[name] end
  local text = read_annotations()
  local rest = name:match "^lwt%.(.*)$"
  if not rest then return nil end
  local joined, last = rest:gsub("[._]", ""):lower(), rest:match "[^.]*$":gsub("_", "")
  for _, wanted in ipairs { joined, last } do
    for class in text:gmatch "\nlocal (lwt_%u%w*) = {}" do
      if class:sub(5):lower() == wanted then return class end
    end
  end
  return nil
end

local method_lists = {}

-- The names of the methods of objects with this __name.
function M.methods(name)
  if method_lists[name] then return method_lists[name] end
  local list, class = {}, class_of(name)
  if class then
    for method in read_annotations():gmatch("\nfunction " .. class .. ":([%w_]+)%(") do
      list[#list + 1] = method
    end
  end
  method_lists[name] = list
  return list
end

local function method_entry(name, method)
  local class = class_of(name)
  if not class then return nil end
  local at, text = find_line(("function %s:%s("):format(class, method))
  return at and entry_at(text, at, ("%s:%s"):format(name, method))
end

-- ---- Functions by name --------------------------------------------------------------------------

local LIBRARIES = { "coroutine", "debug", "io", "math", "os", "package", "string", "table", "utf8" }

local known, counted -- function -> name; how many modules there were

local function add(module, t)
  for key, value in next, t do
    if type(key) == "string" and type(value) == "function" and known[value] == nil then
      known[value] = module and module .. "." .. key or key
    end
  end
end

local function count_modules()
  local n = 0
  for _ in next, package.loaded do n = n + 1 end
  return n
end

local function collect()
  known, counted = setmetatable({}, { __mode = "k" }), count_modules()
  for _, name in ipairs(LIBRARIES) do
    local library = package.loaded[name]
    if type(library) == "table" then add(name, library) end
  end
  local standard = require "lwt.toplevel.standard"
  for name in next, standard do
    local f = not name:find(".", 1, true) and rawget(_G, name)
    if type(f) == "function" then known[f] = name end
  end
  for name, module in next, package.loaded do
    if type(module) == "table" and (name == "lwt" or name:find "^lwt%.%l[%w_]*$")
      and name ~= "lwt.core" and name ~= "lwt.uv" then
      add(name, module)
    end
  end
end

-- What a function is called, where it is one of Lua's or lwt's.
function M.name_of(f)
  if not known or counted ~= count_modules() then collect() end
  return known[f]
end

-- ---- Functions of the user's ----------------------------------------------------------------------

local function new_entry(name, parameters)
  return { name = name, parameters = parameters, text = {}, example = {}, tags = {} }
end

-- The comment above a function in a file.
local function comment_above(f)
  local info = debug.getinfo(f, "S")
  local path = info.source:match "^@(.*)$"
  local file = path and io.open(path)
  if not file then return {} end
  local lines, n = {}, 0
  for line in file:lines() do
    n = n + 1
    if n >= info.linedefined then break end
    local text = line:match "^%s*%-%-+%s?(.*)$"
    if text then lines[#lines + 1] = text else lines = {} end
  end
  file:close()
  return lines
end

local function lua_entry(f, name)
  local entry = new_entry(name, printer.parameters(f))
  for _, line in ipairs(comment_above(f)) do
    if line:find "^@" then entry.tags[#entry.tags + 1] = line
    elseif line:find "^```" then break
    else entry.text[#entry.text + 1] = line end
  end
  return entry
end

-- All that is known of a function, called `name` where it was found; `object`: whose method it is.
function M.entry(f, name, object)
  local full = M.name_of(f)
  local standard = full and require "lwt.toplevel.standard"[full]
  if standard then
    local entry = new_entry(full)
    entry.signature, entry.text[1] = standard[1], standard[2]
    return entry
  end
  local class, found = object ~= nil and printer.name_of(object), nil
  if class then found = method_entry(class, name:match "[%w_]*$") end
  local module, key = (full or ""):match "^(lwt.*)%.([%w_]+)$"
  if not found and module then found = module_entry(module, key) end
  if found then return found end
  if type(f) == "function" and debug.getinfo(f, "S").what ~= "C" then
    return lua_entry(f, full or name)
  end
  return new_entry(full or name)
end

-- Whether the annotations have such a method.
function M.has_method(object, method)
  local class = printer.name_of(object)
  return class ~= nil and method_entry(class, method) ~= nil
end

-- ---- As text ------------------------------------------------------------------------------------

-- "? " for what may be left out.
local function parameters_of(entry)
  local optional = {}
  for _, tag in ipairs(entry.tags) do
    local name, kind = tag:match "^@param ([%w_.]+)(%??) ?"
    local of_type = tag:match "^@param [%w_.]+ ([^%s]*)"
    if name and (kind == "?" or of_type and of_type:find "%?$") then optional[name] = true end
  end
  return (entry.parameters:gsub("[%w_]+", function(name)
    return optional[name] and "[" .. name .. "]" or nil
  end))
end

local function result_of(entry)
  for _, tag in ipairs(entry.tags) do
    local kind = tag:match "^@return ([^%s#]+)"
    if kind then return " → " .. kind end
  end
  return ""
end

local function signature(entry)
  if entry.signature then return entry.signature end
  if not entry.parameters then return entry.name end
  return ("%s(%s)%s"):format(entry.name, parameters_of(entry), result_of(entry))
end

local function first_sentence(entry)
  local text = table.concat(entry.text, " "):gsub("%s+", " ")
  return text:match "^(.-[.:])%s" or text
end

-- One line: the signature and the first sentence.
function M.line(entry)
  local sentence = first_sentence(entry)
  return signature(entry) .. (sentence ~= "" and "  " .. sentence or "")
end

local function whole(entry)
  local lines = { signature(entry) }
  for _, line in ipairs(entry.text) do lines[#lines + 1] = "  " .. line end
  for _, tag in ipairs(entry.tags) do
    local name, rest = tag:match "^@param ([%w_.]+)%??%s+(.*)$"
    if name then lines[#lines + 1] = ("  %s: %s"):format(name, rest) end
    local result = tag:match "^@return (.*)$"
    if result then lines[#lines + 1] = "  gives " .. result end
  end
  if entry.example[1] then
    lines[#lines + 1] = ""
    for _, line in ipairs(entry.example) do lines[#lines + 1] = "  " .. line end
  end
  return table.concat(lines, "\n")
end

-- The head of the file of a module.
local WIDTH = 76

-- Names side by side, in rows that no terminal has to break.
local function in_rows(list, lines)
  local row = ""
  for _, name in ipairs(list) do
    if row ~= "" and #row + #name + 2 > WIDTH then
      lines[#lines + 1] = row
      row = ""
    end
    row = row .. "  " .. name
  end
  if row ~= "" then lines[#lines + 1] = row end
end

local function about_module(name, module)
  local lines = { ("module %s"):format(name) }
  local path = package.searchpath(name, package.path)
  for line in io.lines(path or "/dev/null") do
    local text = line:match "^%-%-+%s?(.*)$"
    if not text or text:find "^@" or text:find "^```" then break end
    lines[#lines + 1] = "  " .. text
  end
  local functions = {}
  names.each_field(module, function(key, kind)
    if key:find "^_" then return end
    functions[#functions + 1] = kind == "function" and key .. "()" or key
  end)
  table.sort(functions)
  lines[#lines + 1] = ""
  in_rows(functions, lines)
  return table.concat(lines, "\n")
end

local function module_name(value)
  if type(value) ~= "table" then return nil end
  for name, module in next, package.loaded do
    if rawequal(module, value) and name ~= "_G" then return name end
  end
  return nil
end

local BRIEF = { depth = 1, items = 8, string = 60, nodes = 40 }

local function about_value(value, text)
  if type(value) == "function" then return whole(M.entry(value, text)) end
  local name = module_name(value)
  if name then return about_module(name, value) end
  local lines = { ("%s is %s"):format(text, printer.show(value, { limits = BRIEF })) }
  local methods = {}
  names.each_field(value, function(key, kind)
    if kind == "function" and not key:find "^_" then methods[#methods + 1] = key end
  end)
  table.sort(methods)
  if methods[1] and type(value) ~= "string" then
    lines[#lines + 1] = "methods:"
    in_rows(methods, lines)
  end
  return table.concat(lines, "\n")
end

-- What ":help text" shows.
function M.of_text(session, text)
  local name, separator, last = text:match "^(.-)([.:])([%w_]+)$"
  local path = {}
  for part in text:gmatch "[%w_]+" do path[#path + 1] = part end
  if not text:find "^[%a_][%w_.:]*$" then error(("%s is no name"):format(text), 0) end
  local value = names.path(session, path)
  if value == nil and package.loaded[text] ~= nil then value = package.loaded[text] end
  if value == nil and name and package.loaded[name] ~= nil then
    value = names.field(package.loaded[name], last)
  end
  if value == nil and text:find "^lwt%." and package.searchpath(text, package.path) then
    local ok, module = pcall(require, text)
    if ok then return about_module(text, module) end
  end
  if separator then
    local owner = names.path(session, { table.unpack(path, 1, #path - 1) })
    if owner ~= nil and type(owner) ~= "table" or separator == ":" then
      return whole(M.entry(value, last, owner))
    end
  end
  if value == nil then
    if require "lwt.toplevel.source".keywords[text] then return text .. " is a keyword of Lua" end
    return text .. " is nil"
  end
  return about_value(value, text)
end

return M

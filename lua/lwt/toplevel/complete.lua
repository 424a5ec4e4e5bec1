-- What may stand at the cursor: names that live values have, names of modules and of files in strings, commands.
-- Nothing of the user's runs (see names.lua) but a `__complete` in a metatable, which is there for this.
--
-- The line editor replaces the word back to the last blank, so each word is given with what stands before the
-- name in it.

local lwt = require "lwt"
local commands = require "lwt.toplevel.commands"
local names = require "lwt.toplevel.names"
local source = require "lwt.toplevel.source"

local await = lwt.await

local M = {}

local function word_start(text) return text:find "[^ \t\n]*$" end

-- A list for the editor: of names that begin with `begun`, which ends the text.
local function words(found, text, begun, append)
  local before = text:sub(word_start(text), #text - #begun)
  local list = {}
  for name in next, found do
    if name:sub(1, #begun) == begun then list[#list + 1] = name end
  end
  table.sort(list)
  for i, name in ipairs(list) do
    list[i] = { text = before .. name, display = name, append = append and append(name) }
  end
  return list
end

-- ---- Names --------------------------------------------------------------------------------------

local function is_identifier(name)
  return name:find "^[%a_\128-\255][%w_\128-\255]*$" ~= nil and not source.keywords[name]
end

-- What a metatable of the user's offers itself: `__complete(value)`, a list of names.
local function offered(value, found)
  local mt = debug.getmetatable(value)
  local hook = type(mt) == "table" and rawget(mt, "__complete")
  if type(hook) ~= "function" then return end
  local ok, list = pcall(hook, value)
  if not ok or type(list) ~= "table" then return end
  for _, name in next, list do
    if type(name) == "string" and is_identifier(name) then found[name] = true end
  end
end

local function fields(value, methods, private)
  local found = {}
  if value == nil then return found end
  offered(value, found)
  names.each_field(value, function(name, kind, field)
    if not is_identifier(name) or not private and name:find "^_" then return end
    if methods and kind ~= "function" then
      local mt = debug.getmetatable(field)
      if type(mt) ~= "table" or rawget(mt, "__call") == nil then return end
    end
    found[name] = true
  end)
  return found
end

local function variables(session, text, private)
  local found = fields(session.env, false, private)
  for name in next, source.keywords do found[name] = true end
  for name in next, session.locals.holders do found[name] = true end
  for name in next, source.names(text) do found[name] = true end
  return found
end

-- The value before the last "." or ":" of the code; the code ends with a token of that or a name.
local function owner(session, code, i)
  local before = code[i]
  if before[1] == "string" then return "" end -- ("x"):up
  if before[4] == ")" and code[i - 1] and code[i - 1][1] == "string" then return "" end
  if before[1] ~= "name" then return nil end
  local path = names.path_at(code, i)
  return path and names.path(session, path)
end

local function name_words(session, text)
  local begun = text:match "[%w_\128-\255]*$"
  local code = source.code(text:sub(1, #text - #begun))
  local last = code[#code]
  local private = begun:sub(1, 1) == "_"
  if last and (last[4] == "." or last[4] == ":") then
    if #code < 2 then return nil end
    return words(fields(owner(session, code, #code - 1), last[4] == ":", private), text, begun)
  end
  if begun == "" and not text:find "^%s*$" then
    return words(fields(session.env), text, begun)
  end
  return words(variables(session, text:sub(1, #text - #begun), private), text, begun)
end

-- ---- Files and modules --------------------------------------------------------------------------

-- The entries of a directory, { name = , directory = }; what cannot be read has none.
local function entries(dir)
  local ok, fs = pcall(require, "lwt.fs")
  if not ok then return {} end
  local read, list = pcall(await, fs.scandir(dir == "" and "." or dir))
  return read and list or {}
end

local function expanded(path)
  local home = os.getenv "HOME"
  return home and path:gsub("^~/", home .. "/") or path
end

local function file_words(text, begun, closing)
  local dir, name = begun:match "^(.*/)([^/]*)$"
  dir, name = dir or "", name or begun
  local found, is_dir = {}, {}
  for _, entry in ipairs(entries(expanded(dir))) do
    if name:sub(1, 1) == "." or entry.name:sub(1, 1) ~= "." then
      local shown = entry.type == "directory" and entry.name .. "/" or entry.name
      found[shown], is_dir[shown] = true, entry.type == "directory"
    end
  end
  return words(found, text, name, function(shown) return not is_dir[shown] and closing or "" end)
end

-- Modules below "a.b." in the folders of package.path.
local function modules_in(template, begun, found)
  local root, rest = template:match "^([^?]*)%?(.*)$"
  if not root or rest ~= ".lua" and rest ~= "/init.lua" then return end
  local parent = begun:match "^(.*)%." or ""
  for _, entry in ipairs(entries(root .. parent:gsub("%.", "/"))) do
    local name = entry.name:match "^([%w_%-]+)%.lua$"
    if entry.type == "directory" and entry.name:find "^[%w_%-]+$" then name = entry.name end
    if name and name ~= "init" then found[parent ~= "" and parent .. "." .. name or name] = true end
  end
end

local function is_internal(name)
  return name:find "^lwt%.internal" ~= nil or name == "lwt.uv" or name:find "%.core$" ~= nil
end

local function module_words(text, begun, closing)
  local found = {}
  for name in next, package.loaded do found[tostring(name)] = true end
  for name in next, package.preload do found[tostring(name)] = true end
  for template in package.path:gmatch "[^;]+" do modules_in(template, begun, found) end
  for name in next, found do
    if name:find "^lwt%.%w+%." or is_internal(name) then found[name] = nil end
  end
  return words(found, text, begun, function() return closing end)
end

-- In a string that is not closed yet: its quote, what it is so far, and whether `require` is before it.
local function open_string(text)
  local tokens = source.tokens(text)
  local last = tokens[#tokens]
  if not last or last[1] ~= "open" then return nil end
  local quote, begun = text:sub(last[2]):match "^([\"'])(.*)$"
  if not quote then return "comment" end
  local before = tokens[#tokens - 1]
  if before and source.text_of(text, before) == "(" then before = tokens[#tokens - 2] end
  local called = before and before[1] == "name" and source.text_of(text, before)
  return quote, begun, called == "require"
end

-- ---- Commands -----------------------------------------------------------------------------------

local function command_words(session, text)
  local name = text:match "^%s*:(%a*)$"
  if name then
    local found = {}
    for _, known in ipairs(commands.names()) do found[known] = true end
    return words(found, text, name, function() return "" end)
  end
  local command, rest = text:match "^%s*:(%a+)%s+(.*)$"
  if not command then return nil end
  if command == "load" then return file_words(text, rest) end
  if command == "reload" then
    local found = {}
    for loaded in next, package.loaded do found[loaded] = true end
    return words(found, text, rest)
  end
  return name_words(session, rest)
end

-- The words for the text before the cursor. May await.
function M.words(session, text)
  if text:find "^%s*:" then return command_words(session, text) or {} end
  local quote, begun, required = open_string(text)
  if quote == "comment" then return {} end
  if quote then
    if required then return module_words(text, begun, quote) end
    return file_words(text, begun, quote)
  end
  return name_words(session, text) or {}
end

return M

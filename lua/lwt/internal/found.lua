-- Internal: where lwt's modules are, for those that are read after the program has changed its folder.
-- Where lwt was found by a relative path, a searcher behind the others looks for what has a name of
-- lwt's by the paths as they were, from the folder that was the current one.

local package = package

local function is_relative(path) return path and not path:find "^/" end

-- The relative templates of a path, made absolute.
local function absolute(path, folder)
  local templates = {}
  for template in path:gmatch "[^;]+" do
    if is_relative(template) then templates[#templates + 1] = folder .. "/" .. template end
  end
  return table.concat(templates, ";")
end

return function(folder)
  local lua = package.searchpath("lwt.internal.found", package.path)
  local c = package.searchpath("lwt.core", package.cpath)
  if not folder or not (is_relative(lua) or is_relative(c)) then return end
  local path, cpath = absolute(package.path, folder), absolute(package.cpath, folder)
  table.insert(package.searchers, function(name)
    if not name:find "^lwt%." then return nil end
    local file, why = package.searchpath(name, path)
    if file then return assert(loadfile(file)), file end
    local library, c_why = package.searchpath(name, cpath)
    if not library then return why .. c_why end
    return assert(package.loadlib(library, "luaopen_" .. name:gsub("%.", "_"))), library
  end)
end

-- The classes that the entries tell of, for the definitions that editors and compilers read: those
-- that are declared, and those that functions take or give.

local pages = require "scripts.docs.pages"

local M = {}

-- What an entry stands for among the methods of a class: its name and those of @also.
function M.method_names(entry)
  local names = { entry.name:match("[^.:]+$") }
  for _, other in ipairs(entry.also) do
    if not other:find(".", 1, true) then names[#names + 1] = other end
  end
  return names
end

-- `scope.cancel` and `file.read` are headings for methods: there is no table lwt.fs.file.
function M.is_only_method(entry, class)
  return class ~= nil and entry.name:match("^%l[%w_]*%.") ~= nil
end

-- The same function without its first parameter: what it is where the object is implied.
function M.without_object(entry)
  return setmetatable({ params = table.move(entry.params, 2, #entry.params, 1, {}) },
    { __index = entry })
end

-- What stands in angle brackets behind a class's name: { "T", "U" }, or nothing.
local function generics(head)
  local names = {}
  for name in (head:match("^[%w_.]+(%b<>)") or ""):gmatch("%a+") do names[#names + 1] = name end
  return names
end

-- The tag `@implied term.stdout` of a class: the object that the module's functions take where a call
-- gives none. Gives that, and the other tags.
local function implied_of(tags)
  local others, implied = {}, nil
  for _, tag in ipairs(tags) do
    if tag.tag == "implied" then implied = tag.rest else others[#others + 1] = tag end
  end
  return implied, others
end

-- A list of { name =, head =, generics = { names }, parent = name or nil, text =, fields = { tags },
-- methods = { entries }, implied = name or nil }, by name; and { [entry] = class } for functions that are methods of one
-- class alone.
function M.of(source)
  local by_name, list, only = {}, {}, {}
  local function class(name)
    if not by_name[name] then
      local declared = source.classes[name]
      local head = declared and declared.head or name
      local implied, tags = implied_of(declared and declared.tags or {})
      by_name[name] = {
        implied = implied,
        name = name, head = head, generics = generics(head),
        parent = head:match("%s:%s*([%w_.]+)"), text = declared and declared.text or "",
        fields = tags, methods = {},
      }
      list[#list + 1] = by_name[name]
    end
    return by_name[name]
  end
  for name in pairs(source.classes) do class(name) end
  for _, entry in ipairs(source.entries) do
    if entry.kind == "function" then
      local owner, _, _, _, owners = pages.method_form(source, entry)
      for _, name in ipairs(owners or {}) do table.insert(class(name).methods, entry) end
      if owner and #owners == 1 then only[entry] = class(owner) end
    end
    for _, tag in ipairs(entry.tags) do
      for name in (tag.type or ""):gmatch("lwt%.%u%w*") do class(name) end
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list, only, by_name
end

return M

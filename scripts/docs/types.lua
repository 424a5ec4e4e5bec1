-- Turns entries into definitions for lua-language-server: types/lwt.lua holds every class and
-- module, and types/lwt/NAME.lua says what `require "lwt.NAME"` gives. Returns { [path] = text }.

local pages = require "scripts.docs.pages"

local M = {}

local GENERATED = "-- Generated from the sources by `make docs`: change it there."

local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat "
  .. "return then true until while"):gmatch("%a+") do KEYWORDS[word] = true end

local function comment(out, text)
  for line in (text .. "\n"):gmatch("(.-)\n") do
    out[#out + 1] = line == "" and "---" or "---" .. line
  end
end

-- `skip`: the first parameter, which a method does not name.
local function describe(out, entry, skip)
  if entry.text ~= "" then comment(out, entry.text) end
  for _, example in ipairs(entry.examples) do comment(out, example) end
  for _, tag in ipairs(entry.tags) do
    if not (skip and tag.tag == "param" and tag.name == skip) then
      out[#out + 1] = "---@" .. tag.tag .. " " .. tag.rest
    end
  end
end

-- What a definition can take as parameters: names; "..." last.
local function parameters(params, from)
  local list = {}
  for i = from, #params do
    local name = params[i]
    if name == "..." then
      list[#list + 1] = name
    else
      name = name:gsub("[^%w_].*$", "")
      list[#list + 1] = KEYWORDS[name] and name .. "_" or name
    end
  end
  return table.concat(list, ", ")
end

-- A field whose name is a keyword cannot follow a dot.
local function member(owner, name)
  return KEYWORDS[name] and ('%s["%s"]'):format(owner, name) or owner .. "." .. name
end

local function local_name(name) return (name:gsub("[.]", "_")) end

function M.make(source)
  local out = { "---@meta lwt", GENERATED, "-- luacheck: ignore", "" }
  local modules = pages.by_module(source)

  -- Classes: those that were declared, and those that entries are methods of.
  local classes, order = {}, {}
  local function class(name)
    if not classes[name] then
      classes[name] = { name = name, methods = {} }
      order[#order + 1] = name
    end
    return classes[name]
  end
  for name, declared in pairs(source.classes) do class(name).declared = declared end
  local of_class = {}
  for _, entry in ipairs(source.entries) do
    if entry.kind == "function" then
      local owner = pages.method_form(source, entry)
      if owner then
        table.insert(class(owner).methods, entry)
        of_class[entry] = owner
      end
    end
    for _, tag in ipairs(entry.tags) do
      for name in (tag.type or ""):gmatch("lwt%.%u%w*") do class(name) end
    end
  end
  table.sort(order)

  for _, alias in ipairs(source.aliases) do
    comment(out, alias.text)
    for _, tag in ipairs(alias.tags) do out[#out + 1] = "---@" .. tag.tag .. " " .. tag.rest end
    out[#out + 1] = ""
  end
  for _, name in ipairs(order) do
    local c = classes[name]
    local id = local_name(name)
    if c.declared then
      if c.declared.text ~= "" then comment(out, c.declared.text) end
      out[#out + 1] = "---@class " .. c.declared.head
      for _, tag in ipairs(c.declared.tags) do
        out[#out + 1] = "---@" .. tag.tag .. " " .. tag.rest
      end
    else
      out[#out + 1] = "---@class " .. name
    end
    out[#out + 1] = ("local %s = {}"):format(id)
    out[#out + 1] = ""
    for _, entry in ipairs(c.methods) do
      local method = entry.name:match("[^.:]+$")
      describe(out, entry, entry.params[1])
      if KEYWORDS[method] then
        out[#out + 1] = ("%s = function(self%s) end"):format(member(id, method),
          entry.params[2] and ", " .. parameters(entry.params, 2) or "")
      else
        out[#out + 1] = ("function %s:%s(%s) end"):format(id, method, parameters(entry.params, 2))
      end
      out[#out + 1] = ""
    end
  end

  local files = {}
  for _, module in ipairs(modules) do
    local id = local_name(module.name) .. "_module"
    local class_name = module.name .. ".module"
    out[#out + 1] = "---@class " .. class_name
    out[#out + 1] = ("local %s = {}"):format(id)
    out[#out + 1] = ""
    local inner = {}
    for _, entry in ipairs(module.entries) do
      local owner, prefix = id, ""
      for part in (entry.name:match("^(.*)[.:]") or ""):gmatch("[^.:]+") do
        prefix = prefix .. "." .. part
        owner = id .. prefix
        if not inner[owner] then
          inner[owner] = true
          out[#out + 1] = owner .. " = {}"
          out[#out + 1] = ""
        end
      end
      local target = member(owner, entry.name:match("[^.:]+$"))
      if of_class[entry] then
        out[#out + 1] = target .. " = "
          .. member(local_name(of_class[entry]), entry.name:match("[^.:]+$"))
      elseif entry.kind == "value" then
        comment(out, entry.text)
        if entry.type ~= "" then out[#out + 1] = "---@type " .. entry.type end
        out[#out + 1] = target .. " = nil"
      else
        describe(out, entry)
        out[#out + 1] = ("%s = function(%s) end"):format(target, parameters(entry.params, 1))
      end
      out[#out + 1] = ""
    end
    if module.name ~= "lwt" then
      files["types/" .. module.name:gsub("%.", "/") .. ".lua"] = table.concat({
        "---@meta " .. module.name, GENERATED, "",
        "---@type " .. class_name, "local module", "return module", "",
      }, "\n")
    end
  end
  out[#out + 1] = "return lwt_module"
  files["types/lwt.lua"] = table.concat(out, "\n") .. "\n"
  return files
end

return M

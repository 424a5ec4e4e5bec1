-- Turns entries into definitions for lua-language-server: types/lwt.lua holds every class and
-- module, and types/lwt/NAME.lua says what `require "lwt.NAME"` gives. Returns { [path] = text }.

local pages = require "scripts.docs.pages"
local classes = require "scripts.docs.classes"

local M = {}

local GENERATED = "-- Generated from the sources by `make docs`: change it there."

local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat "
  .. "return then true until while"):gmatch("%a+") do KEYWORDS[word] = true end

local function comment(out, text)
  if text == "" then return end
  for line in (text .. "\n"):gmatch("(.-)\n") do
    out[#out + 1] = line == "" and "---" or "---" .. line
  end
end

-- As a function; or, when there is a class, as its method, which does not name its object. (Of a
-- generic class it does: by the object's type the server knows what T is in a callback.)
local function describe(out, entry, class)
  comment(out, entry.text)
  for _, example in ipairs(entry.examples) do comment(out, example) end
  for _, tag in ipairs(entry.tags) do
    local is_object = class and tag.tag == "param" and tag.name:gsub("%?$", "") == entry.params[1]
    if not is_object then
      out[#out + 1] = "---@" .. tag.tag .. " " .. tag.rest
    elseif #class.generics > 0 then
      out[#out + 1] = ("---@param self %s"):format(tag.type:match("^[%w_.]+%b<>") or class.name)
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

-- Does the field stand by itself, behind the class? A table that is given to a function which takes
-- options, or an object in their place, would be told that it lacks the fields of the object.
local function stands_alone(class, tag)
  return tag.tag == "field" and #class.generics == 0 and tag.name:match("^[%a_][%w_]*$") ~= nil
end

local function class_text(out, class)
  local id = local_name(class.name)
  comment(out, class.text)
  out[#out + 1] = "---@class " .. class.head
  local fields = {}
  for _, tag in ipairs(class.fields) do
    if stands_alone(class, tag) then
      comment(fields, tag.text)
      fields[#fields + 1] = "---@type " .. tag.type
      fields[#fields + 1] = member(id, tag.name) .. " = nil"
    else
      out[#out + 1] = "---@" .. tag.tag .. " " .. tag.rest
    end
  end
  out[#out + 1] = ("local %s = {}"):format(id)
  table.move(fields, 1, #fields, #out + 1, out)
  out[#out + 1] = ""
  for _, entry in ipairs(class.methods) do
    for _, method in ipairs(classes.method_names(entry)) do
      describe(out, entry, class)
      if KEYWORDS[method] then
        out[#out + 1] = ("%s = function(self%s) end"):format(member(id, method),
          entry.params[2] and ", " .. parameters(entry.params, 2) or "")
      else
        out[#out + 1] = ("function %s:%s(%s) end"):format(id, method, parameters(entry.params, 2))
      end
      out[#out + 1] = ""
    end
  end
end

-- "lwt_react_module" and "E.map" -> "lwt_react_module.E", which is made when it is first needed.
local function table_of(out, id, name, made)
  local owner = id
  for part in (name:match("^(.*)[.:]") or ""):gmatch("[^.:]+") do
    owner = owner .. "." .. part
    if not made[owner] then
      made[owner] = true
      out[#out + 1] = owner .. " = {}"
      out[#out + 1] = ""
    end
  end
  return owner
end

-- The type of an entry's function, for @overload.
local function function_type(entry)
  local types, returns, list = {}, {}, {}
  for _, tag in ipairs(entry.tags) do
    if tag.tag == "param" then
      types[tag.name:gsub("%?$", "")] = { type = tag.type, mark = tag.name:match("%?$") or "" }
    elseif tag.tag == "return" then
      returns[#returns + 1] = tag.type
    end
  end
  for i, name in ipairs(entry.params) do
    local of = types[name] or { type = "any", mark = "" }
    list[i] = ("%s%s: %s"):format(name, of.mark, of.type)
  end
  local given = #returns > 0 and ": " .. table.concat(returns, ", ") or ""
  return ("fun(%s)%s"):format(table.concat(list, ", "), given)
end

-- Is the function the method itself? Not where its first argument may be something else as well,
-- and not of a generic class: what its method gives is known from the object, what a function gives
-- from its arguments.
local function takes_object(entry, class)
  for _, tag in ipairs(entry.tags) do
    if tag.tag == "param" and tag.name == entry.params[1] then return tag.type == class.name end
  end
end

local function module_text(out, module, only)
  local id = local_name(module.name) .. "_module"
  out[#out + 1] = ("---@class %s.module"):format(module.name)
  out[#out + 1] = ("local %s = {}"):format(id)
  out[#out + 1] = ""
  local made = {}
  local function entry_text(entry, name)
    local class, last = only[entry], name:match("[^.:]+$")
    local target = member(table_of(out, id, name, made), last)
    if entry.kind == "value" then
      comment(out, entry.text)
      if entry.type ~= "" then out[#out + 1] = "---@type " .. entry.type end
      out[#out + 1] = target .. " = nil"
    elseif class and class.implied and takes_object(entry, class) then
      -- (Of a function that is written like this the server looks at the overloads alone.)
      describe(out, entry, class)
      out[#out + 1] = "---@overload " .. function_type(classes.without_object(entry))
      out[#out + 1] = "---@overload " .. function_type(entry)
      out[#out + 1] = ("%s = function(%s) end"):format(target, parameters(entry.params, 2))
    elseif class and takes_object(entry, class) then
      out[#out + 1] = target .. " = " .. member(local_name(class.name), last)
    else
      describe(out, entry)
      out[#out + 1] = ("%s = function(%s) end"):format(target, parameters(entry.params, 1))
    end
    out[#out + 1] = ""
  end
  for _, entry in ipairs(module.entries) do
    if not classes.is_only_method(entry, only[entry]) then
      entry_text(entry, entry.name)
      for _, other in ipairs(entry.also) do entry_text(entry, other) end
    end
  end
end

function M.make(source)
  local out = { "---@meta lwt", GENERATED, "-- luacheck: ignore", "" }
  local list, only = classes.of(source)
  for _, alias in ipairs(source.aliases) do
    comment(out, alias.text)
    for _, tag in ipairs(alias.tags) do out[#out + 1] = "---@" .. tag.tag .. " " .. tag.rest end
    out[#out + 1] = ""
  end
  for _, class in ipairs(list) do class_text(out, class) end

  local files = {}
  for _, module in ipairs(pages.by_module(source)) do
    module_text(out, module, only)
    if module.name ~= "lwt" then
      files["types/" .. module.name:gsub("%.", "/") .. ".lua"] = table.concat({
        "---@meta " .. module.name, GENERATED, "",
        ("---@type %s.module"):format(module.name), "local module", "return module", "",
      }, "\n")
    end
  end
  out[#out + 1] = "return lwt_module"
  files["types/lwt.lua"] = table.concat(out, "\n") .. "\n"
  return files
end

return M

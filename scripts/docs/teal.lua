-- Turns entries into definitions for Teal, the typed Lua: types/lwt.d.tl holds every class and what
-- `require "lwt"` gives, and types/lwt/NAME.d.tl the other modules. Returns { [path] = text }.
--
-- The types in the entries are written as lua-language-server has them. Where Teal has no word for
-- one (a union of two kinds of table, a table told by its fields in place) it becomes `any`, or a
-- table of anything.

local pages = require "scripts.docs.pages"
local classes = require "scripts.docs.classes"
local parse = require "scripts.docs.typeparse"

local M = {}

local GENERATED = "-- Generated from the sources by `make docs`: change it there."

-- Variables of these may be <close>.
local CLOSABLE = {}
for name in ("Channel File Guard Listener Notifier Process Server SignalHandler Socket Switch "
  .. "Timer Tty Udp"):gmatch("%a+") do CLOSABLE["lwt." .. name] = true end

-- Names that are words of Teal at the place of a field.
local WORDS = {}
for word in ("and break do else elseif end enum false for function goto if in interface is local "
  .. "macroexp metamethod nil not or record repeat return then true type until userdata where "
  .. "while"):gmatch("%a+") do WORDS[word] = true end

local NAMES = {
  table = "{any:any}", ["function"] = "function(...: any): any...", thread = "thread",
  lightuserdata = "any", userdata = "any", ["true"] = "boolean", ["false"] = "boolean",
}

local Writer = {}
Writer.__index = Writer

local function field_name(name) return WORDS[name] and ('["%s"]'):format(name) or name end

-- "lwt.Promise" -> "Promise", "lwt.pool.Options" -> "PoolOptions"
local function record_name(name)
  return (name:gsub("^lwt%.", ""):gsub("^%l", string.upper):gsub("%.(%a)", string.upper))
end

-- A promise has one type here, `Promise<T>`; those that give two values are `Promise2<T, U>`, which
-- can stand wherever a Promise<T> can.
function Writer:promise(args)
  local second = args[2] and (args[2].name ~= "U" or self.two)
  if second then
    return ("%sPromise2<%s, %s>"):format(self.prefix, self:type(args[1]), self:type(args[2]))
  end
  return ("%sPromise<%s>"):format(self.prefix, args[1] and self:type(args[1]) or self.bare or "any")
end

function Writer:class_name(name, args)
  if name == "lwt.Promise" then return self:promise(args) end
  local class = self.by_name[name]
  local out = self.prefix .. record_name(name)
  if not class or #class.generics == 0 then return out end
  local list = {}
  for i = 1, #class.generics do list[i] = args[i] and self:type(args[i]) or "any" end
  return ("%s<%s>"):format(out, table.concat(list, ", "))
end

local function is_promise(t) return t.kind == "name" and t.name == "lwt.Promise" end

-- What is left of a union: without nil, without what is there twice, and, where a function may give
-- a value or its promise, the value alone.
function Writer:union(t)
  local out, seen, tables, functions = {}, {}, 0, 0
  local values = {}
  for _, part in ipairs(t) do
    if part.kind == "name" then values[part.name] = true end
  end
  for _, part in ipairs(t) do
    local of = is_promise(part) and part.args[1]
    local is_nil = part.kind == "name" and part.name == "nil"
    if not is_nil and not (of and (values[of.name] or self.nothing == of.name)) then
      local text = self:type(part)
      if text == "any" then return "any" end
      if not seen[text] then
        seen[text] = true
        out[#out + 1] = text
        if text:match("^function") then
          functions = functions + 1
        elseif part.kind ~= "literal" and not text:match("^%l+$") then
          tables = tables + 1
        end
      end
    end
  end
  if #out == 0 or tables > 1 or functions > 1 then return "any" end
  return table.concat(out, " | ")
end

function Writer:parameters(params)
  local out = {}
  for _, p in ipairs(params) do
    if p.name == "..." then
      out[#out + 1] = "...: " .. (p.type and self:type(p.type) or "any")
    else
      local optional = p.optional or p.type and p.type.optional
      local text = p.type and self:type(p.type) or "any"
      -- (A literal with names is a table by strings, and not one by anything.)
      if p.name == "opts" and text == NAMES.table then text = "{string:any}" end
      out[#out + 1] = (optional and "? " or "") .. text
    end
  end
  return table.concat(out, ", ")
end

-- The variable of a callback that may give a value or none: R in `fun(v: T): R?, ...?`.
local function variable_of(returns)
  local first = returns[1]
  if not (first and returns[#returns].kind == "rest" and first.kind == "union") then return nil end
  for _, part in ipairs(first) do
    if part.kind == "name" and part.name:match("^%u$") then return part.name end
  end
end

-- What a callback gives: what there is behind the first value is not looked at; one that may give
-- anything may give nothing.
function Writer:callback_returns(list)
  if #list == 0 then return "" end
  local variable = variable_of(list)
  local anything = list[1].kind == "rest" or list[1].name == "any"
  if anything or variable and variable == self.nothing then return ": (any...)" end
  return (": (%s)"):format(self:type(list[1]))
end

function Writer:type(t)
  if t.kind == "union" then return self:union(t) end
  if t.kind == "literal" then return "string" end
  if t.kind == "fields" then return "{string:any}" end
  if t.kind == "list" then return "{" .. self:type(t.of) .. "}" end
  if t.kind == "function" then
    return ("function(%s)%s"):format(self:parameters(t.params), self:callback_returns(t.returns))
  end
  if t.name == "nil" then return "nil" end
  if t.name == self.nothing then return "any" end
  if t.name:match("^lwt%.") then return self:class_name(t.name, t.args) end
  return NAMES[t.name] or t.name
end

-- What a function itself gives. (In parentheses, or what follows would be taken for one more value.)
function Writer:returns(list)
  local out = {}
  for _, t in ipairs(list) do
    if t.kind == "rest" then
      if #out == 0 or not self.typed then out[#out + 1] = "any..." end
    elseif t.name ~= "U" or self.two then
      out[#out + 1] = self:type(t)
    end
  end
  return #out == 0 and "" or ": (" .. table.concat(out, ", ") .. ")"
end

local function tag_types(entry)
  local params, returns, generics = {}, {}, {}
  for _, tag in ipairs(entry.tags) do
    if tag.tag == "param" then
      params[tag.name:gsub("%?$", "")] = {
        type = parse.type(tag.type), optional = tag.name:match("%?$") ~= nil,
      }
    elseif tag.tag == "return" then
      local rest = tag.text:match("^%.%.%.") and " ..." or ""
      for _, t in ipairs(parse.returns(tag.type .. rest)) do returns[#returns + 1] = t end
    elseif tag.tag == "generic" then
      for name in tag.rest:gmatch("%a+") do generics[#generics + 1] = name end
    end
  end
  return params, returns, generics
end

-- The type of a function, of its tags. `class`: it is that class's method.
function Writer:signature(entry, class)
  local params, returns, generics = tag_types(entry)
  local list, variables, known = {}, {}, { U = not self.two }
  for _, name in ipairs(class and class.generics or {}) do known[name] = true end
  if self.nothing then known[self.nothing] = true end
  for _, name in ipairs(generics) do
    if not known[name] then variables[#variables + 1] = name end
  end
  for i, name in ipairs(entry.params) do
    local p = params[name] or {}
    local t = i == 1 and class and parse.class(class) or p.type
    if t and is_promise(t) and not t.args[1] then -- of whatever it is
      t = { kind = "name", name = t.name, args = { { kind = "name", name = "T", args = {} } } }
      variables[#variables + 1] = "T"
    elseif t and t.kind == "list" and is_promise(t.of) and not t.of.args[1] then
      t = parse.type("any[]") -- of different ones
    end
    list[i] = { name = name, optional = p.optional, type = t }
  end
  self.typed = #generics > 0
  return ("function%s(%s)%s"):format(
    #variables > 0 and "<" .. table.concat(variables, ", ") .. ">" or "",
    self:parameters(list), self:returns(returns))
end

-- A function has more than one type where it takes a promise of two values as well as one, or a
-- callback that gives something as well as one that gives nothing.
function Writer:signatures(entry, class)
  local params = tag_types(entry)
  local out, variable = {}, nil
  local first = params[entry.params[1]]
  if not class and first and is_promise(first.type) and first.type.args[2] then
    self.two = true
    out[1] = self:signature(entry)
    self.two = nil
  end
  out[#out + 1] = self:signature(entry, class)
  for i, name in ipairs(entry.params) do
    local callable = not (class and i == 1) and params[name] and params[name].type or {}
    for _, t in ipairs(callable.kind == "union" and callable or { callable }) do
      variable = variable or t.kind == "function" and variable_of(t.returns)
    end
  end
  if variable then
    self.nothing = variable
    out[#out + 1] = self:signature(entry, class)
    self.nothing = nil
  end
  return out
end

local function first_sentence(text)
  local paragraph = (text:match("^(.-)\n%s*\n") or text):gsub("%s+", " ")
  return paragraph:match("^(.-%.)%s") or paragraph
end

function Writer:line(depth, text) self.out[#self.out + 1] = ("  "):rep(depth) .. text end

-- The fields and methods of a class, those of its parent included.
function Writer:members(class, of)
  for _, tag in ipairs(class.fields) do
    if tag.tag == "field" then
      local name, t = tag.name:gsub("%?$", ""), self:type(parse.type(tag.type))
      if name == "[integer]" then
        self:line(2, "{" .. t .. "}")
      else
        self:line(2, field_name(name) .. ": " .. t)
      end
    elseif tag.tag == "overload" then
      local t = parse.type(tag.rest)
      table.insert(t.params, 1, { name = "self", type = parse.class(of) })
      self:line(2, "metamethod __call: " .. self:type(t))
    elseif tag.tag == "operator" and tag.rest:match("^concat") then
      self:line(2, ("metamethod __concat: function(%s, any): string"):format(record_name(of.name)))
    elseif tag.tag == "operator" and tag.rest:match("^call") then
      self:line(2, ("metamethod __call: function(%s): %s"):format(self:type(parse.class(of)),
        self:type(parse.type(tag.rest:match(":%s*(.+)$")))))
    end
  end
  for _, entry in ipairs(class.methods) do
    for _, name in ipairs(classes.method_names(entry)) do
      for _, text in ipairs(self:signatures(entry, of)) do
        self:line(2, field_name(name) .. ": " .. text)
      end
    end
  end
  if class.parent then self:members(self.by_name[class.parent], of) end
end

function Writer:class(class)
  local generics = #class.generics > 0 and "<" .. table.concat(class.generics, ", ") .. ">" or ""
  if class.text ~= "" then self:line(1, "-- " .. first_sentence(class.text)) end
  local kind = class.name == "lwt.Promise" and "interface " or "record "
  self:line(1, kind .. record_name(class.name) .. generics)
  self:members(class, class)
  if CLOSABLE[class.name] then
    self:line(2, ("metamethod __close: function(%s, any)"):format(record_name(class.name)))
  end
  self:line(1, "end")
  self:line(0, "")
  if class.name == "lwt.Promise" then
    self:line(1, "-- One that gives two values.")
    self:line(1, "record Promise2<T, U> is Promise<T>")
    self:line(1, "end")
    self:line(0, "")
  end
end

-- A module's functions and values; `E.map` is in a record of its own.
function Writer:module(module, only)
  local inner, order = {}, {}
  local function put(name, entry)
    local prefix, last = name:match("^(.*)%.([^.]+)$")
    local depth = 1
    local lines = self
    if prefix then
      if not inner[prefix] then
        inner[prefix] = setmetatable({ out = {} }, { __index = self })
        order[#order + 1] = prefix
      end
      lines, depth = inner[prefix], 2
    end
    local types = entry.kind == "value" and { self:type(parse.type(entry.type)) }
      or self:signatures(entry)
    if only[entry] and only[entry].implied and entry.kind == "function" then
      local more = self:signatures(classes.without_object(entry))
      table.move(more, 1, #more, #types + 1, types)
    end
    Writer.line(lines, depth, "-- " .. first_sentence(entry.text))
    for _, text in ipairs(types) do
      Writer.line(lines, depth, field_name(last or name) .. ": " .. text)
    end
  end
  for _, entry in ipairs(module.entries) do
    if not classes.is_only_method(entry, only[entry]) then
      put(entry.name, entry)
      for _, other in ipairs(entry.also) do put(other, entry) end
    end
  end
  for _, prefix in ipairs(order) do
    self:line(1, "record " .. prefix)
    for _, text in ipairs(inner[prefix].out) do self.out[#self.out + 1] = text end
    self:line(1, "end")
  end
end

function M.make(source)
  local list, only, by_name = classes.of(source)
  by_name["lwt.Promise"].generics = { "T" }
  local files = {}
  for _, module in ipairs(pages.by_module(source)) do
    local main = module.name == "lwt"
    local id = module.name == "lwt.io" and "lio" or module.name:match("[^.]+$") -- Lua has an `io`
    local w = setmetatable({ out = {}, by_name = by_name, prefix = main and "" or "lwt." }, Writer)
    w:line(0, "local record " .. id)
    for _, class in ipairs(main and list or {}) do w:class(class) end
    w:module(module, only)
    w:line(0, "end")
    w:line(0, "")
    w:line(0, "return " .. id)
    local text = table.concat(w.out, "\n") .. "\n"
    local needs = not main and text:find("lwt.", 1, true) and 'local lwt = require("lwt")\n' or ""
    files["types/" .. module.name:gsub("%.", "/") .. ".d.tl"] = GENERATED .. "\n" .. needs .. "\n"
      .. text
  end
  return files
end

return M

-- What is public: the functions that the modules return, and the methods of their classes, found
-- by loading the modules and walking through tables, metatables and upvalues from there.

local M = {}

-- Classes made in C whose methods are documented as functions of a module of another name.
local HOMES = {
  ["lwt.promise"] = "lwt", ["lwt.resolver"] = "lwt", ["lwt.task"] = "lwt",
  ["lwt.tcp"] = "lwt.net", ["lwt.pipe"] = "lwt.net", ["lwt.tty"] = "lwt.net",
  ["lwt.udp"] = "lwt.net", ["lwt.listener"] = "lwt.net",
  ["lwt.channel"] = "lwt.io", ["lwt.channel.order"] = "lwt.io",
  ["lwt.thread_channel"] = "lwt.preemptive",
}
-- Tables whose functions are those of another one, in another byte order.
local VIEWS = { ["lwt.io.le"] = "lwt.io", ["lwt.io.be"] = "lwt.io" }
-- Classes that users never hold: a Lua module wraps them.
local HIDDEN = {
  ["lwt.dir"] = true, ["lwt.watch"] = true, ["lwt.poll"] = true, ["lwt.port"] = true,
  ["lwt.process.handle"] = true, ["lwt.signal"] = true,
  ["lwt.keys.decoder"] = true, ["lwt.term.tty"] = true,
}
M.HIDDEN = HIDDEN

local function walk(roots)
  local seen, classes = {}, {}
  local queue = {}
  local function push(v)
    local kind = type(v)
    if (kind == "table" or kind == "function" or kind == "userdata") and not seen[v] then
      seen[v] = true
      queue[#queue + 1] = v
    end
  end
  for _, root in ipairs(roots) do push(root) end
  while #queue > 0 do
    local v = table.remove(queue)
    push(debug.getmetatable(v))
    if type(v) == "table" then
      local name = rawget(v, "__name")
      if type(name) == "string" and name:match("^lwt%.") then classes[#classes + 1] = v end
      for key, value in next, v do
        push(key)
        push(value)
      end
    elseif type(v) == "function" then
      for i = 1, 255 do
        local name, value = debug.getupvalue(v, i)
        if not name then break end
        push(value)
      end
    end
  end
  return classes
end

-- Functions under one name, some of which may be read later (lwt.internal.later).
local function is_plain(t)
  local mt = getmetatable(t)
  return not mt or mt.__pairs ~= nil and mt.__name == nil
end

local function is_callable(v)
  return type(v) == "function"
end

-- { functions = { ["lwt.stream.map"] = f }, values = { ["lwt.EOF"] = v },
--   methods = { { class = "lwt.stream", name = "map", f = f } }, failed = { "message" } }
function M.find(modules)
  local found = { functions = {}, values = {}, methods = {}, failed = {} }
  local names = {}
  for name, module in pairs(modules) do
    if not module.internal then names[#names + 1] = name end
  end
  table.sort(names)

  local roots, is_module = {}, {}
  for _, name in ipairs(names) do
    local ok, module = pcall(require, name)
    if ok then
      roots[#roots + 1] = module
      if type(module) == "table" then is_module[module] = true end
    else
      found.failed[#found.failed + 1] = tostring(module)
    end
  end

  -- What a module loads only when it is used is there as well, with the methods of its objects.
  for name, module in pairs(modules) do
    if module.internal then
      local ok, loaded = pcall(require, name)
      if ok then roots[#roots + 1] = loaded end
    end
  end

  local function export(prefix, t, depth)
    for key, value in pairs(t) do
      if type(key) == "string" and not key:match("^_") then
        local full = prefix .. "." .. key
        if is_callable(value) then
          found.functions[full] = value
        elseif type(value) == "table" and is_plain(value) and not is_module[value]
          and depth < 3 then
          found.values[full] = value
          export(full, value, depth + 1)
        else
          found.values[full] = value
        end
      end
    end
  end
  for _, name in ipairs(names) do
    local module = package.loaded[name]
    if type(module) == "table" then export(name, module, 1) end
    if type(module) == "function" then found.functions[name] = module end
  end

  -- Metatables made in C are known to the registry alone.
  roots[#roots + 1] = debug.getregistry()
  local listed = {}
  for _, mt in ipairs(walk(roots)) do
    local index = rawget(mt, "__index")
    -- (A view of lwt.direct has the methods of what it shows, which are documented there.)
    if type(index) == "table" and mt.__name ~= "lwt.direct" then
      for key, f in pairs(index) do
        local id = mt.__name .. "." .. tostring(key)
        if type(key) == "string" and not key:match("^_") and is_callable(f) and not listed[id] then
          listed[id] = true
          found.methods[#found.methods + 1] = { class = mt.__name, name = key, f = f }
        end
      end
    end
  end
  table.sort(found.methods, function(a, b)
    if a.class ~= b.class then return a.class < b.class end
    return a.name < b.name
  end)
  return found
end

-- Lua's own functions, which a module may pass on (lwt.coroutine.status).
local function standard()
  local set = {}
  for _, library in pairs(_G) do
    if type(library) == "table" then
      for _, f in pairs(library) do set[f] = true end
    end
  end
  return set
end

-- "lwt.signal.handler" and "lwt.SignalHandler" are one class.
local function normal(name)
  return (name:lower():gsub("[._]", ""))
end

-- lwt.react.E, lwt.coroutine: their functions have the entries.
local function is_table_of_functions(found, key)
  for other in pairs(found.functions) do
    if other:sub(1, #key + 1) == key .. "." then return true end
  end
  return false
end

-- Values that a module makes when they are first asked for (lwt.io.stdout).
local function made_when_asked_for(entry)
  local module = package.loaded[entry.module]
  return entry.kind == "value" and type(module) == "table" and module[entry.name] ~= nil
end

-- May an entry whose name begins with `before` be of a method of the class?
function M.is_home(before, entry, class)
  return before == HOMES[class] or before:match("[^.:]+$"):lower() == class:match("[^.]+$"):lower()
    or class == entry.module
    or entry.module ~= "lwt" and class:sub(1, #entry.module + 1) == entry.module .. "."
end

-- Compares what is public with what has an entry: a list of complaints.
function M.compare(source)
  local found = M.find(source.modules)
  local complaints, there = {}, {}
  for _, message in ipairs(found.failed) do complaints[#complaints + 1] = message end

  -- By name, and by identity: one function may be exported in several places.
  local documented = standard()
  for key in pairs(source.by_name) do
    local f = found.functions[key]
    if f then documented[f] = true end
    if f ~= nil or found.values[key] ~= nil then there[key] = true end
  end
  for key, f in pairs(found.functions) do
    local owner, name = key:match("^(.*)%.([^.]+)$")
    local same = VIEWS[owner] and VIEWS[owner] .. "." .. name
    if not source.by_name[key] and not source.by_name[same or ""] and not documented[f] then
      complaints[#complaints + 1] = key .. ": a public function without an entry"
    end
  end

  for key in pairs(found.values) do
    if not source.by_name[key] and not is_table_of_functions(found, key) then
      complaints[#complaints + 1] = key .. ": a public value without an entry"
    end
  end

  -- Methods. `read` of class "lwt.io.file" is covered by an entry file.read, by an entry read of
  -- the module lwt.io (or of lwt.io.file), or by a field of the class as it is declared.
  local function covered(method)
    local hit = documented[method.f] or false
    for key, entry in pairs(source.by_name) do
      local before, name = key:match("^(.*)[.:]([^.:]+)$")
      if name == method.name and M.is_home(before, entry, method.class) then
        there[key] = true
        hit = true
      end
    end
    for name, class in pairs(source.classes) do
      if normal(name) == normal(method.class) then
        for _, tag in ipairs(class.tags) do
          if tag.tag == "field" and tag.name:gsub("%?$", "") == method.name then hit = true end
        end
      end
    end
    return hit
  end
  for _, method in ipairs(found.methods) do
    if not HIDDEN[method.class] and not covered(method) then
      complaints[#complaints + 1] = ("%s:%s: a method without an entry")
        :format(method.class, method.name)
    end
  end
  for key, entry in pairs(source.by_name) do
    if not there[key] and not made_when_asked_for(entry) then
      complaints[#complaints + 1] = ("%s:%d: %s: an entry for something that does not exist")
        :format(entry.file, entry.line, key)
    end
  end
  table.sort(complaints)
  return complaints
end

return M

-- Turns entries into the pages of doc/reference/, one a module. Returns { [path] = text }.

local M = {}

-- The order on the pages whose entries stand in many files: whole names, `scope.cancel` is not
-- `cancel`. What is not named here follows under "More"; the other pages keep the order of their
-- files.
local SECTIONS = {
  ["lwt"] = {
    { "Promises", "fulfilled rejected wait task wakeup wakeup_exn wakeup_later wakeup_later_exn "
      .. "state is_pending is_promise wrap" },
    { "Composing", "bind map catch finalize try_bind on_success on_failure on_termination on_any "
      .. "on_cancel async dont_wait ignore_result async_exception_hook" },
    { "Several at once", "join all both choose pick nchoose npick nchoose_split settled any "
      .. "from_callback promisify" },
    { "Cancelling", "cancel protected no_cancel wrap_in_cancelable" },
    { "Tasks", "spawn await yield pause current name direct shield" },
    { "Scopes", "scope scope.spawn scope.cancel errors" },
    { "Task-local storage", "new_key get with_value set" },
    { "Time", "sleep timeout with_timeout now auto_pause" },
    { "Coroutines", "coroutine.create coroutine.resume coroutine.wrap" },
    { "Running", "run step at_exit on_iteration hook.remove interrupts" },
    { "Finding out", "traceback tasks stall debug" },
    { "Sentinels", "Canceled Timeout EOF Closed Interrupted" },
  },
  ["lwt.term"] = {
    { "Terminals", "open stdout is_tty size size_signal set_size colors close" },
    { "Keys", "read_key keys key" },
    { "Modes", "with_raw_mode raw_mode Guard.close with_alternate_screen with_mouse with_focus "
      .. "suspend on_redraw" },
    { "Styled text", "print printlc eprint eprintlc styled fg bg bold dim italic underline blink "
      .. "inverse hidden strike reset link strip width" },
    { "The screen", "clear clear_line move save restore hide_cursor show_cursor title bell "
      .. "set_clipboard" },
    { "Drawing in place", "draw draw_done progress Bar.add Bar.set Bar.done spinner Spinner.set "
      .. "Spinner.done" },
    { "Tables and questions", "table confirm choose" },
  },
}

-- What the pages call a module: a local of that name. (Lua has an `io` of its own.)
local function last_name(module) return module == "lwt.io" and "lio" or module:match("[^.]+$") end

-- "bytes.get(b, ofs)" for lwt.bytes; "lwt.bind(p, f)" for lwt.
local function call_form(entry)
  return ("%s.%s"):format(last_name(entry.module), entry.name)
    .. (entry.args and "(" .. entry.args .. ")" or "")
end

-- The class of an entry's first argument, and that argument's name; where it may be of several
-- classes (lwt.Socket|lwt.Listener), the first of them, and last a list of all.
local function first_type(entry)
  local first = entry.params and entry.params[1]
  for _, tag in ipairs(first and entry.tags or {}) do
    if tag.tag == "param" and tag.name:gsub("%?$", "") == first then
      local classes = {}
      for part in (tag.type:gsub("%b<>", "") .. "|"):gmatch("(.-)|") do
        if not part:match("^lwt%.%u%w*$") then
          -- A function, a string or a number instead of the object: the object has the method all the same.
          if not part:match("^fun%(") and part ~= "string" and part ~= "integer" then return nil end
          break
        end
        classes[#classes + 1] = part
      end
      return classes[1], first, classes
    end
  end
end

-- Where a class lives: the module that has most of the functions on it.
local function homes(source)
  local counts = {}
  for _, entry in ipairs(source.entries) do
    local class = first_type(entry)
    if class then
      counts[class] = counts[class] or {}
      counts[class][entry.module] = (counts[class][entry.module] or 0) + 1
    end
  end
  local home = {}
  for class, by_module in pairs(counts) do
    for module, n in pairs(by_module) do
      local best = home[class]
      if not best or n > by_module[best] or n == by_module[best] and module < best then
        home[class] = module
      end
    end
  end
  return home
end

-- Functions that are no methods of their first argument; spec/docs_spec.lua tries all others.
local plain = {}
for name in ([[ lwt.get lwt.run lwt.set lwt.with_value lwt.both lwt.errors lwt.ignore_result
  lwt.react.S.flip lwt.fs.sendfile lwt.log.lualogging ]]):gmatch("%S+") do
  plain[name] = true
end

-- Is it also a method of its first argument? Then its class, that argument's name, the method's
-- name and arguments, and the list of all classes that have it.
function M.method_form(source, entry)
  source.homes = source.homes or homes(source)
  local class, first, classes = first_type(entry)
  if class and source.homes[class] == entry.module
    and not plain[entry.module .. "." .. entry.name] then
    return class, first, entry.name:match("[^.:]+$"),
      (entry.args:gsub("^[%[%s]*" .. first .. "%s*,?%s*", "")),
      classes
  end
end

local function anchor(heading)
  return (heading:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-"))
end

-- The first sentence, on one line.
local function summary(text)
  local paragraph = text:match("^(.-)\n%s*\n") or text
  paragraph = paragraph:gsub("%s+", " ")
  return paragraph:match("^(.-%.)%s") or paragraph
end

-- (That a function may give more than is told is for editors.)
local function code(type_name)
  return "`" .. type_name:gsub("[,:] %.%.%.%?", "") .. "`"
end

local function fields(out, tags, which)
  for _, tag in ipairs(tags) do
    if tag.tag == which then
      local name = tag.name:gsub("%?$", "")
      local optional = tag.name:match("%?$") and ", optional" or ""
      out[#out + 1] = ("- `%s` (%s%s)%s"):format(name, code(tag.type), optional,
        tag.text ~= "" and ": " .. tag.text or "")
    end
  end
end

-- What a function works on where a call does not say it: @implied of the class.
local function implied_by(source, class)
  for _, tag in ipairs(source.classes[class] and source.classes[class].tags or {}) do
    if tag.tag == "implied" then return tag.rest end
  end
end

local function entry_text(out, source, entry)
  out[#out + 1] = "### " .. call_form(entry)
  out[#out + 1] = ""
  local class, object, method, rest = M.method_form(source, entry)
  if object then
    local implied = implied_by(source, class)
    local short = ("%s.%s(%s)"):format(last_name(entry.module), method, rest)
    out[#out + 1] = ("As a method: `%s:%s(%s)`%s"):format(object, method, rest,
      implied and (". Without `%s`, `%s` works on `%s`."):format(object, short, implied) or "")
    out[#out + 1] = ""
  end
  if entry.type and entry.type ~= "" then
    out[#out + 1] = "Type: " .. code(entry.type)
    out[#out + 1] = ""
  end
  out[#out + 1] = entry.text
  out[#out + 1] = ""
  if #entry.also > 0 then
    out[#out + 1] = "The same holds for `" .. table.concat(entry.also, "`, `") .. "`."
    out[#out + 1] = ""
  end
  local before = #out
  fields(out, entry.tags, "param")
  for _, tag in ipairs(entry.tags) do
    if tag.tag == "return" then
      out[#out + 1] = ("- returns %s%s"):format(code(tag.type),
        tag.text ~= "" and ": " .. tag.text:gsub("^#%s*", "") or "")
    end
  end
  if #out > before then out[#out + 1] = "" end
  for _, example in ipairs(entry.examples) do
    out[#out + 1] = example
    out[#out + 1] = ""
  end
end

local function class_text(out, class)
  out[#out + 1] = "### " .. class.name
  out[#out + 1] = ""
  if class.text ~= "" then
    out[#out + 1] = class.text
    out[#out + 1] = ""
  end
  local before = #out
  fields(out, class.tags, "field")
  if #out > before then out[#out + 1] = "" end
  for _, example in ipairs(class.examples or {}) do
    out[#out + 1] = example
    out[#out + 1] = ""
  end
end

-- { { heading or nil, entries } }
local function sections(module, entries)
  local plan = SECTIONS[module]
  if not plan then return { { nil, entries } } end
  local by_name, out = {}, {}
  for _, entry in ipairs(entries) do by_name[entry.name] = entry end
  for _, section in ipairs(plan) do
    local chosen = {}
    for name in section[2]:gmatch("%S+") do
      chosen[#chosen + 1] = by_name[name]
      by_name[name] = nil
    end
    if #chosen > 0 then out[#out + 1] = { section[1], chosen } end
  end
  local more = {}
  for _, entry in ipairs(entries) do
    if by_name[entry.name] then more[#more + 1] = entry end
  end
  if #more > 0 then out[#out + 1] = { "More", more } end
  return out
end

local function page(source, module, entries, classes)
  local out = { "<!-- Generated from the sources by `make docs`: change it there. -->",
    "# " .. module, "" }
  local head = source.modules[module]
  -- What it is, how it is used, and what else is to be known.
  local first, rest = (head.text or ""):match("^(.-)\n%s*\n(.*)$")
  local examples = table.concat(head.examples or {}, "\n\n")
  for _, text in ipairs { first or head.text or "", examples, rest or "" } do
    if text ~= "" then
      out[#out + 1] = text
      out[#out + 1] = ""
    end
  end
  local parts = sections(module, entries)
  for _, part in ipairs(parts) do
    if part[1] then
      out[#out + 1] = "**" .. part[1] .. "**"
      out[#out + 1] = ""
    end
    for _, entry in ipairs(part[2]) do
      local form = call_form(entry)
      out[#out + 1] = ("- [`%s`](#%s) %s"):format(form, anchor(form), summary(entry.text))
    end
    out[#out + 1] = ""
  end
  for _, part in ipairs(parts) do
    if #part[2] > 0 then
      out[#out + 1] = "## " .. (part[1] or "Functions")
      out[#out + 1] = ""
    end
    for _, entry in ipairs(part[2]) do entry_text(out, source, entry) end
  end
  if #classes > 0 then
    out[#out + 1] = "## Types"
    out[#out + 1] = ""
    for _, class in ipairs(classes) do class_text(out, class) end
  end
  while out[#out] == "" do out[#out] = nil end
  return table.concat(out, "\n") .. "\n"
end

-- Modules with anything to say, in alphabetical order, with their entries and classes.
function M.by_module(source)
  source.homes = source.homes or homes(source)
  local list, at = {}, {}
  for name, module in pairs(source.modules) do
    if not module.internal then
      at[name] = { name = name, entries = {}, classes = {} }
      list[#list + 1] = at[name]
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  for _, entry in ipairs(source.entries) do
    if at[entry.module] then table.insert(at[entry.module].entries, entry) end
  end
  local classes = {}
  for _, class in pairs(source.classes) do classes[#classes + 1] = class end
  table.sort(classes, function(a, b) return a.name < b.name end)
  for _, class in ipairs(classes) do
    local home = at[class.module] or at[source.homes[class.name]]
      or at["lwt." .. class.name:match("[^.]+$"):lower()] or at["lwt"]
    if home then table.insert(home.classes, class) end
  end
  return list
end

function M.make(source)
  local files, index = {}, {
    "<!-- Generated from the sources by `make docs`: change it there. -->",
    "# Reference", "",
    "One page a module. Every function of a type is both a module function and a method.", "",
    "Where a page says Lwt, it means OCaml's library, of which this one is a port: it tells who",
    "comes from there what is different. Nobody else needs to know it.", "",
  }
  for _, module in ipairs(M.by_module(source)) do
    files["doc/reference/" .. module.name .. ".md"] =
      page(source, module.name, module.entries, module.classes)
    index[#index + 1] = ("- [%s](%s.md) %s"):format(module.name, module.name,
      summary(source.modules[module.name].text or ""))
  end
  files["doc/reference/README.md"] = table.concat(index, "\n") .. "\n"
  return files
end

return M

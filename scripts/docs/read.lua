-- Reads the reference entries that stand beside the code.
--
-- In Lua: `---` lines above `function M.name(args)`, or with a line `---@function mod.name(args)`
-- of their own. In C: a block `/*---` … `*/` whose last line is `@function lwt.mod.name(args)`.
-- A block may instead hold `@class lwt.Name` (with `@field`s), `@value lwt.mod.name type`, or
-- `@module lwt.mod` (the text at the head of the page; without one it is the comment at the head of
-- the Lua file: all of it where its lines begin with `---`, else its first paragraph). In Lua,
-- `M.Name = …` with a `@type` is a value. Modules whose comment begins with "Internal", and those
-- inside another module (lwt.stream.read), are no pages of their own.
--
-- `@also name name …` in a block says that it holds for these names of the same module too.
--
-- An entry: { kind = "function"|"value"|"class", module =, name =, params = { names }, text =,
-- examples = { text }, tags = { { tag =, rest =, name =, type =, text = } }, file =, line = }.

local M = {}

-- Not for users, and without a Lua file or a comment that says so.
local INTERNAL = { ["lwt.core"] = true, ["lwt.uv"] = true }

local function list(command)
  local pipe = assert(io.popen(command .. " 2>/dev/null | LC_ALL=C sort"))
  local out = {}
  for line in pipe:lines() do out[#out + 1] = line end
  pipe:close()
  return out
end

local function lines_of(path)
  local out = {}
  for line in io.lines(path) do out[#out + 1] = line end
  return out
end

-- ---- Types in tags ------------------------------------------------------------

-- Splits "fun(a: b): c|nil the rest" into the type and the rest.
local function split_type(s)
  local pos, depth, last = 1, 0, ""
  while pos <= #s do
    local c = s:sub(pos, pos)
    if c:match("[%(%[{<]") then
      depth = depth + 1
    elseif c:match("[%)%]}>]") then
      depth = depth - 1
    elseif c == '"' or c == "'" then
      pos = s:find(c, pos + 1, true) or #s
    elseif c:match("%s") and depth == 0 then
      local next_char = s:match("^%s*(.)", pos) or ""
      -- A union or a function's result may have blanks around its sign.
      if next_char ~= "|" and not last:match("[|:,]") and not s:find("^async%s", pos - 5) then
        break
      end
      c = last
    end
    last = c
    pos = pos + 1
  end
  return s:sub(1, pos - 1), (s:sub(pos):gsub("^%s+", ""))
end

local function parse_tag(tag, rest)
  local t = { tag = tag, rest = rest }
  if tag == "param" or tag == "field" then
    local name, after = rest:match("^(%S+)%s*(.*)$")
    t.name = name
    t.type, t.text = split_type(after or "")
  elseif tag == "return" then
    t.type, t.text = split_type(rest)
  end
  return t
end

-- ---- One block of lines ---------------------------------------------------------

local function parse_block(lines)
  local block = { text = {}, examples = {}, tags = {} }
  local fence, last_tag
  for _, line in ipairs(lines) do
    if fence then
      fence[#fence + 1] = line
      if line:match("^%s*```%s*$") then
        block.examples[#block.examples + 1] = table.concat(fence, "\n")
        fence = nil
      end
    elseif line:match("^%s*```") then
      fence, last_tag = { line }, nil
    else
      local tag, rest = line:match("^@([%a_]+)%s*(.*)$")
      if tag then
        last_tag = { tag, rest }
        block.tags[#block.tags + 1] = last_tag
      elseif last_tag and line:match("^%s+%S") then
        last_tag[2] = last_tag[2] .. " " .. line:match("^%s*(.*)$")
      else
        last_tag = nil
        block.text[#block.text + 1] = line
      end
    end
  end
  for i, tag in ipairs(block.tags) do
    block.tags[i] = parse_tag(tag[1], (tag[2]:gsub("%s+$", "")))
  end
  block.text = table.concat(block.text, "\n"):gsub("^%s+", ""):gsub("%s+$", "")
  block.unfinished = fence ~= nil
  return block
end

local function take_tag(block, name)
  for i, tag in ipairs(block.tags) do
    if tag.tag == name then return table.remove(block.tags, i).rest end
  end
end

local function param_names(args)
  local names = {}
  for name in args:gsub("[%[%]%s]", ""):gmatch("[^,]+") do names[#names + 1] = name end
  return names
end

-- ---- Files ------------------------------------------------------------------------

local Reader = {}
Reader.__index = Reader

function Reader:problem(path, line, text)
  self.problems[#self.problems + 1] = ("%s:%d: %s"):format(path, line, text)
end

-- "stream.map", "lwt.react.E.map" -> the module and the name inside it.
function Reader:resolve(full, home)
  if full ~= "lwt" and not full:match("^lwt%.") then
    local first = full:match("^[^.:]+")
    if self.modules["lwt." .. first] or first == "lwt" then
      full = "lwt." .. full
    else
      return home or "lwt", full
    end
  end
  local module = full
  -- (lwt.log.file is a function of lwt.log: the file inside that module is no page.)
  while module and not (self.modules[module] and not self.modules[module].part_of) do
    module = module:match("^(.+)[.:][^.:]+$")
  end
  if not module then return home or "lwt", full end
  return module, full:sub(#module + 2)
end

function Reader:add(kind, path, line, block, full, args, home)
  local module, name = self:resolve(full, home)
  if name == "" then
    self:problem(path, line, "'" .. full .. "' is the name of a module")
    return
  end
  local also = {}
  for other in (take_tag(block, "also") or ""):gmatch("[%w_.]+") do also[#also + 1] = other end
  local entry = {
    kind = kind, also = also, module = module, name = name, args = args,
    params = args and param_names(args), text = block.text, examples = block.examples,
    tags = block.tags, file = path, line = line,
  }
  local key = module .. "." .. name
  if self.by_name[key] then
    self:problem(path, line, key .. " has an entry already, at " .. self.by_name[key].file .. ":"
      .. self.by_name[key].line)
    return
  end
  if block.unfinished then self:problem(path, line, key .. ": a code block is not closed") end
  if block.text == "" then self:problem(path, line, key .. ": the entry says nothing") end
  self.by_name[key] = entry
  for _, other in ipairs(also) do
    local other_key = module .. "." .. other
    if self.by_name[other_key] then
      self:problem(path, line, "@also " .. other .. ": it has an entry of its own")
    end
    self.by_name[other_key] = entry
  end
  self.entries[#self.entries + 1] = entry
end

-- Handles what a block says of itself; false when that depends on the code below it.
function Reader:explicit(path, line, block, home)
  local what = take_tag(block, "module")
  if what then
    self.modules[what] = self.modules[what] or { path = path }
    self.modules[what].text = block.text
    self.modules[what].examples = block.examples
    return true
  end
  what = take_tag(block, "function")
  if what then
    local full, args = what:match("^([%w_.:]+)%s*(%b())")
    if full then
      self:add("function", path, line, block, full, args:sub(2, -2), home)
    else
      self:problem(path, line, "@function needs name(args), got '" .. what .. "'")
    end
    return true
  end
  what = take_tag(block, "value")
  if what then
    local full, type_name = what:match("^(%S+)%s*(.*)$")
    self:add("value", path, line, block, full, nil, home)
    local entry = self.entries[#self.entries]
    if entry then entry.type = type_name end
    return true
  end
  for i, tag in ipairs(block.tags) do
    if tag.tag == "class" then
      table.remove(block.tags, i)
      local name = tag.rest:match("^([%w_.]+)")
      self.classes[name] = self.classes[name] or { name = name, head = tag.rest, module = home }
      local class = self.classes[name]
      class.head, class.text, class.tags, class.examples = tag.rest, block.text, block.tags,
        block.examples
      class.module, class.file, class.line = home, path, line
      return true
    elseif tag.tag == "alias" or tag.tag == "enum" then
      self.aliases[#self.aliases + 1] = { text = block.text, tags = block.tags, module = home }
      return true
    end
  end
  return false
end

local function module_name(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/", "."):gsub("%.init$", ""))
end

-- The comment at the head of a Lua file.
local function head_of(lines)
  local head = {}
  local all = lines[1] and lines[1]:match("^%-%-%-") ~= nil
  for n, line in ipairs(lines) do
    local text = line:match(all and "^%-%-%- ?(.*)$" or "^%-%- ?(.*)$")
    if n == 1 and line:match("^#!") then
      text = false
    elseif not text or text == "" and not all then
      break
    end
    if text then head[#head + 1] = text end
  end
  local block = parse_block(head)
  -- "lwt.switch: a scope of …"
  block.text = block.text:gsub("^lwt[%w_.]*: (.)", string.upper)
  return block
end

function Reader:read_lua(path)
  local name = module_name(path)
  local home = self.modules[name].part_of or name
  local lines = lines_of(path)
  -- Which locals are the module, or a table inside it (`M.E = E`, `return { E = E }`).
  local tables = {}
  for _, line in ipairs(lines) do
    local returned = line:match("^return ([%a_][%w_]*)%s*$")
    if returned then tables[returned] = "" end
  end
  for i, line in ipairs(lines) do
    local owner, field, value = line:match("^([%a_][%w_]*)%.([%a_][%w_]*) = ([%a_][%w_]*)%s*$")
    if owner and tables[owner] == "" and not tables[value] then tables[value] = field .. "." end
    if line:match("^return {") then
      for f, v in table.concat(lines, " ", i):gmatch("([%a_][%w_]*)%s*=%s*([%a_][%w_]*)%s*[,}]") do
        tables[v] = tables[v] or f .. "."
      end
    end
  end

  local i = 1
  while i <= #lines do
    if lines[i]:match("^%s*%-%-%-") and not lines[i]:match("^%s*%-%-%-%-") then
      local start, raw = i, {}
      while lines[i] and lines[i]:match("^%s*%-%-%-") do
        raw[#raw + 1] = lines[i]:match("^%s*%-%-%- ?(.*)$")
        i = i + 1
      end
      local block = parse_block(raw)
      if not self:explicit(path, start, block, home) then
        local code = lines[i] or ""
        local full, args = code:match("^function ([%w_.:]+)%s*(%b())")
        if not full then full, args = code:match("^([%w_.:]+)%s*=%s*function%s*(%b())") end
        if full then
          local owner, rest = full:match("^([%w_]+)[.:](.+)$")
          local prefix = owner and tables[owner]
          if prefix then
            if full:find(":", 1, true) then args = "(self, " .. args:sub(2) end
            self:add("function", path, start, block, home .. "." .. prefix .. rest, args:sub(2, -2))
          elseif owner then
            self:problem(path, start, "whose is '" .. full
              .. "'? (say it with a line ---@function module.name(args))")
          end
        elseif code:match("^[%a_][%w_]*%.[%w_.]+%s*=") and #block.tags > 0 then
          local owner, rest = code:match("^([%w_]+)[.]([%w_.]+)")
          local type_name = take_tag(block, "type")
          if type_name and tables[owner] then
            self:add("value", path, start, block, home .. "." .. tables[owner] .. rest)
            self.entries[#self.entries].type = type_name
          else
            self:problem(path, start, "an entry above '" .. owner .. "." .. rest
              .. "' needs a line ---@function module.name(args), or ---@type")
          end
        end
      end
    else
      i = i + 1
    end
  end

  local module = self.modules[name]
  if not module.text then
    local head = head_of(lines)
    module.text, module.examples = head.text, head.examples
  end
  module.internal = module.internal or module.text:match("^Internal") ~= nil
end

function Reader:read_c(path)
  local lines = lines_of(path)
  local i = 1
  while i <= #lines do
    if lines[i]:match("^/%*%-%-%-") then
      local start, raw = i, {}
      local line = lines[i]:gsub("^/%*%-%-%-%s*", "")
      while true do
        local before = line:match("^(.-)%s*%*/%s*$")
        raw[#raw + 1] = before or line
        if before then break end
        i = i + 1
        line = lines[i]
        if not line then
          self:problem(path, start, "the block is not closed")
          return
        end
      end
      local block = parse_block(raw)
      if not self:explicit(path, start, block, nil) then
        self:problem(path, start, "the block has no @function, @value, @class or @module line")
      end
    end
    i = i + 1
  end
end

-- Reads everything below `root` (the current folder).
function M.read()
  local self = setmetatable({
    entries = {}, by_name = {}, classes = {}, aliases = {}, modules = {}, problems = {},
  }, Reader)
  local lua_files = list("find lua -name '*.lua'")
  for _, path in ipairs(lua_files) do self.modules[module_name(path)] = { path = path } end
  for name, module in pairs(self.modules) do
    local parent = name:match("^(lwt%.[^.]+)%.")
    if parent == "lwt.internal" then
      module.internal = true
    elseif parent then
      module.part_of, module.internal = parent, true
    end
  end
  for name in pairs(INTERNAL) do
    if self.modules[name] then self.modules[name].internal = true end
  end
  for _, path in ipairs(list("find src -name '*.c'")) do self:read_c(path) end
  for _, path in ipairs(lua_files) do self:read_lua(path) end
  return self
end

return M

-- Reads a type as lua-language-server writes it:
--   { kind = "name", name =, args = { types } }      lwt.Promise<string>
--   { kind = "list", of = type }                     string[]
--   { kind = "union", types … }                      string|nil, or T? (with optional = true)
--   { kind = "function", params = { { name =, type =, optional = } }, returns = { types } }
--   { kind = "literal" }  { kind = "fields" }        "read", { n: integer }
--   { kind = "rest" }                                any ... , the last of returns

local M = {}

local Parser = {}
Parser.__index = Parser

function Parser:skip() self.pos = self.text:find("%S", self.pos) or #self.text + 1 end

-- Takes what the pattern matches here, blanks before it aside.
function Parser:take(pattern)
  self:skip()
  local from, to, capture = self.text:find("^" .. pattern, self.pos)
  if not from then return nil end
  self.pos = to + 1
  return capture or self.text:sub(from, to)
end

function Parser:list(closing)
  local out = {}
  while not self:take(closing) do
    out[#out + 1] = self:union()
    self:take(",")
  end
  return out
end

function Parser:params()
  local out = {}
  while not self:take("%)") do
    local name = self:take("%.%.%.") or assert(self:take("[%a_][%w_]*"), self.text)
    local p = { name = name, optional = self:take("%?") ~= nil }
    if self:take(":") then p.type = self:union() end
    out[#out + 1] = p
    self:take(",")
  end
  return out
end

-- "T?, ...?", "any ..." or "ok: boolean": one value, or what further ones there are.
function Parser:one_return()
  if self:take("%.%.%.%??") then return { kind = "rest" } end
  local t = self:union()
  if self:take("%.%.%.") then return { kind = "rest" } end
  return t
end

function Parser:returns()
  local out = {}
  repeat out[#out + 1] = self:one_return() until not self:take(",")
  return out
end

function Parser:primary()
  if self:take('"[^"]*"') then return { kind = "literal" } end
  if self:take("%b{}") then return { kind = "fields" } end
  if self:take("%(") then
    local t = self:union()
    assert(self:take("%)"), self.text)
    return t
  end
  local name = assert(self:take("[%a_][%w_.]*[%w_]") or self:take("%a"), self.text)
  if name == "async" then name = self:take("fun") end
  if name == "fun" and self:take("%(") then
    local f = { kind = "function", params = self:params(), returns = {} }
    if self:take(":") then f.returns = self:returns() end
    return f
  end
  return { kind = "name", name = name, args = self:take("<") and self:list(">") or {} }
end

function Parser:suffixed()
  local t = self:primary()
  while self:take("%[%]") do t = { kind = "list", of = t } end
  if self:take("%?") then
    t = { kind = "union", optional = true, t, { kind = "name", name = "nil" } }
  end
  return t
end

function Parser:union()
  local first = self:suffixed()
  if not self:take("|") then return first end
  local out = { kind = "union", first }
  repeat out[#out + 1] = self:suffixed() until not self:take("|")
  local flat = { kind = "union" }
  for _, part in ipairs(out) do
    if part.kind == "union" then
      for _, each in ipairs(part) do flat[#flat + 1] = each end
      flat.optional = flat.optional or part.optional
    else
      flat[#flat + 1] = part
    end
  end
  return flat
end

local function parser(text) return setmetatable({ text = text, pos = 1 }, Parser) end

function M.type(text) return parser(text):union() end

function M.returns(text) return parser(text):returns() end

-- The class itself, with its own names for what is generic.
function M.class(class)
  local args = {}
  for i, name in ipairs(class.generics) do args[i] = { kind = "name", name = name, args = {} } end
  return { kind = "name", name = class.name, args = args }
end

return M

-- Values as text for people: what a line of the prompt has given.
--
-- Nothing of the user's is run but a `__tostring`, protected: tables are read with `next`, whatever their
-- metatable says. A value becomes a tree of nodes first, bounded in depth and number, and the tree becomes lines:
-- one, where it fits. A table that is met again is marked, `<1>{ … }` where it is shown and `<1>` elsewhere.
--
-- A node is a leaf, { text =, width = }, or { open =, close =, items = { { key =, node = } … }, width = }.

local lwt = require "lwt"
local asks_to_end = require "lwt.internal.asks_to_end"

local floor, min = math.floor, math.min
local create, resume, status = coroutine.create, coroutine.resume, coroutine.status
local sethook = debug.sethook

local INSTRUCTIONS = 1000000

local M = {}

-- What is shown unasked. `all`: what ":more" shows.
M.limits = { depth = 4, items = 100, string = 1000, nodes = 1000 }
M.all = { depth = 100, items = math.huge, string = math.huge, nodes = 200000 }

local COLOURS = { string = "32", number = "36", constant = "35", note = "2" }

-- ---- Leaves -------------------------------------------------------------------------------------

local NAMED = {
  ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ["\0"] = "\\0", ["\\"] = "\\\\", ['"'] = '\\"',
}

local function byte_escape(c) return NAMED[c] or ("\\x%02X"):format(c:byte()) end

-- C1 controls and what turns the direction of a text are not for terminals.
local function control_escape(c)
  local code = utf8.codepoint(c)
  if code < 0xA0 or code >= 0x200E and code <= 0x200F or code >= 0x202A and code <= 0x202E
    or code >= 0x2066 and code <= 0x2069 or code == 0x2028 or code == 0x2029 then
    return ("\\u{%X}"):format(code)
  end
  return nil
end

-- Text that is UTF-8, and what is not as \xNN.
local function valid(s, escape)
  local parts, at = {}, 1
  while at <= #s do
    local _, bad = utf8.len(s, at)
    local stop = bad and bad - 1 or #s
    parts[#parts + 1] = escape(s:sub(at, stop))
    if not bad then break end
    parts[#parts + 1] = byte_escape(s:sub(bad, bad))
    at = bad + 1
  end
  return table.concat(parts)
end

local CONTROLS = "[\xC2\xE2][\x80-\xBF]+"

local function escape_quoted(s)
  s = s:gsub('[%c\\"\127]', byte_escape)
  return (s:gsub(CONTROLS, function(c) return utf8.len(c) == 1 and control_escape(c) or nil end))
end

local function escape_plain(s)
  s = s:gsub("[\0-\8\11-\31\127]", byte_escape)
  return (s:gsub(CONTROLS, function(c) return utf8.len(c) == 1 and control_escape(c) or nil end))
end

-- A text from elsewhere, made fit for a terminal: line ends and tabs stay.
function M.plain(s)
  return valid(s, escape_plain)
end

local function width_of(s) return utf8.len(s) or #s end

local function leaf(state, text, kind)
  local colour = state.colour and COLOURS[kind]
  local shown = colour and ("\27[%sm%s\27[m"):format(colour, text) or text
  return { text = shown, width = text:find("\n", 1, true) and math.huge or width_of(text) }
end

local function quoted(s, most)
  local rest = ""
  if #s > most then
    local cut = utf8.offset(s, 0, most + 1) or most + 1
    rest, s = (" … %d bytes more"):format(#s - cut + 1), s:sub(1, cut - 1)
  end
  return '"' .. valid(s, escape_quoted) .. '"', rest
end

local function string_leaf(state, s)
  local text, rest = quoted(s, state.limits.string)
  local node = leaf(state, text, "string")
  if rest ~= "" then
    local note = leaf(state, rest, "note")
    node.text, node.width = node.text .. note.text, node.width + note.width
  end
  return node
end

-- The metatable, whatever __metatable says, and a field of it, as it is.
local function meta(value, field)
  local mt = debug.getmetatable(value)
  if type(mt) ~= "table" then return nil end
  return rawget(mt, field)
end

-- (A name stands within a line.)
local function escape_name(name) return (name:gsub("[\t\n]", byte_escape)) end

function M.name_of(value)
  local name = meta(value, "__name")
  return type(name) == "string" and escape_name(name) or nil
end

local has_uv, uv = pcall(require, "lwt.uv")
-- Raises in a hook, past message handlers, which might not end.
local raise = has_uv and uv.interrupt.raise or error

local function too_long() raise("too long", 0) end

-- pcall(f, value) for where it cannot be ended with Ctrl-C: what takes too many instructions is ended by an
-- error, at each instruction from then on.
local function bounded(f, value)
  local co = create(f)
  sethook(co, function()
    sethook(co, too_long, "", 1)
    too_long()
  end, "", INSTRUCTIONS)
  local ok, text = resume(co, value)
  return ok and status(co) == "dead", text
end

-- What __tostring gives, or nil when it fails. `breakable`: Ctrl-C can end it.
function M.own_text(value, breakable)
  local f = meta(value, "__tostring")
  if f == nil then return nil end
  local call = (breakable or type(f) ~= "function") and pcall or bounded
  local ok, text = call(f, value)
  if not ok and asks_to_end(text) then error(text, 0) end
  return ok and type(text) == "string" and text or nil
end

local function address(value) return (("%p"):format(value)) end

-- ---- Functions ----------------------------------------------------------------------------------

-- "a, b, ...": the parameters of a function in Lua.
function M.parameters(f)
  local info = debug.getinfo(f, "u")
  local list = {}
  for i = 1, info.nparams do list[i] = debug.getlocal(f, i) end
  if info.isvararg then list[#list + 1] = "..." end
  return table.concat(list, ", ")
end

local function function_text(f)
  local info = debug.getinfo(f, "S")
  if info.what == "C" then
    local name = require "lwt.toplevel.help".name_of(f)
    return name and ("function <%s>"):format(name) or "function: " .. address(f)
  end
  return ("function(%s) <%s:%d>"):format(M.parameters(f), info.short_src, info.linedefined)
end

-- ---- Objects of lwt -----------------------------------------------------------------------------

local build

-- The name, and what is known of it in angle brackets.
local function noted(state, name, about)
  return leaf(state, ("%s <%s>"):format(name, about), "note")
end

local function promise_node(state, p, depth)
  local values = table.pack(p:state())
  if values[1] == "pending" then return noted(state, "lwt.promise", "pending") end
  if values.n == 1 then return noted(state, "lwt.promise", values[1]) end
  local open = ("lwt.promise <%s: "):format(values[1])
  local node = { open = open, close = ">", items = {}, tight = true }
  for i = 2, values.n do node.items[i - 1] = { node = build(state, values[i], depth + 1) } end
  return node
end

local function channel_node(state, ch)
  local io = package.loaded["lwt.io"]
  local about = require "lwt.io.network".peers[ch]
    or tostring(ch):match "^lwt%.channel:? ?(.*)$" or "?"
  local ok, closed = pcall(io.is_closed, ch)
  if about:find "^0x" or about == "" then about = "" else about = about .. ", " end
  return noted(state, "lwt.channel", M.plain(about) .. (ok and closed and "closed" or "open"))
end

local function error_node(state, value, depth)
  local node = build(state, value, depth, true)
  local text = M.plain(M.own_text(value, state.breakable) or "?")
  if not node.open then return leaf(state, text) end
  node.open = ("lwt.error: %s {"):format(text)
  return node
end

-- ---- Tables -------------------------------------------------------------------------------------

local RANK = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local ta, tb = RANK[type(a)] or 4, RANK[type(b)] or 4
  if ta ~= tb then return ta < tb end
  if ta == 3 then return a and not b end
  if ta == 4 then
    if type(a) ~= type(b) then return type(a) < type(b) end
    return address(a) < address(b)
  end
  return a < b
end

-- How many elements the list part has, and the other keys, sorted. Of huge tables not all of them.
local function keys_of(t, limits)
  local n = 0
  while rawget(t, n + 1) ~= nil do n = n + 1 end
  local keys, count = {}, 0
  for key in next, t do
    local index = math.type(key) == "integer" and key
    if not index or index < 1 or index > n then
      count = count + 1
      if count <= limits.items * 100 then keys[count] = key end
    end
  end
  table.sort(keys, before)
  return n, keys, count
end

local function is_name(key)
  return type(key) == "string" and key:find "^[%a_][%w_]*$" ~= nil
    and not require("lwt.toplevel.source").keywords[key]
end

local function key_node(state, key, depth)
  if is_name(key) then return { text = key, width = #key } end
  local node = build(state, key, depth)
  if node.text then
    return { text = "[" .. node.text .. "]", width = node.width + 2 }
  end
  local text = node.again and ("[<%d>]"):format(node.again.id)
    or ("[%s: %s]"):format(type(key), address(key))
  return { text = text, width = #text }
end

local function add_items(state, node, t, depth)
  local limits, items = state.limits, node.items
  local n, keys, count = keys_of(t, limits)
  local room = limits.items
  for i = 1, min(n, room) do
    items[#items + 1] = { node = build(state, rawget(t, i), depth + 1) }
  end
  if n > room then
    items[#items + 1] = { node = leaf(state, ("… %d more"):format(n - room), "note") }
  end
  local shown = min(#keys, room)
  for i = 1, shown do
    local key = keys[i]
    items[#items + 1] = {
      key = key_node(state, key, depth + 1), node = build(state, rawget(t, key), depth + 1),
    }
  end
  if count > shown then
    items[#items + 1] = { node = leaf(state, ("… %d more fields"):format(count - shown), "note") }
  end
end

local function table_node(state, t, depth)
  local name = M.name_of(t)
  local prefix = name and M.plain(name) .. " " or ""
  if next(t) == nil then return leaf(state, prefix .. "{}") end
  local first = state.nodes[t]
  if first then
    if not first.id then
      state.ids = state.ids + 1
      first.id = state.ids
    end
    return { again = first }
  end
  if depth >= state.limits.depth or state.count >= state.limits.nodes then
    return leaf(state, prefix .. "{…}", "note")
  end
  local node = { open = prefix .. "{", close = "}", items = {} }
  state.nodes[t] = node
  add_items(state, node, t, depth)
  return node
end

local CONSTANT = { ["nil"] = true, boolean = true }

-- `plainly`: the fields of a table, though it has a text of its own.
function build(state, value, depth, plainly)
  state.count = state.count + 1
  local kind = type(value)
  if kind == "string" then return string_leaf(state, value) end
  if kind == "number" then return leaf(state, tostring(value), "number") end
  if CONSTANT[kind] then return leaf(state, tostring(value), "constant") end
  if lwt.is_promise(value) then return promise_node(state, value, depth) end
  local name = M.name_of(value)
  if name == "lwt.channel" and kind == "userdata" then return channel_node(state, value) end
  if name == "lwt.error" and kind == "table" and not plainly and not state.nodes[value] then
    return error_node(state, value, depth)
  end
  local text = not plainly and M.own_text(value, state.breakable)
  if text then return leaf(state, M.plain(text)) end
  if kind == "table" and name and name:find "^lwt%." and not plainly and state.limits ~= M.all then
    return noted(state, name, address(value)) -- (Its fields are shown by ":more" alone.)
  end
  if kind == "table" then return table_node(state, value, depth) end
  if kind == "function" then return leaf(state, M.plain(function_text(value)), "note") end
  if kind == "thread" then return noted(state, "thread", coroutine.status(value)) end
  return leaf(state, ("%s: %s"):format(M.plain(name or kind), address(value)), "note")
end

-- ---- Lines --------------------------------------------------------------------------------------

-- Fills in how wide each node is on one line, and the marks.
local function measure(node)
  if node.again then
    node.text = ("<%d>"):format(node.again.id)
    node.width = #node.text
    return node.width
  end
  if node.text then return node.width end
  if node.id then node.open = ("<%d>"):format(node.id) .. node.open end
  local width = width_of(node.open) + width_of(node.close) + (node.tight and 0 or 2)
  for i, item in ipairs(node.items) do
    width = width + measure(item.node) + (item.key and item.key.width + 3 or 0) + (i > 1 and 2 or 0)
  end
  node.width = width
  return width
end

local function flat(node, out)
  if node.text then
    out[#out + 1] = node.text
    return
  end
  out[#out + 1] = node.open .. (node.tight and "" or " ")
  for i, item in ipairs(node.items) do
    if i > 1 then out[#out + 1] = ", " end
    if item.key then out[#out + 1] = item.key.text .. " = " end
    flat(item.node, out)
  end
  out[#out + 1] = (node.tight and "" or " ") .. node.close
end

local function is_plain_list(node)
  for _, item in ipairs(node.items) do
    if item.key or not item.node.text or item.node.width == math.huge then return false end
  end
  return true
end

local spread

-- Many short elements side by side.
local function fill(node, indent, columns, out)
  local pad, used = ("\n" .. (" "):rep(indent + 2)), math.huge
  for i, item in ipairs(node.items) do
    local last = i == #node.items
    local width = item.node.width + (last and 0 or 1)
    if used + 1 + width > columns then
      out[#out + 1] = pad
      used = indent + 2
    else
      out[#out + 1] = " "
      used = used + 1
    end
    out[#out + 1] = item.node.text .. (last and "" or ",")
    used = used + width
  end
end

function spread(node, indent, used, columns, out)
  if node.text or used + node.width <= columns then return flat(node, out) end
  out[#out + 1] = node.open
  if is_plain_list(node) then
    fill(node, indent, columns, out)
  else
    local pad = "\n" .. (" "):rep(indent + 2)
    for i, item in ipairs(node.items) do
      out[#out + 1] = pad
      local at = indent + 3
      if item.key then
        out[#out + 1] = item.key.text .. " = "
        at = at + item.key.width + 3
      end
      spread(item.node, indent + 2, at, columns, out)
      if i < #node.items then out[#out + 1] = "," end
    end
  end
  out[#out + 1] = "\n" .. (" "):rep(indent) .. node.close
end

local function new_state(opts)
  return {
    limits = opts.limits or M.limits, colour = opts.colour, breakable = opts.breakable,
    nodes = {}, ids = 0, count = 0,
  }
end

-- A value as text. opts: columns, colour (true: with styles), limits, breakable (Ctrl-C ends a __tostring).
function M.show(value, opts)
  opts = opts or {}
  local root = build(new_state(opts), value, 0)
  measure(root)
  local out = {}
  spread(root, 0, 0, floor(opts.columns or 80), out)
  return table.concat(out)
end

-- Several values: on one line, where they fit, else below each other.
function M.show_all(values, opts)
  local texts, width = {}, 0
  for i = 1, values.n do
    local text = M.show(values[i], opts)
    texts[i] = text
    if text:find("\n", 1, true) then width = math.huge end
    width = width + width_of((text:gsub("\27%[[%d;]*m", ""))) + 2
  end
  return table.concat(texts, width - 2 <= (opts and opts.columns or 80) and "\t" or "\n")
end

return M

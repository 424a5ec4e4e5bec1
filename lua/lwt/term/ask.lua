-- Questions: yes or no, and one of a list. On a terminal a key answers; elsewhere (and with TERM=dumb) a line
-- that is read. Several questions at once are asked one after the other.

local lwt = require "lwt"
local cells = require "lwt.term.cells"
local check = require "lwt.internal.args".outside "lwt.term"
local key = require "lwt.term.key"
local style = require "lwt.term.style"
local lwt_text = require "lwt.text"
local methods = require "lwt.term.terminal".methods

local QUESTION = 80 -- the level: below bars and what is drawn

-- Runs f() as a task when the questions before have been answered.
local function ask(t, f)
  return t:_turn("asking"):with_lock(f)
end

local function is_interactive(t) return t.in_tty and not t:_is_dumb() end

local function read_line(t)
  if t.input.read_line then return lwt.await(t.input:read_line()) end
  local parts = {}
  while true do
    local c = lwt.await(t.input:read(1))
    if c == nil then return parts[1] and table.concat(parts) or nil end
    if c == "\n" then return (table.concat(parts):gsub("\r$", "")) end
    parts[#parts + 1] = c
  end
end

-- Ctrl-C interrupts the program, as it does elsewhere.
local function raw(t) return t:raw_mode { signals = true, paste = false } end

-- ---- Yes or no ---------------------------------------------------------------------------

local function hint(default)
  if default == nil then return " [y/n] " end
  return default and " [Y/n] " or " [y/N] "
end

local ANSWERS = { y = true, Y = true, n = false, N = false }

-- The rows of the question, and where the answer would stand behind it.
local function question_rows(text, columns)
  local rows, width = {}, 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local parts = { line }
    if style.width(line) >= columns then
      parts = lwt_text.wrap(style.strip(line), math.max(1, columns - 1))
    end
    for _, part in ipairs(parts) do
      rows[#rows + 1] = cells.row(part, columns)
      width = style.width(part)
    end
  end
  return rows, { #rows, width }
end

local function answer_of(k, default)
  if k == nil or k == key.named "escape" or k == key.char("d", true) then
    return default or false
  end
  if k == key.named "enter" then return default end
  if k.char and not (k.ctrl or k.alt) then return ANSWERS[k.char] end
  return nil
end

local function confirm_by_key(t, question, default)
  local guard <close> = raw(t)
  local asked = t:styled(question, hint(default))
  local block = t.region:block(QUESTION, function(columns) return question_rows(asked, columns) end)
  local shown <close> = t.region:add(block) -- luacheck: ignore 211
  t.region:update()
  local answer
  repeat answer = answer_of(lwt.await(t:read_key()), default) until answer ~= nil
  lwt.await(t.region:remove(block, asked .. (answer and "yes\n" or "no\n")))
  guard:close()
  return answer
end

local WORDS = { y = true, yes = true, n = false, no = false }

local function confirm_by_line(t, question, default)
  while true do
    lwt.await(t:print(question, hint(default)))
    local line = read_line(t)
    if line == nil then return default or false end
    local answer = WORDS[line:match "^%s*(.-)%s*$":lower()]
    if line:find "^%s*$" then answer = default end
    if answer ~= nil then return answer end
  end
end

--- Asks a question that is answered by yes or no: `y` or `n`, Enter for the default. Escape and the end of the
--- input answer with the default, or no. Where the input is no terminal a line is read: `y`, `yes`, `n`, `no`,
--- an empty one for the default; anything else is asked again.
---@param t lwt.Terminal
---@param question string|table a text, or a styled list
---@param opts? table `default`: true or false
---@return lwt.Promise<boolean>
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local _, out = lio.pipe()
---await(w:write "yes\n")
---print(await(term.open(r, out):confirm "Really?"))   --> true
---```
---@function term.confirm(t, question, opts)
function methods:confirm(question, opts)
  if type(question) ~= "table" then check.type(1, "confirm", question, "string") end
  opts = check.options(2, "confirm", opts, { default = "boolean" })
  style.render("confirm", question, style.NONE)
  return ask(self, function()
    local f = is_interactive(self) and confirm_by_key or confirm_by_line
    return f(self, question, opts.default)
  end)
end

-- ---- One of a list ---------------------------------------------------------------------------

local function shown_of(t, item)
  local text = type(item) == "table" and t:styled(item) or tostring(item)
  return (text:gsub("%s", " "))
end

-- The rows: the question, and as many items around the chosen one as there is room for.
local function list_rows(t, texts, question, at, columns)
  local _, height = t:size()
  local head = question and 1 or 0
  local room = math.max(1, math.min(#texts, height - head - 1))
  local first = math.max(1, math.min(at - room // 2, #texts - room + 1))
  local rows = {}
  if question then rows[1] = cells.row(t:styled(question), columns) end
  for i = first, first + room - 1 do
    local line = "  " .. texts[i]
    if i == at then line = t:styled { style.attributes.bold, "> ", style.strip(texts[i]) } end
    rows[#rows + 1] = cells.row(line, columns)
  end
  return rows
end

local function step(k, at, count, page)
  local name = k.name or k.ctrl and ({ p = "up", n = "down" })[k.char] or k.char
  if name == "up" or name == "k" then return at > 1 and at - 1 or count end
  if name == "down" or name == "j" or name == "tab" then return at < count and at + 1 or 1 end
  if name == "home" then return 1 end
  if name == "end" then return count end
  if name == "pageup" then return math.max(1, at - page) end
  if name == "pagedown" then return math.min(count, at + page) end
  local digit = tonumber(k.char or "")
  if digit and digit >= 1 and digit <= count then return digit end
  return at
end

local function choose_by_key(t, list, texts, question, at)
  local guard <close> = raw(t)
  local block = t.region:block(QUESTION, function(columns)
    return list_rows(t, texts, question, at, columns)
  end)
  local shown <close> = t.region:add(block) -- luacheck: ignore 211
  t.region:update()
  local _, height = t:size()
  while true do
    local k = lwt.await(t:read_key())
    if k == nil or k == key.named "escape" or k == key.char("d", true) then return nil end
    if k == key.named "enter" then break end
    at = step(k, at, #texts, math.max(1, height - 3))
    t.region:update()
  end
  local answer = { style.attributes.bold, style.strip(texts[at]) }
  local kept = t:styled(question and { question, " ", answer } or answer)
  lwt.await(t.region:remove(block, kept .. "\n"))
  guard:close()
  return list[at], at
end

local function choose_by_line(t, list, texts, question, default)
  local lines = { question and t:styled(question) .. "\n" or "" }
  for i, text in ipairs(texts) do lines[#lines + 1] = ("%d) %s\n"):format(i, text) end
  lwt.await(t:print(table.concat(lines)))
  while true do
    lwt.await(t:print(("1-%d: "):format(#texts)))
    local line = read_line(t)
    if line == nil then return nil end
    line = line:match "^%s*(.-)%s*$"
    local at = math.tointeger(tonumber(line)) or line == "" and default or nil
    for i, text in ipairs(texts) do
      if style.strip(text) == line then at = i end
    end
    if at and list[at] ~= nil then return list[at], at end
  end
end

--- Asks for one of a list: the arrows (also `k`, `j`, Ctrl-P, Ctrl-N, Home, End, the page keys, and digits) go to
--- an item, Enter takes it. Escape, and the end of the input, take none. Where the input is no terminal the list
--- is printed with numbers, and a line is read: a number, or what an item says.
---
--- Options: `question`, a text or a styled list above the items; `default`, the number of the item to begin at
--- (1), which an empty line stands for, if it is given.
---@param t lwt.Terminal
---@param list any[] each shown by `tostring`, or a styled list
---@param opts? table
---@return lwt.Promise<any, integer> # item, index; nil when none was taken
---```lua
---local lio = require "lwt.io"
---local r, w = lio.pipe()
---local _, out = lio.pipe()
---await(w:write "2\n")
---print(await(term.open(r, out):choose { "red", "green" }))   --> green	2
---```
---@function term.choose(t, list, opts)
function methods:choose(list, opts)
  local count = check.list(1, "choose", list)
  if count == 0 then check.bad(1, "choose", "the list is empty") end
  opts = check.options(2, "choose", opts, { question = true, default = "number" })
  local default = opts.default
  if default and list[default] == nil then
    check.bad(2, "choose", "option 'default': no such item")
  end
  if opts.question then style.render("choose", opts.question, style.NONE) end
  local texts = {}
  for i = 1, count do texts[i] = shown_of(self, list[i]) end
  return ask(self, function()
    if is_interactive(self) then
      return choose_by_key(self, list, texts, opts.question, default or 1)
    end
    return choose_by_line(self, list, texts, opts.question, default)
  end)
end

return methods

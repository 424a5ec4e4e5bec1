-- The line editor of a session: what it is given.

local source = require "lwt.internal.lazy" "lwt.toplevel.source"

local PROMPT = require "lwt.toplevel.reader".PROMPT

local M = {}

local STEP = 2

local CLOSING = {}
for word in ("end until else elseif } ) ]"):gmatch "%S+" do CLOSING[word] = true end

local function indent(depth) return (" "):rep(math.max(0, depth) * STEP) end

-- A line that begins with `end` and the like stands as deep as what it ends.
local function outdent(editor)
  local text, from = editor:text(), editor:line_start()
  local line = text:sub(from + 1, editor:line_end())
  local blank, word = line:match "^([ \t]*)(%a*)"
  if word == "" then word = line:match "^[ \t]*([%]%)}])" or "" end
  if from == 0 or not CLOSING[word] then return end
  local wanted = indent(source.depth(text:sub(1, from)) - 1)
  if #wanted < #blank then editor:replace(from, from + #blank, wanted) end
end

-- Enter: accepts the text, or goes on on the next line, as deep as the code is there.
local function enter(session)
  return function(editor)
    outdent(editor)
    local text = editor:text()
    if not session:incomplete(text) then return editor:run "accept-line" end
    if editor:cursor() < #text and text:find("\n", editor:cursor() + 1, true) then
      editor:move(#text)
    end
    editor:insert("\n" .. indent(source.depth(editor:text():sub(1, editor:cursor()))))
  end
end

-- F1: help on the name at the cursor, above the line.
local function help(session)
  return function(editor)
    local text = editor:text()
    local _, stop = text:find("^[%w_]*", editor:cursor() + 1)
    local name = text:sub(1, stop):match "[%a_][%w_.:]*$"
    if not name then return editor:bell() end
    local ok, about = pcall(require "lwt.toplevel.help".of_text, session, name)
    if ok then session:tell(session:cut(about)) else editor:bell() end
  end
end

-- What the newest entry that begins with the text goes on with.
local function hint(history)
  return function(text)
    if text == "" or text:find "\n" then return nil end
    local number = history.list:find(text, nil, -1, true, text)
    return number and history.list:get(number):match("^[^\n]*", #text + 1)
  end
end

-- Of the user's own: `mode`, `keys`.
M.own = {}

-- The options with those of the user's.
function M.with_own(options)
  if not next(M.own) then return options end
  local theirs = rawget(M.own, "keys")
  if theirs ~= nil and type(theirs) ~= "table" then error("option 'keys': table expected", 0) end
  local all, keys = {}, {}
  for name, value in pairs(options) do all[name] = value end
  for name, value in next, M.own do all[name] = value end
  for sequence, command in pairs(options.keys) do keys[sequence] = command end
  for sequence, command in next, theirs or {} do keys[sequence] = command end
  all.keys = keys
  return all
end

-- They are of no use.
function M.forget_own()
  for name in next, M.own do rawset(M.own, name, nil) end
end

function M.options(session, terminal, history)
  local accept = enter(session)
  return {
    prompt = PROMPT, term = terminal, history = history or nil,
    multiline = function(text) return session:incomplete(text) end,
    complete = function(text, cursor)
      return require "lwt.toplevel.complete".words(session, text:sub(1, cursor))
    end,
    hint = session.colour and history and hint(history) or nil,
    highlight = session.colour and function(text, cursor)
      if text == "" then return nil end
      return require "lwt.toplevel.highlight".text(text, cursor)
    end or nil,
    note = function(text, cursor)
      if not text:find("(", 1, true) then return nil end
      return require "lwt.toplevel.call".line(session, text:sub(1, cursor))
    end,
    keys = { enter = accept, ["ctrl-m"] = accept, f1 = help(session) },
  }
end

return M

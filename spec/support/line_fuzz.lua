-- Random keys, pastes, resizes and output of others, as bytes that are cut anywhere, to a line editor and to
-- a plain model of it (line_model.lua): after each step text, cursor, and what can be yanked are the same;
-- the screen shows the model's text and cursor, and what a fresh drawing shows, in our terminal and in
-- libvterm; what was printed stands above; and in the end all that can be undone leaves an empty line.
--
--   fuzz.difference(program)      inside a task: nil, or what is different
--   fuzz.generate(seed, steps)    a program: { columns =, rows =, prompt =, { "key", … }, … }
--   fuzz.shrink(program)          one with fewer steps that still shows a difference
--   fuzz.script(program)          as text

local kills = require "lwt.read_line.kills"
local line = require "spec.support.line"
local lwt = require "lwt"
local model = require "spec.support.line_model"

local M = {}

local BYTES = {
  left = "\27[D", right = "\27OC", ["ctrl-a"] = "\1", ["ctrl-e"] = "\5", ["alt-f"] = "\27f", ["alt-b"] = "\27[1;3D",
  backspace = "\127", delete = "\27[3~", ["ctrl-k"] = "\11", ["ctrl-u"] = "\21", ["alt-d"] = "\27d",
  ["alt-backspace"] = "\27\127", ["ctrl-w"] = "\23", ["alt-\\"] = "\27[92;3u", ["ctrl-y"] = "\25", ["alt-y"] = "\27y",
  ["ctrl-t"] = "\20", ["alt-u"] = "\27u", ["alt-l"] = "\27l", ["alt-enter"] = "\27\r", insert = "\27[2~",
  ["ctrl-_"] = "\31", ["alt-/"] = "\27/", ["alt-r"] = "\27r",
}
local CHARS = { "a", "b", "1", " ", " ", "-", "é", "日", "👍", "\u{301}", "x", "Ж", "한" }
local PASTES = {
  "word ", "two words", "日本語", "e\u{301}", "👍🏽", "❤\u{FE0F}", "🇩🇪", "🇫", "カ\u{3099}", "\u{1100}\u{1161}", "\u{200B}",
  "\u{301}", "two\nlines", "\n", "\ttab", "long text that goes on ", "ÀÉ Ö", "  ", "a\u{300}\u{301}\u{302}b",
}
-- What no key is: swallowed whole.
local NOISE = { "\27[?62;22c", "\27[999z", "\27]11;rgb:0/0/0\27\\", "\27P1$r0m\27\\", "\27[12;34R", "\27[97;5:3u" }
local PROMPTS = { "> ", "", "\27[32mgreen\27[m $ ", "two\nlines> ", "日本> " }

local function pick(list) return list[math.random(#list)] end

local function step()
  local r = math.random(100)
  if r <= 40 then return { "key", pick(model.KEYS) } end
  if r <= 80 then return { "key", pick(CHARS) } end
  if r <= 92 then return { "paste", pick(PASTES) } end
  if r <= 95 then return { "print", ("printed "):rep(math.random(12)) } end
  if r <= 97 then return { "noise", pick(NOISE) } end
  return { "resize", math.random(6, 90), math.random(6, 30) }
end

function M.generate(seed, steps)
  math.randomseed(seed)
  local program = {
    seed = seed, columns = math.random(6, 100), rows = math.random(6, 40), prompt = pick(PROMPTS),
    cut = math.random(4), -- bytes that arrive at once; 4: all
  }
  for i = 1, steps do program[i] = step() end
  return program
end

-- ---- Running ------------------------------------------------------------------------------------------

-- Writes bytes to the terminal's input, and waits until so many keys have been pressed.
local function send(on, bytes, keys)
  local wanted = on.presses + keys
  local size = on.cut < 4 and on.cut or #bytes
  for i = 1, #bytes, size do on.typed:write(bytes:sub(i, i + size - 1)) end
  on:wait(function() return on.presses >= wanted end)
  on:settle()
end

local doing = {
  key = function(on, m, key)
    m:press(key)
    send(on, BYTES[key] or key, 1)
  end,
  paste = function(on, m, text)
    m:paste(text)
    send(on, "\27[200~" .. text:gsub("\n", "\r") .. "\27[201~", 1)
  end,
  noise = function(on, _, bytes) send(on, bytes, 0) end,
  print = function(on, _, text)
    on.term.region.last = -1 -- at once, and not with what is printed next
    on.term:print(text .. "\n")
    on:settle()
    on.printed = text
  end,
  resize = function(on, _, columns, rows)
    on:resize(columns, rows)
    on.printed = nil -- how rows above it wrap anew is the terminal's affair
  end,
}

local function seen_rows(screen, first, last)
  local parts = {}
  for y = math.max(first, 1), last do parts[#parts + 1] = screen:row(y) end
  return (table.concat(parts):gsub(" ", ""))
end

-- What is on the screen before the cursor.
local function seen_before(screen, first)
  local row, parts = screen.cells[screen.y], {}
  for x = 1, screen.x - 1 do parts[x] = row[x].char end
  return seen_rows(screen, first, screen.y - 1) .. table.concat(parts):gsub(" ", "")
end

local function wrong_screen(on, m)
  local wrong = on:same()
  if wrong then return wrong end
  local fresh, count = on:fresh()
  local first = on.screen.y - fresh.y + 1
  local prompt = model.seen((on.opts.prompt:gsub("\27%[%d*m", "")))
  local all = prompt .. model.seen(m.text)
  local shown = seen_rows(on.screen, first, math.min(first + count - 1, on.rows))
  local whole = count < on.rows
  if whole and shown ~= all or not all:find(shown, 1, true) then
    return ("the screen has %q and not %q"):format(shown, all)
  end
  local before = prompt .. model.seen(m.text:sub(1, m.at))
  local shown_before = seen_before(on.screen, first)
  if whole and before ~= shown_before or before:sub(-#shown_before) ~= shown_before and shown_before ~= "" then
    return ("before the cursor is %q and not %q"):format(shown_before, before)
  end
  if on.printed then
    local above = table.concat(on.screen.scrolled) .. seen_rows(on.screen, 1, first - 1)
    local printed = on.printed:gsub(" ", "")
    if above:gsub(" ", ""):sub(-#printed) ~= printed then return ("above it is %q"):format(above) end
  end
  return nil
end

local function wrong_ring(m)
  local ring = kills.shared
  if #ring.list ~= #m.ring or ring.at ~= m.turn then return "another number of texts can be yanked" end
  for i, s in ipairs(m.ring) do
    if ring.list[i] ~= s then return ("%q can be yanked and not %q"):format(ring.list[i], s) end
  end
  return nil
end

local function wrong_state(on, m)
  local ed = on.editor
  if ed:text() ~= m.text or ed:cursor() ~= m.at then
    return ("the text is %q, %d and not %q, %d"):format(ed:text(), ed:cursor(), m.text, m.at)
  end
  return wrong_ring(m) or wrong_screen(on, m)
end

local function run(program)
  kills.shared.list, kills.shared.at = {}, 0
  local m = model.new()
  local on
  on = line.start({ columns = program.columns, rows = program.rows }, {
    prompt = program.prompt, multiline = true,
    on_key = function() on.presses = on.presses + 1 end,
  })
  local _ <close> = on
  on.presses, on.cut = 0, program.cut
  for i, what in ipairs(program) do
    local ok, wrong = pcall(function()
      doing[what[1]](on, m, what[2], what[3])
      return wrong_state(on, m)
    end)
    if not ok or wrong then return ("step %d, %s %q: %s"):format(i, what[1], what[2], tostring(wrong)) end
  end
  while on.editor:_undo() do end
  if on.editor:text() ~= "" then return ("undoing all leaves %q"):format(on.editor:text()) end
  return nil
end

function M.difference(program)
  local ok, wrong = pcall(run, program)
  if not ok and wrong == lwt.Canceled then error(wrong, 0) end
  return wrong
end

-- ---- Shrinking ----------------------------------------------------------------------------------------

function M.shrink(program)
  local size = #program // 2
  while size >= 1 do
    local at = 1
    while at <= #program do
      local fewer = {}
      for name, value in pairs(program) do
        if type(name) == "string" then fewer[name] = value end
      end
      table.move(program, 1, at - 1, 1, fewer)
      table.move(program, at + size, #program, at, fewer)
      if M.difference(fewer) then program = fewer else at = at + size end
    end
    size = size // 2
  end
  return program
end

function M.script(program)
  local parts = { ("%d columns, %d rows, prompt %q, cut %d"):format(program.columns, program.rows, program.prompt,
    program.cut) }
  for _, what in ipairs(program) do
    local format = what[3] and "  %s %d %d" or "  %s %q"
    parts[#parts + 1] = format:format(what[1], what[2], what[3])
  end
  return table.concat(parts, "\n")
end

-- Of one seed: nil, or all there is to say.
function M.try(seed, steps)
  local program = M.generate(seed, steps)
  local wrong = M.difference(program)
  if not wrong then return nil end
  local small = M.shrink(program)
  return ("seed %d: %s\nshrunk to: %s\n%s"):format(seed, wrong, M.script(small), tostring(M.difference(small)))
end

return M

-- Each command of the line editor, by its keys, on a screen, where libvterm has to show the same after each
-- key; and the same keys on a real pseudo-terminal, which has to show what our own screen does.

local bindings = require "lwt.read_line.bindings"
local cases = require "spec.support.line_cases"
local editor = require "lwt.read_line.editor"
local line = require "spec.support.line"
local pty = require "spec.support.pty"
local test = require "lwt.test"

local full = os.getenv "LWT_SPEC_FULL"

-- Commands with a spec of their own, and what that types.
local ELSEWHERE = {
  suspend = { "read_line_pty_spec", [[\26]] }, edit = { "read_line_pty_spec", [[\24\5]] },
  ["edit-and-execute-command"] = { "read_line_pty_spec", [[edit-and-execute-command]] },
  ["insert-paste"] = { "read_line_screen_spec", ":paste" },
}

local function shown(on)
  local text, at = on.editor:text(), on.editor:cursor()
  return text:sub(1, at) .. "|" .. text:sub(at + 1)
end

local function start(kind, case, columns)
  local on = line.start({ columns = columns, rows = 24 }, cases.options(kind, case))
  on.editor:move(#case[1]:match "^[^|]*")
  on.line.session:changed()
  return on:settle()
end

-- What a case's screen showed at first and in the end, in 40 columns: for the real terminal.
local first, last = {}, {}

local function shot(on)
  return { rows = table.concat(on.screen:rows(), "\n"), x = on.screen.x, y = on.screen.y }
end

local function press(kind, case, columns)
  local on <close> = start(kind, case, columns)
  if columns == 40 then first[case] = shot(on) end
  for key in case[2]:gmatch "%S+" do
    on:keys(key)
    local wrong = on:same()
    if wrong then error(("%s in %d columns, after %s: %s"):format(case[1], columns, key, wrong), 0) end
  end
  assert.equal(case[3], shown(on), ("%q, %s"):format(case[1], case[2]))
  if columns == 40 then last[case] = shot(on) end
end

local kinds = {}
for _, group in ipairs { cases.editor, cases.session } do
  for kind in pairs(group) do kinds[#kinds + 1] = { name = kind, cases = group[kind] } end
end
table.sort(kinds, function(a, b) return a.name < b.name end)

describe("a command on a screen:", function()
  local called, call = {}, editor.Editor._call
  setup(function()
    editor.Editor._call = function(ed, command, ...)
      called[command] = true
      return call(ed, command, ...)
    end
  end)
  teardown(function() editor.Editor._call = call end)

  for _, kind in ipairs(kinds) do
    it(kind.name, test.async(function()
      for _, case in ipairs(kind.cases) do
        for _, columns in ipairs(full and { 7, 12, 40 } or { 12, 40 }) do press(kind.name, case, columns) end
      end
    end))
  end

  it("the end of the line", test.async(function()
    for _, case in ipairs(cases.ends) do
      local on <close> = start("ends", case, 40)
      on:keys(case[2])
      assert.is_truthy(on.line.session.over)
      assert.equal(case[3], table.concat(on.screen:rows(), "\n"))
      assert.equal(1, on.screen.x)
    end
  end))

  it("there is no other command", function()
    bindings.load_vi()
    local missing = {}
    for name in pairs(editor.commands) do
      local other = ELSEWHERE[name]
      if other then
        local file = assert(io.open("spec/term/" .. other[1] .. ".lua"))
        assert.is_truthy(file:read "a":find(other[2], 1, true), name)
        file:close()
      elseif not called[name] then
        missing[#missing + 1] = name
      end
    end
    assert.same({}, missing)
  end)
end)

-- ---- On a real terminal -------------------------------------------------------------------------

local NAMED = {
  left = "\27[D", right = "\27[C", up = "\27[A", down = "\27[B", home = "\27[H", ["end"] = "\27[F",
  delete = "\27[3~", insert = "\27[2~", pageup = "\27[5~", pagedown = "\27[6~", backspace = "\127", tab = "\t",
  enter = "\r", space = " ", escape = "\27[27u", ["shift-tab"] = "\27[Z", ["ctrl-left"] = "\27[1;5D",
  ["ctrl-right"] = "\27[1;5C", ["ctrl-home"] = "\27[1;5H", ["ctrl-end"] = "\27[1;5F", ["ctrl-delete"] = "\27[3;5~",
  ["alt-backspace"] = "\27\127", ["alt-tab"] = "\27[9;3u", ["ctrl-space"] = "\0", ["ctrl-_"] = "\31",
  f1 = "\27OP", f2 = "\27OQ", f3 = "\27OR", f4 = "\27OS", f5 = "\27[15~", f6 = "\27[17~", f7 = "\27[18~",
  f8 = "\27[19~", f9 = "\27[20~", f10 = "\27[21~", f11 = "\27[23~", f12 = "\27[24~",
  ["alt-enter"] = "\27\r",
}

-- What a terminal sends for the key.
local function bytes_of(name)
  if NAMED[name] then return NAMED[name] end
  local rest = name:match "^ctrl%-alt%-(.)$"
  if rest then return "\27" .. string.char(rest:upper():byte() & 31) end
  rest = name:match "^alt%-(.+)$"
  if rest then return "\27" .. rest end
  rest = name:match "^ctrl%-(.)$"
  return rest and string.char(rest:upper():byte() & 31) or name
end

describe("on a pseudo-terminal:", function()
  for _, kind in ipairs(kinds) do
    it(kind.name, function()
      local on <close> = pty.program(([[
        local lwt, read_line = require "lwt", require "lwt.read_line"
        local cases = require "spec.support.line_cases"
        lwt.run(function()
          for i, case in ipairs(cases.editor[%q] or cases.session[%q]) do
            io.write(("\27[2J\27[H\27]0;%%d\7"):format(i))
            local line = read_line.start(cases.options(%q, case))
            line.session.editor:move(#case[1]:match "^[^|]*")
            line.session:changed()
            lwt.await(line:result())
          end
        end)]]):format(kind.name, kind.name, kind.name), { columns = 40, rows = 24 })
      local function shows(wanted, when)
        on:wait(function()
          local is = shot(on)
          return is.rows == wanted.rows and is.x == wanted.x and is.y == wanted.y
        end, ("the screen %q %s"):format(wanted.rows, when))
      end
      for i, case in ipairs(kind.cases) do
        on:wait(function() return on.screen.title == tostring(i) end, "the next line")
        shows(first[case], "before any key")
        local keys = {}
        for key in case[2]:gmatch "%S+" do keys[#keys + 1] = bytes_of(key) end
        on:type(table.concat(keys))
        shows(last[case], ("after %s"):format(case[2]))
        on:type "\n"
      end
      assert.same({ "exited", 0 }, { on:finish() })
    end)
  end
end)

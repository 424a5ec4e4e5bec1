-- Growth of the line editor (see growth.lua).

local lio = require "lwt.io"
local lwt = require "lwt"
local read_line = require "lwt.read_line"
local term = require "lwt.term"

return function(g)
  -- A terminal whose output somebody takes, and a history of n lines.
  local function lines(n)
    local x = { history = read_line.history() }
    for i = 1, n do x.history:add("line " .. i) end
    local r, w = lio.pipe()
    g.drain(r)
    local keys
    keys, x.typed = lio.pipe()
    x.term = term.open(keys, w, { tty = true, columns = 40, rows = 9, env = { TERM = "xterm" } })
    local plain
    plain, x.text = lio.pipe()
    x.plain = term.open(plain, w)
    return x
  end
  local function operation(name, act, options)
    g.system("read_line: " .. name, lines, act, options or { most = 10000 })
  end
  local function typed(x, keys)
    x.typed:write(keys):await()
    x.typed:flush():await()
  end

  operation("read_line with a history of n lines", function(x)
    local p = read_line.read_line { term = x.term, history = x.history }
    typed(x, "abc\27[A\r")
    p:await()
  end)
  operation("start, insert, send, text, set_prompt, hide, show, print, accept, result", function(x)
    local line = read_line.start { term = x.term, history = x.history }
    line:insert "text"
    line:send "alt-b"
    line:text()
    line:set_prompt "> "
    line:hide():await()
    line:show():await()
    line:print("above"):await()
    line:accept()
    line:result():await()
  end)
  operation("abort; result, cancelled", function(x)
    local line = read_line.start { term = x.term }
    line:abort()
    pcall(lwt.await, line:result())
    line = read_line.start { term = x.term }
    line:result():cancel()
    pcall(lwt.await, line:result())
  end)
  operation("the editor: text, cursor, line_start, line_end, replace, insert, set, delete, move, kill, bell, run, "
    .. "press", function(x)
      local function edit(ed)
        ed:set("some words", 4)
        ed:cursor()
        ed:line_start()
        ed:line_end()
        ed:replace(0, 1, "S")
        ed:insert "x"
        ed:delete(0, 1)
        ed:move(1)
        ed:kill(0, 2)
        ed:bell()
        ed:run "end-of-line"
        ed:press "ctrl-a"
        return ed:text()
      end
      local line = read_line.start { term = x.term, keys = { ["ctrl-t"] = g.within(edit) } }
      line:send "ctrl-t"
      line:accept()
      line:result():await()
    end)
  operation("read_password, read_keyword, read_yes_no, read_number, read_char", function(x)
    local t = { term = x.plain }
    x.text:write "secret\nred\ny\n42\na\n"
    x.text:flush():await()
    read_line.read_password(t):await()
    read_line.read_keyword({ "red", "green" }, t):await()
    read_line.read_yes_no(t):await()
    read_line.read_number(t):await()
    read_line.read_char(t):await()
    read_line.read_line(t):await()
  end)
  operation("history, add, entries, commands", function(x)
    local h = read_line.history { max = 10 }
    h:add "a"
    h:entries()
    x.history:add "line 1"
    read_line.commands()
  end)
end

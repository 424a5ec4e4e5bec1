-- Growth of terminals: styled text, the screen, keys, modes, bars (see growth.lua).

local lio = require "lwt.io"
local term = require "lwt.term"

return function(g)
  local id = g.id

  -- n terminals at the ends of pipes, and one whose output somebody takes.
  local function terminals(n)
    local function open()
      local r, w = lio.pipe()
      g.drain(r)
      local keys, typed = lio.pipe()
      local t = term.open(keys, w, { tty = true, columns = 40, rows = 9, env = { TERM = "xterm" }, error = w })
      return t, typed
    end
    local x = { list = g.times(n, open) }
    x.t, x.typed = open()
    return x
  end
  local function operation(name, act, options)
    g.system("term: " .. name, terminals, act, options or { most = 100 })
  end

  operation("strip, width, styled, link, key", function(x)
    term.strip "\27[1mtext\27[0m"
    term.width "text"
    term.link("https://lua.org", "Lua")
    x.t:styled(term.bold, "text")
    term.styled(x.t, term.fg.red, "text")
    term.key "ctrl-a"
  end)
  operation("print, printlc, eprint, eprintlc, table", function(x)
    for _, name in ipairs { "print", "printlc", "eprint", "eprintlc" } do
      x.t[name](x.t, term.bold, "text"):await()
      term[name](x.t, "text"):await()
    end
    x.t:table({ { "a", 1 } }, { header = { "x", "y" } }):await()
    term.table(x.t, { { "a", 1 } }):await()
  end)
  local plain = { "clear", "clear_line", "save", "restore", "hide_cursor", "show_cursor", "bell", "draw_done" }
  operation(table.concat(plain, ", ") .. ", move, title, set_clipboard, draw", function(x)
    for _, name in ipairs(plain) do
      x.t[name](x.t)
      term[name](x.t)
    end
    x.t:move(1, 1)
    term.move(x.t, 1, 1)
    x.t:title "t"
    term.title(x.t, "t")
    x.t:set_clipboard "c"
    term.set_clipboard(x.t, "c")
    x.t:draw { "line" }
    term.draw(x.t, {})
    x.t:print(""):await()
  end)
  operation("is_tty, size, set_size, colors, on_redraw", function(x)
    for _, name in ipairs { "is_tty", "size", "colors" } do
      x.t[name](x.t)
      term[name](x.t)
    end
    x.t:set_size(41, 9)
    term.set_size(x.t, 40, 9)
    x.t:on_redraw(id)()
    term.on_redraw(x.t, id)()
  end)
  operation("open, close", function()
    local r, w = lio.pipe()
    local t = term.open(r, w, { tty = true, columns = 40, rows = 9, env = { TERM = "xterm" } })
    t:close()
    term.close(t)
    r:abort()
    w:abort()
  end)
  operation("read_key, cancelled; read_key", function(x)
    x.t:read_key():cancel()
    local p = term.read_key(x.t)
    x.typed:write("a"):await()
    x.typed:flush():await()
    p:await()
  end)
  operation("keys", function(x)
    x.typed:write "a"
    x.typed:flush():await()
    x.t:keys()()
    x.typed:write "a"
    x.typed:flush():await()
    term.keys(x.t)()
  end)
  operation("progress, spinner, raw_mode", function(x)
    local bar = x.t:progress { total = 2 }
    bar:add()
    bar:set(1, "label")
    bar:done ""
    local spinner = x.t:spinner()
    spinner:set "label"
    spinner:done()
    x.t:raw_mode():close()
    term.raw_mode(x.t):close()
    term.progress(x.t):done ""
    term.spinner(x.t):done()
  end)
  local modes = { "with_raw_mode", "with_alternate_screen", "with_mouse", "with_focus" }
  operation(table.concat(modes, ", "), function(x)
    for _, name in ipairs(modes) do
      x.t[name](x.t, id):await()
      term[name](x.t, id):await()
    end
  end)
  operation("confirm, choose", function(x)
    for _, how in ipairs { x.t, term } do
      local p = how == term and term.confirm(x.t, "sure?") or x.t:confirm "sure?"
      x.typed:write("y"):await()
      x.typed:flush():await()
      p:await()
      p = how == term and term.choose(x.t, { "a", "b" }) or x.t:choose { "a", "b" }
      x.typed:write("\r"):await()
      x.typed:flush():await()
      p:await()
    end
  end)
end

-- Growth of texts, and of text channels (see growth.lua).

local lio = require "lwt.io"
local text = require "lwt.text"

return function(g)
  local id = g.id

  -- n text channels, and a pipe of them in UTF-16.
  local function channels(n)
    local x = { list = g.times(n, function() return text.make(lio.of_bytes("", "r")) end), path = os.tmpname() }
    x.r, x.w = lio.pipe()
    x.tr, x.tw = text.make(x.r, { encoding = "UTF-16LE" }), text.make(x.w, { encoding = "UTF-16LE" })
    return x
  end
  local options = { after = function(x) os.remove(x.path) end }

  g.operation("text: upper, lower, fold, truncate, pad, graphemes, normalize, length, width, wrap, encode, decode",
    channels, function()
      text.upper "aé"
      text.lower "AÉ"
      text.fold "AÉ"
      text.truncate("some words", 5)
      text.pad("some", 9)
      for c in text.graphemes "aé" do id(c) end
      text.normalize("é", "NFD")
      text.length "aé"
      text.width "aé漢"
      text.wrap("some words to wrap", 8)
      text.decode(text.encode("é", "UTF-16"), "UTF-16")
    end, options)
  g.system("text: write, write_char, write_line, writef, write_lines, write_chars, flush; read, read_char, read_line",
    channels, function(x)
      x.tw:write("é", "a")
      x.tw:write_char "é"
      x.tw:write_line "line"
      x.tw:writef("%d\n", 5)
      x.tw:write_lines({ "a" }):await()
      x.tw:write_chars({ "b", "\n" }):await()
      x.tw:flush():await()
      x.tr:read_char():await()
      x.tr:read(2):await()
      for _ = 1, 4 do x.tr:read_line():await() end
    end, options)
  g.system("text: make, encoding, byte_channel, atomic, is_closed, close, abort", channels, function()
    local r, w = lio.pipe()
    local t = text.make(w)
    t:encoding()
    t:byte_channel()
    t:atomic(function(own) own:write "a" end):await()
    t:close():await()
    t:is_closed()
    text.make(r):abort()
  end, options)
  g.system("text: open_file, with_file, lines, chars, read_lines, read_chars", channels, function(x)
    text.with_file(x.path, "w", function(t) t:write "é\nb\n" end):await()
    for _, name in ipairs { "lines", "chars", "read_lines", "read_chars" } do
      local t = text.open_file(x.path, "r"):await()
      if name:find "read" then
        t[name](t):to_list():await()
      else
        for v in t[name](t) do id(v) end
      end
      t:close():await()
    end
  end, options)
  g.system("text: open_connection", function(n)
    local x = channels(n)
    x.server = lio.establish_server("127.0.0.1:0", id):await()
    return x
  end, function(x) text.open_connection(x.server:address()):await():close():await() end, {
    slow = true,
    after = function(x)
      os.remove(x.path)
      require "lwt".run(function() x.server:shutdown(1):await() end)
    end,
  })
end

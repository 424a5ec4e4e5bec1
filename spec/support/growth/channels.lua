-- Growth of the channels of lwt.io (see growth.lua).

local lio = require "lwt.io"
local bytes = require "lwt.bytes"

return function(g)
  local system, id = g.system, g.id

  -- n channels that somebody reads, and a pipe.
  local function channels(n)
    local x = { pipes = {}, reads = {} }
    for i = 1, n do
      x.pipes[i] = table.pack(lio.pipe())
      x.reads[i] = x.pipes[i][1]:read_line()
    end
    x.r, x.w = lio.pipe()
    x.path = os.tmpname()
    lio.lines_to_file(x.path, { "a", "b" }):await()
    x.file = lio.open_file(x.path, "r+"):await()
    return x
  end
  local function operation(name, act, options)
    options = options or {}
    options.after = function(x) os.remove(x.path) end
    system("io: " .. name, channels, act, options)
  end

  operation("write_line, write, flush, read_line", function(x)
    x.w:write_line("hello")
    x.w:write("more", "\n")
    x.w:flush():await()
    x.r:read_line():await()
    x.r:read_line():await()
  end)
  operation("read_line, cancelled", function(x) x.r:read_line():cancel() end)
  operation("writef, write_lines, write_chars, read_until, read_exactly, read", function(x)
    x.w:writef("%d;", 1)
    x.w:write_lines { "a" }:await()
    x.w:write_chars { "b", "c" }:await()
    x.w:flush():await()
    x.r:read_until(";"):await()
    x.r:read_exactly(2):await()
    x.r:read(2):await()
  end)
  operation("read_into, buffered, is_busy, mode, fileno, limit, set_limit, buffer_size, resize_buffer", function(x)
    x.w:write("abcd"):await()
    x.w:buffered()
    x.w:flush():await()
    x.r:read_into(bytes.create(4), 0, 4):await()
    x.r:is_busy()
    x.r:is_closed()
    x.r:mode()
    x.r:fileno()
    x.r:set_limit(x.r:limit())
    x.r:resize_buffer(x.r:buffer_size()):await()
  end)
  operation("pack and unpack, atomic", function(x)
    x.w:atomic(g.within(function(ch) ch:pack("s2", "hello"):await() end)):await()
    x.w:flush():await()
    x.r:unpack("s2"):await()
  end)
  local kinds = { "int16", "int", "int32", "int64", "float32", "float64" }
  operation("write and read of numbers, a character", function(x)
    for _, kind in ipairs(kinds) do x.w["write_" .. kind](x.w, 7) end
    x.w:write_char("c"):await()
    x.w:flush():await()
    for _, kind in ipairs(kinds) do x.r["read_" .. kind](x.r):await() end
    x.r:read_char():await()
  end)
  for _, order in ipairs { "le", "be" } do
    operation(order .. ": write and read of numbers, pack, unpack", function(x)
      local o = lio[order]
      for _, kind in ipairs(kinds) do o["write_" .. kind](x.w, 7) end
      o.pack(x.w, "i4", 5)
      x.w:flush():await()
      for _, kind in ipairs(kinds) do o["read_" .. kind](x.r):await() end
      o.unpack(x.r, "i4"):await()
    end)
  end
  operation("hexdump, direct_access", function(x)
    x.w:hexdump("abc"):await()
    x.w:direct_access(g.within(function(d)
      d:available()
      d:put("abc")
      d:perform():await()
    end)):await()
    x.r:direct_access(g.within(function(d)
      while d:available() == 0 do d:perform():await() end
      d:peek(2)
      d:skip(d:available())
    end)):await()
  end)
  operation("pipe, close, abort", function()
    local r, w = lio.pipe()
    w:close():await()
    r:read():await()
    r:close():await()
    r, w = lio.pipe()
    r:abort()
    w:abort()
  end)
  operation("open_file, lines, read_lines, read_chars, close", function(x)
    local ch = lio.open_file(x.path, "r"):await()
    for line in ch:lines() do id(line) end
    ch:close():await()
    ch = lio.open_file(x.path, "r"):await()
    ch:read_lines():next():await()
    ch:read_chars():to_list():await()
    ch:close():await()
  end)
  operation("position, set_position, length", function(x)
    x.file:set_position(0):await()
    x.file:position()
    x.file:length()
  end)
  operation("with_file, file_length", function(x)
    lio.with_file(x.path, "r", function(ch) return ch:read() end):await()
    lio.file_length(x.path):await()
  end)
  operation("lines_to_file, chars_to_file, lines_of_file, chars_of_file", function(x)
    lio.lines_to_file(x.path, { "a" }):await()
    lio.chars_to_file(x.path, { "a", "\n" }):await()
    lio.lines_of_file(x.path):to_list():await()
    lio.chars_of_file(x.path):to_list():await()
  end)
  operation("with_temp_file, open_temp_file, with_temp_dir, create_temp_dir, delete_recursively", function()
    lio.with_temp_file(function(_, ch) ch:write "x" end):await()
    local path, ch = lio.open_temp_file():await()
    ch:close():await()
    os.remove(path)
    lio.with_temp_dir(id):await()
    lio.delete_recursively(lio.create_temp_dir():await()):await()
  end)
  operation("of_bytes, make, default_buffer_size, set_default_buffer_size, set_exit_timeout, flush_all", function()
    lio.of_bytes("hello", "r"):read():await()
    local ch = lio.make { read = function() end, write = id }
    ch:read():await()
    ch:close():await()
    lio.set_default_buffer_size(lio.default_buffer_size())
    lio.set_exit_timeout(lio.exit_timeout())
    lio.flush_all():await()
  end, { linear = "flush_all looks at every channel" })
  operation("of_fd", function(x)
    local ch = lio.of_fd(x.w:fileno(), "w", { close = false })
    ch:write("a\n"):await()
    ch:close():await()
    x.r:read_line():await()
  end)
  operation("establish_server, address, connections, set_tls; open_connection, upgrade that fails; shutdown", function()
    local server = lio.establish_server("127.0.0.1:0", function(ch) ch:read():await() end):await()
    local ch = lio.open_connection(server:address()):await()
    ch:tls()
    server:connections()
    pcall(server.set_tls, server, {})
    pcall(lio.upgrade, ch, {})
    ch:close():await()
    lio.with_connection(server:address(), id):await()
    lio.with_close_connection(id, lio.open_connection(server:address()):await()):await()
    server:shutdown(1):await()
  end, { slow = true })

  -- What prints does so into channels that take everything.
  local names = { "print", "printl", "printf", "printlf", "eprint", "eprintl", "eprintf", "eprintlf" }
  local standard = { "stdout", "stderr" }
  for _, module in ipairs { "io", "text" } do
    system(module .. ": print, printl, printf, printlf, eprint, eprintl, eprintf, eprintlf", function(n)
      local x = channels(n)
      for _, name in ipairs(standard) do
        x[name] = rawget(lio, name) or false
        lio[name] = lio.make { write = function() end }
      end
      return x
    end, function()
      for _, name in ipairs(names) do g.module(module)[name]("some text"):await() end
    end, {
      after = function(x)
        os.remove(x.path)
        for _, name in ipairs(standard) do
          rawset(lio, name, x[name] or nil)
          rawset(g.module "text", name, nil)
        end
      end,
    })
  end
end

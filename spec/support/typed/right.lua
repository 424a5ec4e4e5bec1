-- What an editor has to know: nothing in here is to be found fault with.
local lwt, lio, net = require "lwt", require "lwt.io", require "lwt.net"
local list, process, stream = require "lwt.list", require "lwt.process", require "lwt.stream"
local mvar, pool, signal = require "lwt.mvar", require "lwt.pool", require "lwt.signal"
local term, read_line, ssl = require "lwt.term", require "lwt.read_line", require "lwt.ssl"
local log = require "lwt.log"
local await = lwt.await

lwt.run(function()
  local server = await(lio.establish_server("127.0.0.1:0", function(ch, address)
    print(address:upper())
    for line in ch:lines() do await(ch:write_line(line:upper())) end
  end))
  local ch <close> = await(lio.open_connection(server:address()))
  local line = await(ch:read_line())
  print(line and line:upper(), ch.le:read_int16())
  local sock = net.tcp_connect(server:address()):await()
  await(sock:close())

  local out, status = await(process.pread { "date" })
  print(out:upper(), status.code)
  local lengths = await(list.map_p(function(word) return #word end, { "a", "b" }))
  print(lengths[1] + 1, lengths.n)
  for word in stream.of_list({ "a", "b" }):map(function(w) return w:upper() end) do print(word) end

  local p = lwt.spawn(function() return ch, "x" end)
  p:on_success(function(channel) channel:flush() end)
  local again, x = await(p)
  print(again:mode(), x:upper())
  print(await(lwt.with_timeout(1, function() return ch end)):is_busy())
  print(await(lwt.pick { lwt.fulfilled "x", lwt.spawn(function() return "y" end) }):upper())
  print(await(lwt.scope(function(s) s:spawn(print, 1) return "z" end)):upper())
  await(lwt.finalize((lwt.task()), function() end))
  await(lwt.scope(function(s) s:cancel() end))

  local cell = mvar.create "full"
  print(await(cell:take()):upper())
  local p2 = pool.create(2, function() return lio.open_connection "localhost:1" end)
  await(p2:use(function(connection) connection:flush() end))
  local hangups = signal.stream "HUP"
  hangups:close()
  ---@type boolean, any
  local ok, err = pcall(await, ch:read_line())
  if not ok then print(err.code) end

  -- What works on a terminal: on one that is given, or on that of the program.
  local bar <close> = term.progress { total = 3, label = "files" }
  bar:add()
  for key in term.keys() do print(key.name, key.paste, key == term.key "ctrl-c") end
  for key in term.stdout:keys() do print(key.char) end
  local columns, rows = term.size()
  print(columns + rows, term.size(term.stdout), term.is_tty())
  term.printlc { term.fg.yellow, "x", term.fg(208), term.bg "#39f", term.reset }
  term.printlc(term.stdout, "x")
  term.stdout:draw { "a" .. term.bold, "b" }
  await(term.with_raw_mode(function(t) t:bell() end))
  if await(term.confirm "really?") then print(await(term.choose { "a", "b" })) end
  local typed = await(read_line.read_line { prompt = "> ", on_key = function(k) return k.ctrl end })
  print(typed and typed:upper(), (await(read_line.read_number()) or 1) + 2)
  local tls = await(ssl.connect("localhost:1", { name = "localhost" }))
  print(tls:version():upper())
  log.section "x":with({ a = 1 }):warning("%d", 1)
end)

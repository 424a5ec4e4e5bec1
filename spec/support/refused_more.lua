-- Operations for refused_operations.lua, in the form of finalizer.lua's, that use calls of libuv and
-- of the system which those do not: options of sockets, terminals, what is told of files, hosts.
local bytes = require "lwt.bytes"
local engine = require "lwt.engine"
local fs = require "lwt.fs"
local kit = package.loaded["spec.support.finalizer"]
local lio = require "lwt.io"
local cio = require "lwt.uv".io
local job = require "lwt.job"
local job_in_c, host_loop = _G.job, _G.host_loop -- oom.c's
local lwt = require "lwt"
local net = require "lwt.net"
local preemptive = require "lwt.preemptive"
local process = require "lwt.process"
local signal = require "lwt.signal"
local await, equal = lwt.await, kit.equal

local with_ipv6 = pcall(function() net.udp("[::1]:0"):close() end)

local function close_all(s)
  for _, x in ipairs(s.open or {}) do pcall(await, x:close()) end
  if s.dir then os.execute("rm -rf '" .. s.dir .. "'") end
end

local function in_a_folder()
  local dir = await(fs.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/lwt-refused-XXXXXX"))
  local f <close> = assert(io.open(dir .. "/file", "w"))
  f:write(kit.text(8000))
  return { dir = dir, path = dir .. "/file", open = {} }
end

-- Closed in the end, whatever happens: `keep(s, x)` gives x.
local function keep(s, x)
  s.open[#s.open + 1] = x
  return x
end

local list = {}
local function operation(name, setup, run, check)
  list[#list + 1] = {
    name = name,
    setup = function()
      local s = setup and setup() or {}
      s.open = s.open or {}
      return s
    end,
    run = run,
    check = function(s, _, ok, ...) if ok and check then check(s, ...) end end,
    teardown = close_all,
    loses = name:find "^udp" ~= nil,
  }
end

-- ---- Sockets --------------------------------------------------------------------------------

operation("tcp: options", nil, function(s)
  local l = keep(s, await(net.tcp_listen("127.0.0.1:0", { nodelay = true, reuseport = true, backlog = 3 })))
  local a = keep(s, await(net.tcp_connect(l:address(), { nodelay = true, bind = "127.0.0.1:0" })))
  local b = keep(s, await(l:accept()))
  a:nodelay(false)
  a:keepalive(10)
  a:keepalive(false)
  await(a:write "hello")
  equal("hello", await(b:read()))
  while (a:unacknowledged() or 0) > 0 do -- nil: the system does not say
    lwt.yield() end
  equal(b:getpeername(), a:getsockname())
  equal(l:address(), a:getpeername())
  equal(true, a:fileno() > 2)
  b:reset()
  local ok, err = pcall(await, a:read())
  if not ok and err.code ~= "ECONNRESET" then error(err, 0) end
end)

operation("tcp: nobody there", nil, function(s)
  local l = await(net.tcp_listen "127.0.0.1:0")
  local address = l:address()
  l:close()
  local ok, err = pcall(function() return keep(s, await(net.tcp_connect(address))) end)
  if not ok and err.code ~= "ECONNREFUSED" then error(err, 0) end
  return ok
end, function(_, ok) equal(false, ok) end)

operation("tcp: connect to a name", nil, function(s)
  local l = keep(s, await(net.tcp_listen "127.0.0.1:0"))
  local a = keep(s, await(net.tcp_connect("localhost:" .. tostring(l:address()):match "%d+$")))
  local b = keep(s, await(l:accept()))
  await(b:writev { "one", "two" })
  await(b:shutdown())
  local all = {}
  while true do
    local piece = await(a:read())
    if not piece then return table.concat(all) end
    all[#all + 1] = piece
  end
end, function(_, text) equal("onetwo", text) end)

operation("tcp: more than the other takes", nil, function(s)
  local a, b = net.socketpair()
  keep(s, a)
  keep(s, b)
  local written = a:write(("x"):rep(1 << 20))
  local tail = a:writev { ("y"):rep(1 << 16), "END" }
  a:shutdown()
  local n, last = 0, nil
  while true do
    local piece = lwt.direct(b):read()
    if not piece then break end
    n, last = n + #piece, piece:sub(-3)
  end
  await(written)
  await(tail)
  return n, last
end, function(_, n, last)
  equal((1 << 20) + (1 << 16) + 3, n)
  equal("END", last)
end)

operation("tcp: everywhere, and at addresses of both kinds", nil, function(s)
  local l = keep(s, await(net.tcp_listen "*:0"))
  local port = tostring(l:address()):match "%d+$"
  local a = keep(s, await(net.tcp_connect("127.0.0.1:" .. port)))
  local b = keep(s, await(l:accept()))
  if with_ipv6 then
    local six = keep(s, await(net.tcp_listen("[::1]:0", { ipv6only = true })))
    local c = keep(s, await(net.tcp_connect(six:address())))
    keep(s, await(six:accept()))
    c:nodelay(true)
  end
  await(a:write "x")
  return (await(b:read()))
end, function(_, text) equal("x", text) end)

operation("unix: streams and datagrams", in_a_folder, function(s)
  local l = keep(s, await(net.pipe_listen("unix:" .. s.dir .. "/socket")))
  local a = keep(s, await(net.pipe_connect("unix:" .. s.dir .. "/socket")))
  local b = keep(s, await(l:accept()))
  await(a:write "text")
  equal("text", await(b:read()))
  equal("unix:" .. s.dir .. "/socket", tostring(a:getpeername()))
  b:getsockname()
  local d = keep(s, net.unix_datagram { path = s.dir .. "/one" })
  local e = keep(s, net.unix_datagram { peer = s.dir .. "/one" })
  await(e:send "gram")
  return (await(d:recv()))
end, function(_, text) equal("gram", text) end)

operation("udp: options", nil, function(s)
  local a = keep(s, net.udp("127.0.0.1:0", { broadcast = true, ttl = 3, reuseaddr = true }))
  local b = keep(s, net.udp())
  a:broadcast(false)
  a:ttl(5)
  a:multicast_ttl(2)
  a:multicast_loop(true)
  a:multicast_interface "127.0.0.1"
  local m = keep(s, net.udp "0.0.0.0:0")
  m:multicast_join("239.255.1.1", "127.0.0.1")
  m:multicast_leave("239.255.1.1", "127.0.0.1")
  m:multicast_join("232.1.1.1", "127.0.0.1", "127.0.0.1")
  m:multicast_leave("232.1.1.1", "127.0.0.1", "127.0.0.1")
  b:connect(a:getsockname())
  equal(a:getsockname(), b:getpeername())
  equal(true, b:fileno() > 2)
  for i = 1, 3 do await(b:send(tostring(i))) end
  local got = {}
  for i = 1, 3 do got[i] = await(a:recv()) end
  b:connect()
  await(b:send("far", a:getsockname()))
  got[4] = await(a:recv())
  return table.concat(got)
end, function(_, text) equal("123far", text) end)

operation("udp: sending at once", nil, function(s)
  local a, b = keep(s, net.udp "127.0.0.1:0"), keep(s, net.udp())
  local sent, n = {}, 0
  for i = 1, 8 do
    sent[i] = b:send("x", a:getsockname())
    sent[i]:on_success(function() n = n + 1 end)
  end
  await(b:send(bytes.of_string "last", a:getsockname()))
  await(lwt.join(sent))
  local got = {}
  for i = 1, 9 do got[i] = await(a:recv()) end
  table.sort(got)
  return table.concat(got), n
end, function(_, text, n)
  equal("lastxxxxxxxx", text)
  equal(8, n)
end)

operation("dns: what the host says of itself", nil, function()
  equal("string", type(net.gethostname()))
  local there = {}
  for _, i in ipairs(net.interfaces()) do there[i.name] = true end
  equal(true, there.lo)
  local name = await(net.getnameinfo "127.0.0.1:80")
  equal("string", type(name))
  equal("table", type(await(net.getaddrinfo("localhost"))))
  equal(80, await(net.getservbyname "http"))
end)

operation("tty: a terminal", function()
  local master, slave = terminal() -- luacheck: ignore
  return { master = net.of_fd(master), slave = slave, descriptors = { slave } }
end, function(s)
  keep(s, s.master)
  local t = keep(s, net.tty(s.slave))
  local columns, rows = t:size()
  t:mode "raw"
  t:mode "normal"
  await(t:write "out")
  local got = ""
  while #got < 3 do got = got .. await(s.master:read()) end
  await(s.master:write "in\n")
  return columns, rows, got:sub(1, 3), await(t:read())
end, function(_, columns, rows, out, line)
  equal(80, columns)
  equal(24, rows)
  equal("out", out)
  equal("in\n", line)
end)

-- ---- Files ----------------------------------------------------------------------------------

operation("files: what is told of them", in_a_folder, function(s)
  local path = s.path
  equal(8000, await(fs.stat(path)).size)
  equal(8000, await(fs.lstat(path)).size)
  equal(true, await(fs.access(path, "r")))
  await(fs.link(path, s.dir .. "/hard"))
  await(fs.symlink("file", s.dir .. "/soft"))
  equal("file", await(fs.readlink(s.dir .. "/soft")))
  equal(await(fs.realpath(path)), await(fs.realpath(s.dir .. "/soft")))
  await(fs.chmod(path, 384))
  local st = await(fs.stat(path))
  await(fs.chown(path, st.uid, st.gid))
  await(fs.utime(path, 1000, 2000))
  equal(2000, await(fs.stat(path)).mtime)
  await(fs.mkdir(s.dir .. "/a/b/c", { parents = true }))
  await(fs.rmdir(s.dir .. "/a/b/c"))
  equal("number", type(await(fs.statfs(s.dir)).blocks))
  await(fs.unlink(s.dir .. "/hard"))
  equal(4 - 1, #await(fs.scandir(s.dir)))
  equal(8000, await(lio.file_length(path)))
end)

operation("files: what is done with an open one", in_a_folder, function(s)
  local f = keep(s, await(fs.open(s.path, "r+")))
  equal(8000, await(f:stat()).size)
  await(f:sync())
  await(f:datasync())
  await(f:chmod(384))
  local st = await(f:stat())
  await(f:chown(st.uid, st.gid))
  await(f:utime(1000, 2000))
  await(f:truncate(4000))
  await(f:lock("exclusive"))
  await(f:unlock())
  equal(4000, await(f:seek("end", 0)))
  equal(4000, await(f:tell()))
  equal("0000001 ", await(f:pread(8, 0)))
  await(f:seek("set", 0))
  local a, b = bytes.create(8), bytes.create(8)
  equal(16, await(f:readv { a, b }))
  equal("0000001 0000002 ", a:to_string() .. b:to_string())
  await(f:pwrite("X", 0))
  await(f:write "Y")
  equal(true, f:fileno() > 2)
  await(f:close())
  return await(fs.read_file(s.path))
end, function(_, text) equal("X000001 0000002 Y0000", text:sub(1, 21)) end)

operation("files: copies, links and trees", in_a_folder, function(s)
  local text = kit.text(8000)
  await(fs.copyfile(s.path, s.dir .. "/copy"))
  equal(text, await(fs.read_file(s.dir .. "/copy")))
  await(fs.symlink("copy", s.dir .. "/link"))
  await(fs.copyfile(s.path, s.dir .. "/link"))
  equal(false, (pcall(await, fs.copyfile(s.path, s.dir .. "/copy", { excl = true }))))
  await(fs.write_file(s.dir .. "/copy", "new", "w", 384))
  await(fs.mkdir(s.dir .. "/tree"))
  await(fs.mkdir(s.dir .. "/tree/deep"))
  await(fs.write_file(s.dir .. "/tree/deep/f", "x"))
  await(fs.symlink("deep", s.dir .. "/tree/l"))
  await(lio.delete_recursively(s.dir .. "/tree"))
  return io.open(s.dir .. "/tree/deep"), await(fs.read_file(s.dir .. "/copy"))
end, function(_, there, text)
  equal(nil, there)
  equal("new", text)
end)

operation("files: copies to new names, and bytes by hand", in_a_folder, function(s)
  local text = kit.text(8000)
  await(fs.copyfile(s.path, s.dir .. "/only", { excl = true }))
  equal(text, await(fs.read_file(s.dir .. "/only")))
  local src = keep(s, await(fs.open(s.path)))
  local after = keep(s, await(fs.open(s.dir .. "/only", "a"))) -- the system's own call refuses this
  equal(100, await(fs.sendfile(after, src, 0, 100)))
  os.execute("mkfifo '" .. s.dir .. "/fifo'")
  local fifo = keep(s, await(fs.open(s.dir .. "/fifo", "r+"))) -- one that waits, as children expect
  equal(100, await(fs.sendfile(fifo, src, 0, 100)))
  equal(100, #await(fifo:read(100)))
  local a, b = net.socketpair()
  keep(s, a)
  keep(s, b)
  equal(100, await(fs.sendfile(a:fileno(), src, 0, 100)))
  await(fs.mkdir(s.dir .. "/x//y/z/", { parents = true }))
  await(fs.mkdir(s.dir .. "/x/y/z", { parents = true }))
  await(fs.rmdir(await(fs.mkdtemp(s.dir .. "/made"))))
  return #await(b:read(100))
end, function(_, n) equal(100, n) end)

operation("files: a fifo, a pipe and a socket as files", in_a_folder, function(s)
  local r, w = lio.pipe()
  keep(s, r)
  keep(s, w)
  local a, b = net.socketpair()
  keep(s, a)
  keep(s, b)
  local from = keep(s, fs.of_fd(b:fileno()))
  local into = keep(s, fs.of_fd(a:fileno()))
  local reading = from:read(5)
  await(into:write "hello")
  equal("hello", await(reading))
  local file = keep(s, await(fs.open(s.path)))
  equal(8000, await(fs.sendfile(into, file, 0, 8000)))
  local got = 0
  while got < 8000 do got = got + #await(from:read(8000)) end
  os.execute("mkfifo '" .. s.dir .. "/fifo'")
  local opened = fs.open(s.dir .. "/fifo", "r+")
  local fifo = keep(s, await(opened))
  await(fifo:write "through")
  return await(fifo:read(7))
end, function(_, text) equal("through", text) end)

operation("files: folders as temporary ones", nil, function()
  return await(lio.with_temp_dir(function(dir)
    await(fs.write_file(dir .. "/x", "text"))
    return await(lio.with_temp_file(function(_, ch)
      await(ch:write "text")
      await(ch:flush())
      return ch:length()
    end))
  end))
end, function(_, n) equal(4, n) end)

operation("channels: of descriptors", in_a_folder, function(s)
  local a, b = net.socketpair()
  keep(s, a)
  keep(s, b)
  local x = keep(s, lio.of_fd(a:fileno(), "r+", { close = false }))
  local y = keep(s, lio.of_fd(b:fileno(), "r+", { close = false }))
  await(x:write_line "a line")
  await(x:flush())
  equal("a line", await(y:read_line()))
  await(y:write_int16(513))
  await(y:pack("<i4", 7))
  await(y:flush())
  equal(513, await(x:read_int16()))
  equal(7, (await(x:unpack "<i4")))
  local ch = keep(s, await(lio.open_file(s.path, "r+")))
  equal(8000, ch:length())
  ch:set_position(8)
  equal("0000002", await(ch:read_until " "))
  ch:set_position(0)
  await(ch:write(("z"):rep(5000)))
  await(ch:flush())
  return await(fs.read_file(s.path))
end, function(_, text) equal(("z"):rep(5000), text:sub(1, 5000)) end)

operation("channels: of sockets", nil, function(s)
  local a, b = net.socketpair()
  keep(s, a)
  keep(s, b)
  await(b:write "held, and a line\n")
  equal("held", await(a:read(4)))
  local x, y = keep(s, cio.of_port(a, 3)), keep(s, cio.of_port(b, 3))
  equal(", and a line", await(x:read_line()))
  local line = x:read_line() -- it waits without a buffer
  lwt.yield()
  await(y:write_line "an answer")
  await(y:flush())
  equal("an answer", await(line))
  local written = lwt.join { y:write(("y"):rep(1 << 19)), y:close "write" }
  local function abort() y:abort() end
  written:on_any(abort, abort) -- then what was written has an end in any case
  local n = 0
  while true do
    local piece = await(x:read())
    if not piece or piece == "" then break end
    n = n + #piece
  end
  await(written)
  await(x:close "write")
  return n
end, function(_, n) equal(1 << 19, n) end)

operation("channels: of what the pool reads and writes", in_a_folder, function(s)
  local ch = keep(s, await(lio.open_file("/proc/self/limits", "r", { buffer_size = 64 })))
  equal("Limit", await(ch:read(5)))
  equal(true, #await(ch:read()) > 100)
  local file = keep(s, await(lio.open_file(s.dir .. "/new", "w+", { buffer_size = 4096 })))
  for i = 1, 10 do file:write(("%d"):format(i % 10):rep(1000)) end
  await(file:flush())
  await(file:set_position(1000))
  equal("2222", await(file:read(4)))
  await(file:close "write")
  await(file:close())
  local mem = keep(s, lio.of_bytes(bytes.create(10), "r+"))
  await(mem:write "memory")
  await(mem:set_position(0))
  equal("mem", await(mem:read(3)))
  local r, w = lio.pipe()
  keep(s, r)
  keep(s, w)
  cio.on_tapped(function() end)
  cio.tap(w, true)
  await(w:write "kept")
  await(w:flush())
  return cio.tapped()
end, function(_, kept) equal("kept", kept) end)

operation("channels: a line that is long", nil, function(s)
  local r, w = lio.pipe()
  keep(s, r)
  keep(s, w)
  local text = ("line"):rep(30000)
  local writing = lwt.spawn(function()
    await(w:write_line(text))
    await(w:write_line "end")
    await(w:close())
  end)
  local got = await(r:read_line())
  local last = await(r:read_line())
  await(writing)
  return got == text, last, await(r:read_line())
end, function(_, same, last, none)
  equal(true, same)
  equal("end", last)
  equal(nil, none)
end)

-- ---- Programs, threads, signals -------------------------------------------------------------

operation("process: everything that can be set", in_a_folder, function(s)
  local file <close> = assert(io.open(s.dir .. "/errors", "w"))
  s.p = process.open({ "sh", "-c", "pwd; cat; echo bad >&2" }, {
    cwd = s.dir, env = { PATH = os.getenv "PATH" }, group = true, stdin = "pipe", stdout = "pipe", stderr = file,
  })
  await(s.p.stdin:write "given")
  await(s.p.stdin:close())
  local text = await(s.p.stdout:read())
  local status = await(s.p:status())
  return text, status.code
end, function(s, text, code)
  equal(0, code)
  equal(s.dir .. "\ngiven", text)
end)

-- What a program gave, or the code of the error with which it did not start. Other errors are raised.
local function outcome(f, expected)
  local ok, x = pcall(function() return await(f()) end)
  if ok then return x.code or x.signal end
  if type(x) ~= "table" or x.code ~= expected then error(x, 0) end
  return x.code
end

operation("process: what is no program, and where programs are looked for", in_a_folder, function(s)
  await(fs.write_file(s.dir .. "/script", "exit 3\n"))
  local none = outcome(function() return process.exec { s.dir .. "/script" } end, "EACCES")
  await(fs.chmod(s.dir .. "/script", 448))
  local script = outcome(function() return process.exec { s.dir .. "/script" } end)
  local found = outcome(function()
    return process.exec({ "true" }, { env = { PATH = "/nowhere:" .. s.path .. ":" .. os.getenv "PATH" } })
  end)
  local lost = outcome(function()
    return process.exec({ "true" }, { env = { PATH = s.dir } })
  end, "ENOENT")
  local nowhere = outcome(function() return process.exec({ "true" }, { cwd = s.dir .. "/none" }) end, "ENOENT")
  return none, script, found, lost, nowhere
end, function(_, none, script, found, lost, nowhere)
  equal("EACCES 3 0 ENOENT ENOENT", table.concat({ none, script, found, lost, nowhere }, " "))
end)

operation("process: as another user, in a session of its own", nil, function()
  local status <close> = io.open "/proc/self/status"
  local user = status and status:read "a":match "Uid:%s+(%d+)" == "0" and 65534 or nil
  local p = process.open({ "sh", "-c", "exec cat >/dev/null" }, { uid = user, gid = user, detached = true,
    cwd = "/", stdin = "pipe", stderr = "stdout" })
  await(p.stdin:write "unread")
  await(p.stdin:close())
  return await(p:status()).code
end, function(_, code) equal(0, code) end)

operation("process: one that reads nothing and writes nowhere", nil, function()
  return await(process.exec({ "cat" }, { stdin = "null", stdout = "null", stderr = "stdout" })).code
end, function(_, code) equal(0, code) end)

operation("interrupt: Ctrl-C in loops", nil, function()
  local interrupt = require "lwt.uv".interrupt
  local off <close> = setmetatable({}, { __close = function() interrupt.breaks(false) end })
  local on = interrupt.breaks(true)
  local sum = 0
  for i = 1, 40 do sum = sum + interrupt.guard(coroutine.wrap(function() return i end)) end
  return on and off ~= nil, sum
end, function(_, on, sum)
  equal(true, on)
  equal(820, sum)
end)

operation("process: several that end at once", nil, function()
  local waiting = {}
  for i = 1, 4 do waiting[i] = process.exec { "sh", "-c", "exit " .. i } end
  local codes = {}
  for i = 1, 4 do codes[i] = await(waiting[i]).code end
  return table.concat(codes)
end, function(_, text) equal("1234", text) end)

operation("signal: several kinds", nil, function(s)
  local told = {}
  for i, name in ipairs { "USR1", "USR2" } do
    s[i] = signal.on(name, function() told[#told + 1] = name end)
  end
  local next_one = signal.next "USR2"
  process.kill(process.getpid(), "USR1")
  process.kill(process.getpid(), "USR2")
  await(next_one)
  while #told < 2 do lwt.yield() end
  for i = 1, 2 do s[i]:stop() end
  table.sort(told)
  return table.concat(told)
end, function(_, text) equal("USR1USR2", text) end)

operation("jobs: more than a few", nil, function()
  local waiting = {}
  for i = 1, 12 do waiting[i] = job_in_c(i) end
  waiting[12]:cancel()
  local sum = 0
  for i = 1, 11 do sum = sum + await(waiting[i]) end
  return sum
end, function(_, sum) equal(132, sum) end)

operation("engine: a loop of the host's", nil, function(s)
  lwt.yield()
  engine.adopt(host_loop())
  local n = await(job_in_c(4))
  local ticks = 0
  local ticking = lwt.spawn(function()
    for _ = 1, 3 do
      await(lwt.sleep(0.001))
      ticks = ticks + 1
    end
  end)
  for i = 1, 2 do s[i] = keep(s, net.udp "127.0.0.1:0") end
  await(s[1]:send("gram", s[2]:getsockname()))
  local got = await(s[2]:recv())
  local status = await(process.exec { "true" })
  await(ticking)
  return n, ticks, got, status.code
end, function(_, n, ticks, got, code)
  equal(8, n)
  equal(3, ticks)
  equal("gram", got)
  equal(0, code)
end)

operation("detach: threads that come and go", function()
  preemptive.set_bounds(0, 2)
  return {}
end, function()
  local waiting = {}
  for i = 1, 3 do
    waiting[i] = preemptive.detach(function(n)
      return require "lwt".run(function()
        require "lwt".sleep(0.001):await()
        return n + 1
      end)
    end, i)
  end
  local sum = 0
  for i = 1, 3 do sum = sum + await(waiting[i]) end
  preemptive.set_bounds(0, 1)
  job.set_pool_size(job.pool_size())
  return sum
end, function(_, sum) equal(9, sum) end)

operation("detach: a channel between threads", function()
  preemptive.set_bounds(0, 2)
  return {}
end, function()
  local there, back = preemptive.channel(1), preemptive.channel(0)
  local echo = preemptive.detach(function(from, to)
    local l = require "lwt"
    return l.run(function()
      local n = 0
      while true do
        local v = from:recv():await()
        if v == nil then break end
        to:send(v, { v }, tostring(v)):await()
        n = n + 1
      end
      to:close()
      return n
    end)
  end, there, back)
  for i = 1, 3 do
    await(there:send(i))
    equal(i, (await(back:recv())))
  end
  there:close()
  return await(echo)
end, function(_, n) equal(3, n) end)

return list

-- Objects of every kind, live and dead, for hostile.lua: by module, a function that makes some and gives
-- them to `object(name, x)`; what they are called with is given to `add(name, f)`. It runs in a task.

local lwt = require "lwt"

local function nothing() end
local function fails() error("on purpose", 0) end

-- The folder for their files.
local here = (os.getenv "TMPDIR" or "/tmp") .. "/"

return function(object, add)
  local kinds = {}


  kinds["lwt"] = function()
    object("promise", (lwt.task()))
    object("promise", lwt.fulfilled(1))
    object("promise", lwt.rejected "no")
    object("promise", lwt.spawn(lwt.yield))
    object("resolver", select(2, lwt.task()))
    object("hook", lwt.on_iteration("enter", nothing))
    lwt.scope(function(s) object("scope", s) end) -- over
    lwt.scope(function(s)
      object("scope", s)
      lwt.yield()
    end)
    object("key", lwt.new_key())
  end
  kinds["lwt.stream"] = function()
    local S = require "lwt.stream"
    object("stream", (S.create()))
    object("stream", S.of_list { 1, 2, 3 })
    object("stream", S.of_list {})
    object("stream", S.from(function() return math.random() < 0.9 and 1 or nil end))
    object("stream", S.of_list({ 1, 2, 3 }):clone():map(fails))
    local s, p = S.create_bounded(2)
    object("stream", s)
    object("pusher", p)
    p = select(2, S.create_bounded(0))
    p:close()
    object("pusher", p)
  end
  kinds["lwt.seq"] = function()
    local Q = require "lwt.seq"
    object("seq", Q.of_list { 1, 2 })
    object("seq", Q.empty)
  end
  kinds["lwt.react"] = function()
    local R = require "lwt.react"
    local e, send = R.E.create()
    object("event", e)
    local s, set = R.S.create(1)
    object("signal", s)
    add("send", send)
    add("set", set)
    object("signal", R.S.const(2))
    local dead = s:map(function(v) return v end)
    dead:stop(true)
    object("signal", dead)
    object("notifier", e:notify(nothing))
    object("step", R.Step.create())
  end
  kinds["lwt.mvar"] = function()
    object("mvar", require "lwt.mvar".create())
    object("mvar", require "lwt.mvar".create(1))
  end
  kinds["lwt.mutex"] = function() object("mutex", require "lwt.mutex".create()) end
  kinds["lwt.semaphore"] = function() object("semaphore", require "lwt.semaphore".create(1)) end
  kinds["lwt.condition"] = function() object("condition", require "lwt.condition".create()) end
  kinds["lwt.barrier"] = function() object("barrier", require "lwt.barrier".create(2)) end
  kinds["lwt.throttle"] = function() object("throttle", require "lwt.throttle".create(1, 2)) end
  kinds["lwt.pool"] = function()
    object("pool", require "lwt.pool".create(1, function() return {} end, { check = fails }))
  end
  kinds["lwt.switch"] = function()
    object("switch", require "lwt.switch".create())
    local off = require "lwt.switch".create()
    off:turn_off()
    object("switch", off)
  end
  kinds["lwt.timer"] = function() object("timer", require "lwt.timer".create(1, nothing)) end
  kinds["lwt.clock"] = function() object("clock", require "lwt.clock".create()) end
  kinds["lwt.bytes"] = function() object("bytes", require "lwt.bytes".create(8)) end
  kinds["lwt.io"] = function()
    local lio = require "lwt.io"
    local r, w = lio.pipe()
    object("channel", r)
    object("channel", w)
    object("channel", lio.of_bytes("some text\n", "r"))
    object("order", lio.le)
    w:atomic(function(ch) object("channel", ch) end)
    r, w = lio.pipe()
    r:close()
    w:close()
    object("channel", r)
    object("channel", w)
    local server = lio.establish_server("127.0.0.1:0", nothing):await()
    object("server", server)
    r = lio.open_connection(server:address()):await()
    object("channel", r)
    lio.of_bytes("some more text\n", "r"):direct_access(function(da) object("direct access", da) end):await()
  end
  kinds["lwt.net"] = function()
    local net = require "lwt.net"
    local a, b = net.socketpair()
    object("socket", a)
    object("socket", b)
    a = net.socketpair()
    a:close()
    object("socket", a)
    object("udp", net.udp "127.0.0.1:0")
    local listener = net.tcp_listen "127.0.0.1:0":await()
    object("listener", listener)
    object("tcp", net.tcp_connect(listener:address()):await())
    kinds.ptmx = require "lwt.fs".open("/dev/ptmx", "r+"):await() -- (kept: the tty has its descriptor)
    object("tty", net.tty(kinds.ptmx:fileno()))
  end
  kinds["lwt.fs"] = function()
    local fs = require "lwt.fs"
    object("file", fs.open(here .. "a file", "w+"):await())
    local closed = fs.open(here .. "a file", "r"):await()
    closed:close():await()
    object("file", closed)
    object("stream", fs.watch(here))
    object("stream", fs.readdir(here))
  end
  kinds["lwt.process"] = function()
    local process = require "lwt.process"
    object("process", process.open { "cat" })
    local ended = process.open { "true" }
    ended:close():await()
    object("process", ended)
  end
  kinds["lwt.signal"] = function() object("handler", require "lwt.signal".on("USR1", nothing)) end
  kinds["lwt.preemptive"] = function()
    local preemptive = require "lwt.preemptive"
    object("thread channel", preemptive.channel(2))
    local closed = preemptive.channel(1)
    closed:close()
    object("thread channel", closed)
  end
  kinds["lwt.log"] = function()
    local log = require "lwt.log"
    object("section", log.section "a")
    local l = log.make { output = nothing }
    object("logger", l)
    object("logger", log.file { path = here .. "a log" }:await())
    object("logger", log.buffered(log.make { output = fails }, 2))
    l = log.make { output = nothing }
    l:close():await()
    object("logger", l)
  end
  kinds["lwt.text"] = function()
    local text, lio = require "lwt.text", require "lwt.io"
    local r, w = lio.pipe()
    object("text channel", text.make(r, { encoding = "UTF-16" }))
    object("text channel", text.make(w, { encoding = "UTF-16" }))
    object("text channel", text.make(lio.of_bytes("a text\n\xff", "r")))
  end

  -- A terminal at the end of a pipe, and one that is no terminal.
  local function terminals()
    local lio, term = require "lwt.io", require "lwt.term"
    local r, w = lio.pipe()
    local fake = term.open(r, w, { tty = true, columns = 40, rows = 10, env = { TERM = "xterm" } })
    return fake, term.open(lio.pipe())
  end

  kinds["lwt.term"] = function()
    local fake, plain = terminals()
    object("terminal", fake)
    object("terminal", plain)
    object("guard", fake:raw_mode())
    object("bar", fake:progress { total = 3 })
    object("bar", plain:progress())
    object("spinner", fake:spinner())
    object("key", require "lwt.term".key "ctrl-a")
  end
  kinds["lwt.read_line"] = function()
    local read_line = require "lwt.read_line"
    local fake = terminals()
    local line = read_line.start {
      term = fake,
      keys = { ["ctrl-t"] = function(ed) object("editor", ed) end },
    }
    line:send "ctrl-t"
    lwt.yield()
    object("line", line)
    object("line", read_line.start { term = fake })
    object("history", read_line.history())
    object("history", read_line.history { path = here .. "a history" })
  end
  kinds["lwt.ssl"] = function()
    local ssl, net = require "lwt.ssl", require "lwt.net"
    local dir = assert(os.getenv "HOSTILE_CA", "where server.pem, server.key and ca.pem are")
    local server = ssl.context { role = "server", cert = dir .. "/server.pem", key = dir .. "/server.key" }
    local client = ssl.context { ca = dir .. "/ca.pem" }
    object("context", server)
    object("context", client)
    local a, b = net.socketpair()
    local serving = ssl.accept(a, { context = server })
    local stream = ssl.connect(b, { context = client, name = "localhost" }):await()
    object("tls stream", stream)
    object("tls stream", serving:await())
    object("session", stream:session())
  end

  return kinds
end

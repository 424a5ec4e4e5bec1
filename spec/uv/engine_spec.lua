local lwt = require "lwt"
local engine = require "lwt.engine"
local net = require "lwt.net"
local expect = require "spec.support.expect"
local libuv_places = require "spec.support.build".libuv_places
local skip = require "spec.support.skip"
local task = expect.task
local await = lwt.await

local function lua(code, before)
  local path = os.tmpname()
  local f <close> = assert(io.open(path, "w"))
  f:write(code)
  f:close()
  local p = assert(io.popen(("%s %s %s 2>&1; echo status $?"):format(before or "",
    os.getenv("LUA") or "lua5.4", path)))
  local out = p:read("a")
  p:close()
  os.remove(path)
  return out
end

describe("the engine", function()
  after_each(function() engine.set("uv") end)

  it("is libuv's", function()
    assert.equal("uv", engine.name())
    assert.equal("userdata", type(engine.loop()))
    assert.is_true(engine.fd() >= 0)
  end)

  it("measures seconds that do not go back", task(function()
    local before = lwt.now()
    await(lwt.sleep(0.02))
    assert.is_true(lwt.now() - before >= 0.02)
    assert.is_true(lwt.now() - before < 60)
  end))

  it("sleeps for fractions of a millisecond without ending early", task(function()
    for _ = 1, 20 do
      local before = lwt.now()
      await(lwt.sleep(0.0003))
      assert.is_true(lwt.now() - before >= 0.0003)
    end
  end))

  it("waits for what is far beyond what the system can wait for", task(function()
    local far = lwt.sleep(1e30)
    local a, b = net.socketpair()
    local writer = require "lwt.process".open({ "sh", "-c", "sleep 0.1; printf x" }, { stdout = a:fileno() })
    assert.equal("x", await(b:read()))
    assert.equal(0, await(writer:status()).code)
    far:cancel()
    a:close()
    b:close()
  end))

  it("counts a sleep from its call, also after a turn that blocked", task(function()
    local till = os.clock() + 0.05
    while os.clock() < till do end -- luacheck: ignore
    local before = lwt.now()
    await(lwt.sleep(0.02))
    assert.is_true(lwt.now() - before >= 0.02)
  end))

  it("finds a deadlock while a socket is open that nobody waits for", function()
    local main = lwt.spawn(function()
      local a, b = net.socketpair()
      a:write("x")
      await(b:read())
      pcall(await, (lwt.wait()))
      a:close()
      b:close()
    end)
    local ok, err = pcall(lwt.run, main)
    assert.is_false(ok)
    assert.is_truthy(tostring(err):find("deadlock"), tostring(err))
    main:cancel()
  end)

  it("waits as long as somebody reads", task(function()
    local a <close>, b = net.socketpair()
    local p = b:read()
    lwt.spawn(function()
      await(lwt.sleep(0.02))
      await(a:write("late"))
    end)
    assert.equal("late", await(p))
    b:close()
  end))

  it("serves hundreds that become ready in one turn, and a timer that is due meanwhile", task(function()
    local ran, seen = 0, nil
    local tasks, ends = {}, {}
    for i = 1, 300 do
      local a, b = net.socketpair()
      ends[i] = { a, b }
      tasks[i] = lwt.spawn(function()
        assert.equal("x", await(b:read()))
        if ran == 0 then -- the timer is due from here on
          local until_then = os.clock() + 0.004
          while os.clock() < until_then do end
        end
        ran = ran + 1
      end)
    end
    tasks[301] = lwt.spawn(function()
      await(lwt.sleep(0.002))
      seen = ran
    end)
    for i = 1, 300 do ends[i][1]:write("x") end
    await(lwt.join(tasks))
    assert.equal(300, ran)
    assert.is_true(seen > 0)
    for _, e in ipairs(ends) do
      e[1]:close()
      e[2]:close()
    end
  end))

  it("may be virtual, and back", task(function()
    engine.set("virtual")
    assert.equal("virtual", engine.name())
    local before = lwt.now()
    await(lwt.sleep(3600))
    assert.equal(3600, math.floor(lwt.now() - before + 0.5))
    engine.set("uv")
    assert.equal("uv", engine.name())
    local after = lwt.now()
    await(lwt.sleep(0.01))
    assert.is_true(lwt.now() - after < 60)
  end))

  it("may be one's own", function()
    local time, waits = 0, {}
    engine.set { now = function() return time end, wait = function(s)
      waits[#waits + 1] = s or -1
      time = time + (s or 0)
    end }
    lwt.run(function() await(lwt.sleep(2)) end)
    engine.set("uv")
    assert.is_true(time >= 2)
    assert.is_true(#waits >= 1)
  end)

  it("cannot be replaced while an operation is pending", function()
    lwt.run(function()
      local a <close>, b = net.socketpair()
      local p = b:read()
      assert.has_error(function()
        engine.set { now = os.clock, wait = function() end }
      end, "cannot change the engine: operations of the system are pending")
      b:close()
      pcall(await, p)
      a:close()
    end)
  end)

  it("is refused when it is none", function()
    assert.has_error(function() engine.set("select") end,
      'bad argument #1 to \'set\' ("uv", "virtual" or table expected, got "select")')
    assert.has_error(function() engine.set() end,
      'bad argument #1 to \'set\' ("uv", "virtual" or table expected, got nil)')
  end)

  it("lets a host poll its descriptor and step", function()
    local a, b = net.socketpair()
    local got
    lwt.spawn(function() got = await(b:read()) end)
    assert.is_true((lwt.step()))
    assert.is_nil(got)
    a:write("x")
    local n = 0
    while got == nil and n < 1000 do
      lwt.step()
      n = n + 1
    end
    assert.equal("x", got)
    a:close()
    b:close()
    lwt.step()
  end)

  it("ignores SIGPIPE", function()
    assert.is_truthy(lua([[
      local lwt, net = require "lwt", require "lwt.net"
      print(pcall(lwt.run, function()
        local a, b = net.socketpair()
        b:close()
        a:write("x"):await()
      end))
    ]]):find("EPIPE.*status 0"))
  end)
end)

describe("a loop of somebody else", function()
  local build = os.getenv("LWT_BUILD") or "build"

  setup(function()
    if os.getenv "LWT_UNDER" == "asan" then return end
    local command = ("%s -std=gnu11 -shared -fPIC -I%s spec/support/loop.c -o %s/loop.so%s -luv 2>&1"):format(
      os.getenv("CC") or "cc", os.getenv("LUA_INCDIR") or "/usr/include/lua5.4", build, libuv_places())
    assert(os.execute(command))
  end)
  teardown(function() os.remove(build .. "/loop.so") end)

  local function on(name, code, expected)
    it(name, function()
      if os.getenv "LWT_UNDER" == "asan" then skip.under "a module without the sanitizer" end
      local out = lua(([[
        package.cpath = %q .. "/?.so;" .. package.cpath
        local loop = require "loop"
        local lwt, net, engine = require "lwt", require "lwt.net", require "lwt.engine"
        local await = lwt.await
      ]]):format(build) .. code)
      assert.equal(expected, out)
    end)
  end

  on("is adopted, and turned by lwt.run", [[
    local theirs = loop.new()
    engine.adopt(theirs)
    print(engine.loop() == theirs, engine.name())
    loop.timer(10)
    lwt.run(function()
      local a, b = net.socketpair()
      local p = b:read()
      await(lwt.sleep(0.03))
      a:write("x")
      print(await(p), loop.fired())
      a:close()
      b:close()
    end)
    net.tcp_listen("127.0.0.1:0")
  ]], "true\tuv\nx\t1\nstatus 0\n")

  on("lets tasks run when its owner turns it", [[
    engine.adopt(loop.new())
    local log = {}
    loop.timer(5, function()
      log[#log + 1] = "timer"
      lwt.spawn(function()
        await(lwt.sleep(0.01))
        log[#log + 1] = "slept"
        local a, b = net.socketpair()
        lwt.spawn(function()
          await(lwt.sleep(0.01))
          await(a:write("x"))
        end)
        log[#log + 1] = await(b:read())
        a:close()
        b:close()
      end)
    end)
    print(loop.run(), table.concat(log, " "))
  ]], "false\ttimer slept x\nstatus 0\n")

  on("goes on without waiting while tasks are ready", [[
    engine.adopt(loop.new())
    local turns = 0
    loop.timer(1, function()
      lwt.spawn(function()
        for _ = 1, 50 do
          lwt.yield()
          turns = turns + 1
        end
      end)
    end)
    print(loop.run(), turns)
  ]], "false\t50\nstatus 0\n")

  on("hears of errors that nobody caught", [[
    warn("@on")
    engine.adopt(loop.new())
    loop.timer(1, function() lwt.async(function() await(lwt.pause()) error("lost", 0) end) end)
    loop.run()
  ]], "Lua warning: lwt: lost\nstatus 0\n")

  on("goes on after an error that cannot be made a string", [[
    warn("@on")
    engine.adopt(loop.new())
    local bad = setmetatable({}, { __tostring = function() error "in __tostring" end })
    loop.timer(1, function() lwt.async(function() await(lwt.pause()) error(bad) end) end)
    print(loop.run())
  ]], "Lua warning: lwt: an error that cannot be made a string\nfalse\nstatus 0\n")

  on("is not adopted while something is open", [[
    local a = net.socketpair()
    print(pcall(engine.adopt, loop.new()))
    print(pcall(engine.adopt, 5))
    a:close()
    print(pcall(engine.adopt, loop.none()))
  ]], "false\tcannot change the loop: handles or requests are open on it\n"
    .. "false\tbad argument #1 to 'lwt.engine.adopt' (userdata expected, got number)\n"
    .. "false\tbad argument #1 to 'lwt.engine.adopt' (loop expected, got NULL)\nstatus 0\n")

  on("is not adopted while a channel on a descriptor is open, or is being closed", [[
    local lio = require "lwt.io"
    local theirs, name = loop.new(), os.tmpname()
    local files = { (lwt.run(lio.open_file(name, "w"))) }
    local r, w = lio.pipe()
    print(pcall(engine.adopt, theirs))
    lwt.run(lwt.all { r:close(), w:close() })
    local p = files[1]:close()
    print(pcall(engine.adopt, theirs))
    lwt.run(p)
    files[2] = lwt.run(lio.open_file(name, "r")) -- has nothing there while nobody reads
    engine.adopt(theirs)
    print(engine.loop() == theirs, lwt.run(files[2]:read_line()))
    lwt.run(files[2]:close())
    os.remove(name)
  ]], ("false\tcannot change the loop: handles or requests are open on it\n"):rep(2)
    .. "true\tnil\nstatus 0\n")

  on("is not adopted while an operation is under way, nor in the middle of a turn", [[
    local theirs = loop.new()
    local p = require "lwt.fs".stat "/"
    print(pcall(engine.adopt, theirs))
    lwt.run(p)
    p = require "lwt.preemptive".detach(function() end)
    p:on_success(function() print(pcall(engine.adopt, theirs)) end)
    lwt.run(p)
    engine.adopt(theirs)
    print(engine.loop() == theirs)
  ]], "false\tcannot change the loop: handles or requests are open on it\n"
    .. "false\tcannot change the loop from inside it\ntrue\nstatus 0\n")

  on("has what other threads bring, and what is closed before and Ctrl-C, and so has the next one", [[
    local preemptive, process = require "lwt.preemptive", require "lwt.process"
    local function double(n) return await(preemptive.detach(function(m) return 2 * m end, n)) end
    local function close_a_pair()
      local a, b = net.socketpair()
      a:close()
      b:close()
    end
    print(lwt.run(double, 1))
    for round = 1, 2 do
      print(pcall(lwt.run, function()
        close_a_pair()
        engine.adopt(loop.new())
        close_a_pair()
        print(double(round + 1))
        process.kill(process.getpid(), "INT")
        await(lwt.sleep(30))
      end))
    end
    print(lwt.run(double, 4))
  ]], "2\n4\nfalse\tinterrupted\n6\nfalse\tinterrupted\n8\nstatus 0\n")
end)

describe("a host that closes the state in a callback on its own loop", function()
  if os.getenv "LWT_UNDER" == "asan" then
    it("is tried with a plain build", function() skip.under "a program without the sanitizer" end)
    return
  end

  local build = require "spec.support.build"
  local dir, program
  setup(function()
    dir = build.temp_dir()
    program = build.program(dir, "spec/support/adopted.c", "adopted", { "-luv" })
    local file = assert(io.open(dir .. "/adopted.lua", "w"))
    -- Of everything something, and a run that has listened to Ctrl-C.
    file:write [[
      local loop = ...
      local lwt, engine = require "lwt", require "lwt.engine"
      engine.adopt(loop)
      local fs, net, lio = require "lwt.fs", require "lwt.net", require "lwt.io"
      local process, signal, preemptive = require "lwt.process", require "lwt.signal", require "lwt.preemptive"
      lwt.run(process.exec { "true" })
      KEEP = {}
      local function keep(...) for _, x in ipairs { ... } do KEEP[#KEEP + 1] = x end end
      lwt.spawn(function()
        local a, b = net.socketpair()
        local r, w = lio.pipe()
        keep(a, b:read(), w, r:read(), process.open { "sleep", "0.2" }, signal.on("USR1", print),
          signal.next "USR2", net.udp("127.0.0.1:0"):recv(), lwt.sleep(30), fs.watch("/"):next(),
          net.tcp_listen "127.0.0.1:0", fs.stat "/", net.getaddrinfo "localhost",
          preemptive.detach(function() end), preemptive.channel(1):recv(), w:write(("x"):rep(1 << 20)))
      end)]]
    file:close()
  end)
  teardown(function() lwt.run(build.remove_dir(dir)) end)

  for _, kind in ipairs { "timer", "close", "async", "poll", "prepare", "check", "idle" } do
    it("goes on with the loop afterwards, and finds nothing on it: " .. kind, function()
      local r = build.run({ program, kind, dir .. "/adopted.lua" })
      assert.same({ 0, kind .. ": closed, 5 turns more, empty\n" }, { r.code or r.signal, r.out }, r.err)
    end)
  end
end)

describe("the end of a state", function()
  -- Everything pending that the network has, then the state is closed in the middle.
  local script = [[
    local lwt, net = require "lwt", require "lwt.net"
    local told = 0
    local function tell() told = told + 1; print("Lua was called") end
    local path = os.tmpname(); os.remove(path)
    lwt.spawn(function()
      local l = net.tcp_listen("127.0.0.1:0"):await()
      local a = net.tcp_connect(l:address()):await()
      local b = l:accept():await()
      local x, y = net.socketpair()
      local u = net.udp("127.0.0.1:0")
      local keep = {
        l:accept(), l:accept(), b:read(), b:read(), a:write(("x"):rep(1 << 24)), a:write("y"),
        a:shutdown(), x:read(), y:write({ ("x"):rep(1 << 22), "z" }), u:recv(), u:recv(),
        net.getaddrinfo("localhost", 80), net.getnameinfo("127.0.0.1:80"),
        net.tcp_connect("localhost:" .. net.parse_address(l:address()).port),
        net.tcp_connect(l:address()), net.wait_readable(a:fileno()), net.wait_writable(0),
        lwt.sleep(1000), net.pipe_listen(path),
      }
      for i = 1, 30 do keep[#keep + 1] = net.getaddrinfo("localhost", i) end
      for _, p in ipairs(keep) do p:on_any(tell, tell) end
      KEEP = keep
    end)
    while not KEEP do lwt.step() end
    told = 0
    print("closing")
    SENTINEL = setmetatable({}, { __gc = function()
      local ok, err = pcall(net.socketpair)
      print("a finaliser may start nothing: ", ok)
    end })
    os.exit(EXIT_CODE, true)
  ]]

  it("is quiet in the middle of everything", function()
    local out = lua((script:gsub("EXIT_CODE", "7")))
    local tail = out:match("closing\n(.*)")
    assert.is_truthy(tail, out)
    assert.is_nil(tail:find("Lua was called"), out)
    assert.is_truthy(tail:find("status 7"), out)
  end)

  it("leaks nothing, says valgrind", function()
    if os.getenv "LWT_UNDER" == "asan" then skip.under "valgrind, which runs no sanitizer" end
    skip.needs "valgrind"
    local out = lua((script:gsub("EXIT_CODE", "0")), "valgrind -q --leak-check=full "
      .. "--show-leak-kinds=definite,indirect,possible --error-exitcode=9 "
      .. "--suppressions=scripts/valgrind.supp")
    assert.is_truthy(out:find("status 0"), out)
    assert.is_nil(out:find("=="), out)
  end)
end)

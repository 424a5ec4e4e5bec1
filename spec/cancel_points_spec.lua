-- doc/cancel-points.md: what is rejected at once when it is cancelled, what after its cleanup, what
-- not at all; of each group of its tables, in the order in which they stand there.

local lwt = require "lwt"
local bytes = require "lwt.bytes"
local fs = require "lwt.fs"
local io = require "lwt.io"
local list = require "lwt.list"
local net = require "lwt.net"
local process = require "lwt.process"
local seq = require "lwt.seq"
local stream = require "lwt.stream"
local await = lwt.await

local function never() return await((lwt.task())) end

-- Each gives a promise that has to wait. Run in a task, with an empty folder.
local at_once = {
  sleep = function() return lwt.sleep(60) end,
  timeout = function() return lwt.timeout(60) end,
  pause = lwt.pause,
  task = function() return (lwt.task()) end,
  from_callback = function() return lwt.from_callback(function() end) end,
  ["with_timeout of a promise"] = function() return lwt.with_timeout(60, lwt.wait()) end,
  ["with_timeout of a function"] = function() return lwt.with_timeout(60, never) end,
  protected = function() return lwt.protected((lwt.wait())) end,
  wrap_in_cancelable = function() return lwt.wrap_in_cancelable((lwt.wait())) end,
  bind = function() return lwt.sleep(60):bind(print) end,
  map = function() return lwt.sleep(60):map(print) end,
  join = function() return lwt.join { lwt.sleep(60), lwt.fulfilled() } end,
  all = function() return lwt.all { lwt.sleep(60), lwt.sleep(60) } end,
  both = function() return lwt.both(lwt.sleep(60), lwt.sleep(60)) end,
  choose = function() return lwt.choose { lwt.sleep(60) } end,
  pick = function() return lwt.pick { lwt.sleep(60), lwt.sleep(60) } end,
  ["mvar.take"] = function() return require "lwt.mvar".create():take() end,
  ["mvar.put"] = function() return require "lwt.mvar".create(1):put(2) end,
  ["mutex.lock"] = function()
    local m = require "lwt.mutex".create()
    await(m:lock())
    return m:lock()
  end,
  ["semaphore.acquire"] = function()
    local s = require "lwt.semaphore".create(1)
    await(s:acquire())
    return s:acquire()
  end,
  ["condition.wait"] = function() return require "lwt.condition".create():wait() end,
  ["barrier.wait"] = function() return require "lwt.barrier".create(2):wait() end,
  ["stream.get"] = function() return (stream.create()):get() end,
  ["stream.nget"] = function() return (stream.create()):nget(2) end,
  ["a bounded push"] = function()
    local _, pusher = stream.create_bounded(1)
    pusher:push(1)
    return pusher:push(2)
  end,
  ["throttle.wait"] = function()
    local t = require "lwt.throttle".create(1, 10)
    await(t:wait("key"))
    return t:wait("key")
  end,
  ["fs.stat"] = function() return fs.stat "." end,
  ["fs.open"] = function(dir) return fs.open(dir .. "/file", "w") end,
  ["fs.read_file"] = function(dir) return fs.read_file(dir .. "/none") end,
  ["fs.write_file"] = function(dir) return fs.write_file(dir .. "/file", "x") end,
  ["fs.copyfile"] = function(dir) return fs.copyfile(dir .. "/none", dir .. "/file") end,
  ["ch:read_line"] = function() return (io.pipe()):read_line() end,
  ["ch:read_into"] = function() return (io.pipe()):read_into(bytes.create(4)) end,
  ["sock:read"] = function() return (net.socketpair()):read() end,
  ["udp:recv"] = function() return net.udp("127.0.0.1:0"):recv() end,
  ["listener:accept"] = function() return await(net.tcp_listen "127.0.0.1:0"):accept() end,
  tcp_connect = function() return net.tcp_connect "127.0.0.1:1" end,
  open_connection = function() return io.open_connection "127.0.0.1:1" end,
  getaddrinfo = function() return net.getaddrinfo("localhost", 80) end,
  ["process:status"] = function()
    local p = process.open({ "cat" }, { stdin = "pipe" })
    lwt.async(function()
      lwt.yield()
      await(p:close())
    end)
    return p:status()
  end,
  ["signal.next"] = function() return require "lwt.signal".next "USR2" end,
  ["recv of a thread channel"] = function() return require "lwt.preemptive".channel(1):recv() end,
  ["send to a thread channel"] = function() return require "lwt.preemptive".channel(0):send(1) end,
}

local after_cleanup = {
  spawn = function(f) return lwt.spawn(f) end,
  scope = function(f) return lwt.scope(f) end,
  ["a scope's child"] = function(f) return lwt.scope(function(s) s:spawn(f) end) end,
  catch = function(f) return lwt.catch(f, function(err) error(err, 0) end) end,
  finalize = function(f) return lwt.finalize(f, function() end) end,
  try_bind = function(f) return lwt.try_bind(f, print, function(err) error(err, 0) end) end,
  ["list.map_p"] = function(f) return list.map_p(f, { 1, 2 }) end,
  ["list.iter_s"] = function(f) return list.iter_s(f, { 1, 2 }) end,
  ["stream.iter_s"] = function(f) return stream.of_list({ 1 }):iter_s(f) end,
  ["mutex.with_lock"] = function(f) return require "lwt.mutex".create():with_lock(f) end,
  ["semaphore.with"] = function(f) return require "lwt.semaphore".create(1):with(f) end,
  ["pool.use"] = function(f)
    return require "lwt.pool".create(1, function() return {} end):use(f)
  end,
  ["retry.run"] = function(f) return require "lwt.retry".run(f) end,
  ["io.with_temp_dir"] = function(f) return io.with_temp_dir(f) end,
  ["ch:atomic"] = function(f) return select(2, io.pipe()):atomic(f) end,
}

local function each_sorted(t, f)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do f(name, t[name]) end
end

local function in_task(f)
  return function()
    lwt.run(lwt.with_timeout(30, function()
      await(io.with_temp_dir(f))
    end))
    collectgarbage()
  end
end

describe("a cancel", function()
  each_sorted(at_once, function(name, make)
    it("rejects at once: " .. name, in_task(function(dir)
      local p = make(dir)
      assert.is_true(p:is_pending())
      p:cancel()
      local state, err = p:state()
      assert.equal("rejected", state)
      assert.equal(lwt.Canceled, err)
    end))
  end)

  each_sorted(after_cleanup, function(name, make)
    it("waits for the cleanup: " .. name, in_task(function()
      local begun, cleaned = false, false
      local p = make(function()
        begun = true
        local ok, err = pcall(never)
        assert(not ok)
        lwt.shield(function() await(lwt.sleep(0.01)) end)
        cleaned = true
        error(err, 0)
      end)
      for _ = 1, 200 do
        if begun then break end
        await(lwt.sleep(0.005))
      end
      p:cancel()
      assert.is_true(p:is_pending())
      assert.is_false(cleaned)
      local ok, err = pcall(await, p)
      assert.is_false(ok)
      assert.equal(lwt.Canceled, err)
      assert.is_true(cleaned)
    end))
  end)

  it("does nothing to a wait, to no_cancel, to a pool's clear", in_task(function()
    local p, r = lwt.wait()
    p:cancel()
    local q = lwt.no_cancel(p)
    q:cancel()
    assert.equal("pending", (p:state()))
    assert.equal("pending", (q:state()))
    r:wakeup(1)
    assert.equal(1, await(q))
    local closed = (stream.create()):closed()
    closed:cancel()
    assert.equal("pending", (closed:state()))
  end))

  it("stops the program of a pread, and is over when it has ended", in_task(function(dir)
    local p = process.pread(process.shell(("trap 'sleep 0.05; echo x > %s/ended; exit' TERM; "
      .. "echo x > %s/up; while :; do sleep 0.01; done"):format(dir, dir)))
    while not await(fs.exists(dir .. "/up")) do await(lwt.sleep(0.005)) end
    p:cancel()
    assert.is_true(p:is_pending())
    assert.is_false((pcall(await, p)))
    assert.is_true(await(fs.exists(dir .. "/ended")))
  end))
end)

local readers = {
  get = function(s) return s:get() end,
  next = function(s) return s:next() end,
  nget = function(s) return s:nget(2) end,
  get_while = function(s) return s:get_while(function() return true end) end,
  get_while_s = function(s) return s:get_while_s(function() return true end) end,
  junk = function(s) return s:junk() end,
  njunk = function(s) return s:njunk(2) end,
  junk_while = function(s) return s:junk_while(function() return true end) end,
  junk_while_s = function(s) return s:junk_while_s(function() return true end) end,
  last_new = function(s) return s:last_new() end,
  parse = function(s) return s:parse(function() return await(s:next()) end) end,
  to_list = function(s) return s:to_list() end,
  to_string = function(s) return s:to_string() end,
  fold = function(s) return s:fold(0, function(_, n) return n + 1 end) end,
  fold_s = function(s) return s:fold_s(0, function(_, n) return n + 1 end) end,
  iter = function(s) return s:iter(function() end) end,
  iter_s = function(s) return s:iter_s(function() end) end,
  iter_p = function(s) return s:iter_p(function() end) end,
  iter_n = function(s) return s:iter_n(function() end, 2) end,
  find = function(s) return s:find(function() return true end) end,
  find_s = function(s) return s:find_s(function() return true end) end,
  find_map = function(s) return s:find_map(function(v) return v end) end,
  find_map_s = function(s) return s:find_map_s(function(v) return v end) end,
}

local sources = {
  pushed = function()
    local s, push = stream.create()
    for i = 1, 3 do push("v" .. i) end
    return s
  end,
  ["of_list"] = function() return stream.of_list { "v1", "v2", "v3" } end,
  ["bounded"] = function()
    local s, pusher = stream.create_bounded(3)
    for i = 1, 3 do pusher:push("v" .. i) end
    pusher:close()
    return s
  end,
  ["mapped"] = function()
    return stream.of_list({ 1, 2, 3 }):map(function(v) return "v" .. v end)
  end,
  ["a clone"] = function() return stream.of_list({ "v1", "v2", "v3" }):clone() end,
}

-- In a task that was cancelled and has not been told: `f` is called, and what it gives awaited.
local function due_in_task(f)
  local told
  local p = lwt.spawn(function()
    lwt.current():cancel()
    told = { pcall(function() return await(f()) end) }
  end)
  await(p)
  assert.same({ false, lwt.Canceled }, told)
end

local function due_in_scope(f)
  local told
  pcall(await, lwt.scope(function(s)
    s:cancel()
    told = { pcall(function() return await(f()) end) }
  end))
  assert.same({ false, lwt.Canceled }, told)
end

local function settle() for _ = 1, 3 do lwt.yield() end end

describe("a task to which a cancel is due", function()
  each_sorted({ task = due_in_task, scope = due_in_scope }, function(where, due)
    each_sorted(readers, function(name, read)
      it(("takes nothing from a stream that nobody gets (%s, in a %s)"):format(name, where),
        in_task(function()
          each_sorted(sources, function(kind, make)
            local s = make()
            due(function() return read(s) end)
            settle()
            assert.equal("v1 v2 v3", table.concat(s:get_available(), " "), kind)
          end)
        end))
    end)

    it("loses nothing through a direct view in a " .. where, in_task(function()
      local s = stream.of_list { 1, 2 }
      local view = lwt.direct(s)
      due(function()
        view:next()
        error "not reached"
      end)
      due(function()
        view:nget(2)
        error "not reached"
      end)
      settle()
      assert.equal(2, #s:get_available())
    end))

    it("pushes nothing in a " .. where, in_task(function()
      local s, pusher = stream.create_bounded(3)
      due(function() return pusher:push(1) end)
      assert.equal(0, pusher:count())
      settle()
      assert.equal(0, pusher:count())
      assert.is_false(pusher:blocked())
      local reader = s:next()
      due(function() return pusher:push(2) end)
      settle()
      assert.is_true(reader:is_pending())
      await(pusher:push(3))
      assert.equal(3, await(reader))
    end))

    it("gives its place at a throttle back in a " .. where, in_task(function()
      local t = require "lwt.throttle".create(1, 10)
      due(function() return t:wait "key" end)
      settle()
      assert.equal("fulfilled true", table.concat({ t:wait "key":state(), "true" }, " "))
    end))

    it("is told in the for of a stream and of a sequence, elements at hand or not, in a " .. where,
      in_task(function()
        local seen = 0
        due(function()
          for _ in stream.of_list { 1, 2, 3 } do seen = seen + 1 end
          return lwt.rejected "ran to its end"
        end)
        due(function()
          for _ in seq.of_list({ 1, 2, 3 }):each() do seen = seen + 1 end
          return lwt.rejected "ran to its end"
        end)
        assert.equal(0, seen)
      end))
  end)

  it("is told in the middle of a for", in_task(function()
    local seen = {}
    local p = lwt.spawn(function()
      for v in stream.of_list { 1, 2, 3 } do
        seen[#seen + 1] = v
        if v == 2 then lwt.current():cancel() end
      end
    end)
    assert.equal(lwt.Canceled, select(2, p:state()))
    assert.same({ 1, 2 }, seen)
  end))

  it("reads and pushes a turn later where it does not await that", in_task(function()
    local s, pusher = stream.create_bounded(2)
    local read, pushed
    local p = lwt.spawn(function()
      lwt.current():cancel()
      pushed = { pusher:push(1), pusher:push(2), pusher:push(3) }
      assert.is_true(pusher:blocked())
      read = s:next()
    end)
    await(p)
    settle()
    assert.equal(1, await(read))
    for i = 1, 3 do assert.equal("fulfilled", (pushed[i]:state())) end
    assert.equal(2, pusher:count())
  end))

  it("pushes before what is pushed, or closed, after it", in_task(function()
    local s, pusher = stream.create_bounded(5)
    await(lwt.spawn(function()
      lwt.current():cancel()
      pusher:push(1)
      pusher:push(2)
    end))
    pusher:push(3)
    await(lwt.spawn(function()
      lwt.current():cancel()
      pusher:push(4)
      pusher:close()
    end))
    assert.same({ 1, 2, 3, 4, n = 4 }, await(s:to_list()))
  end))
end)

describe("a crew", function()
  local function working(forms)
    return function()
      for name, form in pairs(forms) do
        local ended, cleaning = 0, 0
        local p = form(function()
          local ok, err = pcall(never)
          assert.is_false(ok)
          cleaning = cleaning + 1
          lwt.yield()
          ended = ended + 1
          error(err, 0)
        end)
        p:cancel()
        assert.is_false((pcall(await, p)), name)
        assert.is_true(cleaning > 1, name)
        assert.equal(cleaning, ended, name)
      end
    end
  end

  it("cleans up every child once", in_task(working {
    map_p = function(f) return list.map_p(f, { 1, 2, 3 }) end,
    map_n = function(f) return list.map_n(f, { 1, 2, 3 }, 2) end,
    iter_p = function(f) return stream.of_list({ 1, 2, 3 }):iter_p(f) end,
    iter_n = function(f) return stream.of_list({ 1, 2, 3 }):iter_n(f, 2) end,
    seq = function(f) return seq.of_list({ 1, 2, 3 }):iter_n(f, 2) end,
  }))

  -- What a child awaits is rejected when `cancel` returns.
  local forms = {
    ["list.map_s"] = function(f) return list.map_s(f, { 1 }) end,
    ["list.map_p"] = function(f) return list.map_p(f, { 1, 2, 3 }) end,
    ["list.iter_n"] = function(f) return list.iter_n(f, { 1, 2, 3 }, 2) end,
    ["stream.iter_p"] = function(f) return stream.of_list({ 1, 2, 3 }):iter_p(f) end,
    ["stream.iter_p of one that waits"] = function(f)
      local s, push = stream.create()
      push(1)
      push(2)
      return s:iter_p(f)
    end,
    ["stream.iter_n"] = function(f) return stream.of_list({ 1, 2, 3 }):iter_n(f, 2) end,
    ["seq.iter_p"] = function(f) return seq.of_list({ 1, 2, 3 }):iter_p(f) end,
  }
  each_sorted(forms, function(name, form)
    it("is cancelled at once: " .. name, in_task(function()
      local awaited = {}
      local p = form(function(v)
        local q = lwt.task()
        awaited[#awaited + 1] = q
        return await(q), v
      end)
      assert.is_true(#awaited > 0)
      p:cancel()
      for i, q in ipairs(awaited) do
        assert.equal(lwt.Canceled, select(2, q:state()), i)
      end
      assert.is_false((pcall(await, p)))
    end))
  end)
end)

-- luv: a large folder, a tree with the size of each file, datagrams, a child's output.

local uv = require "luv"
local bench = require "bench.harness"

local W = {}

function W.scandir(path)
  local start, n = bench.now(), 0
  uv.fs_scandir(path, function(err, request)
    assert(not err, err)
    while uv.fs_scandir_next(request) do n = n + 1 end
  end)
  uv.run()
  bench.report("luv", bench.now() - start, n)
  start = bench.now()
  local list = {}
  uv.fs_scandir(path, function(err, request)
    assert(not err, err)
    for name, kind in function() return uv.fs_scandir_next(request) end do
      list[#list + 1] = { name = name, type = kind }
    end
  end)
  uv.run()
  bench.report("luv_list", bench.now() - start, #list)
end

function W.walk(path)
  local start, n, bytes, busy, waiting = bench.now(), 0, 0, 0, { path }
  local function visit(folder)
    busy = busy + 1
    uv.fs_scandir(folder, function(err, request)
      assert(not err, err)
      local left = 1
      local function one_less()
        left = left - 1
        if left > 0 then return end
        busy = busy - 1
        while busy < 8 and waiting[1] do visit(table.remove(waiting)) end
      end
      while true do
        local name, kind = uv.fs_scandir_next(request)
        if not name then break end
        n, left = n + 1, left + 1
        name = folder .. "/" .. name
        if kind == "directory" then waiting[#waiting + 1] = name end
        uv.fs_lstat(name, function(wrong, stat)
          assert(not wrong, wrong)
          bytes = bytes + stat.size
          one_less()
        end)
      end
      one_less()
    end)
  end
  visit(table.remove(waiting))
  uv.run()
  bench.report("luv", bench.now() - start, n)
end

function W.udp(n)
  local server, client = uv.new_udp(), uv.new_udp()
  server:bind("127.0.0.1", 0)
  local port = server:getsockname().port
  client:connect("127.0.0.1", port)
  server:recv_start(function(err, data, from)
    assert(not err, err)
    if data and from then server:try_send(data, from.ip, from.port) end
  end)
  local text, come, sent = ("x"):rep(64), 0, 32
  client:recv_start(function(err, data)
    assert(not err, err)
    if not data then return end
    come = come + 1
    if sent < n then
      sent = sent + 1
      client:try_send(text, nil, nil)
    elseif come == n then
      client:close()
      server:close()
    end
  end)
  local start = bench.now()
  for _ = 1, 32 do client:try_send(text, nil, nil) end
  uv.run()
  bench.report("luv", bench.now() - start, n)
end

function W.pipe(bytes)
  local function measure(who, into)
    local start, sum = bench.now(), 0
    local output = uv.new_pipe()
    local process
    process = uv.spawn("head", { args = { "-c", tostring(bytes), "/dev/zero" }, stdio = { nil, output } }, function()
      process:close()
    end)
    local function take(err, chunk)
      assert(not err, err)
      if not chunk then
        output:close()
        if into then into:close() end
        return
      end
      sum = sum + #chunk
      if not into then return end
      output:read_stop() -- until the other one has taken it
      into:write(chunk, function() output:read_start(take) end)
    end
    output:read_start(take)
    uv.run()
    assert(sum == bytes)
    bench.report(who, bench.now() - start, sum)
  end
  measure "luv"
  local input = uv.new_pipe()
  local cat
  local null = assert(uv.fs_open("/dev/null", "w", 0))
  cat = uv.spawn("cat", { args = {}, stdio = { input, null } }, function() cat:close() end)
  measure("luv_two", input)
end

bench.main(W)

-- lwt: a large folder, a tree with the size of each file, datagrams, a child's output.

local lwt = require "lwt"
local fs = require "lwt.fs"
local net = require "lwt.net"
local process = require "lwt.process"
local semaphore = require "lwt.semaphore"
local bench = require "bench.harness"

local await = lwt.await

local W = {}

function W.scandir(path)
  lwt.run(function()
    local start = bench.now()
    local list = await(fs.scandir(path))
    bench.report("lwt", bench.now() - start, #list)
    start = bench.now()
    local n = 0
    for entry in fs.readdir(path) do
      if entry.name then n = n + 1 end
    end
    bench.report("lwt_readdir", bench.now() - start, n)
  end)
end

-- The entries of a folder and of those in it, each with its size; eight folders at once.
local function walk(path)
  local n, bytes = 0, 0
  local eight = semaphore.create(8)
  local function sizes_in(folder, subfolder)
    local list = await(fs.scandir(folder))
    local stats = {}
    for i, entry in ipairs(list) do
      local name = folder .. "/" .. entry.name
      stats[i] = fs.lstat(name)
      if entry.type == "directory" then subfolder(name) end
    end
    for i = 1, #stats do bytes = bytes + await(stats[i]).size end
    n = n + #list
  end
  await(lwt.scope(function(s)
    local function visit(folder) await(eight:with(sizes_in, folder, function(name) s:spawn(visit, name) end)) end
    visit(path)
  end))
  return n, bytes
end

function W.walk(path)
  lwt.run(function()
    local start = bench.now()
    local n = walk(path)
    bench.report("lwt", bench.now() - start, n)
  end)
end

function W.udp(n)
  lwt.run(function()
    local server, client = net.udp "127.0.0.1:0", net.udp "127.0.0.1:0"
    client:connect(server:getsockname())
    local text = ("x"):rep(64)
    local start = bench.now()
    local echo = lwt.spawn(function()
      while true do
        local data, from = await(server:recv())
        await(server:send(data, from))
      end
    end)
    for _ = 1, 32 do await(client:send(text)) end
    local sent = 32
    for _ = 1, n do
      assert(#await(client:recv()) == 64)
      if sent < n then
        sent = sent + 1
        await(client:send(text))
      end
    end
    bench.report("lwt", bench.now() - start, n)
    echo:cancel()
    server:close()
    client:close()
  end)
end

-- A child's output: read, and copied into another child.
function W.pipe(bytes)
  local source = { "head", "-c", tostring(bytes), "/dev/zero" }
  local function measure(who, sink)
    local start, sum = bench.now(), 0
    local into = sink and process.open(sink, { stdin = "pipe", stdout = "null" })
    local from = process.open(source, { stdout = "pipe" })
    while true do
      local chunk = await(from.stdout:read(65536))
      if not chunk then break end
      sum = sum + #chunk
      if into then await(into.stdin:write(chunk)) end
    end
    if into then
      await(into.stdin:close())
      assert(await(into:status()).code == 0)
    end
    assert(sum == bytes and await(from:status()).code == 0)
    bench.report(who, bench.now() - start, sum)
  end
  lwt.run(function()
    measure "lwt"
    measure("lwt_two", { "cat" })
  end)
end

bench.main(W)

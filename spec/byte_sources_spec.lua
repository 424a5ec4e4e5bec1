-- Every kind of source and sink that lwt has, under the one kit: whoever reads in whatever style
-- gets the bytes that were sent, in their order.

local lwt = require "lwt"
local bytes = require "lwt.bytes"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local net = require "lwt.net"
local test = require "lwt.test"

local await, spawn = lwt.await, lwt.spawn

-- Closes everything of `things` when it is closed itself.
local function with_others(main, ...)
  local others = { ... }
  return setmetatable({
    close = function()
      for _, o in ipairs(others) do await(o:close()) end
      return main:close()
    end,
    read = function(_, n) return main:read(n) end,
    write = function(_, s) return main:write(s) end,
  }, { __index = main })
end

local function feed(out, data)
  spawn(function()
    await(out:write(data))
    await(out.shutdown and out:shutdown() or out:close())
  end)
end

local function everything(input)
  local got = {}
  while true do
    local s = await(input:read(65536))
    if s == nil then return table.concat(got) end
    got[#got + 1] = s
  end
end

-- What connects: `pair()` gives two ends.
local function connected(listen, connect)
  return function()
    local l = await(listen())
    local accepted = l:accept()
    local a, b = await(connect(l:address())), await(accepted)
    l:close()
    return a, b
  end
end

local count = 0
local pairs_of = {
  ["a TCP socket"] = connected(function() return net.tcp_listen "127.0.0.1:0" end,
    net.tcp_connect),
  ["a Unix-domain socket"] = connected(function()
    count = count + 1
    return net.pipe_listen("unix:" .. os.tmpname() .. count)
  end, net.pipe_connect),
  ["a pair of sockets"] = net.socketpair,
  ["a pipe"] = lio.pipe,
  ["channels over a pair of sockets"] = function()
    local a, b = net.socketpair()
    return lio.of_socket(a), lio.of_socket(b)
  end,
}

-- Nothing here is a plain table where the direct view needs the object itself.
local function kit(name, source, sink)
  describe(name, function()
    for what, check in test.bytes_kit(source, sink) do it(what, check) end
  end)
end

for name, pair in pairs(pairs_of) do
  local ends = {}
  kit(name, function(data)
    local input, output = pair()
    ends[input] = output
    feed(output, data)
    return input
  end, function()
    local input, output = pair()
    local got = spawn(everything, input)
    return output, function()
      await(output.shutdown and output:shutdown() or output:close())
      local all = await(got)
      await(input:close())
      return all
    end
  end)
  after_each(function()
    for _, e in pairs(ends) do e:close() end
    ends = {}
    lwt.run(lwt.pause())
  end)
end


-- Every kind of source and sink of bytes that lwt has, under the one kit: whoever reads, in
-- whatever style, gets the bytes that were sent, in their order.

local lwt = require "lwt"
local bytes = require "lwt.bytes"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local net = require "lwt.net"
local process = require "lwt.process"
local test = require "lwt.test"

local await, spawn = lwt.await, lwt.spawn

local function finish_writing(out)
  await(out.shutdown and out:shutdown() or out:close())
end

local function everything(input)
  local got = {}
  while true do
    local s = await(input:read(65536))
    if s == nil then return table.concat(got) end
    got[#got + 1] = s
  end
end

-- Two ends that a listener has put together: the one that has connected, and the one accepted.
local function connected(listen, connect)
  return function()
    local l <close> = await(listen())
    local accepted = l:accept()
    return await(connect(l:address())), await(accepted)
  end
end

local function tcp_listen() return net.tcp_listen "127.0.0.1:0" end

local named = 0
local function unix_listen()
  named = named + 1
  return net.pipe_listen(("unix:byte_sources.%d"):format(named))
end

-- `pair()` gives an end to read and an end to write (and whether the other way round is open).
local through = {
  ["a TCP socket"] = connected(tcp_listen, net.tcp_connect),
  ["a Unix-domain socket"] = connected(unix_listen, net.pipe_connect),
  ["a socket pair"] = net.socketpair,
  ["channels of a pipe"] = lio.pipe,
  ["a channel that reads a TCP connection"] = connected(tcp_listen, lio.open_connection),
  ["a channel that writes a TCP connection"] = function()
    local out, input = connected(tcp_listen, lio.open_connection)()
    return input, out
  end,
  ["a channel that reads a Unix-domain connection"] = connected(unix_listen,
    lio.open_connection),
  ["a pipe that was opened elsewhere"] = function()
    local cat = process.open({ "cat" }, { stdin = "pipe", stdout = "pipe" })
    return cat.stdout, cat.stdin
  end,
  ["a channel on functions"] = function()
    local r, w = net.socketpair()
    return lio.make { read = function(n) return r:read(n) end,
      close = function() return r:close() end }, w
  end,
}

local open = {}

for name, pair in pairs(through) do
  describe(name, function()
    after_each(function()
      for _, e in ipairs(open) do e:close() end
      open = {}
      lwt.run(lwt.pause())
    end)

    local function new()
      local input, output = pair()
      open[#open + 1], open[#open + 2] = input, output
      return input, output
    end

    for what, check in test.bytes_kit(function(data)
      local input, output = new()
      spawn(function()
        await(output:write(data))
        finish_writing(output)
      end)
      return input
    end, function()
      local input, output = new()
      local got = spawn(everything, input)
      return output, function()
        finish_writing(output)
        return await(got)
      end
    end) do
      it(what, check)
    end
  end)
end

local folder = os.getenv "TMPDIR" or "/tmp"
local written = folder .. "/lwt-bytes.out"

local files = 0
local function file_of(data)
  files = files + 1
  local path = ("%s/lwt-bytes.%d"):format(folder, files % 2)
  await(fs.write_file(path, data))
  return path
end

describe("a file", function()
  for what, check in test.bytes_kit(function(data)
    return await(fs.open(file_of(data)))
  end, function()
    local f = await(fs.open(written, "w"))
    return f, function()
      await(f:close())
      return await(fs.read_file(written))
    end
  end) do
    it(what, check)
  end
end)

describe("a channel of a file", function()
  for what, check in test.bytes_kit(function(data)
    return await(lio.open_file(file_of(data)))
  end, function()
    local f = await(lio.open_file(written, "w"))
    return f, function()
      await(f:close())
      return await(fs.read_file(written))
    end
  end) do
    it(what, check)
  end
end)

describe("a channel of bytes in memory", function()
  for what, check in test.bytes_kit(lio.of_bytes, function()
    local b = bytes.create(1000000)
    local ch = lio.of_bytes(b, "w")
    return ch, function()
      await(ch:flush())
      return b:to_string(0, ch:position())
    end
  end) do
    it(what, check)
  end
end)

describe("the output of a program", function()
  local programs = {}
  after_each(function()
    lwt.run(function()
      for _, p in ipairs(programs) do await(p:close()) end
    end)
    programs = {}
  end)
  for what, check in test.bytes_kit(function(data)
    local p = process.open({ "cat", file_of(data) }, { stdin = "null", stdout = "pipe" })
    programs[#programs + 1] = p
    return p.stdout
  end) do
    it(what, check)
  end
end)

-- Datagrams keep their limits, whatever is asked for; an empty one is the end here.
describe("a UDP socket", function()
  local sockets = {}
  after_each(function()
    for _, u in ipairs(sockets) do u:close() end
    sockets = {}
  end)

  local function receiver()
    local u = net.udp "127.0.0.1:0"
    sockets[#sockets + 1] = u
    local ended = false
    return {
      read = function()
        if ended then return lwt.fulfilled(nil) end
        return u:recv():map(function(s)
          if s == "" then
            ended = true
            u:close()
            return nil
          end
          return s
        end):catch(function(err)
          if err ~= lwt.Closed then error(err, 0) end
        end)
      end,
    }, u:getsockname()
  end

  for what, check in test.bytes_kit(function(data)
    local source, address = receiver()
    local out = net.udp()
    sockets[#sockets + 1] = out
    spawn(function()
      -- No faster than they are read, nearly: what does not fit is lost, with UDP.
      for i = 1, #data, 8000 do
        await(out:send(data:sub(i, i + 7999), address))
        await(lwt.pause())
      end
      await(out:send("", address))
    end)
    return source
  end) do
    if not what:find "direct view" then it(what, check) end
  end
end)

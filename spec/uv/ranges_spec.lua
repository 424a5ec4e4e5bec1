-- Numbers that are out of their range, on both sides of it, are refused by name where they are given;
-- the last that is within is taken.
local bytes = require "lwt.bytes"
local fs = require "lwt.fs"
local lio = require "lwt.io"
local lwt = require "lwt"
local net = require "lwt.net"
local preemptive = require "lwt.preemptive"
local process = require "lwt.process"
local shell = require "spec.support.shell"
local await = lwt.await

-- name; what it is called with; below (or nil: there is no such value); above; what is within; the message
local function rows(s)
  local BIG <const> = 1 << 40
  return {
    { "bytes.create", bytes.create, -1, nil, 0, "negative size" },
    { "bytes.set, offset", function(n) s.b:set(n, 1) end, -1, 8, 7, "out of range" },
    { "bytes.set, byte", function(n) s.b:set(0, n) end, -1, 256, 255, "byte out of range" },
    { "bytes.get", function(n) s.b:get(n) end, -1, 8, 7, "out of range" },
    { "bytes.sub, offset", function(n) s.b:sub(n, 0) end, -1, 9, 8, "offset out of range" },
    { "bytes.sub, length", function(n) s.b:sub(4, n) end, -1, 5, 4, "length out of range" },
    { "bytes.copy, offset", function(n) s.b:copy(n, 0) end, -1, 9, 8, "offset out of range" },
    { "bytes.copy, length", function(n) s.b:copy(4, n) end, -1, 5, 4, "length out of range" },
    { "bytes.fill, offset", function(n) s.b:fill(0, n, 0) end, -1, 9, 8, "offset out of range" },
    { "bytes.blit, from", function(n) bytes.blit(s.b, n, s.c, 0, 0) end, -1, 9, 8, "offset out of range" },
    { "bytes.blit, to", function(n) bytes.blit(s.b, 0, s.c, n, 0) end, -1, 5, 4, "offset out of range" },
    { "bytes.blit, more than is there", function(n) bytes.blit(s.c, 0, s.b, 0, n) end, -1, 5, 4, "length out" },
    { "bytes.blit, too much for it", function(n) bytes.blit(s.b, 0, s.c, 0, n) end, -1, 5, 4, "length out" },
    { "io.of_fd", function(n) lio.of_fd(n, "w", { close = false }) end, -1, BIG, 2, "not a descriptor" },
    { "io.open_file, buffer", function(n) lio.open_file("/dev/null", "r", { buffer_size = n }) end, 15, BIG, 16,
      "buffer size out of range" },
    { "io.open_file, perm", function(n) lio.open_file("/dev/null", "r", { perm = n }) end, -1, 4096, 4095,
      "invalid permissions" },
    { "ch:read_into, offset", function(n) s.ch:read_into(s.b, n, 0) end, -1, 9, 8, "out of range" },
    { "ch:read_into, length", function(n) s.ch:read_into(s.b, 4, n) end, -1, 5, 4, "out of range" },
    { "ch:write_char", function(n) s.out:write_char(n) end, -1, 256, 255, "not a byte" },
    { "ch:resize_buffer", function(n) s.out:resize_buffer(n) end, 15, BIG, 16, "size out of range" },
    { "ch:write_int16", function(n) s.out:write_int16(n) end, -32769, 32768, 32767, "integer overflow" },
    { "ch:write_int32", function(n) s.out:write_int32(n) end, -(1 << 31) - 1, 1 << 31, (1 << 31) - 1,
      "integer overflow" },
    { "fs.chown, uid", function(n) fs.chown("/nowhere", n) end, -2, 1 << 32, -1, "id out of range" },
    { "fs.chown, gid", function(n) fs.chown("/nowhere", -1, n) end, -2, 1 << 32, -1, "id out of range" },
    { "file:chown, uid", function(n) s.file:chown(n) end, -2, 1 << 32, -1, "id out of range" },
    { "file:chown, gid", function(n) s.file:chown(-1, n) end, -2, 1 << 32, -1, "id out of range" },
    { "fs.sendfile, descriptor", function(n) fs.sendfile(n, s.file, 0, 0) end, -1, BIG, 2, "descriptor out of range" },
    { "fs.sendfile, offset", function(n) fs.sendfile(2, s.file, n, 0) end, -1, nil, 0, "negative offset" },
    { "fs.sendfile, length", function(n) fs.sendfile(2, s.file, 0, n) end, -1, nil, 0, "negative length" },
    { "net.dns_limit", net.dns_limit, 0, 1025, 4, "out of range" },
    { "net.of_fd", net.of_fd, -1, BIG, nil, "out of range" },
    { "net.wait_readable", function(n) net.wait_readable(n):cancel() end, -1, BIG, 2, "out of range" },
    { "net.tty", net.tty, -1, BIG, nil, "out of range" },
    { "sock:keepalive", function(n) s.sock:keepalive(n) end, -1, 32768, 32767, "seconds are out of range" },
    { "udp:ttl", function(n) s.udp:ttl(n) end, 0, 256, 255, "out of range" },
    { "udp:multicast_ttl", function(n) s.udp:multicast_ttl(n) end, 0, 256, 255, "out of range" },
    { "net.udp, ttl", function(n) net.udp(nil, { ttl = n }):close() end, 0, 256, 255, "from 1 to 255" },
    { "net.tcp_listen, backlog", function(n) net.tcp_listen("127.0.0.1:0", { backlog = n }) end, 0, 65536, 1,
      "from 1 to 65535" },
    { "preemptive.set_max_queued", preemptive.set_max_queued, -1, BIG, 1000, "out of range" },
    { "preemptive.set_memory_limit", preemptive.set_memory_limit, -1, nil, 0, "negative size" },
    { "process.kill", function(n) process.kill(n, "CONT") end, -BIG, BIG, process.getpid(), "out of range" },
    { "process.open, uid", function(n) process.open({ "true" }, { uid = n, gid = 0 }) end, -1, 1 << 32, nil,
      "uid is no id" },
    { "process.open, gid", function(n) process.open({ "true" }, { gid = n }) end, -1, (1 << 32) - 1, nil,
      "gid is no id" },
  }
end

describe("a number out of its range", function()
  local function refused(name, f, n, message)
    local ok, err = pcall(f, n)
    if ok then error(("%s takes %d"):format(name, n), 0) end
    assert.truthy(tostring(err):find(message, 1, true), ("%s with %d: %s"):format(name, n, tostring(err)))
  end

  it("is refused, and the last within it is taken", function()
    lwt.run(function()
      local dir <const> = shell.temp_dir()
      local l = await(net.tcp_listen "127.0.0.1:0")
      local s = {
        b = bytes.create(8), c = bytes.create(4), ch = lio.of_bytes("12345678"), udp = net.udp(),
        out = await(lio.open_file(dir .. "/out", "w")), file = await(fs.open(dir .. "/file", "w+")),
        sock = await(net.tcp_connect(l:address())),
      }
      local limit = net.dns_limit()
      for _, row in ipairs(rows(s)) do
        local name, f, below, above, within, message = table.unpack(row, 1, 6)
        if below then refused(name, f, below, message) end
        if above then refused(name, f, above, message) end
        if within then f(within) end
      end
      net.dns_limit(limit)
      await(s.out:close())
      await(s.file:close())
      for _, x in ipairs { s.udp, s.sock, l } do x:close() end
      shell.remove_dir(dir)
    end)
  end)
end)

describe("the size of a channel's buffer", function()
  it("is refused where it is 0, by whatever makes channels", function()
    lwt.run(function()
      local opts = { buffer_size = 0 }
      for name, f in pairs {
        open_file = function() return lio.open_file("/dev/null", "r", opts) end,
        pipe = function() return lio.pipe(opts) end,
        of_fd = function() return lio.of_fd(0, "r", { buffer_size = 0, close = false }) end,
        of_bytes = function() return lio.of_bytes("x", "r", opts) end,
        make = function() return lio.make({ read = print }, opts) end,
        open_connection = function() return lio.open_connection("127.0.0.1:1", opts) end,
        establish_server = function() return lio.establish_server("127.0.0.1:0", print, opts) end,
        open_temp_file = function() return lio.open_temp_file(opts) end,
        set_default_buffer_size = function() lio.set_default_buffer_size(0) end,
      } do
        local ok, err = pcall(f)
        assert.is_false(ok, name)
        assert.matches("bad argument #%d to '" .. name .. "' %(.*out of range%)", err)
      end
    end)
  end)
end)

describe("an argument of the wrong kind", function()
  it("is refused by name", function()
    lwt.run(function()
      local udp <close> = net.udp()
      for message, f in pairs {
        ["a Unix address (see pipe_listen)"] = function() net.tcp_listen "unix:/nowhere" end,
        ["a Unix address (see pipe_connect)"] = function() net.tcp_connect "unix:/nowhere" end,
        ["a Unix address"] = function() udp:send("x", "unix:/nowhere") end,
        ["option 'bind' is no numeric address"] = function()
          net.tcp_connect("127.0.0.1:1", { bind = "localhost:0" })
        end,
        ["numeric address expected"] = function() net.getnameinfo "localhost:80" end,
        ["a string can only be read"] = function() lio.of_bytes("text", "w") end,
        ["invalid mode"] = function() lio.open_file("/dev/null", "") end,
        ["a name in env is no name"] = function() process.open({ "true" }, { env = { [""] = "x" } }) end,
        ["env is no table"] = function() process.open({ "true" }, { env = 1 }) end,
        ["a command needs at least one word"] = function() process.open {} end,
        ["too many words"] = function()
          process.open(setmetatable({}, { __len = function() return 1000000 end }))
        end,
        ["list too long"] = function()
          local file <close> = await(fs.open "/dev/null")
          file:readv(setmetatable({}, { __len = function() return 1000001 end }))
        end,
        ["too many strings"] = function()
          local a <close>, b = net.socketpair()
          local _ <close> = b
          local list = {}
          for i = 1, 1 << 20 do list[i] = "" end
          a:writev(list)
        end,
      } do
        local ok, err = pcall(f)
        assert.is_false(ok, message)
        assert.truthy(tostring(err):find(message, 1, true), ("%s: %s"):format(message, tostring(err)))
      end
      for _, mode in ipairs { "rx", "r++", "wxx", "rz", "x", "+r" } do
        assert.is_false(pcall(lio.open_file, "/dev/null", mode), mode)
      end
    end)
  end)
end)

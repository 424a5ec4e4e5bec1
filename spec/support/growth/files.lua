-- Growth of lwt.fs and of open files; and of byte buffers (see growth.lua).

local lwt = require "lwt"
local fs = require "lwt.fs"
local bytes = require "lwt.bytes"
local pty = require "spec.support.pty"

-- Acts on files: x.path is one that is there, x.f is open for reading and writing.
local of_files = {
  ["open, close"] = function(x) fs.open(x.path, "r"):await():close():await() end,
  ["read, write, seek, tell"] = function(x)
    x.f:seek("set", 0):await()
    x.f:write("line"):await()
    x.f:seek("set", 0):await()
    x.f:read(4):await()
    x.f:tell()
  end,
  ["pread, pwrite"] = function(x)
    x.f:pwrite("line", 0):await()
    x.f:pread(4, 0):await()
  end,
  ["readv, writev"] = function(x)
    x.f:seek("set", 0):await()
    x.f:writev({ "li", "ne" }):await()
    x.f:seek("set", 0):await()
    x.f:readv({ bytes.create(2), bytes.create(2) }):await()
  end,
  ["stat of a file, truncate, fileno"] = function(x)
    x.f:stat():await()
    x.f:truncate(50):await()
    x.f:fileno()
  end,
  ["sync, datasync of a file"] = function(x)
    x.f:sync():await()
    x.f:datasync():await()
  end,
  ["chmod, chown, utime of a file"] = function(x)
    x.f:chmod(384):await()
    x.f:chown(x.st.uid, x.st.gid):await()
    x.f:utime(1, 1):await()
  end,
  ["lock, unlock"] = function(x)
    x.f:lock("exclusive"):await()
    x.f:unlock():await()
  end,
  ["lock, refused and cancelled"] = function(x)
    local other = fs.open(x.path, "r+"):await()
    other:lock("exclusive"):await()
    local p = x.f:lock("exclusive")
    p:cancel()
    other:close():await()
    pcall(lwt.await, p)
  end,
  ["stat, lstat, exists, access, realpath, statfs"] = function(x)
    fs.stat(x.path):await()
    fs.lstat(x.path):await()
    fs.exists(x.path):await()
    fs.access(x.path, "r"):await()
    fs.realpath(x.path):await()
    fs.statfs(x.path):await()
  end,
  ["chmod, chown, utime"] = function(x)
    fs.chmod(x.path, 384):await()
    fs.chown(x.path, x.st.uid, x.st.gid):await()
    fs.utime(x.path, 1, 1):await()
  end,
  ["stat that fails"] = function(x) pcall(lwt.await, fs.stat(x.path .. "/none")) end,
  ["stat, cancelled"] = function(x) fs.stat(x.path):cancel() end,
  ["read_file, write_file"] = function(x) fs.write_file(x.path, fs.read_file(x.path):await()):await() end,
  ["mkdir, mkdtemp, rename, rmdir"] = function(x)
    local path = fs.mkdtemp(x.path .. "XXXXXX"):await()
    fs.mkdir(path .. "/a"):await()
    fs.rename(path .. "/a", path .. "/b"):await()
    fs.rmdir(path .. "/b"):await()
    fs.rmdir(path):await()
  end,
  ["symlink, readlink, link, unlink"] = function(x)
    fs.symlink(x.path, x.path .. "s"):await()
    fs.readlink(x.path .. "s"):await()
    fs.unlink(x.path .. "s"):await()
    fs.link(x.path, x.path .. "h"):await()
    fs.unlink(x.path .. "h"):await()
  end,
  ["copyfile, sendfile"] = function(x)
    fs.copyfile(x.path, x.path .. "c"):await()
    local to = fs.open(x.path .. "c", "w"):await()
    fs.sendfile(to, x.f, 0, 10):await()
    to:close():await()
    fs.unlink(x.path .. "c"):await()
  end,
  ["readdir, scandir"] = function()
    fs.scandir("spec/log"):await()
    fs.readdir("spec/log"):to_list():await()
  end,
  ["readdir, left half read"] = function() fs.readdir("spec/log"):next():await() end,
  ["watch, close"] = function(x) fs.watch(x.path):close() end,
}

return function(g)
  -- n open files, and one in the middle of them.
  local function files(n)
    local path = os.tmpname()
    local x = { path = path }
    fs.write_file(path, ("line\n"):rep(10)):await()
    x.st = fs.stat(path):await()
    x.open = g.times(n, function() return fs.open(path, "r"):await() end)
    x.f = fs.open(path, "r+"):await()
    return x
  end
  local options = { after = function(x) os.remove(x.path) end }

  local names = {}
  for name in pairs(of_files) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do g.system("fs: " .. name, files, of_files[name], options) end

  g.system("fs: of_fd", files, function()
    local master, slave = pty.open(80, 24)
    fs.of_fd(slave):close():await()
    pty.close(master)
  end, options)

  local function buffers(n)
    return { list = g.times(n, function() return bytes.create(100) end), b = bytes.of_string "0123456789" }
  end
  g.operation("bytes: create, of_string, sub, copy, to_string, length", buffers, function(x)
    bytes.create(100)
    bytes.of_string "hello"
    bytes.sub(x.b, 1, 2)
    bytes.copy(x.b, 1, 2)
    bytes.to_string(x.b)
    bytes.length(x.b)
    x.b:sub(1, 2):copy(0, 1)
    pcall(x.b.create, 100) -- (methods of no use, but there)
    pcall(x.b.of_string, "hello")
    x.b:to_string()
    x.b:length()
  end)
  g.operation("bytes: get, set, fill, blit", buffers, function(x)
    bytes.set(x.b, 0, bytes.get(x.b, 1))
    x.b:set(0, x.b:get(1))
    bytes.fill(x.b, 1, 0, 2)
    x.b:fill(1, 0, 2)
    bytes.blit("ab", 0, x.b, 2, 2)
    x.b:blit(0, x.b, 2, 2)
  end)
end

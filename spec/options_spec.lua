-- Options that are wrong are told at the line of the caller, under the name of the function that was
-- called, also where they are handed on to another one.

local lwt = require "lwt"

local function none() end

local odd = { nonsense = 1 } -- no function has this option
local program = { "true" }
local here = "127.0.0.1:1"

-- A module, a function, arguments of which one is wrong, its number, and what is said of it.
local cases = {
  { "io", "open_file", { "f", "r", odd }, 3, "unknown option 'nonsense'" },
  { "io", "open_file", { "f", "r", { buffer_size = 0 } }, 3, "buffer size out of range" },
  { "io", "open_file", { "f", "q" }, 2, "invalid mode" },
  { "io", "with_file", { "f", "r", none, odd }, 4, "unknown option 'nonsense'" },
  { "io", "with_file", { "f", "r", none, { buffer_size = 0 } }, 4, "buffer size out of range" },
  { "io", "with_file", { "f", "r", none, { perm = -1 } }, 4, "invalid permissions" },
  { "io", "with_file", { "f", "r", none, 5 }, 4, "table expected, got number" },
  { "io", "with_file", { "f", "q", none }, 2, "invalid mode" },
  { "io", "with_file", { false, "r", none }, 1, "string expected, got boolean" },
  { "io", "with_file", { "f", "r" }, 3, "function expected, got nil" },
  { "io", "open_temp_file", { odd }, 1, "unknown option 'nonsense'" },
  { "io", "open_temp_file", { { buffer_size = 0 } }, 1, "buffer size out of range" },
  { "io", "with_temp_file", { none, odd }, 2, "unknown option 'nonsense'" },
  { "io", "with_temp_file", { none, { buffer_size = 0 } }, 2, "buffer size out of range" },
  { "io", "with_temp_file", { none, { dir = 5 } }, 2, "option 'dir' is no path" },
  { "io", "with_temp_file", { none, { suffix = "a\0b" } }, 2, "option 'suffix' is no path" },
  { "io", "with_temp_file", { none, 5 }, 2, "table expected, got number" },
  { "io", "create_temp_dir", { odd }, 1, "unknown option 'nonsense'" },
  { "io", "with_temp_dir", { none, odd }, 2, "unknown option 'nonsense'" },
  { "io", "with_temp_dir", { none, { perm = 1 << 20 } }, 2, "invalid permissions" },
  { "io", "with_temp_dir", { none, { prefix = {} } }, 2, "option 'prefix' is no path" },
  { "io", "lines_of_file", { "a\0b" }, 1, "path contains a zero byte" },
  { "io", "chars_of_file", { "a\0b" }, 1, "path contains a zero byte" },
  { "io", "lines_to_file", { "a\0b", {} }, 1, "path contains a zero byte" },
  { "io", "chars_to_file", { "a\0b", {} }, 1, "path contains a zero byte" },
  { "io", "file_length", { "a\0b" }, 1, "path contains a zero byte" },
  { "io", "delete_recursively", { "a\0b" }, 1, "path contains a zero byte" },
  { "io", "pipe", { odd } }, { "io", "pipe", { { buffer_size = 0 } } },
  { "io", "of_fd", { 0, "r", odd }, 3, "unknown option 'nonsense'" },
  { "io", "make", { odd } },
  { "io", "open_connection", { here, odd }, 2 }, { "io", "open_connection", { here, { buffer_size = 0 } }, 2 },
  { "io", "open_connection", { here, { timeout = "x" } }, 2 },
  { "io", "with_connection", { here, none, odd }, 3 },
  { "io", "with_connection", { here, none, { buffer_size = 0 } }, 3 },
  { "io", "with_connection", { {}, none }, 1 },
  { "io", "establish_server", { here, none, odd }, 3 },
  { "io", "establish_server", { here, none, { buffer_size = 0 } }, 3 },
  { "io", "establish_server", { here, none, { backlog = -1 } }, 3 },
  { "io", "establish_server", { here, none, { limit = "x" } }, 3 },
  { "io", "establish_server", { here, none, { on_error = 5 } }, 3 },
  { "net", "tcp_connect", { here, odd }, 2 }, { "net", "tcp_connect", { here, { delay = -1 } }, 2 },
  { "net", "tcp_listen", { here, odd }, 2 }, { "net", "tcp_listen", { here, { backlog = "x" } }, 2 },
  { "net", "pipe_listen", { "/nowhere/s", odd }, 2 }, { "net", "udp", { here, odd }, 2 },
  { "net", "unix_datagram", { "/nowhere/s", odd } }, { "net", "getaddrinfo", { "localhost", 80, odd }, 3 },
  { "fs", "mkdir", { "d", odd }, 2 }, { "fs", "copyfile", { "a", "b", odd }, 3 },
  { "fs", "mkdir", { "d", { parents = 1 } }, 2, "option 'parents' is no boolean" },
  { "fs", "copyfile", { "a", "b", { excl = "no" } }, 3, "option 'excl' is no boolean" },
  { "io", "of_fd", { 0, "r", { close = 0 } }, 3, "option 'close' is no boolean" },
  { "process", "open", { program, { detached = 1 } }, 2, "detached is no boolean" },
  { "process", "exec", { program, { group = 1 } }, 2, "group is no boolean" },
  { "net", "tcp_connect", { here, { bind = 5 } }, 2, "option 'bind' is no numeric address" },
  { "net", "tcp_connect", { here, { bind = "x" } }, 2, "no port in address 'x'" },
  { "io", "open_connection", { here, { bind = "x" } }, 2, "no port in address 'x'" },
  { "log", "syslog", { { host = "a\0b" } }, 1, "option 'host': a host expected" },
  { "log", "syslog", { { host = "" } }, 1, "option 'host': a host expected" },
  { "fs", "open", { "f", "q" }, 2 }, { "fs", "watch", { "/tmp", odd }, 2 },
  { "fs", "write_file", { "f", "x", "q" }, 3 }, { "fs", "write_file", { "f", "x", "w", -1 }, 4 },
  { "process", "shell", { {} }, 1 },
  { "ssl", "connect", { here, odd }, 2 }, { "ssl", "connect", { here, { timeout = "x" } }, 2 },
  { "ssl", "context", { odd } },
}
for _, name in ipairs { "open", "exec", "pread", "pread_line", "pread_lines", "pread_chars" } do
  for _, opts in ipairs { odd, { timeout = "x" }, { stdin = {} }, 5 } do
    cases[#cases + 1] = { "process", name, { program, opts }, 2 }
  end
  cases[#cases + 1] = { "process", name, { 5 }, 1 }
end
for _, name in ipairs { "pwrite", "pwrite_line", "pmap", "pmap_line" } do
  for _, opts in ipairs { odd, { timeout = "x" }, 5 } do
    cases[#cases + 1] = { "process", name, { program, "x", opts }, 3 }
  end
  cases[#cases + 1] = { "process", name, { 5, "x" }, 1 }
end
for _, opts in ipairs { odd, { timeout = "x" } } do
  cases[#cases + 1] = { "process", "with_process", { program, opts, none }, 2 }
end
for _, name in ipairs { "pwrite_lines", "pwrite_chars", "pmap_lines", "pmap_chars" } do
  cases[#cases + 1] = { "process", name, { program, { "x" }, odd }, 3 }
  cases[#cases + 1] = { "process", name, { program, 5 }, 2 }
end

describe("wrong options", function()
  -- What the function says of the arguments, without the place, which has to be the line of the call.
  local function said(functions, name, given)
    local call = load(("local module, given = ...\nmodule.%s(table.unpack(given, 1, 4))"):format(name), "=caller")
    local ok, err = pcall(call, functions, given)
    assert.is_false(ok)
    local message = tostring(err):match "^caller:2: (.*)$"
    assert(message, err)
    return message
  end

  local function told(inside)
    for _, case in ipairs(cases) do
      local module, name, given, number, why = table.unpack(case, 1, 5)
      local found, functions = pcall(require, "lwt." .. module)
      if found or module ~= "ssl" then
        local what = ("%s.%s, argument %s (%s)"):format(module, name, number or 1, inside)
        assert(functions[name], what)
        local message = said(functions, name, given)
        local start = ("bad argument #%d to '%s' ("):format(number or 1, name)
        assert.equal(start, message:sub(1, #start), what)
        if why then assert.equal(why .. ")", message:sub(#start + 1), what) end
      end
    end
  end

  it("are told at the line of the call, with the name of what was called", function()
    told "outside a task"
    lwt.run(function() told "in a task" end)
  end)
end)

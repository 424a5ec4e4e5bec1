-- What is used after the end of the state: by a finalizer that is called after all of lwt's own. Everything
-- is closed by then and nothing can be begun: each call says so, or does nothing, and the process ends.
local script = require "spec.support.script"

describe("after the end of the state", function()
  -- A value that is made before lwt is loaded is finalized after everything that lwt has made.
  local head = [[
    local objects, modules, lwt = {}, {}, nil
    local function plain(x) return type(x) ~= "table" or getmetatable(x) ~= nil or x.code ~= nil end
    local calls, odd = 0, {}
    local function try(name, f, ...)
      calls = calls + 1
      local ok, x = pcall(f, ...)
      if not ok and tostring(x):find "attempt to %a+ a %a+ value" then
        odd[#odd + 1] = name .. ": " .. tostring(x)
      end
    end
    local last = setmetatable({}, { __gc = function()
      for kind, object in pairs(objects) do
        local methods = getmetatable(object).__index
        local names = {}
        for name in pairs(type(methods) == "table" and methods or {}) do names[#names + 1] = name end
        for _, name in ipairs(type(methods) == "function" and NAMES or {}) do names[#names + 1] = name end
        table.sort(names)
        for _, name in ipairs(names) do
          local ok, f = pcall(function() return object[name] end)
          if ok and type(f) == "function" then
            for _, argument in ipairs(ARGUMENTS) do try(kind .. ":" .. name, f, object, argument, 1) end
            try(kind .. ":" .. name, f, object)
          end
        end
        try(kind, tostring, object)
        try(kind, function() return #object end)
      end
      for module, functions in pairs(modules) do
        for name, f in pairs(functions) do
          if type(f) == "function" and not SPARED[name] then
            for _, argument in ipairs(ARGUMENTS) do try(module .. "." .. name, f, argument, "r") end
          end
        end
      end
      table.sort(odd)
      io.stdout:write(calls > 500 and "called" or "few calls: " .. calls, "\n", table.concat(odd, "\n"))
    end })
    NAMES = {}
    for name in ([=[read read_line read_exactly read_until read_into write write_line flush close abort lines position
      set_position length is_busy mode fileno atomic is_closed buffer_size resize_buffer unpack pack read_int16
      write_int16 upgrade read_char peek]=]):gmatch "%S+" do NAMES[#NAMES + 1] = name end
    SPARED = { run = true, exit = true, set = true, guard = true, spare = true, _interleave = true }
    for _, name in ipairs { "lwt", "lwt.bytes", "lwt.engine", "lwt.fs", "lwt.io", "lwt.job", "lwt.net",
      "lwt.preemptive", "lwt.process", "lwt.signal" } do
      local module = require(name)
      if name == "lwt" then lwt = module else modules[name] = module end
    end
    warn = function() end
    local uv = require "lwt.uv"
    for name, functions in pairs(uv) do
      if type(functions) == "table" then modules["lwt.uv." .. name] = functions end
    end
  ]]

  local function over(text)
    local r = script.run(head .. text, 120)
    assert.same({ 0, "called\n" }, { r.code or r.signal, r.out }, r.err)
  end

  it("whatever there was can be called", function()
    over [[
      ARGUMENTS = { "x", 900, "127.0.0.1:0", { "true" }, function() end }
      lwt.run(function()
        local fs, lio, net = require "lwt.fs", require "lwt.io", require "lwt.net"
        objects.reader, objects.writer = lio.pipe()
        objects.file = fs.open("/proc/self/stat"):await()
        objects.file_channel = lio.open_file("/proc/self/stat"):await()
        objects.memory = lio.of_bytes "text"
        objects.functions = lio.make { read = function() return nil end, write = function() end }
        objects.socket, objects.other = net.socketpair()
        objects.listener = net.tcp_listen("127.0.0.1:0"):await()
        objects.udp = net.udp "127.0.0.1:0"
        objects.bytes = require "lwt.bytes".create(8)
        objects.thread_channel = require "lwt.preemptive".channel(1)
        objects.watcher = uv.fs.watcher("/", false)
        objects.directory = fs.readdir "/"
        objects.signal = require "lwt.signal".on("USR1", function() end)
        objects.process = require "lwt.process".open({ "cat" }, { stdin = "pipe" })
        objects.view = lwt.direct(objects.socket)
        objects.promise = objects.reader:read_line()
        require "lwt.preemptive".detach(function() end):await()
      end)
    ]]
  end)

  it("and what had been closed before", function()
    over [[
      ARGUMENTS = { "x", 900 }
      lwt.run(function()
        local lio, net = require "lwt.io", require "lwt.net"
        objects.reader, objects.writer = lio.pipe()
        objects.socket, objects.other = net.socketpair()
        objects.listener = net.tcp_listen("127.0.0.1:0"):await()
        objects.udp = net.udp "127.0.0.1:0"
        for _, object in pairs(objects) do object:close():await() end
      end)
    ]]
  end)
end)

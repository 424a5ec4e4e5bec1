-- GIO over lgi, awaited and cancelled: files, subprocesses, D-Bus.
local build = require "spec.support.build"
local fs = require "lwt.fs"
local lwt = require "lwt"
local process = require "lwt.process"
local lgi, why = require "spec.glib.lgi"()
local await = lwt.await

if not lgi then
  describe("GIO", function() it("is awaited", function() require "spec.support.skip".here(why) end) end)
  return
end

local glib = require "lwt.glib"
local Gio, GLib = lgi.Gio, lgi.GLib

-- Runs body as a task in either way of joining the loops, to its end.
local RUN = {
  glib_into_lwt = lwt.run,
  lwt_into_glib = function(body)
    local loop, ok, err = GLib.MainLoop(), nil, nil
    lwt.async(function()
      ok, err = pcall(body)
      loop:quit()
    end)
    if ok == nil then loop:run() end
    if not ok then error(err, 0) end
  end,
}

for mode, run in pairs(RUN) do
  describe("GIO over lgi, " .. mode, function()
    local dir
    setup(function() dir = build.temp_dir() end)
    teardown(function() lwt.run(build.remove_dir(dir)) end)
    before_each(function() glib.install { mode = mode } end)
    after_each(glib.remove)

    -- glib.finish with a function that begins `name` of x: its promise, the Cancellable, and a promise of
    -- the error that GIO gives in the end.
    local function watched(x, name, ...)
      local given
      local ended, ender = lwt.wait()
      local list = table.pack(...)
      local p = glib.finish(function(cancellable, callback)
        given = cancellable
        list[list.n + 1] = cancellable
        list[list.n + 2] = function(source, result)
          local _, err = x[name .. "_finish"](x, result)
          ender:wakeup(err and err.code or "no error")
          callback(source, result)
        end
        local begin = x[name == "call" and name or name .. "_async"]
        begin(x, table.unpack(list, 1, list.n + 2))
      end)
      return p, given, ended
    end

    local function is_cancelled(x, name, ...)
      local p, cancellable, ended = watched(x, name, ...)
      await(lwt.sleep(0.005))
      assert.equal("pending", (p:state()))
      assert.is_false(cancellable:is_cancelled())
      p:cancel()
      assert.is_true(cancellable:is_cancelled())
      local ok, err = pcall(await, p)
      assert.is_false(ok)
      assert.equal(lwt.Canceled, err)
      assert.equal("CANCELLED", await(ended))
    end

    it("reads a file", function()
      run(function()
        local path = dir .. "/file"
        await(fs.write_file(path, "contents\n"))
        local file = Gio.File.new_for_path(path)
        assert.equal("contents\n", (await(glib.finish(file, "load_contents"))))
        local stream = await(glib.finish(file, "read", GLib.PRIORITY_DEFAULT))
        local bytes = await(glib.finish(stream, "read_bytes", 4, GLib.PRIORITY_DEFAULT))
        assert.equal("cont", bytes.data)
        await(glib.finish(stream, "close", GLib.PRIORITY_DEFAULT))
      end)
    end)

    it("rejects with GIO's error as an object", function()
      run(function()
        local p = glib.finish(Gio.File.new_for_path(dir .. "/none"), "load_contents")
        local ok, err = pcall(await, p)
        assert.is_false(ok)
        assert.equal("NOT_FOUND", err.code)
        assert.equal("load_contents", err.op)
        assert.equal("g-io-error-quark", err.domain)
        assert.matches("none: No such file", err.message)
        assert.is_true(err.gerror:matches(Gio.IOErrorEnum, "NOT_FOUND"))
      end)
    end)

    it("is cancelled while it reads", function()
      run(function()
        local reading, writing = require "lwt.net".socketpair()
        local stream = Gio.UnixInputStream.new(reading:fileno(), false)
        is_cancelled(stream, "read_bytes", 4, GLib.PRIORITY_DEFAULT)
        -- Nothing was taken.
        await(writing:write "left")
        assert.equal("left", (await(glib.finish(stream, "read_bytes", 4, GLib.PRIORITY_DEFAULT))).data)
        reading:close() writing:close()
      end)
    end)

    it("is cancelled before it has begun to read a file", function()
      run(function()
        local p = glib.finish(Gio.File.new_for_path "/etc/passwd", "load_contents")
        p:cancel()
        local ok, err = pcall(await, p)
        assert.is_false(ok)
        assert.equal(lwt.Canceled, err)
        await(lwt.sleep(0.02)) -- what comes in spite of that harms nobody
      end)
    end)

    it("talks with a subprocess", function()
      run(function()
        local p = Gio.Subprocess.new({ "sh", "-c", "cat; exit 3" }, { "STDIN_PIPE", "STDOUT_PIPE" })
        assert.equal("to and fro", (await(glib.finish(p, "communicate_utf8", "to and fro"))))
        assert.equal(3, p:get_exit_status())
      end)
    end)

    it("is cancelled while it waits for a subprocess, which goes on", function()
      run(function()
        local p = Gio.Subprocess.new({ "sleep", "1000" }, {})
        is_cancelled(p, "wait")
        assert.is_truthy(p:get_identifier())
        p:force_exit()
        await(glib.finish(p, "wait"))
        assert.is_true(p:get_if_signaled())
      end)
    end)

    describe("on a bus of its own", function()
      local daemon, address, bus

      before_each(function()
        run(function()
          local config = dir .. "/bus.conf"
          await(fs.write_file(config, ([[
            <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
              "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
            <busconfig>
              <type>session</type>
              <listen>unix:path=%s/bus</listen>
              <auth>EXTERNAL</auth>
              <policy context="default">
                <allow send_destination="*" eavesdrop="true"/>
                <allow eavesdrop="true"/>
                <allow own="*"/>
              </policy>
            </busconfig>]]):format(dir)))
          daemon = process.open({ "dbus-daemon", "--nofork", "--print-address",
            "--config-file", config }, { stdin = "null", stdout = "pipe", stderr = "null" })
          address = await(daemon.stdout:read_line())
          bus = await(glib.finish(Gio.DBusConnection, "new_for_address", address,
            { "AUTHENTICATION_CLIENT", "MESSAGE_BUS_CONNECTION" }, nil))
        end)
      end)

      after_each(function()
        run(function()
          await(glib.finish(bus, "close"))
          daemon:kill "TERM"
          await(daemon:status())
          await(daemon:close())
        end)
      end)

      local function call(method, parameters)
        return "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", method, parameters, nil,
          {}, -1
      end

      it("calls a method", function()
        run(function()
          local reply = await(glib.finish(bus, "call", call "ListNames"))
          local found = {}
          for _, name in reply.value[1]:ipairs() do found[name] = true end
          assert.is_true(found["org.freedesktop.DBus"])
          assert.is_true(found[bus:get_unique_name()])
        end)
      end)

      it("is told what the other end refuses", function()
        run(function()
          local ok, err = pcall(await, glib.finish(bus, "call", call "NoSuchMethod"))
          assert.is_false(ok)
          assert.equal("UNKNOWN_METHOD", err.code)
          assert.equal("g-dbus-error-quark", err.domain)
        end)
      end)

      it("is cancelled while it waits for the answer", function()
        run(function()
          process.kill(daemon.pid, "STOP")
          is_cancelled(bus, "call", call "ListNames")
          process.kill(daemon.pid, "CONT")
          await(glib.finish(bus, "call", call "GetId"))
        end)
      end)
    end)
  end)
end

describe("glib.finish", function()
  it("says at the caller's line what is wrong with an argument", function()
    local file = Gio.File.new_for_path "/"
    local function message(...)
      local ok, err = pcall(function(...) local p = glib.finish(...) return p end, ...)
      assert.is_false(ok)
      return err
    end
    assert.matches("gio_spec.lua:%d+: bad argument #1 to 'finish' %(function, or object of lgi's expected, got nil%)",
      message())
    assert.matches("gio_spec.lua:%d+: bad argument #2 to 'finish' %(string expected, got nil%)", message(file))
    assert.matches("gio_spec.lua:%d+: bad argument #2 to 'finish' %(no asynchronous call 'nothing' here",
      message(file, "nothing"))
    assert.matches("gio_spec.lua:%d+: bad argument #2 to 'finish' %(no asynchronous call 'get_path' here",
      message(file, "get_path"))
    -- What lgi says of an argument is of the call of `finish`, whose arguments are counted.
    assert.matches("gio_spec.lua:%d+: bad argument #3 to 'finish' %(read: number expected", message(file, "read"))
    assert.matches("gio_spec.lua:%d+: bad argument #3 to 'finish' %(load_contents: Gio.Cancellable expected",
      message(file, "load_contents", 1))
    assert.matches("gio_spec.lua:%d+: bad argument #2 to 'finish' %(bus_get: number expected", message(Gio, "bus_get"))
    assert.matches("gio_spec.lua:%d+: bad argument #5 to 'finish' %(new_for_address: Gio.DBusAuthObserver expected",
      message(Gio.DBusConnection, "new_for_address", "unix:path=/", {}))
    assert.matches("raised by start", message(function() error "raised by start" end))
  end)

  it("is answered in the context that was installed, also in a worker", function()
    local function body()
      local lwt_, glib_, lgi_ = require "lwt", require "lwt.glib", require "lgi"
      local context = lgi_.GLib.MainContext.new()
      glib_.install { context = context }
      local file = lgi_.Gio.File.new_for_path "/dev/null"
      local text = lwt_.run(function() return (lwt_.await(glib_.finish(file, "load_contents"))) end)
      local ok, err = pcall(glib_.finish, function() error("raised by start", 0) end)
      local is_default = lgi_.GLib.MainContext.get_thread_default() == nil
      glib_.remove()
      return text, ok, err, is_default
    end
    local function check(...) assert.same({ "", false, "raised by start", true }, { ... }) end
    check(body())
    check(lwt.run(require "lwt.preemptive".detach(body)))
  end)

  it("is refused in a worker where it would be answered in this thread", function()
    glib.install()
    local err = lwt.run(require "lwt.preemptive".detach(function()
      local lgi_, glib_ = require "lgi", require "lwt.glib"
      local file = lgi_.Gio.File.new_for_path "/dev/null"
      local ok, err = pcall(function() local p = glib_.finish(file, "load_contents") return p end)
      return not ok and err
    end))
    glib.remove()
    assert.matches("gio_spec.lua:%d+: the main context is .* by another thread", err)
  end)

  it("takes a context of lgi's", function()
    local context = GLib.MainContext.new()
    glib.install { context = context }
    local fired
    local source = GLib.idle_source_new()
    source:set_callback(function() fired = true return false end)
    source:attach(context)
    lwt.run(function() while not fired do await(lwt.sleep(0.001)) end end)
    glib.remove()
    local ok, err = pcall(glib.install, { context = GLib.MainLoop(nil, false) })
    assert.is_false(ok)
    assert.matches("option 'context': GLib.MainContext expected", err)
  end)
end)

describe("callbacks of lgi's", function()
  before_each(function() glib.install() end)
  after_each(glib.remove)

  it("may spawn tasks, also when the task that made them has ended", function()
    lwt.run(function()
      local begun, ended = 0, 0
      for _ = 1, 5 do
        lwt.async(function()
          await(lwt.sleep(0.001))
          GLib.timeout_add(GLib.PRIORITY_DEFAULT, 2, function()
            begun = begun + 1
            lwt.async(function()
              await(lwt.sleep(0.001))
              lwt.spawn(function() lwt.yield() ended = ended + 1 end)
            end)
            return begun <= 100
          end)
        end)
      end
      while begun <= 100 or ended < begun do await(lwt.sleep(0.005)) end
    end)
  end)

  it("keep their errors: lgi prints them as a warning of GLib's", function()
    local result = require "spec.support.script".run [[
      local lgi = require "spec.glib.lgi"()
      local lwt, glib = require "lwt", require "lwt.glib"
      glib.install()
      local called
      lgi.GLib.idle_add(0, function() called = true error("in a callback", 0) end)
      lwt.run(function() while not called do lwt.await(lwt.sleep(0.001)) end end)
      print "goes on"
    ]]
    assert.equal("goes on\n", result.out)
    assert.matches("Lgi%-WARNING.*in a callback", result.err)
  end)
end)

local lwt = require "lwt"
local net = require "lwt.net"
local skip = require "spec.support.skip"

-- Run code on a pseudo-terminal of its own (util-linux's script makes it), with `input` typed.
local function on_terminal(code, input)
  local path, typed = os.tmpname(), os.tmpname()
  local f <close> = assert(io.open(path, "w"))
  f:write([[
    local lwt, net = require "lwt", require "lwt.net"
    local function show(...) io.write("<", table.concat({ ... }, " "), ">\n") end
  ]], code)
  f:close()
  local t <close> = assert(io.open(typed, "w"))
  t:write(input or "")
  t:close()
  local command = ("(sleep 0.3; cat %s; sleep 0.3) | script -qec '%s %s' /dev/null 2>&1"):format(
    typed, os.getenv("LUA") or "lua5.4", path)
  local p = assert(io.popen(command))
  local out = p:read("a")
  p:close()
  os.remove(path)
  os.remove(typed)
  return out
end

describe("a terminal", function()
  local function on(name, f)
    it(name, function()
      skip.needs "script"
      f()
    end)
  end

  on("is read by lines and written", function()
    local out = on_terminal([[
      lwt.run(function()
        local tty = net.tty(0)
        tty:write("name? "):await()
        show("got", (tty:read():await():gsub("%s", "")))
        tty:close()
      end)
    ]], "lwt\n")
    assert.is_truthy(out:find("name? ", 1, true), out)
    assert.is_truthy(out:find("<got lwt>", 1, true), out)
  end)

  on("has a size and modes", function()
    local out = on_terminal([[
      lwt.run(function()
        local tty <close> = net.of_fd(0)
        local columns, rows = tty:size()
        show(math.type(columns), math.type(rows), tostring(tty):match("^lwt.tty"))
        tty:mode("raw")
        show("key", tty:read(1):await():byte())
        tty:mode("normal")
        show(select(2, pcall(tty.mode, tty, "loud")))
      end)
    ]], "q")
    assert.is_truthy(out:find("<integer integer lwt.tty>", 1, true), out)
    assert.is_truthy(out:find("<key 113>", 1, true), out)
    assert.is_truthy(out:find("invalid option 'loud'", 1, true), out)
  end)

  on("may be read by two, and closed while they wait", function()
    local out = on_terminal([[
      lwt.run(function()
        local tty = net.tty(0)
        local p, q = tty:read(), tty:read()
        p:cancel()
        tty:close()
        show(tostring(select(2, pcall(lwt.await, q)) == lwt.Closed))
      end)
    ]])
    assert.is_truthy(out:find("<true>", 1, true), out)
  end)

  it("is refused when it is none", function()
    lwt.run(function()
      local a <close>, b = net.socketpair()
      local ok, err = pcall(net.tty, a:fileno())
      assert.is_false(ok)
      assert.equal("ENOTTY", err.code)
      b:close()
    end)
  end)
end)

describe("a terminal of another descriptor than the standard ones", function()
  local heap = require "spec.support.heap"
  local pty = require "spec.support.pty"

  for _, name in ipairs { "tty", "of_fd" } do
    it("belongs to what net." .. name .. " gives: nothing is open when that is closed", function()
      lwt.run(function()
        local before = heap.descriptors()
        for _ = 1, 5 do
          local master, slave = pty.open(80, 24)
          local tty, end_of_it = net[name](slave), net[name](master)
          local columns = tty:size()
          assert.equal(80, columns)
          assert.is_false(pcall(net.of_fd, tty:fileno()))
          tty:write("a"):await()
          assert.equal("a", end_of_it:read(1):await())
          tty:close():await()
          end_of_it:close():await()
        end
        assert.is_true(heap.descriptors() <= before)
      end)
    end)
  end

  it("goes from one mode to another, and has neither mode nor size when it is closed", function()
    lwt.run(function()
      local master, slave = pty.open(80, 24)
      local tty, other = net.tty(slave), net.of_fd(master)
      for _, mode in ipairs { "raw", "raw", "io", "normal", "normal", "raw" } do tty:mode(mode) end
      tty:close():await()
      assert.has_error(function() tty:mode "raw" end, "attempt to use a closed tty")
      assert.has_error(function() tty:size() end, "attempt to use a closed tty")
      other:close():await()
    end)
  end)
end)

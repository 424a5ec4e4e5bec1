-- The whole public API against what is hostile in plain Lua (see support/hostile.lua), in a process
-- and a folder of its own each, so that a crash or a hang is a failure with words. Daily a few
-- calls of each module; with LWT_SPEC_FULL=1 many, from another seed each time.

local script = require "spec.support.script"
local shell = require "spec.support.shell"

local full = os.getenv "LWT_SPEC_FULL"
local seed = tonumber(os.getenv "LWT_SEED") or full and os.time() or 1
local calls = full and 20000 or 700

-- What has much to do with one another, together. Whatever else the reference has is a group of its own.
local groups = {
  "lwt",
  "lwt.stream lwt.seq",
  "lwt.list lwt.mvar lwt.mutex lwt.semaphore lwt.condition lwt.barrier lwt.pool lwt.switch "
    .. "lwt.throttle lwt.timer lwt.retry lwt.clock lwt.gc",
  "lwt.io lwt.bytes",
  "lwt.process lwt.signal lwt.job",
  "lwt.term lwt.read_line",
  "lwt lwt.stream lwt.react lwt.io lwt.net lwt.mvar lwt.pool",
}

local source = require "scripts.docs.read".read()
local has_glib = pcall(require, "lwt.glib")
local everything = {} -- the modules of the reference, but for the specs' own
for name, module in pairs(source.modules) do
  if not module.internal and name ~= "lwt.test" and (has_glib or name ~= "lwt.glib") then
    everything[#everything + 1] = name
  end
end
table.sort(everything)
local grouped = table.concat(groups, " ") .. " "
for _, name in ipairs(everything) do
  if not grouped:find(name .. " ", 1, true) then groups[#groups + 1] = name end
end

describe("plain Lua that is hostile", function()
  local ca, returns

  setup(function()
    returns = os.tmpname()
    require "spec.support.hostile_returns".write(returns, source)
    ca = require "spec.support.ca".make()
    ca:issue { name = "server", san = "DNS:localhost" }
  end)
  teardown(function()
    ca:remove()
    os.remove(returns)
  end)

  -- Runs it with its files in `dir`, and in that folder if it calls anything.
  local function hostile(dir, count, group)
    local result = shell.run(("cd '%s' && HOSTILE_OUT='%s/found' HOSTILE_TRACE=1 HOSTILE_CA='%s' "
      .. "HOSTILE_RETURNS='%s' TMPDIR='%s' "
      .. "timeout -s KILL 120 %s %s/spec/support/hostile.lua %d %d %s </dev/null")
      :format(count > 0 and dir or shell.here, dir, ca.dir, returns, dir, shell.lua, shell.here, seed, count, group))
    local ok, found = pcall(shell.read, dir .. "/found")
    return result, ok and found or ""
  end

  it("is tried on all that the reference has", function()
    local dir = shell.temp_dir()
    local result, found = hostile(dir, 0, table.concat(everything, " "))
    shell.remove_dir(dir)
    assert.matches("^0 calls of %d+ functions, 0 findings\n$", found, nil, nil, result.err)
  end)

  for _, group in ipairs(groups) do
    it("neither crashes nor stops nor confuses " .. group, function()
      local dir = shell.temp_dir()
      local result, found = hostile(dir, calls, group)
      shell.remove_dir(dir)
      local last = result.err:match "([^\n]*)\n?$"
      assert(result.code == 0, ("seed %d, status %d\n%s\nlast call: %s"):format(seed, result.code, found, last))
      assert.matches("^%d+ calls of %d+ functions, 0 findings\n$", found)
    end)
  end
end)

describe("what was found that way", function()
  it("a socket is closed whose shutdown somebody listens to while a read waits", function()
    local result = script.run([[
      local lwt, net = require "lwt", require "lwt.net"
      lwt.run(function()
        local a, b = net.socketpair()
        a:shutdown():on_any(print, print)
        local p = a:read(2)
        a:close()
        print(p:state())
        b:close()
      end)
    ]], 20)
    assert.equal("", result.err)
    assert.equal(0, result.code)
    assert.equal("closed\nrejected\tclosed\n", result.out)
  end)

  it("a list that has something at every index is as long as it says", function()
    local result = script.run([[
      local lwt, term, lio, log = require "lwt", require "lwt.term", require "lwt.io", require "lwt.log"
      local function list(x) return setmetatable({ x }, { __index = function() return x end }) end
      lwt.run(function()
        local r, w = lio.pipe()
        local shown, out = lio.pipe()
        lwt.await(w:write "1\na\n")
        local t = term.open(r, out)
        print(lwt.await(t:choose(list "a")))
        print(lwt.await(require "lwt.read_line".read_keyword(list "a", { term = t })))
        lwt.await(t:draw(list "line"))
        lwt.await(t:draw_done())
        lwt.await(t:table(list(list "cell"), { header = list "head" }))
        lwt.await(out:close())
        print((lwt.await(shown:read()):gsub("\n", "/")))
        print(lwt.await(require "lwt.process".pwrite_lines({ "wc", "-l" }, list "a")))
        print(pcall(log.broadcast, list(log.null)))
        local socket = list "/nowhere/log"
        print(pcall(lwt.await, log.syslog { paths = socket }))
      end)
    ]], 20)
    assert.equal("", result.err)
    assert.equal(0, result.code)
    assert.matches("^a\t1\na\n", result.out)
    assert.matches("\ntrue\tlwt.log.logger", result.out)
  end)

  it("the text of bytes is that of bytes only", function()
    local result = script.run([[
      local bytes, lwt = require "lwt.bytes", require "lwt"
      local text = getmetatable(bytes.create(1)).__tostring
      print(pcall(text, (lwt.task())))
      print(pcall(text, io.stdout))
    ]], 20)
    assert.equal(0, result.code)
    assert.matches("^false\t.-lwt.bytes expected.-\nfalse\t.-lwt.bytes expected", result.out)
  end)

  it("methods that are called on something else, and offsets that are none, are told in words", function()
    local lwt, lio = require "lwt", require "lwt.io"
    local section = require "lwt.log".section "hostile"
    lwt.run(function()
      local r, w = lio.pipe()
      local t = require "lwt.term".open(r, w, { tty = true, columns = 40, env = { TERM = "xterm" } })
      local bar, spinner, guard = t:progress(), t:spinner(), t:raw_mode()
      local editor, direct, server
      local line = require "lwt.read_line".start {
        term = t, keys = { ["ctrl-t"] = function(ed) editor = ed end },
      }
      line:send "ctrl-t"
      lwt.yield()
      lio.of_bytes("x", "r"):direct_access(function(d) direct = d end):await()
      server = lio.establish_server("127.0.0.1:0", function() end):await()
      local function told(words, f, ...)
        local args = table.pack(...)
        local ok, err = pcall(function() f(table.unpack(args, 1, args.n)) end)
        assert.is_false(ok)
        assert.matches("^[^\n]*hostile_spec.lua:%d+: " .. words, err)
      end
      local methods = {
        [bar] = { "add", "set", "done" }, [spinner] = { "set", "done" }, [guard] = { "close" },
        [editor] = { "text", "cursor", "bell", "press", "line_start", "line_end", "move", "insert", "set",
          "replace", "delete", "kill", "run" },
        [direct] = { "available", "peek", "skip", "put", "perform" },
        [server] = { "address", "connections", "set_tls", "shutdown" },
      }
      for object, names in pairs(methods) do
        for _, name in ipairs(names) do
          for _, self in ipairs { false, "text", {}, lwt.fulfilled() } do
            told(".*expected, got", object[name], self)
          end
        end
      end
      for _, name in ipairs { "debug", "info", "notice", "warning", "error", "fatal" } do
        told("calling '" .. name .. "' on bad self %(lwt.log.section expected, got string%)", section[name], "said")
      end
      editor:set "aé"
      told("bad argument #%d to 'replace' %(an offset in the middle of a character%)", editor.replace, editor, 0, 2, "")
      told("bad argument #%d to 'delete' %(integer expected, got nil%)", editor.delete, editor, 0)
      told("bad argument #%d to 'insert' %(string expected, got nil%)", editor.insert, editor)
      editor:replace(-5, 1.0, "\xff")
      assert.equal("\u{FFFD}é", editor:text())
      told("attempt to get length of a lwt.promise value", function(v) return #v end, lwt.direct((lwt.task())))
      guard:close()
      spinner:done()
      bar:done()
      line:result():cancel()
      server:shutdown(0):await()
    end)
  end)
end)

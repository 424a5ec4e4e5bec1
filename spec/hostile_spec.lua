-- The whole public API against what is hostile in plain Lua (see support/hostile.lua), in a process
-- and a folder of its own each, so that a crash or a hang is a failure with words. Daily a few
-- calls of each module; with LWT_SPEC_FULL=1 many, from another seed each time.

local script = require "spec.support.script"
local shell = require "spec.support.shell"

local full = os.getenv "LWT_SPEC_FULL"
local seed = tonumber(os.getenv "LWT_SEED") or full and os.time() or 1
local calls = full and 20000 or 1500

local groups = {
  "lwt",
  "lwt.stream lwt.seq",
  "lwt.react",
  "lwt.list lwt.mvar lwt.mutex lwt.semaphore lwt.condition lwt.barrier lwt.pool lwt.switch "
    .. "lwt.throttle lwt.timer lwt.retry lwt.clock lwt.gc",
  "lwt.io lwt.bytes",
  "lwt.net",
  "lwt.fs",
  "lwt.process lwt.signal lwt.job",
  "lwt.preemptive",
  "lwt lwt.stream lwt.react lwt.io lwt.net lwt.mvar lwt.pool",
}


describe("plain Lua that is hostile", function()
  for _, group in ipairs(groups) do
    it("neither crashes nor stops nor confuses " .. group, function()
      local dir = shell.temp_dir()
      local result = shell.run(("cd '%s' && HOSTILE_OUT=found HOSTILE_TRACE=1 "
        .. "timeout -s KILL 120 %s %s/spec/support/hostile.lua %d %d %s")
        :format(dir, shell.lua, shell.here, seed, calls, group))
      local ok, found = pcall(shell.read, dir .. "/found")
      shell.remove_dir(dir)
      local last = result.err:match "([^\n]*)\n?$"
      assert(result.code == 0, ("seed %d, status %d\n%s\nlast call: %s"):format(
        seed, result.code, ok and found or "", last))
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
end)

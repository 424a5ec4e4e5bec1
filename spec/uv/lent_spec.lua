-- What a program was lent is given back as it was: the modes of terminals, on every way out, and
-- descriptors that wait.

local lwt = require "lwt"
local net = require "lwt.net"
local process = require "lwt.process"
local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

local await = lwt.await

local preamble = [[
local lwt, net, process = require "lwt", require "lwt.net", require "lwt.process"
local await = lwt.await
]]

local dir
setup(function() dir = shell.temp_dir() end)
teardown(function() shell.remove_dir(dir) end)

-- Runs code on a terminal of its own; whether the terminal's mode is what it was before.
local function mode_is_back_after(code)
  shell.write(dir .. "/raw.lua", preamble .. code)
  shell.write(dir .. "/run.sh", ([[
before=$(stty -g)
%s %s/raw.lua 2>%s/err
[ "$before" = "$(stty -g)" ] && echo mode is back
]]):format(shell.lua, dir, dir))
  return shell.run(("timeout 20 script -qec 'sh %s/run.sh' /dev/null"):format(dir)).out
end

local raw = [[ local tty = net.tty(0) tty:mode("raw") ]]

local ways = {
  ["its normal end"] = "lwt.run(function()" .. raw .. "end)",
  ["an error"] = "lwt.run(function()" .. raw .. "error 'failed' end)",
  ["os.exit"] = "lwt.run(function()" .. raw .. "os.exit(3) end)",
  ["os.exit that closes the state"] = "lwt.run(function()" .. raw .. "os.exit(3, true) end)",
  ["a signal that ends it"] = "lwt.run(function()" .. raw ..
    "process.kill(process.getpid(), 'TERM') await(lwt.sleep(5)) end)",
  ["Ctrl-C"] = "lwt.run(function()" .. raw ..
    "process.kill(process.getpid(), 'INT') await(lwt.sleep(5)) end)",
  ["a second signal of a run that was interrupted"] = "lwt.run(function()" .. raw .. [[
    process.kill(process.getpid(), 'INT')
    pcall(await, lwt.sleep(5))
    lwt.shield(function()
      process.kill(process.getpid(), 'INT')
      await(lwt.sleep(5))
    end)
  end)]],
  ["a signal to which it no longer listens"] = "lwt.run(function()" .. [[
    local h = require "lwt.signal".on("TERM", function() end)
    ]] .. raw .. [[
    h:stop()
    process.kill(process.getpid(), 'TERM')
    await(lwt.sleep(5))
  end)]],
  ["close, with the program going on"] = "lwt.run(function()" .. raw .. [[
    tty:close()
    os.execute "kill -KILL $PPID"
  end)]],
  ["the last of two that had changed it"] = "lwt.run(function()" .. raw .. [[
    local other = net.tty(0)
    other:mode "raw"
    tty:close()
    other:close()
    os.execute "kill -KILL $PPID"
  end)]],
  ["its end, when one of two that had changed it is open still"] = "lwt.run(function()" .. raw .. [[
    local other = net.tty(0)
    other:mode "raw"
    tty:close()
    os.exit(0)
  end)]],
}

describe("a terminal's mode", function()
  for way, code in pairs(ways) do
    it("is put back at " .. way, function()
      skip.needs "script"
      assert.is_truthy(mode_is_back_after(code):find("mode is back", 1, true))
    end)
  end
end)

describe("a terminal that another program has now", function()
  it("is left as that one has set it", function()
    skip.needs "script"
    shell.write(dir .. "/background.lua", preamble .. "lwt.run(function()" .. raw .. [[
      process.kill(process.getpid(), "STOP")
    end)]])
    shell.write(dir .. "/shell.sh", ([[
      set -m
      %s %s/background.lua
      stty -icanon -echo
      kill -CONT %%1
      wait %%1
      echo "ended $?"
      stty -a | grep -q -- '-icanon' && echo "is left alone"
    ]]):format(shell.lua, dir))
    local r = shell.run(("timeout 60 script -qec 'bash %s/shell.sh' /dev/null"):format(dir))
    assert.matches("ended 0\r\n", r.out)
    assert.matches("is left alone", r.out)
  end)
end)

describe("a standard descriptor", function()
  local function piped(code)
    shell.write(dir .. "/out.lua", preamble .. code)
    return shell.run(("%s %s/out.lua | (sleep 0.3; wc -c)"):format(shell.lua, dir))
  end

  it("waits for children, whatever ours does", function()
    for _, how in ipairs { "inherit", "1" } do
      local r = piped(([[
        lwt.run(function()
          local out = net.of_fd(1)
          local how = %q
          local status = await(process.exec({ "head", "-c", "1000000", "/dev/zero" },
            { stdout = tonumber(how) or how }))
          assert(status.code == 0)
          await(out:write "!")
        end)]]):format(how))
      assert.equal("1000001", (r.out:gsub("%s", "")))
      assert.equal("", r.err)
    end
  end)

  it("waits when it is a terminal that was opened here", function()
    skip.needs "script"
    shell.write(dir .. "/tty.lua", preamble .. [[
      lwt.run(function()
        local tty = net.tty(1)
        await(process.exec({ "head", "-c", "300000", "/dev/zero" }, { stdout = "inherit" }))
      end)]])
    local r = shell.run(("timeout 20 script -qec '%s %s/tty.lua' /dev/null | (sleep 0.3; wc -c)")
      :format(shell.lua, dir))
    assert.equal("300000", (r.out:gsub("%s", "")))
  end)

  it("has its own number still", function()
    assert.equal("1\n", piped("io.stderr:write(net.of_fd(1):fileno(), '\\n')").err)
  end)

  it("is given back when it is a socket", function()
    shell.write(dir .. "/in.lua", preamble .. "net.of_fd(0) os.exit(0)")
    lwt.run(function()
      local a, b = net.socketpair()
      local p = process.open({ "sh", "-c", ("%s %s/in.lua; cat"):format(shell.lua, dir) },
        { stdin = b, stdout = "pipe" })
      b:close()
      await(lwt.sleep(0.5)) -- cat finds nothing to read
      await(a:write "late")
      await(a:shutdown())
      assert.equal("late", await(p.stdout:read()))
      assert.equal(0, await(p:status()).code)
      await(p:close())
      a:close()
    end)
  end)
end)

-- monitor on a terminal, and where there is none.
local pty = require "spec.support.pty"
local shell = require "spec.support.shell"

local lua = os.getenv "LUA" or "lua5.4"

local function folders()
  local dir = shell.temp_dir()
  os.execute(("cd '%s' && mkdir -p a/x b && echo hello > a/one && echo hello > a/x/two && echo hi > b/three")
    :format(dir))
  return dir
end

describe("examples/monitor.lua", function()
  it("counts folders with bars, and shows a table", function()
    local dir = folders()
    local on <close> = pty.program({ lua, "bin/lwt", "examples/monitor.lua", dir .. "/a", dir .. "/b" },
      { columns = 100 })
    assert.same({ "exited", 0 }, { on:finish() })
    shell.remove_dir(dir)
    local text = table.concat(on.screen:everything(), "\n")
    assert.is_truthy(text:find "/a  100%% .* 2/2 0:0%d\n", text)
    assert.is_truthy(text:find "\nfolder +files +size\n[^\n]*/a +2 +12 B\n[^\n]*/b +1 +3 B$", text)
    assert.equal(on.before, on:state())
    assert.is_true(on.screen.visible)
  end)

  it("stops at q", function()
    local dir = folders()
    local on <close> = pty.program({ lua, "bin/lwt", "examples/monitor.lua", dir .. "/a" })
    on:wait(function() return on.output:find "2004h" end, "keys")
    on:type "ppq"
    assert.same({ "exited", 0 }, { on:finish() })
    shell.remove_dir(dir)
    assert.equal(on.before, on:state())
  end)

  it("writes plain lines into a pipe", function()
    local dir = folders()
    local result = shell.run(("%s bin/lwt examples/monitor.lua '%s/a' | cat"):format(lua, dir))
    shell.remove_dir(dir)
    assert.is_truthy(result.out:find "a  100%%  2/2 0:00\nfolder", result.out)
    assert.is_nil(result.out:find("\27", 1, true))
  end)
end)

-- How the prompt starts: at once, and with what is typed at once.

local prompt = require "spec.support.prompt"
local shell = require "spec.support.shell"

local LOADED = [[local list = {} for name in pairs(package.loaded) do
  if name:find "^lwt" then list[#list + 1] = name end end
  table.sort(list) print(table.concat(list, " "))]]

local function started()
  local on = prompt.start { wait = false }
  on:wait(function() return on:text():find("\n>", 1, true) end, "a prompt")
  return on
end

describe("the start of the prompt", function()
  it("takes what is typed the moment the prompt is there", function()
    for _ = 1, 3 do
      local on <close> = started()
      on:type "1 + 1\r"
      on:wait(function() return #on:rows() == 4 and on:rows()[4] == ">" end, "the next prompt")
      assert.same({ "> 1 + 1", "2", ">" }, { table.unpack(on:rows(), 2) })
    end
  end)

  it("ends at once by Ctrl-D, and gives the terminal back", function()
    for _ = 1, 3 do
      local on <close> = started()
      on:type "\4"
      assert.same({ "exited", 0 }, { on:finish() })
      assert.equal(on.before, on:state())
    end
  end)

  it("gives the terminal back when it is ended at once by a signal", function()
    local on <close> = started()
    on:kill "TERM"
    assert.same({ "exited", 143 }, { on:finish() })
    assert.equal(on.before, on:state())
  end)

  it("gives the terminal back to what is run in its first line", function()
    local on <close> = started()
    on:type "os.execute 'stty -a | grep -o -e [-]*icanon'\r"
    on:shows "\nicanon"
  end)

  it("loads what few lines need when it is used", function()
    local on <close> = prompt.start { columns = 200, rows = 50 }
    local loaded = " " .. on:run(LOADED:gsub("\n", " ")):gsub("\n", "") .. " "
    for _, name in ipairs {
      "lwt.text", "lwt.stream", "lwt.log", "lwt.process", "lwt.react", "lwt.toplevel.help",
      "lwt.toplevel.complete", "lwt.toplevel.commands", "lwt.toplevel.standard", "lwt.read_line.ask",
      "lwt.read_line.completion", "lwt.term.screen", "lwt.term.progress", "lwt.term.ask",
    } do
      assert.falsy(loaded:find(" " .. name .. " ", 1, true), name)
    end
    assert.truthy(loaded:find(" lwt.read_line.editor ", 1, true), loaded)
  end)

  it("finds its own modules whatever package.path is by then", function()
    local on <close> = prompt.start()
    on:run "package.path, package.cpath = '', ''"
    assert.equal("{ 1, 2 }", on:run "{ 1, 2 }")
    assert.equal('"function"', on:run "type(require 'lwt.process'.exec)")
    assert.matches("^:time  runs it", on:run ":help :time")
  end)
end)

describe("lwt -e", function()
  it("loads the core, and little else", function()
    local ran = shell.run(("%s %s/bin/lwt -e '%s'"):format(shell.lua, shell.here, LOADED))
    assert.equal("lwt lwt.core lwt.internal.args lwt.internal.found lwt.internal.rocks "
      .. "lwt.internal.run_in_task lwt.internal.unawaited lwt.uv\n", ran.out)
  end)
end)

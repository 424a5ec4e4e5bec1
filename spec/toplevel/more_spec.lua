-- The prompt: what makes it pleasant, beyond the contract's words.

local prompt = require "spec.support.prompt"
local shell = require "spec.support.shell"

describe("the prompt", function()
  it("shows what was typed before behind a line that begins so, which Right takes", function()
    local on <close> = prompt.start()
    on:run "first = 'one'"
    on:run "second = 'two'"
    on:type "fi"
    on:last "> first = 'one'"
    on:type "\27[C\r"
    on:ready()
    on:type "fix = 7"
    on:last "> fix = 7"
    on:type "\r"
    on:ready()
    assert.equal('7       "one"', on:run "fix, first")
    on:type "second"
    on:last "> second = 'two'"
    on:type "\r" -- what is only offered is not run
    on:ready()
    assert.truthy(on:text():find('> second\n"two"\n>', 1, true), on:text())
  end)

  it("offers nothing of the kind without colours", function()
    local on <close> = prompt.start { env = { NO_COLOR = "1" } }
    on:run "first = 'one'"
    on:type "fi"
    on:last "> fi"
    on:type "rst\r"
    on:ready()
    assert.truthy(on:text():find('> first\n"one"\n>', 1, true), on:text())
  end)

  it("says how long a line took that took long", function()
    local on <close> = prompt.start()
    assert.matches("^%d+%.%d s$", on:run "lwt.sleep(1.1)")
    assert.matches("^5\n%d+%.%d s$", on:run "lwt.sleep(1.1):map(function() return 5 end)")
    assert.equal("", on:run "lwt.sleep(1.1);")
    assert.matches("\n%d+%.%d s$", on:run "local at = os.clock() repeat until os.clock() > at + 1.1 return 1")
  end)

  it("completes by what a metatable offers for it", function()
    local on <close> = prompt.start()
    on:run("t = setmetatable({ field = 1 }, { __complete = function(v) assert(v == t) " ..
      "return { 'fielding', 'other', 5, 'no name' } end })")
    on:type "t.o\t"
    on:last "> t.other"
    on:type "\21t.fi\t\t"
    on:shows "\nfield     fielding"
    on:type "\3"
    on:ready()
    on:run "bad = setmetatable({ only = 1 }, { __complete = error })"
    on:type "bad.o\t"
    on:last "> bad.only"
  end)

  it("has the user's keys, and vi's", function()
    local on <close> = prompt.start()
    on:run "editor = require 'lwt.toplevel'.editor"
    on:run "editor.keys = { ['ctrl-o'] = function(ed) ed:insert '1 + 1' end }"
    on:type "\15\r"
    on:ready()
    assert.truthy(on:text():find("> 1 + 1\n2\n>", 1, true), on:text())
    on:run "editor.mode = 'vi'"
    on:type "x1 + 2"
    on:last "> x1 + 2"
    on:type "\27"
    on:wait(function() return on.screen.x == 8 end, "vi's command mode")
    on:type "0x"
    on:last "> 1 + 2"
    on:type "\r"
    on:ready()
    assert.truthy(on:text():find("> 1 + 2\n3\n>", 1, true), on:text())
  end)

  it("reports wrong ones, and goes on without", function()
    local on <close> = prompt.start()
    assert.matches("lwt%.toplevel%.editor: .*option 'mode'", on:run "require 'lwt.toplevel'.editor.mode = 'ed'")
    assert.equal("nil", on:run "require 'lwt.toplevel'.editor.mode")
    assert.matches("lwt%.toplevel%.editor: .*option 'keys'",
      on:run "require 'lwt.toplevel'.editor.keys = { nokey = 'undo' }")
    assert.matches("lwt%.toplevel%.editor: .*", on:run "require 'lwt.toplevel'.editor.keys = 5")
    assert.equal("2", on:run "1 + 1")
  end)

  it("has them from the start-up file", function()
    local dir = shell.temp_dir()
    os.execute(("mkdir -p '%s/config/lwt'"):format(dir))
    shell.write(dir .. "/config/lwt/init.lua",
      "require 'lwt.toplevel'.editor.keys = { f5 = function(ed) ed:insert '6 * 7' end }")
    local on <close> = prompt.start { dir = dir }
    on:type "\27[15~\r"
    on:ready()
    assert.truthy(on:text():find("> 6 * 7\n42\n>", 1, true), on:text())
    shell.remove_dir(dir)
  end)
end)

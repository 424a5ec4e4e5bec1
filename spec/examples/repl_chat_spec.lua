-- The chat client with a line editor, in tmux: the screen at three widths.

local shell = require "spec.support.shell"

local LUA = os.getenv "LUA" or "lua5.4"

local function have_tmux() return shell.run("command -v tmux").out ~= "" end

describe("examples/repl-chat.lua", function()
  for _, columns in ipairs { 20, 80, 200 } do
    it(("shows messages above the line that is typed, at %d columns"):format(columns), function()
      if not have_tmux() then return pending "there is no tmux" end
      local dir = shell.temp_dir()
      local tmux = "tmux -S " .. dir .. "/socket -f /dev/null "
      local function run(command) return shell.run(tmux .. command).out end
      local function screen() return (run "capture-pane -p -t chat":gsub("%s+$", "")) end
      local function wait(text)
        for _ = 1, 600 do
          if screen():find(text, 1, true) then return end
          os.execute "sleep 0.05"
        end
        error(("waited in vain for %q; the screen is\n%s"):format(text, screen()), 2)
      end
      local env = ("HOME=%s XDG_STATE_HOME=%s "):format(dir, dir)
      local path = dir .. "/socket2"
      run(("new-session -d -s server -x 80 -y 24 '%s bin/lwt examples/chat.lua unix:%s'"):format(LUA, path))
      for _ = 1, 600 do
        if shell.run("test -S " .. path .. " && echo yes").out ~= "" then break end
        os.execute "sleep 0.05"
      end
      run(("new-session -d -s chat -x %d -y 12 '%s %s examples/repl-chat.lua unix:%s'"):format(columns, env, LUA, path))
      run(("new-session -d -s other -x 80 -y 12 '%s %s examples/repl-chat.lua unix:%s'"):format(env, LUA, path))
      wait "your name?"
      run "send-keys -t chat ann Enter"
      wait ">"
      run "send-keys -t other bob Enter"
      wait "bob is here"
      run "send-keys -t chat -l 'a half written line of mine'"
      wait "mine"
      run "send-keys -t other -l 'hello ann'"
      run "send-keys -t other Enter"
      wait "bob: hello ann"
      local joined = run "capture-pane -p -J -t chat":gsub("%s+$", "")
      assert.is_truthy(joined:find "bob: hello ann\n> a half written line of mine$")
      run "send-keys -t chat C-a C-k bo Tab"
      wait "> bob:"
      run "send-keys -t chat -l hi"
      run "send-keys -t chat Enter"
      for _ = 1, 600 do
        if run "capture-pane -p -t other":find("ann: bob: hi", 1, true) then break end
        os.execute "sleep 0.05"
      end
      assert.is_truthy(run "capture-pane -p -t other":find("ann: bob: hi", 1, true))
      run "send-keys -t chat C-d"
      run "kill-server"
      shell.remove_dir(dir)
    end)
  end
end)

-- The session that the documentation shows, as a terminal shows it: in tmux.

local shell = require "spec.support.shell"

local LUA = os.getenv "LUA" or "lua5.4"

describe("the prompt in tmux", function()
  for _, columns in ipairs { 80, 200 } do
    it(("shows the session as it is drawn, at %d columns"):format(columns), function()
      if shell.run("command -v tmux").out == "" then return pending "there is no tmux" end
      local dir = shell.temp_dir()
      local tmux = "tmux -S " .. dir .. "/socket -f /dev/null "
      local function run(command) return shell.run(tmux .. command).out end
      finally(function()
        run "kill-server"
        shell.remove_dir(dir)
      end)
      local function screen() return (run "capture-pane -p -t it":gsub("%s+$", "")) end
      local function wait(text)
        for _ = 1, 600 do
          if screen():find(text, 1, true) then return end
          os.execute "sleep 0.05"
        end
        error(("waited in vain for %q; the screen is\n%s"):format(text, screen()), 2)
      end
      local function type_line(text, expected)
        run(("send-keys -t it -l -- %q"):format(text))
        run "send-keys -t it Enter"
        if expected then wait(expected) end
      end
      -- What is connected to: a server on a port of the system's choice, which the lines name.
      local port_file = dir .. "/port"
      shell.write(dir .. "/server.lua", ([[
        local lwt, lio = require "lwt", require "lwt.io"
        lwt.run(function()
          local server = lwt.await(lio.establish_server("127.0.0.1:0", function(ch) ch:read():await() end))
          local file = io.open(%q, "w")
          file:write(server:address():match "%%d+$")
          file:close()
          lwt.await(lwt.wait())
        end)]]):format(port_file))
      run(("new-session -d -s server '%s bin/lwt %s/server.lua'"):format(LUA, dir))
      local port
      for _ = 1, 600 do
        local file = io.open(port_file)
        port = file and file:read "a"
        if file then file:close() end
        if port and port ~= "" then break end
        os.execute "sleep 0.05"
      end
      local env = ("HOME=%s XDG_STATE_HOME=%s XDG_CONFIG_HOME=%s"):format(dir, dir, dir)
      run(("new-session -d -s it -x %d -y 16 '%s %s bin/lwt'"):format(columns, env, LUA))
      wait ":help\n>"
      -- (What is typed before the next prompt is there, the terminal itself echoes.)
      type_line('local io = require "lwt.io"', 'lwt.io"\n>')
      type_line(('io.open_connection "localhost:%s"      -- a promise: awaited'):format(port), "open>\n>")
      type_line("p = lwt.sleep(1); :nowait p               -- left alone", "left alone\n>")
      run "send-keys -t it -l 'half a line'"
      wait "p is fulfilled"
      wait "half a line"
      local shown = screen()
      local version = shown:match "^(lwt %S+ %(Lua 5%.4%.%d+, libuv [%d.]+%))"
      assert.is_truthy(version, shown)
      assert.equal(table.concat({
        version .. " · await works at the prompt · :help",
        '> local io = require "lwt.io"',
        ('> io.open_connection "localhost:%s"      -- a promise: awaited'):format(port),
        ("lwt.channel <127.0.0.1:%s, open>"):format(port),
        "> p = lwt.sleep(1); :nowait p               -- left alone",
        "p is fulfilled",
        "> half a line",
      }, "\n"), shown)
    end)
  end
end)

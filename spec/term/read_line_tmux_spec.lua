-- A line that is edited in tmux, which wraps rows anew when its size changes, as terminals with windows do.

local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

local LUA = os.getenv "LUA" or "lua5.4"

describe("a line that is edited in tmux", function()
  local function start(columns, code)
    local dir = shell.temp_dir()
    local on = { dir = dir }
    function on.run(command) return shell.run("tmux -S " .. dir .. "/socket -f /dev/null " .. command).out end
    function on.screen()
      local screen = on.run "capture-pane -p -t line":gsub("%s+$", "")
      while screen:sub(1, 6) == "above\n" do screen = screen:sub(7) end
      return screen
    end
    function on.shows(expected)
      for _ = 1, 600 do
        if on.screen() == expected then return end
        os.execute "sleep 0.05"
      end
      assert.equal(expected, on.screen())
    end
    local path = dir .. "/program.lua"
    local file = assert(io.open(path, "w"))
    file:write('local lwt, read_line = require "lwt", require "lwt.read_line"\nlocal await = lwt.await\n', code)
    file:close()
    on.run(("new-session -d -s line -x %d -y 12 'cd %s && exec %s %s'"):format(columns, dir, LUA, path))
    return setmetatable(on, { __close = function()
      on.run "kill-server"
      shell.remove_dir(dir)
    end })
  end

  it("stands right at every width", function()
    skip.needs "tmux"
    local on <close> = start(40, [[
      local term = require "lwt.term"
      lwt.async(function()
        while true do
          local file = io.open("columns.new", "w")
          file:write((term.stdout:size()))
          file:close()
          os.rename("columns.new", "columns")
          await(lwt.sleep(0.1))
        end
      end)
      lwt.run(function()
        for _ = 1, 20 do print "above" end -- so that tmux takes rows of these away, and none of the line's
        print(await(read_line.read_line { prompt = "> ", initial = ("0123456789"):rep(5) }))
        await(lwt.sleep(300))
      end)]])
    -- The size that the program knows of: a key that it gets before tmux's signal finds the line drawn for
    -- another size, and what tmux has made of that may stay above it.
    local function resize(columns)
      on.run(("resize-window -t line -x %d -y 12"):format(columns))
      local known
      for _ = 1, 600 do
        known = shell.read(on.dir .. "/columns")
        if known == tostring(columns) then break end
        os.execute "sleep 0.05"
      end
      assert.equal(tostring(columns), known)
    end
    local function rows(columns, text, indent)
      local list, whole = {}, indent .. text
      for i = 1, #whole, columns do list[#list + 1] = whole:sub(i, i + columns - 1) end
      return table.concat(list, "\n")
    end
    local text = ("0123456789"):rep(5)
    on.shows(rows(40, text, "> "))
    for _, columns in ipairs { 20, 80, 13, 52, 53, 30, 200, 7, 40 } do
      resize(columns)
      on.shows(rows(columns, text, "> "))
    end
    on.run "send-keys -t line C-a X"
    text = "X" .. text
    on.shows(rows(40, text, "> "))
    resize(25) -- with the cursor in the first row
    on.shows(rows(25, text, "> "))
    on.run "send-keys -t line Enter"
    on.shows(rows(25, text, "> ") .. "\n" .. rows(25, text, ""))
  end)

  it("has at its place what stands behind characters that tmux takes for wider or narrower", function()
    skip.needs "tmux"
    local on <close> = start(60, [[
      lwt.run(function()
        await(read_line.read_line { prompt = "> ", initial = "a👨\u{200D}👩b👍🏽c❤\u{FE0F}d🇩🇪e\u{1FAE8}f" })
      end)]])
    local function row()
      for _ = 1, 600 do
        local s = on.screen()
        if s:find "f.*$" then return s end
        os.execute "sleep 0.05"
      end
    end
    row()
    on.run "send-keys -t line C-a Right Right X"
    for _ = 1, 600 do
      if on.screen():find "X" then break end
      os.execute "sleep 0.05"
    end
    local s = row()
    assert.equal("aXbcdef", s:gsub("[^%w]", ""), s)
    assert.is_truthy(s:find("^> a.*X.*b.*c.*d.*e.*f$"), s)
    -- The cursor is where the text says: what is typed next stands behind the X.
    on.run "send-keys -t line Y"
    for _ = 1, 600 do
      if on.screen():find "XY" then break end
      os.execute "sleep 0.05"
    end
    assert.is_truthy(on.screen():find("XYb", 1, true), on.screen())
  end)
end)

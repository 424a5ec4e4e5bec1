-- examples/downloads.lua on a display that nobody sees: it is clicked on and photographed. The server is
-- the spec's, so that what has to be on the screen is known.
local build = require "spec.support.build"
local lio = require "lwt.io"
local lwt = require "lwt"
local process = require "lwt.process"
local shell = require "spec.support.shell"
local await = lwt.await

local PICTURE = build.root .. "/doc/pictures/downloads.png"
local WIDTH, HEIGHT = 360, 240
local SIZE = 100000

local function missing()
  local lgi, why = require "spec.glib.lgi"()
  if not lgi then return why end
  for _, program in ipairs { "Xvfb", "xdotool" } do
    if shell.run("command -v " .. program).code ~= 0 then return program .. " is not installed" end
  end
  if not pcall(lgi.require, "GdkPixbuf", "2.0")
    or shell.run("ls /usr/lib/*/girepository-1.0/Gtk-3.0.typelib").code ~= 0 then
    return "GTK 3 is not installed"
  end
  if (os.getenv "LWT_UNDER" or "") ~= "" then return "GTK is not run under " .. os.getenv "LWT_UNDER" end
end

describe("examples/downloads.lua", function()
  local why = missing()
  if why then
    it("shows what its tasks receive", function() pending(why .. " (make gtk-check installs it)") end)
    return
  end

  local dir, display, env
  local asked -- of each file: how many of its bytes may be sent by now, and whether the client has gone

  local function run(...)
    local p <close> = process.open({ ... }, { stdin = "null", stdout = "pipe", stderr = "pipe", env = env })
    local out, err = await(lwt.both(p.stdout:read(), p.stderr:read()))
    local status = await(p:status())
    return status.code, out, err
  end

  local function screen(...)
    local code, out, err = run(shell.lua, "spec/examples/screen.lua", ...)
    assert.equal(0, code, err)
    return out
  end

  local function xdotool(...)
    local code, out, err = run("xdotool", ...)
    assert.equal(0, code, err)
    return out
  end

  -- Waits for what has to come, however slow the machine is.
  local function until_true(what, f)
    for _ = 1, 600 do
      local x = f()
      if x then return x end
      await(lwt.sleep(0.1))
    end
    error("it never came: " .. what, 2)
  end

  local function find_window(title)
    return until_true(title, function()
      local code, out = run("xdotool", "search", "--onlyvisible", "--name", title)
      return code == 0 and out:match "%d+"
    end)
  end

  local function photograph(name)
    local path = dir .. "/" .. name .. ".png"
    screen("shot", path, WIDTH, HEIGHT)
    return path
  end

  local function far(path, other)
    local mean, greatest = screen("compare", path, other):match "(%S+) (%S+)"
    return tonumber(mean), tonumber(greatest)
  end

  -- Waits until the bar shows this part of 1, and gives the picture.
  local function until_bar(part, name)
    return until_true(("the bar at %.2f"):format(part), function()
      local path = photograph(name)
      return math.abs(tonumber(screen("bar", path, 165, 195)) - part) < 0.03 and path
    end)
  end

  local function serve()
    return lio.establish_server("127.0.0.1:0", function(ch)
      local file = asked[await(ch:read_line())]
      await(ch:write_line(tostring(SIZE)))
      local sent = 0
      while sent < SIZE do
        if file.allowed > sent then
          await(ch:write(("x"):rep(file.allowed - sent)))
          await(ch:flush())
          sent = file.allowed
        end
        local news = lwt.with_timeout(0.02, ch:read(1))
        local ok, data = pcall(await, news)
        if ok and data == nil then
          file.gone = true
          return
        end
      end
    end)
  end

  -- f(program's window) with everything there.
  local function with_window(f)
    lwt.run(lwt.with_timeout(180, function()
      env = { PATH = os.getenv "PATH", HOME = dir, LUA_PATH = package.path, LUA_CPATH = package.cpath,
        GDK_BACKEND = "x11", NO_AT_BRIDGE = "1", GTK_THEME = "Adwaita", LC_ALL = "C.UTF-8" }
      local x <close> = process.open(
        { "Xvfb", "-displayfd", "1", "-screen", "0", "400x300x24", "-nolisten", "tcp" },
        { stdin = "null", stdout = "pipe", stderr = "null" })
      display = await(x.stdout:read_line())
      env.DISPLAY = ":" .. display
      asked = { ["one.txt"] = {}, ["two.txt"] = {}, ["three.txt"] = {} }
      local server <close> = await(serve())
      local program <close> = process.open({ shell.lua, "examples/downloads.lua", server:address(),
        "one.txt", "two.txt", "three.txt" }, { stdin = "null", stdout = "pipe", stderr = "pipe", env = env })
      assert.equal("window", await(program.stdout:read_line()) or await(program.stderr:read()))
      local window = find_window "Downloads"
      xdotool("windowmove", "--sync", window, "0", "0")
      f(window, program)
      x:kill "TERM"
      await(x:status())
    end))
  end

  local function click(x, y) xdotool("mousemove", tostring(x), tostring(y), "click", "1") end

  local function allow(one, two, three)
    asked["one.txt"].allowed = SIZE * one // 100
    asked["two.txt"].allowed = SIZE * two // 100
    asked["three.txt"].allowed = SIZE * three // 100
  end

  setup(function() dir = build.temp_dir() end)
  teardown(function() lwt.run(build.remove_dir(dir)) end)

  it("shows what its tasks receive, and cancels them", function()
    with_window(function()
      local before = photograph "before"
      allow(100, 50, 30)
      click(90, 215)
      until_bar(0.6, "during")
      xdotool("mousemove", "380", "280")
      await(lwt.sleep(0.5)) -- what the mouse has lit up goes out
      local during = photograph "during"
      if os.getenv "LWT_PICTURES" then run("cp", during, PICTURE) end -- the guide's picture
      -- As in the guide, up to what other fonts make of the words.
      local mean = far(during, PICTURE)
      assert(mean < 4, ("the window is not as in the guide: %s"):format(mean))
      assert(select(2, far(before, during)) > 40) -- (something has changed, then)

      click(270, 215)
      until_true("the end of both connections", function()
        return asked["two.txt"].gone and asked["three.txt"].gone
      end)
      -- The bar stays, and the rows say that they were cancelled: nothing else has changed but the buttons.
      local after = until_true("other words in the rows", function()
        local path = photograph "after"
        return select(2, far(during, path)) > 20 and path
      end)
      assert(math.abs(tonumber(screen("bar", after, 165, 195)) - 0.6) < 0.02)
      assert(far(during, after) < 4)

      -- Once more, to the end.
      allow(100, 100, 100)
      click(90, 215)
      until_bar(1, "done")
    end)
  end)

  it("goes on while its modal dialog is open", function()
    with_window(function(window, program)
      allow(10, 10, 10)
      click(90, 215)
      until_bar(0.1, "a_little")
      xdotool("windowfocus", "--sync", window)
      xdotool("key", "Escape")
      local dialog = find_window "Leave"
      allow(70, 70, 70)
      until_bar(0.7, "below_the_dialog")
      assert.equal(dialog, find_window "Leave") -- it is open still
      xdotool("windowfocus", "--sync", dialog)
      xdotool("key", "Alt+y") -- Yes
      local status = await(program:status())
      assert.equal(0, status.code)
      assert.equal("", await(program.stderr:read()))
    end)
  end)
end)

-- downloads: a GTK window with a list that tasks fill over the network, a bar, and a button that cancels.
--
-- Shows: GTK's loop turns, and serves lwt (lwt.glib); a callback of GTK's begins a scope of tasks, another one
-- cancels it; tasks change widgets; a modal dialog, and the tasks go on while it is open.
--
--   lua5.4 examples/downloads.lua                     from a server of its own, which is slow
--   lua5.4 examples/downloads.lua ADDRESS NAME…       from another: it is sent "NAME\n", and answers
--                                                     with "SIZE\n" and so many bytes
--
-- Needs GTK 3 and lgi for Lua 5.4 (`make lgi` builds it in a checkout; the guide says how else).

local lwt = require "lwt"
local lio = require "lwt.io"
local glib = require "lwt.glib"
local lgi = require "lgi"
local GObject, Gtk = lgi.GObject, lgi.require("Gtk", "3.0")
local await = lwt.await

-- ---- The network ------------------------------------------------------------------------

-- A server that has everything, and takes its time to send it.
local function serve()
  return lio.establish_server("127.0.0.1:0", function(ch)
    local name = await(ch:read_line())
    local size = 20000 + 3000 * #name
    await(ch:write_line(tostring(size)))
    for _ = 1, size // 1000 do
      await(ch:write(("x"):rep(1000)))
      await(ch:flush())
      await(lwt.sleep(0.05))
    end
  end)
end

-- Fetches a file; progress(received, size) is called as it comes.
local function fetch(address, name, progress)
  local ch <close> = await(lio.open_connection(address))
  await(ch:write_line(name))
  local size = assert(tonumber(await(ch:read_line())), "no size was sent")
  local received = 0
  progress(received, size)
  while received < size do
    local data = await(ch:read(65536))
    if not data then error("cut off", 0) end
    received = received + #data
    progress(received, size)
  end
end

-- ---- The window ---------------------------------------------------------------------------

local NAME, PERCENT, STATE = 1, 2, 3

local list = Gtk.ListStore.new { GObject.Type.STRING, GObject.Type.INT, GObject.Type.STRING }
local rows, shares = {}, {} -- of each name: its row, and how much of it is there (0 to 1)

local function column(title, renderer, attributes)
  return Gtk.TreeViewColumn { title = title, { renderer, attributes } }
end

local bar = Gtk.ProgressBar { show_text = true }
local start, cancel = Gtk.Button { label = "Start" }, Gtk.Button { label = "Cancel" }
local window = Gtk.Window {
  title = "Downloads", default_width = 360, default_height = 240, border_width = 8,
  Gtk.Box {
    orientation = "VERTICAL", spacing = 8,
    {
      Gtk.TreeView {
        model = list,
        column("File", Gtk.CellRendererText {}, { text = NAME }),
        column("Received", Gtk.CellRendererProgress {}, { value = PERCENT }),
        column("State", Gtk.CellRendererText {}, { text = STATE }),
      },
      expand = true, fill = true,
    },
    bar,
    Gtk.Box { orientation = "HORIZONTAL", spacing = 8, homogeneous = true, start, cancel },
  },
}

local function show(name, column_number, value)
  list[rows[name]][column_number] = value
end

local function show_total()
  local sum, n = 0, 0
  for _, share in pairs(shares) do sum, n = sum + share, n + 1 end
  bar.fraction = n > 0 and sum / n or 0
  bar.text = ("%d %%"):format(n > 0 and 100 * sum // n or 0)
end

-- ---- Tasks and buttons ----------------------------------------------------------------------

local running -- the scope of the downloads

local function download(address, name)
  show(name, STATE, "receiving")
  local ok, err = pcall(fetch, address, name, function(received, size)
    shares[name] = received / size
    show(name, PERCENT, 100 * received // size)
    show_total()
  end)
  show(name, STATE, ok and "done" or err == lwt.Canceled and "cancelled" or tostring(err))
end

-- One download that fails does not end the others: its row says why.
local function begin(address, names)
  start.sensitive, cancel.sensitive = false, true
  running = lwt.scope(function(s)
    for _, name in ipairs(names) do
      shares[name] = 0
      s:spawn(download, address, name)
    end
  end)
  running:on_termination(function()
    start.sensitive, cancel.sensitive, running = true, false, nil
  end)
end

local function main(address, names)
  for _, name in ipairs(names) do
    rows[name] = list:append { [NAME] = name, [PERCENT] = 0, [STATE] = "" }
  end
  show_total()
  cancel.sensitive = false
  function start:on_clicked() begin(address, names) end
  function cancel:on_clicked() if running then running:cancel() end end

  -- The dialog turns a loop of GTK's inside this callback, and the downloads go on below it.
  function window:on_delete_event()
    if not running then return false end
    local dialog = Gtk.MessageDialog {
      title = "Leave?", text = "Files are coming. Leave?", buttons = "YES_NO",
      transient_for = window, modal = true,
    }
    local answer = dialog:run()
    dialog:destroy()
    return answer ~= Gtk.ResponseType.YES
  end
  function window:on_key_press_event(event)
    if event.keyval == lgi.Gdk.KEY_Escape then window:close() end
  end
  function window:on_destroy()
    if running then running:cancel() end
    Gtk.main_quit()
  end
  window:show_all()
end

-- What comes before the window may be awaited; then GTK's loop turns.
local address, names = arg[1], { table.unpack(arg, 2) }
if not address then
  local server = lwt.run(serve())
  address, names = server:address(), { "one.txt", "a longer name.txt", "the third.txt" }
end
glib.install { mode = "lwt_into_glib" }
main(address, names)
print "window"
Gtk.main()
glib.remove()

-- monitor: counts what is in folders, all at once, with a bar for each.
--
-- Shows: progress bars under output that goes on, keys while other tasks work, a table in the end. `q` or
-- Ctrl-C stops it, `p` makes a pause. Where the output is no terminal the bars are plain lines.
--
--   lwt examples/monitor.lua [FOLDER...]      (the folders of the current one)

local lwt = require "lwt"
local fs = require "lwt.fs"
local term = require "lwt.term"
local await = lwt.await

local LARGE = 1024 * 1024 -- files of so many bytes are told

local paused -- a promise while there is a pause, and its resolver
local resume

local function human(n)
  local units = { "B", "KiB", "MiB", "GiB", "TiB" }
  local i = 1
  while n >= 1024 and i < #units do n, i = n / 1024, i + 1 end
  return i == 1 and ("%d B"):format(n) or ("%.1f %s"):format(n, units[i])
end

-- Adds up what is below `path`. What cannot be read is left out.
local function count(path, sum)
  if paused then await(lwt.protected(paused)) end
  local ok, entries = pcall(await, fs.scandir(path))
  if not ok and entries == lwt.Canceled then error(entries, 0) end
  if not ok then return end
  for _, entry in ipairs(entries) do
    local below = path .. "/" .. entry.name
    if entry.type == "directory" then
      count(below, sum)
    elseif entry.type == "file" then
      local there, about = pcall(await, fs.stat(below))
      if not there and about == lwt.Canceled then error(about, 0) end
      if there then
        sum.files, sum.bytes = sum.files + 1, sum.bytes + about.size
        if about.size >= LARGE then
          term.printlc { term.fg.yellow, human(about.size), term.reset, "  ", below }
        end
      end
    end
  end
end

-- One folder: the bar goes by its own entries.
local function folder(path, result)
  local entries = await(fs.scandir(path))
  local sum = { name = path, files = 0, bytes = 0 }
  result[#result + 1] = sum
  local bar <close> = term.progress { total = #entries, label = path }
  for _, entry in ipairs(entries) do
    local below = path .. "/" .. entry.name
    if entry.type == "directory" then
      count(below, sum)
    elseif entry.type == "file" then
      sum.files, sum.bytes = sum.files + 1, sum.bytes + await(fs.stat(below)).size
    end
    bar:add()
  end
  await(bar:done())
end

-- Keys, where there is somebody to press them: the promise of a reason to stop.
local function keys()
  local _, input = term.is_tty()
  if not input then return (lwt.task()) end
  return lwt.spawn(function()
    for key in term.keys() do
      if key == term.key "q" or key == term.key "ctrl-c" then return end
      if key == term.key "p" and paused then
        resume:wakeup()
        paused = nil
      elseif key == term.key "p" then
        paused, resume = lwt.wait()
      end
    end
  end)
end

local function folders_here()
  local list = {}
  for _, entry in ipairs(await(fs.scandir ".")) do
    local hidden = entry.name:sub(1, 1) == "."
    if entry.type == "directory" and not hidden then list[#list + 1] = entry.name end
  end
  return list
end

local function main(paths)
  if #paths == 0 then paths = folders_here() end
  local result = {}
  local work = lwt.spawn(function()
    local tasks = {}
    for i, path in ipairs(paths) do tasks[i] = lwt.spawn(folder, path, result) end
    await(lwt.join(tasks))
  end)
  await(lwt.pick { work, keys() })
  table.sort(result, function(a, b) return a.bytes > b.bytes end)
  local rows = {}
  for i, sum in ipairs(result) do rows[i] = { sum.name, sum.files, human(sum.bytes) } end
  await(term.table(rows, {
    header = { "folder", "files", "size" }, align = { "left", "right", "right" },
  }))
end

lwt.run(main, arg)

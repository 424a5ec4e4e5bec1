-- What `make bench` measures of lwt alone, beside the rows: growth, memory, threads, lateness. An entry makes its
-- commands, and the lines of text and of Markdown of what they gave.

local M = {}

local function table_of(head, rows)
  local lines = { "| " .. table.concat(head, " | ") .. " |", "|---" .. ("|---:"):rep(#head - 1) .. "|" }
  for _, row in ipairs(rows) do lines[#lines + 1] = "| " .. table.concat(row, " | ") .. " |" end
  return lines
end

local function columns(head, rows)
  local widths, lines = {}, {}
  for _, row in ipairs { head, table.unpack(rows) } do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, utf8.len(cell)) end
  end
  for _, row in ipairs { head, table.unpack(rows) } do
    local cells = {}
    for i, cell in ipairs(row) do
      local space = (" "):rep(widths[i] - utf8.len(cell))
      cells[i] = i == 1 and cell .. space or space .. cell
    end
    lines[#lines + 1] = table.concat(cells, "  ")
  end
  return lines
end

-- An entry whose text and Markdown are one table.
local function add(entry)
  function entry.text(got, number) return columns(entry.head, entry.rows(got, number)) end
  function entry.markdown(got, number) return table_of(entry.head, entry.rows(got, number)) end
  M[#M + 1] = entry
end

---------------------------------------------------------------------------------------------------

local growing = {
  { "binds", "bind after bind", 100000 },
  { "chain", "one chain of pending maps", 100000 },
  { "callbacks", "callbacks on one promise", 100000 },
  { "waiting_tasks", "tasks awaiting one promise", 10000 },
  { "withdrawn", "waiters that leave one promise", 100000 },
  { "queue", "takers waiting at an mvar", 10000 },
  { "timers", "timers", 100000 },
  { "stream", "elements of a stream", 100000 },
  { "signals", "signals, each mapped from the last", 10000 },
  { "messages", "messages to a worker and back", 10000 },
  { "echo", "connections (a request)", 1000 },
}

add {
  name = "growth", computes = true, title = "Growth: ns for each, when there are many", cpus = "0,1",
  head = { "what", "n", "n / 10", "n", "10 n", "10 n to n / 10" },
  commands = function(quick)
    local list = {}
    for _, g in ipairs(growing) do
      for _, factor in ipairs { 0.1, 1, 10 } do
        local n = math.floor(g[3] * factor * (quick and 0.1 or 1))
        if g[1] == "echo" then
          list[#list + 1] = ("{bin}/load -t %s echo:lwt echo %d -- {lua} bench/lwt/serve.lua echo"):format(
            quick and "0.3" or "1", n)
        else
          list[#list + 1] = ("{lua} bench/lwt/growth.lua %s %d"):format(g[1], n)
        end
      end
    end
    return list
  end,
  rows = function(got, number)
    local rows = {}
    for _, g in ipairs(growing) do
      local found = {}
      for _, r in ipairs(got) do
        if r.workload == g[1] then
          local s = r.sample
          found[#found + 1] = { tonumber(r.part), s.cpu and s.cpu * 1000 or s.seconds / s.n * 1e9 }
        end
      end
      table.sort(found, function(a, b) return a[1] < b[1] end)
      if #found == 3 then
        rows[#rows + 1] = {
          g[2], number(found[2][1]), number(found[1][2]), number(found[2][2]), number(found[3][2]),
          ("%.2f"):format(found[3][2] / found[1][2]),
        }
      end
    end
    return rows
  end,
}

add {
  name = "memory", title = "Memory: bytes of what waits",
  head = { "what", "bytes of Lua's heap", "bytes resident" },
  commands = function(quick)
    return { ("{lua} bench/lwt/memory.lua memory %d"):format(quick and 10000 or 100000) }
  end,
  rows = function(got, number)
    local rows = {}
    for _, r in ipairs(got) do
      local name = r.who:gsub("_", " ")
      rows[#rows + 1] = { name, number(r.sample.bytes), number(math.max(0, r.sample.rss)) }
    end
    return rows
  end,
}

add {
  name = "threads", title = "Between threads", cpus = "0,1",
  head = { "what", "time", "most memory there was" },
  commands = function(quick)
    return {
      ("{lua} bench/lwt/growth.lua messages %d"):format(quick and 100000 or 1000000),
      ("{lua} bench/lwt/threads.lua bytes %d"):format(quick and 64 or 1024),
    }
  end,
  rows = function(got, number)
    local rows = {}
    for _, r in ipairs(got) do
      local s = r.sample
      if r.workload == "bytes" then
        rows[#rows + 1] = {
          number(s.mib) .. " MiB of lwt.bytes to a worker and back", ("%s µs"):format(number(s.seconds * 1e6)),
          number(s.peak / 1048576) .. " MiB",
        }
      else
        rows[#rows + 1] = {
          number(s.n) .. " messages to a worker, each answered",
          ("%s ns each"):format(number(s.seconds / s.n * 1e9)), "",
        }
      end
    end
    return rows
  end,
}

add {
  name = "latency", title = "Lateness of a task that runs every millisecond, µs", cpus = "0,1",
  head = { "beside", "50 %", "99 %", "99.9 %", "worst" },
  commands = function(quick)
    local seconds = quick and 1 or 5
    local function run(what) return ("{lua} bench/lwt/latency.lua %s %d"):format(what, seconds) end
    return {
      run "alone", run "sleepers", run "detached",
      ("{bin}/load -u -t %d load echo 50 -- {lua} bench/lwt/latency.lua echo %d"):format(seconds + 5, seconds),
    }
  end,
  rows = function(got, number)
    local words = {
      alone = "nothing else", sleepers = "100,000 tasks asleep", detached = "two worker threads that compute",
      echo = "an echo server with 50 connections that ask all the time",
    }
    local rows = {}
    for _, r in ipairs(got) do
      if words[r.workload] then
        local s = r.sample
        rows[#rows + 1] = { words[r.workload], number(s.p50), number(s.p99), number(s.p999), number(s.worst) }
      end
    end
    return rows
  end,
}

return M

-- What came out, on the terminal.

local words = require "bench.words"

local M = {}

local function pad(s, n)
  local length = utf8.len(s) or #s
  return s .. (" "):rep(n - length)
end
local function pad_left(s, n)
  local length = utf8.len(s) or #s
  return (" "):rep(n - length) .. s
end

function M.text(result, out)
  for _, g in ipairs(result.groups) do
    local row = g.row
    out:write(("\n%s: %s\n"):format(g.title, words.per(row)))
    for _, f in ipairs(g.figures) do
      local spread = f.max > f.min and ("%s..%s"):format((words.amount(row, f.min)), (words.amount(row, f.max))) or ""
      local speed = f.speed
        and ("%s %.2f times as %s"):format(row.beside or "lwt", f.speed, row.unit == "bytes" and "small" or "fast")
      out:write("  ", pad(f.who, 24), pad_left(words.value(row, f.value), 14), pad_left(spread, 20), "  ",
        pad(speed or "", 24), " ", words.remarks(row, f), "\n")
    end
    for _, b in ipairs(g.bars) do
      out:write("    bar: ", pad(words.bar(b), 46), pad_left(words.reached(b), 12), "  ", words.met(b), "\n")
    end
  end
  for _, m in ipairs(result.more) do
    out:write("\n", m.extra.title, "\n")
    for _, line in ipairs(m.extra.text(m.got, words.number)) do out:write("  ", line, "\n") end
  end
  out:write("\n", words.noise(result), "\n")
  if result.judged then out:write(words.judged(result), "\n") end
  for _, f in ipairs(result.failures) do out:write("failed: ", f, "\n") end
end

return M

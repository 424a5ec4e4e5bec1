-- How busted tells what happened: a line for each file as it ends, each failure in full at once
-- (a run that hangs or dies later has said it already), what was skipped and why, and the totals as
-- the last line: "N passed, N failed". LWT_SPEC_SLOW=0.5 names each spec that takes longer than half a second.

local busted = require "busted"
local base = require "busted.outputHandlers.base"
require "spec.support.skip" -- it has to be there before the first spec begins

local write = function(...)
  io.stdout:write(...)
  io.stdout:flush()
end

return function(options)
  local handler = base()
  local passed, failed = 0, 0
  local skipped = {} -- how often, by reason
  local reason -- of the spec that is being skipped
  local in_file -- the file that is running: { passed, failed, start }
  local last -- the spec that has run last: { name =, counted = whether it has passed so far }
  local slow, began = tonumber(os.getenv "LWT_SPEC_SLOW") or math.huge, 0

  local function describe(formatted)
    local trace = formatted.element.trace or formatted.trace or {}
    local message = formatted.message
    if message == nil then
      message = "an error without a value"
    elseif type(message) ~= "string" then
      message = require("pl.pretty").write(message)
    end
    write("\n", formatted.isError and "ERROR " or "FAILED ", formatted.name, "\n")
    if trace.short_src then write("  ", trace.short_src, ":", tostring(trace.currentline), "\n") end
    write("  ", (message:gsub("\n", "\n  ")), "\n")
    if (formatted.isError or options.verbose) and formatted.trace and formatted.trace.traceback then
      write("  ", (formatted.trace.traceback:gsub("^\n", ""):gsub("\n", "\n  ")), "\n")
    end
    write("\n")
  end

  local function count_failure()
    failed = failed + 1
    if in_file then in_file.failed = in_file.failed + 1 end
  end

  function handler.file_start()
    in_file = { passed = 0, failed = 0, start = busted.monotime() }
    return nil, true
  end

  function handler.file_end(file)
    if in_file then
      local seconds = busted.monotime() - in_file.start
      write(string.format("%-6s %s  %d passed%s%s\n", in_file.failed == 0 and "ok" or "FAILED",
        file.name or "?", in_file.passed,
        in_file.failed > 0 and string.format(", %d failed", in_file.failed) or "",
        seconds >= 1 and string.format("  (%.1f s)", seconds) or ""))
    end
    in_file = nil
    return nil, true
  end

  function handler.pending(_, _, message)
    reason = tostring(message):gsub("^%S+:%d+: ", ""):gsub("%s+", " ")
    return nil, true
  end

  function handler.test_start()
    reason = nil
    began = busted.monotime()
    return nil, true
  end

  function handler.test_end(element, _, status)
    local seconds = busted.monotime() - began
    if seconds > slow then
      write(string.format("%.2f s  %s\n", seconds, handler.getFullName(element)))
    end
    last = { name = handler.getFullName(element), counted = status == "success" }
    if status == "success" then
      passed = passed + 1
      if in_file then in_file.passed = in_file.passed + 1 end
    elseif status == "pending" then
      local why = reason or "it is not written yet"
      skipped[why] = (skipped[why] or 0) + 1
      write("skipped ", handler.getFullName(element), "\n")
    end
    return nil, true
  end

  function handler.failed(element, parent, message, debug)
    count_failure()
    describe(handler.format(element, parent, message, debug, false))
    return nil, true
  end

  function handler.raised(element, parent, message, debug)
    count_failure()
    local formatted = handler.format(element, parent, message, debug, true)
    if element.descriptor == "after_each" and last then -- what comes after a spec fails that spec
      formatted.name = last.name
      if last.counted then
        passed, last.counted = passed - 1, false
        if in_file then in_file.passed = in_file.passed - 1 end
      end
    end
    describe(formatted)
    return nil, true
  end

  function handler.finish()
    local reasons = {}
    for why in pairs(skipped) do reasons[#reasons + 1] = why end
    table.sort(reasons)
    for _, why in ipairs(reasons) do write(string.format("%d skipped: %s\n", skipped[why], why)) end
    write(string.format("%d passed, %d failed\n", passed, failed))
    return nil, true
  end

  busted.subscribe({ "file", "start" }, handler.file_start)
  busted.subscribe({ "file", "end" }, handler.file_end)
  busted.subscribe({ "test", "start" }, handler.test_start)
  busted.subscribe({ "test", "end" }, handler.test_end)
  busted.subscribe({ "pending" }, handler.pending)
  busted.subscribe({ "failure" }, handler.failed)
  busted.subscribe({ "error" }, handler.raised)
  busted.subscribe({ "exit" }, handler.finish)
  return handler
end

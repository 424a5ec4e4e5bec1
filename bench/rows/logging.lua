-- lwt.log.

local programs = require "bench.rows.programs"

local runs = { programs.lwt "log", programs.plain, programs.lualogging, programs.python }

return {
  name = "logging", title = "Logging",
  {
    name = "log_off", computes = true, title = "log, switched off", per = "call of lwt.log below the level",
    size = 5000000, quick = 1000000, runs = runs,
    bars = { { "lwt", "<=", 1.5, "empty_call" } },
  },
  {
    name = "log_file", title = "log to a file", per = "record, formatted, with the time, to a file", cpus = "0,1",
    size = 500000, quick = 100000, runs = runs,
    bars = { { "lwt", "<=", 2, "os.date" }, { "lwt", "<", 1, "lualogging" }, { "lwt", "<", 1, "python" } },
  },
}

-- asks_to_end(err): whether the error is one that no function keeps to itself: a cancel, or Ctrl-C.
-- (A comparison with == would call what a program's own error has for __eq.)

local core = require "lwt.core"

return function(err) return rawequal(err, core.Canceled) or rawequal(err, core.Interrupted) end

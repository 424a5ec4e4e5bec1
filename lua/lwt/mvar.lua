--- A cell that holds one value or none, for handing values from task to task.
---
--- ```lua
--- local mvar = require "lwt.mvar"
--- local mailbox = mvar.create()
--- lwt.spawn(function()
---   for i = 1, 2 do await(mailbox:put(i)) end
--- end)
--- print(await(mailbox:take()), await(mailbox:take()))   --> 1 2
--- ```
---
--- Where values go through an mvar all the time, its direct view (`local m = lwt.direct(mvar.create())`)
--- is the fastest way: its `m:put(v)` and `m:take()` wait by themselves, and make no promise for that.

-- The functions are C, in src/core/mvar.c.

return require("lwt.core").mvar

--- A cell that holds one value or none, for handing values from task to task.
---
--- The functions are C, in src/core/mvar.c. Where values go through an mvar all the time, its direct
--- view (`local m = lwt.direct(mvar.create())`) is the fastest way: its `m:put(v)` and `m:take()` wait
--- by themselves, and make no promise for that.

return require("lwt.core").mvar

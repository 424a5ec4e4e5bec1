--- The threadpool on which jobs written in C run: see [jobs in C](../guide/11-jobs-in-c.md). Its size can be
--- set before it is first used.
---
--- ```lua
--- local job = require "lwt.job"
--- print(job.pool_size() >= 1)               --> true
--- ```

-- Jobs themselves are written in C: see lwt.h.

return require "lwt.internal.uvneeded" ("lwt.job").job

-- lwt.job: libuv's threadpool, on which jobs run. Jobs themselves are written in C: see lwt.h.

return require "lwt.internal.uvneeded" ("lwt.job").job

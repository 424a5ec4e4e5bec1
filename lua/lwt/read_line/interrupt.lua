-- What a reader is rejected with after Ctrl-C.

return require "lwt.internal.args".sentinel "lwt.read_line.Interrupt"

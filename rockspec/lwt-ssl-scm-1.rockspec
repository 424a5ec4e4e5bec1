rockspec_format = "3.0"
package = "lwt-ssl"
version = "scm-1"
source = {
  url = "git+https://lwt.invalid/lwt.git", -- set when the project has its public address
}
description = {
  summary = "OpenSSL for lwt",
  license = "MIT",
  labels = { "async", "lwt" },
}
dependencies = {
  "lua >= 5.4, < 5.5",
  "lwt",
}
external_dependencies = {
  SSL = { header = "openssl/ssl.h", library = "ssl" },
}
build = {
  type = "builtin",
  -- Written by scripts/rockspec.lua from the tree: run it after adding or removing a file.
  -- (begin)
  modules = {
    ["lwt.ssl.core"] = {
      sources = {
        "src/ssl/about.c",
        "src/ssl/bio.c",
        "src/ssl/buffer.c",
        "src/ssl/certificate.c",
        "src/ssl/context.c",
        "src/ssl/direct.c",
        "src/ssl/error.c",
        "src/ssl/handshake.c",
        "src/ssl/load.c",
        "src/ssl/methods.c",
        "src/ssl/module.c",
        "src/ssl/ocsp.c",
        "src/ssl/reading.c",
        "src/ssl/session.c",
        "src/ssl/ticket.c",
        "src/ssl/transfer.c",
        "src/ssl/verify.c",
      },
      defines = { "_GNU_SOURCE" },
      libraries = { "ssl", "crypto" },
      incdirs = { "src", "$(SSL_INCDIR)" },
      libdirs = { "$(SSL_LIBDIR)" },
    },
    ["lwt.ssl"] = "lua/lwt/ssl.lua",
    ["lwt.ssl.about"] = "lua/lwt/ssl/about.lua",
    ["lwt.ssl.contexts"] = "lua/lwt/ssl/contexts.lua",
    ["lwt.ssl.fifo"] = "lua/lwt/ssl/fifo.lua",
    ["lwt.ssl.handshake"] = "lua/lwt/ssl/handshake.lua",
    ["lwt.ssl.stream"] = "lua/lwt/ssl/stream.lua",
    ["lwt.ssl.transport"] = "lua/lwt/ssl/transport.lua",
    ["lwt.ssl.waiting"] = "lua/lwt/ssl/waiting.lua",
  },
  -- (end)
}

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
        "src/ssl/module.c",
      },
      defines = { "_GNU_SOURCE" },
      libraries = { "ssl" },
      incdirs = { "src", "$(SSL_INCDIR)" },
      libdirs = { "$(SSL_LIBDIR)" },
    },
    ["lwt.ssl"] = "lua/lwt/ssl.lua",
  },
  -- (end)
}

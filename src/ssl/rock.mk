# The rock lwt-ssl: what it needs and has. Read by the Makefile, by scripts/deps.sh, and by
# scripts/rockspec.lua; each line is read by itself.
ssl_HEADER := openssl/ssl.h
ssl_LIBS := -lssl -lcrypto
ssl_PKG := openssl
ssl_DEBIAN := libssl-dev
ssl_NEEDS := OpenSSL
ssl_DEP := SSL
ssl_LUA := ssl

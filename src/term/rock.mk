# The rock lwt-term: what it needs and has. Read by the Makefile, by scripts/deps.sh, and by
# scripts/rockspec.lua; each line is read by itself.
term_HEADER := utf8proc.h
term_LIBS := -lutf8proc
term_PKG := utf8proc
term_DEBIAN := libutf8proc-dev
term_NEEDS := libutf8proc
term_DEP := TERM
term_LUA := term text read_line

-- Builds C for the specs, against the header as a user's compiler sees it. The flags of the
-- build under test (a sanitizer's) are taken over.
local M = {}

local shell = require "spec.support.shell"

local function quote(s) return "'" .. s .. "'" end

M.include = os.getenv "LUA_INCDIR" or shell.run(
  "pkg-config --cflags-only-I lua5.4 2>/dev/null || echo -I/usr/include/lua5.4").out:match "%-I(%S+)"
  or "/usr/include/lua5.4"

local flags = ({ tsan = "-fsanitize=thread", asan = "-fsanitize=address,undefined" })
  [os.getenv "LWT_UNDER"] or ""

local function cc(arguments)
  local result = shell.run(("LD_PRELOAD= %s -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -g %s %s"):format(
    os.getenv "CC" or "cc", flags, arguments))
  if result.code ~= 0 then error("cannot build: " .. result.err, 0) end
end

-- A loadable module of one C file, in `dir`.
function M.module(dir, source, name)
  cc(("-fPIC -shared -pthread -I%s -I%s -o %s %s"):format(quote(M.include), quote(shell.here .. "/src"),
    quote(dir .. "/" .. name .. ".so"), quote(source)))
end

-- A program that embeds Lua.
function M.program(dir, source, name)
  cc(("-pthread -I%s -I%s -o %s %s -llua5.4 -lm -ldl"):format(quote(M.include),
    quote(shell.here .. "/src"), quote(dir .. "/" .. name), quote(source)))
  return dir .. "/" .. name
end

return M

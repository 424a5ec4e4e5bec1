-- Writes the modules in Lua as one C file, for programs that have lwt linked in:
--
--   lua5.4 scripts/embed.lua > lwt_modules.c
--
-- The file defines `void lwt_preload(lua_State *L)`, which puts them and the two C modules into
-- package.preload. See doc/embedding.md.

local root = (arg[0]:match("^(.*)/scripts/[^/]*$") or ".") .. "/lua/"

local function files()
  local out = {}
  local pipe = io.popen("cd '" .. root .. "' && find lwt -name '*.lua' | LC_ALL=C sort")
  for path in pipe:lines() do out[#out + 1] = path end
  assert(pipe:close(), "cannot list " .. root)
  return out
end

local function bytes(text)
  local out = {}
  for i = 1, #text, 24 do
    out[#out + 1] = table.concat({ text:byte(i, math.min(i + 23, #text)) }, ",")
  end
  return table.concat(out, ",\n")
end

local head, entries = {}, {}
for i, path in ipairs(files()) do
  local file = assert(io.open(root .. path, "rb"))
  local name = path:gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
  head[#head + 1] = ([[
static const unsigned char text%d[] = {
%s};
static int load%d(lua_State *L) {
  return load(L, (const char *)text%d, sizeof text%d, "@%s");
}
]]):format(i, bytes(file:read("a")), i, i, i, path)
  entries[#entries + 1] = ('    {"%s", load%d},\n'):format(name, i)
  file:close()
end

io.write(([[
/* Written by scripts/embed.lua: the modules of lwt that are in Lua. */
#include <lauxlib.h>
#include <lua.h>

int luaopen_lwt_core(lua_State *L);
int luaopen_lwt_uv(lua_State *L);
void lwt_preload(lua_State *L);

/* Called by require with the name of the module, which the chunk gets too. */
static int load(lua_State *L, const char *text, size_t size, const char *name) {
  if (luaL_loadbufferx(L, text, size, name, "t") != LUA_OK) return lua_error(L);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

%s
void lwt_preload(lua_State *L) {
  static const luaL_Reg modules[] = {
    {"lwt.core", luaopen_lwt_core},
    {"lwt.uv", luaopen_lwt_uv},
%s    {NULL, NULL}};
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  luaL_setfuncs(L, modules, 0);
  lua_pop(L, 1);
}
]]):format(table.concat(head), table.concat(entries)))

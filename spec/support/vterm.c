/* vterm.c: libvterm, a terminal that others have written, as a judge of what is on the screen.
**
** new(columns, rows) gives one; t:feed(bytes); t:row(y) is a row as two texts, its characters and its
** styles; t:cell(x, y) is a character and its style; t:cursor() is where it stands; all from 1.
*/
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>
#include <vterm.h>

#define NAME "spec.vterm"
#define BEHIND ((uint32_t)-1) /* the second column of a wide character */

typedef struct {
  VTerm *vt;
  VTermScreen *screen;
} Term;

static Term *check(lua_State *L) {
  Term *t = luaL_checkudata(L, 1, NAME);
  if (!t->vt) luaL_error(L, "it is closed");
  return t;
}

/* What it answers to questions is for nobody. */
static void answer(const char *bytes, size_t size, void *user) {
  (void)bytes, (void)size, (void)user;
}

static int l_new(lua_State *L) {
  int columns = (int)luaL_checkinteger(L, 1), rows = (int)luaL_checkinteger(L, 2);
  Term *t = lua_newuserdatauv(L, sizeof *t, 0);
  memset(t, 0, sizeof *t);
  luaL_setmetatable(L, NAME);
  t->vt = vterm_new(rows, columns);
  if (!t->vt) return luaL_error(L, "no memory");
  vterm_set_utf8(t->vt, 1);
  vterm_output_set_callback(t->vt, answer, NULL);
  t->screen = vterm_obtain_screen(t->vt);
  vterm_screen_enable_altscreen(t->screen, 1);
  vterm_screen_reset(t->screen, 1);
  return 1;
}

static int l_close(lua_State *L) {
  Term *t = luaL_checkudata(L, 1, NAME);
  if (t->vt) vterm_free(t->vt);
  t->vt = NULL;
  return 0;
}

static int l_feed(lua_State *L) {
  Term *t = check(L);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  vterm_input_write(t->vt, bytes, size);
  return 0;
}

static int l_resize(lua_State *L) {
  Term *t = check(L);
  vterm_set_size(t->vt, (int)luaL_checkinteger(L, 3), (int)luaL_checkinteger(L, 2));
  return 0;
}

static int l_cursor(lua_State *L) {
  VTermPos at;
  vterm_state_get_cursorpos(vterm_obtain_state(check(L)->vt), &at);
  lua_pushinteger(L, at.col + 1);
  lua_pushinteger(L, at.row + 1);
  return 2;
}

/* A blank for what was never written; nothing behind a wide character. */
static void add_text(luaL_Buffer *b, const VTermScreenCell *cell) {
  int i;
  if (cell->chars[0] == 0) luaL_addchar(b, ' ');
  if (cell->chars[0] == BEHIND) return;
  for (i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell->chars[i]; i++) {
    lua_pushfstring(b->L, "%U", (lua_Integer)cell->chars[i]);
    luaL_addvalue(b);
  }
}

static size_t colour(char *s, size_t room, const char *name, const VTermColor *c) {
  if (VTERM_COLOR_IS_DEFAULT_FG(c) || VTERM_COLOR_IS_DEFAULT_BG(c)) return 0;
  if (VTERM_COLOR_IS_INDEXED(c)) return (size_t)snprintf(s, room, "%s%d ", name, c->indexed.idx);
  return (size_t)snprintf(s, room, "%s%d,%d,%d ", name, c->rgb.red, c->rgb.green, c->rgb.blue);
}

/* As spec/support/screen.lua has it: names with blanks between them. */
static void add_style(luaL_Buffer *b, const VTermScreenCell *cell) {
  char s[128];
  size_t n = 0;
  int blank = cell->chars[0] == 0 || cell->chars[0] == ' ';
  n += (size_t)snprintf(s, sizeof s, "%s%s%s%s%s%s", cell->attrs.bold ? "bold " : "",
                        cell->attrs.italic ? "italic " : "", cell->attrs.underline ? "underline " : "",
                        cell->attrs.blink ? "blink " : "", cell->attrs.reverse ? "inverse " : "",
                        cell->attrs.strike ? "strike " : "");
  if (!blank) n += colour(s + n, sizeof s - n, "fg", &cell->fg);
  n += colour(s + n, sizeof s - n, "bg", &cell->bg);
  luaL_addlstring(b, s, n ? n - 1 : 0);
}

static int has_cell(Term *t, int x, int y, VTermScreenCell *cell) {
  VTermPos at = {.row = y - 1, .col = x - 1};
  return vterm_screen_get_cell(t->screen, at, cell);
}

static int l_row(lua_State *L) {
  Term *t = check(L);
  int y = (int)luaL_checkinteger(L, 2), columns, rows, x;
  VTermScreenCell cell;
  luaL_Buffer b;
  vterm_get_size(t->vt, &rows, &columns);
  luaL_buffinit(L, &b);
  for (x = 1; x <= columns; x++)
    if (has_cell(t, x, y, &cell)) add_text(&b, &cell);
  luaL_pushresult(&b);
  luaL_buffinit(L, &b);
  for (x = 1; x <= columns; x++) {
    if (!has_cell(t, x, y, &cell)) continue;
    if (cell.chars[0] != BEHIND) add_style(&b, &cell);
    luaL_addchar(&b, '|');
  }
  luaL_pushresult(&b);
  return 2;
}

static int l_cell(lua_State *L) {
  Term *t = check(L);
  VTermScreenCell cell;
  luaL_Buffer b;
  if (!has_cell(t, (int)luaL_checkinteger(L, 2), (int)luaL_checkinteger(L, 3), &cell)) return 0;
  luaL_buffinit(L, &b);
  add_text(&b, &cell);
  luaL_pushresult(&b);
  luaL_buffinit(L, &b);
  add_style(&b, &cell);
  luaL_pushresult(&b);
  return 2;
}

int luaopen_vterm(lua_State *L);
int luaopen_vterm(lua_State *L) {
  static const luaL_Reg functions[] = {{"new", l_new}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"feed", l_feed}, {"resize", l_resize}, {"cursor", l_cursor},
                                     {"row", l_row},   {"cell", l_cell},     {"close", l_close},
                                     {"__gc", l_close}, {NULL, NULL}};
  luaL_newmetatable(L, NAME);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}

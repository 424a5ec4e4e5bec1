/* late.c: threads that send notifications while Lua states are made and closed, and after.
** A program that embeds Lua; LUA_PATH and LUA_CPATH tell where lwt is. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <lwt.h>

#define THREADS 3
#define STATES 20

typedef struct sender {
  pthread_t thread;
  int (*send)(lwt_notification *);
  void (*release)(lwt_notification *);
  lwt_notification *n;
} sender;

static void *send_until_shut(void *data) {
  sender *s = data;
  while (s->send(s->n) == 0) continue;
  for (int i = 0; i < 1000; i++)
    if (s->send(s->n) != -1) abort();
  s->release(s->n);
  return NULL;
}

static void told(lua_State *L, void *data, unsigned count) {
  (void)L;
  *(unsigned *)data += count;
}

int main(void) {
  for (int i = 0; i < STATES; i++) {
    sender senders[THREADS];
    unsigned sum = 0;
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_dostring(L, "require 'lwt'")) {
      fprintf(stderr, "%s\n", lua_tostring(L, -1));
      return 1;
    }
    const lwt_api *lwt = lwt_import(L);
    lwt_notification *n = lwt->notification_new(lwt, L, told, &sum, 0);
    for (int k = 0; k < THREADS; k++) {
      lwt->notification_retain(n);
      senders[k] = (sender){
        .send = lwt->notification_send, .release = lwt->notification_release, .n = n};
      pthread_create(&senders[k].thread, NULL, send_until_shut, &senders[k]);
    }
    if (luaL_dostring(L, "local lwt = require 'lwt' lwt.run(lwt.sleep(0.002))")) return 1;
    if (i % 2 == 0) lwt->notification_stop(lwt, n);
    void (*release)(lwt_notification *) = lwt->notification_release;
    lua_close(L);
    if (i % 2 != 0) release(n); /* never stopped: the reference is still the maker's */
    for (int k = 0; k < THREADS; k++) pthread_join(senders[k].thread, NULL);
  }
  puts("late sends found nobody");
  return 0;
}

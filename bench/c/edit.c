/* edit: GNU readline with a line of so many characters, for typist. */
#include <stdio.h>
#include <stdlib.h>

#include <readline/readline.h>

static int size;

static int begin(void) {
  char *text = malloc((size_t)size + 1);
  if (!text) return 1;
  for (int i = 0; i < size; i++) text[i] = (char)(i % 7 == 6 ? ' ' : 'a' + i % 26);
  text[size] = 0;
  rl_insert_text(text);
  free(text);
  return 0;
}

int main(int argc, char **argv) {
  size = argc > 1 ? atoi(argv[1]) : 0;
  rl_startup_hook = begin;
  free(readline("> "));
  return 0;
}

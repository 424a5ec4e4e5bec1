/* report.h: what the programs of the benchmark in C have in common. Each defines PROGRAM before. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static double now(void) {
  return (double)uv_hrtime() / 1e9;
}

static void report(const char *name, double seconds, long n) {
  printf("RES %s %.6f %ld\n", name, seconds, n);
  fflush(stdout);
}

static void expect(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, PROGRAM ": %s\n", what);
  exit(1);
}

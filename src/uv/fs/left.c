/* left.c: file operations that were cancelled and that a thread still has.
**
** What they make appears later than the cancel. So what removes things comes after those of
** them that make a name (fs_req.makes), or a folder that is removed, with_temp_dir's say,
** would stay behind with what was made too late. They are known by their paths, as these are
** written: one elsewhere is waited for a moment only (wait.c), for by a symbolic link it may
** be making something here all the same, and on a disk that does not answer it never ends.
*/
#include <string.h>

#include "internal.h"

void lwt_uv_fs_leave(fs_state *fs, fs_req *q) {
  if (q->left != 0 || q->makes == NULL) return;
  q->left = ++fs->last_left;
  q->left_next = NULL;
  q->left_before = fs->left_end;
  *fs->left_end = q;
  fs->left_end = &q->left_next;
}

void lwt_uv_fs_left_over(fs_state *fs, fs_req *q) {
  if (q->left == 0) return;
  *q->left_before = q->left_next;
  if (q->left_next != NULL)
    q->left_next->left_before = q->left_before;
  else
    fs->left_end = q->left_before;
  q->left = 0;
  lwt_uv_fs_left_changed(fs);
}

int lwt_uv_fs_is_left(const fs_state *fs, uint64_t last) {
  return fs->left != NULL && fs->left->left <= last;
}

/* The next part of a path, and how long it is; 0 at the end. */
static size_t part(const char **at) {
  const char *s = *at;
  for (;;) {
    s += strspn(s, "/");
    if (s[0] != '.' || (s[1] != '/' && s[1] != '\0')) break;
    s++;
  }
  *at = s;
  return strcspn(s, "/");
}

static int goes_up(const char *path) {
  size_t n;
  for (; (n = part(&path)) > 0; path += n)
    if (n == 2 && memcmp(path, "..", 2) == 0) return 1;
  return 0;
}

/* Can the first be the second, or in it, or above it? Yes where that cannot be seen. */
static int may_meet(const char *path, const char *other) {
  if ((path[0] == '/') != (other[0] == '/') || goes_up(path) || goes_up(other)) return 1;
  for (;;) {
    size_t n = part(&path), m = part(&other);
    if (n == 0 || m == 0) return 1;
    if (n != m || memcmp(path, other, n) != 0) return 0;
    path += n;
    other += m;
  }
}

int lwt_uv_fs_is_left_below(const fs_state *fs, uint64_t last, const char *path) {
  for (const fs_req *q = fs->left; q != NULL && q->left <= last; q = q->left_next)
    if (may_meet(q->makes, path)) return 1;
  return 0;
}

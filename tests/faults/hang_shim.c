/* LD_PRELOAD: a dead network mount. Whoever opens a file below FAULTS_DEAD waits for ever. Only for the service itself:
 * its runner has an empty environment. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_unless_dead(char const* path, int flags, mode_t mode) {
  char const* dead = getenv("FAULTS_DEAD");
  if (dead && *dead && strncmp(path, dead, strlen(dead)) == 0) {
    for (;;) pause();
  }
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define MODE_OF(flags, mode)             \
  mode_t mode = 0;                       \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list more;                        \
    va_start(more, flags);               \
    mode = va_arg(more, mode_t);         \
    va_end(more);                        \
  }

int open(char const* path, int flags, ...) {
  MODE_OF(flags, mode)
  return open_unless_dead(path, flags, mode);
}

int open64(char const* path, int flags, ...) {
  MODE_OF(flags, mode)
  return open_unless_dead(path, flags, mode);
}

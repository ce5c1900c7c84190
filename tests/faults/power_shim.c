/* LD_PRELOAD: writes down what a process does to the files below POWER_FOLDER, in order, into POWER_JOURNAL, so that
 * power_disk.cpp can say what a disk may hold if the power goes at any instant. Each record is one write(2) with
 * O_APPEND: a struct of five numbers (host byte order), then two byte strings of the lengths it names.
 *
 *   'C' ino        path        a file was created
 *   'W' ino offset bytes       bytes were written
 *   'T' ino size               a file was cut or extended
 *   'S' ino                    fsync or fdatasync of a file ended well
 *   'F'            path        fsync of a folder ended well
 *   'R'            from to     renamed       'L' from to   linked
 *   'U'            path        removed       'M' path      folder made      'D' path  folder removed
 *
 * What is written otherwise (mmap, a stream of stdio) is not seen; the test compares a replay without a loss with the
 * real folder and would notice. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct head {
  uint64_t kind, ino, offset, first, second;
};

static char const* folder;
static int journal = -1;

__attribute__((constructor)) static void begin(void) {
  char const* const path = getenv("POWER_JOURNAL");
  folder = getenv("POWER_FOLDER");
  if (path) journal = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void note(char kind, uint64_t ino, uint64_t offset, void const* first, size_t first_length, void const* second,
                 size_t second_length) {
  int const kept = errno;
  struct head head = {(uint64_t)kind, ino, offset, first_length, second_length};
  struct iovec parts[] = {{&head, sizeof head}, {(void*)first, first_length}, {(void*)second, second_length}};
  if (syscall(SYS_writev, journal, parts, 3) != (long)(sizeof head + first_length + second_length)) abort();
  errno = kept;
}

static void note_paths(char kind, char const* from, char const* to) {
  note(kind, 0, 0, from, strlen(from), to, to ? strlen(to) : 0);
}

static int below(char const* path) {
  return journal >= 0 && folder && strncmp(path, folder, strlen(folder)) == 0;
}

/* The absolute path of a descriptor; 0: none. */
static int path_of(int fd, char* path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  long const got = syscall(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
  if (got <= 0) return 0;
  path[got] = 0;
  return 1;
}

/* The absolute path of a name; 0: it is of no interest. */
static int absolute(int at, char const* name, char* path, size_t size) {
  char base[4096];
  if (journal < 0 || !name) return 0;
  if (name[0] == '/') {
    snprintf(path, size, "%s", name);
  } else {
    if (at == AT_FDCWD ? !getcwd(base, sizeof base) : !path_of(at, base, sizeof base)) return 0;
    snprintf(path, size, "%s/%s", base, name);
  }
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/') path[--length] = 0;
  return below(path);
}

static int open_any(int at, char const* name, int flags, mode_t mode) {
  char path[4096];
  struct stat before, after;
  int const seen = (flags & (O_CREAT | O_TRUNC)) && absolute(at, name, path, sizeof path);
  int const was = seen && syscall(SYS_newfstatat, at, name, &before, 0) == 0;
  int const fd = (int)syscall(SYS_openat, at, name, flags, mode);
  if (fd >= 0 && seen && fstat(fd, &after) == 0) {
    if (!was) note('C', after.st_ino, 0, path, strlen(path), 0, 0);
    else if (flags & O_TRUNC) note('T', after.st_ino, 0, 0, 0, 0, 0);
  }
  return fd;
}

#define OPEN(name, at_parameter, at)                          \
  int name(at_parameter char const* path, int flags, ...) {   \
    va_list rest;                                             \
    va_start(rest, flags);                                    \
    mode_t const mode = va_arg(rest, mode_t);                 \
    va_end(rest);                                             \
    return open_any(at, path, flags, mode);                   \
  }
#define FOLDER_PARAMETER int at,
OPEN(open, , AT_FDCWD)
OPEN(open64, , AT_FDCWD)
OPEN(openat, FOLDER_PARAMETER, at)
OPEN(openat64, FOLDER_PARAMETER, at)
int creat(char const* path, mode_t mode) { return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static int watched(int fd, struct stat* status) {
  char path[4096];
  return journal >= 0 && fd != journal && fstat(fd, status) == 0 && (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode)) &&
         path_of(fd, path, sizeof path) && below(path);
}

ssize_t write(int fd, void const* bytes, size_t count) {
  struct stat status;
  int const seen = watched(fd, &status);
  off_t const offset = seen ? ((fcntl(fd, F_GETFL) & O_APPEND) ? status.st_size : lseek(fd, 0, SEEK_CUR)) : 0;
  ssize_t const done = syscall(SYS_write, fd, bytes, count);
  if (done > 0 && seen) note('W', status.st_ino, (uint64_t)offset, bytes, (size_t)done, 0, 0);
  return done;
}

static ssize_t pwrite_any(int fd, void const* bytes, size_t count, off_t offset) {
  struct stat status;
  int const seen = watched(fd, &status);
  ssize_t const done = syscall(SYS_pwrite64, fd, bytes, count, offset);
  if (done > 0 && seen) note('W', status.st_ino, (uint64_t)offset, bytes, (size_t)done, 0, 0);
  return done;
}
ssize_t pwrite(int fd, void const* bytes, size_t count, off_t offset) { return pwrite_any(fd, bytes, count, offset); }
ssize_t pwrite64(int fd, void const* bytes, size_t count, off_t offset) { return pwrite_any(fd, bytes, count, offset); }

static int synced(int fd, long number) {
  struct stat status;
  char path[4096];
  int const done = (int)syscall(number, fd);
  if (done == 0 && watched(fd, &status)) {
    if (S_ISDIR(status.st_mode) && path_of(fd, path, sizeof path)) note_paths('F', path, 0);
    if (S_ISREG(status.st_mode)) note('S', status.st_ino, 0, 0, 0, 0, 0);
  }
  return done;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int cut(int fd, off_t size) {
  struct stat status;
  int const seen = watched(fd, &status);
  int const done = (int)syscall(SYS_ftruncate, fd, size);
  if (done == 0 && seen) note('T', status.st_ino, (uint64_t)size, 0, 0, 0, 0);
  return done;
}
int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off_t size) { return cut(fd, size); }

static int two_paths(char kind, long done, int from_at, char const* from, int to_at, char const* to) {
  char a[4096], b[4096];
  if (done == 0 && absolute(from_at, from, a, sizeof a) && absolute(to_at, to, b, sizeof b)) note_paths(kind, a, b);
  return (int)done;
}
int rename(char const* from, char const* to) {
  return two_paths('R', syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0), AT_FDCWD, from, AT_FDCWD, to);
}
int renameat(int from_at, char const* from, int to_at, char const* to) {
  return two_paths('R', syscall(SYS_renameat2, from_at, from, to_at, to, 0), from_at, from, to_at, to);
}
int renameat2(int from_at, char const* from, int to_at, char const* to, unsigned flags) {
  return two_paths('R', syscall(SYS_renameat2, from_at, from, to_at, to, flags), from_at, from, to_at, to);
}
int link(char const* from, char const* to) {
  return two_paths('L', syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0), AT_FDCWD, from, AT_FDCWD, to);
}
int linkat(int from_at, char const* from, int to_at, char const* to, int flags) {
  return two_paths('L', syscall(SYS_linkat, from_at, from, to_at, to, flags), from_at, from, to_at, to);
}

static int one_path(char kind, long done, int at, char const* name) {
  char path[4096];
  if (done == 0 && absolute(at, name, path, sizeof path)) note_paths(kind, path, 0);
  return (int)done;
}
int unlink(char const* path) { return one_path('U', syscall(SYS_unlinkat, AT_FDCWD, path, 0), AT_FDCWD, path); }
int unlinkat(int at, char const* path, int flags) {
  return one_path(flags & AT_REMOVEDIR ? 'D' : 'U', syscall(SYS_unlinkat, at, path, flags), at, path);
}
int rmdir(char const* path) {
  return one_path('D', syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR), AT_FDCWD, path);
}
int remove(char const* path) {
  struct stat status;
  if (lstat(path, &status) != 0) return -1;
  return S_ISDIR(status.st_mode) ? rmdir(path) : unlink(path);
}
int mkdir(char const* path, mode_t mode) {
  return one_path('M', syscall(SYS_mkdirat, AT_FDCWD, path, mode), AT_FDCWD, path);
}
int mkdirat(int at, char const* path, mode_t mode) { return one_path('M', syscall(SYS_mkdirat, at, path, mode), at, path); }

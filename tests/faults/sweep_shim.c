/* LD_PRELOAD: counts each call by which a program touches files below one folder, and makes chosen ones fail: the
 * index-th, once or for ever, with an errno or as a short write; or the program dies before it. Orders stand in a page
 * that the test maps as well. It also shifts the wall clock and lets memory run out. */
#define _GNU_SOURCE
#include "sweep_shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct sweep_page* volatile mapped = 0;

static struct sweep_page* page(void) {
  char const* name = getenv("FAULTS_PAGE");
  if (mapped || !name) return mapped;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC);
  if (fd < 0) return 0;
  void* address = (void*)syscall(SYS_mmap, 0, sizeof(struct sweep_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  if (address != MAP_FAILED) mapped = address;
  return mapped;
}

__attribute__((constructor)) static void map_page(void) { page(); /* not from inside of malloc */ }

/* ENOSPC and EDQUOT hit what needs space, EROFS and EACCES what changes names or opens to write, EMFILE what opens. */
static int can_fail(int kind, int error) {
  if (error == SWEEP_SHORT) return kind == SWEEP_WRITE;
  if (error == EMFILE || error == ENFILE) return kind == SWEEP_OPEN || kind == SWEEP_LOOK;
  if (error == ENOSPC || error == EDQUOT) return kind != SWEEP_UNLINK && kind != SWEEP_LOOK;
  if (error == EROFS || error == EACCES) return kind == SWEEP_OPEN || kind == SWEEP_RENAME || kind == SWEEP_UNLINK;
  return 1;
}

static int fails(struct sweep_page* p, int kind) {
  long at = __atomic_fetch_add(&p->seen, 1, __ATOMIC_SEQ_CST);
  if (at < SWEEP_CALLS) p->kinds[at] = (unsigned char)kind;
  if (p->index < 0 || at < p->index || (at > p->index && !p->for_ever) || !can_fail(kind, p->error)) return 0;
  __atomic_fetch_add(&p->failed, 1, __ATOMIC_SEQ_CST);
  if (p->error == SWEEP_KILL) raise(SIGKILL);
  return p->error;
}

static int on_path(int kind, char const* path) {
  struct sweep_page* p = page();
  if (!p || !p->watching || !path || !p->folder[0] || strncmp(path, p->folder, strlen(p->folder)) != 0) return 0;
  return fails(p, kind);
}

static int on_descriptor(int kind, int fd) {
  char link[64], path[1024];
  struct sweep_page* p = page();
  if (!p || !p->watching || !p->folder[0]) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  long got = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  if (got <= 0) return 0;
  path[got] = 0;
  return strncmp(path, p->folder, strlen(p->folder)) == 0 ? fails(p, kind) : 0;
}

static int failed(int error) {
  errno = error;
  return -1;
}

static int open_fails(char const* path, int flags) {
  return on_path(flags & (O_WRONLY | O_RDWR | O_CREAT) ? SWEEP_OPEN : SWEEP_LOOK, path);
}

int open(char const* path, int flags, ...) {
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  int error = open_fails(path, flags);
  return error ? failed(error) : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open64(char const* path, int flags, ...) {
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  int error = open_fails(path, flags);
  return error ? failed(error) : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t write(int fd, void const* bytes, size_t count) {
  int error = on_descriptor(SWEEP_WRITE, fd);
  if (error == SWEEP_SHORT) return syscall(SYS_write, fd, bytes, count > 1 ? count / 2 : count);
  return error ? failed(error) : syscall(SYS_write, fd, bytes, count);
}

static int read_fails(int fd) {
  struct sweep_page* p = page();
  return p && p->reads ? on_descriptor(SWEEP_READ, fd) : 0;
}

ssize_t read(int fd, void* bytes, size_t count) {
  int error = read_fails(fd);
  return error ? failed(error) : syscall(SYS_read, fd, bytes, count);
}

ssize_t pread(int fd, void* bytes, size_t count, off_t at) {
  int error = read_fails(fd);
  return error ? failed(error) : syscall(SYS_pread64, fd, bytes, count, at);
}

ssize_t pread64(int fd, void* bytes, size_t count, off64_t at) { return pread(fd, bytes, count, at); }

int fsync(int fd) {
  int error = on_descriptor(SWEEP_SYNC, fd);
  return error ? failed(error) : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  int error = on_descriptor(SWEEP_SYNC, fd);
  return error ? failed(error) : (int)syscall(SYS_fdatasync, fd);
}

int rename(char const* from, char const* to) {
  int error = on_path(SWEEP_RENAME, to);
  return error ? failed(error) : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(char const* path) {
  int error = on_path(SWEEP_UNLINK, path);
  return error ? failed(error) : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  static int (*real)(clockid_t, struct timespec*) = 0;
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "clock_gettime");
  int const done = real(clock, time);
  struct sweep_page* p = page();
  if (done == 0 && clock == CLOCK_REALTIME && p) time->tv_sec += p->clock_step;
  return done;
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

static int starves(void) {
  struct sweep_page* p = mapped;
  if (!p || p->starve_at <= 0) return 0;
  long at = __atomic_add_fetch(&p->allocations, 1, __ATOMIC_SEQ_CST);
  if (at < p->starve_at || (at > p->starve_at && !p->for_ever)) return 0;
  __atomic_fetch_add(&p->failed, 1, __ATOMIC_SEQ_CST);
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t size) { return starves() ? 0 : __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return starves() ? 0 : __libc_calloc(count, size); }
void* realloc(void* old, size_t size) { return starves() ? 0 : __libc_realloc(old, size); }
void* memalign(size_t alignment, size_t size) { return starves() ? 0 : __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void** out, size_t alignment, size_t size) {
  *out = memalign(alignment, size);
  return *out ? 0 : ENOMEM;
}

/* Of a file as a whole: a read, too. */
void* mmap(void* address, size_t size, int protection, int flags, int fd, off_t at) {
  int error = starves() ? ENOMEM : fd >= 0 ? read_fails(fd) : 0;
  if (!error) return (void*)syscall(SYS_mmap, address, size, protection, flags, fd, at);
  errno = error;
  return MAP_FAILED;
}

void* mmap64(void* address, size_t size, int protection, int flags, int fd, off64_t at) {
  return mmap(address, size, protection, flags, fd, at);
}

/* LD_PRELOAD: makes the service's disk misbehave. FILE, named by FAULTS_ORDER, holds "fsync NTH ERRNO" or
 * "write - ERRNO": the NTH fsync or fdatasync from now on fails once; or every write to a file below FAULTS_FOLDER
 * fails while FILE exists. An fsync order is used up by removing FILE. Read at each call, so that tests can aim while
 * the service runs. Only for the service itself: its runner has an empty environment. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int order(char* what, int* nth, int* number) {
  char text[64] = {0};
  char const* path = getenv("FAULTS_ORDER");
  int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return 0;
  long got = syscall(SYS_read, file, text, sizeof text - 1);
  syscall(SYS_close, file);
  return got > 0 && sscanf(text, "%15s %d %d", what, nth, number) == 3;
}

static int counted = 0;

static int sync_fails(void) {
  char what[16];
  int nth, number;
  if (!order(what, &nth, &number) || strcmp(what, "fsync") != 0) return 0;
  if (__atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST) != nth) return 0;
  unlink(getenv("FAULTS_ORDER"));
  errno = number;
  return 1;
}

int fsync(int fd) {
  return sync_fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  return sync_fails() ? -1 : (int)syscall(SYS_fdatasync, fd);
}

ssize_t write(int fd, void const* bytes, size_t count) {
  char what[16], link[64], path[4096];
  int nth, number;
  char const* folder = getenv("FAULTS_FOLDER");
  if (folder && order(what, &nth, &number) && strcmp(what, "write") == 0) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long got = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (got > 0) {
      path[got] = 0;
      if (strncmp(path, folder, strlen(folder)) == 0) {
        errno = number;
        return -1;
      }
    }
  }
  return syscall(SYS_write, fd, bytes, count);
}

// Lets one system call of a program fail, or kills the program at it. Preloaded by FaultTests.
//
// Counted are calls that change something below FAULT_FOLDER. At number FAULT_AT, from 1, FAULT_MODE decides: "kill"
// (a write is half done before), "enospc" or "eio" (nothing is done). At the end the number of calls is written to the
// file FAULT_COUNT, if given.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int calls;
static int target;
static const char *folder, *mode;

__attribute__((constructor)) static void begin(void) {
  folder = getenv("FAULT_FOLDER");
  mode = getenv("FAULT_MODE");
  const char *at = getenv("FAULT_AT");
  target = at ? atoi(at) : 0;
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("FAULT_COUNT");
  if (!path) return;
  char text[32];
  int size = snprintf(text, sizeof text, "%d", atomic_load(&calls));
  int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0 && syscall(SYS_write, file, text, size) == size) syscall(SYS_close, file);
}

static int below(const char *path) { return folder && path && !strncmp(path, folder, strlen(folder)); }

static int opened_below(int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = 0;
  return below(path);
}

// The error that this call is to return; 0 to go on.
static int fault(void) {
  if (atomic_fetch_add(&calls, 1) + 1 != target || !mode) return 0;
  if (!strcmp(mode, "enospc")) return ENOSPC;
  if (!strcmp(mode, "eio")) return EIO;
  return -1;
}

static void die(void) {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, #name)
#define FAIL_IF(affected, half) \
  do { \
    int error = (affected) ? fault() : 0; \
    if (error < 0) { half; die(); } \
    if (error > 0) { errno = error; return -1; } \
  } while (0)

ssize_t write(int file, const void *bytes, size_t size) {
  REAL(write);
  FAIL_IF(opened_below(file), if (size > 1) (void)!real(file, bytes, size / 2));
  return real(file, bytes, size);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t place) {
  REAL(pwrite);
  FAIL_IF(opened_below(file), if (size > 1) (void)!real(file, bytes, size / 2, place));
  return real(file, bytes, size, place);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t place) {
  REAL(pwrite64);
  FAIL_IF(opened_below(file), if (size > 1) (void)!real(file, bytes, size / 2, place));
  return real(file, bytes, size, place);
}

int fsync(int file) {
  REAL(fsync);
  FAIL_IF(opened_below(file), );
  return real(file);
}

int fdatasync(int file) {
  REAL(fdatasync);
  FAIL_IF(opened_below(file), );
  return real(file);
}

int ftruncate(int file, off_t size) {
  REAL(ftruncate);
  FAIL_IF(opened_below(file), );
  return real(file, size);
}

int ftruncate64(int file, off64_t size) {
  REAL(ftruncate64);
  FAIL_IF(opened_below(file), );
  return real(file, size);
}

int rename(const char *from, const char *to) {
  REAL(rename);
  FAIL_IF(below(from) || below(to), );
  return real(from, to);
}

int link(const char *from, const char *to) {
  REAL(link);
  FAIL_IF(below(from) || below(to), );
  return real(from, to);
}

int unlink(const char *path) {
  REAL(unlink);
  FAIL_IF(below(path), );
  return real(path);
}

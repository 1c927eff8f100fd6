// Preloaded into a process, counts its changes to the file system and strikes at the one whose
// number is in FAULT_AT, counted from 1: FAULT=kill ends the process as a loss of power would, after
// half of what was to be written; FAULT=full, denied or read-only fails as a full disk, a folder
// without permission or a read-only one does, then and from then on.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <fcntl.h>

static atomic_long changes;

// Whether the fault strikes at this change. With FAULT=kill the caller does half of it first.
static int strikes(void) {
    const char *at = getenv("FAULT_AT");
    long number = atomic_fetch_add(&changes, 1) + 1;
    if (!at) return 0;
    return number >= atol(at);
}

static int fails(void) {
    const char *fault = getenv("FAULT");
    if (fault && strcmp(fault, "kill") == 0) raise(SIGKILL);
    errno = ENOSPC;
    if (fault && strcmp(fault, "denied") == 0) errno = EACCES;
    if (fault && strcmp(fault, "read-only") == 0) errno = EROFS;
    return -1;
}

static int is_file(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

ssize_t write(int fd, const void *buffer, size_t count) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (!is_file(fd) || !strikes()) return real(fd, buffer, count);
    real(fd, buffer, count / 2);
    return fails();
}

int fsync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return strikes() ? fails() : real(fd);
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    return strikes() ? fails() : real(from, to);
}

int mkdir(const char *path, mode_t mode) {
    int (*real)(const char *, mode_t) = dlsym(RTLD_NEXT, "mkdir");
    return strikes() ? fails() : real(path, mode);
}

static int opened(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
    if ((flags & O_CREAT) && strikes()) return fails();
    return real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened("open64", path, flags, mode);
}

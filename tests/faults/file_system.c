// Preloaded into a process, counts its changes to the file system and strikes at the one whose
// number is in FAULT_AT, counted from 1: FAULT=kill ends the process as a loss of power would, after
// half of what was to be written; FAULT=full, denied or read-only fails as a full disk, a folder
// without permission or a read-only one does, then and from then on; FAULT=raced lets another process
// make a folder of that name first, the first time that one is made in another folder.
//
// LACKS="flock=38 fsync-folder=22" is a file system that cannot do that, and says so with these numbers
// of <errno.h>: flock, link, rename, rename-new (one that spares an existing file), fsync-folder,
// fsync-file, open-folder. A user without a home LACKS home=0.

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
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static atomic_long changes;

// The number with which the file system says that it cannot do something, or -1.
static int lacks(const char *what) {
    const char *list = getenv("LACKS");
    for (; list && *list; list += strcspn(list, " "), list += strspn(list, " ")) {
        size_t length = strlen(what);
        if (strncmp(list, what, length) == 0 && list[length] == '=') return atoi(list + length + 1);
    }
    return -1;
}

// A call that does not pass through the C library is refused by the kernel.
static void refuse(long call, int error) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("no system call can be refused here");
        abort();
    }
}

__attribute__((constructor)) static void refuse_what_lacks(void) {
    int error;
    if ((error = lacks("flock")) > 0) refuse(SYS_flock, error);
    if ((error = lacks("link")) > 0) refuse(SYS_linkat, error);
    if ((error = lacks("rename-new")) > 0) refuse(SYS_renameat2, error);
    if ((error = lacks("rename")) > 0) {
        refuse(SYS_renameat, error);
#ifdef SYS_link
        refuse(SYS_rename, error);
#endif
    }
#ifdef SYS_link
    if ((error = lacks("link")) > 0) refuse(SYS_link, error);
#endif
}

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
    int error = lacks(is_file(fd) ? "fsync-file" : "fsync-folder");
    if (error > 0) {
        errno = error;
        return -1;
    }
    return strikes() ? fails() : real(fd);
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    return strikes() ? fails() : real(from, to);
}

int mkdir(const char *path, mode_t mode) {
    int (*real)(const char *, mode_t) = dlsym(RTLD_NEXT, "mkdir");
    const char *fault = getenv("FAULT");
    if (fault && strcmp(fault, "raced") == 0) {
        // Of a folder in a folder, so that "runs" itself is made as it should be.
        static atomic_long folders;
        if (strchr(path, '/') && atomic_fetch_add(&folders, 1) == 0) real(path, mode);
        return real(path, mode);
    }
    return strikes() ? fails() : real(path, mode);
}

static int opened(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
    struct stat status;
    int error = lacks("open-folder");
    if (error > 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = error;
        return -1;
    }
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

int getpwuid_r(uid_t user, struct passwd *entry, char *buffer, size_t size, struct passwd **result) {
    int (*real)(uid_t, struct passwd *, char *, size_t, struct passwd **) = dlsym(RTLD_NEXT, "getpwuid_r");
    if (lacks("home") < 0) return real(user, entry, buffer, size, result);
    *result = NULL;
    return 0;
}

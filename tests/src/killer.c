/* Kills its process before a chosen change of a file below a folder. Preloaded into the agent.
 *
 * The file that KILLER names holds how many changes are left, the deadly one included; 0: it is not
 * killed. The processes that have it count down together. KILLER_BELOW names the folder. A change is
 * an open(2) that may create a file, write(2), fsync(2), rename(2) or unlink(2). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int64_t *left;
static const char *below;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void start(void) {
    int (*open_real)(const char *, int, ...) = (int (*)(const char *, int, ...))real("open");
    int file = open_real(getenv("KILLER"), O_RDWR | O_CLOEXEC);
    void *map = mmap(NULL, sizeof *left, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || map == MAP_FAILED) abort();
    close(file);
    below = getenv("KILLER_BELOW");
    left = map;
}

static void change(const char *path) {
    if (!left || strncmp(path, below, strlen(below)) != 0 || *left <= 0) return;
    if (__atomic_sub_fetch(left, 1, __ATOMIC_SEQ_CST) == 0) kill(getpid(), SIGKILL);
}

static void change_of(int fd) {
    char name[64], path[PATH_MAX];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    change(path);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    if (flags & O_CREAT) change(path);
    return ((int (*)(const char *, int, ...))real("open64"))(path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    change_of(fd);
    return ((ssize_t (*)(int, const void *, size_t))real("write"))(fd, bytes, count);
}

int fsync(int fd) {
    change_of(fd);
    return ((int (*)(int))real("fsync"))(fd);
}

int rename(const char *from, const char *to) {
    change(to);
    return ((int (*)(const char *, const char *))real("rename"))(from, to);
}

int unlink(const char *path) {
    change(path);
    return ((int (*)(const char *))real("unlink"))(path);
}

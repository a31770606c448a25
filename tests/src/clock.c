/* A wall clock of one process and its children, which a test sets. Preloaded into the agent.
 *
 * The file that CLOCK names holds how many milliseconds it is ahead of the host's. Timers follow it
 * as those of the kernel follow the host's clock: setting it makes them expire, and makes the next
 * timerfd_settime(2) fail with ECANCELED. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *ahead;
static int64_t seen;
static int timer = -1;
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_settime)(int, int, const struct itimerspec *, struct itimerspec *);

__attribute__((constructor)) static void start(void) {
    real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    real_settime = (int (*)(int, int, const struct itimerspec *, struct itimerspec *))
        dlsym(RTLD_NEXT, "timerfd_settime");
    int file = open(getenv("CLOCK"), O_RDONLY | O_CLOEXEC);
    void *map = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    if (file < 0 || map == MAP_FAILED) abort();
    close(file);
    ahead = map;
    seen = *ahead;
}

static void add(struct timespec *time, int64_t ms) {
    int64_t ns = time->tv_sec * 1000000000LL + time->tv_nsec + ms * 1000000;
    time->tv_sec = ns / 1000000000;
    time->tv_nsec = ns % 1000000000;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = real_gettime(clock, now);
    if (clock == CLOCK_REALTIME && ahead) add(now, *ahead);
    return result;
}

/* Makes the timer expire when the clock has been set. */
static void *watch(void *none) {
    const struct timespec pause = {0, 5000000};
    for (int64_t last = seen;; nanosleep(&pause, NULL)) {
        if (*ahead == last) continue;
        last = *ahead;
        const struct itimerspec at_once = {{0, 0}, {0, 1}};
        real_settime(timer, 0, &at_once, NULL);
    }
    return none;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old) {
    if (!(flags & TFD_TIMER_ABSTIME)) return real_settime(fd, flags, value, old);
    struct itimerspec at = *value;
    add(&at.it_value, -*ahead);
    int result = real_settime(fd, flags, &at, old);
    if (timer < 0) {
        pthread_t thread;
        timer = fd;
        pthread_create(&thread, NULL, watch, NULL);
    }
    if (result == 0 && seen != *ahead) {
        seen = *ahead;
        errno = ECANCELED;
        return -1;
    }
    return result;
}

/* Loaded before a node's libraries (LD_PRELOAD): syncs of its disk take longer, its wall clock is wrong, as much as a
 * shared file says: two 64-bit numbers, microseconds per sync and milliseconds of error. The node knows nothing of it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct orders {
    volatile int64_t sync_us;
    volatile int64_t clock_ms;
};

static struct orders none;
static struct orders *orders = &none;

__attribute__((constructor)) static void read_orders(void) {
    const char *path = getenv("DISTURBANCE_FILE");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0)
        return;
    void *shared = mmap(NULL, sizeof(struct orders), PROT_READ, MAP_SHARED, file, 0);
    if (shared != MAP_FAILED)
        orders = shared;
    close(file);
}

static void wait_before_sync(void) {
    int64_t us = orders->sync_us;
    if (us > 0) {
        struct timespec left = {us / 1000000, (us % 1000000) * 1000};
        while (nanosleep(&left, &left) < 0 && errno == EINTR)
            ;
    }
}

int fsync(int file) {
    static int (*real)(int);
    if (!real)
        real = dlsym(RTLD_NEXT, "fsync");
    wait_before_sync();
    return real(file);
}

int fdatasync(int file) {
    static int (*real)(int);
    if (!real)
        real = dlsym(RTLD_NEXT, "fdatasync");
    wait_before_sync();
    return real(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    int64_t ms = orders->clock_ms;
    if (result == 0 && clock == CLOCK_REALTIME && ms != 0) {
        int64_t ns = now->tv_nsec + (ms % 1000) * 1000000;
        now->tv_sec += ms / 1000 + (ns < 0 ? -1 : ns >= 1000000000);
        now->tv_nsec = ns + (ns < 0 ? 1000000000 : ns >= 1000000000 ? -1000000000 : 0);
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise) < 0)
        return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

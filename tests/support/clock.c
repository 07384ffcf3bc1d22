/* A clock with faults, preloaded before the system's. CLOCK_FAULT says how:
 *
 *   coarse N   moves in ticks of N milliseconds
 *   standing   always tells the time of the first reading
 *   backward   goes back from there as fast as the system's goes on */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

static int64_t now_of(clockid_t which)
{
    static int (*real)(clockid_t, struct timespec *);
    struct timespec time = {0};
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    if (!real || real(which, &time))
        abort();
    return time.tv_sec * SECOND + time.tv_nsec;
}

static int64_t spoilt(const char *fault, int64_t now)
{
    static int64_t first;
    first = first ? first : now;
    if (!strncmp(fault, "coarse ", 7)) {
        const int64_t tick = atoi(fault + 7) * (SECOND / 1000);
        return now / tick * tick;
    }
    if (!strcmp(fault, "standing"))
        return first;
    if (!strcmp(fault, "backward"))
        return 2 * first - now;
    abort();
}

/* Other clocks do not change: they are for files' times and for waiting for threads. */
int clock_gettime(clockid_t which, struct timespec *out)
{
    const char *const fault = getenv("CLOCK_FAULT");
    int64_t now = now_of(which);
    if (fault && which == CLOCK_MONOTONIC)
        now = spoilt(fault, now);
    out->tv_sec = (time_t)(now / SECOND);
    out->tv_nsec = (long)(now % SECOND);
    return 0;
}

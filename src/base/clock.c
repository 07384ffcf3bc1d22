#include "base/clock.h"

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

double clock_seconds(void)
{
    static _Atomic int64_t latest; /* nanoseconds */
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    const int64_t now = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    int64_t seen = atomic_load(&latest);
    while (now > seen && !atomic_compare_exchange_weak(&latest, &seen, now))
        ;
    return 1e-9 * (double)(now > seen ? now : seen);
}

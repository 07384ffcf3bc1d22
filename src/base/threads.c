#include "base/threads.h"

#include "base/size.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#define THREADS_MOST 16

struct range {
    range_work *work;
    void *context;
    size_t first, end;
    pthread_t thread;
    bool is_started;
};

static size_t core_count(void)
{
    cpu_set_t cores;
    return sched_getaffinity(0, sizeof cores, &cores) ? 1 : (size_t)CPU_COUNT(&cores);
}

static void *run_range(void *argument)
{
    const struct range *const range = argument;
    range->work(range->context, range->first, range->end);
    return NULL;
}

void work_in_ranges(size_t count, size_t least, range_work *work, void *context)
{
    struct range ranges[THREADS_MOST];
    const size_t threads = size_max(1, size_min(size_min(core_count(), THREADS_MOST), count / least));
    const size_t each = divide_up(count, threads);
    for (size_t i = 0; i < threads; i++) {
        struct range *const range = &ranges[i];
        *range = (struct range){.work = work,
                                .context = context,
                                .first = size_min(count, i * each),
                                .end = size_min(count, (i + 1) * each)};
        range->is_started = i && pthread_create(&range->thread, NULL, run_range, range) == 0;
    }
    for (size_t i = 0; i < threads; i++)
        if (!ranges[i].is_started)
            (void)run_range(&ranges[i]);
    for (size_t i = 0; i < threads; i++)
        if (ranges[i].is_started)
            pthread_join(ranges[i].thread, NULL);
}

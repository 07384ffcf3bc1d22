/* Work on many rows, shared out to the processor's cores. */
#ifndef CLM_BASE_THREADS_H
#define CLM_BASE_THREADS_H

#include <stddef.h>

/* Works on first, first + 1, ..., end - 1. It runs beside others that work on other ranges. */
typedef void range_work(void *context, size_t first, size_t end);

/* Calls `work` for ranges that together are 0, ..., count - 1. Each range has a thread of its own: there
 * are as many as this process may use cores, at most 16, and fewer if a range would be shorter than
 * `least`. The caller's thread is one of them. It also does the work of a thread that cannot be started.
 * Returns when all work is done. */
void work_in_ranges(size_t count, size_t least, range_work *work, void *context);

#endif

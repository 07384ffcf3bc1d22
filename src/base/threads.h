/* Work on many rows, shared out to the processor's cores. */
#ifndef CLM_BASE_THREADS_H
#define CLM_BASE_THREADS_H

#include <stddef.h>

/* Works on first, first + 1, ..., end - 1. It runs beside others that work on other ranges. */
typedef void range_work(void *context, size_t first, size_t end);

/* Calls `work` for ranges that together are 0, ..., count - 1, on as many threads as this process may use
 * cores, but on no more than leave each of them `least` or more. The caller's thread is one of them, and does
 * the work of those that cannot be started. Returns when all work is done. */
void work_in_ranges(size_t count, size_t least, range_work *work, void *context);

#endif

/* A wish to end long work early, which a signal's handler may set. */
#ifndef CLM_BASE_STOP_H
#define CLM_BASE_STOP_H

#include "base/error.h"

#include <signal.h>
#include <stdbool.h>

/* Whether the flag is set, that is, not 0. A flag that is NULL is never set. */
static inline bool stop_is_asked(const volatile sig_atomic_t *stop)
{
    return stop && *stop;
}

/* CLM_ERROR_STOPPED if the flag is set. */
CLM_MUST_CHECK static inline clm_status stop_check(const volatile sig_atomic_t *stop, struct clm_error *error)
{
    return stop_is_asked(stop) ? clm_fail(error, CLM_ERROR_STOPPED, "stopped, as asked") : CLM_OK;
}

#endif

#include "cli/shares.h"

/* A net with at most this many products in a step leaves a CPU's cores waiting for each other. */
#define SMALL_STEP 3e7

clm_status shares_open(const struct clm_backend_options *options, size_t count,
                       struct clm_backend *out[SHARES_MOST], struct clm_error *error)
{
    struct clm_backend_options one = *options;
    clm_status status = CLM_OK;
    one.parts = (unsigned)count;
    one.device_memory /= count;
    one.host_memory /= count;
    for (size_t i = 0; i < SHARES_MOST; i++)
        out[i] = NULL;
    for (size_t i = 0; status == CLM_OK && i < count; i++) {
        one.part = (unsigned)i;
        status = open_backend(&one, &out[i], error);
    }
    return status;
}

void shares_close(struct clm_backend *shares[SHARES_MOST])
{
    for (size_t i = 0; i < SHARES_MOST; i++) {
        clm_backend_close(shares[i]);
        shares[i] = NULL;
    }
}

size_t shares_suitable(const struct clm_backend *whole, double products)
{
    const struct clm_device *const device = clm_backend_about(whole);
    const bool is_small = device && device->type == CLM_DEVICE_CPU && products <= SMALL_STEP;
    return !is_small ? 1 : device->compute_units < SHARES_MOST ? device->compute_units : SHARES_MOST;
}

#include "compute/opencl/within.h"

#include <math.h>

clm_status within(const struct clm_backend *be, const char *operation, double got, double right, double bound,
                  struct clm_error *error)
{
    if (fabs(got - right) <= bound)
        return CLM_OK;
    return clm_fail_setting(
        error, CLM_ERROR_WRONG, "device",
        "%s fails its self-test: %s gives %g where %g is right; it is not used. Update its driver, or choose another device",
        be->device, operation, got, right);
}

clm_status sums_within(const struct clm_backend *be, size_t B, size_t C, double loss, size_t correct,
                       double right_loss, size_t right_correct, struct clm_error *error)
{
    /* an item adds up C exponentials, and of at least 64 items each the losses of its rows */
    const double rounding = 1e-5 + 0x1p-24 * ((double)C + (double)B / 64);
    const clm_status status =
        within(be, "softmax_xent's loss", loss, right_loss, rounding * (fabs(right_loss) + 1e-3), error);
    return status ? status
                  : within(be, "softmax_xent's count of right predictions", (double)correct,
                           (double)right_correct, 0, error);
}

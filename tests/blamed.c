/* Prints what verify finds wrong with the kernels of CLMLP_KERNEL_DIR: tools/mutate breaks them.
 *
 *   blamed GEMM OPERATION...
 *
 * Checks the operations in this order, up to the first failure; then takes a quick look at those that all
 * providers share. Prints one operation per line. */
#include "clmlp.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t is_blamed;

static void hear(void *user, const struct clm_check *check)
{
    (void)user;
    if (!check->passed)
        printf("blamed %s\n", check->operation);
    is_blamed = is_blamed || !check->passed;
}

int main(int count, char **arguments)
{
    const struct clm_backend_options options = {.kind = CLM_BACKEND_OPENCL,
                                                .gemm = count > 1 ? arguments[1] : NULL,
                                                .device = getenv("CLMLP_DEVICE"),
                                                .skip_self_test = true};
    struct clm_verify_options wanted = {
        .extent = CLM_VERIFY_STANDARD, .seed = 1, .on_check = hear, .stop = &is_blamed};
    const struct clm_verify_options shared = {
        .extent = CLM_VERIFY_QUICK, .part = CLM_VERIFY_SHARED, .seed = 1, .on_check = hear};
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    bool passed;
    clm_status status = clm_backend_open(&options, &backend, &error);
    for (int i = 2; status == CLM_OK && i < count && !is_blamed; i++) {
        wanted.only = arguments[i];
        status = clm_verify(backend, &wanted, &passed, &error);
    }
    if (status == CLM_OK)
        status = clm_verify(backend, &shared, &passed, &error);
    if (status != CLM_OK)
        fprintf(stderr, "%s\n", error.message);
    clm_backend_close(backend);
    return status != CLM_OK;
}

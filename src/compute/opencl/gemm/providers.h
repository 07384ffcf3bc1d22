/* The GEMM providers that there are, and which of them suit a device. */
#ifndef CLM_COMPUTE_OPENCL_GEMM_PROVIDERS_H
#define CLM_COMPUTE_OPENCL_GEMM_PROVIDERS_H

#include "compute/opencl/gemm/provider.h"

struct gemm_candidate {
    const struct gemm_operations *operations;
    bool (*suits)(const struct clm_device *device); /* auto measures it on such a device */
    bool is_slow_to_build; /* takes seconds: only `clmlp tune` tries it, not the first use of a shape */
    bool runs_anywhere;    /* a user who asks for it by name gets it on other devices, too */
};

/* The table, which tests replace. If nothing is measured, a device takes the first provider that suits it. */
extern const struct gemm_candidate *gemm_candidates;
extern size_t gemm_candidate_count; /* at most PROVIDERS_MOST */

/* The candidate of that name, or NULL. */
const struct gemm_candidate *gemm_candidate_named(const char *name);
const struct gemm_candidate *gemm_candidate_first(const struct clm_device *device);
/* What --gemm NAME means on a device, or NULL; `native` is our own products for its kind. */
const struct gemm_candidate *gemm_candidate_for(const char *name, const struct clm_device *device);

#endif

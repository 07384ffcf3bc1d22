/* The GEMM providers that there are, and which of them suit a device. */
#ifndef CLM_COMPUTE_OPENCL_GEMM_PROVIDERS_H
#define CLM_COMPUTE_OPENCL_GEMM_PROVIDERS_H

#include "compute/opencl/gemm/provider.h"

struct gemm_candidate {
    const struct gemm_operations *operations;
    bool (*suits)(const struct clm_device *device); /* auto measures it there */
    bool is_slow_to_build; /* for seconds: tried by `clmlp tune` only, not at the first use of a shape */
    bool runs_anywhere;    /* a user who asks for it by name gets it on other devices, too */
};

/* The table, which tests replace; the first that suits a device is what it takes where nothing has been measured. */
extern const struct gemm_candidate *gemm_candidates;
extern size_t gemm_candidate_count; /* at most PROVIDERS_MOST */

/* The operations of that name; NULL where there is none. */
const struct gemm_candidate *gemm_candidate_named(const char *name);
const struct gemm_candidate *gemm_candidate_first(const struct clm_device *device);
/* What --gemm NAME means on a device: `native` is our own products for its kind. NULL where there is none. */
const struct gemm_candidate *gemm_candidate_for(const char *name, const struct clm_device *device);

#endif

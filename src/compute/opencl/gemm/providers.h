/* Who can be chosen to multiply. */
#ifndef CLM_COMPUTE_OPENCL_GEMM_PROVIDERS_H
#define CLM_COMPUTE_OPENCL_GEMM_PROVIDERS_H

#include "compute/opencl/choices.h"

struct gemm_candidate {
    const struct gemm_operations *operations;
    bool (*suits)(const struct clm_device *device); /* auto measures it there */
    bool is_slow_to_build; /* for seconds: tried by `clmlp tune` only, not at the first use of a shape */
    bool runs_anywhere;    /* whoever asks for it by name gets it on other devices, too */
};

/* The table, which tests replace; the first that suits a device is what it takes where nothing has been measured. */
extern const struct gemm_candidate *gemm_candidates;
extern size_t gemm_candidate_count; /* at most CANDIDATES_MOST */

/* The operations of that name; NULL where there is none. */
const struct gemm_candidate *gemm_candidate_named(const char *name);
const struct gemm_candidate *gemm_candidate_first(const struct clm_device *device);
/* What --gemm NAME means on a device: `native` is our own products for its kind. NULL where there is none. */
const struct gemm_candidate *gemm_candidate_for(const char *name, const struct clm_device *device);

/* `auto`: the candidate that was measured to be the fastest, product by product. */
extern const struct gemm_operations gemm_auto;

/* One measurement, as it is heard of. */
typedef void (*gemm_tuned)(void *user, const struct clm_tune_row *row);

/* Measures every candidate, also the slow to build, on the products of a net; for an open `auto` provider. */
CLM_MUST_CHECK clm_status gemm_auto_tune(struct gemm_provider *gemm, const size_t *widths, size_t width_count,
                                         size_t batch, gemm_tuned hear, void *user, struct clm_error *error);

/* The provider's name tells who multiplies for the nets that are prepared from here on. */
void gemm_auto_forget_use(struct gemm_provider *gemm);

/* Whether those that are taken for a layer of which another batch was prepared are right at this one, too; who is wrong is
 * dropped, and the layer is to be prepared again. */
CLM_MUST_CHECK clm_status gemm_auto_prove(struct gemm_provider *gemm, size_t B, size_t I, size_t O,
                                          struct clm_error *error);

/* Of its file of choices; NULL where it has none. */
const char *gemm_auto_path(const struct gemm_provider *gemm);

/* Seconds spent measuring since it was opened. */
double gemm_auto_seconds(const struct gemm_provider *gemm);

#endif

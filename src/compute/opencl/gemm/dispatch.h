/* Which provider computes which product: a table that the backend obeys. It measures and judges nothing and
 * opens no file. compute/providers.h has the functions that fill it. */
#ifndef CLM_COMPUTE_OPENCL_GEMM_DISPATCH_H
#define CLM_COMPUTE_OPENCL_GEMM_DISPATCH_H

#include "compute/opencl/gemm/provider.h"

enum provider_state { PROVIDER_CLOSED, PROVIDER_OPEN, PROVIDER_DROPPED };

struct dispatch {
    struct gemm_candidate candidates[PROVIDERS_MOST];
    struct gemm_provider providers[PROVIDERS_MOST]; /* one per candidate */
    enum provider_state states[PROVIDERS_MOST];
    size_t count;
    size_t only; /* the provider of all products, or NO_PROVIDER */
    struct assignment *table;
    size_t assigned;
    struct tensor workspace; /* shared by the products of all prepared layers */
    bool is_borrowed;        /* its only provider belongs to another dispatch */
};

/* `gemm`: "auto" or NULL uses the assigned providers; "default" the first that suits the device; a name that
 * provider, which is opened. Fails with CLM_ERROR_ARGUMENT if the device has none of that name. */
CLM_MUST_CHECK clm_status dispatch_create(const struct gemm_provider *like, const char *gemm,
                                          struct dispatch *out, struct clm_error *error);
/* Makes a dispatch that uses only one open provider of `from`, with memory of `be`. */
void dispatch_borrow(const struct dispatch *from, size_t provider, struct clm_backend *be,
                     struct dispatch *out);
void dispatch_free(struct dispatch *dispatch);

/* Whether a layer's products are assigned, for any batch. */
bool dispatch_knows(const struct dispatch *dispatch, size_t I, size_t O);

/* Whether all providers that products may go to can take a rule's step along with the gradient. */
bool dispatch_takes_step(const struct dispatch *dispatch, enum rule rule);

/* Rows of the panels of a layer's weights; 0 means row-major. */
size_t dispatch_panel(struct dispatch *dispatch, size_t B, size_t I, size_t O);

/* Bytes of the workspace that a layer's products need. */
CLM_MUST_CHECK clm_status dispatch_workspace(struct dispatch *dispatch, size_t B, size_t I, size_t O,
                                             size_t *bytes, struct clm_error *error);

/* Builds the kernels of a layer's products, for all open providers that may get them. */
CLM_MUST_CHECK clm_status dispatch_build(struct dispatch *dispatch, const struct gemm_layer *layer,
                                         struct clm_error *error);

/* The provider of a product of B rows, with the weights in their present layout. */
struct gemm_provider *dispatch_take(struct dispatch *dispatch, enum product product, const struct tensor *W,
                                    size_t B);

#endif

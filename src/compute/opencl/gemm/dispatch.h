/* Which provider computes which product: a table that the backend obeys. It measures and judges nothing and opens no file.
 * compute/providers.h is its other side, from which the table is filled. */
#ifndef CLM_COMPUTE_OPENCL_GEMM_DISPATCH_H
#define CLM_COMPUTE_OPENCL_GEMM_DISPATCH_H

#include "compute/opencl/gemm/providers.h"

enum provider_state { PROVIDER_CLOSED, PROVIDER_OPEN, PROVIDER_DROPPED };

struct assignment {
    struct product_key key; /* first, for product_nearest */
    size_t provider;
};

struct dispatch {
    struct gemm_candidate candidates[PROVIDERS_MOST];
    struct gemm_provider providers[PROVIDERS_MOST]; /* of the candidates */
    enum provider_state states[PROVIDERS_MOST];
    size_t count;
    size_t only; /* the provider of all products, or NO_PROVIDER */
    struct assignment *table;
    size_t assigned;
    struct tensor workspace; /* that the products of prepared layers share */
    bool is_borrowed;        /* its only provider is another dispatch's */
};

/* For products of `gemm`: "auto" or NULL as they are assigned, "default" all by the first that suits the device, or a name, whose
 * provider is opened. Fails with CLM_ERROR_ARGUMENT if the device has none of that name. */
CLM_MUST_CHECK clm_status dispatch_create(const struct gemm_provider *like, const char *gemm,
                                          struct dispatch *out, struct clm_error *error);
/* All products by an open provider of `from`, in memory of `be`. */
void dispatch_borrow(const struct dispatch *from, size_t provider, struct clm_backend *be,
                     struct dispatch *out);
void dispatch_free(struct dispatch *dispatch);

/* Whether a layer's products have been assigned, for any batch. */
bool dispatch_knows(const struct dispatch *dispatch, size_t I, size_t O);

/* Whether all providers that products may go to take a rule's step along with the gradient. */
bool dispatch_takes_step(const struct dispatch *dispatch, enum rule rule);

/* How the weights of a layer have to lie. */
size_t dispatch_panel(struct dispatch *dispatch, size_t B, size_t I, size_t O);

/* Bytes of the workspace that a layer's products need. */
CLM_MUST_CHECK clm_status dispatch_workspace(struct dispatch *dispatch, size_t B, size_t I, size_t O,
                                             size_t *bytes, struct clm_error *error);

/* Builds the kernels of a layer's products, of all open providers that they may go to. */
CLM_MUST_CHECK clm_status dispatch_build(struct dispatch *dispatch, const struct gemm_layer *layer,
                                         struct clm_error *error);

/* The provider of a product of B rows with the weights as they lie. */
struct gemm_provider *dispatch_take(struct dispatch *dispatch, enum product product, const struct tensor *W,
                                    size_t B);

#endif

/* Who computes the products of a layer, on a backend that has several providers of them.
 *
 * The backend obeys a table of assignments: it measures and judges nothing. src/prove says whether a provider is right, src/tune
 * which one is the fastest, and fills the table. Only opencl has a choice; what is below the first function is for it alone. */
#ifndef CLM_COMPUTE_PROVIDERS_H
#define CLM_COMPUTE_PROVIDERS_H

#include "base/error.h"

#include <stddef.h>

struct clm_backend;

/* The products of a layer's step: Y = X Wᵀ, dX = dZ W, dW = dZᵀ X. */
enum product { PRODUCT_FORWARD, PRODUCT_BACKWARD_INPUT, PRODUCT_UPDATE, PRODUCT_COUNT };

/* A product of a batch of B rows in a layer of I inputs and O outputs. */
struct product_key {
    enum product product;
    size_t B, I, O;
};

/* Of `count` entries of `size` bytes that begin with a product_key: that of the same product and layer with the nearest batch,
 * the first of those as near; NULL where there is none. */
void *product_nearest(void *entries, size_t count, size_t size, const struct product_key *key);

enum { PROVIDERS_MOST = 8 };
#define NO_PROVIDER SIZE_MAX

/* How many providers there are, 0 on a backend with products of one kind; a provider is its place among them. */
size_t providers_count(const struct clm_backend *be);
const char *provider_name(const struct clm_backend *be, size_t provider);
/* It takes seconds to build. */
bool provider_is_slow_to_build(const struct clm_backend *be, size_t provider);
/* The one that computes all products, because it was asked for by name; NO_PROVIDER where the table of assignments decides. */
size_t provider_of_all(const struct clm_backend *be);
/* CLM_ERROR_WRONG: all have been dropped. */
clm_status providers_fail(const struct clm_backend *be, struct clm_error *error);
/* The one that computes what is assigned to none. Fails if all have been dropped. */
CLM_MUST_CHECK clm_status provider_of_rest(struct clm_backend *be, size_t *provider, struct clm_error *error);

/* Whether it suits the device and has not been dropped. */
bool provider_is_usable(const struct clm_backend *be, size_t provider);
/* Builds the provider's kernels, unless that has been done. Fails if it is not usable. */
CLM_MUST_CHECK clm_status provider_open(struct clm_backend *be, size_t provider, struct clm_error *error);
/* Rows of the panels in which an open provider wants the weights of a layer. */
size_t provider_panel(const struct clm_backend *be, size_t provider, size_t B, size_t I, size_t O);

/* Gives the product to a provider, which is opened; batches of other sizes follow the nearest one that is assigned. */
CLM_MUST_CHECK clm_status provider_assign(struct clm_backend *be, const struct product_key *key,
                                          size_t provider, struct clm_error *error);
/* Takes all that it was assigned from a provider, never to be used on this backend again, and notes why. */
void provider_drop(struct clm_backend *be, size_t provider, const char *why);

/* A second backend on the same device, whose products are all this provider's. It has tensors and a workspace of its own, and
 * counts them on top of those of `be`, which must outlive it. */
CLM_MUST_CHECK clm_status provider_backend(struct clm_backend *be, size_t provider, struct clm_backend **out,
                                           struct clm_error *error);

/* What decides, beside the device, how right and how fast products are: hashes of our kernels, of CLBlast's library, and of the
 * settings of drivers in the environment. */
struct products_identity {
    uint64_t kernels, clblast, settings;
};

struct products_identity products_identity(void);

#endif

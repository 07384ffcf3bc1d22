/* A layer's products on a backend with several providers: which provider computes which product.
 *
 * The backend only obeys a table of assignments. src/prove checks whether a provider is right; src/tune finds
 * the fastest and fills the table. Only opencl has a choice; all after the first function is for it alone. */
#ifndef CLM_COMPUTE_PROVIDERS_H
#define CLM_COMPUTE_PROVIDERS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct clm_backend;

/* The products of a layer's step: Y = X Wᵀ, dX = dZ W, dW = dZᵀ X. */
enum product { PRODUCT_FORWARD, PRODUCT_BACKWARD_INPUT, PRODUCT_UPDATE, PRODUCT_COUNT };

/* A product of a batch of B rows in a layer of I inputs and O outputs. */
struct product_key {
    enum product product;
    size_t B, I, O;
};

/* Searches `count` entries of `size` bytes that begin with a product_key: the first of those of the same
 * product and layer whose batch is nearest; NULL if there is none. */
void *product_nearest(void *entries, size_t count, size_t size, const struct product_key *key);

enum { PROVIDERS_MOST = 8 };
#define NO_PROVIDER SIZE_MAX

/* The number of providers, 0 on a backend with products of one kind. A provider is named by its index. */
size_t providers_count(const struct clm_backend *be);
const char *provider_name(const struct clm_backend *be, size_t provider);
/* Whether it takes seconds to build. */
bool provider_is_slow_to_build(const struct clm_backend *be, size_t provider);
/* The provider chosen by name for all products; NO_PROVIDER if the table of assignments decides. */
size_t provider_of_all(const struct clm_backend *be);
/* Fails with CLM_ERROR_WRONG: all providers have been dropped. */
clm_status providers_fail(const struct clm_backend *be, struct clm_error *error);
/* The provider of products that are not assigned. Fails if all providers have been dropped. */
CLM_MUST_CHECK clm_status provider_of_rest(struct clm_backend *be, size_t *provider, struct clm_error *error);

/* Whether it suits the device and has not been dropped. */
bool provider_is_usable(const struct clm_backend *be, size_t provider);
/* Builds the provider's kernels, unless they are built. Fails if it is not usable. */
CLM_MUST_CHECK clm_status provider_open(struct clm_backend *be, size_t provider, struct clm_error *error);
/* Rows of the panels in which an open provider wants a layer's weights. */
size_t provider_panel(const struct clm_backend *be, size_t provider, size_t B, size_t I, size_t O);

/* Opens the provider and assigns the product. Other batch sizes follow the nearest assigned one. */
CLM_MUST_CHECK clm_status provider_assign(struct clm_backend *be, const struct product_key *key,
                                          size_t provider, struct clm_error *error);
/* Which provider computes a product. */
struct assignment {
    struct product_key key; /* first, for product_nearest */
    size_t provider;
};
/* Entry `index` of the table of assignments; false after the last one. */
bool provider_assigned(const struct clm_backend *be, size_t index, struct assignment *out);
/* Drops a provider: takes all its products away, never uses it on this backend again, and notes why. */
void provider_drop(struct clm_backend *be, size_t provider, const char *why);

/* A second backend on the same device, with this provider for all products. It has tensors and a workspace of
 * its own, and counts them on top of those of `be`, which must outlive it. */
CLM_MUST_CHECK clm_status provider_backend(struct clm_backend *be, size_t provider, struct clm_backend **out,
                                           struct clm_error *error);

/* What decides, besides the device, whether products are right and how fast: hashes of our kernels, of
 * CLBlast's library, and of the drivers' settings in the environment. */
struct products_identity {
    uint64_t kernels, clblast, settings;
};

struct products_identity products_identity(void);

#endif

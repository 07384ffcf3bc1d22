/* Measurements, and the provider chosen for each product; kept in a file in the user's cache directory. */
#ifndef CLM_TUNE_CHOICES_H
#define CLM_TUNE_CHOICES_H

#include "compute/providers.h"
#include "prove/prove.h"

#include <jansson.h>

/* One provider on one product: whether it is right, and how fast it is. */
struct measurement {
    bool is_right;         /* in all trials so far */
    double milliseconds;   /* if it is right; 0: the clock saw no time pass */
    enum layer_use proved; /* at the layer's exact size, with all its products */
};

struct choice {
    struct product_key key; /* first, for product_nearest */
    size_t provider;        /* or NO_PROVIDER */
    struct measurement measured[PROVIDERS_MOST];
};

struct choices {
    const char *const *names; /* of the providers */
    size_t name_count;
    struct choice *entries;
    size_t count;
    char *path; /* of the file; NULL if there is no place for one */
};

/* Loads what is known for this device, program and kernels. A file that is damaged or for others is ignored;
 * *warning says so (else it is empty), and the next save replaces it. Fails only if memory runs out. */
CLM_MUST_CHECK clm_status choices_load(const struct clm_device *device, const char *const *names,
                                       size_t name_count, struct choices *out, struct clm_error *warning,
                                       struct clm_error *error);
CLM_MUST_CHECK clm_status choices_save(const struct choices *choices, const struct clm_device *device,
                                       struct clm_error *error);
void choices_free(struct choices *choices);

/* The key of a file: device, driver, program and kernels. The caller releases it; NULL if memory runs out. */
json_t *choices_key(const struct clm_device *device);

/* Reads the bytes of a file into `choices`, which has only names yet. If the file is damaged or has another
 * key, *is_good is false and nothing is taken. Fails only if memory runs out. */
CLM_MUST_CHECK clm_status choices_parse(struct choices *choices, const json_t *key, const void *bytes,
                                        size_t size, bool *is_good, struct clm_error *error);

/* The file's text, which the caller frees; NULL if memory runs out. */
char *choices_text(const struct choices *choices, json_t *key);

/* Adds `choice`, or replaces the one for the same product and shape. */
CLM_MUST_CHECK clm_status choices_put(struct choices *choices, const struct choice *choice,
                                      struct clm_error *error);

/* The choice for the product and shape, or NULL. */
struct choice *choices_find(const struct choices *choices, const struct product_key *key);

/* The choice for the layer with the nearest batch, as for a smaller last batch; NULL if there is none. */
struct choice *choices_nearest(const struct choices *choices, const struct product_key *key);

/* "forward" */
const char *choices_product_name(enum product product);

#endif

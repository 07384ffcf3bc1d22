/* What was measured, and which provider computes which product for it: kept in a file of the user's cache directory. */
#ifndef CLM_TUNE_CHOICES_H
#define CLM_TUNE_CHOICES_H

#include "compute/providers.h"
#include "prove/prove.h"

#include <jansson.h>

/* Of a provider on a product. To be right and to be fast are two facts. */
struct measurement {
    bool is_right;         /* as far as it was tried */
    double milliseconds;   /* of a provider that is right; 0: the clock saw no time pass */
    enum layer_use proved; /* at the layer's very size, with all its products */
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
    char *path; /* of the file; NULL where there is no place for one */
};

/* What is known for this device, this program and these kernels. A file that is damaged or not for them is left out,
 * which *warning (empty otherwise) says; the next save replaces it. Fails for want of memory only. */
CLM_MUST_CHECK clm_status choices_load(const struct clm_device *device, const char *const *names,
                                       size_t name_count, struct choices *out, struct clm_error *warning,
                                       struct clm_error *error);
CLM_MUST_CHECK clm_status choices_save(const struct choices *choices, const struct clm_device *device,
                                       struct clm_error *error);
void choices_free(struct choices *choices);

/* What a file is for: device, driver, program and kernels. To be given back; NULL where there is no memory. */
json_t *choices_key(const struct clm_device *device);

/* Takes the choices in a file's bytes, into `choices` that has names and nothing else yet. *is_good is false, and none is
 * taken, where the file is damaged or for something else. Fails for want of memory only. */
CLM_MUST_CHECK clm_status choices_parse(struct choices *choices, const json_t *key, const void *bytes,
                                        size_t size, bool *is_good, struct clm_error *error);

/* The file's text, which the caller frees; NULL where there is no memory. */
char *choices_text(const struct choices *choices, json_t *key);

/* Adds `choice`, or replaces that of the same product and shape. */
CLM_MUST_CHECK clm_status choices_put(struct choices *choices, const struct choice *choice,
                                      struct clm_error *error);

/* That of the product and shape; NULL where there is none. */
struct choice *choices_find(const struct choices *choices, const struct product_key *key);

/* That of the layer whose batch is nearest, as of a ragged last batch; NULL where the layer has none. */
struct choice *choices_nearest(const struct choices *choices, const struct product_key *key);

/* "forward" */
const char *choices_product_name(enum product product);

#endif

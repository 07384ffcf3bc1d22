/* Which candidate does which product, and what was measured: kept in a file of the user's cache directory. */
#ifndef CLM_COMPUTE_OPENCL_CHOICES_H
#define CLM_COMPUTE_OPENCL_CHOICES_H

#include "compute/opencl/gemm/provider.h"

#include <jansson.h>

#define CANDIDATES_MOST 8

struct choice {
    enum product product;
    size_t B, I, O;
    const char *candidate; /* a name of `names` */
    bool is_proved;        /* right at this very size; what is read from a file is */
    double
        milliseconds[CANDIDATES_MOST]; /* in the order of `names`; 0 where it was not measured or was wrong */
};

struct choices {
    const char *const *names; /* of the candidates */
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
struct choice *choices_entry(struct choices *choices, enum product product, size_t B, size_t I, size_t O);
const struct choice *choices_find(const struct choices *choices, enum product product, size_t B, size_t I,
                                  size_t O);

/* That of the layer whose batch is nearest, as of a ragged last batch; NULL where the layer has none. */
const struct choice *choices_nearest(const struct choices *choices, enum product product, size_t B, size_t I,
                                     size_t O);

#endif

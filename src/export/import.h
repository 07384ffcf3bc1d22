/* Nets of other programs: a list of layers, from which a model is made. A file is never trusted. */
#ifndef CLM_EXPORT_IMPORT_H
#define CLM_EXPORT_IMPORT_H

#include "nn/model.h"

struct import_layer {
    struct layer_spec spec;
    float *
        of[ROLE_COUNT]; /* owned; weight (O,I), others (O). NULL: the layer has none, or zeros for the bias */
};

struct import_net {
    const char *path;
    size_t depth, capacity;
    struct import_layer *layers;
    float *mean, *scale; /* (inputs), owned; NULL: the inputs stay as they are */
    size_t inputs;       /* of these; 0 if they are NULL */
    json_t *about;       /* what an exported file says of itself, else NULL; owned */
    struct loss loss;
    bool knows_activations; /* so that the caller's are not used */
};

void import_free(struct import_net *net);

/* Adds a layer without tensors; NULL if there is no memory. It is valid until the next call. */
struct import_layer *import_add(struct import_net *net);
/* A copy of the values; NULL if there is no memory. */
float *import_copy(const float *values, size_t count);

/* The inputs become (x - mean) / sqrt(variance + epsilon) * scale + shift; all (count). scale and shift may
 * be NULL. Fails if a factor is 0 and its shift is not. */
CLM_MUST_CHECK clm_status import_normalise(struct import_net *net, const float *mean, const float *variance,
                                           double epsilon, const float *scale, const float *shift,
                                           size_t count, struct clm_error *error);

/* Each fills *net from the file. */
CLM_MUST_CHECK clm_status import_safetensors(struct import_net *net, struct clm_error *error);
CLM_MUST_CHECK clm_status import_onnx(struct import_net *net, struct clm_error *error);

#endif

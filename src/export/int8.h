/* Weights of 8 bits. Each output has a scale of its own, and a layer's inputs are rounded to whole numbers
 * before each product:
 *
 *   W[o][i] = scale[o] w,  |w| <= 127     x[i] = step q,  |q| <= limit
 *   y[o] = b[o] + scale[o] step Σ w q     the sum is exact in 32 bits
 */
#ifndef CLM_EXPORT_INT8_H
#define CLM_EXPORT_INT8_H

#include "export/portable.h"

#include <stdint.h>

struct int8_layer {
    int8_t *W;    /* (O,I), owned */
    float *scale; /* (O), owned */
    int32_t limit;
};

/* Rounds the weights. Fails with CLM_ERROR_SHAPE if the layer has so many inputs that sums may overflow.
 * *out must be freed in any case. */
CLM_MUST_CHECK clm_status int8_create(const struct portable_layer *layer, struct int8_layer *out,
                                      struct clm_error *error);
void int8_free(struct int8_layer *layer);

/* y (O) = W x + b, as the C file computes it. `q` is memory for (I). */
void int8_linear(const struct portable_layer *layer, const struct int8_layer *of, const float *x, int16_t *q,
                 float *y);

#endif

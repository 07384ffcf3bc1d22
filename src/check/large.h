/* Bounds of large products, whose every element is compared.
 *
 * What bounded.h derives takes three products of the reference; these take one. Inputs have no errors, and a sum of absolute
 * products is at most the product of the two vectors' lengths (Cauchy and Schwarz), which is hardly more where their elements are
 * of one size. */
#ifndef CLM_CHECK_LARGE_H
#define CLM_CHECK_LARGE_H

#include "check/bounded.h"

/* Whether a layer's products are so large: a tenth of a second of the reference and more. */
bool is_large(size_t B, size_t I, size_t O);

/* As the functions of bounded.h; inputs have no errors. */
CLM_MUST_CHECK clm_status large_forward(struct clm_backend *reference, const struct bounded *X,
                                        const struct bounded_layer *layer, enum activation act,
                                        struct bounded *Y, struct clm_error *error);
CLM_MUST_CHECK clm_status large_backward_input(struct clm_backend *reference, const struct bounded *dZ,
                                               const struct bounded_layer *layer, const struct bounded *Y,
                                               struct bounded *dX, struct clm_error *error);
CLM_MUST_CHECK clm_status large_backward_params(struct clm_backend *reference, const struct bounded *dZ,
                                                const struct bounded *X, const struct bounded_layer *layer,
                                                double l2, struct bounded *dW, struct bounded *db,
                                                struct clm_error *error);
CLM_MUST_CHECK clm_status large_backward_update(struct clm_backend *reference, const struct bounded *dZ,
                                                const struct bounded *X, const struct bounded_layer *layer,
                                                const struct step *step, struct clm_error *error);

#endif

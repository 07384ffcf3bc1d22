/* Bounds of products too large to be computed by the reference: those of the elements in some rows and columns of the
 * result, spread over all of it, its first and its last among them, each as bounded.h derives it. Of the other elements
 * no more is asked than that they are finite. */
#ifndef CLM_CHECK_SAMPLED_H
#define CLM_CHECK_SAMPLED_H

#include "check/bounded.h"

/* As the functions of bounded.h; inputs have no errors. */
CLM_MUST_CHECK clm_status sampled_forward(struct clm_backend *reference, const struct bounded *X,
                                          const struct bounded_layer *layer, enum activation act,
                                          struct bounded *Y, struct clm_error *error);
CLM_MUST_CHECK clm_status sampled_backward_input(struct clm_backend *reference, const struct bounded *dZ,
                                                 const struct bounded_layer *layer, const struct bounded *Y,
                                                 struct bounded *dX, struct clm_error *error);
CLM_MUST_CHECK clm_status sampled_backward_params(struct clm_backend *reference, const struct bounded *dZ,
                                                  const struct bounded *X, const struct bounded_layer *layer,
                                                  double l2, struct bounded *dW, struct bounded *db,
                                                  struct clm_error *error);
CLM_MUST_CHECK clm_status sampled_backward_update(struct clm_backend *reference, const struct bounded *dZ,
                                                  const struct bounded *X, const struct bounded_layer *layer,
                                                  const struct step *step, struct clm_error *error);

#endif

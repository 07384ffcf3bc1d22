/* How much each row of a training part counts: the weight of its class times its own. */
#ifndef CLM_NN_WEIGHTS_H
#define CLM_NN_WEIGHTS_H

#include "data/data.h"

/* Rows with labels, each below `classes`; or, if `classes` is 0, with targets. The caller owns it all. */
struct labelled_rows {
    size_t count, classes;
    const uint32_t *labels;
    const float *weights;     /* (count), or NULL: all are 1 */
    const char *const *names; /* of the classes, or NULL */
};

struct labelled_rows training_rows(const struct clm_data *data);

/* clm_class_weights of these rows. */
CLM_MUST_CHECK clm_status class_weights_read(const struct labelled_rows *rows, const char *text,
                                             double *weights, struct clm_error *error);

/* The weights by which the rows' losses are multiplied: that of the row's class times the row's own, divided
 * by the mean of these products. */
struct row_weights {
    double *of_class; /* (classes), before the division */
    float *of_row;    /* (count), with the mean 1 */
    double mean;      /* of the products */
};

/* Leaves *out empty if all rows count the same: no class weights, which `text` says as in clm_class_weights,
 * and no weights of rows. CLM_ERROR_ARGUMENT if no row would count. */
CLM_MUST_CHECK clm_status row_weights_make(const struct labelled_rows *rows, const char *text,
                                           struct row_weights *out, struct clm_error *error);
void row_weights_free(struct row_weights *weights);

#endif

/* The mean of an ensemble's nets. A pool has the form of a net's outputs, so that losses, scores and
 * probabilities are made of it as they are of one net's:
 *
 *   classes      the logarithms of the mean probabilities, divided by the model's temperature
 *   loss binary  the logit of the mean probability of each output
 *   numbers      the mean of each output; quantiles of a target are sorted before, so that they never cross
 *
 * Everything is computed in double, in host memory, in the order of the nets. */
#ifndef CLM_TRAIN_POOL_H
#define CLM_TRAIN_POOL_H

#include "train/evaluate.h"

struct pool {
    const struct clm_model *model;
    size_t rows, width, nets; /* nets: so many have been added */
    double *sums;             /* (rows, width) */
    double *others;           /* (rows, width), of the loss binary: of the probability of 0; else NULL */
    double *squares;          /* (rows, width), of numbers: sums of squares around their mean; else NULL */
};

CLM_MUST_CHECK clm_status pool_create(const struct clm_model *model, size_t rows, struct pool *out,
                                      struct clm_error *error);
/* Accepts a zeroed pool. */
void pool_free(struct pool *pool);
/* Adds a net's outputs (rows, width), which it may sort. */
void pool_add(struct pool *pool, float *outputs);
/* The mean of the nets (rows, width), with a temperature. */
void pool_mean(const struct pool *pool, double temperature, float *out);

/* The spread of the nets (rows, width) around their mean, their standard deviation; of numbers. */
void pool_spread(const struct pool *pool, double *out);

/* Evaluates a model, as evaluate_outputs does a net: the mean of all of its nets, which `net` computes one
 * after the other, with the model's temperature. Then `net` has the parameters of the model's last net.
 * `outputs` gives nothing, its `computed` gets the mean's outputs, and its `spread` stays as it is if there
 * is one net only. *mean gets the mean of the single nets' scores, unless it is NULL. */
CLM_MUST_CHECK clm_status evaluate_nets(struct network *net, const struct clm_model *model, struct feed *feed,
                                        const struct rows *rows, struct metrics *sums,
                                        const struct outputs *outputs, struct clm_score *mean,
                                        struct clm_score *score, struct clm_error *error);

#endif

/* Prediction intervals: how far predictions were from the targets of rows that the net was not trained on.
 *
 * Split conformal prediction (Lei, G'Sell, Rinaldo, Tibshirani, Wasserman: Distribution-free predictive
 * inference for regression; 2018). Each of n validation rows has a score for each target, which grows with
 * the distance of the target from its prediction. The interval of a new row has all values whose score is at
 * most the ceil((n + 1) p)-th smallest one: it has the target with a probability of at least p, if the new
 * row and the validation rows come from the same source. The scores are, with targets standardised:
 *
 *   errors     |y - prediction|, of one net
 *   spread     |y - mean| / (spread of the nets + SPREAD_LEAST), of an ensemble; the spread of a row is the
 *              standard deviation of its nets' predictions
 *   quantiles  max(lowest quantile - y, y - highest quantile) with the loss quantile (Romano, Patterson,
 *              Candès: Conformalized quantile regression; 2019) */
#ifndef CLM_NN_INTERVALS_H
#define CLM_NN_INTERVALS_H

#include "base/error.h"

#include <stddef.h>

enum interval_kind { INTERVAL_NONE, INTERVAL_ERRORS, INTERVAL_SPREAD, INTERVAL_QUANTILES };

/* Scores that are kept of a target: all of at most so many rows; else half of them are the largest scores,
 * and the others are spread evenly over the ranks below. */
enum { SCORES_MOST = 1000 };

/* In standard deviations of the target. It keeps intervals from vanishing at rows for which all nets predict
 * the same by chance. */
#define SPREAD_LEAST 0.1

/* What a calibrated model keeps. Of the kind INTERVAL_NONE it has no scores. */
struct intervals {
    enum interval_kind kind;
    size_t rows, targets; /* validation rows; targets of each */
    size_t kept;          /* scores of each target: intervals_kept(rows) */
    double *scores;       /* (targets, kept), those of a target from the smallest on */
};

struct clm_model;

size_t intervals_kept(size_t rows);
/* The rank, from 1 to `rows`, of score `index` that is kept. */
size_t intervals_rank_kept(size_t rows, size_t index);
/* ceil((rows + 1) coverage); a product that is a whole number but for its rounding counts as that number. */
size_t intervals_rank(size_t rows, double coverage);
/* The fewest rows for a coverage above 0 and below 1. */
size_t intervals_rows_needed(double coverage);

/* What a model's intervals are made from, by its loss and nets; INTERVAL_NONE if it predicts no numbers. */
enum interval_kind intervals_kind(const struct clm_model *model);

/* Keeps scores (targets, rows) in the model, which it sorts. CLM_ERROR_FORMAT if one is no finite number. */
CLM_MUST_CHECK clm_status intervals_keep(struct clm_model *model, double *scores, size_t rows,
                                         struct clm_error *error);
void intervals_free(struct intervals *intervals);

/* Fails with CLM_ERROR_ARGUMENT unless the model has scores for a coverage. */
CLM_MUST_CHECK clm_status intervals_check(const struct clm_model *model, double coverage,
                                          struct clm_error *error);
/* The score of a target that bounds the intervals of a coverage that intervals_check accepts: that of the
 * rank, or, if that one is not kept, the next one that is. */
double intervals_score(const struct intervals *intervals, size_t target, double coverage);

/* The score of a value of a target, from its outputs (quantiles, or one prediction) in own units and the
 * spread of the nets in deviations. */
double intervals_score_of(const struct clm_model *model, enum interval_kind kind, size_t target,
                          const float *outputs, double spread, double value);
/* The lowest and the highest value with a score of at most `score`, in own units; their middle twice if there
 * is none, which is possible with quantiles. */
void intervals_bounds(const struct clm_model *model, size_t target, double score, const float *outputs,
                      double spread, double bounds[2]);

/* "errors", "spread" or "quantiles"; NULL for INTERVAL_NONE. */
const char *intervals_kind_name(enum interval_kind kind);

/* As the text of a JSON object, for a model's file; NULL if there is no memory. */
char *intervals_text(const struct intervals *intervals);
/* Reads what intervals_text wrote into a model that has all its nets. The sentence of a failure names no
 * file. */
CLM_MUST_CHECK clm_status intervals_parse(const char *text, struct clm_model *model, struct clm_error *error);

#endif

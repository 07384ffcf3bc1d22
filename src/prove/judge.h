/* Compares a device's result with the right one: an error in units of its bound. */
#ifndef CLM_PROVE_JUDGE_H
#define CLM_PROVE_JUDGE_H

#include "compute/backend.h"

/* Whether `error` is a bound. An infinite value or NaN needs none. */
bool is_bound(double value, double error);

/* |got - value| / error: 0 if they are equal or both NaN; Inf if no difference is allowed, as from an
 * infinity or NaN; NaN if only `got` is NaN, or if `error` is no bound: negative, infinite or NaN. */
double error_ratio(double got, double value, double error);

/* "Y[3,17] is nan; 2.5 is right, to within 1e-06"; "Y[3,17] is 2; nan is right", without a bound, if it is
 * right to be infinite or NaN; or says that the bound is not valid. */
void error_describe(char *text, size_t size, const char *what, double got, double value, double error);

/* Like error_describe, for a loss and the number of correct rows. */
struct bounded_sums;
void sums_describe(char *text, size_t size, const struct bounded_sums *got,
                   const struct bounded_sums *expected);

/* The worse of two ratios; NaN is worst. */
double worse_ratio(double a, double b);

/* A tensor's content as doubles, whatever its type; waits. Doubles that are written to a tensor of another
 * type must be values of it. */
CLM_MUST_CHECK clm_status doubles_write(struct clm_backend *be, struct tensor *tensor, const double *values,
                                        struct clm_error *error);
CLM_MUST_CHECK clm_status doubles_read(struct clm_backend *be, const struct tensor *tensor, double *values,
                                       struct clm_error *error);

/* ---- the verdict on one case ---- */

struct expectations;

struct judgement {
    double worst;  /* largest error over its bound; Inf if something changed that must not */
    uint64_t bits; /* a hash of all outputs */
    char detail[sizeof(
        ((struct clm_check *)0)->detail)]; /* of the worst element, if it is wrong; else empty */
    char first[sizeof(((struct clm_check *)0)->detail)]; /* of the first wrong element */
    size_t wrong, elements;                              /* how many are wrong, of how many */
    struct expectations *kept;                           /* gets what the results must be; NULL: not kept */
};

/* Nothing judged yet. */
struct judgement judgement_begin(void);

/* Adds what was read to the hash. */
void judge_bits(struct judgement *judgement, const double *got, size_t count);

/* Judges one number of a matrix that is called `name`. */
void judge_element(struct judgement *judgement, const char *name, size_t row, size_t column, double got,
                   double value, double error);

/* Judges a device's tensor by the same one of `bounds`, and adds it to the hash. If `bounds` is NULL, only
 * adds it. */
CLM_MUST_CHECK clm_status judge_tensor(struct judgement *judgement, const char *name,
                                       struct clm_backend *device, const struct tensor *got,
                                       struct clm_backend *bounds, const struct tensor *expected,
                                       struct clm_error *error);

/* Like judge_tensor, for the sums of metrics. */
CLM_MUST_CHECK clm_status judge_sums(struct judgement *judgement, struct clm_backend *device,
                                     const struct metrics *got, struct clm_backend *bounds,
                                     const struct metrics *expected, struct clm_error *error);

/* Runs one case on `device`, and on `bounds` to judge it; `bounds` is NULL if only the hash matters. */
typedef clm_status judged_run(const void *which, struct clm_backend *device, struct clm_backend *bounds,
                              struct judgement *out, struct clm_error *error);

/* Runs a case and judges it; then again, up to `repeats` runs, which must give the same bits. Fills the
 * check's verdict. */
CLM_MUST_CHECK clm_status judge_repeated(judged_run *run, const void *which, struct clm_backend *device,
                                         struct clm_backend *bounds, size_t repeats, struct clm_check *check,
                                         struct clm_error *error);

#endif

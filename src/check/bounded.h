/* Running error analysis: each operation of the net on the reference, with a bound on how far a backend in float may be
 * from it, element by element.
 *
 * A struct bounded says that a backend's matrix `got` lies within |got - value| <= error. An operation takes such
 * matrices and makes one: what its inputs' errors become, plus what its own roundings add. With errors of zero this
 * is the bound of a single operation; chained, it is the bound of whole training steps.
 *
 * Notation of the derivations: u = 2^-24 is half a float's unit in the last place, gamma(k) = k u / (1 - k u) bounds the
 * relative error of k roundings one after another. Of nonnegative matrices, `inner` is an operation on |value| and
 * `outer` the same on |value| + error; for a product, outer - inner is what the inputs' errors become, and
 * gamma(k) outer what its roundings add. All of them are computed by the reference. k counts one rounding more than
 * there are, for those of the reference in double, which are 2^-29 of a float's. Each bound adds the smallest
 * normal float once for each term, because devices may flush what is smaller to zero.
 */
#ifndef CLM_CHECK_BOUNDED_H
#define CLM_CHECK_BOUNDED_H

#include "compute/backend.h"

#define UNIT_ROUNDOFF 0x1p-24

/* A product of K terms, however it is ordered, blocked or fused, rounds each of them at most K + 2 times: K for the product
 * and the sums (a block of k terms and the sum of K / k blocks make k + K / k <= K + 1 of them, fused
 * multiply-adds fewer), two for alpha and beta. */
#define PRODUCT(K) ((K) + 2)

struct bounded {
    enum tensor_type type;
    size_t rows, columns;
    double *value, *error; /* (rows, columns) each, whatever the type; owned */
};

/* A layer's matrices; the velocities are NULL without momentum. */
struct bounded_layer {
    struct bounded *W, *b, *W_velocity, *b_velocity;
};

struct bounded_resident {
    struct bounded *values, *labels, *mean, *scale;
};

/* Targets of mixed rows: struct mixture. */
struct bounded_mixture {
    struct bounded *partners;
    double share;
};

/* What a backend's metrics add up to. */
struct bounded_sums {
    double loss, loss_error;
    double correct, correct_error; /* rows whose prediction the errors leave open */
};

double gamma_of(size_t roundings);

/* Zeros, and no error. */
CLM_MUST_CHECK clm_status bounded_create(enum tensor_type type, size_t rows, size_t columns,
                                         struct bounded *out, struct clm_error *error);
void bounded_free(struct bounded *matrix);

static inline size_t bounded_count(const struct bounded *matrix)
{
    return matrix->rows * matrix->columns;
}

/* The first rows; not to be freed. */
static inline struct bounded bounded_first_rows(const struct bounded *of, size_t rows)
{
    struct bounded view = *of;
    view.rows = rows;
    return view;
}

/* Whether `error` bounds anything. Beside an infinite value or NaN it is not asked for. */
bool is_bound(double value, double error);

/* |got - value| / error. 0 where they are equal or both NaN; Inf where a difference is not allowed at all, as from an infinity
 * or NaN; NaN where only `got` is, and for whatever was got where `error` is no bound: negative, infinite or NaN. */
double error_ratio(double got, double value, double error);

/* "Y[3,17] is nan; 2.5 is right, to within 1e-06", or that there is no bound. */
void error_describe(char *text, size_t size, const char *what, double got, double value, double error);

/* The worse of two ratios; NaN is worst. */
double worse_ratio(double a, double b);

/* What a backend's metrics were read as. */
struct sums_read {
    double loss, correct;
};

/* The same of a loss and correct rows. */
void sums_describe(char *text, size_t size, const struct sums_read *got, const struct bounded_sums *expected);

/* What `sums` on `be` add up to, and its ratio; waits. */
CLM_MUST_CHECK clm_status sums_ratio(struct clm_backend *be, const struct metrics *sums,
                                     const struct bounded_sums *expected, struct sums_read *got,
                                     double *ratio, struct clm_error *error);

/* A tensor's content as doubles, whatever its type; waits. Doubles that are written to a tensor of another type have to
 * be numbers of it. */
CLM_MUST_CHECK clm_status doubles_write(struct clm_backend *be, struct tensor *tensor, const double *values,
                                        struct clm_error *error);
CLM_MUST_CHECK clm_status doubles_read(struct clm_backend *be, const struct tensor *tensor, double *values,
                                       struct clm_error *error);

/* The operations of backend.h: shapes as there, outputs are filled, of the caller's shape. */
/* `partners` is the augmentation's; NULL without mixup. */
CLM_MUST_CHECK clm_status bounded_gather(struct clm_backend *reference, const struct bounded_resident *data,
                                         const struct bounded *order, size_t first,
                                         const struct augmentation *augmentation, struct bounded *X,
                                         struct bounded *labels, struct bounded *partners,
                                         struct clm_error *error);
CLM_MUST_CHECK clm_status bounded_forward(struct clm_backend *reference, const struct bounded *X,
                                          const struct bounded_layer *layer, enum activation act,
                                          struct bounded *Y, struct clm_error *error);
/* dZ may be Z, or NULL; adds to *sums. */
CLM_MUST_CHECK clm_status bounded_softmax_xent(struct clm_backend *reference, const struct bounded *Z,
                                               const struct bounded *labels,
                                               const struct bounded_mixture *mixture, struct bounded *dZ,
                                               struct bounded_sums *sums, struct clm_error *error);
/* P may be Z. */
CLM_MUST_CHECK clm_status bounded_softmax(struct clm_backend *reference, const struct bounded *Z,
                                          struct bounded *P, struct clm_error *error);
CLM_MUST_CHECK clm_status bounded_backward_input(struct clm_backend *reference, const struct bounded *dZ,
                                                 const struct bounded_layer *layer, const struct bounded *Y,
                                                 struct bounded *dX, struct clm_error *error);
CLM_MUST_CHECK clm_status bounded_backward_params(struct clm_backend *reference, const struct bounded *dZ,
                                                  const struct bounded *X, const struct bounded_layer *layer,
                                                  double l2, struct bounded *dW, struct bounded *db,
                                                  struct clm_error *error);
CLM_MUST_CHECK clm_status bounded_backward_update(struct clm_backend *reference, const struct bounded *dZ,
                                                  const struct bounded *X, const struct bounded_layer *layer,
                                                  const struct step *step, struct clm_error *error);
CLM_MUST_CHECK clm_status bounded_update(struct clm_backend *reference, struct bounded *w,
                                         const struct bounded *g, struct bounded *velocity,
                                         const struct step *step, struct clm_error *error);

#endif

/* Bounds of what goes row by row: gather, softmax and its cross-entropy.
 *
 * Of a float's functions, OpenCL 1.2 (full profile, section 7.4) promises exp and log to 3 units in the last place and
 * division to 2.5, a unit being at most 2 u of the value: 6 u and 5 u. The C library's are better. */
#include "check/stage.h"

#include <float.h>
#include <math.h>

#define EXP_ERROR      (6 * UNIT_ROUNDOFF)
#define LOG_ERROR      (6 * UNIT_ROUNDOFF)
#define DIVISION_ERROR (5 * UNIT_ROUNDOFF)
#define FLUSHED        ((double)FLT_MIN)

/* The reference's rows, without the noise and the mixing where only what they are added to is wanted. */
static void gather_on(struct stage *stage, const struct resident *data, const struct tensor *order,
                      size_t first, const struct augmentation *augmentation, struct bounded *X,
                      struct bounded *labels, struct bounded *partners)
{
    struct tensor *const x = stage_room(stage, X->rows, X->columns);
    struct tensor *const classes = stage_put(stage, labels, SIDE_VALUE);
    struct augmentation copy = {0};
    if (augmentation)
        copy = *augmentation;
    if (partners)
        copy.partners = stage_put(stage, partners, SIDE_VALUE);
    if (stage->status == CLM_OK)
        stage->status = gather(stage->reference, data, order, first, augmentation ? &copy : NULL, x, classes,
                               stage->error);
    stage_take(stage, x, X->value);
    stage_take(stage, classes, labels->value);
    if (partners)
        stage_take(stage, copy.partners, partners->value);
}

/* X = λ (p + σ n) + (1 - λ) (p' + σ n'), with p = (value - mean) * scale of a row and p' of its partner. A p takes two roundings,
 * and σ and its product one each, before they are added; then the products with λ and 1 - λ and their sum are one each: 5
 * for any of them, and 6 with the reference's. A number n is at most NOISE_MOST, and a backend's off by NOISE_ERROR. */
static void bound_changed(const struct bounded *X, const struct bounded *plain,
                          const struct augmentation *augmentation)
{
    const size_t B = X->rows, I = X->columns;
    const bool is_mixed = augmentation->changes.mixup > 0;
    const size_t distance = is_mixed ? augmentation_distance(augmentation, B) : 0;
    const double share = augmentation_share(augmentation), noise = augmentation->changes.noise;
    for (size_t r = 0; r < B; r++)
        for (size_t i = 0; i < I; i++) {
            const double p = fabs(plain->value[r * I + i]),
                         other = fabs(plain->value[(r + distance) % B * I + i]);
            X->error[r * I + i] = gamma_of(6) * (share * p + (1 - share) * other + noise * NOISE_MOST) +
                                  noise * NOISE_ERROR * (1 + gamma_of(6)) + 8 * FLUSHED;
        }
}

/* X = (value - mean) * scale: two roundings of the result itself; moving and blanking are none. Data, mean and scale are as
 * written. */
clm_status bounded_gather(struct clm_backend *reference, const struct bounded_resident *data,
                          const struct bounded *order, size_t first, const struct augmentation *augmentation,
                          struct bounded *X, struct bounded *labels, struct bounded *partners,
                          struct clm_error *error)
{
    struct stage stage = {.reference = reference, .error = error};
    const struct resident resident = {.values = *stage_put(&stage, data->values, SIDE_VALUE),
                                      .labels = *stage_put(&stage, data->labels, SIDE_VALUE),
                                      .mean = *stage_put(&stage, data->mean, SIDE_VALUE),
                                      .scale = *stage_put(&stage, data->scale, SIDE_VALUE)};
    const struct tensor *const numbers = order ? stage_put(&stage, order, SIDE_VALUE) : NULL;
    gather_on(&stage, &resident, numbers, first, augmentation, X, labels, partners);
    for (size_t i = 0; i < bounded_count(X); i++)
        X->error[i] = gamma_of(3) * fabs(X->value[i]) + FLUSHED;
    if (augmentation && (augmentation->changes.noise > 0 || augmentation->changes.mixup > 0)) {
        struct augmentation bare = *augmentation;
        struct bounded plain;
        bare.changes.noise = bare.changes.mixup = 0;
        const clm_status status = bounded_create(TENSOR_REAL, X->rows, X->columns, &plain, error);
        if (stage.status == CLM_OK)
            stage.status = status;
        gather_on(&stage, &resident, numbers, first, &bare, &plain, labels, NULL);
        if (stage.status == CLM_OK)
            bound_changed(X, &plain, augmentation);
        bounded_free(&plain);
    }
    for (size_t r = 0; r < bounded_count(labels); r++)
        labels->error[r] = 0;
    for (size_t r = 0; partners && r < bounded_count(partners); r++)
        partners->error[r] = 0;
    return stage_end(&stage);
}

/* A row's softmax under errors of its logits. */
struct partition {
    double largest, largest_error; /* the maximum moves no more than the logit that moves most */
    double sum, sum_error;         /* of exp(z - largest) */
    size_t best;
};

/* exp(z - largest), and how far a float's may be from it: the difference is off by what its parts are and one rounding, which
 * the exponential turns into a factor; its own error is another. */
static double exponential(const struct partition *row, double z, double z_error, double *error)
{
    const double difference = z - row->largest, moved = z_error + row->largest_error;
    if (z == -(double)INFINITY && isfinite(row->largest)) {
        *error = 0; /* exactly zero */
        return 0;
    }
    const double shift = moved + UNIT_ROUNDOFF * (fabs(difference) + moved);
    const double value = exp(difference);
    *error = value * (exp(shift) * (1 + EXP_ERROR) - 1) + FLUSHED;
    return value;
}

static struct partition partition_of(const double *z, const double *z_error, size_t C)
{
    struct partition row = {.largest = z[0]};
    for (size_t c = 0; c < C; c++) {
        row.largest_error = fmax(row.largest_error, z_error[c]);
        if (z[c] > row.largest || isnan(z[c])) {
            row.largest = z[c];
            row.best = c;
        }
    }
    for (size_t c = 0; c < C; c++) {
        double error;
        row.sum += exponential(&row, z[c], z_error[c], &error);
        row.sum_error += error;
    }
    row.sum_error += gamma_of(C + 1) * (row.sum + row.sum_error);
    return row;
}

/* e / sum: at worst e is as large and the sum as small as they may be. */
static double probability_error(const struct partition *row, double e, double e_error)
{
    const double most = (e + e_error) / (row->sum - row->sum_error);
    return most * (1 + DIVISION_ERROR) - e / row->sum + FLUSHED;
}

/* (p - target) / B: one rounding, one division. */
static double gradient_error(double p, double p_error, double target, double B)
{
    const double difference = fabs(p - target);
    const double error = p_error + UNIT_ROUNDOFF * (difference + p_error);
    return (error + DIVISION_ERROR * (difference + error)) / B + FLUSHED;
}

/* largest - z[label], moved by its parts' errors and rounded. */
static double distance_error(const struct partition *row, double z, double z_error)
{
    const double moved = row->largest_error + z_error;
    return moved + UNIT_ROUNDOFF * (row->largest - z + moved);
}

/* log(sum) + distance: the logarithm, the distance, their sum. */
static double loss_error(const struct partition *row, double distance, double moved)
{
    const double logarithm = log(row->sum);
    const double sum_shift = -log1p(-row->sum_error / row->sum);
    const double first = sum_shift + LOG_ERROR * (logarithm + sum_shift) + FLUSHED;
    return first + moved + UNIT_ROUNDOFF * (logarithm + distance + first + moved);
}

/* What a row is to be: share of one label and 1 - share of the other; without mixture all of one. */
struct target {
    size_t label, partner;
    double share;
};

static struct target target_of(const struct bounded *labels, const struct bounded_mixture *mixture, size_t r)
{
    const size_t label = (size_t)labels->value[r];
    return mixture ? (struct target){label, (size_t)mixture->partners->value[r], mixture->share}
                   : (struct target){label, label, 1};
}

/* May another logit be the largest of the backend's? Without errors floats compare as they are. */
static bool is_prediction_open(const struct partition *row, const double *z, const double *z_error, size_t C)
{
    for (size_t c = 0; c < C; c++) {
        const double moved = z_error[c] + z_error[row->best];
        if (c != row->best && moved > 0 && z[row->best] - z[c] <= moved)
            return true;
    }
    return false;
}

/* A row's loss and how far a float's may be from it. Of mixed rows the distances are multiplied and added: two roundings of what
 * is not negative. */
static double row_loss(const struct partition *row, const double *z, const double *z_error,
                       const struct target *target, double *error)
{
    const double share = target->share, rest = 1 - share;
    const double near = row->largest - z[target->label];
    const double near_error = distance_error(row, z[target->label], z_error[target->label]);
    if (share == 1) {
        *error = loss_error(row, near, near_error);
        return log(row->sum) + near;
    }
    const double far = row->largest - z[target->partner];
    const double far_error = distance_error(row, z[target->partner], z_error[target->partner]);
    const double distance = share * near + rest * far, moved = share * near_error + rest * far_error;
    *error = loss_error(row, distance, moved + gamma_of(2) * (distance + moved) + 2 * FLUSHED);
    return log(row->sum) + distance;
}

/* The rows' losses are added in any order: B roundings, one for the sums of earlier calls and the reference's. */
static void add_row_errors(const struct bounded *Z, const struct bounded *labels,
                           const struct bounded_mixture *mixture, struct bounded_sums *sums)
{
    const size_t C = Z->columns;
    for (size_t r = 0; r < Z->rows; r++) {
        const double *const z = Z->value + r * C, *const z_error = Z->error + r * C;
        const struct target target = target_of(labels, mixture, r);
        const struct partition row = partition_of(z, z_error, C);
        double error;
        const double loss = row_loss(&row, z, z_error, &target, &error);
        sums->loss_error += error + gamma_of(Z->rows + 2) * (loss + error);
        sums->correct_error += is_prediction_open(&row, z, z_error, C);
    }
}

clm_status bounded_softmax_xent(struct clm_backend *reference, const struct bounded *Z,
                                const struct bounded *labels, const struct bounded_mixture *mixture,
                                struct bounded *dZ, struct bounded_sums *sums, struct clm_error *error)
{
    const size_t B = Z->rows, C = Z->columns;
    struct stage stage = {.reference = reference, .error = error};
    const struct tensor *const z = stage_put(&stage, Z, SIDE_VALUE);
    const struct tensor *const classes = stage_put(&stage, labels, SIDE_VALUE);
    struct tensor *const dz = stage_room(&stage, B, C);
    struct mixture mixed = {0};
    if (mixture)
        mixed = (struct mixture){*stage_put(&stage, mixture->partners, SIDE_VALUE), mixture->share};
    struct metrics metrics = {0};
    double loss = 0;
    size_t correct = 0;
    if (stage.status == CLM_OK && !(stage.status = metrics_create(reference, &metrics, error)) &&
        !(stage.status = metrics_reset(reference, &metrics, error)) &&
        !(stage.status = softmax_xent(reference, z, classes, mixture ? &mixed : NULL, dz, &metrics, error)))
        stage.status = metrics_read(reference, &metrics, &loss, &correct, error);
    metrics_free(reference, &metrics);
    add_row_errors(Z, labels, mixture, sums);
    sums->loss += loss;
    sums->correct += (double)correct;
    for (size_t r = 0; dZ && r < B; r++) {
        const struct partition row = partition_of(Z->value + r * C, Z->error + r * C, C);
        const struct target target = target_of(labels, mixture, r);
        for (size_t c = 0; c < C; c++) {
            const size_t at = r * C + c;
            double e_error;
            const double e = exponential(&row, Z->value[at], Z->error[at], &e_error);
            const double wanted =
                target.share * (c == target.label) + (1 - target.share) * (c == target.partner);
            dZ->error[at] =
                gradient_error(e / row.sum, probability_error(&row, e, e_error), wanted, (double)B);
        }
    }
    if (dZ)
        stage_take(&stage, dz, dZ->value);
    return stage_end(&stage);
}

clm_status bounded_softmax(struct clm_backend *reference, const struct bounded *Z, struct bounded *P,
                           struct clm_error *error)
{
    const size_t C = Z->columns;
    struct stage stage = {.reference = reference, .error = error};
    const struct tensor *const z = stage_put(&stage, Z, SIDE_VALUE);
    struct tensor *const p = stage_room(&stage, Z->rows, C);
    if (stage.status == CLM_OK)
        stage.status = softmax(reference, z, p, error);
    for (size_t r = 0; r < Z->rows; r++) {
        const struct partition row = partition_of(Z->value + r * C, Z->error + r * C, C);
        for (size_t at = r * C; at < (r + 1) * C; at++) {
            double e_error;
            const double e = exponential(&row, Z->value[at], Z->error[at], &e_error);
            P->error[at] = probability_error(&row, e, e_error);
        }
    }
    stage_take(&stage, p, P->value);
    return stage_end(&stage);
}

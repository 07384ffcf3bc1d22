/* Temperature scaling: Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks; 2017. */
#include "train/calibrate.h"

#include "train/measure.h"

#include <math.h>
#include <stdlib.h>

struct labelled_logits {
    const float *logits; /* (rows, classes) */
    const uint32_t *labels;
    size_t rows, classes;
};

/* The mean loss at some 1 / T, and its first and second derivative by 1 / T. */
struct tempered_loss {
    double loss, slope, bend;
};

static size_t first_of_largest_logits(const float *z, size_t classes)
{
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
        if (z[c] > z[best])
            best = c;
    return best;
}

/* With d = z - max z, s = 1 / T and p = softmax(s d), a row has the loss log Σ exp(s d) - s d[label], the
 * slope Σ p d - d[label], and the bend Σ p d² - (Σ p d)². */
static void add_logit_row(const float *z, size_t classes, size_t label, double s, struct tempered_loss *out)
{
    const double largest = (double)z[first_of_largest_logits(z, classes)], own = (double)z[label] - largest;
    double sum = 0, first = 0, second = 0;
    for (size_t c = 0; c < classes; c++) {
        const double d = (double)z[c] - largest, e = exp(s * d);
        sum += e;
        first += e * d;
        second += e * d * d;
    }
    /* cppcheck-suppress invalidFunctionArg ; the largest logit alone adds 1 to the sum */
    out->loss += log(sum) - s * own;
    out->slope += first / sum - own;
    out->bend += second / sum - first / sum * (first / sum);
}

static struct tempered_loss tempered_loss(const struct labelled_logits *rows, double s)
{
    struct tempered_loss sums = {.loss = 0};
    const double n = (double)rows->rows;
    for (size_t r = 0; r < rows->rows; r++)
        add_logit_row(rows->logits + r * rows->classes, rows->classes, rows->labels[r], s, &sums);
    return (struct tempered_loss){sums.loss / n, sums.slope / n, sums.bend / n};
}

/* Where the slope is 0: Newton's method, between two points with slopes of different signs. A step that
 * leaves them is replaced by one to their geometric mean. Steps at the end are below a relative 1e-9. */
static double flattest(const struct labelled_logits *rows, double low, double high)
{
    enum { STEPS_MOST = 200 };
    double s = 1;
    for (int i = 0; i < STEPS_MOST && high / low > 1 + 1e-9; i++) {
        const struct tempered_loss at = tempered_loss(rows, s);
        if (at.slope < 0)
            low = s;
        else
            high = s;
        const double newton = s - at.slope / at.bend;
        const double next = newton > low && newton < high ? newton : sqrt(low * high);
        if (fabs(next - s) <= 1e-9 * s)
            return next;
        s = next;
    }
    return s;
}

static double calibration_error_at(const struct labelled_logits *rows, double s)
{
    struct clm_calibration_bin bins[CLM_CALIBRATION_BINS] = {{0}};
    for (size_t r = 0; r < rows->rows; r++) {
        const float *const z = rows->logits + r * rows->classes;
        const size_t best = first_of_largest_logits(z, rows->classes);
        double sum = 0;
        for (size_t c = 0; c < rows->classes; c++)
            sum += exp(s * ((double)z[c] - (double)z[best]));
        bins_add(bins, 1 / sum, best == rows->labels[r]);
    }
    return bins_finish(bins, rows->rows);
}

void calibrate_logits(const float *logits, const uint32_t *labels, size_t rows, size_t classes,
                      struct clm_calibration *out)
{
    const struct labelled_logits data = {logits, labels, rows, classes};
    const double low = 1 / TEMPERATURE_MOST, high = 1 / TEMPERATURE_LEAST;
    *out = (struct clm_calibration){.rows = rows, .temperature = 1};
    out->loss_before = tempered_loss(&data, 1).loss;
    out->error_before = calibration_error_at(&data, 1);
    out->is_fitted = tempered_loss(&data, low).slope < 0 && tempered_loss(&data, high).slope > 0;
    if (out->is_fitted)
        out->temperature = 1 / flattest(&data, low, high);
    out->loss_after = tempered_loss(&data, 1 / out->temperature).loss;
    out->error_after = calibration_error_at(&data, 1 / out->temperature);
}

clm_status calibrate_targets(struct clm_model *model, const float *predictions, const double *spread,
                             const double *targets, size_t rows, struct clm_error *error)
{
    const size_t T = clm_model_targets(model), Q = loss_quantiles(&model->architecture.loss), O = T * Q;
    const enum interval_kind kind = intervals_kind(model);
    double *const scores = calloc(rows, T * sizeof *scores);
    if (!scores)
        return clm_fail_host_memory(error, "the scores of validation rows", rows * T * sizeof *scores);
    for (size_t r = 0; r < rows; r++)
        for (size_t t = 0; t < T; t++)
            scores[t * rows + r] = intervals_score_of(model, kind, t, predictions + r * O + t * Q,
                                                      spread[r * O + t * Q], targets[r * T + t]);
    const clm_status status = intervals_keep(model, scores, rows, error);
    free(scores);
    return status;
}

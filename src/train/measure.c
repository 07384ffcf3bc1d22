/* Measures of probabilities against labels. */
#include "train/measure.h"

#include "base/size.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define TOP 5 /* classes, of top5_accuracy */

void clm_measures_free(struct clm_measures *measures)
{
    if (!measures)
        return;
    free(measures->confusion);
    free(measures->of_class);
    free(measures);
}

static clm_status measures_create(size_t rows, size_t classes, struct clm_measures **out,
                                  struct clm_error *error)
{
    struct clm_measures *const measures = *out = calloc(1, sizeof *measures);
    size_t cells;
    if (measures && size_mul(classes, classes, &cells)) {
        measures->rows = rows;
        measures->classes = classes;
        measures->confusion = calloc(cells, sizeof *measures->confusion);
        measures->of_class = calloc(classes, sizeof *measures->of_class);
    }
    if (measures && measures->confusion && measures->of_class)
        return CLM_OK;
    return clm_fail_host_memory(error, "the confusion matrix",
                                classes * classes * sizeof *measures->confusion);
}

static clm_status check_measurable(const float *probabilities, const uint32_t *labels, size_t rows,
                                   size_t classes, struct clm_error *error)
{
    if (!rows || !classes)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "there is nothing to measure: %zu rows of %zu classes",
                        rows, classes);
    for (size_t r = 0; r < rows; r++) {
        if (labels[r] >= classes)
            return clm_fail(error, CLM_ERROR_ARGUMENT,
                            "row %zu has the label %u, but there are %zu classes, from 0 on", r, labels[r],
                            classes);
        for (size_t c = 0; c < classes; c++)
            if (!(probabilities[r * classes + c] >= 0) || isinf(probabilities[r * classes + c]))
                return clm_fail(error, CLM_ERROR_ARGUMENT,
                                "row %zu: %g is no probability of class %zu; it must be a number from 0 to 1",
                                r, (double)probabilities[r * classes + c], c);
    }
    return CLM_OK;
}

/* ---- rows ---- */

/* How many classes come before `label` by their probability; of equal ones the lower class comes first. */
static size_t rank_of(const float *p, size_t classes, size_t label)
{
    size_t before = 0;
    for (size_t c = 0; c < classes; c++)
        before += p[c] > p[label] || (c < label && p[c] == p[label]);
    return before;
}

static size_t first_of_largest(const float *p, size_t classes)
{
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
        if (p[c] > p[best])
            best = c;
    return best;
}

double clm_top_accuracy(const float *probabilities, const uint32_t *labels, size_t rows, size_t classes,
                        size_t top)
{
    size_t near = 0;
    for (size_t r = 0; r < rows; r++)
        near += rank_of(probabilities + r * classes, classes, labels[r]) < top;
    return (double)near / (double)rows;
}

static void measure_rows(const float *probabilities, const uint32_t *labels, struct clm_measures *out)
{
    const size_t C = out->classes;
    double loss = 0;
    size_t correct = 0;
    for (size_t r = 0; r < out->rows; r++) {
        const float *const p = probabilities + r * C;
        const size_t label = labels[r], predicted = first_of_largest(p, C);
        out->confusion[label * C + predicted]++;
        loss -= log(fmax((double)p[label], DBL_EPSILON));
        correct += predicted == label;
    }
    out->log_loss = loss / (double)out->rows;
    out->accuracy = (double)correct / (double)out->rows;
    out->top5_accuracy = C > TOP ? clm_top_accuracy(probabilities, labels, out->rows, C, TOP) : NAN;
}

/* ---- calibration ---- */

/* A confidence is a float, of 24 bits: its product with 15 is exact in double. */
static size_t bin_of(double confidence)
{
    const double last = CLM_CALIBRATION_BINS - 1;
    return (size_t)fmin(fmax(ceil(confidence * CLM_CALIBRATION_BINS) - 1, 0), last);
}

/* Sum over classes of the squared differences between the probabilities and 1 for the label, 0 for others. */
static double brier_of(const float *p, size_t classes, size_t label)
{
    double sum = 0;
    for (size_t c = 0; c < classes; c++) {
        const double difference = (double)p[c] - (c == label);
        sum += difference * difference;
    }
    return sum;
}

void bins_add(struct clm_calibration_bin *bins, double confidence, bool is_correct)
{
    struct clm_calibration_bin *const bin = &bins[bin_of(confidence)];
    bin->rows++;
    bin->correct += is_correct;
    bin->confidence += confidence;
}

double bins_finish(struct clm_calibration_bin *bins, size_t rows)
{
    double errors = 0;
    for (size_t b = 0; b < CLM_CALIBRATION_BINS; b++) {
        struct clm_calibration_bin *const bin = &bins[b];
        errors += fabs((double)bin->correct - bin->confidence);
        bin->confidence = bin->rows ? bin->confidence / (double)bin->rows : NAN;
    }
    return errors / (double)rows;
}

static void measure_calibration(const float *probabilities, const uint32_t *labels, struct clm_measures *out)
{
    const size_t C = out->classes;
    double all = 0, brier = 0;
    for (size_t r = 0; r < out->rows; r++) {
        const float *const p = probabilities + r * C;
        const size_t predicted = first_of_largest(p, C);
        bins_add(out->bins, (double)p[predicted], predicted == labels[r]);
        all += (double)p[predicted];
        brier += brier_of(p, C, labels[r]);
    }
    out->mean_confidence = all / (double)out->rows;
    out->calibration_error = bins_finish(out->bins, out->rows);
    out->brier_score = brier / (double)out->rows;
}

/* ---- classes ---- */

static void measure_class(const struct clm_measures *measures, size_t c, struct clm_class_measures *out)
{
    const size_t C = measures->classes;
    for (size_t other = 0; other < C; other++) {
        out->rows += measures->confusion[c * C + other];
        out->predicted += measures->confusion[other * C + c];
    }
    out->correct = measures->confusion[c * C + c];
    const double correct = (double)out->correct;
    out->precision = out->predicted ? correct / (double)out->predicted : 0;
    out->recall = out->rows ? correct / (double)out->rows : NAN;
    out->f1 = out->rows || out->predicted ? 2 * correct / (double)(out->rows + out->predicted) : NAN;
    out->roc_auc = NAN;
}

/* A probability of a class, and whether the row is of that class. */
struct scored {
    float p;
    bool is_of_class;
};

static int by_probability(const void *a, const void *b)
{
    const float x = ((const struct scored *)a)->p, y = ((const struct scored *)b)->p;
    return (x > y) - (x < y);
}

/* The share of pairs of a row of the class and one of the rest in which the first has the larger probability;
 * equal ones count half: (R - n (n + 1) / 2) / (n m), with R the sum of the ranks of the n rows of the class
 * and m the number of the others; equal ones have the mean of their ranks (Mann, Whitney). Sorts `scored`. */
static double area_under_roc(struct scored *scored, size_t count, size_t of_class)
{
    const double n = (double)of_class, m = (double)(count - of_class);
    double ranks = 0;
    qsort(scored, count, sizeof *scored, by_probability);
    for (size_t first = 0, end; first < count; first = end) {
        size_t here = 0;
        for (end = first; end < count && scored[end].p == scored[first].p; end++)
            here += scored[end].is_of_class;
        ranks += (double)here * (double)(first + 1 + end) / 2; /* the mean of first + 1 … end */
    }
    return (ranks - n * (n + 1) / 2) / (n * m);
}

static clm_status measure_areas(const float *probabilities, const uint32_t *labels, struct clm_measures *out,
                                struct clm_error *error)
{
    const size_t C = out->classes, rows = out->rows;
    struct scored *const scored = calloc(rows, sizeof *scored);
    if (!scored)
        return clm_fail_host_memory(error, "the ROC curve", rows * sizeof *scored);
    for (size_t c = 0; c < C; c++) {
        struct clm_class_measures *const class = &out->of_class[c];
        if (!class->rows || class->rows == rows)
            continue;
        for (size_t r = 0; r < rows; r++)
            scored[r] = (struct scored){probabilities[r * C + c], labels[r] == c};
        class->roc_auc = area_under_roc(scored, rows, class->rows);
    }
    free(scored);
    return CLM_OK;
}

/* The means over the classes that have a number; NaN if none has one. */
static void take_class_means(struct clm_measures *out)
{
    double recalls = 0, f1s = 0, areas = 0;
    size_t with_f1 = 0, with_area = 0;
    for (size_t c = 0; c < out->classes; c++) {
        const struct clm_class_measures *const class = &out->of_class[c];
        out->classes_with_rows += class->rows > 0;
        recalls += class->rows ? class->recall : 0;
        with_f1 += !isnan(class->f1);
        f1s += isnan(class->f1) ? 0 : class->f1;
        with_area += !isnan(class->roc_auc);
        areas += isnan(class->roc_auc) ? 0 : class->roc_auc;
    }
    out->balanced_accuracy = recalls / (double)out->classes_with_rows;
    out->macro_f1 = f1s / (double)with_f1;
    out->roc_auc = !with_area          ? NAN
                   : out->classes == 2 ? out->of_class[1].roc_auc
                                       : areas / (double)with_area;
}

clm_status clm_measure(const float *probabilities, const uint32_t *labels, size_t rows, size_t classes,
                       struct clm_measures **out, struct clm_error *error)
{
    *out = NULL;
    struct clm_measures *measures = NULL;
    clm_status status = check_measurable(probabilities, labels, rows, classes, error);
    if (status != CLM_OK)
        return status;
    status = measures_create(rows, classes, &measures, error);
    if (status == CLM_OK) {
        measure_rows(probabilities, labels, measures);
        measure_calibration(probabilities, labels, measures);
        for (size_t c = 0; c < classes; c++)
            measure_class(measures, c, &measures->of_class[c]);
        status = measure_areas(probabilities, labels, measures, error);
    }
    if (status == CLM_OK) {
        take_class_means(measures);
        *out = measures;
    } else
        clm_measures_free(measures);
    return status;
}

/* The temperature: found where it can be computed by hand, and used by all backends. */
#include "train/calibrate.h"

#include "nn/model.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static struct clm_error error;

/* `rows` logits 0 and `margin`; the larger one is right in all rows but `wrong`. */
static struct clm_calibration calibrate_two(float margin, size_t rows, size_t wrong)
{
    float *const logits = calloc(2 * rows, sizeof *logits);
    uint32_t *const labels = calloc(rows, sizeof *labels);
    struct clm_calibration found;
    for (size_t r = 0; r < rows; r++) {
        logits[2 * r + r % 2] = margin;
        labels[r] = (uint32_t)(r < wrong ? 1 - r % 2 : r % 2);
    }
    calibrate_logits(logits, labels, rows, 2, &found);
    free(logits);
    free(labels);
    return found;
}

/* With a share q of right rows, the best probability of the larger logit is q: margin / T = log(q / (1 - q)).
 * The loss is then the entropy of q, and the calibration error 0. */
START_TEST(two_logits)
{
    static const struct {
        float margin;
        size_t rows, wrong;
    } cases[] = {{4, 100, 10}, {4, 100, 40}, {0.25f, 100, 10}, {30, 1000, 1}, {0.015625f, 64, 28}, {1, 3, 1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const double q = 1 - (double)cases[i].wrong / (double)cases[i].rows, margin = (double)cases[i].margin,
                     p = 1 / (1 + exp(-margin)), temperature = margin / log(q / (1 - q));
        const struct clm_calibration found = calibrate_two(cases[i].margin, cases[i].rows, cases[i].wrong);
        ck_assert_uint_eq(found.rows, cases[i].rows);
        ck_assert(found.is_fitted);
        ck_assert_within(found.temperature / temperature, 1.0, 1e-6);
        ck_assert_within(found.loss_before, -q * log(p) - (1 - q) * (log(p) - margin), 1e-12 * (1 + margin));
        ck_assert_within(found.loss_after, -q * log(q) - (1 - q) * log(1 - q), 1e-12);
        ck_assert_within(found.error_before, fabs(p - q), 1e-12);
        ck_assert_within(found.error_after, 0.0, 1e-6);
    }
}
END_TEST

/* Right in all rows: the smaller T the better. Wrong in half of them or more: the larger T the better. */
START_TEST(without_a_best)
{
    static const size_t wrong[] = {0, 50, 70};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const struct clm_calibration found = calibrate_two(3, 100, wrong[i]);
        ck_assert(!found.is_fitted);
        ck_assert_within(found.temperature, 1.0, 0.0);
        ck_assert_within(found.loss_after, found.loss_before, 0.0);
    }
}
END_TEST

/* A number from -1 to 1 that depends on `k` alone. */
static double noise(size_t k)
{
    return (double)((k * 2654435761u + 12345) % 65521) / 32760.5 - 1;
}

/* The mean loss at T, by another formula than the one that is tested. */
static double loss_of(const float *logits, const uint32_t *labels, size_t rows, size_t classes, double T)
{
    double loss = 0;
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t c = 0; c < classes; c++)
            sum += exp(((double)logits[r * classes + c] - (double)logits[r * classes + labels[r]]) / T);
        loss += log(sum);
    }
    return loss / (double)rows;
}

/* Seven classes, and logits of several scales: no T near the found one is better. A step of a relative 1e-4
 * changes the loss by about 1e-8 of its curvature, far above the rounding of its sum. */
START_TEST(no_other_is_better)
{
    enum { ROWS = 300, CLASSES = 7 };
    static float logits[ROWS * CLASSES];
    static uint32_t labels[ROWS];
    static const double scales[] = {0.1, 1, 8, 90};
    for (size_t s = 0; s < COUNT_OF(scales); s++) {
        struct clm_calibration found;
        for (size_t r = 0; r < ROWS; r++) {
            labels[r] = (uint32_t)(r * r % CLASSES);
            for (size_t c = 0; c < CLASSES; c++)
                logits[r * CLASSES + c] =
                    (float)(scales[s] * (noise(r * CLASSES + c) + (c == labels[r] ? 0.7 : 0)));
        }
        calibrate_logits(logits, labels, ROWS, CLASSES, &found);
        ck_assert(found.is_fitted);
        const double T = found.temperature, at = loss_of(logits, labels, ROWS, CLASSES, T);
        ck_assert_within(found.loss_after, at, 1e-12);
        ck_assert_within(found.loss_before, loss_of(logits, labels, ROWS, CLASSES, 1), 1e-10);
        ck_assert(found.loss_after <= found.loss_before);
        ck_assert(at < loss_of(logits, labels, ROWS, CLASSES, T * 1.0001));
        ck_assert(at < loss_of(logits, labels, ROWS, CLASSES, T / 1.0001));
    }
}
END_TEST

enum { CLASSES = 4, ROWS = 60, FEATURES = 20 };

static size_t largest(const float *p)
{
    size_t best = 0;
    for (size_t c = 1; c < CLASSES; c++)
        if (p[c] > p[best])
            best = c;
    return best;
}

/* The probabilities are proportional to p^(1/T). Logits here are below 20 in size, and each has an error of
 * some 20 roundings of about 20, relative to the size of p. */
START_TEST(predictions)
{
    struct clm_backend *const be = fixture_backend((enum fixture)_i);
    struct clm_data *const data = fixture_data(ROWS, ROWS, FEATURES, CLASSES);
    struct clm_model *const model = fixture_model(data, "he", 3, (const size_t[]){9, 0});
    static float plain[ROWS * CLASSES], tempered[ROWS * CLASSES];
    struct clm_score score, tempered_score;
    double loss = 0;
    for (size_t c = 0; c < CLASSES; c++)
        model_bias(model, 1)[c] = (float)(2 * noise(c));
    ck_assert_within(clm_model_temperature(model), 1.0, 0.0);
    ck_assert_done(clm_predict(be, model, data, CLM_TEST, plain, &score, &error));
    model->temperature = 2.5;
    ck_assert_done(clm_predict(be, model, data, CLM_TEST, tempered, &tempered_score, &error));
    for (size_t r = 0; r < ROWS; r++) {
        double sum = 0;
        for (size_t c = 0; c < CLASSES; c++)
            sum += pow((double)plain[r * CLASSES + c], 1 / 2.5);
        for (size_t c = 0; c < CLASSES; c++) {
            const double expected = pow((double)plain[r * CLASSES + c], 1 / 2.5) / sum;
            ck_assert_within((double)tempered[r * CLASSES + c], expected, 400 * FLT_EPSILON);
        }
        ck_assert_uint_eq(largest(plain + r * CLASSES), largest(tempered + r * CLASSES));
        loss -= log((double)tempered[r * CLASSES + clm_data_label(data, CLM_TEST, r)]);
    }
    ck_assert_within(tempered_score.loss, loss / ROWS, 400 * (double)FLT_EPSILON);
    ck_assert_within(tempered_score.accuracy, score.accuracy, 0.0);
    ck_assert(fabs(tempered_score.loss - score.loss) > 0.01);
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(be);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("calibrate");
    TCase *const cases = tcase_create("calibrate");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, two_logits);
    tcase_add_test(cases, without_a_best);
    tcase_add_test(cases, no_other_is_better);
    tcase_add_loop_test(cases, predictions, FIXTURE_REFERENCE, FIXTURE_OPENCL + 1);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}

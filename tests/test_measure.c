/* Measures of probabilities against labels, on cases small enough to compute by hand. */
#include "clmlp.h"

#include "support/support.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <string.h>

static struct clm_error error;

#define NEAR (4 * DBL_EPSILON) /* a few roundings of numbers of about 1 */

static struct clm_measures *measure(const float *probabilities, const uint32_t *labels, size_t rows,
                                    size_t classes)
{
    struct clm_measures *measures;
    ck_assert_done(clm_measure(probabilities, labels, rows, classes, &measures, &error));
    ck_assert_uint_eq(measures->rows, rows);
    ck_assert_uint_eq(measures->classes, classes);
    return measures;
}

/* Five rows of two classes. The probabilities of class 1 are 0.25 0.75 0.75 0.5 1, those of its rows 0.75,
 * 0.5 and 1: against the others' 0.25 and 0.75 they win 1.5, 1 and 2 of 2 pairs, 4.5 of 6. */
START_TEST(two_classes)
{
    static const float p[10] = {0.75f, 0.25f, 0.25f, 0.75f, 0.25f, 0.75f, 0.5f, 0.5f, 0, 1};
    static const uint32_t labels[5] = {0, 0, 1, 1, 1};
    static const size_t confusion[4] = {1, 1, 1, 2}; /* the tie 0.5 0.5 is predicted to be 0 */
    struct clm_measures *const m = measure(p, labels, 5, 2);
    ck_assert_mem_eq(m->confusion, confusion, sizeof confusion);
    ck_assert_uint_eq(m->classes_with_rows, 2);
    ck_assert_within(m->accuracy, 3 / 5.0, NEAR);
    ck_assert_within(m->balanced_accuracy, (1 / 2.0 + 2 / 3.0) / 2, NEAR);
    ck_assert_within(m->macro_f1, (2 / 4.0 + 4 / 6.0) / 2, NEAR);
    ck_assert_within(m->roc_auc, 4.5 / 6, NEAR);
    ck_assert_within(m->of_class[0].roc_auc, 4.5 / 6, NEAR);
    ck_assert_within(m->log_loss, -(2 * log(0.75) + log(0.25) + log(0.5)) / 5, NEAR);
    ck_assert(isnan(m->top5_accuracy));
    ck_assert_uint_eq(m->of_class[1].rows, 3);
    ck_assert_uint_eq(m->of_class[1].predicted, 3);
    ck_assert_uint_eq(m->of_class[1].correct, 2);
    ck_assert_within(m->of_class[1].precision, 2 / 3.0, NEAR);
    ck_assert_within(m->of_class[1].recall, 2 / 3.0, NEAR);
    ck_assert_within(m->of_class[1].f1, 2 / 3.0, NEAR);
    clm_measures_free(m);
}
END_TEST

/* Class 1 has no rows, and one prediction; class 3 has neither. Means leave out what has no number: there are
 * recalls of 0 and 2, F1 of 0, 1 and 2, areas of 0 and 2. */
START_TEST(absent_classes)
{
    static const float p[12] = {0.5f, 0.25f, 0.25f, 0, 0.25f, 0.5f, 0.25f, 0, 0.25f, 0.25f, 0.5f, 0};
    static const uint32_t labels[3] = {0, 0, 2};
    struct clm_measures *const m = measure(p, labels, 3, 4);
    ck_assert_uint_eq(m->classes_with_rows, 2);
    ck_assert_within(m->balanced_accuracy, (1 / 2.0 + 1) / 2, NEAR);
    ck_assert_within(m->macro_f1, (2 / 3.0 + 0 + 1) / 3, NEAR);
    /* class 0: 0.5 and 0.25 against 0.25: 1.5 of 2; class 2: 0.5 against 0.25 and 0.25: 2 of 2 */
    ck_assert_within(m->roc_auc, (1.5 / 2 + 1) / 2, NEAR);
    ck_assert(isnan(m->of_class[1].recall) && isnan(m->of_class[1].roc_auc));
    ck_assert_within(m->of_class[1].precision, 0, 0);
    ck_assert_within(m->of_class[1].f1, 0, 0);
    ck_assert(isnan(m->of_class[3].f1) && isnan(m->of_class[3].recall));
    ck_assert_within(m->of_class[3].precision, 0, 0);
    clm_measures_free(m);
}
END_TEST

/* All rows of one class: nothing to tell it from. A probability of 0 counts as 2^-52 in the log loss. */
START_TEST(one_class)
{
    static const float p[4] = {1, 0, 0, 1};
    static const uint32_t labels[2] = {1, 1};
    struct clm_measures *const m = measure(p, labels, 2, 2);
    ck_assert(isnan(m->roc_auc) && isnan(m->of_class[0].roc_auc) && isnan(m->of_class[1].roc_auc));
    ck_assert_within(m->balanced_accuracy, 0.5, NEAR);
    ck_assert_within(m->log_loss, 52 * log(2) / 2, 52 * NEAR);
    clm_measures_free(m);
}
END_TEST

/* The label's place among six probabilities: 5th, 6th; and among equal ones 5th and 6th, by the class. */
START_TEST(five_largest)
{
    static const float p[24] = {0.3f, 0.25f, 0.2f, 0.1f, 0.1f, 0.05f, 0.3f, 0.25f, 0.2f, 0.1f, 0.1f, 0.05f,
                                0.2f, 0.2f,  0.2f, 0.2f, 0.1f, 0.1f,  0.2f, 0.2f,  0.2f, 0.2f, 0.1f, 0.1f};
    static const uint32_t labels[4] = {4, 5, 4, 5};
    struct clm_measures *const m = measure(p, labels, 4, 6);
    ck_assert_within(m->top5_accuracy, 0.5, NEAR);
    clm_measures_free(m);
    struct clm_measures *const five = measure(p, (const uint32_t[]){4, 0, 1, 2}, 4, 5);
    ck_assert(isnan(five->top5_accuracy));
    clm_measures_free(five);
}
END_TEST

/* Many equal probabilities in a row, against the definition: pairs that are counted one by one. */
START_TEST(area_by_pairs)
{
    enum { ROWS = 60, CLASSES = 3 };
    float p[ROWS * CLASSES];
    uint32_t labels[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        labels[r] = (uint32_t)(r * r % CLASSES);
        for (size_t c = 0; c < CLASSES; c++)
            p[r * CLASSES + c] = (float)((r * 7 + c * 5 + labels[r] * (c + 1)) % 8) / 8;
    }
    struct clm_measures *const m = measure(p, labels, ROWS, CLASSES);
    for (size_t c = 0; c < CLASSES; c++) {
        double won = 0, pairs = 0;
        for (size_t a = 0; a < ROWS; a++)
            for (size_t b = 0; labels[a] == c && b < ROWS; b++) {
                const float own = p[a * CLASSES + c], other = p[b * CLASSES + c];
                won += labels[b] == c ? 0 : own > other ? 1 : own == other ? 0.5 : 0;
                pairs += labels[b] != c;
            }
        if (pairs > 0)
            ck_assert_within(m->of_class[c].roc_auc, won / pairs, NEAR);
        else
            ck_assert(isnan(m->of_class[c].roc_auc));
    }
    clm_measures_free(m);
}
END_TEST

/* Any k: the label's places among six probabilities are 1, 3, 5 and 6. */
START_TEST(any_largest)
{
    static const float row[6] = {0.1f, 0.3f, 0.25f, 0.15f, 0.15f, 0.05f};
    static const uint32_t labels[4] = {1, 3, 0, 5};
    static const double shares[6] = {0.25, 0.25, 0.5, 0.5, 0.75, 1};
    float p[24];
    for (size_t r = 0; r < 4; r++)
        memcpy(p + r * 6, row, sizeof row);
    for (size_t k = 1; k <= 6; k++)
        ck_assert_within(clm_top_accuracy(p, labels, 4, 6, k), shares[k - 1], 0);
}
END_TEST

/* Confidences 0.6, 0.6 and 0.5, which is in bin 7 (above 7/15 = 0.467), and 1 in the last one. 0.6 = 9/15 is
 * the end of bin 8, but the float 0.6 is above it. Right are the second of 0.6, 0.5 and 1:
 * |1 - 2 0.6| + |1 - 0.5| + 0, divided by 4. Squares: 2 0.6^2, 2 0.4^2, 2 0.5^2, 0. */
START_TEST(calibration)
{
    static const float p[8] = {0.6f, 0.4f, 0.4f, 0.6f, 0.5f, 0.5f, 1, 0};
    static const uint32_t labels[4] = {1, 1, 0, 0};
    const double off = 4 * FLT_EPSILON; /* 0.6 and 0.4 as floats, and their squares */
    struct clm_measures *const m = measure(p, labels, 4, 2);
    size_t rows = 0;
    for (size_t b = 0; b < CLM_CALIBRATION_BINS; b++) {
        rows += m->bins[b].rows;
        ck_assert(m->bins[b].rows || isnan(m->bins[b].confidence));
    }
    ck_assert_uint_eq(rows, 4);
    ck_assert_uint_eq(m->bins[9].rows, 2);
    ck_assert_uint_eq(m->bins[9].correct, 1);
    ck_assert_within(m->bins[9].confidence, 0.6, off);
    ck_assert_uint_eq(m->bins[7].rows, 1);
    ck_assert_uint_eq(m->bins[7].correct, 1);
    ck_assert_uint_eq(m->bins[14].rows, 1);
    ck_assert_within(m->calibration_error, (0.2 + 0.5) / 4, off);
    ck_assert_within(m->mean_confidence, 2.7 / 4, off);
    ck_assert_within(m->brier_score, (2 * 0.36 + 2 * 0.16 + 2 * 0.25) / 4, off);
    clm_measures_free(m);
}
END_TEST

/* No end of a bin but 0 and 1 is a float. The floats nearest to 1/3 and 1/5 are above them, and so in the
 * next bin. A float one step above 1 counts as 1. */
START_TEST(bins_at_their_ends)
{
    const float third = 1 / 3.0f, below = nextafterf(third, 0);
    const float p[15] = {third, 0.3f, 0.3f, below, 0.3f, 0.3f, 0.2f, 0.2f, 0.2f, nextafterf(1, 2),
                         0,     0,    1,    0,     0};
    static const uint32_t labels[5] = {0};
    struct clm_measures *const m = measure(p, labels, 5, 3);
    ck_assert_uint_eq(m->bins[5].rows, 1);
    ck_assert_uint_eq(m->bins[4].rows, 1);
    ck_assert_uint_eq(m->bins[3].rows, 1);
    ck_assert_uint_eq(m->bins[14].rows, 2);
    clm_measures_free(m);
}
END_TEST

/* A net that is right as often as it says, but for a rounded count of rows. */
START_TEST(calibrated)
{
    enum { ROWS = 1000 };
    static float p[2 * ROWS];
    static uint32_t labels[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        p[2 * r] = r % 2 ? 0.75f : 0.625f;
        p[2 * r + 1] = 1 - p[2 * r];
        labels[r] = r % 2 ? r / 2 % 4 == 0 : r / 2 % 500 * 8 / 500 >= 5; /* a quarter; three eighths */
    }
    struct clm_measures *const m = measure(p, labels, ROWS, 2);
    ck_assert_within(m->calibration_error, 0.0, 2.0 / ROWS); /* 500 is no multiple of 8 */
    clm_measures_free(m);
}
END_TEST

START_TEST(reliability)
{
    static const float p[8] = {0.6f, 0.4f, 0.4f, 0.6f, 0.5f, 0.5f, 1, 0};
    static const uint32_t labels[4] = {1, 1, 0, 0};
    struct clm_measures *const m = measure(p, labels, 4, 2);
    ck_assert_done(clm_reliability_plot("/dev/null", "a net", m, &error));
    ck_assert_done(clm_reliability_plot("/dev/null", NULL, m, &error));
    ck_assert_int_eq(clm_reliability_plot("/nonexistent/x.png", NULL, m, &error), CLM_ERROR_IO);
    clm_measures_free(m);
}
END_TEST

START_TEST(refused)
{
    static const float good[4] = {0.5f, 0.5f, 0.5f, 0.5f}, bad[4] = {0.5f, 0.5f, NAN, 0.5f},
                       negative[4] = {0.5f, 0.5f, 1.5f, -0.5f}, infinite[4] = {0.5f, 0.5f, 0.5f, INFINITY};
    static const uint32_t labels[2] = {0, 1}, beyond[2] = {0, 2};
    const struct {
        const float *p;
        const uint32_t *labels;
        size_t rows;
        const char *message;
    } cases[] = {{bad, labels, 2, "row 1: nan is no probability of class 0"},
                 {negative, labels, 2, "row 1: -0.5 is no probability of class 1"},
                 {infinite, labels, 2, "row 1: inf is no probability of class 1"},
                 {good, beyond, 2, "row 1 has the label 2, but there are 2 classes"},
                 {good, labels, 0, "nothing to measure: 0 rows"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct clm_measures *measures;
        ck_assert_int_eq(clm_measure(cases[i].p, cases[i].labels, cases[i].rows, 2, &measures, &error),
                         CLM_ERROR_ARGUMENT);
        ck_assert_ptr_null(measures);
        ck_assert_msg(strstr(error.message, cases[i].message), "%s", error.message);
    }
    clm_measures_free(NULL);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("measure");
    TCase *const cases = tcase_create("measure");
    tcase_add_test(cases, two_classes);
    tcase_add_test(cases, absent_classes);
    tcase_add_test(cases, one_class);
    tcase_add_test(cases, five_largest);
    tcase_add_test(cases, any_largest);
    tcase_add_test(cases, area_by_pairs);
    tcase_add_test(cases, bins_at_their_ends);
    tcase_add_test(cases, calibrated);
    tcase_add_test(cases, calibration);
    tcase_add_test(cases, reliability);
    tcase_add_test(cases, refused);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}

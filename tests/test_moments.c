/* Mean and deviation in one pass, compared with two passes in long double. */
#include "data/analysis/moments.h"

#include "base/philox.h"
#include "support/support.h"
#include "support/two_passes.h"

#include <stdlib.h>

#define U 0x1p-53

static struct clm_error error;

/* The values of a feature. Feature i has origin + i; all have the same spread. */
static const struct value_kind {
    const char *name;
    enum element element;
    double origin, spread;
    bool has_outlier; /* in the first row */
} kinds[] = {
    {"bytes", ELEMENT_BYTE, 100, 100, false},
    {"bytes of two values", ELEMENT_BYTE, 200, 0.6, false},
    {"bytes of one value", ELEMENT_BYTE, 200, 0, false},
    {"dark bytes and a bright one", ELEMENT_BYTE, 0, 0, true},
    {"floats about 0", ELEMENT_FLOAT, 0, 1, false},
    {"floats far from 0", ELEMENT_FLOAT, 1e6, 0.5, false},
    {"floats of a large range", ELEMENT_FLOAT, 0, 1e30, false},
    {"floats and an outlier", ELEMENT_FLOAT, 0, 1e-3, true},
    {"floats of one value", ELEMENT_FLOAT, 0.1, 0, false},
};

static double draw(const struct value_kind *kind, struct philox *random, size_t row, size_t feature)
{
    const double value = kind->origin + (double)(feature % 7) + kind->spread * (philox_uniform(random) - 0.5);
    if (kind->has_outlier && !row)
        return kind->element == ELEMENT_BYTE ? 255 : 1e6;
    return value;
}

/* The caller frees `values`. */
static struct clm_data make_data(const struct value_kind *kind, size_t rows, size_t features)
{
    static char source[] = "made";
    const size_t size = kind->element == ELEMENT_BYTE ? 1 : sizeof(float);
    struct clm_data data = {.features = features, .classes = 1, .element = kind->element, .source = source};
    struct philox random = philox_start(1, RANDOM_TEST, 0);
    data.read.train.values = malloc(rows * features * size);
    ck_assert_ptr_nonnull(data.read.train.values);
    for (size_t i = 0; i < rows * features; i++) {
        const double value = draw(kind, &random, i / features, i % features);
        if (kind->element == ELEMENT_BYTE)
            ((uint8_t *)data.read.train.values)[i] = (uint8_t)lrint(value);
        else
            ((float *)data.read.train.values)[i] = (float)value;
    }
    data.train = (struct rows){rows, data.read.train.values, NULL};
    return data;
}

/* The bounds of moments.h: a few u for bytes. The mean rounds a quotient and a sum; the squares a quotient
 * and a difference of at least half its minuend; the deviation half of that, a quotient and a root. */
static void assert_close(const char *name, const struct clm_data *data, const struct moments *got,
                         const struct reference *reference, double steps, double offset)
{
    const double range = (double)(reference->highest - reference->lowest), u = 1.01 * U, /* second order */
        d = (double)reference->deviation, mean = fabs((double)reference->mean);
    const bool is_exact = data->element == ELEMENT_BYTE;
    const double mean_bound = is_exact ? 3 * u * 255 : 2 * (steps + 70) * u * range + 2 * u * mean;
    const double bound =
        is_exact ? 5 * u * d : (steps + 13000) * u / 2 * d + 2 * (steps + 70) * u * range + 2 * u * offset;
    const double mean_error = fabs((double)((long double)got->mean - reference->mean));
    const double error_of_deviation =
        fabs((double)((long double)moments_deviation(got) - reference->deviation));
    ck_assert_msg(mean_error <= mean_bound, "%s: mean %.17g of %zu is off by %g, over %g", name, got->mean,
                  got->count, mean_error, mean_bound);
    ck_assert_msg(error_of_deviation <= bound, "%s: deviation %.17g of %zu is off by %g, over %g", name,
                  moments_deviation(got), got->count, error_of_deviation, bound);
    ck_assert(got->lowest == (double)reference->lowest);
    ck_assert(got->highest == (double)reference->highest);
}

static void assert_all_close(const struct value_kind *kind, size_t rows, size_t features)
{
    struct clm_data data = make_data(kind, rows, features);
    struct moments *moments = NULL;
    ck_assert_int_eq(moments_measure(&data, &data.train, &moments, &error), CLM_OK);
    const double steps = (double)(rows / 64 + 1);
    for (size_t i = 0; i < features; i++) {
        const struct reference reference = two_passes(&data, i, 1);
        ck_assert_uint_eq(moments[i].count, rows);
        assert_close(kind->name, &data, moments + i, &reference, steps, 0);
        if (kind->spread == 0 && !kind->has_outlier)
            ck_assert(moments_deviation(moments + i) == 0);
    }
    /* features differ by 1, and the mean was rounded far from 0 */
    const struct reference reference = two_passes(&data, 0, features);
    const struct moments all = moments_of_all(moments, features);
    ck_assert_uint_eq(all.count, rows * features);
    data.element = ELEMENT_FLOAT; /* bytes are exact in each feature, not in all together */
    assert_close(kind->name, &data, &all, &reference, steps + (double)features, fabs(all.mean));
    free(moments);
    free(data.read.train.values);
}

/* One row; the rests of four rows and of a block of 64; and the rest of a tile of 1024 features. */
START_TEST(odd_sizes)
{
    static const size_t sizes[][2] = {{1, 1},    {1, 5},     {2, 3},     {3, 17},   {4, 2},
                                      {5, 9},    {63, 3},    {64, 3},    {65, 31},  {67, 16},
                                      {131, 33}, {70, 1024}, {66, 1029}, {69, 2051}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        assert_all_close(kinds + _i, sizes[s][0], sizes[s][1]);
}
END_TEST

START_TEST(many_rows)
{
    assert_all_close(kinds + _i, 100003, 3);
}
END_TEST

/* Rows of a part in the middle of the values; those around them are not read. */
START_TEST(other_part)
{
    for (int k = 0; k < 2; k++) {
        struct clm_data data = make_data(kinds + (k ? 4 : 0), 300, 5);
        struct moments *moments = NULL;
        const struct rows part = {150, data_row(&data, &data.train, 70), NULL};
        data.train = part;
        ck_assert_int_eq(moments_measure(&data, &part, &moments, &error), CLM_OK);
        for (size_t i = 0; i < 5; i++) {
            const struct reference reference = two_passes(&data, i, 1);
            assert_close("part", &data, moments + i, &reference, 3, 0);
        }
        free(moments);
        free(data.read.train.values);
    }
}
END_TEST

/* At any place of a block and of four rows. */
START_TEST(not_finite)
{
    for (size_t at = 0; at < 134; at++) {
        struct clm_data data = make_data(kinds + 4, 134, 2);
        struct moments *moments = NULL;
        float *const values = data.read.train.values;
        values[at * 2 + 1] = _i ? -INFINITY : NAN;
        ck_assert_int_eq(moments_measure(&data, &data.train, &moments, &error), CLM_OK);
        double lowest = _i ? -INFINITY : INFINITY, highest = -INFINITY; /* of what are numbers */
        for (size_t r = 0; r < 134; r++) {
            lowest = fmin(lowest, (double)values[r * 2 + 1]);
            highest = fmax(highest, (double)values[r * 2 + 1]);
        }
        ck_assert(isfinite(moments[0].mean));
        ck_assert(!isfinite(moments[1].mean));
        ck_assert(moments[1].lowest == lowest);
        ck_assert(moments[1].highest == highest);
        free(moments);
        free(data.read.train.values);
    }
}
END_TEST

int main(void)
{
    const int count = sizeof kinds / sizeof *kinds;
    Suite *suite = suite_create("moments");
    TCase *tests = tcase_create("moments");
    tcase_add_loop_test(tests, odd_sizes, 0, count);
    tcase_add_loop_test(tests, many_rows, 0, count);
    tcase_add_test(tests, other_part);
    tcase_add_loop_test(tests, not_finite, 0, 2);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}

#include "support/two_passes.h"

#include <math.h>

/* Kahan's sum: a long double alone is too short for 100,003 small squares after a large one. */
struct sum {
    long double sum, lost;
};

static void add(struct sum *to, long double x)
{
    const long double corrected = x - to->lost, sum = to->sum + corrected;
    to->lost = sum - to->sum - corrected;
    to->sum = sum;
}

struct reference two_passes(const struct clm_data *data, size_t first, size_t count)
{
    struct reference reference = {.lowest = INFINITY, .highest = -INFINITY};
    const long double n = (long double)(data->train.count * count);
    struct sum sum = {0}, squares = {0};
    for (int pass = 0; pass < 2; pass++) {
        for (size_t r = 0; r < data->train.count; r++) {
            const void *const row = data_row(data, &data->train, r);
            for (size_t i = first; i < first + count; i++) {
                const long double x = data->element == ELEMENT_BYTE ? (long double)((const uint8_t *)row)[i]
                                                                    : (long double)((const float *)row)[i];
                if (pass)
                    add(&squares, (x - reference.mean) * (x - reference.mean));
                else
                    add(&sum, x);
                reference.lowest = fminl(reference.lowest, x);
                reference.highest = fmaxl(reference.highest, x);
            }
        }
        reference.mean = sum.sum / n;
    }
    reference.deviation = sqrtl(squares.sum / n);
    return reference;
}

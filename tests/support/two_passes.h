/* Mean and deviation as their definitions say, to compare with. */
#ifndef CLM_TESTS_TWO_PASSES_H
#define CLM_TESTS_TWO_PASSES_H

#include "data/data.h"

struct reference {
    long double mean, deviation, lowest, highest;
};

/* Of the training part's values of `count` features from `first` on, in long double. */
struct reference two_passes(const struct clm_data *data, size_t first, size_t count);

#endif

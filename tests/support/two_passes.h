/* Mean and deviation by their definitions, for comparison. */
#ifndef CLM_TESTS_TWO_PASSES_H
#define CLM_TESTS_TWO_PASSES_H

#include "data/data.h"

struct reference {
    long double mean, deviation, lowest, highest;
};

/* For the training part's values of `count` features from `first` on, in long double. */
struct reference two_passes(const struct clm_data *data, size_t first, size_t count);

#endif

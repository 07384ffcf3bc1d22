/* NumPy's arrays in files of their own.
 *
 * A directory holds x.npy and y.npy, or another of the pairs below. The labels of a single file are beside
 * it, in a file of the same name with y for x or labels for images. */
#ifndef CLM_DATA_FORMATS_NPY_H
#define CLM_DATA_FORMATS_NPY_H

#include "data/format.h"

/* Names of inputs and labels, in order of preference. */
#define NPY_PAIRS_TRAIN 8
#define NPY_PAIRS_TEST  4
extern const char *const npy_pairs_train[NPY_PAIRS_TRAIN][2], *const npy_pairs_test[NPY_PAIRS_TEST][2];

#endif

/* LIBSVM's text: one row a line, with its label and then index:value for each feature that is not 0. Indices
 * ascend and count from 1; '#' begins a comment. Source: https://www.csie.ntu.edu.tw/~cjlin/libsvm/ (README,
 * "svm-train usage"). */
#ifndef CLM_DATA_FORMATS_LIBSVM_H
#define CLM_DATA_FORMATS_LIBSVM_H

#include "data/format.h"

/* A larger index is refused, because rows are dense in memory. */
#define LIBSVM_FEATURES_MAX ((size_t)1 << 24)

#endif

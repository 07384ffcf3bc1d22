/* LIBSVM's text: a row a line, its label, and then index:value for the features that are not 0, indices ascending from 1;
 * '#' begins a comment. Source: https://www.csie.ntu.edu.tw/~cjlin/libsvm/ (README, "svm-train usage"). */
#ifndef CLM_DATA_FORMATS_LIBSVM_H
#define CLM_DATA_FORMATS_LIBSVM_H

#include "data/format.h"

/* A larger index is refused: rows are dense in memory. */
#define LIBSVM_FEATURES_MAX ((size_t)1 << 24)

extern const struct format libsvm_format;

#endif

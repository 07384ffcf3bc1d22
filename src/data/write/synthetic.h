/* A made-up data set for where no real one can be had: ten classes of coloured patterns in CIFAR-10's binary
 * layout, hard enough that a net has something to learn and easy enough that it can. */
#ifndef CLM_DATA_WRITE_SYNTHETIC_H
#define CLM_DATA_WRITE_SYNTHETIC_H

#include "base/error.h"

/* Makes `directory` where it is missing, and replaces data_batch_1.bin … data_batch_5.bin and test_batch.bin,
 * of `rows` rows each (1 to CLM_DATA_MAKE_ROWS_MAX), and batches.meta.txt in it. The bytes depend on seed and
 * rows alone, and the first rows of a batch on seed alone. */
CLM_MUST_CHECK clm_status synthetic_write(const char *directory, size_t rows, uint64_t seed,
                                          struct clm_error *error);

#endif

/* Makes a synthetic data set for use without a real one: ten classes of coloured patterns in CIFAR-10's
 * binary layout, which a net can learn, but not at once. */
#ifndef CLM_DATA_WRITE_SYNTHETIC_H
#define CLM_DATA_WRITE_SYNTHETIC_H

#include "base/error.h"

/* Makes `directory` if it is missing, and replaces these files in it: data_batch_1.bin … data_batch_5.bin and
 * test_batch.bin, with `rows` rows each (1 to CLM_DATA_MAKE_ROWS_MAX), and batches.meta.txt. The bytes depend
 * only on seed and rows, and the first rows of a file only on the seed. */
CLM_MUST_CHECK clm_status synthetic_write(const char *directory, size_t rows, uint64_t seed,
                                          struct clm_error *error);

#endif

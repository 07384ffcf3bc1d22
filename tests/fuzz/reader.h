/* What the fuzzers of readers share: the bytes as a file in memory, and opening it. */
#ifndef CLM_TESTS_FUZZ_READER_H
#define CLM_TESTS_FUZZ_READER_H

#include "clmlp.h"

/* The path of a file in memory that holds the bytes, number 0 or 1; lives until the next call with that number. Ends the
 * program where there can be none. */
const char *fuzz_file(unsigned number, const unsigned char *bytes, size_t size);

/* Opens it; aborts unless there is either data, whose every value and label is looked at, or a status with a sentence of
 * one line. */
void fuzz_open(const struct clm_data_options *options);

/* libFuzzer's entry. */
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

#endif

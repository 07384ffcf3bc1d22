/* Shared by the targets: expectations, the input as files in memory, opening a data set. */
#ifndef CLM_TESTS_FUZZ_FUZZ_H
#define CLM_TESTS_FUZZ_FUZZ_H

#include "clmlp.h"

/* Prints what does not hold, and ends the program so that libFuzzer notices. */
#define fuzz_expect(holds) ((holds) ? (void)0 : fuzz_fail(#holds, __FILE__, __LINE__))
_Noreturn void fuzz_fail(const char *what, const char *file, int line);

/* A failure must have a status and a sentence: one line of printable UTF-8 that names the file at `path`, if
 * it is not NULL. */
void fuzz_expect_sentence(const struct clm_error *error, clm_status status, const char *path);

#define FUZZ_FILES 6

/* The path of a file in memory that holds the bytes; `number` is below FUZZ_FILES. It is valid until the next
 * call with that number. Ends the program if there can be none; the next two do so, too. */
const char *fuzz_file(unsigned number, const unsigned char *bytes, size_t size);
/* Like fuzz_file, gzipped. */
const char *fuzz_gzipped_file(unsigned number, const unsigned char *bytes, size_t size);

/* The path of a link to that file, which must exist. `name` is a string literal, perhaps with a folder, in a
 * directory for the whole run. */
const char *fuzz_link(unsigned number, const char *name);

/* Targets of several files cut their input at these. Gives the next part; it is empty after the last. */
#define FUZZ_SEPARATOR "<next>"
struct fuzz_part {
    const unsigned char *bytes;
    size_t size;
};
struct fuzz_part fuzz_next_part(struct fuzz_part *rest);

/* Opens the set and looks at every value and label, or expects a sentence. A small set is also written in
 * some format and read again: it must be the same. */
void fuzz_open(const struct clm_data_options *options);

/* libFuzzer's entry point, and the function that a target's own mutator calls. */
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);
size_t LLVMFuzzerMutate(unsigned char *bytes, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(unsigned char *bytes, size_t size, size_t most, unsigned seed);

#endif

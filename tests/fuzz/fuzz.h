/* What the targets share: expectations, the input as files in memory, opening a data set. */
#ifndef CLM_TESTS_FUZZ_FUZZ_H
#define CLM_TESTS_FUZZ_FUZZ_H

#include "clmlp.h"

/* Says what does not hold, and ends the program so that libFuzzer notices. */
#define fuzz_expect(holds) ((holds) ? (void)0 : fuzz_fail(#holds, __FILE__, __LINE__))
_Noreturn void fuzz_fail(const char *what, const char *file, int line);

/* A failure has a status and a sentence: one line of printable UTF-8 that names the file at `path`; NULL where there is
 * none. */
void fuzz_expect_sentence(const struct clm_error *error, clm_status status, const char *path);

#define FUZZ_FILES 6

/* The path of a file in memory that holds the bytes, one of FUZZ_FILES; lives until the next call with that number. Ends
 * the program where there can be none, as do the next two. */
const char *fuzz_file(unsigned number, const unsigned char *bytes, size_t size);
/* The same, gzipped. */
const char *fuzz_gzipped_file(unsigned number, const unsigned char *bytes, size_t size);

/* The path of a link to that file, which is there: `name`, a string literal, in a directory for the whole run. It may
 * have a folder before it. */
const char *fuzz_link(unsigned number, const char *name);

/* A target of several files cuts its input at these: the next part, empty behind the last one. */
#define FUZZ_SEPARATOR "<next>"
struct fuzz_part {
    const unsigned char *bytes;
    size_t size;
};
struct fuzz_part fuzz_next_part(struct fuzz_part *rest);

/* Opens it, and looks at every value and label; or there is a sentence. What is small is written in some format, read
 * again, and the same. */
void fuzz_open(const struct clm_data_options *options);

/* libFuzzer's entry, and what a mutator of a target's own calls. */
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);
size_t LLVMFuzzerMutate(unsigned char *bytes, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(unsigned char *bytes, size_t size, size_t most, unsigned seed);

#endif

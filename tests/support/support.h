/* Shared by the test programs: running a suite, skipping what is impossible, test files, comparison. */
#ifndef CLM_TESTS_SUPPORT_H
#define CLM_TESTS_SUPPORT_H

#include "clmlp.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* Runs the suite and frees it. main returns the result, which is not 0 if a test failed. All tests run in
 * this process, so that a device is opened only once, unless CK_FORK is set in the environment. */
int test_run(Suite *suite);

/* Whether part `which` of `parts` is in the sample. CLMLP_SAMPLE is a number, 0 by default, that chooses one
 * part (the next number the next part); or "all", which takes all. Sanitizer builds run the same code again,
 * so they take half as many: there are twice as many parts. */
bool test_in_sample(size_t which, size_t parts);

/* Adds a loop test over [begin, end) of which only the indices in the sample run, at least one. */
void test_add_sampled(TCase *cases, const TTest *test, int begin, int end, size_t parts);

/* Returns is_present. If a test needs what is not there, prints "SKIP what"; under CLMLP_REQUIRE_ALL=1 the
 * test fails. `what` reads "name: reason". */
bool test_require(const char *what, bool is_present);

/* A new temporary directory. test_directory_remove removes all its content and frees the name. */
char *test_directory(void);
void test_directory_remove(char *directory);

/* Writes `size` bytes to directory/name without any of the library's code; the caller frees the path. */
char *test_file(const char *directory, const char *name, const void *bytes, size_t size);

/* Whether it is built with the address sanitizer, which makes arithmetic several times slower. */
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define IS_SANITIZED true
#endif
#elif defined __SANITIZE_ADDRESS__
#define IS_SANITIZED true
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Fails unless the call succeeds, with the message that it leaves in the test's `error`. */
#define ck_assert_done(call)                                                                                 \
    do {                                                                                                     \
        if ((call) != CLM_OK)                                                                                \
            ck_abort_msg("%s: %s", #call, error.message);                                                    \
    } while (0)

/* Fails unless |got - reference| <= bound: NaN is a failure. */
#define ck_assert_within(got, reference, bound)                                                              \
    do {                                                                                                     \
        const double within_got = (got), within_reference = (reference), within_bound = (bound);             \
        if (!(fabs(within_got - within_reference) <= within_bound))                                          \
            ck_abort_msg("%s is %.17g, not within %.3g of %.17g", #got, within_got, within_bound,            \
                         within_reference);                                                                  \
    } while (0)

/* Makes opening with these options keep its notes, which notes_heard gives, each on a line. */
void hear_notes(struct clm_data_options *options);
const char *notes_heard(void);

#endif

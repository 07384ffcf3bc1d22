/* Backends and small data sets to test with. */
#ifndef CLM_TESTS_FIXTURES_H
#define CLM_TESTS_FIXTURES_H

#include "compute/backend.h"
#include "data/data.h"

/* What operations are tested on: the three backends, opencl with each of its providers of products. */
enum fixture {
    FIXTURE_REFERENCE,
    FIXTURE_BLAS,
    FIXTURE_OPENCL,
    FIXTURE_CLBLAST,
    FIXTURE_TILED,
    FIXTURE_TILED_LARGE,
    FIXTURE_TILED_SMALL,
    FIXTURE_COUNT
};

/* Opens it, opencl on the device that CLMLP_DEVICE or auto names; fails the test where it cannot. */
struct clm_backend *fixture_backend(enum fixture fixture);

/* What judges the others; fails the test if it cannot. */
struct clm_backend *fixture_bounds(void);

/* `classes` classes of noisy prototypes as bytes; labels go round. Freed by clm_data_close. */
struct clm_data *fixture_data(size_t train_rows, size_t test_rows, size_t features, size_t classes);

/* A model for the data, with these hidden widths (0 ends them). */
struct clm_model *fixture_model(const struct clm_data *data, const char *init, uint64_t seed,
                                const size_t *hidden);

/* Settings of train, from names and values with a blank between: train_settings("epochs 2 batch %zu",
 * rows). Those that are not named are plain gradient descent: no momentum, no shuffling, seed 0; others
 * have their defaults. */
struct clm_settings *train_settings(const char *format, ...) __attribute__((format(printf, 1, 2)));
void change_settings(struct clm_settings *settings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

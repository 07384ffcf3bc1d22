/* Backends and small data sets for tests. */
#ifndef CLM_TESTS_FIXTURES_H
#define CLM_TESTS_FIXTURES_H

#include "compute/backend.h"
#include "data/data.h"

/* The tested backends: all three, opencl with each of its providers. */
enum fixture {
    FIXTURE_REFERENCE,
    FIXTURE_BLAS,
    FIXTURE_OPENCL,
    FIXTURE_CLBLAST,
    FIXTURE_TILED,
    FIXTURE_TILED_LARGE,
    FIXTURE_TILED_WIDE,
    FIXTURE_TILED_SMALL,
    FIXTURE_TILED_FLAT,
    FIXTURE_COUNT
};

/* Opens it, opencl on the device that CLMLP_DEVICE or auto names. Fails the test if that is impossible. */
struct clm_backend *fixture_backend(enum fixture fixture);

/* The bounds backend, which judges the others. Fails the test if it cannot be opened. */
struct clm_backend *fixture_bounds(void);

/* `classes` classes of noisy prototypes, as bytes; labels go round. clm_data_close frees it. */
struct clm_data *fixture_data(size_t train_rows, size_t test_rows, size_t features, size_t classes);

/* A model for the data, with these hidden widths (0 ends them). */
struct clm_model *fixture_model(const struct clm_data *data, const char *init, uint64_t seed,
                                const size_t *hidden);

/* Settings of train, from names and values with a blank between: train_settings("epochs 2 batch %zu", rows).
 * By default plain gradient descent: no momentum, no shuffling, seed 0; all others have their defaults. */
struct clm_settings *train_settings(const char *format, ...) __attribute__((format(printf, 1, 2)));
void change_settings(struct clm_settings *settings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
